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
    /// A program that carries out a treasury's orders and says what networks show.
    Treasury,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Customer, Role::Service, Role::Operator, Role::Auditor, Role::Treasury];

    /// The lowercase word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Service => "service",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
            Role::Treasury => "treasury",
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
#[error("no such role: {0} (customer, service, operator, auditor, treasury)")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// A part of what a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Deposits and withdrawals.
    Wallet,
    /// Customers, passwords, second factors, sign-in links.
    Identity,
    /// What a customer may do.
    Acting,
    /// What a customer may see.
    Reading,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Wallet, Scope::Identity, Scope::Acting, Scope::Reading];

    /// The lowercase word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Wallet => "wallet",
            Scope::Identity => "identity",
            Scope::Acting => "acting",
            Scope::Reading => "reading",
        }
    }

    /// Whether it is a part of what a role may do.
    #[must_use]
    pub const fn is_of(self, role: Role) -> bool {
        match role {
            Role::Service => true,
            Role::Customer => matches!(self, Scope::Acting | Scope::Reading),
            Role::Operator | Role::Auditor | Role::Treasury => false,
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| UnknownScope(word.to_owned()))
    }
}

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such scope: {0} (wallet, identity, acting, reading)")]
pub struct UnknownScope(pub String);

/// Some scopes: those that a token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// All that the role has. Tokens of releases before there were scopes have it.
    pub const ALL: Scopes = Scopes(0b1111);

    /// Whether this scope is among them.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// As it is stored: words with commas, nothing for all.
    #[must_use]
    pub fn stored(self) -> Option<String> {
        (self != Scopes::ALL).then(|| self.iter().map(Scope::as_str).collect::<Vec<_>>().join(","))
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// A word that is no scope.
    pub fn from_stored(stored: Option<&str>) -> Result<Scopes, UnknownScope> {
        stored.map_or(Ok(Scopes::ALL), |words| words.split(',').map(Scope::from_str).collect())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

/// A token to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: Role,
    /// What of its role's rights it has.
    pub scopes: Scopes,
    /// The customer it speaks for, when it speaks for one.
    pub customer: Option<String>,
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// From this instant it opens nothing, milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
    /// Whether it is the environment's: it opens something only where the environment has it.
    pub is_bootstrap: bool,
}

impl NewToken {
    /// One with all that its role has, which does not end, and no secret yet.
    #[must_use]
    pub fn plain(name: &str, role: Role, customer: Option<&str>) -> NewToken {
        let (name, customer) = (name.to_owned(), customer.map(str::to_owned));
        NewToken { name, role, scopes: Scopes::ALL, customer, hash: [0; 32], expires_at_ms: None, is_bootstrap: false }
    }

    /// The token as it is kept under a number.
    pub(crate) fn record(&self, id: i64, created_at_ms: i64) -> TokenRecord {
        TokenRecord {
            id,
            name: self.name.clone(),
            role: self.role,
            scopes: self.scopes,
            customer: self.customer.clone(),
            created_at_ms,
            expires_at_ms: self.expires_at_ms,
            revoked_at_ms: None,
            is_exposed: false,
            is_bootstrap: self.is_bootstrap,
        }
    }
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
    /// What of its role's rights it has.
    pub scopes: Scopes,
    /// The customer it speaks for, when it speaks for one.
    pub customer: Option<String>,
    /// When it was added, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From this instant it opens nothing, milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, milliseconds since the Unix epoch.
    pub revoked_at_ms: Option<i64>,
    /// Whether it has to be replaced: an older release made its secret of what lay in the store, or a key that had sealed it was
    /// given away.
    pub is_exposed: bool,
    /// Whether it is the environment's: it opens something only where the environment has it.
    pub is_bootstrap: bool,
}

impl TokenRecord {
    /// Whether it opens something at `now_ms` (milliseconds since the Unix epoch): it was not revoked, and has not expired.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.expires_at_ms.is_none_or(|expires_at_ms| now_ms < expires_at_ms)
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
    /// The answer's bytes; a mark of the caller's stands where the secret was.
    pub body: Vec<u8>,
    /// The secret that the answer showed, sealed by the caller.
    pub sealed: Option<Vec<u8>>,
}

/// Something sealed, and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedItem {
    /// Where.
    pub place: SealedPlace,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// Where something sealed is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedPlace {
    /// The second factor of this customer.
    SecondFactor(String),
    /// The answer under this key.
    Answer([u8; 16]),
}
