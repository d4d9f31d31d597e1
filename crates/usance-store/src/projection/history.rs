//! What the read tables tell of the past, as values.

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
