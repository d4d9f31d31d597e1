//! One life of the machine in memory: from a recovery to the moment its writer stops, and what its threads share.
//!
//! A process on an embedded store has one life and ends with it. On a store that others can write, a life ends whenever
//! the process begins or ceases to be the writer; the next one begins with what the log holds.

use super::clock::EngineClock;
use super::lease::Duty;
use super::message::Message;
use super::progress::Progress;
use super::watching::Watching;
use crate::unavailable::Unavailable;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::{oneshot, watch};
use usance_core::machine::State;
use usance_core::machine::news::Touched;
use usance_core::machine::state::ClockMode;
use usance_store::{Batch, Head, Lost, Proven, Recent};

/// What outlives a life: what this process knows of the time and of the log.
#[derive(Clone)]
pub(crate) struct Lasting {
    pub clock: EngineClock,
    /// The last batches that were durable.
    pub recent: Arc<Mutex<Recent>>,
    /// What the log is known to have lost.
    pub lost: Arc<Mutex<Option<Lost>>>,
    /// Up to where its chain is proven: by a signed word, until everything is by this process.
    pub proof: Arc<Mutex<Proof>>,
}

/// How much of a log's chain is proven.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// All of it: what comes is proven as it comes.
    Whole,
    /// Up to here, by a word that was signed before; from here on by this process.
    Signed(Proven),
    /// Nothing: what was believed is not so.
    Nothing,
}

impl Lasting {
    /// What a process knows in the beginning; it keeps so many bytes of batches.
    pub fn new(clock: ClockMode, bytes_max: usize) -> Self {
        Lasting {
            clock: EngineClock::new(clock),
            recent: Arc::new(Mutex::new(Recent::keeping(bytes_max))),
            lost: Arc::default(),
            proof: Arc::new(Mutex::new(Proof::Whole)),
        }
    }
}

/// What the threads of one life share.
pub(crate) struct Shared {
    pub state: RwLock<State>,
    pub clock: EngineClock,
    pub recent: Arc<Mutex<Recent>>,
    pub lost: Arc<Mutex<Option<Lost>>>,
    pub proof: Arc<Mutex<Proof>>,
    /// The batch that holds the newest applied change.
    pub applied: AtomicU64,
    /// The end that the log has once everything that was decided is in it.
    pub sealed: Mutex<Head>,
    /// Batches that were decided and did not become durable in this life, in order.
    pub unfinished: Mutex<Vec<Batch>>,
    /// There is no state, while one is made.
    pub is_hollow: bool,
    /// The newest batch that is durable.
    pub durable: Progress,
    /// Who follows a customer.
    pub watching: Arc<Watching>,
    /// The newest log position that is in the read tables.
    pub projected: Progress,
    /// Whether the projector's last step failed.
    pub projector_failing: AtomicBool,
    /// A snapshot is being written.
    pub snapshotting: AtomicBool,
    /// The store is full: a batch waits for room, and nothing is taken meanwhile.
    pub full: watch::Sender<bool>,
    /// This life is to end: nothing is waited for any more.
    pub ending: AtomicBool,
    /// Why the writer stopped.
    pub stopped: RwLock<Option<String>>,
}

impl Shared {
    /// A life that begins with a state and the batch it stands at.
    pub fn new(state: State, head: Head, lasting: &Lasting) -> Self {
        Shared {
            clock: lasting.clock.clone(),
            recent: Arc::clone(&lasting.recent),
            lost: Arc::clone(&lasting.lost),
            proof: Arc::clone(&lasting.proof),
            state: RwLock::new(state),
            applied: AtomicU64::new(head.seq),
            sealed: Mutex::new(head),
            unfinished: Mutex::new(Vec::new()),
            is_hollow: false,
            durable: Progress::new(head.seq),
            watching: Arc::new(Watching::behind(head.seq)),
            projected: Progress::new(0),
            projector_failing: AtomicBool::new(false),
            snapshotting: AtomicBool::new(false),
            full: watch::Sender::new(false),
            ending: AtomicBool::new(false),
            stopped: RwLock::new(None),
        }
    }
}

impl Shared {
    /// A life without a state, while one is made: names are there, and nothing that is read.
    pub fn hollow(before: &State, lasting: &Lasting) -> Self {
        let mut state = State::new(before.registry.platform.clone());
        state.registry = before.registry.clone();
        Shared { is_hollow: true, ..Shared::new(state, Head::GENESIS, lasting) }
    }

    /// What outlives this life.
    pub fn lasting(&self) -> Lasting {
        Lasting {
            clock: self.clock.clone(),
            recent: Arc::clone(&self.recent),
            lost: Arc::clone(&self.lost),
            proof: Arc::clone(&self.proof),
        }
    }

    /// Whether the state is what its batches say: no round broke off, and no invariant broke. Asked under the state's lock.
    pub fn is_sound(&self, state: &State) -> bool {
        state.broken.is_none() && !state.mid_round && !self.is_hollow
    }

    /// A batch is in the log by a commit that was confirmed, and with it all before it.
    pub fn answered(&self, batch: Batch) {
        let (seq, mut recent) = (batch.seq, self.recent.lock());
        recent.note(batch);
        recent.answered_through(seq);
    }

    /// The state as it is now, unless it is not what its batches say.
    pub fn frozen(&self) -> Option<State> {
        let state = self.state.read();
        self.is_sound(&state).then(|| state.clone())
    }

    /// A batch is durable: whoever waits for it goes on, and whoever it touched is woken.
    pub fn became_durable(&self, seq: u64, touched: &Touched) {
        self.durable.set(seq);
        self.watching.tell(seq, touched);
    }

    /// No further batch becomes durable in this life.
    pub fn end_durable(&self) {
        self.durable.end();
        self.watching.end();
    }
}

/// A life, as requests see it.
pub(crate) struct Live {
    pub shared: Arc<Shared>,
    /// Where commands go; a follower has no such place.
    pub inbox: Option<SyncSender<Message>>,
    pub duty: Duty,
}

impl Live {
    /// Puts a message where the writer finds it.
    pub fn post(&self, message: Message) -> Result<(), Unavailable> {
        let Some(inbox) = &self.inbox else { return Err(self.why_stopped()) };
        if *self.shared.full.borrow() {
            return Err(Unavailable::StoreFull);
        }
        inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Overloaded,
            TrySendError::Disconnected(_) => self.why_stopped(),
        })
    }

    /// Why nothing can be decided any more.
    pub fn why_stopped(&self) -> Unavailable {
        match &self.duty {
            Duty::Follower(follows) => follows.unavailable(),
            _ if *self.shared.full.borrow() => Unavailable::StoreFull,
            _ => Unavailable::Stopped(self.shared.stopped.read().clone().unwrap_or_else(|| "it is shutting down".into())),
        }
    }

    /// A read in a day whose predecessor is not closed has it closed first; a follower shows what it has.
    pub async fn open_today(&self) -> Result<(), Unavailable> {
        if self.inbox.is_none() {
            return Ok(());
        }
        let due = {
            let state = self.shared.state.read();
            self.shared.clock.days_due(&state)
        };
        if due > 0 {
            let (sender, receiver) = oneshot::channel();
            self.post(Message::Tick(sender))?;
            receiver.await.map_err(|_| self.why_stopped())?;
        }
        Ok(())
    }

    /// Waits until a batch is durable; not for room in a store that is full.
    pub async fn durable(&self, seq: u64) -> Result<(), Unavailable> {
        let mut full = self.shared.full.subscribe();
        tokio::select! {
            biased;
            reached = self.shared.durable.reached(seq) => if reached { Ok(()) } else { Err(self.why_stopped()) },
            _ = full.wait_for(|full| *full) => Err(Unavailable::StoreFull),
        }
    }

    /// Tells the writer to finish what it has and stop.
    pub fn stop(&self) {
        self.shared.ending.store(true, Ordering::Release);
        if let Some(inbox) = &self.inbox {
            // A full inbox is worked off first; a closed one has stopped already.
            let _ = inbox.send(Message::Stop);
        }
    }
}
