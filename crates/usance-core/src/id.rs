//! Names of things: the outside ids that integrators choose, and the small numbers the machine uses inside.
//!
//! Inside numbers are given in the order of creation and never reused, so they are the same after every replay.
//! Outside ids are checked once, when they enter ([`is_outside_id`]).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

macro_rules! inside_number {
    ($(#[$doc:meta])* $name:ident, $repr:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $repr);
        impl $name {
            /// The place of this thing in its column.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
            /// The number for a place in a column. Columns end long before the number does.
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                $name(<$repr>::try_from(index).unwrap_or(<$repr>::MAX))
            }
        }
    };
}

inside_number!(
    /// An asset, by order of creation.
    AssetIx, u32
);
inside_number!(
    /// A customer, by order of creation.
    CustomerIx, u32
);
inside_number!(
    /// A customer's pair of accounts in one asset, by order of first use.
    AccountIx, u32
);
inside_number!(
    /// What one account holds in one product, by order of first subscription.
    HoldingIx, u32
);
inside_number!(
    /// A product, by order of creation.
    ProductIx, u32
);
inside_number!(
    /// An announced version of a product's rate, by order of announcement over the platform.
    RateVersionIx, u32
);
inside_number!(
    /// An agreement, by order of publication.
    AgreementIx, u32
);
inside_number!(
    /// A network with a treasury on it, by order of creation.
    NetworkIx, u32
);
inside_number!(
    /// A person, by order of registration.
    PersonIx, u32
);

/// A position's public number: counted from 1 in the order of opening, over the whole platform (API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PositionId(pub u64);

impl PositionId {
    /// The place in the column of positions.
    #[must_use]
    pub fn index(self) -> Option<usize> {
        usize::try_from(self.0.checked_sub(1)?).ok()
    }
    /// The number of the position at a place in the column.
    #[must_use]
    pub const fn from_index(index: usize) -> Self {
        PositionId((index as u64).saturating_add(1))
    }
}

impl fmt::Display for PositionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

const INDEX_BITS: u32 = u16::BITS;

/// A place in the log: the batch's sequence number and the record's place in the batch, in one whole number.
/// Zero is "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogPosition(u64);

impl LogPosition {
    /// Records in one batch, at most.
    pub const RECORDS_MAX: usize = 1 << INDEX_BITS;
    /// The last batch there can be: its number shares 64 bits with the record's.
    pub const SEQ_MAX: u64 = u64::MAX >> INDEX_BITS;
    /// Before everything.
    pub const START: LogPosition = LogPosition(0);

    /// The place of record `index`, from 0, of batch `seq`, from 1. A batch beyond [`LogPosition::SEQ_MAX`], which there
    /// cannot be, counts as that one.
    #[must_use]
    pub const fn new(seq: u64, index: u16) -> Self {
        let seq = if seq > Self::SEQ_MAX { Self::SEQ_MAX } else { seq };
        LogPosition((seq << INDEX_BITS) | index as u64)
    }
    /// The last place a record of batch `seq` could have.
    #[must_use]
    pub const fn end_of(seq: u64) -> Self {
        LogPosition::new(seq, u16::MAX)
    }
    /// The place with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        LogPosition(number)
    }
    /// The place as one number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
    /// The batch.
    #[must_use]
    pub const fn seq(self) -> u64 {
        self.0 >> INDEX_BITS
    }
    /// The record within the batch.
    #[must_use]
    pub const fn index(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl FromStr for LogPosition {
    type Err = ParseIntError;

    /// Reads the number that `Display` wrote.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(LogPosition)
    }
}

/// Whether a text may be an id: 1 to `bytes_max` of `[A-Za-z0-9._-]`.
#[must_use]
pub fn is_outside_id(text: &str, bytes_max: usize) -> bool {
    !text.is_empty()
        && text.len() <= bytes_max
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether a sign is one that nobody sees: a control character, one that turns the direction of writing, one without width, or one
/// that only marks (Unicode's categories Cc, Cf, Zl and Zp, and the fillers of Hangul). A name with one of them looks like another.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// As [`is_unseen`], for texts of several lines: there lines end, and letters are joined or kept apart as some scripts and signs
/// need it.
#[must_use]
pub fn is_unseen_in_text(letter: char) -> bool {
    is_unseen(letter) && !matches!(letter, '\n' | '\r' | '\t' | '\u{200c}' | '\u{200d}')
}

/// Bytes that are hashed from the stack; longer ones are hashed in parts.
const SHORT: usize = 256;

/// A 16-byte name for texts under a domain, from BLAKE3 keyed with the platform's seed: what large maps are keyed by.
/// Each text is preceded by its length, so no two lists of texts are the same bytes.
#[must_use]
pub fn hash16(seed: &[u8; 32], domain: &str, parts: &[&str]) -> [u8; 16] {
    let mut short = [0u8; SHORT];
    let mut filled = 0usize;
    let texts = || std::iter::once(domain).chain(parts.iter().copied());
    for text in texts() {
        for bytes in [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()] {
            let end = filled.saturating_add(bytes.len());
            let Some(free) = short.get_mut(filled..end) else { return hash16_long(seed, texts()) };
            free.copy_from_slice(bytes);
            filled = end;
        }
    }
    first_half(&blake3::keyed_hash(seed, short.get(..filled).unwrap_or(&[])))
}

fn hash16_long<'a>(seed: &[u8; 32], texts: impl Iterator<Item = &'a str>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    first_half(&hasher.finalize())
}

fn first_half(hash: &blake3::Hash) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_hashed_alike_and_never_run_together() {
        let seed = [3; 32];
        for length in [0, 1, 200, 231, 232, 233, 400] {
            let text = "x".repeat(length);
            assert_eq!(hash16(&seed, "d", &[&text]), hash16_long(&seed, ["d", &text].into_iter()), "{length}");
        }
        assert_ne!(hash16(&seed, "d", &["ab", "c"]), hash16(&seed, "d", &["a", "bc"]));
        assert_ne!(hash16(&seed, "d", &["ab"]), hash16(&[4; 32], "d", &["ab"]));
    }
}
