//! What networks pay for customers, at a close: the rates that are settled before the pass, and what is divided and passed on after it
//! (TREASURY 7). The arithmetic is `treasury/yields`.

use super::day::{ProductDay, YieldClosed};
use super::staked::StakedCounts;
use super::state::State;
use crate::calendar::Day;
use crate::id::{AssetIx, ProductIx};
use crate::ledger::LedgerAccount;
use crate::limits::UNDISTRIBUTED_DAYS;
use crate::money::{Amount, Balance, Rate};
use crate::product::{Product, YieldTerms};
use crate::treasury::yields::{Divided, Settling, Share, Why, YieldDay, Yields, cap};
use std::collections::BTreeMap;

/// What of an asset earns on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Earning {
    /// All principal.
    principal: Amount,
    /// What of it is in products that pass the network's yield on.
    passing: Amount,
    /// Their positions that earn.
    positions: u64,
}

/// By asset, of those with a product that passes the network's yield on.
pub(super) type EarningByAsset = BTreeMap<AssetIx, Earning>;

/// How a product averages what networks paid; `None` for one that does not pass it on.
const fn passing(product: &Product) -> Option<(u32, Rate)> {
    match product.staking.yields {
        YieldTerms::Reference => None,
        YieldTerms::Network { over_days, step } => Some((over_days, step)),
    }
}

impl State {
    /// Whether an asset has a product that passes the network's yield on, however it stands.
    #[must_use]
    pub fn passes_on(&self, asset: AssetIx) -> bool {
        self.registry.products.iter().any(|product| product.asset == asset && passing(product).is_some())
    }
    /// What was earned of an asset, is divided and is not with customers yet: without what waits for the close of the open day.
    #[must_use]
    pub fn undistributed(&self, asset: AssetIx) -> Balance {
        let control = self.registry.control.get(asset.index()).copied().unwrap_or_default();
        control.balance(LedgerAccount::YieldUndistributed).minus(self.treasury.earned_today(asset))
    }
    /// The same by the day it came, as the last close left it: what came back since is more.
    #[must_use]
    pub fn undistributed_by_age(&self, asset: AssetIx) -> Amount {
        self.treasury.yields().get(&asset).map_or(Amount::ZERO, Yields::undistributed)
    }
    /// Whether what is counted of each product's positions is what they are.
    #[must_use]
    pub fn staked_counts_agree(&self) -> bool {
        StakedCounts::of(&self.running) == self.staked
    }
    /// An operator said why a product's day is settled so; kept where the network's yield is passed on, until the day is closed.
    pub(super) fn settled_for(&mut self, ix: ProductIx, day: Day, reason: &str) {
        let Some(asset) = self.product(ix).filter(|product| product.staking.passes_on()).map(|product| product.asset) else { return };
        self.treasury.yields_mut(asset).reasons.insert((ix, day), reason.to_owned());
    }
    /// What is available for rewards; nothing where less than nothing is there.
    fn available(&self, asset: AssetIx) -> Amount {
        Amount::from_units(u128::try_from(self.undistributed(asset).units()).unwrap_or(0))
    }
    /// What of a product earns today.
    #[must_use]
    pub fn earning_principal(&self, product: ProductIx) -> Amount {
        self.product(product).map_or(Amount::ZERO, |found| found.staked.left_after(self.staked.get(product).pending))
    }
    fn earning(&self) -> EarningByAsset {
        let mut earning = EarningByAsset::new();
        for product in self.registry.products.iter().filter(|product| passing(product).is_some()) {
            earning.entry(product.asset).or_default();
        }
        for (index, product) in self.registry.products.iter().enumerate() {
            let Some(sum) = earning.get_mut(&product.asset) else { continue };
            let (ix, principal) = (ProductIx::from_index(index), self.earning_principal(ProductIx::from_index(index)));
            sum.principal = sum.principal.plus(principal);
            if passing(product).is_some() {
                sum.passing = sum.passing.plus(principal);
                sum.positions = sum.positions.saturating_add(self.staked.get(ix).earning);
            }
        }
        earning
    }
}

/// What would be settled if the open day were closed now, for every product that passes the network's yield on and has a rate in force.
#[must_use]
pub fn to_settle(state: &State) -> BTreeMap<ProductIx, Why> {
    rates(state, &state.earning(), state.registry.open_day)
}

fn rates(state: &State, earning: &EarningByAsset, day: Day) -> BTreeMap<ProductIx, Why> {
    let most = |(asset, of_it): (&AssetIx, &Earning)| (*asset, cap(state.available(*asset), of_it.passing, of_it.positions));
    let caps: BTreeMap<AssetIx, Rate> = earning.iter().map(most).collect();
    let products = state.registry.products.iter().enumerate();
    let rates = products.filter_map(|(index, product)| {
        let ix = ProductIx::from_index(index);
        Some((ix, why(state, (ix, product), day, caps.get(&product.asset).copied()?)?))
    });
    rates.collect()
}

/// What is settled for a product, and why.
fn why(state: &State, (ix, product): (ProductIx, &Product), day: Day, cap: Rate) -> Option<Why> {
    let (over_days, step) = passing(product)?;
    let reference = product.version_on(day).and_then(|version| state.bands(version))?.highest();
    let yields = state.treasury.yields().get(&product.asset);
    let trailing = yields.and_then(|yields| yields.trailing(over_days));
    let before = product.closed_day(day.previous()).and_then(|closed| closed.settled);
    let asked = product.settled.get(&day).copied();
    let rate = Settling { asked, trailing: trailing.map(|all| all.rate), before, step, reference, cap }.rate();
    let reason = yields.and_then(|yields| yields.reasons.get(&(ix, day))).cloned();
    Some(Why { day, rate, reason, trailing, before, cap })
}

/// Settles the rate of a day for every product that passes the network's yield on. Gives what earns on that day.
pub(super) fn settle(state: &mut State, day: Day) -> EarningByAsset {
    let earning = state.earning();
    let rates = rates(state, &earning, day);
    for asset in earning.keys() {
        let yields = state.treasury.yields_mut(*asset);
        yields.why.clear();
        yields.reasons.retain(|(_, of), _| *of > day);
    }
    for (ix, why) in rates {
        let Some(product) = state.registry.products.get_mut(ix.index()) else { continue };
        product.settled.insert(day, why.rate);
        let asset = product.asset;
        state.treasury.yields_mut(asset).why.insert(ix, why);
    }
    earning
}

/// Divides what the day has earned, takes what its rewards took off what is kept, and passes on what nobody got in time. What came back
/// since the last close, by a redemption that gave rewards up, is of this day.
pub(super) fn divide<'d>(
    state: &mut State,
    day: Day,
    earning: &EarningByAsset,
    products: impl Iterator<Item = &'d ProductDay> + Clone,
) -> Vec<YieldClosed> {
    let mut closed = Vec::new();
    for (asset, of_it) in earning {
        let given = |line: &&ProductDay| state.product(line.product).is_some_and(|one| one.asset == *asset && passing(one).is_some());
        let rewards = products.clone().filter(given).fold(Amount::ZERO, |sum, line| sum.plus(line.rewards));
        let available = state.available(*asset);
        let is_begun = state.treasury.staking(*asset).any(|network| network.picture.is_some());
        let undistributed_days = state.treasury.staking(*asset).map(|network| network.earnings.terms.undistributed_days).max();
        let keep = state.registry.products.iter().filter(|one| one.asset == *asset).filter_map(passing).map(|(days, _)| days).max();
        let share = Share::of(of_it.passing, of_it.principal);
        let mut spread = Vec::new();
        for network in state.treasury.staking_mut(*asset) {
            let over_days = network.earnings.spread_over(day);
            spread.push((network.earnings.divide(share), over_days));
        }
        let divided = spread.iter().fold(Divided::default(), |sum, (one, _)| sum.plus(one));
        let yields = state.treasury.yields_mut(*asset);
        yields.came(day, available.left_after(yields.undistributed()));
        let short = yields.went(rewards);
        yields.came(day, divided.net);
        let passed = yields.pass(day, undistributed_days.unwrap_or(UNDISTRIBUTED_DAYS));
        if is_begun && (!yields.days.is_empty() || !of_it.passing.is_zero()) {
            let today = YieldDay { principal: of_it.principal, passing: of_it.passing, ..YieldDay::default() };
            yields.close(today, keep.and_then(|days| usize::try_from(days).ok()).unwrap_or(0));
            spread.iter().for_each(|(divided, over_days)| yields.spread(divided, *over_days));
        }
        if !short.is_zero() {
            let seen = format!("close of {day}, asset {}: {} too little", asset.0, short.units());
            state.break_with("rewards of a network's yield are at most what is undistributed", seen);
        }
        if divided != Divided::default() || !passed.is_zero() {
            closed.push(YieldClosed { asset: *asset, divided, passed });
        }
    }
    closed
}

#[cfg(test)]
mod tests {
    use crate::money::{Amount, Rate};
    use crate::treasury::yields::{Settling, Share};

    fn rate(units: u64) -> Rate {
        Rate::from_units(units).unwrap()
    }

    #[test]
    fn a_rate_follows_the_days_before_by_a_step_and_stays_below_the_reference_and_the_cap() {
        let day = Settling {
            asked: None,
            trailing: Some(rate(500)),
            before: Some(rate(300)),
            step: rate(50),
            reference: rate(800),
            cap: rate(9_999),
        };
        assert_eq!(day.rate(), rate(350), "up by a step");
        assert_eq!(Settling { before: Some(rate(700)), ..day }.rate(), rate(650), "down by a step");
        assert_eq!(Settling { before: Some(rate(520)), ..day }.rate(), rate(500), "within a step");
        assert_eq!(Settling { before: None, ..day }.rate(), rate(500), "no day before");
        assert_eq!(Settling { asked: Some(rate(120)), ..day }.rate(), rate(120), "an operator's word knows no step");
        assert_eq!(Settling { trailing: None, ..day }.rate(), rate(800), "too few days: the reference");
        assert_eq!(Settling { reference: rate(310), ..day }.rate(), rate(310));
        assert_eq!(Settling { cap: rate(7), asked: Some(rate(120)), ..day }.rate(), rate(7), "nobody pays more than there is");
    }

    #[test]
    fn a_share_is_told_in_parts_of_ten_to_the_eighteenth() {
        assert_eq!(Share::of(Amount::from_units(1), Amount::from_units(3)).units(), 333_333_333_333_333_333);
        assert_eq!(Share::of(Amount::from_units(3), Amount::from_units(3)).units(), 1_000_000_000_000_000_000);
        assert_eq!(Share::of(Amount::from_units(0), Amount::from_units(0)).units(), 0);
        assert_eq!(Share::of(Amount::MAX, Amount::MAX).units(), 1_000_000_000_000_000_000);
    }
}
