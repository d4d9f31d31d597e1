//! What a customer has of one asset at a moment: balances, stakes, and rewards of a lifetime, of yesterday and of today.
//!
//! Sums over the customer's positions; estimates of the running day are [`super::outlook`]'s.

use super::outlook;
use super::state::State;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, CustomerIx};
use crate::money::Amount;
use crate::position::PositionState;

/// What a customer has of one asset: free, staked and earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountView {
    /// Free in Spot.
    pub spot: Amount,
    /// Free in Funding.
    pub funding: Amount,
    /// Spot and Funding together: what can be staked.
    pub free: Amount,
    /// Staked now.
    pub staked: Amount,
    /// Spot, Funding and what is staked.
    pub total: Amount,
    /// Earned, not yet paid.
    pub accrued: Amount,
    /// Paid less what was taken back, and accrued.
    pub rewards_total: Amount,
    /// What the last closed day gave.
    pub rewards_yesterday: Amount,
    /// What today gives if nothing changes: an estimate.
    pub earning_today: Amount,
    /// The part of it that the day has reached: an estimate.
    pub earned_so_far: Amount,
}

/// What a customer has of an asset at an instant; `None` where there is no account of it.
#[must_use]
pub fn account(state: &State, customer: CustomerIx, asset: AssetIx, now: Timestamp) -> Option<AccountView> {
    let account = state.accounts.get(state.account_ix(customer, asset)?.index())?;
    let today = state.registry.platform.offset.first_instant(state.registry.open_day);
    let free = account.spot.plus(account.funding);
    let mut view = AccountView { spot: account.spot, funding: account.funding, free, ..AccountView::default() };
    for id in state.positions_of(customer, |other, _| other.asset == asset) {
        let (running, origin) = state.position(id)?;
        view.staked = view.staked.plus(running.principal());
        view.accrued = view.accrued.plus(running.accrued.get());
        let was_left_early = running.state == PositionState::RedeemedEarly;
        if !was_left_early {
            view.rewards_total = view.rewards_total.plus(running.distributed.get()).plus(running.accrued.get());
        }
        // The last reward is yesterday's for whatever was still staked when yesterday closed.
        if !was_left_early && origin.closed_at().is_none_or(|at| at >= today) {
            view.rewards_yesterday = view.rewards_yesterday.plus(running.last_reward.get());
        }
        view.earning_today = view.earning_today.plus(outlook::reward_today(state, running));
    }
    view.total = free.plus(view.staked);
    view.earned_so_far = outlook::reward_so_far(state, view.earning_today, now);
    Some(view)
}
