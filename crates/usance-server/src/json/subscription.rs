//! Subscriptions, and what they would book.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape;
use crate::json::shape::preview::SubscriptionPreviewShape;
use crate::wire::input::Body;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use usance_engine::caller::Caller;
use usance_engine::operations::subscription::{self, SubscriptionAsked, SubscriptionPreviewAsked};

/// POST /v1/subscriptions/preview
pub async fn subscription_preview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<SubscriptionPreviewAsked>,
) -> Result<Json<SubscriptionPreviewShape>, Problem> {
    let preview = subscription::preview(&app.engine, &caller, &asked).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(app.engine.peek(|state| shape::preview::subscription(state, &preview))))
}

/// POST /v1/subscriptions
pub async fn subscription_create(State(app): State<App>, call: Call, Body(asked): Body<SubscriptionAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, subscription::make(&app.engine, &call.caller, &once, asked, None).await)
}
