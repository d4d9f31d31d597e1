//! `usance-attack`: attacks a real engine that it starts for it, on this machine alone; see `attack` in the library. `cargo xtask
//! attack` runs it.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use usance_soak::attack::target::Budget;
use usance_soak::attack::{Part, run};

/// What everything but the measurements may take.
const REST: Duration = Duration::from_secs(300);

/// Attack a real engine that is started for it, on this machine alone; exit code 1 when a door was open.
#[derive(Parser)]
#[command(name = "usance-attack", version)]
struct Words {
    /// What is attacked [default: everything].
    parts: Vec<Part>,
    /// The `usance` binary [default: the one beside this].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Seconds that all measurements take together.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Positions of the customer with a long history.
    #[arg(long, default_value_t = 4_000)]
    positions: u32,
    /// Days of that history.
    #[arg(long, default_value_t = 120)]
    days: u32,
}

/// How many measurements there are.
const MEASUREMENTS: u32 = 6;

fn main() -> ExitCode {
    match attacked(&Words::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(open) => {
            println!("{open} open");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("attack: it could not go on: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gives how many doors were open.
fn attacked(words: &Words) -> anyhow::Result<usize> {
    let binary = match &words.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("usance"),
    };
    let measured = Duration::from_secs(words.seconds);
    end_after(REST + measured);
    let directory = tempfile::Builder::new().prefix("usance-attack-").tempdir()?;
    let parts = if words.parts.is_empty() { Part::ALL.to_vec() } else { words.parts.clone() };
    let budget = Budget { measured: measured / MEASUREMENTS, positions: words.positions, days: words.days };
    let report = run(&parts, &binary, directory.path(), budget)?;
    println!("\n{}\n", report.table());
    Ok(report.open())
}

/// Ends this process when it takes too long; the engine ends with it.
fn end_after(patience: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(patience);
        eprintln!("attack: not over after {} s, which is a finding: something was held up", patience.as_secs());
        std::process::exit(1);
    });
}
