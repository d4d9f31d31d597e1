//! Exits that wait for coins, or have waited: a customer's own, and whole lines for whoever runs the platform.

use super::state::{asset, customer};
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use serde::{Deserialize, Serialize};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::AssetIx;
use usance_core::machine::{Ahead, Command, Rejection, State};
use usance_core::money::{Amount, Balance};
use usance_core::treasury::queue::Exit;

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("exit_list", Permission::CustomerRead),
    ("exit_get", Permission::CustomerRead),
    ("exit_cancel", Permission::CustomerWrite),
    ("queue_list", Permission::Back),
    ("queue_get", Permission::Back),
    ("queue_change", Permission::Operator),
];

/// Where the contract has the cancellation of one.
#[must_use]
pub fn cancellation_path(redemption: &str) -> String {
    format!("/v1/exits/{redemption}/cancellation")
}

/// What is agreed to by whoever stakes again what waits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CancellationAsked {
    /// The version of the Staking Service Agreement that the customer accepts.
    pub agreement: String,
}

/// What may be taken at once while anyone waits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllowanceAsked {
    /// By each customer a day, in the asset's unit; 0 for nothing.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    pub allowance: String,
}

/// An exit, and when it is expected to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitView {
    /// The exit.
    pub exit: Exit,
    /// Of one that waits.
    pub ahead: Option<Ahead>,
}

/// The line of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineView {
    /// Of which asset.
    pub asset: AssetIx,
    /// What waits, together.
    pub waiting: Amount,
    /// How many wait.
    pub exits: u64,
    /// What each customer may take a day at once while anyone waits.
    pub allowance: Amount,
    /// What is covered; nothing where no treasury has begun.
    pub covered: Option<Balance>,
    /// Whether the wallet's word is too old to pay anybody.
    pub is_stale: bool,
    /// The day that was promised to the first in line.
    pub promised: Option<Day>,
    /// The day by which all can be paid, as things stand.
    pub expected: Option<Day>,
}

fn view(state: &State, exit: &Exit, now: Timestamp) -> ExitView {
    ExitView { exit: *exit, ahead: state.ahead(exit, now) }
}

/// A customer's exits before a number, newest first, at most so many.
///
/// # Errors
/// `customer_not_found`, or an engine that cannot answer.
pub async fn list(engine: &Engine, caller: &Caller, before: Option<u64>, most: usize) -> Result<Vec<ExitView>, Refusal> {
    Ok(engine.read(|state, now| list_at(state, now, caller, before, most)).await??)
}

/// A customer's exits at a moment.
///
/// # Errors
/// `customer_not_found`.
pub fn list_at(state: &State, now: Timestamp, caller: &Caller, before: Option<u64>, most: usize) -> Result<Vec<ExitView>, Rejection> {
    let own = state.treasury.queue().of_customer(customer(state, caller.acts_for())?);
    let shown = own.filter(|exit| before.is_none_or(|before| exit.redemption < before)).take(most);
    Ok(shown.map(|exit| view(state, exit, now)).collect())
}

/// One of a customer's exits, by the number of its redemption.
///
/// # Errors
/// `customer_not_found`, `exit_not_found`, or an engine that cannot answer.
pub async fn get(engine: &Engine, caller: &Caller, redemption: &str) -> Result<ExitView, Refusal> {
    Ok(engine.read(|state, now| get_at(state, now, caller, redemption)).await??)
}

/// One of a customer's exits at a moment.
///
/// # Errors
/// `customer_not_found`, `exit_not_found`.
pub fn get_at(state: &State, now: Timestamp, caller: &Caller, redemption: &str) -> Result<ExitView, Rejection> {
    let customer = customer(state, caller.acts_for())?;
    let found = number(redemption).and_then(|number| state.treasury.queue().of_redemption(number));
    let exit = found.filter(|exit| exit.customer == customer).ok_or(Rejection::ExitNotFound)?;
    Ok(view(state, exit, now))
}

/// Stakes again what waits.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn cancel(engine: &Engine, caller: &Caller, once: &Once, redemption: &str, asked: CancellationAsked) -> Result<Told, Refusal> {
    // A text that is no number is the number of nothing.
    let redemption = number(redemption).unwrap_or_default();
    let command = Command::CancelExit { customer: caller.acts_for().to_owned(), redemption, agreement: asked.agreement };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Every line.
///
/// # Errors
/// An engine that cannot answer.
pub async fn lines(engine: &Engine) -> Result<Vec<LineView>, Refusal> {
    let seen = engine.read(|state, now| {
        let assets = state.treasury.coverages().keys();
        assets.map(|asset| line(state, *asset, now)).collect()
    });
    Ok(seen.await?)
}

fn line(state: &State, asset: AssetIx, now: Timestamp) -> LineView {
    let queue = state.treasury.queue();
    let line = queue.line(asset);
    let waiting = queue.waiting(asset);
    let first = queue.in_line(asset).next();
    LineView {
        asset,
        waiting,
        exits: line.map_or(0, |line| line.exits),
        allowance: line.map(|line| line.allowance).unwrap_or_default(),
        covered: state.covered(asset),
        is_stale: state.is_attestation_stale(asset, now),
        promised: first.map(|exit| exit.promised),
        expected: first.map(|_| state.expected_day(asset, waiting, now)),
    }
}

/// Who waits of an asset behind a number, in line, at most so many.
///
/// # Errors
/// `asset_not_found`, or an engine that cannot answer.
pub async fn in_line(engine: &Engine, symbol: &str, behind: Option<u64>, most: usize) -> Result<Vec<ExitView>, Refusal> {
    let seen = engine.read(|state, now| {
        let found = state.in_line(asset(state, symbol)?, behind, most, now);
        Ok::<_, Rejection>(found.into_iter().map(|(exit, ahead)| ExitView { exit, ahead: Some(ahead) }).collect())
    });
    Ok(seen.await??)
}

/// Sets what may be taken at once while anyone waits.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn set_allowance(engine: &Engine, caller: &Caller, once: &Once, asset: String, asked: AllowanceAsked) -> Result<Told, Refusal> {
    let command = Command::SetExitAllowance { asset, allowance: asked.allowance };
    engine.carry_out(Write { caller, once, method: "PATCH" }, command, None).await
}

/// A redemption's number as the contract writes it.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
