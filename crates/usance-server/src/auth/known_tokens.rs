//! Tokens that came and were right: what the store said of them, for as long as nothing was changed there.
//!
//! Owns how many are remembered and when one has to be asked for again. It refuses to judge: whether a token is live is its record's
//! affair. A table that is full begins anew, which costs a look into the store for each.

use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use usance_store::TokenRecord;

use crate::wire::address::line;

/// Tokens that are remembered: as many as come within a short time, not as many as there are.
const KNOWN_MAX: usize = 100_000;
/// How long nothing more is said of an address that was just named in the log.
const SAID_EVERY: Duration = Duration::from_mins(1);
/// Addresses that were named lately; beyond that nobody is named.
const SAID_MAX: usize = 100;

/// Tokens by their hashes, each with the version at which it was asked for.
#[derive(Default)]
pub(super) struct KnownTokens {
    version: AtomicU64,
    tokens: RwLock<HashMap<[u8; 32], (u64, TokenRecord)>>,
    said: Mutex<HashMap<IpAddr, Instant>>,
}

impl KnownTokens {
    /// Something was changed: each token is asked for again.
    pub fn all_changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// The version, to be read before the store is asked.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known of a token, unless something was changed since.
    pub fn current(&self, hash: &[u8; 32]) -> Option<TokenRecord> {
        let version = self.version();
        self.tokens.read().get(hash).filter(|(asked_at, _)| *asked_at == version).map(|(_, token)| token.clone())
    }

    /// Whether it was right when it last came.
    pub fn was_right(&self, hash: &[u8; 32]) -> bool {
        self.tokens.read().contains_key(hash)
    }

    /// Keeps what the store said after `asked_at` was read.
    pub fn keep(&self, hash: [u8; 32], token: TokenRecord, asked_at: u64) {
        let mut tokens = self.tokens.write();
        if tokens.len() >= KNOWN_MAX && !tokens.contains_key(&hash) {
            tokens.clear();
        }
        tokens.insert(hash, (asked_at, token));
    }

    /// Whether an address was not named in the log lately; it counts as named now.
    pub fn is_worth_saying(&self, from: IpAddr) -> bool {
        let (now, from) = (Instant::now(), line(from));
        let mut said = self.said.lock();
        said.retain(|_, at| now.duration_since(*at) < SAID_EVERY);
        if said.contains_key(&from) || said.len() >= SAID_MAX {
            return false;
        }
        said.insert(from, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usance_store::{Role, Scopes};

    fn token(id: i64) -> TokenRecord {
        let (name, role, scopes) = ("one".to_owned(), Role::Service, Scopes::ALL);
        let (created_at_ms, expires_at_ms, revoked_at_ms, is_exposed) = (0, None, None, false);
        let (customer, is_bootstrap) = (None, false);
        TokenRecord { id, name, role, scopes, customer, created_at_ms, expires_at_ms, revoked_at_ms, is_exposed, is_bootstrap }
    }

    #[test]
    fn a_token_is_known_until_something_changes_and_then_asked_for_again() {
        let known = KnownTokens::default();
        let asked_at = known.version();
        known.keep([1; 32], token(1), asked_at);
        assert_eq!(known.current(&[1; 32]), Some(token(1)));
        known.all_changed();
        assert_eq!(known.current(&[1; 32]), None);
        assert!(known.was_right(&[1; 32]) && !known.was_right(&[2; 32]));
        // What was asked before the change says nothing of after it.
        known.keep([1; 32], token(1), asked_at);
        assert_eq!(known.current(&[1; 32]), None);
    }

    #[test]
    fn an_address_is_named_once_a_minute_and_a_flood_of_addresses_not_at_all() {
        let known = KnownTokens::default();
        let address = |last: u32| IpAddr::from((0x0a00_0000 + last).to_be_bytes());
        assert!(known.is_worth_saying(address(1)) && !known.is_worth_saying(address(1)));
        let named = (2..1000).filter(|last| known.is_worth_saying(address(*last))).count();
        assert_eq!(named, SAID_MAX - 1);
    }
}
