//! A machine's clock that somebody sets while the service runs, that another machine has, or that cannot be right after a stop.

use super::super::harness::{Server, Start, binary};
use super::super::load::{found, healthy};
use super::super::postgres::{Database, on};
use super::{create_customer, is_ready, wait_until};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use usance_core::machine::State;
use usance_core::machine::state::{ClockMode, Platform as Founding};
use usance_core::machine::{Answer, Event, Executed};
use usance_engine::life::clock::EngineClock;
use usance_server::cli::world::World;
use usance_store::codec::{self, Record};
use usance_store::{BatchBuilder, DataDirectory, Head, LogStore, SqliteLog};

/// The wall clock of a process, which a test sets. Its steady clocks are the machine's.
struct Wall(PathBuf);

impl Wall {
    fn at(directory: &TempDir, offset: &str) -> Wall {
        let wall = Wall(directory.path().join(format!("clock-{}", offset.trim_start_matches(['+', '-']))));
        wall.set(offset);
        wall
    }

    fn set(&self, offset: &str) {
        std::fs::write(&self.0, offset).expect("written");
    }

    fn command(&self) -> Command {
        let folders = std::fs::read_dir("/usr/lib").expect("a directory").flatten().map(|entry| entry.path().join("faketime"));
        let library = folders.map(|folder| folder.join("libfaketime.so.1")).find(|path| path.exists());
        let mut command = binary();
        command.env("LD_PRELOAD", library.expect("libfaketime, of the Debian package faketime"));
        command.env("FAKETIME_TIMESTAMP_FILE", &self.0).envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
        command
    }

    fn start(&self, data: &Path, start: &Start) -> Server {
        Server::start_as(self.command(), data, start).unwrap_or_else(|ended| panic!("{}", ended.text))
    }
}

fn system() -> Start {
    Start { clock: "system".into(), ..Start::default() }
}

fn deposit(reference: &str) -> serde_json::Value {
    json!({"customer": "ada", "asset": "SOL", "account": "spot", "amount": "1", "reference": reference})
}

/// Within the life of a key a jump would pay interest, and forget the key under which somebody is about to ask again.
#[test]
fn a_clock_that_is_set_ahead_while_the_service_runs_waits_for_an_operator() {
    let directory = TempDir::new().expect("a directory");
    let wall = Wall::at(&directory, "+0");
    let server = wall.start(&directory.path().join("data"), &system());
    found(&server);
    let operator = server.operator();
    let day = server.public().get("/v1/clock").ok()["day"].clone();
    let first = operator.write("POST", "/v1/operator/deposits", "first", &deposit("first")).ok();
    wall.set("+49h");
    operator.write("POST", "/v1/operator/deposits", "second", &deposit("second")).refused(503, "clock_unconfirmed");
    server.log_line("the machine's clock says what cannot be");
    assert_eq!(server.public().get("/v1/clock").ok()["day"], day, "no day is closed");
    // Behind a proxy that asks for readiness it is still reached, and says what is wrong.
    let ready = server.public().get("/readyz");
    assert!(ready.status == 200 && ready.json()["clock"].as_str().is_some_and(|told| told.contains("ahead")), "{}", ready.text());
    assert!(operator.get("/metrics").text().contains("usance_clock_unconfirmed{shard=\"0\"} 1"));
    // Put right, it goes on by itself.
    wall.set("+0");
    wait_until("it is believed again", || operator.write("POST", "/v1/operator/deposits", "second", &deposit("second")).status == 201);
    assert_eq!(operator.write("POST", "/v1/operator/deposits", "first", &deposit("first")).ok(), first, "the key is known");
    // Set ahead and confirmed, its days are closed and told like any others.
    wall.set("+49h");
    operator.write("POST", "/v1/operator/deposits", "third", &deposit("third")).refused(503, "clock_unconfirmed");
    operator.write("POST", "/v1/operator/clock/confirmation", "confirm", &json!({})).ok();
    server.log_line("day closed");
    assert_eq!(operator.write("POST", "/v1/operator/deposits", "third", &deposit("third")).status, 201);
    assert_ne!(server.public().get("/v1/clock").ok()["day"], day);
}

#[test]
fn a_clock_that_is_set_back_is_told() {
    let directory = TempDir::new().expect("a directory");
    let wall = Wall::at(&directory, "+0");
    let server = wall.start(&directory.path().join("data"), &system());
    found(&server);
    wall.set("-10m");
    assert_eq!(create_customer(&server, "behind"), 201, "instants stand still, nothing stops");
    wait_until("it is told", || server.printed().contains("is behind what was last stamped"));
    let behind = server.operator().get("/metrics").text();
    let line = behind.lines().find(|line| line.starts_with("usance_clock_behind_seconds")).expect("a gauge");
    assert!(line.rsplit(' ').next().and_then(|seconds| seconds.parse::<f64>().ok()).is_some_and(|seconds| seconds > 500.0), "{line}");
}

/// Whoever takes over has heard the writer's clock a moment ago.
#[test]
fn a_standby_whose_clock_is_ahead_takes_over_and_waits_for_an_operator() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let mut start = on(database.address(), &["--node", "one"]);
    start.clock = "system".into();
    let (right, wrong) = (Wall::at(&directory, "+0"), Wall::at(&directory, "+7h"));
    let mut one = right.start(&directory.path().join("one"), &start);
    found(&one);
    let mut start = on(database.address(), &["--node", "two", "--role", "standby"]);
    start.clock = "system".into();
    let two = wrong.start(&directory.path().join("two"), &start);
    wait_until("it follows", || two.public().get("/readyz?role=standby").status == 200);
    std::thread::sleep(std::time::Duration::from_millis(700));
    one.kill();
    wait_until("it has taken over", || is_ready(&two));
    two.operator().write("POST", "/v1/operator/deposits", "late", &deposit("late")).refused(503, "clock_unconfirmed");
    wrong.set("+0");
    wait_until("its clock is put right", || two.operator().write("POST", "/v1/operator/deposits", "late", &deposit("late")).status == 201);
}

/// A platform with a system clock that was created and last used some days ago: two days of samples.
fn aged(data: &Path, days_ago: i32) {
    // Not as its writer: a process that another test starts meanwhile would hold the lock on for a moment.
    fs::create_dir(data).expect("a directory");
    let directory = DataDirectory::open_shared(data).expect("a data directory");
    let mut log = SqliteLog::open(&directory.log()).expect("a log");
    let offset = usance_core::calendar::DayOffset::default();
    let today = offset.day_of(EngineClock::system());
    let created_at = offset.first_instant(today.plus_days(-days_ago - 2));
    let founding = Founding { shard: 0, offset, clock: ClockMode::System, created_at, seed: [5; 32] };
    let mut builder = BatchBuilder::new();
    let mut last = created_at;
    let mut put = |at, executed: Executed| {
        let mut bytes = Vec::new();
        codec::encode(&Record { outcome: executed.outcome, ..Record::of_engine(at, executed.events) }, &mut bytes).expect("encoded");
        builder.push(&bytes).expect("room");
        last = at;
    };
    put(created_at, Executed { events: vec![Event::PlatformCreated(Box::new(founding.clone()))], outcome: Ok(Answer::Done) });
    let mut world = World::new(State::new(founding), 3, &mut put);
    world.found(|_| usance_core::product::StakingTerms::default());
    world.live_day(0..5, 20);
    world.live_day(5..5, 20);
    let batch = builder.seal(0, 1, last.ms(), Head::GENESIS.hash).expect("sealed");
    log.append(0, &batch).into_result(0).expect("appended");
}

#[test]
fn a_system_clock_far_ahead_waits_for_an_operator() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    aged(&data, 10);
    let start = Start { clock: "system".into(), ..Start::default() };
    let mut server = Server::start_in(&data, &start).expect("it starts");
    let (operator, public, alice) = (server.operator(), server.public(), server.acting_for("alice"));
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "late"});
    let refused = operator.write("POST", "/v1/operator/deposits", "late", &deposit);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let problem = refused.refused(503, "clock_unconfirmed");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("ahead of what can be")), "{problem}");
    server.log_line("the machine's clock says what cannot be");
    // A proxy that asks for readiness lets the confirmation through.
    let ready = public.get("/readyz");
    assert!(ready.status == 200 && ready.json()["clock"].as_str().is_some_and(|told| told.contains("ahead")), "{}", ready.text());
    assert_eq!(public.get("/healthz").status, 200);
    // Reads go on, as of the open day.
    let before = public.get("/v1/clock").ok();
    let books = operator.get("/v1/operator/books").ok();
    let closed = operator.all("/v1/operator/days?product=sol-flex", 500).len();
    assert_eq!((before["mode"].as_str(), closed), (Some("system"), 2), "{before}");
    alice.get("/v1/accounts").ok();
    healthy(&server.operator());
    // A restart does not talk it round.
    server.kill();
    let server = Server::start_in(&data, &start).expect("it starts again");
    let (operator, public) = (server.operator(), server.public());
    operator.write("POST", "/v1/operator/deposits", "late", &deposit).refused(503, "clock_unconfirmed");
    assert_eq!(operator.get("/v1/operator/books").ok(), books);

    let confirmed = operator.write("POST", "/v1/operator/clock/confirmation", "confirm", &json!({})).ok();
    let days = operator.all("/v1/operator/days?product=sol-flex", 500).len();
    assert!(days >= closed + 10, "{days} days are closed after {confirmed}");
    assert!(confirmed["day"].as_str() > before["day"].as_str(), "{confirmed}");
    assert_eq!(public.get("/readyz").status, 200);
    assert_ne!(operator.get("/v1/operator/books").ok(), books, "ten days of rewards");
    // The refusal consumed no key.
    let deposited = operator.write("POST", "/v1/operator/deposits", "late", &deposit);
    assert_eq!((deposited.status, deposited.header("idempotency-replayed")), (201, None), "{}", deposited.text());
    let again = operator.write("POST", "/v1/operator/clock/confirmation", "confirm", &json!({}));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.ok(), confirmed);
    healthy(&server.operator());
    operator.post("/v1/operator/clock", json!({"to": "2030-01-01T00:00:00.000Z"})).refused(422, "clock_not_simulated");
}

#[test]
fn a_system_clock_closes_a_missed_day_by_itself() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    aged(&data, 1);
    let server = Server::start_in(&data, &Start { clock: "system".into(), ..Start::default() }).expect("it starts");
    // Nobody asks for anything; the log tells.
    let line = server.log_line("day closed");
    assert!(line.contains("products="), "{line}");
    assert_eq!(server.public().get("/readyz").status, 200);
    assert!(server.operator().all("/v1/operator/days?product=sol-flex", 500).len() >= 3);
    healthy(&server.operator());
}
