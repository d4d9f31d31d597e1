//! A network's policy, and its validators with their scores.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::policy::{self as shape, PolicyInForceShape, PolicyShape, ValidatorShape};
use crate::wire::input::{Body, Path};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use usance_core::machine::Rejection;
use usance_engine::operations::order;

/// GET /v1/operator/treasury/networks/{id}/policy
pub async fn policy_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<PolicyInForceShape>, Problem> {
    let found = app.engine.read(|state, _| {
        let found = state.treasury.named(&id).map(|(_, network)| shape::in_force(state, network));
        found.ok_or_else(|| rejected(state, &Rejection::NetworkNotFound))
    });
    Ok(Json(found.await??))
}

/// POST /v1/operator/treasury/networks/{id}/policy
pub async fn policy_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PolicyShape>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    // Where there is no such network the machine says so.
    let policy = app.engine.peek(|state| asked.read(state, state.treasury.named(&id).map(|(_, network)| network)))?;
    created(&app, order::set_policy(&app.engine, &call.caller, &once, id, policy).await)
}

/// GET /v1/operator/treasury/networks/{id}/validators
pub async fn validator_list(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Page<ValidatorShape>>, Problem> {
    let found = app.engine.read(|state, _| {
        let found = state.treasury.named(&id).map(|(_, network)| shape::validators(state, network));
        found.ok_or_else(|| rejected(state, &Rejection::NetworkNotFound))
    });
    Ok(Json(Page::whole(found.await??)))
}
