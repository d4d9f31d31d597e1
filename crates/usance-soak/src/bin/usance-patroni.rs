//! `usance-patroni`: a real engine on a real cluster that hands over, is killed and freezes; see `patroni` in the library. `cargo
//! xtask patroni` runs it.

use anyhow::{Context, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use usance_soak::patroni::course::Fault;
use usance_soak::patroni::host::Variant;
use usance_soak::patroni::{Plan, ground, report, run};

/// A real engine on three PostgreSQL servers under Patroni, whose leader hands over, is killed and freezes; exit code 1 when anything
/// acknowledged is lost, or writes pause three seconds longer than nobody could commit to the cluster.
#[derive(Parser)]
#[command(name = "usance-patroni", version)]
struct Words {
    /// How often the leader hands over in order.
    #[arg(long, default_value_t = 1)]
    switchovers: u32,
    /// How often the leader is killed.
    #[arg(long, default_value_t = 1)]
    kills: u32,
    /// How often Patroni alone is killed on the leader, whose server then goes on beside the next one.
    #[arg(long, default_value_t = 0)]
    orphans: u32,
    /// How often the leader freezes, whichever host leads then.
    #[arg(long, default_value_t = 3)]
    freezes: u32,
    /// How often the host freezes that confirms the leader's commits.
    #[arg(long, default_value_t = 0)]
    sync_freezes: u32,
    /// Seconds for which a frozen host stands still.
    #[arg(long, default_value_t = 30)]
    freeze_seconds: u64,
    /// Writes a second, all four writers together.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// The `usance` binary [default: the one beside this].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Patroni's program; `patronictl` lies beside it [default: the machine's].
    #[arg(long)]
    patroni: Option<PathBuf>,
    /// Patroni speaks to etcd through the third version of its interface.
    #[arg(long)]
    etcd3: bool,
    /// Changes a setting of packaging/patroni.yml, as `synchronous_mode_strict=false`.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    changed: Vec<String>,
    /// Where the words of all programs go.
    #[arg(long, default_value = "target/patroni")]
    out: PathBuf,
}

/// How many write at a time.
const WRITERS: u32 = 4;
/// What everything but the faults may take.
const REST: Duration = Duration::from_secs(600);
/// What a fault may take, beside the time for which a host stands still.
const FAULT: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    match done(&Words::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("patroni: it could not go on: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gives whether nothing was found.
fn done(words: &Words) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&words.out).with_context(|| format!("making {}", words.out.display()))?;
    for entry in std::fs::read_dir(&words.out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            std::fs::remove_file(path)?;
        }
    }
    let binary = match &words.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("usance"),
    };
    ensure!(binary.is_file(), "there is no {}", binary.display());
    let patroni = words.patroni.clone().map_or_else(|| ground::program("patroni", "patroni"), Ok)?;
    let changed = words.changed.iter().map(|setting| {
        let (name, value) = setting.split_once('=').with_context(|| format!("a setting is NAME=VALUE, not {setting}"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let changed = changed.collect::<anyhow::Result<_>>()?;
    let length = Duration::from_secs(words.freeze_seconds);
    let faults = [
        (Fault::Switchover, words.switchovers),
        (Fault::Kill, words.kills),
        (Fault::Orphan, words.orphans),
        (Fault::Freeze(length), words.freezes),
        (Fault::FreezeConfirming(length), words.sync_freezes),
    ];
    let plan = Plan {
        faults: faults.into_iter().flat_map(|(fault, count)| std::iter::repeat_n(fault, count as usize)).collect(),
        writers: WRITERS,
        rate: words.rate,
        variant: Variant { patroni, has_etcd3: words.etcd3, changed },
    };
    end_after(REST + (FAULT + length) * u32::try_from(plan.faults.len())?);
    let outcome = run(&binary, &words.out, &plan)?;
    println!("\n{}", report(&outcome));
    let (count, texts) = &outcome.findings;
    if *count > 0 {
        println!("\n{count} findings; the words of all programs are in {}\n{}", words.out.display(), texts.join("\n"));
    }
    Ok(*count == 0)
}

/// Ends this process when it takes too long; everything it started ends with it.
fn end_after(patience: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(patience);
        eprintln!("patroni: not over after {} s, which is a finding: something was held up", patience.as_secs());
        std::process::exit(1);
    });
}
