//! What a reader is shown of a position and a product at a moment: plain values, no text, no rounding.
//!
//! An answer that is stored with its events holds these, so it can be given again as it was. Turning them into JSON is
//! the server's `api`.

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::{AgreementIx, AssetIx, PositionId, ProductIx, RateVersionIx};
use crate::money::{Amount, DAY_DIVISOR, Rate, rate_floor, split_day};
use crate::position::{FLOATING, Origin, PositionState, Running, position_link};
use crate::product::rates::Bands;
use crate::product::{Availability, Distribution, EarlyRedemption, Kind, Product, RateMode, SaleTerms, Status};
use serde::{Deserialize, Serialize};

/// A position as its customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionView {
    /// Its number.
    pub id: PositionId,
    /// Of which product.
    pub product: ProductIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// Where it stands.
    pub state: PositionState,
    /// Staked now.
    pub principal: Amount,
    /// The part of it from Funding.
    pub from_funding: Amount,
    /// The part of it from Spot.
    pub from_spot: Amount,
    /// Earns today.
    pub earning: Amount,
    /// Earns from tomorrow.
    pub pending: Amount,
    /// The first day that counts.
    pub value_date: Day,
    /// Which day of the term today is; fixed-term only.
    pub interest_day: Option<u32>,
    /// When rewards are paid next.
    pub next_distribution_at: Option<Timestamp>,
    /// When the term is over.
    pub matures_at: Option<Timestamp>,
    /// Today's rate for its principal.
    pub current_rate: Rate,
    /// Earned, not yet paid.
    pub accrued: Amount,
    /// Paid over its life.
    pub distributed: Amount,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Taken back of what was paid.
    pub clawed_back: Amount,
    /// What could not be taken back.
    pub written_off: Amount,
    /// Everything ever subscribed into it.
    pub principal_opened: Amount,
    /// What was paid out of it.
    pub principal_returned: Amount,
    /// The position it continues.
    pub renewed_from: Option<PositionId>,
    /// The position that continues it.
    pub renewed_into: Option<PositionId>,
    /// The agreement it was opened under.
    pub agreement: AgreementIx,
}

/// What a subscription now would start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IfSubscribedNow {
    /// The first day that counts.
    pub value_date: Day,
    /// When the first reward is paid.
    pub first_distribution_at: Timestamp,
    /// When the term is over.
    pub matures_at: Option<Timestamp>,
}

/// A product as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductView {
    /// The operator's id.
    pub id: String,
    /// Its asset.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Whether it can be subscribed to now.
    pub availability: Availability,
    /// Today's bands, none before a rate is in force.
    pub bands: Option<Bands>,
    /// The next announced version.
    pub next_rate: Option<(Day, Bands)>,
    /// Floating or locked.
    pub rate_mode: RateMode,
    /// When rewards are paid.
    pub distribution: Distribution,
    /// What an early exit costs.
    pub early_redemption: EarlyRedemption,
    /// What may change.
    pub sale: SaleTerms,
    /// What is left of the capacity.
    pub capacity_left: Option<Amount>,
    /// Total principal.
    pub staked: Amount,
    /// What a subscription now would start with.
    pub if_subscribed_now: IfSubscribedNow,
}

/// What a subscription would earn (RULES 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// The rate that the amount itself earns, over all bands it falls into.
    pub apr_for_amount: Rate,
    /// Its reward for one day, rounded down, carry 0.
    pub reward_per_day: Amount,
    /// Its reward for the whole term, rounded down once; fixed-term only.
    pub total_reward_at_maturity: Option<Amount>,
}

/// Shows a position.
#[must_use]
pub fn position(state: &State, id: PositionId) -> Option<PositionView> {
    let (running, origin) = state.position(id)?;
    let product = state.product(running.product)?;
    let (offset, today) = (state.registry.platform.offset, state.registry.open_day);
    let principal = running.principal();
    let from_spot = if running.is_active() { origin.from_spot.get() } else { Amount::ZERO };
    let written_off = state.written_off(id);
    let clawed_back =
        if running.state == PositionState::RedeemedEarly { running.distributed.get().left_after(written_off) } else { Amount::ZERO };
    Some(PositionView {
        id,
        product: running.product,
        asset: product.asset,
        kind: product.kind,
        state: running.state,
        principal,
        from_funding: principal.left_after(from_spot),
        from_spot,
        earning: running.earning.get(),
        pending: running.pending.get(),
        value_date: running.value_date,
        interest_day: interest_day(state, running, origin, product),
        next_distribution_at: running.next_distribution_day(product, today).map(|day| offset.first_instant(day.next())),
        matures_at: running.maturity_day(product.kind).map(|day| offset.first_instant(day)),
        current_rate: current_rate(state, running, product),
        accrued: running.accrued.get(),
        distributed: running.distributed.get(),
        auto_renew: running.auto_renew,
        opened_at: origin.opened_at(),
        closed_at: origin.closed_at(),
        clawed_back,
        written_off,
        principal_opened: origin.principal_opened.get(),
        principal_returned: principal_returned(state, id, running, origin),
        renewed_from: position_link(origin.renewed_from),
        renewed_into: position_link(origin.renewed_into),
        agreement: origin.agreement,
    })
}

fn interest_day(state: &State, running: &Running, origin: &Origin, product: &Product) -> Option<u32> {
    let term = product.kind.term_days()?;
    let last = origin.closed_at().map_or(state.registry.open_day, |at| state.registry.platform.offset.day_of(at));
    Some(running.interest_day(last).min(term))
}

/// What of everything subscribed was paid out again, to either account, or waits for that: all but what it has lost.
fn principal_returned(state: &State, id: PositionId, running: &Running, origin: &Origin) -> Amount {
    let opened = origin.principal_opened.get().left_after(state.principal_lost(id));
    match running.state {
        PositionState::Active => opened.left_after(running.principal()),
        PositionState::Redeemed | PositionState::Matured => opened,
        PositionState::RedeemedEarly => opened.left_after(running.distributed.get()),
        PositionState::Renewed => {
            let next = position_link(origin.renewed_into).and_then(|next| state.position(next));
            opened.left_after(next.map_or(Amount::ZERO, |(_, origin)| origin.principal_opened.get()))
        }
    }
}

/// The bands that a position earns by today.
#[must_use]
pub fn bands_today(state: &State, running: &Running, product: &Product) -> Option<Bands> {
    if running.rate_version == FLOATING {
        product_bands(state, product, state.registry.open_day)
    } else {
        state.bands(running.rate_version).cloned()
    }
}

/// A product's bands of a day that is not closed, as announced and settled by now. What a network will have paid is not known before
/// the close: a product that passes it on is shown by what was settled last.
#[must_use]
pub fn product_bands(state: &State, product: &Product, day: Day) -> Option<Bands> {
    let last = || product.closed.last().filter(|_| product.staking.passes_on()).and_then(|closed| closed.settled);
    let settled = product.settled.get(&day).copied().or_else(last);
    product.version_on(day).and_then(|version| state.bands(version)).map(|bands| bands.capped(settled))
}

fn current_rate(state: &State, running: &Running, product: &Product) -> Rate {
    let principal = running.principal();
    match bands_today(state, running, product) {
        Some(bands) if !principal.is_zero() => rate_floor(bands.numerator(principal), principal),
        Some(bands) => bands.highest(),
        None => Rate::ZERO,
    }
}

/// Shows a product.
#[must_use]
pub fn product(state: &State, ix: ProductIx, now: Timestamp) -> Option<ProductView> {
    let product = state.product(ix)?;
    let today = state.registry.open_day;
    let bands_of = |version| state.bands(version).cloned();
    Some(ProductView {
        id: product.id.clone(),
        asset: product.asset,
        kind: product.kind,
        status: product.status,
        availability: product.availability(now),
        bands: product.version_on(today).and_then(bands_of),
        next_rate: product.next_version_after(today).and_then(|(from, version)| Some((from, bands_of(version)?))),
        rate_mode: product.rate_mode,
        distribution: product.distribution,
        early_redemption: product.early_redemption,
        sale: product.sale.clone(),
        capacity_left: product.capacity_left(),
        staked: product.staked,
        if_subscribed_now: if_subscribed(state, product, state.registry.platform.offset.value_date(now)),
    })
}

/// The dates of a subscription with a value date.
#[must_use]
pub fn if_subscribed(state: &State, product: &Product, value_date: Day) -> IfSubscribedNow {
    let offset = state.registry.platform.offset;
    let first_paid = if product.kind.accrues() {
        value_date.plus_days(i32::try_from(product.next_distribution_day(1)).unwrap_or(i32::MAX))
    } else {
        value_date.next()
    };
    let matures_on = product.kind.term_days().map(|term| crate::calendar::maturity_day(value_date, term));
    IfSubscribedNow {
        value_date,
        first_distribution_at: offset.first_instant(first_paid),
        matures_at: matures_on.map(|day| offset.first_instant(day)),
    }
}

/// What an amount on top of a stake would earn: for a newcomer the stake before is nothing.
#[must_use]
pub fn prospect(state: &State, product: &Product, before: Amount, amount: Amount, value_date: Day) -> Prospect {
    let version = match product.rate_mode {
        RateMode::Floating => FLOATING,
        RateMode::Locked => product.version_on(state.registry.open_day).unwrap_or(FLOATING),
    };
    prospect_at(state, product, version, Addition { before, amount, value_date })
}

/// An amount that comes on top of a stake.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    /// The stake before it.
    pub before: Amount,
    /// The amount.
    pub amount: Amount,
    /// The first day that it earns.
    pub value_date: Day,
}

/// What an amount on top of a stake would earn under a rate version, or under today's and announced ones.
#[must_use]
pub fn prospect_at(state: &State, product: &Product, version: RateVersionIx, added: Addition) -> Prospect {
    let Addition { before, amount, value_date } = added;
    let gain = |bands: &Bands| bands.numerator(before.plus(amount)).saturating_sub(bands.numerator(before));
    let bands_on = |day: Day| if version == FLOATING { product_bands(state, product, day) } else { state.bands(version).cloned() };
    let first = bands_on(value_date).as_ref().map(gain).unwrap_or_default();
    let total = product.kind.term_days().map(|term| {
        let mut sum = 0u128;
        for k in 0..i32::try_from(term).unwrap_or(i32::MAX) {
            sum = sum.saturating_add(bands_on(value_date.plus_days(k)).as_ref().map(gain).unwrap_or_default());
        }
        Amount::from_units(sum.checked_div(u128::from(DAY_DIVISOR)).unwrap_or(0))
    });
    Prospect { apr_for_amount: rate_floor(first, amount), reward_per_day: split_day(first).0, total_reward_at_maturity: total }
}
