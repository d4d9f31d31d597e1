//! The bytes of a log record: one version byte, then postcard.
//!
//! A record holds one command's instant, its key, its events and its answer. Golden files in `tests/golden/` pin the
//! bytes of every event, answer and rejection: a change that would read an old record differently fails there, and then
//! needs a new version byte with the old shape kept here. Refuses a record of a newer version by name, and anything that
//! is not exactly one record.

use crate::{Batch, StoreError};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Event, Rejection};

/// The version this release writes.
pub const RECORD_VERSION: u8 = 1;

/// A used idempotency key and what was asked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedKey {
    /// Hash of the sender and the key.
    pub hash: [u8; 16],
    /// Hash of the request.
    pub fingerprint: [u8; 16],
}

/// One command's place in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The instant it was stamped with.
    pub at: Timestamp,
    /// The key it came with; the engine's own commands have none.
    pub key: Option<UsedKey>,
    /// What happened; nothing when it was rejected.
    pub events: Vec<Event>,
    /// What its sender was told.
    pub outcome: Result<Answer, Rejection>,
}

/// Appends a record's bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when postcard refuses, which no record of this release makes it do; `to` is then as before.
pub fn encode(record: &Record, to: &mut Vec<u8>) -> Result<(), StoreError> {
    let start = to.len();
    to.push(RECORD_VERSION);
    match postcard::to_extend(record, Tail(to)) {
        Ok(_) => Ok(()),
        Err(error) => {
            to.truncate(start);
            Err(StoreError::damaged("log record", format!("encoding: {error}")))
        }
    }
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
    let damaged = |at: String| StoreError::damaged("log record", at);
    match bytes.split_first() {
        Some((&RECORD_VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            Ok((_, rest)) => Err(damaged(format!("{} bytes too many", rest.len()))),
            Err(error) => Err(damaged(error.to_string())),
        },
        Some((&version, _)) if version > RECORD_VERSION => {
            Err(StoreError::NewerVersion { what: "log record".into(), found: u64::from(version), known: u64::from(RECORD_VERSION) })
        }
        _ => Err(damaged("no version byte".into())),
    }
}

/// The records of a batch in order, each with its place.
///
/// Each item is an error as [`decode`] gives, with the place it happened at.
pub fn records(batch: &Batch) -> impl Iterator<Item = Result<(LogPosition, Record), StoreError>> {
    batch.records().enumerate().map(|(index, bytes)| {
        let record = decode(bytes?).map_err(|error| match error {
            StoreError::Damaged { what, at } => StoreError::Damaged { what, at: format!("{}: {at}", place_text(batch, index)) },
            StoreError::NewerVersion { what, found, known } => {
                StoreError::NewerVersion { what: format!("{what} at {}", place_text(batch, index)), found, known }
            }
            other => other,
        })?;
        let index = u16::try_from(index).map_err(|_| StoreError::damaged("log record", place_text(batch, index)))?;
        Ok((batch.position(index), record))
    })
}

/// A record's place in the words an operator greps for.
pub(crate) fn place_text(batch: &Batch, index: usize) -> String {
    format!("shard {} batch {} record {index}", batch.shard, batch.seq)
}
