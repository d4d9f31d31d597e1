//! The engine's clock, and how an operator moves or confirms it.

use crate::app::App;
use crate::json::call::{Call, changed};
use crate::json::shape::{self, ClockShape};
use crate::wire::input::{self, Body, Nothing};
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_engine::operations::clock;
use utoipa::ToSchema;

/// GET /v1/clock
pub async fn clock_get(State(app): State<App>) -> Result<Json<ClockShape>, Problem> {
    Ok(Json(app.engine.read(|state, now| shape::clock(state, now, state.registry.open_day)).await?))
}

/// Where to move the clock.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockAsked {
    /// The instant, RFC 3339.
    #[schema(format = DateTime)]
    pub to: String,
}

/// POST /v1/operator/clock
pub async fn clock_move(State(app): State<App>, call: Call, Body(asked): Body<ClockAsked>) -> Result<Response, Problem> {
    let (to, once) = (input::instant("to", &asked.to)?, call.once(&asked)?);
    let moved = clock::move_to(&app.engine, &call.caller, &once, to).await;
    app.go_on().await;
    changed(&app, moved)
}

/// POST /v1/operator/clock/confirmation: the system clock is right, close the days it is ahead.
pub async fn clock_confirm(State(app): State<App>, call: Call, Body(asked): Body<Nothing>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    changed(&app, clock::confirm(&app.engine, &call.caller, &once).await)
}
