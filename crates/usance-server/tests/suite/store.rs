//! A database server as the home: what goes wrong with it, moving into it, and bringing it back from a backup.

use super::harness::{Server, Start, binary, usance};
use super::load::{found, healthy};
use super::platform::Platform;
use super::postgres::{Database, on};
use super::story::{Story, dice};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use usance_store::Postgres;
use usance_store::postgres::local::{LocalServer, Stop};

const PATIENCE: Duration = Duration::from_secs(60);

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn writes_again(server: &Server) -> Duration {
    let begun = Instant::now();
    let client = super::harness::Client::new(&server.url, None, None);
    while !client.try_send("GET", "/readyz", &[], None).is_ok_and(|answer| answer.status == 200) {
        assert!(begun.elapsed() < PATIENCE, "it does not write again: {}", server.printed());
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

/// Runs a load, lets something happen to the database under it, and expects that the same process goes on by itself, with
/// everything that was answered and nothing twice.
fn goes_on(server: &Server, story: &mut Story, dice: &mut usance_workload::SplitMix64, happens: impl FnOnce()) {
    let load = story.load(server, dice);
    std::thread::sleep(Duration::from_millis(50 + dice.below(250)));
    happens();
    std::thread::sleep(Duration::from_millis(100));
    load.stop();
    story.last = load.harvest();
    println!("it wrote again after {:?}", writes_again(server));
    story.settle(server, dice, 60);
    story.model.check(server);
}

#[test]
fn a_restart_of_the_server_is_survived() {
    let mut dice = dice();
    let directory = TempDir::new().expect("a directory");
    let mut postgres = LocalServer::start(&[]).unwrap_or_else(|error| panic!("{error}"));
    let start = on(&postgres.address("usance"), &[]);
    let mut server = Server::start_in(&directory.path().join("data"), &start).expect("it starts");
    found(&server);
    let mut story = Story::new();
    for how in [Stop::Fast, Stop::Immediate, Stop::Immediate] {
        goes_on(&server, &mut story, &mut dice, || {
            postgres.stop(how).expect("it stops");
            std::thread::sleep(Duration::from_millis(500));
            postgres.resume().expect("it starts again");
        });
    }
    assert!(server.terminate(), "{}", server.printed());
}

#[test]
fn broken_connections_are_survived() {
    let mut dice = dice();
    let directory = TempDir::new().expect("a directory");
    let postgres = LocalServer::start(&["fsync = off"]).unwrap_or_else(|error| panic!("{error}"));
    let address = postgres.address("usance");
    let server = Server::start_in(&directory.path().join("data"), &on(&address, &[])).expect("it starts");
    found(&server);
    let mut story = Story::new();
    let operator =
        Postgres::parse(&address.replace("?", "?application_name=somebody&"), None).expect("an address").connect().expect("a connection");
    for chosen in ["true", "query LIKE 'INSERT INTO log%'", "query LIKE '%lease%'", "query LIKE '%history%'", "true"] {
        goes_on(&server, &mut story, &mut dice, || {
            let ended = operator.query(
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'usance' AND {chosen}"),
                &[],
            );
            println!("{} connections ended where {chosen}", ended.expect("a superuser").len());
        });
    }
}

#[test]
fn an_embedded_platform_moves_in() {
    let platform = Platform::lived();
    let data = platform.server.data.clone();
    let accounts = |server: &Server| server.acting_for("alice").get("/v1/accounts").ok();
    let statement = |server: &Server| server.acting_for("alice").all("/v1/rewards", 500);
    let before = (accounts(&platform.server), statement(&platform.server));
    let token = platform.server.operator().post("/v1/operator/tokens", json!({"role": "auditor", "name": "kept"})).ok();
    let token = token["token"].as_str().expect("a token").to_owned();
    let database = Database::new();
    let restore = ["restore", "--from", text(&data), "--store", database.address(), "--accept-unsigned"];
    let refused = usance(&restore);
    assert!(said(&refused).contains("held by another process"), "a running platform is not moved: {}", said(&refused));
    let mut platform = platform;
    assert!(platform.server.terminate());
    done(usance(&restore));
    let directory = TempDir::new().expect("a directory");
    std::fs::copy(data.with_file_name("secrets"), directory.path().join("secrets")).expect("the same keys");
    let server = database.start(&directory.path().join("data"), &[]).expect("it starts");
    assert_eq!((accounts(&server), statement(&server)), before);
    let kept = super::harness::Client::new(&server.url, Some(&token), None);
    assert_eq!(kept.get("/v1/operator/books").status, 200, "tokens come along");
    // Again, it finds that the platform has gone on.
    let refused = usance(&restore);
    assert!(said(&refused).contains("ahead of the copy"), "{}", said(&refused));
    done(usance(&["verify", "--store", database.address(), "--data", text(&directory.path().join("data"))]));
    // And out again: a copy of the server's log is a data directory like any other.
    let copy = directory.path().join("copy");
    done(usance(&["backup", "--store", database.address(), "--to", text(&copy)]));

    server.operator().post("/v1/operator/customers", json!({"id": "later"})).ok();
    done(usance(&["backup", "--store", database.address(), "--to", text(&copy)]));
    drop(server);
    done(usance(&["verify", "--data", text(&copy)]));
    let embedded = Server::start_in(&copy, &Start::default()).expect("it starts");
    assert_eq!(embedded.operator().get("/v1/operator/customers/later").status, 200);
    assert_eq!((accounts(&embedded), statement(&embedded)), before);
}

/// The rehearsal of docs/how-to/backup-and-restore.md: an old base dump, and the log after it from a copy.
#[test]
fn a_base_dump_and_the_log_bring_everything_back() {
    let mut dice = dice();
    let directory = TempDir::new().expect("a directory");
    let postgres = LocalServer::start(&["fsync = off"]).unwrap_or_else(|error| panic!("{error}"));
    let port = postgres.port().to_string();
    let tool = |name: &str, words: &[&str]| -> String {
        let mut command = Command::new(postgres.programs().join(name));
        done(command.args(["-h", "127.0.0.1", "-p", &port, "-U", "usance"]).args(words).output().expect("it runs"))
    };
    let address = postgres.address("usance");
    let server = Server::start_in(&directory.path().join("data"), &on(&address, &[])).expect("it starts");
    found(&server);
    let mut story = Story::new();
    let mut live = |story: &mut Story| {
        let load = story.load(&server, &mut dice);
        std::thread::sleep(Duration::from_millis(300));
        load.stop();
        story.last = load.harvest();
        story.settle(&server, &mut dice, 20);
    };
    live(&mut story);
    // The base, while the platform goes on.
    let base = directory.path().join("base.sql");
    tool("pg_dump", &["-d", "postgres", "-n", "usance", "-f", text(&base)]);
    live(&mut story);
    let copy = directory.path().join("copy");
    let shipped = |copy: &Path| -> Value {
        let told = usance(&["backup", "--store", &address, "--to", text(copy), "--json"]);
        assert!(told.status.success(), "{}", said(&told));
        serde_json::from_slice(&told.stdout).expect("JSON")
    };
    let first = shipped(&copy);
    live(&mut story);
    let last = shipped(&copy);
    assert!(last["head"]["batch"].as_u64() > first["head"]["batch"].as_u64());
    drop(server);
    // Everything is lost but the base and the copy.
    tool("createdb", &["restored"]);
    tool("psql", &["-d", "restored", "-q", "-v", "ON_ERROR_STOP=1", "-f", text(&base)]);
    let restored = address.replace("/postgres?", "/restored?");
    let told = usance(&["restore", "--from", text(&copy), "--store", &restored, "--json"]);
    assert!(told.status.success(), "{}", said(&told));
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert!(told["batches_added"].as_u64() > Some(0), "{told}");
    assert_eq!(told["head"], last["head"], "the head that was noted with the copy");
    let server = Server::start_in(&directory.path().join("restored"), &on(&restored, &[])).expect("it starts");
    story.settle(&server, &mut dice, 200);
    story.model.check(&server);
    drop(server);
    done(usance(&["verify", "--store", &restored]));
}

#[test]
fn no_password_is_ever_said() {
    const SECRET: &str = "correct-horse-battery";
    let directory = TempDir::new().expect("a directory");
    let mut postgres =
        LocalServer::start(&["fsync = off", "password_encryption = 'scram-sha-256'"]).unwrap_or_else(|error| panic!("{error}"));
    let setup = Postgres::parse(&postgres.address("usance"), None).expect("an address").connect().expect("a connection");
    setup.batch(&format!("CREATE ROLE app LOGIN PASSWORD '{SECRET}'; GRANT CREATE ON DATABASE postgres TO app")).expect("a role");
    drop(setup);
    std::fs::write(postgres.data().join("pg_hba.conf"), "host all all 127.0.0.1/32 scram-sha-256\n").expect("written");
    postgres.stop(Stop::Fast).expect("it stops");
    postgres.resume().expect("it starts");
    let plain = postgres.address("usance").replace("usance@", "app@");
    let within = plain.replace("app@", &format!("app:{SECRET}@"));
    let file = directory.path().join("password");
    std::fs::write(&file, format!("{SECRET}\n")).expect("written");
    let wrong = directory.path().join("wrong");
    std::fs::write(&wrong, format!("{SECRET}-not\n")).expect("written");
    let data = directory.path().join("data");
    let create = ["token", "create", "--role", "auditor", "--data", text(&data)];
    // Wrong or missing: a sentence. And nothing but it.
    for words in [vec!["--store", &plain], vec!["--store", &plain, "--store-password-file", text(&wrong)]] {
        let refused = usance(&[&create[..], &words].concat());
        assert!(!refused.status.success());
        assert!(said(&refused).contains("password") && !said(&refused).contains(SECRET), "{}", said(&refused));
    }
    let by_file = on(&plain, &["--store-password-file", text(&file)]);
    let mut server = Server::start_in(&data, &by_file).expect("it starts");
    assert!(server.terminate());
    assert!(!server.printed().contains(SECRET), "{}", server.printed());
    done(binary().args(create).env("USANCE_STORE", &plain).env("USANCE_STORE_PASSWORD", SECRET).output().expect("it runs"));
    let help = binary().args(["serve", "--help"]).env("USANCE_STORE", &within).output().expect("it runs");
    assert!(!done(help).contains(SECRET));
    let by_address = usance(&[&create[..], &["--store", &within]].concat());
    assert!(!done(by_address).contains(SECRET));
    // Nor when the server goes away under it.
    let mut server = Server::start_in(&data, &on(&within, &[])).expect("it starts");
    postgres.stop(Stop::Immediate).expect("it stops");
    std::thread::sleep(Duration::from_secs(1));
    server.kill();
    assert!(server.printed().contains("cannot be") && !server.printed().contains(SECRET), "{}", server.printed());
}

#[test]
fn a_connection_that_proves_nobody_is_said_once() {
    const SAID: &str = "sslmode=prefer: whoever stands in between";
    let directory = TempDir::new().expect("a directory");
    let (data, database) = (directory.path().join("data"), Database::new());
    // Over a plain connection that stays on this machine there is nothing to say.
    let mut server = database.start(&data, &[]).expect("it starts");
    server.log_line("started");
    assert!(server.terminate() && !server.printed().contains("sslmode"), "{}", server.printed());
    let weak = database.address().replace("sslmode=disable", "sslmode=prefer");
    let mut server = Server::start_in(&data, &on(&weak, &[])).expect("it starts");
    server.log_line("started");
    assert!(server.terminate());
    assert_eq!(server.printed().matches(SAID).count(), 1, "{}", server.printed());
    let verified = usance(&["verify", "--store", &weak, "--data", text(&data)]);
    assert!(verified.status.success());
    assert_eq!(String::from_utf8_lossy(&verified.stderr).matches(SAID).count(), 1, "{verified:?}");
}

#[test]
fn what_is_typed_wrong_is_a_sentence() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let rows: [(&[&str], &str); 6] = [
        (&["serve", "--role", "standby"], "a standby needs a --store"),
        (&["serve", "--store", "mysql://ann:hidden@db/books"], "it begins with postgres://"),
        (&["serve", "--store", "postgres://ann:hidden@127.0.0.1:1/books?sslmode=disable"], "name the file that holds its keys"),
        (&["serve", "--secrets", "keys", "--store", "postgres://ann:hidden@127.0.0.1:1/books?sslmode=disable"], "cannot be reached"),
        (&["promote"], "name the database server with --store"),
        (&["verify", "--store", "postgres://ann:hidden@127.0.0.1:1/books?sslmode=disable"], "cannot be reached"),
    ];
    for (words, sentence) in rows {
        let mut all = words.to_vec();
        if words[0] != "promote" {
            all.extend(["--data", text(&data)]);
        }
        let refused = usance(&all);
        // What could not be looked at is no damage.
        let code = if words[0] == "verify" { 3 } else { 1 };
        assert_eq!(refused.status.code(), Some(code), "{words:?}: {}", said(&refused));
        assert!(said(&refused).contains(sentence) && !said(&refused).contains("hidden"), "{words:?}: {}", said(&refused));
    }
    // A directory with a platform in it is not taken for a place of snapshots.
    drop(Server::start_in(&data, &Start::default()).expect("it starts"));
    let database = Database::new();
    let refused = database.start(&data, &[]).err().expect("it is refused");
    assert!(refused.contains("holds an embedded platform"), "{refused}");
}

/// Rows that somebody edited are found, and what `verify` then says to do does mend them.
#[test]
fn edited_read_tables_are_found_and_built_anew() {
    let directory = TempDir::new().expect("a directory");
    let (data, database) = (directory.path().join("data"), Database::new());
    let verify = || usance(&["verify", "--store", database.address(), "--data", text(&data)]);
    let mut server = database.start(&data, &[]).expect("it starts");
    found(&server);
    assert!(server.terminate());
    done(verify());
    assert_eq!(database.number("WITH edited AS (UPDATE books SET balance = balance + 1 RETURNING 1) SELECT count(*) FROM edited"), 6);
    let found = verify();
    assert!(!found.status.success() && said(&found).contains("UPDATE progress SET hash = ''"), "{}", said(&found));
    assert_eq!(database.number("WITH asked AS (UPDATE progress SET hash = '' RETURNING 1) SELECT count(*) FROM asked"), 1);
    let mut server = database.start(&data, &[]).expect("it starts");
    server.log_line("the read tables are built anew");
    assert!(server.terminate());
    done(verify());
}

/// The same life on both homes is told the same everywhere: states, histories, journals, closed days.
#[test]
fn both_homes_tell_the_same() {
    let database = Database::new();
    let [files, server] = [Start::default(), on(database.address(), &[])].map(|start| Platform::lived_on(&start));
    let everything = |platform: &Platform| {
        let mut told: Vec<(String, Value)> = Vec::new();
        for customer in super::platform::CUSTOMERS {
            let client = platform.acting_for(customer);
            told.push((format!("{customer} accounts"), client.get("/v1/accounts").ok()));
            for list in ["positions", "rewards", "statement", "notices", "transfers", "subscriptions", "redemptions"] {
                told.push((format!("{customer} {list}"), client.all(&format!("/v1/{list}"), 7).into()));
            }
            let journal = platform.operator.all(&format!("/v1/operator/journal?customer={customer}"), 50);
            told.push((format!("{customer} journal"), journal.into()));
        }
        for list in ["/v1/operator/journal", "/v1/operator/days"] {
            told.push((list.to_owned(), platform.operator.all(list, 50).into()));
        }
        told.push(("books".to_owned(), platform.operator.get("/v1/operator/books").ok()));
        told.push(("audit".to_owned(), platform.operator.ask("/v1/operator/audit", json!({})).ok()));
        told
    };
    let mut told = 0;
    for ((what, mut ours), (_, mut theirs)) in everything(&files).into_iter().zip(everything(&server)) {
        // Every deposit of every platform has a reference that nothing else has.
        for line in [&mut ours, &mut theirs].into_iter().filter_map(Value::as_array_mut).flatten() {
            line.as_object_mut().and_then(|line| line.remove("reference"));
        }
        assert_eq!(ours, theirs, "{what}");
        told += ours.as_array().map_or(1, Vec::len);
    }
    assert!(told > 500, "hardly anything was compared: {told}");
    healthy(&server.operator);
}
