//! Agreements: what customers accept, by version.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::{self, AgreementShape};
use crate::wire::input::{Body, Path};
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_engine::operations::agreement;
use utoipa::ToSchema;

/// GET /v1/agreement
pub async fn agreement_get(State(app): State<App>) -> Result<Json<AgreementShape>, Problem> {
    let found = agreement::in_force(&app.engine).await?.ok_or_else(none_in_force)?;
    Ok(Json(shape::agreement(&found)))
}

/// That no agreement is in force yet.
#[must_use]
pub fn none_in_force() -> Problem {
    Problem::not_found("agreement_not_found", "No agreement is in force yet.")
}

/// GET /v1/agreements/{version}
pub async fn agreement_version_get(State(app): State<App>, Path(version): Path<String>) -> Result<Json<AgreementShape>, Problem> {
    let found = agreement::get(&app.engine, &version).await?.ok_or_else(no_such_version)?;
    Ok(Json(shape::agreement(&found)))
}

/// That there is no agreement of a version.
#[must_use]
pub fn no_such_version() -> Problem {
    Problem::not_found("agreement_not_found", "There is no agreement of that version.")
}

/// A new agreement.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementAsked {
    version: String,
    text: String,
}

/// POST /v1/operator/agreements
pub async fn agreement_publish(State(app): State<App>, call: Call, Body(asked): Body<AgreementAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, agreement::publish(&app.engine, &call.caller, &once, asked.version, asked.text).await)
}
