//! `MoveClock`, `ConfirmClock`: forward only, and only where the clock is simulated (RULES 2).

use crate::calendar::Timestamp;
use crate::limits::CLOCK_MOVE_DAYS_MAX;
use crate::machine::event::Event;
use crate::machine::rejection::Rejection;
use crate::machine::state::{ClockMode, State};

/// Moves a simulated clock. The engine closes the days on the way before the move is booked.
///
/// # Errors
/// `clock_not_simulated`, `clock_backwards`, `clock_move_too_far`.
pub fn move_clock(state: &State, to: Timestamp) -> Result<Event, Rejection> {
    check_move(state, to)?;
    Ok(Event::ClockMoved { to })
}

/// The checks of a move, which the engine makes before it closes the first day on the way.
///
/// # Errors
/// As [`move_clock`].
pub fn check_move(state: &State, to: Timestamp) -> Result<(), Rejection> {
    if state.registry.platform.clock != ClockMode::Simulated {
        return Err(Rejection::ClockNotSimulated);
    }
    let now = state.registry.last_at;
    if to < now {
        return Err(Rejection::ClockBackwards { now });
    }
    let farthest = now.ms().saturating_add(i64::from(CLOCK_MOVE_DAYS_MAX).saturating_mul(86_400_000));
    let latest = Timestamp::from_ms(farthest.min(crate::limits::TIMESTAMP_MS_MAX));
    if to > latest { Err(Rejection::ClockMoveTooFar { latest }) } else { Ok(()) }
}

/// Confirms that the clock is right, so that every day before the present one may be closed at once.
#[must_use]
pub fn confirm(state: &State, clock: Timestamp) -> Event {
    Event::ClockConfirmed { through: state.registry.platform.offset.day_of(clock) }
}
