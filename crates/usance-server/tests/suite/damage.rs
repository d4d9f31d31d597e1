//! Damaged, missing, foreign and newer files, a full disk, a second process: what starts
//! all the same, with the same books, and what refuses to, with a sentence that says where.

use super::harness::{Ended, Server, Start, binary, shell, usance};
use super::load::{Done, Harvest, Known, Load, Model, found, healthy};
use super::platform::{CUSTOMERS, Platform};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use usance_workload::SplitMix64;

/// The files of an engine that was killed with two snapshots and a piece of log behind them, and what it showed.
struct Past {
    files: BTreeMap<PathBuf, Vec<u8>>,
    secrets: Vec<u8>,
    picture: Vec<Value>,
}

/// Everything that is shown of money.
fn picture(server: &Server) -> Vec<Value> {
    let operator = server.operator();
    let mut shown =
        vec![operator.get("/v1/clock").ok(), operator.get("/v1/operator/books").ok(), operator.get("/v1/operator/products").ok()];
    shown.extend(operator.all("/v1/operator/journal", 500));
    shown.extend(operator.all("/v1/operator/days", 500));
    for customer in CUSTOMERS {
        let client = server.acting_for(customer);
        shown.push(client.get("/v1/accounts").ok());
        for list in ["positions", "rewards", "statement", "subscriptions", "redemptions", "transfers", "acceptances", "notices"] {
            shown.extend(client.all(&format!("/v1/{list}"), 500));
        }
    }
    shown
}

pub fn files(of: &Path, under: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(of.join(under)).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = under.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            files(of, &path, all);
        } else {
            all.insert(path.clone(), fs::read(of.join(&path)).expect("a file"));
        }
    }
}

fn past() -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(|| {
        let mut platform = Platform::lived();
        for to in ["2026-02-23T10:00:00.000Z", "2026-02-25T11:00:00.000Z"] {
            platform.restart(|server| assert!(server.terminate()));
            platform.deposit("alice", "SOL", "funding", "3.25");
            platform.subscribe("alice", "sol-flex", "2", "funding");
            platform.move_to(to);
        }
        let picture = picture(&platform.server);
        platform.server.kill();
        let mut all = BTreeMap::new();
        files(&platform.server.data, Path::new(""), &mut all);
        let secrets = fs::read(platform.server.data.with_file_name("secrets")).expect("its keys");
        Past { files: all, secrets, picture }
    })
}

/// A copy of the past, to be damaged.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { directory: TempDir::new().expect("a directory") };
        fs::create_dir_all(scene.data().join("snapshots")).expect("a directory");
        for (path, bytes) in &past().files {
            fs::write(scene.data().join(path), bytes).expect("a file");
        }
        fs::write(scene.data().with_file_name("secrets"), &past().secrets).expect("the same keys");
        scene
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Snapshots, newest first.
    fn snapshots(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data().join("snapshots")).expect("a directory");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort_by(|one, other| other.cmp(one));
        paths
    }

    fn start(&self) -> Result<Server, Ended> {
        Server::start_as(binary(), &self.data(), &Start::default())
    }

    fn verify(&self) -> Output {
        usance(&["verify", "--json", "--data", self.data().to_str().expect("UTF-8")])
    }

    /// Starts, expects that nothing shows of the damage, stops, and expects that all is well again.
    fn expect_whole(&self, case: &str) -> String {
        let mut server = self.start().unwrap_or_else(|ended| panic!("{case}: {}", ended.text));
        let seen = picture(&server);
        let expected = &past().picture;
        assert_eq!(seen.len(), expected.len(), "{case}");
        for (seen, expected) in seen.iter().zip(expected) {
            assert_eq!(seen, expected, "{case}");
        }
        healthy(&server.operator());
        assert!(server.terminate(), "{case}");
        let verified = self.verify();
        assert!(verified.status.success(), "{case}: {}", String::from_utf8_lossy(&verified.stdout));
        server.printed()
    }

    /// Expects that it does not start, and says so in these words.
    fn expect_refused(&self, case: &str, words: &[&str]) {
        self.expect_refused_with(&Start::default(), case, words);
    }

    fn expect_refused_with(&self, start: &Start, case: &str, words: &[&str]) {
        let ended = Server::start_as(binary(), &self.data(), start).err().unwrap_or_else(|| panic!("{case}: it started"));
        assert_eq!(ended.code, Some(1), "{case}: {}", ended.text);
        for word in words {
            assert!(ended.text.contains(word), "{case}: nothing of {word:?} in {}", ended.text);
        }
    }

    /// Works on one of the databases.
    fn edit(&self, name: &str, work: impl FnOnce(&rusqlite::Connection)) {
        let connection = rusqlite::Connection::open(self.data().join(name)).expect("a database");
        work(&connection);
        connection.close().expect("closed");
    }
}

fn seq_of(snapshot: &Path) -> i64 {
    let name = snapshot.file_stem().expect("a name").to_str().expect("UTF-8");
    name.trim_start_matches("snapshot-").parse().expect("a number")
}

/// Turns over a byte at so many thousandths of a file.
fn flip(path: &Path, thousandths: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let at = (file.metadata().expect("a size").len() - 1) * thousandths / 1000;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("a byte");
}

fn cut(path: &Path, thousandths: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("a file");
    let length = file.metadata().expect("a size").len();
    file.set_len(length * thousandths / 1000).expect("a length");
}

fn remove_database(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        if Path::new(&name).exists() {
            fs::remove_file(name).expect("removed");
        }
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let (newest, older, log) = (Some(0), Some(1), None);
    type Damage = fn(&[PathBuf]);
    let cases: [(&str, Damage, Option<usize>); 12] = [
        ("untouched", |_| {}, newest),
        ("its magic is changed", |all| flip(&all[0], 0), older),
        ("its head is changed", |all| flip(&all[0], 2), older),
        ("a byte in the middle is changed", |all| flip(&all[0], 500), older),
        ("its last byte is changed", |all| flip(&all[0], 1000), older),
        ("it is cut in half", |all| cut(&all[0], 500), older),
        ("it is empty", |all| cut(&all[0], 0), older),
        ("it is gone", |all| fs::remove_file(&all[0]).expect("removed"), older),
        ("it is another one", |all| assert!(fs::copy(&all[1], &all[0]).expect("copied") > 0), older),
        ("the older one is changed", |all| flip(&all[1], 400), newest),
        ("both are changed", |all| all.iter().for_each(|path| flip(path, 700)), log),
        ("there are none", |all| fs::remove_dir_all(all[0].parent().expect("a directory")).expect("removed"), log),
    ];
    for (case, damage, begins) in cases {
        let scene = Scene::new();
        let all = scene.snapshots();
        assert_eq!(all.len(), 2, "{all:?}");
        damage(&all);
        let printed = scene.expect_whole(case);
        let begun = begins.map(|index: usize| format!("from_snapshot={}", seq_of(&all[index])));
        let started = printed.lines().find(|line| line.contains("started")).expect("a line");
        match begun {
            Some(words) => assert!(started.contains(&words), "{case}: {started}"),
            None => assert!(!started.contains("from_snapshot"), "{case}: {started}"),
        }
    }
}

#[test]
fn a_snapshot_of_another_log_is_passed_over() {
    let other = Platform::lived();
    let mut server = other.server;
    assert!(server.terminate());
    let foreign = fs::read_dir(server.data.join("snapshots")).expect("a directory").next().expect("one").expect("an entry").path();
    let scene = Scene::new();
    // One at a place that the log has as well, one far beyond its end.
    for seq in [seq_of(&foreign), 1_000_000] {
        let bytes = fs::read(&foreign).expect("a file");
        fs::write(scene.data().join(format!("snapshots/snapshot-{seq:020}.usance")), bytes).expect("a file");
    }
    scene.expect_whole("foreign snapshots");
}

#[test]
fn lost_read_tables_are_built_again() {
    type Damage = fn(&Scene);
    let cases: [(&str, Damage); 8] = [
        ("gone", |scene| remove_database(&scene.data().join("read.sqlite"))),
        ("gone, and both snapshots damaged", |scene| {
            remove_database(&scene.data().join("read.sqlite"));
            scene.snapshots().iter().for_each(|path| flip(path, 300));
        }),
        ("not a database", |scene| {
            remove_database(&scene.data().join("read.sqlite"));
            fs::write(scene.data().join("read.sqlite"), vec![7; 50_000]).expect("a file");
        }),
        ("empty", |scene| {
            remove_database(&scene.data().join("read.sqlite"));
            fs::write(scene.data().join("read.sqlite"), []).expect("a file");
        }),
        ("cut in half", |scene| {
            scene.edit("read.sqlite", |tables| tables.pragma_update(None, "wal_checkpoint", "TRUNCATE").expect("copied"));
            cut(&scene.data().join("read.sqlite"), 500);
        }),
        ("other tables", |scene| {
            remove_database(&scene.data().join("read.sqlite"));
            scene.edit("read.sqlite", |tables| tables.execute_batch("CREATE TABLE history(x); PRAGMA user_version=1;").expect("made"));
        }),
        ("of another log", |scene| {
            let mut other = Platform::lived();
            assert!(other.server.terminate());
            remove_database(&scene.data().join("read.sqlite"));
            fs::copy(other.server.data.join("read.sqlite"), scene.data().join("read.sqlite")).expect("copied");
        }),
        ("ahead of the log", |scene| {
            let sql = "UPDATE progress SET log_position = log_position + 65536 * 1000";
            scene.edit("read.sqlite", |tables| assert_eq!(tables.execute(sql, []).expect("changed"), 1));
        }),
    ];
    for (case, damage) in cases {
        let scene = Scene::new();
        damage(&scene);
        scene.expect_whole(case);
    }
}

/// Tables that cannot take more are not passed over in silence, and stop nothing: readiness tells of them, and the books go on.
#[test]
fn read_tables_that_stand_still_are_told_and_stop_nothing() {
    let scene = Scene::new();
    let server = scene.start().expect("it starts");
    assert_eq!(server.public().get("/readyz").status, 200);
    let tables = rusqlite::Connection::open(scene.data().join("read.sqlite")).expect("a database");
    tables.busy_timeout(std::time::Duration::from_secs(10)).expect("patience");
    tables.execute_batch("ALTER TABLE history RENAME TO lost").expect("renamed");
    let deposit = json!({"customer": CUSTOMERS[0], "asset": "SOL", "account": "spot", "amount": "1", "reference": "while-it-stands"});
    server.operator().post("/v1/operator/deposits", deposit).ok();
    let told = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        Some(server.public().get("/readyz").json()).filter(|told| told["history"]["stands_still"] == true)
    });
    let told = told.expect("it is told");
    assert_eq!(told["ready"], true, "{told}");
    let problem = server.acting_for(CUSTOMERS[0]).get("/v1/statement").refused(503, "projection_behind");
    assert!(problem["reached"].as_u64() < problem["wanted"].as_u64(), "{problem}");
}

/// Tables that somebody holds are not thrown away for that: the start goes on without them, and they go on when they are free.
#[test]
fn read_tables_that_somebody_holds_are_kept() {
    let scene = Scene::new();
    let held = rusqlite::Connection::open(scene.data().join("read.sqlite")).expect("a database");
    held.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE").expect("held");
    let mut server = scene.start().unwrap_or_else(|ended| panic!("{}", ended.text));
    assert_eq!(server.public().get("/readyz").status, 200);
    assert!(!server.printed().contains("are built anew"), "{}", server.printed());
    drop(held);
    let client = server.acting_for(CUSTOMERS[0]);
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while client.get("/v1/statement").status != 200 {
        assert!(std::time::Instant::now() < until, "{}", server.printed());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(server.terminate() && !server.printed().contains("are built anew"), "{}", server.printed());
}

/// A page that no start looks at: whoever needs it is told, nobody else notices, and deleting the file repairs it.
#[test]
fn a_damaged_page_of_the_read_tables_is_told_and_repaired() {
    let scene = Scene::new();
    let path = scene.data().join("read.sqlite");
    scene.edit("read.sqlite", |tables| tables.pragma_update(None, "wal_checkpoint", "TRUNCATE").expect("copied"));
    let mut root = 0;
    scene.edit("read.sqlite", |tables| {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'history'";
        root = tables.query_row(sql, [], |row| row.get::<_, u32>(0)).expect("a table");
    });
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.write_all_at(&[0xa5; 4096], u64::from(root - 1) * 4096).expect("room");
    let mut server = scene.start().expect("it starts");
    let told = CUSTOMERS.map(|customer| server.acting_for(customer).get("/v1/subscriptions"));
    let refused = told.into_iter().find(|answer| answer.status == 503).expect("somebody's rows lie there");
    let problem = refused.refused(503, "store_unreadable");
    assert!(!problem.to_string().contains("read.sqlite"), "where it lies is for the service's own log: {problem}");
    assert_eq!(server.operator().get("/v1/operator/books").ok(), past().picture[1]);
    let verified = scene.verify();
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.code() == Some(1) && text.contains("delete read.sqlite and start again"), "{text}");
    assert!(server.terminate());
    remove_database(&path);
    scene.expect_whole("deleted");
}

#[test]
fn a_damaged_log_refuses_to_start_and_names_the_batch() {
    let last_seen = |scene: &Scene| seq_of(&scene.snapshots()[0]);
    type Damage = fn(&rusqlite::Connection, i64);
    let cases: [(&str, Damage); 5] = [
        ("a byte of its body is changed", |log, seq| {
            let mut body: Vec<u8> = log.query_row("SELECT body FROM log WHERE seq = ?1", [seq], |row| row.get(0)).expect("a batch");
            let last = body.len() - 1;
            body[last] ^= 1;
            assert_eq!(log.execute("UPDATE log SET body = ?2 WHERE seq = ?1", (seq, body)).expect("changed"), 1);
        }),
        ("its hash is changed", |log, seq| {
            let sql = "UPDATE log SET hash = zeroblob(32) WHERE seq = ?1";
            assert_eq!(log.execute(sql, [seq]).expect("changed"), 1);
        }),
        ("its instant is changed", |log, seq| {
            assert_eq!(log.execute("UPDATE log SET at_ms = at_ms + 1 WHERE seq = ?1", [seq]).expect("changed"), 1);
        }),
        ("it was taken out", |log, seq| {
            assert_eq!(log.execute("DELETE FROM log WHERE seq = ?1", [seq]).expect("deleted"), 1);
        }),
        ("it is another batch", |log, seq| {
            let sql = "UPDATE log SET (at_ms, previous, hash, body) = (SELECT at_ms, previous, hash, body FROM log WHERE seq = ?1 - 1) WHERE seq = ?1";
            assert_eq!(log.execute(sql, [seq]).expect("changed"), 1);
        }),
    ];
    for (case, damage) in cases {
        let scene = Scene::new();
        let seq = last_seen(&scene) + 1;
        scene.edit("log.sqlite", |log| damage(log, seq));
        scene.expect_refused(case, &[&format!("batch {seq}:"), "the log cannot be run to its end"]);
        let verified = scene.verify();
        let text = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert_eq!(verified.status.code(), Some(1), "{case}: {text}");
        assert!(text.contains(&format!("batch {seq}:")) && text.contains("\"healthy\":false"), "{case}: {text}");
    }
    // Behind the snapshot nothing is run again, but an edited past shows all the same: before anybody is answered where that is asked
    // for, or where nobody who has the keys said that it was proven.
    let all = Start { more: [Start::default().more, vec!["--prove-all".to_owned()]].concat(), ..Start::default() };
    for (case, start) in [("all is proven", &all), ("nobody says that it was proven", &Start::default())] {
        let scene = Scene::new();
        scene.edit("log.sqlite", |log| cases[0].1(log, 7));
        if case != "all is proven" {
            fs::remove_file(scene.data().join("known.txt")).expect("removed");
        }
        scene.expect_refused_with(start, case, &["batch 7:", "the log cannot be run to its end"]);
    }

    let scene = Scene::new();
    remove_database(&scene.data().join("log.sqlite"));
    fs::write(scene.data().join("log.sqlite"), vec![7; 50_000]).expect("a file");
    scene.expect_refused("no database", &["log.sqlite"]);
}

/// A snapshot that cannot be read now (no memory, a fault of the disk) serves the next start: it is not put aside.
#[test]
fn a_snapshot_that_cannot_be_read_now_serves_the_next_start() {
    let scene = Scene::new();
    let newest = scene.snapshots()[0].clone();
    let kept = newest.with_extension("kept");
    fs::rename(&newest, &kept).expect("renamed");
    // Whoever reads a directory is told so by the system, as of a fault of the disk.
    fs::create_dir(&newest).expect("a directory");
    let mut server = scene.start().expect("it starts");
    assert!(server.terminate());
    assert!(newest.is_dir(), "it stays where it was: {:?}", scene.snapshots());
}

/// What was proven and signed before is believed by a start, and proven again beside it: damage ends the process and names the batch, and
/// the start after that refuses.
#[test]
fn damage_behind_what_was_proven_ends_the_process_and_names_the_batch() {
    let scene = Scene::new();
    let mut server = scene.start().expect("it starts");
    server.log_line("the whole log is proven");
    assert!(server.terminate());
    scene.edit("log.sqlite", |log| {
        let mut body: Vec<u8> = log.query_row("SELECT body FROM log WHERE seq = 7", [], |row| row.get(0)).expect("a batch");
        let last = body.len() - 1;
        body[last] ^= 1;
        assert_eq!(log.execute("UPDATE log SET body = ?1 WHERE seq = 7", [body]).expect("changed"), 1);
    });
    // It may have found it before it could say that it listens.
    let ended = match scene.start() {
        Ok(mut server) => server.ended(Duration::from_secs(20)),
        Err(ended) => ended,
    };
    assert!(ended.code == Some(1) && ended.text.contains("batch 7:"), "{}", ended.text);
    scene.expect_refused("the word is taken back", &["batch 7:", "the log cannot be run to its end"]);
}

#[test]
fn files_of_a_newer_release_are_refused() {
    for name in ["log.sqlite", "people.sqlite", "read.sqlite"] {
        let scene = Scene::new();
        let mut own = 0;
        scene.edit(name, |database| {
            own = database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).expect("a version");
            database.pragma_update(None, "user_version", 99).expect("set");
        });
        scene.expect_refused(name, &[name, "version 99"]);
        scene.edit(name, |database| database.pragma_update(None, "user_version", own).expect("set"));
        scene.expect_whole("put back");
    }
}

#[test]
fn a_second_process_is_refused_and_told_who_is_first() {
    let server = Server::start(&Start::default());
    let ended = Server::start_as(binary(), &server.data, &Start::default()).err().expect("refused");
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(ended.text.contains("held by another process") && ended.text.contains(&format!("pid {}", server.id())), "{}", ended.text);
    let demo = usance(&["demo", "--json", "--data", server.data.to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"]);
    assert_eq!(demo.status.code(), Some(1), "{demo:?}");
    // The first one did not notice.
    server.operator().post("/v1/operator/customers", json!({"id": "ada"})).ok();
}

#[test]
fn what_was_chosen_at_creation_stays() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let start = |clock: &str, offset: i32| Server::start_as(binary(), &data, &Start { clock: clock.into(), offset, ..Start::default() });
    drop(start("simulated:2026-01-01T00:00:00Z", 60).expect("it starts"));
    let refused = |clock: &str, offset: i32, sentence: &str| {
        let ended = start(clock, offset).err().expect("refused");
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(ended.text.contains(sentence), "{}", ended.text);
    };
    refused("system", 60, "created with a simulated clock; that cannot change");
    refused("simulated", 0, "created with a day offset of 60 minutes; that cannot change");
    // The instant of a simulated clock counts at creation only.
    for clock in ["simulated:2031-07-01T12:00:00Z", "simulated:1999-01-01T00:00:00Z", "simulated"] {
        let server = start(clock, 60).expect("it starts");
        let shown = server.public().get("/v1/clock").ok();
        assert_eq!((&shown["now"], &shown["day_offset_minutes"]), (&json!("2026-01-01T00:00:00.000Z"), &json!(60)), "{clock}");
    }
}

#[test]
fn offsets_reach_from_minus_720_to_840_minutes() {
    for (offset, day, next) in [(-720, "2025-12-31", "2026-01-01T12:00:00.000Z"), (840, "2026-01-01", "2026-01-01T10:00:00.000Z")] {
        let server = Server::start(&Start { offset, ..Start::default() });
        let clock = server.public().get("/v1/clock").ok();
        assert_eq!((&clock["day"], &clock["next_close_at"]), (&json!(day), &json!(next)), "{offset}: {clock}");
    }
    let directory = TempDir::new().expect("a directory");
    for offset in [-721, 841] {
        let ended =
            Server::start_as(binary(), &directory.path().join("data"), &Start { offset, ..Start::default() }).err().expect("refused");
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        assert!(ended.text.contains("-720..=840") && ended.text.contains("--day-offset-minutes"), "{}", ended.text);
        assert!(!directory.path().join("data").exists(), "refused words leave nothing behind");
    }
}

/// Loads an engine until its disk is full; expects that everybody is told, and that the process ends and says why.
fn fill(mut server: Server, known: &Arc<Known>, cause: &[&str]) -> Harvest {
    let load = Load::start(&server, known, &mut SplitMix64::new(11), 4);
    let ended = server.ended(Duration::from_secs(60));
    let harvest = load.harvest();
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    let error = ended.text.lines().find(|line| line.starts_with("{\"error\"")).unwrap_or_else(|| panic!("{}", ended.text));
    for word in cause {
        assert!(error.contains(word), "nothing of {word:?} in {error}");
    }
    assert!(!harvest.not_ready.is_empty(), "nobody was told: {} without any answer", harvest.unanswered.len());
    for answer in &harvest.not_ready {
        answer.clone().refused(503, "engine_stopped");
    }
    harvest
}

/// After room was made: everything that was answered is there, once, and nothing else.
fn expect_nothing_lost(data: &Path, harvest: Harvest) {
    let mut server = Server::start_in(data, &Start::default()).expect("it starts again");
    let client = server.operator();
    let mut model = Model::default();
    assert!(harvest.done.len() > 50, "hardly anything was done before it was full: {}", harvest.done.len());
    for done in &harvest.done {
        done.expect_again(&client);
    }
    let again = harvest.unanswered.into_iter().map(|sent| {
        let answer = sent.send(&client).expect("an answer");
        Done { sent, status: answer.status, body: answer.bytes }
    });
    model.book_all(&harvest.done.into_iter().chain(again).collect::<Vec<_>>());
    model.check(&server);
    assert!(server.terminate());
    let verified = usance(&["verify", "--data", data.to_str().expect("UTF-8")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// The largest file a process may write stands in for the disk: this needs no rights.
#[test]
fn when_the_disk_takes_no_more_it_stops_and_loses_nothing() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
    found(&server);
    assert!(server.terminate());
    // In blocks of 512 bytes; the signal that would come with the refusal is ignored.
    let limited = shell(r#"trap "" XFSZ; ulimit -f 8000; exec "$0" "$@""#);
    let server = Server::start_as(limited, &data, &Start::default()).unwrap_or_else(|ended| panic!("{}", ended.text));
    let harvest = fill(server, &Arc::default(), &["the log could not be written", "disk I/O error"]);
    expect_nothing_lost(&data, harvest);
}

/// A small file system of its own, where this process may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let directory = TempDir::new().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(directory.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(SmallDisk(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(), "{} stays mounted", self.0.path().display());
    }
}

/// A store that is full takes no write and answers no read that waits for one; it is the same process that goes on once there is room.
#[test]
fn a_full_disk_is_survived_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        println!("mounting is not permitted here; the limited file size of the test beside this one has to do");
        return;
    };
    let data = disk.0.path().join("data");
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
    found(&server);
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 21 << 20]).expect("room for it");
    let load = Load::start(&server, &Arc::default(), &mut SplitMix64::new(11), 4);
    // Each thread ends with the first answer that says that it is not ready.
    let harvest = load.harvest();
    assert!(!harvest.not_ready.is_empty(), "nobody was told: {} without any answer", harvest.unanswered.len());
    for answer in &harvest.not_ready {
        answer.clone().refused(503, "store_full");
    }
    server.log_line("the store is full");
    let ready = server.public().get("/readyz");
    assert!(ready.status == 503 && ready.text().contains("no room left"), "{}", ready.text());
    server.operator().post("/v1/operator/customers", json!({"id": "late"})).refused(503, "store_full");
    assert_eq!(server.public().get("/healthz").status, 200);
    fs::remove_file(&ballast).expect("removed");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while server.public().get("/readyz").status != 200 {
        assert!(std::time::Instant::now() < until, "it does not go on: {}", server.printed());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.log_line("there is room in the store again");
    assert_eq!(server.operator().post("/v1/operator/customers", json!({"id": "late"})).status, 201);
    assert!(server.terminate(), "it is the process that was there before: {}", server.printed());
    expect_nothing_lost(&data, harvest);
}

/// Nor does a process on a full disk outstay its signal.
#[test]
fn a_process_on_a_full_disk_ends_when_it_is_told_to() {
    let Some(disk) = SmallDisk::mount() else {
        println!("mounting is not permitted here");
        return;
    };
    let data = disk.0.path().join("data");
    let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
    found(&server);
    fs::write(disk.0.path().join("ballast"), vec![0; 21 << 20]).expect("room for it");
    let harvest = Load::start(&server, &Arc::default(), &mut SplitMix64::new(12), 4).harvest();
    server.log_line("the store is full");
    let asked = std::time::Instant::now();
    server.terminate();
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    fs::remove_file(disk.0.path().join("ballast")).expect("removed");
    expect_nothing_lost(&data, harvest);
}
