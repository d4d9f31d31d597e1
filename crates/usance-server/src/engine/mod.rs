//! The running machine: one writer thread decides, one flusher thread makes durable, everybody else reads in place.
//!
//! [`Engine`] is the handle that the HTTP side holds. A command goes into the writer's inbox and is answered once the
//! batch it fell into is in the log; commands that arrive while a flush runs share the next. A read sees the state in
//! memory and is let out once everything it saw is durable. Nothing here knows HTTP.
//!
//! [`start`] opens a data directory and recovers; [`writer`] is the loop; [`workers`] follow the log (read tables,
//! snapshots); [`progress`] is how threads tell each other how far they are.

pub mod clock;
pub mod progress;
pub mod start;
pub mod workers;
pub mod writer;

use clock::Clock;
use parking_lot::{Mutex, RwLock};
use progress::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;
use tokio::sync::oneshot;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Command, Rejection, State};
use usance_store::codec::{Record, UsedKey};
use usance_store::projection::Reading;
use usance_store::{LogReader, StoreError};

pub use start::{Opening, Settings};

/// How long a history read waits for the read tables (ARCHITECTURE).
const PROJECTION_PATIENCE: Duration = Duration::from_secs(1);

/// Why the engine cannot answer now. None of these consumes an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The writer has stopped; the process is about to end.
    #[error("the engine has stopped: {0}")]
    Stopped(String),
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

/// What has to hold in the very instant in which a command is decided.
pub type Expectation = Box<dyn FnOnce(&State, Timestamp) -> bool + Send>;

/// A command with the key it came with.
pub struct Submission {
    /// Sender's key and the request's fingerprint.
    pub key: Option<UsedKey>,
    /// What is asked; nothing, when only the key is to be taken for a write that lives elsewhere (people, tokens).
    pub command: Option<Command>,
    /// What its sender was shown, if it is to be decided only as long as that holds.
    pub expects: Option<Expectation>,
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

pub(crate) enum Message {
    Submit(Submission, oneshot::Sender<Reply>),
    /// Closes what is due.
    Tick(oneshot::Sender<()>),
    /// Writes a snapshot of what is applied now.
    Snapshot(oneshot::Sender<Result<u64, String>>),
    Stop,
}

pub(crate) struct Shared {
    pub state: RwLock<State>,
    pub clock: Clock,
    /// The batch that holds the newest applied change.
    pub applied: AtomicU64,
    /// The newest batch that is durable.
    pub durable: Progress,
    /// The newest log position that is in the read tables.
    pub projected: Progress,
    /// Whether the projector's last step failed.
    pub projector_failing: AtomicBool,
    /// Why the writer stopped.
    pub stopped: RwLock<Option<String>>,
    pub unconfirmed_days_max: i32,
    pub logs: Pool<Box<dyn LogReader>>,
    pub readings: Pool<Reading>,
}

/// Connections that are handed out one at a time and come back.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
    open: Box<dyn Fn() -> Result<T, StoreError> + Send + Sync>,
}

impl<T> Pool<T> {
    pub fn new(open: impl Fn() -> Result<T, StoreError> + Send + Sync + 'static) -> Self {
        Pool { idle: Mutex::new(Vec::new()), open: Box::new(open) }
    }
    pub fn with<R>(&self, work: impl FnOnce(&T) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| (self.open)(), Ok)?;
        let result = work(&connection);
        self.idle.lock().push(connection);
        result
    }
}

/// A handle to the running machine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inbox: SyncSender<Message>,
}

impl Engine {
    /// Asks for a command to be decided and waits until its answer is durable.
    pub async fn submit(&self, submission: Submission) -> Reply {
        let (sender, receiver) = oneshot::channel();
        if let Err(unavailable) = self.post(Message::Submit(submission, sender)) {
            return Reply::Refused(unavailable);
        }
        match receiver.await {
            Ok(Reply::Repeated { place }) => match self.durable(place.seq()).await {
                Ok(()) => Reply::Repeated { place },
                Err(unavailable) => Reply::Refused(unavailable),
            },
            Ok(reply) => reply,
            Err(_) => Reply::Refused(self.why_stopped()),
        }
    }

    fn post(&self, message: Message) -> Result<(), Unavailable> {
        self.inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Overloaded,
            TrySendError::Disconnected(_) => self.why_stopped(),
        })
    }

    fn why_stopped(&self) -> Unavailable {
        Unavailable::Stopped(self.shared.stopped.read().clone().unwrap_or_else(|| "it is shutting down".into()))
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
        self.open_today().await?;
        let (result, seen) = {
            let state = self.shared.state.read();
            let now = self.shared.clock.now(&state);
            (look(&state, now), self.shared.applied.load(Ordering::Acquire))
        };
        self.durable(seen).await?;
        Ok((result, LogPosition::new(seen, u16::MAX)))
    }

    /// Looks at what never changes once it is there (names, decimals); waits for nothing.
    pub fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.shared.state.read())
    }

    /// A read in a day whose predecessor is not closed has it closed first.
    async fn open_today(&self) -> Result<(), Unavailable> {
        let due = {
            let state = self.shared.state.read();
            self.shared.clock.days_due(&state)
        };
        if due > 0 && due <= self.shared.unconfirmed_days_max {
            let (sender, receiver) = oneshot::channel();
            self.post(Message::Tick(sender))?;
            receiver.await.map_err(|_| self.why_stopped())?;
        }
        Ok(())
    }

    async fn durable(&self, seq: u64) -> Result<(), Unavailable> {
        if self.shared.durable.reached(seq).await { Ok(()) } else { Err(self.why_stopped()) }
    }

    /// Waits until the read tables hold everything up to a place, at most a second.
    ///
    /// # Errors
    /// [`Unavailable::ProjectionBehind`].
    pub async fn projected(&self, place: LogPosition) -> Result<(), Unavailable> {
        match tokio::time::timeout(PROJECTION_PATIENCE, self.shared.projected.reached(place.seq())).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.why_stopped()),
            Err(_) => Err(Unavailable::ProjectionBehind),
        }
    }

    /// Asks the read tables.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn tables<R>(&self, ask: impl FnOnce(&Reading) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.shared.readings.with(ask)?)
    }

    /// Asks the log.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn log<R>(&self, ask: impl FnOnce(&dyn LogReader) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.shared.logs.with(|reader| ask(reader.as_ref()))?)
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
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Why writes are refused now, if they are.
    #[must_use]
    pub fn not_writable(&self) -> Option<Unavailable> {
        if self.shared.stopped.read().is_some() {
            return Some(self.why_stopped());
        }
        let state = self.shared.state.read();
        self.shared.clock.unconfirmed(&state, self.shared.unconfirmed_days_max)
    }

    /// Whether the read tables stand still because their last step failed.
    #[must_use]
    pub fn projector_failing(&self) -> bool {
        self.shared.projector_failing.load(Ordering::Acquire)
    }

    /// How far threads are: applied, durable and projected batch.
    #[must_use]
    pub fn positions(&self) -> (u64, u64, u64) {
        (self.shared.applied.load(Ordering::Acquire), self.shared.durable.now(), self.shared.projected.now())
    }

    /// Waits for a batch after this one to become durable; false when the engine stopped.
    pub async fn durable_after(&self, seq: u64) -> bool {
        self.shared.durable.reached(seq.saturating_add(1)).await
    }

    /// Writes a snapshot of everything decided so far; returns the batch it stands at.
    ///
    /// # Errors
    /// A sentence.
    pub async fn snapshot(&self) -> Result<u64, String> {
        let (sender, receiver) = oneshot::channel();
        self.post(Message::Snapshot(sender)).map_err(|error| error.to_string())?;
        receiver.await.map_err(|_| "the engine has stopped".to_owned())?
    }

    /// Waits until the writer has stopped; returns why.
    pub async fn stopped(&self) -> String {
        self.shared.durable.closed().await;
        self.why_stopped().to_string()
    }

    /// Tells the writer to finish what it has and stop.
    pub fn stop(&self) {
        // A full inbox is worked off first; a closed one has stopped already.
        let _ = self.inbox.send(Message::Stop);
    }
}
