//! Whoever is slow, on purpose or not, is given up in time and holds nothing that others need meanwhile.
//!
//! The times are flags, short here; what is tested is that an end comes, not how soon.

use super::wire::{Wire, request, transfer};
use crate::suite::harness::{Answer, Client, Start};
use crate::suite::platform::Platform;
use serde_json::json;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Positions whose rewards make a long statement.
const POSITIONS: usize = 4;

/// A platform on which everything has to come quickly.
fn hasty() -> Platform {
    hasty_but("0.5", "1", &[])
}

/// As [`hasty`], with other times for a body and for whoever takes no answer.
fn hasty_but(body: &str, take: &str, more: &[&str]) -> Platform {
    patient(body, "4", take, more)
}

/// As [`hasty_but`], with another time for a connection without a request, too.
fn patient(body: &str, idle: &str, take: &str, more: &[&str]) -> Platform {
    let mut start = Start::default();
    start.more.extend(["--head-seconds", "0.5", "--body-seconds", body, "--idle-seconds", idle, "--take-seconds", take].map(str::to_owned));
    start.more.extend(more.iter().map(|word| (*word).to_owned()));
    Platform::started(&start)
}

/// Sends byte by byte until the other side hangs up, which it has to long before everything is sent.
fn trickled(wire: &mut Wire, bytes: &str) {
    for byte in bytes.as_bytes() {
        if !wire.send([*byte]) {
            return;
        }
        sleep(Duration::from_millis(30));
    }
    panic!("{} bytes were taken one by one", bytes.len());
}

#[test]
fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let platform = hasty();
    let long = request("GET", "/v1/accounts", &"X-Slow: y\r\n".repeat(60), "");
    trickled(&mut Wire::to(&platform.server), &long);
    // Neither behind a request that was answered.
    let mut wire = Wire::to(&platform.server);
    wire.send(request("GET", "/v1/accounts", "", ""));
    wire.answer().expect("an answer").ok();
    trickled(&mut wire, &long);
}

#[test]
fn a_head_that_begins_behind_a_request_has_no_longer() {
    // Were it taken for an idle connection, nobody would close it while this test waits.
    let platform = patient("600", "600", "600", &[]);
    for before in [request("GET", "/v1/accounts", "", ""), transfer("behind", "1")] {
        let mut wire = Wire::to(&platform.server);
        wire.send(before + "GET /v1/acc");
        wire.answer().expect("an answer");
        assert!(wire.closed().is_empty());
    }
    // Without one it may wait: for four times as long as a head may take.
    let mut wire = Wire::to(&platform.server);
    for sent in [request("GET", "/v1/accounts", "", ""), transfer("alone", "1")] {
        wire.send(sent);
        wire.answer().expect("an answer");
        sleep(Duration::from_secs(2));
    }
    wire.send(request("GET", "/v1/accounts", "", ""));
    wire.answer().expect("an answer").ok();
}

#[test]
fn a_body_that_comes_byte_by_byte_is_not_waited_for() {
    let platform = hasty();
    platform.deposit("alice", "SOL", "spot", "10");
    let whole = transfer("slow", "1");
    let (head, body) = whole.split_at(whole.find("{").expect("a body"));
    let mut wire = Wire::to(&platform.server);
    wire.send(head);
    wire.send(&body[..body.len() - 1]);
    let answer = wire.answer().expect("an answer");
    answer.refused(408, "request_timeout");
    assert!(wire.closed().is_empty(), "what comes after half a body is not read");
    let mut wire = Wire::to(&platform.server);
    wire.send(request(
        "POST",
        "/v1/transfers",
        "Idempotency-Key: k\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
        "",
    ));
    trickled(&mut wire, &"1\r\n \r\n".repeat(200));
    // The key was not used.
    platform
        .acting_for("alice")
        .write("POST", "/v1/transfers", "slow", &json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "2"}))
        .ok();
}

#[test]
fn slow_senders_keep_no_place_from_others() {
    let platform = hasty_but("60", "1", &["--requests", "4"]);
    let mut slow: Vec<Wire> = (0..50).map(|_| Wire::to(&platform.server)).collect();
    for wire in &mut slow {
        wire.send("POST /v1/transfers HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf");
    }
    for _ in 0..50 {
        platform.acting_for("alice").get("/v1/accounts").ok();
    }
}

#[test]
fn an_idle_connection_is_closed() {
    let platform = hasty();
    assert!(Wire::to(&platform.server).closed().is_empty(), "one that never asked");
    let mut wire = Wire::to(&platform.server);
    wire.send(request("GET", "/v1/accounts", "", ""));
    wire.answer().expect("an answer").ok();
    assert!(wire.closed().is_empty(), "one that asked once");
}

#[test]
fn a_client_that_takes_no_answer_is_given_up() {
    let platform = hasty();
    let mut wire = Wire::to(&platform.server);
    let many = request("GET", "/openapi.json", "", "").repeat(2_000);
    // The other side stops to read when it cannot write; this side may then not be able to write either.
    let sent = wire.send(many);
    sleep(Duration::from_secs(3));
    let answers = wire.closed_count();
    assert!(answers < 2_000, "{answers} answers were kept for somebody who took none; sent: {sent}");
}

/// Ten years of daily rewards on several positions: a statement of more than a megabyte, which fits into no buffer on its way.
fn with_long_past(platform: &Platform) {
    platform.deposit("alice", "SOL", "funding", "100");
    for number in 0..POSITIONS {
        let id = format!("past-{number}");
        platform.offer(json!({"id": id, "asset": "SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}]}));
        platform.subscribe("alice", &id, "10", "funding");
    }
    platform.move_to("2036-01-01T00:00:00Z");
    let told = || platform.acting_for("alice").get("/v1/statement?limit=1").status == 200;
    assert!((0..120).any(|_| told()), "the tables of the past are there, each try waits a second for them");
}

/// Tries until a statement as CSV gets the status, which has to come.
fn csv_told(reader: &Client, status: u16) -> Answer {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let answer = reader.send("GET", "/v1/statement", &[("accept", "text/csv")], None);
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < until, "{}", answer.status);
        sleep(Duration::from_millis(50));
    }
}

/// How many statements were begun to be answered.
fn statements_begun(platform: &Platform) -> u64 {
    let metrics = platform.server.public().get("/metrics").text();
    let count = metrics.lines().find_map(|line| line.strip_prefix("usance_http_seconds_count{operation=\"statement_get\"} "));
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[test]
fn statements_that_nobody_takes_are_in_nobodys_way() {
    let platform = hasty_but("600", "600", &[]);
    with_long_past(&platform);
    let before = statements_begun(&platform);
    // So little fits on the way that each is held up before its end.
    let mut untaken: Vec<Wire> = (0..4).map(|_| Wire::narrow(&platform.server)).collect();
    for wire in &mut untaken {
        assert!(wire.send(request("GET", "/v1/statement", "Accept: text/csv\r\n", "")));
    }
    let until = Instant::now() + Duration::from_secs(120);
    while statements_begun(&platform) < before + 4 {
        assert!(Instant::now() < until, "four statements are begun");
        sleep(Duration::from_millis(50));
    }
    let reader = platform.acting_for("alice");
    let refused = csv_told(&reader, 429);
    assert!(refused.header("retry-after").is_some());
    refused.refused(429, "rate_limited");
    for _ in 0..20 {
        reader.get("/v1/accounts").ok();
        reader.get("/v1/statement?limit=5").ok();
    }
    // Nor do they keep others from theirs, or operators from what takes long.
    let bobs = platform.acting_for("bob").send("GET", "/v1/statement", &[("accept", "text/csv")], None);
    assert_eq!(bobs.status, 200, "{}", bobs.text());
    assert_eq!(platform.operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
    platform.operator.get("/v1/operator/journal").ok();
    // Somebody who takes it gets it whole, once there is a place again.
    drop(untaken);
    let whole = csv_told(&reader, 200);
    assert!(whole.text().lines().count() > POSITIONS * 3_600, "{}", whole.text().lines().count());
}

#[test]
fn a_customer_has_so_many_event_streams() {
    let platform = Platform::new();
    let ada: Client = platform.acting_for("alice");
    let mut open = Vec::new();
    for _ in 0..32 {
        let (status, stream) = ada.open("/v1/events", &[]);
        assert_eq!(status, 200);
        open.push(stream);
    }
    let refused = ada.get("/v1/events");
    assert!(refused.header("retry-after").is_some());
    refused.refused(429, "rate_limited");
    assert_eq!(platform.acting_for("bob").open("/v1/events", &[]).0, 200, "another customer has its own");
    drop(open);
    let until = Instant::now() + Duration::from_secs(120);
    while ada.open("/v1/events", &[]).0 != 200 {
        assert!(Instant::now() < until, "streams that were closed still count");
        sleep(Duration::from_millis(50));
    }
}
