//! The writer: one thread that stamps, decides and applies; and the flusher, which makes a batch durable while the next
//! one is decided (group commit).
//!
//! Nothing is sent to a client before the flusher has its batch in the log. If an append fails, or an invariant breaks,
//! the writer stores nothing more, everybody who waits is told, and the process ends; a restart replays.

use super::live::Shared;
use super::workers::Frozen;
use super::{Reply, Submission, Unavailable};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use tokio::sync::oneshot;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::decide::clock::check_move;
use usance_core::machine::{self, Answer, Command, Event, Executed, State, close};
use usance_store::codec::{self, Record};
use usance_store::{Appended, Batch, BatchBuilder, Head, LogStore};

/// Commands in one batch, at most: more would only make the first of them wait.
const BATCH_COMMANDS_MAX: usize = 4096;
/// Bytes of one batch after which no further command is taken into it.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Records after which the writer asks for a snapshot.
pub(super) const SNAPSHOT_EVERY_RECORDS: u64 = 2_000_000;

/// What the writer is asked.
pub(crate) enum Message {
    Submit(Submission, oneshot::Sender<Reply>),
    /// Closes what is due.
    Tick(oneshot::Sender<()>),
    /// Writes a snapshot of what is applied now.
    Snapshot(oneshot::Sender<Result<u64, String>>),
    Stop,
}

type Replies = Vec<(oneshot::Sender<Reply>, Reply)>;

pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub inbox: Receiver<Message>,
    pub flusher: SyncSender<(Batch, Replies, Vec<oneshot::Sender<()>>)>,
    pub snapshots: SyncSender<Frozen>,
    pub head: Head,
    pub records_since_snapshot: u64,
}

/// What one round of the writer gathers.
struct Round {
    builder: BatchBuilder,
    seq: u64,
    replies: Replies,
    ticks: Vec<oneshot::Sender<()>>,
    failed: Option<String>,
}

impl Writer {
    /// Runs until it is told to stop or cannot go on.
    pub fn run(mut self) {
        let ended = loop {
            let patience = self.shared.clock.until_next_day(&self.shared.state.read(), self.shared.unconfirmed_days_max);
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
        let mut round =
            Round { builder: BatchBuilder::new(), seq: self.head.seq + 1, replies: Vec::new(), ticks: Vec::new(), failed: None };
        let (mut go_on, mut snapshot) = (true, Vec::new());
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.write();
        self.close_due_days(&mut state, &mut round);
        let mut next = first;
        let mut taken = 0;
        while let Some(message) = next.take() {
            match message {
                Message::Submit(submission, sender) => {
                    let reply = self.decide(&mut state, submission, &mut round);
                    round.replies.push((sender, reply));
                }
                Message::Tick(sender) => round.ticks.push(sender),
                Message::Snapshot(sender) => snapshot.push(sender),
                Message::Stop => go_on = false,
            }
            taken += 1;
            if go_on && taken < BATCH_COMMANDS_MAX && round.builder.bytes() < BATCH_BYTES_MAX && round.failed.is_none() {
                next = self.inbox.try_recv().ok();
            }
        }
        if let Some(broken) = &state.broken {
            return Err(format!("a broken invariant: {}: {}", broken.invariant, broken.seen));
        }
        if let Some(reason) = round.failed {
            return Err(reason);
        }
        let at = state.registry.last_at;
        self.records_since_snapshot += round.builder.len() as u64;
        let batch = if round.builder.is_empty() {
            None
        } else {
            let batch =
                round.builder.seal(state.registry.platform.shard, round.seq, at.ms(), self.head.hash).map_err(|error| error.to_string())?;
            self.head = batch.head();
            shared.applied.store(round.seq, Ordering::Release);
            Some(batch)
        };
        if !snapshot.is_empty() || self.records_since_snapshot >= SNAPSHOT_EVERY_RECORDS {
            self.freeze(&state, snapshot);
        }
        drop(state);
        match batch {
            Some(batch) => self.flusher.send((batch, round.replies, round.ticks)).map_err(|_| "the flusher has stopped".to_owned())?,
            None => answer(round.replies, round.ticks),
        }
        Ok(go_on)
    }

    /// Closes every day that is over, each with its own record, unless a system clock has to be confirmed first.
    fn close_due_days(&mut self, state: &mut State, round: &mut Round) {
        if self.shared.clock.unconfirmed(state, self.shared.unconfirmed_days_max).is_some() {
            return;
        }
        while state.broken.is_none() && self.shared.clock.days_due(state) > 0 {
            let day = state.registry.open_day;
            let closed = close::close_day(state);
            let at = state.registry.platform.offset.first_instant(day.next());
            tracing::info!(day = %day, products = closed.products.len(), "day closed");
            put(round, &Record { at, key: None, events: vec![Event::DayClosed(Box::new(closed))], outcome: Ok(Answer::Done) });
        }
    }

    fn decide(&mut self, state: &mut State, submission: Submission, round: &mut Round) -> Reply {
        if let Some(place) = submission.key.and_then(|key| state.keys.find(&key.hash)) {
            return Reply::Repeated { place };
        }
        let confirming = matches!(submission.command, Some(Command::ConfirmClock { .. }));
        if let (false, Some(unconfirmed)) = (confirming, self.shared.clock.unconfirmed(state, self.shared.unconfirmed_days_max)) {
            return Reply::Refused(unconfirmed);
        }
        let now = self.shared.clock.now(state);
        if submission.expects.is_some_and(|expects| !expects(state, now)) {
            return Reply::Unexpected;
        }
        let (executed, at) = match submission.command {
            None => (Executed { events: Vec::new(), outcome: Ok(Answer::Done) }, now),
            Some(Command::MoveClock { to }) => (move_clock(state, to), to.max(now)),
            Some(Command::ConfirmClock { .. }) => {
                let clock = self.shared.clock.raw(state);
                (confirm_clock(state, clock), clock)
            }
            Some(command) => (machine::execute(state, &command, now), now),
        };
        let at = if executed.outcome.is_ok() { at } else { now };
        let record = Record { at, key: submission.key, events: executed.events, outcome: executed.outcome };
        let place = put(round, &record);
        if let Some(key) = record.key {
            state.keys.remember(key.hash, place, at);
        }
        Reply::Decided { place, outcome: record.outcome }
    }

    /// Hands a frozen view to the snapshot thread, unless it is still busy with the last one.
    fn freeze(&mut self, state: &State, waiting: Vec<oneshot::Sender<Result<u64, String>>>) {
        let frozen = Frozen { state: state.clone(), head: self.head, waiting };
        match self.snapshots.try_send(frozen) {
            Ok(()) => self.records_since_snapshot = 0,
            Err(TrySendError::Full(frozen) | TrySendError::Disconnected(frozen)) => {
                for sender in frozen.waiting {
                    let _ = sender.send(Err("another snapshot is being written".to_owned()));
                }
            }
        }
    }
}

/// Moves a simulated clock: the days on the way are closed within the same record, so the move happened wholly or not.
fn move_clock(state: &mut State, to: Timestamp) -> Executed {
    if let Err(rejection) = check_move(state, to) {
        return Executed { events: Vec::new(), outcome: Err(rejection) };
    }
    pass_to(state, &Command::MoveClock { to }, to)
}

/// Confirms a system clock: the days it is ahead are closed within the same record, and its key is kept from the instant
/// after them.
fn confirm_clock(state: &mut State, clock: Timestamp) -> Executed {
    pass_to(state, &Command::ConfirmClock { clock }, clock)
}

/// Closes the days before an instant, then executes a command at it.
fn pass_to(state: &mut State, command: &Command, at: Timestamp) -> Executed {
    let last = state.registry.platform.offset.day_of(at);
    let mut events = Vec::new();
    while state.registry.open_day < last && state.broken.is_none() {
        events.push(Event::DayClosed(Box::new(close::close_day(state))));
    }
    let passed = machine::execute(state, command, at);
    events.extend(passed.events);
    Executed { events, outcome: passed.outcome }
}

/// Adds a record to the round's batch; says where it stands.
fn put(round: &mut Round, record: &Record) -> LogPosition {
    let mut failed = None;
    let index = round.builder.push_with(|bytes| {
        if let Err(error) = codec::encode(record, bytes) {
            failed = Some(error.to_string());
        }
    });
    match (index, failed) {
        (Ok(index), None) => LogPosition::new(round.seq, index),
        (Err(error), _) => {
            round.failed.get_or_insert(error.to_string());
            LogPosition::START
        }
        (_, Some(error)) => {
            round.failed.get_or_insert(error);
            LogPosition::START
        }
    }
}

fn answer(replies: Replies, ticks: Vec<oneshot::Sender<()>>) {
    for (sender, reply) in replies {
        // A client that has gone does not need its answer; its key finds it again.
        let _ = sender.send(reply);
    }
    for tick in ticks {
        let _ = tick.send(());
    }
}

/// Appends batches in order and answers their senders; stops at the first that cannot be made durable.
pub(crate) fn flush(shared: &Shared, log: &mut dyn LogStore, batches: &Receiver<(Batch, Replies, Vec<oneshot::Sender<()>>)>) {
    while let Ok((batch, replies, ticks)) = batches.recv() {
        let seq = batch.seq;
        match log.append(seq - 1, &batch) {
            Appended::Done => {
                shared.durable.set(seq);
                answer(replies, ticks);
            }
            other => {
                let reason = other.into_result(seq - 1).err().map_or_else(|| "the append failed".to_owned(), |error| error.to_string());
                *shared.stopped.write() = Some(format!("the log could not be written: {reason}"));
                for (sender, _) in replies {
                    let _ = sender.send(Reply::Refused(Unavailable::Stopped(format!("the log could not be written: {reason}"))));
                }
                break;
            }
        }
    }
    shared.durable.end();
}
