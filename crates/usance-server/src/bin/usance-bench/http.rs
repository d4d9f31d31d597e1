//! Durable subscriptions over HTTP, with the load generator on the same cores.

use crate::measure::{Meter, cpu_of};
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usance_workload::SplitMix64;

const CONNECTIONS: u64 = 64;
pub const CUSTOMERS: u64 = 2_000;
pub const PRODUCTS: u64 = 16;
pub const TOKEN: &str = "bench-operator";

/// An engine that ends with this value.
pub struct Engine(pub Child);

impl Engine {
    /// Starts an engine in a directory by a verb; gives the address it listens on.
    pub fn start(binary: &Path, words: &[&str], directory: &Path) -> anyhow::Result<(Engine, String)> {
        let mut child = Command::new(binary)
            .args(words)
            .args(["--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory.join("data"))
            .env("USANCE_OPERATOR_TOKEN", TOKEN)
            .env("USANCE_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut line)?;
        let engine = Engine(child);
        let told: serde_json::Value = serde_json::from_str(&line)?;
        Ok((engine, told["listening"].as_str().context("an address")?.to_owned()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It is only there for this run; what it stored is deleted with its directory.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the load: over many products, on one product, and against a route that does nothing.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    println!("\ndurable subscriptions over HTTP ({CONNECTIONS} connections, {seconds} s each, generator on the same cores)");
    let directory = tempfile::tempdir()?;
    let (engine, address) = Engine::start(binary, &["serve", "--clock", "simulated:2026-01-01T00:00:00Z"], directory.path())?;
    found(&address)?;
    let process = engine.0.id().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, kind) in [
        ("over many products", Kind::Many),
        ("all on one product", Kind::One),
        ("over many products again", Kind::Many),
        ("beside it, GET /healthz", Kind::Health),
    ] {
        let (meter, engine_cpu) = (Meter::start(), cpu_of(&process));
        let mut latencies = runtime.block_on(load(&address, kind, CONNECTIONS, seconds))?;
        let spent = meter.stop();
        let engine_cpu = cpu_of(&process).saturating_sub(engine_cpu);
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies.get(((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1))).copied().unwrap_or(0)
        };
        let count = latencies.len() as f64;
        println!(
            "  {name}: {:.0} a second; p50 {:.2} ms, p99 {:.2} ms; cpu {:.1} us engine + {:.1} us generator each",
            count / spent.wall.as_secs_f64(),
            f64::from(at(0.5)) / 1e3,
            f64::from(at(0.99)) / 1e3,
            engine_cpu.as_secs_f64() * 1e6 / count,
            spent.cpu.as_secs_f64() * 1e6 / count
        );
    }
    Ok(())
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// A subscription to any of many products.
    Many,
    /// A subscription to one product.
    One,
    /// What a subscription would be: nothing is stored.
    Preview,
    /// A customer's past: one page of it.
    Statement,
    /// Nothing.
    Health,
}

impl Kind {
    /// The next request of this kind.
    pub fn request(self, dice: &mut SplitMix64) -> Vec<u8> {
        let path = match self {
            Kind::Health => return b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec(),
            Kind::Statement => {
                let customer = dice.below(CUSTOMERS);
                return format!(
                    "GET /v1/statement?limit=20 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\nUsance-Customer: c{customer}\r\n\r\n"
                )
                .into_bytes();
            }
            Kind::Preview => "/v1/subscriptions/preview",
            Kind::Many | Kind::One => "/v1/subscriptions",
        };
        let product = if self == Kind::One { 0 } else { dice.below(PRODUCTS) };
        let agreement = if self == Kind::Preview { "" } else { r#","agreement":"v1""# };
        let amount = format!("{}.{:09}", dice.below(9), 1 + dice.below(999_999_999));
        let body = format!(r#"{{"product":"p{product}","amount":"{amount}","source":"funding"{agreement}}}"#);
        post(path, Some(&format!("c{}", dice.below(CUSTOMERS))), &body)
    }
}

static KEY: AtomicU64 = AtomicU64::new(0);

/// A write of the operator with a key nobody used yet.
pub fn post(path: &str, customer: Option<&str>, body: &str) -> Vec<u8> {
    let acting = customer.map(|id| format!("Usance-Customer: {id}\r\n")).unwrap_or_default();
    let key = KEY.fetch_add(1, Ordering::Relaxed);
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n{acting}Idempotency-Key: k{key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sets the platform up over one connection.
pub fn found(address: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut send = |path: &str, body: String| -> anyhow::Result<()> {
        stream.write_all(&post(path, None, &body))?;
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
        Ok(())
    };
    send("/v1/operator/assets", r#"{"symbol":"SOL","name":"Solana","decimals":9,"display_decimals":6}"#.into())?;
    send("/v1/operator/agreements", r#"{"version":"v1","text":"Bench."}"#.into())?;
    for number in 0..PRODUCTS {
        let product = format!(
            r#"{{"id":"p{number}","asset":"SOL","name":"Bench","kind":"fixed_term","term_days":90,"capacity":"1e15","rates":[{{"from":"2026-01-01","rate":"0.05"}}]}}"#
        );
        send("/v1/operator/products", product)?;
        send(&format!("/v1/operator/products/p{number}/status"), r#"{"status":"open"}"#.into())?;
    }
    for number in 0..CUSTOMERS {
        send("/v1/operator/customers", format!(r#"{{"id":"c{number}"}}"#))?;
        send(
            "/v1/operator/deposits",
            format!(r#"{{"customer":"c{number}","asset":"SOL","account":"funding","amount":"1e9","reference":"r{number}"}}"#),
        )?;
    }
    Ok(())
}

/// Where an answer ends, once its head is there.
pub fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).ok()?.to_ascii_lowercase();
    let body: usize = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    Some(end + body)
}

/// Keeps every connection busy; gives each request's latency in microseconds.
pub async fn load(address: &str, kind: Kind, connections: u64, seconds: u64) -> anyhow::Result<Vec<u32>> {
    static FAILED: AtomicBool = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut clients = Vec::new();
    for client in 0..connections {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        clients.push(tokio::spawn(async move {
            let mut dice = SplitMix64::new(client);
            let mut latencies = Vec::with_capacity(1 << 16);
            let (mut answer, mut buffer) = (Vec::new(), vec![0; 8192]);
            while Instant::now() < until {
                let request = kind.request(&mut dice);
                let started = Instant::now();
                stream.write_all(&request).await?;
                answer.clear();
                while length(&answer).is_none_or(|length| answer.len() < length) {
                    let read = stream.read(&mut buffer).await?;
                    if read == 0 {
                        bail!("the engine hung up");
                    }
                    answer.extend_from_slice(&buffer[..read]);
                }
                latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
                if !answer.starts_with(b"HTTP/1.1 2") && !FAILED.swap(true, Ordering::Relaxed) {
                    bail!("{}", String::from_utf8_lossy(&answer));
                }
            }
            Ok(latencies)
        }));
    }
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await??);
    }
    Ok(all)
}
