//! How long what people carry is kept once it is over.
//!
//! Owns two instants. An answer is remembered for as long as the machine knows the key that it was given under, and no shorter: a key
//! that is known, and whose answer is not, would do the work again. Keys live by engine time, which may stand still, run ahead of the system's clock
//! or fall behind it; so an answer counts as given when either clock says later, and is old when both say so.

use usance_core::calendar::Timestamp;
use usance_core::limits::KEY_KEPT_MS;
use usance_core::machine::keys::KeyTable;

/// The machine keeps keys by the day of engine time, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long sessions and links are kept after they expired, in milliseconds: 72 hours.
pub(super) const EXPIRED_KEPT_MS: i64 = 3 * DAY_MS;

/// When an answer counts as given, by engine time and the system's clock.
pub(super) fn used_at(engine: Timestamp, system_ms: i64) -> i64 {
    engine.ms().max(system_ms)
}

/// Answers that were given before this instant belong to keys that the machine does not know any more; `None` while it knows none.
pub(super) fn forgotten_before(keys: &KeyTable, system_ms: i64) -> Option<i64> {
    let oldest = keys.generations().first()?.number.saturating_mul(DAY_MS);
    Some(oldest.min(system_ms - KEY_KEPT_MS - DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use usance_core::id::LogPosition;

    const HOUR: i64 = 3_600_000;

    /// Whatever the clocks do, an answer is there as long as its key is; and it is not there for ever.
    #[test]
    fn an_answer_lives_as_long_as_its_key_never_shorter() {
        for ahead in [-400 * 24 * HOUR, -3 * HOUR, 0, 5 * HOUR, 400 * 24 * HOUR] {
            let (mut keys, mut answers, mut forgotten) = (KeyTable::default(), Vec::new(), 0);
            for step in 0_u8..=255 {
                // The engine's clock stands still for three days of the system's.
                let system = 1_760_000_000_000 + i64::from(step) * HOUR;
                let engine = Timestamp::from_ms(system + ahead - i64::from(step.saturating_sub(100).min(72)) * HOUR);
                keys.remember([step; 16], LogPosition::from_number(u64::from(step)), engine);
                answers.push((step, used_at(engine, system)));
                let before = forgotten_before(&keys, system).expect("a key is known");
                let count = answers.len();
                answers.retain(|(_, given)| *given >= before);
                forgotten += count - answers.len();
                for known in 0..=step {
                    let is_there = answers.iter().any(|(number, _)| *number == known);
                    assert!(is_there || keys.find(&[known; 16]).is_none(), "{ahead}: key {known} is known at {step}, its answer is not");
                }
            }
            // Where the engine's clock is far behind, the system's says when an answer was given.
            assert!(forgotten > 0 || ahead != 0, "nothing is ever forgotten");
        }
        assert_eq!(forgotten_before(&KeyTable::default(), 0), None);
    }
}
