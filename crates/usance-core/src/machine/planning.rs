//! When the machine plans, and what becomes of a plan in the log (TREASURY 9): after every picture that counts, every policy, and the closes of
//! days. What follows is an event of its own in the same instant, or nothing where the plan changes nothing; replay applies it and plans
//! nothing itself.

use super::state::State;
use super::verb::treasury::order::OrdersExpired;
use super::verb::treasury::policy::OrdersPlanned;
use crate::calendar::Timestamp;
use crate::id::NetworkIx;
use crate::ledger::LedgerAccount;
use crate::money::Amount;
use crate::treasury::ground::Owed;
use crate::treasury::network::Network;
use crate::treasury::order::{OrderStanding, Planned};
use crate::treasury::plan::plan;

impl State {
    /// What customers and the wallet have to do with the coin that a network stakes.
    #[must_use]
    pub fn owed(&self, network: &Network, now: Timestamp) -> Owed {
        let Some(asset) = network.asset(0) else { return Owed::default() };
        let control = self.registry.control.get(asset.index()).copied().unwrap_or_default();
        let of = |account| Amount::from_units(u128::try_from(control.balance(account).units()).unwrap_or(0));
        let last = Timestamp::from_ms(now.ms().saturating_add(network.terms.unbonding_ms));
        Owed {
            principal: of(LedgerAccount::CustomerPrincipal),
            queued: of(LedgerAccount::RedemptionsQueued),
            maturing: self.maturing_until(asset, self.registry.platform.offset.day_of(last)),
            covered: self.covered(asset).unwrap_or_default(),
        }
    }
}

/// What a new plan of a network changes; nothing without a policy, without a picture that counts, or where everything stays.
#[must_use]
pub fn planned(state: &State, ix: NetworkIx, now: Timestamp) -> Option<OrdersPlanned> {
    let network = state.treasury.network(ix)?;
    let in_force = network.desk.policy.as_ref()?;
    network.picture.as_ref()?;
    let mut orders = plan(network, &in_force.policy, &state.owed(network, now), now);
    let mut replaced = Vec::new();
    for (number, order) in network.desk.live.iter().filter(|(_, order)| order.standing == OrderStanding::Proposed) {
        let same = |planned: &Planned| order.planned.is_same(planned);
        let stays = order.policy == in_force.version && order.standing_at(now) == OrderStanding::Proposed;
        match orders.iter().position(same).filter(|_| stays) {
            Some(place) => drop(orders.remove(place)),
            None => replaced.push(*number),
        }
    }
    if orders.is_empty() && replaced.is_empty() {
        return None;
    }
    let needed = |planned: Planned| {
        let people = in_force.policy.needed(planned.task.kind(), planned.amount);
        (planned, people)
    };
    Some(OrdersPlanned {
        network: ix,
        generation: network.desk.generation.saturating_add(1),
        planned_at: now,
        policy: in_force.version,
        fee_max: in_force.policy.fee_max,
        expires_at: Timestamp::from_ms(now.ms().saturating_add(in_force.policy.order_life_ms)),
        replaced,
        orders: orders.into_iter().map(needed).collect(),
    })
}

/// The plans of all networks after days were closed.
pub(super) fn after_closes(state: &State, now: Timestamp) -> Vec<OrdersPlanned> {
    let networks = (0..state.treasury.networks().len()).map(NetworkIx::from_index);
    networks.filter_map(|ix| planned(state, ix, now)).collect()
}

/// The orders whose time is over at an instant before they were begun, without the log saying so yet.
pub(super) fn expired(state: &State, now: Timestamp) -> Vec<OrdersExpired> {
    let of = |(place, network): (usize, &Network)| {
        let over = network
            .desk
            .live
            .iter()
            .filter(|(_, order)| order.standing != OrderStanding::Expired && order.standing_at(now) == OrderStanding::Expired);
        let orders: Vec<u64> = over.map(|(number, _)| *number).collect();
        let network = NetworkIx::from_index(place);
        (!orders.is_empty()).then_some(OrdersExpired { network, orders })
    };
    state.treasury.networks().iter().enumerate().filter_map(of).collect()
}
