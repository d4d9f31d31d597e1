//! Products: what is offered, at which rates, within which limits (RULES 5).
//!
//! [`Product`] holds the terms and the running totals; [`rates`] the announced versions, tiers and settled rates;
//! [`limit`] what an amount has to satisfy. Availability is derived, never stored. Refuses terms that contradict
//! themselves when a product is created; a running position's terms never change.

pub mod kind;
pub mod limit;
pub mod rates;
pub mod terms;

pub use kind::{Kind, KindName, Leaving};
pub use terms::{Distribution, EarlyRedemption, ExitTerms, RateMode, SaleTerms, SlashingTerms, StakingTerms, YieldTerms};

use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, RateVersionIx};
use crate::money::{Amount, Rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a product stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Being prepared; customers do not see it.
    Draft,
    /// On sale, within its window.
    Open,
    /// Takes no subscription for now.
    Paused,
    /// Takes no subscription ever again.
    Closed,
}

impl Status {
    /// Whether the operator may set `to` (RULES 5). Asking for the present status again is fine.
    #[must_use]
    pub const fn may_become(self, to: Status) -> bool {
        matches!(
            (self, to),
            (Status::Draft, Status::Draft | Status::Open)
                | (Status::Open, Status::Open | Status::Paused | Status::Closed)
                | (Status::Paused, Status::Paused | Status::Open | Status::Closed)
                | (Status::Closed, Status::Closed)
        )
    }
}

/// What a customer is told about whether it can be subscribed to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// It can.
    Available,
    /// Its sale window has not begun.
    Upcoming,
    /// Less capacity is left than the smallest allowed amount.
    SoldOut,
    /// Its sale window is over.
    Ended,
    /// Draft, paused or closed.
    Unavailable,
}

/// One closed day of a product: the version in force and the settled rate that capped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedDay {
    /// The announced version in force at the close.
    pub version: RateVersionIx,
    /// The settled rate, if one was set.
    pub settled: Option<Rate>,
}

/// A product with its schedule and totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The operator's name for it.
    pub id: String,
    /// What is staked and earned.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// Floating or locked.
    pub rate_mode: RateMode,
    /// When rewards are paid.
    pub distribution: Distribution,
    /// What an early exit costs.
    pub early_redemption: EarlyRedemption,
    /// How its stake in the network is its customers'.
    pub staking: StakingTerms,
    /// What may change.
    pub sale: SaleTerms,
    /// Where it stands.
    pub status: Status,
    /// Total principal.
    pub staked: Amount,
    /// The version in force from each day on; the last announcement for a day holds.
    pub schedule: BTreeMap<Day, RateVersionIx>,
    /// Settled rates of days not closed yet.
    pub settled: BTreeMap<Day, Rate>,
    /// The first day in `closed`.
    pub closed_from: Day,
    /// Every closed day since a rate was first in force, in order and without a gap.
    pub closed: Vec<ClosedDay>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Product {
    /// The announced version in force on a day.
    #[must_use]
    pub fn version_on(&self, day: Day) -> Option<RateVersionIx> {
        self.schedule.range(..=day).next_back().map(|(_, version)| *version)
    }
    /// The next version that is announced for a later day.
    #[must_use]
    pub fn next_version_after(&self, day: Day) -> Option<(Day, RateVersionIx)> {
        self.schedule.range(day.next()..).next().map(|(from, version)| (*from, *version))
    }
    /// The record of a closed day.
    #[must_use]
    pub fn closed_day(&self, day: Day) -> Option<ClosedDay> {
        self.closed.get(usize::try_from(day.since(self.closed_from)).ok()?).copied()
    }
    /// Whether a matured position may start another term of it.
    #[must_use]
    pub const fn renews(&self) -> bool {
        self.kind.can_renew() && self.sale.renewal
    }
    /// Whether the principal of a position stays what it was opened with until it ends: nothing is added, nothing is taken, and no loss
    /// takes of it.
    #[must_use]
    pub const fn keeps_principal(&self) -> bool {
        self.kind.keeps_principal() && matches!(self.staking.slashing, SlashingTerms::Platform)
    }
    /// What is left of the capacity; `None` without one.
    #[must_use]
    pub fn capacity_left(&self) -> Option<Amount> {
        self.sale.capacity.map(|capacity| capacity.left_after(self.staked))
    }
    /// What a customer is told at an instant. Derived, never stored.
    #[must_use]
    pub fn availability(&self, at: Timestamp) -> Availability {
        if self.status != Status::Open {
            Availability::Unavailable
        } else if self.sale.opens_at.is_some_and(|opens| at < opens) {
            Availability::Upcoming
        } else if self.sale.closes_at.is_some_and(|closes| at >= closes) {
            Availability::Ended
        } else if self.capacity_left().is_some_and(|left| left < self.sale.smallest_allowed()) {
            Availability::SoldOut
        } else {
            Availability::Available
        }
    }
    /// Whether `k`, the interest day of a position that just closed, is one on which rewards are paid.
    #[must_use]
    pub fn distributes_on(&self, k: u32) -> bool {
        if Some(k) == self.kind.term_days() {
            return true;
        }
        match self.distribution {
            Distribution::Daily => true,
            Distribution::EveryNDays(every) => k.checked_rem(every) == Some(0),
            Distribution::AtMaturity => false,
        }
    }
    /// The last interest day before `k` on which rewards were paid; 0 where there was none.
    #[must_use]
    pub fn last_distribution_day(&self, k: u32) -> u32 {
        let before = k.saturating_sub(1);
        match self.distribution {
            Distribution::Daily => before,
            Distribution::EveryNDays(every) => before.saturating_sub(before.checked_rem(every).unwrap_or(before)),
            Distribution::AtMaturity => 0,
        }
    }
    /// The closed days from one on, in order, that were closed as that one was; the last of them, but none after `to`.
    #[must_use]
    pub fn closed_alike(&self, day: Day, to: Day) -> Day {
        let index = |day: Day| usize::try_from(day.since(self.closed_from)).unwrap_or(0);
        let closed = self.closed.get(index(day)..).unwrap_or_default();
        let alike = closed.iter().take(index(to.next()).saturating_sub(index(day)));
        let count = alike.take_while(|closed_day| Some(*closed_day) == closed.first()).count();
        day.plus_days(i32::try_from(count.saturating_sub(1)).unwrap_or(0))
    }
    /// The next interest day, from `k` on, on which rewards are paid.
    #[must_use]
    pub fn next_distribution_day(&self, k: u32) -> u32 {
        let term = self.kind.term_days().unwrap_or(u32::MAX);
        match self.distribution {
            Distribution::Daily => k.min(term),
            Distribution::EveryNDays(every) => k.checked_next_multiple_of(every).unwrap_or(term).min(term),
            Distribution::AtMaturity => term,
        }
    }
}

/// Why terms contradict themselves, as a sentence; `None` when they do not.
#[must_use]
pub fn contradiction(kind: Kind, distribution: Distribution, sale: &SaleTerms) -> Option<&'static str> {
    let of_kind = kind.contradiction(distribution, sale);
    if of_kind.is_some() {
        return of_kind;
    }
    if let (Some(opens), Some(closes)) = (sale.opens_at, sale.closes_at)
        && closes <= opens
    {
        return Some("closes_at is after opens_at");
    }
    None
}
