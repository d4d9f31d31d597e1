//! The router of the whole service, made from the contract's table and the pages', and the guard before every route of the contract.

use super::counting::{charge, count, is_free, source};
use super::{freshness, pages};
use crate::app::App;
use crate::auth::rates::{Purpose, RateVerdict};
use crate::auth::tokens::Auth;
use crate::contract::{Permission, table};
use crate::json::service;
use crate::wire::admission::Class;
use crate::wire::body::{BODY_BYTES_MAX, longest};
use crate::wire::fair::Party;
use crate::wire::problem::Problem;
use crate::wire::{accept, head, headers};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use usance_engine::caller::Caller;
use usance_engine::lines::budget::Budget;

/// What the guard of a route needs.
#[derive(Clone)]
struct Guard {
    app: App,
    permission: Permission,
    class: Class,
    purpose: Purpose,
    operation: &'static str,
    query: &'static [&'static str],
    forms: &'static [&'static str],
    answered: metrics::Histogram,
    refused: metrics::Counter,
}

/// The whole service.
pub fn router(app: App) -> Router {
    let mut router: Router<App> = Router::new();
    for route in table() {
        let guard = Guard {
            app: app.clone(),
            permission: route.permission,
            class: route.class,
            purpose: route.purpose(),
            operation: route.operation,
            query: route.query,
            forms: route.forms(),
            answered: metrics::histogram!("usance_http_seconds", "operation" => route.operation),
            refused: metrics::counter!("usance_http_errors_total", "operation" => route.operation),
        };
        router = router
            .route(route.path, (route.handler)().layer(DefaultBodyLimit::max(longest(route.path))).layer(from_fn_with_state(guard, check)));
    }
    pages::add(router, &app)
        .fallback(service::not_found.layer(from_fn_with_state(app.clone(), check_nowhere)))
        .method_not_allowed_fallback(service::method_not_allowed.layer(from_fn_with_state(app.clone(), check_nowhere)))
        .layer(from_fn_with_state(app.clone(), freshness::check))
        .layer(from_fn_with_state(app.clone(), pages::as_page))
        .layer(from_fn(is_sound))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CompressionLayer::new().gzip(true).compress_when(DefaultPredicate::new().and(tells_nothing_by_its_length)))
        .layer(from_fn(coding))
        .layer(from_fn(headers::complete))
        .with_state(app)
}

/// Whether an answer may be compressed: not one that shows both what was asked and what is its reader's own.
fn tells_nothing_by_its_length(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<pages::Reflects>().is_none()
}

/// Says to the layer that compresses only whether its reader takes gzip. Left to itself it makes a 406 of an answer whose reader takes
/// no coding at all, when what was asked is done; such a reader gets plain bytes.
async fn coding(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    if accept::takes_gzip(headers) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        headers.remove(header::ACCEPT_ENCODING);
    }
    next.run(request).await
}

/// The longest path. The longest that leads anywhere holds one id of 64 characters, each perhaps escaped.
const PATH_BYTES_MAX: usize = 1024;
/// The longest query. The longest that is sent in earnest holds a cursor of a statement over many coins.
const QUERY_BYTES_MAX: usize = 40 * 1024;

/// A target that is longer than any that leads somewhere, or a head that says twice who asks, is refused before anybody reads it.
async fn is_sound(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().len() > PATH_BYTES_MAX || uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        let detail = "A path is at most 1024 bytes, a query at most 40960.";
        return Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail).into_response();
    }
    if let Err(problem) = head::once(request.headers()) {
        return problem.into_response();
    }
    next.run(request).await
}

/// Who is asking, whether it may, and for whom; then the handler.
async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut counted = RateVerdict::default();
    let admitted = admit(&guard, &mut request, &mut counted).and_then(|()| can_be_told(&guard, &request));
    let entered = match admitted {
        Ok(()) => {
            let party = request.extensions().get::<Caller>().map_or(Party::Address(None), Party::of);
            guard.app.admission.enter(guard.class, party).await.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    let (budget, caller) = (Budget::default(), request.extensions().get::<Caller>().cloned());
    let mut response = match entered {
        Ok(_place) => budget.clone().within(next.run(request)).await,
        Err(problem) => problem.into_response(),
    };
    charge(&guard.app, guard.purpose, caller.as_ref(), &budget, &mut counted);
    if response.status().is_client_error() || response.status().is_server_error() {
        guard.refused.increment(1);
    }
    guard.answered.record(started.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    counted.tell(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(guard: &Guard, request: &mut Request, counted: &mut RateVerdict) -> Result<(), Problem> {
    let identified = count(&guard.app, request, guard.purpose, Some(guard.operation), counted);
    counted.allowed()?;
    if guard.permission == Permission::Public {
        return Ok(());
    }
    let identity = identified?;
    if !guard.permission.allows(identity.role, identity.scopes) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "This token's role and scopes may not do that."));
    }
    let from = source(&guard.app, request);
    let caller: Caller = Auth::act_for(identity, request.headers(), guard.permission.for_customer(), from)?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// The operation of either part of the table that has this name, if its requests are counted.
#[must_use]
pub fn counted_operation(name: &str) -> Option<&'static str> {
    let contract = table().into_iter().map(|route| (route.operation, route.path));
    let pages = pages::table().into_iter().map(|page| (page.operation, page.path));
    contract.chain(pages).find(|(operation, path)| *operation == name && !is_free(path)).map(|(operation, _)| operation)
}

/// What leads nowhere is counted like everything else.
async fn check_nowhere(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut counted = RateVerdict::default();
    // Who it is changes nothing here.
    let _ = count(&app, &request, Purpose::Other, None, &mut counted);
    let mut response = match counted.allowed() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    counted.tell(response.headers_mut());
    response
}

/// Whether the answer has a form that is taken, and the question only what the route knows: a parameter that it does not have is a
/// typo, and a typo must not pass silently.
fn can_be_told(guard: &Guard, request: &Request) -> Result<(), Problem> {
    // How this process is, is told to whoever asks.
    if !is_free(request.uri().path()) {
        accept::chosen(request.headers(), guard.forms)?;
    }
    let in_contract = request.uri().path().starts_with("/v1/");
    let asked = request.uri().query().filter(|_| in_contract).unwrap_or("");
    let mut names = asked.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    if in_contract {
        freshness::known_word(request.headers())?;
    }
    match names.find(|name| !guard.query.contains(name)) {
        Some(unknown) => Err(Problem::malformed(format!("{unknown}: this path has no such query parameter"))),
        None => Ok(()),
    }
}
