//! Ten times as much as can be done: what is done of it, how quickly, how quickly the rest is refused, and in how much memory.
//!
//! The engine has one core and the generator another, so that neither waits for the other's turn (with fewer than two they share).
//! First a few clients ask as fast as they are answered: that is the capacity. Then ten times that is offered as an open loop:
//! requests fall due by the clock, each is sent over a free connection of so many, none waits behind another, and what falls due
//! while none is free or the generator is late is counted as not sent. Latencies are from writing a request to reading its answer;
//! beside them stands the engine's own time, from having read a request to writing its answer.

use crate::http::{Engine, Kind, found, load};
use crate::measure::resident_mib;
use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use usance_workload::SplitMix64;

/// How many times as much is offered.
const TIMES: f64 = 10.0;
/// Connections over which it is offered: each waits for its answer before it asks again, so how many there are is how many
/// requests there can be at a time.
const CONNECTIONS: [usize; 2] = [512, 2_048];
/// How often it is looked what has fallen due.
const TICK: Duration = Duration::from_millis(1);
/// What fell due longer ago is not sent any more: a generator that is late must not send it all at once.
const LATE: Duration = Duration::from_millis(10);
/// Between the floods of one kind and the next kind.
const CALM: Duration = Duration::from_secs(2);
/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Floods of each kind over so many connections, to see whether memory goes on growing.
const ROUNDS: usize = 2;

/// Runs it on an engine of its own.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let words = ["serve", "--clock", "simulated:2026-01-01T00:00:00Z", "--customer-rate", "1000000", "--history-rate", "1000000"];
    let apart = pin(0)?;
    let (engine, address) = Engine::start(binary, &words, directory.path())?;
    let apart = pin(1)? && apart;
    let cores = if apart { "one core each for engine and generator" } else { "engine and generator on the same cores" };
    println!("\noverload: {cores}, {seconds} s each");
    found(&address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Of statements so many run or wait at a time.
    for (name, kind, clients) in [
        ("previews, which store nothing", Kind::Preview, 64),
        ("statements, which ask the read tables", Kind::Statement, 32),
        ("durable subscriptions", Kind::Many, 64),
    ] {
        println!("  {name}");
        LocalSet::new().block_on(&runtime, measured(&address, engine.0.id(), kind, clients, seconds))?;
    }
    Ok(())
}

/// Binds this thread, and what it starts from now on, to a core; false where there are too few.
fn pin(number: usize) -> anyhow::Result<bool> {
    thread_local!(static FOUND: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) });
    FOUND.with_borrow_mut(|cores| {
        if cores.is_empty() {
            let allowed = sched_getaffinity(None)?;
            cores.extend((0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(2));
        }
        let Some(core) = cores.get(number).filter(|_| cores.len() > 1) else { return Ok(false) };
        let mut only = CpuSet::new();
        only.set(*core);
        Ok(sched_setaffinity(None, &only).map(|()| true)?)
    })
}

/// One kind of request: its capacity, and floods of it.
async fn measured(address: &str, process: u32, kind: Kind, clients: u64, seconds: u64) -> anyhow::Result<()> {
    let stretch = Duration::from_secs(seconds);
    // Whoever was refused in the floods before, and their connections, are gone by then.
    tokio::time::sleep(CALM).await;
    let started = Instant::now();
    let mut latencies = load(address, kind, clients, seconds).await?;
    let capacity = latencies.len() as f64 / started.elapsed().as_secs_f64();
    println!("    capacity, {clients} clients: {capacity:.0}/s; {}", figures(&mut latencies));
    for connections in CONNECTIONS {
        floods(address, process, (kind, capacity), connections, stretch).await?;
    }
    Ok(())
}

/// Floods over so many connections.
async fn floods(address: &str, process: u32, (kind, capacity): (Kind, f64), connections: usize, stretch: Duration) -> anyhow::Result<()> {
    let flood = Rc::new(Flood::over(address, connections).await?);
    println!("    {connections} connections: memory {:.0} MiB", resident_mib(process));
    for round in 1..=ROUNDS {
        let (before, started) = (Own::told(address)?, Instant::now());
        let peak = flood.run(kind, capacity * TIMES, stretch, process).await;
        let seconds = stretch.as_secs_f64();
        let (due, sent) = (flood.due.take(), flood.sent.take());
        let (mut given, mut refused) = (flood.given.take(), flood.refused.take());
        let own = Own::told(address)?;
        println!(
            "    flood {round}: due {:.0}/s ({:.1} times the capacity), sent {:.0}/s ({:.1} times)",
            due as f64 / seconds,
            due as f64 / seconds / capacity,
            sent as f64 / seconds,
            sent as f64 / seconds / capacity
        );
        let share = given.len() as f64 / seconds / capacity * 100.0;
        println!(
            "      accepted {:.0}/s ({share:.0} % of the capacity); {}; own {}",
            given.len() as f64 / seconds,
            figures(&mut given),
            own.since(&before, "given")
        );
        println!("      refused {:.0}/s; {}; own {}", refused.len() as f64 / seconds, figures(&mut refused), own.since(&before, "refused"));
        let other = flood.other.take();
        println!("      answered otherwise {other}, unanswered {}", sent.saturating_sub(given.len() + refused.len() + other));
        println!(
            "      memory at most {peak:.0} MiB, {:.0} after; the round took {:.1} s",
            resident_mib(process),
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

fn figures(latencies: &mut [u32]) -> String {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get(((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1))).copied();
    let ms = |share: f64| f64::from(at(share).unwrap_or(0)) / 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", ms(0.5), ms(0.99), ms(1.0))
}

/// The engine's own times, as it counts them.
struct Own(String);

impl Own {
    fn told(address: &str) -> anyhow::Result<Own> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(Own(text))
    }

    /// Seconds and how many took at most so long, from the shortest on.
    fn counts(&self, answer: &str) -> Vec<(f64, f64)> {
        let begin = format!("usance_answer_seconds_bucket{{answer=\"{answer}\",le=\"");
        let rows = self.0.lines().filter_map(|line| line.strip_prefix(&begin)?.split_once("\"} "));
        rows.filter_map(|(most, count)| Some((most.parse().ok()?, count.parse().ok()?))).collect()
    }

    /// Between which times the median and the 99th of a hundred lie.
    fn since(&self, before: &Own, answer: &str) -> String {
        let (then, now) = (before.counts(answer), self.counts(answer));
        let of = |index: usize| then.get(index).map_or(0.0, |(_, count)| *count);
        let counts: Vec<(f64, f64)> = now.iter().enumerate().map(|(index, (most, count))| (*most, count - of(index))).collect();
        let all = counts.last().map_or(0.0, |(_, count)| *count);
        let mut text = String::new();
        for (name, share) in [("p50", 0.5), (", p99", 0.99)] {
            let within = counts.iter().find(|(_, count)| *count >= all * share).map_or(f64::INFINITY, |(most, _)| *most);
            // Writing to a text does not fail.
            let _ = write!(text, "{name} <= {} ms", within * 1e3);
        }
        text
    }
}

/// A connection, and when the request under way on it was written.
struct Line {
    stream: TcpStream,
    sent_at: Cell<Option<Instant>>,
}

/// Connections, and what came of the requests sent over them; latencies in microseconds.
struct Flood {
    lines: Vec<Line>,
    free: RefCell<Vec<usize>>,
    due: Cell<usize>,
    sent: Cell<usize>,
    other: Cell<usize>,
    given: RefCell<Vec<u32>>,
    refused: RefCell<Vec<u32>>,
}

impl Flood {
    async fn over(address: &str, connections: usize) -> anyhow::Result<Flood> {
        let mut lines = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.context("connecting; are so many open files allowed?")?;
            stream.set_nodelay(true)?;
            lines.push(Line { stream, sent_at: Cell::new(None) });
        }
        let free = RefCell::new((0..lines.len()).collect());
        let (due, sent, other) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Ok(Flood { lines, free, due, sent, other, given: RefCell::default(), refused: RefCell::default() })
    }

    /// Offers so many a second; gives the most memory that the engine held, in MiB.
    async fn run(self: &Rc<Self>, kind: Kind, offered: f64, stretch: Duration, process: u32) -> f64 {
        let mut readers = Vec::new();
        for index in 0..self.lines.len() {
            let flood = Rc::clone(self);
            readers.push(tokio::task::spawn_local(async move { flood.listen(index).await }));
        }
        let (started, mut dice, mut peak) = (Instant::now(), SplitMix64::new(7), 0.0_f64);
        let mut times = tokio::time::interval(TICK);
        let mut looked = Instant::now();
        while started.elapsed() < stretch {
            times.tick().await;
            let due = (started.elapsed().as_secs_f64() * offered) as usize;
            let now = (due - self.due.replace(due)).min((LATE.as_secs_f64() * offered) as usize);
            for _ in 0..now {
                self.send(kind, &mut dice);
            }
            if looked.elapsed() > Duration::from_millis(100) {
                looked = Instant::now();
                peak = peak.max(resident_mib(process));
            }
        }
        let last = Instant::now();
        while self.free.borrow().len() < self.lines.len() && last.elapsed() < PATIENCE {
            tokio::time::sleep(TICK).await;
        }
        readers.iter().for_each(tokio::task::JoinHandle::abort);
        peak
    }

    /// Sends one request over a free connection, if there is one.
    fn send(&self, kind: Kind, dice: &mut SplitMix64) {
        let Some(index) = self.free.borrow_mut().pop() else { return };
        let line = &self.lines[index];
        line.sent_at.set(Some(Instant::now()));
        // Nothing else is under way on it, so there is room for so few bytes. One that broke off is not free again.
        if line.stream.try_write(&kind.request(dice)).is_ok() {
            self.sent.set(self.sent.get() + 1);
        }
    }

    /// Reads the answers on one connection.
    async fn listen(&self, index: usize) {
        let line = &self.lines[index];
        let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
        while line.stream.readable().await.is_ok() {
            match line.stream.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            }
            if !is_whole(&bytes) {
                continue;
            }
            let took = line.sent_at.take().map_or(0, |sent| u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            match bytes.get(9..12) {
                Some(b"200" | b"201") => self.given.borrow_mut().push(took),
                Some(b"429" | b"503") => self.refused.borrow_mut().push(took),
                _ => self.other.set(self.other.get() + 1),
            }
            bytes.clear();
            self.free.borrow_mut().push(index);
        }
    }
}

/// Whether an answer is there to its end.
fn is_whole(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length: ";
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let Some(at) = bytes[..head].windows(NAME.len()).position(|window| window == NAME) else { return false };
    let digits = bytes[at + NAME.len()..head].iter().take_while(|byte| byte.is_ascii_digit());
    bytes.len() >= head + 4 + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}
