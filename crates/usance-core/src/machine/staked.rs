//! How many positions of each product earn, and how much of its principal waits for its value date: what a close has to know of a product
//! before it visits one position.
//!
//! Derived from the positions, kept by whoever changes one, and not stored. After a close nothing waits, because everything that
//! waited earns from the next day on.

use crate::calendar::Day;
use crate::id::ProductIx;
use crate::money::Amount;
use crate::pieces::Column;
use crate::position::Running;

/// Of one product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Positions with principal that earns.
    pub earning: u64,
    /// Positions of which all waits.
    pub waiting: u64,
    /// Principal that earns from the next day on.
    pub pending: Amount,
}

/// By product; one that is not counted has none.
#[derive(Clone, Debug, Default)]
pub struct StakedCounts(Vec<Counted>);

impl PartialEq for StakedCounts {
    fn eq(&self, other: &StakedCounts) -> bool {
        let longest = self.0.len().max(other.0.len());
        (0..longest).map(ProductIx::from_index).all(|product| self.get(product) == other.get(product))
    }
}

impl StakedCounts {
    /// Of all positions there are.
    #[must_use]
    pub fn of(running: &Column<Running>) -> StakedCounts {
        let mut counts = StakedCounts::default();
        for position in running.iter().filter(|position| position.is_active()) {
            counts.began(position.product, position.earning.get(), position.pending.get());
        }
        counts
    }
    /// Of one product.
    pub(super) fn get(&self, product: ProductIx) -> Counted {
        self.0.get(product.index()).copied().unwrap_or_default()
    }
    fn of_product(&mut self, product: ProductIx) -> Option<&mut Counted> {
        if self.0.len() <= product.index() {
            self.0.resize(product.index().saturating_add(1), Counted::default());
        }
        self.0.get_mut(product.index())
    }
    /// A position began, with what earns and what waits of it.
    pub(super) fn began(&mut self, product: ProductIx, earning: Amount, pending: Amount) {
        if let Some(counted) = self.of_product(product) {
            let count = if earning.is_zero() { &mut counted.waiting } else { &mut counted.earning };
            *count = count.saturating_add(1);
            counted.pending = counted.pending.plus(pending);
        }
    }
    /// A position ended; what waited of it has gone before. It had earned unless its value date is still to come.
    pub(super) fn ended(&mut self, product: ProductIx, value_date: Day, open_day: Day) {
        if let Some(counted) = self.of_product(product) {
            let count = if value_date > open_day { &mut counted.waiting } else { &mut counted.earning };
            *count = count.saturating_sub(1);
        }
    }
    /// What waits of a position changed.
    pub(super) fn waits(&mut self, product: ProductIx, before: Amount, after: Amount) {
        if let Some(counted) = self.of_product(product) {
            counted.pending = counted.pending.plus(after).left_after(before);
        }
    }
    /// A day was closed: what waited earns.
    pub(super) fn close(&mut self) {
        for counted in &mut self.0 {
            *counted = Counted { earning: counted.earning.saturating_add(counted.waiting), ..Counted::default() };
        }
    }
}
