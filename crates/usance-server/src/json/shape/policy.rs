//! A network's policy on the wire, and what is known of validators. Amounts are in the unit of the coin that is staked.

use crate::json::shape::{amount, decimals};
use crate::wire::input;
use crate::wire::problem::Problem;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use usance_core::id::AssetIx;
use usance_core::limits::ASSET_DECIMALS_MAX;
use usance_core::machine::State;
use usance_core::money::Amount;
use usance_core::treasury::network::Network;
use usance_core::treasury::picture::Validator;
use usance_core::treasury::policy::{Approvals, Approved, HALTED_MS_BY_AGENT, HALTED_MS_BY_HAND, Needed, Policy};
use usance_core::treasury::score::{ValidatorRecord, score};
use usance_engine::operations::whole::{some_whole, whole};
use utoipa::ToSchema;

/// A validator with which coins may be staked.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovedShape {
    /// As the network writes it.
    validator: String,
    /// Its part of what is staked, against the weights of the others.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 10000)]
    weight: u32,
    /// The largest part of all that is staked which may be with it.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    cap: String,
}

/// How many people approve an order of one kind.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NeededShape {
    /// Below this amount nobody has to.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    none_below: String,
    /// From that amount on so many people have to.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 2)]
    people: u8,
}

/// How many people approve which order.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsShape {
    #[serde(deserialize_with = "input::object")]
    top_up: NeededShape,
    #[serde(deserialize_with = "input::object")]
    delegate: NeededShape,
    #[serde(deserialize_with = "input::object")]
    undelegate: NeededShape,
    #[serde(deserialize_with = "input::object")]
    cancel_undelegation: NeededShape,
    #[serde(deserialize_with = "input::object")]
    redelegate: NeededShape,
    #[serde(deserialize_with = "input::object")]
    claim: NeededShape,
    /// Below this amount one person approves a sweep; from it on two do.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    sweep_one_below: String,
}

/// What is allowed on a network.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyShape {
    /// With whom coins may be staked.
    #[serde(deserialize_with = "input::objects")]
    validators: Vec<ApprovedShape>,
    /// With whom nothing may be staked: what is there is taken away.
    #[serde(default)]
    barred: Vec<String>,
    /// The part of customers' principal below which coins are brought back.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    buffer_low: String,
    /// The part of customers' principal that is then free again.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    buffer_target: String,
    /// The part of customers' principal above which free coins are staked.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    buffer_high: String,
    /// What each address keeps for fees.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    gas_reserve: String,
    /// The smallest amount of an order.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    order_min: String,
    /// What can be claimed is claimed from this amount on.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    claim_above: String,
    /// And after so many days, if it is more than a fee.
    #[serde(deserialize_with = "whole")]
    claim_days: u32,
    /// How many undelegations the network lets one address have with one validator at a time; one is kept free for draining.
    #[serde(deserialize_with = "whole")]
    entries_max: u32,
    /// A validator that keeps more of the rewards is drained.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    commission_max: String,
    /// The most that an order's transaction may cost.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    fee_max: String,
    /// How long an order can be approved and begun.
    #[serde(deserialize_with = "whole")]
    order_life_seconds: u32,
    /// How old the last picture may be before nothing is begun any more; when it is left out, 30 minutes where an agent is in office and 26
    /// hours where nobody is.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    halted_after_seconds: Option<u32>,
    /// Whether the network lets stake change its validator at once.
    redelegates: bool,
    /// Whether the network lets an undelegation be taken back.
    cancels: bool,
    /// How many people approve which order.
    #[serde(deserialize_with = "input::object")]
    approvals: ApprovalsShape,
}

/// A network's policy, if it has one.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyInForceShape {
    network: String,
    /// Counted from 1 over the network.
    version: Option<u64>,
    policy: Option<PolicyShape>,
}

/// A policy that was set.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicySetShape {
    pub(crate) network: String,
    pub(crate) version: u64,
}

/// A network's policy as it stands.
#[must_use]
pub fn in_force(state: &State, network: &Network) -> PolicyInForceShape {
    let asset = network.asset(0).unwrap_or(AssetIx(u32::MAX));
    let known = network.desk.policy.as_ref();
    PolicyInForceShape {
        network: network.name.clone(),
        version: known.map(|in_force| in_force.version),
        policy: known.map(|in_force| shape(state, asset, &in_force.policy)),
    }
}

fn shape(state: &State, asset: AssetIx, policy: &Policy) -> PolicyShape {
    let text = |units| amount(state, asset, units);
    let needed = |needed: Needed| NeededShape { none_below: text(needed.none_below), people: needed.people };
    let approved = |one: &Approved| ApprovedShape { validator: one.validator.clone(), weight: one.weight, cap: one.cap.to_text() };
    let seconds = |ms: i64| u32::try_from(ms / 1000).unwrap_or(u32::MAX);
    let approvals = &policy.approvals;
    PolicyShape {
        validators: policy.validators.iter().map(approved).collect(),
        barred: policy.barred.clone(),
        buffer_low: policy.buffer_low.to_text(),
        buffer_target: policy.buffer_target.to_text(),
        buffer_high: policy.buffer_high.to_text(),
        gas_reserve: text(policy.gas_reserve),
        order_min: text(policy.order_min),
        claim_above: text(policy.claim_above),
        claim_days: policy.claim_days,
        entries_max: policy.entries_max,
        commission_max: policy.commission_max.to_text(),
        fee_max: text(policy.fee_max),
        order_life_seconds: seconds(policy.order_life_ms),
        halted_after_seconds: Some(seconds(policy.halted_after_ms)),
        redelegates: policy.redelegates,
        cancels: policy.cancels,
        approvals: ApprovalsShape {
            top_up: needed(approvals.top_up),
            delegate: needed(approvals.delegate),
            undelegate: needed(approvals.undelegate),
            cancel_undelegation: needed(approvals.cancel_undelegation),
            redelegate: needed(approvals.redelegate),
            claim: needed(approvals.claim),
            sweep_one_below: text(approvals.sweep_one_below),
        },
    }
}

impl PolicyShape {
    /// Reads it, in the unit of the coin that a network stakes; where there is no network, with as many decimals as any coin has.
    ///
    /// # Errors
    /// 400 with the field's name, `amount_invalid`.
    pub fn read(self, state: &State, network: Option<&Network>) -> Result<Policy, Problem> {
        let digits = network.and_then(|network| network.asset(0)).map_or(ASSET_DECIMALS_MAX, |asset| decimals(state, asset));
        let by_agent = network.is_some_and(|network| network.desk.office.is_some());
        let halted_ms = if by_agent { HALTED_MS_BY_AGENT } else { HALTED_MS_BY_HAND };
        let units = |field: &str, text: &str| {
            let detail = || format!("{field}: {text:?} is not an amount with at most {digits} decimals");
            let wrong = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "amount_invalid", detail()).with("field", field);
            Amount::parse(text, digits).map_err(|_| wrong())
        };
        let needed = |field: &str, shape: NeededShape| {
            let none_below = units(&format!("approvals.{field}.none_below"), &shape.none_below)?;
            Ok::<Needed, Problem>(Needed { none_below, people: shape.people })
        };
        let approved = |one: ApprovedShape| {
            let cap = input::rate("validators.cap", &one.cap)?;
            Ok::<Approved, Problem>(Approved { validator: one.validator, weight: one.weight, cap })
        };
        let approvals = self.approvals;
        Ok(Policy {
            validators: self.validators.into_iter().map(approved).collect::<Result<_, _>>()?,
            barred: self.barred,
            buffer_low: input::rate("buffer_low", &self.buffer_low)?,
            buffer_target: input::rate("buffer_target", &self.buffer_target)?,
            buffer_high: input::rate("buffer_high", &self.buffer_high)?,
            gas_reserve: units("gas_reserve", &self.gas_reserve)?,
            order_min: units("order_min", &self.order_min)?,
            claim_above: units("claim_above", &self.claim_above)?,
            claim_days: self.claim_days,
            entries_max: self.entries_max,
            commission_max: input::rate("commission_max", &self.commission_max)?,
            fee_max: units("fee_max", &self.fee_max)?,
            order_life_ms: i64::from(self.order_life_seconds) * 1000,
            halted_after_ms: self.halted_after_seconds.map_or(halted_ms, |seconds| i64::from(seconds) * 1000),
            redelegates: self.redelegates,
            cancels: self.cancels,
            approvals: Approvals {
                top_up: needed("top_up", approvals.top_up)?,
                delegate: needed("delegate", approvals.delegate)?,
                undelegate: needed("undelegate", approvals.undelegate)?,
                cancel_undelegation: needed("cancel_undelegation", approvals.cancel_undelegation)?,
                redelegate: needed("redelegate", approvals.redelegate)?,
                claim: needed("claim", approvals.claim)?,
                sweep_one_below: units("approvals.sweep_one_below", &approvals.sweep_one_below)?,
            },
        })
    }
}

/// What takes points off a validator's score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScorePartShape {
    /// `status`, `commission`, `commission_raises`, `slashes`, `jailings`, `power` or `missed`.
    name: &'static str,
    off: u32,
}

/// A validator of the last picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidatorShape {
    validator: String,
    name: String,
    /// `active`, `inactive`, `jailed` or `tombstoned`.
    status: &'static str,
    commission: String,
    /// Its share of the network's power.
    power: String,
    missed: u64,
    /// What is staked with it.
    stake: String,
    /// Whether the policy lets coins be staked with it.
    approved: bool,
    barred: bool,
    weight: Option<u32>,
    cap: Option<String>,
    /// 0 to 100; more is better. It only suggests.
    score: u32,
    /// What takes points off 100.
    parts: Vec<ScorePartShape>,
    /// Since when it is seen.
    since: Option<String>,
    commission_changes: u32,
    commission_raises: u32,
    slashes: u32,
    jailings: u32,
}

/// Validators of the last picture that counts, with their scores.
#[must_use]
pub fn validators(state: &State, network: &Network) -> Vec<ValidatorShape> {
    let Some(picture) = network.picture.as_deref() else { return Vec::new() };
    let asset = network.asset(0).unwrap_or(AssetIx(u32::MAX));
    let policy = network.desk.policy.as_ref().map(|in_force| &in_force.policy);
    let line = |seen: &Validator| {
        let record = network.desk.validators.get(&seen.validator);
        let approved = policy.and_then(|policy| policy.validators.iter().find(|one| one.validator == seen.validator));
        let score = score(seen, record);
        let count = |of: fn(&ValidatorRecord) -> u32| record.map_or(0, of);
        ValidatorShape {
            validator: seen.validator.clone(),
            name: seen.name.clone(),
            status: seen.status.word(),
            commission: seen.commission.to_text(),
            power: seen.power.to_text(),
            missed: seen.missed,
            stake: amount(state, asset, picture.staked_with(&seen.validator)),
            approved: approved.is_some(),
            barred: policy.is_some_and(|policy| policy.is_barred(&seen.validator)),
            weight: approved.map(|one| one.weight),
            cap: approved.map(|one| one.cap.to_text()),
            score: score.points,
            parts: score.parts.into_iter().map(|part| ScorePartShape { name: part.name, off: part.off }).collect(),
            since: record.map(|record| record.since.to_string()),
            commission_changes: count(|record| record.commission_changes),
            commission_raises: count(|record| record.commission_raises),
            slashes: count(|record| record.slashes),
            jailings: count(|record| record.jailings),
        }
    };
    picture.validators.iter().map(line).collect()
}
