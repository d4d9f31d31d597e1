//! Which principal comes back when: fixed terms that do not start anew, by the day at whose first instant they end. Derived from positions,
//! and kept as they begin, end and change, so that a plan needs no pass over them.

use crate::calendar::Day;
use crate::id::AssetIx;
use crate::money::Amount;
use crate::pieces::Column;
use crate::position::Running;
use crate::product::Product;
use std::collections::BTreeMap;

/// Principal by asset and day of maturity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maturing(BTreeMap<(AssetIx, Day), Amount>);

impl Maturing {
    /// What all positions come to.
    #[must_use]
    pub fn of(products: &[Product], running: &Column<Running>) -> Maturing {
        let mut maturing = Maturing::default();
        running.iter().for_each(|position| maturing.add(products, position));
        maturing
    }
    /// Adds a position, if it ends by itself.
    pub fn add(&mut self, products: &[Product], position: &Running) {
        if let Some(key) = key(products, position) {
            let sum = self.0.entry(key).or_default();
            *sum = sum.plus(position.principal());
        }
    }
    /// Takes a position off, before it changes.
    pub fn remove(&mut self, products: &[Product], position: &Running) {
        let Some(key) = key(products, position) else { return };
        let left = self.0.get(&key).copied().unwrap_or_default().left_after(position.principal());
        if left.is_zero() {
            self.0.remove(&key);
        } else {
            self.0.insert(key, left);
        }
    }
    /// Principal of an asset that comes back up to the first instant of a day.
    #[must_use]
    pub fn until(&self, asset: AssetIx, day: Day) -> Amount {
        let days = self.0.range((asset, Day::from_number(i32::MIN))..=(asset, day));
        days.fold(Amount::ZERO, |sum, (_, amount)| sum.plus(*amount))
    }
}

/// Where a position counts; nothing for one that is over, has no end, or starts anew.
fn key(products: &[Product], position: &Running) -> Option<(AssetIx, Day)> {
    let product = products.get(position.product.index()).filter(|_| position.is_active() && !position.auto_renew)?;
    Some((product.asset, position.maturity_day(product.kind)?))
}
