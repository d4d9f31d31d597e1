//! Coming in and going out: password, second factor, a hand-over link from the exchange.

use crate::app::App;
use crate::auth::attempts::Sender;
use crate::auth::identity::address_class;
use crate::auth::session::Passed;
use crate::pages::failure::sentence;
use crate::pages::shell::{Room, Shell, go, show, show_problem};
use crate::pages::visitor::{Form, Visitor, device_cookie, drop_session, keep_device, keep_session};
use crate::wire::input::Query;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::net::SocketAddr;
use usance_engine::caller::Credential;

/// Where the customer wanted to go.
const START: &str = "/assets";

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// A customer id and a password.
    Password,
    /// The code of a link.
    LinkCode,
    /// The code of a second factor.
    Code,
    /// Only to confirm a link.
    Link,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    s: Shell,
    asks: Asks,
    customer: String,
    ticket: String,
    link: String,
    next: String,
    samples: Vec<String>,
    fault: Option<String>,
}

impl SignInPage {
    async fn of(app: &App, visitor: &Visitor, next: &str) -> Result<SignInPage, Problem> {
        Ok(SignInPage {
            s: Shell::of(app, visitor, Room::Elsewhere).await?,
            asks: Asks::Password,
            customer: String::new(),
            ticket: String::new(),
            link: String::new(),
            next: own_path(next),
            samples: app.site.sample_customers.clone(),
            fault: None,
        })
    }

    /// Who is signed in now, and would not be any more.
    fn replaced(&self) -> Option<&str> {
        self.s.customer.as_deref().filter(|now| *now != self.customer)
    }

    fn refuse(mut self, problem: &Problem) -> Result<Response, Problem> {
        let limited = problem.status() == StatusCode::TOO_MANY_REQUESTS;
        self.fault = Some(if limited { self.s.t("sign-in-limited") } else { sentence(&self.s, problem, "") });
        show_problem(&self, problem)
    }
}

/// A path of this site; anything else leads to the start.
#[must_use]
pub fn own_path(next: &str) -> String {
    let own = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own && !next.starts_with("/sign-in") { next.to_owned() } else { START.to_owned() }
}

/// GET /: the start.
pub async fn start_get(visitor: Visitor) -> Response {
    go(if visitor.signed.is_some() { START } else { "/products" })
}

/// What GET /sign-in may carry.
#[derive(Deserialize)]
pub struct SignInAsked {
    #[serde(default)]
    next: String,
}

/// GET /sign-in: a form.
pub async fn sign_in_get(State(app): State<App>, visitor: Visitor, Query(asked): Query<SignInAsked>) -> Result<Response, Problem> {
    if visitor.signed.is_some() {
        return Ok(go(&own_path(&asked.next)));
    }
    show(&SignInPage::of(&app, &visitor, &asked.next).await?, StatusCode::OK)
}

/// GET /sign-in/link: what signs in stands behind `#`, where no server and no proxy sees it. The page's script sends it, or its reader
/// types the code. Whatever opens links ahead of people uses nothing up.
pub async fn link_get(State(app): State<App>, visitor: Visitor, Query(asked): Query<SignInAsked>) -> Result<Response, Problem> {
    show(&SignInPage { asks: Asks::LinkCode, ..SignInPage::of(&app, &visitor, &asked.next).await? }, StatusCode::OK)
}

/// A customer id and a password.
#[derive(Deserialize)]
pub struct PasswordForm {
    customer: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// POST /sign-in
pub async fn sign_in_post(
    State(app): State<App>,
    visitor: Visitor,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Problem> {
    let mut page = SignInPage::of(&app, &visitor, &form.next).await?;
    let customer = form.customer.trim().to_owned();
    page.customer.clone_from(&customer);
    let sender = sender(&app, &headers, from, &customer)?;
    match app.auth.check_password(&customer, form.password, &sender).await {
        Ok(Passed::Whole) => enter(&app, &visitor, &headers, (&customer, Credential::SignIn), &page.next),
        Ok(Passed::CodeAsked { ticket }) => {
            (page.asks, page.ticket) = (Asks::Code, ticket);
            show(&page, StatusCode::OK)
        }
        Err(problem) => page.refuse(&problem),
    }
}

/// Who tries to come in as a customer: a device that is known, or somebody at an address.
fn sender(app: &App, headers: &HeaderMap, peer: SocketAddr, customer: &str) -> Result<Sender, Problem> {
    let known = app.auth.known_device(customer, device_cookie(headers, app.site.https))?;
    let address = app.site.proxies.source(headers, peer.ip());
    Ok(known.map_or(Sender::Stranger(address), |device| Sender::Known { device, address }))
}

/// A code after a password.
#[derive(Deserialize)]
pub struct CodeForm {
    ticket: String,
    code: String,
    #[serde(default)]
    next: String,
}

/// POST /sign-in/code
pub async fn code_post(
    State(app): State<App>,
    visitor: Visitor,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> Result<Response, Problem> {
    let mut page = SignInPage::of(&app, &visitor, &form.next).await?;
    let customer = match app.auth.ticket_customer(&form.ticket) {
        Ok(customer) => customer,
        Err(problem) => return page.refuse(&problem),
    };
    (page.asks, page.ticket) = (Asks::Code, form.ticket);
    let sender = sender(&app, &headers, from, &customer)?;
    match app.auth.check_code(&page.ticket, &form.code, &sender) {
        Ok(customer) => enter(&app, &visitor, &headers, (&customer, Credential::SignIn), &page.next),
        Err(problem) => page.refuse(&problem),
    }
}

/// The code of a hand-over link.
#[derive(Deserialize)]
pub struct LinkForm {
    link: String,
    /// Whether its reader has seen who will be signed in.
    #[serde(default)]
    seen: bool,
    #[serde(default)]
    next: String,
}

/// POST /sign-in/link: first it is shown who will be signed in, then the link is used up.
pub async fn link_post(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<LinkForm>,
) -> Result<Response, Problem> {
    let customer =
        if form.seen { app.auth.take_link(&form.link, visitor.address) } else { app.auth.link_customer(&form.link, visitor.address) };
    match customer {
        Ok(customer) if form.seen => enter(&app, &visitor, &headers, (&customer, Credential::Link), &own_path(&form.next)),
        Ok(customer) => {
            let mut page = SignInPage::of(&app, &visitor, &form.next).await?;
            (page.asks, page.link, page.customer) = (Asks::Link, form.link, customer);
            show(&page, StatusCode::OK)
        }
        Err(problem) => {
            let page = SignInPage::of(&app, &visitor, &form.next).await?;
            SignInPage { asks: Asks::LinkCode, ..page }.refuse(&problem)
        }
    }
}

/// Opens a session. Whoever was signed in before in this browser is signed out.
///
/// # Errors
/// 503 when sessions cannot be written.
pub fn enter(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    (customer, way): (&str, Credential),
    next: &str,
) -> Result<Response, Problem> {
    if let Some(before) = &visitor.signed {
        app.auth.end_session(before.customer(), before.session.id, before.caller.actor)?;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let secret = app.auth.open_session(customer, &device(agent), (way, address_class(visitor.address)))?;
    let mut response = go(next);
    let known = app.auth.know_device(customer, device_cookie(headers, app.site.https))?;
    response.headers_mut().append(header::SET_COOKIE, keep_session(app.site.https, &secret));
    response.headers_mut().append(header::SET_COOKIE, keep_device(app.site.https, &known));
    Ok(response)
}

/// What a customer knows a browser by: its name and the system's, as far as the browser says; all it says otherwise.
fn device(agent: &str) -> String {
    // Browsers name others beside themselves, so the more special ones come first.
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] =
        [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")];
    let named = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        _ => agent.to_owned(),
    }
}

/// A form with nothing in it.
#[derive(Deserialize)]
pub struct Bare {}

/// POST /sign-out
pub async fn sign_out_post(State(app): State<App>, visitor: Visitor, Form(Bare {}): Form<Bare>) -> Result<Response, Problem> {
    if let Some(signed) = &visitor.signed {
        app.auth.end_session(signed.customer(), signed.session.id, signed.caller.actor)?;
    }
    let mut response = go("/sign-in");
    response.headers_mut().append(header::SET_COOKIE, drop_session(app.site.https));
    Ok(response)
}
