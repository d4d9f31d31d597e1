//! The present: the instant a command is stamped with, and the days that are over by then (RULES 2).
//!
//! Owns that instants never run backwards, that nothing is stamped on a day before every day before it is closed, and that a
//! clock which runs ahead of what may be believed stamps nothing and closes nothing. What the machine's own clock says comes in as a
//! value; a simulated clock stands where the state was last stamped, whatever that value is. What may be believed is
//! [`super::clock_trust`]'s.

use super::state::{ClockMode, State};
use crate::calendar::Timestamp;

/// What the machine's own clock says, and up to when it may be believed without an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// What it says.
    pub says: Timestamp,
    /// The latest that it may say.
    pub believed: Timestamp,
}

impl ClockReading {
    /// A clock that is believed.
    #[must_use]
    pub const fn of(says: Timestamp) -> Self {
        ClockReading { says, believed: says }
    }
}

/// What the platform's clock says when the machine's own says `clock`, whether or not it is believed, and whether or not the days
/// before it are closed.
#[must_use]
pub fn said(state: &State, clock: Timestamp) -> Timestamp {
    match state.registry.platform.clock {
        ClockMode::Simulated => state.registry.last_at,
        ClockMode::System => clock.max(state.registry.last_at),
    }
}

/// The instant that a command gets now: it never lies in a day after the open one, and never where an unbelieved clock is.
#[must_use]
pub fn instant(state: &State, clock: ClockReading) -> Timestamp {
    if unconfirmed(state, clock).is_some() || days_due(state, clock) > 0 { state.registry.last_at } else { said(state, clock.says) }
}

/// Days that have to be closed before something is stamped with what the clock says; none as long as it is not believed.
#[must_use]
pub fn days_due(state: &State, clock: ClockReading) -> i32 {
    if unconfirmed(state, clock).is_some() {
        return 0;
    }
    state.registry.platform.offset.day_of(said(state, clock.says)).since(state.registry.open_day).max(0)
}

/// How far the clock is ahead of what may be believed, in milliseconds; `None` where it is believed, and where it changes nothing.
#[must_use]
pub fn unconfirmed(state: &State, clock: ClockReading) -> Option<i64> {
    let said = said(state, clock.says);
    let ahead = said.ms().saturating_sub(clock.believed.ms());
    (ahead > 0 && said > state.registry.last_at).then_some(ahead)
}

/// How far the clock is behind the instant that was last stamped, in milliseconds: so long instants stand still.
#[must_use]
pub fn behind_ms(state: &State, clock: Timestamp) -> i64 {
    match state.registry.platform.clock {
        ClockMode::Simulated => 0,
        ClockMode::System => said(state, clock).ms().saturating_sub(clock.ms()),
    }
}
