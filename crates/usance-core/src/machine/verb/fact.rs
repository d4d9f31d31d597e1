//! What every event answers, beside the rule that decided it. Nothing has a default: a new event says each of these.

use crate::calendar::Timestamp;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::state::State;

/// The entries of an event that moves no money.
pub(super) const NO_MONEY: Result<Vec<JournalEntry>, Unbalanced> = Ok(Vec::new());

/// Something that happened.
pub trait Fact {
    /// Its journal entries, each balanced; they may touch several assets. What moves no money says so (`NO_MONEY`).
    ///
    /// # Errors
    /// [`Unbalanced`] when the event's amounts do not add up, which is a bug wherever it was decided.
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced>;
    /// What it changes beside the control accounts, which its entries move. Nothing here may fail.
    fn apply(&self, state: &mut State, at: Timestamp);
    /// What its command's sender is told, right after it was applied.
    fn answer(&self, state: &State, at: Timestamp) -> Answer;
    /// What readers of the past learn of it beside its entries; what the state alone shows says so ([`News::Nothing`]).
    fn news(&self) -> News<'_>;
}
