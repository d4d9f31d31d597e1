//! Books: the trial balance, now or at the close of a day.

use crate::life::engine::Engine;
use crate::unavailable::Unavailable;
use usance_core::calendar::Day;
use usance_core::ledger::{ControlAccounts, SubLedgerTotals};
use usance_core::machine::State;

/// The books of one asset.
#[derive(Clone, Copy, Debug)]
pub struct Book {
    /// The ledger's totals.
    pub control: ControlAccounts,
    /// What they are checked against.
    pub sub_ledger: SubLedgerTotals,
}

/// The books of every asset, now or at the close of a day; nothing for a day that is not closed, or before the first.
///
/// # Errors
/// An engine that cannot answer now.
pub async fn list(engine: &Engine, at: Option<Day>) -> Result<Option<Vec<Book>>, Unavailable> {
    engine.read(|state, _| list_at(state, at)).await
}

fn list_at(state: &State, at: Option<Day>) -> Option<Vec<Book>> {
    let registry = &state.registry;
    let Some(day) = at else {
        let both = registry.control.iter().zip(&registry.sub_ledger);
        return Some(both.map(|(control, totals)| Book { control: *control, sub_ledger: *totals }).collect());
    };
    let closed = registry.books.get(&day)?;
    Some(closed.iter().map(|books| Book { control: books.control, sub_ledger: books.sub_ledger }).collect())
}
