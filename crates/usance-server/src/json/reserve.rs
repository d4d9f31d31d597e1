//! What is set aside for losses, and the commission on what networks pay.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::reward::PoolWord;
use crate::json::shape::balance;
use crate::wire::input::{Body, Path};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::Rejection;
use usance_core::machine::verb::ReserveSide;
use usance_engine::operations::reserve::{self, ReserveMove};
use utoipa::ToSchema;

/// What stands on an account of the platform's own.
#[derive(Debug, Serialize, ToSchema)]
pub struct EquityShape {
    asset: String,
    /// `loss_reserve` or `commission_income`.
    account: &'static str,
    balance: String,
}

/// Where coins of the loss reserve come from, or go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideWord {
    /// The reward pool: no coin moves.
    #[default]
    RewardPool,
    /// The exchange's wallet.
    Custody,
}

impl From<SideWord> for ReserveSide {
    fn from(word: SideWord) -> ReserveSide {
        match word {
            SideWord::RewardPool => ReserveSide::RewardPool,
            SideWord::Custody => ReserveSide::Custody,
        }
    }
}

/// A movement of the loss reserve.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveAsked {
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
    #[serde(default)]
    kind: PoolWord,
    /// The other side.
    #[serde(default)]
    side: SideWord,
}

/// Commission that is taken out.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommissionAsked {
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
}

async fn read(app: &App, symbol: String, account: LedgerAccount) -> Result<Json<EquityShape>, Problem> {
    let found = app.engine.read(|state, _| {
        let shape = state.asset_ix(&symbol).map(|ix| {
            let control = state.registry.control.get(ix.index()).copied().unwrap_or_default();
            EquityShape { balance: balance(state, ix, control.balance(account)), asset: symbol, account: account.name() }
        });
        shape.ok_or_else(|| rejected(state, &Rejection::AssetNotFound))
    });
    Ok(Json(found.await??))
}

/// GET /v1/operator/treasury/assets/{id}/reserve
pub async fn reserve_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<EquityShape>, Problem> {
    read(&app, id, LedgerAccount::LossReserve).await
}

/// POST /v1/operator/treasury/assets/{id}/reserve
pub async fn reserve_move(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<ReserveAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let which = match asked.kind {
        PoolWord::Fund => ReserveMove::Fund(asked.side.into()),
        PoolWord::Withdraw => ReserveMove::Withdraw(asked.side.into()),
    };
    created(&app, reserve::move_reserve(&app.engine, &call.caller, &once, id, asked.amount, which).await)
}

/// GET /v1/operator/treasury/assets/{id}/commission
pub async fn commission_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<EquityShape>, Problem> {
    read(&app, id, LedgerAccount::CommissionIncome).await
}

/// POST /v1/operator/treasury/assets/{id}/commission
pub async fn commission_withdraw(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<CommissionAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, reserve::withdraw_commission(&app.engine, &call.caller, &once, id, asked.amount).await)
}
