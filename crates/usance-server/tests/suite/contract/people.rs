//! Who may come in, and how often: tokens, passwords, sign-in links, the rate of one customer.

use crate::suite::harness::{Client, OPERATOR, Server, Start, fresh_key};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn made(platform: &Platform, body: &Value) -> Value {
    platform.operator.post("/v1/operator/tokens", body.clone()).ok()
}

fn revoke(platform: &Platform, id: &str) -> crate::suite::harness::Answer {
    platform.operator.send("DELETE", &format!("/v1/operator/tokens/{id}"), &[("idempotency-key", &fresh_key())], None)
}

#[test]
fn a_customer_lives_on_a_token_of_its_own_until_it_is_revoked() {
    let mut platform = Platform::new();
    platform.deposit("alice", "SOL", "funding", "100");
    let token = made(&platform, &json!({"name": "phone", "role": "customer", "customer": "alice"}));
    let client = |platform: &Platform| Client::new(&platform.server.url, token["token"].as_str(), None);
    let alice = client(&platform);
    alice.post("/v1/transfers", json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "40"})).ok();
    let asked = json!({"product": "sol-7", "amount": "90", "source": "funding_then_spot", "agreement": "v1"});
    let position = alice.post("/v1/subscriptions", asked).ok()["position"].clone();
    assert_eq!((&position["from_funding"], &position["from_spot"]), (&json!("60"), &json!("30")));
    alice.patch("/v1/positions/1", json!({"auto_renew": true})).ok();
    platform.restart(Server::kill);
    let alice = client(&platform);
    let shown = alice.ask("/v1/positions/1/redemption-preview", json!({})).ok();
    alice.post("/v1/positions/1/redemptions", json!({"quoted_payout": shown["payout"]})).ok();
    assert_eq!(alice.get("/v1/accounts").ok()["items"][0]["spot"], "40");
    for path in ["positions", "subscriptions", "redemptions", "transfers", "rewards", "statement", "acceptances", "notices"] {
        assert_eq!(alice.get(&format!("/v1/{path}")).ok(), platform.acting_for("alice").get(&format!("/v1/{path}")).ok(), "{path}");
    }
    assert_eq!(revoke(&platform, token["id"].as_str().expect("an id")).ok()["revoked"], true);
    alice.get("/v1/accounts").refused(401, "unauthorized");
    alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"})).refused(401, "unauthorized");
    platform.restart(Server::kill);
    client(&platform).get("/v1/accounts").refused(401, "unauthorized");
}

#[test]
fn a_tokens_text_is_shown_once_and_kept_nowhere() {
    let platform = Platform::new();
    let mut texts = BTreeSet::new();
    for (name, role, customer) in [("a", "service", None), ("a", "service", None), ("b", "auditor", None), ("c", "customer", Some("bob"))] {
        let token = made(&platform, &json!({"name": name, "role": role, "customer": customer}));
        let text = token["token"].as_str().expect("text").to_owned();
        assert!(text.len() >= 40, "{text}");
        texts.insert(text);
        assert_eq!((&token["name"], &token["role"], &token["customer"]), (&json!(name), &json!(role), &json!(customer)));
    }
    assert_eq!(texts.len(), 4, "no two are alike");
    revoke(&platform, "2").ok();
    let list = platform.operator.get("/v1/operator/tokens").ok();
    let items = list["items"].as_array().expect("items");
    let revoked: Vec<bool> = items.iter().map(|item| item["revoked_at"].is_string()).collect();
    assert_eq!((items.len(), revoked.iter().filter(|is| **is).count()), (5, 1), "{list}");
    assert!(items.iter().all(|item| item.get("token").is_none()), "{list}");
    let files = std::fs::read_dir(&platform.server.data).expect("the data directory");
    let stored: Vec<Vec<u8>> = files.filter_map(|file| std::fs::read(file.expect("an entry").path()).ok()).collect();
    assert!(!stored.is_empty());
    for secret in texts.iter().map(String::as_str).chain([OPERATOR]) {
        let known = stored.iter().any(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        assert!(!known && !list.to_string().contains(secret), "{secret}");
    }
    for unknown in ["2", "99", "0", "-1", "x"] {
        revoke(&platform, unknown).refused(404, "token_not_found");
    }
    let stranger = json!({"name": "d", "role": "customer", "customer": "nobody"});
    platform.operator.post("/v1/operator/tokens", stranger).refused(404, "customer_not_found");
}

#[test]
fn one_customer_may_ask_so_often_and_is_told_when_again() {
    let platform = Platform::started(&Start { more: vec!["--customer-rate".into(), "2".into()], ..Start::default() });
    platform.deposit("alice", "SOL", "spot", "10");
    let (phone, tablet) =
        (platform.with_token("customer", "phone", Some("alice")), platform.with_token("customer", "tablet", Some("alice")));
    let bob = platform.with_token("customer", "phone", Some("bob"));
    let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"});
    let until_throttled = |senders: [&Client; 2], key: &str, body: &Value| {
        let mut answers = (0..50).map(|turn| senders[turn % 2].write("POST", "/v1/transfers", key, body));
        answers.find(|answer| answer.status == 429).expect("two a second are few")
    };
    let answer = until_throttled([&phone, &tablet], "patient", &body);
    let wait: u64 = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("whole seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    answer.refused(429, "rate_limited");
    bob.get("/v1/accounts").ok();
    for _ in 0..20 {
        platform.acting_for("alice").get("/v1/accounts").ok();
    }
    std::thread::sleep(std::time::Duration::from_secs(wait));
    // A key that was sent along with a throttled request is as good as new.
    let patience = phone.write("POST", "/v1/transfers", "unused", &body);
    assert_eq!((patience.status, patience.header("idempotency-replayed")), (201, None));
    until_throttled([&tablet, &tablet], "later", &json!({}));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(tablet.write("POST", "/v1/transfers", "later", &body).header("idempotency-replayed"), None);
    assert_eq!(platform.balance("alice", "SOL", "funding"), "3");
}

#[test]
fn a_password_is_set_and_never_shown() {
    let platform = Platform::new();
    let service = platform.with_token("service", "backend", None);
    let secret = "a long enough one";
    let set = |who: &str| service.post(&format!("/v1/operator/customers/{who}/password"), json!({"password": secret}));
    assert_eq!(set("alice").ok(), json!({"customer": "alice", "password_set": true}));
    set("nobody").refused(404, "customer_not_found");
    let stored =
        std::fs::read_dir(&platform.server.data).expect("the data directory").filter_map(|file| std::fs::read(file.ok()?.path()).ok());
    assert!(!stored.into_iter().any(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes())));
}

#[test]
fn a_sign_in_link_is_short_lived_and_its_own() {
    let platform = Platform::new();
    let service = platform.with_token("service", "backend", None);
    let link = |who: &str, key: &str| service.write("POST", &format!("/v1/operator/customers/{who}/sign-in-links"), key, &json!({}));
    let first = link("alice", "k");
    assert_eq!(first.status, 201);
    let shown = first.json();
    assert!(
        shown["path"]
            .as_str()
            .is_some_and(|path| path == format!("/sign-in/link#{}", shown["code"].as_str().unwrap_or("")) && path.len() > 40),
        "{shown}"
    );
    let expires: jiff::Timestamp = shown["expires_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
    assert!((60..=3600).contains(&expires.duration_since(jiff::Timestamp::now()).as_secs()), "{shown}");
    assert_eq!(link("alice", "k").bytes, first.bytes, "a retry gets the same link");
    assert_ne!(link("alice", "l").ok()["path"], shown["path"], "another request another");
    link("bob", "k").refused(409, "idempotency_key_reused");
    link("nobody", "n").refused(404, "customer_not_found");
}
