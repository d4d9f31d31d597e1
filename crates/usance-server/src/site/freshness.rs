//! What may be answered by a process that is not, or may not be, the writer.
//!
//! A read is answered as current only by a process that was surely the writer from before it looked until after. Whoever
//! can do with what was true a moment ago says so with `Usance-Allow-Stale: true`, and is told by `Usance-Log-Position`
//! where in the log the answer stands. A write that was done is durable, whoever writes by then; one that was refused may have
//! been refused by what was true a moment ago, so it is held to the same as a read: the same request with the same key gets
//! its answer from the writer. History that is behind the rest of an answer is told by the same header.

use crate::app::App;
use crate::wire::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use usance_engine::life::lease::Duty;
use usance_engine::read::answered_as_far;

/// The header by which a reader allows what was true a moment ago.
pub const ALLOW_STALE: HeaderName = HeaderName::from_static("usance-allow-stale");
/// The header that tells up to which batch of the log an answer knows everything.
pub const POSITION: HeaderName = HeaderName::from_static("usance-log-position");

/// Paths that speak of this process or of this release, not of the platform.
const OWN: [&str; 6] = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/favicon.ico"];
/// What lies below it is the same for everybody, and a page that says 503 wants it.
const FILES: &str = "/static/";

/// Whether a path speaks of this process or of this release.
#[must_use]
pub fn is_own(path: &str) -> bool {
    OWN.contains(&path) || path.starts_with(FILES)
}

/// Lets a request through to the handlers, and its answer out.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let moment = app.engine.moment();
    let path = request.uri().path().to_owned();
    let path = path.as_str();
    if is_own(path) {
        return next.run(request).await;
    }
    if matches!(moment.duty(), Duty::Sole) {
        let (mut response, history) = answered_as_far(next.run(request)).await;
        if let Some(reached) = history {
            response.headers_mut().insert(POSITION, HeaderValue::from(reached.seq()));
        }
        return response;
    }
    let reads = reads(request.method(), path);
    let stale = reads && allows_stale(request.headers());
    if matches!(moment.duty(), Duty::Follower(_)) && !stale {
        return Problem::from(app.engine.elsewhere()).into_response();
    }
    let (_, before, _) = app.engine.positions();
    let in_contract = path.starts_with("/v1/");
    let (mut response, history) = answered_as_far(next.run(request)).await;
    // What was done is durable, and a page that was sent and done leads elsewhere. Everything else was said by what is here.
    let is_done = !reads && if in_contract { response.status().is_success() } else { response.status().is_redirection() };
    let is_current = if stale { !app.engine.is_between_lives() } else { is_done || app.engine.is_current_since(&moment).await };
    if !is_current {
        return Problem::from(app.engine.elsewhere()).into_response();
    }
    let known = if is_done { app.engine.positions().1 } else { before };
    let known = history.map_or(known, |reached| reached.seq().min(known));
    response.headers_mut().insert(POSITION, HeaderValue::from(known));
    response
}

/// Whether a request changes nothing: previews are sent, and change nothing.
fn reads(method: &Method, path: &str) -> bool {
    *method == Method::GET || *method == Method::HEAD || crate::contract::route::previews(path)
}

fn allows_stale(headers: &HeaderMap) -> bool {
    headers.get(&ALLOW_STALE).is_some_and(|value| value.as_bytes() == b"true")
}

/// A word that says neither is a typo, and a typo must not pass silently.
///
/// # Errors
/// 400.
pub fn known_word(headers: &HeaderMap) -> Result<(), Problem> {
    let known = headers.get_all(&ALLOW_STALE).iter().all(|value| matches!(value.as_bytes(), b"true" | b"false"));
    if known { Ok(()) } else { Err(Problem::malformed("Usance-Allow-Stale: true or false")) }
}
