//! Orders and plans on the wire. Amounts are in the unit of the coin that is staked; what is signed says them in base units.

use crate::json::shape::proposal::TextsShape;
use crate::json::shape::{amount, balance, hex, symbol, treasury};
use serde::Serialize;
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, NetworkIx, PersonIx};
use usance_core::machine::State;
use usance_core::machine::verb::treasury::order::text;
use usance_core::person::proposal::Verdict;
use usance_core::treasury::network::Network;
use usance_core::treasury::order::{Order, OrderStanding, Planned, Task};
use usance_core::treasury::plan::plan;
use utoipa::ToSchema;

/// What is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskShape {
    /// `top_up`, `delegate`, `undelegate`, `cancel_undelegation`, `redelegate`, `claim` or `sweep`.
    kind: &'static str,
    /// The treasury's address that does it; of a top-up the one that receives.
    address: String,
    /// With whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<String>,
    /// Of an undelegation that is taken back: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// Of a redelegation: from which validator.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Of a redelegation: to which validator; of a sweep: to which destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Of a sweep: what it has to say beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<String>,
    asset: String,
    /// Of a claim, what could be claimed when it was planned.
    amount: String,
}

/// A person's approval of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalShape {
    person: String,
    public_key: String,
    signature: String,
    at: String,
}

/// A transaction that an agent has signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedShape {
    epoch: u64,
    /// The exact bytes, as hexadecimal digits.
    bytes: String,
    sequence: String,
    last_valid_height: Option<String>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderShape {
    network: String,
    order_id: String,
    #[serde(flatten)]
    task: TaskShape,
    /// The most that its transaction may cost.
    fee_max: String,
    /// The plan that asked for it.
    generation: u64,
    planned_at: String,
    /// The first instant at which it cannot be approved or begun any more.
    expires_at: String,
    /// The version of the policy it came of.
    policy: u64,
    /// `proposed`, `approved`, `prepared`, `sent`, `done`, `failed`, `expired` or `declined`.
    standing: &'static str,
    since: String,
    /// So many people have to approve it.
    needed: u8,
    /// Who has approved, in order.
    approved_by: Vec<String>,
    /// Their signatures over the text for `approve`.
    approvals: Vec<ApprovalShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_by: Option<String>,
    /// The hash of its transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// What an agent signed, as long as it is not over.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<SignedShape>,
    /// The number of the picture that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<u64>,
    sign: TextsShape,
}

/// An order after something was done to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderToldShape {
    network: String,
    order_id: String,
    standing: &'static str,
    approved_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

/// An agent that took office.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeTakenShape {
    pub(crate) network: String,
    /// What an older one sends is refused.
    pub(crate) epoch: u64,
}

/// An order that a plan asks for.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlannedShape {
    #[serde(flatten)]
    task: TaskShape,
    /// So many people would have to approve it.
    needed: u8,
}

/// What a network's policy asks for now, beside what is under way.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanShape {
    network: String,
    /// The version of the policy; null where there is none, and then nothing is planned.
    policy: Option<u64>,
    /// How many plans have changed something.
    generation: u64,
    /// Principal that customers have staked.
    principal: String,
    /// What the queue of exits is owed.
    queued: String,
    /// Fixed terms that end within the unbonding time and do not start anew.
    maturing: String,
    /// What the wallet has beyond what customers may take already.
    covered: String,
    orders: Vec<PlannedShape>,
}

fn task(state: &State, network: &Network, planned: &Planned) -> TaskShape {
    let asset = network.asset(0).unwrap_or(AssetIx(u32::MAX));
    let mut shape = TaskShape {
        kind: planned.task.kind().word(),
        address: planned.task.address().to_owned(),
        validator: None,
        started: None,
        from: None,
        to: None,
        memo: None,
        asset: symbol(state, asset),
        amount: amount(state, asset, planned.amount),
    };
    match &planned.task {
        Task::TopUp { .. } => {}
        Task::Delegate { validator, .. } | Task::Undelegate { validator, .. } | Task::Claim { validator, .. } => {
            shape.validator = Some(validator.clone());
        }
        Task::CancelUndelegation { validator, started, .. } => {
            (shape.validator, shape.started) = (Some(validator.clone()), Some(started.to_string()));
        }
        Task::Redelegate { from, to, .. } => (shape.from, shape.to) = (Some(from.clone()), Some(to.clone())),
        Task::Sweep { to, memo, .. } => (shape.to, shape.memo) = (Some(to.clone()), Some(memo.clone())),
    }
    shape
}

fn name(state: &State, person: PersonIx) -> String {
    state.people.person(person).map(|person| person.name.clone()).unwrap_or_default()
}

/// An order as it stands.
#[must_use]
pub fn order(state: &State, network: &Network, (number, order): (u64, &Order), now: Timestamp) -> OrderShape {
    let asset = network.asset(0).unwrap_or(AssetIx(u32::MAX));
    let approvals = order.approvals.iter().map(|approval| ApprovalShape {
        person: name(state, approval.person),
        public_key: state.people.person(approval.person).map(|person| person.key.to_string()).unwrap_or_default(),
        signature: approval.signature.to_string(),
        at: approval.at.to_string(),
    });
    let signed = order.signed.as_ref().map(|signed| SignedShape {
        epoch: signed.epoch,
        bytes: hex(&signed.bytes),
        sequence: signed.sequence.to_string(),
        last_valid_height: signed.last_valid_height.map(|height| height.to_string()),
    });
    let text = |verdict| text(state, network, number, verdict).unwrap_or_default();
    OrderShape {
        network: network.name.clone(),
        order_id: number.to_string(),
        task: task(state, network, &order.planned),
        fee_max: amount(state, asset, order.fee_max),
        generation: order.generation,
        planned_at: order.planned_at.to_string(),
        expires_at: order.expires_at.to_string(),
        policy: order.policy,
        standing: order.standing_at(now).word(),
        since: order.since.to_string(),
        needed: order.needed,
        approved_by: order.approvals.iter().map(|approval| name(state, approval.person)).collect(),
        approvals: approvals.collect(),
        declined_by: order.declined_by.map(|person| name(state, person)),
        hash: order.hash.clone(),
        signed,
        picture: order.picture,
        sign: TextsShape::new(text(Verdict::Approve), text(Verdict::Decline)),
    }
}

/// An order after something was done to it: nothing but what was stored with that.
#[must_use]
pub fn told(
    state: &State,
    network: NetworkIx,
    number: u64,
    approved_by: &[PersonIx],
    standing: OrderStanding,
    hash: Option<&str>,
) -> OrderToldShape {
    OrderToldShape {
        network: treasury::name(state, network),
        order_id: number.to_string(),
        standing: standing.word(),
        approved_by: approved_by.iter().map(|person| name(state, *person)).collect(),
        hash: hash.map(str::to_owned),
    }
}

/// What a network's policy asks for now.
#[must_use]
pub fn planned(state: &State, network: &Network, now: Timestamp) -> PlanShape {
    let asset = network.asset(0).unwrap_or(AssetIx(u32::MAX));
    let owed = state.owed(network, now);
    let line = |planned: &Planned| {
        let in_force = network.desk.policy.as_ref();
        let needed = in_force.map_or(0, |in_force| in_force.policy.needed(planned.task.kind(), planned.amount));
        PlannedShape { task: task(state, network, planned), needed }
    };
    let orders = network.desk.policy.as_ref().map(|in_force| plan(network, &in_force.policy, &owed, now)).unwrap_or_default();
    PlanShape {
        network: network.name.clone(),
        policy: network.desk.policy.as_ref().map(|in_force| in_force.version),
        generation: network.desk.generation,
        principal: amount(state, asset, owed.principal),
        queued: amount(state, asset, owed.queued),
        maturing: amount(state, asset, owed.maturing),
        covered: balance(state, asset, owed.covered),
        orders: orders.iter().map(line).collect(),
    }
}
