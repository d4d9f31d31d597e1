//! Once only, over HTTP: how every write goes to the machine and how its answer comes back, now or again.

use crate::app::App;
use crate::auth::identity::Caller;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use usance_core::id::{LogPosition, hash16};
use usance_core::machine::{Answer, Command, Rejection, State};
use usance_engine::submit::{Expectation, Reply, Submission};
use usance_store::codec::{Record, UsedKey};

/// The header that makes a write once only.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const KEY_BYTES_MAX: usize = 64;

/// A write that came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who sends it.
    pub caller: Caller,
    /// With which method.
    pub method: Method,
    /// To which path.
    pub uri: Uri,
    /// With which headers.
    pub headers: HeaderMap,
}

/// What the machine said to a command, now or when its key was first used.
#[derive(Debug)]
pub struct Told {
    /// Where the record lies.
    pub place: LogPosition,
    /// The answer, or the rule that said no.
    pub outcome: Result<Answer, Rejection>,
    /// Whether the key was used before.
    pub replayed: bool,
}

impl Call {
    /// A write that a page of this service sends for a customer: the same key at the same path is the same write, whoever sends it.
    ///
    /// # Errors
    /// 400 for a path or key that is not one.
    pub fn within(caller: Caller, method: Method, path: &str, key: &str) -> Result<Call, Problem> {
        let uri = path.parse().map_err(|_| Problem::malformed("the path is not one"))?;
        let key = HeaderValue::from_str(key).map_err(|_| Problem::malformed("Idempotency-Key: 1 to 64 of A-Z a-z 0-9 . _ : -"))?;
        Ok(Call { caller, method, uri, headers: HeaderMap::from_iter([(KEY, key)]) })
    }

    /// The text of the idempotency key.
    ///
    /// # Errors
    /// 400 `idempotency_key_missing`, or `malformed_request` for a key of the wrong form.
    pub fn key_text(&self) -> Result<&str, Problem> {
        let Some(value) = self.headers.get(&KEY) else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", "Every write carries an Idempotency-Key header."));
        };
        let text = value.to_str().unwrap_or("");
        let fits = (1..=KEY_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')) {
            Ok(text)
        } else {
            Err(Problem::malformed("Idempotency-Key: 1 to 64 of A-Z a-z 0-9 . _ : -"))
        }
    }

    /// The key within its sender's account, and the request's fingerprint: method, path, customer acted for, parsed body.
    ///
    /// # Errors
    /// As [`Call::key_text`].
    pub fn used_key(&self, app: &App, body: &impl Serialize) -> Result<UsedKey, Problem> {
        let hash = hash16(&app.seed, "key", &[&self.caller.scope, self.key_text()?]);
        let body = serde_json::to_string(body).map_err(|error| Problem::malformed(error.to_string()))?;
        let acted_for = self.caller.customer.as_deref().unwrap_or("");
        let fingerprint = hash16(&app.seed, "request", &[self.method.as_str(), self.uri.path(), acted_for, &body]);
        Ok(UsedKey { hash, fingerprint })
    }

    /// Sends a command to the machine and gives its answer as bytes, or the one that its key got before.
    ///
    /// # Errors
    /// As [`Call::tell`].
    pub async fn execute(&self, app: &App, body: &impl Serialize, command: Command) -> Result<Response, Problem> {
        let done = status_when_done(&command);
        let told = self.tell(app, body, command, None).await?;
        let mut response = app.engine.peek(|state| render(state, done, &told.outcome)).into_response();
        if told.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Sends a command to the machine and gives what it said, or what it said when the key was first used. With an
    /// expectation it is decided only if that holds in the same instant.
    ///
    /// # Errors
    /// What consumes no key: a malformed key, one used for another request, an expectation that does not hold
    /// (`figures_changed`), or an engine that cannot answer now.
    pub async fn tell(&self, app: &App, body: &impl Serialize, command: Command, expects: Option<Expectation>) -> Result<Told, Problem> {
        let key = self.used_key(app, body)?;
        match app.engine.submit(Submission { key: Some(key), actor: None, command: Some(command), expects }).await {
            Reply::Refused(unavailable) => Err(unavailable.into()),
            Reply::Unexpected => {
                Err(Problem::new(StatusCode::CONFLICT, "figures_changed", "The figures are not the ones that were shown."))
            }
            Reply::Decided { place, outcome } => Ok(Told { place, outcome, replayed: false }),
            Reply::Repeated { place } => {
                let record = recorded(app, place).await?;
                if record.fact.key == Some(key) { Ok(Told { place, outcome: record.outcome, replayed: true }) } else { Err(key_reused()) }
            }
        }
    }

    /// As [`Call::tell`], for whoever only needs to know where it was booked.
    ///
    /// # Errors
    /// As [`Call::tell`], and the rejection as a problem.
    pub async fn book(
        &self,
        app: &App,
        body: &impl Serialize,
        command: Command,
        expects: Option<Expectation>,
    ) -> Result<LogPosition, Problem> {
        let told = self.tell(app, body, command, expects).await?;
        told.outcome.map(|_| told.place).map_err(|rejection| app.engine.peek(|state| rejected(state, &rejection)))
    }

    /// Takes a key for a write whose answer lives with the people: there is one place where keys are taken, the log.
    /// Gives the place, which is the same whenever the same request comes again.
    ///
    /// # Errors
    /// 409 when the key was used for another request; an engine that cannot answer now.
    pub async fn take_key(&self, app: &App, key: UsedKey) -> Result<LogPosition, Problem> {
        match app.engine.submit(Submission { key: Some(key), ..Submission::default() }).await {
            Reply::Refused(unavailable) => Err(unavailable.into()),
            // Nothing is expected of a key.
            Reply::Unexpected => Err(key_reused()),
            Reply::Decided { place, .. } => Ok(place),
            Reply::Repeated { place } if recorded(app, place).await?.fact.key == Some(key) => Ok(place),
            Reply::Repeated { .. } => Err(key_reused()),
        }
    }
}

/// The record that a repeated key points to. It lies in the log, so few ask for one at a time.
async fn recorded(app: &App, place: LogPosition) -> Result<Record, Problem> {
    let _place = app.admission.stored.enter().await?;
    Ok(app.engine.record(place)?)
}

/// 409: the key was used for another request.
#[must_use]
pub fn key_reused() -> Problem {
    Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
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

/// What a command answers with once it is done: 201 where something new is there now, 200 where something changed.
const fn status_when_done(command: &Command) -> StatusCode {
    match command {
        Command::SetProductStatus { .. }
        | Command::ChangeProduct { .. }
        | Command::SetAutoRenew { .. }
        | Command::MoveClock { .. }
        | Command::ConfirmClock { .. } => StatusCode::OK,
        _ => StatusCode::CREATED,
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
        Ok(answer) => Rendered { status: done, problem: false, body: crate::json::answer::answer(state, answer) },
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller
            .ok_or_else(|| Problem::new(axum::http::StatusCode::UNAUTHORIZED, "unauthorized", "Send Authorization: Bearer <token>."))?;
        Ok(Call { caller, method: parts.method.clone(), uri: parts.uri.clone(), headers: parts.headers.clone() })
    }
}
