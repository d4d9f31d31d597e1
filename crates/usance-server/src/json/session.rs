//! How a customer comes in, on the wire: password, lost second factor, sign-in links.

use crate::app::App;
use crate::json::call::{Call, told_people};
use crate::json::token::telling;
use crate::wire::input::{Body, Nothing, Path, Query};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use usance_core::calendar::Timestamp;
use usance_engine::operations::session::{self, AlsoTokens};
use usance_engine::people::SECRET;
use utoipa::ToSchema;

/// A password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAsked {
    /// 10 to 256 characters.
    #[schema(value_type = String, min_length = 10, max_length = 256)]
    password: Password,
    /// Whether the customer's tokens are revoked, too. Sessions and links always end.
    #[serde(default)]
    revoke_tokens: bool,
}

/// What else ends with a second factor.
#[derive(Debug, Deserialize)]
pub struct FactorRemovalAsked {
    #[serde(default)]
    revoke_tokens: bool,
}

/// What sessions and tokens opened ends with them.
fn ended(app: &App, also: AlsoTokens) {
    match also {
        AlsoTokens::Keep => app.auth.sessions_ended(),
        AlsoTokens::Revoke => app.auth.tokens_changed(),
    }
}

const fn also_tokens(revoke: bool) -> AlsoTokens {
    if revoke { AlsoTokens::Revoke } else { AlsoTokens::Keep }
}

/// The text of a password. An error about it does not repeat it, and nothing prints it.
struct Password(String);

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Password).map_err(|_| serde::de::Error::custom("password: a text"))
    }
}

/// A password that was set.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasswordSetShape {
    customer: String,
    password_set: bool,
}

/// A second factor that is no more.
#[derive(Serialize, ToSchema)]
pub struct FactorRemovedShape {
    /// Whose.
    customer: String,
    /// Whether there was one.
    removed: bool,
}

/// A link that signs a customer in once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInLinkShape {
    customer: String,
    /// To be opened on this server. What signs in stands behind `#`, which browsers keep to themselves.
    path: String,
    /// What stands there: to be typed where the page runs no script.
    code: String,
    expires_at: String,
}

/// POST /v1/operator/customers/{id}/password
pub async fn password_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PasswordAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&())?;
    let tell = || telling(StatusCode::OK, &PasswordSetShape { customer: id.clone(), password_set: true });
    let also = also_tokens(asked.revoke_tokens);
    let asked = (id.as_str(), asked.password.0, also);
    let told = session::set_password(&app.engine, &app.auth.people, &call.caller, &once, asked, tell).await;
    ended(&app, also);
    told_people(&app, told)
}

/// DELETE /v1/operator/customers/{id}/second-factor: for a customer who has lost it. Open sessions and links end.
pub async fn second_factor_remove(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Query(asked): Query<FactorRemovalAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&if asked.revoke_tokens { json!({"revoke_tokens": true}) } else { json!({}) })?;
    let tell = |removed| telling(StatusCode::OK, &FactorRemovedShape { customer: id.clone(), removed });
    let also = also_tokens(asked.revoke_tokens);
    let asked = (id.as_str(), also);
    let told = session::remove_second_factor(&app.engine, &app.auth.people, &call.caller, &once, asked, tell).await;
    ended(&app, also);
    told_people(&app, told)
}

/// POST /v1/operator/customers/{id}/sign-in-links
pub async fn sign_in_link_create(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<Nothing>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let tell = |expires_at: Timestamp| {
        let (path, code, expires_at) = (format!("/sign-in/link#{SECRET}"), SECRET.to_owned(), expires_at.to_string());
        telling(StatusCode::CREATED, &SignInLinkShape { customer: id.clone(), path, code, expires_at })
    };
    told_people(&app, session::make_link(&app.engine, &app.auth.people, &call.caller, &once, &id, tell).await)
}
