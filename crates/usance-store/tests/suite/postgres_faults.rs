//! What outages of a PostgreSQL server do to the log: whatever the answer to an append was, nothing that was acknowledged is
//! missing afterwards, nothing stands twice, and a fresh hold goes on after a fresh append.
//!
//! What happens to the server itself (it stops, its disk is full, its replica is gone) is in `postgres_server`.

use std::thread;
use std::time::Duration;

use usance_store::postgres::Wire;
use usance_store::postgres::local::Fresh;
use usance_store::{Appended, Batch, Head, LogPosition, LogReader, LogStore, PostgresLog, PostgresLogReader, StoreError};

use super::postgres::{backends, postgres, until, whole};
use super::{append_all, sealed};

/// A log of one batch, over a connection that the server knows by the schema's name.
fn log_of_one(home: &Fresh, settings: &str) -> (PostgresLog, Head) {
    let postgres = home.with(&format!("application_name={}{settings}", home.schema())).unwrap();
    let mut log = PostgresLog::open(&postgres).unwrap();
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    (log, head)
}

fn terminate(beside: &Wire, home: &Fresh) {
    for pid in backends(beside, home.schema()) {
        beside.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    }
}

/// Whether a connection of the log waits for a lock.
fn waits(beside: &Wire, home: &Fresh) -> bool {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'";
    beside.one(sql, &[&home.schema()]).unwrap().is_some()
}

fn lock(home: &Fresh) -> Wire {
    let wire = home.connect().unwrap();
    wire.batch("BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE").unwrap();
    wire
}

/// Opens the log again: it ends at `head`, takes a fresh batch, and is whole.
#[track_caller]
fn goes_on(home: &Fresh, head: Head) {
    let mut log = PostgresLog::open(home).unwrap();
    assert_eq!(log.head(0).unwrap(), Some(head));
    let fresh = append_all(&mut log, 0, &[&[b"fresh"]]);
    assert_eq!(whole(&*log.reader().unwrap()), fresh);
    assert_eq!(fresh.seq, head.seq + 1);
}

#[track_caller]
fn assert_unknown(answer: &Appended) {
    assert!(matches!(answer, Appended::Unknown(_)), "{answer:?}");
}

#[test]
fn a_connection_killed_between_appends() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let (mut log, head) = log_of_one(&home, "");
    terminate(&beside, &home);
    let next = sealed(0, &head, &[b"next"]);
    assert_unknown(&log.append(1, &next));
    assert_unknown(&log.append(1, &next));
    assert!(matches!(log.head(0), Err(StoreError::Unreachable { .. })));
    goes_on(&home, head);
    assert_unknown(&log.append(1, &next));
}

#[test]
fn a_connection_killed_during_an_append() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let (mut log, head) = log_of_one(&home, "");
    let locked = lock(&home);
    let next = sealed(0, &head, &[b"next"]);
    let appending = thread::spawn(move || log.append(1, &next));
    until("the append waits for the table", || waits(&beside, &home));
    terminate(&beside, &home);
    assert_unknown(&appending.join().unwrap());
    locked.batch("ROLLBACK").unwrap();
    goes_on(&home, head);
}

/// Whatever the moment: the batch without an answer is there as it was sent, or it is not there.
#[test]
fn connections_killed_at_any_moment() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let named = home.with(&format!("application_name={}", home.schema())).unwrap();
    drop(PostgresLog::open(&named).unwrap());
    let mut acknowledged: Vec<Batch> = Vec::new();
    let (mut written, mut dropped) = (0, 0);
    for turn in 0..12_u64 {
        let mut log = PostgresLog::open(&named).unwrap();
        let mut head = log.head(0).unwrap().unwrap_or(Head::GENESIS);
        let body = vec![7; 200_000];
        let appending = thread::spawn(move || {
            let mut done = Vec::new();
            loop {
                let batch = sealed(0, &head, &[&body]);
                match log.append(head.seq, &batch) {
                    Appended::Done => head = batch.head(),
                    answer => return (done, batch, answer),
                }
                done.push(batch);
            }
        });
        thread::sleep(Duration::from_millis(10 + turn * 3));
        terminate(&beside, &home);
        let (done, last, answer) = appending.join().unwrap();
        assert_unknown(&answer);
        acknowledged.extend(done);
        // Whoever was killed is gone before the next one looks, or its insert could come behind the look.
        until("the connection ends", || backends(&beside, home.schema()).is_empty());
        let reader = PostgresLogReader::open(&home).unwrap();
        match reader.read(0, last.seq, 10).unwrap().as_slice() {
            [] => dropped += 1,
            [found] if *found == last => {
                written += 1;
                acknowledged.push(last);
            }
            other => panic!("{} batches where one at most was sent", other.len()),
        }
    }
    assert_eq!(written + dropped, 12);
    let reader = PostgresLogReader::open(&home).unwrap();
    assert_eq!(whole(&reader).seq, acknowledged.len() as u64);
    for batch in &acknowledged {
        assert_eq!(reader.read(0, batch.seq, 1).unwrap(), std::slice::from_ref(batch));
    }
    goes_on(&home, acknowledged.last().unwrap().head());
}

#[test]
fn a_statement_that_took_too_long_for_the_server() {
    for setting in ["statement_timeout", "lock_timeout"] {
        let home = postgres();
        let (mut log, head) = log_of_one(&home, &format!("&options=-c%20{setting}%3D200ms"));
        let locked = lock(&home);
        let answer = log.append(1, &sealed(0, &head, &[b"next"]));
        assert_unknown(&answer);
        assert!(format!("{answer:?}").contains("timeout"), "{answer:?}");
        locked.batch("ROLLBACK").unwrap();
        goes_on(&home, head);
    }
}

#[test]
fn a_transaction_that_was_idle_for_too_long() {
    let home = postgres();
    drop(PostgresLog::open(&home).unwrap());
    let postgres = home.with("options=-c%20idle_in_transaction_session_timeout%3D100ms").unwrap();
    let wire = postgres.connect().unwrap();
    let insert = "INSERT INTO meta(shard, name, value) VALUES (0, $1, 'yes')";
    let failed = wire.transaction(|| {
        wire.execute(insert, &[&"one"])?;
        thread::sleep(Duration::from_millis(300));
        wire.execute(insert, &[&"two"])
    });
    assert!(matches!(failed, Err(StoreError::Unreachable { .. })), "{failed:?}");
    assert!(wire.is_lost());
    let log = PostgresLog::open(&home).unwrap();
    assert_eq!((log.meta("one").unwrap(), log.meta("two").unwrap()), (None, None));
}

/// Nobody waits for the insert any more: the server is asked to give it up, so that it does not wait for ever, and a hundred
/// more behind it. Its outcome stays unknown to whoever asked.
#[test]
fn an_insert_that_was_given_up_waits_no_longer() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let (mut log, head) = log_of_one(&home, "");
    let locked = lock(&home);
    let late = sealed(0, &head, &[b"late"]);
    log.set_patience(Duration::from_millis(200));
    assert_unknown(&log.append(1, &late));
    until("nobody waits", || !waits(&beside, &home));
    locked.batch("ROLLBACK").unwrap();
    assert_unknown(&log.append(1, &late));

    let mut fresh = PostgresLog::open(&home).unwrap();
    let epoch = sealed(0, &head, &[b"fresh"]);
    assert_eq!(fresh.append(1, &epoch), Appended::Done);
    goes_on(&home, epoch.head());
}

/// The fresh append comes first: what is still under way cannot be made any more.
#[test]
fn an_insert_that_comes_after_a_fresh_append() {
    let home = postgres();
    let (mut log, head) = log_of_one(&home, "");
    let mut fresh = PostgresLog::open(&home).unwrap();
    let epoch = sealed(0, &head, &[b"epoch"]);
    assert_eq!(fresh.append(1, &epoch), Appended::Done);
    assert_eq!(log.append(1, &sealed(0, &head, &[b"late"])), Appended::Fenced { found: 2 });
    assert_eq!(log.reader().unwrap().record(0, LogPosition::new(2, 0)).unwrap().unwrap(), b"epoch");
    goes_on(&home, epoch.head());
}

/// The server gives the append up in a deadlock, so it is made again: it succeeds when its place is free after all, and is
/// fenced when it is taken.
#[test]
fn an_append_given_up_in_a_deadlock_is_made_again() {
    for (end, expected) in [("ROLLBACK", Appended::Done), ("COMMIT", Appended::Fenced { found: 2 })] {
        let home = postgres();
        let beside = home.connect().unwrap();
        let (mut log, head) = log_of_one(&home, "&options=-c%20deadlock_timeout%3D200ms");
        let next = sealed(0, &head, &[b"next"]);
        let rival = home.with("options=-c%20deadlock_timeout%3D1min").unwrap().connect().unwrap();
        rival.batch("BEGIN; INSERT INTO log SELECT shard, 2, at_ms, hash, hash, body FROM log WHERE seq = 1").unwrap();
        let appending = thread::spawn(move || (log.append(1, &next), log));
        until("the append waits for the rival", || waits(&beside, &home));
        // Now the rival waits for the append, whose patience with locks ends first: who gets this lock saw it given up.
        rival.batch("LOCK TABLE log IN ACCESS EXCLUSIVE MODE").unwrap();
        rival.batch(end).unwrap();
        let (answer, mut log) = appending.join().unwrap();
        assert_eq!(answer, expected);
        let head = log.head(0).unwrap().unwrap();
        assert_eq!(log.append(2, &sealed(0, &head, &[b"on"])), Appended::Done);
    }
}

/// A table that somebody put a rule on: the statement succeeds, and nothing was written.
#[test]
fn an_insert_that_inserts_nothing() {
    let home = postgres();
    let (mut log, head) = log_of_one(&home, "");
    home.connect().unwrap().batch("CREATE RULE none AS ON INSERT TO log DO INSTEAD NOTHING").unwrap();
    assert_unknown(&log.append(1, &sealed(0, &head, &[b"next"])));
    home.connect().unwrap().batch("DROP RULE none ON log").unwrap();
    goes_on(&home, head);
}

/// Readers are kept in pools: one whose connection was lost is good again with the next call.
#[test]
fn a_reader_opens_its_connection_again() {
    let home = postgres();
    let beside = home.connect().unwrap();
    let (log, head) = log_of_one(&home, "");
    let reader = log.reader().unwrap();
    drop(log);
    assert_eq!(reader.head(0).unwrap(), Some(head));
    terminate(&beside, &home);
    until("the connections end", || backends(&beside, home.schema()).is_empty());
    // The call that finds out may fail.
    let _ = reader.head(0);
    assert_eq!(reader.head(0).unwrap(), Some(head));
    assert_eq!(reader.read(0, 1, 10).unwrap().len(), 1);
}
