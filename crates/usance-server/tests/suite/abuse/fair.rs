//! One customer beside others: what it can take of them, which is nothing.

use crate::suite::abuse::refusals::{House, Told};
use crate::suite::harness::OPERATOR;
use axum::http::{StatusCode, header};
use serde_json::json;
use std::future::poll_fn;
use std::task::Poll;
use usance_server::wire::fair::{Party, Place};

/// A service with two customers; gives their tokens, too.
fn with_two() -> (House, [String; 2]) {
    let house = House::of(256);
    let tokens = ["alice", "bob"].map(|id| {
        house.write("/v1/operator/customers", &json!({"id": id}));
        let made = house.write("/v1/operator/tokens", &json!({"name": "phone", "role": "customer", "customer": id}));
        made["token"].as_str().expect("a token").to_owned()
    });
    (house, tokens)
}

impl House {
    fn as_customer(&self, token: &str, path: &str) -> Told {
        self.ask(path, &[("authorization", &format!("Bearer {token}"))])
    }

    fn for_customer(&self, customer: &str, path: &str) -> Told {
        self.ask(path, &[("authorization", &format!("Bearer {OPERATOR}")), ("usance-customer", customer)])
    }

    /// Takes places among those who ask stores.
    fn hold(&self, parties: impl IntoIterator<Item = Party>) -> Vec<Place> {
        let entered = |party| self.runtime.block_on(self.app.admission.stored.enter(party)).expect("a place");
        parties.into_iter().map(entered).collect()
    }
}

#[test]
fn one_customers_requests_take_no_place_from_others() {
    let (house, [alice, bob]) = with_two();
    let customer = |id: &str| Party::Customer(id.to_owned());
    let own = house.hold([customer("alice"), customer("alice")]);
    for path in ["/v1/statement", "/v1/rewards", "/v1/transfers", "/v1/notices"] {
        let refused = house.as_customer(&alice, path);
        assert_eq!((refused.status, refused.header(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "1"), "{}", refused.text);
        assert!(refused.text.contains("\"rate_limited\""), "{}", refused.text);
        assert_eq!(house.as_customer(&bob, path).status, StatusCode::OK, "{path}");
        // Whoever looks at her for the house is not held up by what she asks.
        assert_eq!(house.for_customer("alice", path).status, StatusCode::OK, "{path}");
    }
    assert_eq!(house.as_customer(&alice, "/v1/accounts").status, StatusCode::OK, "what is in memory is not held up");
    drop(own);
    assert_eq!(house.as_customer(&alice, "/v1/statement").status, StatusCode::OK);
}

#[test]
fn customers_take_no_place_from_operators() {
    let (house, [alice, _]) = with_two();
    let all = house.hold((0..8).map(|number| Party::Customer(format!("c{}", number / 2))));
    let refused = house.as_customer(&alice, "/v1/statement");
    assert_eq!((refused.status, refused.header(header::RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{}", refused.text);
    assert_eq!(house.for_customer("alice", "/v1/statement").status, StatusCode::OK);
    house.write("/v1/operator/customers/alice/sign-in-links", &json!({}));
    let operator = format!("Bearer {OPERATOR}");
    assert_eq!(house.ask("/v1/operator/customers/alice", &[("authorization", &operator)]).status, StatusCode::OK);
    drop(all);
    assert_eq!(house.as_customer(&alice, "/v1/statement").status, StatusCode::OK);
}

/// A walk gives others their turn after each piece, and ends at the next one when its client has gone: with it goes its place.
#[test]
fn a_request_ends_when_its_client_has_gone() {
    let (house, [alice, _]) = with_two();
    house.write("/v1/operator/assets", &json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4}));
    house.write("/v1/operator/agreements", &json!({"version": "v1", "text": "Words."}));
    house.write(
        "/v1/operator/products",
        &json!({
            "id": "long", "asset": "SOL", "name": "Long", "kind": "fixed_term", "term_days": 300, "distribution": "daily",
            "rates": [{"from": "2026-01-01", "rate": "0.05"}],
        }),
    );
    house.write("/v1/operator/products/long/status", &json!({"status": "open"}));
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1000", "reference": "r"});
    house.write("/v1/operator/deposits", &deposit);
    for _ in 0..100 {
        let asked = json!({"product": "long", "amount": "1", "source": "spot", "agreement": "v1"});
        house.write_for(Some("alice"), "/v1/subscriptions", &asked);
    }
    house.write("/v1/operator/clock", &json!({"to": "2026-09-28T00:00:00Z"}));
    // 27,000 days of positions lie before what is asked for.
    let path = "/v1/statement?account=spot&limit=1";
    assert_eq!(house.as_customer(&alice, path).status, StatusCode::OK);
    for _ in 0..4 {
        let token = format!("Bearer {alice}");
        let headers = [("authorization", token.as_str())];
        let mut answer = Box::pin(house.answer(path, &headers));
        let turns = house.runtime.block_on(async {
            let mut turns = 0;
            // Its client is there for three turns of others.
            while turns < 3 && poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await {
                turns += 1;
            }
            turns
        });
        assert_eq!(turns, 3, "it is not done in one go");
        drop(answer);
    }
    // Four have gone, and both of her places are free.
    let customer = || Party::Customer("alice".to_owned());
    drop(house.hold([customer(), customer()]));
}
