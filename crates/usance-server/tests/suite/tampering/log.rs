//! Rows of the log: every column of every batch, rows that are gone, doubled, exchanged, or of another platform.

use super::scene::{Scene, copy, expect_named, text};
use crate::suite::platform::Platform;
use rusqlite::{Connection, params};
use usance_core::calendar::Timestamp;
use usance_server::cli::examination::{KnownHead, examine};
use usance_store::BatchBuilder;
use usance_store::codec::{self, Record};
use usance_workload::SplitMix64;

struct Row {
    seq: i64,
    at_ms: i64,
    previous: Vec<u8>,
    hash: Vec<u8>,
    body: Vec<u8>,
}

fn rows(log: &Connection) -> Vec<Row> {
    let mut select = log.prepare("SELECT seq, at_ms, previous, hash, body FROM log ORDER BY seq").expect("a table");
    let read = select
        .query_map([], |row| Ok(Row { seq: row.get(0)?, at_ms: row.get(1)?, previous: row.get(2)?, hash: row.get(3)?, body: row.get(4)? }));
    read.expect("rows").collect::<Result<_, _>>().expect("rows")
}

fn set(log: &Connection, seq: i64, row: &Row) -> bool {
    let sql = "UPDATE log SET seq = ?2, at_ms = ?3, previous = ?4, hash = ?5, body = ?6 WHERE seq = ?1";
    log.execute(sql, params![seq, row.seq, row.at_ms, row.previous, row.hash, row.body]).is_ok_and(|changed| changed == 1)
}

fn flipped(bytes: &[u8], at: usize, bit: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (bit % 8);
    bytes
}

/// Every row, every column; of bytes the first, the last and some between. A batch is named by its number.
#[test]
fn a_byte_of_any_batch() {
    let scene = Scene::without_tables();
    let log = scene.open("log.sqlite");
    let (all, mut dice, mut cases) = (rows(&log), SplitMix64::new(41), 0);
    assert!(all.len() as u64 == copy().head.0 && all.len() > 50, "{} batches", all.len());
    for row in &all {
        let mut variants = Vec::new();
        let with = |change: &dyn Fn(&mut Row)| {
            let Row { seq, at_ms, previous, hash, body } = row;
            let mut row = Row { seq: *seq, at_ms: *at_ms, previous: previous.clone(), hash: hash.clone(), body: body.clone() };
            change(&mut row);
            row
        };
        for _ in 0..3 {
            let bit = dice.below(63);
            variants.push(("seq", with(&|row| row.seq ^= 1 << bit)));
            variants.push(("at_ms", with(&|row| row.at_ms ^= 1 << bit)));
        }
        for place in [0, 31, dice.below(32) as usize, dice.below(32) as usize] {
            let bit = dice.roll();
            variants.push(("previous", with(&|row| row.previous = flipped(&row.previous, place, bit))));
            variants.push(("hash", with(&|row| row.hash = flipped(&row.hash, place, bit))));
        }
        let length = row.body.len();
        let mut places: Vec<usize> = (0..12).map(|_| dice.below(length as u64) as usize).collect();
        places.extend([0, 1, 2, 3, 4, length - 1]);
        for place in places {
            let bit = dice.roll();
            variants.push(("body", with(&|row| row.body = flipped(&row.body, place, bit))));
        }
        variants.push(("body", with(&|row| row.body.truncate(length - 1))));
        variants.push(("body", with(&|row| row.body.push(0))));
        variants.push(("body", with(&|row| row.body.clear())));
        variants.push(("hash", with(&|row| row.hash.truncate(31))));
        for (column, changed) in variants {
            if !set(&log, row.seq, &changed) {
                assert_eq!(column, "seq", "only a seq can be refused, by the primary key");
                continue;
            }
            expect_named(&format!("{column} of batch {}", row.seq), &scene.examine(), &[&format!("batch {}:", row.seq)]);
            assert!(set(&log, changed.seq, row), "put back");
            cases += 1;
        }
    }
    println!("{cases} changes of {} batches", all.len());
    assert!(cases > 1_500, "{cases}");
    assert!(scene.examine().is_healthy(), "everything was put back");
}

/// Rows that are gone, exchanged, doubled, or of another platform. What is cut off at the end shows against the copy's note.
#[test]
fn whole_batches() {
    let scene = Scene::without_tables();
    let (other, kept) = (Platform::lived(), Scene::new());
    let log = scene.open("log.sqlite");
    for (name, data) in [("other", &other.server.data), ("kept", &kept.data())] {
        log.execute(&format!("ATTACH ?1 AS {name}"), [text(&data.join("log.sqlite"))]).expect("attached");
    }
    let expect = |case: &str, sql: &str, names: &[&str]| {
        log.execute_batch(&format!("BEGIN; {sql}; COMMIT")).unwrap_or_else(|error| panic!("{case}: {error}"));
        expect_named(case, &scene.examine(), names);
        log.execute_batch("BEGIN; DELETE FROM log; INSERT INTO log SELECT * FROM kept.log; COMMIT").expect("put back");
    };
    let last = copy().head.0;
    let others: i64 = log.query_row("SELECT max(seq) FROM other.log", [], |row| row.get(0)).expect("a number");
    assert!(others > 40, "{others}");
    for seq in (1..=last).step_by(3).chain([last]) {
        let gone = if seq == last { "what came after it is gone".to_owned() } else { format!("batch {seq}: it is missing") };
        expect("a batch taken out", &format!("DELETE FROM log WHERE seq = {seq}"), &[&gone]);
        expect("a batch given to another shard", &format!("UPDATE log SET shard = 1 WHERE seq = {seq}"), &[&gone]);
        let all = "(at_ms, previous, hash, body) = (SELECT at_ms, previous, hash, body FROM";
        if seq < last {
            let sql = format!(
                "UPDATE log SET seq = -1 WHERE seq = {seq}; UPDATE log SET seq = {seq} WHERE seq = {seq} + 1;
                 UPDATE log SET seq = {seq} + 1 WHERE seq = -1"
            );
            expect("two batches exchanged", &sql, &[&format!("batch {seq}:")]);
            let sql = format!("UPDATE log SET {all} log WHERE seq = {seq}) WHERE seq = {seq} + 1");
            expect("a batch twice", &sql, &[&format!("batch {}:", seq + 1)]);
        }
        if seq <= others.cast_unsigned() {
            // The first one follows from nothing: the second shows it.
            let shows = seq.max(2);
            let sql = format!("UPDATE log SET {all} other.log WHERE seq = {seq}) WHERE seq = {seq}");
            expect("a batch of another platform", &sql, &[&format!("batch {shows}:")]);
        }
    }
    let twice = format!("INSERT INTO log SELECT shard, seq + 1, at_ms, previous, hash, body FROM log WHERE seq = {last}");
    let beyond = format!("batch {}:", last + 1);
    let cases: [(&str, &str, &[&str]); 4] = [
        ("the end cut off", &format!("DELETE FROM log WHERE seq > {last} - 7"), &["what came after it is gone", "the copy's note"]),
        ("the last one twice", &twice, &[&beyond, "hash does not match"]),
        ("nothing left", "DELETE FROM log", &["the log is empty"]),
        ("of another platform", "DELETE FROM log; INSERT INTO log SELECT * FROM other.log", &["the copy's note", "snapshot"]),
    ];
    cases.into_iter().for_each(|(case, sql, names)| expect(case, sql, names));
    assert!(scene.examine().is_healthy(), "everything was put back");
}

/// Somebody who can write can also seal: a log changed in the middle and sealed again to its end is whole in itself. Its
/// snapshot, its read tables, the copy's note, and the head that was kept elsewhere each tell. Without all of them nothing
/// can: that is what keeping the head elsewhere is for.
#[test]
fn a_log_sealed_again() {
    let scene = Scene::new();
    let log = scene.open("log.sqlite");
    let mut all = rows(&log);
    let honest = copy().head.clone();
    // Behind the snapshot every batch is a customer's transfer or deposit; without one the rest still runs.
    let from = scene.snapshot_seq();
    assert!(from < all.len(), "{from} of {}", all.len());
    let mut previous = <[u8; 32]>::try_from(all[from - 1].hash.as_slice()).expect("a hash");
    for (index, row) in all.iter_mut().enumerate().skip(from) {
        let at_ms = row.at_ms;
        let record = Record::of_engine(Timestamp::from_ms(at_ms), Vec::new());
        let mut builder = BatchBuilder::new();
        builder.try_push_with(|bytes| codec::encode(&record, bytes)).expect("room");
        let batch = builder.seal(0, index as u64 + 1, at_ms, previous).expect("sealed");
        previous = batch.hash;
        let sealed = Row { seq: row.seq, at_ms, previous: batch.previous.to_vec(), hash: batch.hash.to_vec(), body: batch.body };
        assert!(set(&log, row.seq, &sealed));
    }
    expect_named("sealed again", &scene.examine(), &["the copy's note", "progress (shard 0): hash", "history ("]);
    std::fs::remove_file(scene.data().join("copied.txt")).expect("removed");
    std::fs::remove_file(scene.data().join("read.sqlite")).expect("removed");
    assert!(scene.examine().is_healthy(), "nothing in the copy can tell it any more");
    let place = scene.place();
    let kept = KnownHead { batch: honest.0, hash: honest.1, by: "the head that was kept" };
    let found = examine(&place.visit().expect("a place"), Some(kept), None, |_| ()).expect("looked at");
    expect_named("against the kept head", &found, &["the head that was kept", &format!("batch {}", honest.0)]);
}
