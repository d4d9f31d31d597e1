//! `usance-sim`: runs worlds from seeds, one after another, and keeps what fails.

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use usance_sim::plan::Plan;
use usance_sim::run::run;
use usance_sim::{hunt, seeds, shrink};

/// Simulated worlds, held against the rules.
#[derive(Parser)]
#[command(name = "usance-sim")]
struct Words {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run one world after another; a failing one is shrunk and kept.
    Run {
        /// The first seed; drawn and printed when left out.
        #[arg(long)]
        seed: Option<u64>,
        /// How long.
        #[arg(long, default_value_t = 0.0)]
        hours: f64,
        /// How many worlds, when no time is given.
        #[arg(long, default_value_t = 100)]
        worlds: u64,
        /// Where failing plans are kept.
        #[arg(long, default_value_os_t = seeds::directory())]
        keep: PathBuf,
    },
    /// Look for the bug that is planted in this tree, and print every plan that was run for it; `cargo xtask planted` reads that.
    Hunt {
        /// The bug's name: plans that were kept for it are run first.
        #[arg(long)]
        planted: Option<String>,
        /// Worlds in which it has to show, from seed 1 on.
        #[arg(long)]
        worlds: u64,
        /// Where the smallest world that finds it is kept.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Run one seed, or a plan that was kept, and say what it gives.
    Replay {
        /// A seed, or the path of a plan.
        what: String,
    },
}

fn main() -> anyhow::Result<()> {
    match Words::parse().chore {
        Chore::Run { seed, hours, worlds, keep } => {
            let seed = seed.map_or_else(fresh, Ok)?;
            let hours = Duration::try_from_secs_f64(hours * 3600.0).context("--hours is a number of hours")?;
            many(seed, hours, worlds, &keep)
        }
        Chore::Hunt { planted, worlds, keep } => hunt::hunt(planted.as_deref(), worlds, keep.as_deref()),
        Chore::Replay { what } => replay(&what),
    }
}

/// A seed that nobody has seen: from the clock, which is random enough to look elsewhere each time.
fn fresh() -> anyhow::Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_micros())?)
}

fn many(first: u64, time: Duration, worlds: u64, keep: &std::path::Path) -> anyhow::Result<()> {
    println!("first seed {first}");
    std::fs::create_dir_all(keep)?;
    let current = keep.join(format!("running-{}", std::process::id()));
    let started = Instant::now();
    let (mut done, mut turns, mut failed, mut said) = (0u64, 0, 0, Instant::now());
    loop {
        let goes_on = if time.is_zero() { done < worlds } else { started.elapsed() < time };
        if !goes_on {
            break;
        }
        let seed = first.wrapping_add(done);
        // Whatever ends the process, this says in which world.
        std::fs::write(&current, seed.to_string()).with_context(|| format!("writing {}", current.display()))?;
        match run(&Plan::of(seed)) {
            Ok(held) => turns += held.turns,
            Err(finding) => {
                failed += 1;
                println!("seed {seed}, after {} turns: {}", finding.turns, finding.what);
                let (small, found) = shrink::shrink(&Plan::of(seed));
                let what = found.map_or(finding.what, |finding| finding.what);
                let path = seeds::keep(keep, &small, &what)?;
                println!("shrunk to {} turns: {what}\nkept as {}", small.turns.len(), path.display());
            }
        }
        done += 1;
        if said.elapsed() > Duration::from_secs(60) {
            said = Instant::now();
            println!("{done} worlds, {turns} turns, {failed} failed, {} s", started.elapsed().as_secs());
        }
    }
    std::fs::remove_file(&current)?;
    println!("{done} worlds from seed {first}, {turns} turns, {failed} failed, {:.1} s", started.elapsed().as_secs_f32());
    if failed > 0 { bail!("{failed} worlds were not as the rules say") } else { Ok(()) }
}

fn replay(what: &str) -> anyhow::Result<()> {
    let plan = match what.parse() {
        Ok(seed) => Plan::of(seed),
        Err(_) => Plan::from_text(&std::fs::read_to_string(what).with_context(|| format!("neither a seed nor a plan: {what}"))?)?,
    };
    println!("seed {}, {} turns, faults: {:?}", plan.seed, plan.turns.len(), plan.swarm.kinds().collect::<Vec<_>>());
    match run(&plan) {
        Ok(held) => {
            println!("holds; state hash {}", held.hash);
            Ok(())
        }
        Err(finding) => bail!("after {} turns: {}", finding.turns, finding.what),
    }
}
