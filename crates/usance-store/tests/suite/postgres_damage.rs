//! Rows that changed behind the log's back in a PostgreSQL server, pages that its disk lost, and tables that are not ours to
//! read. The same for files is in `damage`.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use usance_store::postgres::local::{Fresh, LocalServer, Stop};
use usance_store::{Head, LogPosition, LogReader, LogStore, Postgres, PostgresLog, PostgresLogReader, StoreError, verify_chain};

use super::append_all;
use super::postgres::{postgres, whole};

fn log_of(postgres: &Postgres, batches: usize) -> PostgresLog {
    let mut log = PostgresLog::open(postgres).unwrap();
    for seq in 1..=batches {
        append_all(&mut log, 0, &[&[format!("record of {seq}").as_bytes()]]);
    }
    log
}

fn first_damage(reader: &dyn LogReader) -> String {
    verify_chain::<StoreError>(reader, 0, Head::GENESIS, |_| Ok(())).unwrap_err().to_string()
}

/// What a walk says after SQL was run on a log of 20 batches.
#[track_caller]
fn check(home: &Fresh, sql: &str, sentence: &str) {
    let log = log_of(home, 20);
    let beside = home.connect().unwrap();
    beside.batch(sql).unwrap();
    assert_eq!(first_damage(&*log.reader().unwrap()), sentence);
    beside.batch("TRUNCATE log").unwrap();
}

#[test]
fn an_edited_row_is_named() {
    let home = postgres();
    let check = |sql, sentence| check(&home, sql, sentence);
    check(
        "UPDATE log SET body = overlay(body placing 'k' from 7) WHERE seq = 17",
        "log record damaged: shard 0 batch 17: hash does not match",
    );
    check("UPDATE log SET at_ms = 1 WHERE seq = 3", "log record damaged: shard 0 batch 3: hash does not match");
    check("UPDATE log SET body = '' WHERE seq = 5", "log record damaged: shard 0 batch 5: hash does not match");
    check("DELETE FROM log WHERE seq = 9", "log record damaged: shard 0 batch 9: it is missing, the next is batch 10");
    check("DELETE FROM log WHERE seq = 1", "log record damaged: shard 0 batch 1: it is missing, the next is batch 2");
    check("UPDATE log SET seq = -1 WHERE seq = 4", "log record damaged: shard 0 batch 4: it is missing, the next is batch 5");
    check("UPDATE log SET hash = '\\x00' WHERE seq = 4", "log record damaged: shard 0 batch 4: a column cannot be read: a hash of 1 bytes");
}

#[test]
fn a_row_before_the_first_is_no_batch() {
    let home = postgres();
    let log = log_of(&home, 1);
    home.connect().unwrap().batch("UPDATE log SET seq = -7").unwrap();
    let refused = log.head(0).unwrap_err().to_string();
    assert_eq!(refused, "log record damaged: shard 0 batch -7: no batch has this seq");
}

#[test]
fn a_record_of_an_edited_batch_is_not_given() {
    let home = postgres();
    let log = log_of(&home, 3);
    home.connect().unwrap().batch("UPDATE log SET at_ms = 1 WHERE seq = 2").unwrap();
    let reader = log.reader().unwrap();
    assert!(reader.record(0, LogPosition::new(1, 0)).unwrap().is_some());
    assert!(matches!(reader.record(0, LogPosition::new(2, 0)), Err(StoreError::Damaged { .. })));
}

/// A page of the table that the server cannot read is damage like any other.
#[test]
fn an_overwritten_page_is_found() {
    let mut server = LocalServer::start(&["fsync = off"]).unwrap();
    let postgres = Postgres::parse(&server.address("usance"), None).unwrap();
    let log = log_of(&postgres, 3);
    let beside = postgres.connect().unwrap();
    let path: String = beside.one("SELECT pg_relation_filepath('log')", &[]).unwrap().unwrap().get(0);
    server.stop(Stop::Fast).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(server.data().join(path)).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&[0xff; 8192]).unwrap();
    drop(file);
    server.resume().unwrap();
    drop((log, beside));
    let found = PostgresLogReader::open(&postgres).unwrap();
    let sentence = first_damage(&found);
    assert!(sentence.starts_with("log record damaged: shard 0 batch 1: it, or one that is read with it, cannot be read: "), "{sentence}");
    assert!(sentence.contains("invalid page in block 0 of relation"), "{sentence}");
    assert!(matches!(PostgresLog::open(&postgres).unwrap().head(0), Err(StoreError::Damaged { .. })));
}

#[test]
fn newer_tables_are_refused_and_left_alone() {
    let home = postgres();
    let head = append_all(&mut log_of(&home, 1), 0, &[&[b"a"]]);
    let beside = home.connect().unwrap();
    beside.batch("UPDATE schema_version SET version = 99 WHERE component = 'log'").unwrap();
    for refused in [PostgresLog::open(&home).map(drop), PostgresLogReader::open(&home).map(drop)] {
        assert!(matches!(refused, Err(StoreError::NewerVersion { found: 99, known: 1, .. })), "{refused:?}");
    }
    beside.batch("UPDATE schema_version SET version = 1 WHERE component = 'log'").unwrap();
    assert_eq!(PostgresLog::open(&home).unwrap().head(0).unwrap(), Some(head));
}

#[test]
fn a_reader_creates_nothing_and_writes_nothing() {
    let home = postgres();
    let nothing = PostgresLogReader::open(&home).map(drop);
    assert!(matches!(nothing, Err(StoreError::NotFound { .. })), "{nothing:?}");
    let tables = "SELECT 1 FROM information_schema.tables WHERE table_schema = $1";
    assert!(home.connect().unwrap().query(tables, &[&home.schema()]).unwrap().is_empty());
    // A component without tables of its own is nothing to read either.
    usance_store::postgres::lease::Lease::open_to_watch(&home, 0).unwrap();
    assert!(matches!(PostgresLogReader::open(&home), Err(StoreError::NotFound { .. })));
}

/// The largest batch there can be, there and back.
#[test]
fn the_largest_batch_is_kept() {
    let home = postgres();
    let mut log = PostgresLog::open(&home).unwrap();
    let record = vec![7; usance_store::batch::BODY_MAX - 4];
    let head = append_all(&mut log, 0, &[&[&record], &[b"next"]]);
    assert_eq!(whole(&*log.reader().unwrap()), head);
}
