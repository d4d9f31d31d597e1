//! A copy taken while two senders were at work, of a platform whose people have everything that people can have, with its
//! read tables built, and the examination of changed ones.

use crate::suite::damage::files;
use crate::suite::harness::{Server, factor_code, fresh_key, seconds_now};
use crate::suite::platform::Platform;
use crate::suite::security::{Jar, between};
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use usance_core::calendar::DayOffset;
use usance_server::cli::StoreFlags;
use usance_server::cli::examination::{Check, Examination, Verdict, examine};
use usance_server::cli::store_flags::ServerFlags;
use usance_store::SqliteLogReader;
use usance_store::projection::Projector;

/// The files of the copy.
pub struct Copy {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The secrets file of its platform, which lies beside it and not in it.
    secrets: Vec<u8>,
    /// Where it ends.
    pub head: (u64, String),
}

/// Builds the read tables of a copy, as its next start would.
pub fn build_tables(data: &Path, path: &Path) {
    let log = SqliteLogReader::open(&data.join("log.sqlite")).expect("a log");
    let mut projector = Projector::open(path, 0, DayOffset::default()).expect("tables");
    while projector.step(&log, 256).expect("a step") > 0 {}
}

/// Passwords, tokens, somebody who is signed in and has a second factor, and a link that nobody has used.
fn have_everything(platform: &Platform) {
    const PASSWORD: &str = "a long password";
    for name in ["alice", "bob"] {
        platform.operator.post(&format!("/v1/operator/customers/{name}/password"), json!({"password": PASSWORD})).ok();
        platform.with_token("customer", name, Some(name));
    }
    let mut alice = Jar::new(&platform.server);
    assert_eq!(alice.try_password("alice", PASSWORD).status, 303);
    let secret = between(&alice.get("/settings/second-factor").text(), "name=\"secret\" value=\"", "\"");
    let code = factor_code(&secret, seconds_now());
    assert_eq!(alice.send("/settings/second-factor", &[("secret", &secret), ("code", &code), ("password", PASSWORD)]).status, 303);
    platform.operator.post("/v1/operator/customers/bob/sign-in-links", json!({})).ok();
}

/// Transfers that each of two senders makes: every batch is looked at, so there are no more where a machine is slow.
const TRANSFERS: usize = 20;

/// Backs up while two senders are at work, of whose transfers some were answered before; gives the head that it tells.
fn back_up(server: &Server, to: &Path) -> (u64, String) {
    let answered = AtomicUsize::new(0);
    let told = std::thread::scope(|scope| {
        let senders = ["alice", "bob"].map(|customer| {
            let (answered, client) = (&answered, server.acting_for(customer));
            scope.spawn(move || {
                for _ in 0..TRANSFERS {
                    let transfer = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.001"});
                    client.post("/v1/transfers", transfer).ok();
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        while answered.load(Ordering::Relaxed) < TRANSFERS / 2 && !senders.iter().all(|sender| sender.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = answered.load(Ordering::Relaxed);
        let told = crate::suite::harness::usance(&["backup", "--json", "--data", text(&server.data), "--to", text(to)]);
        assert!(answered.load(Ordering::Relaxed) > before, "nobody was at work while it copied");
        told
    });
    assert!(told.status.success(), "{told:?}");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    (told["head"]["batch"].as_u64().expect("a number"), told["head"]["hash"].as_str().expect("a hash").to_owned())
}

fn make() -> Copy {
    let directory = TempDir::new().expect("a directory");
    let mut platform = Platform::lived();
    have_everything(&platform);
    platform.restart(|server| assert!(server.terminate()));
    let to = directory.path().join("copy");
    let deposit = json!({"customer": "dave", "asset": "SOL", "account": "spot", "amount": "1", "reference": fresh_key()});
    platform.operator.post("/v1/operator/deposits", deposit).ok();
    let head = back_up(&platform.server, &to);
    build_tables(&to, &to.join("read.sqlite"));
    let mut all = BTreeMap::new();
    files(&to, Path::new(""), &mut all);
    let secrets = fs::read(platform.server.data.with_file_name("secrets")).expect("its keys");
    Copy { files: all, secrets, head }
}

/// Takes a file of people back to what the second version was.
pub const TO_VERSION_2: &str = "
    DROP INDEX token_customer;
    ALTER TABLE token DROP COLUMN scopes;
    ALTER TABLE token DROP COLUMN expires_at_ms;
    ALTER TABLE token DROP COLUMN is_exposed;
    ALTER TABLE token DROP COLUMN is_bootstrap;
    ALTER TABLE remembered DROP COLUMN sealed;
    DROP INDEX sign_in_link_customer;
    DROP TABLE sealing_key;
    DROP TABLE security_event;
    PRAGMA user_version = 2";

/// The copy, made once.
pub fn copy() -> &'static Copy {
    static COPY: OnceLock<Copy> = OnceLock::new();
    COPY.get_or_init(make)
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The copy once more, to be changed.
pub struct Scene {
    directory: TempDir,
}

impl Scene {
    /// All of it.
    pub fn new() -> Scene {
        let scene = Scene { directory: TempDir::new().expect("a directory") };
        fs::create_dir_all(scene.data().join("snapshots")).expect("a directory");
        copy().files.keys().for_each(|path| scene.put_back(path));
        fs::write(scene.data().with_file_name("secrets"), &copy().secrets).expect("the same keys");
        scene
    }

    /// Without read tables: what does not concern them is looked at faster.
    pub fn without_tables() -> Scene {
        let scene = Scene::new();
        fs::remove_file(scene.data().join("read.sqlite")).expect("removed");
        scene
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("copy")
    }

    /// A file as it was copied.
    pub fn put_back(&self, path: &Path) {
        fs::write(self.data().join(path), &copy().files[path]).expect("a file");
    }

    /// The snapshot that is the newest.
    pub fn snapshot(&self) -> PathBuf {
        let newest = copy().files.keys().filter(|path| path.starts_with("snapshots")).max();
        self.data().join(newest.expect("a snapshot"))
    }

    /// Where the log stood at it.
    pub fn snapshot_seq(&self) -> usize {
        let path = self.snapshot();
        let digits = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_prefix("snapshot-"));
        digits.and_then(|digits| digits.parse().ok()).expect("a number")
    }

    /// A connection to one of the files, for changes that need not outlive anything.
    pub fn open(&self, name: &str) -> Connection {
        let connection = Connection::open(self.data().join(name)).expect("a database");
        connection.pragma_update(None, "synchronous", "OFF").expect("set");
        connection
    }

    /// Where it lies, as it is typed.
    pub fn place(&self) -> StoreFlags {
        StoreFlags { data: self.data(), server: ServerFlags { store: None, store_password_file: None }, secrets: None }
    }

    /// What `usance verify` would find.
    pub fn examine(&self) -> Examination {
        look_at(&self.place())
    }
}

/// Looks at a place; what cannot even be opened is one broken check.
pub fn look_at(place: &StoreFlags) -> Examination {
    let looked = place.visit().and_then(|visited| examine(&visited, None, None, |_| ()));
    looked.unwrap_or_else(|error| {
        let check = Check { name: "it can be looked at".into(), verdict: Verdict::Broken, seen: format!("{error:#}") };
        Examination { checks: vec![check], head: None }
    })
}

/// What does not hold, with all that is said of it.
pub fn broken(found: &Examination) -> String {
    let lines = found.checks.iter().filter(|check| check.verdict == Verdict::Broken).map(|check| format!("{}: {}", check.name, check.seen));
    lines.collect::<Vec<_>>().join("\n")
}

/// Expects that something is found, and that what is said names all of these.
pub fn expect_named(case: &str, found: &Examination, names: &[&str]) {
    assert!(!found.is_healthy(), "{case}: nothing was found");
    let said = broken(found);
    for name in names {
        assert!(said.contains(name), "{case}: nothing of {name:?} in\n{said}");
    }
}
