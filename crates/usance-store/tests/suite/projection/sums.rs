//! Rows and derived rewards add up to the balances.

use usance_core::calendar::Day;
use usance_core::id::{LogPosition, PositionId};
use usance_core::machine::State;
use usance_core::money::Amount;
use usance_core::position::{FLOATING, Origin, PositionState, Running, position_link};
use usance_core::product::rates::Bands;
use usance_core::product::{Kind, Product};
use usance_core::reward::accrue::Stake;
use usance_core::reward::clawback::AccountKind;
use usance_core::reward::history::{Segment, walk};
use usance_store::projection::{Reading, Span};

use super::super::world::{SEEDS, Size};
use super::{ALL, EVERYTHING, Somewhere, Tables, on_every_home};

on_every_home! {
    rows_and_derived_rewards_add_up_to_the_balances
    stakes_lead_to_the_live_carry
}

/// Spot and Funding, in base units.
type Money = (i128, i128);

fn signed(amount: Amount) -> i128 {
    i128::try_from(amount.units()).unwrap()
}

/// One position at a cut of the log, as it stood in the state there.
struct Subject<'a> {
    state: &'a State,
    id: PositionId,
    running: &'a Running,
    origin: &'a Origin,
    product: &'a Product,
}

impl Subject<'_> {
    fn segments(&self, reading: &Reading, through: LogPosition) -> Vec<Segment> {
        let rows = reading.stakes(self.id, through, Day::from_number(0)).unwrap();
        assert!(rows.iter().all(|row| row.stake.carry < usance_core::money::DAY_DIVISOR));
        let stake = Stake { earning: self.origin.principal_opened.get(), ..Stake::default() };
        let opening = Segment { from: self.running.value_date, stake };
        if self.product.keeps_principal() {
            return vec![opening];
        }
        // A renewal is no event of its own.
        let opening = position_link(self.origin.renewed_from).map(|_| opening);
        opening.into_iter().chain(rows.into_iter().map(|row| Segment { from: row.day, stake: row.stake })).collect()
    }

    fn bands_on(&self, day: Day) -> Option<Bands> {
        if self.running.rate_version != FLOATING {
            return self.state.bands(self.running.rate_version).cloned();
        }
        let closed = self.product.closed_day(day)?;
        self.state.bands(closed.version).map(|bands| bands.capped(closed.settled))
    }

    /// The last closed day on which it was staked.
    fn last_day(&self) -> Day {
        let offset = self.state.registry.platform.offset;
        self.origin.closed_at().map_or(self.state.registry.open_day, |at| offset.day_of(at)).previous()
    }

    /// What the closes gave, by the rates of the days and nothing else: what was paid, and what is still owed or was
    /// forfeited.
    fn rewards(&self, reading: &Reading, through: LogPosition) -> (Amount, Amount) {
        let (mut paid, mut owed) = (Amount::ZERO, Amount::ZERO);
        let first = self.state.registry.platform.offset.day_of(self.origin.opened_at());
        walk(
            &self.segments(reading, through),
            first,
            self.last_day(),
            |day| (self.bands_on(day), day),
            |line| {
                owed = owed.plus(line.reward);
                let is_paid = match self.product.kind {
                    Kind::Flexible => true,
                    Kind::FixedTerm { .. } => self.product.distributes_on(self.running.interest_day(line.day)),
                };
                if is_paid {
                    paid = paid.plus(std::mem::take(&mut owed));
                }
            },
        );
        (paid, owed)
    }

    /// What the end of a term gave back.
    fn maturity(&self) -> Money {
        if !matches!(self.running.state, PositionState::Matured | PositionState::Renewed) {
            return (0, 0);
        }
        let next = position_link(self.origin.renewed_into).and_then(|next| self.state.position(next));
        let renewed = next.map_or(Amount::ZERO, |(_, next)| next.principal_opened.get());
        let rest = self.origin.principal_opened.get().left_after(self.state.principal_lost(self.id)).left_after(renewed);
        let to_spot = rest.min(self.origin.from_spot.get());
        // What was withheld waits in the queue: it comes by lines of its own.
        let exits = self.state.treasury.queue().exits().iter();
        let mut of_term = exits.filter(|exit| exit.position == self.id && Some(exit.queued_at) == self.origin.closed_at());
        let (spot, funding) = of_term.next().map(|exit| exit.queued_parts()).unwrap_or_default();
        (signed(to_spot.left_after(spot)), signed(rest.left_after(to_spot).left_after(funding)))
    }
}

/// For every customer and asset: what the customer did, what the closes paid and what the terms gave back, each derived
/// from the tables and the rates, is what the state says the customer has.
fn check_sums(tables: &Tables, reading: &Reading, state: &State, through: LogPosition) {
    let span = Span { after: LogPosition::START, through };
    for (customer, asset) in tables.pairs() {
        let mut sum: Money = (0, 0);
        for row in reading.history(customer, asset, span, None, ALL).unwrap() {
            sum = (sum.0 + row.spot, sum.1 + row.funding);
        }
        for id in state.positions_of(customer, |account, _| account.asset == asset) {
            let (running, origin) = state.position(id).unwrap();
            let subject = Subject { state, id, running, origin, product: state.product(running.product).unwrap() };
            let (paid, owed) = subject.rewards(reading, through);
            assert_eq!(paid, running.distributed.get(), "position {id}: what was paid");
            if running.is_active() {
                assert_eq!(owed, running.accrued.get(), "position {id}: what is owed");
            }
            let returned = subject.maturity();
            sum = (sum.0 + returned.0, sum.1 + returned.1 + signed(paid));
        }
        let account = state.account_ix(customer, asset);
        let has = [AccountKind::Spot, AccountKind::Funding].map(|kind| signed(state.balance(account, kind)));
        assert_eq!((sum.0, sum.1), (has[0], has[1]), "{customer:?} {asset:?} at {through}");
    }
}

fn rows_and_derived_rewards_add_up_to_the_balances(at: Somewhere) {
    for seed in SEEDS {
        let tables = Tables::full(at, Size::usual(seed));
        let reading = tables.reading();
        // At every so many batches and at the end: what comes later is left out.
        let last = tables.world.views.len() - 1;
        for view in (0..=last).step_by(last / 12).chain([last]) {
            let (head, state) = &tables.world.views[view];
            if state.registry.assets.len() == 2 {
                check_sums(&tables, &reading, state, LogPosition::end_of(head.seq));
            }
        }
    }
}

/// A position's stake after each event is the one the machine kept, and a walk from it meets the live carry.
fn stakes_lead_to_the_live_carry(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(4));
    let (reading, state) = (tables.reading(), &tables.world.state);
    let mut seen = 0;
    for (index, running) in state.running.iter().enumerate() {
        let id = PositionId::from_index(index);
        let product = state.product(running.product).unwrap();
        if product.kind != Kind::Flexible || !running.is_active() {
            continue;
        }
        let (running, origin) = state.position(id).unwrap();
        let subject = Subject { state, id, running, origin, product };
        let last = *reading.stakes(id, EVERYTHING.through, Day::from_number(0)).unwrap().last().unwrap();
        let mut stake = last.stake;
        for day in (0..state.registry.open_day.since(last.day)).map(|days| last.day.plus_days(days)) {
            stake.close_day(&subject.bands_on(day).unwrap());
        }
        let live = Stake { earning: running.earning.get(), pending: running.pending.get(), carry: running.carry.get() };
        assert_eq!(stake, live, "position {id}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} flexible positions");
}
