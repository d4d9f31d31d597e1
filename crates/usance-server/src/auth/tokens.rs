//! Tokens: who asks by one, and the customer a request acts for.
//!
//! Tokens are stored hashed (SHA-256 of 256 random bits). Each is asked for when it first comes, and known from then on until a token
//! was changed, which is seen within a second. Bearers of tokens that are none are counted by address and said in the log. A
//! customer's token acts for that customer; other roles name one in `Usance-Customer`. [`Auth`] also holds what rates, attempts,
//! sessions and devices need, each in a file of its own.

use super::attempts::{Attempts, TryEnd};
use super::bootstrap;
use super::identity::{CUSTOMER, Identity, address_class};
use super::known_tokens::KnownTokens;
use super::password_queues::PasswordQueues;
use super::rates::{Purpose, RateLimits, RateVerdict, Rates};
use super::refusals::failed;
use crate::wire::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use usance_core::id::is_outside_id;
use usance_core::limits::CUSTOMER_ID_BYTES_MAX;
use usance_engine::caller::Caller;
use usance_engine::life::clock::EngineClock;
use usance_engine::people::keys::{Keyring, KeysError};
use usance_engine::people::{People, secret_hash};
use usance_store::random::random_bytes;
use usance_store::{Home, IdentityStore, StoreError, TokenRecord};

fn random_key() -> Result<[u8; 32], StoreError> {
    random_bytes().map_err(|source| StoreError::Io { path: "/dev/urandom".into(), source })
}

/// Tokens and passwords.
pub struct Auth {
    /// The stored identities.
    pub people: People,
    known: KnownTokens,
    /// The hash of the operator's token of the environment.
    bootstrap: Option<[u8; 32]>,
    pub(super) rates: Rates,
    /// How often who tried to come in.
    pub(super) attempts: Attempts,
    /// PasswordQueues to have a password checked.
    pub(super) turns: PasswordQueues,
    seen_version: AtomicI64,
    /// Whether the keys have to be looked at: another process may have rotated them.
    is_behind: AtomicBool,
    /// Told each time the live tokens were read again: who holds an answer open looks whether it still may.
    changed: Notify,
}

impl Auth {
    /// Nobody is known yet. `bootstrap` is the operator's token of the environment.
    ///
    /// # Errors
    /// Without randomness.
    pub fn new(home: &Home, keys: Keyring, bootstrap: Option<&str>, rates: &RateLimits) -> Result<Auth, StoreError> {
        Ok(Auth {
            people: People::of(home, keys),
            known: KnownTokens::default(),
            bootstrap: bootstrap.map(secret_hash),
            rates: Rates::new(rates),
            attempts: Attempts::new(random_key()?),
            turns: PasswordQueues::new(),
            seen_version: AtomicI64::new(0),
            is_behind: AtomicBool::new(true),
            changed: Notify::new(),
        })
    }

    /// What a writer does before anybody comes in: the stores are this release's and this secrets file's, and the operator's token of
    /// the environment is in the list.
    ///
    /// # Errors
    /// Another platform's secrets file; as the home answers.
    pub fn take_over(&self) -> Result<(), KeysError> {
        self.people.take_over()?;
        self.people.with(|store| bootstrap::keep(store, self.bootstrap, EngineClock::system().ms()))?;
        self.tokens_changed();
        Ok(())
    }

    /// What is known of tokens, and of what they opened, may be otherwise now.
    pub fn tokens_changed(&self) {
        self.known.all_changed();
        self.changed.notify_one();
    }

    /// Sessions ended: what they opened has to end, too.
    pub fn sessions_ended(&self) {
        self.changed.notify_one();
    }

    /// Waits until tokens may be otherwise than the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Small work on the side: asks for tokens again when another process changed one, follows a rotation of the keys, forgets
    /// quiet customers' rates.
    ///
    /// # Errors
    /// As the home answers; another platform's secrets file.
    pub fn keep_house(&self) -> Result<(), KeysError> {
        self.rates.keep_house();
        let version = self.with_store(|people| people.foreign_version())?;
        if self.seen_version.swap(version, Ordering::AcqRel) != version {
            self.tokens_changed();
            self.is_behind.store(true, Ordering::Release);
        }
        if self.is_behind.load(Ordering::Acquire) {
            self.with_store(|people| self.people.keys().follow(people))?;
            self.is_behind.store(false, Ordering::Release);
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

    /// The sender of a request that comes from this address, where it is known.
    ///
    /// # Errors
    /// 401 without a token or with an unknown one, 429 where that came from there too often, 503 when the tokens cannot be read.
    pub fn identify(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Identity, Problem> {
        let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        let value = headers.get(header::AUTHORIZATION).ok_or_else(|| unauthorized("Send Authorization: Bearer <token>."))?;
        let text = value.to_str().unwrap_or("");
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        // Tokens are known by their hashes: a look-up tells nothing about a token.
        let hash = secret_hash(token.ok_or_else(|| unauthorized("Send Authorization: Bearer <token>."))?);
        let now = EngineClock::system().ms();
        let token = match self.known.current(&hash) {
            Some(token) => Some(token),
            None => self.ask_for_token(&hash, from)?,
        };
        let opens = |token: &TokenRecord| token.is_live(now) && (!token.is_bootstrap || Some(hash) == self.bootstrap);
        match token.filter(opens) {
            Some(token) => Ok(Identity::of_token(token)),
            None => Err(unauthorized("The token is unknown, has expired, or was revoked.")),
        }
    }

    /// Asks the store for a token. Whoever sends many that are none has to wait, and asks nothing meanwhile; a token that was right
    /// before is asked for all the same, and so is one from this machine: a proxy or a program of the house.
    fn ask_for_token(&self, hash: &[u8; 32], from: Option<IpAddr>) -> Result<Option<TokenRecord>, Problem> {
        let was_right = self.known.was_right(hash);
        let taken = match from.filter(|from| !was_right && !from.is_loopback()).map(|from| self.attempts.bearer(from)).transpose() {
            Ok(taken) => taken,
            Err(wait) => {
                told_bearer("throttled");
                return Err(too_many_bearers(wait));
            }
        };
        let asked_at = self.known.version();
        let found = self.with_store(|store| store.find_token(hash)).map_err(|error| failed(&error))?;
        match &found {
            Some(token) => {
                taken.into_iter().for_each(|taken| self.attempts.settle(taken, TryEnd::Right));
                self.known.keep(*hash, token.clone(), asked_at);
            }
            None => {
                told_bearer("unknown");
                if let Some(from) = from
                    && self.known.is_worth_saying(from)
                {
                    tracing::warn!(%from, "a bearer token that is none was sent; more from there are not said for a minute");
                }
            }
        }
        Ok(found)
    }

    /// The customer a request acts for.
    ///
    /// # Errors
    /// 400 `customer_required` where a role has to name one, 404 where a customer names another.
    pub fn act_for(identity: Identity, headers: &HeaderMap, required: bool, from: Option<IpAddr>) -> Result<Caller, Problem> {
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
        let actor = Some(identity.actor(address_class(from)));
        Ok(Caller { role: identity.role, scopes: identity.scopes, scope, customer, actor })
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

fn told_bearer(outcome: &'static str) {
    metrics::counter!("usance_bearers_refused_total", "outcome" => outcome).increment(1);
}

fn too_many_bearers(wait: Duration) -> Problem {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
    let detail = "Too many tokens that are none came from this address; wait a little.";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(seconds)
}
