//! What can be typed: help, exit codes, tokens, backup, export, verify, simulate, demo, the environment.

use super::harness::{Answer, Client, Server, Start, binary, shell, usance};
use super::load::{Known, Load, found, healthy, instant, now_ms};
use super::money;
use super::platform::{CUSTOMERS, Platform};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use usance_store::{Snapshot, image, snapshot};
use usance_workload::SplitMix64;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a verb that has to succeed, and reads its JSON.
fn json_of(words: &[&str]) -> Value {
    let output = usance(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error} in {}", out(&output)))
}

/// Runs a verb that has to fail with 1, and gives the sentence on standard error.
fn refused(words: &[&str]) -> String {
    let output = usance(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{words:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What every verb that serves is told.
const SERVING: [&str; 20] = [
    "--listen",
    "--requests",
    "--positions-max",
    "--customer-rate",
    "--history-rate",
    "--preview-rate",
    "--write-rate",
    "--sender-rate",
    "--address-rate",
    "--route-rate",
    "--connections",
    "--connections-per-address",
    "--head-seconds",
    "--body-seconds",
    "--idle-seconds",
    "--take-seconds",
    "--https",
    "--trusted-proxy",
    "--log-json",
    "--json",
];

#[test]
fn every_verb_explains_itself() {
    const PLACE: [&str; 4] = ["--data", "--store", "--store-password-file", "--secrets"];
    let rows: [(&[&str], &[&str]); 19] = [
        (
            &[],
            &[
                "serve",
                "demo",
                "token",
                "secrets",
                "verify",
                "backup",
                "restore",
                "promote",
                "accept-loss",
                "export",
                "simulate",
                "--version",
                "usance demo",
            ],
        ),
        (&["serve"], &["--role", "--node", "--advertise", "USANCE_OPERATOR_TOKEN", "--clock", "--day-offset-minutes", "--prove-all"]),
        (&["demo"], &["--data", "--i-know-everybody-can-enter"]),
        (&["token"], &["create", "list", "revoke"]),
        (
            &["token", "create"],
            &["--role", "customer", "service", "operator", "auditor", "treasury", "--name", "--customer", "--scopes", "--days", "--json"],
        ),
        (&["secrets"], &["create", "status", "rotate", "replace"]),
        (&["secrets", "create"], &["--json"]),
        (&["secrets", "status"], &["--json"]),
        (&["secrets", "rotate"], &["--leaked", "--json"]),
        (&["secrets", "replace"], &["--json"]),
        (&["token", "list"], &["--json"]),
        (&["token", "revoke"], &["<ID>", "--json"]),
        (&["verify"], &["--head", "--scratch", "--json", "Exit code"]),
        (&["backup"], &["--to", "--json"]),
        (&["restore"], &["--from", "--accept-unsigned", "--scratch", "--json"]),
        (&["promote"], &["--node", "--json"]),
        (&["accept-loss"], &["--by", "--through", "--json"]),
        (&["export"], &["--to", "--replace", "--json", "journal.csv", "positions.csv", "rewards.csv"]),
        (&["simulate"], &["--customers", "--days", "--actions", "--seed", "--json"]),
    ];
    for (verb, own) in rows {
        let serves = [&["serve"][..], &["demo"]].contains(&verb);
        let mentioned = [own, if serves { &SERVING } else { &[] }].concat();
        for ask in ["--help", "-h"] {
            let output = usance(&[verb, &[ask]].concat());
            assert!(output.status.success() && output.stderr.is_empty(), "{verb:?}: {output:?}");
            // The short form leaves out what the long one explains.
            for word in mentioned.iter().filter(|word| ask == "--help" || word.starts_with("--")) {
                assert!(out(&output).contains(word), "{verb:?} {ask} says nothing of {word}:\n{}", out(&output));
            }
        }
        // Nobody adds a flag without this list: everything that looks like one is known.
        let help = out(&usance(&[verb, &["--help"]].concat()));
        let flags = help.lines().filter_map(|line| line.trim_start().strip_prefix("-h, ").or(Some(line.trim_start())));
        let flags = flags.filter(|line| line.starts_with("--")).filter_map(|line| line.split([' ', '=', ',']).next());
        for flag in flags.filter(|flag| !["--help", "--version"].contains(flag)) {
            assert!(mentioned.contains(&flag) || PLACE.contains(&flag), "{verb:?} has {flag}, which this test does not know");
        }
        assert!(out(&usance(&[verb, &["--version"]].concat())).contains(env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_start_that_cannot_serve_makes_nothing() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let few = Server::start_as(shell("ulimit -n 200; exec \"$0\" \"$@\""), &data, &Start::default()).err().expect("too few files");
    assert!(few.text.contains("200 open files are too few"), "{}", few.text);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for verb in ["serve", "demo"] {
        let said = refused(&[verb, "--data", text(&data), "--listen", &address]);
        assert!(said.contains(&format!("listening on {address}")), "{said}");
    }
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn words_that_are_not_understood_end_with_2() {
    let rows: [&[&str]; 15] = [
        &[],
        &["frobnicate"],
        &["serve", "--frobnicate"],
        &["serve", "extra"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--clock", "sundial"],
        &["serve", "--clock", "simulated:yesterday"],
        &["serve", "--clock", "system:2026-01-01T00:00:00Z"],
        &["serve", "--customer-rate", "0"],
        &["accept-loss", "--by", "ann"],
        &["token"],
        &["token", "create", "--role", "king"],
        &["token", "revoke", "first"],
        &["backup"],
        &["simulate", "--customers", "0"],
    ];
    for words in rows {
        let output = usance(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words:?}: {output:?}");
    }
}

#[test]
fn errors_are_a_sentence_or_json() {
    let directory = TempDir::new().expect("a directory");
    let nowhere = directory.path().join("nowhere");
    let rows: [(&[&str], &str); 6] = [
        (&["verify"], "holds no log"),
        (&["export", "--to", "never"], "holds no log"),
        (&["backup", "--to", "never"], "holds no log"),
        (&["token", "list"], "there is no data directory yet"),
        (&["token", "revoke", "1"], "there is no data directory yet"),
        (&["token", "create", "--role", "operator"], "there is no data directory yet"),
    ];
    for (verb, sentence) in rows {
        let words = [verb, &["--data", text(&nowhere)]].concat();
        let said = refused(&words);
        assert!(said.starts_with("usance: ") && said.contains(sentence) && said.contains(text(&nowhere)), "{words:?}: {said}");
        let output = usance(&[&words[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(format!("usance: {}\n", told["error"].as_str().expect("a sentence")), said);
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    assert!(!nowhere.exists() && !Path::new("never").exists(), "a refused verb leaves nothing behind");
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = occupied.local_addr().expect("an address").to_string();
    let output = usance(&["serve", "--json", "--data", text(&directory.path().join("data")), "--listen", &address]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains(&format!("listening on {address}")), "{}", out(&output));
}

/// Asks until the answer has this status, at most the time that is promised.
fn within_two_seconds(client: &Client, path: &str, status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = client.get(path);
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{status} did not come: {}", answer.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tokens_are_made_listed_and_revoked_while_the_engine_runs() {
    let platform = Platform::new();
    let server = &platform.server;
    let data = text(&server.data);
    fn verb<'a>(words: &[&'a str], data: &'a str) -> Vec<&'a str> {
        [&["token"], words, &["--data", data]].concat()
    }

    let made = usance(&verb(&["create", "--role", "auditor", "--name", "revision"], data));
    assert!(made.status.success(), "{made:?}");
    let auditor = Client::new(&server.url, Some(out(&made).trim()), None);
    assert!(out(&made).starts_with("usance_") && out(&made).trim().len() == 71, "{made:?}");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains("for revision (auditor); it is not shown again"), "{said}");
    within_two_seconds(&auditor, "/v1/operator/books", 200);

    let alice = json_of(&verb(&["create", "--role", "customer", "--customer", "alice", "--json"], data));
    assert_eq!((&alice["name"], &alice["role"], &alice["customer"]), (&json!("alice"), &json!("customer"), &json!("alice")), "{alice}");
    assert_eq!(alice["revoked_at"], Value::Null);
    let client = Client::new(&server.url, alice["token"].as_str(), None);
    within_two_seconds(&client, "/v1/accounts", 200);
    client.get("/v1/operator/books").refused(403, "forbidden");

    let listed = json_of(&verb(&["list", "--json"], data));
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|token| token["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["alice", "revision", "bootstrap"], "newest first");
    assert!(!listed.to_string().contains("usance_"), "no token's text is kept: {listed}");
    // The same list over HTTP.
    assert_eq!(platform.operator.get("/v1/operator/tokens").ok()["items"].as_array().expect("items").len(), 3);
    let table = usance(&verb(&["list"], data));
    for word in ["id", "name", "role", "customer", "created", "revoked", "alice", "revision", "auditor"] {
        assert!(out(&table).contains(word), "{}", out(&table));
    }

    let id = alice["id"].as_str().expect("a number");
    assert_eq!(json_of(&verb(&["revoke", id, "--json"], data)), json!({"id": id, "revoked": true}));
    within_two_seconds(&client, "/v1/accounts", 401).refused(401, "unauthorized");
    assert_eq!(auditor.get("/v1/operator/books").status, 200, "the other one is as it was");
    assert!(refused(&verb(&["revoke", id], data)).contains(&format!("there is no live token {id}")));
    assert!(refused(&verb(&["revoke", "999"], data)).contains("there is no live token 999"));
    let listed = json_of(&verb(&["list", "--json"], data));
    assert!(listed[0]["revoked_at"].is_string() && listed[1]["revoked_at"].is_null(), "{listed}");

    for wrong in [
        &["create", "--role", "customer"][..],
        &["create", "--role", "operator", "--customer", "alice"],
        &["create", "--role", "operator", "--name", "two words"],
        &["create", "--role", "customer", "--customer", "alice/bob"],
    ] {
        refused(&verb(wrong, data));
    }
    assert_eq!(json_of(&verb(&["list", "--json"], data)).as_array().map(Vec::len), Some(3));
}

#[test]
fn a_backup_under_load_is_whole() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
    found(&server);
    let token = json_of(&["token", "create", "--role", "auditor", "--json", "--data", text(&data)]);
    let (known, mut dice) = (Arc::<Known>::default(), SplitMix64::new(5));
    for (round, copy) in ["first", "second", "third"].into_iter().enumerate() {
        // What is answered before the backup begins has to be in it.
        let load = Load::start(&server, &known, &mut dice, 2);
        std::thread::sleep(Duration::from_millis(150));
        load.stop();
        let before = load.harvest();
        let load = Load::start(&server, &known, &mut dice, 4);
        let to = directory.path().join(copy);
        let told = json_of(&["backup", "--json", "--data", text(&data), "--to", text(&to)]);
        load.stop();
        let during = load.harvest();
        assert!(during.unanswered.is_empty() && !during.done.is_empty(), "nothing of it was noticed");

        let verified = json_of(&["verify", "--json", "--data", text(&to)]);
        assert_eq!((&verified["healthy"], &verified["head"]), (&json!(true), &told["head"]), "{verified}");
        let copied = Server::start_in(&to, &Start::default()).expect("the copy starts");
        let client = copied.operator();
        let now = now_ms(&client);
        assert!(!before.done.is_empty());
        for done in before.done.iter().filter(|done| done.is_kept(now)) {
            done.expect_again(&client);
        }
        healthy(&client);
        assert_eq!(Client::new(&copied.url, token["token"].as_str(), None).get("/v1/operator/books").status, 200);
        drop(copied);
        let said = refused(&["backup", "--data", text(&data), "--to", text(&to)]);
        assert!(said.contains("is not empty"), "{said}");
        // Later ones also copy a snapshot.
        if round == 0 {
            assert!(server.terminate());
            server = Server::start_in(&data, &Start::default()).expect("it starts again");
        }
    }
    // Of a stopped engine, into a directory that is there and empty.
    assert!(server.terminate());
    let to = TempDir::new().expect("a directory");
    let said = usance(&["backup", "--data", text(&data), "--to", text(to.path())]);
    assert!(said.status.success() && out(&said).contains("everything up to batch"), "{said:?}");
    assert!(usance(&["verify", "--data", text(to.path())]).status.success());
    for (path, mode) in [("copied.txt", 0o600), ("people.sqlite", 0o600)] {
        let found = std::fs::metadata(to.path().join(path)).expect("a file").permissions().mode();
        assert_eq!(found & 0o777, mode, "{path} is its owner's alone");
    }
    // Where nothing can be made; why is said once.
    let said = refused(&["backup", "--data", text(&data), "--to", "/proc/never"]);
    assert_eq!((said.matches("/proc/never").count(), said.matches("os error").count()), (1, 1), "{said}");
}

/// The rows of a CSV file by the names of its columns.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "lines end as RFC 4180 has it: {}", path.display());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

#[test]
fn an_export_says_what_the_service_says() {
    let platform = Platform::lived();
    let (server, directory) = (&platform.server, TempDir::new().expect("a directory"));
    let to = directory.path().join("export");
    let told = json_of(&["export", "--json", "--data", text(&server.data), "--to", text(&to)]);
    let [journal, positions, rewards] = ["journal", "positions", "rewards"].map(|name| rows(&to.join(format!("{name}.csv"))));
    for (name, found) in [("postings", journal.len()), ("positions", positions.len()), ("rewards", rewards.len())] {
        assert_eq!(told[name], json!(found), "{name}");
    }

    // Debits equal credits at every place in the log, and every account stands where the books say.
    let mut entries: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    let mut accounts: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for row in &journal {
        let amount = money::units(&row["amount"]) * if row["side"] == "debit" { 1 } else { -1 };
        assert!(amount != 0 && (row["customer"].is_empty() || row["product"].is_empty()), "{row:?}");
        *entries.entry((&row["log_position"], &row["asset"])).or_default() += amount;
        *accounts.entry((&row["asset"], &row["account"])).or_default() += amount;
    }
    assert!(entries.values().all(|sum| *sum == 0), "{entries:?}");
    // A close is stamped with its own end and is of the day it closed, also where one move of the clock closed several.
    let stamps = |entry: &dyn Fn(&str) -> String| ["log_position", "at", "day"].map(entry);
    let told: BTreeSet<_> = platform
        .operator
        .all("/v1/operator/journal", 500)
        .iter()
        .map(|entry| stamps(&|name| entry[name].as_str().expect("text").to_owned()))
        .collect();
    assert_eq!(journal.iter().map(|row| stamps(&|name| row[name].clone())).collect::<BTreeSet<_>>(), told);
    let books = platform.operator.get("/v1/operator/books").ok();
    for book in books["items"].as_array().expect("items") {
        for account in book["accounts"].as_array().expect("accounts") {
            let (asset, name) = (book["asset"].as_str().expect("a symbol"), account["account"].as_str().expect("a name"));
            let sign = if name == "custody" { 1 } else { -1 };
            let exported = accounts.get(&(asset, name)).copied().unwrap_or(0) * sign;
            assert_eq!(exported, money::field(account, "control"), "{asset} {name}");
        }
    }

    // Positions and rewards line by line.
    let (mut seen, mut lines) = (0, 0);
    for customer in CUSTOMERS {
        let client = platform.acting_for(customer);
        for position in client.all("/v1/positions", 500) {
            let row = positions.iter().find(|row| row["id"] == position["id"].as_str().expect("an id")).expect("a row");
            assert_eq!(row["customer"], customer);
            for (name, value) in row.iter().filter(|(name, _)| *name != "customer") {
                let shown = position[name].as_str().unwrap_or("");
                assert_eq!(value, shown, "{name} of {position}");
            }
            let own = rewards.iter().filter(|line| line["position"] == row["id"]);
            let derived: i128 = own.map(|line| money::units(&line["reward"])).sum();
            let booked = money::units(&row["distributed"]) + money::units(&row["accrued"]);
            // What an early exit forfeited is in the lines alone.
            assert!(if row["state"] == "redeemed_early" { derived >= booked } else { derived == booked }, "{row:?}: {derived}");
            seen += 1;
        }
        for line in client.all("/v1/rewards", 500) {
            let row = rewards.iter().find(|row| {
                row["day"] == line["day"].as_str().expect("a day") && row["position"] == line["position"].as_str().expect("an id")
            });
            let row = row.unwrap_or_else(|| panic!("no row for {line}"));
            for name in ["product", "asset", "principal", "carry_before", "reward"] {
                assert_eq!(row[name], line[name].as_str().expect("text"), "{name} of {line}");
            }
            assert_eq!(row["customer"], customer);
            lines += 1;
        }
    }
    assert_eq!((seen, lines), (positions.len(), rewards.len()));
    let states: BTreeSet<&str> = positions.iter().map(|row| row["state"].as_str()).collect();
    assert!(states.len() >= 4, "the past has little in it: {states:?}");
    let said = usance(&["export", "--replace", "--data", text(&server.data), "--to", text(&to)]);
    assert!(out(&said).contains(&format!("{} postings, {seen} positions, {lines} daily rewards", journal.len())), "{said:?}");
}

/// A directory with a past, a snapshot and read tables, stopped.
fn stopped() -> (Platform, PathBuf) {
    let mut platform = Platform::lived();
    platform.restart(|server| assert!(server.terminate()));
    assert!(platform.server.terminate());
    let data = platform.server.data.clone();
    (platform, data)
}

#[test]
fn verify_finds_what_was_edited() {
    let (_platform, data) = stopped();
    let verify = || usance(&["verify", "--json", "--data", text(&data)]);
    let finding = |output: &Output| -> Value {
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((output.status.code(), &told["healthy"]), (Some(1), &json!(false)), "{told}");
        let broken: Vec<&Value> = told["checks"].as_array().expect("checks").iter().filter(|check| check["holds"] == false).collect();
        assert_eq!(broken.len(), 1, "{told}");
        broken[0].clone()
    };
    let whole = || {
        let told = json_of(&["verify", "--json", "--data", text(&data)]);
        assert_eq!(told["healthy"], true, "{told}");
        told
    };
    let told = whole();
    assert!(told["checks"].as_array().expect("checks").len() > 8 && told["head"]["hash"].as_str().is_some_and(|hash| hash.len() == 64));
    let plain = usance(&["verify", "--data", text(&data)]);
    let lines = out(&plain);
    assert!(plain.status.success() && lines.ends_with("\nhealthy\n") && !lines.contains("BROKEN"), "{lines}");
    assert!(
        lines.contains(&format!("head: batch {} {}", told["head"]["batch"], told["head"]["hash"].as_str().expect("a hash"))),
        "{lines}"
    );

    let edit = |name: &str, sql: &str| {
        let connection = rusqlite::Connection::open(data.join(name)).expect("a database");
        assert!(connection.execute(sql, []).expect("changed") > 0, "{sql}");
        connection.close().expect("closed");
    };
    for (change, back) in [
        ("UPDATE history SET spot = '9' || spot", "UPDATE history SET spot = substr(spot, 2)"),
        ("UPDATE customers SET id = id || '!'", "UPDATE customers SET id = rtrim(id, '!')"),
        ("UPDATE days SET rewards = rewards || '0'", "UPDATE days SET rewards = substr(rewards, 1, length(rewards) - 1)"),
        ("UPDATE closes SET log_position = log_position + 1", "UPDATE closes SET log_position = log_position - 1"),
    ] {
        edit("read.sqlite", change);
        let broken = finding(&verify());
        assert_eq!(broken["name"], "the read tables are what the log gives", "{change}");
        assert!(broken["figures"].as_str().is_some_and(|text| text.contains("differ")), "{change}: {broken}");
        edit("read.sqlite", back);
    }
    whole();

    // A snapshot that is whole, and wrong: nothing but the log can tell.
    let file = snapshot::list(&data.join("snapshots")).expect("a list").remove(0);
    let before = fs::read(&file.path).expect("a file");
    let opened = Snapshot::open(&file.path).expect("a snapshot");
    let mut state = image::read(&opened).expect("a state");
    state.registry.confirmed_through = state.registry.confirmed_through.next();
    image::write(&data.join("snapshots"), opened.shard(), opened.head(), &state).expect("written");
    let broken = finding(&verify());
    assert_eq!(broken["figures"], "its state differs");
    let plain = usance(&["verify", "--data", text(&data)]);
    assert!(
        plain.status.code() == Some(1) && out(&plain).contains("BROKEN snapshot") && out(&plain).ends_with("NOT HEALTHY\n"),
        "{plain:?}"
    );
    let mut flipped = before.clone();
    flipped[before.len() / 2] ^= 4;
    fs::write(&file.path, flipped).expect("written");
    assert!(finding(&verify())["figures"].as_str().is_some_and(|text| text.contains("checksum does not match")));
    fs::write(&file.path, before).expect("written");
    whole();

    edit("log.sqlite", "UPDATE log SET body = zeroblob(length(body)) WHERE seq = 9");
    let output = verify();
    let broken = finding(&output);
    assert!(broken["figures"].as_str().is_some_and(|text| text.contains("batch 9:")), "{broken}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["head"]["hash"], Value::Null);
}

/// A log whose end was cut off is whole in itself: only the head that was noted before shows it.
#[test]
fn a_cut_log_shows_against_the_noted_head() {
    let (_platform, data) = stopped();
    let noted = json_of(&["verify", "--json", "--data", text(&data)])["head"].clone();
    let connection = rusqlite::Connection::open(data.join("log.sqlite")).expect("a database");
    connection.execute("DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)", []).expect("deleted");
    connection.close().expect("closed");
    fs::remove_dir_all(data.join("snapshots")).expect("removed");
    fs::remove_file(data.join("read.sqlite")).expect("removed");
    let told = json_of(&["verify", "--json", "--data", text(&data)]);
    assert_eq!(told["healthy"], true, "{told}");
    assert_ne!(told["head"], noted);
}

#[test]
fn verify_and_export_do_not_mind_a_running_engine() {
    let server = Server::start(&Start::default());
    found(&server);
    let load = Load::start(&server, &Arc::default(), &mut SplitMix64::new(8), 3);
    let directory = TempDir::new().expect("a directory");
    for round in 0..12 {
        let told = usance(&["verify", "--json", "--data", text(&server.data)]);
        assert!(told.status.success(), "round {round}: {}", out(&told));
        json_of(&["export", "--json", "--data", text(&server.data), "--to", text(&directory.path().join(round.to_string()))]);
    }
    load.stop();
    let harvest = load.harvest();
    assert!(harvest.unanswered.is_empty() && harvest.done.len() > 50, "{}", harvest.done.len());
}

#[test]
fn a_simulation_is_the_same_for_the_same_seed() {
    let run = |seed: &str| {
        let mut told = json_of(&["simulate", "--customers", "50", "--days", "40", "--actions", "100", "--seed", seed, "--json"]);
        assert_eq!((&told["healthy"], &told["customers"], &told["days"]), (&json!(true), &json!(50), &json!(40)), "{told}");
        told["seconds"] = Value::Null;
        told
    };
    let (one, again, other) = (run("7"), run("7"), run("8"));
    assert_eq!(one, again);
    assert_ne!(one["state_hash"], other["state_hash"]);
    assert!(one["state_hash"].as_str().is_some_and(|hash| hash.len() == 64) && one["accepted"].as_u64() > Some(500), "{one}");
    let plain = usance(&["simulate", "--customers", "50", "--days", "40", "--actions", "100", "--seed", "7"]);
    let lines = out(&plain);
    assert!(plain.status.success() && lines.contains("seed 7: 50 customers, 40 days") && lines.contains("audit: healthy"), "{lines}");
    assert!(lines.contains(one["state_hash"].as_str().expect("a hash")), "{lines}");
}

fn demo(data: &Path) -> Server {
    let mut command = binary();
    command.args(["demo", "--json", "--listen", "127.0.0.1:0", "--customer-rate", "10000", "--data", text(data)]);
    Server::run(&mut command, data).unwrap_or_else(|ended| panic!("{}", ended.text))
}

#[test]
fn the_demo_has_a_past_and_goes_on() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("demo");
    // A first start that is cut off while it makes the sample leaves nothing that the next one minds.
    for ms in [0, 20, 60] {
        let mut first = binary();
        first.args(["demo", "--json", "--listen", "127.0.0.1:0", "--data", text(&data)]).stdout(Stdio::null());
        let mut cut = first.spawn().expect("the binary runs");
        let begun = Instant::now();
        while !data.join("log.sqlite").exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "it does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(ms));
        cut.kill().expect("it runs");
        cut.wait().expect("it ends");
    }
    let mut server = demo(&data);
    let greeting = server.greeting.clone();
    let operator = Client::new(&server.url, greeting["operator"].as_str(), None);
    let customers = greeting["customers"].as_object().expect("customers").clone();
    assert_eq!(customers.keys().collect::<Vec<_>>(), ["alice", "bob", "carol"]);
    for (id, token) in &customers {
        let client = Client::new(&server.url, token.as_str(), None);
        for list in ["accounts", "positions", "statement", "rewards", "subscriptions"] {
            let shown = client.get(&format!("/v1/{list}")).ok();
            assert!(!shown["items"].as_array().expect("items").is_empty(), "{id} has no {list}");
        }
        client.get("/v1/operator/books").refused(403, "forbidden");
    }
    assert!(operator.all("/v1/operator/days?product=sol-flex", 500).len() >= 365);
    healthy(&operator);

    let before = now_ms(&operator);
    let to = instant(before + 36 * 3_600_000);
    let moved = operator.post("/v1/operator/clock", json!({"to": to})).ok();
    let alice = Client::new(&server.url, customers["alice"].as_str(), None);
    let accounts = alice.get("/v1/accounts").ok();
    assert!(server.terminate());

    let server = demo(&data);
    for field in ["operator", "customers"] {
        assert_eq!(server.greeting[field], greeting[field], "{field}");
    }
    let alice = Client::new(&server.url, customers["alice"].as_str(), None);
    assert_eq!(alice.get("/v1/clock").ok(), moved);
    assert_eq!(alice.get("/v1/accounts").ok(), accounts);
    assert!(usance(&["verify", "--data", text(&data)]).status.success());
}

#[test]
fn the_demo_leaves_another_platform_alone() {
    let mut server = Server::start(&Start::default());
    assert!(server.terminate());
    let said = refused(&["demo", "--data", text(&server.data), "--listen", "127.0.0.1:0"]);
    assert!(said.contains("holds another platform"), "{said}");
    assert!(usance(&["verify", "--data", text(&server.data)]).status.success());
}

#[test]
fn the_environment_says_the_same_as_flags() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = binary();
    command.args(["serve", "--json"]).envs([
        ("USANCE_DATA", text(&data)),
        ("USANCE_LISTEN", &listen),
        ("USANCE_CLOCK", "simulated:2027-03-04T05:06:07Z"),
        ("USANCE_DAY_OFFSET_MINUTES", "-90"),
        ("USANCE_CUSTOMER_RATE", "2"),
        ("USANCE_LOG_JSON", "1"),
        ("USANCE_LOG", "info"),
    ]);
    let server = Server::run(&mut command, &data).unwrap_or_else(|ended| panic!("{}", ended.text));
    assert_eq!(server.greeting["listening"], json!(listen));
    let clock = server.public().get("/v1/clock").ok();
    assert_eq!((&clock["now"], &clock["day_offset_minutes"]), (&json!("2027-03-04T05:06:07.000Z"), &json!(-90)));
    let line: Value = serde_json::from_str(&server.log_line("started")).expect("a JSON line");
    assert_eq!(line["fields"]["created"], true, "{line}");
    // Two requests a second, then a customer has to wait.
    server.operator().post("/v1/operator/customers", json!({"id": "ada"})).ok();
    let ada = json_of(&["token", "create", "--role", "customer", "--customer", "ada", "--json", "--data", text(&data)]);
    let ada = Client::new(&server.url, ada["token"].as_str(), None);
    within_two_seconds(&ada, "/v1/accounts", 200);
    let throttled = (0..4).map(|_| ada.get("/v1/accounts")).find(|answer| answer.status == 429).expect("too many requests");
    assert!(throttled.header("retry-after").is_some());
    // The verbs that read take their directory from there as well; a flag goes before the environment.
    let mut verify = binary();
    assert!(verify.arg("verify").env("USANCE_DATA", &data).output().expect("the binary runs").status.success());
    let mut verify = binary();
    verify.args(["verify", "--data", text(&data)]).env("USANCE_DATA", "/nowhere");
    assert!(verify.output().expect("the binary runs").status.success());
    let mut wrong = binary();
    let output = wrong.arg("serve").env("USANCE_DAY_OFFSET_MINUTES", "841").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
