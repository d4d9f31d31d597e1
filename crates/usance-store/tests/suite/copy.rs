//! Copies of databases that are in use.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use usance_store::{Head, LogReader, LogStore, SqliteLog, SqliteLogReader, StoreError, copy, verify_chain};

use super::append_all;

#[test]
fn a_copy_is_the_log_at_one_moment_and_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("log.sqlite"), dir.path().join("copy.sqlite"));
    let mut log = SqliteLog::open(&from).unwrap();
    let head = append_all(&mut log, 0, &[&[b"a"], &[b"b"], &[&[7; 100_000]]]);
    copy::database(&from, &to).unwrap();
    append_all(&mut log, 0, &[&[b"later"]]);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let reader = SqliteLogReader::open(&to).unwrap();
    assert_eq!(verify_chain::<StoreError>(&reader, 0, Head::GENESIS, |_| Ok(())).unwrap(), head);
    drop(reader);
    let mut copied = SqliteLog::open(&to).unwrap();
    append_all(&mut copied, 0, &[&[b"another later"]]);
    assert_eq!(LogStore::head(&copied, 0).unwrap().unwrap().seq, LogReader::head(&*log.reader().unwrap(), 0).unwrap().unwrap().seq);
}

#[test]
fn what_is_not_there_or_no_database_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("log.sqlite"), dir.path().join("copy.sqlite"));
    assert!(matches!(copy::database(&from, &to), Err(StoreError::Sqlite { .. })));
    assert!(!to.exists());
    fs::write(&from, vec![b'x'; 10_000]).unwrap();
    assert!(matches!(copy::database(&from, &to), Err(StoreError::Damaged { .. })));
}
