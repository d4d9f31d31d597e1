//! A list is the same whole however it is cut, and stays so while others write.

use super::{losses, orders, treasury, two_people};
use crate::suite::harness::Client;
use crate::suite::platform::Platform;
use crate::suite::routes::route_of;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usance_server::contract::routes::table;

/// A list, who reads it, and the fields that tell one line from another for ever.
struct List {
    sender: Client,
    path: String,
    name: &'static [&'static str],
}

/// A past, also of the ways in.
fn lived() -> Platform {
    let platform = Platform::lived();
    treasury::network(&platform);
    let held = platform.operator.get("/v1/operator/treasury/coverage").ok()["items"][0]["custody"].clone();
    treasury::attest(&platform, held.as_str().expect("an amount"));
    platform.operator.post("/v1/operator/treasury/networks/hub/pictures", treasury::picture(&platform, 1)).ok();
    two_people::agree(&platform, &treasury::confirmation(&platform));
    (0..3).for_each(|_| come_in(&platform));
    platform
}

/// A link for each of two customers, a proposal that nobody signs, a loss that nobody bears, and orders that somebody declines.
fn come_in(platform: &Platform) {
    losses::lose(platform);
    let known = platform.operator.get("/v1/operator/proposals?limit=1").ok();
    two_people::propose(platform, &format!("person-{}", known["items"][0]["proposal_id"].as_str().unwrap_or("0"))).ok();
    for customer in ["alice", "bob"] {
        platform.operator.post(&format!("/v1/operator/customers/{customer}/sign-in-links"), json!({})).ok();
    }
    // One that is still open would be replaced by the next plan, and not be there any more.
    let decline = |order: &Value| _ = orders::sign(platform, "anna", order, "decline").ok();
    orders::standing(platform, "proposed").iter().for_each(decline);
    orders::set(platform, "gas_reserve", "0.5");
    orders::standing(platform, "proposed").iter().for_each(decline);
}

/// Every list that comes in pages; the fields are empty where a line never changes at all.
fn lists(platform: &Platform) -> Vec<List> {
    const POSITION: &[&str] = &["id"];
    const REWARD: &[&str] = &["day", "position", "reward", "principal"];
    const NOTICE: &[&str] = &["kind", "day", "position", "product", "from", "matures_at"];
    const LINE: &[&str] = &[];
    let mut lists = Vec::new();
    for customer in ["alice", "bob"] {
        let own = [
            ("positions", POSITION),
            ("positions?asset=SOL", POSITION),
            ("positions?state=closed", POSITION),
            ("rewards", REWARD),
            ("rewards?asset=ETH", REWARD),
            ("rewards?position=1", REWARD),
            ("rewards?from=2026-01-05&to=2026-02-03", REWARD),
            ("statement", LINE),
            ("statement?asset=SOL", LINE),
            ("statement?account=spot", LINE),
            ("statement?from=2026-01-05&to=2026-02-03", LINE),
            ("subscriptions", LINE),
            ("redemptions", LINE),
            ("transfers", LINE),
            ("acceptances", LINE),
            ("notices", NOTICE),
            ("notices?asset=SOL", NOTICE),
            ("security-events", LINE),
        ];
        for (path, name) in own {
            if customer == "bob" && path == "rewards?position=1" {
                continue;
            }
            lists.push(List { sender: platform.acting_for(customer), path: format!("/v1/{path}"), name });
        }
    }
    let back = [
        "operator/days",
        "operator/days?asset=SOL",
        "operator/days?product=sol-flex",
        "operator/journal",
        "operator/journal?asset=ETH",
        "operator/records",
        "operator/security-events",
        "operator/security-events?customer=alice",
        "operator/journal?customer=alice",
        "operator/journal?customer=bob&asset=SOL",
        "products/sol-flex/rates",
        "products/eth-tiers/rates",
    ];
    lists.extend(back.iter().map(|path| List { sender: platform.operator.clone(), path: format!("/v1/{path}"), name: LINE }));
    lists.push(List { sender: platform.operator.clone(), path: "/v1/operator/proposals".to_owned(), name: &["proposal_id"] });
    let orders = "/v1/operator/treasury/networks/hub/orders".to_owned();
    lists.push(List { sender: platform.operator.clone(), path: orders, name: &["order_id"] });
    lists.push(List { sender: platform.operator.clone(), path: "/v1/operator/treasury/losses".to_owned(), name: &["id"] });
    let read: BTreeSet<&str> = lists.iter().map(|list| route_of("GET", &list.path).operation).collect();
    // Of those there is something only where a treasury has begun: they are read in `exits`.
    const OF_A_TREASURY: [&str; 2] = ["exit_list", "queue_get"];
    let paged = table().into_iter().filter(|route| route.query.contains(&"cursor") && !OF_A_TREASURY.contains(&route.operation));
    assert_eq!(read, paged.map(|route| route.operation).collect(), "every list of the table that has a cursor");
    lists
}

impl List {
    /// What a line is called.
    fn name_of(&self, line: &Value) -> Value {
        if self.name.is_empty() { line.clone() } else { self.name.iter().map(|field| line[*field].clone()).collect() }
    }

    fn names(&self, lines: &[Value]) -> Vec<Value> {
        let names: Vec<Value> = lines.iter().map(|line| self.name_of(line)).collect();
        let different: BTreeSet<String> = names.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), names.len(), "{}: no line comes twice", self.path);
        names
    }
}

/// The instant that a line is sorted by, as text that sorts as time does.
fn time(line: &Value) -> Option<&str> {
    ["at", "accepted_at", "day", "from"].iter().find_map(|field| line[*field].as_str())
}

#[test]
fn pages_of_any_size_make_the_same_whole_newest_first() {
    let platform = lived();
    for list in lists(&platform) {
        let whole = list.sender.all(&list.path, 500);
        assert!(!whole.is_empty(), "{} has something to show", list.path);
        for size in [1, 7] {
            let pages = list.sender.all(&list.path, size);
            let differs = pages.iter().zip(&whole).position(|(one, other)| one != other);
            assert_eq!((differs, pages.len()), (None, whole.len()), "{} by {size}", list.path);
        }
        let first = list.sender.get(&list.path).ok();
        assert_eq!(first["items"].as_array().map(Vec::as_slice), whole.get(..whole.len().min(100)), "{}: 100 unless told", list.path);
        list.names(&whole);
        let times: Vec<&str> = whole.iter().filter_map(time).collect();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{} is newest first: {times:?}", list.path);
    }
}

/// Something of everything, so that every list grows.
fn go_on(platform: &Platform, turn: usize) {
    come_in(platform);
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    for (customer, sender) in [("alice", &alice), ("bob", &bob)] {
        platform.deposit(customer, "SOL", "spot", "2");
        platform.deposit(customer, "ETH", "funding", "1");
        sender.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.5"})).ok();
        let position = platform.subscribe(customer, "sol-flex", "1", "spot");
        platform.subscribe(customer, "sol-7", "0.1", "spot");
        platform.subscribe(customer, "eth-tiers", "0.1", "funding");
        // Where coins are staked it may wait.
        sender.post(&format!("/v1/positions/{position}/redemptions"), json!({"amount": "0.25", "exit": "queued"})).ok();
    }
    let clock = platform.operator.get("/v1/clock").ok();
    platform.operator.post("/v1/operator/clock", json!({"to": clock["next_close_at"]})).ok();
    for product in ["sol-flex", "eth-tiers"] {
        let next = platform.operator.get("/v1/clock").ok()["next_close_at"].as_str().expect("an instant")[..10].to_owned();
        let body = json!({"from": next, "rate": format!("0.0{}", 1 + turn % 4)});
        platform.operator.post(&format!("/v1/operator/products/{product}/rates"), body).ok();
    }
}

#[test]
fn a_list_is_stable_while_others_write() {
    let platform = lived();
    go_on(&platform, 0);
    for list in lists(&platform) {
        let old = list.names(&list.sender.all(&list.path, 500));
        let joint = if list.path.contains('?') { '&' } else { '?' };
        let size = old.len().div_ceil(4).clamp(1, 500);
        let (mut seen, mut cursor, mut turn) = (Vec::new(), String::new(), 0);
        loop {
            let page = list.sender.get(&format!("{}{joint}limit={size}{cursor}", list.path)).ok();
            seen.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            turn += 1;
            if turn <= 3 {
                go_on(&platform, turn);
            }
        }
        let still: Vec<Value> = list.names(&seen).into_iter().filter(|name| old.contains(name)).collect();
        assert_eq!(still, old, "{}: every old line once, in its place", list.path);
    }
}

/// What was shown stays where it was; what is new stands before it.
#[test]
fn what_is_new_stands_at_the_front() {
    let platform = lived();
    let before: Vec<Vec<Value>> = lists(&platform).iter().map(|list| list.names(&list.sender.all(&list.path, 500))).collect();
    go_on(&platform, 0);
    go_on(&platform, 1);
    for (list, before) in lists(&platform).iter().zip(before) {
        let filtered = list.path.contains("from=") || list.path.contains("state=closed") || list.path.contains("position=1");
        // Notices look 90 days back and a week ahead, rates announced stand before days that close later.
        if filtered || list.path.contains("notices") || list.path.ends_with("/rates") {
            continue;
        }
        let now = list.names(&list.sender.all(&list.path, 500));
        assert!(now.len() > before.len(), "{} has grown", list.path);
        assert_eq!(now[now.len() - before.len()..], before, "{}", list.path);
    }
}
