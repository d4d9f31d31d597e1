//! A closed day as its event keeps it: totals, and the digest that proves that closing it again gave the same.

use crate::calendar::Day;
use crate::id::{AssetIx, PositionId, ProductIx, RateVersionIx};
use crate::money::{Amount, Rate};
use crate::treasury::yields::Divided;
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The version of the rule by which days are closed; part of every closed day.
pub const CLOSE_RULE: u16 = 1;
/// The version by which days are closed on which a network's yield was divided or passed on: what became of it stands behind the rest.
/// A day without is closed by the first, so its bytes are those of every release.
pub const CLOSE_RULE_YIELDS: u16 = 2;

/// The version by which days are closed on which something was withheld of a term that ended: what, stands behind the yields.
pub const CLOSE_RULE_WITHHELD: u16 = 3;

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
    /// Principal returned to Spot, without what was withheld.
    pub returned_spot: Amount,
    /// Principal returned to Funding, without what was withheld.
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

/// What a close did to what networks pay of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct YieldClosed {
    /// Of which asset.
    pub asset: AssetIx,
    /// How what the day had earned was divided.
    pub divided: Divided,
    /// What no customer got in time, and passes to the reward pool.
    pub passed: Amount,
}

/// What of the terms of a product that ended is not paid before two people have said who bears a loss (TREASURY 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldDay {
    /// Of which product.
    pub product: ProductIx,
    /// Of how many positions.
    pub positions: u64,
    /// How much; it waits in the queue.
    pub amount: Amount,
}

/// A closed day: totals per product, and the digest of every position's result.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What became of what networks pay, per asset, where something did: only by [`CLOSE_RULE_YIELDS`].
    pub yields: Vec<YieldClosed>,
    /// What was withheld, per product, where something was: only by [`CLOSE_RULE_WITHHELD`].
    pub withheld: Vec<WithheldDay>,
}

impl DayClosed {
    /// What was withheld of the terms of a product that ended.
    #[must_use]
    pub fn withheld_of(&self, product: ProductIx) -> Amount {
        self.withheld.iter().find(|line| line.product == product).map_or(Amount::ZERO, |line| line.amount)
    }
    /// The rule that a day with such yields and with so much withheld is closed by.
    #[must_use]
    pub const fn rule_of(yields: &[YieldClosed], withheld: &[WithheldDay]) -> u16 {
        match (yields.is_empty(), withheld.is_empty()) {
            (_, false) => CLOSE_RULE_WITHHELD,
            (false, true) => CLOSE_RULE_YIELDS,
            (true, true) => CLOSE_RULE,
        }
    }
}

// Its bytes are those of its fields in their order; the last two are there as the rule says.
impl Serialize for DayClosed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (has_yields, has_withheld) = (self.rule >= CLOSE_RULE_YIELDS, self.rule >= CLOSE_RULE_WITHHELD);
        let mut fields = to.serialize_tuple(match (has_yields, has_withheld) {
            (_, true) => 7,
            (true, false) => 6,
            (false, false) => 5,
        })?;
        fields.serialize_element(&self.day)?;
        fields.serialize_element(&self.rule)?;
        fields.serialize_element(&self.products)?;
        fields.serialize_element(&self.next_position)?;
        fields.serialize_element(&self.digest)?;
        if has_yields {
            fields.serialize_element(&self.yields)?;
        }
        if has_withheld {
            fields.serialize_element(&self.withheld)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for DayClosed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_tuple(7, Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = DayClosed;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a closed day")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<DayClosed, A::Error> {
        let day = next(&mut fields, 0)?;
        let rule = next(&mut fields, 1)?;
        let products = next(&mut fields, 2)?;
        let next_position = next(&mut fields, 3)?;
        let digest = next(&mut fields, 4)?;
        let yields = if rule >= CLOSE_RULE_YIELDS { next(&mut fields, 5)? } else { Vec::new() };
        let withheld = if rule >= CLOSE_RULE_WITHHELD { next(&mut fields, 6)? } else { Vec::new() };
        Ok(DayClosed { day, rule, products, next_position, digest, yields, withheld })
    }
}

fn next<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(fields: &mut A, read: usize) -> Result<T, A::Error> {
    fields.next_element()?.ok_or_else(|| A::Error::invalid_length(read, &"a closed day"))
}
