//! The bytes of the log: records, and the batch that carries them.
//!
//! Owns the framing of records inside a batch and the hash that chains each batch to the one before. It refuses a batch
//! without records, more than 65,536 records, and a body beyond [`BODY_MAX`]. What a record means is the event codec's
//! affair; where batches are kept is [`crate::log`]'s.
//!
//! The hash is plain BLAKE3 over, in this order and little endian, the 13 bytes `usance log v1`, shard (2 bytes), seq
//! (8), at_ms (8), the previous hash (32) and the body: anybody can recompute the chain with any BLAKE3 tool.

use std::fmt;

use usance_core::id::LogPosition;

pub use crate::bounds::{BODY_MAX, BatchError, RECORDS_MAX, SEQ_MAX};
use crate::error::StoreError;
pub use crate::head::GENESIS_HASH;
use crate::head::Head;

const FRAME: usize = size_of::<u32>();
const DOMAIN: &[u8] = b"usance log v1";

/// One durable write: the records of everyone who asked in the same instant.
///
/// The fields are the columns of a row in the log, readable and writable so that a test can damage them. What came from
/// storage is to be passed through [`Batch::verify`] before it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The part of the customers this log belongs to.
    pub shard: u16,
    /// Place in the log of the shard, from 1, without holes.
    pub seq: u64,
    /// When it was sealed, milliseconds since the Unix epoch, engine time.
    pub at_ms: i64,
    /// Hash of the batch before, [`GENESIS_HASH`] for the first.
    pub previous: [u8; 32],
    /// Hash of this batch.
    pub hash: [u8; 32],
    /// The records, each behind its length (u32, little endian).
    pub body: Vec<u8>,
}

impl Batch {
    /// The head that the log has once this batch is its last.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash, at_ms: self.at_ms }
    }

    /// The position of the record with this index in this batch.
    pub fn position(&self, index: u16) -> LogPosition {
        LogPosition::new(self.seq, index)
    }

    /// The records in the order they were pushed. A frame that reaches beyond the body gives one error, then ends.
    pub fn records(&self) -> Records<'_> {
        Records { shard: self.shard, seq: self.seq, index: 0, rest: &self.body }
    }

    /// One record, or `None` when the batch has fewer.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a frame before it is torn.
    pub fn record(&self, index: u16) -> Result<Option<&[u8]>, StoreError> {
        // `nth` would step over the error of a torn frame.
        for (at, record) in self.records().enumerate() {
            let record = record?;
            if at == usize::from(index) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Whether this is the very batch that was sealed, standing upon the batch with hash `expected_previous`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], naming shard, batch and what does not hold.
    pub fn verify(&self, expected_previous: &[u8; 32]) -> Result<(), StoreError> {
        self.verify_alone()?;
        if self.previous != *expected_previous {
            return Err(self.damaged("it does not follow from the batch before"));
        }
        Ok(())
    }

    /// Whether this is the very batch that was sealed, and the next one after `head`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], naming shard, batch and what does not hold.
    pub fn verify_after(&self, head: &Head) -> Result<(), StoreError> {
        let expected = head.seq.saturating_add(1);
        if self.seq != expected {
            return Err(missing(self.shard, expected, self.seq));
        }
        self.verify(&head.hash)
    }

    /// Like [`Batch::verify`] for a batch read by itself: everything but the link to the batch before.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], naming shard, batch and what does not hold.
    pub fn verify_alone(&self) -> Result<(), StoreError> {
        if self.body.len() > BODY_MAX {
            return Err(too_long(self.shard, self.seq, self.body.len()));
        }
        if hash(self.shard, self.seq, self.at_ms, &self.previous, &self.body) != self.hash {
            return Err(self.damaged("hash does not match"));
        }
        let mut count = 0_usize;
        for record in self.records() {
            record?;
            count += 1;
        }
        match count {
            0 => Err(self.damaged("it has no records")),
            1..=RECORDS_MAX => Ok(()),
            _ => Err(self.damaged(format_args!("it has {count} records"))),
        }
    }

    /// Whether this batch may stand right after `head`. Its hash is not computed again.
    ///
    /// # Errors
    /// The [`BatchError`] that says why not.
    pub(crate) fn follows(&self, head: &Head) -> Result<(), BatchError> {
        if self.body.is_empty() {
            return Err(BatchError::Empty);
        }
        if self.body.len() > BODY_MAX {
            return Err(BatchError::TooLarge { bytes: self.body.len() });
        }
        let expected = head.seq.saturating_add(1);
        if self.seq != expected || self.seq > SEQ_MAX {
            return Err(BatchError::OutOfOrder { expected, found: self.seq });
        }
        if self.previous != head.hash {
            return Err(BatchError::WrongPrevious { seq: self.seq });
        }
        Ok(())
    }

    fn damaged(&self, how: impl fmt::Display) -> StoreError {
        StoreError::damaged_batch(self.shard, self.seq, how)
    }
}

/// The records of one batch, see [`Batch::records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    shard: u16,
    seq: u64,
    index: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let framed = self.rest.split_first_chunk::<FRAME>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        match framed {
            Some((record, rest)) => {
                self.rest = rest;
                self.index += 1;
                Some(Ok(record))
            }
            None => {
                self.rest = &[];
                let how = format_args!("record {} is torn", self.index).to_string();
                Some(Err(StoreError::damaged_batch(self.shard, self.seq, how)))
            }
        }
    }
}

impl std::iter::FusedIterator for Records<'_> {}

/// Collects records until they are sealed into a [`Batch`].
#[derive(Debug, Default)]
pub struct BatchBuilder {
    body: Vec<u8>,
    records: usize,
}

impl BatchBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        BatchBuilder::default()
    }

    /// An empty builder with room for a body of so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        BatchBuilder { body: Vec::with_capacity(bytes.min(BODY_MAX)), records: 0 }
    }

    /// Adds one record and gives its index in the batch.
    ///
    /// # Errors
    /// [`BatchError::TooManyRecords`] or [`BatchError::TooLarge`]; the builder is as before, and can be sealed.
    pub fn push(&mut self, record: &[u8]) -> Result<u16, BatchError> {
        let bytes = self.body.len().saturating_add(FRAME).saturating_add(record.len());
        if bytes > BODY_MAX {
            return Err(BatchError::TooLarge { bytes });
        }
        self.push_with(|body| body.extend_from_slice(record))
    }

    /// Adds one record that `encode` appends to the buffer it is given, and gives its index. The buffer holds the
    /// records before as well: `encode` only extends it.
    ///
    /// # Errors
    /// As [`BatchBuilder::push`]; [`BatchError::Shortened`] when `encode` cut the buffer, after which the builder is
    /// empty.
    pub fn push_with(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<u16, BatchError> {
        self.try_push_with(|body| {
            encode(body);
            Ok(())
        })
    }

    /// Like [`BatchBuilder::push_with`] with an encoder that may fail, after which the builder is as before.
    ///
    /// # Errors
    /// The encoder's, or as [`BatchBuilder::push_with`].
    pub fn try_push_with<E: From<BatchError>>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<u16, E> {
        let Ok(index) = u16::try_from(self.records) else {
            return Err(BatchError::TooManyRecords.into());
        };
        let start = self.body.len();
        self.body.extend_from_slice(&[0; FRAME]);
        let encoded = encode(&mut self.body);
        let bytes = self.body.len();
        let Some(length) = bytes.checked_sub(start + FRAME) else {
            // Records that were promised a place are gone: nothing of this batch may be sealed.
            self.clear();
            return Err(BatchError::Shortened.into());
        };
        if let Err(error) = encoded {
            self.body.truncate(start);
            return Err(error);
        }
        let frame = match u32::try_from(length) {
            Ok(length) if bytes <= BODY_MAX => length.to_le_bytes(),
            _ => {
                self.body.truncate(start);
                return Err(BatchError::TooLarge { bytes }.into());
            }
        };
        for (place, byte) in self.body.iter_mut().skip(start).zip(frame) {
            *place = byte;
        }
        self.records += 1;
        Ok(index)
    }

    /// How many records were pushed.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether no record was pushed.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many bytes the body has so far, frames included.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Drops every record, keeps the buffer.
    pub fn clear(&mut self) {
        self.body.clear();
        self.records = 0;
    }

    /// Closes the batch: `seq` is its place in the log of `shard`, `at_ms` the engine time in milliseconds, `previous`
    /// the hash of the batch before ([`GENESIS_HASH`] for the first).
    ///
    /// # Errors
    /// [`BatchError::Empty`] without records, [`BatchError::OutOfOrder`] with a seq of 0 or beyond [`SEQ_MAX`].
    pub fn seal(self, shard: u16, seq: u64, at_ms: i64, previous: [u8; 32]) -> Result<Batch, BatchError> {
        if self.records == 0 {
            return Err(BatchError::Empty);
        }
        if seq == 0 || seq > SEQ_MAX {
            return Err(BatchError::OutOfOrder { expected: seq.clamp(1, SEQ_MAX), found: seq });
        }
        let hash = hash(shard, seq, at_ms, &previous, &self.body);
        Ok(Batch { shard, seq, at_ms, previous, hash, body: self.body })
    }
}

/// The damage of a log in which batch `next` follows where `expected` should be.
pub(crate) fn missing(shard: u16, expected: u64, next: u64) -> StoreError {
    StoreError::damaged_batch(shard, expected, format_args!("it is missing, the next is batch {next}"))
}

/// The damage of a batch whose body no writer could have sealed.
pub(crate) fn too_long(shard: u16, seq: u64, bytes: impl fmt::Display) -> StoreError {
    StoreError::damaged_batch(shard, seq, format_args!("its body has {bytes} bytes, at most {BODY_MAX} can be"))
}

/// The hash of a batch; the module's head says over what.
fn hash(shard: u16, seq: u64, at_ms: i64, previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    hasher.update(&shard.to_le_bytes());
    hasher.update(&seq.to_le_bytes());
    hasher.update(&at_ms.to_le_bytes());
    hasher.update(previous);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_too_long_is_refused_before_it_is_looked_at() {
        let mut builder = BatchBuilder::new();
        builder.push(b"record").unwrap();
        let mut batch = builder.seal(0, 7, 0, GENESIS_HASH).unwrap();
        batch.verify_alone().unwrap();
        batch.body = vec![0; BODY_MAX + 1];
        let sentence = batch.verify_alone().unwrap_err().to_string();
        assert_eq!(sentence, "log record damaged: shard 0 batch 7: its body has 268435457 bytes, at most 268435456 can be");
    }
}
