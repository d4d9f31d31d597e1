//! Requests that two readers might read differently: whoever smuggles one past a proxy finds nobody here who reads it.
//!
//! Every shape carries a transfer. A shape that HTTP forbids is answered with a 4xx or by hanging up, the transfer is not done,
//! and nothing that stands behind it on the same connection is taken for a request.

use super::wire::{Wire, request, transfer};
use crate::suite::harness::{Answer, OPERATOR};
use crate::suite::money;
use crate::suite::platform::Platform;

const BODY: &str = r#"{"asset":"SOL","from":"spot","to":"funding","amount":"1"}"#;

/// A transfer with its own lines for what frames its body.
fn framed(key: &str, lines: &str, body: &str) -> String {
    request("POST", "/v1/transfers", &format!("Idempotency-Key: {key}\r\nContent-Type: application/json\r\n{lines}"), body)
}

/// The same body in chunks, with something after the first chunk's length.
fn chunked(extension: &str) -> String {
    format!("{:x}{extension}\r\n{BODY}\r\n0\r\n\r\n", BODY.len())
}

fn with_coins() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1000");
    platform
}

/// What alice has in Funding.
fn moved(platform: &Platform) -> i128 {
    let accounts = platform.acting_for("alice").get("/v1/accounts").ok();
    money::field(&accounts["items"][0], "funding")
}

/// Sends a shape with a whole transfer behind it, and expects that neither is done.
fn refused(platform: &Platform, what: &str, shape: impl AsRef<[u8]>) {
    let mut wire = Wire::to(&platform.server);
    let mut bytes = shape.as_ref().to_vec();
    bytes.extend_from_slice(transfer(&format!("smuggled-{}", what.replace(' ', "-")), "1").as_bytes());
    wire.send(bytes);
    let answers = wire.closed();
    assert!(answers.len() <= 1, "{what}: what stands behind it was answered: {answers:?}");
    if let Some(Answer { status, .. }) = answers.first() {
        assert!((400..500).contains(status), "{what}: {status}");
    }
    assert_eq!(moved(platform), 0, "{what}: it was done");
}

#[test]
fn a_body_with_two_lengths_is_nobodys() {
    let platform = with_coins();
    let length = BODY.len();
    let shapes = [
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1), BODY.to_owned()),
        ("a list of lengths", format!("Content-Length: {length}, {}\r\n", length + 1), BODY.into()),
        ("a length with a plus", format!("Content-Length: +{length}\r\n"), BODY.into()),
        ("a length below zero", format!("Content-Length: -{length}\r\n"), BODY.into()),
        ("a length in hexadecimal", format!("Content-Length: 0x{length:x}\r\n"), BODY.into()),
        ("a length with a fraction", format!("Content-Length: {length}.0\r\n"), BODY.into()),
        ("no length at all", "Content-Length: \r\n".into(), BODY.into()),
        ("a length beyond all", "Content-Length: 99999999999999999999999\r\n".into(), BODY.into()),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n".into(), chunked("")),
        ("chunked and then more", "Transfer-Encoding: chunked, identity\r\n".into(), chunked("")),
        ("an empty coding", "Transfer-Encoding:\r\n".into(), chunked("")),
        ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".into(), chunked("")),
        ("a chunk without a length", "Transfer-Encoding: chunked\r\n".into(), format!("\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk of a length below zero", "Transfer-Encoding: chunked\r\n".into(), format!("-1\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk beyond all", "Transfer-Encoding: chunked\r\n".into(), format!("fffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk with a longer body", "Transfer-Encoding: chunked\r\n".into(), format!("1\r\n{BODY}\r\n0\r\n\r\n")),
    ];
    for (what, lines, body) in shapes {
        refused(&platform, what, framed(&what.replace(' ', "-"), &lines, &body));
    }
}

#[test]
fn heads_that_two_readers_split_differently_are_nobodys() {
    let platform = with_coins();
    let length = format!("Content-Length: {}\r\n", BODY.len());
    let line = |line: &str| framed("k", &format!("{length}{line}\r\n"), BODY);
    let start = |start: &str| line("X: y").replacen("POST /v1/transfers HTTP/1.1", start, 1);
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("a folded line", line("X: a\r\n b").into()),
        ("a line that begins with a blank", line(" X: a").into()),
        ("a blank before the colon", line("X : a").into()),
        ("a length with a blank before the colon", framed("k", &format!("Content-Length : {}\r\n", BODY.len()), BODY).into()),
        ("a tab before the colon", line("X\t: a").into()),
        ("a name of nothing", line(": a").into()),
        ("no colon", line("X").into()),
        ("a NUL in a value", line("X: a\0b").into()),
        ("a bare carriage return in a value", line("X: a\rb").into()),
        ("a NUL in a name", line("X\0: a").into()),
        ("a letter that is none in a name", line("X\u{e4}: a").into()),
        ("a blank in the target", start("POST /v1/transfers x HTTP/1.1").into()),
        ("a version that is none", start("POST /v1/transfers HTTP/1.x").into()),
        ("a version of the future", start("POST /v1/transfers HTTP/3.0").into()),
        ("a method with a blank", start("PO ST /v1/transfers HTTP/1.1").into()),
        ("a method of another script", start("P\u{d6}ST /v1/transfers HTTP/1.1").into()),
        ("no version, as in the first days", b"POST /v1/transfers\r\n\r\n".to_vec()),
        ("a greeting in another language", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a greeting of TLS", vec![0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3]),
        ("a control letter in the target", start("POST /v1/trans\x01fers HTTP/1.1").into()),
    ];
    for (what, shape) in shapes {
        refused(&platform, what, shape);
    }
}

#[test]
fn a_coding_beside_a_length_is_read_one_way_and_the_connection_ends() {
    let platform = with_coins();
    for (what, lines) in [
        ("a length first", format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", 4)),
        ("a coding first", format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", 4)),
    ] {
        let before = moved(&platform);
        let mut wire = Wire::to(&platform.server);
        // A reader by length would take the rest of the chunk for the next request.
        wire.send(
            framed(&what.replace(' ', "-"), &lines, &chunked("")) + transfer(&format!("behind-{}", what.replace(' ', "-")), "7").as_str(),
        );
        let answers = wire.closed();
        let done: i128 = answers.iter().filter(|answer| answer.status == 201).count().try_into().expect("few");
        assert!(answers.len() <= 1, "{what}: the connection goes on behind a body that is framed twice: {answers:?}");
        assert_eq!(moved(&platform) - before, done * money::units("1"), "{what}: {answers:?}");
    }
}

#[test]
fn what_http_allows_is_understood() {
    let platform = with_coins();
    let mut wire = Wire::to(&platform.server);
    let mut expected = 0;
    let length = BODY.len();
    for (what, sent) in [
        ("a length", framed("a", &format!("Content-Length: {length}\r\n"), BODY)),
        ("the same length twice", framed("b", &format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), BODY)),
        ("chunks", framed("c", "Transfer-Encoding: chunked\r\n", &chunked(""))),
        ("chunks in capitals", framed("d", "Transfer-Encoding: Chunked\r\n", &chunked(""))),
        ("chunks with an extension", framed("e", "Transfer-Encoding: chunked\r\n", &chunked(";a=b"))),
        ("chunks with a trailer", framed("f", "Transfer-Encoding: chunked\r\n", &chunked("").replace("0\r\n\r\n", "0\r\nX: y\r\n\r\n"))),
        ("names in any case", framed("g", &format!("content-LENGTH: {length}\r\n"), BODY)),
        ("an absolute target", framed("h", &format!("Content-Length: {length}\r\n"), BODY).replacen("POST /", "POST http://elsewhere/", 1)),
    ] {
        assert!(wire.send(sent), "{what}");
        let answer = wire.answer().unwrap_or_else(|| panic!("{what}: closed"));
        assert_eq!(answer.status, 201, "{what}: {}", answer.text());
        expected += money::units("1");
    }
    assert_eq!(moved(&platform), expected);
}

#[test]
fn a_host_is_named_once_and_opens_nothing() {
    let platform = with_coins();
    let get = |version: &str, hosts: &str| {
        format!("GET /v1/accounts HTTP/{version}\r\n{hosts}Authorization: Bearer {OPERATOR}\r\nUsance-Customer: alice\r\n\r\n")
    };
    for (what, hosts) in [
        ("none", ""),
        ("two", "Host: a\r\nHost: b\r\n"),
        ("the same twice", "Host: test\r\nHost: test\r\n"),
        ("one and an empty one", "Host: test\r\nHost:\r\n"),
        ("one that is none", "Host: a/b@c\r\n"),
        ("one with a name before it", "Host: alice@test\r\n"),
    ] {
        let mut wire = Wire::to(&platform.server);
        wire.send(get("1.1", hosts) + transfer("behind-no-host", "1").as_str());
        let answer = wire.answer().unwrap_or_else(|| panic!("{what}: closed"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
        answer.refused(400, "malformed_request");
        assert!(wire.closed().is_empty(), "{what}: what stands behind it is not read");
    }
    assert_eq!(moved(&platform), 0);
    for (what, version, hosts) in [
        ("one", "1.1", "Host: test\r\n"),
        ("one with a port", "1.1", "Host: [::1]:8080\r\n"),
        ("an empty one", "1.1", "Host:\r\n"),
        ("none, as was usual once", "1.0", ""),
    ] {
        let mut wire = Wire::to(&platform.server);
        wire.send(get(version, hosts));
        let answer = wire.answer().unwrap_or_else(|| panic!("{what}: closed"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    }
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let platform = with_coins();
    let mut wire = Wire::to(&platform.server);
    let (mut sent, smallest) = (String::new(), money::units("0.000000001"));
    for number in 1..=50 {
        sent += &transfer(&format!("together-{number}"), &format!("{number}e-9"));
        sent += &request("GET", "/v1/products/sol-flex", "", "");
        sent += &request("GET", &format!("/v1/nothing-{number}"), "", "");
    }
    assert!(wire.send(sent));
    for number in 1..=50 {
        let done = wire.answer().expect("an answer").ok();
        assert_eq!(money::field(&done, "amount"), number * smallest, "{done}");
        assert_eq!(wire.answer().expect("an answer").ok()["id"], "sol-flex");
        wire.answer().expect("an answer").refused(404, "not_found");
    }
    assert_eq!(moved(&platform), (1..=50).sum::<i128>() * smallest);
}
