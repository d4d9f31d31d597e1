//! What everybody must see: positions, products, balances and books, at the present day.

use super::arithmetic::{D, MOST, Tiers, floor, numerator};
use super::staking::Subscribing;
use super::{Account, Auditor, Position};
use crate::facts::Facts;
use num_bigint::BigUint;
use usance_core::machine::verb::Source;
use usance_core::position::PositionState;

impl Auditor {
    /// A position as its customer sees it, and what it would earn.
    #[must_use]
    pub fn position_facts(&self, number: usize) -> Facts {
        let position = &self.positions[number];
        let product = &self.products[position.product];
        let principal = position.principal();
        let earning = position.earning_on(self.today);
        let last_day = position.closed_at.map_or(self.today, |at| self.day_of(at));
        let interest_day = product.term.map(|term| (last_day - position.value_date + 1).clamp(0, term));
        let from_spot = if position.is_active() { position.from_spot } else { 0 };
        let clawed_back = if position.state == PositionState::RedeemedEarly { position.distributed - position.written_off } else { 0 };
        let matures_on = product.term.map(|term| position.value_date + term);
        Facts::of("position")
            .with("id", number + 1)
            .with("product", position.product)
            .with("asset", product.asset)
            .with("state", format!("{:?}", position.state))
            .with("principal", principal)
            .with("from_funding", principal - from_spot)
            .with("from_spot", from_spot)
            .with("earning", earning)
            .with("pending", principal - earning)
            .with("value_date", position.value_date)
            .with_some("interest_day", interest_day)
            .with_some("next_distribution_at", self.next_distribution(position))
            .with_some("matures_at", matures_on.map(|day| self.start_of(day)))
            .with("current_rate", effective_rate(&self.tiers_of(position, self.today), principal))
            .with("accrued", position.accrued)
            .with("distributed", position.distributed)
            .with("auto_renew", position.auto_renew)
            .with("opened_at", position.opened_at)
            .with_some("closed_at", position.closed_at)
            .with("clawed_back", clawed_back)
            .with("written_off", position.written_off)
            .with("principal_opened", position.opened)
            .with("principal_returned", position.returned)
            .with_some("renewed_from", position.renewed_from)
            .with_some("renewed_into", position.renewed_into)
            .with("agreement", position.agreement)
    }

    /// What lies ahead of a position, and what its last day gave: estimates by the rates announced now.
    #[must_use]
    pub fn outlook_facts(&self, number: usize) -> Facts {
        let position = &self.positions[number];
        let today = &position.numerators + numerator(&self.tiers_of(position, self.today), position.earning_on(self.today));
        let today = if position.is_active() { floor(&today, D) - position.rewarded } else { 0 };
        let rest = if position.is_active() { Some(u64::try_from(&position.numerators % D).unwrap_or(u64::MAX)) } else { None };
        let last = if position.is_active() { position.last_reward } else { 0 };
        Facts::of("outlook")
            .with("position", number + 1)
            .with("reward_today", today)
            .with("last_reward", last)
            .with_some("carry", rest)
            .with_some("reward_if_kept", self.reward_if_kept(position))
    }

    fn reward_if_kept(&self, position: &Position) -> Option<u128> {
        let term = self.products[position.product].term.filter(|_| position.is_active())?;
        let mut all = position.numerators.clone();
        for day in self.today..position.value_date + term {
            all += numerator(&self.tiers_of(position, day), position.earning_on(day));
        }
        Some(position.distributed + position.accrued + floor(&all, D) - position.rewarded)
    }

    /// The tiers that a position earns by on a day.
    fn tiers_of(&self, position: &Position, day: i64) -> Tiers {
        position.locked.clone().unwrap_or_else(|| self.products[position.product].paid(day))
    }

    fn next_distribution(&self, position: &Position) -> Option<i64> {
        if !position.is_active() {
            return None;
        }
        let product = &self.products[position.product];
        let first = if position.earning_on(self.today) == 0 { self.today + 1 } else { self.today };
        let day = match product.term {
            None => first,
            Some(_) => position.value_date + product.next_paying((first - position.value_date + 1).max(1)) - 1,
        };
        Some(self.start_of(day + 1))
    }

    /// A product as everybody sees it.
    #[must_use]
    pub fn product_facts(&self, number: usize, at: i64) -> Facts {
        let product = &self.products[number];
        let staked = self.staked(number, None);
        let value_date = self.value_date(at);
        let first_paid = product.term.map_or(1, |_| product.next_paying(1));
        Facts::of("product")
            .with("id", &product.id)
            .with("asset", product.asset)
            .with_some("term", product.term)
            .with("status", format!("{:?}", product.status))
            .with("availability", product.availability(at, staked))
            .with_some("tiers", product.reference(self.today).map(tiers_text))
            .with_some("next_rate", product.next_after(self.today).map(|(from, tiers)| format!("{from} {}", tiers_text(tiers))))
            .with("locked", product.locked)
            .with("distribution", format!("{:?}", product.distribution))
            .with("early", product.early)
            .with("minimum", product.sale.minimum)
            .with_some("step", product.sale.step)
            .with_some("personal_maximum", product.sale.personal_maximum)
            .with_some("capacity", product.sale.capacity)
            .with_some("capacity_left", product.sale.capacity.map(|capacity| capacity.saturating_sub(staked)))
            .with_some("opens_at", product.sale.opens_at)
            .with_some("closes_at", product.sale.closes_at)
            .with("renewal", product.sale.renewal)
            .with("staked", staked)
            .with("if_value_date", value_date)
            .with("if_first_distribution_at", self.start_of(value_date + first_paid))
            .with_some("if_matures_at", product.term.map(|term| self.start_of(value_date + term)))
    }

    /// What a preview of a subscription shows.
    #[must_use]
    pub fn preview_facts(&self, doing: &Subscribing) -> Facts {
        let product = &self.products[doing.product];
        let before = doing.adds_to.map_or(0, |number| self.positions[number].principal());
        let tiers_on = |day: i64| match doing.adds_to.and_then(|number| self.positions[number].locked.clone()) {
            Some(locked) => locked,
            None if product.locked && doing.adds_to.is_none() => product.reference(self.today).cloned().unwrap_or_default(),
            None => product.paid(day),
        };
        let gain = |day: i64| {
            let tiers = tiers_on(day);
            numerator(&tiers, before + doing.units) - numerator(&tiers, before)
        };
        let first = gain(doing.value_date);
        let total = product.term.map(|term| floor(&(0..term).map(|k| gain(doing.value_date + k)).sum::<BigUint>(), D));
        Facts::of("preview")
            .with("value_date", doing.value_date)
            .with("from_funding", doing.from_funding)
            .with("from_spot", doing.units - doing.from_funding)
            .with("apr_for_amount", floor(&first, doing.units))
            .with("reward_per_day", floor(&first, D))
            .with_some("total_reward_at_maturity", total)
    }

    /// The most that a customer could subscribe to a product now: what the source has, at most what the limits leave, a multiple of
    /// the step, nothing below the minimum (RULES 6).
    #[must_use]
    pub fn subscribable(&self, customer: usize, product: usize, source: Source) -> u128 {
        let terms = &self.products[product];
        let of = |account| self.balance(customer, terms.asset, account);
        let mut most = match source {
            Source::Funding => of(Account::Funding),
            Source::Spot => of(Account::Spot),
            Source::FundingThenSpot => of(Account::Funding) + of(Account::Spot),
        };
        let held = self.staked(product, Some(customer));
        most = most.min(if terms.term.is_none() { MOST.saturating_sub(held) } else { MOST });
        for (limit, taken) in [(terms.sale.capacity, self.staked(product, None)), (terms.sale.personal_maximum, held)] {
            most = limit.map_or(most, |limit| most.min(limit.saturating_sub(taken)));
        }
        most = terms.sale.step.map_or(most, |step| most / step * step);
        if most < terms.sale.minimum.max(1) { 0 } else { most }
    }

    /// A customer's two accounts of an asset.
    #[must_use]
    pub fn account_facts(&self, customer: usize, asset: usize) -> Facts {
        Facts::of("accounts")
            .with("customer", customer)
            .with("asset", asset)
            .with("spot", self.balance(customer, asset, Account::Spot))
            .with("funding", self.balance(customer, asset, Account::Funding))
    }

    /// The books of an asset (RULES 9).
    #[must_use]
    pub fn books_facts(&self, asset: usize) -> Facts {
        let of_account = |account: Account| -> u128 {
            self.balances.iter().filter(|((_, of, which), _)| *of == asset && *which == account).map(|(_, units)| *units).sum()
        };
        let here = || self.positions.iter().filter(|position| self.products[position.product].asset == asset);
        Facts::of("books")
            .with("asset", asset)
            .with("custody", self.custody[asset])
            .with("customer_spot", of_account(Account::Spot))
            .with("customer_funding", of_account(Account::Funding))
            .with("customer_principal", here().map(Position::principal).sum::<u128>())
            .with("rewards_payable", here().map(|position| position.accrued).sum::<u128>())
            .with("reward_pool", self.pool[asset])
            .with("redemptions_queued", self.queued(asset))
    }
}

/// The yearly rate that a principal earns over all its tiers, rounded down; of nothing the highest.
fn effective_rate(tiers: &Tiers, principal: u128) -> u128 {
    if principal == 0 {
        tiers.iter().map(|(_, rate)| u128::from(*rate)).max().unwrap_or_default()
    } else {
        floor(&numerator(tiers, principal), principal)
    }
}

/// Tiers as text, to be compared.
#[must_use]
pub fn tiers_text(tiers: &Tiers) -> String {
    let parts = tiers.iter().map(|(up_to, rate)| format!("{}:{rate}", up_to.map_or_else(|| "rest".to_owned(), |up_to| up_to.to_string())));
    parts.collect::<Vec<_>>().join(",")
}
