//! The present: the instant a command is stamped with, and the days that are over by then (RULES 2).
//!
//! Owns that instants never run backwards, that nothing is stamped on a day before every day before it is closed, and when
//! a clock has to be confirmed first. What the machine's own clock says comes in as a value; a simulated clock stands
//! where the state was last stamped, whatever that value is.

use super::state::{ClockMode, State};
use crate::calendar::Timestamp;

/// What the platform's clock says when the machine's own says `clock`, whether or not the days before it are closed.
#[must_use]
pub fn said(state: &State, clock: Timestamp) -> Timestamp {
    match state.registry.platform.clock {
        ClockMode::Simulated => state.registry.last_at,
        ClockMode::System => clock.max(state.registry.last_at),
    }
}

/// The instant that a command gets now: it never lies in a day after the open one.
#[must_use]
pub fn instant(state: &State, clock: Timestamp) -> Timestamp {
    if days_due(state, clock) > 0 { state.registry.last_at } else { said(state, clock) }
}

/// Days that have to be closed before something is stamped with what the clock says.
#[must_use]
pub fn days_due(state: &State, clock: Timestamp) -> i32 {
    state.registry.platform.offset.day_of(said(state, clock)).since(state.registry.open_day).max(0)
}

/// How many days are due, when they are more than `days_max` and no operator has confirmed the clock.
#[must_use]
pub fn unconfirmed_days(state: &State, clock: Timestamp, days_max: i32) -> Option<i32> {
    let days = days_due(state, clock);
    let today = state.registry.platform.offset.day_of(said(state, clock));
    (days > days_max && state.registry.confirmed_through < today).then_some(days)
}
