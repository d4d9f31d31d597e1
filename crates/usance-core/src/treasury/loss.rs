//! Losses: what a network took, from the evidence until somebody has borne it, and what came back (TREASURY 8).
//!
//! A loss is there as soon as its evidence counts; until two people allocate it, it stands on `slashing_loss`. Who bears it is told by
//! [`Shares`], and what comes back is given in proportion to what each has borne and has not got back.

use super::bearing::Bearing;
use super::network::SlashedFrom;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, NetworkIx};
use crate::ledger::LedgerAccount;
use crate::money::{Amount, Balance, mul_div};
use serde::{Deserialize, Serialize};

/// What a loss was found by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// A picture that shows a slash.
    Slash {
        /// The picture's number.
        picture: u64,
        /// What it took, by validator in the order of their texts.
        from: Vec<SlashedFrom>,
    },
    /// A difference of which two people said that it is a loss.
    Difference {
        /// The difference's number.
        number: u64,
    },
}

/// How a loss, or what came back of it, is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// What was set aside for losses.
    pub reserve: Amount,
    /// What the platform kept of what networks paid.
    pub commission: Amount,
    /// The reward pool.
    pub pool: Amount,
    /// Customers of products whose slashing is shared.
    pub customers: Amount,
}

impl Shares {
    /// Each share of the platform's own with its account, in one order.
    #[must_use]
    pub const fn parts(&self) -> [(LedgerAccount, Amount); 3] {
        [
            (LedgerAccount::LossReserve, self.reserve),
            (LedgerAccount::CommissionIncome, self.commission),
            (LedgerAccount::RewardPool, self.pool),
        ]
    }
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.parts().into_iter().fold(self.customers, |sum, (_, part)| sum.plus(part))
    }
    /// The sum of two.
    #[must_use]
    pub const fn plus(&self, more: &Shares) -> Shares {
        Shares {
            reserve: self.reserve.plus(more.reserve),
            commission: self.commission.plus(more.commission),
            pool: self.pool.plus(more.pool),
            customers: self.customers.plus(more.customers),
        }
    }
    /// What is left of these after others, which are no larger.
    #[must_use]
    pub const fn left_after(&self, taken: &Shares) -> Shares {
        Shares {
            reserve: self.reserve.left_after(taken.reserve),
            commission: self.commission.left_after(taken.commission),
            pool: self.pool.left_after(taken.pool),
            customers: self.customers.left_after(taken.customers),
        }
    }
    /// An amount in proportion to these shares, to the unit: the sums up to each share are rounded down, so no part is larger than its share
    /// as long as the amount is no larger than all of them.
    #[must_use]
    pub fn in_proportion(&self, amount: Amount) -> Shares {
        let (all, mut borne, mut given) = (self.total(), Amount::ZERO, Amount::ZERO);
        let mut part = |share: Amount| {
            borne = borne.plus(share);
            let (units, _) = mul_div(amount.units(), borne.units(), all.units());
            let through = Amount::from_units(units);
            let this = through.left_after(given);
            given = through;
            this
        };
        Shares { reserve: part(self.reserve), commission: part(self.commission), pool: part(self.pool), customers: part(self.customers) }
    }
}

/// Who bears a loss, and what they got back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borne {
    /// Who bears how much; together all of it.
    pub by: Shares,
    /// When two people said so.
    pub at: Timestamp,
    /// What came back to each.
    pub recovered: Shares,
}

/// A loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// On which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// What it was found by.
    pub evidence: Evidence,
    /// How much.
    pub amount: Amount,
    /// When the evidence counted.
    pub found_at: Timestamp,
    /// Who bears it; nothing until two people have said so.
    pub borne: Option<Borne>,
    /// Who of its customers may have to bear of it.
    pub bearing: Bearing,
}

impl Loss {
    /// What of it stands on `slashing_loss`: what nobody has borne yet, less what came back and has not been given to customers yet.
    #[must_use]
    pub fn stands(&self) -> Balance {
        let unborne = match (self.borne, self.bearing.sharing) {
            (None, _) => self.amount,
            (Some(_), sharing) => sharing.unwrap_or_default().left(),
        };
        Balance::ZERO.plus(unborne).minus(self.bearing.returning.unwrap_or_default().left())
    }
    /// Whether not all have borne their part.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        self.borne.is_none() || self.bearing.sharing.is_some()
    }
    /// Whether those of its customers who leave keep something back for it: the one at a place has not had its turn yet.
    #[must_use]
    pub fn withholds(&self, place: u64) -> bool {
        self.borne.is_none() || self.bearing.sharing.is_some_and(|sharing| place >= sharing.next)
    }
    /// What can still come back to those who bear it.
    #[must_use]
    pub fn unrecovered(&self) -> Shares {
        self.borne.map_or_else(Shares::default, |borne| borne.by.left_after(&borne.recovered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(reserve: u128, commission: u128, pool: u128) -> Shares {
        let units = Amount::from_units;
        Shares { reserve: units(reserve), commission: units(commission), pool: units(pool), customers: units(0) }
    }

    #[test]
    fn what_comes_back_is_given_in_proportion_to_the_unit() {
        let borne = shares(3, 3, 4);
        let customers = Amount::from_units(2);
        let given = Shares { customers, ..shares(1, 2, 2) };
        assert_eq!(Shares { customers: Amount::from_units(4), ..borne }.in_proportion(Amount::from_units(7)), given);
        assert_eq!(borne.in_proportion(Amount::from_units(5)), shares(1, 2, 2));
        assert_eq!(borne.in_proportion(Amount::from_units(10)), borne);
        assert_eq!(shares(0, 0, 7).in_proportion(Amount::from_units(3)), shares(0, 0, 3));
        assert_eq!(Shares::default().in_proportion(Amount::ZERO), Shares::default());
    }

    #[test]
    fn no_part_is_larger_than_its_share_and_all_come_back_once() {
        for (reserve, commission, pool) in [(1, 1, 1), (7, 0, 5), (0, 9, 2), (5, 3, 11)] {
            for step in 1..=6 {
                let all = shares(reserve, commission, pool);
                let mut left = all;
                while !left.total().is_zero() {
                    let amount = Amount::from_units(step).min(left.total());
                    let given = left.in_proportion(amount);
                    assert_eq!(given.total(), amount);
                    assert!(given.parts().iter().zip(left.parts()).all(|((_, part), (_, share))| *part <= share), "{left:?} {given:?}");
                    left = left.left_after(&given);
                }
            }
        }
    }
}
