//! A customer's past, line by line: what the customer did (rows of the read tables) and what every close gave (derived
//! with the function that closed those days). Nothing is computed here: the sums are the core's (`machine/derive`).
//!
//! A [`Cut`] is one moment of the log: the state is read at it, the read tables are waited for, and everything after it
//! is left out, so that balances, positions and lines fit each other. [`statement`] makes running balances of them.

pub mod budget;
pub mod statement;

use self::budget::{Budget, ROW_DAYS};
use crate::life::engine::Engine;
use crate::refusal::Refusal;
use crate::unavailable::Unavailable;
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId};
use usance_core::machine::answer::Balances;
use usance_core::machine::derive::Past;
pub use usance_core::machine::derive::{CloseLine, CloseSum, closed_at};
use usance_core::machine::{Rejection, State, derive};
use usance_core::reward::history::{Segment, push_segment};
use usance_store::projection::{HistoryKind, HistoryRow, Span};

/// Positions derived in one look at the state.
const AT_A_TIME: usize = 128;
/// Lines that one step back aims at.
const LINES_A_STEP: usize = 4_096;
/// So many positions that are only looked at cost what a day of one does.
const LOOKS_A_DAY: u64 = 8;
/// The longest step back, in days.
const STEP_DAYS_MAX: i32 = 64;

/// One of a customer's positions at the cut.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The position.
    pub past: Past,
    /// Where its stake stood, day by day; loaded as far back as is needed.
    segments: Vec<Segment>,
    /// From which day on they are loaded, and the place of the first.
    loaded: Option<(Day, LogPosition)>,
}

/// One moment of the log, seen by one customer.
#[derive(Debug)]
pub struct Cut {
    /// Who.
    pub customer: CustomerIx,
    /// Everything up to here is in it.
    pub through: LogPosition,
    /// The last closed day.
    pub last_closed: Day,
    /// The positions that were asked for, newest first.
    pub subjects: Vec<Subject>,
    /// The customer's balances per asset.
    pub balances: Vec<(AssetIx, Balances)>,
    /// What may be read for it.
    pub budget: Budget,
}

/// What a stretch of closes moved of each asset.
pub type Moved = BTreeMap<AssetIx, CloseSum>;

/// Which positions a cut has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chosen<'a> {
    /// Only of this asset.
    pub asset: Option<&'a str>,
    /// Only this position.
    pub position: Option<PositionId>,
    /// Whose past is asked for by what the customer did alone: no positions are needed then.
    pub without_positions: bool,
}

impl Chosen<'_> {
    /// No positions, for what the customer did.
    pub const NO_POSITIONS: Chosen<'static> = Chosen { asset: None, position: None, without_positions: true };
}

/// Which rows of a customer's past.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Only of this asset.
    pub asset: Option<&'a str>,
    /// Only those before this place in the log.
    pub before: Option<u64>,
    /// At most so many.
    pub most: usize,
}

/// Lines in order, and where the next ones begin where what may be read in one go was read before there were enough.
#[derive(Debug)]
pub struct Part<T, K> {
    /// What was found; one more than was wanted says that there is more.
    pub found: Vec<T>,
    /// Before this there is more, perhaps.
    pub paused_at: Option<K>,
}

/// What a customer did of one kind, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn done(engine: &Engine, customer: &str, kind: HistoryKind, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    let chosen = Chosen { asset: wanted.asset, ..Chosen::NO_POSITIONS };
    let (cut, through) = engine.read_at(|state, _| Cut::of(state, customer, chosen)).await?;
    // Rows of the past say all there is to say: those that are there are right, and whoever asks is told how far they go.
    let cut = Cut { through: engine.projected_as_far(through).await?, ..cut? };
    Ok(cut.rows(engine, Some(kind), wanted.before, wanted.most).await?)
}

impl Cut {
    /// Reads the state for a customer and waits for the read tables.
    ///
    /// # Errors
    /// `customer_not_found`, `asset_not_found`, `position_not_found`, or an engine that cannot answer.
    pub async fn take(engine: &Engine, customer: &str, chosen: Chosen<'_>) -> Result<Cut, Refusal> {
        Ok(Cut::take_with(engine, customer, chosen, |_, _| ()).await?.0)
    }

    /// As [`Cut::take`], with what else is looked at in the same moment.
    ///
    /// # Errors
    /// As [`Cut::take`].
    pub async fn take_with<R>(
        engine: &Engine,
        customer: &str,
        chosen: Chosen<'_>,
        look: impl FnOnce(&State, Timestamp) -> R,
    ) -> Result<(Cut, R), Refusal> {
        let (seen, through) =
            engine.read_at(|state, now| Ok::<_, Rejection>((Cut::of(state, customer, chosen)?, look(state, now)))).await?;
        let (mut cut, seen) = seen?;
        cut.through = through;
        engine.projected(through).await?;
        Ok((cut, seen))
    }

    fn of(state: &State, customer: &str, chosen: Chosen<'_>) -> Result<Cut, Rejection> {
        let customer = state.customer_ix(customer).ok_or(Rejection::CustomerNotFound)?;
        let asset = chosen.asset.map(|symbol| state.asset_ix(symbol).ok_or(Rejection::AssetNotFound)).transpose()?;
        let ids: Vec<PositionId> = match chosen.position {
            Some(id) => {
                state.position_of(customer, id).ok_or(Rejection::PositionNotFound)?;
                vec![id]
            }
            None if chosen.without_positions => Vec::new(),
            None => state.positions_of(customer, |account, _| asset.is_none_or(|only| only == account.asset)).collect(),
        };
        let subject = |id: PositionId| Past::of(state, id).map(|past| Subject { past, segments: Vec::new(), loaded: None });
        let mut balances: Vec<_> = state
            .accounts_of(customer)
            .filter(|(_, account)| asset.is_none_or(|only| only == account.asset))
            .map(|(_, account)| (account.asset, Balances { spot: account.spot, funding: account.funding }))
            .collect();
        balances.sort_by_key(|(asset, _)| *asset);
        Ok(Cut {
            customer,
            through: LogPosition::START,
            last_closed: state.registry.open_day.previous(),
            subjects: ids.into_iter().filter_map(subject).collect(),
            balances,
            budget: Budget::of_request(),
        })
    }

    /// What the closes of `from..=to` did to every position of the cut, by day and position, oldest first.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn closes(&mut self, engine: &Engine, from: Day, to: Day) -> Result<Vec<CloseLine>, Unavailable> {
        let to = to.min(self.last_closed);
        let staked = self.staked(engine, from, to).await?;
        let mut lines = Vec::new();
        // The writer waits while the state is looked at: a few positions at a time.
        for some in staked.chunks(AT_A_TIME) {
            let before = lines.len();
            engine.peek(|state| {
                for subject in some.iter().filter_map(|index| self.subjects.get(*index)) {
                    subject.past.closes(state, &subject.segments, self.last_closed, (from, to), |line| lines.push(line));
                }
            });
            self.budget.spend((some.len() + lines.len() - before) as u64).await;
        }
        lines.sort_by_key(|line| (line.day, line.position));
        Ok(lines)
    }

    /// What the closes of `from..=to` moved of each asset together.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn moved(&mut self, engine: &Engine, from: Day, to: Day) -> Result<Moved, Unavailable> {
        let to = to.min(self.last_closed);
        let staked = self.staked(engine, from, to).await?;
        let mut sums = Moved::new();
        for some in staked.chunks(AT_A_TIME) {
            engine.peek(|state| {
                for subject in some.iter().filter_map(|index| self.subjects.get(*index)) {
                    let one = subject.past.moved(state, &subject.segments, self.last_closed, (from, to));
                    sums.entry(subject.past.asset).or_default().add(one);
                }
            });
            self.budget.spend(some.len() as u64).await;
        }
        Ok(sums)
    }

    /// Which positions were staked at one of the closes of `from..=to`, with what is needed to walk those days.
    async fn staked(&mut self, engine: &Engine, from: Day, to: Day) -> Result<Vec<usize>, Unavailable> {
        let staked: Vec<usize> = engine.peek(|state| {
            let is_staked = |subject: &Subject| {
                subject.past.first_day(state) <= to && derive::last_day(state, &subject.past.origin, self.last_closed) >= from
            };
            let staked = self.subjects.iter().enumerate().filter(|(_, subject)| is_staked(subject));
            staked.map(|(index, _)| index).collect()
        });
        self.budget.spend(self.subjects.len() as u64 / LOOKS_A_DAY + 1).await;
        for index in &staked {
            if let Some(subject) = self.subjects.get_mut(*index) {
                let rows = subject.load(engine, self.through, from)?;
                self.budget.spend(rows as u64 * ROW_DAYS).await;
            }
        }
        Ok(staked)
    }

    /// Rows of some kind over the assets of the cut, newest first, before a place in the log, at most so many.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn rows(
        &self,
        engine: &Engine,
        kind: Option<HistoryKind>,
        before: Option<u64>,
        size: usize,
    ) -> Result<Vec<(AssetIx, HistoryRow)>, Unavailable> {
        let through = before.map_or(self.through, |before| LogPosition::from_number(before.saturating_sub(1)));
        let mut found = Vec::new();
        for (asset, _) in &self.balances {
            let span = Span { after: LogPosition::START, through };
            let some = engine.tables(self.through, |tables| tables.history(self.customer, *asset, span, kind, size))?;
            self.budget.spend((some.len() as u64 + 1) * ROW_DAYS).await;
            found.extend(some.into_iter().map(|row| (*asset, row)));
        }
        found.sort_by_key(|(_, row)| std::cmp::Reverse(row.place));
        found.truncate(size);
        Ok(found)
    }

    /// How many days back one step may look: fewer for a customer with many positions, so that a step costs about the
    /// same for everybody.
    #[must_use]
    pub fn step_days(&self) -> i32 {
        i32::try_from(LINES_A_STEP / self.subjects.len().max(1)).unwrap_or(1).clamp(1, STEP_DAYS_MAX)
    }

    /// The newest day up to `to` whose close moved something of a position that is chosen.
    #[must_use]
    pub fn moved_last(&self, engine: &Engine, to: Day, chosen: impl Fn(&State, &Past) -> bool) -> Option<Day> {
        let moved = |state: &State, past: &Past| past.moved_last(state, self.last_closed, to).filter(|_| chosen(state, past));
        engine.peek(|state| self.subjects.iter().filter_map(|subject| moved(state, &subject.past)).max())
    }

    /// The newest day up to `to` at whose close a position was staked.
    #[must_use]
    pub fn staked_last(&self, engine: &Engine, to: Day) -> Option<Day> {
        let staked = |state: &State, past: &Past| {
            let first = past.first_day(state).max(past.running.value_date);
            let last = derive::last_day(state, &past.origin, self.last_closed).min(to);
            (first <= last).then_some(last)
        };
        engine.peek(|state| self.subjects.iter().filter_map(|subject| staked(state, &subject.past)).max())
    }

    /// The first day on which any of the positions can have earned.
    #[must_use]
    pub fn first_day(&self, engine: &Engine) -> Day {
        engine.peek(|state| self.subjects.iter().map(|subject| subject.past.first_day(state)).min().unwrap_or(self.last_closed.next()))
    }
}

impl Subject {
    /// Loads where its stake stood from a day on; says how many rows that took.
    fn load(&mut self, engine: &Engine, cut: LogPosition, from: Day) -> Result<usize, Unavailable> {
        if self.past.keeps_principal || self.loaded.is_some_and(|(loaded, _)| loaded <= from) {
            return Ok(0);
        }
        // What is there stays; only what lies before it is read.
        let through = self.loaded.map_or(cut, |(_, first)| LogPosition::from_number(first.number().saturating_sub(1)));
        let rows = engine.tables(cut, |tables| tables.stakes(self.past.id, through, from))?;
        let first = rows.first().map_or(through, |row| row.place);
        let later = std::mem::take(&mut self.segments);
        let earlier = rows.iter().map(|row| Segment { from: row.day, stake: row.stake });
        earlier.chain(later).for_each(|segment| push_segment(&mut self.segments, segment));
        self.loaded = Some((from, first));
        Ok(rows.len() + 1)
    }
}
