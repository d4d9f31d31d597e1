//! The figures: each measured here, now, beside something to compare it with. Nothing is asserted: machines are shared.
//!
//! `cargo xtask bench` runs it. CPU stands beside wall time, because a noisy neighbour changes only the second.

mod fair;
mod growth;
mod http;
mod idle;
mod measure;
mod memory;
mod overload;
mod pages;
mod postgres;
mod shipping;
mod streams;
mod treasury;

use measure::load_average;
use std::path::PathBuf;

/// What to measure.
#[derive(clap::Parser)]
#[command(name = "usance-bench")]
struct Words {
    /// Positions in the close and the snapshot.
    #[arg(long, default_value_t = 10_000_000)]
    positions: u64,
    /// Seconds of load over HTTP and through the log.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// The `usance` binary to load over HTTP [default: the one beside this].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Remembered answers of a platform that is moved.
    #[arg(long, default_value_t = 2_000_000)]
    answers: u64,
    /// Thousands of customers in the state whose growth is measured; it has four open and four closed positions for each.
    #[arg(long, default_value_t = 50)]
    scale: u64,
    /// Exits that wait in line.
    #[arg(long, default_value_t = 1_000_000)]
    exits: u64,
    /// Only these: close, decide, log, http, idle, overload, postgres, pages, fair, streams, shipping, growth, treasury.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let words = <Words as clap::Parser>::parse();
    let wanted = |name: &str| words.only.is_empty() || words.only.iter().any(|only| only == name);
    println!("machine: {} cores, load average {}", std::thread::available_parallelism()?, load_average());
    if wanted("decide") {
        memory::decide(1_000_000)?;
    }
    if wanted("log") {
        memory::durable(words.seconds)?;
    }
    if wanted("http") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        http::run(words.binary.as_deref().unwrap_or(&beside), words.seconds)?;
    }
    if wanted("idle") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        idle::run(words.binary.as_deref().unwrap_or(&beside), words.seconds.div_ceil(2))?;
    }
    if wanted("overload") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        overload::run(words.binary.as_deref().unwrap_or(&beside), words.seconds)?;
    }
    if wanted("postgres") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        postgres::run(words.binary.as_deref().unwrap_or(&beside), words.seconds)?;
    }
    if wanted("pages") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        pages::run(words.binary.as_deref().unwrap_or(&beside), words.seconds.div_ceil(4))?;
    }
    if wanted("fair") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        fair::run(words.binary.as_deref().unwrap_or(&beside), words.seconds)?;
    }
    if wanted("streams") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        streams::run(words.binary.as_deref().unwrap_or(&beside), words.seconds)?;
    }
    if wanted("shipping") {
        let beside = std::env::current_exe()?.with_file_name("usance");
        shipping::run(words.binary.as_deref().unwrap_or(&beside), words.answers)?;
    }
    if wanted("treasury") {
        treasury::run(words.exits)?;
    }
    if wanted("growth") {
        growth::run(words.scale * 1_000)?;
    }
    if wanted("close") {
        memory::close_and_snapshot(words.positions)?;
    }
    println!("load average at the end: {}", load_average());
    Ok(())
}
