//! Files of people that an older release wrote. Those of a newer one are refused in `damage`.

use std::path::Path;
use std::sync::Barrier;
use std::thread;

use rusqlite::Connection;
use usance_store::{Identities, NewSession, NewToken, Remembered, Role, Scopes, SqliteIdentities, TokenRecord};

/// What the first release wrote, to the letter, whatever became of its statements.
const VERSION_1: &str = "
        PRAGMA page_size=4096;
        PRAGMA journal_mode=WAL;
        BEGIN IMMEDIATE;
        CREATE TABLE token(
            id            INTEGER PRIMARY KEY AUTOINCREMENT,
            name          TEXT    NOT NULL,
            role          TEXT    NOT NULL,
            customer      TEXT,
            hash          BLOB    NOT NULL UNIQUE,
            created_at_ms INTEGER NOT NULL,
            revoked_at_ms INTEGER
        ) STRICT;
        CREATE TABLE password(
            customer  TEXT PRIMARY KEY NOT NULL,
            phc       TEXT    NOT NULL,
            set_at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE sign_in_link(
            hash          BLOB PRIMARY KEY NOT NULL,
            customer      TEXT    NOT NULL,
            expires_at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE remembered(
            key         BLOB PRIMARY KEY NOT NULL,
            fingerprint BLOB    NOT NULL,
            status      INTEGER NOT NULL,
            body        BLOB    NOT NULL,
            at_ms       INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX remembered_at ON remembered(at_ms);
        CREATE TABLE secret(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
        PRAGMA user_version=1;
        COMMIT;
";

/// A row in each of its tables; one token was revoked, and the number of another one is used up.
const ROWS: &str = "
        INSERT INTO token(name, role, customer, hash, created_at_ms, revoked_at_ms) VALUES
            ('first', 'operator', NULL, CAST(printf('%032d', 1) AS BLOB), 100, NULL),
            ('second', 'customer', 'alice', CAST(printf('%032d', 2) AS BLOB), 200, 300),
            ('lost', 'auditor', NULL, CAST(printf('%032d', 3) AS BLOB), 300, NULL);
        DELETE FROM token WHERE name = 'lost';
        INSERT INTO password VALUES ('alice', '$argon2id$one', 1);
        INSERT INTO sign_in_link VALUES (CAST(printf('%032d', 4) AS BLOB), 'alice', 100);
        INSERT INTO remembered VALUES (CAST(printf('%016d', 5) AS BLOB), CAST(printf('%032d', 6) AS BLOB), 201, x'7b7d', 100);
        INSERT INTO secret VALUES ('derived', CAST(printf('%032d', 7) AS BLOB));
";

/// A number as [`ROWS`] writes it into a column of so many bytes.
fn bytes<const N: usize>(number: u8) -> [u8; N] {
    let mut text = [b'0'; N];
    text[N - 1] += number;
    text
}

fn write_version_1(path: &Path) {
    Connection::open(path).unwrap().execute_batch(&format!("{VERSION_1}{ROWS}")).unwrap();
}

/// The version of a file, and what its tables and indexes are made of.
fn shape(path: &Path) -> (i64, Vec<String>) {
    let file = Connection::open(path).unwrap();
    let version = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let mut statement = file.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    (version, lines.map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

#[test]
fn a_file_of_version_1_is_brought_up_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.sqlite");
    write_version_1(&path);
    let first = TokenRecord {
        id: 1,
        name: "first".into(),
        role: Role::Operator,
        scopes: Scopes::ALL,
        customer: None,
        created_at_ms: 100,
        expires_at_ms: None,
        revoked_at_ms: None,
        is_exposed: false,
        is_bootstrap: false,
    };
    let second = TokenRecord {
        id: 2,
        name: "second".into(),
        role: Role::Customer,
        customer: Some("alice".into()),
        created_at_ms: 200,
        revoked_at_ms: Some(300),
        ..first.clone()
    };
    // The first opening brings it up, the second one finds it so.
    for turn in [1, 2] {
        let people = SqliteIdentities::open(&path).unwrap();
        assert_eq!(people.tokens().unwrap(), [second.clone(), first.clone()], "{turn}");
        assert_eq!(people.find_token(&bytes(1)).unwrap(), Some(first.clone()));
        assert_eq!(people.find_token(&bytes(2)).unwrap(), Some(second.clone()), "revoked stays revoked");
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"));
        let answer = Remembered { fingerprint: bytes(6), status: 201, body: b"{}".to_vec(), sealed: None };
        assert_eq!(people.remembered(&bytes(5)).unwrap(), Some(answer));
        assert_eq!(people.take_secret("derived").unwrap(), (turn == 1).then(|| bytes(7)));
    }

    let people = SqliteIdentities::open(&path).unwrap();
    assert_eq!(people.take_sign_in_link(&bytes(4), 99).unwrap(), None, "links that were made of what lay in the store are ended");
    let token = NewToken { hash: [8; 32], ..NewToken::plain("new", Role::Service, None) };
    assert_eq!(people.add_token(&token, 400).unwrap().id, 4, "no number is used again");
    let session = NewSession { hash: [9; 32], customer: "alice".into(), device: "phone".into(), expires_at_ms: 1_000 };
    let added = people.add_session(&session, 400).unwrap();
    assert_eq!(people.find_session(&[9; 32], 500).unwrap(), Some(added));
    people.set_second_factor("alice", b"one", 400).unwrap();
    assert!(people.use_step("alice", 1).unwrap());
}

#[test]
fn an_old_file_becomes_what_a_new_one_is() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old.sqlite", "new.sqlite"].map(|name| dir.path().join(name));
    write_version_1(&old);
    for path in [&old, &new] {
        drop(SqliteIdentities::open(path).unwrap());
    }
    let (version, tables) = shape(&new);
    assert_eq!(version, 3);
    assert_eq!(shape(&old), (version, tables));
}

/// The second of the tables to be added stands already, so the first one is not added either.
#[test]
fn a_step_that_fails_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.sqlite");
    write_version_1(&path);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE second_factor(x)").unwrap();
    let before = shape(&path);
    let refused = SqliteIdentities::open(&path).unwrap_err();
    assert!(refused.to_string().contains("second_factor already exists"), "{refused}");
    assert_eq!(shape(&path), before);
    assert_eq!(before.0, 1);

    Connection::open(&path).unwrap().execute_batch("DROP TABLE second_factor").unwrap();
    assert_eq!(SqliteIdentities::open(&path).unwrap().password("alice").unwrap().as_deref(), Some("$argon2id$one"));
    assert_eq!(shape(&path).0, 3);
}

#[test]
fn two_processes_may_bring_a_file_up_at_once() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("people.sqlite");
        write_version_1(&path);
        let ready = Barrier::new(2);
        let open = || {
            ready.wait();
            SqliteIdentities::open(&path).unwrap().tokens().unwrap().len()
        };
        thread::scope(|scope| {
            for opened in [scope.spawn(open), scope.spawn(open)] {
                assert_eq!(opened.join().unwrap(), 2);
            }
        });
        assert_eq!(shape(&path).0, 3);
    }
}
