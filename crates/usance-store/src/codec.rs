//! The bytes of a log record: a versioned fact, and behind it a separately versioned answer.
//!
//! ```text
//! version of the fact (1 byte)   fact: instant, key, actor, events (postcard)
//! version of the answer (1 byte) answer: what the sender was told (postcard)
//! ```
//!
//! The fact is what the machine is run from again ([`decode_fact`]); the answer is needed only to tell a repeated key what it
//! was told. A new field in a view is a new version of the answer and leaves facts as they are. Golden files in
//! `tests/golden/` pin the bytes of every event, answer and rejection: a change that would read an old record differently
//! fails there, and then needs a new version with the old shape kept here ([`v1`] is the first release's). The bytes of a
//! single event are made here, too. Refuses what is of a newer version by name, and anything that is not exactly one record.

pub use crate::actor::{Actor, AddressClass, Credential};
use crate::batch::Batch;
use crate::error::StoreError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Event, Rejection};

/// The version of a fact that this release writes. Version 1 is the first release's record, with its answer inside.
pub const FACT_VERSION: u8 = 2;
/// The version of an answer that this release writes.
pub const ANSWER_VERSION: u8 = 1;
/// The version of a single event's bytes that this release writes.
pub const EVENT_VERSION: u8 = 1;

/// A used idempotency key and what was asked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedKey {
    /// Hash of the sender and the key.
    pub hash: [u8; 16],
    /// Hash of the request.
    pub fingerprint: [u8; 16],
}

/// What happened: all that the machine is run from again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The instant it was stamped with.
    pub at: Timestamp,
    /// The key it came with; the engine's own commands have none.
    pub key: Option<UsedKey>,
    /// Who had it decided; none for what the engine does by itself, and where nobody was recorded.
    pub actor: Option<Actor>,
    /// What happened; nothing when it was rejected.
    pub events: Vec<Event>,
}

/// What a command's sender was told.
pub type Outcome = Result<Answer, Rejection>;

/// One command's place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What happened.
    pub fact: Fact,
    /// What its sender was told.
    pub outcome: Outcome,
}

impl Record {
    /// Something that the engine does by itself: nobody asked for it, nobody is told.
    #[must_use]
    pub const fn of_engine(at: Timestamp, events: Vec<Event>) -> Record {
        Record { fact: Fact { at, key: None, actor: None, events }, outcome: Ok(Answer::Done) }
    }
}

/// A record as the first release wrote it.
mod v1 {
    use super::{Event, Fact, Outcome, Timestamp, UsedKey};
    use serde::Deserialize;

    /// The version of these bytes.
    pub const VERSION: u8 = 1;

    /// Fact and answer in one.
    #[derive(Deserialize)]
    pub struct WholeRecord {
        at: Timestamp,
        key: Option<UsedKey>,
        events: Vec<Event>,
        outcome: Outcome,
    }

    impl From<WholeRecord> for super::Record {
        fn from(old: WholeRecord) -> Self {
            let WholeRecord { at, key, events, outcome } = old;
            super::Record { fact: Fact { at, key, actor: None, events }, outcome }
        }
    }
}

/// Appends a record's bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when postcard refuses, which no record of this release makes it do; `to` is then as before.
pub fn encode(record: &Record, to: &mut Vec<u8>) -> Result<(), StoreError> {
    let start = to.len();
    let written = append(FACT_VERSION, &record.fact, to).and_then(|()| append(ANSWER_VERSION, &record.outcome, to));
    written.map_err(|error| {
        to.truncate(start);
        StoreError::damaged("log record", format!("encoding: {error}"))
    })
}

fn append(version: u8, part: &impl Serialize, to: &mut Vec<u8>) -> postcard::Result<()> {
    to.push(version);
    postcard::to_extend(part, Tail(to)).map(drop)
}

/// The end of a buffer, where postcard writes.
struct Tail<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Tail<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

/// Reads a record's bytes.
///
/// # Errors
/// [`StoreError::NewerVersion`] for a version this release does not know, [`StoreError::Damaged`] for anything that is
/// not exactly one record.
pub fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
    let (fact, answer) = match split_version("log record", bytes)? {
        (v1::VERSION, body) => return whole::<v1::WholeRecord>("log record", body).map(Record::from),
        (FACT_VERSION, body) => first::<Fact>("log record", body)?,
        (version, _) => return Err(unknown("log record", version, FACT_VERSION)),
    };
    match split_version("log record", answer)? {
        (ANSWER_VERSION, body) => Ok(Record { fact, outcome: whole("log record", body)? }),
        (version, _) => Err(unknown("answer of a log record", version, ANSWER_VERSION)),
    }
}

/// Reads what happened. What was told is looked at only so far that an answer of a known version is one: one of a newer
/// version does not stand in the way.
///
/// # Errors
/// [`StoreError::NewerVersion`] for a fact that this release does not know, [`StoreError::Damaged`] for anything that is not
/// exactly one record.
pub fn decode_fact(bytes: &[u8]) -> Result<Fact, StoreError> {
    let (fact, answer) = match split_version("log record", bytes)? {
        (v1::VERSION, body) => return whole::<v1::WholeRecord>("log record", body).map(|old| Record::from(old).fact),
        (FACT_VERSION, body) => first::<Fact>("log record", body)?,
        (version, _) => return Err(unknown("log record", version, FACT_VERSION)),
    };
    match split_version("log record", answer)? {
        (ANSWER_VERSION, body) => whole::<Outcome>("log record", body).map(|_| fact),
        _ => Ok(fact),
    }
}

/// The bytes of one event, for whoever keeps it apart from its record.
///
/// # Errors
/// [`StoreError::Damaged`] when postcard refuses, which no event of this release makes it do.
pub fn encode_event(event: &Event) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    append(EVENT_VERSION, event, &mut bytes).map_err(|error| StoreError::damaged("event", format!("encoding: {error}")))?;
    Ok(bytes)
}

/// Reads the bytes of one event.
///
/// # Errors
/// As [`decode`].
pub fn decode_event(bytes: &[u8]) -> Result<Event, StoreError> {
    match split_version("event", bytes)? {
        (EVENT_VERSION, body) => whole("event", body),
        (version, _) => Err(unknown("event", version, EVENT_VERSION)),
    }
}

fn split_version<'a>(what: &str, bytes: &'a [u8]) -> Result<(u8, &'a [u8]), StoreError> {
    match bytes.split_first() {
        Some((version, body)) if *version > 0 => Ok((*version, body)),
        _ => Err(StoreError::damaged(what, "no version byte")),
    }
}

/// A version that this release does not read. All older ones are read, so it is a newer one.
fn unknown(what: &str, version: u8, known: u8) -> StoreError {
    StoreError::NewerVersion { what: what.to_owned(), found: u64::from(version), known: u64::from(known) }
}

/// The part that bytes begin with, and the bytes behind it.
fn first<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<(T, &'a [u8]), StoreError> {
    postcard::take_from_bytes(body).map_err(|error| StoreError::damaged(what, error.to_string()))
}

/// The part that bytes are, to the last.
fn whole<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, StoreError> {
    match first(what, body)? {
        (part, []) => Ok(part),
        (_, rest) => Err(StoreError::damaged(what, format!("{} bytes too many", rest.len()))),
    }
}

/// The records of a batch in order, each with its place.
///
/// Each item is an error as [`decode`] gives, with the place it happened at.
pub fn records(batch: &Batch) -> impl Iterator<Item = Result<(LogPosition, Record), StoreError>> {
    parts(batch, decode)
}

/// What happened in a batch, in order, each with its place.
///
/// Each item is an error as [`decode_fact`] gives, with the place it happened at.
pub fn facts(batch: &Batch) -> impl Iterator<Item = Result<(LogPosition, Fact), StoreError>> {
    parts(batch, decode_fact)
}

fn parts<T>(batch: &Batch, read: fn(&[u8]) -> Result<T, StoreError>) -> impl Iterator<Item = Result<(LogPosition, T), StoreError>> {
    batch.records().enumerate().map(move |(index, bytes)| {
        let part = read(bytes?).map_err(|error| match error {
            StoreError::Damaged { what, at } => StoreError::Damaged { what, at: format!("{}: {at}", place_text(batch, index)) },
            StoreError::NewerVersion { what, found, known } => {
                StoreError::NewerVersion { what: format!("{what} at {}", place_text(batch, index)), found, known }
            }
            other => other,
        })?;
        let index = u16::try_from(index).map_err(|_| StoreError::damaged("log record", place_text(batch, index)))?;
        Ok((batch.position(index), part))
    })
}

/// A record's place in the words an operator greps for.
pub(crate) fn place_text(batch: &Batch, index: usize) -> String {
    format!("shard {} batch {} record {index}", batch.shard, batch.seq)
}
