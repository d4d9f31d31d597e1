//! People and what they carry: tokens, passwords, sign-in links, and answers to identity writes.
//!
//! Owns the shapes and the contract of their home. None of it is money state, so none of it is in the log: a token
//! revoked stays revoked whatever the log is replayed to. It refuses plain secrets: tokens and links come as hashes,
//! passwords as PHC strings, and times from the caller. Who may do what is the route table's affair, not this one's.
//! The embedded home is [`crate::identity_sqlite`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// What the bearer of a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A customer, for the own account.
    Customer,
    /// Another system of the house, for customers it names.
    Service,
    /// A person who runs products.
    Operator,
    /// A person who reads everything and changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Customer, Role::Service, Role::Operator, Role::Auditor];

    /// The lowercase word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Service => "service",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such role: {0} (customer, service, operator, auditor)")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// A token to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: Role,
    /// The customer it speaks for, when it speaks for one.
    pub customer: Option<String>,
    /// Hash of the secret.
    pub hash: [u8; 32],
}

/// A token as kept, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Number, from 1, never used again.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: Role,
    /// The customer it speaks for, when it speaks for one.
    pub customer: Option<String>,
    /// When it was added, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was revoked, milliseconds since the Unix epoch.
    pub revoked_at_ms: Option<i64>,
}

impl TokenRecord {
    /// Whether it was not revoked.
    pub fn is_live(&self) -> bool {
        self.revoked_at_ms.is_none()
    }
}

/// The answer that an idempotent identity write gave, to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Hash of the request, to tell the same request from another one under the same key.
    pub fingerprint: [u8; 32],
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's bytes.
    pub body: Vec<u8>,
}

/// Everything that can be asked of identities, inside of a transaction or by itself. By itself each call is a
/// transaction of its own, durable when it returns.
///
/// Every call fails with [`StoreError::Full`], [`StoreError::Damaged`] or the home's own variant when the store cannot be
/// read or written; only other errors are listed.
pub trait Identities {
    /// Adds a token at `at_ms` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when a token with this hash was ever added.
    fn add_token(&self, token: &NewToken, at_ms: i64) -> Result<TokenRecord, StoreError>;

    /// Every token, revoked ones too, newest first.
    ///
    /// # Errors
    /// As every call.
    fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError>;

    /// The tokens that are not revoked with the hashes of their secrets, to be indexed in memory.
    ///
    /// # Errors
    /// As every call.
    fn live_tokens(&self) -> Result<Vec<([u8; 32], TokenRecord)>, StoreError>;

    /// The token with this hash, `None` when there is none or it was revoked.
    ///
    /// # Errors
    /// As every call.
    fn find_token(&self, hash: &[u8; 32]) -> Result<Option<TokenRecord>, StoreError>;

    /// Revokes a token for good. `false` when there is none with this id or it was revoked before.
    ///
    /// # Errors
    /// As every call.
    fn revoke_token(&self, id: i64, at_ms: i64) -> Result<bool, StoreError>;

    /// Sets a customer's password, in place of an older one. `phc` is the salted hash as a PHC string.
    ///
    /// # Errors
    /// As every call.
    fn set_password(&self, customer: &str, phc: &str, at_ms: i64) -> Result<(), StoreError>;

    /// The PHC string of a customer's password.
    ///
    /// # Errors
    /// As every call.
    fn password(&self, customer: &str) -> Result<Option<String>, StoreError>;

    /// Adds a link that signs `customer` in once, before `expires_at_ms`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] for a hash that is waiting to be taken.
    fn add_sign_in_link(&self, hash: &[u8; 32], customer: &str, expires_at_ms: i64) -> Result<(), StoreError>;

    /// Uses a link up and gives its customer; `None` when there is none, or it has expired by `now_ms`. Of two who take
    /// one link, one gets it.
    ///
    /// # Errors
    /// As every call.
    fn take_sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError>;

    /// The answer given under an idempotency key, `None` when none is remembered.
    ///
    /// # Errors
    /// As every call.
    fn remembered(&self, key: &[u8; 16]) -> Result<Option<Remembered>, StoreError>;

    /// Remembers an answer under an idempotency key. To be called in the transaction of the write it answers.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when an answer is remembered under this key.
    fn remember(&self, key: &[u8; 16], answer: &Remembered, at_ms: i64) -> Result<(), StoreError>;

    /// Forgets answers remembered before `at_ms`, and links that expired before it; gives how many.
    ///
    /// # Errors
    /// As every call.
    fn forget_before(&self, at_ms: i64) -> Result<usize, StoreError>;

    /// The secret with this name: the one kept, or else `candidate`, which is kept from now on.
    ///
    /// # Errors
    /// As every call.
    fn secret_or_insert(&self, name: &str, candidate: &[u8; 32]) -> Result<[u8; 32], StoreError>;
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it is durable.
    Commit,
    /// None of it happened.
    RollBack,
}

/// A home of identities.
pub trait IdentityStore: Identities + Send {
    /// Runs `work` once, in one transaction that no other write comes between. [`atomically`] is easier to call.
    ///
    /// # Errors
    /// When the transaction cannot begin or commit; nothing of it happened then, unless the error is
    /// [`StoreError::Unknown`].
    fn transaction(&mut self, work: &mut dyn FnMut(&dyn Identities) -> Ending) -> Result<(), StoreError>;
}

/// Runs `work` in one transaction: all of it happens when it gives `Ok`, none of it otherwise.
///
/// # Errors
/// What `work` gave; otherwise as [`IdentityStore::transaction`].
pub fn atomically<T, E: From<StoreError>>(
    store: &mut dyn IdentityStore,
    work: impl FnOnce(&dyn Identities) -> Result<T, E>,
) -> Result<T, E> {
    let mut work = Some(work);
    let mut outcome = None;
    store.transaction(&mut |identities| {
        let result = work.take().map(|work| work(identities));
        let ending = if matches!(result, Some(Ok(_))) { Ending::Commit } else { Ending::RollBack };
        outcome = result;
        ending
    })?;
    outcome.unwrap_or_else(|| Err(StoreError::Unknown("the transaction did not run".to_owned()).into()))
}
