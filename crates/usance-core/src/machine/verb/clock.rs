//! `MoveClock`, `ConfirmClock`: forward only, and only where the clock is simulated (RULES 2).

use super::fact::{Fact, NO_MONEY};
use crate::calendar::{Day, Timestamp};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{CLOCK_MOVE_DAYS_MAX, CLOCK_MOVE_PRODUCT_DAYS_MAX};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::{ClockMode, State};
use serde::{Deserialize, Serialize};

/// Moves a simulated clock. The engine closes the days on the way before the move is booked.
///
/// # Errors
/// `clock_not_simulated`, `clock_backwards`, `clock_move_too_far`.
pub fn move_clock(state: &State, to: Timestamp) -> Result<ClockMoved, Rejection> {
    check_move(state, to)?;
    Ok(ClockMoved { to })
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
    let farthest = now.ms().saturating_add(farthest_days(state.registry.products.len()).saturating_mul(86_400_000));
    let latest = Timestamp::from_ms(farthest.min(crate::limits::TIMESTAMP_MS_MAX));
    if to > latest { Err(Rejection::ClockMoveTooFar { latest }) } else { Ok(()) }
}

/// How many days one move may go: 3,660, and fewer where so many products would not fit one record.
fn farthest_days(products: usize) -> i64 {
    let fitting = CLOCK_MOVE_PRODUCT_DAYS_MAX.checked_div(products).unwrap_or(usize::MAX);
    i64::from(CLOCK_MOVE_DAYS_MAX).min(i64::try_from(fitting).unwrap_or(i64::MAX))
}

/// Confirms that the clock is right, so that every day before the present one may be closed at once.
#[must_use]
pub fn confirm(state: &State, clock: Timestamp) -> ClockConfirmed {
    ClockConfirmed { through: state.registry.platform.offset.day_of(clock) }
}

/// The simulated clock was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMoved {
    /// To when.
    pub to: Timestamp,
}

impl Fact for ClockMoved {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.registry.last_at = state.registry.last_at.max(self.to);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        stands(state)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

/// An operator said that the clock is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockConfirmed {
    /// Days up to this one may be closed at once.
    pub through: Day,
}

impl Fact for ClockConfirmed {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.registry.confirmed_through = self.through;
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        stands(state)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

const fn stands(state: &State) -> Answer {
    Answer::Clock { now: state.registry.last_at, day: state.registry.open_day }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_goes_3660_days_unless_there_are_very_many_products() {
        for (products, days) in [(0, 3_660), (1, 3_660), (409, 3_660), (410, 3_658), (1_000, 1_500), (2_000_000, 0)] {
            assert_eq!(farthest_days(products), days, "{products} products");
        }
    }
}
