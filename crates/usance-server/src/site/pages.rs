//! The pages' part of the table: method, path, who sees it, handler; and the guard that every page stands behind.
//!
//! A page for customers sends whoever is not signed in to the sign-in page. A form that comes from another site is
//! refused. What goes wrong becomes a page in the reader's language, and where it is not even known who reads, the one page that
//! is the same for everybody. Every page carries the same strict policy: nothing
//! from elsewhere, nothing inline, nobody's frame.

use super::counting::{self, source};
use crate::app::App;
use crate::auth::rates::Purpose;
use crate::pages::shell::go;
use crate::pages::visitor::{Visitor, same_site};
use crate::pages::{
    agreements, assets, exits, failure, file, history, holdings, notices, products, receipt, redeem, sample, settings, sign_in, staking,
    subscribe, transfer, ways_in,
};
use crate::wire::accept;
use crate::wire::address::line;
use crate::wire::admission::Class;
use crate::wire::fair::Party;
use crate::wire::problem::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::time::Instant;
use usance_engine::lines::budget::Budget;

/// Who sees a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Browsers: files that are the same for everybody.
    Browsers,
    /// Everybody.
    Everybody,
    /// Customers who have signed in.
    Customers,
}

/// One line of the table.
pub struct PageRoute {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// The operation's name in the metrics.
    pub operation: &'static str,
    /// Who sees it.
    pub audience: Audience,
    /// How it is let in, and whether it counts for the rate of the past: as what it shows does in the API.
    pub class: Class,
    handler: fn() -> MethodRouter<App>,
}

impl PageRoute {
    /// For which of a customer's rates it counts.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self.class {
            _ if self.audience == Audience::Customers && self.method == Method::POST => Purpose::Write,
            Class::Fast | Class::SignIn => Purpose::Other,
            Class::Stored | Class::Expensive => Purpose::History,
        }
    }
    /// It asks the read tables.
    const fn stored(mut self) -> PageRoute {
        self.class = Class::Stored;
        self
    }
    /// It walks far.
    const fn expensive(mut self) -> PageRoute {
        self.class = Class::Expensive;
        self
    }
    /// It waits for a password to be checked.
    const fn signs_in(mut self) -> PageRoute {
        self.class = Class::SignIn;
        self
    }
}

/// What a page may do and load: only what this site serves, in files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The operation that hands out a file.
const CSV: &str = "page_history_csv";

/// Where a password is sent.
pub const SIGN_IN: &str = "/sign-in";

/// Every page.
#[must_use]
pub fn table() -> Vec<PageRoute> {
    use Audience::{Browsers, Customers, Everybody};
    let page = |method, path, operation, audience, handler| PageRoute { method, path, operation, audience, class: Class::Fast, handler };
    let see = |path, operation, audience, handler| page(Method::GET, path, operation, audience, handler);
    let send = |path, operation, audience, handler| page(Method::POST, path, operation, audience, handler);
    vec![
        see("/", "page_start", Everybody, || get(sign_in::start_get)),
        see("/static/{mark}/{name}", "page_file", Browsers, || get(file::file_get)),
        see("/favicon.ico", "page_icon", Browsers, || get(file::icon_get)),
        see(SIGN_IN, "page_sign_in", Everybody, || get(sign_in::sign_in_get)),
        send(SIGN_IN, "page_sign_in_send", Everybody, || post(sign_in::sign_in_post)).signs_in(),
        send("/sign-in/code", "page_sign_in_code", Everybody, || post(sign_in::code_post)),
        see("/sign-in/link", "page_sign_in_link_form", Everybody, || get(sign_in::link_get)),
        send("/sign-in/link", "page_sign_in_link", Everybody, || post(sign_in::link_post)),
        send("/sign-in/sample", "page_sign_in_sample", Everybody, || post(sample::sample_post)),
        send("/sample/next-day", "page_sample_next_day", Everybody, || post(sample::next_day_post)),
        send("/sign-out", "page_sign_out", Everybody, || post(sign_in::sign_out_post)),
        see("/products", "page_products", Everybody, || get(products::products_get)),
        see("/products/{id}", "page_product", Everybody, || get(products::product_get)),
        see("/assets/{asset}/staking", "page_staking", Everybody, || get(staking::staking_get)),
        see("/agreement", "page_agreement", Everybody, || get(agreements::agreement_get)),
        see("/agreements/{version}", "page_agreement_version", Everybody, || get(agreements::agreement_version_get)),
        see("/risks", "page_risks", Everybody, || get(agreements::risks_get)),
        see("/settings", "page_settings", Everybody, || get(settings::settings_get)),
        send("/look", "page_look", Everybody, || post(settings::look_post)),
        see("/assets", "page_assets", Customers, || get(assets::assets_get)),
        see("/transfer", "page_transfer", Customers, || get(transfer::transfer_get)),
        send("/transfer", "page_transfer_send", Customers, || post(transfer::transfer_post)),
        see("/products/{id}/subscribe", "page_subscribe", Customers, || get(subscribe::subscribe_get)),
        send("/products/{id}/subscribe", "page_subscribe_send", Customers, || post(subscribe::subscribe_post)),
        see("/receipts/{place}", "page_receipt", Customers, || get(receipt::receipt_get)).stored(),
        see("/holdings", "page_holdings", Customers, || get(holdings::holdings_get)),
        see("/holdings/{id}", "page_holding", Customers, || get(holdings::holding_get)).stored(),
        send("/holdings/{id}/auto-renew", "page_auto_renew_send", Customers, || post(holdings::auto_renew_post)),
        see("/holdings/{id}/redeem", "page_redeem", Customers, || get(redeem::redeem_get)),
        send("/holdings/{id}/redeem", "page_redeem_send", Customers, || post(redeem::redeem_post)),
        see("/exits", "page_exits", Customers, || get(exits::exits_get)),
        send("/exits/{id}/cancel", "page_exit_cancel", Customers, || post(exits::cancel_post)),
        see("/history", "page_history", Customers, || get(history::history_get)).stored(),
        see("/history/print", "page_history_print", Customers, || get(history::print_get)).expensive(),
        see("/history.csv", CSV, Customers, || get(history::csv_get)).stored(),
        see("/notices", "page_notices", Customers, || get(notices::notices_get)).stored(),
        see("/acceptances", "page_acceptances", Customers, || get(agreements::acceptances_get)).stored(),
        send("/sessions/{id}/end", "page_session_end", Customers, || post(ways_in::session_end_post)),
        send("/sessions/end-others", "page_sessions_end", Customers, || post(ways_in::sessions_end_post)),
        see("/settings/second-factor", "page_factor", Customers, || get(ways_in::factor_get)),
        send("/settings/second-factor", "page_factor_send", Customers, || post(ways_in::factor_post)).signs_in(),
        send("/settings/second-factor/remove", "page_factor_remove", Customers, || post(ways_in::factor_remove_post)),
        send("/settings/password", "page_password_send", Customers, || post(ways_in::password_post)).signs_in(),
        send("/settings/tokens", "page_token_send", Customers, || post(ways_in::token_post)).signs_in(),
        send("/settings/tokens/{id}/revoke", "page_token_revoke", Customers, || post(ways_in::token_revoke_post)),
    ]
}

/// What the guard of a page needs.
#[derive(Clone)]
struct Guard {
    app: App,
    audience: Audience,
    class: Class,
    purpose: Purpose,
    operation: &'static str,
    answered: metrics::Histogram,
}

/// Adds every page to the router.
pub fn add(mut router: Router<App>, app: &App) -> Router<App> {
    for page in table() {
        let answered = metrics::histogram!("usance_http_seconds", "operation" => page.operation);
        let (purpose, operation) = (page.purpose(), page.operation);
        let guard = Guard { app: app.clone(), audience: page.audience, class: page.class, purpose, operation, answered };
        router = router.route(page.path, (page.handler)().layer(from_fn_with_state(guard, check)));
    }
    router
}

/// Who looks, and whether it may; then the page, or a page that says why not.
async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    if guard.audience == Audience::Browsers {
        return unsigned(&guard, request, next).await;
    }
    let party = Party::Address(counting::sender_address(&guard.app, &request).map(line));
    let Ok(place) = guard.app.admission.pages.enter(party.clone()).await else { return busy(guard.app.site.https) };
    let from = source(&guard.app, &request);
    let visitor = match Visitor::of(&guard.app, request.headers(), from) {
        Ok(visitor) => visitor,
        Err(problem) => return unknown(&guard.app, request.headers(), &problem).await,
    };
    let reflects = visitor.signed.is_some() && request.uri().query().is_some();
    let mut place = Some(place);
    let mut counted = match &visitor.signed {
        Some(signed) => guard.app.auth.count(&signed.identity(), guard.purpose, Some(guard.operation)),
        None => counting::count_stranger(&guard.app, &request, Some(guard.operation)),
    };
    let admitted = match counted.allowed() {
        Ok(()) => admit(&guard, &visitor, &request),
        Err(problem) => Admitted::Elsewhere(problem.into_response()),
    };
    let admitted = match admitted {
        Admitted::Yes if guard.class != Class::Fast => {
            // One place for another: who waits for this one keeps no other page waiting.
            drop(place.take());
            let whose = visitor.signed.as_ref().map_or(party, |signed| Party::of(&signed.caller));
            match guard.app.admission.enter(guard.class, whose).await {
                Ok(of_class) => {
                    place = of_class;
                    Admitted::Yes
                }
                Err(crowded) => Admitted::Elsewhere(Problem::from(crowded).into_response()),
            }
        }
        admitted => admitted,
    };
    let budget = Budget::default();
    let response = match admitted {
        Admitted::Yes => {
            request.extensions_mut().insert(visitor.clone());
            budget.clone().within(next.run(request)).await
        }
        Admitted::Elsewhere(response) => response,
    };
    let caller = visitor.signed.as_ref().map(|signed| &signed.caller);
    counting::charge(&guard.app, guard.purpose, caller, &budget, &mut counted);
    let mut response = match response.extensions().get::<Problem>().cloned() {
        // A page is nothing for whoever takes none.
        Some(problem) if problem.status() == StatusCode::NOT_ACCEPTABLE => response,
        // A page is no part of a page: the script that asked says that it got no answer.
        Some(problem) if visitor.wants_fragment => problem.status().into_response(),
        Some(problem) => failure::page(&guard.app, &visitor, &problem).await.unwrap_or_else(IntoResponse::into_response),
        None => response,
    };
    if reflects {
        response.extensions_mut().insert(Reflects);
    }
    guard.answered.record(started.elapsed().as_secs_f64());
    counted.tell(response.headers_mut());
    drop(place);
    dressed(response, guard.app.site.https)
}

/// A file, which is the same for everybody: no session is looked at.
async fn unsigned(guard: &Guard, request: Request, next: Next) -> Response {
    let counted = crate::site::counting::count_stranger(&guard.app, &request, Some(guard.operation));
    let mut response = match counted.allowed() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    counted.tell(response.headers_mut());
    dressed(response, guard.app.site.https)
}

/// Says of an answer that it shows both what was asked and what is its reader's own: how long it is compressed tells of one by the
/// other.
#[derive(Clone)]
pub struct Reflects;

enum Admitted {
    Yes,
    Elsewhere(Response),
}

/// A page, and what is handed out instead of one.
const FORMS: [&str; 2] = ["text/html", "text/csv"];

fn admit(guard: &Guard, visitor: &Visitor, request: &Request) -> Admitted {
    if let Err(problem) = accept::chosen(request.headers(), if guard.operation == CSV { &FORMS } else { &FORMS[..1] }) {
        return Admitted::Elsewhere(problem.into_response());
    }
    let sends = request.method() != Method::GET && request.method() != Method::HEAD;
    if sends && let Err(problem) = same_site(request.headers(), guard.app.site.https) {
        return Admitted::Elsewhere(problem.into_response());
    }
    if guard.audience == Audience::Customers && visitor.signed.is_none() {
        let wanted = request.uri().path_and_query().filter(|_| !sends).map_or("/assets", |wanted| wanted.as_str());
        let sign_in = serde_urlencoded::to_string([("next", wanted)]).map(|query| format!("/sign-in?{query}")).unwrap_or_default();
        // A part of a page cannot be the sign-in page: the whole page goes there.
        let response = if visitor.wants_fragment { refreshed(&sign_in) } else { go(&sign_in) };
        return Admitted::Elsewhere(response);
    }
    Admitted::Yes
}

/// Tells the script of a page to go elsewhere.
fn refreshed(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/sign-in"));
    (StatusCode::NO_CONTENT, [(HeaderName::from_static("hx-redirect"), to)]).into_response()
}

/// The headers that every page carries.
fn dressed(mut response: Response, https: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static("camera=(), geolocation=(), microphone=()"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Whether a person looks at the answer.
#[must_use]
pub fn wants_page(request: &Request) -> bool {
    const FORMS: [&str; 3] = ["application/problem+json", "application/json", "text/html"];
    !request.uri().path().starts_with("/v1/") && accept::preferred(request.headers(), &FORMS) == Some("text/html")
}

/// What a person is told where nothing else can be made: no session is looked at, and nothing is waited for.
#[must_use]
pub fn busy(https: bool) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::RETRY_AFTER, HeaderValue::from_static("1")),
    ];
    dressed((StatusCode::SERVICE_UNAVAILABLE, headers, failure::busy_page()).into_response(), https)
}

/// What whoever asks is told where it cannot be said who that is.
async fn unknown(app: &App, headers: &HeaderMap, problem: &Problem) -> Response {
    if problem.status().is_server_error() {
        return busy(app.site.https);
    }
    let stranger = Visitor::stranger(headers);
    dressed(failure::page(app, &stranger, problem).await.unwrap_or_else(IntoResponse::into_response), app.site.https)
}

/// What has no route, or no answer here, is said as a page to whoever asks for one.
pub async fn as_page(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = wants_page(&request).then(|| (request.headers().clone(), source(&app, &request)));
    let party = Party::Address(counting::sender_address(&app, &request).map(line));
    let response = next.run(request).await;
    let lost = matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::SERVICE_UNAVAILABLE);
    let problem =
        response.extensions().get::<Problem>().filter(|_| lost && !response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    let (Some((headers, from)), Some(problem)) = (asked, problem.cloned()) else { return response };
    let https = app.site.https;
    // It is a page like any other, and asks the same store.
    let Ok(_place) = app.admission.pages.enter(party).await else { return busy(https) };
    let visitor = match Visitor::of(&app, &headers, from) {
        Ok(visitor) => visitor,
        Err(problem) => return unknown(&app, &headers, &problem).await,
    };
    dressed(failure::page(&app, &visitor, &problem).await.unwrap_or_else(IntoResponse::into_response), https)
}
