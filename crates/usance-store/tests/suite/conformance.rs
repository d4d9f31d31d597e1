//! What every home of the log must do, run for each home. A new home adds a [`Home`] and one line at the end.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;

use usance_store::log::READ_BYTES;
use usance_store::postgres::local::Fresh;
use usance_store::{
    Appended, Batch, BatchError, Head, LogPosition, LogReader, LogStore, MemoryLog, PostgresLog, SqliteLog, StoreError, verify_chain,
};

use super::postgres::postgres;
use super::{append_all, sealed};

/// A place where a log lives, to be opened as often as one likes.
pub trait Home: Sync {
    fn open(&self) -> Box<dyn LogStore>;
}

#[derive(Default)]
struct InMemory(MemoryLog);

impl Home for InMemory {
    fn open(&self) -> Box<dyn LogStore> {
        Box::new(self.0.clone())
    }
}

struct InSqlite(tempfile::TempDir);

impl Default for InSqlite {
    fn default() -> Self {
        InSqlite(tempfile::tempdir().unwrap())
    }
}

impl InSqlite {
    fn path(&self) -> PathBuf {
        self.0.path().join("log.sqlite")
    }
}

impl Home for InSqlite {
    fn open(&self) -> Box<dyn LogStore> {
        Box::new(SqliteLog::open(&self.path()).unwrap())
    }
}

struct InPostgres(Fresh);

impl Default for InPostgres {
    fn default() -> Self {
        InPostgres(postgres())
    }
}

impl Home for InPostgres {
    fn open(&self) -> Box<dyn LogStore> {
        Box::new(PostgresLog::open(&self.0).unwrap())
    }
}

fn seqs(batches: &[Batch]) -> Vec<u64> {
    batches.iter().map(|batch| batch.seq).collect()
}

fn walk(reader: &dyn LogReader, shard: u16) -> Head {
    verify_chain::<StoreError>(reader, shard, Head::GENESIS, |_| Ok(())).unwrap()
}

fn an_empty_log_has_no_head(home: &dyn Home) {
    let log = home.open();
    let reader = log.reader().unwrap();
    assert_eq!(log.head(0).unwrap(), None);
    assert_eq!(reader.head(0).unwrap(), None);
    assert_eq!(reader.read(0, 0, 10).unwrap(), []);
    assert_eq!(reader.read_before(0, u64::MAX, 10).unwrap(), []);
    assert_eq!(reader.record(0, LogPosition::new(1, 0)).unwrap(), None);
    assert_eq!(walk(&*reader, 0), Head::GENESIS);
}

fn what_was_appended_is_read(home: &dyn Home) {
    let mut log = home.open();
    let reader = log.reader().unwrap();
    let first = sealed(0, &Head::GENESIS, &[b"one", b"two"]);
    let second = sealed(0, &first.head(), &[b"three"]);
    assert_eq!(log.append(0, &first), Appended::Done);
    assert_eq!(reader.read(0, 1, 10).unwrap(), std::slice::from_ref(&first));
    assert_eq!(log.append(1, &second), Appended::Done);
    assert_eq!(log.head(0).unwrap(), Some(second.head()));
    assert_eq!(reader.head(0).unwrap(), Some(second.head()));
    assert_eq!(reader.read(0, 0, 10).unwrap(), [first.clone(), second.clone()]);
    assert_eq!(reader.read_before(0, u64::MAX, 10).unwrap(), [second, first]);
}

/// Batches that are moved go in together, or none of them does; the homes of a platform, not those of tests, do that at once.
fn many_are_appended_at_once(home: &dyn Home) {
    let mut log = home.open();
    let (mut head, mut batches) = (Head::GENESIS, Vec::new());
    for number in 0..300_u32 {
        batches.push(sealed(0, &head, &[&number.to_le_bytes()]));
        head = batches[batches.len() - 1].head();
    }
    assert_eq!(log.append_all(0, &[]), Appended::Done);
    assert_eq!(log.append_all(0, &batches[..1]), Appended::Done);
    assert_eq!(log.append_all(0, &batches[..9]), Appended::Fenced { found: 1 });
    assert!(matches!(log.append_all(1, &[batches[1].clone(), batches[3].clone()]), Appended::Unfit(BatchError::OutOfOrder { .. })));
    let end = LogStore::head(&*log, 0).unwrap().unwrap().seq;
    assert!(end <= 2, "what does not follow is not there");
    let from = usize::try_from(end).unwrap();
    assert_eq!(log.append_all(end, &batches[from..200]), Appended::Done);
    // Somebody else goes on meanwhile.
    let mut other = home.open();
    assert_eq!(other.append_all(200, &batches[200..]), Appended::Done);
    assert_eq!(log.append_all(200, &batches[200..]), Appended::Fenced { found: 300 });
    assert_eq!(walk(&*log.reader().unwrap(), 0), head);
    assert_eq!(log.reader().unwrap().read(0, 1, usize::MAX).unwrap(), batches);
}

fn reads_keep_to_their_bounds(home: &dyn Home) {
    let mut log = home.open();
    append_all(&mut *log, 0, &[&[b"a"], &[b"b"], &[b"c"], &[b"d"], &[b"e"]]);
    let reader = log.reader().unwrap();
    let up = |from, max| seqs(&reader.read(0, from, max).unwrap());
    let down = |before, max| seqs(&reader.read_before(0, before, max).unwrap());
    assert_eq!(up(0, 2), [1, 2]);
    assert_eq!(up(3, 2), [3, 4]);
    assert_eq!(up(5, 9), [5]);
    assert_eq!(up(6, 9), []);
    assert_eq!(up(u64::MAX, 9), []);
    assert_eq!(up(1, 0), []);
    assert_eq!(up(1, usize::MAX), [1, 2, 3, 4, 5]);
    assert_eq!(down(6, 2), [5, 4]);
    assert_eq!(down(3, 9), [2, 1]);
    assert_eq!(down(1, 9), []);
    assert_eq!(down(0, 9), []);
    assert_eq!(down(u64::MAX, 0), []);
}

fn a_read_of_large_batches_stops_short(home: &dyn Home) {
    let mut log = home.open();
    let large = vec![7; READ_BYTES * 2 / 5];
    append_all(&mut *log, 0, &[&[&large], &[&large], &[&large], &[&large], &[b"small"]]);
    let reader = log.reader().unwrap();
    assert_eq!(seqs(&reader.read(0, 1, 100).unwrap()), [1, 2, 3]);
    assert_eq!(seqs(&reader.read(0, 4, 100).unwrap()), [4, 5]);
    assert_eq!(seqs(&reader.read_before(0, 5, 100).unwrap()), [4, 3, 2]);
    assert_eq!(walk(&*reader, 0).seq, 5);
}

fn a_record_is_found_by_its_position(home: &dyn Home) {
    let mut log = home.open();
    append_all(&mut *log, 0, &[&[b"one", b"two"], &[b"three"], &[b""]]);
    let reader = log.reader().unwrap();
    let rows: [(u64, u16, Option<&[u8]>); 8] = [
        (0, 0, None),
        (0, 9, None),
        (1, 0, Some(b"one")),
        (1, 1, Some(b"two")),
        (1, 2, None),
        (2, 0, Some(b"three")),
        (3, 0, Some(b"")),
        (4, 0, None),
    ];
    for (seq, index, record) in rows {
        let found = reader.record(0, LogPosition::new(seq, index)).unwrap();
        assert_eq!(found.as_deref(), record, "batch {seq} record {index}");
    }
}

fn shards_do_not_meet(home: &dyn Home) {
    let mut log = home.open();
    let zero = append_all(&mut *log, 0, &[&[b"a"], &[b"b"]]);
    let last = append_all(&mut *log, u16::MAX, &[&[b"c"]]);
    let reader = log.reader().unwrap();
    assert_eq!((walk(&*reader, 0), walk(&*reader, u16::MAX)), (zero, last));
    assert_eq!(reader.head(1).unwrap(), None);
    assert_eq!(seqs(&reader.read_before(u16::MAX, u64::MAX, 9).unwrap()), [1]);
    assert_eq!(reader.record(u16::MAX, LogPosition::new(1, 0)).unwrap().unwrap(), b"c");
}

fn the_content_outlives_a_restart(home: &dyn Home) {
    let mut log = home.open();
    let head = append_all(&mut *log, 0, &[&[b"a"], &[b"b"]]);
    log.set_meta("day_offset", "60").unwrap();
    drop(log);
    let mut log = home.open();
    assert_eq!(log.head(0).unwrap(), Some(head));
    assert_eq!(log.meta("day_offset").unwrap().as_deref(), Some("60"));
    append_all(&mut *log, 0, &[&[b"c"]]);
    assert_eq!(walk(&*log.reader().unwrap(), 0).seq, 3);
}

fn who_stands_elsewhere_is_fenced(home: &dyn Home) {
    let mut log = home.open();
    let head = append_all(&mut *log, 0, &[&[b"a"], &[b"b"]]);
    let next = sealed(0, &head, &[b"c"]);
    // Fencing comes before the batch is looked at: a stale writer's batch is never the right one.
    for (expected_seq, batch) in [(0, &sealed(0, &Head::GENESIS, &[b"x"])), (1, &next), (3, &next), (u64::MAX, &next)] {
        assert_eq!(log.append(expected_seq, batch), Appended::Fenced { found: 2 }, "stands on {expected_seq}");
    }
    assert_eq!(log.head(0).unwrap(), Some(head));
    assert_eq!(log.append(2, &next), Appended::Done);
    assert_eq!(log.append(7, &sealed(1, &Head::GENESIS, &[b"x"])), Appended::Fenced { found: 0 });
}

fn no_hole_and_no_other_chain_is_written(home: &dyn Home) {
    let mut log = home.open();
    let head = append_all(&mut *log, 0, &[&[b"a"]]);
    let ahead = sealed(0, &Head { seq: 2, ..head }, &[b"c"]);
    let behind = sealed(0, &Head::GENESIS, &[b"c"]);
    let elsewhere = sealed(0, &Head { hash: [9; 32], ..head }, &[b"c"]);
    let mut empty = sealed(0, &head, &[b"c"]);
    empty.body.clear();
    let rows = [
        (&ahead, BatchError::OutOfOrder { expected: 2, found: 3 }),
        (&behind, BatchError::OutOfOrder { expected: 2, found: 1 }),
        (&elsewhere, BatchError::WrongPrevious { seq: 2 }),
        (&empty, BatchError::Empty),
    ];
    for (batch, error) in rows {
        assert_eq!(log.append(1, batch), Appended::Unfit(error));
    }
    assert_eq!(log.head(0).unwrap(), Some(head));
}

fn of_two_writers_one_is_fenced(home: &dyn Home) {
    let mut old = home.open();
    let head = append_all(&mut *old, 0, &[&[b"a"]]);
    let mut new = home.open();
    assert_eq!(new.head(0).unwrap(), Some(head));
    let epoch = sealed(0, &head, &[b"epoch"]);
    assert_eq!(new.append(1, &epoch), Appended::Done);
    let late = sealed(0, &head, &[b"late"]);
    assert_eq!(old.append(1, &late), Appended::Fenced { found: 2 });
    assert_eq!(old.append(1, &late), Appended::Fenced { found: 2 });
    assert_eq!(new.append(2, &sealed(0, &epoch.head(), &[b"b"])), Appended::Done);
    assert_eq!(old.append(1, &late), Appended::Fenced { found: 3 });
    assert_eq!(old.reader().unwrap().record(0, LogPosition::new(2, 0)).unwrap().unwrap(), b"epoch");
}

/// Four writers race for every place: each place goes to exactly one, and the chain holds.
fn a_race_has_one_winner_per_place(home: &dyn Home) {
    const WRITERS: usize = 4;
    const PLACES: u64 = 12;
    drop(home.open());
    let start = Arc::new(Barrier::new(WRITERS));
    let done: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let start = Arc::clone(&start);
                scope.spawn(move || {
                    let mut log = home.open();
                    let mut done = 0;
                    start.wait();
                    loop {
                        let head = log.head(0).unwrap().unwrap_or(Head::GENESIS);
                        if head.seq >= PLACES {
                            return done;
                        }
                        let batch = sealed(0, &head, &[format!("writer {writer}").as_bytes()]);
                        match log.append(head.seq, &batch) {
                            Appended::Done => done += 1,
                            Appended::Fenced { found } => assert!(found > head.seq),
                            other => panic!("{other:?}"),
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let log = home.open();
    assert_eq!(walk(&*log.reader().unwrap(), 0).seq, done);
}

fn a_reader_follows_the_writer_from_another_thread(home: &dyn Home) {
    let mut log = home.open();
    let reader = log.reader().unwrap();
    let follower = thread::spawn(move || {
        let mut head = Head::GENESIS;
        while head.seq < 50 {
            head = verify_chain::<StoreError>(&*reader, 0, head, |_| Ok(())).unwrap();
        }
        head
    });
    let mut head = Head::GENESIS;
    for _ in 0..50 {
        head = append_all(&mut *log, 0, &[&[b"record"]]);
    }
    assert_eq!(follower.join().unwrap(), head);
}

fn the_chain_is_walked_in_order_from_anywhere(home: &dyn Home) {
    let mut log = home.open();
    let mut heads = vec![Head::GENESIS];
    for _ in 0..5 {
        heads.push(append_all(&mut *log, 0, &[&[b"a", b"b"]]));
    }
    let reader = log.reader().unwrap();
    for from in &heads {
        let mut seen = Vec::new();
        let end = verify_chain::<StoreError>(&*reader, 0, *from, |batch| {
            seen.push(batch.seq);
            Ok(())
        });
        assert_eq!(end.unwrap(), heads[5]);
        assert_eq!(seen, ((from.seq + 1)..=5).collect::<Vec<_>>());
    }
    // A visitor ends the walk with an error of its own.
    let stopped = verify_chain(&*reader, 0, Head::GENESIS, |batch| match batch.seq {
        3 => Err(StoreError::Full),
        _ => Ok(()),
    });
    assert!(matches!(stopped, Err(StoreError::Full)));
}

fn a_walk_does_not_begin_at_a_batch_that_is_not_there(home: &dyn Home) {
    let mut log = home.open();
    let head = append_all(&mut *log, 0, &[&[b"a"], &[b"b"]]);
    let reader = log.reader().unwrap();
    let fail = |from| verify_chain::<StoreError>(&*reader, 0, from, |_| Ok(())).unwrap_err().to_string();
    assert_eq!(fail(Head { seq: 3, ..head }), "log record damaged: shard 0 batch 3: it is missing, the log ends before it",);
    assert_eq!(fail(Head { hash: [9; 32], ..head }), "log record damaged: shard 0 batch 2: it is not the batch that was known by its hash",);
}

fn settings_are_kept(home: &dyn Home) {
    let mut log = home.open();
    assert_eq!(log.meta("day_offset").unwrap(), None);
    log.set_meta("day_offset", "0").unwrap();
    log.set_meta("day_offset", "60").unwrap();
    log.set_meta("empty", "").unwrap();
    assert_eq!(log.meta("day_offset").unwrap().as_deref(), Some("60"));
    let reader = log.reader().unwrap();
    assert_eq!(reader.meta("empty").unwrap().as_deref(), Some(""));
    assert_eq!(reader.meta("other").unwrap(), None);
}

fn settings_of_creation_are_settled_once(home: &dyn Home) {
    let mut log = home.open();
    log.settle(&[("day_offset", "60"), ("test_clock", "no")]).unwrap();
    log.settle(&[("day_offset", "60"), ("later", "yes")]).unwrap();
    let refused = log.settle(&[("newest", "1"), ("day_offset", "0")]).unwrap_err();
    assert!(matches!(&refused, StoreError::Contradiction { setting, stored, asked }
        if (setting.as_str(), stored.as_str(), asked.as_str()) == ("day_offset", "60", "0")));
    assert_eq!(log.meta("newest").unwrap(), None, "nothing of a refused call is kept");
    assert_eq!(log.meta("later").unwrap().as_deref(), Some("yes"));
    assert_eq!(log.meta("day_offset").unwrap().as_deref(), Some("60"));
}

/// One module of tests per home, the same for all.
macro_rules! homes {
    ($($name:ident: $home:ty),+; $tests:tt) => { $(homes!(@one $name $home $tests);)+ };
    (@one $name:ident $home:ty { $($test:ident),+ $(,)? }) => {
        mod $name {
            use super::*;
            $(#[test] fn $test() { super::$test(&<$home>::default()); })+
        }
    };
}

homes!(memory: InMemory, sqlite: InSqlite, postgres: InPostgres; {
    an_empty_log_has_no_head,
    what_was_appended_is_read,
    many_are_appended_at_once,
    reads_keep_to_their_bounds,
    a_read_of_large_batches_stops_short,
    a_record_is_found_by_its_position,
    shards_do_not_meet,
    the_content_outlives_a_restart,
    who_stands_elsewhere_is_fenced,
    no_hole_and_no_other_chain_is_written,
    of_two_writers_one_is_fenced,
    a_race_has_one_winner_per_place,
    a_reader_follows_the_writer_from_another_thread,
    the_chain_is_walked_in_order_from_anywhere,
    a_walk_does_not_begin_at_a_batch_that_is_not_there,
    settings_are_kept,
    settings_of_creation_are_settled_once,
});
