//! Opening a data directory: lock it, recover, become the writer, start the threads.
//!
//! Clock mode and day offset are fixed when the directory is created; a flag that contradicts them is refused. A new
//! writer first appends an epoch record and answers nothing before it is durable.

use super::clock::Clock;
use super::progress::Progress;
use super::workers::{open_projector, project, write_snapshots};
use super::writer::{Writer, flush};
use super::{Engine, Pool, Shared};
use anyhow::{Context, bail};
use parking_lot::RwLock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::limits::UNCONFIRMED_CLOSE_DAYS_MAX;
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::{Answer, Event, State};
use usance_store::codec::{self, Record};
use usance_store::projection::Reading;
use usance_store::recovery::{Recovered, recover};
use usance_store::{BatchBuilder, DataDirectory, Head, LogReader, LogStore, SqliteLog, SqliteLogReader, snapshot};

/// The shard every engine runs today; many later.
pub const SHARD: u16 = 0;
/// Commands that may wait for the writer.
const INBOX: usize = 1 << 16;

/// How to open a data directory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub data: PathBuf,
    /// The clock, if the caller names one; the instant counts at creation only.
    pub clock: Option<(ClockMode, Option<Timestamp>)>,
    /// The offset, if the caller names one.
    pub day_offset: Option<DayOffset>,
    /// Days that a system clock may close at once without an operator.
    pub unconfirmed_days_max: i32,
}

impl Settings {
    /// The defaults for a directory.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Settings { data: data.into(), clock: None, day_offset: None, unconfirmed_days_max: UNCONFIRMED_CLOSE_DAYS_MAX }
    }
}

/// A running engine, what opening it found, and its threads.
pub struct Opening {
    /// The handle.
    pub engine: Engine,
    /// The directory, locked until this is dropped.
    pub directory: DataDirectory,
    /// Whether the platform was created now.
    pub created: bool,
    /// The snapshot it started from.
    pub from_snapshot: Option<Head>,
    /// Records run again.
    pub replayed: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Opening {
    /// Stops the writer, waits until everything it took is durable and in the read tables.
    pub fn shut_down(self) {
        self.engine.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Opens a data directory and starts the engine on it; `seen` is told how far a replay is.
///
/// # Errors
/// With a sentence: held by another process, damaged log, newer version, contradicting flags.
pub fn open(settings: &Settings, seen: impl FnMut(u64)) -> anyhow::Result<Opening> {
    let directory = DataDirectory::open_exclusive(&settings.data)?;
    let mut log = SqliteLog::open(&directory.log())?;
    let reader = log.reader()?;
    let recovered = recover(reader.as_ref(), SHARD, Some(&directory.snapshots()), seen).context("the log cannot be run to its end")?;
    drop(reader);
    for reason in &recovered.passed_over {
        tracing::warn!(reason, "a snapshot was passed over");
    }
    remove_passed_over(&directory, recovered.from_snapshot)?;
    let created = recovered.state.is_none();
    let (from_snapshot, replayed) = (recovered.from_snapshot, recovered.replayed);
    let (mut state, head) = platform(settings, recovered, &mut log)?;
    check_settings(settings, &state)?;
    let head = begin_epoch(&mut state, head, &mut log)?;
    let (engine, threads) = start(settings, &directory, state, head, log)?;
    Ok(Opening { engine, directory, created, from_snapshot, replayed, threads })
}

/// A snapshot that did not serve this start will not serve the next: left where it is, it would count as the one to fall
/// back on.
fn remove_passed_over(directory: &DataDirectory, used: Option<Head>) -> anyhow::Result<()> {
    let used = used.map_or(0, |head| head.seq);
    for file in snapshot::list(&directory.snapshots())?.iter().filter(|file| file.seq > used) {
        std::fs::remove_file(&file.path).with_context(|| format!("removing {}", file.path.display()))?;
    }
    Ok(())
}

/// The recovered platform, or a new one.
fn platform(settings: &Settings, recovered: Recovered, log: &mut SqliteLog) -> anyhow::Result<(State, Head)> {
    if let Some(state) = recovered.state {
        return Ok((state, recovered.head));
    }
    let (mode, instant) = settings.clock.unwrap_or((ClockMode::System, None));
    let created_at = match (mode, instant) {
        (ClockMode::Simulated, Some(instant)) => instant,
        _ => Clock::system(),
    };
    let platform =
        Platform { shard: SHARD, offset: settings.day_offset.unwrap_or_default(), clock: mode, created_at, seed: crate::random_bytes()? };
    let event = Event::PlatformCreated(Box::new(platform.clone()));
    let head = append(log, recovered.head, created_at, event)?;
    Ok((State::new(platform), head))
}

fn check_settings(settings: &Settings, state: &State) -> anyhow::Result<()> {
    let fixed = &state.registry.platform;
    if let Some((mode, _)) = settings.clock
        && mode != fixed.clock
    {
        bail!("this data directory was created with a {} clock; that cannot change", clock_word(fixed.clock));
    }
    if let Some(offset) = settings.day_offset
        && offset != fixed.offset
    {
        bail!("this data directory was created with a day offset of {} minutes; that cannot change", fixed.offset.minutes());
    }
    Ok(())
}

/// The word for a clock mode, on the wire and on the command line.
#[must_use]
pub const fn clock_word(mode: ClockMode) -> &'static str {
    match mode {
        ClockMode::System => "system",
        ClockMode::Simulated => "simulated",
    }
}

fn begin_epoch(state: &mut State, head: Head, log: &mut SqliteLog) -> anyhow::Result<Head> {
    let event = Event::WriterStarted { epoch: state.registry.counters.epoch + 1 };
    let at = state.registry.last_at;
    let head = append(log, head, at, event.clone())?;
    usance_core::machine::apply::apply(state, &event, at);
    Ok(head)
}

fn append(log: &mut dyn LogStore, head: Head, at: Timestamp, event: Event) -> anyhow::Result<Head> {
    let mut builder = BatchBuilder::new();
    let mut bytes = Vec::new();
    codec::encode(&Record { at, key: None, events: vec![event], outcome: Ok(Answer::Done) }, &mut bytes)?;
    builder.push(&bytes)?;
    let batch = builder.seal(SHARD, head.seq + 1, at.ms(), head.hash)?;
    log.append(head.seq, &batch).into_result(head.seq)?;
    Ok(batch.head())
}

fn start(
    settings: &Settings,
    directory: &DataDirectory,
    state: State,
    head: Head,
    mut log: SqliteLog,
) -> anyhow::Result<(Engine, Vec<JoinHandle<()>>)> {
    let (log_path, read_path) = (directory.log(), directory.read());
    let shared = Arc::new(Shared {
        clock: Clock::new(state.registry.platform.clock),
        state: RwLock::new(state),
        applied: AtomicU64::new(head.seq),
        durable: Progress::new(head.seq),
        projected: Progress::new(0),
        projector_failing: AtomicBool::new(false),
        stopped: RwLock::new(None),
        unconfirmed_days_max: settings.unconfirmed_days_max,
        logs: Pool::new(move || SqliteLogReader::open(&log_path).map(|reader| Box::new(reader) as Box<dyn LogReader>)),
        readings: Pool::new(move || Reading::open(&read_path, SHARD)),
    });
    let reader = SqliteLogReader::open(&directory.log())?;
    let projector = open_projector(&directory.read(), &shared, &reader)?;
    let (inbox, messages) = sync_channel(INBOX);
    let (flusher, batches) = sync_channel(1);
    let (snapshots, frozen) = sync_channel(1);
    let writer = Writer { shared: Arc::clone(&shared), inbox: messages, flusher, snapshots, head, records_since_snapshot: 0 };
    let snapshot_dir: PathBuf = directory.snapshots();
    let threads = vec![
        spawn("writer", move || writer.run())?,
        spawn("flusher", {
            let shared = Arc::clone(&shared);
            move || flush(&shared, &mut log, &batches)
        })?,
        spawn("snapshots", {
            let shared = Arc::clone(&shared);
            move || write_snapshots(&shared, &snapshot_dir, &frozen)
        })?,
        spawn("projector", {
            let shared = Arc::clone(&shared);
            move || project(&shared, &reader, projector)
        })?,
    ];
    Ok((Engine { shared, inbox }, threads))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).with_context(|| format!("starting the {name} thread"))
}

/// Reads a log without being its writer: for `verify`, `export` and `backup`.
///
/// # Errors
/// When there is no log, or it cannot be read.
pub fn log_reader(data: &Path) -> anyhow::Result<(DataDirectory, SqliteLogReader)> {
    let directory = DataDirectory::open_shared(data)?;
    let reader = SqliteLogReader::open(&directory.log())?;
    Ok((directory, reader))
}
