//! The one table of what can be asked over HTTP, and by whom.
//!
//! Its two parts are [`contract`] (the API) and [`pages`] (the customer's app); before both stands [`standing`]. The router, the guards, the OpenAPI
//! document, the metrics and the unauthorized test are all made from it.

pub mod contract;
pub mod pages;
pub mod standing;

pub use contract::table;

use crate::api::call::Call;
use crate::api::error::Problem;
use crate::api::input::{BODY_BYTES_MAX, drain};
use crate::api::{App, page::Page, service};
use crate::auth::{Auth, Caller, Role};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use std::collections::BTreeMap;
use std::time::Instant;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Everybody, without a token.
    Public,
    /// Whoever may see a customer: the customer, service, operator, auditor.
    CustomerRead,
    /// Whoever may act for a customer: the customer, service, operator.
    CustomerWrite,
    /// Service and operator.
    Service,
    /// Operator alone.
    Operator,
    /// Operator and auditor.
    Back,
}

impl Permission {
    /// Whether a role may call.
    #[must_use]
    pub const fn allows(self, role: Role) -> bool {
        match self {
            Permission::Public | Permission::CustomerRead => true,
            Permission::CustomerWrite => !matches!(role, Role::Auditor),
            Permission::Service => matches!(role, Role::Service | Role::Operator),
            Permission::Operator => matches!(role, Role::Operator),
            Permission::Back => matches!(role, Role::Operator | Role::Auditor),
        }
    }
    /// Whether a customer has to be named.
    #[must_use]
    pub const fn for_customer(self) -> bool {
        matches!(self, Permission::CustomerRead | Permission::CustomerWrite)
    }
}

/// The schemas a document gathers by name.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;
type SchemaOf = fn(&mut Schemas) -> String;

/// One line of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// The operation's name: noun and verb.
    pub operation: &'static str,
    /// Who may call it.
    pub permission: Permission,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// The body's schema.
    pub body: Option<SchemaOf>,
    /// The answer's schema.
    pub answer: Option<SchemaOf>,
    handler: fn() -> MethodRouter<App>,
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        operation: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: fn() -> MethodRouter<App>,
    ) -> Route {
        Route { method, path, operation, permission, summary, query: &[], body: None, answer: None, handler }
    }
    const fn query(mut self, names: &'static [&'static str]) -> Route {
        self.query = names;
        self
    }
    const fn takes<T: ToSchema>(mut self) -> Route {
        self.body = Some(named::<T>);
        self
    }
    const fn gives<T: ToSchema>(mut self) -> Route {
        self.answer = Some(named::<T>);
        self
    }
    const fn lists<T: ToSchema>(mut self) -> Route {
        self.answer = Some(listed::<T>);
        self
    }
    /// Whether it changes something and therefore carries an idempotency key.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != Method::GET && !previews(self.path)
    }
}

/// Whether a path is sent to by POST and yet only reads.
fn previews(path: &str) -> bool {
    ["/v1/subscriptions/preview", "/v1/operator/audit"].contains(&path) || path.ends_with("/redemption-preview")
}

fn named<T: ToSchema>(schemas: &mut Schemas) -> String {
    let mut nested = Vec::new();
    T::schemas(&mut nested);
    schemas.extend(nested);
    schemas.insert(T::name().into_owned(), <T as PartialSchema>::schema());
    T::name().into_owned()
}

fn listed<T: ToSchema>(schemas: &mut Schemas) -> String {
    named::<T>(schemas);
    let name = format!("Page_{}", T::name());
    schemas.insert(name.clone(), <Page<T> as PartialSchema>::schema());
    name
}

/// What the guard of a route needs.
#[derive(Clone)]
struct Guard {
    app: App,
    permission: Permission,
    query: &'static [&'static str],
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
            query: route.query,
            answered: metrics::histogram!("usance_http_seconds", "operation" => route.operation),
            refused: metrics::counter!("usance_http_errors_total", "operation" => route.operation),
        };
        router = router.route(route.path, (route.handler)().layer(from_fn_with_state(guard, check)));
    }
    pages::add(router, &app)
        .fallback(service::not_found)
        .method_not_allowed_fallback(service::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), standing::check))
        .layer(from_fn_with_state(app.clone(), pages::as_page))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(tower_http::compression::CompressionLayer::new().gzip(true))
        .with_state(app)
}

/// Who is asking, whether it may, and for whom; then the handler.
async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut response = match admit(&guard, &mut request).and_then(|()| known_query(&guard, &request)) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            drain(request.into_body()).await;
            problem.into_response()
        }
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        guard.refused.increment(1);
    }
    guard.answered.record(started.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(guard: &Guard, request: &mut Request) -> Result<(), Problem> {
    if guard.permission == Permission::Public {
        return Ok(());
    }
    let identity = guard.app.auth.identify(request.headers())?;
    if !guard.permission.allows(identity.role) {
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "forbidden", "This token's role may not do that."));
    }
    guard.app.auth.throttle(&identity)?;
    let caller: Caller = Auth::act_for(identity, request.headers(), guard.permission.for_customer())?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// A parameter that a route does not have is a typo, and a typo must not pass silently.
fn known_query(guard: &Guard, request: &Request) -> Result<(), Problem> {
    let in_contract = request.uri().path().starts_with("/v1/");
    let asked = request.uri().query().filter(|_| in_contract).unwrap_or("");
    let mut names = asked.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    match names.find(|name| !guard.query.contains(name)) {
        Some(unknown) => Err(Problem::malformed(format!("{unknown}: this path has no such query parameter"))),
        None => Ok(()),
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
