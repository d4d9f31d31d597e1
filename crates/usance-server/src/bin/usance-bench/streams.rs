//! Ten thousand event streams that have nothing to tell, beside writes of other customers: what they cost the engine, as a share of
//! a core beside the same writes without them.

use crate::http::{CUSTOMERS, Engine, TOKEN, found, length, post};
use crate::measure::{cpu_of, resident_mib};
use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Streams that are open.
const QUIET: usize = 10_000;
/// How many of them one customer has.
const OF_ONE: usize = 20;
/// Files that are open beside them, here or in the engine.
const BESIDE: u64 = 1_000;
/// Writes a second of customers who have no stream.
const WRITES: u64 = 30;

/// Runs it on an engine of its own.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    println!("\nquiet event streams beside {WRITES} durable writes a second of others, {seconds} s each, generator on the same cores");
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    if files.maximum.is_some_and(|files| files < QUIET as u64 + BESIDE) {
        bail!("too few open files are allowed for {QUIET} streams: ulimit -Hn");
    }
    let directory = tempfile::tempdir()?;
    let (engine, address) = Engine::start(binary, &["serve", "--clock", "simulated:2026-01-01T00:00:00Z"], directory.path())?;
    found(&address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut alone = None;
        let mut open = Vec::new();
        for count in [0, QUIET / 10, QUIET] {
            while open.len() < count {
                open.push(stream(&address, open.len() / OF_ONE).await?);
            }
            // The first sign of each is over.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let process = engine.0.id().to_string();
            let (cpu, started) = (cpu_of(&process), Instant::now());
            written(&address, seconds).await?;
            let cores = cpu_of(&process).saturating_sub(cpu).as_secs_f64() / started.elapsed().as_secs_f64();
            let beside = cores - *alone.get_or_insert(cores);
            println!(
                "  {count:>6} streams: {:.2} % of a core, {:.2} % more than without ({:.2} times); memory {:.0} MiB",
                cores * 100.0,
                beside * 100.0,
                cores / alone.unwrap_or(cores).max(0.001),
                resident_mib(engine.0.id())
            );
        }
        Ok(())
    })
}

/// A stream of a customer who does nothing; its first bytes are read, and then nothing more.
async fn stream(address: &str, number: usize) -> anyhow::Result<TcpStream> {
    let customer = CUSTOMERS as usize / 2 + number;
    let mut stream = TcpStream::connect(address).await.context("a stream")?;
    let request =
        format!("GET /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\nUsance-Customer: c{customer}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = [0; 1024];
    let read = stream.read(&mut buffer).await?;
    if !buffer.starts_with(b"HTTP/1.1 200") {
        bail!("{}", String::from_utf8_lossy(&buffer[..read]));
    }
    Ok(stream)
}

/// Writes of customers who have no stream, at a steady pace.
async fn written(address: &str, seconds: u64) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = tokio::time::interval(Duration::from_secs(1) / u32::try_from(WRITES)?);
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 8192]);
    for number in 0..WRITES * seconds {
        times.tick().await;
        let body = r#"{"product":"p1","amount":"1.5","source":"funding","agreement":"v1"}"#;
        stream.write_all(&post("/v1/subscriptions", Some(&format!("c{}", number % (CUSTOMERS / 2))), body)).await?;
        answer.clear();
        while length(&answer).is_none_or(|length| answer.len() < length) {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                bail!("the engine hung up");
            }
            answer.extend_from_slice(&buffer[..read]);
        }
        if !answer.starts_with(b"HTTP/1.1 2") {
            bail!("{}", String::from_utf8_lossy(&answer));
        }
    }
    Ok(())
}
