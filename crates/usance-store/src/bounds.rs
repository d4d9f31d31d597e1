//! What a batch may hold, and why one cannot be built or cannot stand where it was to be appended.

use usance_core::id::LogPosition;

/// How many records one batch holds at most.
pub const RECORDS_MAX: usize = LogPosition::RECORDS_MAX;
/// How many bytes the body of one batch has at most, frames included: 256 MiB.
pub const BODY_MAX: usize = 256 << 20;
/// The highest seq: it shares 64 bits with the record's index.
pub const SEQ_MAX: u64 = LogPosition::SEQ_MAX;
/// Why a batch cannot be built, or cannot stand where it was to be appended. Always a fault of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A batch carries at least one record.
    #[error("a batch needs at least one record")]
    Empty,
    /// More than [`RECORDS_MAX`] records.
    #[error("a batch holds at most {RECORDS_MAX} records")]
    TooManyRecords,
    /// The body would pass [`BODY_MAX`].
    #[error("a batch holds at most {BODY_MAX} bytes, not {bytes}")]
    TooLarge {
        /// The bytes it would have.
        bytes: usize,
    },
    /// An encoder took away bytes it had not written.
    #[error("an encoder shortened the batch it was to extend")]
    Shortened,
    /// Seq counts from 1, without holes, up to [`SEQ_MAX`].
    #[error("batch {found} cannot stand here, only batch {expected} can")]
    OutOfOrder {
        /// The only seq possible.
        expected: u64,
        /// The batch's seq.
        found: u64,
    },
    /// The batch was sealed upon another hash than the log's head has.
    #[error("batch {seq} was not sealed upon the hash of the batch before")]
    WrongPrevious {
        /// The batch's seq.
        seq: u64,
    },
}
