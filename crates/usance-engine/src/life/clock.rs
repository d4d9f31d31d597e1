//! The engine's clock: the machine's own, or a simulated one that stands still until it is moved (RULES 2).
//!
//! Here the machine's clocks are read, the wall clock and the steady one, and what is wrong with the first is told once. What a
//! reading means to a state is the core's `machine::present`, whether it may be believed its `machine::clock_trust`.

use crate::unavailable::Unavailable;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use usance_core::calendar::Timestamp;
use usance_core::limits::TIMESTAMP_MS_MAX;
use usance_core::machine::clock_trust::ClockTrust;
use usance_core::machine::present::ClockReading;
use usance_core::machine::state::ClockMode;
use usance_core::machine::{State, present};

/// How far a clock may be behind the last stamped instant before that is told: clocks of machines differ a little.
const BEHIND_MS: i64 = 10_000;
/// How often a clock that has to be confirmed is told again.
const TOLD_EVERY_MS: i64 = 3_600_000;

/// Where instants come from. Clones are one clock, which outlives a life of the machine: what the time was known to be stays known.
#[derive(Clone, Debug)]
pub struct EngineClock {
    mode: ClockMode,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    trust: Mutex<ClockTrust>,
    /// How far it was ahead of what is believed when it was last looked at, milliseconds.
    ahead_ms: AtomicI64,
    /// How far it was behind the last stamped instant then, milliseconds.
    behind_ms: AtomicI64,
    /// When it was last told that it has to be confirmed, by the steady clock.
    told_ms: AtomicI64,
    told_behind: AtomicBool,
}

impl EngineClock {
    /// The clock of a platform. Nothing is known of the time yet.
    #[must_use]
    pub fn new(mode: ClockMode) -> Self {
        EngineClock { mode, inner: Arc::default() }
    }
    /// Which it is.
    #[must_use]
    pub const fn mode(&self) -> ClockMode {
        self.mode
    }
    /// The machine's own clock, believed or not.
    #[must_use]
    pub fn system() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(TIMESTAMP_MS_MAX).min(TIMESTAMP_MS_MAX))
    }
    /// What the machine's clock says, and what of it is believed.
    #[must_use]
    pub fn read(&self, state: &State) -> ClockReading {
        self.inner.trust.lock().read(Self::system(), steady_ms(), state.registry.last_at)
    }
    /// The present instant: it never lies in a day after the open one.
    #[must_use]
    pub fn now(&self, state: &State) -> Timestamp {
        present::instant(state, self.read(state))
    }
    /// Days that have to be closed before something is stamped with what it says.
    #[must_use]
    pub fn days_due(&self, state: &State) -> i32 {
        present::days_due(state, self.read(state))
    }
    /// How long the writer may sleep before there is a day to close. Looks at the clock meanwhile, and tells what is wrong with it.
    #[must_use]
    pub fn until_next_day(&self, state: &State) -> Duration {
        // A clock that was set shows within this.
        const LONGEST: Duration = Duration::from_secs(10);
        // Until an operator confirms there is nothing to do, unless the clock itself is put right.
        const UNCONFIRMED: Duration = Duration::from_secs(1);
        if self.mode == ClockMode::Simulated {
            return LONGEST;
        }
        if self.look(state) {
            return UNCONFIRMED;
        }
        let next = state.registry.platform.offset.first_instant(state.registry.open_day.next());
        let ms = next.ms().saturating_sub(Self::system().ms()).max(1);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1)).min(LONGEST)
    }

    /// Looks at the clock and tells what is wrong with it, once; whether it has to be confirmed.
    pub(super) fn look(&self, state: &State) -> bool {
        if self.mode == ClockMode::Simulated {
            return false;
        }
        let (reading, inner) = (self.read(state), &self.inner);
        let ahead_ms = present::unconfirmed(state, reading).unwrap_or(0);
        let behind_ms = present::behind_ms(state, reading.says);
        inner.behind_ms.store(behind_ms, Ordering::Relaxed);
        let before = inner.ahead_ms.swap(ahead_ms, Ordering::Relaxed);
        let steady = steady_ms();
        if ahead_ms > 0 && (before == 0 || steady - inner.told_ms.load(Ordering::Relaxed) >= TOLD_EVERY_MS) {
            inner.told_ms.store(steady, Ordering::Relaxed);
            tracing::error!(
                says = %reading.says,
                believed = %reading.believed,
                "the machine's clock says what cannot be: nothing is written until an operator confirms it (POST /v1/operator/clock/confirmation) or it is put right"
            );
        } else if ahead_ms == 0 && before > 0 {
            tracing::info!(says = %reading.says, "the machine's clock is believed again");
        }
        let is_behind = behind_ms > BEHIND_MS;
        if is_behind != inner.told_behind.swap(is_behind, Ordering::Relaxed) {
            let (says, last) = (reading.says, state.registry.last_at);
            if is_behind {
                tracing::warn!(%says, %last, "the machine's clock is behind what was last stamped: instants stand still until it has caught up");
            } else {
                tracing::info!(%says, "the machine's clock has caught up");
            }
        }
        ahead_ms > 0
    }

    /// That an operator has to confirm the clock, as it was last looked at. Takes no lock.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<Unavailable> {
        let ahead_ms = self.inner.ahead_ms.load(Ordering::Relaxed);
        (ahead_ms > 0).then(|| unconfirmed(ahead_ms))
    }

    /// How far the clock was behind the last stamped instant when it was last looked at.
    #[must_use]
    pub fn behind(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.inner.behind_ms.load(Ordering::Relaxed)).unwrap_or(0))
    }

    /// An operator confirmed what the clock says.
    pub(super) fn confirm(&self) {
        self.inner.trust.lock().confirm(Self::system(), steady_ms());
    }

    /// What the time is known to be, for others to hold their clocks against; where it is not known, the beginning of time, which tells
    /// them nothing.
    pub(super) fn known(&self) -> Timestamp {
        self.inner.trust.lock().known(steady_ms()).unwrap_or_default()
    }

    /// The writer of a platform that was last stamped at `last_at`, which is alive, says what the time is.
    pub(super) fn hear(&self, ms: i64, last_at: Timestamp) {
        self.inner.trust.lock().hear(Timestamp::from_ms(ms), steady_ms(), last_at);
    }

    /// A writer once said what the time was.
    pub(super) fn learn(&self, ms: i64) {
        self.inner.trust.lock().learn(Timestamp::from_ms(ms));
    }
}

/// A clock that nobody sets, and that counts while the machine sleeps.
fn steady_ms() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000)
}

/// That an operator has to confirm the clock.
pub(super) fn unconfirmed(ahead_ms: i64) -> Unavailable {
    Unavailable::ClockUnconfirmed { ahead: Duration::from_millis(u64::try_from(ahead_ms).unwrap_or(0)) }
}

/// The word for a clock mode, on the wire and on the command line.
#[must_use]
pub const fn clock_word(mode: ClockMode) -> &'static str {
    match mode {
        ClockMode::System => "system",
        ClockMode::Simulated => "simulated",
    }
}
