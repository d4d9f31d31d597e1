//! The log run again: the same state, or a refusal that names the place.

use std::collections::BTreeSet;
use std::{env, fs};

use usance_core::audit;
use usance_core::id::PositionId;
use usance_core::machine::day::DayClosed;
use usance_core::machine::{Event, State};
use usance_core::money::Amount;
use usance_store::codec::{self, FACT_VERSION, Fact, Record, encode};
use usance_store::image::state_hash;
use usance_store::recovery::{Recovered, recover, replay_batch};
use usance_store::{Appended, BatchBuilder, Head, LogReader, LogStore, MemoryLog, SqliteLog, StoreError};
use usance_workload::SplitMix64;

use super::golden;
use super::world::{Size, World, batches};

fn whole(reader: &dyn LogReader) -> Result<Recovered, StoreError> {
    recover(reader, 0, None, |_| ())
}

fn refusal(log: &MemoryLog) -> String {
    whole(log).expect_err("the log is refused").to_string()
}

/// A log that somebody wrote anew from some record on, with a chain that holds. `change` is given each record's batch and
/// index, and its bytes.
fn forged(log: &MemoryLog, mut change: impl FnMut(u64, u16, &mut Vec<u8>)) -> MemoryLog {
    let (mut forged, mut head) = (MemoryLog::new(), Head::GENESIS);
    for batch in batches(log) {
        let mut builder = BatchBuilder::new();
        for (index, record) in batch.records().enumerate() {
            let mut record = record.unwrap().to_vec();
            change(batch.seq, u16::try_from(index).unwrap(), &mut record);
            builder.push(&record).unwrap();
        }
        let batch = builder.seal(0, batch.seq, batch.at_ms, head.hash).unwrap();
        assert_eq!(forged.append(head.seq, &batch), Appended::Done);
        head = batch.head();
    }
    forged
}

/// The records of a log that fit, with their places.
fn found(log: &MemoryLog, fits: impl Fn(&Record) -> bool) -> Vec<(u64, u16, Record)> {
    let records = batches(log).into_iter().flat_map(|batch| codec::records(&batch).map(Result::unwrap).collect::<Vec<_>>());
    records.filter(|(_, record)| fits(record)).map(|(place, record)| (place.seq(), place.index(), record)).collect()
}

fn closes(record: &Record) -> Vec<&DayClosed> {
    let closed = record.fact.events.iter().filter_map(|event| if let Event::DayClosed(closed) = event { Some(&**closed) } else { None });
    closed.collect()
}

fn bytes_of(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(record, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_log_run_again_is_the_live_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    let live = World::live(&mut SqliteLog::open(&path).unwrap(), Size::usual(5));
    let (again, memory) = World::in_memory(Size::usual(5));
    assert_eq!(again.head, live.head, "both homes hold the same log");
    let log = SqliteLog::open(&path).unwrap();
    for reader in [&*log.reader().unwrap(), &memory] {
        let mut seen = Vec::new();
        let recovered = recover(reader, 0, None, |seq| seen.push(seq)).unwrap();
        assert_eq!((recovered.head, recovered.replayed, recovered.from_snapshot), (live.head, live.records, None));
        assert_eq!(seen, Vec::from_iter(1..=live.head.seq));
        let state = recovered.state.unwrap();
        assert!(state == live.state, "the state is what it was");
        assert_eq!(state_hash(&state).unwrap(), state_hash(&live.state).unwrap());
        assert!(audit::is_healthy(&audit::audit(&state)));
    }
}

#[test]
fn every_batch_gives_the_state_it_gave() {
    let (world, log) = World::in_memory(Size::usual(6));
    let (mut state, mut replayed) = (None, 0);
    for (batch, (head, live)) in batches(&log).iter().zip(&world.views) {
        replayed += replay_batch(&mut state, batch).unwrap();
        assert_eq!(batch.head(), *head);
        assert!(state.as_ref() == Some(live), "after batch {}", batch.seq);
    }
    assert_eq!(replayed, world.records);
}

#[test]
fn an_empty_log_has_no_state() {
    let recovered = whole(&MemoryLog::new()).unwrap();
    assert_eq!((recovered.state.is_none(), recovered.head, recovered.replayed), (true, Head::GENESIS, 0));
}

#[test]
fn an_edited_record_is_refused_and_named() {
    let (world, log) = World::in_memory(Size::small(1));
    for seq in [1, world.head.seq / 2, world.head.seq] {
        let log = super::world::cut(&log, u64::MAX);
        assert!(log.damage(0, seq, |batch| *batch.body.last_mut().unwrap() ^= 1));
        assert_eq!(refusal(&log), format!("log record damaged: shard 0 batch {seq}: hash does not match"));
    }
}

type Forgery = Box<dyn Fn(&mut DayClosed)>;

/// Whoever can seal a batch can forge a chain, but not a day: closing it again gives what it gave.
#[test]
fn a_forged_close_is_refused_and_its_day_named() {
    let (_, log) = World::in_memory(Size::small(2));
    let earning = |record: &Record| closes(record).iter().any(|closed| closed.products.iter().any(|line| !line.rewards.is_zero()));
    let days = found(&log, earning);
    let more = |amount: &mut Amount| *amount = amount.plus(Amount::ONE);
    let forgeries: Vec<Forgery> = vec![
        Box::new(move |closed| closed.products.iter_mut().for_each(|line| more(&mut line.rewards))),
        Box::new(move |closed| more(&mut closed.products[0].distributed)),
        Box::new(move |closed| more(&mut closed.products[0].returned_spot)),
        Box::new(move |closed| more(&mut closed.products[0].returned_funding)),
        Box::new(move |closed| more(&mut closed.products[0].renewed_principal)),
        Box::new(|closed| closed.products[0].earning_positions += 1),
        Box::new(|closed| closed.products[0].matured += 1),
        Box::new(|closed| closed.products[0].renewed += 1),
        Box::new(|closed| closed.products[0].settled = Some(usance_core::money::Rate::MAX)),
        Box::new(|closed| closed.products[0].version.0 += 1),
        Box::new(|closed| closed.products.truncate(1)),
        Box::new(|closed| closed.products.swap(0, 1)),
        Box::new(|closed| closed.digest[31] ^= 1),
        Box::new(|closed| closed.next_position = PositionId(closed.next_position.0 + 1)),
        Box::new(|closed| closed.rule += 1),
        Box::new(|closed| closed.day = closed.day.next()),
    ];
    for (number, forgery) in forgeries.iter().enumerate() {
        let (seq, index, record) = &days[number % days.len()];
        let mut changed = record.clone();
        let mut day = String::new();
        for event in &mut changed.fact.events {
            if let Event::DayClosed(closed) = event {
                forgery(closed);
                day = closed.day.to_string();
                break;
            }
        }
        assert_ne!(changed, *record, "forgery {number}");
        let bytes = bytes_of(&changed);
        let log = forged(&log, |at_seq, at_index, record| {
            if (at_seq, at_index) == (*seq, *index) {
                record.clone_from(&bytes);
            }
        });
        let place = format!("shard 0 batch {seq} record {index}");
        let sentence = format!("log record damaged: {place}: a replayed day closes as it did: day {day}: log and machine differ");
        assert_eq!(refusal(&log), sentence, "forgery {number}");
    }
}

fn with_events(record: &Record, events: Vec<Event>) -> Record {
    Record { fact: Fact { events, ..record.fact.clone() }, outcome: record.outcome.clone() }
}

/// A day put in twice shows at once. One that is taken out shows at the next close, unless something before it cannot be without that day;
/// of many days most show at the close.
#[test]
fn a_missing_or_repeated_close_is_refused() {
    const CLOSE: &str = ": a replayed day closes as it did: day ";
    let (_, log) = World::in_memory(Size::small(5));
    let days = found(&log, |record| closes(record).len() == 1);
    let refused = |place: (u64, u16), bytes: &[u8]| {
        let log = forged(&log, |at_seq, at_index, record| {
            if (at_seq, at_index) == place {
                record.clear();
                record.extend_from_slice(bytes);
            }
        });
        refusal(&log)
    };
    let mut at_the_close = 0;
    for pair in days.windows(2) {
        let [(seq, index, record), (next, ..)] = pair else { panic!("two days") };
        let twice = bytes_of(&with_events(record, [record.fact.events.clone(), record.fact.events.clone()].concat()));
        let said = refused((*seq, *index), &twice);
        assert!(said.starts_with(&format!("log record damaged: shard 0 batch {seq} record {index}{CLOSE}")), "{said}");
        let said = refused((*seq, *index), &bytes_of(&with_events(record, vec![])));
        let place = said.strip_prefix("log record damaged: shard 0 batch ").and_then(|rest| rest.split(' ').next());
        let at: u64 = place.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        assert!((*seq..=*next).contains(&at), "the close after batch {seq} is in batch {next}: {said}");
        at_the_close += usize::from(said.contains(CLOSE));
    }
    assert!(at_the_close * 2 > days.len(), "{at_the_close} of {} days", days.len());
}

#[test]
fn a_record_of_a_newer_release_is_named() {
    let (world, log) = World::in_memory(Size::small(4));
    let (seq, newer) = (world.head.seq / 2, FACT_VERSION + 1);
    let log = forged(&log, |at_seq, at_index, record| {
        if (at_seq, at_index) == (seq, 0) {
            record[0] = newer;
        }
    });
    let refused = whole(&log).err().unwrap();
    assert!(matches!(refused, StoreError::NewerVersion { .. }), "{refused}");
    let sentence = format!("log record at shard 0 batch {seq} record 0 has version {newer}, this release knows up to {FACT_VERSION}");
    assert_eq!(refused.to_string(), sentence);
}

#[test]
fn a_record_that_does_not_decode_is_named() {
    let (world, log) = World::in_memory(Size::small(5));
    let seq = world.head.seq - 1;
    let log = forged(&log, |at_seq, at_index, record| {
        if (at_seq, at_index) == (seq, 0) {
            record.push(0);
        }
    });
    assert_eq!(refusal(&log), format!("log record damaged: shard 0 batch {seq} record 0: 1 bytes too many"));
}

#[test]
fn a_log_begins_with_its_platform_and_has_one() {
    let (_, log) = World::in_memory(Size::small(6));
    let first = found(&log, |record| matches!(record.fact.events[..], [Event::PlatformCreated(_)]));
    let [(1, 0, first)] = &first[..] else { panic!("one platform, at the beginning") };
    let nothing = bytes_of(&with_events(first, vec![]));
    let headless = forged(&log, |seq, _, record| {
        if seq == 1 {
            record.clone_from(&nothing);
        }
    });
    assert_eq!(refusal(&headless), "log record damaged: shard 0 batch 1 record 0: the log does not begin with a platform");
    let platform = bytes_of(first);
    let again = forged(&log, |seq, index, record| {
        if (seq, index) == (9, 0) {
            record.clone_from(&platform);
        }
    });
    assert_eq!(refusal(&again), "log record damaged: shard 0 batch 9 record 0: a platform is created once");
}

/// Forged events may be refused or not, but nothing that decodes stops the process.
#[test]
fn no_flipped_byte_of_a_log_stops_a_replay() {
    let (world, log) = World::in_memory(Size::small(7));
    let batches = batches(&log);
    let mut dice = SplitMix64::new(7);
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..1_500 {
        let at = 1 + dice.below(batches.len() as u64 - 1) as usize;
        let mut builder = BatchBuilder::new();
        let chosen = dice.below(batches[at].records().count() as u64) as usize;
        for (index, record) in batches[at].records().enumerate() {
            let mut record = record.unwrap().to_vec();
            if index == chosen {
                let place = dice.below(record.len() as u64) as usize;
                record[place] ^= 1 << dice.below(8);
            }
            builder.push(&record).unwrap();
        }
        let batch = builder.seal(0, batches[at].seq, batches[at].at_ms, batches[at].previous).unwrap();
        let mut state: Option<State> = Some(world.views[at - 1].1.clone());
        match replay_batch(&mut state, &batch) {
            Ok(_) => ran += 1,
            Err(StoreError::Damaged { .. } | StoreError::NewerVersion { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 100 && ran > 100, "{refused} refused, {ran} ran");
}

// --- logs of releases ---

/// What a release stored must be run as it was, by every later one. `state.txt` is the hash of the state that its log gives;
/// that one may change with the shape of the state, and then the version of snapshots has to change with it.
#[test]
fn a_stored_log_gives_the_state_it_gave() {
    for folder in golden::logs() {
        let state = whole(&golden::log(&folder)).unwrap().state.unwrap();
        assert!(audit::is_healthy(&audit::audit(&state)));
        let (path, line) = (folder.join("state.txt"), format!("{}\n", golden::hex(&state_hash(&state).unwrap())));
        if is_updating() {
            fs::write(&path, &line).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap();
        assert_eq!(line, stored, "{folder:?}: the state has another shape than its snapshots: `snapshot::VERSION` has to change with it");
    }
}

fn is_updating() -> bool {
    env::var_os("USANCE_UPDATE_GOLDEN").is_some()
}

fn events_of(log: &MemoryLog) -> BTreeSet<String> {
    found(log, |_| true).iter().flat_map(|(.., record)| super::world::event_names(record)).collect()
}

/// It holds every event that the first release knew, and a position that ended in each way there is.
#[test]
fn the_log_of_the_first_release_is_worth_its_place() {
    let folder = golden::path("v1");
    let log = golden::log(&folder);
    let state = whole(&log).unwrap().state.unwrap();
    let ends: BTreeSet<_> = state.running.iter().map(|running| format!("{:?}", running.state)).collect();
    assert_eq!(ends.len(), 5, "{ends:?}");
    let samples = fs::read_to_string(folder.join("events.txt")).unwrap();
    let known = samples.lines().map(|line| line.split('.').next().unwrap().to_owned());
    assert_eq!(events_of(&log), known.collect());
}

/// Whoever adds an event adds a log that has it, so that later releases run what this one stores.
#[test]
fn every_event_stands_in_the_log_of_a_release() {
    let missing = || -> Vec<String> {
        let stored: BTreeSet<String> = golden::logs().iter().flat_map(|folder| events_of(&golden::log(folder))).collect();
        super::codec::event_names().difference(&stored).cloned().collect()
    };
    let version = env!("CARGO_PKG_VERSION");
    if !missing().is_empty() && is_updating() {
        golden::keep_log(&golden::path(version), &World::in_memory(Size::golden()).1);
    }
    assert_eq!(
        missing(),
        [""; 0],
        "no stored log has these. With USANCE_UPDATE_GOLDEN=1 this test writes tests/golden/{version}/log.txt; if {version} was released, \
         the version in Cargo.toml is raised first"
    );
}
