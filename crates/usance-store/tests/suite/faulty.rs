//! The faults do to the log within what they say, and nothing else.

use std::time::{Duration, Instant};

use usance_store::faulty::RIVAL_RECORD;
use usance_store::{
    Appended, Fault, FaultScript, FaultyLog, Head, LogPosition, LogReader, LogStore, MemoryLog, SqliteLog, StoreError, verify_chain,
};

use super::{append_all, sealed};

/// A log with one batch whose next append meets `fault`: the answer, and the log within afterwards.
fn meet(fault: Fault) -> (Appended, MemoryLog) {
    let within = MemoryLog::new();
    let script = FaultScript::default();
    script.pass(1).fail(fault);
    let mut log = FaultyLog::new(within.clone(), script.clone());
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    let answer = log.append(1, &sealed(0, &head, &[b"second"]));
    assert_eq!(script.left(), 0);
    (answer, within)
}

fn seq(log: &MemoryLog) -> u64 {
    LogStore::head(log, 0).unwrap().unwrap().seq
}

#[test]
fn an_answer_can_be_lost_after_the_write_or_before_it() {
    let (answer, within) = meet(Fault::UnknownWritten);
    assert!(matches!(answer, Appended::Unknown(_)));
    assert_eq!(seq(&within), 2);
    let (answer, within) = meet(Fault::UnknownNotWritten);
    assert!(matches!(answer, Appended::Unknown(_)));
    assert_eq!(seq(&within), 1);
}

#[test]
fn a_full_disk_keeps_nothing() {
    let (answer, within) = meet(Fault::Full);
    assert_eq!(answer, Appended::Full);
    assert_eq!(seq(&within), 1);
}

#[test]
fn a_rival_takes_the_place() {
    let (answer, within) = meet(Fault::Rival);
    assert_eq!(answer, Appended::Fenced { found: 2 });
    assert_eq!(within.record(0, LogPosition::new(2, 0)).unwrap().unwrap(), RIVAL_RECORD);
    assert_eq!(verify_chain::<StoreError>(&within, 0, Head::GENESIS, |_| Ok(())).unwrap().seq, 2);
}

#[test]
fn a_slow_append_is_an_append() {
    let begun = Instant::now();
    let (answer, within) = meet(Fault::Slow(Duration::from_millis(20)));
    assert_eq!(answer, Appended::Done);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!(seq(&within), 2);
}

#[test]
fn a_torn_write_is_found_wherever_it_is_torn() {
    for keep in [0, 1, 3, 4, 9, 1_000] {
        let (answer, within) = meet(Fault::Torn { keep });
        assert!(matches!(answer, Appended::Unknown(_)));
        let found = verify_chain::<StoreError>(&within, 0, Head::GENESIS, |_| Ok(())).unwrap_err();
        assert_eq!(found.to_string(), "log record damaged: shard 0 batch 2: hash does not match", "{keep} bytes kept");
    }
}

/// The way out of an unknown answer, as a writer takes it: open again, append an epoch record, read the tail.
#[test]
fn after_a_lost_answer_a_writer_opens_the_log_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    for fault in [Fault::UnknownWritten, Fault::UnknownNotWritten] {
        let script = FaultScript::default();
        let mut log = FaultyLog::new(SqliteLog::open(&path).unwrap(), script.clone());
        let head = append_all(&mut log, 0, &[&[b"known"]]);
        script.fail(fault);
        let batch = sealed(0, &head, &[b"unknown"]);
        assert!(matches!(log.append(head.seq, &batch), Appended::Unknown(_)));
        assert!(matches!(log.append(head.seq, &batch), Appended::Unknown(_)), "until it is opened again");
        drop(log.into_inner());
        let mut log = SqliteLog::open(&path).unwrap();
        append_all(&mut log, 0, &[&[b"epoch"]]);
        let mut seen = Vec::new();
        verify_chain::<StoreError>(&*log.reader().unwrap(), 0, head, |batch| {
            seen.push(batch.record(0)?.unwrap_or_default().to_vec());
            Ok(())
        })
        .unwrap();
        let expected: &[&[u8]] = if fault == Fault::UnknownWritten { &[b"unknown", b"epoch"] } else { &[b"epoch"] };
        assert_eq!(seen, expected);
    }
}

#[test]
fn answers_become_errors_that_say_it() {
    let rows = [
        (Appended::Fenced { found: 4 }, "fenced: expected the log to end at batch 3, it ends at 4"),
        (Appended::Unknown("connection lost".into()), "outcome unknown: connection lost"),
        (Appended::Full, "disk full"),
        (Appended::Unfit(usance_store::BatchError::Empty), "a batch needs at least one record"),
    ];
    for (answer, sentence) in rows {
        assert_eq!(answer.into_result(3).unwrap_err().to_string(), sentence);
    }
    Appended::Done.into_result(3).unwrap();
}
