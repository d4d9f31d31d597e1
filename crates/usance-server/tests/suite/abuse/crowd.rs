//! Many connections: ten thousand that ask nothing, thousands that send half of what they announce, more than there is room for,
//! and a process that may open no more files.

use super::wire::{Wire, request};
use crate::suite::harness::{OPERATOR, Server, Start};
use crate::suite::platform::Platform;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::json;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// As many as the issue asks for.
const IDLE: u64 = 10_000;
/// Files that this process needs beside its connections.
const KEPT: u64 = 512;

fn started(words: &[&str]) -> Platform {
    let mut start = Start::default();
    start.more.extend(words.iter().map(|word| (*word).to_owned()));
    Platform::started(&start)
}

/// Lets this process hold so many connections.
fn make_room(connections: u64) {
    let files = getrlimit(Resource::Nofile);
    // Where that is not allowed, the next line says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
    let (allowed, wanted) = (getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), connections + KEPT);
    assert!(allowed >= wanted, "{allowed} open files are allowed and {wanted} are needed: raise the hard limit (ulimit -Hn {wanted})");
}

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

#[test]
fn ten_thousand_idle_connections_are_in_nobodys_way() {
    make_room(IDLE);
    let platform = started(&["--idle-seconds", "600"]);
    platform.deposit("alice", "SOL", "spot", "1000");
    let (alice, before) = (platform.acting_for("alice"), resident_kib(&platform.server));
    let address = platform.server.url.strip_prefix("http://").expect("an address").to_owned();
    let idle: Vec<TcpStream> = (0..IDLE).map(|_| TcpStream::connect(&address).expect("a connection")).collect();
    for _ in 0..100 {
        alice.get("/v1/accounts").ok();
        alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.5"})).ok();
        platform.server.public().get("/v1/products").ok();
    }
    let metrics = platform.server.public().get("/metrics").text();
    let open = metrics.lines().find_map(|line| line.strip_prefix("usance_connections ")).expect("a gauge");
    assert!(open.parse::<f64>().expect("a number") >= idle.len() as f64, "{open} of {} are open", idle.len());
    let grown = resident_kib(&platform.server).saturating_sub(before);
    assert!(grown < 64 * idle.len() as u64, "{grown} KiB for {} connections", idle.len());
    drop(idle);
    alice.get("/v1/accounts").ok();
}

#[test]
fn more_than_there_is_room_for_are_told_so() {
    let platform = started(&["--connections", "20", "--head-seconds", "600"]);
    let mut held: Vec<Wire> = (0..20).map(|_| Wire::to(&platform.server)).collect();
    for wire in &mut held {
        // Whoever has begun to ask is not idle; that it has is read with what is answered before.
        wire.send(request("GET", "/v1/clock", "", "") + "GET /healthz HTTP/1.1\r\n");
        wire.answer().expect("an answer").ok();
    }
    for _ in 0..20 {
        if let Some(answer) = Wire::to(&platform.server).closed_or_answer() {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        }
    }
    for mut wire in held {
        wire.send("Host: test\r\n\r\n");
        wire.answer().expect("an answer").ok();
    }
    platform.server.public().get("/v1/products").ok();
}

#[test]
fn whoever_asks_comes_before_whoever_is_idle() {
    let platform = started(&["--connections", "20"]);
    let mut held: Vec<Wire> = (0..20).map(|_| Wire::to(&platform.server)).collect();
    for wire in &mut held {
        wire.send(request("GET", "/v1/clock", "", ""));
        wire.answer().expect("an answer").ok();
    }
    let mut newer = Wire::to(&platform.server);
    newer.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    newer.answer().expect("an answer").ok();
    let mut held = held.into_iter();
    assert!(held.next().expect("the first").closed().is_empty(), "who was idle longest has gone");
    let mut last = held.next_back().expect("the last");
    last.send(request("GET", "/v1/clock", "", ""));
    last.answer().expect("who was idle least is still there").ok();
}

#[test]
fn one_address_has_so_many_where_that_is_asked_for() {
    let platform = started(&["--connections-per-address", "10"]);
    let mut held: Vec<Wire> = (0..30).map(|_| Wire::to(&platform.server)).collect();
    let served = held.iter_mut().filter_map(|wire| {
        wire.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
        wire.closed_or_answer().filter(|answer| answer.status == 200)
    });
    let served = served.count();
    assert!((1..=10).contains(&served), "{served}");
}

#[test]
fn a_process_without_free_files_goes_on_when_there_are_some() {
    let platform = Platform::new();
    let id = Pid::from_raw(platform.server.id().try_into().expect("a number")).expect("a process");
    let open = std::fs::read_dir(format!("/proc/{}/fd", platform.server.id())).expect("it runs").count() as u64;
    let before = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(open + 2), maximum: before.maximum };
    prlimit(Some(id), Resource::Nofile, few).expect("it is ours");
    let mut held: Vec<Wire> = (0..30).map(|_| Wire::to(&platform.server)).collect();
    for wire in &mut held {
        assert!(wire.send(request("GET", "/v1/clock", "", "")));
    }
    platform.server.log_line("could not be accepted");
    prlimit(Some(id), Resource::Nofile, before).expect("it is ours");
    for wire in &mut held {
        wire.answer().expect("an answer").ok();
    }
}

/// Connections that send all but the end of a body that is as long as it may be, with these headers.
fn half_sent(platform: &Platform, count: u64, headers: &str) -> Vec<Wire> {
    let head = format!("POST /v1/transfers HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: 65536\r\n\r\n");
    let half = head + " ".repeat(65_300).as_str();
    let mut wires: Vec<Wire> = (0..count).map(|_| Wire::to(&platform.server)).collect();
    for wire in &mut wires {
        // Whoever is refused may be hung up on before everything is sent.
        wire.send(&half);
    }
    wires
}

/// How many requests were answered with an error, or refused at the door because there were too many.
fn errors(platform: &Platform) -> f64 {
    let metrics = platform.server.public().get("/metrics").text();
    let is_one = |line: &&str| line.starts_with("usance_http_errors_total{") || line.starts_with("usance_requests_refused_total ");
    let counts = metrics.lines().filter(is_one);
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn bodies_that_never_end_hold_little() {
    let count = 2_000;
    make_room(2 * count);
    let platform = started(&["--body-seconds", "600"]);
    platform.deposit("alice", "SOL", "spot", "1000");
    let (alice, before) = (platform.acting_for("alice"), resident_kib(&platform.server));
    let strangers = half_sent(&platform, count, "");
    for mut wire in strangers {
        let answer = wire.closed_or_answer();
        assert!(
            answer.is_none_or(|answer| [401, 503].contains(&answer.status)),
            "whoever is unknown is told so, refused with the rest, or closed"
        );
    }
    let grown = resident_kib(&platform.server).saturating_sub(before);
    println!("{grown} KiB for {count} strangers");
    assert!(grown < 32 * count, "{grown} KiB for {count} strangers");
    let told = errors(&platform);
    let known = half_sent(&platform, count, &format!("Authorization: Bearer {OPERATOR}\r\nUsance-Customer: bob\r\n"));
    // What is short is read however many long ones are waited for.
    let until = Instant::now() + Duration::from_secs(120);
    let transfer = || alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.5"})).status;
    while transfer() != 201 {
        assert!(Instant::now() < until, "a machine that is busy refuses some for a while, and not for long");
    }
    while errors(&platform) < told + 400.0 {
        assert!(Instant::now() < until, "more are waited for than there is room for");
        sleep(Duration::from_millis(50));
    }
    let grown = resident_kib(&platform.server).saturating_sub(before);
    println!("{grown} KiB for {count} known senders");
    // What a connection reads ahead, its body, and what allocators keep of both; who has a token is known by name.
    assert!(grown < 224 * count, "{grown} KiB for {count} known senders");
    drop(known);
    while alice.get("/v1/accounts").status != 200 {
        assert!(Instant::now() < until, "when they have gone, nobody is refused for long");
    }
}
