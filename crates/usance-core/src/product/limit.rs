//! What an amount has to satisfy to enter a product: minimum, step, personal maximum, capacity (RULES 5, 6).
//!
//! The same numbers decide a subscription and a renewal. What is refused, and in which order, stands in
//! `crate::machine::rejection`.

use super::Product;
use crate::money::Amount;

/// How much of `principal` may enter: at most what capacity and personal maximum leave, rounded down to the step; nothing
/// when that is below the minimum. It is the size of a renewal (RULES 8), and the most that can be subscribed (RULES 6).
///
/// For a renewal `product` and `held_by_customer` are to be counted without the maturing principal.
#[must_use]
pub fn admissible(product: &Product, held_by_customer: Amount, principal: Amount) -> Amount {
    let mut room = principal;
    if let Some(left) = product.capacity_left() {
        room = room.min(left);
    }
    if let Some(left) = personal_left(product, held_by_customer) {
        room = room.min(left);
    }
    if let Some(step) = product.sale.step {
        room = room.floor_to_step(step);
    }
    if room < product.sale.minimum.max(Amount::ONE) { Amount::ZERO } else { room }
}

/// What the personal maximum leaves to a customer; `None` without one.
#[must_use]
pub fn personal_left(product: &Product, held_by_customer: Amount) -> Option<Amount> {
    product.sale.personal_maximum.map(|maximum| maximum.left_after(held_by_customer))
}
