//! Too much of everything: heads, headers, targets, bodies. Each has a bound, and an answer or a close behind it.

use super::wire::{Wire, request};
use crate::suite::harness::{Answer, OPERATOR, Start};
use crate::suite::platform::Platform;
use serde_json::json;

/// Sends, and expects an answer of one of these statuses, or a close.
fn refused(platform: &Platform, what: &str, sent: &str, statuses: &[u16]) -> Option<Answer> {
    let mut wire = Wire::to(&platform.server);
    wire.send(sent);
    let answer = wire.closed_or_answer();
    if let Some(answer) = &answer {
        assert!(statuses.contains(&answer.status), "{what}: {}", answer.status);
    }
    platform.server.public().get("/healthz").ok();
    answer
}

#[test]
fn heads_have_a_size() {
    let platform = Platform::new();
    let line = |length: usize| request("GET", "/v1/accounts", &format!("X: {}\r\n", "y".repeat(length)), "");
    let mut wire = Wire::to(&platform.server);
    wire.send(line(16_000));
    wire.answer().expect("an answer").ok();
    for length in [60_000, 100_000, 5_000_000] {
        let answer = refused(&platform, "a long line", &line(length), &[431]);
        assert!(length > 60_000 || answer.is_some(), "whoever sent no more than that is told");
    }
    let many =
        |count: usize| request("GET", "/v1/accounts", &(0..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>(), "");
    let mut wire = Wire::to(&platform.server);
    wire.send(many(90));
    wire.answer().expect("an answer").ok();
    assert!(refused(&platform, "many lines", &many(200), &[431]).is_some());
    refused(&platform, "very many lines", &many(100_000), &[431]);
    refused(&platform, "a name without end", &format!("GET / HTTP/1.1\r\n{}", "n".repeat(1_000_000)), &[400, 431]);
    refused(&platform, "a method without end", &"M".repeat(1_000_000), &[400, 431]);
}

#[test]
fn targets_have_a_size() {
    let platform = Platform::new();
    for (what, target) in [
        ("a long path", format!("/v1/products/{}", "p".repeat(2_000))),
        ("a long query", format!("/v1/products?asset={}", "a".repeat(45_000))),
        ("a long path of many parts", "/a".repeat(5_000)),
    ] {
        let answer = refused(&platform, what, &request("GET", &target, "", ""), &[414]);
        answer.expect("an answer").refused(414, "uri_too_long");
    }
    refused(&platform, "a target without end", &request("GET", &"/a".repeat(500_000), "", ""), &[414, 431]);
    let names: String = (0..2_000).map(|number| format!("&a{number}=")).collect();
    refused(&platform, "many parameters", &request("GET", &format!("/v1/products?{names}"), "", ""), &[400]).expect("an answer");
}

#[test]
fn bodies_have_a_size() {
    let platform = Platform::new();
    let head =
        |framing: &str| request("POST", "/v1/transfers", &format!("Idempotency-Key: k\r\nContent-Type: application/json\r\n{framing}"), "");
    for length in [70_000, 300_000, 20_000_000] {
        let sent = head(&format!("Content-Length: {length}\r\n")) + " ".repeat(length).as_str();
        if let Some(answer) = refused(&platform, "a long body", &sent, &[413]) {
            answer.refused(413, "payload_too_large");
        }
    }
    let chunks = format!("1000\r\n{}\r\n", " ".repeat(4096)).repeat(100);
    refused(&platform, "a long body in chunks", &(head("Transfer-Encoding: chunked\r\n") + chunks.as_str()), &[413]);
    // Whoever announces what it never sends is told as soon as that is clear, and sends its next request elsewhere.
    let mut wire = Wire::to(&platform.server);
    wire.send(head("Content-Length: 99999999\r\n") + " ".repeat(66_000).as_str());
    wire.answer().expect("an answer").refused(413, "payload_too_large");
    assert!(wire.closed().is_empty());
}

#[test]
fn what_is_too_long_is_not_waited_for() {
    // Were it waited for, no answer would come while this test waits.
    let mut start = Start::default();
    start.more.extend(["--body-seconds", "600"].map(str::to_owned));
    let platform = Platform::started(&start);
    let announced = |who: &str, length: usize, more: &str| {
        let head = format!("POST /v1/transfers HTTP/1.1\r\nHost: test\r\n{who}Content-Type: application/json\r\nIdempotency-Key: k\r\n");
        let mut wire = Wire::to(&platform.server);
        wire.send(format!("{head}{more}Content-Length: {length}\r\n\r\n"));
        let answer = wire.answer().expect("an answer");
        assert!(wire.closed().is_empty());
        answer
    };
    let known = format!("Authorization: Bearer {OPERATOR}\r\nUsance-Customer: alice\r\n");
    for more in ["", "Expect: 100-continue\r\n"] {
        for length in [65_537, 99_999_999, usize::MAX >> 1] {
            announced(&known, length, more).refused(413, "payload_too_large");
        }
        // What nobody unknown may send is not waited for either.
        announced("", 8_193, more).refused(401, "unauthorized");
    }
}

#[test]
fn long_bodies_are_read_of_operators_and_services_only() {
    let platform = Platform::new();
    let body = r#"{"asset":"SOL","from":"spot","to":"funding","amount":"1"}"#;
    let sent = |role: &str, length: usize| {
        let customer = (role == "customer").then_some("alice");
        let made =
            platform.operator.post("/v1/operator/tokens", json!({"name": format!("{role}-{length}"), "role": role, "customer": customer}));
        let token = made.ok()["token"].as_str().expect("text").to_owned();
        let mut wire = Wire::to(&platform.server);
        let room = " ".repeat(length - body.len());
        wire.send(format!(
            "POST /v1/transfers HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nUsance-Customer: alice\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {role}-{length}\r\nContent-Length: {length}\r\n\r\n{body}{room}"
        ));
        wire.closed_or_answer()
    };
    for (role, length) in [("customer", 8_192), ("service", 8_193), ("service", 65_536), ("operator", 65_536)] {
        // It is read, and what it asks for is more than there is.
        sent(role, length).expect("an answer").refused(422, "insufficient_balance");
    }
    for (role, length) in [("customer", 8_193), ("customer", 65_536)] {
        let answer = sent(role, length).expect("an answer");
        assert_eq!(answer.refused(413, "payload_too_large")["limit_bytes"], 8_192);
    }
    let short = format!("Authorization: Bearer {OPERATOR}\r\nUsance-Customer: alice\r\n");
    let mut wire = Wire::to(&platform.server);
    wire.send(format!("POST /v1/transfers HTTP/1.1\r\nHost: test\r\n{short}Content-Length: 65537\r\n\r\n"));
    assert_eq!(wire.answer().expect("an answer").refused(413, "payload_too_large")["limit_bytes"], 65_536);
}

#[test]
fn whoever_still_sends_what_is_refused_is_answered() {
    let platform = Platform::new();
    for (what, head, length, status) in [
        ("a long body", request("POST", "/v1/transfers", "Content-Length: 1000000\r\n", ""), 1_000_000, 413),
        ("a head without a host", "POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n".into(), 500_000, 400),
        ("a head without an end", format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(60_000)), 500_000, 431),
    ] {
        let mut wire = Wire::to(&platform.server);
        assert!(wire.send(head), "{what}");
        let answer = wire.answer().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{what}: nobody sends its next request here");
        assert!(wire.closed().is_empty(), "{what}: nothing more is answered");
        // Only now the rest is sent: were the connection gone, a second piece would find it reset, and the answer with it.
        for _ in 0..length / 50_000 {
            assert!(wire.send(" ".repeat(50_000)), "{what}: reset");
        }
    }
}

#[test]
fn a_form_has_a_size() {
    let platform = Platform::new();
    let mut wire = Wire::to(&platform.server);
    let framing = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n";
    wire.send(format!("POST /sign-in HTTP/1.1\r\nHost: test\r\n{framing}\r\n{}", format!("1000\r\n{}\r\n", "a".repeat(4096)).repeat(3)));
    assert_eq!(wire.answer().expect("an answer").status, 413);
    assert!(wire.closed().is_empty());
}

#[test]
fn compressed_bodies_are_not_unpacked() {
    let platform = Platform::new();
    let more = "Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n";
    let mut wire = Wire::to(&platform.server);
    wire.send(request("POST", "/v1/transfers", more, "\x1f\x0b\x08\0"));
    wire.answer().expect("an answer").refused(400, "malformed_request");
}
