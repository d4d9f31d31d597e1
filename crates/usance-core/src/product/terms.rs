//! The terms of a product: how its rate is found, when rewards are paid, what leaving early costs, and what may change.
//!
//! What a kind of product is able to do is [`super::kind`]; terms that it contradicts are refused there.

use crate::calendar::Timestamp;
use crate::ledger::LedgerAccount;
use crate::limits::{YIELD_DAYS_MAX, YIELD_DAYS_MIN};
use crate::money::{Amount, Rate};
use serde::{Deserialize, Serialize};

/// Whether a position follows the product's rate or keeps that of its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateMode {
    /// The product's rate of each day.
    Floating,
    /// The bands in force on the day of subscription.
    Locked,
}

/// When accrued rewards are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distribution {
    /// With every close.
    Daily,
    /// Every n-th interest day of the position.
    EveryNDays(u32),
    /// With the last close of the term.
    AtMaturity,
}

/// What leaving a fixed term early costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EarlyRedemption {
    /// All rewards, paid and unpaid.
    Clawback,
    /// It is not possible.
    NotAllowed,
}

/// When whoever leaves is paid (TREASURY 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitTerms {
    /// At once: the platform promises it.
    #[default]
    Instant,
    /// At once as far as liquid coins cover it; the rest waits for its turn, with a date.
    MayQueue,
}

/// Who bears what a network takes of the stake (RULES 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlashingTerms {
    /// The platform.
    #[default]
    Platform,
    /// After what the platform gives, the customers in proportion.
    Shared,
}

/// What the settled rate of a day comes of (TREASURY 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum YieldTerms {
    /// The reference: the platform owes it whatever the network pays.
    #[default]
    Reference,
    /// What the network paid, at most the reference.
    Network {
        /// Over how many closed days it is averaged.
        over_days: u32,
        /// By how much at most it changes from one day to the next.
        step: Rate,
    },
}

/// How a product's stake in the network is its customers'. It is fixed when the product is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakingTerms {
    /// When whoever leaves is paid.
    pub exit: ExitTerms,
    /// Who bears what a network takes.
    pub slashing: SlashingTerms,
    /// What the settled rate comes of.
    pub yields: YieldTerms,
}

impl StakingTerms {
    /// Whether customers get what the network paid.
    #[must_use]
    pub const fn passes_on(&self) -> bool {
        matches!(self.yields, YieldTerms::Network { .. })
    }
    /// The account that rewards come from, and to which what is taken back returns.
    #[must_use]
    pub const fn rewards_from(&self) -> LedgerAccount {
        match self.yields {
            YieldTerms::Reference => LedgerAccount::RewardPool,
            YieldTerms::Network { .. } => LedgerAccount::YieldUndistributed,
        }
    }
    /// Why they cannot be, of a product with such a rate; `None` when they can.
    #[must_use]
    pub fn contradiction(&self, rate_mode: RateMode) -> Option<&'static str> {
        let YieldTerms::Network { over_days, step } = self.yields else { return None };
        if rate_mode != RateMode::Floating {
            return Some("the network's yield needs a floating rate");
        }
        if !(YIELD_DAYS_MIN..=YIELD_DAYS_MAX).contains(&over_days) {
            return Some("over_days is 2 to 90");
        }
        (step == Rate::ZERO).then_some("step is above 0")
    }
}

/// The fields that may be changed while a product lives; none touches a running position's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleTerms {
    /// Shown to customers.
    pub name: String,
    /// The least one subscription may be.
    pub minimum: Amount,
    /// Every subscription is a multiple of it.
    pub step: Option<Amount>,
    /// The most one customer may have in it.
    pub personal_maximum: Option<Amount>,
    /// The most all customers may have in it.
    pub capacity: Option<Amount>,
    /// First instant of sale.
    pub opens_at: Option<Timestamp>,
    /// First instant after the sale.
    pub closes_at: Option<Timestamp>,
    /// Whether a matured position may start another.
    pub renewal: bool,
    /// What can go wrong, in words.
    pub risk_notice: String,
}

impl SaleTerms {
    /// The smallest amount that passes minimum and step.
    #[must_use]
    pub fn smallest_allowed(&self) -> Amount {
        let minimum = self.minimum.max(Amount::ONE);
        let Some(step) = self.step else { return minimum };
        let floored = minimum.floor_to_step(step);
        if floored == minimum { minimum } else { floored.plus(step) }
    }
}
