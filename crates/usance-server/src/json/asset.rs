//! Assets: the coins.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::{self, AssetShape};
use crate::wire::input::Body;
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::id::AssetIx;
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
