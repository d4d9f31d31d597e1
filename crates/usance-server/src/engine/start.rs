//! Opening a store: recover, become the writer, start the threads.
//!
//! Clock mode and day offset are fixed when the platform is created; a flag that contradicts them is refused. A new writer
//! first appends an epoch record and answers nothing before it is durable. On an embedded store the data directory is
//! locked and its opener is the writer, and a copy that is not what its note says is refused; on a database server the first
//! duty is [`super::node`]'s to find.

use super::clock::Clock;
use super::live::{Live, Shared};
use super::pool::Reads;
use super::standing::Duty;
use super::workers::{open_projector, open_projector_at_last, project, write_snapshots};
use super::writer::{Message, Writer, flush};
use super::{Engine, node};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::limits::UNCONFIRMED_CLOSE_DAYS_MAX;
use usance_core::machine::State;
use usance_core::machine::state::{ClockMode, Platform};
use usance_store::recovery::{Recovered, recover};
use usance_store::round;
use usance_store::{Appended, Batch, DataDirectory, Head, Home, LogStore, Note, Postgres, StoreError, snapshot};

/// The shard every engine runs today; many later.
pub const SHARD: u16 = 0;
/// Commands that may wait for the writer.
const INBOX: usize = 1 << 16;

/// How a process begins on a database that several can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Creates the platform where there is none, and writes at once unless somebody else does.
    Writer,
    /// Creates nothing, and writes only after it has seen that nobody else does.
    Standby,
}

/// A database server as the store, and this process on it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub postgres: Postgres,
    /// How this process begins.
    pub role: Role,
    /// What this process is called.
    pub node: String,
    /// Where clients reach this process, when it says so.
    pub address: Option<String>,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory: on an embedded store everything, otherwise snapshots only.
    pub data: PathBuf,
    /// The database server, unless the store is embedded.
    pub server: Option<Server>,
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
        Settings { data: data.into(), server: None, clock: None, day_offset: None, unconfirmed_days_max: UNCONFIRMED_CLOSE_DAYS_MAX }
    }
}

/// A running engine, what opening it found, and its threads.
pub struct Opening {
    /// The handle.
    pub engine: Engine,
    /// The directory, locked until this is dropped.
    pub directory: DataDirectory,
    /// Where log, tables and people lie.
    pub home: Home,
    /// Whether the platform was created now.
    pub created: bool,
    /// The snapshot it started from.
    pub from_snapshot: Option<Head>,
    /// Records run again.
    pub replayed: u64,
    pub(super) threads: Vec<JoinHandle<()>>,
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

/// Opens a store and starts the engine on it; `seen` is told how far a replay is.
///
/// # Errors
/// With a sentence: held by another process, damaged log, newer version, a copy that lost something, contradicting flags, a
/// server out of reach.
pub fn open(settings: &Settings, seen: impl FnMut(u64)) -> anyhow::Result<Opening> {
    let directory = DataDirectory::open_exclusive(&settings.data)?;
    match &settings.server {
        None => embedded(settings, directory, seen),
        Some(_) if directory.log().exists() => bail!(
            "{} holds an embedded platform; name another directory with --data (only snapshots will lie there)",
            directory.path().display()
        ),
        Some(server) => node::open(settings, server, directory, seen),
    }
}

/// How many batches the log of a store holds, 0 where that cannot be told.
#[must_use]
pub fn log_length(settings: &Settings) -> u64 {
    let home = match &settings.server {
        Some(server) => Ok(Home::Postgres(server.postgres.clone())),
        None => DataDirectory::open_shared(&settings.data).map(|directory| Home::embedded(&directory)),
    };
    let head = home.and_then(|home| home.log_reader()).and_then(|reader| reader.head(SHARD));
    head.ok().flatten().map_or(0, |head| head.seq)
}

fn embedded(settings: &Settings, directory: DataDirectory, seen: impl FnMut(u64)) -> anyhow::Result<Opening> {
    let home = Home::embedded(&directory);
    // Before anything is opened for writing, or put aside: a copy that lost something is left as it is.
    Note::expect(&directory, SHARD)?;
    let mut log = home.log()?;
    let reader = log.reader()?;
    let recovered = recovered(&directory, |snapshots| recover(reader.as_ref(), SHARD, Some(snapshots), seen))?;
    drop(reader);
    let created = recovered.state.is_none();
    let (from_snapshot, replayed) = (recovered.from_snapshot, recovered.replayed);
    let (mut state, head) = match recovered.state {
        Some(state) => (state, recovered.head),
        None => {
            let (state, batch) = found(settings, recovered.head)?;
            log.append(recovered.head.seq, &batch).into_result(recovered.head.seq)?;
            (state, batch.head())
        }
    };
    check_settings(settings, &state)?;
    let (batch, event) = round::epoch(&state, head)?;
    // From here on a copy is a platform of its own.
    Note::forget(directory.path())?;
    log.append(head.seq, &batch).into_result(head.seq)?;
    let at = state.registry.last_at;
    usance_core::machine::apply::apply(&mut state, &event, at);
    let shared = Arc::new(Shared::new(state, batch.head(), settings.unconfirmed_days_max));
    let reads = Reads::of(&home, SHARD);
    let (inbox, messages) = inbox();
    let engine = Engine::new(Live { shared: Arc::clone(&shared), inbox: Some(inbox), duty: Duty::Sole }, reads);
    let ending = engine.ending();
    let threads = launch(&shared, &home, &directory.snapshots(), batch.head(), log, messages, Tables::Now, ending)?;
    Ok(Opening { engine, directory, home, created, from_snapshot, replayed, threads })
}

/// Recovers from the newest snapshot that fits the log, and puts those that do not aside.
pub(super) fn recovered(
    directory: &DataDirectory,
    recover: impl FnOnce(&Path) -> Result<Recovered, StoreError>,
) -> anyhow::Result<Recovered> {
    let recovered = recover(&directory.snapshots()).context("the log cannot be run to its end")?;
    for reason in &recovered.passed_over {
        tracing::warn!(reason, "a snapshot was passed over");
    }
    set_aside(directory, recovered.from_snapshot)?;
    Ok(recovered)
}

/// A snapshot that did not serve this start will not serve the next: left where it is, it would count as the one to fall
/// back on. It is kept under another name: ahead of its log it may be the last that knows what the log has lost.
fn set_aside(directory: &DataDirectory, used: Option<Head>) -> anyhow::Result<()> {
    let used = used.map_or(0, |head| head.seq);
    for file in snapshot::list(&directory.snapshots())?.iter().filter(|file| file.seq > used) {
        std::fs::rename(&file.path, file.path.with_extension("aside")).with_context(|| format!("renaming {}", file.path.display()))?;
    }
    Ok(())
}

/// A new platform, and the batch that creates it.
pub(super) fn found(settings: &Settings, head: Head) -> anyhow::Result<(State, Batch)> {
    let (mode, instant) = settings.clock.unwrap_or((ClockMode::System, None));
    let created_at = match (mode, instant) {
        (ClockMode::Simulated, Some(instant)) => instant,
        _ => Clock::system(),
    };
    let platform =
        Platform { shard: SHARD, offset: settings.day_offset.unwrap_or_default(), clock: mode, created_at, seed: crate::random_bytes()? };
    Ok(round::founding(platform, head)?)
}

/// Refuses flags that contradict what was chosen when the platform was created.
pub(super) fn check_settings(settings: &Settings, state: &State) -> anyhow::Result<()> {
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

/// Where commands go, and where the writer finds them.
pub(super) fn inbox() -> (SyncSender<Message>, std::sync::mpsc::Receiver<Message>) {
    sync_channel(INBOX)
}

/// When the read tables are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// Before anything is started: without them nothing is.
    Now,
    /// Beside the writer, which waits for nothing: they may have to be built anew.
    Later,
}

/// Starts the writer and what follows it, on a state that stands at the end of the log; `ended` is told why the writer
/// stopped. The writer's and the flusher's threads come first.
#[allow(clippy::too_many_arguments)]
pub(super) fn launch(
    shared: &Arc<Shared>,
    home: &Home,
    snapshot_dir: &Path,
    head: Head,
    mut log: Box<dyn LogStore>,
    messages: std::sync::mpsc::Receiver<Message>,
    tables: Tables,
    ended: impl FnOnce(String) + Send + 'static,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let reader = log.reader()?;
    let projector = match tables {
        Tables::Now => Some(open_projector(home, shared, reader.as_ref())?),
        Tables::Later => None,
    };
    let (flusher, batches) = sync_channel(1);
    let (snapshots, frozen) = sync_channel(1);
    let writer = Writer { shared: Arc::clone(shared), inbox: messages, flusher, snapshots, head, records_since_snapshot: 0 };
    let snapshot_dir = snapshot_dir.to_owned();
    Ok(vec![
        spawn("writer", move || writer.run())?,
        spawn("flusher", {
            let shared = Arc::clone(shared);
            move || {
                flush(&shared, log.as_mut(), &batches);
                // It stopped first, or it finds nobody behind its next batch.
                drop(batches);
                ended(shared.stopped.read().clone().unwrap_or_else(|| "it is shutting down".into()));
            }
        })?,
        spawn("snapshots", {
            let shared = Arc::clone(shared);
            move || write_snapshots(&shared, &snapshot_dir, &frozen)
        })?,
        spawn("projector", {
            let (shared, home) = (Arc::clone(shared), home.clone());
            move || match projector.or_else(|| open_projector_at_last(&home, &shared, reader.as_ref())) {
                Some(projector) => project(&shared, reader.as_ref(), projector),
                None => shared.projected.end(),
            }
        })?,
    ])
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).with_context(|| format!("starting the {name} thread"))
}

/// What became of an append that several processes may be at.
pub(super) fn won(appended: Appended, expected_seq: u64) -> Result<bool, StoreError> {
    match appended {
        Appended::Fenced { .. } => Ok(false),
        other => other.into_result(expected_seq).map(|()| true),
    }
}
