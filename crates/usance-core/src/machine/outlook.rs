//! What lies ahead of a customer: estimates to be shown before anything is booked.
//!
//! Today's reward while the day runs, what a term brings when it is kept to its end, the most that can be subscribed.
//! Each is made of the functions that book: [`Stake::close_day`] and the limits of `product::limit`. Rates may change
//! until a day is closed, so everything here is called an estimate wherever it is shown. What a subscription would earn
//! is [`super::view::prospect`].

use super::state::State;
use super::verb::Source;
use super::view::{Prospect, bands_today, product_bands, prospect};
use crate::calendar::Timestamp;
use crate::id::{CustomerIx, PositionId, ProductIx};
use crate::money::Amount;
use crate::position::{FLOATING, Running};
use crate::product::Product;
use crate::product::limit::admissible;
use crate::product::rates::Bands;
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;

const fn stake(running: &Running) -> Stake {
    Stake { earning: running.earning.get(), pending: running.pending.get(), carry: running.carry.get() }
}

/// What today's close would give a position if nothing changed until then.
#[must_use]
pub fn reward_today(state: &State, running: &Running) -> Amount {
    let bands = state.product(running.product).filter(|_| running.is_active()).and_then(|product| bands_today(state, running, product));
    bands.map_or(Amount::ZERO, |bands| stake(running).close_day(&bands))
}

/// The part of today's estimate that the day has reached by `now`: it grows through the day and is never booked.
#[must_use]
pub fn reward_so_far(state: &State, estimate: Amount, now: Timestamp) -> Amount {
    let (offset, today) = (state.registry.platform.offset, state.registry.open_day);
    let start = offset.first_instant(today).ms();
    let elapsed = u64::try_from(now.ms().saturating_sub(start)).unwrap_or(0);
    let whole = u64::try_from(offset.first_instant(today.next()).ms().saturating_sub(start)).unwrap_or(1);
    estimate.elapsed_part(elapsed, whole)
}

/// All rewards of an active fixed-term position over its whole term, if it is kept until maturity: what was paid and
/// accrued so far, and what every day that is left would give by the rates announced now. `None` for any other position.
#[must_use]
pub fn reward_if_kept(state: &State, id: PositionId) -> Option<Amount> {
    let (running, _) = state.position(id)?;
    let product = state.product(running.product)?;
    let maturity = running.maturity_day(product.kind).filter(|_| running.is_active())?;
    let mut stake = stake(running);
    let mut total = running.distributed.get().plus(running.accrued.get());
    let mut day = state.registry.open_day;
    while day < maturity {
        let bands =
            if running.rate_version == FLOATING { product_bands(state, product, day) } else { state.bands(running.rate_version).cloned() };
        total = total.plus(bands.map_or(Amount::ZERO, |bands| stake.close_day(&bands)));
        day = day.next();
    }
    Some(total)
}

/// One worked line for a product with tiers: an amount that falls into the highest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierExample {
    /// Twice the highest bound.
    pub amount: Amount,
    /// Today's bands.
    pub bands: Bands,
    /// What a newcomer's amount would earn.
    pub prospect: Prospect,
}

/// The worked line of a product, by the rates announced now; `None` for one without tiers.
#[must_use]
pub fn tier_example(state: &State, product: &Product) -> Option<TierExample> {
    let today = state.registry.open_day;
    let bands = product_bands(state, product, today)?;
    let bound = bands.as_slice().iter().rev().find_map(|band| band.up_to)?;
    let amount = bound.plus(bound);
    let prospect = prospect(state, product, Amount::ZERO, amount, today);
    Some(TierExample { amount, bands, prospect })
}

/// The most that a customer could subscribe to a product from a source now: the balance, at most what the product's
/// limits admit. Nothing when that is below the minimum. Whether the product is on sale is not asked.
#[must_use]
pub fn subscribable(state: &State, customer: CustomerIx, product: ProductIx, source: Source) -> Amount {
    let Some(terms) = state.product(product) else { return Amount::ZERO };
    let account = state.account_ix(customer, terms.asset);
    let (funding, spot) = (state.balance(account, AccountKind::Funding), state.balance(account, AccountKind::Spot));
    let available = match source {
        Source::Funding => funding,
        Source::Spot => spot,
        Source::FundingThenSpot => funding.plus(spot),
    };
    let held = account.and_then(|account| state.holding(account, product)).map_or(Amount::ZERO, |(_, holding)| holding.staked.get());
    // A top-up adds to the position that is there, and no principal passes the limit (RULES 1).
    let before = if terms.kind.takes_top_ups() { held } else { Amount::ZERO };
    admissible(terms, held, available.min(Amount::MAX.left_after(before)))
}
