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
        Ok(Once { key: key.to_owned(), path: path.to_owned(), body: text_of(body) })
    }

    /// The same write with another body: for what must not be kept as it was sent.
    #[must_use]
    pub fn with_body(&self, body: &impl Serialize) -> Once {
        Once { body: text_of(body), ..self.clone() }
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

/// A body as JSON. Bodies are made of texts, numbers and lists: nothing that JSON cannot hold.
fn text_of(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::position::PositionPatch;
    use crate::operations::redemption::RedemptionAsked;
    use crate::operations::subscription::SubscriptionAsked;
    use crate::operations::transfer::TransferAsked;
    use crate::operations::words::{AccountWord, SourceWord};

    fn body(request: &impl Serialize) -> String {
        Once::new("key", "/v1", request).expect("a key").body
    }

    /// Stored fingerprints were made of these bytes: fields in this order, absent ones as null.
    #[test]
    fn bodies_are_what_release_0_1_0_made_fingerprints_of() {
        let transfer = TransferAsked { asset: "SOL".into(), from: AccountWord::Spot, to: AccountWord::Funding, amount: "1.50".into() };
        assert_eq!(body(&transfer), r#"{"asset":"SOL","from":"spot","to":"funding","amount":"1.50"}"#);
        let subscription = SubscriptionAsked {
            product: "sol-flex".into(),
            amount: "3.3".into(),
            source: SourceWord::FundingThenSpot,
            agreement: "v1".into(),
            auto_renew: false,
        };
        let expected = r#"{"product":"sol-flex","amount":"3.3","source":"funding_then_spot","agreement":"v1","auto_renew":false}"#;
        assert_eq!(body(&subscription), expected);
        let redemption =
            RedemptionAsked { amount: None, to: None, quoted_payout: Some("1.25".into()), quoted_from_funding: None, exit: None };
        assert_eq!(body(&redemption), r#"{"amount":null,"to":null,"quoted_payout":"1.25","quoted_from_funding":null}"#);
        assert_eq!(body(&PositionPatch { auto_renew: true }), r#"{"auto_renew":true}"#);
    }

    #[test]
    fn a_fingerprint_is_of_everything_that_makes_a_request_another() {
        let (seed, alice) = ([7; 32], Caller::customer("alice"));
        let used = |key: &str, path: &str, amount: &str, caller: &Caller, method: &str| {
            Once::new(key, path, &amount).expect("a key").used_key(&seed, caller, method)
        };
        let first = used("k", "/v1/transfers", "1", &alice, "POST");
        assert_eq!(used("k", "/v1/transfers", "1", &alice, "POST"), first);
        let bob = Caller { customer: Some("bob".to_owned()), ..alice.clone() };
        for other in [
            used("k", "/v1/subscriptions", "1", &alice, "POST"),
            used("k", "/v1/transfers", "2", &alice, "POST"),
            used("k", "/v1/transfers", "1", &bob, "POST"),
            used("k", "/v1/transfers", "1", &alice, "PATCH"),
        ] {
            assert_eq!(other.hash, first.hash, "the key is the sender's");
            assert_ne!(other.fingerprint, first.fingerprint);
        }
        assert_ne!(used("l", "/v1/transfers", "1", &alice, "POST").hash, first.hash);
    }

    #[test]
    fn a_key_is_one_to_64_of_few_letters() {
        let longest = "a".repeat(64);
        for key in ["a", "A.b_c:d-9", longest.as_str()] {
            assert!(Once::new(key, "/v1", &()).is_ok(), "{key}");
        }
        for key in ["", " ", "a b", "ä", "a/b", &"a".repeat(65)] {
            assert_eq!(Once::new(key, "/v1", &()), Err(NotAKey), "{key}");
        }
    }
}
