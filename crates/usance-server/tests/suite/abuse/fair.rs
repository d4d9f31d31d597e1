//! One customer beside others: what it can take of them, which is nothing.

use crate::suite::abuse::refusals::{House, Told};
use crate::suite::harness::OPERATOR;
use axum::http::{StatusCode, header};
use serde_json::json;
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
