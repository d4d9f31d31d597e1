//! The pages as requests see them: who gets in, what every answer carries, what a form must bring, and the budgets.
//!
//! What people see of them is tested in `browser`.

use super::contract::treasury;
use super::harness::{Answer, Client, factor_code, seconds_now};
use super::platform::Platform;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use usance_server::look::files::{self, FILES};
use usance_server::look::format::Language;
use usance_server::look::words::Words;
use usance_server::site::pages::{Audience, PageRoute, table};

const PASSWORD: &str = "correct horse battery";

/// A platform whose alice has a position, a password and a session.
struct House {
    platform: Platform,
    public: Client,
    cookie: String,
    form_token: String,
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(pairs).expect("a form")
}

impl House {
    fn new() -> House {
        let platform = Platform::new();
        platform.deposit("alice", "SOL", "spot", "10");
        assert_eq!(platform.subscribe("alice", "sol-7", "1", "spot"), "1");
        platform.server.operator().post("/v1/operator/customers/alice/password", json!({"password": PASSWORD})).ok();
        let public = platform.server.public();
        let cookie = sign_in(&public, "alice");
        let page = public.send("GET", "/assets", &[("cookie", &cookie)], None).text();
        let form_token = between(&page, "name=\"form_token\" value=\"", "\"");
        House { platform, public, cookie, form_token }
    }
    fn get(&self, path: &str) -> Answer {
        self.public.send("GET", path, &[("cookie", &self.cookie)], None)
    }
    fn send(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let mut all = vec![("form_token", self.form_token.as_str())];
        all.extend(pairs);
        self.form(path, &[("cookie", &self.cookie), ("sec-fetch-site", "same-origin")], &encoded(&all))
    }
    fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.public.send("POST", path, &all, Some(body.as_bytes()))
    }
}

/// Signs in with the password; gives the cookie.
fn sign_in(public: &Client, customer: &str) -> String {
    let body = encoded(&[("customer", customer), ("password", PASSWORD)]);
    let answer = public.send("POST", "/sign-in", &[("content-type", "application/x-www-form-urlencoded")], Some(body.as_bytes()));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/assets")), "{}", answer.text());
    let cookie = answer.header("set-cookie").expect("a session");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    cookie.split(';').next().expect("a pair").to_owned()
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).expect("an end").0.to_owned()
}

/// A path of a page: alice's first position, a product, an agreement that are there.
pub fn path(page: &PageRoute) -> String {
    let id = if page.path.starts_with("/products") { "sol-7" } else { "1" };
    let path = page
        .path
        .replace("{id}", id)
        .replace("{version}", "v1")
        .replace("{asset}", "SOL")
        .replace("/static/{mark}/{name}", files::address("app.css"))
        .replace("{place}", "1");
    // The place of alice's subscription in the log is looked up where it matters; here it may be missing.
    if page.operation == "page_receipt" { "/receipts/0".into() } else { path }
}

fn is_send(page: &PageRoute) -> bool {
    page.method == "POST"
}

#[test]
fn pages_for_customers_send_everybody_else_to_the_sign_in_page() {
    let house = House::new();
    for page in table() {
        let path = path(&page);
        let stranger = |cookie: &str| {
            let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
            if is_send(&page) { house.form(&path, &headers, "") } else { house.public.send("GET", &path, &headers, None) }
        };
        for cookie in ["", "usance_session=0000", "usance_session=", "other=1"] {
            let answer = stranger(cookie);
            if page.audience == Audience::Customers {
                assert_eq!(answer.status, 303, "{}", page.operation);
                let to = answer.header("location").expect("an address");
                assert!(to.starts_with("/sign-in?next=%2F"), "{}: {to}", page.operation);
            } else {
                assert!(answer.status < 500, "{}: {}", page.operation, answer.text());
            }
        }
        if !is_send(&page) {
            let answer = house.get(&path);
            assert!(matches!(answer.status, 200 | 303) || page.operation == "page_receipt", "{}: {}", page.operation, answer.status);
        }
    }
    // A part of a page cannot be the sign-in page.
    let part = house.public.send("GET", "/assets", &[("hx-request-type", "partial")], None);
    assert_eq!((part.status, part.header("hx-redirect")), (204, Some("/sign-in?next=%2Fassets")));
}

#[test]
fn every_page_carries_the_strict_policy() {
    let house = House::new();
    for page in table().iter().filter(|page| !is_send(page)) {
        let answer = house.get(&path(page));
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{} has no policy", page.operation));
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        let kept = match page.operation {
            "page_file" => "public, max-age=31536000, immutable",
            "page_icon" => "public, max-age=86400",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), Some(kept), "{}", page.operation);
        let text = answer.text();
        for inline in ["<script>", " style=", " onclick=", "javascript:", "<style"] {
            assert!(!text.contains(inline), "{} has {inline}", page.operation);
        }
    }
    let lost = house.public.send("GET", "/nowhere", &[("accept", "text/html,*/*")], None);
    assert_eq!(lost.status, 404);
    assert!(lost.text().contains("There is no such page") && lost.header("content-security-policy").is_some());
    // Programs keep their own form of the same answer.
    house.public.get("/nowhere").refused(404, "not_found");
    house.public.send("GET", "/v1/nowhere", &[("accept", "text/html")], None).refused(404, "not_found");
}

#[test]
fn a_form_must_come_from_this_site_and_this_session() {
    let house = House::new();
    let own = ("sec-fetch-site", "same-origin");
    for page in table().iter().filter(|page| is_send(page)) {
        let path = path(page);
        let body = encoded(&[("form_token", &house.form_token)]);
        for elsewhere in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let answer = house.form(&path, &[("cookie", &house.cookie), elsewhere], &body);
            assert_eq!(answer.status, 403, "{} from {elsewhere:?}", page.operation);
            assert!(answer.text().contains("cross_site"), "{}", page.operation);
        }
        // What changes something of a session carries the session's own token. The way the pages look is nobody's.
        if page.operation == "page_look" {
            continue;
        }
        for body in ["", "form_token=", "form_token=0123456789abcdef0123456789abcdef"] {
            let answer = house.form(&path, &[("cookie", &house.cookie), own], body);
            assert_eq!((answer.status, answer.text().contains("form_expired")), (403, true), "{}: {}", page.operation, answer.text());
        }
    }
    let balances = house.platform.server.acting_for("alice").get("/v1/accounts").ok();
    assert_eq!((&balances["items"][0]["spot"], &balances["items"][0]["staked"]), (&json!("9"), &json!("1")), "nothing has happened");
    // A browser that names no site is judged by its origin.
    let host = house.platform.server.url.trim_start_matches("http://").to_owned();
    let headers = [("cookie", house.cookie.as_str()), ("origin", &format!("http://{host}"))];
    let answer = house.form("/look", &headers, &encoded(&[("form_token", &house.form_token), ("hide", "1"), ("next", "/assets")]));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/assets")));
}

#[test]
fn nobody_sees_what_belongs_to_somebody_else() {
    let house = House::new();
    house.platform.server.operator().post("/v1/operator/customers/bob/password", json!({"password": PASSWORD})).ok();
    let bob = sign_in(&house.public, "bob");
    let receipt =
        house.send("/transfer", &[("asset", "SOL"), ("from", "spot"), ("amount", "1"), ("key", "web-00000000000000000000000000000001")]);
    let receipt = receipt.header("location").expect("a receipt").to_owned();
    assert!(receipt.starts_with("/receipts/"), "{receipt}");
    assert!(house.get(&receipt).text().contains("Transferred"));
    for path in ["/holdings/1", "/holdings/1/redeem", &receipt, "/receipts/x", "/holdings/999", "/products/none", "/agreements/none"] {
        let answer = house.public.send("GET", path, &[("cookie", &bob)], None);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("<h1>That did not work</h1>"), "{path}");
    }
}

#[test]
fn what_cannot_be_done_once_only_is_not_done() {
    let house = House::new();
    let balances = || house.platform.server.acting_for("alice").get("/v1/accounts").ok();
    let before = balances();
    for key in ["", "abc", "web-", "web-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "../../x"] {
        for (path, more) in [
            ("/transfer", [("asset", "SOL"), ("from", "spot"), ("amount", "1")]),
            ("/products/sol-7/subscribe", [("amount", "1"), ("source", "spot"), ("agreement", "v1")]),
            ("/holdings/1/redeem", [("amount", ""), ("to", ""), ("consent", "1")]),
            ("/holdings/1/auto-renew", [("auto_renew", "1"), ("a", ""), ("b", "")]),
        ] {
            let mut pairs = more.to_vec();
            pairs.push(("key", key));
            let answer = house.send(path, &pairs);
            assert_eq!(answer.status, 400, "{path} {key:?}");
            assert!(answer.text().contains("Nothing was done"), "{path} {key:?}");
        }
    }
    assert_eq!(balances(), before);
    // The same sheet twice is one transfer, and the second answer leads where the first one did.
    let sheet = [("asset", "SOL"), ("from", "spot"), ("amount", "1"), ("key", "web-00000000000000000000000000000009")];
    let (first, second) = (house.send("/transfer", &sheet), house.send("/transfer", &sheet));
    assert_eq!((first.status, first.header("location")), (303, second.header("location")));
    let other = [("asset", "SOL"), ("from", "spot"), ("amount", "2"), ("key", "web-00000000000000000000000000000009")];
    let answer = house.send("/transfer", &other);
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("used for something else"), "{}", answer.text());
    assert_eq!(house.platform.balance("alice", "SOL", "spot"), "8");
}

#[test]
fn a_sheet_that_is_not_as_shown_books_nothing_and_keeps_its_key() {
    let house = House::new();
    let page = house.get("/products/sol-7/subscribe?amount=2&source=spot").text();
    let shown = between(&page, "name=\"shown\" value=\"", "\"").replace("&#34;", "\"");
    let key = between(&page, "name=\"key\" value=\"", "\"");
    let confirm = |shown: &str| {
        house
            .send("/products/sol-7/subscribe", &[("amount", "2"), ("source", "spot"), ("agreement", "v1"), ("shown", shown), ("key", &key)])
    };
    let staked = || house.platform.server.acting_for("alice").get("/v1/accounts").ok()["items"][0]["staked"].clone();
    let other = shown.replace("\"from_spot\":\"2\"", "\"from_spot\":\"1\"");
    assert_ne!(other, shown);
    for (stale, status) in [(other.as_str(), 409), ("{}", 409), ("", 422)] {
        assert_eq!(confirm(stale).status, status, "{stale}");
        assert_eq!(staked(), json!("1"));
    }
    // What was refused before it was decided has used nothing up: the same sheet, as it is, is booked, and booked once.
    let (first, second) = (confirm(&shown), confirm(&shown));
    assert_eq!((first.status, first.header("location")), (303, second.header("location")));
    assert_eq!(staked(), json!("3"));
}

#[test]
fn what_cannot_be_read_is_a_page_too() {
    let house = House::new();
    for path in [
        "/products?sort=xyz",
        "/transfer?from=abc",
        "/products/sol-7/subscribe?source=zz",
        "/receipts/%FF",
        "/products/%FF",
        "/history.csv?kind=zz",
        "/history/print?account=zz",
        "/holdings?cursor=00",
        "/notices?cursor=zz",
    ] {
        let answer = house.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(answer.text().contains("<h1>That did not work</h1>"), "{path}: {}", answer.text());
    }
    for body in ["amount", "%FF=%FF", "amount=1&amount=2", "=&=&="] {
        let headers = [("cookie", house.cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = house.form("/transfer", &headers, &format!("form_token={}&{body}", house.form_token));
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    // A part of a page gets no page.
    let part = house.public.send("GET", "/products/none", &[("hx-request-type", "partial")], None);
    assert_eq!((part.status, part.bytes.len()), (404, 0));
}

#[test]
fn signing_in_leads_only_to_this_site_and_sessions_end() {
    let house = House::new();
    for (next, leads) in [
        ("/holdings?closed=1", "/holdings?closed=1"),
        ("//evil.example", "/assets"),
        ("https://evil.example", "/assets"),
        ("/\\evil.example", "/assets"),
        ("/a\r\nb: c", "/assets"),
        ("", "/assets"),
    ] {
        let body = encoded(&[("customer", "alice"), ("password", PASSWORD), ("next", next)]);
        let answer = house.form("/sign-in", &[], &body);
        assert_eq!((answer.status, answer.header("location")), (303, Some(leads)), "{next:?}");
    }
    // A wrong password looks the same whoever is named, and nobody is signed in.
    let wrong = |customer: &str| house.form("/sign-in", &[], &encoded(&[("customer", customer), ("password", "not this one")]));
    for customer in ["alice", "bob", "nobody", "../alice", "<script>alert(1)</script>"] {
        let answer = wrong(customer);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{customer}");
        assert!(!answer.text().contains("<script>alert"), "escaped");
    }
    // A new password ends every session.
    assert_eq!(house.get("/assets").status, 200);
    house.platform.server.operator().post("/v1/operator/customers/alice/password", json!({"password": "another password"})).ok();
    assert_eq!(house.get("/assets").status, 303);
    // Guessing is slowed down, for this address and this customer.
    let statuses: Vec<u16> = (0..20).map(|_| wrong("alice").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let answer = wrong("alice");
    assert!(answer.text().contains("Too many tries"), "{}", answer.text());
}

#[test]
fn what_operators_and_customers_write_is_text() {
    let house = House::new();
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let operator = house.platform.server.operator();
    operator.patch("/v1/operator/products/sol-7", json!({"name": evil, "risk_notice": evil})).ok();
    operator.post("/v1/operator/agreements", json!({"version": "v9", "text": evil})).ok();
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": evil});
    let refused = operator.post("/v1/operator/deposits", deposit).status;
    let paths = [
        "/products",
        "/products/sol-7",
        "/products/sol-7/subscribe",
        "/holdings",
        "/holdings/1",
        "/history",
        "/notices",
        "/agreement",
        "/settings",
    ];
    for path in paths {
        let text = house.get(path).text();
        assert!(!text.contains("<img src=x"), "{path}");
    }
    assert!(house.get("/products/sol-7").text().contains("&#60;img src=x"), "it is shown as it was written");
    assert!(matches!(refused, 201 | 400 | 422));
    for path in [
        "/products?asset=%3Cimg%20src%3Dx%3E",
        "/history?asset=%3Cimg%20src%3Dx%3E&from=%22%3E%3Cimg%20src%3Dx%3E",
        "/products/sol-7?amount=%22%3E%3Cimg%20src%3Dx%3E",
        "/products/sol-7/subscribe?amount=%22%3E%3Cimg%20src%3Dx%3E&key=%22%3E%3Cimg%20src%3Dx%3E",
        "/sign-in/link?next=%22%3E%3Cimg%20src%3Dx%3E",
    ] {
        let answer = house.get(path);
        assert!(!answer.text().contains("<img src=x"), "{path}");
        assert!(answer.status < 500, "{path}");
    }
}

#[test]
fn everybody_sees_where_the_coins_are_and_how_old_that_is() {
    let house = House::new();
    // Without the marks that keep the direction of a coin's symbol.
    let page = |path: &str| house.public.get(path).text().replace(['\u{2068}', '\u{2069}'], "");
    let platform_alone = page("/assets/SOL/staking");
    assert!(platform_alone.contains("SOL is not staked on a network. The platform alone pays what it yields."), "{platform_alone}");
    assert!(!platform_alone.contains("<table>") && !platform_alone.contains("Validators"), "{platform_alone}");
    house.platform.deposit("alice", "SOL", "spot", "50");
    treasury::opened(&house.platform, "78");
    let shown = page("/assets/SOL/staking");
    for text in [
        "SOL is staked on its network.",
        "In the exchange&#39;s wallet",
        "Ann&#39;s validator",
        "val-a",
        "Nothing is being freed now.",
        "No slash has been seen.",
        "<bdi dir=\"ltr\">100</bdi>",
        "Just now",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // The bar, the table and the API say the same.
    let staking = house.public.get("/v1/assets/SOL/staking").ok();
    let mut width = 0;
    for place in staking["places"].as_array().expect("places") {
        let share = place["share"].as_str().expect("a share").replace("0.", "").replace("1.", "1")[..4].parse::<u32>().expect("digits");
        let amount = place["amount"].as_str().expect("an amount");
        assert!(shown.contains(&format!("<data value=\"{amount}\"")), "{place}: {shown}");
        assert!(shown.contains(&format!("<bdi dir=\"ltr\">{}.{:02}%</bdi>", share / 100, share % 100)), "{place}: {shown}");
        assert_eq!(shown.contains(&format!("<rect x=\"{width}\" y=\"0\" width=\"{share}\"")), share > 0, "{place}: {shown}");
        width += share;
    }
    assert_eq!(width, 10_000);
    assert!(!shown.contains("This is old"));
    house.platform.move_to("2026-01-03T00:00:00Z");
    let old = page("/assets/SOL/staking");
    assert!(old.contains("This is old") && old.contains("2 d ago"), "{old}");
    assert_eq!(house.public.get("/assets/DOGE/staking").status, 404);
    for path in ["/assets", "/products/sol-7"] {
        assert!(house.get(path).text().contains("href=\"/assets/SOL/staking\""), "{path}");
    }
}

/// No product of a coin that the platform alone pays for speaks of slashed validators, and its sheet says what the product's page does.
#[test]
fn risks_follow_from_the_terms_of_a_product() {
    let house = House::new();
    let terms = json!({"network": {"over_days": 7, "step": "0.001"}});
    house.platform.offer(json!({
        "id": "sol-shared", "asset": "SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}],
        "exit": "may_queue", "slashing": "shared", "yield": terms,
    }));
    const PLATFORM: &str = "The platform alone pays this yield.";
    const BORNE: &str = "The platform bears that loss";
    const SHARED: &str = "What the platform does not bear of such a loss reduces your principal.";
    const LATER: &str = "If the platform stakes this coin on a network later";
    const FOLLOWS: &str = "The rate follows what the network pays";
    const WAIT: &str = "When you leave you may have to wait";
    const AT_ONCE: &str = "The platform promises to pay at once";
    let all = [PLATFORM, BORNE, SHARED, LATER, FOLLOWS, WAIT, AT_ONCE];
    let says = |product: &str, expected: &[&str]| {
        for path in [format!("/products/{product}"), format!("/products/{product}/subscribe")] {
            let page = house.get(&path).text();
            for text in all {
                assert_eq!(page.contains(text), expected.contains(&text), "{path}: {text}");
            }
        }
    };
    says("sol-flex", &[PLATFORM, AT_ONCE]);
    says("sol-shared", &[PLATFORM, LATER, WAIT]);
    says("eth-tiers", &[PLATFORM, AT_ONCE]);
    house.platform.deposit("alice", "SOL", "spot", "50");
    treasury::opened(&house.platform, "78");
    says("sol-flex", &[BORNE, AT_ONCE]);
    says("sol-shared", &[SHARED, FOLLOWS, WAIT]);
    says("eth-tiers", &[PLATFORM, AT_ONCE]);
    let waits = house.get("/products/sol-shared").text();
    assert!(waits.contains("Any time. You may have to wait for your coins.") && !waits.contains("paid at once"), "{waits}");
    assert!(house.get("/products/sol-flex").text().contains("Any time, paid at once."));
}

#[test]
fn a_lost_second_factor_is_removed_by_the_exchange() {
    let house = House::new();
    let page = house.get("/settings/second-factor").text();
    let secret = between(&page, "name=\"secret\" value=\"", "\"");
    let code = factor_code(&secret, seconds_now());
    let answer = house.send("/settings/second-factor", &[("secret", &secret), ("code", &code), ("password", PASSWORD)]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let body = encoded(&[("customer", "alice"), ("password", PASSWORD)]);
    let asked = house.form("/sign-in", &[], &body);
    assert_eq!((asked.status, asked.header("set-cookie")), (200, None));
    let ticket = between(&asked.text(), "name=\"ticket\" value=\"", "\"");
    // A ticket stands for one customer and cannot be made.
    for forged in [ticket.replace("alice", "bob"), "alice|99999999999999|00".into(), String::new(), "|".into()] {
        let answer = house.form("/sign-in/code", &[], &encoded(&[("ticket", &forged), ("code", &code)]));
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{forged}");
    }
    // Codes are tried a few times a minute, wherever from.
    let statuses: Vec<u16> = (0..8).map(|_| house.send("/settings/second-factor/remove", &[("code", "000000")]).status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    let removed = house.platform.server.operator().write("DELETE", "/v1/operator/customers/alice/second-factor", "lost-1", &json!({})).ok();
    assert_eq!(removed, json!({"customer": "alice", "removed": true}));
    assert_eq!(house.get("/assets").status, 303, "its sessions have ended");
    sign_in(&house.public, "alice");
}

#[test]
fn behind_https_cookies_are_for_https_only() {
    let start = super::harness::Start { more: vec!["--https".into()], ..super::harness::Start::default() };
    let server = super::harness::Server::start(&start);
    let operator = server.operator();
    operator.post("/v1/operator/customers", json!({"id": "alice"})).ok();
    operator.post("/v1/operator/customers/alice/password", json!({"password": PASSWORD})).ok();
    let body = encoded(&[("customer", "alice"), ("password", PASSWORD)]);
    let answer = server.public().send("POST", "/sign-in", &[("content-type", "application/x-www-form-urlencoded")], Some(body.as_bytes()));
    let cookie = answer.header("set-cookie").expect("a session");
    assert!(cookie.starts_with("__Host-usance_session=") && cookie.contains("; Secure"), "{cookie}");
    assert!(answer.header("strict-transport-security").is_some());
}

fn files(folder: &Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let named = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.to_string_lossy().ends_with(ending));
    named.map(|path| std::fs::read_to_string(path).expect("text")).collect()
}

/// Names of messages that a text asks for: `t("name"`, `tw("name"`, `tn("name"`.
fn asked(text: &str) -> BTreeSet<String> {
    let compact: String = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( \"", "(\"");
    let calls = [".t(\"", ".tw(\"", ".tn(\""];
    calls
        .iter()
        .flat_map(|call| compact.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_message_is_there_in_every_language() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let messages = |tag: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(root.join("locales").join(tag).join("app.ftl")).expect("messages");
        text.lines()
            .filter_map(|line| line.split_once(" ="))
            .filter(|(name, _)| !name.starts_with([' ', '#']))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let english = messages("en");
    for language in Language::ALL {
        let own = messages(language.tag());
        assert_eq!(english.difference(&own).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in {}", language.tag());
        assert_eq!(own.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new(), "only in {}", language.tag());
        // Each can be read: one that cannot is not there for the reader, and its name is shown instead.
        let words = Words::new(language);
        for name in &own {
            assert_ne!(&words.say(name), name, "{}: {name}", language.tag());
        }
    }
    let mut used = BTreeSet::new();
    let sources: Vec<String> = files(&root.join("templates"), ".html")
        .into_iter()
        .chain(files(&root.join("src/pages"), ".rs").into_iter().chain(files(&root.join("src/look"), ".rs")))
        .collect();
    sources.iter().for_each(|text| used.extend(asked(text)));
    assert!(used.len() > 200, "{}", used.len());
    assert_eq!(used.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new(), "asked for and nowhere");
    const FAMILIES: [&str; 18] = [
        "problem-",
        "account-",
        "changed-",
        "kind-",
        "movement-",
        "notice-",
        "reward-",
        "sort-",
        "source-",
        "theme-",
        "availability-",
        "by-",
        "security-",
        "state-",
        "place-",
        "validator-",
        "exit-standing-",
        "exit-when-",
    ];
    // A name may also be handed on by a function.
    let named = |name: &str| sources.iter().any(|text| text.contains(&format!("\"{name}\"")));
    let in_family = |name: &str| FAMILIES.iter().any(|family| name.starts_with(family));
    let idle: Vec<_> = english.difference(&used).filter(|name| !named(name) && !in_family(name)).collect();
    assert!(idle.is_empty(), "never said: {idle:?}");
    // The variables are the same ones.
    let variables = |tag: &str, name: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(root.join("locales").join(tag).join("app.ftl")).expect("messages");
        let message = text.split(&format!("\n{name} =")).nth(1).unwrap_or("").split("\n\n").next().unwrap_or("").to_owned();
        let whole: String =
            message.lines().enumerate().take_while(|(at, line)| *at == 0 || line.starts_with([' ', '}'])).map(|(_, line)| line).collect();
        whole
            .split('$')
            .skip(1)
            .map(|rest| rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect())
            .collect()
    };
    for name in &english {
        for language in Language::ALL {
            assert_eq!(variables("en", name), variables(language.tag(), name), "{}: {name}", language.tag());
        }
    }
}

#[test]
fn what_is_the_same_for_everybody_is_compressed_once_and_kept_under_its_own_mark_alone() {
    let house = House::new();
    let get = |path: &str, codings: &str| house.public.send("GET", path, &[("accept-encoding", codings)], None);
    let unpacked = |answer: &Answer| {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(answer.bytes.as_slice()).read_to_end(&mut bytes).expect("gzip");
        bytes
    };
    let files = FILES.iter().map(|file| (files::address(file.name), file.kind));
    let texts = [("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8"), ("/favicon.ico", "image/svg+xml")];
    for (path, kind) in files.clone().chain(texts) {
        let (plain, packed) = (get(path, "gzip;q=0, *;q=0"), get(path, "br, GZIP;q=0.5"));
        assert_eq!((plain.status, plain.header("content-encoding"), plain.header("content-type")), (200, None, Some(kind)), "{path}");
        assert_eq!((packed.header("content-encoding"), packed.header("content-type")), (Some("gzip"), Some(kind)), "{path}");
        assert_eq!(packed.header("vary"), Some("accept-encoding"), "{path}");
        // What is compressed for one reader has no length before it is over.
        assert_eq!(packed.header("content-length"), Some(packed.bytes.len().to_string().as_str()), "{path}");
        assert_eq!(unpacked(&packed), plain.bytes, "{path}");
    }
    for (path, _) in files {
        assert_eq!(get(path, "").header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
        let name = path.rsplit('/').next().expect("a name");
        // A page of another release gets something to look at, and nobody keeps it under that release's address.
        let other = get(&format!("/static/0123456789ab/{name}"), "");
        assert_eq!((other.status, other.header("cache-control")), (200, Some("no-store")), "{name}");
        assert_eq!(other.bytes, get(path, "").bytes);
        for mark in ["0", "0123456789AB", "0123456789abc", "..", "%2e%2e", "0123456789a%00", "mark"] {
            let answer = get(&format!("/static/{mark}/{name}"), "");
            assert_eq!((answer.status, answer.header("cache-control")), (404, Some("no-store")), "{mark}/{name}");
        }
    }
    assert_eq!(get("/favicon.ico", "").header("cache-control"), Some("public, max-age=86400"));
}

#[test]
fn scripts_and_styles_keep_to_their_budget() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let packed = |name: &str| {
        let bytes = std::fs::read(root.join(name)).expect("a file");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&bytes).expect("packed");
        (bytes.len(), packer.finish().expect("packed").len())
    };
    let (_, htmx) = packed("htmx.min.js");
    let (_, own) = packed("app.js");
    assert!(htmx + own <= 20 * 1024, "script: {htmx} + {own}");
    let (plain, styles) = packed("app.css");
    assert!(styles <= 15 * 1024 && plain <= 16 * 1024, "styles: {plain}, packed {styles}");
    // Taken over as it was published: see static/README.md.
    use sha2::Digest;
    let sum = sha2::Sha256::digest(std::fs::read(root.join("htmx.min.js")).expect("htmx"));
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let readme = std::fs::read_to_string(root.join("README.md")).expect("what was taken over");
    assert!(readme.contains(&sum), "htmx.min.js is not the file that static/README.md names: {sum}");
}
