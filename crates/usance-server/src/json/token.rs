//! Tokens on the wire: made, listed, revoked.

use crate::app::App;
use crate::json::call::{Call, told_people};
use crate::wire::input::{Body, Path};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use usance_core::calendar::Timestamp;
use usance_engine::operations::token::{self, TokenAsked};
use usance_engine::people::{SECRET, Telling};
use usance_store::{Role, TokenRecord};
use utoipa::ToSchema;

/// A token as it is listed: never its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenShape {
    id: String,
    name: String,
    role: String,
    customer: Option<String>,
    /// What of its role's rights it has; null for roles without parts.
    scopes: Option<Vec<String>>,
    created_at: String,
    /// From when on it opens nothing; null when it does not end.
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// Whether others may know it: make another one, and revoke it.
    replace: bool,
}

/// A token that was made; its text is shown here and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMadeShape {
    #[serde(flatten)]
    token_record: TokenShape,
    /// The token's text.
    token: String,
}

/// A token that was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRevokedShape {
    id: String,
    revoked: bool,
}

fn shape(record: &TokenRecord) -> TokenShape {
    TokenShape {
        id: record.id.to_string(),
        name: record.name.clone(),
        role: record.role.to_string(),
        customer: record.customer.clone(),
        scopes: matches!(record.role, Role::Service | Role::Customer).then(|| scopes(record)),
        created_at: Timestamp::from_ms(record.created_at_ms).to_string(),
        expires_at: record.expires_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
        revoked_at: record.revoked_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
        replace: record.is_exposed,
    }
}

fn scopes(record: &TokenRecord) -> Vec<String> {
    let own = record.scopes.iter().filter(|scope| scope.is_of(record.role));
    own.map(|scope| scope.as_str().to_owned()).collect()
}

/// What is told of a write among the people, to be remembered.
pub(super) fn telling(status: StatusCode, shape: &impl Serialize) -> Telling {
    Telling { status: status.as_u16(), body: json!(shape).to_string() }
}

/// POST /v1/operator/tokens
pub async fn token_create(State(app): State<App>, call: Call, Body(asked): Body<TokenAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let tell =
        |record: &TokenRecord| telling(StatusCode::CREATED, &TokenMadeShape { token_record: shape(record), token: SECRET.to_owned() });
    told_people(&app, token::make(&app.engine, &app.auth.people, &call.caller, &once, &asked, tell).await)
}

/// GET /v1/operator/tokens
pub async fn token_list(State(app): State<App>) -> Result<Json<Page<TokenShape>>, Problem> {
    let tokens = token::list(&app.auth.people).map_err(|refusal| app.refused(refusal))?;
    Ok(Json(Page::whole(tokens.iter().map(shape).collect())))
}

/// DELETE /v1/operator/tokens/{id}
pub async fn token_revoke(State(app): State<App>, call: Call, Path(id): Path<String>) -> Result<Response, Problem> {
    let once = call.once(&json!({}))?;
    let tell = |id: i64| telling(StatusCode::OK, &TokenRevokedShape { id: id.to_string(), revoked: true });
    let told = token::revoke(&app.engine, &app.auth.people, &call.caller, &once, &id, tell).await;
    app.auth.tokens_changed();
    told_people(&app, told)
}
