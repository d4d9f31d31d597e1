//! Books: the trial balance, now or at the close of a day, and the audit.

use crate::caller::{Permission, Right};
use crate::life::engine::Engine;
use crate::unavailable::Unavailable;
use usance_core::audit::{self, Finding};
use usance_core::calendar::Day;
use usance_core::ledger::{ControlAccounts, SubLedgerTotals};
use usance_core::machine::State;

/// Who may do what.
pub const RIGHTS: &[Right] = &[("books_get", Permission::Back), ("audit_run", Permission::Back)];

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

/// Runs every invariant on a frozen view, so writes go on.
///
/// # Errors
/// An engine that cannot answer now, or an audit that did not come to its end.
pub async fn audit(engine: &Engine) -> Result<Vec<Finding>, Unavailable> {
    let frozen = engine.read(|state, _| state.clone()).await?;
    let findings = tokio::task::spawn_blocking(move || audit::audit(&frozen)).await;
    findings.map_err(|error| Unavailable::Stopped(format!("the audit did not end: {error}")))
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
