//! The keys that lie outside the database and its backups: they seal what has to be read again, and sign what others carry for us.
//!
//! Owns the form of sealed bytes and how keys for one purpose are made of the key in force. Whoever has the stores and not these
//! keys opens nothing with them. It refuses bytes that were sealed for something or somebody else. Where the keys come from is
//! another file's affair ([`crate::secrets_file`]): a key service would be a second one.
//!
//! Sealed bytes are `[1][8 bytes: which key][24 bytes: nonce][ciphertext and tag]`, XChaCha20-Poly1305 (RFC 8439 with the nonce of
//! draft-irtf-cfrg-xchacha), and what they are for is authenticated with them. A nonce is random: of 2^192 none comes twice.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use usance_core::calendar::Day;

use crate::error::StoreError;
use crate::random::random_bytes;

/// The form of sealed bytes.
const SEALED: u8 = 1;
/// Bytes that name a key in what it sealed.
const NAME_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

/// What is sealed, and for whom: bytes that were sealed for one do not open for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed<'a> {
    /// The secret of this customer's second factor.
    SecondFactor(&'a str),
    /// The secret in the answer under this use of an idempotency key.
    Answer(&'a [u8; 16]),
}

impl Sealed<'_> {
    fn bytes(self) -> Vec<u8> {
        match self {
            Sealed::SecondFactor(customer) => [b"second factor\0", customer.as_bytes()].concat(),
            Sealed::Answer(key) => [b"answer\0".as_slice(), key].concat(),
        }
    }
}

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signs where a list goes on.
    Cursors,
    /// Signs the forms of a session.
    Forms,
    /// Signs tickets of a right password, and marks of known devices.
    Tickets,
    /// Signs what a copy says of itself.
    Notes,
    /// Signs up to where a log was proven.
    Proofs,
}

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Purpose::Cursors => "usance 2026 cursors",
            Purpose::Forms => "usance 2026 forms",
            Purpose::Tickets => "usance 2026 tickets",
            Purpose::Notes => "usance 2026 notes",
            Purpose::Proofs => "usance 2026 proofs",
        }
    }
}

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub secret: [u8; 32],
    /// When it was made.
    pub made_on: Day,
}

impl Key {
    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`StoreError::Io`] when there is none.
    pub fn random(made_on: Day) -> Result<Key, StoreError> {
        Ok(Key { secret: random()?, made_on })
    }

    /// What names the key and tells nothing of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut bytes = [0; 16];
        blake3::Hasher::new_derive_key("usance 2026 fingerprint").update(&self.secret).finalize_xof().fill(&mut bytes);
        Fingerprint(bytes)
    }

    /// A key for one purpose, made of this one.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> [u8; 32] {
        blake3::derive_key(purpose.context(), &self.secret)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&blake3::derive_key("usance 2026 sealing", &self.secret).into())
    }
}

/// Names a key in the store and in what is told to people.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why sealed bytes were not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The key is not among ours: it was lost, or another process has a newer file.
    #[error("it was sealed with a key that is not in the secrets file")]
    OtherKey,
    /// The bytes were changed, or were sealed for something else.
    #[error("it is not what was sealed")]
    Changed,
}

/// The keys of one platform, the one in force first. Its `Debug` text names them and tells nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    in_force: Key,
    others: Vec<Key>,
}

impl Secrets {
    /// The key in force, and others that open what they sealed.
    #[must_use]
    pub fn new(in_force: Key, others: Vec<Key>) -> Secrets {
        Secrets { in_force, others }
    }

    /// The key in force.
    #[must_use]
    pub fn in_force(&self) -> &Key {
        &self.in_force
    }

    /// All keys, the one in force first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.in_force).chain(&self.others)
    }

    /// The same keys with another one of them in force; nothing where there is none of this name.
    #[must_use]
    pub fn with_in_force(&self, wanted: Fingerprint) -> Option<Secrets> {
        let in_force = self.keys().find(|key| key.fingerprint() == wanted)?.clone();
        let others = self.keys().filter(|key| key.fingerprint() != wanted).cloned().collect();
        Some(Secrets { in_force, others })
    }

    /// A key for one purpose, made of the one in force.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> [u8; 32] {
        self.in_force.derive(purpose)
    }

    /// Seals bytes with the key in force.
    ///
    /// # Errors
    /// [`StoreError::Io`] when there is no randomness for a nonce.
    pub fn seal(&self, what: Sealed<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let payload = Payload { msg: plain, aad: &what.bytes() };
        let hidden = self.in_force.cipher().encrypt(&XNonce::from(nonce), payload);
        let hidden = hidden.map_err(|_| StoreError::damaged("secret", "it is too long to be sealed"))?;
        let name = self.in_force.fingerprint().0;
        Ok([&[SEALED], &name[..NAME_BYTES], nonce.as_slice(), &hidden].concat())
    }

    /// Opens what was sealed with any of the keys.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open(&self, what: Sealed<'_>, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let rest = sealed.strip_prefix(&[SEALED]).ok_or(NotOpened::Changed)?;
        let (name, rest) = rest.split_at_checked(NAME_BYTES).ok_or(NotOpened::Changed)?;
        let (nonce, hidden) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened::Changed)?;
        let key = self.keys().find(|key| key.fingerprint().0.starts_with(name)).ok_or(NotOpened::OtherKey)?;
        let payload = Payload { msg: hidden, aad: &what.bytes() };
        key.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened::Changed)
    }

    /// Whether these bytes were sealed with the key in force, and with no older one.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.strip_prefix(&[SEALED]).is_some_and(|rest| rest.starts_with(&self.in_force.fingerprint().0[..NAME_BYTES]))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(Key::fingerprint)).finish()
    }
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    random_bytes().map_err(|error| StoreError::io(std::path::Path::new("/dev/urandom"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(bytes: &[u8]) -> Secrets {
        let mut keys = bytes.iter().map(|byte| Key { secret: [*byte; 32], made_on: Day::parse("2026-01-01").unwrap() });
        let in_force = keys.next().unwrap();
        Secrets::new(in_force, keys.collect())
    }

    #[test]
    fn what_is_sealed_opens_for_the_same_thing_and_the_same_customer_alone() {
        let ours = secrets(&[1]);
        let sealed = ours.seal(Sealed::SecondFactor("alice"), b"the secret").unwrap();
        assert_eq!(ours.open(Sealed::SecondFactor("alice"), &sealed).as_deref(), Ok(b"the secret".as_slice()));
        assert_eq!(ours.open(Sealed::SecondFactor("bob"), &sealed), Err(NotOpened::Changed));
        assert_eq!(ours.open(Sealed::Answer(&[0; 16]), &sealed), Err(NotOpened::Changed));
        assert_eq!(secrets(&[2]).open(Sealed::SecondFactor("alice"), &sealed), Err(NotOpened::OtherKey));
        assert_ne!(ours.seal(Sealed::SecondFactor("alice"), b"the secret").unwrap(), sealed, "the nonce is another one");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ours.open(Sealed::SecondFactor("alice"), &changed).is_err(), "byte {at}");
            assert!(ours.open(Sealed::SecondFactor("alice"), &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_older_key_opens_what_it_sealed_and_the_one_in_force_seals() {
        let old = secrets(&[1]).seal(Sealed::Answer(&[7; 16]), b"once").unwrap();
        let both = secrets(&[2, 1]);
        assert_eq!(both.open(Sealed::Answer(&[7; 16]), &old).as_deref(), Ok(b"once".as_slice()));
        assert!(!both.is_current(&old) && both.is_current(&both.seal(Sealed::Answer(&[7; 16]), b"once").unwrap()));
        let back = both.with_in_force(secrets(&[1]).in_force().fingerprint()).unwrap();
        assert!(back.is_current(&old) && back.keys().count() == 2);
        assert_eq!(both.with_in_force(secrets(&[3]).in_force().fingerprint()), None);
    }

    #[test]
    fn keys_for_different_purposes_differ_and_the_text_tells_none() {
        let ours = secrets(&[0xab]);
        let purposes = [Purpose::Cursors, Purpose::Forms, Purpose::Tickets, Purpose::Notes];
        let derived: std::collections::BTreeSet<[u8; 32]> = purposes.iter().map(|purpose| ours.derive(*purpose)).collect();
        assert_eq!(derived.len(), purposes.len());
        assert!(!derived.contains(&[0xab; 32]) && !format!("{ours:?}").contains("abab"));
    }
}
