//! Positions: what a customer has staked, and the switch of each.

use super::state::{asset, customer, seen};
use super::words;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, PositionId};
use usance_core::machine::state::{Account, Holding};
use usance_core::machine::view::{self, PositionView};
use usance_core::machine::{Command, Rejection, State, outlook};
use usance_core::money::Amount;

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("position_list", Permission::CustomerRead),
    ("position_get", Permission::CustomerRead),
    ("position_change", Permission::CustomerWrite),
];

/// Where the contract has a position.
#[must_use]
pub fn path(id: &str) -> String {
    format!("/v1/positions/{id}")
}

/// `active`, `closed` or `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StateFilter {
    /// Staked now.
    Active,
    /// Ended.
    Closed,
    /// Both.
    #[default]
    All,
}

/// Which positions.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this product.
    pub product: Option<String>,
    /// Only of this asset.
    pub asset: Option<String>,
    /// Active, closed or all.
    pub state: StateFilter,
    /// Only those before this one.
    pub before: Option<PositionId>,
}

/// A position's switch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PositionPatch {
    /// Whether it renews by itself.
    pub auto_renew: bool,
}

/// What today brings a position, while the day runs: estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    /// Its asset.
    pub asset: AssetIx,
    /// What its close gives if nothing changes.
    pub reward: Amount,
    /// The part of that which the day has reached.
    pub so_far: Amount,
}

/// A customer's positions, newest first, at most so many.
///
/// # Errors
/// `customer_not_found`, `product_not_found`, `asset_not_found`.
pub async fn list(engine: &Engine, caller: &Caller, filter: &Filter, most: usize) -> Result<Vec<PositionView>, Refusal> {
    Ok(engine.read(|state, _| list_at(state, caller.acts_for(), filter, most)).await??)
}

/// A customer's positions at a moment, newest first, at most so many.
///
/// # Errors
/// As [`list`].
pub fn list_at(state: &State, who: &str, filter: &Filter, most: usize) -> Result<Vec<PositionView>, Rejection> {
    let customer = customer(state, who)?;
    let product = filter.product.as_ref().map(|id| seen(state, id).map(|(ix, _)| ix)).transpose()?;
    let asset = filter.asset.as_ref().map(|symbol| asset(state, symbol)).transpose()?;
    let of = |account: &Account, holding: &Holding| {
        product.is_none_or(|only| only == holding.product) && asset.is_none_or(|only| only == account.asset)
    };
    let in_state = |id: &PositionId| {
        let active = state.position(*id).is_some_and(|(running, _)| running.is_active());
        filter.state == StateFilter::All || active == (filter.state == StateFilter::Active)
    };
    let before = |id: &PositionId| filter.before.is_none_or(|before| *id < before);
    let chosen = state.positions_of(customer, of).filter(before).filter(in_state).take(most);
    Ok(chosen.filter_map(|id| view::position(state, id)).collect())
}

/// One of a customer's positions.
///
/// # Errors
/// `customer_not_found`, `position_not_found`.
pub async fn get(engine: &Engine, caller: &Caller, id: &str) -> Result<PositionView, Refusal> {
    Ok(engine.read(|state, _| get_at(state, caller, id)).await??)
}

/// One of a customer's positions at a moment.
///
/// # Errors
/// As [`get`].
pub fn get_at(state: &State, caller: &Caller, id: &str) -> Result<PositionView, Rejection> {
    let customer = customer(state, caller.acts_for())?;
    let own = words::position(id).filter(|id| state.position_of(customer, *id).is_some());
    own.and_then(|id| view::position(state, id)).ok_or(Rejection::PositionNotFound)
}

/// What today brings one of a customer's positions, at a moment.
///
/// # Errors
/// `customer_not_found`, `position_not_found`.
pub fn today_at(state: &State, now: Timestamp, caller: &Caller, id: &str) -> Result<Today, Rejection> {
    let customer = customer(state, caller.acts_for())?;
    let found = words::position(id).and_then(|id| state.position_of(customer, id));
    let (running, _) = found.ok_or(Rejection::PositionNotFound)?;
    let product = state.product(running.product).ok_or(Rejection::ProductNotFound)?;
    let reward = outlook::reward_today(state, running);
    Ok(Today { asset: product.asset, reward, so_far: outlook::reward_so_far(state, reward, now) })
}

/// Switches automatic renewal.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn change(engine: &Engine, caller: &Caller, once: &Once, id: &str, asked: PositionPatch) -> Result<Told, Refusal> {
    let (customer, position) = (caller.acts_for().to_owned(), words::position(id));
    let command = Command::SetAutoRenew { customer, position, auto_renew: asked.auto_renew };
    engine.carry_out(Write { caller, once, method: "PATCH" }, command, None).await
}
