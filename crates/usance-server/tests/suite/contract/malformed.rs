//! What cannot be read is a 400 that says where, comes before every rule, and changes nothing.

use crate::suite::harness::{Answer, Client, fresh_key};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use usance_server::contract::route::Route;
use usance_server::contract::routes::table;

fn raw(sender: &Client, method: &str, path: &str, kind: Option<&str>, body: &[u8]) -> Answer {
    let key = fresh_key();
    let mut headers = vec![("idempotency-key", key.as_str())];
    headers.extend(kind.map(|kind| ("content-type", kind)));
    sender.send(method, path, &headers, Some(body))
}

const DEPOSITS: &str = "/v1/operator/deposits";
const PRODUCTS: &str = "/v1/operator/products";

#[test]
fn a_body_that_is_not_its_shape_is_refused() {
    let platform = Platform::new();
    let sender = platform.acting_for("alice");
    let deposit = r#"{"customer":"alice","asset":"SOL","account":"spot","amount":"1","reference":"r"}"#;
    let with = |old: &str, new: &str| {
        assert!(deposit.contains(old), "{old}");
        deposit.replace(old, new)
    };
    let cases = [
        ("nothing", String::new()),
        ("a blank", " ".into()),
        ("half of it", deposit[..40].into()),
        ("something after it", format!("{deposit} {{}}")),
        ("a comma too many", with(r#""r"}"#, r#""r",}"#)),
        ("a comment", format!("/* so */ {deposit}")),
        ("null", "null".into()),
        ("a word", r#""deposit""#.into()),
        ("a list of the fields' values", r#"["alice","SOL","spot","1","r"]"#.into()),
        ("a list of one", format!("[{deposit}]")),
        ("an unknown field", with(r#""r"}"#, r#""r","note":"x"}"#)),
        ("a field of another spelling", with(r#""amount""#, r#""Amount""#)),
        ("a field twice", with(r#""r"}"#, r#""r","amount":"2"}"#)),
        ("a field missing", with(r#""asset":"SOL","#, "")),
        ("a field that is null", with(r#""SOL""#, "null")),
        ("money as a whole number", with(r#""amount":"1""#, r#""amount":1"#)),
        ("money as a fraction", with(r#""amount":"1""#, r#""amount":1.5"#)),
        ("money as a word", with(r#""amount":"1""#, r#""amount":true"#)),
        ("money in a list", with(r#""amount":"1""#, r#""amount":["1"]"#)),
        ("an account nobody has", with("spot", "savings")),
        ("an account in capitals", with("spot", "Spot")),
        ("an empty reference", with(r#""r"}"#, r#""""#) + "}"),
        ("a reference with a blank", with(r#""r""#, r#""a b""#)),
        ("a reference with a line", with(r#""r""#, r#""a\nb""#)),
        ("a reference in another script", with(r#""r""#, r#""ü""#)),
        ("a reference too long", with(r#""r""#, &format!("\"{}\"", "r".repeat(129)))),
        ("half a surrogate", with(r#""r""#, r#""\ud800""#)),
    ];
    for (what, body) in cases {
        let problem = raw(&sender, "POST", DEPOSITS, Some("application/json"), body.as_bytes()).refused(400, "malformed_request");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}");
    }
    raw(&sender, "POST", DEPOSITS, Some("application/json"), b"{\"customer\":\"\xff\"}").refused(400, "malformed_request");
    let deep = "[".repeat(200) + "]".repeat(200).as_str();
    let deep = with(r#""r"}"#, &format!(r#""r","x":{deep}}}"#));
    raw(&sender, "POST", DEPOSITS, Some("application/json"), deep.as_bytes()).refused(400, "malformed_request");
    assert_eq!(sender.get("/v1/accounts").ok()["items"], json!([]), "nothing was credited");
}

#[test]
fn words_instants_days_and_rates_are_read_strictly() {
    let platform = Platform::new();
    let operator = &platform.operator;
    let product = |field: &str, value: Value| {
        let mut body =
            json!({"id": "new", "asset": "SOL", "name": "New", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}]});
        body[field] = value;
        (PRODUCTS, body)
    };
    let rate = |value: Value| product("rates", json!([value]));
    let instant = |text: &str| ("/v1/operator/clock", json!({"to": text}));
    let day = |text: &str| ("/v1/operator/products/sol-flex/settled-rates", json!({"day": text, "rate": "0.01"}));
    let cap = |text: &str| ("/v1/operator/products/sol-flex/settled-rates", json!({"day": "2026-01-01", "rate": text}));
    let refused = [
        product("kind", json!("fixed")),
        product("kind", json!("fixed_term")),
        product("term_days", json!(7)),
        product("term_days", json!("7")),
        product("term_days", json!(-7)),
        product("status", json!("open")),
        product("capacity", json!(10)),
        product("distribution", json!("weekly")),
        product("distribution", json!({"every_n_days": "3"})),
        product("distribution", json!({"every_n_days": 3, "every_n_weeks": 1})),
        product("renewal", json!("yes")),
        product("opens_at", json!("tomorrow")),
        product("rate", json!("0.05")),
        rate(json!(["2026-01-01", "0.05"])),
        rate(json!({"from": "2026-01-01", "tiers": [["100", "0.05"], [null, "0.01"]]})),
        rate(json!({"from": "2026-01-01"})),
        rate(json!({"from": "2026-01-01", "rate": "0.05", "tiers": [{"rate": "0.05"}]})),
        rate(json!({"from": "2026-01-01", "rate": 0.05})),
        rate(json!({"from": "2026-01-01", "rate": "10.00000001"})),
        rate(json!({"from": "2026-01-01", "tiers": [{"rate": "0.05", "from": "0"}]})),
        rate(json!({"from": "2026-1-1", "rate": "0.05"})),
        instant("2026-02-30T00:00:00Z"),
        instant("2026-02-01"),
        instant("2026-02-01T00:00:00"),
        instant("2026-02-01T00:00:00.0001Z"),
        instant("1969-12-31T23:59:59.999Z"),
        instant("10000-01-01T00:00:00Z"),
        instant(""),
        day("2026-02-29"),
        day("2026-1-01"),
        day("20260101"),
        day("2026-01-01T00:00:00Z"),
        day(" 2026-01-01"),
        cap("0.000000001"),
        cap("-0.01"),
        cap("1 %"),
        cap("0x1"),
        cap(""),
        ("/v1/operator/assets", json!({"symbol": "BTC", "name": "Bitcoin", "decimals": 256, "display_decimals": 8})),
        ("/v1/operator/tokens", json!({"name": "a b", "role": "service"})),
        ("/v1/operator/tokens", json!({"name": "bootstrap", "role": "operator"})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "service", "scopes": []})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "service", "scopes": ["everything"]})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "customer", "customer": "alice", "scopes": ["wallet"]})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "operator", "scopes": ["reading"]})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "service", "days": 0})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "service", "days": 3651})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "root"})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "customer"})),
        ("/v1/operator/tokens", json!({"name": "a", "role": "service", "customer": "alice"})),
        ("/v1/operator/customers/alice/password", json!({"password": "too short"})),
        ("/v1/operator/customers/alice/password", json!({"password": "x".repeat(257)})),
    ];
    for (path, body) in refused {
        let answer = operator.post(path, body.clone());
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_request"), "{path} {body}: {}", answer.text());
    }
    assert_eq!(operator.get("/v1/operator/products").ok()["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(operator.get("/v1/operator/tokens").ok()["items"].as_array().map(Vec::len), Some(1), "the operator's own");
    // An offset is another way to write an instant, and an exponent another way to write a rate.
    assert_eq!(operator.post("/v1/operator/clock", json!({"to": "2026-01-01T14:00:00.5+02:00"})).ok()["now"], "2026-01-01T12:00:00.500Z");
    let (path, body) = cap("2e-2");
    assert_eq!(operator.post(path, body).ok()["rate"], "0.02000000");
}

/// An amount is text that the machine reads, so that `amount_invalid` has its place among the rules.
#[test]
fn an_amount_that_is_none_is_a_rule_of_its_own() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    platform.subscribe("alice", "sol-flex", "1", "spot");
    let (alice, operator) = (platform.acting_for("alice"), &platform.operator);
    let bad = [
        "",
        "0",
        "0.0",
        "-1",
        "+1",
        " 1",
        "1 ",
        ".5",
        "1.",
        "1,5",
        "1_000",
        "0x10",
        "NaN",
        "inf",
        "1e",
        "1e1000",
        "0.0000000001",
        "1.0000000001",
        "1e-10",
        "10000000000000000000.1",
        "10000000000000000000000000000",
        "١",
        "1\u{a0}",
        "0.00000000000000000000000000000000000000000000000000000000000000001",
    ];
    for amount in bad {
        let wallet = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": amount, "reference": fresh_key()});
        let mut answers = vec![
            operator.post(DEPOSITS, wallet.clone()),
            operator.post("/v1/operator/withdrawals", wallet),
            operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": amount})),
            operator.patch("/v1/operator/products/sol-flex", json!({"capacity": amount})),
            alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": amount})),
            alice.post("/v1/subscriptions", json!({"product": "sol-flex", "amount": amount, "source": "spot", "agreement": "v1"})),
            alice.ask("/v1/subscriptions/preview", json!({"product": "sol-flex", "amount": amount})),
            alice.post("/v1/positions/1/redemptions", json!({"amount": amount})),
            alice.ask("/v1/positions/1/redemption-preview", json!({"amount": amount})),
        ];
        if amount.is_ascii() && !amount.contains([' ', '+']) {
            answers.push(platform.server.public().get(&format!("/v1/products/sol-flex/estimate?amount={amount}")));
        }
        for answer in answers {
            assert!(["amount", "capacity"].contains(&answer.refused(422, "amount_invalid")["field"].as_str().expect("a field")));
        }
    }
    // The largest there is, to the base unit: 10^28.
    platform.deposit("alice", "ETH", "spot", "10000000000");
    let more =
        json!({"customer": "alice", "asset": "ETH", "account": "spot", "amount": "10000000000.000000000000000001", "reference": "r"});
    operator.post(DEPOSITS, more).refused(422, "amount_invalid");
    for same in ["1.000000000", "1.00000000000000000000", "1e0", "100E-2", "0001", "0.1e+1"] {
        alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": same})).ok();
    }
    assert_eq!(platform.balance("alice", "SOL", "funding"), "6");
    assert_eq!(platform.balance("alice", "SOL", "spot"), "3");
}

#[test]
fn a_body_is_json_by_its_type_and_of_modest_size() {
    let platform = Platform::new();
    let operator = &platform.operator;
    let body = br#"{"id":"erin"}"#;
    for kind in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx"), Some("text/json"), Some("")]
    {
        raw(operator, "POST", "/v1/operator/customers", kind, body).refused(415, "unsupported_media_type");
    }
    for (kind, id) in [("application/json", "a"), ("application/json; charset=utf-8", "b"), ("Application/JSON", "c")] {
        raw(operator, "POST", "/v1/operator/customers", Some(kind), json!({"id": id}).to_string().as_bytes()).ok();
    }
    // Where every field may be left out, so may the body.
    operator.send("POST", "/v1/operator/audit", &[], None).ok();
    raw(operator, "POST", "/v1/operator/customers/alice/sign-in-links", None, b"").ok();
    let agreement = |bytes: usize| {
        let empty = r#"{"version":"v2","text":"x"}"#.len();
        format!(r#"{{"version":"v2","text":"x"{}}}"#, " ".repeat(bytes - empty))
    };
    let limit = 64 * 1024;
    let over = raw(operator, "POST", "/v1/operator/agreements", Some("application/json"), agreement(limit + 1).as_bytes());
    assert_eq!(over.refused(413, "payload_too_large")["limit_bytes"], limit);
    raw(operator, "POST", "/v1/operator/agreements", Some("application/json"), agreement(limit).as_bytes()).ok();
}

#[test]
fn a_query_parameter_nobody_knows_is_a_typo() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    platform.subscribe("alice", "sol-flex", "1", "spot");
    let sender = platform.acting_for("alice");
    for route in table().into_iter().filter(|route| route.path.starts_with("/v1/") && route.method == "GET") {
        let id = if route.path.contains("products") {
            "sol-flex"
        } else if route.path.contains("positions") {
            "1"
        } else {
            "alice"
        };
        let path = route.path.replace("{id}", id).replace("{version}", "v1").replace("{asset}", "SOL");
        let amount = if route.operation == "estimate_get" { "amount=1&" } else { "" };
        for typo in ["assett=SOL", "Limit=1", "page", "=", "limit%20=1"] {
            let answer = sender.get(&format!("{path}?{amount}{typo}"));
            assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_request"), "{}?{typo}", route.operation);
        }
        for name in route.query {
            let value = match *name {
                "limit" => "1",
                "from" | "to" | "at" => "2026-01-01",
                "asset" => "SOL",
                "kind" => "flexible",
                "status" => "open",
                "product" => "sol-flex",
                "account" => "spot",
                "state" => "all",
                "customer" => "alice",
                _ => "1",
            };
            let twice = sender.get(&format!("{path}?{amount}{name}={value}&{name}={value}"));
            assert_eq!((twice.status, twice.code().as_str()), (400, "malformed_request"), "{}: {name} twice", route.operation);
        }
    }
}

#[test]
fn a_filter_is_read_strictly() {
    let platform = Platform::new();
    let sender = platform.acting_for("alice");
    for (path, bad) in [
        ("/v1/products?kind=", "fixed"),
        ("/v1/products?status=", "OPEN"),
        ("/v1/positions?state=", "open"),
        ("/v1/rewards?from=", "2026-13-01"),
        ("/v1/rewards?to=", "yesterday"),
        ("/v1/statement?account=", "staked"),
        ("/v1/statement?from=", "2026-01-01T00:00:00Z"),
        ("/v1/statement?to=", ""),
        ("/v1/operator/books?at=", "2026-02-29"),
    ] {
        sender.get(&format!("{path}{bad}")).refused(400, "malformed_request");
    }
    for path in [
        "positions",
        "rewards",
        "statement",
        "transfers",
        "subscriptions",
        "redemptions",
        "acceptances",
        "notices",
        "operator/days",
        "operator/journal",
    ] {
        sender.get(&format!("/v1/{path}?asset=DOGE")).refused(404, "asset_not_found");
    }
    for path in ["positions", "operator/days"] {
        sender.get(&format!("/v1/{path}?product=none")).refused(404, "product_not_found");
    }
    sender.get("/v1/operator/journal?customer=nobody").refused(404, "customer_not_found");
    sender.get("/v1/products/sol-flex/estimate").refused(400, "malformed_request");
    // Days far out are days all the same.
    for path in ["rewards", "statement"] {
        assert_eq!(sender.get(&format!("/v1/{path}?from=0001-01-01&to=9999-12-31")).ok()["items"], json!([]));
        sender.get(&format!("/v1/{path}?from=9999-12-31&to=0001-01-01")).refused(400, "malformed_request");
    }
}

#[test]
fn a_page_has_1_to_500_items_and_a_cursor_is_one_of_ours() {
    let platform = Platform::new();
    for customer in ["alice", "bob"] {
        platform.deposit(customer, "SOL", "spot", "100");
        platform.subscribe(customer, "sol-7", "1", "spot");
        platform.subscribe(customer, "sol-flex", "1", "spot");
        for amount in ["1", "2", "3"] {
            let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": amount});
            platform.acting_for(customer).post("/v1/transfers", body).ok();
        }
    }
    platform.move_to("2026-01-10T00:00:00Z");
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    let paged = [
        "products/sol-7/rates",
        "positions",
        "transfers",
        "subscriptions",
        "rewards",
        "statement",
        "notices",
        "acceptances",
        "operator/days",
        "operator/journal",
    ];
    let mut cursors: Vec<(&str, String)> = Vec::new();
    for path in paged {
        for limit in ["0", "501", "-1", "1.5", "x", "", "1e2", "99999999999999999999"] {
            alice.get(&format!("/v1/{path}?limit={limit}")).refused(400, "malformed_request");
        }
        let page = alice.get(&format!("/v1/{path}?limit=1")).ok();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{path}");
        let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{path} has more")).to_owned();
        cursors.push((path, cursor));
    }
    let refused = |sender: &Client, path: &str, cursor: &str| {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = sender.get(&format!("/v1/{path}{joint}cursor={cursor}"));
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_request"), "{path} {cursor}");
    };
    for (path, cursor) in &cursors {
        alice.get(&format!("/v1/{path}?cursor={cursor}")).ok();
        for junk in ["", "0", "00", "x", "null", "%00", "ü", &cursor[..cursor.len() - 2], &format!("{cursor}00"), &"0".repeat(cursor.len())]
        {
            refused(&alice, path, &junk.replace('ü', "%C3%BC"));
        }
        for at in (0..cursor.len()).step_by(5) {
            let mut tampered = cursor.clone();
            let digit = if &cursor[at..=at] == "0" { "1" } else { "0" };
            tampered.replace_range(at..=at, digit);
            refused(&alice, path, &tampered);
        }
        for (other, _) in cursors.iter().filter(|(other, _)| other != path) {
            refused(&alice, other, cursor);
        }
        if !path.starts_with("operator") && !path.starts_with("products") {
            refused(&bob, path, cursor);
        }
        let filter = if path.starts_with("products") { continue } else { "asset=SOL" };
        refused(&alice, &format!("{path}?{filter}"), cursor);
    }
    refused(&alice, "products/sol-flex/rates", &cursors[0].1);
    let whole = ["assets", "products", "accounts", "operator/books", "operator/products", "operator/tokens"];
    for path in whole {
        alice.get(&format!("/v1/{path}?limit=1")).refused(400, "malformed_request");
        assert_eq!(alice.get(&format!("/v1/{path}")).ok()["next_cursor"], Value::Null, "{path} comes whole");
    }
}

/// Every list that takes both days, by the contract's own table; a day alone is a stretch, too.
#[test]
fn a_stretch_of_days_does_not_end_before_it_begins() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1");
    let alice = platform.acting_for("alice");
    let both = |route: &&Route| ["from", "to"].iter().all(|name| route.query.contains(name));
    let routes: Vec<Route> = table().into_iter().filter(|route| both(&route)).collect();
    assert_eq!(routes.iter().map(|route| route.path).collect::<Vec<_>>(), ["/v1/rewards", "/v1/statement"]);
    for route in routes {
        for accept in route.forms() {
            let of = |from: &str, to: &str| alice.send("GET", &format!("{}?from={from}&to={to}", route.path), &[("accept", accept)], None);
            let refused = of("2026-01-02", "2026-01-01").refused(400, "malformed_request");
            assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("from") && detail.contains("2026-01-02")), "{refused}");
            assert_eq!(of("2026-01-01", "2026-01-01").status, 200, "{} {accept}", route.path);
        }
    }
}
