//! Stored bytes that changed behind the log's back, and files that are not ours to read.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use usance_store::{
    Head, LogPosition, LogReader, LogStore, MemoryLog, SqliteIdentities, SqliteLog, SqliteLogReader, StoreError, verify_chain,
};

use super::append_all;

fn first_damage(reader: &dyn LogReader) -> String {
    verify_chain::<StoreError>(reader, 0, Head::GENESIS, |_| Ok(())).unwrap_err().to_string()
}

fn log_of(path: &Path, batches: usize) {
    let mut log = SqliteLog::open(path).unwrap();
    for seq in 1..=batches {
        append_all(&mut log, 0, &[&[format!("record of {seq}").as_bytes()]]);
    }
}

/// What a walk says after SQL was run on the file of a log of 20 batches.
#[track_caller]
fn check(sql: &str, sentence: &str) {
    assert_eq!(after(sql), sentence);
}

fn after(sql: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    log_of(&path, 20);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    first_damage(&SqliteLogReader::open(&path).unwrap())
}

#[test]
fn an_edited_row_is_named() {
    check(
        "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), 'record', 'rekord') AS BLOB) WHERE seq = 17",
        "log record damaged: shard 0 batch 17: hash does not match",
    );
    check("UPDATE log SET at_ms = 1 WHERE seq = 3", "log record damaged: shard 0 batch 3: hash does not match");
    check("UPDATE log SET hash = zeroblob(32) WHERE seq = 20", "log record damaged: shard 0 batch 20: hash does not match");
    check("UPDATE log SET body = x'' WHERE seq = 5", "log record damaged: shard 0 batch 5: hash does not match");
    check("DELETE FROM log WHERE seq = 9", "log record damaged: shard 0 batch 9: it is missing, the next is batch 10");
    check("DELETE FROM log WHERE seq = 1", "log record damaged: shard 0 batch 1: it is missing, the next is batch 2");
    check(
        "INSERT INTO log SELECT shard, 0, at_ms, previous, hash, body FROM log WHERE seq = 4;
         DELETE FROM log WHERE seq = 4;",
        "log record damaged: shard 0 batch 4: it is missing, the next is batch 5",
    );
    check("UPDATE log SET seq = -1 WHERE seq = 4", "log record damaged: shard 0 batch 4: it is missing, the next is batch 5");
    let sentence = after("UPDATE log SET hash = x'00' WHERE seq = 4");
    assert!(sentence.starts_with("log record damaged: shard 0 batch 4: a column cannot be read: "), "{sentence}");
}

#[test]
fn a_record_of_an_edited_batch_is_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    log_of(&path, 3);
    Connection::open(&path).unwrap().execute_batch("UPDATE log SET at_ms = 1 WHERE seq = 2").unwrap();
    let reader = SqliteLogReader::open(&path).unwrap();
    assert!(reader.record(0, LogPosition::new(1, 0)).unwrap().is_some());
    assert!(matches!(reader.record(0, LogPosition::new(2, 0)), Err(StoreError::Damaged { .. })));
}

/// A batch sealed anew over changed records is right by itself; the next batch gives it away.
#[test]
fn a_batch_sealed_anew_is_given_away_by_the_next() {
    let mut log = MemoryLog::new();
    append_all(&mut log, 0, &[&[b"a"], &[b"b"], &[b"c"]]);
    log.damage(0, 2, |batch| {
        let mut forged = usance_store::BatchBuilder::new();
        forged.push(b"forged").unwrap();
        *batch = forged.seal(0, 2, batch.at_ms, batch.previous).unwrap();
    });
    assert_eq!(first_damage(&log), "log record damaged: shard 0 batch 3: it does not follow from the batch before",);
    assert!(log.lose(0, 2) && !log.lose(0, 2));
    assert_eq!(first_damage(&log), "log record damaged: shard 0 batch 2: it is missing, the next is batch 3");
}

/// Whole pages overwritten: whatever SQLite makes of it, it is an error, and never a log that looks right.
#[test]
fn an_overwritten_page_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    let mut log = SqliteLog::open(&path).unwrap();
    let large = vec![7; 40_000];
    append_all(&mut log, 0, &[&[&large], &[&large], &[&large]]);
    drop(log);
    let whole = fs::read(&path).unwrap();
    assert!(!path.with_extension("sqlite-wal").exists(), "the log closed by its last user is one file");
    let page = 8192;
    for start in (0..whole.len()).step_by(page) {
        let mut bytes = whole.clone();
        bytes[start..start + page].fill(0xff);
        fs::write(&path, &bytes).unwrap();
        let found = SqliteLogReader::open(&path).and_then(|reader| {
            let head = verify_chain::<StoreError>(&reader, 0, Head::GENESIS, |_| Ok(()))?;
            assert_eq!(head.seq, 3, "page {}: a log cut short looks whole", start / page);
            Ok(())
        });
        match found {
            Err(StoreError::Damaged { .. }) => {}
            // The page of a table that a walk of the log does not read.
            Ok(()) => assert!(SqliteLogReader::open(&path).and_then(|reader| reader.meta("any")).is_err()),
            Err(other) => panic!("page {}: {other}", start / page),
        }
    }
}

#[test]
fn what_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    fs::write(&path, vec![b'x'; 10_000]).unwrap();
    assert!(matches!(SqliteLog::open(&path), Err(StoreError::Damaged { .. })));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other(x)").unwrap();
    let sentence = SqliteLog::open(&path).unwrap_err().to_string();
    assert!(sentence.ends_with("it holds other tables"), "{sentence}");
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.sqlite");
    let people = dir.path().join("people.sqlite");
    drop(SqliteLog::open(&log).unwrap());
    drop(SqliteIdentities::open(&people).unwrap());
    for (path, version) in [(&log, 2), (&people, 4)] {
        Connection::open(path).unwrap().pragma_update(None, "user_version", version).unwrap();
    }
    let before = (fs::read(&log).unwrap(), fs::read(&people).unwrap());
    for result in [SqliteLog::open(&log).map(drop), SqliteLogReader::open(&log).map(drop)] {
        assert!(matches!(result, Err(StoreError::NewerVersion { found: 2, known: 1, .. })), "{result:?}");
    }
    let result = SqliteIdentities::open(&people).map(drop);
    assert!(matches!(result, Err(StoreError::NewerVersion { found: 4, known: 3, .. })), "{result:?}");
    assert_eq!((fs::read(&log).unwrap(), fs::read(&people).unwrap()), before);
}

#[test]
fn a_reader_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    assert!(matches!(SqliteLogReader::open(&path), Err(StoreError::NotFound { .. })));
    assert!(!path.exists());
    fs::write(&path, b"").unwrap();
    assert!(matches!(SqliteLogReader::open(&path), Err(StoreError::NotFound { .. })));
    // What a crash right after creation leaves is taken as new.
    log_of(&path, 1);
}

/// The files as a killed process leaves them: database and write-ahead file, nobody's locks.
#[test]
fn what_was_appended_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    let mut log = SqliteLog::open(&path).unwrap();
    let head = append_all(&mut log, 0, &[&[b"a"], &[b"b"]]);
    let copy = dir.path().join("copy.sqlite");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_extension("sqlite-wal"), copy.with_extension("sqlite-wal")).unwrap();
    assert_eq!(SqliteLogReader::open(&copy).unwrap().head(0).unwrap(), Some(head));
    // Cut inside the last commit: the one before is the head, and the log goes on from it.
    let wal = fs::read(path.with_extension("sqlite-wal")).unwrap();
    let torn = dir.path().join("torn.sqlite");
    fs::copy(&path, &torn).unwrap();
    fs::write(torn.with_extension("sqlite-wal"), &wal[..wal.len() - 100]).unwrap();
    let mut log = SqliteLog::open(&torn).unwrap();
    assert_eq!(log.head(0).unwrap().unwrap().seq, 1);
    append_all(&mut log, 0, &[&[b"again"]]);
    verify_chain::<StoreError>(&*log.reader().unwrap(), 0, Head::GENESIS, |_| Ok(())).unwrap();
}

#[cfg(unix)]
#[test]
fn new_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    let mut log = SqliteLog::open(&path).unwrap();
    append_all(&mut log, 0, &[&[b"a"]]);
    for name in ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"] {
        let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
