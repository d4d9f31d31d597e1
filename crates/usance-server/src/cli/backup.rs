//! `usance backup`: a consistent copy of a running or stopped engine's data.

use crate::cli::output::{Output, spinner};
use crate::cli::steps::Step;
use crate::cli::store_flags::StoreFlags;
use anyhow::{Context, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use usance_engine::life::settings::SHARD;
use usance_store::soundness::{PeopleHashes, people_hashes};
use usance_store::{
    DataDirectory, Head, Home, LogMove, LogReader, LogStore, Note, PeopleCopy, Postgres, PostgresIdentities, PostgresLogReader, Secrets,
    SnapshotFile, SqliteLog, SqliteLogReader, StoreError, copy, files, snapshot, verify_chain,
};

/// Copy the data of a running or stopped engine, consistently.
///
/// Copies the log as it stands at one moment, the people and tokens, and the snapshots that fit it. Read tables are left
/// out: the next start builds them. The copy is a data directory like any other: `usance verify` and `usance serve` take it.
/// With --store the copy may be there already: only what is new is added, each batch proven to follow. A run that is cut off leaves a
/// copy that its note still describes, and the next one goes on with it.
#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    place: StoreFlags,
    /// Where the copy goes; it must not exist, or be empty; with --store it may be an older copy.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence; a copy that was cut off has no note, or one that still holds.
pub fn run(verb: &Backup) -> anyhow::Result<ExitCode> {
    drop(verb.place.visit()?);
    let bar = spinner("copying", verb.output);
    let keys = verb.place.keys()?;
    let head = match verb.place.home()? {
        Home::Embedded(_) => of_files(&verb.place, &verb.to, keys.as_ref())?,
        Home::Postgres(server) => of_server(&server, &verb.to, keys.as_ref())?,
    };
    let is_signed = keys.is_some();
    bar.finish_and_clear();
    let hash = crate::wire::text::hex(&head.hash);
    if verb.output.json {
        println!(
            "{}",
            serde_json::json!({"to": verb.to.display().to_string(), "head": {"batch": head.seq, "hash": hash}, "signed": is_signed})
        );
    } else {
        println!("copied to {}: everything up to batch {} ({hash})", verb.to.display(), head.seq);
        if is_signed {
            println!("the secrets file is not in it: keep a copy of that, too, in another place");
        } else {
            println!("its note is not signed: no secrets file is at hand (--secrets)");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies a data directory: its files as they stand at one moment each, the log last.
fn of_files(place: &StoreFlags, target: &Path, keys: Option<&Secrets>) -> anyhow::Result<Head> {
    let from = DataDirectory::open_shared(&place.data)?;
    if target.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", target.display());
    }
    let to = DataDirectory::open_exclusive(target)?;
    // Snapshots first: one that is newer than the copied log would be passed over, an older one fits it.
    snapshots(&snapshot::list(&from.snapshots())?, &to.snapshots())?;
    copy::database(&from.people(), &to.people())?;
    copy::database(&from.log(), &to.log())?;
    let head = SqliteLogReader::open(&to.log())?.head(SHARD)?.context("the copied log is empty")?;
    note(head, people_hashes(&to.people())?, keys).write(to.path())?;
    Ok(head)
}

/// Copies snapshots that were listed. A running engine may remove one meanwhile for a newer one: the copy does without it.
fn snapshots(listed: &[SnapshotFile], to: &Path) -> anyhow::Result<()> {
    for SnapshotFile { path, .. } in listed {
        let name = path.file_name().context("a snapshot has a name")?;
        match files::copy(path, &to.join(name)) {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("copying {}", path.display())),
        }
    }
    Ok(())
}

/// Ships: adds to a copy what the server's log has more, and makes its people the server's. In this order the process may end between
/// any two steps: one of the copy's notes says what is there.
fn of_server(server: &Postgres, target: &Path, keys: Option<&Secrets>) -> anyhow::Result<Head> {
    let to = DataDirectory::open_exclusive(target)?;
    Note::settle(&to)?;
    Step::CopySettled.done();
    // People are read before the log: a customer's password may then be older than the log, never ahead of it.
    let people = PostgresIdentities::open(server)?.moment()?;
    let noted = Note::read(target)?.map_or_else(|| Note::of_nothing().people, |note| note.people);
    let head = PeopleCopy::open(&to.people())?.bring(&people, &noted, |hashes| -> anyhow::Result<Head> {
        Step::PeopleChanged.done();
        let head = ship_log(server, &to)?;
        Step::LogShipped.done();
        note(head, hashes, keys).announce(to.path())?;
        Step::NoteAnnounced.done();
        Ok(head)
    })?;
    Step::PeopleCommitted.done();
    Note::confirm(to.path())?;
    Step::NoteConfirmed.done();
    Ok(head)
}

/// Adds the batches that are new to the copy's log, each proven to follow.
fn ship_log(server: &Postgres, to: &DataDirectory) -> anyhow::Result<Head> {
    let mut log = SqliteLog::open(&to.log())?;
    let start = log.head(SHARD)?.unwrap_or(Head::GENESIS);
    let mut moving = LogMove::behind(start, &mut log);
    let reader = PostgresLogReader::open(server)?;
    let copied = verify_chain(&reader, SHARD, start, |batch| -> anyhow::Result<()> {
        if moving.take(batch)? {
            Step::LogBegun.done();
        }
        Ok(())
    });
    match copied {
        Ok(head) if head.seq > 0 => Ok(moving.end()?),
        Ok(_) => bail!("the log is empty"),
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Damaged { .. })) => {
            Err(error.context(format!("{} is not an older copy of this log, or the log is damaged", to.path().display())))
        }
        Err(error) => Err(error),
    }
}

/// Says where a copy's log ends and who its people are, so that what is lost of it later shows; signed, where that can be done.
fn note(head: Head, people: PeopleHashes, keys: Option<&Secrets>) -> Note {
    let note = Note::new(head, people);
    match keys {
        Some(keys) => note.signed(keys),
        None => note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_is_removed_meanwhile_is_done_without() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = [3, 2, 1].map(|seq| from.path().join(format!("snapshot-{seq:020}.usance")));
        paths.iter().for_each(|path| std::fs::write(path, b"state").unwrap());
        let listed = snapshot::list(from.path()).unwrap();
        assert_eq!(listed.len(), 3);
        std::fs::remove_file(&paths[1]).unwrap();
        snapshots(&listed, to.path()).unwrap();
        let copied: Vec<u64> = snapshot::list(to.path()).unwrap().iter().map(|file| file.seq).collect();
        assert_eq!(copied, [3, 1]);
        assert!(snapshots(&listed, &to.path().join("nowhere")).is_err(), "what cannot be written is told");
    }
}
