//! Health, readiness, metrics, and the contract about itself.

use crate::app::App;
use crate::wire::input::Query;
use crate::wire::problem::{Problem, outward};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use usance_core::ledger::LedgerAccount;
use usance_engine::life::lease::Duty;

/// How long ago a standby may have been at the end of the log.
const BEHIND_MAX: Duration = Duration::from_secs(5);

/// GET /healthz: the process answers.
pub async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// What `/readyz` is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// `writer`, which is the default, or `standby`.
    role: Option<String>,
}

/// GET /readyz: this instance is the one to send writes to; with `role=standby`, it follows closely. It waits for no lock, whatever is
/// closed or written meanwhile. History that is behind is said and is no reason: what does not need it goes on.
pub async fn ready(State(app): State<App>, Query(asked): Query<Readiness>) -> Result<Response, Problem> {
    let (applied, durable, projected) = app.engine.positions();
    let duty = app.engine.duty();
    let reason = match asked.role.as_deref() {
        None | Some("writer") => app.engine.not_writable().map(|unavailable| outward(&unavailable)),
        Some("standby") => not_following(&duty),
        Some(_) => return Err(Problem::malformed("role: writer or standby")),
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let role = if matches!(duty, Duty::Follower(_)) { "standby" } else { "writer" };
    let history = json!({"batches_behind": durable.saturating_sub(projected), "stands_still": app.engine.projector_failing()});
    // A writer whose clock has to be confirmed is ready: the confirmation is sent to it.
    let clock = app.engine.clock().unconfirmed().map(|unavailable| outward(&unavailable));
    let told = json!({
        "ready": reason.is_none(), "reason": reason, "role": role, "applied": applied, "durable": durable, "projected": projected,
        "history": history, "clock": clock,
    });
    Ok((status, Json(told)).into_response())
}

/// Why this instance is no standby to rely on, if it is not.
fn not_following(duty: &Duty) -> Option<String> {
    let Duty::Follower(follows) = duty else { return Some("this instance is the writer".to_owned()) };
    match follows.behind() {
        Some(behind) if behind <= BEHIND_MAX => None,
        Some(behind) => Some(format!("the log was last read to its end {} s ago", behind.as_secs())),
        None => Some("the log was not yet read to its end".to_owned()),
    }
}

/// GET /metrics: Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    let (applied, durable, projected) = app.engine.positions();
    metrics::gauge!("usance_log_applied_batches", "shard" => "0").set(number(applied));
    metrics::gauge!("usance_log_durable_batches", "shard" => "0").set(number(durable));
    metrics::gauge!("usance_projection_lag_batches", "shard" => "0").set(number(durable.saturating_sub(projected)));
    let clock = app.engine.clock();
    metrics::gauge!("usance_clock_unconfirmed", "shard" => "0").set(f64::from(u8::from(clock.unconfirmed().is_some())));
    metrics::gauge!("usance_clock_behind_seconds", "shard" => "0").set(clock.behind().as_secs_f64());
    let writes = match app.engine.duty() {
        Duty::Sole => true,
        Duty::Writer(lease) => lease.is_sure(),
        Duty::Follower(_) => false,
    };
    metrics::gauge!("usance_writer", "shard" => "0").set(f64::from(u8::from(writes)));
    app.engine.peek(|state| {
        metrics::gauge!("usance_positions", "shard" => "0").set(number(state.running.len() as u64));
        metrics::gauge!("usance_customers", "shard" => "0").set(number(state.customers.len() as u64));
        metrics::gauge!("usance_idempotency_keys", "shard" => "0").set(number(state.keys.len() as u64));
        metrics::gauge!("usance_open_day", "shard" => "0").set(f64::from(state.registry.open_day.number()));
        for (asset, control) in state.registry.assets.iter().zip(&state.registry.control) {
            for account in [LedgerAccount::RewardPool, LedgerAccount::Custody] {
                let overdrawn = control.balance(account).is_overdrawn();
                metrics::gauge!("usance_account_overdrawn", "shard" => "0", "asset" => asset.symbol.clone(), "account" => account.name())
                    .set(f64::from(u8::from(overdrawn)));
            }
        }
    });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}

/// A count as a gauge; no money goes this way.
fn number(count: u64) -> f64 {
    count as f64
}

/// GET /openapi.json: the same bytes each time.
pub async fn openapi(State(app): State<App>, headers: HeaderMap) -> Response {
    (app.contract.document)().answer(&headers, "application/json")
}

/// GET /docs: the contract as a page; the same bytes each time.
pub async fn docs(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut response = (app.contract.page)().answer(&headers, "text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(app.contract.policy));
    response
}

/// Whatever has no route.
pub async fn not_found() -> Problem {
    Problem::not_found("not_found", "There is nothing at this path. See /docs.")
}

/// A path that has a route, but not with this method.
pub async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not answer that method. See /docs.")
}
