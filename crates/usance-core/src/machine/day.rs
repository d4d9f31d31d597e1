//! A closed day as its event keeps it: totals, and the digest that proves that closing it again gave the same.

use crate::calendar::Day;
use crate::id::{PositionId, ProductIx, RateVersionIx};
use crate::money::{Amount, Rate};
use serde::{Deserialize, Serialize};

/// The version of the rule by which days are closed; part of every closed day.
pub const CLOSE_RULE: u16 = 1;

/// What a close did to one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDay {
    /// Which.
    pub product: ProductIx,
    /// The announced version in force.
    pub version: RateVersionIx,
    /// The settled rate that capped it.
    pub settled: Option<Rate>,
    /// Positions with principal that earned.
    pub earning_positions: u64,
    /// What they earned together.
    pub rewards: Amount,
    /// What was paid into Funding.
    pub distributed: Amount,
    /// Terms that ended, renewed ones included.
    pub matured: u64,
    /// Principal returned to Spot.
    pub returned_spot: Amount,
    /// Principal returned to Funding.
    pub returned_funding: Amount,
    /// Terms that started again.
    pub renewed: u64,
    /// Principal that started again.
    pub renewed_principal: Amount,
}

impl ProductDay {
    /// The principal that terms gave back, to either account.
    #[must_use]
    pub const fn returned(&self) -> Amount {
        self.returned_spot.plus(self.returned_funding)
    }
}

/// A closed day: totals per product, and the digest of every position's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// Which day.
    pub day: Day,
    /// The rule it was closed by.
    pub rule: u16,
    /// Every product with a rate in force that day.
    pub products: Vec<ProductDay>,
    /// The number the next position will get.
    pub next_position: PositionId,
    /// BLAKE3 over (position, reward) of every earning position in order.
    pub digest: [u8; 32],
}
