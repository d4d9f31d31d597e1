//! Rewards: the pools that they are paid from.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::wire::input::Body;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_engine::operations::reward::{self, PoolMove};
use utoipa::ToSchema;

/// Into or out of the reward pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolWord {
    /// Coins come in.
    #[default]
    Fund,
    /// Coins go out.
    Withdraw,
}

/// A movement of a reward pool.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolAsked {
    asset: String,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
    #[serde(default)]
    kind: PoolWord,
}

/// POST /v1/operator/reward-pool
pub async fn reward_pool_move(State(app): State<App>, call: Call, Body(asked): Body<PoolAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let which = match asked.kind {
        PoolWord::Fund => PoolMove::Fund,
        PoolWord::Withdraw => PoolMove::Withdraw,
    };
    created(&app, reward::move_pool(&app.engine, &call.caller, &once, asked.asset, asked.amount, which).await)
}
