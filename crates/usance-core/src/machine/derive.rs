//! A position's days again, from the state and its segments: what history, statement, export and `usance verify` show.
//!
//! Which bands held on a closed day, which days a position was staked at the close of, and where the only segment of a
//! principal that never changes begins. [`Past`] is one position at one moment; it tells what every close did to it
//! ([`CloseLine`]). The walk itself is `reward::history`, what a line moves in the books is [`super::post`].

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, PositionId, ProductIx};
use crate::ledger::LedgerAccount;
use crate::money::{Amount, split_day};
use crate::position::{FLOATING, Origin, PositionState, Running, position_link};
use crate::product::rates::Bands;
use crate::product::{Kind, Product, SlashingTerms};
use crate::reward::accrue::Stake;
use crate::reward::history::{RewardDay, Segment, push_segment, sum, walk};

/// The instant at which a day's close is stamped.
#[must_use]
pub fn closed_at(state: &State, day: Day) -> Timestamp {
    state.registry.platform.offset.first_instant(day.next())
}

/// The last closed day at whose close a position was staked, `last_closed` being the last of all.
#[must_use]
pub fn last_day(state: &State, origin: &Origin, last_closed: Day) -> Day {
    let ended = origin.closed_at().map(|at| state.registry.platform.offset.day_of(at).previous());
    ended.map_or(last_closed, |ended| ended.min(last_closed))
}

/// The bands that a position earned by on a closed day.
#[must_use]
pub fn bands_on(state: &State, running: &Running, day: Day) -> Option<Bands> {
    if running.rate_version != FLOATING {
        return state.bands(running.rate_version).cloned();
    }
    let closed = state.product(running.product)?.closed_day(day)?;
    state.bands(closed.version).map(|bands| bands.capped(closed.settled))
}

/// The bands that a position earned by on a closed day, and the last day up to `to` of which it is known that it was the same.
fn held_from(state: &State, running: &Running, day: Day, to: Day) -> (Option<Bands>, Day) {
    if running.rate_version != FLOATING {
        return (state.bands(running.rate_version).cloned(), to);
    }
    let last = state.product(running.product).map_or(day, |product| product.closed_alike(day, to));
    (bands_on(state, running, day), last)
}

/// Walks the days `from..=to` of a position, oldest first. A principal that never changes has one segment, which its
/// opening gives; otherwise the segments that its events gave come with it, in order of day. A renewal is no event of its
/// own, so its opening is known from the position, too.
pub fn reward_days(
    state: &State,
    running: &Running,
    origin: &Origin,
    segments: &[Segment],
    from: Day,
    to: Day,
    visit: impl FnMut(RewardDay),
) {
    let whole = whole(state, running, origin, segments);
    walk(&whole, from, to, |day| held_from(state, running, day, to), visit);
}

/// Every segment of a position.
fn whole(state: &State, running: &Running, origin: &Origin, segments: &[Segment]) -> Vec<Segment> {
    let keeps_principal = state.product(running.product).is_some_and(Product::keeps_principal);
    let is_renewal = position_link(origin.renewed_from).is_some();
    let mut whole = Vec::new();
    if keeps_principal || is_renewal {
        let stake = Stake { earning: origin.principal_opened.get(), ..Stake::default() };
        whole.push(Segment { from: running.value_date, stake });
    }
    if !keeps_principal {
        segments.iter().for_each(|segment| push_segment(&mut whole, *segment));
    }
    whole
}

/// What the days of a position come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// Days on which some principal earned.
    pub days: u64,
    /// What they gave together.
    pub rewards: Amount,
}

/// What every closed day of a position gave, derived again; `segments` as for [`reward_days`].
#[must_use]
pub fn earned(state: &State, id: PositionId, segments: &[Segment]) -> Earned {
    let mut earned = Earned::default();
    let Some((running, origin)) = state.position(id) else { return earned };
    let to = last_day(state, origin, state.registry.open_day.previous());
    reward_days(state, running, origin, segments, Day::from_number(i32::MIN), to, |line| {
        earned.days = earned.days.saturating_add(1);
        earned.rewards = earned.rewards.plus(line.reward);
    });
    earned
}

/// What a position was booked to have earned: paid, accrued, and given up by an early exit. It equals what [`earned`] derives.
#[must_use]
pub fn booked(running: &Running, forfeited: Amount) -> Amount {
    running.distributed.get().plus(running.accrued.get()).plus(forfeited)
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
    /// What waits in the queue until two people have said who bears a loss.
    pub withheld: Amount,
    /// The position that continues it.
    pub renewed_into: Option<PositionId>,
}

/// What one close did to one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseLine {
    /// The closed day.
    pub day: Day,
    /// The position.
    pub position: PositionId,
    /// Its product.
    pub product: ProductIx,
    /// Its asset.
    pub asset: AssetIx,
    /// Whether rewards accrue first.
    pub accrues: bool,
    /// The account that they come from.
    pub rewards_from: LedgerAccount,
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

/// The division that gave a day's reward, for whoever wants to do it again (RULES 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// What was divided: the carry, and per band principal in base units times rate in units of 10^-8.
    pub numerator: u128,
    /// What it left for the next day, in the same units.
    pub carry_after: u64,
}

impl CloseLine {
    /// How its reward was found.
    #[must_use]
    pub fn division(&self) -> Division {
        let numerator = self.bands.numerator(self.principal).saturating_add(u128::from(self.carry_before));
        let (_, carry_after) = split_day(numerator);
        Division { numerator, carry_after }
    }
}

/// Days whose rewards were paid together or one by one, both included.
struct Paid {
    from: Day,
    to: Day,
}

/// What closes moved for one position together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseSum {
    /// Paid into Funding.
    pub paid: Amount,
    /// Principal that came back to Spot.
    pub to_spot: Amount,
    /// Principal that came back to Funding.
    pub to_funding: Amount,
}

impl CloseSum {
    /// Adds what closes moved for another position.
    pub fn add(&mut self, other: CloseSum) {
        self.paid = self.paid.plus(other.paid);
        self.to_spot = self.to_spot.plus(other.to_spot);
        self.to_funding = self.to_funding.plus(other.to_funding);
    }
}

/// One position at one moment, to tell its past from.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its number.
    pub id: PositionId,
    /// Its product.
    pub product: ProductIx,
    /// Its asset.
    pub asset: AssetIx,
    /// Its product's kind.
    pub kind: Kind,
    /// What a close touches.
    pub running: Running,
    /// What it does not.
    pub origin: Origin,
    /// The principal of the position that continues it.
    pub renewed_principal: Amount,
    /// Whether its principal stays what it was opened with ([`Product::keeps_principal`]).
    pub keeps_principal: bool,
    /// What was withheld at its end, of Spot and of Funding.
    pub withheld: (Amount, Amount),
}

impl Past {
    /// A position as it stands; `None` when there is none.
    #[must_use]
    pub fn of(state: &State, id: PositionId) -> Option<Past> {
        let (running, origin) = state.position(id)?;
        let product = state.product(running.product)?;
        let next = position_link(origin.renewed_into).and_then(|next| state.position(next));
        Some(Past {
            id,
            product: running.product,
            asset: product.asset,
            kind: product.kind,
            running: *running,
            origin: *origin,
            renewed_principal: next.map_or(Amount::ZERO, |(_, next)| next.principal_opened.get()),
            keeps_principal: product.keeps_principal(),
            withheld: withheld(state, product, (id, running, origin)),
        })
    }

    /// The day it was opened.
    #[must_use]
    pub fn first_day(&self, state: &State) -> Day {
        state.registry.platform.offset.day_of(self.origin.opened_at())
    }

    /// What the closes of `from..=to` did to it, oldest first; `last_closed` is the last closed day of all. `segments`
    /// are needed unless its principal never changes ([`Product::keeps_principal`]).
    pub fn closes(&self, state: &State, segments: &[Segment], last_closed: Day, (from, to): (Day, Day), mut visit: impl FnMut(CloseLine)) {
        let Some(product) = state.product(self.product) else { return };
        let to = to.min(last_day(state, &self.origin, last_closed));
        // A payment adds up the days since the one before: where there is one, the days are walked from there.
        let start = self.payments(product, from, to).map_or(from, |paid| paid.from.min(from));
        let mut accrued = Amount::ZERO;
        reward_days(state, &self.running, &self.origin, segments, start, to, |line| {
            let paid = self.paid(product, line.day, line.reward, &mut accrued);
            if line.day >= from {
                visit(CloseLine {
                    day: line.day,
                    position: self.id,
                    product: self.product,
                    asset: self.asset,
                    accrues: self.kind.accrues(),
                    rewards_from: product.staking.rewards_from(),
                    principal: line.principal,
                    carry_before: line.carry_before,
                    bands: line.bands,
                    reward: line.reward,
                    state: self.reward_state(state, product, last_closed, line.day),
                    paid,
                    maturity: self.maturity(product, line.day, line.principal),
                });
            }
        });
    }

    /// What the closes of `from..=to` moved for it together: the sum of what [`Past::closes`] shows, without showing each.
    #[must_use]
    pub fn moved(&self, state: &State, segments: &[Segment], last_closed: Day, (from, to): (Day, Day)) -> CloseSum {
        let Some(product) = state.product(self.product) else { return CloseSum::default() };
        let to = to.min(last_day(state, &self.origin, last_closed));
        let paid = self.payments(product, from, to).map_or(Amount::ZERO, |paid| {
            let whole = whole(state, &self.running, &self.origin, segments);
            sum(&whole, paid.from, paid.to, |day| held_from(state, &self.running, day, paid.to))
        });
        let ended_on = self.running.maturity_day(self.kind).map(Day::previous).filter(|day| (from..=to).contains(day));
        let mut maturity = None;
        if let Some(day) = ended_on {
            reward_days(state, &self.running, &self.origin, segments, day, day, |line| {
                maturity = self.maturity(product, line.day, line.principal);
            });
        }
        let (to_spot, to_funding) = maturity.map(|end| (end.to_spot, end.to_funding)).unwrap_or_default();
        CloseSum { paid, to_spot, to_funding }
    }

    /// The days whose rewards were paid by the closes of `from..=to`; `None` where nothing was.
    fn payments(&self, product: &Product, from: Day, to: Day) -> Option<Paid> {
        if !self.kind.accrues() {
            return (from <= to).then_some(Paid { from, to });
        }
        let day = |k: u32| self.running.value_date.plus_days(i32::try_from(k).unwrap_or(i32::MAX)).previous();
        let term = self.kind.term_days().unwrap_or(u32::MAX);
        let last = |k: u32| if k > term { term } else { product.last_distribution_day(k) };
        let first_k = self.running.interest_day(from).max(1);
        let last_k = last(self.running.interest_day(to).saturating_add(1));
        // The last payment of these days has to lie among them.
        (last_k >= first_k).then(|| Paid { from: day(last(first_k)).next(), to: day(last_k) })
    }

    /// The newest day up to `to`, at most the last closed one of its life, whose close moved something of it.
    #[must_use]
    pub fn moved_last(&self, state: &State, last_closed: Day, to: Day) -> Option<Day> {
        let product = state.product(self.product)?;
        let to = to.min(last_day(state, &self.origin, last_closed));
        let paid = self.payments(product, self.running.value_date, to)?;
        (paid.to >= self.running.value_date).then_some(paid.to)
    }

    /// What was paid with the close of a day.
    fn paid(&self, product: &Product, day: Day, reward: Amount, accrued: &mut Amount) -> Amount {
        if !self.kind.accrues() {
            return reward;
        }
        *accrued = accrued.plus(reward);
        if product.distributes_on(self.running.interest_day(day)) { std::mem::take(accrued) } else { Amount::ZERO }
    }

    fn reward_state(&self, state: &State, product: &Product, last_closed: Day, day: Day) -> RewardState {
        if !self.kind.accrues() {
            return RewardState::Paid;
        }
        let k = product.next_distribution_day(self.running.interest_day(day));
        let paid_on = self.running.value_date.plus_days(i32::try_from(k).unwrap_or(i32::MAX)).previous();
        let paid = paid_on <= last_day(state, &self.origin, last_closed);
        match (self.running.state, paid) {
            (PositionState::RedeemedEarly, true) => RewardState::ClawedBack,
            (PositionState::RedeemedEarly, false) => RewardState::Forfeited,
            (_, true) => RewardState::Paid,
            (_, false) => RewardState::Accrued,
        }
    }

    /// The end of the term, if a day is its last; `principal` is what earned on it.
    fn maturity(&self, product: &Product, day: Day, principal: Amount) -> Option<Maturity> {
        if self.running.maturity_day(product.kind) != Some(day.next()) {
            return None;
        }
        let rest = principal.left_after(self.renewed_principal);
        let to_spot = rest.min(self.origin.from_spot.get());
        let to_funding = rest.left_after(to_spot);
        let (spot, funding) = self.withheld;
        Some(Maturity {
            to_spot: to_spot.left_after(spot),
            to_funding: to_funding.left_after(funding),
            withheld: spot.plus(funding),
            renewed_into: position_link(self.origin.renewed_into),
        })
    }
}

/// What was withheld of a position when its term ended: what was put into the queue in that instant.
fn withheld(state: &State, product: &Product, (id, running, origin): (PositionId, &Running, &Origin)) -> (Amount, Amount) {
    let ended = running.maturity_day(product.kind).map(|day| state.registry.platform.offset.first_instant(day));
    if product.staking.slashing == SlashingTerms::Platform || origin.closed_at() != ended {
        return (Amount::ZERO, Amount::ZERO);
    }
    let customer = state.accounts.get(running.account.index()).map(|account| account.customer);
    let mut exits = customer.into_iter().flat_map(|customer| state.treasury.queue().of_customer(customer));
    exits.find(|exit| exit.position == id && Some(exit.queued_at) == ended).map_or((Amount::ZERO, Amount::ZERO), |exit| exit.queued_parts())
}
