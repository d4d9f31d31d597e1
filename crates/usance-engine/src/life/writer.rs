//! The writer: one thread that stamps, decides and applies; and the flusher, which makes a batch durable while the next
//! one is decided (group commit).
//!
//! Nothing is sent to a client before the flusher has its batch in the log. If an append fails, or an invariant breaks,
//! the writer stores nothing more, and everybody who waits is told. What was decided and did not become durable is kept as batches: on a
//! database that others write, too, the next life may find that it can go on from there.

use super::clock::unconfirmed;
use super::live::Shared;
use super::message::{Message, Reply};
use super::workers::Frozen;
use crate::unavailable::Unavailable;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, SyncSender, TrySendError};
use std::time::Duration;
use tokio::sync::oneshot;
use usance_core::machine::day::DayClosed;
use usance_core::machine::news::Touched;
use usance_core::machine::{Command, State};
use usance_store::round::{Decided, Round, Submission};
use usance_store::{Appended, Batch, Head, LogStore};

/// Commands in one batch, at most: more would only make the first of them wait.
const BATCH_COMMANDS_MAX: usize = 4096;
/// Bytes of one batch after which no further command is taken into it.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Records after which the writer asks for a snapshot.
pub(super) const SNAPSHOT_EVERY_RECORDS: u64 = 2_000_000;

/// How often is looked whether a store that was full has room.
const ROOM: Duration = Duration::from_millis(250);

type Replies = Vec<(oneshot::Sender<Reply>, Reply)>;

/// A batch on its way to the log: whom it touches, and who waits for it.
pub(crate) struct Flush {
    batch: Batch,
    touched: Touched,
    waiting: Waiting,
}

pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub inbox: Receiver<Message>,
    pub flusher: SyncSender<Flush>,
    pub snapshots: SyncSender<Frozen>,
    pub head: Head,
    pub records_since_snapshot: u64,
}

/// Who waits for the batch of a round.
#[derive(Default)]
struct Waiting {
    replies: Replies,
    ticks: Vec<oneshot::Sender<()>>,
}

impl Writer {
    /// Runs until it is told to stop or cannot go on.
    pub fn run(mut self) {
        let ended = loop {
            let patience = self.shared.clock.until_next_day(&self.shared.state.read());
            let first = match self.inbox.recv_timeout(patience) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break "it is shutting down".to_owned(),
            };
            match self.round(first) {
                Ok(true) => {}
                Ok(false) => break "it is shutting down".to_owned(),
                Err(reason) => break reason,
            }
        };
        self.shared.stopped.write().get_or_insert(ended);
        // Dropping the flusher's channel lets it finish what it has; it then ends the progress that everybody waits on.
    }

    /// One batch: everything that waits now. False when it was told to stop.
    fn round(&mut self, first: Option<Message>) -> Result<bool, String> {
        let (mut round, mut waiting) = (Round::behind(self.head), Waiting::default());
        let (mut go_on, mut snapshot) = (true, Vec::new());
        let shared = Arc::clone(&self.shared);
        if let Some(reason) = shared.stopped.read().clone() {
            return Err(reason);
        }
        let mut state = shared.state.write();
        let reading = shared.clock.read(&state);
        round.close_due_days(&mut state, reading, told);
        let mut next = first;
        let mut taken = 0;
        while let Some(message) = next.take() {
            match message {
                Message::Submit(submission, sender) => {
                    let reply = self.decide(&mut state, *submission, &mut round);
                    waiting.replies.push((sender, reply));
                }
                Message::Tick(sender) => waiting.ticks.push(sender),
                Message::Snapshot(sender) => snapshot.push(sender),
                Message::Stop => go_on = false,
            }
            taken += 1;
            if go_on && taken < BATCH_COMMANDS_MAX && round.bytes() < BATCH_BYTES_MAX && !round.has_failed() {
                next = self.inbox.try_recv().ok();
            }
        }
        self.records_since_snapshot += round.len() as u64;
        let touched = round.touched().clone();
        let batch = round.seal(&mut state)?;
        if let Some(batch) = &batch {
            self.head = batch.head();
            *shared.sealed.lock() = self.head;
            shared.applied.store(batch.seq, Ordering::Release);
        }
        if !snapshot.is_empty() || self.records_since_snapshot >= SNAPSHOT_EVERY_RECORDS {
            self.freeze(&state, snapshot);
        }
        drop(state);
        match batch {
            Some(batch) => {
                if let Err(SendError(unsent)) = self.flusher.send(Flush { batch, touched, waiting }) {
                    let reason = "the flusher has stopped".to_owned();
                    give_up(&shared, unsent, &reason);
                    return Err(reason);
                }
            }
            None => answer(waiting),
        }
        Ok(go_on)
    }

    fn decide(&mut self, state: &mut State, submission: Submission, round: &mut Round) -> Reply {
        let clock = &self.shared.clock;
        let confirms = matches!(submission.command, Some(Command::ConfirmClock { .. }));
        match round.decide(state, submission, clock.read(state), told) {
            Decided::Now { place, outcome } => {
                if confirms && outcome.is_ok() {
                    clock.confirm();
                }
                Reply::Decided { place, outcome }
            }
            Decided::Before { place } => Reply::Repeated { place },
            Decided::Unexpected => Reply::Unexpected,
            Decided::Unconfirmed { ahead_ms } => Reply::Refused(unconfirmed(ahead_ms)),
        }
    }

    /// Hands a frozen view to the snapshot thread, unless it is still busy with the last one: every view that is alive makes the state
    /// copy what it changes.
    fn freeze(&mut self, state: &State, mut waiting: Vec<oneshot::Sender<Result<u64, String>>>) {
        if !self.shared.snapshotting.swap(true, Ordering::AcqRel) {
            match self.snapshots.try_send(Frozen { state: state.clone(), head: self.head, waiting }) {
                Ok(()) => {
                    self.records_since_snapshot = 0;
                    return;
                }
                Err(TrySendError::Full(frozen) | TrySendError::Disconnected(frozen)) => waiting = frozen.waiting,
            }
        }
        for sender in waiting {
            let _ = sender.send(Err("another snapshot is being written".to_owned()));
        }
    }
}

fn told(closed: &DayClosed) {
    tracing::info!(day = %closed.day, products = closed.products.len(), "day closed");
}

fn answer(waiting: Waiting) {
    for (sender, reply) in waiting.replies {
        // A client that has gone does not need its answer; its key finds it again.
        let _ = sender.send(reply);
    }
    for tick in waiting.ticks {
        let _ = tick.send(());
    }
}

/// Appends batches in order and answers their senders; ends at the first that cannot be made durable, and says why.
pub(crate) fn flush(shared: &Shared, log: &mut dyn LogStore, batches: &Receiver<Flush>) -> Option<String> {
    while let Ok(Flush { batch, touched, mut waiting }) = batches.recv() {
        let seq = batch.seq;
        match append(shared, log, &batch, &mut waiting) {
            Appended::Done => {
                shared.answered(batch);
                shared.became_durable(seq, &touched);
                answer(waiting);
            }
            other => {
                let reason = other.into_result(seq - 1).err().map_or_else(|| "the append failed".to_owned(), |error| error.to_string());
                let reason = format!("the log could not be written: {reason}");
                *shared.stopped.write() = Some(reason.clone());
                give_up(shared, Flush { batch, touched, waiting }, &reason);
                return Some(reason);
            }
        }
    }
    None
}

/// Appends a batch. Where the store is full it waits for room, with the batch that was decided: whoever waits for it is told now, and
/// finds by the same key what became of it.
fn append(shared: &Shared, log: &mut dyn LogStore, batch: &Batch, waiting: &mut Waiting) -> Appended {
    loop {
        let appended = log.append(batch.seq - 1, batch);
        let is_full = appended == Appended::Full && !shared.ending.load(Ordering::Acquire);
        if shared.full.send_replace(is_full) != is_full {
            if is_full {
                tracing::error!(batch = batch.seq, "the store is full: nothing is written before there is room");
            } else {
                tracing::info!("there is room in the store again");
            }
        }
        if !is_full {
            return appended;
        }
        for (sender, _) in waiting.replies.drain(..) {
            let _ = sender.send(Reply::Refused(Unavailable::StoreFull));
        }
        waiting.ticks.clear();
        std::thread::sleep(ROOM);
    }
}

/// Takes what the writer still sends after the flusher has stopped, until the writer is gone.
pub(crate) fn give_up_the_rest(shared: &Shared, batches: &Receiver<Flush>, reason: &str) {
    while let Ok(flush) = batches.recv() {
        give_up(shared, flush, reason);
    }
}

/// Keeps a batch that does not become durable in this life, and tells whoever waits for it.
fn give_up(shared: &Shared, Flush { batch, waiting, .. }: Flush, reason: &str) {
    shared.unfinished.lock().push(batch);
    for (sender, _) in waiting.replies {
        let _ = sender.send(Reply::Refused(Unavailable::Stopped(reason.to_owned())));
    }
}
