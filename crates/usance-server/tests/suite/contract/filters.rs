//! A filtered list is the whole with lines left out, however it is found: row by row, over sums, or in short pages.

use crate::suite::harness::{Client, Start, fresh_key};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::io::BufRead;

const KINDS: [&str; 8] = ["deposit", "withdrawal", "transfer", "subscription", "redemption", "clawback", "reward", "maturity"];
const PRODUCTS: [&str; 5] = ["sol-flex", "eth-tiers", "sol-7", "eth-10", "sol-wild"];

fn is(line: &Value, name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| line[name] == wanted)
}

/// One filter of a statement, as a query.
fn query(parts: &[(&str, Option<&str>)]) -> String {
    let given = parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
    format!("/v1/statement?{}", given.collect::<Vec<_>>().join("&"))
}

/// Asks for every kind, product, account and stretch of days, and compares with the whole.
fn check_filters(sender: &Client) {
    let whole = sender.all("/v1/statement", 500);
    let some = |words: &'static [&'static str]| std::iter::once(None).chain(words.iter().copied().map(Some));
    for kind in some(&KINDS) {
        for product in some(&PRODUCTS) {
            for (from, to) in [(None, None), (Some("2026-01-03"), Some("2026-01-20")), (None, Some("2026-01-12"))] {
                let path = query(&[("kind", kind), ("product", product), ("from", from), ("to", to)]);
                let fits = |line: &&Value| {
                    // What a close does is of the day that it closes.
                    let day = line["day"].as_str().or_else(|| line["at"].as_str()?.get(..10)).expect("a day");
                    is(line, "kind", kind)
                        && is(line, "product", product)
                        && from.is_none_or(|from| day >= from)
                        && to.is_none_or(|to| day <= to)
                };
                let expected: Vec<&Value> = whole.iter().filter(fits).collect();
                // sol-wild is there for some only.
                if product == Some("sol-wild") && sender.get("/v1/products/sol-wild").status == 404 {
                    continue;
                }
                assert_eq!(sender.all(&path, 500).iter().collect::<Vec<_>>(), expected, "{path}");
            }
        }
        for account in ["spot", "funding"] {
            let path = query(&[("kind", kind), ("account", Some(account))]);
            let expected: Vec<&Value> = whole.iter().filter(|line| is(line, "kind", kind) && line["account"] == account).collect();
            assert_eq!(sender.all(&path, 2).iter().collect::<Vec<_>>(), expected, "{path} two by two");
        }
    }
}

#[test]
fn a_filtered_statement_is_the_whole_with_lines_left_out() {
    let platform = Platform::lived();
    for customer in ["alice", "bob", "carol", "dave"] {
        check_filters(&platform.acting_for(customer));
    }
}

/// Of a customer with many positions what it did is looked at row by row, and what lies between is taken off as sums.
#[test]
fn so_it_is_for_a_customer_with_many_positions() {
    let platform = Platform::new();
    let dave = platform.acting_for("dave");
    for asset in ["SOL", "ETH"] {
        platform.deposit("dave", asset, "spot", "1000");
        platform.deposit("dave", asset, "funding", "1000");
    }
    platform.subscribe("dave", "sol-flex", "100", "funding");
    platform.subscribe("dave", "eth-tiers", "150", "spot");
    for turn in 0..4 {
        for number in 0..12 {
            let (product, source) = if number % 3 == 0 { ("eth-10", "funding") } else { ("sol-7", "spot") };
            platform.subscribe("dave", product, "1.5", source);
        }
        dave.post("/v1/transfers", json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "3"})).ok();
        platform.redeem("dave", "1", json!({"amount": "2"}));
        let out = json!({"customer": "dave", "asset": "SOL", "account": "funding", "amount": "1", "reference": format!("out-{turn}")});
        platform.operator.post("/v1/operator/withdrawals", out).ok();
        platform.move_to(&format!("2026-01-0{}T10:00:00Z", 2 + turn));
    }
    // Left early after its first payment.
    let paid = dave.all("/v1/positions?product=eth-10&state=active", 500).last().expect("one")["id"].as_str().expect("an id").to_owned();
    platform.redeem("dave", &paid, json!({}));
    platform.move_to("2026-03-01T12:00:00Z");
    platform.redeem("dave", "1", json!({"amount": "1"}));
    check_filters(&dave);
}

/// Positions and days of [`far`]: together more than one request may read.
const POSITIONS: usize = 300;
const LAST_DAY: &str = "2026-09-28T00:00:00Z";

/// A customer of whom everything but daily rewards is far back.
fn far() -> Platform {
    far_on(&Start::default())
}

fn far_on(start: &Start) -> Platform {
    let platform = Platform::started(start);
    platform.offer(json!({
        "id": "sol-long", "asset": "SOL", "kind": "fixed_term", "term_days": 300, "distribution": "daily",
        "rates": [{"from": "2026-01-01", "rate": "0.05"}],
    }));
    platform.deposit("alice", "SOL", "spot", "100000");
    let out = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "out"});
    platform.operator.post("/v1/operator/withdrawals", out).ok();
    for _ in 0..POSITIONS {
        platform.subscribe("alice", "sol-long", "10", "spot");
    }
    platform.move_to(LAST_DAY);
    platform
}

#[test]
fn a_long_walk_comes_in_short_pages_and_what_has_an_index_does_not_walk() {
    let platform = far();
    let alice = platform.acting_for("alice");
    let first = alice.get("/v1/statement?account=spot&limit=1").ok();
    assert!(first["items"] == json!([]) && first["next_cursor"].is_string(), "it stops before it finds anything: {first}");
    let spot = alice.all("/v1/statement?account=spot", 500);
    assert_eq!(spot.len(), POSITIONS + 2);
    // What the customer did is found at once, with the balance that it left.
    let found = alice.get("/v1/statement?kind=withdrawal&limit=1").ok();
    assert_eq!((&found["items"][0], &found["next_cursor"]), (&spot[POSITIONS], &Value::Null));
    assert_eq!(found["items"][0]["balance"], "99999");
    let found = alice.get("/v1/statement?to=2026-01-01&limit=1").ok();
    assert_eq!(
        (&found["items"][0]["kind"], &found["items"][0]["day"]),
        (&json!("reward"), &json!("2026-01-01")),
        "and so are the days asked for"
    );
    // Whoever cannot go on by a cursor gets everything: the file, and the page.
    let csv = alice.send("GET", "/v1/statement?account=spot", &[("accept", "text/csv")], None);
    assert_eq!(csv.text().lines().count(), 1 + spot.len());
}

#[test]
fn a_long_list_of_rewards_comes_in_short_pages_too() {
    let platform = far();
    let alice = platform.acting_for("alice");
    // All of one day, in pages that end where what may be read ends or as many as fit.
    let day = alice.all("/v1/rewards?from=2026-01-01&to=2026-01-02", 500);
    assert_eq!(day.len(), 2 * POSITIONS);
    let notices = alice.all("/v1/notices", 500);
    assert_eq!(notices.len(), 270 * POSITIONS, "a reward a day and position");
    let keys: std::collections::BTreeSet<String> =
        notices.iter().map(|notice| format!("{} {}", notice["day"], notice["position"])).collect();
    assert_eq!(keys.len(), notices.len(), "each once");
}

#[test]
fn what_a_long_walk_costs_is_told_and_taken_of_the_rate() {
    let platform = far_on(&Start { more: Vec::new(), ..Start::default() });
    let phone = platform.with_token("customer", "phone", Some("alice"));
    let short = phone.get("/v1/statement?kind=withdrawal&limit=1");
    assert_eq!(short.header("ratelimit"), Some("\"customer\";r=49;t=1, \"history\";r=19;t=1"), "what costs little is one request");
    // By now the rate may be whole again; a walk as far as one may go is eight requests more.
    let long = phone.get("/v1/statement?account=spot&limit=1");
    let left = long.header("ratelimit").and_then(|told| told.split("\"history\";r=").nth(1)?.split(';').next()?.parse::<u32>().ok());
    assert!(left.is_some_and(|left| left <= 19 - 8), "{:?}", long.header("ratelimit"));
    let refused = (0..20).map(|_| phone.get("/v1/statement?account=spot&limit=1")).find(|answer| answer.status != 200);
    refused.expect("twenty of them are more than two seconds' worth").refused(429, "rate_limited");
    let bob = platform.with_token("customer", "phone", Some("bob"));
    assert_eq!(bob.get("/v1/statement").status, 200, "others have all of theirs");
}

#[test]
fn a_statement_on_its_way_ends_with_the_token_that_asked_for_it() {
    let platform = far();
    let made = platform.operator.post("/v1/operator/tokens", json!({"name": "tax", "role": "customer", "customer": "alice"})).ok();
    let tax = Client::new(&platform.server.url, made["token"].as_str(), None);
    let (status, mut body) = tax.open("/v1/statement", &[("accept", "text/csv")]);
    let mut first = String::new();
    body.read_line(&mut first).expect("a line");
    assert_eq!((status, first.starts_with("at,asset")), (200, true));
    let token = format!("/v1/operator/tokens/{}", made["id"].as_str().expect("an id"));
    platform.operator.send("DELETE", &token, &[("idempotency-key", &fresh_key())], None).ok();
    let rest = body.lines().collect::<Result<Vec<String>, _>>();
    assert!(rest.is_err(), "eight megabytes were not on their way: it is cut");
}
