//! Shipping a server's log and people into a copy, and putting a copy into a store, by processes that die at every step.

use super::harness::{Client, Server, binary};
use super::postgres::on;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use usance_server::cli::steps::Step;
use usance_store::postgres::local::LocalServer;
use usance_store::{DataDirectory, Home, Note, People, Postgres, SecurityKind, SqliteLogReader};

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

/// A platform on a database server, and the dump of it that is restored first.
struct House {
    directory: TempDir,
    postgres: LocalServer,
    server: Server,
    changes: u32,
    databases: u32,
}

impl House {
    fn begin() -> House {
        let directory = TempDir::new().expect("a directory");
        let postgres = LocalServer::start(&["fsync = off"]).unwrap_or_else(|error| panic!("{error}"));
        let server = Server::start_in(&directory.path().join("data"), &on(&postgres.address("usance"), &[])).expect("it starts");
        let mut house = House { directory, postgres, server, changes: 0, databases: 0 };
        house.change();
        // The older dump: a database that others are made of.
        let base = house.at("base.sql");
        let dump = ["-d", "postgres", "-n", "usance", "-n", "usance_people", "-f", base.to_str().expect("UTF-8")];
        house.tool("pg_dump", &dump);
        house.tool("createdb", &["base"]);
        house.tool("psql", &["-d", "base", "-q", "-v", "ON_ERROR_STOP=1", "-f", base.to_str().expect("UTF-8")]);
        house
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tool(&self, name: &str, words: &[&str]) {
        let mut command = Command::new(self.postgres.programs().join(name));
        let port = self.postgres.port().to_string();
        done(command.args(["-h", "127.0.0.1", "-p", &port, "-U", "usance"]).args(words).output().expect("it runs"));
    }

    /// Something more in the log, and one more of each kind of people's: a token, a password, a remembered answer, a security event.
    fn change(&mut self) {
        self.changes += 1;
        let (operator, id) = (self.server.operator(), format!("customer-{}", self.changes));
        operator.post("/v1/operator/customers", json!({"id": id})).ok();
        self.make_token(&self.server.operator(), self.changes);
        let password = format!("correct horse battery {}", self.changes);
        operator.post(&format!("/v1/operator/customers/{id}/password"), json!({"password": password})).ok();
        if let Some(older) = self.changes.checked_sub(1).filter(|older| *older > 0) {
            let number = operator.get("/v1/operator/tokens").ok()["items"]
                .as_array()
                .and_then(|items| items.iter().find(|item| item["name"] == format!("token-{older}")))
                .and_then(|item| item["id"].as_i64().or_else(|| item["id"].as_str()?.parse().ok()))
                .expect("a number");
            operator.send("DELETE", &format!("/v1/operator/tokens/{number}"), &[("idempotency-key", &format!("end-{older}"))], None).ok();
        }
    }

    /// Makes a token under a key, or is told again which it was.
    fn make_token(&self, operator: &Client, number: u32) -> Value {
        let body = json!({"name": format!("token-{number}"), "role": "auditor"});
        operator.write("POST", "/v1/operator/tokens", &format!("made-{number}"), &body).ok()
    }

    fn verb(&self, words: &[&str], dies_at: Option<Step>) -> Output {
        let mut command = binary();
        command.args(words).arg("--secrets").arg(self.at("secrets"));
        command.envs(dies_at.map(|step| ("USANCE_FAIL_AT", format!("{step:?}"))));
        let output = command.output().expect("it runs");
        if let Some(step) = dies_at {
            assert_eq!(output.status.code(), None, "{step:?}: it was to die there: {}", said(&output));
        }
        output
    }

    fn ship(&self, copy: &Path, dies_at: Option<Step>) -> Output {
        let address = self.postgres.address("usance");
        self.verb(&["backup", "--store", &address, "--to", copy.to_str().expect("UTF-8")], dies_at)
    }

    /// The people as they are on the server, or in another database of it.
    fn people(&self, address: &str) -> People {
        people(&Home::Postgres(Postgres::parse(address, None).expect("an address")))
    }

    fn people_now(&self) -> People {
        self.people(&self.postgres.address("usance"))
    }

    /// A new database with the older dump in it.
    fn dumped(&mut self) -> String {
        self.databases += 1;
        let name = format!("restored{}", self.databases);
        self.tool("createdb", &["-T", "base", &name]);
        self.postgres.address("usance").replace("/postgres?", &format!("/{name}?"))
    }

    fn restore(&self, copy: &Path, to: &str, dies_at: Option<Step>) -> Output {
        self.verb(&["restore", "--from", copy.to_str().expect("UTF-8"), "--store", to, "--json"], dies_at)
    }
}

fn people(home: &Home) -> People {
    home.people().and_then(|people| people.everything()).unwrap_or_else(|error| panic!("{error}"))
}

/// The people as they were in the copy: without the event that says that they were put in.
fn before_the_restore(mut people: People) -> People {
    let last = people.security_events.pop().expect("an event");
    assert_eq!(last.event.kind, SecurityKind::PeopleRestored);
    people
}

fn restored(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["verified"]["healthy"], json!(true), "{told}");
    told
}

/// Puts a copy onto the older dump: the people are one of these, or it is refused in words and nothing changes.
fn expect_one_of(house: &mut House, copy: &Path, known: &[&People], case: &str) -> Option<String> {
    let to = house.dumped();
    let older = house.people(&to);
    let output = house.restore(copy, &to, None);
    let after = house.people(&to);
    if output.status.success() {
        restored(&output);
        let after = before_the_restore(after);
        assert!(known.contains(&&after), "{case}: the people are of no shipping: {after:?}");
        return Some(to);
    }
    assert!(after == older, "{case}: it was refused, and changed something");
    for word in ["copied.txt", "nothing was changed"] {
        assert!(said(&output).to_lowercase().contains(word), "{case}: nothing of {word:?} in {}", said(&output));
    }
    None
}

/// Shipped once, gone on, shipped again by a process that dies at each step: the copy holds the people of one of both shippings, and the
/// next shipping makes it whole.
#[cfg(debug_assertions)]
#[test]
fn a_shipping_that_dies_at_any_step_loses_nobody() {
    let mut house = House::begin();
    for step in Step::OF_SHIPPING {
        let copy = house.at(&format!("copy-{step:?}"));
        house.change();
        done(house.ship(&copy, None));
        let first = house.people_now();
        house.change();
        let second = house.people_now();
        house.ship(&copy, Some(step));
        let to = expect_one_of(&mut house, &copy, &[&first, &second], &format!("{step:?}"));
        assert!(to.is_some(), "{step:?}: the shipping before was whole, and is there");
        // What the note says is there, whatever the log has behind it.
        let told = house.verb(&["verify", "--data", copy.to_str().expect("UTF-8")], None);
        assert!(told.status.success(), "{step:?}: {}", said(&told));
        done(house.ship(&copy, None));
        let to = expect_one_of(&mut house, &copy, &[&second], &format!("{step:?}, shipped again")).expect("it is whole");
        if step == Step::PeopleCommitted {
            serves(&house, &to);
        }
    }
}

/// On what was put in people come in, and a repeated request is told the same.
fn serves(house: &House, to: &str) {
    let told = house.make_token(&house.server.operator(), house.changes);
    let server = Server::start_in(&house.at("restored"), &on(to, &[])).expect("it starts");
    let again = house.make_token(&server.operator(), house.changes);
    assert_eq!(again["token"], told["token"], "the answer is remembered");
    let kept = Client::new(&server.url, told["token"].as_str(), None);
    assert_eq!(kept.get("/v1/operator/books").status, 200, "the token opens");
    let ended = house.make_token(&house.server.operator(), house.changes - 1);
    assert_eq!(
        Client::new(&server.url, ended["token"].as_str(), None).get("/v1/operator/books").status,
        401,
        "and the revoked one does not"
    );
}

/// The first shipping has nothing before it: until it is whole nobody goes on with the copy.
#[cfg(debug_assertions)]
#[test]
fn a_first_shipping_that_dies_leaves_nothing_to_go_on_with() {
    let mut house = House::begin();
    for step in Step::OF_SHIPPING {
        let copy = house.at(&format!("copy-{step:?}"));
        house.change();
        house.ship(&copy, Some(step));
        let now = house.people_now();
        let whole = [Step::PeopleCommitted, Step::NoteConfirmed].contains(&step);
        let put = expect_one_of(&mut house, &copy, &[&now], &format!("{step:?}"));
        assert_eq!(put.is_some(), whole, "{step:?}");
        if !whole {
            let told = house.verb(&["verify", "--data", copy.to_str().expect("UTF-8")], None);
            assert!(!told.status.success(), "{step:?}: {}", said(&told));
            let started = Server::start_in(&copy, &super::harness::Start::default()).err().expect("it is refused");
            assert!(started.contains("the first shipping to it was cut off") || started.contains("no log"), "{step:?}: {started}");
        }
        done(house.ship(&copy, None));
        assert!(expect_one_of(&mut house, &copy, &[&now], &format!("{step:?}, shipped again")).is_some());
    }
}

/// A restore that dies is run again: the people come along as long as the log is not all there.
#[cfg(debug_assertions)]
#[test]
fn a_restore_that_dies_at_any_step_is_run_again() {
    let mut house = House::begin();
    house.change();
    let copy = house.at("copy");
    done(house.ship(&copy, None));
    let now = house.people_now();
    for step in Step::OF_RESTORE {
        let to = house.dumped();
        house.restore(&copy, &to, Some(step));
        restored(&house.restore(&copy, &to, None));
        let mut after = house.people(&to);
        // When both runs put them in, the second replaced what the first said of it.
        after = before_the_restore(after);
        assert!(after == now, "{step:?}: {after:?}");
    }
}

/// What is done on the command line stands in no batch: that a token was revoked there comes along all the same.
#[test]
fn people_that_went_on_without_the_log_come_along() {
    let mut house = House::begin();
    let copy = house.at("copy");
    let address = house.postgres.address("usance");
    done(house.verb(&["token", "revoke", "--store", &address, "2"], None));
    done(house.ship(&copy, None));
    let now = house.people_now();
    let to = house.dumped();
    let told = restored(&house.restore(&copy, &to, None));
    assert_eq!((&told["batches_added"], &told["people_added"]), (&json!(0), &json!(true)));
    assert!(before_the_restore(house.people(&to)) == now);
    // They are no further than the store's any more.
    assert_eq!(restored(&house.restore(&copy, &to, None))["people_added"], json!(false));
}

/// Batches behind the note are no part of what it stands for: they are left out, and taken where somebody says so.
#[cfg(debug_assertions)]
#[test]
fn batches_behind_the_note_are_put_in_knowingly_alone() {
    let mut house = House::begin();
    let copy = house.at("copy");
    done(house.ship(&copy, None));
    let noted = Note::read(&copy).expect("a note").expect("a note").batch;
    house.change();
    house.ship(&copy, Some(Step::LogShipped));
    let end = SqliteLogReader::open(&copy.join("log.sqlite")).and_then(|log| usance_store::LogReader::head(&log, 0));
    let end = end.expect("a log").expect("batches").seq;
    assert!(end > noted);
    let to = house.dumped();
    let told = restored(&house.restore(&copy, &to, None));
    assert_eq!((&told["head"]["batch"], &told["batches_left_out"]), (&json!(noted), &json!(end - noted)));
    let copy = copy.to_str().expect("UTF-8").to_owned();
    let told = restored(&house.verb(&["restore", "--from", &copy, "--store", &to, "--accept-unsigned", "--json"], None));
    assert_eq!((&told["head"]["batch"], &told["batches_left_out"]), (&json!(end), &json!(0)));
}

/// What an older release left when its shipping was cut off, and whatever else lost its people on the way.
#[test]
fn a_copy_that_lost_its_people_is_put_in_nowhere() {
    let mut house = House::begin();
    house.change();
    let copy = house.at("copy");
    done(house.ship(&copy, None));
    let to = house.dumped();
    let older = house.people(&to);
    let data = DataDirectory::open_shared(&copy).expect("the copy");
    let copied = copy.to_str().expect("UTF-8").to_owned();
    let refused = |house: &House, knowingly: bool, words: &str| {
        let more: &[&str] = if knowingly { &["--accept-unsigned"] } else { &[] };
        let output = house.verb(&[&["restore", "--from", &copied, "--store", &to][..], more].concat(), None);
        assert!(output.status.code() == Some(1) && said(&output).contains(words), "nothing of {words:?} in {}", said(&output));
        assert!(house.people(&to) == older, "{words}: something was changed");
    };
    std::fs::rename(data.people(), copy.join("people.new")).expect("renamed");
    refused(&house, false, "is not what its copied.txt says");
    Note::forget(&copy).expect("forgotten");
    refused(&house, false, "the copy's note is not there");
    refused(&house, true, "people.sqlite is not there");
    drop(Home::embedded(&data).people().expect("empty ones"));
    refused(&house, true, "the copy holds no people, and the store does");
    // The next shipping mends it.
    done(house.ship(&copy, None));
    let now = house.people_now();
    assert!(expect_one_of(&mut house, &copy, &[&now], "mended").is_some());
}
