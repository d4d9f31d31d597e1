//! Redemptions, and what they would pay and take back.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape;
use crate::json::shape::preview::RedemptionPreviewShape;
use crate::wire::input::{Body, Path};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use usance_engine::caller::Caller;
use usance_engine::operations::redemption::{self, RedemptionAsked, RedemptionPreviewAsked};

/// POST /v1/positions/{id}/redemption-preview
pub async fn redemption_preview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<RedemptionPreviewAsked>,
) -> Result<Json<RedemptionPreviewShape>, Problem> {
    let preview = redemption::preview(&app.engine, &caller, &id, &asked).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(app.engine.peek(|state| shape::preview::redemption(state, &preview))))
}

/// POST /v1/positions/{id}/redemptions
pub async fn redemption_create(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<RedemptionAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, redemption::make(&app.engine, &call.caller, &once, &id, asked, None).await)
}
