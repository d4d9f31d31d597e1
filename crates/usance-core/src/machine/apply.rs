//! What an event changes. Nothing here may fail: every check was made when the event was decided.
//!
//! The journal entries move the control accounts, the fact itself ([`verb`]) moves the sub-ledgers, and the two have to
//! agree afterwards; where they do not, the state is marked broken and the writer stores nothing more.

use super::state::State;
use super::verb::{self, Event, Fact};
use crate::calendar::Timestamp;

/// Applies one event that happened at an instant. A closed day is not applied: it is closed (`close::close_day`).
pub fn apply(state: &mut State, event: &Event, at: Timestamp) {
    state.registry.last_at = state.registry.last_at.max(at);
    if let Event::DayClosed(closed) = event {
        // Refuses, and before anything is posted.
        return closed.apply(state, at);
    }
    match verb::post(state, event) {
        Ok(entries) => entries.iter().for_each(|entry| state.post(entry)),
        Err(unbalanced) => return state.break_with("debits equal credits", unbalanced.to_string()),
    }
    verb::of(event, |fact| fact.apply(state, at));
    state.check_touched_books();
}
