//! A customer's past, line by line: what the customer did (rows of the read tables) and what every close gave (derived
//! with the function that closed those days). Nothing is computed here that the core does not compute.
//!
//! A [`Cut`] is one moment of the log: the state is read at it, the read tables are waited for, and everything after it
//! is left out, so that balances, positions and lines fit each other. [`statement`] makes running balances of them;
//! [`cell`] is text from others in a CSV file.

pub mod cell;
pub mod statement;

use crate::api::App;
use crate::api::error::{Problem, rejected};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId, ProductIx};
use usance_core::machine::answer::Balances;
use usance_core::machine::{Rejection, State, derive};
use usance_core::money::Amount;
use usance_core::position::{Origin, PositionState, Running, position_link};
use usance_core::product::rates::Bands;
use usance_core::product::{Kind, Product};
use usance_core::reward::history::{Segment, push_segment};

/// Positions derived in one look at the state.
const AT_A_TIME: usize = 128;
/// Lines that one step back aims at.
const LINES_A_STEP: usize = 4_096;
/// The longest step back, in days.
const STEP_DAYS_MAX: i32 = 64;

/// One of a customer's positions at the cut.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its number.
    pub id: PositionId,
    /// Its product.
    pub product: ProductIx,
    /// Its asset.
    pub asset: AssetIx,
    /// What a close touches.
    pub running: Running,
    /// What it does not.
    pub origin: Origin,
    /// Principal of the position that continues it.
    pub renewed_principal: Amount,
    /// Whether it is flexible.
    flexible: bool,
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

/// What became of a day's reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewardState {
    /// Earned, not yet paid.
    Accrued,
    /// Paid into Funding.
    Paid,
    /// Given up by an early exit before it was paid.
    Forfeited,
    /// Paid and taken back by an early exit.
    ClawedBack,
}

impl RewardState {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            RewardState::Accrued => "accrued",
            RewardState::Paid => "paid",
            RewardState::Forfeited => "forfeited",
            RewardState::ClawedBack => "clawed_back",
        }
    }
}

/// What a term's end gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maturity {
    /// To Spot.
    pub to_spot: Amount,
    /// To Funding.
    pub to_funding: Amount,
    /// The position that continues it.
    pub renewed_into: Option<PositionId>,
}

/// What one close did to one position.
#[derive(Clone, Debug)]
pub struct CloseLine {
    /// The closed day.
    pub day: Day,
    /// The position.
    pub position: PositionId,
    /// Its product.
    pub product: ProductIx,
    /// Its asset.
    pub asset: AssetIx,
    /// Whether rewards accrue first (fixed-term).
    pub accrues: bool,
    /// The principal that earned.
    pub principal: Amount,
    /// The carry with which the day began.
    pub carry_before: u64,
    /// The day's bands.
    pub bands: Bands,
    /// What it earned.
    pub reward: Amount,
    /// What became of it.
    pub state: RewardState,
    /// What was paid into Funding with this close.
    pub paid: Amount,
    /// The end of the term, on its last day.
    pub maturity: Option<Maturity>,
}

impl Cut {
    /// Reads the state for a customer and waits for the read tables.
    ///
    /// # Errors
    /// `customer_not_found`, `asset_not_found`, `position_not_found`, or an engine that cannot answer.
    pub async fn take(app: &App, customer: &str, chosen: Chosen<'_>) -> Result<Cut, Problem> {
        let (cut, through) = app.engine.read_at(|state, _| Cut::of(state, customer, chosen)).await?;
        let mut cut = cut?;
        cut.through = through;
        app.engine.projected(through).await?;
        Ok(cut)
    }

    fn of(state: &State, customer: &str, chosen: Chosen<'_>) -> Result<Cut, Problem> {
        let customer = state.customer_ix(customer).ok_or_else(|| rejected(state, &Rejection::CustomerNotFound))?;
        let asset =
            chosen.asset.map(|symbol| state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound))).transpose()?;
        let ids: Vec<PositionId> = match chosen.position {
            Some(id) => {
                state.position_of(customer, id).ok_or_else(|| rejected(state, &Rejection::PositionNotFound))?;
                vec![id]
            }
            None => state.positions_of(customer, |account, _| asset.is_none_or(|only| only == account.asset)).collect(),
        };
        let subject = |id: PositionId| -> Option<Subject> {
            let (running, origin) = state.position(id)?;
            let product = state.product(running.product)?;
            let next = position_link(origin.renewed_into).and_then(|next| state.position(next));
            Some(Subject {
                id,
                product: running.product,
                asset: product.asset,
                running: *running,
                origin: *origin,
                renewed_principal: next.map_or(Amount::ZERO, |(_, next)| next.principal_opened.get()),
                flexible: product.kind == Kind::Flexible,
                segments: None,
            })
        };
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
    pub fn closes(&mut self, app: &App, from: Day, to: Day) -> Result<Vec<CloseLine>, Problem> {
        let to = to.min(self.last_closed);
        // Which positions were staked then is asked once for all of them.
        let staked: Vec<bool> = app.engine.peek(|state| {
            let staked =
                |subject: &Subject| subject.first_day(state) <= to && derive::last_day(state, &subject.origin, self.last_closed) >= from;
            self.subjects.iter().map(staked).collect()
        });
        for (subject, _) in self.subjects.iter_mut().zip(&staked).filter(|(_, staked)| **staked) {
            subject.load(app, self.through)?;
        }
        let mut lines = Vec::new();
        // The writer waits while the state is looked at: a few positions at a time.
        for some in self.subjects.chunks(AT_A_TIME).zip(staked.chunks(AT_A_TIME)) {
            app.engine.peek(|state| {
                for (subject, _) in some.0.iter().zip(some.1).filter(|(_, staked)| **staked) {
                    subject.closes(state, self.last_closed, from, to, &mut lines);
                }
            });
        }
        lines.sort_by_key(|line| (line.day, line.position));
        Ok(lines)
    }

    /// How many days back one step may look: fewer for a customer with many positions, so that a step costs about the
    /// same for everybody.
    #[must_use]
    pub fn step_days(&self) -> i32 {
        i32::try_from(LINES_A_STEP / self.subjects.len().max(1)).unwrap_or(1).clamp(1, STEP_DAYS_MAX)
    }

    /// The first day on which any of the positions can have earned.
    #[must_use]
    pub fn first_day(&self, app: &App) -> Day {
        app.engine.peek(|state| self.subjects.iter().map(|subject| subject.first_day(state)).min().unwrap_or(self.last_closed.next()))
    }
}

impl Subject {
    /// The day it was opened.
    fn first_day(&self, state: &State) -> Day {
        state.registry.platform.offset.day_of(self.origin.opened_at())
    }

    fn load(&mut self, app: &App, through: LogPosition) -> Result<(), Problem> {
        if self.segments.is_some() {
            return Ok(());
        }
        let mut segments = Vec::new();
        if self.flexible {
            for row in app.engine.tables(|tables| tables.stakes(self.id, through))? {
                push_segment(&mut segments, Segment { from: row.day, stake: row.stake });
            }
        }
        self.segments = Some(segments);
        Ok(())
    }

    fn closes(&self, state: &State, last_closed: Day, from: Day, to: Day, lines: &mut Vec<CloseLine>) {
        let (Some(product), Some(segments)) = (state.product(self.product), &self.segments) else { return };
        // A payment adds up the days since the one before, so a fixed term is walked from its first day.
        let start = if self.flexible { from } else { self.running.value_date.min(from) };
        let mut accrued = Amount::ZERO;
        let to = to.min(derive::last_day(state, &self.origin, last_closed));
        derive::reward_days(state, &self.running, &self.origin, segments, start, to, |line| {
            let paid = self.paid(product, line.day, line.reward, &mut accrued);
            if line.day >= from {
                lines.push(CloseLine {
                    day: line.day,
                    position: self.id,
                    product: self.product,
                    asset: self.asset,
                    accrues: !self.flexible,
                    principal: line.principal,
                    carry_before: line.carry_before,
                    bands: line.bands,
                    reward: line.reward,
                    state: self.reward_state(state, product, last_closed, line.day),
                    paid,
                    maturity: self.maturity(product, line.day),
                });
            }
        });
    }

    /// What was paid with the close of a day.
    fn paid(&self, product: &Product, day: Day, reward: Amount, accrued: &mut Amount) -> Amount {
        if self.flexible {
            return reward;
        }
        *accrued = accrued.plus(reward);
        if product.distributes_on(self.running.interest_day(day)) { std::mem::take(accrued) } else { Amount::ZERO }
    }

    fn reward_state(&self, state: &State, product: &Product, last_closed: Day, day: Day) -> RewardState {
        if self.flexible {
            return RewardState::Paid;
        }
        let k = product.next_distribution_day(self.running.interest_day(day));
        let paid_on = self.running.value_date.plus(i32::try_from(k).unwrap_or(i32::MAX)).previous();
        let paid = paid_on <= derive::last_day(state, &self.origin, last_closed);
        match (self.running.state, paid) {
            (PositionState::RedeemedEarly, true) => RewardState::ClawedBack,
            (PositionState::RedeemedEarly, false) => RewardState::Forfeited,
            (_, true) => RewardState::Paid,
            (_, false) => RewardState::Accrued,
        }
    }

    fn maturity(&self, product: &Product, day: Day) -> Option<Maturity> {
        if self.running.maturity_day(product.kind) != Some(day.next()) {
            return None;
        }
        let rest = self.origin.principal_opened.get().left_after(self.renewed_principal);
        let to_spot = rest.min(self.origin.from_spot.get());
        Some(Maturity { to_spot, to_funding: rest.left_after(to_spot), renewed_into: position_link(self.origin.renewed_into) })
    }
}

/// The instant at which a day's close is stamped.
#[must_use]
pub fn closed_at(state: &State, day: Day) -> Timestamp {
    state.registry.platform.offset.first_instant(day.next())
}
