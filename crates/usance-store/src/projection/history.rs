//! What the read tables tell of the past, as values.

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;
use usance_core::machine::Event;
pub use usance_core::machine::news::HistoryKind;
use usance_core::reward::accrue::Stake;

/// One thing a customer did.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Where it stands in the log.
    pub place: LogPosition,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: HistoryKind,
    /// What it did to Spot, in base units.
    pub spot: i128,
    /// What it did to Funding, in base units.
    pub funding: i128,
    /// The event itself.
    pub event: Event,
}

/// A day that was closed, and where in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedOn {
    /// The day.
    pub day: Day,
    /// Where it stands in the log.
    pub place: LogPosition,
}

/// How a stake stood after an event, for the days from it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StakeRow {
    /// Where the event stands in the log.
    pub place: LogPosition,
    /// The open day at the event.
    pub day: Day,
    /// The stake after it.
    pub stake: Stake,
}
