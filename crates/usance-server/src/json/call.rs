//! Once only, over HTTP: how a write comes in with its key, and how its answer goes out, now or again.

use crate::app::App;
use crate::json::answer;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use usance_core::machine::{Answer, Rejection, State};
use usance_engine::caller::Caller;
use usance_engine::once::Once;
use usance_engine::people::ToldPeople;
use usance_engine::refusal::Refusal;
use usance_engine::submit::Told;

/// The header that makes a write once only.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A write that came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who sends it.
    pub caller: Caller,
    path: String,
    headers: HeaderMap,
}

impl Call {
    /// What makes it the same write when it is sent again: its key, its path, and its body as it was read.
    ///
    /// # Errors
    /// 400 `idempotency_key_missing`, or `malformed_request` for a key of the wrong form.
    pub fn once(&self, body: &impl Serialize) -> Result<Once, Problem> {
        let Some(value) = self.headers.get(&KEY) else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", "Every write carries an Idempotency-Key header."));
        };
        Once::new(bare(value.to_str().unwrap_or("")), &self.path, body).map_err(|error| Problem::malformed(error.to_string()))
    }
}

/// A key as it counts: the quoted form that HTTP's structured fields have (RFC 9651, 3.3.3) is the bare one. No letter of a key is
/// ever escaped.
fn bare(key: &str) -> &str {
    key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key)
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Send Authorization: Bearer <token>."))?;
        Ok(Call { caller, path: parts.uri.path().to_owned(), headers: parts.headers.clone() })
    }
}

/// The answer to a write: 201 where something new is there.
///
/// # Errors
/// Why it was not decided.
pub fn created(app: &App, told: Result<Told, Refusal>) -> Result<Response, Problem> {
    answered(app, StatusCode::CREATED, told)
}

/// The answer to a write: 200 where something changed.
///
/// # Errors
/// Why it was not decided.
pub fn changed(app: &App, told: Result<Told, Refusal>) -> Result<Response, Problem> {
    answered(app, StatusCode::OK, told)
}

fn answered(app: &App, done: StatusCode, told: Result<Told, Refusal>) -> Result<Response, Problem> {
    let told = told.map_err(|refusal| app.refused(refusal))?;
    let mut response = app.engine.peek(|state| render(state, done, &told.outcome)).into_response();
    if told.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The answer to a write among the people, whose bytes were remembered as they were told.
///
/// # Errors
/// Why it was not done.
pub fn told_people(app: &App, told: Result<ToldPeople, Refusal>) -> Result<Response, Problem> {
    let ToldPeople { telling, replayed } = told.map_err(|refusal| app.refused(refusal))?;
    let status = StatusCode::from_u16(telling.status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], telling.body).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// An answer's bytes. They depend on the answer and on names that never change, so the same answer has the same bytes.
pub struct Rendered {
    status: StatusCode,
    problem: bool,
    body: Vec<u8>,
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let kind = if self.problem { "application/problem+json" } else { "application/json" };
        let mut response = (self.status, self.body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// Turns the machine's answer into bytes.
#[must_use]
pub fn render(state: &State, done: StatusCode, outcome: &Result<Answer, Rejection>) -> Rendered {
    match outcome {
        Err(rejection) => {
            let problem = rejected(state, rejection);
            Rendered { status: problem.status(), problem: true, body: problem.body() }
        }
        Ok(told) => Rendered { status: done, problem: false, body: answer::answer(state, told) },
    }
}
