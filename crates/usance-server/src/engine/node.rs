//! This process among others on one database: it follows, takes over when nobody writes, and follows again when it has
//! ceased to be the writer (`office`). One thread walks this circle for as long as the process lives.
//!
//! Whoever takes over first takes the lease, which others watch, and then appends an epoch record, which alone makes it the
//! writer: from then on the primary key refuses every append of the writer before. After any doubt (an append whose
//! outcome nobody knows, a lost lease) a life ends and the next one begins with what the log holds. Only what no further
//! try can mend ends the process: a damaged log, a broken invariant, a newer release's data.

use super::Engine;
use super::follow::Follower;
use super::live::{Live, Shared};
use super::office::{After, Office};
use super::pool::Reads;
use super::standing::{Duty, RENEWAL, Tenure, Watch};
use super::start::{Opening, Role, SHARD, Server, Settings, check_settings, found, recovered, spawn, won};
use super::writer::SNAPSHOT_EVERY_RECORDS;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use usance_core::machine::State;
use usance_store::postgres::{ANYBODY, Lease, LeaseView, Listener};
use usance_store::recovery::{recover, recover_again};
use usance_store::round;
use usance_store::{DataDirectory, Head, Home, LogReader, LogStore, StoreError, image, snapshot};

/// How often a follower looks when no bell rings.
const LOOK: Duration = Duration::from_millis(250);
/// How often the lease is looked at while bells ring.
pub(super) const GLANCE: Duration = Duration::from_millis(50);
/// How long is waited before the next try after the database refused.
pub(super) const REST: Duration = Duration::from_millis(500);
/// How long a start waits to learn whether this process writes.
const SETTLING: Duration = Duration::from_secs(6);
/// How long the race with a writer that still appends may take.
const RACE: Duration = Duration::from_secs(10);

/// With what a follower hears of the others.
struct Ears {
    lease: Lease,
    listener: Listener,
    /// The lease as it was last looked at, and when.
    looked: Option<(Instant, Option<LeaseView>)>,
    /// When this process last told that it follows.
    told: Option<Instant>,
}

/// Why following ends.
enum Next {
    /// The process ends.
    Stop,
    /// The lease may be taken, as it was seen.
    TakeOver(Option<LeaseView>),
    /// What is here does not fit the log any more.
    Anew,
}

pub(super) struct Node {
    pub(super) engine: Engine,
    settings: Settings,
    pub(super) server: Server,
    pub(super) home: Home,
    pub(super) snapshots: PathBuf,
    /// The thread that writes one, while this process follows.
    snapshotting: Option<JoinHandle<()>>,
    /// Told once, when this process knows whether it writes.
    settled: Option<Sender<()>>,
    /// It has handed over, and nobody has taken the lease since.
    yielding: bool,
    /// The last term for which this process took the lease.
    held: Option<i64>,
}

/// Opens the store on a database server: recovers, and finds out whether this process writes.
///
/// # Errors
/// With a sentence: the server out of reach, a damaged log, a newer version, contradicting flags.
pub(super) fn open(settings: &Settings, server: &Server, directory: DataDirectory, mut seen: impl FnMut(u64)) -> anyhow::Result<Opening> {
    let home = Home::Postgres(server.postgres.clone());
    // Tables are made, or brought up, before anybody reads them.
    let mut log = home.log()?;
    drop(home.people()?);
    drop(Lease::open(&server.postgres, SHARD)?);
    let reader = home.log_reader()?;
    let (mut created, mut told) = (false, false);
    let (state, head, from_snapshot, replayed) = loop {
        let recovered = recovered(&directory, |snapshots| recover(reader.as_ref(), SHARD, Some(snapshots), &mut seen))?;
        if let Some(state) = recovered.state {
            break (state, recovered.head, recovered.from_snapshot, if created { 0 } else { recovered.replayed });
        }
        if server.role == Role::Writer {
            let (_, batch) = found(settings, recovered.head)?;
            // Somebody else may create it in the same instant; then theirs is read.
            created = won(log.append(recovered.head.seq, &batch), recovered.head.seq)?;
        } else {
            if !std::mem::replace(&mut told, true) {
                tracing::info!(store = %server.postgres, "there is no platform yet; a standby waits until a writer has created it");
            }
            std::thread::sleep(REST);
        }
    };
    drop(log);
    check_settings(settings, &state)?;
    open_tables(&home, &state)?;
    let follower = follower(settings, state, head, reader);
    let engine = Engine::new(following(&follower), Reads::of(&home, SHARD));
    let (settled, settling) = channel();
    let snapshots = directory.snapshots();
    let node = Node {
        engine: engine.clone(),
        settings: settings.clone(),
        server: server.clone(),
        home: home.clone(),
        snapshots,
        snapshotting: None,
        settled: Some(settled),
        yielding: false,
        held: None,
    };
    let threads = vec![spawn("node", move || node.run(follower))?];
    // Whoever it turns out to be, from here on it answers.
    let _ = settling.recv_timeout(SETTLING);
    Ok(Opening { engine, directory, home, created, from_snapshot, replayed, threads })
}

/// Read tables have to be there before a follower asks them; whoever writes fills them, and builds damaged ones anew.
fn open_tables(home: &Home, state: &State) -> Result<(), StoreError> {
    match home.projector(SHARD, state.registry.platform.offset) {
        Err(StoreError::Damaged { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

fn follower(settings: &Settings, state: State, head: Head, reader: Box<dyn LogReader>) -> Follower {
    let shared = Arc::new(Shared::new(state, head, settings.unconfirmed_days_max));
    Follower { shared, follows: Arc::default(), head, reader, records: 0 }
}

fn following(follower: &Follower) -> Live {
    Live { shared: Arc::clone(&follower.shared), inbox: None, duty: Duty::Follower(Arc::clone(&follower.follows)) }
}

/// Whether no further try can mend it.
pub(super) fn is_final(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::NewerVersion { .. } | StoreError::Batch(_))
}

impl Node {
    fn run(mut self, first: Follower) {
        let ending = self.engine.ending();
        // A panic of ours must not leave a process behind that follows nobody and looks alive.
        let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.walk(first)));
        ending(match walked {
            Ok(Ok(())) => "it is shutting down".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "the thread that follows the log has panicked".to_owned(),
        });
    }

    /// The circle. Ends when the process is told to stop, or with what no further try can mend.
    fn walk(&mut self, mut follower: Follower) -> anyhow::Result<()> {
        loop {
            match self.follow(&mut follower)? {
                Next::Stop => {
                    if let Some(thread) = self.snapshotting.take() {
                        let _ = thread.join();
                    }
                    keep_snapshot(&self.snapshots, follower.head, &follower.shared.state.read().clone());
                    // It would only be a name that nobody bears any more.
                    let _ = self.lease().and_then(|lease| lease.forget(&self.server.node));
                    return Ok(());
                }
                Next::Anew => follower = self.anew(&follower.shared)?,
                Next::TakeOver(seen) => match self.take_over(&mut follower, seen.as_ref()) {
                    Ok(Some(office)) => match self.write(&follower, office)? {
                        After::Stop => return Ok(()),
                        After::HandedOver => {
                            self.yielding = true;
                            // It stopped in order: its state is what the log says, unless the log can tell otherwise.
                            follower = match self.stands_at(&follower.shared) {
                                Ok(head) => self.go_on(&follower, head)?,
                                Err(_) => self.anew(&follower.shared)?,
                            };
                        }
                        After::Lost => follower = self.anew(&follower.shared)?,
                    },
                    // Somebody else was first.
                    Ok(None) => {}
                    Err(error) if is_final(&error) => follower = self.anew(&follower.shared)?,
                    Err(error) => {
                        tracing::warn!(%error, "taking over failed");
                        std::thread::sleep(REST);
                    }
                },
            }
        }
    }

    /// Begins another life with the state of one that stopped in order.
    fn go_on(&self, before: &Follower, head: Head) -> anyhow::Result<Follower> {
        let state = before.shared.state.read().clone();
        let follower = follower(&self.settings, state, head, self.home.log_reader()?);
        self.engine.begin(following(&follower));
        Ok(follower)
    }

    /// Begins another life with what the log holds; tries for as long as the database is out of reach.
    fn anew(&self, before: &Shared) -> anyhow::Result<Follower> {
        let acknowledged = before.durable.now();
        let directory = DataDirectory::open_shared(&self.settings.data)?;
        let mut failing = false;
        loop {
            let read = || -> anyhow::Result<(State, Head, Box<dyn LogReader>)> {
                let reader = self.home.log_reader()?;
                let recovered = recovered(&directory, |snapshots| recover_again(reader.as_ref(), SHARD, Some(snapshots)))?;
                Ok((recovered.state.context("the log holds no platform any more")?, recovered.head, reader))
            };
            match read() {
                Ok((state, head, reader)) => {
                    if head.seq < acknowledged {
                        tracing::error!(
                            ends_at = head.seq,
                            acknowledged,
                            "the database has lost batches that were durable: restore them from a copy of the log, if there is one"
                        );
                    }
                    let follower = follower(&self.settings, state, head, reader);
                    self.engine.begin(following(&follower));
                    return Ok(follower);
                }
                Err(error) if self.engine.is_stopping() || error.downcast_ref::<StoreError>().is_none_or(is_final) => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(error = %format!("{error:#}"), "the log cannot be read; it is tried again until it can");
                    }
                    std::thread::sleep(REST);
                }
            }
        }
    }

    /// Follows until there is something else to do.
    fn follow(&mut self, follower: &mut Follower) -> anyhow::Result<Next> {
        let mut watch = Watch::new(Instant::now());
        let mut ears: Option<Ears> = None;
        let (mut seen_held, mut quiet) = (false, true);
        self.watch_tables(follower);
        loop {
            if self.engine.is_stopping() {
                return Ok(Next::Stop);
            }
            match self.look(follower, &mut ears) {
                Ok(view) => {
                    self.snapshot_now_and_then(follower);
                    if !std::mem::replace(&mut quiet, true) {
                        tracing::info!(store = %self.server.postgres, "the database answers again");
                    }
                    let now = Instant::now();
                    let alive = watch.see(view.as_ref().map(|view| (view.term, view.beat)), now);
                    let holder = view.as_ref().and_then(|view| view.holder.as_deref());
                    if let (Some(holder), true, false) = (holder, alive, seen_held) {
                        seen_held = true;
                        let address = view.as_ref().and_then(|view| view.address.clone());
                        tracing::info!(writer = holder, address, "another instance writes; this one follows");
                        follower.follows.set_writer(address);
                        self.settle();
                    }
                    if holder.is_some() {
                        // Somebody took what was given up.
                        self.yielding = false;
                    }
                    if self.may_take(view.as_ref(), seen_held) || watch.has_lapsed(now) {
                        return Ok(Next::TakeOver(view));
                    }
                    if self.server.role == Role::Standby {
                        self.settle();
                    }
                }
                Err(error @ StoreError::NewerVersion { .. }) => return Err(error.into()),
                Err(error @ (StoreError::Damaged { .. } | StoreError::Batch(_))) => {
                    tracing::warn!(%error, "what is here does not fit the log; it is read again");
                    std::thread::sleep(REST);
                    return Ok(Next::Anew);
                }
                Err(error) => {
                    if std::mem::replace(&mut quiet, false) {
                        tracing::warn!(%error, "the database cannot be followed");
                    }
                    // What was not seen did not stand still.
                    (ears, watch) = (None, Watch::new(Instant::now()));
                    std::thread::sleep(REST);
                }
            }
        }
    }

    /// One look: waits a moment for the bell, takes what the log has more, and looks at the lease now and then.
    fn look(&self, follower: &mut Follower, ears: &mut Option<Ears>) -> Result<Option<LeaseView>, StoreError> {
        let ears = match ears {
            Some(ears) => ears,
            None => {
                let mut lease = Lease::open_to_watch(&self.server.postgres, SHARD)?;
                lease.set_patience(RENEWAL * 2);
                let listener = Listener::open(&self.server.postgres, SHARD)?;
                follower.verify_stands()?;
                ears.insert(Ears { lease, listener, looked: None, told: None })
            }
        };
        follower.catch_up()?;
        let now = Instant::now();
        let is_due = |last: Option<Instant>, every: Duration| last.is_none_or(|last| now.saturating_duration_since(last) >= every);
        let view = match ears.looked.take() {
            Some((at, view)) if !is_due(Some(at), GLANCE) => ears.looked.insert((at, view)),
            _ => ears.looked.insert((now, ears.lease.look()?)),
        };
        let view = view.1.clone();
        if is_due(ears.told, LOOK) {
            // Who cannot even leave a note could not take over.
            match ears.lease.follow(&self.server.node, self.server.address.as_deref(), follower.head.seq) {
                Ok(()) => follower.follows.set_caught_up(),
                Err(error) => tracing::debug!(%error, "no note that this instance follows"),
            }
            ears.told = Some(now);
        }
        if ears.listener.wait(LOOK).is_err() {
            // It opens itself again; meanwhile the log is looked at all the same.
            std::thread::sleep(GLANCE);
        }
        Ok(view)
    }

    /// Tells this life how far the read tables are, whoever fills them, for as long as requests see it. A thread of its own:
    /// tables that are locked or missing must not keep anybody from taking over.
    fn watch_tables(&self, follower: &Follower) {
        let (home, shared, engine) = (self.home.clone(), Arc::downgrade(&follower.shared), self.engine.clone());
        let watch = move || {
            let mut reading = None;
            while let Some(shared) = shared.upgrade().filter(|shared| engine.is_following(shared)) {
                let reached = match &reading {
                    Some(reading) => usance_store::projection::Reading::reached(reading),
                    None => home.reading(SHARD).and_then(|fresh| reading.insert(fresh).reached()),
                };
                match reached {
                    Ok(reached) => shared.projected.set(reached.seq()),
                    Err(error) => {
                        tracing::debug!(%error, "the read tables cannot be asked");
                        reading = None;
                    }
                }
                drop(shared);
                std::thread::sleep(LOOK);
            }
        };
        if let Err(error) = spawn("tables", watch) {
            tracing::warn!(%error, "how far the read tables are is not known here");
        }
    }

    fn lease(&self) -> Result<Lease, StoreError> {
        let mut lease = Lease::open(&self.server.postgres, SHARD)?;
        lease.set_patience(RENEWAL * 2);
        Ok(lease)
    }

    /// Whether the lease may be taken without waiting until it has lapsed: it was let go, and not for somebody else; or it
    /// is still this process's own, which has stopped writing.
    fn may_take(&self, view: Option<&LeaseView>, seen_held: bool) -> bool {
        match view.and_then(|view| Some((view.holder.as_deref()?, view.term))) {
            Some((holder, term)) => holder == self.server.node && self.held == Some(term),
            None => {
                let eager = seen_held || self.held.is_some() || self.server.role == Role::Writer;
                eager && !self.yielding && self.is_wanted(view)
            }
        }
    }

    /// Whether a free lease was not given up for somebody else.
    fn is_wanted(&self, view: Option<&LeaseView>) -> bool {
        view.and_then(|view| view.wanted.as_deref()).is_none_or(|wanted| wanted == ANYBODY || wanted == self.server.node)
    }

    pub(super) fn settle(&mut self) {
        if let Some(settled) = self.settled.take() {
            // Whoever waited may have gone on without.
            let _ = settled.send(());
        }
    }

    /// Takes the lease, then the log; `None` when somebody else was first.
    fn take_over(&mut self, follower: &mut Follower, seen: Option<&LeaseView>) -> Result<Option<Office>, StoreError> {
        let lease = self.lease()?;
        let asked = Instant::now();
        let Some(term) = lease.take(seen, &self.server.node, self.server.address.as_deref())? else { return Ok(None) };
        self.held = Some(term);
        match self.begin_epoch(follower, asked) {
            Ok((batch, log)) => {
                tracing::info!(node = self.server.node, term, batch, "this instance writes");
                metrics::counter!("usance_takeovers_total", "shard" => "0").increment(1);
                // It would only be the name of a follower that is none any more.
                let _ = lease.forget(&self.server.node);
                Ok(Some(Office { lease, term, tenure: Arc::new(Tenure::new(asked)), log }))
            }
            Err(error) => {
                // For whoever can do more with it.
                let _ = lease.release(term);
                Err(error)
            }
        }
    }

    /// Catches up and appends an epoch record; whoever else still appends is raced with.
    fn begin_epoch(&self, follower: &mut Follower, asked: Instant) -> Result<(u64, Box<dyn LogStore>), StoreError> {
        let mut log = self.home.log()?;
        loop {
            follower.catch_up()?;
            let (batch, event) = round::epoch(&follower.shared.state.read(), follower.head)?;
            if won(log.append(follower.head.seq, &batch), follower.head.seq)? {
                follower.began_epoch(&batch, &event);
                return Ok((batch.seq, log));
            }
            if asked.elapsed() > RACE {
                return Err(StoreError::Unknown("another writer goes on appending".to_owned()));
            }
            follower.verify_stands()?;
        }
    }

    /// Every so many records a follower, too, leaves a snapshot, by a thread of its own.
    fn snapshot_now_and_then(&mut self, follower: &mut Follower) {
        if follower.records < SNAPSHOT_EVERY_RECORDS || self.snapshotting.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        follower.records = 0;
        let (dir, head, state) = (self.snapshots.clone(), follower.head, follower.shared.state.read().clone());
        self.snapshotting = spawn("snapshots", move || keep_snapshot(&dir, head, &state)).ok();
    }
}

/// Leaves a snapshot: the next start is shorter by what it holds.
pub(super) fn keep_snapshot(dir: &Path, head: Head, state: &State) {
    let written = image::write(dir, SHARD, head, state).and_then(|_| snapshot::prune(dir, super::workers::SNAPSHOTS_KEPT));
    if let Err(error) = written {
        tracing::warn!(%error, "no snapshot; the next start runs the log instead");
    }
}
