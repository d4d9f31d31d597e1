//! What a day's close must do (RULES 2, 3, 7, 8): every position in ascending number accrues, is paid, and matures.

pub use super::arithmetic::signed;
use super::arithmetic::{D, floor, numerator};
use super::{Account, Auditor, Lot, Position};
use crate::facts::Facts;
use std::collections::BTreeMap;
use std::rc::Rc;
use usance_core::position::PositionState;
use usance_core::product::Status;

/// What one product's positions did at a close.
#[derive(Clone, Debug, Default)]
struct Totals {
    earning_positions: u64,
    rewards: u128,
    distributed: u128,
    matured: u64,
    returned_spot: u128,
    returned_funding: u128,
    renewed: u64,
    renewed_principal: u128,
    withheld: u128,
    withheld_of: u64,
}

impl Auditor {
    /// Closes the open day; gives what is to be seen of it, product by product.
    pub fn close_day(&mut self) -> Vec<Facts> {
        let day = self.today;
        self.today += 1;
        if let Some(net) = &mut self.net {
            net.orders.plan_due = true;
        }
        self.now = self.now.max(self.start_of(self.today));
        self.settle_passing(day);
        let shares = self.shares_of(day);
        let mut totals: BTreeMap<usize, Totals> = BTreeMap::new();
        for (number, product) in self.products.iter().enumerate() {
            if product.reference(day).is_some() {
                totals.insert(number, Totals::default());
            }
        }
        let mut passed_on: BTreeMap<usize, u128> = BTreeMap::new();
        // Renewals are new positions; they do not earn on the day that ends.
        for number in 0..self.positions.len() {
            let product = self.positions[number].product;
            let mut here = totals.remove(&product).unwrap_or_default();
            let before = here.rewards;
            self.close_position(number, day, &mut here);
            if self.products[product].passing.is_some() {
                *passed_on.entry(self.products[product].asset).or_default() += here.rewards - before;
            }
            totals.insert(product, here);
        }
        self.divide_passing(day, &shares, &passed_on);
        for (product, totals) in totals.iter().filter(|(_, totals)| totals.withheld_of > 0) {
            let line = Facts::of("withheld").with("day", day).with("product", product);
            self.withheld.push(Rc::new(line.with("positions", totals.withheld_of).with("amount", totals.withheld)));
        }
        let facts: Vec<Facts> = totals.into_iter().map(|(product, totals)| self.day_facts(day, product, &totals)).collect();
        self.closed.extend(facts.iter().cloned().map(Rc::new));
        facts
    }

    fn close_position(&mut self, number: usize, day: i64, totals: &mut Totals) {
        let position = &mut self.positions[number];
        let product = &self.products[position.product];
        let earning = position.earning_on(day);
        position.last_reward = 0;
        if !position.is_active() || earning == 0 {
            return;
        }
        let tiers = position.locked.clone().unwrap_or_else(|| product.paid(day));
        position.numerators += numerator(&tiers, earning);
        let all = floor(&position.numerators, D);
        let reward = all - position.rewarded;
        position.rewarded = all;
        position.last_reward = reward;
        if reward > 0 {
            position.rewards.push((day, reward));
        }
        position.accrued += reward;
        totals.earning_positions += 1;
        totals.rewards += reward;
        let k = day - position.value_date + 1;
        let (asset, customer, over) = (product.asset, position.customer, product.term == Some(k));
        let paid = if product.pays_on(k) { std::mem::take(&mut position.accrued) } else { 0 };
        position.distributed += paid;
        totals.distributed += paid;
        let source = if product.passing.is_some() { &mut self.pots[asset].units } else { &mut self.pool[asset] };
        *source -= signed(reward);
        self.pay(customer, asset, Account::Funding, paid);
        if over {
            self.mature(number, totals);
        }
    }

    /// The term is over: principal goes back or, as far as the rules allow, into another term.
    fn mature(&mut self, number: usize, totals: &mut Totals) {
        let (customer, product, at) = (self.positions[number].customer, self.positions[number].product, self.start_of(self.today));
        let principal = self.positions[number].principal();
        self.positions[number].lots.clear();
        let again = if self.positions[number].auto_renew { self.admitted(product, customer, principal) } else { 0 };
        let (from_spot, rest) = (self.positions[number].from_spot, principal - again);
        let to_spot = rest.min(from_spot);
        let asset = self.products[product].asset;
        let (kept_spot, kept_funding) = self.keep_of_term(number, again, (to_spot, rest - to_spot), at);
        self.pay(customer, asset, Account::Spot, to_spot - kept_spot);
        self.pay(customer, asset, Account::Funding, rest - to_spot - kept_funding);
        totals.matured += 1;
        totals.withheld += kept_spot + kept_funding;
        totals.withheld_of += u64::from(kept_spot + kept_funding > 0);
        totals.returned_spot += to_spot - kept_spot;
        totals.returned_funding += rest - to_spot - kept_funding;
        let next = self.positions.len() + 1;
        let position = &mut self.positions[number];
        position.closed_at = Some(at);
        position.returned = rest;
        position.state = if again == 0 { PositionState::Matured } else { PositionState::Renewed };
        if again == 0 {
            return;
        }
        position.renewed_into = Some(next);
        totals.renewed += 1;
        totals.renewed_principal += again;
        let agreement = position.agreement;
        let locked = if self.products[product].locked { self.products[product].reference(self.today).cloned() } else { None };
        let lot = Lot { units: again, value_date: self.today };
        let opening = NewPosition { customer, product, lot, from_spot: from_spot - to_spot, locked, auto_renew: true, agreement, at };
        self.open(opening);
        if let Some(renewed) = self.positions.last_mut() {
            renewed.renewed_from = Some(number + 1);
        }
    }

    fn pay(&mut self, customer: usize, asset: usize, account: Account, units: u128) {
        *self.by_closes.entry((customer, asset, account)).or_default() += units;
        self.give(customer, asset, account, units);
    }

    /// How much of a principal that has just left may come back (RULES 8).
    fn admitted(&self, product: usize, customer: usize, principal: u128) -> u128 {
        let terms = &self.products[product];
        if terms.status != Status::Open || !terms.sale.renewal {
            return 0;
        }
        let mut again = principal;
        if let Some(capacity) = terms.sale.capacity {
            again = again.min(capacity.saturating_sub(self.staked(product, None)));
        }
        if let Some(maximum) = terms.sale.personal_maximum {
            again = again.min(maximum.saturating_sub(self.staked(product, Some(customer))));
        }
        if let Some(step) = terms.sale.step {
            again = again / step * step;
        }
        if again < terms.sale.minimum { 0 } else { again }
    }

    /// Opens a position.
    pub(super) fn open(&mut self, opening: NewPosition) {
        let NewPosition { customer, product, lot, from_spot, locked, auto_renew, agreement, at } = opening;
        self.positions.push(Position {
            customer,
            product,
            value_date: lot.value_date,
            opened: lot.units,
            lots: vec![lot],
            from_spot,
            locked,
            numerators: num_bigint::BigUint::default(),
            rewarded: 0,
            last_reward: 0,
            rewards: Vec::new(),
            accrued: 0,
            distributed: 0,
            written_off: 0,
            auto_renew,
            opened_at: at,
            closed_at: None,
            returned: 0,
            lost: 0,
            renewed_from: None,
            renewed_into: None,
            agreement,
            state: PositionState::Active,
        });
    }

    fn day_facts(&self, day: i64, product: usize, totals: &Totals) -> Facts {
        Facts::of("closed day")
            .with("day", day)
            .with("product", product)
            .with("earning_positions", totals.earning_positions)
            .with("rewards", totals.rewards)
            .with("distributed", totals.distributed)
            .with("matured", totals.matured)
            .with("returned_spot", totals.returned_spot)
            .with("returned_funding", totals.returned_funding)
            .with("renewed", totals.renewed)
            .with("renewed_principal", totals.renewed_principal)
            .with_some("settled", self.products[product].settled_for(day))
    }
}

/// What a position begins with.
pub(super) struct NewPosition {
    pub customer: usize,
    pub product: usize,
    pub lot: Lot,
    pub from_spot: u128,
    pub locked: Option<super::arithmetic::Tiers>,
    pub auto_renew: bool,
    pub agreement: usize,
    pub at: i64,
}
