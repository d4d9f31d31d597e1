//! What every start does alike, whatever the store: recover from snapshots and the log, found a platform where there is none,
//! and refuse settings that contradict the one that is there.

use super::clock::{EngineClock, clock_word};
use super::settings::{SHARD, Settings};
use anyhow::{Context, bail};
use std::path::Path;
use usance_core::machine::State;
use usance_core::machine::state::{ClockMode, Platform};
use usance_store::random::random_bytes;
use usance_store::recovery::{Recovered, recover, recover_behind};
use usance_store::round;
use usance_store::{Appended, Batch, DataDirectory, Head, KnownEnd, LogReader, Proven, StoreError};

/// Recovers at the start of a process. What a signed word says was proven before is believed, unless all is to be proven; gives that
/// word, where something is left to be proven behind it.
pub(super) fn recovered_at_start(
    settings: &Settings,
    directory: &DataDirectory,
    reader: &dyn LogReader,
    seen: impl FnMut(u64),
) -> anyhow::Result<(Recovered, Option<Proven>)> {
    let signed = settings.secrets.as_ref().filter(|_| !settings.prove_all).map(|secrets| {
        // A word that cannot be read says nothing.
        KnownEnd::proven(directory.path(), reader, SHARD, secrets).or_else(|error| if error.is_hindrance() { Err(error) } else { Ok(None) })
    });
    match signed.transpose()?.flatten() {
        Some(proven) => {
            let found = recovered(directory, |snapshots| recover_behind(reader, SHARD, Some(snapshots), proven.head, seen))?;
            let rest = Some(proven).filter(|_| found.proven_from.seq > 0);
            Ok((found, rest))
        }
        None => Ok((recovered(directory, |snapshots| recover(reader, SHARD, Some(snapshots), seen))?, None)),
    }
}

/// Recovers from the newest snapshot that fits the log, and puts those that do not aside.
pub(super) fn recovered(
    directory: &DataDirectory,
    recover: impl FnOnce(&Path) -> Result<Recovered, StoreError>,
) -> anyhow::Result<Recovered> {
    let recovered = recover(&directory.snapshots()).context("the log cannot be run to its end")?;
    for reason in &recovered.passed_over {
        tracing::warn!(reason, "a snapshot was passed over");
    }
    recovered.unfit.iter().try_for_each(|path| set_aside(path))?;
    Ok(recovered)
}

/// A snapshot that can serve no start: left where it is, it would count as the one to fall back on. It is kept under another name.
pub(super) fn set_aside(path: &Path) -> anyhow::Result<()> {
    std::fs::rename(path, path.with_extension("aside")).with_context(|| format!("renaming {}", path.display()))
}

/// A new platform, and the batch that creates it.
pub(super) fn found(settings: &Settings, head: Head) -> anyhow::Result<(State, Batch)> {
    let (mode, instant) = settings.clock.unwrap_or((ClockMode::System, None));
    let created_at = match (mode, instant) {
        (ClockMode::Simulated, Some(instant)) => instant,
        _ => EngineClock::system(),
    };
    let platform =
        Platform { shard: SHARD, offset: settings.day_offset.unwrap_or_default(), clock: mode, created_at, seed: random_bytes()? };
    Ok(round::founding(platform, head)?)
}

/// Refuses flags that contradict what was chosen when the platform was created.
pub(super) fn check_settings(settings: &Settings, state: &State) -> anyhow::Result<()> {
    let fixed = &state.registry.platform;
    if let Some((mode, _)) = settings.clock
        && mode != fixed.clock
    {
        bail!("this data directory was created with a {} clock; that cannot change", clock_word(fixed.clock));
    }
    if let Some(offset) = settings.day_offset
        && offset != fixed.offset
    {
        bail!("this data directory was created with a day offset of {} minutes; that cannot change", fixed.offset.minutes());
    }
    Ok(())
}

/// What became of an append that several processes may be at.
pub(super) fn won(appended: Appended, expected_seq: u64) -> Result<bool, StoreError> {
    match appended {
        Appended::Fenced { .. } => Ok(false),
        other => other.into_result(expected_seq).map(|()| true),
    }
}
