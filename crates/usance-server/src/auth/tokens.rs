//! Tokens: who asks by one, and the customer a request acts for.
//!
//! Tokens are stored hashed (SHA-256 of 256 random bits) and looked up in memory; a token that another process made or revoked is
//! seen within a second. A customer's token acts for that customer; other roles name one in `Usance-Customer`. [`Auth`] also holds
//! what rates, attempts, sessions and devices need, each in a file of its own.

use super::attempts::Attempts;
use super::identity::{CUSTOMER, Identity};
use super::password_queues::PasswordQueues;
use super::rates::{Purpose, RateLimits, RateVerdict, Rates};
use crate::wire::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;
use usance_core::id::is_outside_id;
use usance_core::limits::CUSTOMER_ID_BYTES_MAX;
use usance_engine::caller::Caller;
use usance_engine::people::{People, secret_hash};
use usance_engine::random::random_bytes;
use usance_store::{Home, IdentityStore, Role, StoreError};

/// The environment variable that bootstraps the first operator.
pub const BOOTSTRAP: &str = "USANCE_OPERATOR_TOKEN";
/// The name under which the bootstrap token acts.
const BOOTSTRAP_NAME: &str = "bootstrap";

fn random_key() -> Result<[u8; 32], StoreError> {
    random_bytes().map_err(|source| StoreError::Io { path: "/dev/urandom".into(), source })
}

/// Tokens and passwords.
pub struct Auth {
    /// The stored identities.
    pub people: People,
    /// Held while the live tokens are read and put in force: of two who do so, the later one reads last.
    reloading: Mutex<()>,
    live: RwLock<HashMap<[u8; 32], Identity>>,
    bootstrap: Option<[u8; 32]>,
    pub(super) rates: Rates,
    /// How often who tried to come in.
    pub(super) attempts: Attempts,
    /// PasswordQueues to have a password checked.
    pub(super) turns: PasswordQueues,
    /// Signs what browsers carry for us: tickets and marks of devices. Read when it is first needed.
    pub(super) signing: OnceLock<[u8; 32]>,
    seen_version: AtomicI64,
    /// Told each time the live tokens were read again: who holds an answer open looks whether it still may.
    changed: Notify,
}

impl Auth {
    /// Loads the live tokens. `bootstrap` is an operator's token that needs no row.
    ///
    /// # Errors
    /// As the file answers.
    pub fn new(home: &Home, bootstrap: Option<&str>, rates: &RateLimits) -> Result<Auth, StoreError> {
        let auth = Auth {
            people: People::of(home),
            reloading: Mutex::new(()),
            live: RwLock::default(),
            bootstrap: bootstrap.map(secret_hash),
            rates: Rates::new(rates),
            attempts: Attempts::new(random_key()?),
            turns: PasswordQueues::new(),
            signing: OnceLock::new(),
            seen_version: AtomicI64::new(0),
            changed: Notify::new(),
        };
        auth.reload()?;
        Ok(auth)
    }

    /// Reads the live tokens again.
    ///
    /// # Errors
    /// As the file answers.
    pub fn reload(&self) -> Result<(), StoreError> {
        let mut live: HashMap<[u8; 32], Identity> = HashMap::new();
        let reloading = self.reloading.lock();
        for (hash, record) in self.with_store(|people| people.live_tokens())? {
            live.insert(hash, Identity { role: record.role, name: record.name, customer: record.customer });
        }
        if let Some(hash) = self.bootstrap {
            live.insert(hash, Identity { role: Role::Operator, name: BOOTSTRAP_NAME.to_owned(), customer: None });
        }
        *self.live.write() = live;
        drop(reloading);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits until the live tokens were read again since the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Small work on the side: reads the tokens again when another process changed them, forgets quiet customers' rates.
    ///
    /// # Errors
    /// As the file answers.
    pub fn keep_house(&self) -> Result<(), StoreError> {
        self.rates.keep_house();
        let version = self.with_store(|people| people.foreign_version())?;
        if self.seen_version.load(Ordering::Acquire) != version {
            self.reload()?;
            // Only now: what could not be read is read the next time.
            self.seen_version.store(version, Ordering::Release);
        }
        Ok(())
    }

    /// Works on the stored identities.
    ///
    /// # Errors
    /// What `work` gave, and as the home answers.
    pub fn with_store<R, E: From<StoreError>>(&self, work: impl FnOnce(&mut dyn IdentityStore) -> Result<R, E>) -> Result<R, E> {
        self.people.with(work)
    }

    /// The sender of a request.
    ///
    /// # Errors
    /// 401 without a token or with an unknown one.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Identity, Problem> {
        let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        let value = headers.get(header::AUTHORIZATION).ok_or_else(|| unauthorized("Send Authorization: Bearer <token>."))?;
        let text = value.to_str().unwrap_or("");
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let hash = secret_hash(token.ok_or_else(|| unauthorized("Send Authorization: Bearer <token>."))?);
        // The map is keyed by the token's hash: its lookup tells nothing about the token.
        self.live.read().get(&hash).cloned().ok_or_else(|| unauthorized("The token is unknown or was revoked."))
    }

    /// The customer a request acts for.
    ///
    /// # Errors
    /// 400 `customer_required` where a role has to name one, 404 where a customer names another.
    pub fn act_for(identity: Identity, headers: &HeaderMap, required: bool) -> Result<Caller, Problem> {
        let named = headers.get(&CUSTOMER).map(|value| value.to_str().unwrap_or(""));
        if let Some(id) = named
            && !is_outside_id(id, CUSTOMER_ID_BYTES_MAX)
        {
            return Err(Problem::malformed("Usance-Customer: 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        let customer = match (&identity.customer, named) {
            (Some(own), Some(other)) if own != other => return Err(Problem::not_found("customer_not_found", "There is no such customer.")),
            (Some(own), _) => Some(own.clone()),
            (None, named) => named.map(str::to_owned),
        };
        if required && customer.is_none() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "customer_required", "Name the customer in the Usance-Customer header."));
        }
        let scope = match &identity.customer {
            Some(own) => format!("customer:{own}"),
            None => format!("{}:{}", identity.role, identity.name),
        };
        Ok(Caller { role: identity.role, scope, customer })
    }

    /// Counts a request against the rates of its sender, its customer and the operation it asks for, if that is any.
    #[must_use]
    pub fn count(&self, identity: &Identity, purpose: Purpose, operation: Option<&str>) -> RateVerdict {
        self.rates.count(identity, purpose, operation)
    }

    /// Takes of a customer's rate what a request for what was cost, beyond the one that it was counted for.
    pub fn owe(&self, customer: &str, cost: u32, counted: &mut RateVerdict) {
        self.rates.owe(customer, cost, counted);
    }

    /// Counts a request without a valid token or a session against the rates of its address and of the operation it asks for, if
    /// that is any.
    #[must_use]
    pub fn count_address(&self, address: IpAddr, operation: Option<&str>) -> RateVerdict {
        self.rates.count_address(address, operation)
    }
}
