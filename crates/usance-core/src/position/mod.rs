//! Positions: what a customer has staked, as two compact columns, and the one table of transitions.
//!
//! [`Running`] is what a close touches every day; [`Origin`] what it does not. Amounts are packed ([`crate::pieces::packed`]) so that
//! a position takes 160 bytes and ten million fit a small machine. Which are active says one bit each ([`active`]). What a
//! position earned is `crate::reward`'s; when it may change state is [`transition`]'s.

pub mod active;
pub mod transition;

use crate::calendar::{Day, Timestamp, maturity_day};
use crate::id::{AccountIx, AgreementIx, HoldingIx, PositionId, ProductIx, RateVersionIx};
use crate::money::Amount;
use crate::pieces::packed::{Packed48, Packed96, Packed128};
use crate::product::{Kind, Product};
use serde::{Deserialize, Serialize};

/// Where a position stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PositionState {
    /// Staked.
    Active,
    /// The term is over; everything was paid out.
    Matured,
    /// The term is over; principal started another position.
    Renewed,
    /// A flexible position that was emptied.
    Redeemed,
    /// A fixed term left before its end.
    RedeemedEarly,
}

/// What a close touches: the amounts that earn, what they earned, and whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Principal that earns today. It was there for the whole of today if it is there at today's close.
    pub earning: Packed96,
    /// Principal whose value date is tomorrow.
    pub pending: Packed96,
    /// What the last close gave it.
    pub last_reward: Packed96,
    /// Earned and not yet paid (fixed-term).
    pub accrued: Packed128,
    /// Paid into Funding over its life; never reduced.
    pub distributed: Packed128,
    /// What is left of the last division, below `money::DAY_DIVISOR`.
    pub carry: Packed48,
    /// Whose.
    pub account: AccountIx,
    /// Of what.
    pub product: ProductIx,
    /// The first day that counts.
    pub value_date: Day,
    /// The version it is locked to; [`FLOATING`] when it follows the product.
    pub rate_version: RateVersionIx,
    /// Where it stands.
    pub state: PositionState,
    /// Whether it starts another term by itself.
    pub auto_renew: bool,
}

/// The rate version of a position that follows its product's rate.
pub const FLOATING: RateVersionIx = RateVersionIx(u32::MAX);

/// What a close does not touch: where a position came from and where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The part of the principal that came from Spot. A fixed-term position keeps it after its end.
    pub from_spot: Packed96,
    /// Everything ever subscribed into it.
    pub principal_opened: Packed128,
    /// When it was opened, in milliseconds.
    pub opened_at: Packed48,
    /// When it ended, in milliseconds; 0 while it runs.
    pub closed_at: Packed48,
    /// The position it continues; 0 for none.
    pub renewed_from: Packed48,
    /// The position that continues it; 0 for none.
    pub renewed_into: Packed48,
    /// The customer's position before this one in the same product; 0 for none.
    pub previous_in_holding: Packed48,
    /// The customer's holding in the product.
    pub holding: HoldingIx,
    /// The agreement it was opened under.
    pub agreement: AgreementIx,
}

impl Running {
    /// All that is staked now.
    #[must_use]
    #[inline]
    pub fn principal(&self) -> Amount {
        self.earning.get().plus(self.pending.get())
    }
    /// Whether it is staked now.
    #[must_use]
    #[inline]
    pub fn is_active(&self) -> bool {
        self.state == PositionState::Active
    }
    /// Which day of its term a day is: 1 on the value date, 0 before it.
    #[must_use]
    #[inline]
    pub fn interest_day(&self, day: Day) -> u32 {
        u32::try_from(day.since(self.value_date).saturating_add(1)).unwrap_or(0)
    }
    /// The day at whose first instant the term is over; `None` for flexible.
    #[must_use]
    pub fn maturity_day(&self, kind: Kind) -> Option<Day> {
        kind.term_days().map(|term| maturity_day(self.value_date, term))
    }
    /// The day whose close pays next; `None` when it is over.
    #[must_use]
    pub fn next_distribution_day(&self, product: &Product, open_day: Day) -> Option<Day> {
        if !self.is_active() {
            return None;
        }
        let first_earning = if self.earning.get().is_zero() { open_day.next() } else { open_day };
        if !product.kind.accrues() {
            return Some(first_earning);
        }
        let k = product.next_distribution_day(self.interest_day(first_earning).max(1));
        Some(self.value_date.plus_days(i32::try_from(k).unwrap_or(i32::MAX)).previous())
    }
}

impl Origin {
    /// When it ended.
    #[must_use]
    pub fn closed_at(&self) -> Option<Timestamp> {
        let ms = self.closed_at.get();
        (ms != 0).then(|| Timestamp::from_ms(i64::try_from(ms).unwrap_or(i64::MAX)))
    }
    /// When it was opened.
    #[must_use]
    pub fn opened_at(&self) -> Timestamp {
        Timestamp::from_ms(i64::try_from(self.opened_at.get()).unwrap_or(i64::MAX))
    }
}

/// A packed position number; 0 is none.
#[must_use]
pub fn position_link(link: Packed48) -> Option<PositionId> {
    (link.get() != 0).then(|| PositionId(link.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_small() {
        assert!(size_of::<Running>() + size_of::<Origin>() <= 160, "{} + {}", size_of::<Running>(), size_of::<Origin>());
    }
}
