//! The way of a process among others: it follows, takes over when nobody writes, writes, and follows again when it has ceased
//! to be the writer. One thread walks this circle for as long as the process lives.
//!
//! After any doubt (an append whose outcome nobody knows, a lost lease) a life ends. The next one goes on with the same state where the
//! log ends with what this process sealed; otherwise it begins with what the log holds. Only what no further try can mend ends the
//! process: a damaged log, a broken invariant, a newer release's data, a pooler in between.

use super::engine::Engine;
use super::follow::Next;
use super::follower::Follower;
use super::launch::spawn;
use super::lease::{Duty, Following};
use super::live::{Lasting, Live, Shared};
use super::loss;
use super::node::{Node, REST, is_final, keep_snapshot};
use super::pool::Reads;
use super::proof;
use super::recovering::{check_settings, found, recovered, recovered_at_start, won};
use super::settings::{NodeRole, SHARD, Server, Settings};
use super::started::Started;
use super::write::Ended;
use anyhow::Context;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use usance_core::machine::State;
use usance_store::postgres::Lease;
use usance_store::recovery::recover_again;
use usance_store::{DataDirectory, Head, Home, LogReader, StoreError, recent};

/// How long a start waits to learn whether this process writes.
const SETTLING: Duration = Duration::from_secs(6);

/// Opens the store on a database server: recovers, and finds out whether this process writes.
///
/// # Errors
/// With a sentence: the server out of reach, a damaged log, a newer version, contradicting flags.
pub(super) fn open(settings: &Settings, server: &Server, directory: DataDirectory, mut seen: impl FnMut(u64)) -> anyhow::Result<Started> {
    let home = Home::Postgres(server.postgres.clone());
    server.postgres.expect_lasting_sessions()?;
    // Tables are made, or brought up, before anybody reads them.
    let mut log = home.log()?;
    drop(home.people()?);
    drop(Lease::open(&server.postgres, SHARD)?);
    let reader = home.log_reader()?;
    let (mut created, mut told) = (false, false);
    let (state, found, believed, replayed) = loop {
        let (mut recovered, believed) = recovered_at_start(settings, &directory, reader.as_ref(), &mut seen)?;
        if let Some(state) = recovered.state.take() {
            let replayed = if created { 0 } else { recovered.replayed };
            break (state, recovered, believed, replayed);
        }
        if server.role == NodeRole::Writer {
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
    check_settings(settings, &state)?;
    open_tables(&home, &state)?;
    let lasting = Lasting::new(state.registry.platform.clock, recent::BYTES_MAX);
    loss::remember(&lasting, directory.path(), log.as_ref(), &found)?;
    drop(log);
    fill(&lasting, reader.as_ref());
    let (from_snapshot, follower) = (found.from_snapshot, follower(&lasting, state, found.head, reader));
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
        told_lost: None,
    };
    let known_end = loss::keep_known_end(&engine, &home, directory.path().to_path_buf(), settings.secrets.clone());
    let prover = proof::begin(&engine, &home, &lasting, believed, found.proven_from)?;
    let mut threads = vec![spawn("node", move || node.run(follower))?, spawn("known-end", known_end)?];
    threads.extend(prover);
    // Whoever it turns out to be, from here on it answers.
    let _ = settling.recv_timeout(SETTLING);
    Ok(Started { engine, directory, home, created, from_snapshot, replayed, first_to_end: 1, threads })
}

/// Read tables have to be there before a follower asks them; whoever writes fills them, and builds damaged ones anew.
fn open_tables(home: &Home, state: &State) -> Result<(), StoreError> {
    match home.projector(SHARD, state.registry.platform.offset) {
        Err(StoreError::Damaged { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

fn follower(lasting: &Lasting, state: State, head: Head, reader: Box<dyn LogReader>) -> Follower {
    let follows = Arc::new(Following::new(Arc::clone(&lasting.lost)));
    Follower { shared: Arc::new(Shared::new(state, head, lasting)), follows, head, reader, records: 0, is_watching_tables: false }
}

fn following(follower: &Follower) -> Live {
    Live { shared: Arc::clone(&follower.shared), inbox: None, duty: Duty::Follower(Arc::clone(&follower.follows)) }
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
                    keep_snapshot(&self.snapshots, follower.head, follower.shared.frozen());
                    // It would only be a name that nobody bears any more.
                    let _ = self.lease().and_then(|lease| lease.forget(&self.server.node));
                    return Ok(());
                }
                Next::Anew => follower = self.next_life(follower)?,
                Next::TakeOver(seen) => match self.take_over(&mut follower, seen.as_ref()) {
                    Ok(Some(leadership)) => match self.write(&follower, leadership)? {
                        Ended::Stop => return Ok(()),
                        Ended::HandedOver => {
                            self.yielding = true;
                            follower = self.next_life(follower)?;
                        }
                        Ended::Lost => {
                            self.server.postgres.doubt();
                            follower = self.next_life(follower)?;
                        }
                    },
                    // Somebody else was first.
                    Ok(None) => {}
                    Err(error) if is_final(&error) => follower = self.next_life(follower)?,
                    Err(error) => {
                        tracing::warn!(%error, "taking over failed");
                        self.server.postgres.doubt();
                        std::thread::sleep(REST);
                    }
                },
            }
        }
    }

    /// Begins another life: with the state of the one before where the log holds all of it, or can be given it again; otherwise with what
    /// the log holds. Tries for as long as the database is out of reach.
    fn next_life(&self, before: Follower) -> anyhow::Result<Follower> {
        let mut failing = false;
        loop {
            // Whichever server answers now.
            self.server.postgres.pin(None);
            match self.completed(&before.shared) {
                Ok(Some(head)) => return self.go_on(&before, head),
                Ok(None) => return self.anew(before),
                Err(error) if is_final(&error) => return self.anew(before),
                Err(error) if self.engine.is_stopping() => return Err(error.into()),
                Err(error) => {
                    told_once(&mut failing, &error);
                    self.server.postgres.doubt();
                    std::thread::sleep(REST);
                }
            }
        }
    }

    /// Puts into the log what this process decided, or followed, and the log lacks; gives its end where that is what the state stands at.
    fn completed(&self, shared: &Shared) -> Result<Option<Head>, StoreError> {
        let mut log = self.home.log()?;
        if loss::missing(&shared.lasting(), log.as_mut())?.is_some() || !shared.is_sound(&shared.state.read()) {
            return Ok(None);
        }
        let unfinished = shared.unfinished.lock();
        if shared.recent.lock().complete(log.as_mut(), SHARD, &unfinished)?.is_none() {
            return Ok(None);
        }
        self.stands_at(shared)
    }

    /// Begins another life with the state of one whose end is the log's.
    fn go_on(&self, before: &Follower, head: Head) -> anyhow::Result<Follower> {
        let state = before.shared.state.read().clone();
        let follower = follower(&before.shared.lasting(), state, head, self.home.log_reader()?);
        self.engine.begin(following(&follower));
        Ok(follower)
    }

    /// Begins another life with what the log holds; tries for as long as the database is out of reach. The state before is given up
    /// first: there is room for one. Meanwhile nobody is shown anything.
    fn anew(&self, before: Follower) -> anyhow::Result<Follower> {
        let lasting = before.shared.lasting();
        let hollow = Arc::new(Shared::hollow(&before.shared.state.read(), &lasting));
        let follows = Arc::clone(&before.follows);
        self.engine.begin(Live { shared: hollow, inbox: None, duty: Duty::Follower(follows) });
        drop(before);
        tracing::info!("the log is read again");
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
                    lasting.recent.lock().see(head);
                    loss::settle(&lasting, self.home.log()?.as_ref(), Vec::new())?;
                    fill(&lasting, reader.as_ref());
                    let follower = follower(&lasting, state, head, reader);
                    self.engine.begin(following(&follower));
                    return Ok(follower);
                }
                Err(error) if self.engine.is_stopping() || error.downcast_ref::<StoreError>().is_none_or(is_final) => return Err(error),
                Err(error) => {
                    told_once(&mut failing, &error);
                    std::thread::sleep(REST);
                }
            }
        }
    }
}

/// Takes the end of the log into memory. Without it less can be put back, and nothing else is worse.
fn fill(lasting: &Lasting, reader: &dyn LogReader) {
    if let Err(error) = lasting.recent.lock().fill(reader, SHARD) {
        tracing::warn!(%error, "the end of the log is not kept in memory");
    }
}

fn told_once(failing: &mut bool, error: &impl std::fmt::Display) {
    if !std::mem::replace(failing, true) {
        tracing::warn!(error = %format!("{error:#}"), "the log cannot be read; it is tried again until it can");
    }
}
