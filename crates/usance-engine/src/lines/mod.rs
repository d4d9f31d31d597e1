//! A customer's past, line by line: what the customer did (rows of the read tables) and what every close gave (derived
//! with the function that closed those days). Nothing is computed here: the sums are the core's (`machine/derive`).
//!
//! A [`Cut`] is one moment of the log: the state is read at it, the read tables are waited for, and everything after it
//! is left out, so that balances, positions and lines fit each other. [`statement`] makes running balances of them.

pub mod statement;

use crate::life::engine::Engine;
use crate::refusal::Refusal;
use crate::unavailable::Unavailable;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId};
use usance_core::machine::answer::Balances;
use usance_core::machine::derive::Past;
pub use usance_core::machine::derive::{CloseLine, closed_at};
use usance_core::machine::{Rejection, State, derive};
use usance_core::reward::history::{Segment, push_segment};
use usance_store::projection::{HistoryKind, HistoryRow, Span};

/// Positions derived in one look at the state.
const AT_A_TIME: usize = 128;
/// Lines that one step back aims at.
const LINES_A_STEP: usize = 4_096;
/// The longest step back, in days.
const STEP_DAYS_MAX: i32 = 64;

/// One of a customer's positions at the cut.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The position.
    pub past: Past,
    /// Where its stake stood, day by day; loaded when first needed.
    segments: Option<Vec<Segment>>,
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
}

/// Which positions a cut has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chosen<'a> {
    /// Only of this asset.
    pub asset: Option<&'a str>,
    /// Only this position.
    pub position: Option<PositionId>,
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

/// What a customer did of one kind, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn done(engine: &Engine, customer: &str, kind: HistoryKind, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    let cut = Cut::take(engine, customer, Chosen { asset: wanted.asset, position: None }).await?;
    Ok(cut.rows(engine, Some(kind), wanted.before, wanted.most)?)
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
            None => state.positions_of(customer, |account, _| asset.is_none_or(|only| only == account.asset)).collect(),
        };
        let subject = |id: PositionId| Past::of(state, id).map(|past| Subject { past, segments: None });
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
        })
    }

    /// What the closes of `from..=to` did to every position of the cut, by day and position, oldest first.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub fn closes(&mut self, engine: &Engine, from: Day, to: Day) -> Result<Vec<CloseLine>, Unavailable> {
        let to = to.min(self.last_closed);
        // Which positions were staked then is asked once for all of them.
        let staked: Vec<bool> = engine.peek(|state| {
            let staked = |subject: &Subject| {
                subject.past.first_day(state) <= to && derive::last_day(state, &subject.past.origin, self.last_closed) >= from
            };
            self.subjects.iter().map(staked).collect()
        });
        for (subject, _) in self.subjects.iter_mut().zip(&staked).filter(|(_, staked)| **staked) {
            subject.load(engine, self.through)?;
        }
        let mut lines = Vec::new();
        // The writer waits while the state is looked at: a few positions at a time.
        for some in self.subjects.chunks(AT_A_TIME).zip(staked.chunks(AT_A_TIME)) {
            engine.peek(|state| {
                for (subject, _) in some.0.iter().zip(some.1).filter(|(_, staked)| **staked) {
                    let segments = subject.segments.as_deref().unwrap_or_default();
                    subject.past.closes(state, segments, self.last_closed, (from, to), |line| lines.push(line));
                }
            });
        }
        lines.sort_by_key(|line| (line.day, line.position));
        Ok(lines)
    }

    /// Rows of some kind over the assets of the cut, newest first, before a place in the log, at most so many.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub fn rows(
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
            let some = engine.tables(|tables| tables.history(self.customer, *asset, span, kind, size))?;
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

    /// The first day on which any of the positions can have earned.
    #[must_use]
    pub fn first_day(&self, engine: &Engine) -> Day {
        engine.peek(|state| self.subjects.iter().map(|subject| subject.past.first_day(state)).min().unwrap_or(self.last_closed.next()))
    }
}

impl Subject {
    fn load(&mut self, engine: &Engine, through: LogPosition) -> Result<(), Unavailable> {
        if self.segments.is_some() {
            return Ok(());
        }
        let mut segments = Vec::new();
        if !self.past.kind.keeps_principal() {
            for row in engine.tables(|tables| tables.stakes(self.past.id, through))? {
                push_segment(&mut segments, Segment { from: row.day, stake: row.stake });
            }
        }
        self.segments = Some(segments);
        Ok(())
    }
}
