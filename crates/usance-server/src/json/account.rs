//! Accounts: balances, stakes and rewards of a customer per asset, and what the exchange's wallet moves.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape;
use crate::wire::input::Body;
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::id::AssetIx;
use usance_core::machine::State as Machine;
use usance_core::machine::account::AccountView;
use usance_core::machine::verb::WalletMove;
use usance_engine::caller::Caller;
use usance_engine::operations::account;
use usance_engine::operations::words::AccountWord;
use utoipa::ToSchema;

/// One asset of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountShape {
    /// The asset's symbol.
    pub asset: String,
    /// Free in Spot.
    pub spot: String,
    /// Free in Funding.
    pub funding: String,
    /// Spot and Funding together: what can be staked.
    pub free: String,
    /// Staked now.
    pub staked: String,
    /// Spot, Funding and what is staked.
    pub total: String,
    /// Earned, not yet paid.
    pub accrued: String,
    /// Paid less what was taken back, and accrued.
    pub rewards_total: String,
    /// What the last closed day gave.
    pub rewards_yesterday: String,
    /// What today gives if nothing changes: an estimate.
    pub earning_today_estimate: String,
    /// The part of it that the day has reached: an estimate.
    pub earned_so_far_estimate: String,
}

/// GET /v1/accounts
pub async fn account_list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Json<Page<AccountShape>>, Problem> {
    let accounts = account::list(&app.engine, &caller).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(Page::whole(app.engine.peek(|state| shapes(state, &accounts)))))
}

/// A customer's accounts.
#[must_use]
pub fn shapes(state: &Machine, accounts: &[(AssetIx, AccountView)]) -> Vec<AccountShape> {
    accounts.iter().map(|(asset, view)| account_shape(state, *asset, view)).collect()
}

fn account_shape(state: &Machine, asset: AssetIx, view: &AccountView) -> AccountShape {
    let text = |amount| shape::amount(state, asset, amount);
    AccountShape {
        asset: shape::symbol(state, asset),
        spot: text(view.spot),
        funding: text(view.funding),
        free: text(view.free),
        staked: text(view.staked),
        total: text(view.total),
        accrued: text(view.accrued),
        rewards_total: text(view.rewards_total),
        rewards_yesterday: text(view.rewards_yesterday),
        earning_today_estimate: text(view.earning_today),
        earned_so_far_estimate: text(view.earned_so_far),
    }
}

/// A deposit or withdrawal.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletMoveAsked {
    customer: String,
    asset: String,
    account: AccountWord,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
    /// The wallet's own name for it, 1 to 128 visible ASCII characters; unique per asset and kind, for ever.
    #[schema(pattern = "^[!-~]{1,128}$")]
    reference: String,
}

fn wallet_move(asked: &WalletMoveAsked) -> Result<WalletMove, Problem> {
    let fits = (1..=usance_core::limits::REFERENCE_BYTES_MAX).contains(&asked.reference.len());
    if !fits || !asked.reference.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::malformed("reference: 1 to 128 visible ASCII characters"));
    }
    Ok(WalletMove {
        customer: asked.customer.clone(),
        asset: asked.asset.clone(),
        account: asked.account.into(),
        amount: asked.amount.clone(),
        reference: asked.reference.clone(),
    })
}

/// POST /v1/operator/deposits
pub async fn deposit_create(State(app): State<App>, call: Call, Body(asked): Body<WalletMoveAsked>) -> Result<Response, Problem> {
    let (moved, once) = (wallet_move(&asked)?, call.once(&asked)?);
    created(&app, account::deposit(&app.engine, &call.caller, &once, moved).await)
}

/// POST /v1/operator/withdrawals
pub async fn withdrawal_create(State(app): State<App>, call: Call, Body(asked): Body<WalletMoveAsked>) -> Result<Response, Problem> {
    let (moved, once) = (wallet_move(&asked)?, call.once(&asked)?);
    created(&app, account::withdraw(&app.engine, &call.caller, &once, moved).await)
}
