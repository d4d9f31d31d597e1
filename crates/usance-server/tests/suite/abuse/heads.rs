//! Heads that say twice who asks, for whom, once or as what, and targets of which a reader may drop a part: nobody here believes
//! the first, or the last.

use super::wire::{Wire, request, transfer};
use crate::suite::harness::{OPERATOR, Start};
use crate::suite::money;
use crate::suite::platform::Platform;
use serde_json::json;

const BODY: &str = r#"{"asset":"SOL","from":"spot","to":"funding","amount":"1"}"#;

fn with_coins() -> Platform {
    let platform = Platform::started(&Start::default());
    platform.deposit("alice", "SOL", "spot", "1000");
    platform.deposit("bob", "SOL", "spot", "1000");
    platform
}

/// What both have in Funding.
fn moved(platform: &Platform) -> i128 {
    let funding = |who| money::field(&platform.acting_for(who).get("/v1/accounts").ok()["items"][0], "funding");
    funding("alice") + funding("bob")
}

/// A transfer with these lines in its head.
fn head(lines: &[&str]) -> String {
    let length = BODY.len();
    format!("POST /v1/transfers HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n{}\r\n\r\n{BODY}", lines.join("\r\n"))
}

#[test]
fn what_decides_who_asks_for_whom_once_or_as_what_stands_once() {
    let platform = with_coins();
    let other = platform.operator.post("/v1/operator/tokens", json!({"name": "b", "role": "service"})).ok();
    let other = format!("Authorization: Bearer {}", other["token"].as_str().expect("a token"));
    let own = format!("Authorization: Bearer {OPERATOR}");
    let (alice, key, json) = ("Usance-Customer: alice", "Idempotency-Key: once", "Content-Type: application/json");
    let whole = [own.as_str(), alice, key, json];
    for (name, more) in [
        ("usance-customer", "Usance-Customer: bob"),
        ("usance-customer", alice),
        ("usance-customer", "usance-customer:"),
        ("idempotency-key", "Idempotency-Key: twice"),
        ("authorization", other.as_str()),
        ("authorization", own.as_str()),
        ("content-type", "Content-Type: text/plain"),
    ] {
        for lines in [[&whole[..], &[more]].concat(), [&[more], &whole[..]].concat()] {
            let mut wire = Wire::to(&platform.server);
            wire.send(head(&lines));
            let refused = wire.answer().expect("an answer").refused(400, "malformed_request");
            assert_eq!(refused["header"], name, "{refused}");
        }
    }
    // Several in one line, as a gateway that joins lines makes of them, are none.
    for (line, status) in
        [("Usance-Customer: alice, bob", 400), ("Idempotency-Key: once, once", 400), ("Authorization: Bearer a, Bearer b", 401)]
    {
        let name = line.split(':').next().expect("a name");
        let lines: Vec<&str> = whole.iter().map(|own| if own.starts_with(name) { line } else { own }).collect();
        let mut wire = Wire::to(&platform.server);
        wire.send(head(&lines));
        assert_eq!(wire.answer().expect("an answer").status, status, "{line}");
    }
    for (name, values) in [("Usance-Allow-Stale", ["true", "false"]), ("Last-Event-ID", ["0", "1"])] {
        let lines = values.map(|value| format!("{name}: {value}\r\n")).concat();
        let mut wire = Wire::to(&platform.server);
        wire.send(request("GET", "/v1/accounts", &lines, ""));
        wire.answer().expect("an answer").refused(400, "malformed_request");
    }
    assert_eq!(moved(&platform), 0);
    let mut wire = Wire::to(&platform.server);
    wire.send(head(&whole));
    assert_eq!(wire.answer().expect("an answer").status, 201, "the key is unused");
}

#[test]
fn a_target_with_a_fragment_is_nobodys() {
    let platform = with_coins();
    for target in ["/v1/accounts#", "/v1/accounts#/v1/assets", "/v1/accounts?a=b#c", "/#", "http://test/v1/accounts#a"] {
        let mut wire = Wire::to(&platform.server);
        wire.send(request("GET", target, "", "") + transfer("behind-a-fragment", "1").as_str());
        wire.answer().unwrap_or_else(|| panic!("{target}: closed")).refused(400, "malformed_request");
        assert!(wire.closed().is_empty(), "{target}: what stands behind it is not read");
    }
    assert_eq!(moved(&platform), 0);
    let mut wire = Wire::to(&platform.server);
    for target in ["/v1/products/a%23b", "/v1/nowhere"] {
        wire.send(request("GET", target, "X-Note: a #1 HTTP/1.1\r\n", ""));
        assert_eq!(wire.answer().expect("an answer").status, 404, "{target}");
    }
    wire.send(transfer("an-own-one", "1"));
    assert_eq!(wire.answer().expect("an answer").status, 201);
    wire.send(request("GET", "/v1/accounts#x", "", ""));
    wire.answer().expect("an answer").refused(400, "malformed_request");
}
