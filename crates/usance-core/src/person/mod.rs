//! People: who proposes and approves what no single hand may do, each known by a name and a public key (RULES 11).
//!
//! A person is not a token: one operator can make two tokens, but signs with one key. [`proposal`] is what people decide on.
//! Refuses keys that prove nothing and signatures that are not exactly one person's over exactly these bytes.

pub mod proposal;

use crate::calendar::Timestamp;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A person's public key (Ed25519, RFC 8032).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicKey([u8; 32]);

/// The text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPublicKey {
    /// It has another form.
    #[error("a public key is the 32 bytes of an Ed25519 key as 64 hexadecimal digits")]
    Form,
    /// The bytes are no point of the curve, or one of the few under which one signature fits many texts.
    #[error("these 32 bytes are no Ed25519 key that can be used")]
    Point,
}

/// The text is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature is the 64 bytes of an Ed25519 signature as 128 hexadecimal digits")]
pub struct NotASignature;

impl PublicKey {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`NotAPublicKey::Point`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<PublicKey, NotAPublicKey> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NotAPublicKey::Point)?;
        if key.is_weak() { Err(NotAPublicKey::Point) } else { Ok(PublicKey(bytes)) }
    }
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`NotAPublicKey`].
    pub fn parse(text: &str) -> Result<PublicKey, NotAPublicKey> {
        PublicKey::from_bytes(unhex(text).ok_or(NotAPublicKey::Form)?)
    }
    /// Whether a signature is this key's over a text.
    #[must_use]
    pub fn has_signed(&self, text: &str, signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(text.as_bytes(), &ed25519_dalek::Signature::from_bytes(&signature.bytes())).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, out)
    }
}

/// A signature (Ed25519), in its two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature([u8; 32], [u8; 32]);

impl Signature {
    /// The signature of 64 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Signature {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        for (to, from) in first.iter_mut().chain(second.iter_mut()).zip(bytes) {
            *to = from;
        }
        Signature(first, second)
    }
    /// Reads 128 hexadecimal digits.
    ///
    /// # Errors
    /// [`NotASignature`].
    pub fn parse(text: &str) -> Result<Signature, NotASignature> {
        unhex(text).map(Signature::from_bytes).ok_or(NotASignature)
    }
    /// Its 64 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().chain(&self.1)) {
            *to = *from;
        }
        bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.bytes(), out)
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name, unique for ever.
    pub name: String,
    /// The key that proves a signature to be this person's, unique for ever.
    pub key: PublicKey,
    /// Since when.
    pub registered_at: Timestamp,
    /// Until when; who was removed signs nothing more.
    pub removed_at: Option<Timestamp>,
}

impl Person {
    /// Whether this person may sign.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.removed_at.is_none()
    }
}

fn hex(bytes: &[u8], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// The bytes that a text of exactly so many hexadecimal digits says.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    #[test]
    fn a_signature_is_of_one_key_over_one_text() {
        let (anna, ben) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let key = PublicKey::from_bytes(anna.verifying_key().to_bytes()).unwrap();
        let signature = Signature::from_bytes(anna.sign(b"a text").to_bytes());
        assert!(key.has_signed("a text", &signature));
        assert!(!key.has_signed("a text ", &signature));
        assert!(!key.has_signed("a text", &Signature::from_bytes(ben.sign(b"a text").to_bytes())));
        assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
        assert_eq!(Signature::parse(&signature.to_string()), Ok(signature));
    }

    #[test]
    fn texts_that_are_no_key_are_refused() {
        let weak = format!("01{}", "00".repeat(31));
        for text in ["", "12", &"z".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(PublicKey::parse(text), Err(NotAPublicKey::Form), "{text}");
        }
        assert_eq!(PublicKey::parse(&weak), Err(NotAPublicKey::Point));
        assert_eq!(Signature::parse(&"0".repeat(127)), Err(NotASignature));
    }
}
