//! Several instances on one database: exactly one writes, whatever happens to it.

use super::harness::{Client, OPERATOR, Server, fresh_key};
use super::load::{Harvest, Load, found};
use super::postgres::Database;
use super::story::{Story, dice};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use usance_workload::SplitMix64;

const KILLS: usize = 20;
/// How soon after the death of its writer a platform has to take writes again.
const RESUMES_WITHIN: Duration = Duration::from_secs(5);
/// How long is waited for what has no bound of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// Instances on one database, each with a directory of its own.
struct Nodes {
    database: Database,
    directory: TempDir,
    started: usize,
}

impl Nodes {
    fn new() -> Nodes {
        Nodes { database: Database::new(), directory: TempDir::new().expect("a directory"), started: 0 }
    }

    fn start(&mut self, role: &str) -> Server {
        self.started += 1;
        self.start_as(&format!("node-{}", self.started), role)
    }

    fn start_as(&self, name: &str, role: &str) -> Server {
        let data = self.data(name);
        let advertise = format!("http://{name}.test");
        let words = ["--role", role, "--node", name, "--advertise", &advertise];
        self.database.start(&data, &words).unwrap_or_else(|said| panic!("{name}: {said}"))
    }

    fn data(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn usance(&self, verb: &str, words: &[&str]) -> std::process::Output {
        super::harness::usance(&[&[verb, "--store", self.database.address()], words].concat())
    }

    fn expect_verified(&self, data: &Path) {
        let verified = self.usance("verify", &["--data", data.to_str().expect("UTF-8")]);
        assert!(verified.status.success(), "{}{}", String::from_utf8_lossy(&verified.stdout), String::from_utf8_lossy(&verified.stderr));
    }
}

/// Waits until it holds; says how long that took.
fn wait_until(what: &str, patience: Duration, holds: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

fn ready(server: &Server, role: &str) -> bool {
    let path = format!("/readyz?role={role}");
    Client::new(&server.url, None, None).try_send("GET", &path, &[], None).is_ok_and(|answer| answer.status == 200)
}

/// A write that anybody can see again: a customer with this name.
fn create_customer(server: &Server, id: &str) -> u16 {
    server.operator().post("/v1/operator/customers", json!({"id": id})).status
}

const STALE: [(&str, &str); 1] = [("usance-allow-stale", "true")];

fn stale(server: &Server, path: &str) -> super::harness::Answer {
    server.operator().send("GET", path, &STALE, None)
}

#[test]
fn one_writes_and_the_other_says_so_and_follows() {
    let mut nodes = Nodes::new();
    let mut writer = nodes.start("writer");
    assert_eq!(writer.greeting["role"], "writer");
    found(&writer);
    // Asked to write as well, it finds that somebody does.
    let other = nodes.start("writer");
    assert_eq!(other.greeting["role"], "standby");
    assert!(other.log_line("this one follows").contains("node-1"));
    let refused = other.operator().post("/v1/operator/customers", json!({"id": "zoe"}));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.refused(503, "not_writer")["writer"], "http://node-1.test");
    // A read is not answered as current, and is answered to whoever allows it to be late.
    other.operator().get("/v1/operator/books").refused(503, "not_writer");
    other.acting_for("ada").get("/v1/accounts").refused(503, "not_writer");
    assert_eq!(create_customer(&writer, "zoe"), 201);
    let place = writer.operator().get("/v1/operator/books");
    let place: u64 = place.header("usance-log-position").expect("a position").parse().expect("a number");
    let reached = |server: &Server| -> u64 {
        stale(server, "/v1/operator/books").header("usance-log-position").and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    wait_until("the follower knows of zoe", PATIENCE, || reached(&other) >= place);
    assert_eq!(stale(&other, "/v1/operator/customers/zoe").status, 200);
    let preview = other.acting_for("ada").send(
        "POST",
        "/v1/subscriptions/preview",
        &[("usance-allow-stale", "true"), ("content-type", "application/json")],
        Some(br#"{"product":"sol-flex","amount":"1","source":"funding"}"#),
    );
    assert_ne!(preview.status, 503, "{}", preview.text());
    // What a page shows is money: a standby shows none.
    let page = Client::new(&other.url, None, None).send("GET", "/products", &[("accept", "text/html")], None);
    assert_eq!(page.status, 503);
    assert!(page.text().contains("This instance is standing by"), "{}", page.text());
    let style = page.text().split('"').find(|word| word.ends_with(".css")).expect("it has a style").to_owned();
    assert_eq!(Client::new(&other.url, None, None).get(&style).status, 200, "and looks like one of ours");
    assert!(ready(&writer, "writer") && !ready(&writer, "standby"));
    assert!(!ready(&other, "writer") && ready(&other, "standby"));
    assert!(other.operator().get("/metrics").text().contains("usance_writer{shard=\"0\"} 0"));
    assert!(writer.operator().get("/metrics").text().contains("usance_writer{shard=\"0\"} 1"));
    // In order: the other one writes at once, and nothing is missing.
    assert!(writer.terminate(), "{}", writer.printed());
    let gap = wait_until("the other one writes", PATIENCE, || ready(&other, "writer"));
    println!("after a stop in order the other one wrote within {gap:?}");
    assert_eq!(create_customer(&other, "yan"), 201);
    assert_eq!(other.operator().get("/v1/operator/customers/zoe").status, 200);
    drop(other);
    nodes.expect_verified(&nodes.data("node-2"));
}

#[test]
fn a_standby_creates_nothing_and_waits_for_a_platform() {
    let nodes = Nodes::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| nodes.start_as("early", "standby"));
        std::thread::sleep(Duration::from_secs(1));
        assert!(!waiting.is_finished(), "there is no platform to serve");
        let writer = nodes.start_as("late", "writer");
        let standby = waiting.join().expect("it starts");
        assert_eq!((writer.greeting["role"].as_str(), standby.greeting["role"].as_str()), (Some("writer"), Some("standby")));
    });
}

#[test]
fn a_paused_writer_writes_nothing_more_and_becomes_a_follower() {
    let mut nodes = Nodes::new();
    let paused = nodes.start("writer");
    found(&paused);
    let other = nodes.start("standby");
    // Requests that lie before the paused process when it wakes, and many more at that moment.
    let mut story = Story::new();
    let mut dice = dice();
    let load = story.load(&paused, &mut dice);
    std::thread::sleep(Duration::from_millis(300));
    paused.signal("-STOP");
    let begun = Instant::now();
    wait_until("the other one writes", PATIENCE, || ready(&other, "writer"));
    println!("{:?} after its pause another instance wrote", begun.elapsed());
    let epochs = |database: &Database| database.number("SELECT max(seq) FROM log");
    let taken = epochs(&nodes.database);
    assert_eq!(create_customer(&other, "after-the-pause"), 201);
    let head = epochs(&nodes.database);
    assert!(head > taken);
    let woken: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|number| {
                let client = paused.operator();
                scope.spawn(move || {
                    let (mut answers, mut connected) = (Vec::new(), 0);
                    for round in 0..60 {
                        let answer = match (number + round) % 3 {
                            0 => client.try_send("GET", "/v1/operator/customers/after-the-pause", &[], None),
                            1 => client.try_send("GET", "/v1/operator/books", &[], None),
                            _ => {
                                let body = json!({"id": format!("woken-{number}-{round}")}).to_string();
                                let key = fresh_key();
                                let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json")];
                                client.try_send("POST", "/v1/operator/customers", &headers, Some(body.as_bytes()))
                            }
                        };
                        connected += 1;
                        answers.extend(answer.ok().map(|answer| (connected, answer)));
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    answers
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        paused.signal("-CONT");
        asking.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    // Neither a read that would be stale nor a write was answered with success.
    assert!(woken.len() > 100, "hardly anything was answered");
    for (_, answer) in &woken {
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
    // What it had decided before it slept, and had not written, is nowhere; its clients know that they do not know.
    story.last = load.harvest();
    paused.log_line("this one follows");
    wait_until("the woken one follows", PATIENCE, || ready(&paused, "standby"));
    wait_until("it knows what happened meanwhile", PATIENCE, || stale(&paused, "/v1/operator/customers/after-the-pause").status == 200);
    story.settle(&other, &mut dice, 100);
    story.model.check(&other);
    assert_eq!(nodes.database.number("SELECT count(*) FROM log"), nodes.database.number("SELECT max(seq) FROM log"), "no hole");
    drop((paused, other));
    nodes.expect_verified(&nodes.data("node-1"));
}

/// Sends one harmless write until it is taken; says how long after an instant that was.
fn first_write_after(begun: Instant, server: &Server, name: &str) -> Duration {
    let client = server.operator();
    let body = json!({"id": name}).to_string();
    let key = fresh_key();
    let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json")];
    loop {
        let answer = client.try_send("POST", "/v1/operator/customers", &headers, Some(body.as_bytes()));
        match answer {
            Ok(answer) if answer.status == 201 => return begun.elapsed(),
            Ok(answer) if answer.status != 503 => panic!("{}", answer.text()),
            _ => assert!(begun.elapsed() < PATIENCE, "no write within {PATIENCE:?}: {}", server.printed()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn told(what: &str, gaps: &mut [Duration]) {
    gaps.sort_unstable();
    let at = |share: usize| gaps.get(gaps.len() * share / 100).or(gaps.last()).copied().unwrap_or_default();
    // Past the test runner, which keeps what a passing test prints to itself.
    let line = format!("{what}: writes resumed after {:?} in the middle, {:?} at most, {} times", at(50), at(100), gaps.len());
    writeln!(std::io::stderr(), "{line}").expect("standard error is open");
}

#[test]
fn twenty_kills_of_the_writer_lose_nothing_and_double_nothing() {
    let mut dice = dice();
    let nodes = Nodes::new();
    let names = ["one", "two"];
    let mut writer = nodes.start_as(names[0], "writer");
    found(&writer);
    let mut standby = nodes.start_as(names[1], "standby");
    let (mut story, mut gaps) = (Story::new(), Vec::new());
    for round in 0..KILLS {
        let load = story.load(&writer, &mut dice);
        std::thread::sleep(Duration::from_millis(30 + dice.below(371)));
        let killed = Instant::now();
        writer.kill();
        let gap = first_write_after(killed, &standby, &format!("round-{round}"));
        assert!(gap < RESUMES_WITHIN, "writes resumed after {gap:?}: {}", standby.printed());
        gaps.push(gap);
        story.last = load.harvest();
        story.settle(&standby, &mut dice, 40);
        if round % 5 == 4 {
            story.model.check(&standby);
        }
        // The dead one comes back, as a standby of whoever writes now.
        std::mem::swap(&mut writer, &mut standby);
        standby = nodes.start_as(names[round % 2], "standby");
        assert_eq!(standby.greeting["role"], "standby");
    }
    story.settle(&writer, &mut dice, 400);
    story.model.check(&writer);
    told("kill -9", &mut gaps);
    println!(
        "{} accepted, {} refused; of those without an answer {} were done before and {} only now; {} asked again",
        story.model.accepted, story.model.refused, story.survived, story.lost, story.replayed
    );
    assert!(story.model.accepted > KILLS * 10, "hardly anything was done");
    assert!(writer.terminate());
    drop((writer, standby));
    nodes.expect_verified(&nodes.data(names[0]));
}

/// Hands over to another instance while customers are at it; says how long nothing could be written.
fn hand_over(nodes: &Nodes, story: &mut Story, dice: &mut SplitMix64, from: &Server, to: (&Server, &str)) -> Duration {
    let load = story.load(from, dice);
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let promoted = nodes.usance("promote", &["--node", to.1, "--json"]);
    assert!(promoted.status.success(), "{}{}", String::from_utf8_lossy(&promoted.stdout), String::from_utf8_lossy(&promoted.stderr));
    let said: Value = serde_json::from_slice(&promoted.stdout).expect("JSON");
    assert_eq!(said["writer"], to.1);
    wait_until("it writes", PATIENCE, || ready(to.0, "writer"));
    let harvest: Harvest = load.harvest();
    // In order means that nobody was left without an answer: everybody was told yes, no, or to ask elsewhere.
    assert_eq!(harvest.unanswered.len(), harvest.not_ready.len(), "connections broke");
    assert!(harvest.not_ready.iter().all(|answer| ["not_writer", "engine_stopped"].contains(&answer.code().as_str())));
    story.last = harvest;
    story.settle(to.0, dice, 40);
    println!("the command took {:?}", begun.elapsed());
    Duration::from_millis(said["milliseconds"].as_u64().expect("a number"))
}

#[test]
fn promotion_hands_over_in_order() {
    let mut dice = dice();
    let nodes = Nodes::new();
    let one = nodes.start_as("one", "writer");
    found(&one);
    let alone = nodes.usance("promote", &[]);
    assert!(!alone.status.success());
    assert!(String::from_utf8_lossy(&alone.stderr).contains("no standby follows"), "{}", String::from_utf8_lossy(&alone.stderr));
    let two = nodes.start_as("two", "standby");
    let (mut story, mut gaps) = (Story::new(), Vec::new());
    for _ in 0..3 {
        gaps.push(hand_over(&nodes, &mut story, &mut dice, &one, (&two, "two")));
        gaps.push(hand_over(&nodes, &mut story, &mut dice, &two, (&one, "one")));
    }
    story.model.check(&one);
    told("usance promote", &mut gaps);
    for (node, said) in [("one", "is the writer already"), ("three", "does not follow; these do: two")] {
        let refused = nodes.usance("promote", &["--node", node]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains(said), "{}", String::from_utf8_lossy(&refused.stderr));
    }
    drop((one, two));
    nodes.expect_verified(&nodes.data("one"));
}

/// An idle load is no load: something has to happen while the writer is gone.
#[test]
fn a_load_goes_on_elsewhere_by_itself() {
    let mut dice = dice();
    let nodes = Nodes::new();
    let mut writer = nodes.start_as("one", "writer");
    found(&writer);
    let standby = nodes.start_as("two", "standby");
    let mut story = Story::new();
    story.last = {
        let load: Load = story.load(&writer, &mut dice);
        std::thread::sleep(Duration::from_millis(300));
        writer.kill();
        load.harvest()
    };
    wait_until("the standby writes", PATIENCE, || ready(&standby, "writer"));
    // A customer's session and token are where the log is: whoever was in is in at the other instance.
    story.settle(&standby, &mut dice, 100);
    let token = standby.operator().post("/v1/operator/tokens", json!({"role": "customer", "name": "ada", "customer": "ada"}));
    let text = token.ok()["token"].as_str().expect("a token").to_owned();
    assert_eq!(Client::new(&standby.url, Some(&text), None).get("/v1/accounts").status, 200);
    assert_ne!(OPERATOR, text);
    story.model.check(&standby);
}

/// Read tables are for looking back; whether somebody takes over must not hang on them.
#[test]
fn missing_read_tables_keep_nobody_from_taking_over() {
    let nodes = Nodes::new();
    let mut writer = nodes.start_as("one", "writer");
    found(&writer);
    let standby = nodes.start_as("two", "standby");
    nodes.database.run("ALTER TABLE progress RENAME TO mislaid");
    std::thread::sleep(Duration::from_secs(1));
    let killed = Instant::now();
    writer.kill();
    let gap = first_write_after(killed, &standby, "without-tables");
    assert!(gap < RESUMES_WITHIN, "writes resumed after {gap:?}: {}", standby.printed());
    nodes.database.run("ALTER TABLE mislaid RENAME TO progress");
    let knows = || standby.acting_for("ada").get("/v1/statement").status == 200;
    wait_until("the read tables go on", PATIENCE, knows);
}

/// Nor how long a handover takes: an index that somebody builds locks its table for as long.
#[test]
fn locked_read_tables_do_not_hold_up_a_handover() {
    let nodes = Nodes::new();
    let one = nodes.start_as("one", "writer");
    found(&one);
    let two = nodes.start_as("two", "standby");
    nodes.database.while_running("BEGIN; LOCK TABLE customers IN SHARE MODE", || {
        assert_eq!(create_customer(&one, "behind-the-lock"), 201);
        let promoted = nodes.usance("promote", &["--node", "two"]);
        assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
        wait_until("it writes", Duration::from_secs(2), || ready(&two, "writer"));
        assert_eq!(create_customer(&two, "after-the-handover"), 201);
    });
    assert_eq!(two.operator().get("/v1/operator/customers/behind-the-lock").status, 200);
}

/// A writer that cannot renew its lease says so to whoever asks where to send requests, and answers nothing as current.
#[test]
fn a_writer_in_doubt_is_not_ready_and_goes_on_by_itself() {
    let nodes = Nodes::new();
    let writer = nodes.start_as("one", "writer");
    found(&writer);
    assert!(ready(&writer, "writer"));
    nodes.database.run("ALTER TABLE lease RENAME TO mislaid");
    wait_until("it is not ready", Duration::from_secs(4), || !ready(&writer, "writer"));
    let metrics = writer.operator().get("/metrics").text();
    assert!(metrics.contains("usance_writer{shard=\"0\"} 0"), "{metrics}");
    writer.operator().get("/v1/operator/books").refused(503, "not_writer");
    // A refusal, too, is made of what is here: it is not given either.
    let refused = writer.operator().post("/v1/operator/tokens", json!({"role": "customer", "name": "nobody", "customer": "nobody"}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    nodes.database.run("ALTER TABLE mislaid RENAME TO lease");
    wait_until("it writes again", PATIENCE, || ready(&writer, "writer"));
    assert_eq!(create_customer(&writer, "afterwards"), 201);
}

/// A database that went back to an older copy of itself: whoever has what it lost puts it back, without a write that shows it.
#[test]
fn a_log_that_lost_its_end_is_noticed_without_a_write_and_has_it_again() {
    let nodes = Nodes::new();
    let writer = nodes.start_as("one", "writer");
    found(&writer);
    assert_eq!(create_customer(&writer, "lost"), 201);
    let stored = || nodes.database.texts("SELECT encode(hash, 'hex') FROM log ORDER BY seq");
    let before = stored();
    nodes.database.run("DELETE FROM log WHERE seq > (SELECT max(seq) - 5 FROM log)");
    writer.log_line("the log ends at batch");
    writer.log_line("the log had lost its end, and has it again");
    wait_until("it writes again", PATIENCE, || ready(&writer, "writer"));
    assert_eq!(stored()[..before.len()], before[..], "byte for byte");
    assert_eq!(writer.operator().get("/v1/operator/customers/lost").status, 200, "nothing is lost");
    assert!(!writer.printed().contains("the log is read again"), "and nothing was built anew: {}", writer.printed());
}

/// The writer is gone with what it wrote; a standby has followed it, and has all of it.
#[test]
fn a_standby_puts_back_what_the_database_lost_with_its_writer() {
    let nodes = Nodes::new();
    let mut writer = nodes.start_as("one", "writer");
    found(&writer);
    let standby = nodes.start_as("two", "standby");
    assert_eq!(create_customer(&writer, "lost"), 201);
    wait_until("the standby knows of it", PATIENCE, || stale(&standby, "/v1/operator/customers/lost").status == 200);
    writer.kill();
    nodes.database.run("DELETE FROM log WHERE seq > (SELECT max(seq) - 3 FROM log)");
    wait_until("the standby writes", PATIENCE, || ready(&standby, "writer"));
    standby.log_line("the log had lost its end, and has it again");
    assert_eq!(standby.operator().get("/v1/operator/customers/lost").status, 200);
}

/// Whoever was let in a moment ago is let in, and whoever was shut out stays out, wherever the writing goes.
#[test]
fn tokens_are_known_at_once_after_a_handover() {
    let nodes = Nodes::new();
    let (one, two) = (nodes.start_as("one", "writer"), nodes.start_as("two", "standby"));
    found(&one);
    let made = |name: &str| one.operator().post("/v1/operator/tokens", json!({"role": "auditor", "name": name})).ok();
    let shut_out = made("shut-out");
    std::thread::sleep(Duration::from_millis(1_500));
    let let_in = made("let-in");
    let id = shut_out["id"].as_str().expect("an id");
    let key = fresh_key();
    assert_eq!(one.operator().send("DELETE", &format!("/v1/operator/tokens/{id}"), &[("idempotency-key", &key)], None).status, 200);
    assert!(nodes.usance("promote", &["--node", "two"]).status.success());
    wait_until("it writes", PATIENCE, || ready(&two, "writer"));
    let enters = |token: &Value| Client::new(&two.url, token["token"].as_str(), None).get("/v1/operator/books").status;
    assert_eq!((enters(&let_in), enters(&shut_out)), (200, 401));
}
