//! One round of the writer: what is decided between two batches, and the batch it becomes.
//!
//! Owns the order in which a command meets the machine: days that are over are closed first, a known key is answered
//! from its record, then the command is stamped, decided, applied and written down, and its key is remembered. It
//! knows no thread, no clock and no disk, so the writer's thread and the simulator run the same rounds. Refuses to be
//! sealed when an invariant broke. The state has run ahead of the log by what a round holds until its batch is durable.

use crate::batch::{Batch, BatchBuilder};
use crate::bounds::RECORDS_MAX;
use crate::codec::{self, Actor, Fact, Record, UsedKey};
use crate::error::StoreError;
use crate::head::Head;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::day::DayClosed;
use usance_core::machine::news::Touched;
pub use usance_core::machine::present::ClockReading;
use usance_core::machine::preview::{self, Preview};
use usance_core::machine::state::Platform;
use usance_core::machine::verb::clock::check_move;
use usance_core::machine::verb::{self, LossAccepted, WriterStarted};
use usance_core::machine::{self, Answer, Command, Event, Executed, Rejection, State, close, present};

/// What has to hold in the very instant in which a command is decided: what its sender was shown is what it would book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// This was shown.
    Shown(Box<Preview>),
    /// What came back is nothing that is ever shown: it holds for no state.
    Unreadable,
}

impl Expectation {
    /// Whether a command would book what was shown.
    fn holds(&self, state: &State, command: Option<&Command>, now: Timestamp) -> bool {
        match (self, command) {
            (Expectation::Shown(shown), Some(command)) => preview::of(state, command, now).as_ref() == Some(shown.as_ref()),
            _ => false,
        }
    }
}

/// A command with the key it came with.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// Sender's key and the request's fingerprint.
    pub key: Option<UsedKey>,
    /// Who asks, to be kept with what happens; none where nobody is recorded.
    pub actor: Option<Actor>,
    /// What is asked; nothing, when only the key is to be taken for a write that lives elsewhere (people, tokens).
    pub command: Option<Command>,
    /// What its sender was shown, if it is to be decided only as long as that holds.
    pub expects: Option<Expectation>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// It was decided now. Its answer counts once the round's batch is durable.
    Now {
        /// Where its record lies.
        place: LogPosition,
        /// What its sender is told.
        outcome: Result<Answer, Rejection>,
    },
    /// Its key was used before; the record there holds the answer, and the request it was for.
    Before {
        /// Where.
        place: LogPosition,
    },
    /// What its sender expected does not hold: nothing was decided, and its key is not used.
    Unexpected,
    /// The machine's clock has to be confirmed first: nothing was decided, and its key is not used.
    Unconfirmed {
        /// How far it is ahead of what may be believed, in milliseconds.
        ahead_ms: i64,
    },
}

/// What is decided between two batches.
#[derive(Debug)]
pub struct Round {
    builder: BatchBuilder,
    head: Head,
    failed: Option<String>,
    touched: Touched,
}

impl Round {
    /// A round behind the last batch.
    #[must_use]
    pub fn behind(head: Head) -> Self {
        Round { builder: BatchBuilder::new(), head, failed: None, touched: Touched::default() }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.builder.len()
    }

    /// Whether nothing was decided yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// Whether nothing may be added: a record could not be written down.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Closes every day that is over, each with its own record, unless the clock has to be confirmed first; then pays whoever waits, and plans
    /// the treasury anew.
    pub fn close_due_days(&mut self, state: &mut State, clock: ClockReading, mut seen: impl FnMut(&DayClosed)) {
        let mut closed_at = None;
        while state.broken.is_none() && present::days_due(state, clock) > 0 {
            state.mid_round = true;
            let day = state.registry.open_day;
            let closed = close::close_day(state);
            let at = state.registry.platform.offset.first_instant(day.next());
            seen(&closed);
            self.put(&Record::of_engine(at, vec![Event::DayClosed(Box::new(closed))]));
            closed_at = Some(at);
        }
        if let Some(at) = closed_at {
            self.after_closes(state, at);
        }
        if present::unconfirmed(state, clock).is_none() {
            let now = present::instant(state, clock);
            self.pay_waiting(state, now);
        }
    }

    /// Decides a submission, unless its key was used before. Days that have ended since the round began are closed first:
    /// a round may last over midnight.
    pub fn decide(&mut self, state: &mut State, submission: Submission, clock: ClockReading, mut seen: impl FnMut(&DayClosed)) -> Decided {
        self.close_due_days(state, clock, &mut seen);
        let Submission { key, actor, command, expects } = submission;
        if let Some(place) = key.and_then(|key| state.keys.find(&key.hash)) {
            return Decided::Before { place };
        }
        let confirming = matches!(command, Some(Command::ConfirmClock { .. }));
        if let (false, Some(ahead_ms)) = (confirming, present::unconfirmed(state, clock)) {
            return Decided::Unconfirmed { ahead_ms };
        }
        let now = present::instant(state, clock);
        self.expire(state, now);
        if expects.is_some_and(|expects| !expects.holds(state, command.as_ref(), now)) {
            return Decided::Unexpected;
        }
        // From here on it is ahead of every batch, until the round is sealed; should the round break off, it stays so.
        state.mid_round = true;
        let (executed, at) = match command {
            None => (Executed { events: Vec::new(), outcome: Ok(Answer::Done) }, now),
            Some(Command::MoveClock { to }) => (move_clock(state, to), to.max(now)),
            Some(Command::ConfirmClock { .. }) => {
                let said = present::said(state, clock.says);
                (pass_to(state, &Command::ConfirmClock { clock: said }, said), said)
            }
            Some(command) => (machine::execute(state, &command, now), now),
        };
        // Days that a move or a confirmation passed are closed like any others.
        let mut has_closed = false;
        for event in &executed.events {
            if let Event::DayClosed(closed) = event {
                seen(closed);
                has_closed = true;
            }
        }
        let at = if executed.outcome.is_ok() { at } else { now };
        let record = Record { fact: Fact { at, key, actor, events: executed.events }, outcome: executed.outcome };
        let place = self.put(&record);
        if let Some(key) = record.fact.key {
            state.keys.remember(key.hash, place, at);
        }
        if has_closed {
            self.after_closes(state, at);
        } else {
            self.pay_waiting(state, at);
        }
        Decided::Now { place, outcome: record.outcome }
    }

    /// Writes down that proposals are over which too few signed in time.
    fn expire(&mut self, state: &mut State, now: Timestamp) {
        let ended = machine::expire(state, now);
        if !ended.is_empty() {
            state.mid_round = true;
            self.put(&Record::of_engine(now, ended));
        }
    }

    /// What follows when days were closed: whoever waits gets what is due, and then, when it is known what is left, the treasury is planned
    /// anew.
    fn after_closes(&mut self, state: &mut State, at: Timestamp) {
        self.pay_waiting(state, at);
        if state.broken.is_none() {
            let planned = machine::plan_after_closes(state, at);
            if !planned.is_empty() {
                self.put(&Record::of_engine(at, planned));
            }
        }
    }

    /// Writes down what is due to whoever waits for coins: in the same instant as whatever brought them, each with its own record. Very
    /// many are paid by the rounds that follow, so that none grows beyond what a batch holds.
    fn pay_waiting(&mut self, state: &mut State, now: Timestamp) {
        while state.broken.is_none() && self.builder.len() < RECORDS_MAX / 2 {
            let Some(event) = machine::pay_next(state, now) else { return };
            state.mid_round = true;
            self.put(&Record::of_engine(now, vec![event]));
        }
    }

    /// Whom it touched so far.
    #[must_use]
    pub const fn touched(&self) -> &Touched {
        &self.touched
    }

    /// The batch that it becomes; `None` when nothing was decided.
    ///
    /// # Errors
    /// A sentence, when an invariant does not hold any more or a record could not be written down. The state is then not
    /// to be used, and nothing of the round may be stored.
    pub fn seal(self, state: &mut State) -> Result<Option<Batch>, String> {
        if let Some(broken) = &state.broken {
            return Err(format!("a broken invariant: {}: {}", broken.invariant, broken.seen));
        }
        if let Some(reason) = self.failed {
            return Err(reason);
        }
        if self.builder.is_empty() {
            state.mid_round = false;
            return Ok(None);
        }
        let (shard, at) = (state.registry.platform.shard, state.registry.last_at);
        let sealed = self.builder.seal(shard, self.head.seq.saturating_add(1), at.ms(), self.head.hash);
        let batch = sealed.map_err(|error| error.to_string())?;
        state.mid_round = false;
        Ok(Some(batch))
    }

    /// Adds a record; says where it stands.
    fn put(&mut self, record: &Record) -> LogPosition {
        record.fact.events.iter().for_each(|event| verb::of(event, |fact| self.touched.add(&fact.news())));
        let mut failed = None;
        let index = self.builder.push_with(|bytes| {
            if let Err(error) = codec::encode(record, bytes) {
                failed = Some(error.to_string());
            }
        });
        match (index, failed) {
            (Ok(index), None) => LogPosition::new(self.head.seq.saturating_add(1), index),
            (Err(error), _) => {
                self.failed.get_or_insert(error.to_string());
                LogPosition::START
            }
            (_, Some(error)) => {
                self.failed.get_or_insert(error);
                LogPosition::START
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

/// Closes the days before an instant, then executes a command at it: the key of a move or a confirmation is kept from
/// the instant after them.
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

/// Whom a batch touches.
///
/// # Errors
/// [`StoreError::Damaged`] when a record cannot be read.
pub fn touched(batch: &Batch) -> Result<Touched, StoreError> {
    let mut touched = Touched::default();
    for item in codec::facts(batch) {
        item?.1.events.iter().for_each(|event| verb::of(event, |fact| touched.add(&fact.news())));
    }
    Ok(touched)
}

/// Whether a batch is the record that an operator gave up what the log had lost: it is alone in its batch.
///
/// # Errors
/// As the batch's records are.
pub fn gives_up(batch: &Batch) -> Result<bool, StoreError> {
    if batch.records().take(2).count() != 1 {
        return Ok(false);
    }
    let facts = codec::facts(batch).next().transpose()?;
    Ok(facts.is_some_and(|(_, record)| matches!(record.events.as_slice(), [Event::LossAccepted(_)])))
}

/// The batch that creates a platform, and the state before anything else happened on it.
///
/// # Errors
/// As [`crate::BatchBuilder::seal`].
pub fn founding(platform: Platform, head: Head) -> Result<(State, Batch), StoreError> {
    let batch = batch_of(platform.shard, head, platform.created_at, Event::PlatformCreated(Box::new(platform.clone())))?;
    Ok((State::new(platform), batch))
}

/// The batch with which a new writer begins, and its event, to be applied once the batch is durable.
///
/// # Errors
/// As [`crate::BatchBuilder::seal`].
pub fn epoch(state: &State, head: Head) -> Result<(Batch, Event), StoreError> {
    let event = Event::WriterStarted(WriterStarted { epoch: state.registry.counters.epoch.saturating_add(1) });
    Ok((batch_of(state.registry.platform.shard, head, state.registry.last_at, event.clone())?, event))
}

/// The batch in which an operator gives up what the log has lost.
///
/// # Errors
/// As [`crate::BatchBuilder::seal`].
pub fn loss_accepted(state: &State, head: Head, loss: LossAccepted) -> Result<Batch, StoreError> {
    batch_of(state.registry.platform.shard, head, state.registry.last_at, Event::LossAccepted(loss))
}

fn batch_of(shard: u16, head: Head, at: Timestamp, event: Event) -> Result<Batch, StoreError> {
    let mut builder = BatchBuilder::new();
    let mut bytes = Vec::new();
    codec::encode(&Record::of_engine(at, vec![event]), &mut bytes)?;
    builder.push(&bytes)?;
    Ok(builder.seal(shard, head.seq.saturating_add(1), at.ms(), head.hash)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use usance_core::calendar::DayOffset;
    use usance_core::machine::state::ClockMode;

    const DAY_MS: i64 = 86_400_000;

    fn customer(id: &str) -> Submission {
        Submission { command: Some(Command::CreateCustomer { id: id.to_owned() }), ..Submission::default() }
    }

    #[test]
    fn a_round_that_lasts_over_midnight_closes_the_day_before_it_goes_on() {
        let evening = 20_000 * DAY_MS + 18 * 3_600_000;
        let created_at = Timestamp::from_ms(evening);
        let offset = DayOffset::from_minutes(0).expect("an offset");
        let platform = Platform { shard: 0, offset, clock: ClockMode::System, created_at, seed: [0; 32] };
        let (mut state, batch) = founding(platform, Head::GENESIS).expect("a platform");
        let (mut round, mut closed) = (Round::behind(batch.head()), Vec::new());
        let midnight = 20_001 * DAY_MS;
        for (at, id) in [(evening, "alice"), (midnight - 1, "bob"), (midnight + 3, "carol")] {
            let clock = ClockReading::of(Timestamp::from_ms(at));
            let decided = round.decide(&mut state, customer(id), clock, |day| closed.push(day.day.number()));
            assert!(matches!(decided, Decided::Now { outcome: Ok(_), .. }), "{id}: {decided:?}");
            assert_eq!(state.registry.last_at.ms(), at, "{id} is stamped with what the clock says");
        }
        assert_eq!(closed, [20_000]);
        assert_eq!(state.registry.open_day.number(), 20_001);
    }

    #[test]
    fn what_is_not_as_it_was_shown_is_not_decided_and_uses_no_key() {
        let at = Timestamp::from_ms(20_000 * DAY_MS);
        let platform = Platform { shard: 0, offset: DayOffset::default(), clock: ClockMode::System, created_at: at, seed: [0; 32] };
        let (mut state, batch) = founding(platform, Head::GENESIS).expect("a platform");
        let (mut round, clock) = (Round::behind(batch.head()), ClockReading::of(at));
        let key = Some(UsedKey { hash: [7; 16], fingerprint: [7; 16] });
        let unreadable = Submission { key, expects: Some(Expectation::Unreadable), ..customer("alice") };
        assert_eq!(round.decide(&mut state, unreadable, clock, |_| ()), Decided::Unexpected);
        assert!(round.is_empty());
        let plain = Submission { key, ..customer("alice") };
        assert!(matches!(round.decide(&mut state, plain, clock, |_| ()), Decided::Now { outcome: Ok(_), .. }));
        // Once the key is used, what was shown is not asked any more.
        let again = Submission { key, expects: Some(Expectation::Unreadable), ..customer("alice") };
        assert!(matches!(round.decide(&mut state, again, clock, |_| ()), Decided::Before { .. }));
    }
}
