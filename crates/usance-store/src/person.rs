//! Who comes in and what they carry, as values: roles, tokens, sessions, second factors, remembered answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// A session to be added: a customer signed in on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Hash of the secret that the device keeps.
    pub hash: [u8; 32],
    /// The customer who signed in.
    pub customer: String,
    /// What the customer knows the device by, in the caller's words.
    pub device: String,
    /// From this instant it is no session any more, milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// A session as kept, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Number, from 1, never used again.
    pub id: i64,
    /// The customer who signed in.
    pub customer: String,
    /// What the customer knows the device by, in the caller's words.
    pub device: String,
    /// When it was added, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last seen in use, milliseconds since the Unix epoch; at first when it was added.
    pub seen_at_ms: i64,
    /// From this instant it is no session any more, milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// A customer's second factor: time-based one-time codes (TOTP, RFC 6238). Its `Debug` text leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The bytes given to [`Identities::set_second_factor`]: the shared secret of RFC 6238, or what it was sealed to.
    pub secret: Vec<u8>,
    /// The newest time step of which a code was used, `None` while none was. Steps are counted as the `T` of RFC 6238
    /// section 4.2.
    pub last_step: Option<i64>,
    /// When it was set, milliseconds since the Unix epoch.
    pub set_at_ms: i64,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactor").field("last_step", &self.last_step).field("set_at_ms", &self.set_at_ms).finish_non_exhaustive()
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
