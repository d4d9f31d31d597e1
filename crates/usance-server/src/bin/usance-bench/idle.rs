//! Ten thousand connections that ask nothing: how long others wait beside them, and without them.

use crate::http::{Engine, Kind, found, load};
use crate::measure::resident_mib;
use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::TcpStream;
use std::path::Path;

/// Connections that are idle.
const IDLE: usize = 10_000;
/// Files that are open beside them, here or in the engine.
const BESIDE: u64 = 1_000;
/// Those who ask.
const CLIENTS: u64 = 8;

/// Runs it on an engine of its own.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    println!("\nidle connections: previews by {CLIENTS} clients, {seconds} s each, generator on the same cores");
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    if files.maximum.is_some_and(|files| files < IDLE as u64 + BESIDE) {
        bail!("too few open files are allowed for {IDLE} connections: ulimit -Hn");
    }
    let directory = tempfile::tempdir()?;
    let words = ["serve", "--clock", "simulated:2026-01-01T00:00:00Z", "--customer-rate", "1000000", "--idle-seconds", "3600"];
    let (engine, address) = Engine::start(binary, &words, directory.path())?;
    found(&address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut first = None;
    for count in [0, IDLE, 0] {
        let idle: Vec<TcpStream> =
            (0..count).map(|_| TcpStream::connect(&address)).collect::<Result<_, _>>().context("an idle connection")?;
        let mut latencies = runtime.block_on(load(&address, Kind::Preview, CLIENTS, seconds))?;
        latencies.sort_unstable();
        let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, |micros| f64::from(*micros) / 1e3);
        let (middle, late) = (at(0.5), at(0.99));
        let beside = late / *first.get_or_insert(late);
        println!(
            "  {count:>6} idle: {:.0}/s; p50 {middle:.2} ms, p99 {late:.2} ms ({beside:.2} times the first); memory {:.0} MiB",
            latencies.len() as f64 / seconds as f64,
            resident_mib(engine.0.id())
        );
        drop(idle);
    }
    Ok(())
}
