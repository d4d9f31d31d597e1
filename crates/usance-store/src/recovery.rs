//! From stored bytes to a running state: the newest snapshot that fits the log, then the log after it.
//!
//! Refuses a log whose chain does not hold, a record that does not decode and a day that closes differently than it did;
//! each refusal names the batch. A snapshot that is damaged or not of this log is passed over. So is one that the log does not reach;
//! if it is of this platform, then the log has lost its end, and that is said.

use crate::batch::Batch;
use crate::codec::{self, Fact};
use crate::error::StoreError;
use crate::head::Head;
use crate::image;
use crate::log::{LogReader, verify_chain};
use crate::snapshot::{self, Snapshot};
use std::path::{Path, PathBuf};
use usance_core::id::LogPosition;
use usance_core::machine::state::Platform;
use usance_core::machine::{self, Event, State};

/// A state and the place in the log it stands at.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The state; `None` for a log without a platform.
    pub state: Option<State>,
    /// The batch it includes; [`Head::GENESIS`] for an empty log.
    pub head: Head,
    /// The snapshot it started from.
    pub from_snapshot: Option<Head>,
    /// Records that were run again after it.
    pub replayed: u64,
    /// Behind this batch the chain was proven now.
    pub proven_from: Head,
    /// Snapshots that were passed over, and why.
    pub passed_over: Vec<String>,
    /// Of these, the ones that will serve no other start either. One that could not be read now is not among them.
    pub unfit: Vec<PathBuf>,
    /// Of these, the ones of this platform that the log does not reach, and where they stand: the log has lost what lies between.
    pub ahead: Vec<(Head, PathBuf)>,
}

/// Batches that are proven at a time.
const PROVEN_AT_A_TIME: usize = 256;

/// How much of the chain is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// All of it, also what lies behind the snapshot: an edited past has to show before anybody is answered.
    Whole,
    /// What is run again: this process has proven the rest before.
    Rest,
    /// What lies behind a batch, and what is run again: the rest was proven before, by a signed word.
    Behind(Head),
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

/// As [`recover`], where the chain was proven up to a batch before: what lies before it is for its caller to prove ([`prove`]).
///
/// # Errors
/// As [`recover`].
pub fn recover_behind(
    reader: &dyn LogReader,
    shard: u16,
    snapshots: Option<&Path>,
    proven: Head,
    seen: impl FnMut(u64),
) -> Result<Recovered, StoreError> {
    run(reader, shard, snapshots, Proof::Behind(proven), seen)
}

/// Proves the chain of a log from its beginning up to a batch, which has to be the one that is named. `goes_on` is asked now and then
/// whether it is still wanted; whether it was proven to the end.
///
/// # Errors
/// [`StoreError::Damaged`] for the first batch that is missing or not as it was written; when the store cannot be read.
pub fn prove(reader: &dyn LogReader, shard: u16, through: Head, mut goes_on: impl FnMut() -> bool) -> Result<bool, StoreError> {
    let mut head = Head::GENESIS;
    while head.seq < through.seq {
        if !goes_on() {
            return Ok(false);
        }
        let batches = reader.read(shard, head.seq.saturating_add(1), PROVEN_AT_A_TIME)?;
        for batch in batches.iter().take_while(|batch| batch.seq <= through.seq) {
            batch.verify_after(&head)?;
            head = batch.head();
        }
        if batches.is_empty() {
            return Err(StoreError::damaged_batch(shard, head.seq.saturating_add(1), "it is missing, the log ends before it"));
        }
    }
    if head.hash != through.hash {
        return Err(StoreError::damaged_batch(shard, through.seq, "it is not the batch that was known by its hash"));
    }
    Ok(true)
}

fn run(
    reader: &dyn LogReader,
    shard: u16,
    snapshots: Option<&Path>,
    proof: Proof,
    mut seen: impl FnMut(u64),
) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered { head: Head::GENESIS, ..Recovered::default() };
    for file in snapshots.map(snapshot::list).transpose()?.unwrap_or_default() {
        match start_from(reader, shard, &file.path) {
            Ok(Found::Start(state, head)) => {
                (recovered.state, recovered.head, recovered.from_snapshot) = (Some(*state), head, Some(head));
                break;
            }
            Ok(Found::Ahead(head)) => {
                let path = file.path.display();
                recovered
                    .passed_over
                    .push(format!("{path} stands at batch {}, which the log does not reach: the log has lost its end", head.seq));
                recovered.ahead.push((head, file.path));
            }
            // A log that does not answer says nothing about a snapshot.
            Err(error) if error.is_of_a_server() => return Err(error),
            Err(error) => {
                // What could not be read now, for want of memory or by a fault of the disk, may be read another time.
                if !error.is_hindrance() {
                    recovered.unfit.push(file.path);
                }
                recovered.passed_over.push(error.to_string());
            }
        }
    }
    let mut state = recovered.state.take();
    let mut replayed = 0;
    let stands_at = recovered.head.seq;
    let from = match proof {
        Proof::Whole => Head::GENESIS,
        Proof::Rest => recovered.head,
        Proof::Behind(proven) if proven.seq < stands_at => proven,
        Proof::Behind(_) => recovered.head,
    };
    recovered.proven_from = from;
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

/// What a snapshot is to a log.
enum Found {
    /// It stands at a batch of the log.
    Start(Box<State>, Head),
    /// It is of the log's platform, and the log ends before it.
    Ahead(Head),
}

fn start_from(reader: &dyn LogReader, shard: u16, path: &Path) -> Result<Found, StoreError> {
    let snapshot = Snapshot::open(path)?;
    let head = snapshot.head();
    let foreign = |how: &str| StoreError::damaged("snapshot", format!("{}: {how}", path.display()));
    if snapshot.shard() != shard {
        return Err(foreign("it is another shard's"));
    }
    let batch = reader.read(shard, head.seq, 1)?.into_iter().next().filter(|batch| batch.seq == head.seq);
    match batch {
        Some(batch) if batch.hash == head.hash => Ok(Found::Start(Box::new(image::read(&snapshot)?), head)),
        Some(_) => Err(foreign("the log has another hash at its place")),
        None if platform(reader, shard)?.is_some_and(|ours| image::platform(&snapshot).is_ok_and(|theirs| theirs == ours)) => {
            Ok(Found::Ahead(head))
        }
        None => Err(foreign("the log does not reach its place")),
    }
}

/// The platform that a log is of.
fn platform(reader: &dyn LogReader, shard: u16) -> Result<Option<Platform>, StoreError> {
    let first = reader.read(shard, 1, 1)?;
    let fact = first.first().and_then(|batch| codec::facts(batch).next()).transpose()?;
    Ok(fact.and_then(|(_, fact)| match fact.events.into_iter().next() {
        Some(Event::PlatformCreated(platform)) => Some(*platform),
        _ => None,
    }))
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
