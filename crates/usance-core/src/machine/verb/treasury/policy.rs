//! `SetPolicy`, and the plans that follow by themselves (TREASURY 9).

use super::network::{check_text, found};
use crate::calendar::Timestamp;
use crate::id::NetworkIx;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::invalid;
use crate::money::Amount;
use crate::treasury::order::{Order, OrderStanding, Planned};
use crate::treasury::policy::{InForce, Policy};
use serde::{Deserialize, Serialize};

/// A network has a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    /// Which network.
    pub network: NetworkIx,
    /// The policy with its version.
    pub in_force: InForce,
}

/// A plan changed which orders wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersPlanned {
    /// Of which network.
    pub network: NetworkIx,
    /// The plan's number.
    pub generation: u64,
    /// When it was made: the closes of a record with several days have an instant of their own.
    pub planned_at: Timestamp,
    /// The version of the policy that it is made by.
    pub policy: u64,
    /// The most that a transaction of it may cost.
    pub fee_max: Amount,
    /// The first instant at which its orders cannot be approved or begun any more.
    pub expires_at: Timestamp,
    /// Orders that nobody approved and that it does not ask for any more.
    pub replaced: Vec<u64>,
    /// New orders, and how many people have to approve each.
    pub orders: Vec<(Planned, u8)>,
}

/// Sets a network's policy.
///
/// # Errors
/// `network_not_found`, `terms_invalid` with the reason.
pub fn set(state: &State, name: &str, policy: &Policy) -> Result<PolicySet, Rejection> {
    let (ix, network) = found(state, name)?;
    let names = policy.validators.iter().map(|approved| &approved.validator).chain(&policy.barred);
    for validator in names {
        check_text("validator", validator)?;
    }
    if let Some(reason) = policy.contradiction() {
        return Err(invalid(reason));
    }
    let staked = network.asset(0);
    let others = state.treasury.networks().iter().filter(|other| other.name != network.name && other.desk.policy.is_some());
    if let Some(other) = others.into_iter().find(|other| other.asset(0) == staked) {
        return Err(invalid(format!("{} stakes the same coin by a policy of its own: the buffer would be there twice", other.name)));
    }
    let version = network.desk.policy.as_ref().map_or(0, |in_force| in_force.version).saturating_add(1);
    Ok(PolicySet { network: ix, in_force: InForce { version, policy: policy.clone() } })
}

impl Fact for PolicySet {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.desk.policy = Some(self.in_force.clone()),
            None => state.break_with("a policy has a network", format!("network {}", self.network.0)),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Policy { network: self.network, version: self.in_force.version }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OrdersPlanned {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let Some(network) = state.treasury.network_mut(self.network) else {
            return state.break_with("a plan has a network", format!("network {}", self.network.0));
        };
        let desk = &mut network.desk;
        desk.generation = self.generation;
        for number in &self.replaced {
            desk.live.remove(number);
        }
        for (planned, needed) in &self.orders {
            desk.orders = desk.orders.saturating_add(1);
            let standing = if *needed == 0 { OrderStanding::Approved } else { OrderStanding::Proposed };
            let order = Order {
                planned: planned.clone(),
                generation: self.generation,
                planned_at: self.planned_at,
                fee_max: self.fee_max,
                expires_at: self.expires_at,
                policy: self.policy,
                needed: *needed,
                approvals: Vec::new(),
                declined_by: None,
                standing,
                since: self.planned_at,
                signed: None,
                hash: None,
                picture: None,
            };
            desk.live.insert(desk.orders, order);
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
