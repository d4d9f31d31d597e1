//! Following, as long as somebody else writes: the log is taken as it grows, the lease is watched, and the time to take over is
//! seen.
//!
//! A lease is taken at once where it was let go, otherwise when it stood still for [`LAPSE`](super::lease::LAPSE).

use super::follower::Follower;
use super::launch::spawn;
use super::lease::{LeaseWatch, RENEWAL};
use super::loss;
use super::node::{GLANCE, Node, REST, keep_snapshot};
use super::settings::{NodeRole, SHARD};
use super::writer::SNAPSHOT_EVERY_RECORDS;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usance_core::calendar::Timestamp;
use usance_store::StoreError;
use usance_store::postgres::{ANYBODY, Lease, LeaseView, Listener};

/// How often a follower looks when no bell rings.
const LOOK: Duration = Duration::from_millis(250);

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
pub(super) enum Next {
    /// The process ends.
    Stop,
    /// The lease may be taken, as it was seen.
    TakeOver(Option<LeaseView>),
    /// What is here does not fit the log any more.
    Anew,
}

impl Node {
    /// Follows until there is something else to do.
    pub(super) fn follow(&mut self, follower: &mut Follower) -> anyhow::Result<Next> {
        let mut watch = LeaseWatch::new(Instant::now());
        let mut ears: Option<Ears> = None;
        let (mut seen_held, mut quiet) = (false, true);
        if !std::mem::replace(&mut follower.is_watching_tables, true) {
            self.watch_tables(follower);
        }
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
                    if let Some(answered) = view.as_ref().and_then(|view| view.answered) {
                        follower.shared.recent.lock().answered_through(answered);
                    }
                    if let Some(clock_ms) = view.as_ref().and_then(|view| view.clock_ms)
                        && holder != Some(self.server.node.as_str())
                    {
                        // A beat that moved is of somebody who is there now; one that stands may be as old as it likes.
                        if alive {
                            follower.shared.clock.hear(clock_ms, Timestamp::from_ms(follower.head.at_ms))
                        } else {
                            follower.shared.clock.learn(clock_ms)
                        }
                    }
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
                    if self.server.role == NodeRole::Standby {
                        self.settle();
                    }
                }
                Err(error @ (StoreError::NewerVersion { .. } | StoreError::Pooled { .. })) => return Err(error.into()),
                Err(error @ (StoreError::Damaged { .. } | StoreError::Batch(_))) => {
                    tracing::warn!(%error, "what is here does not fit the log");
                    std::thread::sleep(REST);
                    return Ok(Next::Anew);
                }
                Err(error) => {
                    if std::mem::replace(&mut quiet, false) {
                        tracing::warn!(%error, "the database cannot be followed");
                    }
                    self.server.postgres.doubt();
                    // What was not seen did not stand still.
                    (ears, watch) = (None, LeaseWatch::new(Instant::now()));
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
                // All connections of this life lead to the server that keeps the lease, from here on.
                self.server.postgres.pin(None);
                let mut lease = Lease::open_to_watch(&self.server.postgres, SHARD)?;
                lease.set_patience(RENEWAL * 2);
                self.server.postgres.pin(Some(lease.server()?));
                let listener = Listener::open(&self.server.postgres, SHARD)?;
                follower.verify_stands()?;
                ears.insert(Ears { lease, listener, looked: None, told: None })
            }
        };
        follower.catch_up()?;
        let now = Instant::now();
        let is_due = |last: Option<Instant>, every: Duration| last.is_none_or(|last| now.saturating_duration_since(last) >= every);
        let is_first = ears.looked.is_none();
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
            self.look_aside(follower)?;
        }
        // What the first look finds may be acted on at once.
        if !is_first && ears.listener.wait(LOOK).is_err() {
            // It opens itself again; meanwhile the log is looked at all the same.
            std::thread::sleep(GLANCE);
        }
        Ok(view)
    }

    /// What may have changed beside the log: the machine's clock, and whether what was lost is settled, by whoever did it.
    fn look_aside(&self, follower: &Follower) -> Result<(), StoreError> {
        if let Some(state) = follower.shared.state.try_read() {
            follower.shared.clock.look(&state);
        }
        let lasting = follower.shared.lasting();
        if lasting.lost.lock().is_some() {
            loss::settle(&lasting, self.home.log()?.as_ref(), Vec::new())?;
        }
        Ok(())
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
                    Ok(reached) => shared.projected.put(reached.seq()),
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

    /// Whether the lease may be taken without waiting until it has lapsed: it was let go, and not for somebody else; or it
    /// is still this process's own, which has stopped writing.
    fn may_take(&self, view: Option<&LeaseView>, seen_held: bool) -> bool {
        match view.and_then(|view| Some((view.holder.as_deref()?, view.term))) {
            Some((holder, term)) => holder == self.server.node && self.held == Some(term),
            None => {
                let eager = seen_held || self.held.is_some() || self.server.role == NodeRole::Writer;
                eager && !self.yielding && self.is_wanted(view)
            }
        }
    }

    /// Whether a free lease was not given up for somebody else.
    fn is_wanted(&self, view: Option<&LeaseView>) -> bool {
        view.and_then(|view| view.wanted.as_deref()).is_none_or(|wanted| wanted == ANYBODY || wanted == self.server.node)
    }

    /// Every so many records a follower, too, leaves a snapshot, by a thread of its own.
    fn snapshot_now_and_then(&mut self, follower: &mut Follower) {
        if follower.records < SNAPSHOT_EVERY_RECORDS || self.snapshotting.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        follower.records = 0;
        let (dir, head, state) = (self.snapshots.clone(), follower.head, follower.shared.frozen());
        self.snapshotting = spawn("snapshots", move || keep_snapshot(&dir, head, state)).ok();
    }
}
