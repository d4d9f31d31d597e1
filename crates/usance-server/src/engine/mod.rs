//! The running machine: one writer thread decides, one flusher thread makes durable, everybody else reads in place.
//!
//! [`Engine`] is the handle that the HTTP side holds. A command goes into the writer's inbox and is answered once the
//! batch it fell into is in the log; commands that arrive while a flush runs share the next. A read sees the state in
//! memory and is let out once everything it saw is durable. Nothing here knows HTTP.
//!
//! [`start`] opens a store and recovers; [`writer`] is the loop; [`workers`] follow the log (read tables, snapshots);
//! [`progress`] is how threads tell each other how far they are. On a store that several processes can write, [`node`]
//! makes this one a follower or the writer (for one time in `office`), and [`standing`] says what it may believe to be.

pub mod clock;
mod follow;
mod live;
pub mod node;
mod office;
pub(crate) mod pool;
pub mod progress;
pub mod standing;
pub mod start;
pub mod workers;
pub mod writer;

use clock::Clock;
use live::{Live, Shared};
use parking_lot::RwLock;
use pool::Reads;
use progress::Progress;
use standing::Duty;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Rejection, State};
use usance_store::codec::Record;
use usance_store::projection::Reading;
use usance_store::{LogReader, StoreError};
use writer::Message;

pub use start::{Opening, Settings};
pub use usance_store::round::{Expectation, Submission};

/// How long a read waits for a renewal of the lease that is late.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(1);
/// How long a history read waits for the read tables (ARCHITECTURE).
const PROJECTION_PATIENCE: Duration = Duration::from_secs(1);

/// Why the engine cannot answer now. None of these consumes an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The writer has stopped; the process is about to end.
    #[error("the engine has stopped: {0}")]
    Stopped(String),
    /// Another process writes, or none does.
    #[error("this instance is not the writer{}", .writer.as_ref().map(|address| format!("; the writer is at {address}")).unwrap_or_default())]
    NotWriter {
        /// Where the writer says that it can be reached.
        writer: Option<String>,
    },
    /// More commands wait than the inbox holds.
    #[error("more requests wait than can be taken; try again shortly")]
    Overloaded,
    /// The system clock would close many days at once.
    #[error("the clock is {days} days ahead of the open day {open_day}; an operator has to confirm that it is right")]
    ClockUnconfirmed {
        /// How many days it would close.
        days: i32,
        /// The day that is open.
        open_day: String,
    },
    /// The read tables have not reached the log position that was asked for.
    #[error("the history tables are behind; try again shortly")]
    ProjectionBehind,
    /// Stored bytes could not be read.
    #[error("the store could not be read: {0}")]
    Store(String),
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Unavailable::Store(error.to_string())
    }
}

/// The answer to a submission.
#[derive(Debug)]
pub enum Reply {
    /// It was decided now, and is durable.
    Decided {
        /// Where its record lies.
        place: LogPosition,
        /// What its sender is told.
        outcome: Result<Answer, Rejection>,
    },
    /// Its key was used before; the answer lies there, and is durable.
    Repeated {
        /// Where.
        place: LogPosition,
    },
    /// What its sender expected does not hold: nothing was decided, and its key is not used.
    Unexpected,
    /// It was not decided.
    Refused(Unavailable),
}

/// A handle to the running machine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    live: RwLock<Arc<Live>>,
    reads: Reads,
    /// Ends when the process is to end.
    ended: Progress,
    /// Why it ended by itself.
    why: RwLock<Option<String>>,
    /// Ends when somebody asks it to stop.
    stopping: Progress,
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

impl Engine {
    pub(crate) fn new(live: Live, reads: Reads) -> Self {
        let inner = Inner {
            live: RwLock::new(Arc::new(live)),
            reads,
            ended: Progress::new(0),
            why: RwLock::new(None),
            stopping: Progress::new(0),
            before_writing: RwLock::new(None),
        };
        Engine { inner: Arc::new(inner) }
    }

    fn live(&self) -> Arc<Live> {
        Arc::clone(&self.inner.live.read())
    }

    /// Begins another life: requests that come from now on see that one.
    pub(crate) fn begin(&self, live: Live) {
        let live = Arc::new(live);
        let before = std::mem::replace(&mut *self.inner.live.write(), Arc::clone(&live));
        if !Arc::ptr_eq(&before.shared, &live.shared) {
            // Whoever waits for that life to go on, an event stream for instance, hears that it does not.
            before.shared.durable.end();
            before.shared.projected.end();
        }
    }

    /// Whether a life is what requests see, and follows.
    pub(crate) fn is_following(&self, shared: &Arc<Shared>) -> bool {
        let live = self.live();
        Arc::ptr_eq(&live.shared, shared) && live.inbox.is_none() && !self.is_stopping()
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
            Duty::Writer(tenure) => {
                let sure = tenure.is_sure() || tenure.becomes_sure(RENEWAL_PATIENCE).await;
                sure && Arc::ptr_eq(&moment.0, &self.inner.live.read())
            }
        }
    }

    /// That this process does not write, in the words of an answer.
    #[must_use]
    pub fn elsewhere(&self) -> Unavailable {
        match &self.live().duty {
            Duty::Follower(follows) => Unavailable::NotWriter { writer: follows.writer() },
            _ => Unavailable::NotWriter { writer: None },
        }
    }

    /// Asks for a command to be decided and waits until its answer is durable.
    pub async fn submit(&self, submission: Submission) -> Reply {
        let live = self.live();
        let (sender, receiver) = oneshot::channel();
        if let Err(unavailable) = live.post(Message::Submit(submission, sender)) {
            return Reply::Refused(unavailable);
        }
        match receiver.await {
            Ok(Reply::Repeated { place }) => match live.durable(place.seq()).await {
                Ok(()) => Reply::Repeated { place },
                Err(unavailable) => Reply::Refused(unavailable),
            },
            Ok(reply) => reply,
            Err(_) => Reply::Refused(live.why_stopped()),
        }
    }

    /// Reads the state at its instant: every earlier day is closed, and everything seen is durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable::Stopped`] when what was seen can never become durable.
    pub async fn read<R>(&self, look: impl FnOnce(&State, Timestamp) -> R) -> Result<R, Unavailable> {
        self.read_at(look).await.map(|(result, _)| result)
    }

    /// As [`Engine::read`], with the batch up to which everything was seen.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn read_at<R>(&self, look: impl FnOnce(&State, Timestamp) -> R) -> Result<(R, LogPosition), Unavailable> {
        let live = self.live();
        live.open_today().await?;
        let (result, seen) = {
            let state = live.shared.state.read();
            let now = live.shared.clock.now(&state);
            (look(&state, now), live.shared.applied.load(Ordering::Acquire))
        };
        live.durable(seen).await?;
        Ok((result, LogPosition::new(seen, u16::MAX)))
    }

    /// Looks at what never changes once it is there (names, decimals); waits for nothing.
    pub fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.live().shared.state.read())
    }

    /// Waits until the read tables hold everything up to a place, at most a second.
    ///
    /// # Errors
    /// [`Unavailable::ProjectionBehind`].
    pub async fn projected(&self, place: LogPosition) -> Result<(), Unavailable> {
        let live = self.live();
        match tokio::time::timeout(PROJECTION_PATIENCE, live.shared.projected.reached(place.seq())).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(live.why_stopped()),
            Err(_) => Err(Unavailable::ProjectionBehind),
        }
    }

    /// Asks the read tables.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn tables<R>(&self, ask: impl FnOnce(&Reading) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.inner.reads.tables.with(|tables| ask(tables))??)
    }

    /// Asks the log.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn log<R>(&self, ask: impl FnOnce(&dyn LogReader) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.inner.reads.logs.with(|reader| ask(reader.as_ref()))??)
    }

    /// The record at a place in the log.
    ///
    /// # Errors
    /// [`Unavailable::Store`], also when there is none.
    pub fn record(&self, place: LogPosition) -> Result<Record, Unavailable> {
        let shard = self.peek(|state| state.registry.platform.shard);
        let bytes = self.log(|reader| reader.record(shard, place))?;
        let bytes = bytes.ok_or_else(|| Unavailable::Store(format!("no record at log position {place}")))?;
        Ok(usance_store::codec::decode(&bytes)?)
    }

    /// The clock this engine runs on.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.live().shared.clock
    }

    /// Why writes are refused now, if they are.
    #[must_use]
    pub fn not_writable(&self) -> Option<Unavailable> {
        let live = self.live();
        let is_in_doubt = matches!(&live.duty, Duty::Writer(tenure) if !tenure.is_sure());
        if is_in_doubt || matches!(live.duty, Duty::Follower(_)) {
            return Some(self.elsewhere());
        }
        if live.shared.stopped.read().is_some() {
            return Some(live.why_stopped());
        }
        let state = live.shared.state.read();
        live.shared.clock.unconfirmed(&state, live.shared.unconfirmed_days_max)
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

    /// Waits for a batch after this one to become durable; false when this life ended.
    pub async fn durable_after(&self, seq: u64) -> bool {
        self.live().shared.durable.reached(seq.saturating_add(1)).await
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

    /// Whether it was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.is_ended()
    }
}
