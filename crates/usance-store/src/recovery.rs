//! From stored bytes to a running state: the newest snapshot that fits the log, then the log after it.
//!
//! Refuses a log whose chain does not hold, a record that does not decode and a day that closes differently than it did;
//! each refusal names the batch. A snapshot that is damaged, newer than the log or not of this log is passed over.

use crate::batch::Batch;
use crate::codec::{self, Fact};
use crate::error::StoreError;
use crate::head::Head;
use crate::image;
use crate::log::{LogReader, verify_chain};
use crate::snapshot::{self, Snapshot};
use std::path::Path;
use usance_core::id::LogPosition;
use usance_core::machine::{self, Event, State};

/// A state and the place in the log it stands at.
#[derive(Debug)]
pub struct Recovered {
    /// The state; `None` for a log without a platform.
    pub state: Option<State>,
    /// The batch it includes; [`Head::GENESIS`] for an empty log.
    pub head: Head,
    /// The snapshot it started from.
    pub from_snapshot: Option<Head>,
    /// Records that were run again after it.
    pub replayed: u64,
    /// Snapshots that were passed over, and why.
    pub passed_over: Vec<String>,
}

/// How much of the chain is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// All of it, also what lies behind the snapshot: an edited past has to show before anybody is answered.
    Whole,
    /// What is run again: this process has proven the rest before.
    Rest,
}

/// Recovers from the newest good snapshot in `snapshots` and the log; `seen` is told after each batch how far it is.
///
/// # Errors
/// [`StoreError::Damaged`] with the place, when the log cannot be run to its end.
pub fn recover(reader: &dyn LogReader, shard: u16, snapshots: Option<&Path>, seen: impl FnMut(u64)) -> Result<Recovered, StoreError> {
    run(reader, shard, snapshots, Proof::Whole, seen)
}

/// As [`recover`], by a process that has recovered from this log before: what lies behind the snapshot is not proven again.
///
/// # Errors
/// As [`recover`].
pub fn recover_again(reader: &dyn LogReader, shard: u16, snapshots: Option<&Path>) -> Result<Recovered, StoreError> {
    run(reader, shard, snapshots, Proof::Rest, |_| ())
}

fn run(
    reader: &dyn LogReader,
    shard: u16,
    snapshots: Option<&Path>,
    proof: Proof,
    mut seen: impl FnMut(u64),
) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered { state: None, head: Head::GENESIS, from_snapshot: None, replayed: 0, passed_over: Vec::new() };
    for file in snapshots.map(snapshot::list).transpose()?.unwrap_or_default() {
        match start_from(reader, shard, &file.path) {
            Ok((state, head)) => {
                (recovered.state, recovered.head, recovered.from_snapshot) = (Some(state), head, Some(head));
                break;
            }
            // A log that does not answer says nothing about a snapshot.
            Err(error @ (StoreError::Unreachable { .. } | StoreError::Postgres { .. } | StoreError::Unknown(_))) => return Err(error),
            Err(error) => recovered.passed_over.push(error.to_string()),
        }
    }
    let mut state = recovered.state.take();
    let mut replayed = 0;
    let stands_at = recovered.head.seq;
    let from = if proof == Proof::Whole { Head::GENESIS } else { recovered.head };
    recovered.head = verify_chain(reader, shard, from, |batch| -> Result<(), StoreError> {
        if batch.seq > stands_at {
            replayed += replay_batch(&mut state, batch)?;
        }
        seen(batch.seq);
        Ok(())
    })?;
    recovered.state = state;
    recovered.replayed = replayed;
    Ok(recovered)
}

fn start_from(reader: &dyn LogReader, shard: u16, path: &Path) -> Result<(State, Head), StoreError> {
    let snapshot = Snapshot::open(path)?;
    let head = snapshot.head();
    let foreign = |how: &str| StoreError::damaged("snapshot", format!("{}: {how}", path.display()));
    if snapshot.shard() != shard {
        return Err(foreign("it is another shard's"));
    }
    let batch = reader.read(shard, head.seq, 1)?.into_iter().next().filter(|batch| batch.seq == head.seq);
    match batch {
        Some(batch) if batch.hash == head.hash => Ok((image::read(&snapshot)?, head)),
        Some(_) => Err(foreign("the log has another hash at its place")),
        None => Err(foreign("the log does not reach its place")),
    }
}

/// Runs a batch's records on a state; returns how many.
///
/// # Errors
/// [`StoreError::Damaged`] with the batch and record, when one does not decode or does not run as it did;
/// [`StoreError::NewerVersion`] with the same.
pub fn replay_batch(state: &mut Option<State>, batch: &Batch) -> Result<u64, StoreError> {
    let mut count = 0;
    for item in codec::facts(batch) {
        let (place, fact) = item?;
        replay_fact(state, &fact, place).map_err(|how| unlike(batch, place, &how))?;
        count += 1;
    }
    Ok(count)
}

/// Runs a batch's records on the state of a platform that is there; returns how many.
///
/// # Errors
/// As [`replay_batch`]; the state is then not to be used.
pub fn run_batch(state: &mut State, batch: &Batch) -> Result<u64, StoreError> {
    let mut count = 0;
    for item in codec::facts(batch) {
        let (place, fact) = item?;
        run_fact(state, &fact, place).map_err(|how| unlike(batch, place, &how))?;
        count += 1;
    }
    Ok(count)
}

fn unlike(batch: &Batch, place: LogPosition, how: &str) -> StoreError {
    let place = codec::place_text(batch, usize::from(place.index()));
    StoreError::damaged("log record", format!("{place}: {how}"))
}

/// Runs one fact: its events, then its key.
///
/// # Errors
/// The broken invariant, as a sentence.
pub fn replay_fact(state: &mut Option<State>, fact: &Fact, place: LogPosition) -> Result<(), String> {
    if let ([Event::PlatformCreated(platform)], None) = (fact.events.as_slice(), &state) {
        *state = Some(State::new((**platform).clone()));
        return Ok(());
    }
    let Some(state) = state else { return Err("the log does not begin with a platform".into()) };
    run_fact(state, fact, place)
}

fn run_fact(state: &mut State, fact: &Fact, place: LogPosition) -> Result<(), String> {
    if matches!(fact.events.as_slice(), [Event::PlatformCreated(_)]) {
        return Err("a platform is created once".into());
    }
    machine::replay(state, &fact.events, fact.at);
    if let Some(key) = fact.key {
        state.keys.remember(key.hash, place, fact.at);
    }
    match &state.broken {
        Some(broken) => Err(format!("{}: {}", broken.invariant, broken.seen)),
        None => Ok(()),
    }
}
