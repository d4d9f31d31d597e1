//! Rates: who is counted how, and how an answer says what is left.

use crate::suite::harness::{Answer, Client, Start, binary, usance};
use crate::suite::platform::Platform;
use crate::suite::security::{Jar, PASSWORD, set_password};
use serde_json::json;
use std::sync::Mutex;
use std::thread::scope;
use std::time::{Duration, Instant};
use usance_server::auth::rates::Purpose;
use usance_server::site::pages::table as pages;

/// As low as it may be for those who set a platform up to be let through at once.
const SENDER_RATE: &str = "20";

fn started(words: &[&str]) -> Platform {
    let more = words.iter().map(|word| (*word).to_owned()).collect();
    Platform::started(&Start { more, ..Start::default() })
}

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Asks until it is refused, whatever it is told before.
fn refused_in_the_end(sender: &Client, path: &str, headers: &[(&str, &str)], before: u16) -> Answer {
    let answer = (0..200).map(|_| sender.send("GET", path, headers, None)).find(|answer| answer.status != before);
    let answer = answer.unwrap_or_else(|| panic!("200 of {path} were all {before}"));
    assert_eq!(answer.status, 429, "{path}: {}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{path}");
    answer
}

/// Asks until it is refused, which has to come within so many.
fn refused(sender: &Client, path: &str, headers: &[(&str, &str)], within: usize) -> Answer {
    let answer = (0..within).map(|_| sender.send("GET", path, headers, None)).find(|answer| answer.status != 200);
    let answer = answer.unwrap_or_else(|| panic!("{within} of {path} were let through"));
    answer.clone().refused(429, "rate_limited");
    let seconds: u64 = answer.header("retry-after").expect("when to come again").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    answer
}

/// Asks from several threads at once until it is refused, which has to come: one after another may be slower than the rate.
fn refused_among_many(ask: impl Fn() -> Answer + Sync, before: u16) -> Answer {
    let (found, until) = (Mutex::new(None), Instant::now() + Duration::from_secs(120));
    let is_over = || found.lock().expect("nobody panics").is_some() || Instant::now() > until;
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !is_over() {
                    let answer = ask();
                    if answer.status != before {
                        *found.lock().expect("nobody panics") = Some(answer);
                    }
                }
            });
        }
    });
    let answer = found.into_inner().expect("nobody panics").expect("an end of it");
    answer.clone().refused(429, "rate_limited");
    answer
}

#[test]
fn a_customer_is_told_what_is_left_and_when_to_come_again() {
    let platform = started(&["--customer-rate", "5", "--history-rate", "2"]);
    let phone = platform.with_token("customer", "phone", Some("alice"));
    let first = phone.get("/v1/accounts");
    assert_eq!(first.header("ratelimit-policy"), Some("\"customer\";q=5;w=1"));
    assert_eq!(first.header("ratelimit"), Some("\"customer\";r=4;t=1"));
    let last = refused(&phone, "/v1/accounts", &[], 200);
    assert_eq!(last.header("ratelimit-policy"), Some("\"customer\";q=5;w=1"));
    assert_eq!(last.header("ratelimit"), Some("\"customer\";r=0;t=1"));
    let bob = platform.with_token("customer", "bob", Some("bob"));
    let history = bob.get("/v1/transfers");
    assert_eq!(history.header("ratelimit-policy"), Some("\"customer\";q=5;w=1, \"history\";q=2;w=1"));
    assert_eq!(history.header("ratelimit"), Some("\"customer\";r=4;t=1, \"history\";r=1;t=1"));
}

#[test]
fn previews_and_writes_have_rates_of_their_own_where_that_is_asked_for() {
    let platform = started(&["--preview-rate", "2", "--write-rate", "3"]);
    platform.deposit("alice", "SOL", "spot", "10");
    let phone = platform.with_token("customer", "phone", Some("alice"));
    let preview = || phone.ask("/v1/subscriptions/preview", json!({"product": "sol-7", "amount": "1"}));
    let write = || phone.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.001"}));
    let both: [(&str, u32, &dyn Fn() -> Answer); 2] = [("preview", 2, &preview), ("write", 3, &write)];
    for (kind, most, ask) in both {
        assert_eq!(ask().header("ratelimit-policy"), Some(format!("\"customer\";q=50;w=1, \"{kind}\";q={most};w=1").as_str()));
        assert!((0..100).any(|_| ask().status == 429), "a hundred at {most} a second are too many");
        assert_eq!(phone.get("/v1/accounts").header("ratelimit-policy"), Some("\"customer\";q=50;w=1"), "the rest is not held up");
    }
    set_password(&platform.operator, "alice", PASSWORD);
    let mut jar = Jar::new(&platform.server).enter("alice");
    let form = jar.send("/transfer", &[]);
    assert_eq!(form.header("ratelimit-policy"), Some("\"customer\";q=50;w=1, \"write\";q=3;w=1"));
}

#[test]
fn senders_are_counted_where_that_is_asked_for() {
    let platform = started(&["--customer-rate", "1000", "--history-rate", "1000"]);
    for _ in 0..60 {
        let answer = platform.acting_for("alice").get("/v1/accounts");
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, None), "nobody counts an operator by default");
    }
    let platform = started(&["--sender-rate", SENDER_RATE]);
    let wallet = platform.with_token("service", "wallet", None).naming("alice");
    let answer = refused_among_many(|| wallet.get("/v1/accounts"), 200);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"sender\";q=20;w=1"));
    let other = platform.with_token("service", "other", None).naming("alice");
    other.get("/v1/accounts").ok();
}

#[test]
fn addresses_are_counted_behind_a_proxy_and_not_the_proxy() {
    let platform = started(&["--address-rate", "5", "--trusted-proxy", "127.0.0.1"]);
    let public = platform.server.public();
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let answer = refused(&public, "/v1/products", &from("1.2.3.4, 203.0.113.7"), 200);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"address\";q=5;w=1"));
    public.send("GET", "/v1/products", &from("203.0.113.8"), None).ok();
    refused(&public, "/v1/products", &from("2001:db8:1:2:3::4"), 200);
    for _ in 0..50 {
        public.get("/v1/products").ok();
        public.send("GET", "/healthz", &from("203.0.113.7"), None).ok();
    }
    platform
        .acting_for("alice")
        .post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"}))
        .refused(422, "insufficient_balance");
}

#[test]
fn whoever_has_no_valid_token_is_counted_wherever_it_goes() {
    let platform = started(&["--address-rate", "5", "--trusted-proxy", "127.0.0.1"]);
    let public = platform.server.public();
    let wrong = ("authorization", "Bearer not-one-of-ours");
    let session = ("cookie", "usance_session=not-one-of-ours");
    let file = usance_server::look::files::address("app.css");
    let rows: [(&str, Headers<'_>, u16); 12] = [
        (file, &[], 200),
        (file, &[session], 200),
        ("/favicon.ico", &[], 200),
        ("/v1/accounts", &[], 401),
        ("/v1/accounts", &[wrong], 401),
        ("/v1/products", &[wrong], 200),
        ("/v1/operator/customers/alice", &[wrong], 401),
        ("/openapi.json", &[], 200),
        ("/products", &[], 200),
        ("/products", &[session], 200),
        ("/assets", &[session], 303),
        ("/v1/nowhere", &[wrong], 404),
    ];
    for (number, (path, headers, before)) in rows.iter().enumerate() {
        let address = format!("203.0.113.{number}");
        let headers = [&[("x-forwarded-for", address.as_str())], *headers].concat();
        let answer = refused_in_the_end(&public, path, &headers, *before);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"address\";q=5;w=1"), "{path}");
        // What has a token is not the address's.
        let token = platform.operator.send("GET", "/v1/products", &[("x-forwarded-for", &address)], None);
        assert_eq!((token.status, token.header("ratelimit-policy")), (200, None), "{path}");
    }
}

#[test]
fn pages_count_as_what_they_show_and_say_what_is_left() {
    let platform = started(&["--customer-rate", "50", "--history-rate", "2"]);
    platform.deposit("alice", "SOL", "spot", "10");
    set_password(&platform.operator, "alice", PASSWORD);
    let mut jar = Jar::new(&platform.server).enter("alice");
    let assets = jar.get("/assets");
    assert_eq!((assets.status, assets.header("ratelimit-policy")), (200, Some("\"customer\";q=50;w=1")));
    let answers: Vec<Answer> = (0..60).map(|_| jar.get("/history.csv")).collect();
    assert!(answers.iter().all(|answer| answer.header("ratelimit-policy") == Some("\"customer\";q=50;w=1, \"history\";q=2;w=1")));
    let refused = answers.iter().find(|answer| answer.status == 429).expect("sixty at two a second are too many");
    assert!(refused.header("retry-after").is_some() && refused.text().contains("<html"), "{}", refused.text());
    let past: Vec<&str> = pages().into_iter().filter(|page| page.purpose() == Purpose::History).map(|page| page.path).collect();
    assert_eq!(past, ["/receipts/{place}", "/holdings/{id}", "/history", "/history/print", "/history.csv", "/notices", "/acceptances"]);
}

#[test]
fn what_a_role_may_not_do_is_counted_too() {
    let platform = started(&["--sender-rate", SENDER_RATE, "--customer-rate", "5"]);
    let auditor = platform.with_token("auditor", "eyes", None);
    refused_among_many(|| auditor.post("/v1/operator/assets", json!({})), 403);
    let phone = platform.with_token("customer", "phone", Some("alice"));
    let answer = refused_in_the_end(&phone, "/v1/operator/tokens", &[], 403);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"sender\";q=20;w=1, \"customer\";q=5;w=1"));
}

#[test]
fn tokens_of_one_name_are_counted_apart_where_their_customers_differ() {
    let platform = started(&["--sender-rate", SENDER_RATE, "--customer-rate", "1000"]);
    let [alice, bob] = ["alice", "bob"].map(|customer| platform.with_token("customer", "phone", Some(customer)));
    refused_among_many(|| alice.get("/v1/accounts"), 200);
    // Twenty are let through at once, so whatever comes back of them by now, bob's first one finds all of his own.
    let first = bob.get("/v1/accounts");
    assert_eq!((first.status, first.header("ratelimit")), (200, Some("\"sender\";r=19;t=1, \"customer\";r=999;t=1")));
    // A session is no token, even one that is called like its customer.
    let own_name = platform.with_token("customer", "alice", Some("alice"));
    set_password(&platform.operator, "alice", PASSWORD);
    let mut jar = Jar::new(&platform.server).enter("alice");
    refused_among_many(|| own_name.get("/v1/accounts"), 200);
    assert_eq!(jar.get("/assets").status, 200);
}

#[test]
fn an_operation_has_a_rate_of_its_own_for_each_sender() {
    let platform =
        started(&["--route-rate", "account_list=3,page_assets=2", "--route-rate", "product_list=4", "--trusted-proxy", "127.0.0.1"]);
    let [alice, tablet, bob] = [("alice", "phone"), ("alice", "tablet"), ("bob", "phone")]
        .map(|(customer, name)| platform.with_token("customer", name, Some(customer)));
    let first = alice.get("/v1/accounts");
    assert_eq!(first.header("ratelimit-policy"), Some("\"customer\";q=50;w=1, \"account_list\";q=3;w=1"));
    assert_eq!(first.header("ratelimit"), Some("\"customer\";r=49;t=1, \"account_list\";r=2;t=1"));
    // A customer is one sender with all of its tokens: what one uses up the other has not.
    let mut both = (0..200).map(|number| if number % 2 == 0 { alice.get("/v1/accounts") } else { tablet.get("/v1/accounts") });
    let answer = both.find(|answer| answer.status != 200).expect("two hundred at three a second are too many");
    answer.clone().refused(429, "rate_limited");
    assert!(answer.header("retry-after").is_some(), "when to come again");
    assert_eq!(bob.get("/v1/accounts").header("ratelimit"), Some("\"customer\";r=49;t=1, \"account_list\";r=2;t=1"));
    assert_eq!(alice.get("/v1/positions").header("ratelimit-policy"), Some("\"customer\";q=50;w=1"), "the rest is not held up");
    // A service is one by its name, whomever it acts for; a stranger by its address, where that is known.
    let wallet = platform.with_token("service", "wallet", None);
    let answer = refused(&wallet.naming("alice"), "/v1/accounts", &[], 200);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"account_list\";q=3;w=1"));
    platform.with_token("service", "other", None).naming("alice").get("/v1/accounts").ok();
    let public = platform.server.public();
    refused(&public, "/v1/products", &[("x-forwarded-for", "203.0.113.7")], 200);
    public.send("GET", "/v1/products", &[("x-forwarded-for", "203.0.113.8")], None).ok();
    // Files are operations, and so are pages.
    let files = started(&["--route-rate", "page_file=3", "--trusted-proxy", "127.0.0.1"]);
    refused(&files.server.public(), usance_server::look::files::address("app.js"), &[("x-forwarded-for", "203.0.113.7")], 200);
    set_password(&platform.operator, "bob", PASSWORD);
    let mut jar = Jar::new(&platform.server).enter("bob");
    let page = jar.get("/assets");
    assert_eq!(page.header("ratelimit-policy"), Some("\"customer\";q=50;w=1, \"page_assets\";q=2;w=1"));
    assert!((0..60).any(|_| jar.get("/assets").status == 429), "sixty at two a second are too many");
}

#[test]
fn a_rate_for_what_is_no_operation_is_refused_before_anything_is_made() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let rows = [
        ("transfer_make=5", "\"transfer_make\" is no operation"),
        // Nobody counts how this process is.
        ("health_get=5", "\"health_get\" is no operation"),
        ("metrics_get=5", "\"metrics_get\" is no operation"),
        ("transfer_create", "say an operation and a number"),
        ("transfer_create=0", "\"0\" is no number of requests a second"),
        ("transfer_create=5,none=5", "\"none\" is no operation"),
    ];
    for (word, sentence) in rows {
        let output = usance(&["serve", "--data", data.to_str().expect("text"), "--listen", "127.0.0.1:0", "--route-rate", word]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(sentence), "{word}: {said}");
        let mut command = binary();
        command.args(["serve", "--data", data.to_str().expect("text"), "--listen", "127.0.0.1:0"]).env("USANCE_ROUTE_RATE", word);
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(sentence), "USANCE_ROUTE_RATE={word}: {said}");
    }
    assert!(!data.exists(), "nothing was made");
}
