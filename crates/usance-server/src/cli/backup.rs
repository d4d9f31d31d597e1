//! `usance backup`: a consistent copy of a running or stopped engine's data.

use super::{Data, Output, spinner};
use crate::engine::start;
use anyhow::{Context, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use usance_store::{LogReader, SqliteLogReader, copy, snapshot};

/// Copy the data of a running or stopped engine, consistently.
///
/// Copies the log as it stands at one moment, the people and tokens, and the snapshots that fit it. Read tables are left
/// out: the next start builds them. The copy is a data directory like any other: `usance verify` and `usance serve` take it.
#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    data: Data,
    /// Where the copy goes; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence; a copy that was cut off has no log and is refused by every other verb.
pub fn run(verb: &Backup) -> anyhow::Result<ExitCode> {
    let (from, _) = start::log_reader(&verb.data.data).with_context(|| format!("{} holds no log", verb.data.data.display()))?;
    if verb.to.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", verb.to.display());
    }
    let to = usance_store::DataDirectory::open_exclusive(&verb.to)?;
    let bar = spinner("copying", verb.output);
    // Snapshots first: one that is newer than the copied log would be passed over, an older one fits it.
    for file in snapshot::list(&from.snapshots())? {
        let name = file.path.file_name().context("a snapshot has a name")?;
        std::fs::copy(&file.path, to.snapshots().join(name)).with_context(|| format!("copying {}", file.path.display()))?;
    }
    copy::database(&from.people(), &to.people())?;
    copy::database(&from.log(), &to.log())?;
    bar.finish_and_clear();
    let head = SqliteLogReader::open(&to.log())?.head(start::SHARD)?.context("the copied log is empty")?;
    let hash = crate::api::shape::hex(&head.hash);
    if verb.output.json {
        println!("{}", serde_json::json!({"to": verb.to.display().to_string(), "head": {"batch": head.seq, "hash": hash}}));
    } else {
        println!("copied to {}: everything up to batch {} ({hash})", verb.to.display(), head.seq);
    }
    Ok(ExitCode::SUCCESS)
}
