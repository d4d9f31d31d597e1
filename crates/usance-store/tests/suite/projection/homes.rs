//! What only shows between homes, between processes, and when a home fails: the same bytes from both, no row twice, a
//! connection that heals, tables that are built anew.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, ProductIx};
use usance_core::machine::Event;
use usance_core::machine::verb::{CustomerCreated, RateAnnounced};
use usance_core::money::Rate;
use usance_core::product::rates::Bands;
use usance_store::codec::{self, Record};
use usance_store::projection::{Projector, Reading};
use usance_store::{Appended, BatchBuilder, Head, LogStore, MemoryLog, Postgres, StoreError};
use usance_workload::SplitMix64;

use super::super::world::{SEEDS, Size};
use super::{ALL, EVERYTHING, Place, Somewhere, Tables, on_every_home, project, told};

on_every_home! {
    projectors_at_once_never_double_a_row
    discarded_tables_are_built_anew
    a_changed_row_shows
    rows_of_another_shard_are_nobodys_business
}

#[test]
fn both_homes_have_the_same_fingerprint() {
    for size in SEEDS.map(Size::usual).into_iter().chain([Size::golden()]) {
        let (file, server) = (Tables::new(Place::a_file, size), Tables::new(Place::a_server, size));
        let (mut in_file, mut on_server, mut dice) = (file.projector(), server.projector(), SplitMix64::new(size.seed));
        while in_file.reached().seq() < file.world.head.seq {
            in_file.step(&file.log, 1 + dice.below(40) as usize).unwrap();
            while on_server.reached() < in_file.reached() {
                let missing = in_file.reached().seq() - on_server.reached().seq();
                on_server.step(&server.log, 1 + dice.below(missing) as usize).unwrap();
            }
            assert_eq!(file.reading().fingerprint_at().unwrap(), server.reading().fingerprint_at().unwrap());
        }
    }
}

// --- more than one process ---

fn projectors_at_once_never_double_a_row(at: Somewhere) {
    let whole = Tables::full(Place::a_file, Size::usual(6));
    let tables = Tables::new(at, Size::usual(6));
    let (start, end) = (Barrier::new(4), tables.world.head.seq);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (tables, start) = (&tables, &start);
            scope.spawn(move || {
                start.wait();
                let (mut projector, log, mut dice) = (tables.projector(), tables.log.clone(), SplitMix64::new(seed));
                while projector.reached().seq() < end {
                    let reached = projector.reached();
                    projector.step(&log, 1 + dice.below(5) as usize).unwrap();
                    assert!(projector.reached() > reached);
                }
            });
        }
    });
    assert_eq!(tables.fingerprint(), whole.fingerprint());
}

/// Two that have made the same rows stand at the same row of the progress; both go on when it is free.
#[test]
fn of_two_with_the_same_rows_one_looks_again() {
    let whole = Tables::full(Place::a_file, Size::small(6));
    for begun in [0, 5] {
        let tables = Tables::new(Place::a_server, Size::small(6));
        tables.projector().step(&tables.log, begun).unwrap();
        let operator = tables.server().connect().unwrap();
        // The first row of all is waited for as well as a later one.
        operator.batch("BEGIN; LOCK TABLE progress IN EXCLUSIVE MODE").unwrap();
        thread::scope(|scope| {
            let projectors = [0, 1].map(|_| {
                let tables = &tables;
                scope.spawn(move || {
                    let mut projector = tables.projector();
                    projector.step(&tables.log.clone(), 3).unwrap();
                    projector.reached().seq()
                })
            });
            waiting(tables.server(), "progress", 2);
            operator.batch("COMMIT").unwrap();
            let mut reached = projectors.map(|projector| projector.join().unwrap());
            reached.sort_unstable();
            assert_eq!(reached, [begun as u64 + 3, begun as u64 + 6]);
        });
        project(&mut tables.projector(), &tables.log, ALL);
        assert_eq!(tables.fingerprint(), whole.fingerprint());
    }
}

/// The processes on the server that wait for a table of a schema, once there are so many.
fn waiting(postgres: &Postgres, table: &str, count: usize) -> Vec<String> {
    let sql = format!("SELECT pid FROM pg_locks WHERE relation = '{}.{table}'::regclass AND NOT granted", postgres.schema());
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let found = told(postgres, &sql);
        if found.len() == count {
            return found.into_iter().flatten().collect();
        }
        assert!(Instant::now() < until, "{} wait for {table}", found.len());
        thread::sleep(Duration::from_millis(5));
    }
}

// --- a connection that is lost ---

fn kill(postgres: &Postgres, process: &str) {
    assert_eq!(told(postgres, &format!("SELECT pg_terminate_backend({process})")), [["t"]]);
    let until = Instant::now() + Duration::from_secs(30);
    while !told(postgres, &format!("SELECT 1 FROM pg_stat_activity WHERE pid = {process}")).is_empty() {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_step_whose_connection_is_killed_leaves_nothing_and_the_next_one_heals() {
    let whole = Tables::full(Place::a_file, Size::small(7));
    let tables = Tables::new(Place::a_server, Size::small(7));
    let mut projector = tables.projector();
    projector.step(&tables.log, 5).unwrap();
    let before = (tables.fingerprint(), projector.reached());
    let operator = tables.server().connect().unwrap();
    // The history is the last table that a step adds to: everything else of the step is there already.
    operator.batch("BEGIN; LOCK TABLE history IN EXCLUSIVE MODE").unwrap();
    let error = thread::scope(|scope| {
        let step = scope.spawn(|| projector.step(&tables.log.clone(), ALL).unwrap_err());
        kill(tables.server(), &waiting(tables.server(), "history", 1)[0]);
        step.join().unwrap()
    });
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    operator.batch("COMMIT").unwrap();
    assert_eq!((tables.fingerprint(), projector.reached()), before);
    project(&mut projector, &tables.log, 7);
    assert_eq!(tables.fingerprint(), whole.fingerprint());
}

#[test]
fn a_reading_whose_connection_is_killed_heals() {
    let tables = Tables::full(Place::a_server, Size::small(7));
    let reading = tables.reading();
    let ask = |reading: &Reading| reading.history(CustomerIx(0), AssetIx(0), EVERYTHING, None, ALL);
    let expected = ask(&reading).unwrap();
    let operator = tables.server().connect().unwrap();
    operator.batch("BEGIN; LOCK TABLE history IN ACCESS EXCLUSIVE MODE").unwrap();
    let (reading, process, error) = thread::scope(|scope| {
        let asked = scope.spawn(move || (ask(&reading).unwrap_err(), reading));
        let process = waiting(tables.server(), "history", 1).remove(0);
        kill(tables.server(), &process);
        let (error, reading) = asked.join().unwrap();
        (reading, process, error)
    });
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let (reading, idle) = thread::scope(|scope| {
        let asked = scope.spawn(move || (ask(&reading).unwrap(), reading));
        let idle = waiting(tables.server(), "history", 1).remove(0);
        operator.batch("COMMIT").unwrap();
        let (found, reading) = asked.join().unwrap();
        assert_eq!(found, expected);
        (reading, idle)
    });
    assert_ne!(idle, process);
    // Lost while nobody asked: nobody notices.
    kill(tables.server(), &idle);
    let until = Instant::now() + Duration::from_secs(30);
    while ask(&reading).is_err() {
        assert!(Instant::now() < until);
    }
    assert_eq!(ask(&reading).unwrap(), expected);
}

/// Hashing looks at one moment, and a new connection would look at another.
#[test]
fn a_fingerprint_does_not_go_on_after_its_connection_is_killed() {
    let tables = Tables::full(Place::a_server, Size::small(7));
    let (reading, expected) = (tables.reading(), tables.fingerprint());
    let operator = tables.server().connect().unwrap();
    operator.batch("BEGIN; LOCK TABLE history IN ACCESS EXCLUSIVE MODE").unwrap();
    let reading = thread::scope(|scope| {
        let asked = scope.spawn(move || (reading.fingerprint().unwrap_err(), reading));
        kill(tables.server(), &waiting(tables.server(), "history", 1)[0]);
        asked.join().unwrap().1
    });
    operator.batch("COMMIT").unwrap();
    assert_eq!(reading.fingerprint().unwrap(), expected);
}

// --- days and instants ---

/// A log of one batch whose events happened at an instant.
fn log_of(at: Timestamp, events: Vec<Event>) -> MemoryLog {
    let (mut log, mut builder) = (MemoryLog::new(), BatchBuilder::new());
    let record = Record::of_engine(at, events);
    builder.try_push_with(|bytes| codec::encode(&record, bytes)).unwrap();
    let batch = builder.seal(0, 1, 0, Head::GENESIS.hash).unwrap();
    assert_eq!(log.append(0, &batch), Appended::Done);
    log
}

#[test]
fn days_of_any_year_are_kept_and_instants_beyond_the_calendar_refused() {
    let announced = |text: &str| {
        let rate = Rate::parse("0.05").unwrap();
        Event::RateAnnounced(RateAnnounced { product: ProductIx(0), from: Day::parse(text).unwrap(), bands: Bands::single(rate) })
    };
    let days = ["0000-01-01", "1582-10-10", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"];
    let customer = || Event::CustomerCreated(CustomerCreated { id: "ann".to_owned() });
    let log = log_of(Timestamp::from_ms(253_402_300_799_999), days.map(announced).into_iter().chain([customer()]).collect());
    let Place::Server(postgres) = Place::a_server() else { unreachable!() };
    Projector::open_postgres(&postgres, 0, DayOffset::default()).unwrap().step(&log, 1).unwrap();
    let found = Reading::open_postgres(&postgres, 0).unwrap().announcements(EVERYTHING).unwrap();
    assert_eq!(found.into_iter().map(|(.., day)| day.to_string()).collect::<Vec<_>>(), days);
    let shown = told(&postgres, "SELECT to_char(from_day, 'YYYY-MM-DD BC') FROM rates ORDER BY from_day");
    assert_eq!(shown[0], ["0001-01-01 BC"]);
    assert_eq!(shown[2], ["1969-12-31 AD"]);
    assert_eq!(told(&postgres, "SELECT extract(epoch FROM at) * 1000, day FROM customers"), [["253402300799999.000000", "9999-12-31"]]);

    // The rules end at 9999, so such a log is damaged; it must not become a row of some other day.
    let Place::Server(postgres) = Place::a_server() else { unreachable!() };
    let mut projector = Projector::open_postgres(&postgres, 0, DayOffset::default()).unwrap();
    for _ in 0..2 {
        let refused = projector.step(&log_of(Timestamp::from_ms(i64::MAX), vec![customer()]), 1).unwrap_err();
        assert_eq!(refused.to_string(), "log record damaged: 5879610-09-09T07:12:55.807Z is outside of the database's calendar");
        assert_eq!(projector.reached(), LogPosition::START);
    }
    projector.step(&log, 1).unwrap();
    assert_eq!(projector.reached().seq(), 1);
}

// --- tables that are thrown away ---

fn discarded_tables_are_built_anew(at: Somewhere) {
    let tables = Tables::full(at, Size::small(8));
    let before = tables.fingerprint();
    for _ in 0..2 {
        tables.place.discard();
    }
    let mut projector = tables.projector();
    assert_eq!((projector.reached(), projector.belongs_to(&tables.log).unwrap()), (LogPosition::START, true));
    assert_ne!(tables.fingerprint(), before);
    project(&mut projector, &tables.log, 9);
    assert_eq!(tables.fingerprint(), before);
}

/// Another process may be at work while they are thrown away.
#[test]
fn a_projector_goes_on_with_tables_that_were_discarded() {
    let whole = Tables::full(Place::a_file, Size::small(8));
    let tables = Tables::new(Place::a_server, Size::small(8));
    let (mut projector, reading) = (tables.projector(), tables.reading());
    projector.step(&tables.log, 9).unwrap();
    assert_eq!(reading.reached().unwrap().seq(), 9);
    tables.place.discard();
    assert_eq!(reading.reached().unwrap(), LogPosition::START);
    project(&mut projector, &tables.log, ALL);
    assert_eq!(reading.fingerprint().unwrap(), whole.fingerprint());
}

#[test]
fn damaged_tables_on_a_server_are_made_anew() {
    let whole = Tables::full(Place::a_file, Size::small(8));
    let tables = Tables::full(Place::a_server, Size::small(8));
    let rows = [
        "DROP TABLE history",
        "DROP TABLE progress",
        "DROP TABLE progress, assets, customers, products, rates, closes, days, books, staked, history",
        "ALTER TABLE books DROP COLUMN balance",
        "ALTER TABLE history ALTER COLUMN spot TYPE TEXT",
        "DELETE FROM progress",
        "DELETE FROM books",
    ];
    for damage in rows {
        tables.place.run(damage);
        tables.place.discard();
        project(&mut tables.projector(), &tables.log, ALL);
        assert_eq!(tables.fingerprint(), whole.fingerprint(), "{damage}");
    }
}

fn rows_of_another_shard_are_nobodys_business(at: Somewhere) {
    let tables = Tables::full(at, Size::small(8));
    let before = tables.fingerprint();
    // A file belongs to one shard, and is thrown away as a whole.
    let (epoch, instant) = if matches!(tables.place, Place::File(_)) { ("0", "0") } else { ("DATE '1970-01-01'", "TIMESTAMPTZ 'epoch'") };
    tables.place.run(&format!("INSERT INTO progress(shard, log_position, hash, at, open_day) VALUES (1, 65536, 'h', {instant}, {epoch})"));
    tables.place.run("INSERT INTO assets(shard, number, symbol, decimals) VALUES (1, 0, 'SOL', 9), (1, 77, 'ETH', 18)");
    tables.place.run(&format!("INSERT INTO closes(shard, day, log_position) VALUES (1, {epoch}, 65536)"));
    assert_eq!(tables.fingerprint(), before);
    if let Place::Server(postgres) = &tables.place {
        tables.place.discard();
        project(&mut tables.projector(), &tables.log, ALL);
        assert_eq!(tables.fingerprint(), before);
        let rest = "SELECT symbol FROM assets JOIN progress USING (shard) JOIN closes USING (shard) WHERE shard = 1 ORDER BY number";
        assert_eq!(told(postgres, rest), [["SOL"], ["ETH"]]);
    }
}

fn a_changed_row_shows(at: Somewhere) {
    let tables = Tables::full(at, Size::small(9));
    let before = tables.fingerprint();
    let rows = [
        ("UPDATE history SET reference = reference || '!'", "UPDATE history SET reference = rtrim(reference, '!')"),
        ("UPDATE history SET carry = carry + 1", "UPDATE history SET carry = carry - 1"),
        (
            "UPDATE books SET account = 'custody!' WHERE account = 'custody'",
            "UPDATE books SET account = 'custody' WHERE account = 'custody!'",
        ),
        ("UPDATE staked SET shard = 1 WHERE product = 1", "UPDATE staked SET shard = 0 WHERE product = 1"),
        ("UPDATE products SET term_days = 1000 + term_days", "UPDATE products SET term_days = term_days - 1000"),
        ("UPDATE rates SET rate = rate + 1", "UPDATE rates SET rate = rate - 1"),
        ("UPDATE days SET settled = -1 WHERE settled IS NULL", "UPDATE days SET settled = NULL WHERE settled = -1"),
        ("UPDATE customers SET id = id || '!'", "UPDATE customers SET id = rtrim(id, '!')"),
    ];
    for (change, back) in rows {
        tables.place.run(change);
        assert_ne!(tables.fingerprint(), before, "{change}");
        tables.place.run(back);
        assert_eq!(tables.fingerprint(), before, "{back}");
    }
}

/// The tables of the first release, to the letter; what is in them does not matter any more.
const VERSION_1: &str = "
CREATE TABLE progress(shard INTEGER PRIMARY KEY, log_position INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE history(
    shard INTEGER NOT NULL, customer INTEGER NOT NULL, asset INTEGER NOT NULL, log_position INTEGER NOT NULL, kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL, position INTEGER, spot TEXT NOT NULL, funding TEXT NOT NULL, day INTEGER,
    earning TEXT, pending TEXT, carry INTEGER, event BLOB NOT NULL,
    PRIMARY KEY(shard, log_position)
) WITHOUT ROWID;
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
CREATE TABLE assets(shard INTEGER NOT NULL, number INTEGER NOT NULL, symbol TEXT NOT NULL, decimals INTEGER NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE customers(shard INTEGER NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE products(shard INTEGER NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, asset INTEGER NOT NULL, PRIMARY KEY(shard, number)) WITHOUT ROWID;
CREATE TABLE announcements(
    shard INTEGER NOT NULL, log_position INTEGER NOT NULL, product INTEGER NOT NULL, from_day INTEGER NOT NULL,
    PRIMARY KEY(shard, log_position, product)
) WITHOUT ROWID;
CREATE TABLE closes(shard INTEGER NOT NULL, day INTEGER NOT NULL, log_position INTEGER NOT NULL, PRIMARY KEY(shard, day)) WITHOUT ROWID;
CREATE TABLE days(
    shard INTEGER NOT NULL, day INTEGER NOT NULL, product INTEGER NOT NULL, earning_positions INTEGER NOT NULL, rewards TEXT NOT NULL,
    distributed TEXT NOT NULL, matured INTEGER NOT NULL, detail BLOB NOT NULL,
    PRIMARY KEY(shard, day, product)
) WITHOUT ROWID;
INSERT INTO progress VALUES (0, 131071, zeroblob(32));
INSERT INTO assets VALUES (0, 0, 'OLD', 2);
PRAGMA user_version=1;
";

#[test]
fn tables_of_the_first_release_are_built_anew() {
    let tables = Tables::new(Place::a_file, Size::small(8));
    tables.place.run(VERSION_1);
    let Place::File(dir) = &tables.place else { unreachable!() };
    let path = Place::path(dir);
    let refused = Reading::open(&path, 0).map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
    let mut projector = tables.projector();
    assert_eq!(projector.reached(), LogPosition::START);
    project(&mut projector, &tables.log, ALL);
    assert_eq!(tables.fingerprint(), Tables::full(Place::a_file, Size::small(8)).fingerprint());
    drop(projector);

    tables.place.run("PRAGMA user_version=6");
    let refused = Projector::open(&path, 0, tables.world.state.registry.platform.offset).map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::NewerVersion { found: 6, known: 5, .. }), "{refused:?}");
}

#[test]
fn what_is_of_one_kind_or_after_a_place_is_found_by_an_index() {
    let tables = Tables::full(Place::a_file, Size::small(8));
    let Place::File(dir) = &tables.place else { unreachable!() };
    let file = rusqlite::Connection::open(Place::path(dir)).unwrap();
    for (sql, index) in [
        (
            "SELECT log_position FROM history WHERE shard = 0 AND customer = 1 AND asset = 0 AND log_position > 1 AND log_position <= 9
             AND kind = 'withdrawal' ORDER BY log_position DESC LIMIT 1",
            "history_kind",
        ),
        (
            "SELECT day, log_position FROM closes WHERE shard = 0 AND log_position > 1 AND log_position <= 9
             ORDER BY log_position, day LIMIT 1",
            "closes_position",
        ),
    ] {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        // One step: nothing is sorted, nothing is looked at that does not fit.
        assert!(steps.len() == 1 && steps[0].contains(&format!("USING COVERING INDEX {index}")), "{steps:?}");
    }
}

/// Whoever reads before anything was written is told so.
#[test]
fn where_there_are_no_tables_there_is_nothing_to_read() {
    let (file, server) = (Place::a_file(), Place::a_server());
    let Place::File(dir) = &file else { unreachable!() };
    let Place::Server(postgres) = &server else { unreachable!() };
    for refused in [Reading::open(&Place::path(dir), 0).map(drop), Reading::open_postgres(postgres, 0).map(drop)] {
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    }
}
