//! Answers have the form that their reader takes, and where there is none nothing is done.

use crate::suite::harness::{Answer, Client};
use crate::suite::platform::Platform;
use serde_json::json;

fn get(client: &Client, path: &str, accept: &[&str]) -> Answer {
    let lines: Vec<(&str, &str)> = accept.iter().map(|line| ("accept", *line)).collect();
    client.send("GET", path, &lines, None)
}

fn form(answer: &Answer) -> &str {
    answer.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or("")
}

#[test]
fn a_statement_has_the_form_that_weighs_most() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1");
    let alice = platform.acting_for("alice");
    for (accept, expected) in [
        (&["text/csv"][..], "text/csv"),
        (&["TEXT/CSV"], "text/csv"),
        (&["application/json, text/csv;q=0.5"], "application/json"),
        (&["text/csv;q=0, */*"], "application/json"),
        (&["application/json;q=0.2, text/*"], "text/csv"),
        (&["text/html", "text/csv;q=0.1"], "text/csv"),
        (&["application/json;note=\"text/csv\""], "application/json"),
        (&["*/*"], "application/json"),
        (&[], "application/json"),
    ] {
        let answer = get(&alice, "/v1/statement", accept);
        assert_eq!((answer.status, form(&answer)), (200, expected), "{accept:?}");
    }
    for accept in ["text/csvx", "text/html", "text/csv;q=0", "*/*;q=0", "json"] {
        let refused = get(&alice, "/v1/statement", &[accept]).refused(406, "not_acceptable");
        assert_eq!(refused["available"], json!(["application/json", "text/csv"]), "{accept}");
    }
}

#[test]
fn what_nobody_would_read_is_not_done() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1");
    let alice = platform.acting_for("alice");
    let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"}).to_string();
    let transfer = |accept: &str| {
        let headers = [("accept", accept), ("idempotency-key", "once"), ("content-type", "application/json")];
        alice.send("POST", "/v1/transfers", &headers, Some(body.as_bytes()))
    };
    transfer("text/html").refused(406, "not_acceptable");
    assert_eq!(platform.balance("alice", "SOL", "spot"), "1");
    assert_eq!(transfer("application/*").status, 201, "the key is unused");
    for (path, accept) in [("/v1/events", "application/json"), ("/openapi.json", "text/html"), ("/docs", "application/json")] {
        get(&alice, path, &[accept]).refused(406, "not_acceptable");
    }
    // Who may ask comes first; and how a process is, is told to every probe.
    get(&platform.server.public(), "/v1/accounts", &["text/html"]).refused(401, "unauthorized");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&platform.server.public(), path, &["application/openmetrics-text"]).status, 200, "{path}");
    }
}

/// A coding that is refused changes how an answer is sent, never what is said of what was done.
#[test]
fn whoever_takes_no_coding_gets_plain_bytes() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "9");
    let alice = platform.acting_for("alice");
    for (number, codings) in ["*;q=0", "identity;q=0", "gzip;q=0, identity;q=0", "br"].into_iter().enumerate() {
        let key = format!("coded-{number}");
        let headers = [("accept-encoding", codings), ("idempotency-key", key.as_str()), ("content-type", "application/json")];
        let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"}).to_string();
        let answer = alice.send("POST", "/v1/transfers", &headers, Some(body.as_bytes()));
        assert_eq!((answer.status, answer.header("content-encoding")), (201, None), "{codings}");
        assert_eq!(answer.json()["amount"], "1");
    }
}

#[test]
fn pages_are_for_whoever_takes_pages() {
    let platform = Platform::new();
    let public = platform.server.public();
    for accept in ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/*", "*/*", "TEXT/HTML;q=0.1"] {
        assert_eq!(form(&get(&public, "/products", &[accept])), "text/html", "{accept}");
    }
    for accept in ["application/json", "text/html;q=0"] {
        get(&public, "/products", &[accept]).refused(406, "not_acceptable");
    }
    // What is not there is said in the form that is taken.
    for (accept, expected) in [
        ("text/html, */*;q=0.1", "text/html"),
        ("application/xhtml+xml, Text/HTML", "text/html"),
        ("text/html;q=0.5, application/json", "application/problem+json"),
        ("text/html;q=0, */*", "application/problem+json"),
        ("*/*", "application/problem+json"),
    ] {
        let answer = get(&public, "/nowhere", &[accept]);
        assert_eq!((answer.status, form(&answer)), (404, expected), "{accept}");
    }
}
