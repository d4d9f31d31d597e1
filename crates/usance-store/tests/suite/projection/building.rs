//! Built in any way the tables are the same, and a step that fails leaves nothing.

use usance_core::calendar::Day;
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId};
use usance_store::projection::Projector;
use usance_store::{MemoryLog, StoreError};
use usance_workload::SplitMix64;

use super::super::world::{Size, cut};
use super::{ALL, EVERYTHING, Somewhere, Tables, on_every_home, project};

on_every_home! {
    steps_of_any_length_build_the_same_rows
    another_log_or_a_shorter_one_builds_other_rows
    opened_again_they_go_on_where_they_were
    an_empty_log_gives_empty_tables
    a_damaged_batch_stops_them_until_it_is_whole_again
    a_missing_batch_is_not_stepped_over
    tables_that_refuse_a_row_take_it_later
    a_second_projector_takes_over_where_the_first_stands
    tables_of_another_log_are_known_and_do_not_grow
}

fn steps_of_any_length_build_the_same_rows(at: Somewhere) {
    let whole = Tables::full(at, Size::small(1));
    let length = whole.world.views.len();
    assert_eq!(whole.reading().reached().unwrap(), LogPosition::end_of(whole.world.head.seq));
    for max_batches in [1, 2, 3, 7, length - 1, length, length + 1] {
        let stepped = Tables::new(at, Size::small(1));
        let mut projector = stepped.projector();
        assert_eq!(project(&mut projector, &stepped.log, max_batches), length);
        assert_eq!(projector.reached(), LogPosition::end_of(whole.world.head.seq));
        assert_eq!(stepped.fingerprint(), whole.fingerprint(), "in steps of {max_batches}");
    }
}

fn another_log_or_a_shorter_one_builds_other_rows(at: Somewhere) {
    let fingerprints = [Size::small(1), Size::small(2)].map(|size| Tables::full(at, size).fingerprint());
    assert_ne!(fingerprints[0], fingerprints[1]);
    let tables = Tables::new(at, Size::small(1));
    project(&mut tables.projector(), &cut(&tables.log, tables.world.head.seq - 1), ALL);
    assert_ne!(tables.fingerprint(), fingerprints[0]);
}

fn opened_again_they_go_on_where_they_were(at: Somewhere) {
    let whole = Tables::full(at, Size::small(3));
    let tables = Tables::new(at, Size::small(3));
    let mut dice = SplitMix64::new(3);
    let mut reached = LogPosition::START;
    while reached.seq() < tables.world.head.seq {
        let mut projector = tables.projector();
        assert_eq!(projector.reached(), reached);
        projector.step(&tables.log, 1 + dice.below(5) as usize).unwrap();
        assert!(projector.reached() > reached);
        reached = projector.reached();
        assert_eq!(tables.reading().reached().unwrap(), reached);
    }
    assert_eq!(tables.fingerprint(), whole.fingerprint());
    assert_eq!(tables.projector().step(&tables.log, ALL).unwrap(), 0);
    assert_eq!(tables.projector().step(&tables.log, 0).unwrap(), 0);
    assert_eq!(tables.fingerprint(), whole.fingerprint(), "nothing more to take changes nothing");
}

fn an_empty_log_gives_empty_tables(at: Somewhere) {
    let tables = Tables::new(at, Size::small(1));
    let mut projector = tables.projector();
    assert_eq!((projector.step(&MemoryLog::new(), ALL).unwrap(), projector.reached()), (0, LogPosition::START));
    let reading = tables.reading();
    assert_eq!(reading.reached().unwrap(), LogPosition::START);
    assert_eq!(reading.history(CustomerIx(0), AssetIx(0), EVERYTHING, None, ALL).unwrap(), []);
    assert_eq!(reading.stakes(PositionId(1), EVERYTHING.through, Day::from_number(0)).unwrap(), []);
    assert_eq!(reading.closes(None, EVERYTHING, ALL).unwrap(), []);
    assert_eq!(reading.announcements(EVERYTHING).unwrap(), []);
    assert_eq!(reading.days(None, |_| true, ALL).unwrap(), []);
}

/// The tables as they were, then built to their end: the same as if nothing had ever failed.
fn check_recovers(tables: &Tables, projector: &mut Projector, before: ([u8; 32], LogPosition)) {
    assert_eq!((tables.fingerprint(), projector.reached()), before, "nothing of the failed step is in the tables");
    assert_eq!(tables.reading().reached().unwrap(), before.1);
}

fn a_damaged_batch_stops_them_until_it_is_whole_again(at: Somewhere) {
    let whole = Tables::full(at, Size::small(4));
    // Batch 2 lies among the first assets, customers and products, the others among what these do.
    for seq in [2, 4, 9, whole.world.head.seq / 2] {
        let tables = Tables::new(at, Size::small(4));
        let mut projector = tables.projector();
        projector.step(&tables.log, 1).unwrap();
        let before = (tables.fingerprint(), projector.reached());
        let flip = |batch: &mut usance_store::Batch| *batch.body.last_mut().unwrap() ^= 1;
        assert!(tables.log.damage(0, seq, flip));
        for _ in 0..2 {
            let sentence = projector.step(&tables.log, ALL).unwrap_err().to_string();
            assert_eq!(sentence, format!("log record damaged: shard 0 batch {seq}: hash does not match"));
            check_recovers(&tables, &mut projector, before);
        }
        assert!(tables.log.damage(0, seq, flip));
        project(&mut projector, &tables.log, ALL);
        assert_eq!(tables.fingerprint(), whole.fingerprint());
    }
}

fn a_missing_batch_is_not_stepped_over(at: Somewhere) {
    let tables = Tables::new(at, Size::small(4));
    let mut projector = tables.projector();
    projector.step(&tables.log, 3).unwrap();
    let before = (tables.fingerprint(), projector.reached());
    assert!(tables.log.lose(0, 4));
    let sentence = projector.step(&tables.log, ALL).unwrap_err().to_string();
    assert_eq!(sentence, "log record damaged: shard 0 batch 4: it is missing, the next is batch 5");
    check_recovers(&tables, &mut projector, before);
}

/// A full disk, a lost file: here the table itself refuses a row in the middle of a step.
fn tables_that_refuse_a_row_take_it_later(at: Somewhere) {
    let whole = Tables::full(at, Size::small(5));
    for table in ["assets", "customers", "products", "rates", "closes", "days", "books", "staked", "history", "progress"] {
        let tables = Tables::new(at, Size::small(5));
        let mut projector = tables.projector();
        let before = (tables.fingerprint(), projector.reached());
        tables.place.set_refusing(table, true);
        assert!(matches!(projector.step(&tables.log, ALL), Err(StoreError::Sqlite { .. } | StoreError::Postgres { .. })), "{table}");
        check_recovers(&tables, &mut projector, before);
        tables.place.set_refusing(table, false);
        project(&mut projector, &tables.log, 4);
        assert_eq!(tables.fingerprint(), whole.fingerprint(), "{table}");
    }
}

/// Two processes can only meet when the directory's lock was passed by; even then the rows are those of one log.
fn a_second_projector_takes_over_where_the_first_stands(at: Somewhere) {
    let whole = Tables::full(at, Size::small(6));
    let tables = Tables::new(at, Size::small(6));
    let (mut one, mut other) = (tables.projector(), tables.projector());
    let mut dice = SplitMix64::new(6);
    while tables.reading().reached().unwrap().seq() < tables.world.head.seq {
        let projector = if dice.below(2) == 0 { &mut one } else { &mut other };
        projector.step(&tables.log, 1 + dice.below(4) as usize).unwrap();
    }
    assert_eq!(tables.fingerprint(), whole.fingerprint());
}

fn tables_of_another_log_are_known_and_do_not_grow(at: Somewhere) {
    let tables = Tables::new(at, Size::small(7));
    let other = Tables::new(at, Size::small(8));
    let mut projector = tables.projector();
    assert!(projector.belongs_to(&other.log).unwrap(), "empty tables belong to any log");
    projector.step(&tables.log, 5).unwrap();
    assert!(projector.belongs_to(&tables.log).unwrap());
    assert!(!projector.belongs_to(&other.log).unwrap());
    assert!(!projector.belongs_to(&cut(&tables.log, 4)).unwrap(), "a log that ends before them");
    let before = (tables.fingerprint(), projector.reached());
    let sentence = projector.step(&other.log, ALL).unwrap_err().to_string();
    assert_eq!(sentence, "log record damaged: shard 0 batch 6: it does not follow from the batch before");
    check_recovers(&tables, &mut projector, before);
}
