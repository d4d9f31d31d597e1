//! The entry points of fuzzing in the server: instants, cursors, `Accept` headers, requests of every route, visits of every page, and what
//! becomes a cell of a CSV file.
//!
//! Each takes any bytes and asserts what has to hold. Requests go through the real router, in this process, to a running
//! engine ([`Service`]); how one is made of bytes is `asking`'s for the contract and `visiting`'s for the pages, both with
//! `dice`; `documented` holds an answer against the contract's document. `fuzz` runs the entry points over a corpus, `cargo
//! fuzz` over whatever it finds.

pub mod asking;
pub mod dice;
mod documented;
pub mod spreadsheet;
mod visiting;

use asking::Asked;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::{Value, json};
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;
use usance_core::calendar::{Day, Timestamp};
use usance_core::machine::state::ClockMode;
use usance_engine::people::keys::Keyring;
use usance_engine::{Settings, Started, life::start};
use usance_server::app::{App, Site};
use usance_server::auth::rates::RateLimits;
use usance_server::auth::tokens::Auth;
use usance_server::site;
use usance_server::site::pages::Audience;
use usance_server::site::router;
use usance_server::wire::address::Proxies;
use usance_server::wire::admission::Admission;
use usance_server::wire::problem::Problem;
use usance_server::wire::{accept, input, page};
use usance_store::People;
use usance_store::secrets::Purpose;
use usance_workload::SplitMix64;
use usance_workload::people::{public_key_of, signed};
use visiting::{Browser, Visit, Wants};

/// The operator's token.
pub const OPERATOR: &str = "usance_fuzz_5d1f0c8b7a9e4236b0d1f2a3c4e59687";
/// No request takes longer, and none is left without an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine behind its router, in this process, on a directory that ends with this value.
pub struct Service {
    app: App,
    router: Router,
    opening: Option<Started>,
    runtime: tokio::runtime::Runtime,
    made: AtomicU64,
    /// Alice's.
    browser: Mutex<Browser>,
    _directory: TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.shut_down();
        }
    }
}

/// An answer.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    fn done(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Where a browser or the script of its page is sent; empty where it is not.
    fn leads_to(&self) -> &str {
        let to = self.headers.get(header::LOCATION).or_else(|| self.headers.get("hx-redirect"));
        to.and_then(|to| to.to_str().ok()).unwrap_or("")
    }

    /// The secret of the session that a browser is to keep from now on; empty where it is to forget the one it has.
    fn new_session(&self) -> Option<&str> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        cookies.filter_map(|cookie| cookie.strip_prefix("usance_session=")).find_map(|rest| rest.split(';').next())
    }
}

impl Service {
    /// A platform with an asset, an agreement, two products and customers who have something. As in a demo, anybody may enter
    /// as one of them and let the day end.
    pub fn start() -> Service {
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = Settings::new(directory.path().join("data"));
        settings.clock = Some((ClockMode::Simulated, Some(Timestamp::from_ms(1_767_225_600_000))));
        let opening = start::open(&settings, |_| ()).expect("the engine starts");
        let most = NonZeroU32::MAX;
        let rates =
            RateLimits { customer: most, history: most, preview: None, write: None, sender: None, address: None, route: Vec::new() };
        let auth = Auth::new(&opening.home, Keyring::at(directory.path().join("secrets")), Some(OPERATOR), &rates).expect("tokens");
        // Numbers that requests may guess are nobody's: the operator stays.
        let guessed = People { last_token_id: 1_000_000, ..People::default() };
        opening.home.people().and_then(|mut people| people.fill(&guessed)).expect("an empty store");
        auth.take_over().expect("a new store");
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let site = Site { https: false, proxies: Proxies::default(), sample_customers: vec!["alice".to_owned()], script: None };
        let app = site::app(opening.engine.clone(), auth, metrics, site, Admission::new(256));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let router = router::router(app.clone());
        let (made, browser) = (AtomicU64::new(0), Mutex::default());
        let service = Service { app, router, opening: Some(opening), runtime, made, browser, _directory: directory };
        service.set_up();
        service
    }

    fn set_up(&self) {
        let rates = json!([{"from": "2026-01-01", "rate": "0.05"}]);
        self.post("/v1/operator/assets", &json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4})).done();
        self.post("/v1/operator/agreements", &json!({"version": "v1", "text": "Words."})).done();
        for product in [
            json!({"id": "sol-flex", "asset": "SOL", "name": "Flexible", "kind": "flexible", "rates": rates}),
            json!({"id": "sol-7", "asset": "SOL", "name": "Seven", "kind": "fixed_term", "term_days": 7, "renewal": true, "rates": rates}),
        ] {
            self.post("/v1/operator/products", &product).done();
            let path = format!("/v1/operator/products/{}/status", product["id"].as_str().expect("an id"));
            self.post(&path, &json!({"status": "open"})).done();
        }
        let coins = json!([{"asset": "SOL", "denomination": "usol"}]);
        let bounds = json!({"name": "hub", "chain_id": "hub-1", "coins": coins, "unbonding_seconds": 60, "earned_at_most": "1", "slashed_at_most": "1"});
        self.post("/v1/operator/treasury/networks", &bounds).done();
        for id in ["alice", "bob", "writer"] {
            self.post("/v1/operator/customers", &json!({"id": id})).done();
            let deposit =
                json!({"customer": id, "asset": "SOL", "account": "funding", "amount": "1000", "reference": format!("first-{id}")});
            self.post("/v1/operator/deposits", &deposit).done();
        }
        let stake = json!({"product": "sol-flex", "amount": "700", "source": "funding", "agreement": "v1"});
        self.post("/v1/subscriptions", &stake).done();
        for name in ["wallet", "agent"] {
            self.post("/v1/operator/tokens", &json!({"name": name, "role": "service"})).done();
        }
        self.begin_treasury();
        // The wallet says that it has nothing, so whoever leaves waits.
        self.attest("0");
        for _ in 0..3 {
            self.post("/v1/positions/1/redemptions", &json!({"amount": "200", "exit": "queued"})).done();
        }
    }

    /// Two people, an address, and a first picture with nothing.
    fn begin_treasury(&self) {
        for name in ["anna", "ben"] {
            self.post("/v1/operator/people", &json!({"name": name, "public_key": public_key_of(name).to_string()})).done();
        }
        self.agree(&json!({"kind": "add_treasury_address", "network": "hub", "address": "addr-1"}));
        self.attest("3000");
        let now = self.get("/v1/clock", "application/json", "alice").done()["now"].clone();
        let picture =
            json!({"number": "1", "chain_id": "hub-1", "height": "1", "hash": "b", "time": now, "addresses": ["addr-1"], "liquid": []});
        self.post("/v1/operator/treasury/networks/hub/pictures", &picture).done();
        let network = self.get("/v1/operator/treasury/networks/hub", "application/json", "alice").done();
        self.agree(&json!({"kind": "confirm_picture", "network": "hub", "number": "1", "digest": network["aside"]["digest"]}));
    }

    fn attest(&self, amount: &str) {
        let now = self.get("/v1/clock", "application/json", "alice").done()["now"].clone();
        let coverage = self.get("/v1/operator/treasury/coverage", "application/json", "alice").done();
        let movement = coverage["items"][0]["last_movement"].to_string();
        self.post("/v1/treasury/attestations", &json!({"asset": "SOL", "amount": amount, "at": now, "movement": movement})).done();
    }

    /// Has anna and ben agree on something.
    fn agree(&self, matter: &Value) {
        let proposal = self.post("/v1/operator/proposals", &json!({"matter": matter})).done();
        let path = format!("/v1/operator/proposals/{}/signatures", proposal["proposal_id"].as_str().expect("a number"));
        for name in ["anna", "ben"] {
            let signature = signed(name, proposal["sign"]["approve"].as_str().expect("a text")).to_string();
            self.post(&path, &json!({"person": name, "verdict": "approve", "signature": signature})).done();
        }
    }

    /// A number nobody had.
    fn fresh(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// A write as the operator, for alice.
    fn post(&self, path: &str, body: &Value) -> Answer {
        let key = format!("own-{}", self.fresh());
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .header("usance-customer", "alice");
        self.send(request.body(Body::from(body.to_string())).expect("a request"))
    }

    fn get(&self, path: &str, accept: &str, customer: &str) -> Answer {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"))
            .header(header::ACCEPT, accept)
            .header("usance-customer", customer);
        self.send(request.body(Body::empty()).expect("a request"))
    }

    fn send(&self, request: Request<Body>) -> Answer {
        let line = format!("{} {}", request.method(), request.uri());
        let answered = async {
            let response = match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (head, body) = response.into_parts();
            // A stream of events does not end.
            let is_stream = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
            let bytes = if is_stream { Vec::new() } else { to_bytes(body, 1 << 28).await.expect("a body").to_vec() };
            let is_packed = !bytes.is_empty() && head.headers.get(header::CONTENT_ENCODING).is_some_and(|how| how == "gzip");
            let bytes = if is_packed { unpacked(&bytes) } else { bytes };
            Answer { status: head.status, headers: head.headers, bytes }
        };
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, answered).await }).unwrap_or_else(|_| panic!("{line}: no answer"))
    }

    /// Alice's browser, signed in: by a link where nobody is, for that needs no password.
    fn browser(&self) -> Browser {
        let mut browser = self.browser.lock().expect("nobody fails while holding it");
        if browser.session.is_empty() {
            let link = self.post("/v1/operator/customers/alice/sign-in-links", &json!({})).done();
            let secret = link["code"].as_str().expect("a link");
            let form = Request::post("/sign-in/link").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let entered = self.send(form.body(Body::from(format!("link={secret}&seen=true"))).expect("a request"));
            browser.session = entered.new_session().expect("a session").to_owned();
            let cookie = format!("usance_session={}", browser.session);
            let settings = self.send(Request::get("/settings").header(header::COOKIE, cookie).body(Body::empty()).expect("a request"));
            let page = String::from_utf8_lossy(&settings.bytes).into_owned();
            let token = page.split_once("name=\"form_token\" value=\"").and_then(|(_, behind)| behind.split('"').next());
            browser.form_token = token.filter(|token| !token.is_empty()).expect("a form").to_owned();
        }
        browser.clone()
    }

    /// Notes what an answer to alice's browser means for it: who was signed out signs in again next time.
    fn keep(&self, answer: &Answer, is_signed: bool) {
        let mut browser = self.browser.lock().expect("nobody fails while holding it");
        if let Some(receipt) = answer.leads_to().strip_prefix("/receipts/") {
            receipt.split('?').next().unwrap_or("").clone_into(&mut browser.receipt);
        }
        if answer.new_session().is_some() || (is_signed && answer.leads_to().starts_with("/sign-in")) {
            browser.session.clear();
        }
    }

    /// What a preview for alice shows, as text; nothing where there is none.
    fn figures(&self, path: &str, asked: &Value) -> String {
        let answer = self.post(path, asked);
        if answer.status.is_success() { answer.json().to_string() } else { String::new() }
    }

    /// Expects that every invariant holds.
    pub fn expect_healthy(&self) {
        let audit = self.post("/v1/operator/audit", &json!({})).done();
        assert_eq!(audit["healthy"], true, "{audit}");
    }
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    plain
}

/// One request, made of the bytes. It is answered below 500 with what the document says of its route, and a refusal is a
/// problem with a code. Says which operation was asked for, and with what status it was answered.
pub fn requests(service: &Service, data: &[u8]) -> Option<(&'static str, u16)> {
    let Asked { request, route, shown } = asking::ask(data, service.fresh())?;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = service.send(request);
    let said = String::from_utf8_lossy(&answer.bytes);
    // Readiness for a role that this instance does not have is 503 by contract.
    let is_unready = path == "/readyz" && answer.status == StatusCode::SERVICE_UNAVAILABLE;
    assert!(answer.status.as_u16() < 500 || is_unready, "{shown}\n{}: {said}", answer.status);
    // An answer to HEAD has no body.
    if path.starts_with("/v1/") && method != Method::HEAD && answer.status.as_u16() >= 400 {
        let kind = answer.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
        assert_eq!(kind, Some(&b"application/problem+json"[..]), "{shown}\n{}: {said}", answer.status);
        let problem = answer.json();
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{shown}\n{problem}");
        assert_eq!(problem["status"], answer.status.as_u16(), "{shown}\n{problem}");
    }
    // A method that is not the route's, and a target that is longer than any, are no requests for an operation.
    let is_own = method == route.method || (method == Method::HEAD && route.method == Method::GET);
    if is_own
        && answer.status != StatusCode::URI_TOO_LONG
        && let Err(why) = documented::check(route.path, &method, &answer)
    {
        panic!("{shown}\n{}: {why}\n{said}", answer.status);
    }
    Some((route.operation, answer.status.as_u16()))
}

/// One visit of a page, made of the bytes, by a browser that is signed in. It is answered below 500: by a page, by the part of
/// one where that was asked for, by a file, or by the way to another page of this site. Nothing that was sent is a tag in it.
/// Says which operation was asked for, and how it was answered: the status, and where it leads.
pub fn pages(service: &Service, data: &[u8]) -> Option<(&'static str, String)> {
    let browser = service.browser();
    let figures = |path: &str, asked: &Value| service.figures(path, asked);
    let Visit { request, page, is_signed, wants, shown } = visiting::visit(data, service.fresh(), &browser, &figures)?;
    let method = request.method().clone();
    let answer = service.send(request);
    service.keep(&answer, is_signed);
    let (status, said) = (answer.status, String::from_utf8_lossy(&answer.bytes));
    assert!(status.as_u16() < 500, "{shown}\n{status}: {said}");
    assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY), "{shown}\n{status}");
    let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let is_page = kind == "text/html; charset=utf-8";
    assert!(!is_page || !said.contains("<script>"), "{shown}\n{status}: {said}");
    let leads_to = answer.leads_to();
    assert!(leads_to.is_empty() || (leads_to.starts_with('/') && !leads_to.starts_with("//")), "{shown}\n{status}: to {leads_to:?}");
    let is_own = method == page.method || (method == Method::HEAD && page.method == Method::GET);
    let for_people = page.audience != Audience::Browsers && wants != Wants::Anything;
    if is_own && for_people && status != StatusCode::URI_TOO_LONG {
        let is_part = wants == Wants::Fragment;
        let fits = match status.as_u16() {
            200 => is_page || (page.operation == "page_history_csv" && kind.starts_with("text/csv")),
            204 => is_part && !leads_to.is_empty(),
            300..400 => !leads_to.is_empty(),
            // The script of a page is told by the status alone, unless the page itself says what is wrong.
            _ => is_page || (is_part && said.is_empty()),
        };
        assert!(fits, "{shown}\n{status} {kind:?} to {leads_to:?}: {said}");
    }
    let room = leads_to.split(['/', '?']).nth(1).unwrap_or("");
    Some((page.operation, format!("{} {room}", status.as_u16()).trim_end().to_owned()))
}

/// Text as an instant: what is read is written as text that reads the same, and plain UTC is always read.
pub fn instants(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = input::instant("at", text).ok();
    if let Some(at) = read {
        let written = at.to_text();
        assert_eq!(input::instant("at", &written).ok(), Some(at), "{text:?} {written}");
        assert!(at.is_supported(), "{text:?}");
    }
    let plain = || {
        let (day, time) = (Day::parse(text.get(..10)?)?, text.get(10..)?);
        let digits: Vec<u32> = time.chars().filter_map(|letter| letter.to_digit(10)).collect();
        let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        let [h1, h2, m1, m2, s1, s2, rest @ ..] = digits.as_slice() else { return None };
        let (hour, minute, second) = (h1 * 10 + h2, m1 * 10 + m2, s1 * 10 + s2);
        let ms = match (shape.as_str(), rest) {
            ("T00:00:00Z", []) => 0,
            ("T00:00:00.000Z", [a, b, c]) => a * 100 + b * 10 + c,
            _ => return None,
        };
        let of_day = i64::from((hour * 3600 + minute * 60 + second) * 1000 + ms);
        let fits = hour < 24 && minute < 60 && second < 60;
        fits.then(|| Timestamp::from_ms(i64::from(day.number()) * 86_400_000 + of_day)).filter(|at| at.is_supported())
    };
    if let Some(at) = plain() {
        assert_eq!(read, Some(at), "{text:?}");
    }
}

/// Text as what a reader takes: only what is offered is chosen, in any case of its letters, and the first word about a form counts.
pub fn accepts(data: &[u8]) {
    const OFFERS: [&str; 3] = ["application/json", "text/csv", "text/html"];
    let of = |value: &[u8]| {
        let value = HeaderValue::from_bytes(value).ok()?;
        Some(accept::preferred(&HeaderMap::from_iter([(header::ACCEPT, value)]), &OFFERS))
    };
    let Some(chosen) = of(data) else { return };
    assert!(chosen.is_none_or(|chosen| OFFERS.contains(&chosen)), "{chosen:?}");
    assert_eq!(of(&data.to_ascii_uppercase()), Some(chosen));
    for offer in OFFERS {
        let first = |weight: &str| of(&[format!("{offer};q={weight},").as_bytes(), data].concat()).expect("a header");
        assert_ne!(first("0"), Some(offer));
        // Where a header is no text, nothing of its line counts.
        if data.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            assert_eq!(first("1"), Some(offer));
        }
    }
}

/// A payload that is exactly these bytes.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut tuple = to.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

fn refused(problem: Problem) {
    assert_eq!(problem.code(), "malformed_request");
    assert_eq!(problem.into_response().status(), StatusCode::BAD_REQUEST);
}

fn read_any<T: DeserializeOwned>(app: &App, list: &str, cursor: &str) {
    if let Err(problem) = page::place::<T>(&key_of_cursors(app), list, Some(cursor)) {
        refused(problem);
    }
}

/// What was made up is refused; what was made is read back, in its own list only; what is signed and makes no sense is
/// refused as well.
pub fn cursors(service: &Service, data: &[u8]) {
    let app = &service.app;
    if let Ok(text) = std::str::from_utf8(data) {
        refused(page::place::<(u64, u64)>(&key_of_cursors(app), "list", Some(text)).expect_err("nobody guesses a signature"));
    }
    let Some((number, rest)) = data.split_first_chunk::<8>() else { return };
    let number = u64::from_le_bytes(*number);
    let key = (number as i32, number % 2 == 0, number.rotate_left(9));
    let made = page::cursor(&key_of_cursors(app), "list", &key);
    assert_eq!(page::place(&key_of_cursors(app), "list", Some(&made)).ok().flatten(), Some(key));
    refused(page::place::<(i32, bool, u64)>(&key_of_cursors(app), "List", Some(&made)).expect_err("another list"));
    let at = (number % made.len() as u64) as usize;
    let digit = if &made[at..=at] == "7" { "8" } else { "7" };
    refused(
        page::place::<(i32, bool, u64)>(&key_of_cursors(app), "list", Some(&[&made[..at], digit, &made[at + 1..]].concat()))
            .expect_err("another digit"),
    );
    let signed = page::cursor(&key_of_cursors(app), "list", &Raw(rest));
    read_any::<u64>(app, "list", &signed);
    read_any::<(i32, bool, u64)>(app, "list", &signed);
    read_any::<(u64, Option<String>, Vec<(u32, i128)>)>(app, "list", &signed);
}

/// Numbers of a stretch of bytes, for whoever has only a seed.
pub fn seed(number: u64) -> Vec<u8> {
    let mut dice = SplitMix64::new(number);
    (0..24).map(|_| dice.roll() as u8).collect()
}

/// The key of cursors.
fn key_of_cursors(app: &App) -> [u8; 32] {
    app.auth.key(Purpose::Cursors).expect("the keys")
}
