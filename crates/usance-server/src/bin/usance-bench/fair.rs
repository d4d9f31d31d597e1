//! Others beside one customer with a long history, and beside nobody: how long they wait, and how many are refused.
//!
//! The platform has sixteen months. One customer has four thousand positions from their beginning on, each paid daily; others, and an operator, ask
//! at a steady pace, each over a connection of its own. Then the one customer asks for what is far back, in three ways. The same
//! part run with `--binary` of another release compares both.

use crate::http::{Engine, PRODUCTS, TOKEN, found, length, post};
use crate::measure::{cpu_of, resident_mib};
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Months of the platform, each of so many days.
const MONTHS: u32 = 16;
const MONTH_DAYS: i64 = 30;
/// Positions that the one customer opens on the first day, of a term that is not over by then.
const POSITIONS: u64 = 4_000;
const TERM_DAYS: u32 = 720;
/// The one customer, and how many others ask.
const ONE: &str = "c0";
const OTHERS: u64 = 32;
/// How often each of them asks.
const PACE: Duration = Duration::from_millis(250);
/// How long an answer is waited for, as browsers' scripts do.
const PATIENCE: Duration = Duration::from_secs(10);
/// Event streams that the one customer opens from the beginning of the log.
const STREAMS: usize = 32;
/// What the one customer asks for: what is far back.
const FAR_BACK: &str = "/v1/statement?limit=1&kind=withdrawal";

/// Runs it on an engine of its own.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    println!("\nfair shares: {OTHERS} customers and an operator ask 4 times a second each, beside one customer; {seconds} s each");
    let directory = tempfile::tempdir()?;
    let (engine, address) = Engine::start(binary, &["serve", "--clock", "simulated:2026-01-01T00:00:00Z"], directory.path())?;
    found(&address)?;
    let tokens = lived(&address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (one, others) = tokens.split_first().context("tokens")?;
    let scene = Scene { address: &address, process: engine.0.id(), one, others, seconds };
    runtime.block_on(async {
        scene.measured("beside nobody", Attack::None).await?;
        scene.measured("beside 32 event streams from position 0", Attack::Streams).await?;
        scene.measured("beside one statement a second", Attack::Paced).await?;
        scene.measured("beside eight statements and a hang-up, each second", Attack::HangUp).await?;
        scene.measured("beside as many statements as four connections get", Attack::Closed).await?;
        scene.measured("beside nobody again", Attack::None).await
    })
}

/// Sixteen months of the platform; gives the tokens of the one customer and of the others.
fn lived(address: &str) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut send = |path: &str, customer: Option<&str>, body: &str| -> anyhow::Result<serde_json::Value> {
        stream.write_all(&post(path, customer, body))?;
        let mut answer = Vec::new();
        let mut buffer = [0; 8192];
        while length(&answer).is_none_or(|length| answer.len() < length) {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                bail!("the engine hung up");
            }
            answer.extend_from_slice(&buffer[..read]);
        }
        if !answer.starts_with(b"HTTP/1.1 2") {
            bail!("{path}: {}", String::from_utf8_lossy(&answer));
        }
        let begin = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
        Ok(serde_json::from_slice(&answer[begin..])?)
    };
    let withdrawal = format!(r#"{{"customer":"{ONE}","asset":"SOL","account":"funding","amount":"1","reference":"far-back"}}"#);
    send("/v1/operator/withdrawals", None, &withdrawal)?;
    let product = format!(
        r#"{{"id":"long","asset":"SOL","name":"Bench","kind":"fixed_term","term_days":{TERM_DAYS},"distribution":"daily","rates":[{{"from":"2026-01-01","rate":"0.05"}}]}}"#
    );
    send("/v1/operator/products", None, &product)?;
    send("/v1/operator/products/long/status", None, r#"{"status":"open"}"#)?;
    for _ in 0..POSITIONS {
        send("/v1/subscriptions", Some(ONE), &subscription("long"))?;
    }
    for month in 0..MONTHS {
        for other in 1..=OTHERS {
            let product = format!("p{}", (other + u64::from(month)) % PRODUCTS);
            send("/v1/subscriptions", Some(&format!("c{other}")), &subscription(&product))?;
        }
        let to = jiff::civil::date(2026, 1, 1) + jiff::Span::new().days(MONTH_DAYS * i64::from(month + 1));
        send("/v1/operator/clock", None, &format!(r#"{{"to":"{to}T00:00:00Z"}}"#))?;
    }
    let mut tokens = Vec::new();
    for number in 0..=OTHERS {
        let body = format!(r#"{{"name":"bench","role":"customer","customer":"c{number}"}}"#);
        let made = send("/v1/operator/tokens", None, &body)?;
        tokens.push(made["token"].as_str().context("a token")?.to_owned());
    }
    println!("  sixteen months took {:.0} s", started.elapsed().as_secs_f64());
    Ok(tokens)
}

fn subscription(product: &str) -> String {
    format!(r#"{{"product":"{product}","amount":"1.5","source":"funding","agreement":"v1"}}"#)
}

/// What the one customer does.
#[derive(Clone, Copy, PartialEq)]
enum Attack {
    None,
    Paced,
    HangUp,
    Closed,
    Streams,
}

struct Scene<'a> {
    address: &'a str,
    process: u32,
    one: &'a str,
    others: &'a [String],
    seconds: u64,
}

/// What became of requests: latencies in microseconds of those that were answered, and how many were not.
#[derive(Default)]
struct Seen {
    given: Vec<u32>,
    refused: usize,
    late: usize,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.given.extend(other.given);
        self.refused += other.refused;
        self.late += other.late;
    }

    fn line(&mut self) -> String {
        self.given.sort_unstable();
        let at = |share: f64| {
            let index = ((self.given.len() as f64 * share) as usize).min(self.given.len().saturating_sub(1));
            f64::from(self.given.get(index).copied().unwrap_or(0)) / 1e3
        };
        let all = (self.given.len() + self.refused + self.late).max(1) as f64;
        format!(
            "{} answered, p50 {:.1} ms, p99 {:.1} ms; refused {:.1} %, not answered {:.1} %",
            self.given.len(),
            at(0.5),
            at(0.99),
            self.refused as f64 / all * 100.0,
            self.late as f64 / all * 100.0
        )
    }
}

impl Scene<'_> {
    async fn measured(&self, name: &str, attack: Attack) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let cpu = cpu_of(&self.process.to_string());
        let mut attackers = Vec::new();
        let lanes = match attack {
            Attack::None => 0,
            Attack::Paced | Attack::HangUp => 1,
            Attack::Closed => 4,
            Attack::Streams => STREAMS,
        };
        for _ in 0..lanes {
            attackers.push(tokio::spawn(attacked(self.address.to_owned(), self.one.to_owned(), attack, until)));
        }
        let customers: Vec<_> = self
            .others
            .iter()
            .map(|token| {
                let asked = ["/v1/statement?limit=20", "/v1/notices?limit=20", "/v1/rewards?limit=20", "/v1/positions?limit=20"];
                let requests = asked.map(|path| get(path, token, None)).to_vec();
                tokio::spawn(paced(self.address.to_owned(), requests, until))
            })
            .collect();
        // Of some customer each: a link to sign in with, what one customer has, and the books.
        let back: Vec<Vec<u8>> = vec![
            post("/v1/operator/customers/c5/sign-in-links", None, "{}"),
            get("/v1/operator/customers/c7", TOKEN, None),
            get("/v1/statement?limit=20", TOKEN, Some("c9")),
            get("/v1/operator/books", TOKEN, None),
        ];
        let operator = tokio::spawn(paced(self.address.to_owned(), back, until));
        let (mut seen, mut peak) = (Seen::default(), 0.0_f64);
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
            peak = peak.max(resident_mib(self.process));
        }
        for customer in customers {
            seen.add(customer.await?);
        }
        let mut of_operator = operator.await?;
        let cpu = cpu_of(&self.process.to_string()).saturating_sub(cpu);
        println!("  {name} (engine {:.2} cores, memory at most {peak:.0} MiB)", cpu.as_secs_f64() / self.seconds as f64);
        println!("    customers: {}", seen.line());
        println!("    operator:  {}", of_operator.line());
        let mut own = Seen::default();
        for attacker in attackers {
            attacker.abort();
            if let Ok(given) = attacker.await {
                own.add(given);
            }
        }
        if attack == Attack::Closed {
            println!("    the one:   {}", own.line());
        }
        // What it left behind is over by then, or shows in the next line.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

fn get(path: &str, token: &str, customer: Option<&str>) -> Vec<u8> {
    let acting = customer.map(|id| format!("Usance-Customer: {id}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n{acting}\r\n").into_bytes()
}

/// Asks one request after the other, at the pace, over a connection that is opened again where it was lost.
async fn paced(address: String, requests: Vec<Vec<u8>>, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut stream: Option<TcpStream> = None;
    let mut due = Instant::now();
    for request in requests.iter().cycle() {
        // A link is made once under a key: each request has one of its own.
        let request =
            if request.starts_with(b"POST") { post("/v1/operator/customers/c5/sign-in-links", None, "{}") } else { request.clone() };
        due += PACE;
        if due > until {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let started = Instant::now();
        if stream.is_none() {
            stream = TcpStream::connect(&address).await.ok();
        }
        let Some(open) = &mut stream else { continue };
        match tokio::time::timeout(PATIENCE, exchange(open, &request)).await {
            Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.1 2") => {
                seen.given.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(Ok(_)) => seen.refused += 1,
            _ => {
                seen.late += 1;
                stream = None;
            }
        }
        // Whoever waited long asks at the pace again, and not all at once.
        due = due.max(Instant::now().checked_sub(PACE).unwrap_or(due));
    }
    seen
}

/// What the one customer does until then.
async fn attacked(address: String, token: String, attack: Attack, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let far_back = get(FAR_BACK, &token, None);
    while Instant::now() < until {
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        match attack {
            Attack::None => {}
            // Nobody waits for the answer, and the connection stays open for it.
            Attack::Paced => {
                let request = far_back.clone();
                tokio::spawn(async move { exchange(&mut stream, &request).await });
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Attack::HangUp => {
                let mut open = vec![stream];
                for _ in 1..8 {
                    open.extend(TcpStream::connect(&address).await);
                }
                for stream in &mut open {
                    if stream.write_all(&far_back).await.is_err() {
                        break;
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                drop(open);
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
            Attack::Closed => {
                let started = Instant::now();
                match exchange(&mut stream, &far_back).await {
                    Ok(answer) if answer.starts_with(b"HTTP/1.1 2") => {
                        seen.given.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                    Ok(_) => seen.refused += 1,
                    Err(_) => seen.late += 1,
                }
            }
            Attack::Streams => {
                let request = get("/v1/events", &token, None);
                let from_the_start = [&request[..request.len() - 2], b"Last-Event-ID: 0\r\n\r\n"].concat();
                let mut buffer = vec![0; 65536];
                if stream.write_all(&from_the_start).await.is_ok() {
                    while Instant::now() < until && stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                }
            }
        }
    }
    seen
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    stream.write_all(request).await?;
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 16384]);
    while length(&answer).is_none_or(|length| answer.len() < length) {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            bail!("the engine hung up");
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    Ok(answer)
}
