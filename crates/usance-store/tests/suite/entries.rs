//! The entry points of fuzzing in the store: bytes of records, batches, snapshots and notes, as a disk might give them back.
//!
//! Each takes any bytes and asserts what has to hold. Where bytes are guarded by a checksum it is made again after the
//! change, so that what lies behind it is reached: hostile means with a correct hash, too. `fuzz` runs them over a corpus,
//! `cargo fuzz` over whatever it finds.

use std::fs;
use std::sync::OnceLock;

use tempfile::TempDir;
use usance_core::audit;
use usance_core::machine::State;
use usance_store::codec::{self, Record};
use usance_store::projection::{Projector, Reading};
use usance_store::{
    Appended, Batch, BatchBuilder, Head, LogStore, MemoryLog, Note, Snapshot, SnapshotWriter, StoreError, image, recovery, verify_chain,
};

/// A log that was written once and for all: a line for each batch, its instant and its body.
const LOG: &str = include_str!("../golden/v1/log.txt");

/// That log, the state after it with its hash, and the state's sections.
struct Past {
    log: Vec<Batch>,
    state: State,
    hash: [u8; 32],
    sections: Vec<(u32, Vec<u8>)>,
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).expect("a digit")).expect("small");
    text.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn past() -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(|| {
        let (mut log, mut head, mut state) = (Vec::new(), Head::GENESIS, None);
        for line in LOG.lines() {
            let (at_ms, body) = line.split_once(' ').expect("two columns");
            let batch = sealed(&head, at_ms.parse().expect("a number"), &unhex(body));
            recovery::replay_batch(&mut state, &batch).expect("it runs");
            head = batch.head();
            log.push(batch);
        }
        let state = state.expect("a platform");
        let dir = tempfile::tempdir().expect("a directory");
        let snapshot = Snapshot::open(&image::write(dir.path(), 0, head, &state).expect("written")).expect("a snapshot");
        let ids = snapshot.sections().iter().map(|section| section.id);
        let sections = ids.enumerate().map(|(index, id)| (id, snapshot.read_section(index).expect("a section"))).collect();
        let hash = image::state_hash(&state).expect("it can be written");
        Past { log, state, hash, sections }
    })
}

/// A batch with a body of any kind, and the hash that belongs to it.
fn sealed(head: &Head, at_ms: i64, body: &[u8]) -> Batch {
    let mut builder = BatchBuilder::new();
    builder.push(&[]).expect("room");
    let batch = builder.seal(0, head.seq + 1, at_ms, head.hash).expect("sealed");
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"usance log v1").update(&0_u16.to_le_bytes()).update(&batch.seq.to_le_bytes()).update(&at_ms.to_le_bytes());
    hasher.update(&head.hash).update(body);
    Batch { hash: *hasher.finalize().as_bytes(), body: body.to_vec(), ..batch }
}

fn named(error: &StoreError) {
    let said = error.to_string();
    assert!(matches!(error, StoreError::Damaged { .. } | StoreError::NewerVersion { .. } | StoreError::OlderVersion { .. }), "{said}");
    assert!(!said.is_empty() && said.len() < 4096, "{} characters", said.len());
}

/// One record: what is read is written and read back the same, and is never written longer than it was.
pub fn records(data: &[u8]) {
    match codec::decode(data) {
        Ok(record) => {
            let mut written = Vec::new();
            codec::encode(&record, &mut written).expect("what was read can be written");
            // A number may be padded with zeros, and a record of the first release is written as one of this; nothing else can
            // be said in two ways.
            let is_of_this_release = data.first() == Some(&codec::FACT_VERSION);
            assert!(!is_of_this_release || written.len() < data.len() || written == data, "{record:?}");
            assert_eq!(codec::decode(&written).expect("what was written can be read"), record);
        }
        Err(error) => named(&error),
    }
}

/// The body of a batch behind a true past, its hash correct: frames that lie, records that do not decode, events that could
/// never have happened. It runs or is refused with the place; either way the state can be looked at, and the read tables
/// either take it or say why not.
pub fn batches(data: &[u8]) {
    let past = past();
    let last = past.log.last().expect("a batch");
    let batch = sealed(&last.head(), last.at_ms, data);
    if let Err(torn) = batch.verify_after(&last.head()) {
        // Whoever seals a torn frame has a correct hash, and is found all the same.
        named(&torn);
        assert!(torn.to_string().contains("is torn") || data.is_empty(), "{torn}");
        assert!(recovery::replay_batch(&mut Some(past.state.clone()), &batch).is_err() || data.is_empty());
        return;
    }
    let framed: usize = batch.records().flatten().map(|record| record.len() + 4).sum();
    assert!(framed <= data.len());
    let mut state = Some(past.state.clone());
    match recovery::replay_batch(&mut state, &batch) {
        Ok(_) => {
            let state = state.expect("there is one");
            assert_eq!(state.broken, None);
            look(&state);
        }
        Err(error) => {
            named(&error);
            assert!(error.to_string().contains(&format!("batch {}", batch.seq)), "{error}");
        }
    }
    project(&batch);
}

/// Records one by one, each behind a byte of length, so that whole ones meet in every order.
pub fn events(data: &[u8]) {
    let mut builder = BatchBuilder::new();
    let mut rest = data;
    while let Some((length, more)) = rest.split_first() {
        let (record, behind) = more.split_at(usize::from(*length).min(more.len()));
        if codec::decode(record).is_ok() {
            builder.push(record).expect("room");
        }
        rest = behind;
    }
    if !builder.is_empty() {
        let batch = builder.seal(0, 1, 0, Head::GENESIS.hash).expect("sealed");
        batches(&batch.body);
    }
}

/// Everything that is asked of a state, whatever it holds: the audit comes to an end, and it can be written. Gives its hash.
fn look(state: &State) -> [u8; 32] {
    // What it finds in a state that never was is its own affair.
    let _findings = audit::audit(state);
    image::state_hash(state).expect("it can be written")
}

/// The read tables on a log that ends with this batch.
fn project(batch: &Batch) {
    static TABLES: OnceLock<Vec<u8>> = OnceLock::new();
    let dir = scratch();
    let path = dir.path().join("read.sqlite");
    let mut log = MemoryLog::new();
    let offset = past().state.registry.platform.offset;
    past().log.iter().for_each(|whole| assert_eq!(log.append(whole.seq - 1, whole), Appended::Done));
    let whole = TABLES.get_or_init(|| {
        let path = dir.path().join("whole.sqlite");
        let mut projector = Projector::open(&path, 0, offset).expect("tables");
        while projector.step(&log, 256).expect("a step") > 0 {}
        drop(projector);
        fs::read(&path).expect("a file")
    });
    if log.append(batch.seq - 1, batch) != Appended::Done {
        return;
    }
    fs::write(&path, whole).expect("written");
    let stepped = Projector::open(&path, 0, offset).and_then(|mut projector| projector.step(&log, 1));
    let reached = Reading::open(&path, 0).and_then(|reading| reading.reached()).expect("tables").seq();
    assert_eq!(reached, if stepped.is_ok() { batch.seq } else { batch.seq - 1 }, "all of it or nothing");
}

/// The file of a snapshot, as it is. What opens and reads is the state that was written: the corpus holds files of the past
/// alone, and nobody makes up the checksums of another.
pub fn containers(data: &[u8]) {
    let dir = scratch();
    let path = dir.path().join("any.usance");
    fs::write(&path, data).expect("written");
    match Snapshot::open(&path) {
        Ok(snapshot) => {
            let bytes: u64 = snapshot.sections().iter().map(|section| section.length).sum();
            assert!(bytes <= data.len() as u64, "sections are parts of the file");
            for index in 0..snapshot.sections().len() {
                if let Err(error) = snapshot.read_section(index) {
                    named(&error);
                }
            }
            match image::read(&snapshot) {
                Ok(state) => assert_eq!(look(&state), past().hash),
                Err(error) => named(&error),
            }
        }
        Err(error) => named(&error),
    }
}

/// A section in place of one of a true state, the checksums correct: the first byte chooses which, the second its kind.
pub fn sections(data: &[u8]) {
    let Some(([which, kind], bytes)) = data.split_first_chunk::<2>() else { return };
    let (past, dir) = (past(), scratch());
    let last = past.log.last().expect("a batch");
    let mut sections = past.sections.clone();
    let place = usize::from(*which) % sections.len();
    let own = sections[place].0;
    sections[place] = (if *kind < 10 { u32::from(*kind) } else { own }, bytes.to_vec());
    let mut writer = SnapshotWriter::create(dir.path(), 0, last.head()).expect("a file");
    sections.iter().for_each(|(id, bytes)| writer.section((*id, 1), bytes).expect("room"));
    let snapshot = Snapshot::open(&writer.finish().expect("written")).expect("its checksums are correct");
    match image::read(&snapshot) {
        Ok(state) => {
            look(&state);
            // Somebody goes on with it: each command of the past is run on it once more.
            for batch in past.log.iter().rev().take(9) {
                let mut state = Some(state.clone());
                if let Err(error) = recovery::replay_batch(&mut state, batch) {
                    named(&error);
                }
            }
        }
        Err(error) => named(&error),
    }
}

/// A whole log: batches behind each other, each body behind four bytes of length, every hash correct.
pub fn logs(data: &[u8]) {
    let (mut log, mut head, mut rest) = (MemoryLog::new(), Head::GENESIS, data);
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let (body, behind) = more.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX).min(more.len()));
        let batch = sealed(&head, 1_767_225_600_000, body);
        if log.append(head.seq, &batch) != Appended::Done {
            break;
        }
        head = batch.head();
        rest = behind;
    }
    let chain = verify_chain::<StoreError>(&log, 0, Head::GENESIS, |_| Ok(()));
    match recovery::recover(&log, 0, None, |_| ()) {
        Ok(recovered) => {
            assert_eq!((chain.expect("it was proven"), recovered.head), (head, head));
            recovered.state.iter().for_each(|state| {
                look(state);
            });
        }
        Err(error) => named(&error),
    }
}

/// The note of a copy: read back only as it was written.
pub fn notes(data: &[u8]) {
    let dir = scratch();
    fs::write(dir.path().join("copied.txt"), data).expect("written");
    match Note::read(dir.path()) {
        Ok(note) => {
            note.expect("there is one").write(dir.path()).expect("written");
            assert_eq!(fs::read(dir.path().join("copied.txt")).expect("a file"), data);
        }
        Err(error) => named(&error),
    }
}

/// The corpora that are made of the past, for whoever has none yet: name and bytes.
pub fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let past = past();
    let bodies: Vec<Vec<u8>> = past.log.iter().map(|batch| batch.body.clone()).collect();
    let mut all: Vec<Vec<u8>> =
        past.log.iter().flat_map(|batch| batch.records().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
    // One of each kind: the shortest there is.
    all.sort_by_key(|record| (kind(record), record.len()));
    all.dedup_by_key(|record| kind(record));
    let framed = |record: &Vec<u8>| u8::try_from(record.len()).map(|length| [&[length][..], record].concat()).ok();
    let replaced = past.sections.iter().enumerate().map(|(place, (_, bytes))| [&[place as u8, 255][..], bytes].concat());
    let whole: Vec<u8> = bodies.iter().take(12).flat_map(|body| [&(body.len() as u32).to_le_bytes()[..], body].concat()).collect();
    let dir = scratch();
    let path = image::write(dir.path(), 0, past.log[0].head(), &past.state).expect("written");
    vec![
        ("events", all.iter().filter_map(framed).collect()),
        ("batches", bodies.iter().filter(|body| body.len() < 600).step_by(6).cloned().collect()),
        ("records", all),
        ("sections", replaced.filter(|section| section.len() < 6_000).collect()),
        ("containers", vec![fs::read(path).expect("a file")]),
        ("logs", vec![whole]),
    ]
}

/// The names of a record's events.
fn kind(bytes: &[u8]) -> Vec<String> {
    let record: Option<Record> = codec::decode(bytes).ok();
    let events = record.into_iter().flat_map(|record| record.fact.events);
    events.map(|event| format!("{event:?}").chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}
