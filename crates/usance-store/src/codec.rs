//! The bytes of a log record: one version byte, then postcard.
//!
//! A record holds one command's instant, its key, its events and its answer. Golden files in `tests/golden/` pin the
//! bytes: a change that would read an old record differently fails there, and then needs a new version byte with the old
//! shape kept here. Refuses a record of a newer version by name.

use crate::StoreError;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
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
/// [`StoreError::Damaged`] when postcard refuses, which no record of this release makes it do.
pub fn encode(record: &Record, to: &mut Vec<u8>) -> Result<(), StoreError> {
    to.push(RECORD_VERSION);
    let whole = postcard::to_extend(record, std::mem::take(to))
        .map_err(|error| StoreError::Damaged { what: "log record".into(), at: format!("encoding: {error}") })?;
    *to = whole;
    Ok(())
}

/// Reads a record's bytes.
///
/// # Errors
/// [`StoreError::NewerVersion`] for a version this release does not know, [`StoreError::Damaged`] for anything that is
/// not exactly one record.
pub fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
    let damaged = |at: String| StoreError::Damaged { what: "log record".into(), at };
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
