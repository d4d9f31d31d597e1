//! How far read tables are along the log.

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;

use crate::head::GENESIS_HASH;

/// How far tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last batch that is in them, 0 when none is.
    pub seq: u64,
    /// Its hash, which the next one follows from.
    pub hash: [u8; 32],
    /// When it was sealed.
    pub at: Timestamp,
    /// The first day that it left open.
    pub open_day: Day,
}

impl Progress {
    /// Before the first batch.
    pub const START: Progress = Progress { seq: 0, hash: GENESIS_HASH, at: Timestamp::from_ms(0), open_day: Day::from_number(0) };

    /// The last place whose record is in the tables.
    pub const fn reached(&self) -> LogPosition {
        if self.seq == 0 { LogPosition::START } else { LogPosition::end_of(self.seq) }
    }
}
