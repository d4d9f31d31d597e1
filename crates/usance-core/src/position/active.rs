//! Which positions are active: one bit each, so that a close passes over runs of closed positions without reading them.
//!
//! The set says nothing that the positions do not say themselves. It is derived when a state is read back, never stored,
//! and kept where a position begins and ends (`machine/open`, `machine/end`). A close compares what it visited with what
//! products have staked, so a bit that is missing stops the writer; the audit compares bit by bit.

use super::Running;
use crate::pieces::{CHUNK_LEN, Column};

/// Positions that share a word.
pub const RUN_LEN: usize = 64;
const WORD_BITS: u32 = RUN_LEN.trailing_zeros();
const WORD_MASK: usize = RUN_LEN.saturating_sub(1);
/// Words that stand for one chunk of positions. They lie in one chunk of words, because the one number divides the other.
const WORDS_A_CHUNK: usize = CHUNK_LEN >> WORD_BITS;

/// The active positions, by place in their column. Shared copy-on-write as the columns are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveSet {
    words: Column<u64>,
}

const fn word_of(place: usize) -> usize {
    place >> WORD_BITS
}

fn bit_of(place: usize) -> u64 {
    1u64.wrapping_shl(u32::try_from(place & WORD_MASK).unwrap_or_default())
}

impl ActiveSet {
    /// The active ones of a whole column.
    #[must_use]
    pub fn of(running: &Column<Running>) -> ActiveSet {
        let mut words = Column::default();
        for entries in running.chunks().iter().flat_map(|chunk| chunk.chunks(RUN_LEN)) {
            let set = |word: u64, (place, entry): (usize, &Running)| if entry.is_active() { word | bit_of(place) } else { word };
            words.push(entries.iter().enumerate().fold(0, set));
        }
        ActiveSet { words }
    }
    /// Adds a place.
    pub fn insert(&mut self, place: usize) {
        while self.words.len() <= word_of(place) {
            self.words.push(0);
        }
        if let Some(word) = self.words.get_mut(word_of(place)) {
            *word |= bit_of(place);
        }
    }
    /// Takes a place out.
    pub fn remove(&mut self, place: usize) {
        if let Some(word) = self.words.get_mut(word_of(place)) {
            *word &= !bit_of(place);
        }
    }
    /// Whether a place is in it.
    #[must_use]
    pub fn contains(&self, place: usize) -> bool {
        self.words.get(word_of(place)).is_some_and(|word| word & bit_of(place) != 0)
    }
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.words.iter().fold(0, |count, word| count.saturating_add(u64::from(word.count_ones())))
    }
    /// The marks of one chunk of positions: a word for each run of [`RUN_LEN`] of them, zero where none of it is active.
    #[must_use]
    pub fn runs(&self, chunk: usize) -> &[u64] {
        let words = self.words.rest_of_chunk(chunk.saturating_mul(WORDS_A_CHUNK));
        words.get(..WORDS_A_CHUNK).unwrap_or(words)
    }
    /// Whether a chunk of positions has none.
    #[must_use]
    pub fn is_idle(&self, chunk: usize) -> bool {
        self.runs(chunk).iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        /// Beside it, the same steps on a set that is obvious. Places reach into a second chunk of words.
        #[test]
        fn it_is_the_set_that_an_ordinary_one_would_be(steps in proptest::collection::vec((0usize..CHUNK_LEN * 66, proptest::bool::ANY), 0..200)) {
            let (mut active, mut plain) = (ActiveSet::default(), BTreeSet::new());
            for (place, inserted) in steps {
                if inserted {
                    active.insert(place);
                    plain.insert(place);
                } else {
                    active.remove(place);
                    plain.remove(&place);
                }
                proptest::prop_assert_eq!(active.contains(place), inserted);
            }
            proptest::prop_assert_eq!(active.count(), plain.len() as u64);
            for chunk in 0..67 {
                let first = chunk * CHUNK_LEN;
                proptest::prop_assert_eq!(active.is_idle(chunk), plain.range(first..first + CHUNK_LEN).next().is_none());
                for (run, word) in active.runs(chunk).iter().enumerate() {
                    let marks = (0..RUN_LEN).filter(|bit| plain.contains(&(first + run * RUN_LEN + bit)));
                    proptest::prop_assert_eq!(*word, marks.fold(0, |word, bit| word | 1 << bit));
                }
            }
        }
    }
}
