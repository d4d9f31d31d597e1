//! Transfers between a customer's Spot and Funding.

use super::words::AccountWord;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Wanted, done};
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use serde::{Deserialize, Serialize};
use usance_core::id::AssetIx;
use usance_core::machine::Command;
use usance_store::projection::{HistoryKind, HistoryRow};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("transfer_create", Permission::CustomerWrite), ("transfer_list", Permission::CustomerRead)];

/// Where the contract has it.
pub const PATH: &str = "/v1/transfers";

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TransferAsked {
    /// The asset's symbol.
    pub asset: String,
    /// Where it comes from.
    pub from: AccountWord,
    /// Where it goes.
    pub to: AccountWord,
    /// How much, in the asset's unit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    pub amount: String,
}

/// Moves coins between Spot and Funding.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn make(engine: &Engine, caller: &Caller, once: &Once, asked: TransferAsked) -> Result<Told, Refusal> {
    let TransferAsked { asset, from, to, amount } = asked;
    let command = Command::Transfer { customer: caller.acts_for().to_owned(), asset, from: from.into(), to: to.into(), amount };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// A customer's transfers, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn list(engine: &Engine, caller: &Caller, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    done(engine, caller.acts_for(), HistoryKind::Transfer, wanted).await
}
