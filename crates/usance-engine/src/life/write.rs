//! Leadership: from the epoch record that made this process the writer until something ends it, and the order in which it ends.
//!
//! Owns what keeps it alive (the lease is renewed, the bell is rung) and what ends it: a handover that somebody asks
//! for, a lease that is lost or in doubt, a writer that stopped, a signal. In the end nothing is answered as current any
//! more, what was taken is finished, another may write, and only then is waited for what follows the log.

use super::follower::Follower;
use super::launch::{Launch, Tables, WRITING_THREADS, inbox, join_within, launch, spawn};
use super::lease::{Duty, LAPSE, LeaderLease, RENEWAL};
use super::live::{Live, Shared};
use super::message::Message;
use super::node::{Node, REST, is_final, keep_snapshot};
use super::settings::SHARD;
use super::workers::wait;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use usance_store::postgres::{Herald, Lease, Renewed};
use usance_store::{LogStore, StoreError};

/// How long the bell rests: appends in between are told together.
const BELL_REST: Duration = Duration::from_millis(2);

/// What a process has that became the writer.
pub(super) struct Leadership {
    pub lease: Lease,
    /// The lease's own count of those who took it.
    pub term: i64,
    /// Until when this process may believe to hold it.
    pub held: Arc<LeaderLease>,
    pub log: Box<dyn LogStore>,
}

/// What ends leadership.
enum StepDown {
    /// Somebody asks for a handover.
    Wanted,
    /// Another process has the lease.
    LeaseLost,
    /// Nobody can say whether this process is still the writer, and why.
    InDoubt(String),
    /// The writer stopped, and why.
    Stopped(String),
}

/// Where a thread tells what it sees, and at its end that it is gone.
struct TellsAtTheEnd(Sender<StepDown>);

impl TellsAtTheEnd {
    fn send(&self, reason: StepDown) {
        // Whoever has heard enough hears no more.
        let _ = self.0.send(reason);
    }
}

impl Drop for TellsAtTheEnd {
    fn drop(&mut self) {
        self.send(StepDown::InDoubt("the thread that renews the lease has ended".to_owned()));
    }
}

/// How leadership ended.
pub(super) enum Ended {
    Stop,
    /// In order, because somebody asked for it.
    HandedOver,
    Lost,
}

impl Node {
    /// Writes until something ends it.
    pub(super) fn write(&mut self, follower: &Follower, leadership: Leadership) -> anyhow::Result<Ended> {
        let Leadership { lease, term, held, log } = leadership;
        let shared = &follower.shared;
        let (reasons, reason_given) = channel();
        let (inbox, messages) = inbox();
        let stopped = {
            let reasons = reasons.clone();
            move |why| drop(reasons.send(StepDown::Stopped(why)))
        };
        let life = Launch {
            shared: Arc::clone(shared),
            home: self.home.clone(),
            snapshots: self.snapshots.clone(),
            head: follower.head,
            log,
            messages,
            tables: Tables::Later,
        };
        let launched = launch(life, stopped);
        let mut threads = match launched {
            Ok(threads) => threads,
            Err(error) if error.downcast_ref::<StoreError>().is_some_and(|error| !is_final(error)) => {
                tracing::warn!(error = %format!("{error:#}"), "writing could not begin");
                let _ = lease.release(term);
                std::thread::sleep(REST);
                return Ok(Ended::Lost);
            }
            Err(error) => return Err(error),
        };
        threads.push(self.ring(shared)?);
        let (let_go, until) = channel();
        // Whoever has lost the lease writes no people either, wherever it was held up.
        self.server.postgres.write_people_as(SHARD, term, &self.server.node);
        // Tokens that others made or revoked a moment ago are known before anybody is answered.
        self.engine.prepare_to_write();
        let keeper = self.keep(lease, term, &held, shared, reasons, until)?;
        self.engine.begin(Live { shared: Arc::clone(shared), inbox: Some(inbox.clone()), duty: Duty::Writer(Arc::clone(&held)) });
        self.settle();
        if self.engine.is_stopping() {
            shared.ending.store(true, Ordering::Release);
            // It was told so while it was nobody's to tell.
            let _ = inbox.send(Message::Stop);
        }
        let reason = reason_given.recv().unwrap_or(StepDown::LeaseLost);
        // In this order: nothing is answered as current any more, what was taken is finished, another may write, and only
        // then is waited for what follows the log.
        held.end();
        shared.ending.store(true, Ordering::Release);
        self.engine.begin(Live { shared: Arc::clone(shared), inbox: None, duty: Duty::Follower(Arc::clone(&follower.follows)) });
        let _ = inbox.send(Message::Stop);
        let behind = threads.split_off(WRITING_THREADS.min(threads.len()));
        for thread in threads {
            let _ = thread.join();
        }
        drop(let_go);
        if let Ok(Some(lease)) = keeper.join() {
            // Whoever follows is told at once; whoever is not looks a moment later.
            let released = lease.release(term).and_then(|()| Herald::open(&self.server.postgres, SHARD)?.tell());
            if let Err(error) = released {
                tracing::warn!(%error, "the lease was not released; it lapses by itself");
            }
        }
        let is_stopping = self.engine.is_stopping();
        if is_stopping {
            match self.stands_at(shared) {
                Ok(Some(head)) => keep_snapshot(&self.snapshots, head, shared.frozen()),
                Ok(None) => tracing::warn!("no snapshot at the end: the log does not end where this instance stopped"),
                Err(error) => tracing::warn!(%error, "no snapshot at the end"),
            }
            join_within(behind);
        }
        Ok(match reason {
            _ if is_stopping => Ended::Stop,
            StepDown::Stopped(why) if !shared.is_sound(&shared.state.read()) => anyhow::bail!("{why}"),
            StepDown::Stopped(why) => {
                tracing::error!(why, "this instance has stopped writing; it looks at the log again");
                Ended::Lost
            }
            StepDown::Wanted => Ended::HandedOver,
            StepDown::LeaseLost => {
                tracing::warn!("another instance has taken over; this one follows");
                Ended::Lost
            }
            StepDown::InDoubt(why) => {
                tracing::error!(why, "this instance cannot be sure that it is the writer; it looks at the log again");
                Ended::Lost
            }
        })
    }

    /// Renews the lease until it is let go or lost; gives it back.
    fn keep(
        &self,
        lease: Lease,
        term: i64,
        held: &Arc<LeaderLease>,
        shared: &Arc<Shared>,
        reasons: Sender<StepDown>,
        until: Receiver<()>,
    ) -> anyhow::Result<JoinHandle<Option<Lease>>> {
        let (held, node, shared) = (Arc::clone(held), self.server.node.clone(), Arc::clone(shared));
        let keep = move || {
            // However this thread ends, by a panic of ours too, the writer hears of it.
            let tell = TellsAtTheEnd(reasons);
            let (mut renewed, mut failing) = (Instant::now(), false);
            loop {
                let asked = Instant::now();
                let durable = shared.recent.lock().answered().unwrap_or_default();
                // Never the state's lock: a close holds it, and a lease must not lapse for that.
                match lease.renew(term, shared.clock.known().ms(), durable.seq) {
                    Ok(Renewed::Kept { wanted, ends_at }) => {
                        if let Some(how) = shared.recent.lock().contradicts(durable, ends_at) {
                            held.end();
                            tell.send(StepDown::InDoubt(how));
                            return Some(lease);
                        }
                        held.renewed(asked);
                        (renewed, failing) = (asked, false);
                        if wanted.is_some_and(|wanted| wanted != node) {
                            // Sent again until it is heeded; whoever hears it first ends this.
                            tell.send(StepDown::Wanted);
                        }
                    }
                    Ok(Renewed::Lost) => {
                        held.end();
                        tell.send(StepDown::LeaseLost);
                        return None;
                    }
                    // Batches may go to one server while the lease is asked of another.
                    Err(error @ StoreError::OtherServer { .. }) => {
                        held.end();
                        tell.send(StepDown::InDoubt(error.to_string()));
                        return Some(lease);
                    }
                    // The next try opens a new connection, if that is what it takes. Said once an outage.
                    Err(error) if !std::mem::replace(&mut failing, true) => tracing::warn!(%error, "the lease could not be renewed"),
                    Err(_) => {}
                }
                if renewed.elapsed() > LAPSE {
                    tell.send(StepDown::InDoubt(format!("the lease was not renewed for {} s", LAPSE.as_secs())));
                }
                if !matches!(until.recv_timeout(RENEWAL), Err(RecvTimeoutError::Timeout)) {
                    return Some(lease);
                }
            }
        };
        std::thread::Builder::new().name("lease".to_owned()).spawn(keep).context("starting the lease thread")
    }

    /// Rings the bell for followers after each append. Nobody relies on it.
    fn ring(&self, shared: &Arc<Shared>) -> anyhow::Result<JoinHandle<()>> {
        let (shared, postgres) = (Arc::clone(shared), self.server.postgres.clone());
        spawn("herald", move || {
            let mut herald: Option<Herald> = None;
            let mut told = shared.durable.now();
            while wait(shared.durable.reached(told + 1)) {
                told = shared.durable.now();
                let rung = match &herald {
                    Some(herald) => herald.tell(),
                    None => Herald::open(&postgres, SHARD).and_then(|fresh| herald.insert(fresh).tell()),
                };
                if rung.is_err() {
                    herald = None;
                    std::thread::sleep(REST);
                }
                std::thread::sleep(BELL_REST);
            }
        })
    }
}
