//! Once only: which idempotency keys were used, and where their answers lie (RULES 10).
//!
//! A key is a 16-byte hash over the account that sent it and the text it chose; its value is a place in the log, where
//! the request's fingerprint and the answer are. Keys live in one map per day of engine time; a whole map is dropped
//! when its youngest key is older than 48 hours, so forgetting costs nothing and growing stops nothing.

use crate::calendar::Timestamp;
use crate::id::LogPosition;
use crate::limits::KEY_KEPT_MS;
use crate::pieces::PieceMap;

const GENERATION_MS: i64 = 24 * 60 * 60 * 1000;

/// The hash of a key within its account.
pub type KeyHash = [u8; 16];

/// The keys of one stretch of 24 hours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// The stretch, counted from 1970.
    pub number: i64,
    /// Where the answers lie.
    pub keys: PieceMap<LogPosition>,
}

/// The keys that are still remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyTable {
    generations: Vec<Generation>,
}

impl KeyTable {
    /// A table of generations that were read back, oldest first.
    #[must_use]
    pub fn from_generations(generations: Vec<Generation>) -> Self {
        KeyTable { generations }
    }
    /// The generations, oldest first.
    #[must_use]
    pub fn generations(&self) -> &[Generation] {
        &self.generations
    }
    /// Where the answer to a key lies.
    #[must_use]
    pub fn find(&self, key: &KeyHash) -> Option<LogPosition> {
        self.generations.iter().rev().find_map(|generation| generation.keys.get(key))
    }
    /// Remembers a key that was used at an instant; forgets the generations that are older than 48 hours by then.
    pub fn remember(&mut self, key: KeyHash, place: LogPosition, at: Timestamp) {
        let number = at.ms().div_euclid(GENERATION_MS);
        if self.generations.last().is_none_or(|last| last.number < number) {
            self.generations.retain(|old| {
                let youngest = old.number.saturating_add(1).saturating_mul(GENERATION_MS);
                youngest.saturating_add(KEY_KEPT_MS) > at.ms()
            });
            self.generations.push(Generation { number, keys: PieceMap::default() });
        }
        if let Some(newest) = self.generations.last_mut() {
            newest.keys.insert(key, place);
        }
    }
    /// Keys remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.keys.len()).sum()
    }
    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes the table holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.generations.iter().map(|generation| generation.keys.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_at_least_48_hours_and_not_for_ever() {
        let hour = 3_600_000;
        let mut table = KeyTable::default();
        let first_at = 23 * hour;
        table.remember([1; 16], LogPosition::from_number(1), Timestamp::from_ms(first_at));
        for later in 1..200 {
            let at = first_at + later * hour;
            table.remember([2; 16], LogPosition::from_number(2), Timestamp::from_ms(at));
            if later <= 48 {
                assert_eq!(table.find(&[1; 16]), Some(LogPosition::from_number(1)), "{later} hours later");
            }
        }
        assert_eq!(table.find(&[1; 16]), None);
        assert_eq!(table.find(&[2; 16]), Some(LogPosition::from_number(2)));
    }
}
