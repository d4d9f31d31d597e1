//! What operators allow on a network: with whom coins are staked, how much stays free, and how many people approve which order (TREASURY 9).
//!
//! A policy is replaced as a whole and gets a number, counted from 1 over the network. Refuses terms that contradict themselves
//! ([`Policy::contradiction`]). What follows from it: [`super::plan`].

use super::order::OrderKind;
use crate::limits::{ORDER_LIFE_MS_MAX, POLICY_VALIDATORS_MAX, POLICY_WEIGHT_MAX};
use crate::money::{Amount, Rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How old the last picture may be before a network that is driven by hand counts as halted, unless the policy says otherwise: 26 hours.
pub const HALTED_MS_BY_HAND: i64 = 26 * 60 * 60 * 1000;
/// The same for a network that an agent watches: 30 minutes.
pub const HALTED_MS_BY_AGENT: i64 = 30 * 60 * 1000;

/// A validator with which coins may be staked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// As the network writes it.
    pub validator: String,
    /// Its part of what is staked, against the weights of the others.
    pub weight: u32,
    /// The largest part of all that is staked which may be with it.
    pub cap: Rate,
}

/// How many people approve an order of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// Below this amount nobody has to.
    pub none_below: Amount,
    /// From that amount on so many people have to: 1 or 2.
    pub people: u8,
}

/// How many people approve which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// A top-up, which the wallet does.
    pub top_up: Needed,
    /// A delegation.
    pub delegate: Needed,
    /// An undelegation.
    pub undelegate: Needed,
    /// An undelegation that is taken back.
    pub cancel_undelegation: Needed,
    /// A redelegation.
    pub redelegate: Needed,
    /// A claim.
    pub claim: Needed,
    /// Below this amount one person approves a sweep; from it on two do.
    pub sweep_one_below: Amount,
}

/// What operators allow on a network. Amounts are of the coin that is staked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// With whom coins may be staked.
    pub validators: Vec<Approved>,
    /// With whom nothing may be staked: what is there is taken away.
    pub barred: Vec<String>,
    /// The part of customers' principal below which coins are brought back.
    pub buffer_low: Rate,
    /// The part of customers' principal that is then free again.
    pub buffer_target: Rate,
    /// The part of customers' principal above which free coins are staked.
    pub buffer_high: Rate,
    /// What each address keeps for fees.
    pub gas_reserve: Amount,
    /// The smallest amount of an order.
    pub order_min: Amount,
    /// What can be claimed is claimed from this amount on.
    pub claim_above: Amount,
    /// And after so many days, if it is more than a fee.
    pub claim_days: u32,
    /// How many undelegations the network lets one address have with one validator at a time; one of them is kept free for draining.
    pub entries_max: u32,
    /// A validator that keeps more of the rewards is drained.
    pub commission_max: Rate,
    /// The most that an order's transaction may cost.
    pub fee_max: Amount,
    /// How long an order can be approved and begun, in milliseconds.
    pub order_life_ms: i64,
    /// How old the last picture may be before nothing is begun any more, in milliseconds.
    pub halted_after_ms: i64,
    /// Whether the network lets stake change its validator at once.
    pub redelegates: bool,
    /// Whether the network lets an undelegation be taken back.
    pub cancels: bool,
    /// How many people approve which order.
    pub approvals: Approvals,
}

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Counted from 1 over the network.
    pub version: u64,
    /// What it allows.
    pub policy: Policy,
}

impl Policy {
    /// Why its terms contradict themselves, as a sentence; `None` when they do not.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let whole = Rate::parse("1").unwrap_or(Rate::MAX);
        let names: Vec<&str> = self.validators.iter().map(|approved| approved.validator.as_str()).collect();
        let names: Vec<&str> = names.into_iter().chain(self.barred.iter().map(String::as_str)).collect();
        if names.len() > POLICY_VALIDATORS_MAX {
            return Some(format!("a policy names at most {POLICY_VALIDATORS_MAX} validators"));
        }
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return Some("a validator is named once, approved or barred".to_owned());
        }
        let is_weight = |approved: &Approved| (1..=POLICY_WEIGHT_MAX).contains(&approved.weight) && approved.cap <= whole;
        if !self.validators.iter().all(is_weight) {
            return Some(format!("a weight is 1 to {POLICY_WEIGHT_MAX}, and a cap is at most 1"));
        }
        let caps = self.validators.iter().fold(0u64, |sum, approved| sum.saturating_add(approved.cap.units()));
        if !self.validators.is_empty() && caps < whole.units() {
            return Some("the caps of all validators together leave room for all that is staked: at least 1".to_owned());
        }
        if self.buffer_low > self.buffer_target || self.buffer_target > self.buffer_high || self.buffer_high > whole {
            return Some("the buffer's low, target and high rise, up to 1".to_owned());
        }
        if self.order_min.is_zero() || self.entries_max < 2 || self.claim_days == 0 {
            return Some("the smallest order is above 0, entries are at least 2, and claim_days is at least 1".to_owned());
        }
        if !(1..=ORDER_LIFE_MS_MAX).contains(&self.order_life_ms) || self.halted_after_ms <= 0 {
            return Some("an order lives at most 30 days, and a network halts after some time".to_owned());
        }
        let Approvals { top_up, delegate, undelegate, cancel_undelegation, redelegate, claim, sweep_one_below: _ } = self.approvals;
        let each = [top_up, delegate, undelegate, cancel_undelegation, redelegate, claim];
        let is_odd = each.iter().any(|needed| !(1..=2).contains(&needed.people));
        is_odd.then(|| "an order that needs approval needs that of 1 or 2 people".to_owned())
    }

    /// How many people have to approve an order.
    #[must_use]
    pub fn needed(&self, kind: OrderKind, amount: Amount) -> u8 {
        let needed = match kind {
            OrderKind::Sweep => return if amount < self.approvals.sweep_one_below { 1 } else { 2 },
            OrderKind::TopUp => self.approvals.top_up,
            OrderKind::Delegate => self.approvals.delegate,
            OrderKind::Undelegate => self.approvals.undelegate,
            OrderKind::CancelUndelegation => self.approvals.cancel_undelegation,
            OrderKind::Redelegate => self.approvals.redelegate,
            OrderKind::Claim => self.approvals.claim,
        };
        if amount < needed.none_below { 0 } else { needed.people }
    }
    /// Whether nothing may be staked with a validator.
    #[must_use]
    pub fn is_barred(&self, validator: &str) -> bool {
        self.barred.iter().any(|barred| barred == validator)
    }
}
