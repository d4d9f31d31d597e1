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
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::oneshot;
use usance_core::machine::State;
use usance_core::machine::news::Touched;
use usance_store::Head;

/// What the threads of one life share.
pub(crate) struct Shared {
    pub state: RwLock<State>,
    pub clock: EngineClock,
    /// The batch that holds the newest applied change.
    pub applied: AtomicU64,
    /// The newest batch that is durable.
    pub durable: Progress,
    /// Who follows a customer.
    pub watching: Arc<Watching>,
    /// The newest log position that is in the read tables.
    pub projected: Progress,
    /// Whether the projector's last step failed.
    pub projector_failing: AtomicBool,
    /// Why the writer stopped.
    pub stopped: RwLock<Option<String>>,
    pub unconfirmed_days_max: i32,
}

impl Shared {
    /// A life that begins with a state and the batch it stands at.
    pub fn new(state: State, head: Head, unconfirmed_days_max: i32) -> Self {
        Shared {
            clock: EngineClock::new(state.registry.platform.clock),
            state: RwLock::new(state),
            applied: AtomicU64::new(head.seq),
            durable: Progress::new(head.seq),
            watching: Arc::new(Watching::behind(head.seq)),
            projected: Progress::new(0),
            projector_failing: AtomicBool::new(false),
            stopped: RwLock::new(None),
            unconfirmed_days_max,
        }
    }
}

impl Shared {
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
        inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Overloaded,
            TrySendError::Disconnected(_) => self.why_stopped(),
        })
    }

    /// Why nothing can be decided any more.
    pub fn why_stopped(&self) -> Unavailable {
        match &self.duty {
            Duty::Follower(follows) => Unavailable::NotWriter { writer: follows.writer() },
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
        if due > 0 && due <= self.shared.unconfirmed_days_max {
            let (sender, receiver) = oneshot::channel();
            self.post(Message::Tick(sender))?;
            receiver.await.map_err(|_| self.why_stopped())?;
        }
        Ok(())
    }

    /// Waits until a batch is durable.
    pub async fn durable(&self, seq: u64) -> Result<(), Unavailable> {
        if self.shared.durable.reached(seq).await { Ok(()) } else { Err(self.why_stopped()) }
    }

    /// Tells the writer to finish what it has and stop.
    pub fn stop(&self) {
        if let Some(inbox) = &self.inbox {
            // A full inbox is worked off first; a closed one has stopped already.
            let _ = inbox.send(Message::Stop);
        }
    }
}
