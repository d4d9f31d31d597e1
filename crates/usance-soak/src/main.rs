//! `usance-soak`: mixed load on a real engine that is killed again and again; see the library. `cargo xtask soak` runs it.

use anyhow::Context;
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use usance_soak::course::{self, Plan};
use usance_soak::engine::Installation;
use usance_soak::report::{self, Setting, load_average};
use usance_soak::stage::Stage;
use usance_soak::tally::Kind;
use usance_soak::{floors, judge, plot};
use usance_store::postgres::local::{LocalServer, Stop};

/// Mixed load on a real engine that is killed every half minute; exit code 1 when anything acknowledged is missing or doubled.
#[derive(Parser)]
#[command(name = "usance-soak", version)]
struct Words {
    /// Minutes of load.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Where the engine keeps its data; a PostgreSQL server is started from the machine's programs.
    #[arg(long, default_value = "files")]
    store: Store,
    /// The `usance` binary [default: the one beside this].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the report and the plot go.
    #[arg(long, default_value = "target/soak")]
    out: PathBuf,
    /// Fixes what is sent and when the engine is killed [default: another one every time].
    #[arg(long)]
    seed: Option<u64>,
    /// Requests a second that customers send.
    #[arg(long, default_value_t = 120)]
    rate: u32,
    /// Threads of customers.
    #[arg(long, default_value_t = 8)]
    threads: u32,
    /// Customers of each thread.
    #[arg(long, default_value_t = 12)]
    customers: u32,
    /// Seconds between two kills, in the middle.
    #[arg(long, default_value_t = 30)]
    kill_every: u64,
}

/// Where the engine keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    Files,
    Postgres,
}

fn main() -> ExitCode {
    match run(&Words::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gives whether nothing was found.
fn run(words: &Words) -> anyhow::Result<bool> {
    let seed = words.seed.unwrap_or(std::time::UNIX_EPOCH.elapsed()?.as_nanos() as u64 % 1_000_000_007);
    println!("seed {seed}");
    let before = load_average();
    std::fs::create_dir_all(&words.out).with_context(|| format!("making {}", words.out.display()))?;
    // Removed only when all is well: whoever looks for the reason of anything else needs it.
    let directory = tempfile::Builder::new().prefix("usance-soak-").tempdir()?.keep();
    let binary = match &words.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("usance"),
    };
    let server = match words.store {
        Store::Files => None,
        Store::Postgres => Some(LocalServer::start(&["shared_buffers = '256MB'"]).context("a PostgreSQL server")?),
    };
    let store = server.as_ref().map(|server| server.address("usance"));
    let place = Installation { binary, data: directory.join("data"), log: words.out.join("engine.log"), store };
    std::fs::write(&place.log, "").with_context(|| format!("writing {}", place.log.display()))?;
    let plan = Plan {
        seed,
        load: Duration::from_secs_f64(words.minutes * 60.0),
        rate: words.rate,
        threads: words.threads,
        customers: words.customers,
        kill_every: Duration::from_secs(words.kill_every),
    };
    let judged = soaked(words, &place, plan, &before);
    if matches!(judged, Ok(true)) {
        std::fs::remove_dir_all(&directory).with_context(|| format!("removing {}", directory.display()))?;
    } else {
        if let Some(error) = server.as_ref().and_then(|server| keep_server(server, &directory).err()) {
            eprintln!("soak: the database server's data could not be kept: {error:#}");
        }
        if let Err(error) = &judged {
            eprintln!("soak: it could not go on: {error:#}");
        }
        println!("the data stay in {}; seed {seed}", directory.display());
    }
    Ok(judged.unwrap_or(false))
}

/// Copies the data of a database server, which go with it.
fn keep_server(server: &LocalServer, directory: &Path) -> anyhow::Result<()> {
    server.stop(Stop::Fast)?;
    let copied = Command::new("cp").arg("-a").arg(server.data()).arg(directory.join("postgres")).status()?;
    anyhow::ensure!(copied.success(), "cp -a: {copied}");
    Ok(())
}

/// Soaks, judges and reports; gives whether nothing was found.
fn soaked(words: &Words, place: &Installation, plan: Plan, before: &str) -> anyhow::Result<bool> {
    let stage = Stage::default();
    let outcome = course::run(&stage, place, plan)?;
    let writes = outcome.tally.taken.iter().filter(|taken| taken.kind.is_write() || taken.kind == Kind::Rush).count() as u64;
    let growth = judge::judge(&judge::lives(&outcome.samples), writes, outcome.tally.taken.len() as u64);
    growth.wrong.iter().for_each(|wrong| stage.find(wrong));
    floors::missed(plan, &stage, &outcome, growth.is_judged).into_iter().for_each(|missed| stage.find(missed));
    let kept = if words.store == Store::Files { "files" } else { "PostgreSQL" };
    let setting = Setting { what: format!("`{}` on {kept}", place.binary.display()), load_average: [before.to_owned(), load_average()] };
    let text = report::text(&setting, plan, &stage, &outcome, &growth);
    println!("\n{text}");
    let (written, drawn) = (words.out.join("report.md"), words.out.join("soak.svg"));
    plot::draw(&drawn, &outcome)?;
    std::fs::write(&written, format!("{text}\n![over time](soak.svg)\n")).with_context(|| format!("writing {}", written.display()))?;
    println!("written: {} and {}", written.display(), drawn.display());
    Ok(stage.findings().0 == 0)
}
