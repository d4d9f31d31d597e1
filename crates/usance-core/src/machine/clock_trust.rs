//! Whether the machine's own clock may be believed (RULES 2).
//!
//! A wall clock can be set; a steady one, which only counts how long the machine runs, cannot. So a wall clock is held against the last
//! one that was known to be right and the time that has passed since by the steady one. Minutes are slack: clocks drift, and are put
//! right in small steps. A clock that runs ahead of that closes days, pays rewards and forgets idempotency keys that are still in use,
//! so it waits for an operator. A process that was stopped knows only when it was last stamped: it believes less than the life of a key.

use super::present::ClockReading;
use crate::calendar::Timestamp;
use crate::limits::{CLOCK_ALONE_MS, CLOCK_SLACK_MS};

/// How long the steady clock is relied on before the wall clock, if it is believed, is taken for known again: quartz drifts by
/// seconds a day, and a clock that is wrong by less than the slack again and again gains no more than that each time.
const ANEW_MS: i64 = 3_600_000;

/// What a process knows of the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockTrust {
    /// What a wall clock said that was right, and what the steady one said then.
    known: Option<(Timestamp, i64)>,
    /// It is at least this late.
    at_least: Timestamp,
}

impl ClockTrust {
    /// A reading of the wall clock, in a platform that was last stamped at an instant.
    pub fn read(&mut self, says: Timestamp, steady_ms: i64, last_at: Timestamp) -> ClockReading {
        let Some((known, at_ms)) = self.known else {
            let earliest = self.at_least.max(last_at);
            let believed = later(earliest, CLOCK_ALONE_MS);
            // A clock that is behind says nothing of what the time is: it will be put right.
            if says >= earliest && says <= believed {
                self.known = Some((says, steady_ms));
            }
            return ClockReading { says, believed };
        };
        let passed_ms = steady_ms.saturating_sub(at_ms).max(0);
        let believed = later(known, passed_ms.saturating_add(CLOCK_SLACK_MS));
        let is_behind = later(says, CLOCK_SLACK_MS) < later(known, passed_ms);
        if passed_ms >= ANEW_MS && says <= believed && !is_behind {
            self.known = Some((says, steady_ms));
        }
        ClockReading { says, believed }
    }

    /// What the time must be now, as far as this process knows it: what others may hold their clocks against.
    #[must_use]
    pub fn known(&self, steady_ms: i64) -> Option<Timestamp> {
        self.known.map(|(known, at_ms)| later(known, steady_ms.saturating_sub(at_ms).max(0)))
    }

    /// Another process, which is alive, says what the time is, in a platform that was last stamped at an instant. What is behind that
    /// says nothing.
    pub fn hear(&mut self, says: Timestamp, steady_ms: i64, last_at: Timestamp) {
        if later(says, CLOCK_SLACK_MS) >= last_at {
            self.known = Some((says, steady_ms));
        }
    }

    /// Another process once said what the time was; when that was is not known.
    pub fn learn(&mut self, said: Timestamp) {
        self.at_least = self.at_least.max(said);
    }

    /// An operator confirmed what the wall clock says.
    pub fn confirm(&mut self, says: Timestamp, steady_ms: i64) {
        self.known = Some((says, steady_ms));
    }
}

fn later(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_ms(at.ms().saturating_add(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::KEY_KEPT_MS;

    const NOON: i64 = 1_790_000_000_000;
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    /// Whether a clock is believed that says so much more than the known noon, so long after by the steady clock.
    fn believes(trust: &mut ClockTrust, says: i64, steady: i64) -> bool {
        let reading = trust.read(at(NOON + says), steady, at(NOON));
        reading.says <= reading.believed
    }

    #[test]
    fn a_running_process_believes_what_the_steady_clock_allows_and_minutes_more() {
        let mut trust = ClockTrust::default();
        assert!(believes(&mut trust, 0, 0));
        assert!(believes(&mut trust, 5 * MINUTE, 0) && !believes(&mut trust, 5 * MINUTE + 1, 0));
        assert!(believes(&mut trust, 30 * MINUTE, 30 * MINUTE), "time has passed");
        assert!(!believes(&mut trust, 24 * HOUR, 31 * MINUTE), "a day in a minute");
        assert!(believes(&mut trust, 32 * MINUTE, 32 * MINUTE), "and it is put right again");
        assert!(believes(&mut trust, -HOUR, 33 * MINUTE), "what runs behind takes nothing back");
        trust.confirm(at(NOON + 24 * HOUR), 34 * MINUTE);
        assert!(believes(&mut trust, 24 * HOUR + MINUTE, 35 * MINUTE), "an operator has said so");
        assert_eq!(trust.known(36 * MINUTE), Some(at(NOON + 24 * HOUR + 2 * MINUTE)));
    }

    #[test]
    fn a_clock_that_was_behind_is_put_right_without_anybody() {
        let mut trust = ClockTrust::default();
        assert!(believes(&mut trust, -48 * HOUR, 0), "it starts behind what was stamped");
        assert!(believes(&mut trust, 2 * HOUR, MINUTE), "and is put right");
        // While it runs, too: what an hour of a wrong clock says is not learnt.
        assert!(believes(&mut trust, 3 * HOUR - 20 * MINUTE, 62 * MINUTE) && believes(&mut trust, 3 * HOUR + 2 * MINUTE, 63 * MINUTE));
    }

    #[test]
    fn small_steps_add_up_no_faster_than_the_slack_in_an_hour() {
        let mut trust = ClockTrust::default();
        assert!(believes(&mut trust, 0, 0));
        let mut ahead = 0;
        for minute in 1..=3 * 60 {
            let steady = minute * MINUTE;
            assert!(believes(&mut trust, steady + ahead, steady));
            while believes(&mut trust, steady + ahead + MINUTE, steady) {
                ahead += MINUTE;
            }
        }
        assert!((15 * MINUTE..=20 * MINUTE).contains(&ahead), "{ahead} ms in three hours");
    }

    #[test]
    fn a_process_on_its_own_believes_less_than_the_life_of_a_key() {
        assert!(believes(&mut ClockTrust::default(), KEY_KEPT_MS - 1, 7));
        let mut trust = ClockTrust::default();
        assert!(!believes(&mut trust, KEY_KEPT_MS, 7) && !believes(&mut trust, KEY_KEPT_MS, 8), "asking again changes nothing");
        assert!(believes(&mut trust, HOUR, 9), "it is put right");
        // A writer that has gone said when it was last there.
        let mut trust = ClockTrust::default();
        trust.learn(at(NOON + 10 * HOUR));
        trust.learn(at(NOON));
        assert!(believes(&mut trust, 10 * HOUR + KEY_KEPT_MS - 1, 7));
    }

    #[test]
    fn whoever_takes_over_holds_its_clock_against_that_of_the_writer_before() {
        let mut trust = ClockTrust::default();
        trust.hear(at(NOON + HOUR), 100, at(NOON));
        trust.hear(at(NOON - HOUR), 100, at(NOON));
        assert!(!believes(&mut trust, 2 * HOUR, 100 + MINUTE), "an hour ahead of who was just there");
        assert!(believes(&mut trust, HOUR + 6 * MINUTE, 100 + MINUTE));
    }
}
