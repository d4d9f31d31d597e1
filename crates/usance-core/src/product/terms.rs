//! The terms of a product: how its rate is found, when rewards are paid, what leaving early costs, and what may change.
//!
//! What a kind of product is able to do is [`super::kind`]; terms that it contradicts are refused there.

use crate::calendar::Timestamp;
use crate::money::Amount;
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
