//! Positions: what a customer has staked.

use crate::app::App;
use crate::json::call::{Call, changed};
use crate::json::shape::{self, PositionShape};
use crate::wire::input::{Body, Path, Query};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use serde::Deserialize;
use usance_core::id::PositionId;
use usance_engine::caller::Caller;
use usance_engine::operations::position::{self, Filter, PositionPatch, StateFilter};
use usance_store::secrets::Purpose;

/// Filters of positions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionFilter {
    /// Only of this product.
    pub product: Option<String>,
    /// Only of this asset.
    pub asset: Option<String>,
    /// Active, closed or all.
    pub state: Option<StateFilter>,
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// GET /v1/positions
pub async fn position_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<PositionFilter>,
) -> Result<Json<Page<PositionShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = list_name(&caller, filter.product.as_deref(), filter.asset.as_deref(), filter.state);
    let before: Option<u64> = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let wanted =
        Filter { product: filter.product, asset: filter.asset, state: filter.state.unwrap_or_default(), before: before.map(PositionId) };
    let found = position::list(&app.engine, &caller, &wanted, size + 1).await.map_err(|refusal| app.refused(refusal))?;
    let found = app.engine.peek(|state| found.iter().map(|view| (view.id, shape::position_now(state, view))).collect());
    Ok(Json(turn(&app.auth.key(Purpose::Cursors)?, &list, found, size)))
}

/// The name of a list of positions: cursors belong to one.
#[must_use]
pub fn list_name(caller: &Caller, product: Option<&str>, asset: Option<&str>, state: Option<StateFilter>) -> String {
    format!("positions {} {product:?} {asset:?} {state:?}", caller.acts_for())
}

/// GET /v1/positions/{id}
pub async fn position_get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<PositionShape>, Problem> {
    let view = position::get(&app.engine, &caller, &id).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(app.engine.peek(|state| shape::position_now(state, &view))))
}

/// PATCH /v1/positions/{id}
pub async fn position_change(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PositionPatch>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    changed(&app, position::change(&app.engine, &call.caller, &once, &id, asked).await)
}
