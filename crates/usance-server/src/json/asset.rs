//! Assets: the coins.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::{self, AssetShape, StakingShape};
use crate::wire::input::{Body, Path};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::{Rejection, State as Machine};
use usance_engine::operations::asset::{self, NewAsset};
use utoipa::ToSchema;

/// GET /v1/assets
pub async fn asset_list(State(app): State<App>) -> Result<Json<Page<AssetShape>>, Problem> {
    let assets = app
        .engine
        .read(|state, _| (0..state.registry.assets.len()).filter_map(|ix| shape::asset(state, AssetIx::from_index(ix))).collect())
        .await?;
    Ok(Json(Page::whole(assets)))
}

/// GET /v1/assets/{asset}/staking
pub async fn staking_get(State(app): State<App>, Path(symbol): Path<String>) -> Result<Json<StakingShape>, Problem> {
    Ok(Json(app.engine.read(|state, now| staking_at(state, now, &symbol)).await??))
}

/// What customers see of an asset's treasury at a moment.
///
/// # Errors
/// `asset_not_found`.
pub fn staking_at(state: &Machine, now: Timestamp, symbol: &str) -> Result<StakingShape, Problem> {
    let asset = state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound))?;
    Ok(shape::staking(state, asset, now))
}

/// A new asset.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetAsked {
    symbol: String,
    name: String,
    #[schema(maximum = 18)]
    #[serde(deserialize_with = "usance_engine::operations::whole::whole")]
    decimals: u8,
    #[schema(maximum = 18)]
    #[serde(deserialize_with = "usance_engine::operations::whole::whole")]
    display_decimals: u8,
}

/// POST /v1/operator/assets
pub async fn asset_create(State(app): State<App>, call: Call, Body(asked): Body<AssetAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let AssetAsked { symbol, name, decimals, display_decimals } = asked;
    created(&app, asset::create(&app.engine, &call.caller, &once, NewAsset { symbol, name, decimals, display_decimals }).await)
}
