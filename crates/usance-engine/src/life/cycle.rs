//! The way of a process among others: it follows, takes over when nobody writes, writes, and follows again when it has ceased
//! to be the writer. One thread walks this circle for as long as the process lives.
//!
//! After any doubt (an append whose outcome nobody knows, a lost lease) a life ends and the next one begins with what the log
//! holds. Only what no further try can mend ends the process: a damaged log, a broken invariant, a newer release's data.

use super::engine::Engine;
use super::follow::Next;
use super::follower::Follower;
use super::launch::spawn;
use super::lease::Duty;
use super::live::{Live, Shared};
use super::node::{Node, REST, is_final, keep_snapshot};
use super::pool::Reads;
use super::recovering::{check_settings, found, recovered, won};
use super::settings::{NodeRole, SHARD, Server, Settings};
use super::started::Started;
use super::write::Ended;
use anyhow::Context;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use usance_core::machine::State;
use usance_store::postgres::Lease;
use usance_store::recovery::{recover, recover_again};
use usance_store::{DataDirectory, Head, Home, LogReader, StoreError};

/// How long a start waits to learn whether this process writes.
const SETTLING: Duration = Duration::from_secs(6);

/// Opens the store on a database server: recovers, and finds out whether this process writes.
///
/// # Errors
/// With a sentence: the server out of reach, a damaged log, a newer version, contradicting flags.
pub(super) fn open(settings: &Settings, server: &Server, directory: DataDirectory, mut seen: impl FnMut(u64)) -> anyhow::Result<Started> {
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
    Ok(Started { engine, directory, home, created, from_snapshot, replayed, threads })
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
                    Ok(Some(leadership)) => match self.write(&follower, leadership)? {
                        Ended::Stop => return Ok(()),
                        Ended::HandedOver => {
                            self.yielding = true;
                            // It stopped in order: its state is what the log says, unless the log can tell otherwise.
                            follower = match self.stands_at(&follower.shared) {
                                Ok(head) => self.go_on(&follower, head)?,
                                Err(_) => self.anew(&follower.shared)?,
                            };
                        }
                        Ended::Lost => follower = self.anew(&follower.shared)?,
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
}
