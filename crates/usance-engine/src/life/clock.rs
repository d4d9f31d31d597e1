//! The engine's clock: the machine's own, or a simulated one that stands still until it is moved (RULES 2).
//!
//! What it says to a state, and when it has to be confirmed, is the core's `machine::present`; here the machine's own
//! clock is read.

use crate::unavailable::Unavailable;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use usance_core::calendar::Timestamp;
use usance_core::limits::TIMESTAMP_MS_MAX;
use usance_core::machine::state::ClockMode;
use usance_core::machine::{State, present};

/// Where instants come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineClock {
    mode: ClockMode,
}

impl EngineClock {
    /// The clock of a platform.
    #[must_use]
    pub const fn new(mode: ClockMode) -> Self {
        EngineClock { mode }
    }
    /// Which it is.
    #[must_use]
    pub const fn mode(self) -> ClockMode {
        self.mode
    }
    /// The machine's own clock.
    #[must_use]
    pub fn system() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(TIMESTAMP_MS_MAX).min(TIMESTAMP_MS_MAX))
    }
    /// The present instant: it never lies in a day after the open one.
    #[must_use]
    pub fn now(self, state: &State) -> Timestamp {
        present::instant(state, Self::system())
    }
    /// Days that have to be closed before something is stamped with what it says.
    #[must_use]
    pub fn days_due(self, state: &State) -> i32 {
        present::days_due(state, Self::system())
    }
    /// Whether an operator has to confirm before that many days are closed at once.
    #[must_use]
    pub fn unconfirmed(self, state: &State, days_max: i32) -> Option<Unavailable> {
        present::unconfirmed_days(state, Self::system(), days_max).map(|days| unconfirmed(state, days))
    }
    /// How long the writer may sleep before there is a day to close.
    #[must_use]
    pub fn until_next_day(self, state: &State, days_max: i32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60);
        // Until an operator confirms there is nothing to do, unless the clock itself is put right.
        const UNCONFIRMED: Duration = Duration::from_secs(1);
        if self.mode == ClockMode::Simulated {
            return LONGEST;
        }
        if self.unconfirmed(state, days_max).is_some() {
            return UNCONFIRMED;
        }
        let next = state.registry.platform.offset.first_instant(state.registry.open_day.next());
        let ms = next.ms().saturating_sub(Self::system().ms()).max(1);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1)).min(LONGEST)
    }
}

/// That an operator has to confirm the clock.
pub(super) fn unconfirmed(state: &State, days: i32) -> Unavailable {
    Unavailable::ClockUnconfirmed { days, open_day: state.registry.open_day.to_string() }
}

/// The word for a clock mode, on the wire and on the command line.
#[must_use]
pub const fn clock_word(mode: ClockMode) -> &'static str {
    match mode {
        ClockMode::System => "system",
        ClockMode::Simulated => "simulated",
    }
}
