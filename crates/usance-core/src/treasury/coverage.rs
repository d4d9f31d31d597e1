//! What can be withdrawn is there: what the wallet attests, carried forward, against what customers can take (TREASURY 5).

use crate::calendar::Timestamp;
use crate::money::{Amount, Balance};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How long an attestation is fresh, in milliseconds.
pub const FRESH_MS: i64 = 26 * 60 * 60 * 1000;

/// What the wallet says that it holds for the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// How much.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
    /// The number of the last movement that is in it.
    pub movement: u64,
    /// What the books had in custody right after that movement.
    pub custody: Balance,
}

/// What is known of an asset whose treasury is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The last attestation.
    pub attested: Option<Attestation>,
    /// Custody after each movement since the one that it names: what the next attestation may name.
    pub movements: VecDeque<(u64, Balance)>,
}

impl Coverage {
    /// Remembers a movement of the wallet.
    pub fn moved(&mut self, movement: u64, custody: Balance) {
        match self.movements.back_mut() {
            Some(last) if last.0 == movement => last.1 = custody,
            Some(_) | None => self.movements.push_back((movement, custody)),
        }
    }
    /// What custody was right after a movement; `None` for one that is too old or not there yet.
    #[must_use]
    pub fn custody_after(&self, movement: u64) -> Option<Balance> {
        let place = self.movements.binary_search_by_key(&movement, |(number, _)| *number).ok()?;
        self.movements.get(place).map(|(_, custody)| *custody)
    }
    /// Takes an attestation; movements before the one that it names are of no use any more.
    pub fn attest(&mut self, attestation: Attestation) {
        while self.movements.front().is_some_and(|(number, _)| *number < attestation.movement) {
            self.movements.pop_front();
        }
        self.attested = Some(attestation);
    }
    /// Custody was said to be more than the wallet ever had: what is remembered of it changes by so much, and what was attested does not.
    pub fn rebase(&mut self, change: i128) {
        let moved = |custody: &mut Balance| *custody = Balance::from_units(custody.units().saturating_add(change));
        self.movements.iter_mut().for_each(|(_, custody)| moved(custody));
        if let Some(attested) = &mut self.attested {
            moved(&mut attested.custody);
        }
    }
    /// Whether the last attestation is so old that nobody may rely on it.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.attested.is_none_or(|attested| now.ms().saturating_sub(attested.at.ms()) > FRESH_MS)
    }
    /// What is there for withdrawals: custody, and not more of it than was attested, carried forward by the movements since.
    #[must_use]
    pub fn held(&self, custody: Balance) -> Balance {
        let Some(attested) = self.attested else { return Balance::ZERO };
        let since = custody.units().saturating_sub(attested.custody.units());
        let carried = Balance::ZERO.plus(attested.amount).units().saturating_add(since);
        Balance::from_units(carried.min(custody.units()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: i128) -> Balance {
        Balance::from_units(units)
    }

    #[test]
    fn an_attestation_is_carried_forward_and_never_believed_beyond_custody() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.held(units(100)), units(0), "nothing was attested");
        coverage.moved(1, units(100));
        coverage.moved(2, units(130));
        let at = Timestamp::from_ms(0);
        coverage.attest(Attestation { amount: Amount::from_units(95), at, movement: 1, custody: coverage.custody_after(1).unwrap() });
        assert_eq!(coverage.held(units(130)), units(125), "a deposit of 30 since does not lower it");
        assert_eq!(coverage.held(units(40)), units(35));
        coverage.attest(Attestation { amount: Amount::from_units(500), at, movement: 2, custody: units(130) });
        assert_eq!(coverage.held(units(130)), units(130), "not more than the books have");
        assert_eq!(coverage.custody_after(1), None, "what came before is of no use any more");
        assert!(!coverage.is_stale(Timestamp::from_ms(FRESH_MS)) && coverage.is_stale(Timestamp::from_ms(FRESH_MS + 1)));
    }
}
