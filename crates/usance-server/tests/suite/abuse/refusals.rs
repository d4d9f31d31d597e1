//! Who is told that too much is asked, and in what words: through the door of the service, in this process, where it is known
//! how full the house is.

use crate::suite::harness::{OPERATOR, fresh_key};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use std::num::NonZeroU32;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use usance_core::calendar::Timestamp;
use usance_core::machine::state::ClockMode;
use usance_engine::people::keys::Keyring;
use usance_engine::{Settings, Started, life::start};
use usance_server::app::{App, Site};
use usance_server::auth::rates::RateLimits;
use usance_server::auth::tokens::Auth;
use usance_server::look::format::Language;
use usance_server::look::words::Words;
use usance_server::site;
use usance_server::site::door::Door;
use usance_server::wire::address::Proxies;
use usance_server::wire::admission::Admission;
use usance_server::wire::fair::Party;
use usance_server::wire::listen::Answers;

/// A service in this process, on a directory that ends with this value.
pub(super) struct House {
    pub app: App,
    door: Door,
    opening: Option<Started>,
    pub runtime: Runtime,
    directory: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.shut_down();
        }
    }
}

/// What came back.
pub(super) struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Told {
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Expects the page that says in every language that too much is asked.
    fn is_busy_page(&self, what: &str) {
        assert_eq!(
            (self.status, self.header(header::CONTENT_TYPE)),
            (StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8"),
            "{what}"
        );
        for language in Language::ALL {
            assert!(self.text.contains(&Words::new(language).say("problem-overloaded")), "{what}: {}", self.text);
        }
        assert_eq!((self.header(header::RETRY_AFTER), self.header(header::CACHE_CONTROL)), ("1", "no-store"), "{what}");
        let policy = self.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("style-src 'self'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        assert_eq!(self.header(header::X_FRAME_OPTIONS), "DENY", "{what}");
    }

    /// Expects the refusal as programs read it.
    fn is_problem(&self, what: &str) {
        assert_eq!(
            (self.status, self.header(header::CONTENT_TYPE)),
            (StatusCode::SERVICE_UNAVAILABLE, "application/problem+json"),
            "{what}"
        );
        assert!(self.text.contains("\"overloaded\"") && self.header(header::RETRY_AFTER) == "1", "{what}: {}", self.text);
    }
}

impl House {
    /// With room for so many requests at a time.
    pub fn of(places: usize) -> House {
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = Settings::new(directory.path().join("data"));
        settings.clock = Some((ClockMode::Simulated, Some(Timestamp::from_ms(1_767_225_600_000))));
        let opening = start::open(&settings, |_| ()).expect("the engine starts");
        let most = NonZeroU32::MAX;
        let rates =
            RateLimits { customer: most, history: most, preview: None, write: None, sender: None, address: None, route: Vec::new() };
        let auth = Auth::new(&opening.home, Keyring::at(directory.path().join("secrets")), Some(OPERATOR), &rates).expect("tokens");
        auth.take_over().expect("a new store");
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let site = Site { https: false, proxies: Proxies::default(), sample_customers: Vec::new(), script: None };
        let app = site::app(opening.engine.clone(), auth, metrics, site, Admission::new(places));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        House { door: Door::of(app.clone()), app, opening: Some(opening), runtime, directory }
    }

    pub fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Told {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).expect("a request"))
    }

    /// A write of the operator under a key of its own; gives the answer.
    pub fn write(&self, path: &str, body: &Value) -> Value {
        self.write_for(None, path, body)
    }

    /// As [`House::write`], for a customer.
    pub fn write_for(&self, customer: Option<&str>, path: &str, body: &Value) -> Value {
        let request = Request::post(path).header("authorization", format!("Bearer {OPERATOR}")).header("idempotency-key", fresh_key());
        let request = customer.into_iter().fold(request, |request, customer| request.header("usance-customer", customer));
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        let told = self.send(request.expect("a request"));
        assert!(told.status.is_success(), "{path}: {}", told.text);
        serde_json::from_str(&told.text).expect("JSON")
    }

    /// The answer on its way.
    pub fn answer(&self, path: &str, headers: &[(&str, &str)]) -> impl Future<Output = Response> {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.door.answer(request.body(Body::empty()).expect("a request"), Duration::ZERO)
    }

    fn send(&self, request: Request<Body>) -> Told {
        self.runtime.block_on(async {
            let (head, body) = self.door.answer(request, Duration::ZERO).await.into_parts();
            let bytes = to_bytes(body, 1 << 24).await.expect("a body");
            Told { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
        })
    }

    /// As a browser in which somebody may be signed in.
    fn see(&self, path: &str) -> Told {
        self.ask(path, &[("accept", "text/html,application/xhtml+xml"), ("cookie", "usance_session=one")])
    }

    /// From now on whoever looks for a session finds that it cannot.
    fn lose_sessions(&self) {
        let people = rusqlite::Connection::open(self.directory.path().join("data/people.sqlite")).expect("the people");
        people.execute_batch("DROP TABLE session").expect("its sessions");
    }
}

#[test]
fn whoever_is_refused_in_a_browser_gets_a_page_for_which_nothing_is_asked() {
    let full = House::of(0);
    full.lose_sessions();
    for path in ["/products", "/assets", "/nowhere", "/docs", "/"] {
        full.see(path).is_busy_page(path);
    }
    full.see("/v1/accounts").is_problem("the API is for programs");
}

#[test]
fn a_full_house_tells_how_it_is_and_nothing_else() {
    let full = House::of(0);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(full.ask(path, &[]).status, StatusCode::OK, "{path}");
    }
    for path in ["/openapi.json", "/docs", "/favicon.ico", "/static/mark/app.css", "/v1/clock", "/sign-in", "/nowhere"] {
        full.ask(path, &[]).is_problem(path);
    }
}

#[test]
fn a_page_that_finds_no_place_or_no_sessions_is_a_page() {
    let house = House::of(256);
    assert_eq!(house.see("/products").status, StatusCode::OK);
    let not_found = house.see("/nowhere");
    assert!(not_found.status == StatusCode::NOT_FOUND && not_found.text.contains("<html"), "{}", not_found.text);
    let taken = house.runtime.block_on(async {
        let mut taken = Vec::new();
        // Whoever has to wait at all finds that all places are taken.
        let from = || Party::Address(None);
        while let Ok(Ok(place)) = tokio::time::timeout(Duration::from_millis(20), house.app.admission.pages.enter(from())).await {
            taken.push(place);
        }
        taken
    });
    for path in ["/products", "/assets", "/nowhere"] {
        house.see(path).is_busy_page(path);
    }
    drop(taken);
    assert_eq!(house.see("/products").status, StatusCode::OK);
    house.lose_sessions();
    for path in ["/products", "/assets", "/nowhere"] {
        house.see(path).is_busy_page(path);
    }
}
