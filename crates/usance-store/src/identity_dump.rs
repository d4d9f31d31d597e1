//! Everything that people carry, as one value: to move from one home to another, and to come back from a backup.
//!
//! Owns the shape of that value, which is the same whatever home it comes from: two homes with the same people give equal
//! values. A home gives it with [`crate::IdentityStore::everything`] and takes it with [`crate::IdentityStore::fill`],
//! only when it is empty, so that no number and no secret of one platform ever meets those of another.
//!
//! It holds what signs people in (hashes, and sealed secrets), so it has no text: its `Debug` shows how much there
//! is and nothing of it. It has no bytes either: the file of a backup is the embedded home itself, filled from this value.

use std::fmt;

use crate::person::{Remembered, SecondFactor, SessionRecord, TokenRecord};
use crate::secrets::Fingerprint;
use crate::security::SecurityEvent;

/// Answers are counted by the minute in which they were given, in milliseconds.
pub(crate) const ANSWERS_MS: i64 = 60_000;

/// All that one home keeps, each list in the order of its key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Every token, revoked ones too, by number.
    pub tokens: Vec<KeptToken>,
    /// By customer.
    pub passwords: Vec<KeptPassword>,
    /// Links that were not taken, expired ones that were not yet forgotten too, by hash.
    pub sign_in_links: Vec<KeptLink>,
    /// Sessions that were not ended, expired ones that were not yet forgotten too, by number.
    pub sessions: Vec<KeptSession>,
    /// By customer.
    pub second_factors: Vec<KeptFactor>,
    /// By key.
    pub remembered: Vec<KeptAnswer>,
    /// By name: those of a release before there was a secrets file.
    pub secrets: Vec<KeptSecret>,
    /// Which key sealed what is sealed.
    pub sealing_key: Option<Fingerprint>,
    /// By number.
    pub security_events: Vec<SecurityEvent>,
    /// The highest number that was ever a token's, 0 when there was none. The next one is higher.
    pub last_token_id: i64,
    /// The highest number that was ever a session's, 0 when there was none. The next one is higher.
    pub last_session_id: i64,
}

/// A token with the hash of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptToken {
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// The rest of it.
    pub record: TokenRecord,
}

/// A customer's password.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptPassword {
    /// Whose it is.
    pub customer: String,
    /// The salted hash as a PHC string.
    pub phc: String,
    /// When it was set, milliseconds since the Unix epoch.
    pub set_at_ms: i64,
}

/// A link that signs a customer in once.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptLink {
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// Whom it signs in.
    pub customer: String,
    /// From this instant it signs nobody in, milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// A session with the hash of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptSession {
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// The rest of it.
    pub record: SessionRecord,
}

/// A customer's second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptFactor {
    /// Whose it is.
    pub customer: String,
    /// The secret, and the steps that are used up.
    pub factor: SecondFactor,
}

/// An answer under an idempotency key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The key.
    pub key: [u8; 16],
    /// The answer.
    pub answer: Remembered,
    /// When it was given, milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A secret of the service.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// What it is for.
    pub name: String,
    /// The secret itself.
    pub value: [u8; 32],
}

impl People {
    /// Whether nobody could come in by it, and nothing is remembered: no token, password, link, session, second factor, answer or event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lists = [
            self.tokens.len(),
            self.passwords.len(),
            self.sign_in_links.len(),
            self.sessions.len(),
            self.second_factors.len(),
            self.remembered.len(),
            self.secrets.len(),
            self.security_events.len(),
        ];
        lists.iter().all(|length| *length == 0)
    }

    /// The same with each list in the order of its key, byte by byte: databases sort text by rules of their own.
    pub(crate) fn in_order(mut self) -> Self {
        self.tokens.sort_unstable_by_key(|kept| kept.record.id);
        self.passwords.sort_unstable_by(|one, other| one.customer.cmp(&other.customer));
        self.sign_in_links.sort_unstable_by_key(|kept| kept.hash);
        self.sessions.sort_unstable_by_key(|kept| kept.record.id);
        self.second_factors.sort_unstable_by(|one, other| one.customer.cmp(&other.customer));
        self.remembered.sort_unstable_by_key(|kept| kept.key);
        self.secrets.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.security_events.sort_unstable_by_key(|kept| kept.id);
        self
    }

    /// The number behind which a home goes on with tokens, whatever the value says of itself.
    pub(crate) fn tokens_end(&self) -> i64 {
        self.tokens.iter().map(|kept| kept.record.id).fold(self.last_token_id, i64::max)
    }

    /// The number behind which a home goes on with sessions, whatever the value says of itself.
    pub(crate) fn sessions_end(&self) -> i64 {
        self.sessions.iter().map(|kept| kept.record.id).fold(self.last_session_id, i64::max)
    }
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People")
            .field("tokens", &self.tokens.len())
            .field("passwords", &self.passwords.len())
            .field("sign_in_links", &self.sign_in_links.len())
            .field("sessions", &self.sessions.len())
            .field("second_factors", &self.second_factors.len())
            .field("remembered", &self.remembered.len())
            .field("secrets", &self.secrets.len())
            .field("sealing_key", &self.sealing_key)
            .field("security_events", &self.security_events.len())
            .field("last_token_id", &self.last_token_id)
            .field("last_session_id", &self.last_session_id)
            .finish()
    }
}
