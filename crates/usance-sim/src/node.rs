//! One process of the platform, without threads: what it has in memory, what waits for its disk, and whom it owes an
//! answer.
//!
//! A life begins with a recovery and ends with a crash. The steps between (a round, an append, a snapshot) are the ones
//! the server's threads make; here they are called one by one, so that a run can end the life between any two.

use crate::auditor::Auditor;
use crate::facts::Facts;
use crate::machine_clock::MachineClock;
use crate::shown::Shown;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use usance_core::machine::{Command, State};
use usance_store::{Batch, FaultScript, FaultyLog, Head, LogPosition, MemoryLog, Recent};

/// What somebody sends, as often as it takes.
#[derive(Clone, Debug)]
pub struct Request {
    /// The sender's key.
    pub key: [u8; 16],
    /// What the request is.
    pub fingerprint: [u8; 16],
    /// What is asked; nothing, when only the key is to be taken.
    pub command: Option<Command>,
    /// What the sender was shown, if it is wanted only as long as that holds.
    pub shown: Option<Shown>,
}

/// What a round meets.
#[derive(Default)]
pub(crate) struct Met {
    /// What has arrived.
    pub requests: Vec<Request>,
    /// So many milliseconds pass before the request of this number: a round may last over midnight.
    pub pause: Option<(usize, i64)>,
    /// Whether its state is to be written as a snapshot.
    pub freeze: bool,
    /// Whether it breaks off before it is sealed.
    pub breaks_off: bool,
}

/// An answer that waits for its batch.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// To what.
    pub request: Request,
    /// The record that answers.
    pub place: LogPosition,
    /// What the auditor says that it must be.
    pub told: Rc<Facts>,
    /// Whether the key was used for another request.
    pub reused: bool,
}

/// A batch that is not in the log yet.
pub struct Sealed {
    /// The bytes.
    pub batch: Batch,
    /// Who waits for it.
    pub waiting: Vec<Waiting>,
    /// The state to be written as a snapshot once the batch is durable.
    pub frozen: Option<State>,
}

/// What a process has in memory.
pub struct Life {
    /// The state, ahead of the log by what is queued.
    pub state: State,
    /// The last batch that was sealed.
    pub head: Head,
    /// The auditor at that batch.
    pub auditor: Auditor,
    /// The hold on the log.
    pub log: FaultyLog<MemoryLog>,
    /// What its next appends meet.
    pub script: FaultScript,
    /// The last batches that it knows to be in the log.
    pub recent: Recent,
    /// Batches in order.
    pub queue: VecDeque<Sealed>,
    /// Whether another process has taken over since.
    pub superseded: bool,
}

/// A process, running or not, and the machine it runs on.
pub struct Node {
    /// Its snapshots.
    pub snapshots: PathBuf,
    /// Its machine's clocks.
    pub clock: MachineClock,
    /// What it has in memory while it runs.
    pub life: Option<Life>,
}

impl Node {
    /// Ends its life; gives the requests that nobody will answer.
    pub fn die(&mut self) -> Vec<Request> {
        self.clock.forget();
        let queue = self.life.take().map(|life| life.queue).unwrap_or_default();
        queue.into_iter().flat_map(|sealed| sealed.waiting).map(|waiting| waiting.request).collect()
    }
}
