//! Once only: what makes a write the same write, whoever sends it again and by whatever skin.
//!
//! A key belongs to the account that uses it. With it goes a fingerprint of the request it was first used for: method, path and
//! parsed body as the contract has them, and the customer acted for. These bytes are stored, so they never change: a request that
//! is sent again after an upgrade gets its old answer.

use crate::caller::Caller;
use serde::Serialize;
use usance_core::id::hash16;
use usance_store::codec::UsedKey;

/// The longest key.
const KEY_BYTES_MAX: usize = 64;

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key: 1 to 64 of A-Z a-z 0-9 . _ : -")]
pub struct NotAKey;

/// A write that is to happen once: its key, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    key: String,
    path: String,
    body: String,
}

impl Once {
    /// A write under a key, to a path of the contract, with a body as the contract reads it.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn new(key: &str, path: &str, body: &impl Serialize) -> Result<Once, NotAKey> {
        let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
        if !fits || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')) {
            return Err(NotAKey);
        }
        // Bodies are made of texts, numbers and lists: nothing that JSON cannot hold.
        let body = serde_json::to_string(body).unwrap_or_default();
        Ok(Once { key: key.to_owned(), path: path.to_owned(), body })
    }

    /// The text of the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key within its sender's account, and the request's fingerprint.
    #[must_use]
    pub fn used_key(&self, seed: &[u8; 32], caller: &Caller, method: &str) -> UsedKey {
        let hash = hash16(seed, "key", &[&caller.scope, &self.key]);
        let fingerprint = hash16(seed, "request", &[method, &self.path, caller.acts_for(), &self.body]);
        UsedKey { hash, fingerprint }
    }
}
