//! The small parts of the state: what is fixed, what operators set up, and the books.
//!
//! A snapshot stores them in a few pieces; what grows with customers stands in the columns of [`super::state::State`].

use crate::calendar::{Day, DayOffset, Timestamp};
use crate::id::PositionId;
use crate::ledger::{ControlAccounts, SubLedgerTotals};
use crate::money::Amount;
use crate::product::Product;
use crate::product::rates::RateVersion;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which clock a platform was created with; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockMode {
    /// The machine's own.
    System,
    /// One that stands still until it is moved.
    Simulated,
}

/// What is fixed when a platform is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The shard this state is.
    pub shard: u16,
    /// Where its day starts.
    pub offset: DayOffset,
    /// Its clock.
    pub clock: ClockMode,
    /// Its first instant.
    pub created_at: Timestamp,
    /// What its large maps are keyed with; random, drawn at creation.
    pub seed: [u8; 32],
}

/// A coin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// `SOL`
    pub symbol: String,
    /// `Solana`
    pub name: String,
    /// Decimals of a base unit.
    pub decimals: u8,
    /// Decimals that pages show.
    pub display_decimals: u8,
}

/// A Staking Service Agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its version.
    pub version: String,
    /// Its words.
    pub text: String,
    /// SHA-256 of its words.
    pub sha256: [u8; 32],
    /// When it came into force.
    pub in_force_since: Timestamp,
}

/// The books at the close of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksAtClose {
    /// The control accounts.
    pub control: ControlAccounts,
    /// What stood in the sub-ledgers.
    pub sub_ledger: SubLedgerTotals,
}

/// The numbers the next of each kind will get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Subscriptions so far.
    pub subscriptions: u64,
    /// Redemptions so far.
    pub redemptions: u64,
    /// Transfers so far.
    pub transfers: u64,
    /// Deposits and withdrawals so far.
    pub wallet_moves: u64,
    /// Writers so far.
    pub epoch: u64,
}

/// The small parts of the state, which a snapshot stores in one piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// What is fixed.
    pub platform: Platform,
    /// The last instant a command was stamped with.
    pub last_at: Timestamp,
    /// The first day that is not closed.
    pub open_day: Day,
    /// Days up to this one may be closed at once by a system clock.
    pub confirmed_through: Day,
    /// Assets in order of creation.
    pub assets: Vec<Asset>,
    /// Agreements in order of publication; the last is in force.
    pub agreements: Vec<Agreement>,
    /// Products in order of creation.
    pub products: Vec<Product>,
    /// Announced rates in order of announcement.
    pub rate_versions: Vec<RateVersion>,
    /// Control accounts per asset.
    pub control: Vec<ControlAccounts>,
    /// Sub-ledger totals per asset.
    pub sub_ledger: Vec<SubLedgerTotals>,
    /// The books at the close of each day, per asset.
    pub books: BTreeMap<Day, Vec<BooksAtClose>>,
    /// What early exits could not take back, by position.
    pub written_off: BTreeMap<PositionId, Amount>,
    /// Numbers given so far.
    pub counters: Counters,
}
