//! The one table of what can be asked over HTTP, and by whom.
//!
//! Its two parts are [`contract`] (the API) and [`pages`] (the customer's app); before both stand [`admission`] and [`standing`],
//! behind both [`headers`]. The router, the guards, the OpenAPI
//! document, the metrics and the unauthorized test are all made from it.

pub mod admission;
pub mod contract;
pub mod headers;
pub mod pages;
pub mod standing;

pub use contract::table;

use crate::api::call::Call;
use crate::api::error::Problem;
use crate::api::input::BODY_BYTES_MAX;
use crate::api::{App, page::Page, service};
use crate::auth::rates::{Counted, Purpose};
use crate::auth::{Auth, Caller, Identity, Role};
use admission::Class;
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
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
    /// The status of success: 201 where something new is there, else 200.
    pub done: u16,
    /// How it is let in.
    pub class: Class,
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
        Route {
            method,
            path,
            operation,
            permission,
            summary,
            query: &[],
            body: None,
            answer: None,
            done: 200,
            class: Class::Swift,
            handler,
        }
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
    /// As [`Route::gives`], for what is there only then.
    const fn makes<T: ToSchema>(mut self) -> Route {
        self.answer = Some(named::<T>);
        self.done = 201;
        self
    }
    /// It asks the read tables, the log or the stored people.
    const fn stored(mut self) -> Route {
        self.class = Class::Stored;
        self
    }
    /// It walks far, or takes a core for a while.
    const fn dear(mut self) -> Route {
        self.class = Class::Dear;
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
    /// For which of a customer's rates it counts.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self.class {
            _ if !self.permission.for_customer() => Purpose::Other,
            _ if self.writes() => Purpose::Write,
            _ if previews(self.path) => Purpose::Preview,
            Class::Swift | Class::SignIn => Purpose::Other,
            Class::Stored | Class::Dear => Purpose::History,
        }
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
    class: Class,
    purpose: Purpose,
    operation: &'static str,
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
            class: route.class,
            purpose: route.purpose(),
            operation: route.operation,
            query: route.query,
            answered: metrics::histogram!("usance_http_seconds", "operation" => route.operation),
            refused: metrics::counter!("usance_http_errors_total", "operation" => route.operation),
        };
        router = router.route(route.path, (route.handler)().layer(from_fn_with_state(guard, check)));
    }
    pages::add(router, &app)
        .fallback(service::not_found.layer(from_fn_with_state(app.clone(), check_nowhere)))
        .method_not_allowed_fallback(service::method_not_allowed.layer(from_fn_with_state(app.clone(), check_nowhere)))
        .layer(from_fn_with_state(app.clone(), standing::check))
        .layer(from_fn_with_state(app.clone(), pages::as_page))
        .layer(from_fn(fits))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(tower_http::compression::CompressionLayer::new().gzip(true))
        .layer(from_fn(headers::complete))
        .with_state(app)
}

/// The longest path. The longest that leads anywhere holds one id of 64 characters, each perhaps escaped.
const PATH_BYTES_MAX: usize = 1024;
/// The longest query. The longest that is sent in earnest holds a cursor of a statement over many coins.
const QUERY_BYTES_MAX: usize = 40 * 1024;

/// A target that is longer than any that leads somewhere is refused before anybody reads it.
async fn fits(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().len() > PATH_BYTES_MAX || uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        let detail = "A path is at most 1024 bytes, a query at most 40960.";
        return Problem::new(axum::http::StatusCode::URI_TOO_LONG, "uri_too_long", detail).into_response();
    }
    next.run(request).await
}

/// Who is asking, whether it may, and for whom; then the handler.
async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut counted = Counted::default();
    let admitted = admit(&guard, &mut request, &mut counted).and_then(|()| known_query(&guard, &request));
    let entered = match admitted {
        Ok(()) => guard.app.admission.enter(guard.class).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let mut response = match entered {
        Ok(_place) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
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

fn admit(guard: &Guard, request: &mut Request, counted: &mut Counted) -> Result<(), Problem> {
    let identified = count(&guard.app, request, guard.purpose, Some(guard.operation), counted);
    counted.allowed()?;
    if guard.permission == Permission::Public {
        return Ok(());
    }
    let identity = identified?;
    if !guard.permission.allows(identity.role) {
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "forbidden", "This token's role may not do that."));
    }
    let caller: Caller = Auth::act_for(identity, request.headers(), guard.permission.for_customer())?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Who asks by token; counted before anything else is looked at, also where nothing comes of it: by the token, or by the address
/// where there is none that is valid.
fn count(app: &App, request: &Request, purpose: Purpose, operation: Option<&str>, counted: &mut Counted) -> Result<Identity, Problem> {
    let identified = app.auth.identify(request.headers());
    *counted = match &identified {
        Ok(_) if is_free(request.uri().path()) => Counted::default(),
        Ok(identity) => app.auth.count(identity, purpose, operation),
        Err(_) => count_stranger(app, request, operation),
    };
    identified
}

/// Counts a request of somebody unknown by its address.
fn count_stranger(app: &App, request: &Request, operation: Option<&str>) -> Counted {
    let address = sender_address(app, request).filter(|_| !is_free(request.uri().path()));
    address.map_or_else(Counted::default, |address| app.auth.count_address(address, operation))
}

/// Whether a path says how this process is, or is a file that browsers keep: nobody counts that.
fn is_free(path: &str) -> bool {
    standing::is_own(path) && !["/openapi.json", "/docs"].contains(&path)
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
    let mut counted = Counted::default();
    // Who it is changes nothing here.
    let _ = count(&app, &request, Purpose::Other, None, &mut counted);
    let mut response = match counted.allowed() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    counted.tell(response.headers_mut());
    response
}

/// The address of whoever sent a request, where it is known: a neighbour on this machine that says nothing of whom it
/// speaks for is a proxy or a program of the house.
fn sender_address(app: &App, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0;
    let address = app.site.proxies.source(request.headers(), peer.ip());
    Some(address).filter(|address| !address.is_loopback())
}

/// A parameter that a route does not have is a typo, and a typo must not pass silently.
fn known_query(guard: &Guard, request: &Request) -> Result<(), Problem> {
    let in_contract = request.uri().path().starts_with("/v1/");
    let asked = request.uri().query().filter(|_| in_contract).unwrap_or("");
    let mut names = asked.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    if in_contract {
        standing::known_word(request.headers())?;
    }
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
