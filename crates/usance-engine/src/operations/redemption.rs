//! Redemptions: out of a position, whole or in part.

use super::words::{AccountWord, position};
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Wanted, done};
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Expectation, Told, Write};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::preview::{self, RedemptionPreview};
use usance_core::machine::verb::Redeem;
use usance_core::machine::{Command, Rejection, State};
use usance_store::projection::{HistoryKind, HistoryRow};

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("redemption_preview", Permission::CustomerRead),
    ("redemption_create", Permission::CustomerWrite),
    ("redemption_list", Permission::CustomerRead),
];

/// Where the contract has those of a position.
#[must_use]
pub fn path(position: &str) -> String {
    format!("/v1/positions/{position}/redemptions")
}

/// When a redemption is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExitChoice {
    /// At once, or not at all.
    Instant,
    /// As soon as coins are there: the position is left at once.
    Queued,
}

/// A redemption to look at before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedemptionPreviewAsked {
    /// How much, in the asset's unit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    #[serde(default)]
    pub amount: Option<String>,
    /// Where it goes.
    #[serde(default)]
    pub to: Option<AccountWord>,
}

/// A redemption.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedemptionAsked {
    /// How much, in the asset's unit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    #[serde(default)]
    pub amount: Option<String>,
    /// Where it goes.
    #[serde(default)]
    pub to: Option<AccountWord>,
    /// The payout the customer was shown; required for an early exit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    #[serde(default)]
    pub quoted_payout: Option<String>,
    /// What the customer was shown that Funding gives, if not 0.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    #[serde(default)]
    pub quoted_from_funding: Option<String>,
    /// When it is to be paid; at once unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitChoice>,
}

/// What a redemption would pay and take back now.
///
/// # Errors
/// The rejection that it would meet.
pub async fn preview(engine: &Engine, caller: &Caller, id: &str, asked: &RedemptionPreviewAsked) -> Result<RedemptionPreview, Refusal> {
    Ok(engine.read(|state, now| preview_at(state, now, caller, id, asked)).await??)
}

/// What a redemption would pay and take back at a moment.
///
/// # Errors
/// The rejection that it would meet.
pub fn preview_at(
    state: &State,
    now: Timestamp,
    caller: &Caller,
    id: &str,
    asked: &RedemptionPreviewAsked,
) -> Result<RedemptionPreview, Rejection> {
    preview::redemption(state, caller.acts_for(), position(id), asked.amount.as_deref(), asked.to.map(Into::into), now)
}

/// Unstakes. With what was shown, only if that is what would be booked.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn make(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    id: &str,
    asked: RedemptionAsked,
    shown: Option<Expectation>,
) -> Result<Told, Refusal> {
    let RedemptionAsked { amount, to, quoted_payout, quoted_from_funding, exit } = asked;
    let (customer, position, to) = (caller.acts_for().to_owned(), position(id), to.map(Into::into));
    let redeem = Redeem { customer, position, amount, to, quoted_payout, quoted_from_funding };
    let command = match exit {
        None | Some(ExitChoice::Instant) => Command::Redeem(redeem),
        Some(ExitChoice::Queued) => Command::QueueExit(redeem),
    };
    engine.carry_out(Write { caller, once, method: "POST" }, command, shown).await
}

/// A customer's redemptions, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn list(engine: &Engine, caller: &Caller, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    done(engine, caller.acts_for(), HistoryKind::Redemption, wanted).await
}
