//! The handle on the running machine: whichever life is the present one, what this process is to the log, how far its threads
//! are, and how it ends. [`crate::submit`] and [`crate::read`] are what it is used for.

use super::clock::EngineClock;
use super::gate::Gate;
use super::lease::Duty;
use super::live::{Lasting, Live, Shared};
use super::message::Message;
use super::pool::{CONNECTIONS_MAX, Reads};
use super::progress::Progress;
use super::watching::Watcher;
use crate::unavailable::Unavailable;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use usance_core::id::CustomerIx;

/// How long a read waits for a renewal of the lease that is late.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(1);
/// How long the answer to a repeated key waits for a place among those that are looked up.
const REPEAT_PATIENCE: Duration = Duration::from_millis(500);

/// Positions that a customer may have at a time, unless it is said otherwise.
pub const POSITIONS_MAX: usize = 10_000;

/// A handle to the running machine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    live: RwLock<Arc<Live>>,
    pub(crate) reads: Reads,
    /// For records that repeated keys point to.
    pub(crate) repeats: Gate,
    /// Ends when the process is to end.
    ended: Progress,
    /// Why it ended by itself.
    why: RwLock<Option<String>>,
    /// Ends when somebody asks it to stop.
    stopping: Progress,
    /// How many positions a customer may have at a time.
    positions_max: AtomicUsize,
    /// What is done before this process begins to answer as the writer.
    before_writing: RwLock<Option<Work>>,
}

type Work = Arc<dyn Fn() + Send + Sync>;

/// A moment in which reads are current, or are not: asked before and after a request is answered.
#[derive(Clone)]
pub struct Moment(Arc<Live>);

impl Moment {
    /// What this process was to the log in that moment.
    #[must_use]
    pub fn duty(&self) -> &Duty {
        &self.0.duty
    }
}

/// A handle on an engine, as long as there is one.
pub(crate) struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    pub fn upgrade(&self) -> Option<Engine> {
        self.0.upgrade().map(|inner| Engine { inner })
    }
}

impl Engine {
    pub(crate) fn new(live: Live, reads: Reads) -> Self {
        let inner = Inner {
            live: RwLock::new(Arc::new(live)),
            reads,
            repeats: Gate::new(CONNECTIONS_MAX, REPEAT_PATIENCE),
            ended: Progress::new(0),
            why: RwLock::new(None),
            stopping: Progress::new(0),
            positions_max: AtomicUsize::new(POSITIONS_MAX),
            before_writing: RwLock::new(None),
        };
        Engine { inner: Arc::new(inner) }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.inner.live.read())
    }

    /// Begins another life: requests that come from now on see that one.
    pub(crate) fn begin(&self, live: Live) {
        let live = Arc::new(live);
        let before = std::mem::replace(&mut *self.inner.live.write(), Arc::clone(&live));
        if !Arc::ptr_eq(&before.shared, &live.shared) {
            // Whoever waits for that life to go on, an event stream for instance, hears that it does not.
            before.shared.end_durable();
            before.shared.projected.end();
        }
    }

    /// Whether a life is what requests see, and follows.
    pub(crate) fn is_following(&self, shared: &Arc<Shared>) -> bool {
        let live = self.live();
        Arc::ptr_eq(&live.shared, shared) && live.inbox.is_none() && !self.is_stopping()
    }

    /// Says how many positions a customer may have at a time. It is a bound of the process, not a rule of the platform: what reads all
    /// positions of a customer has to end.
    pub fn limit_positions(&self, most: usize) {
        self.inner.positions_max.store(most, Ordering::Relaxed);
    }

    /// How many positions a customer may have at a time.
    pub(crate) fn positions_max(&self) -> usize {
        self.inner.positions_max.load(Ordering::Relaxed)
    }

    /// Has something done right before this process begins to answer as the writer.
    pub fn before_writing(&self, work: impl Fn() + Send + Sync + 'static) {
        *self.inner.before_writing.write() = Some(Arc::new(work));
    }

    /// Does what [`Engine::before_writing`] was given.
    pub(crate) fn prepare_to_write(&self) {
        let work = self.inner.before_writing.read().clone();
        if let Some(work) = work {
            work();
        }
    }

    /// What this process is to the log now.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.live().duty.clone()
    }

    /// The present moment, to be asked for again with [`Engine::is_current_since`].
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(self.live())
    }

    /// Whether everything that was read since a moment was the newest there was: this process is still, and surely, the
    /// writer that it was then. A renewal that is late is waited for.
    pub async fn is_current_since(&self, moment: &Moment) -> bool {
        match &moment.0.duty {
            Duty::Sole => true,
            Duty::Follower(_) => false,
            Duty::Writer(lease) => {
                let sure = lease.is_sure() || lease.becomes_sure(RENEWAL_PATIENCE).await;
                sure && Arc::ptr_eq(&moment.0, &self.inner.live.read())
            }
        }
    }

    /// That this process does not write, in the words of an answer.
    #[must_use]
    pub fn elsewhere(&self) -> Unavailable {
        match &self.live().duty {
            Duty::Follower(follows) => follows.unavailable(),
            _ => Unavailable::NotWriter { writer: None },
        }
    }

    /// The clock this engine runs on.
    #[must_use]
    pub fn clock(&self) -> EngineClock {
        self.live().shared.clock.clone()
    }

    /// Why this process is not the one to send writes to, if it is not. Waits for nothing, whatever is closed or written meanwhile. A
    /// writer whose clock has to be confirmed is the one: the confirmation is a write.
    #[must_use]
    pub fn not_writable(&self) -> Option<Unavailable> {
        let live = self.live();
        let is_in_doubt = matches!(&live.duty, Duty::Writer(lease) if !lease.is_sure());
        if is_in_doubt || matches!(live.duty, Duty::Follower(_)) {
            return Some(self.elsewhere());
        }
        if live.shared.stopped.read().is_some() || *live.shared.full.borrow() {
            return Some(live.why_stopped());
        }
        None
    }

    /// Whether the state is being made anew: nothing can be read.
    #[must_use]
    pub fn is_between_lives(&self) -> bool {
        self.live().shared.is_hollow
    }

    /// Whether the read tables stand still because their last step failed.
    #[must_use]
    pub fn projector_failing(&self) -> bool {
        self.live().shared.projector_failing.load(Ordering::Acquire)
    }

    /// How far threads are: applied, durable and projected batch.
    #[must_use]
    pub fn positions(&self) -> (u64, u64, u64) {
        let shared = &self.live().shared;
        (shared.applied.load(Ordering::Acquire), shared.durable.now(), shared.projected.now())
    }

    /// Watches a customer for as long as this life lasts.
    #[must_use]
    pub fn watch(&self, customer: CustomerIx) -> Watcher {
        self.live().shared.watching.watch(customer)
    }

    /// Writes a snapshot of everything decided so far; returns the batch it stands at.
    ///
    /// # Errors
    /// A sentence.
    pub async fn snapshot(&self) -> Result<u64, String> {
        let (sender, receiver) = oneshot::channel();
        self.live().post(Message::Snapshot(sender)).map_err(|error| error.to_string())?;
        receiver.await.map_err(|_| "the engine has stopped".to_owned())?
    }

    /// Waits until the store is full.
    pub async fn full(&self) {
        let live = self.live();
        let mut full = live.shared.full.subscribe();
        let _ = full.wait_for(|full| *full).await;
    }

    /// Waits until the engine has ended by itself; returns why.
    pub async fn stopped(&self) -> String {
        self.inner.ended.closed().await;
        Unavailable::Stopped(self.inner.why.read().clone().unwrap_or_else(|| "it is shutting down".into())).to_string()
    }

    /// What ends it for good, with a reason. It keeps no engine alive.
    pub(crate) fn ending(&self) -> impl FnOnce(String) + Send + use<> {
        let inner = Arc::downgrade(&self.inner);
        move |why| {
            if let Some(inner) = inner.upgrade() {
                inner.why.write().get_or_insert(why);
                inner.ended.end();
            }
        }
    }

    /// Tells it to finish what it has and stop.
    pub fn stop(&self) {
        self.inner.stopping.end();
        self.live().stop();
    }

    /// What outlives its lives.
    pub(crate) fn lasting(&self) -> Lasting {
        self.live().shared.lasting()
    }

    /// A handle that keeps no engine alive.
    pub(crate) fn weak(&self) -> WeakEngine {
        WeakEngine(Arc::downgrade(&self.inner))
    }

    /// Whether it was told to stop, or has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_stopping() || self.inner.ended.is_ended()
    }

    /// Whether it was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.is_ended()
    }
}
