//! What every form of a session carries, and how it looks in a page: never twice the same.
//!
//! Pages are compressed, and some show what their address says. Whoever can have a browser open such addresses and sees how long the
//! answers are could guess a text that stands in all of them, digit by digit (BREACH). So the token stands in each answer under
//! a mask of its own: random bytes, and behind them the token with these bytes added. Pages that show what was asked go out
//! uncompressed besides (`site/pages`), for what a customer owns stands in them, too.

use crate::wire::text::hex;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq;
use usance_store::random::random_bytes;

/// Bytes of a token.
const BYTES: usize = 16;

/// The token of a session.
#[derive(Clone, Debug)]
pub struct FormToken([u8; BYTES]);

impl FormToken {
    /// The token that a hash of the session gives.
    #[must_use]
    pub fn of(session: &blake3::Hash) -> FormToken {
        FormToken(first(session))
    }

    /// The token under a mask of its own. Empty, which no form is accepted with, where the system has no randomness.
    #[must_use]
    pub fn masked(&self) -> String {
        let Some(mask) = mask() else { return String::new() };
        hex(&mask) + hex(&added(self.0, mask)).as_str()
    }

    /// Whether a form was sent with this token, under whatever mask.
    #[must_use]
    pub fn is(&self, sent: &str) -> bool {
        let Some((mask, masked)) = sent.split_at_checked(2 * BYTES) else { return false };
        match (bytes(mask), bytes(masked)) {
            (Some(mask), Some(masked)) => added(masked, mask).ct_eq(&self.0).into(),
            _ => false,
        }
    }
}

/// Bytes that nobody outside can foretell, others each time.
fn mask() -> Option<[u8; BYTES]> {
    static KEY: LazyLock<Option<[u8; 32]>> = LazyLock::new(|| random_bytes().ok());
    static USED: AtomicU64 = AtomicU64::new(0);
    let number = USED.fetch_add(1, Ordering::Relaxed);
    KEY.as_ref().map(|key| first(&blake3::keyed_hash(key, &number.to_le_bytes())))
}

fn first(hash: &blake3::Hash) -> [u8; BYTES] {
    std::array::from_fn(|at| hash.as_bytes()[at])
}

fn added(one: [u8; BYTES], other: [u8; BYTES]) -> [u8; BYTES] {
    std::array::from_fn(|at| one[at] ^ other[at])
}

/// Bytes as hexadecimal has them; nothing for anything else.
fn bytes(text: &str) -> Option<[u8; BYTES]> {
    if text.len() != 2 * BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_token_looks_otherwise_each_time_and_is_the_same() {
        let token = FormToken::of(&blake3::hash(b"one"));
        let other = FormToken::of(&blake3::hash(b"other"));
        let shown: BTreeSet<String> = (0..200).map(|_| token.masked()).collect();
        assert_eq!(shown.len(), 200);
        for text in &shown {
            assert!(token.is(text) && !other.is(text) && text.len() == 4 * BYTES);
        }
        // Of no digit is anything to be told: at each place every digit stands about as often as another.
        for place in 0..4 * BYTES {
            let digits: BTreeSet<&str> = shown.iter().map(|text| &text[place..=place]).collect();
            assert_eq!(digits.len(), 16, "at {place}");
        }
        let plain = hex(&token.0);
        let mask = "0".repeat(2 * BYTES);
        assert!(token.is(&format!("{mask}{plain}")));
        for wrong in [
            "",
            &plain,
            &mask,
            &format!("{mask}{mask}"),
            &format!("{mask}{plain}0"),
            &format!("{plain}{plain}"),
            &"+1".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }
}
