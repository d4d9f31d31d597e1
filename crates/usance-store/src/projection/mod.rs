//! Read tables: the log as rows, for history, statements and whoever asks with SQL. Rebuildable, never the truth.
//!
//! Which rows a record makes is written once (`step`), in the order of the log, each batch proven whole and in its place
//! before it is believed. What the tables are is `tables`, what a value in them is `cell`. A home (`sqlite`, `postgres`)
//! stores rows together with how far they reach, in one transaction, refuses those that do not begin where the tables
//! stand, and answers questions. [`Projector`] moves the tables along the log; [`Reading`] asks what the service wants to
//! know; `docs/read-tables.md` is for everybody else. Daily rewards have no rows: they are derived from
//! [`Reading::stakes`] and the rates of closed days. Discarding the tables costs the time to build them again.

mod binary;
mod cell;
mod difference;
mod home;
mod postgres;
mod projector;
mod reading;
mod rows;
mod sqlite;
mod standing;
mod step;
mod tables;

pub use difference::{Differences, How, RowDifference};
pub use projector::Projector;
pub use reading::{Reading, Span};

pub(crate) use sqlite::SCHEMA as SQLITE_SCHEMA;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;
use usance_core::machine::Event;
use usance_core::reward::accrue::Stake;

/// What a customer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryKind {
    /// Coins came in.
    Deposit,
    /// Coins went out.
    Withdrawal,
    /// Coins changed accounts.
    Transfer,
    /// Coins were staked.
    Subscription,
    /// Coins were unstaked.
    Redemption,
}

impl HistoryKind {
    /// All of them.
    pub const ALL: [HistoryKind; 5] =
        [HistoryKind::Deposit, HistoryKind::Withdrawal, HistoryKind::Transfer, HistoryKind::Subscription, HistoryKind::Redemption];

    /// The word in the tables and on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            HistoryKind::Deposit => "deposit",
            HistoryKind::Withdrawal => "withdrawal",
            HistoryKind::Transfer => "transfer",
            HistoryKind::Subscription => "subscription",
            HistoryKind::Redemption => "redemption",
        }
    }
}

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
    /// The open day at the event.
    pub day: Day,
    /// The stake after it.
    pub stake: Stake,
}
