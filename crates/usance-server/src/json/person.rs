//! People: who proposes and approves what no single hand may do.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::person::PersonShape;
use crate::wire::input::Body;
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_engine::operations::person;
use utoipa::ToSchema;

/// GET /v1/operator/people
pub async fn person_list(State(app): State<App>) -> Result<Json<Page<PersonShape>>, Problem> {
    let people = app.engine.read(|state, _| state.people.people().iter().map(PersonShape::now).collect()).await?;
    Ok(Json(Page::whole(people)))
}

/// A new person.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonAsked {
    name: String,
    /// The 32 bytes of an Ed25519 key as hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    public_key: String,
}

/// POST /v1/operator/people
pub async fn person_create(State(app): State<App>, call: Call, Body(asked): Body<PersonAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, person::create(&app.engine, &call.caller, &once, asked.name, &asked.public_key).await)
}
