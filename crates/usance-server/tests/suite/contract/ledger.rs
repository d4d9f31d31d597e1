//! The books (RULES 9): every entry balances, entries sum up to the trial balance of every day, shares to their totals.

use crate::suite::money::{field, text, units};
use crate::suite::platform::{CUSTOMERS, Platform};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACCOUNTS: [&str; 20] = [
    "custody",
    "customer_spot",
    "customer_funding",
    "customer_principal",
    "rewards_payable",
    "reward_pool",
    "in_transit",
    "treasury_liquid",
    "treasury_staked",
    "treasury_unbonding",
    "treasury_claimable",
    "redemptions_queued",
    "yield_undistributed",
    "loss_reserve",
    "commission_income",
    "other_income",
    "opening_equity",
    "slashing_loss",
    "network_fees",
    "network_rounding",
];
/// Those that something stands behind: customers' lines, or places of the treasury.
const WITH_SUB_LEDGER: [&str; 10] = [
    "customer_spot",
    "customer_funding",
    "customer_principal",
    "rewards_payable",
    "in_transit",
    "treasury_liquid",
    "treasury_staked",
    "treasury_unbonding",
    "treasury_claimable",
    "redemptions_queued",
];

/// What something is called, and its balance in units.
type Sums = BTreeMap<(String, String), i128>;

fn word<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_else(|| panic!("{name} is text in {line}"))
}

fn journal(platform: &Platform, query: &str) -> Vec<Value> {
    let mut entries = platform.operator.all(&format!("/v1/operator/journal{query}"), 500);
    entries.reverse();
    entries
}

/// Adds an entry to the balances of its accounts: custody is an asset, everything else is owed.
fn add(sums: &mut Sums, entry: &Value) {
    for posting in entry["postings"].as_array().expect("postings") {
        let account = word(posting, "account");
        let debit = match word(posting, "side") {
            "debit" => 1,
            "credit" => -1,
            other => panic!("{other} is no side"),
        };
        let sign = if account == "custody" { debit } else { -debit };
        *sums.entry((word(entry, "asset").to_owned(), account.to_owned())).or_default() += sign * field(posting, "amount");
    }
}

/// The trial balance as it is shown, after looking at everything that it says about itself.
fn books(platform: &Platform, query: &str) -> Sums {
    let shown = platform.operator.get(&format!("/v1/operator/books{query}")).ok();
    let mut sums = Sums::new();
    for book in shown["items"].as_array().expect("items") {
        assert_eq!(book["balanced"], true, "{book}");
        let accounts: Vec<&str> = book["accounts"].as_array().expect("accounts").iter().map(|each| word(each, "account")).collect();
        assert_eq!(accounts, ACCOUNTS, "the whole chart");
        for account in book["accounts"].as_array().expect("accounts") {
            let name = word(account, "account");
            assert!(book[name].is_null() || account["control"] == book[name], "{book}");
            let own = !WITH_SUB_LEDGER.contains(&name);
            assert!(if own { account["sub_ledger"].is_null() } else { account["sub_ledger"] == account["control"] }, "{account}");
            sums.insert((word(book, "asset").to_owned(), name.to_owned()), field(account, "control"));
        }
        let owed: i128 = ACCOUNTS[1..6].iter().map(|name| field(book, name)).sum();
        assert_eq!(field(book, "custody"), owed, "{book}");
        let overdrawn = field(book, "reward_pool") < 0 || field(book, "custody") < 0;
        assert_eq!(book["overdrawn"], overdrawn, "{book}");
    }
    sums
}

fn without_zeros(sums: Sums) -> Sums {
    sums.into_iter().filter(|(_, sum)| *sum != 0).collect()
}

#[test]
fn every_entry_balances_and_all_of_them_are_the_books() {
    let platform = Platform::lived();
    let entries = journal(&platform, "");
    let mut sums = Sums::new();
    for entry in &entries {
        let side = |side: &str| -> i128 {
            let of = entry["postings"].as_array().expect("postings").iter().filter(|posting| posting["side"] == side);
            of.map(|posting| field(posting, "amount")).sum()
        };
        assert_eq!(side("debit"), side("credit"), "{entry}");
        assert!(side("debit") > 0, "an entry without money is none: {entry}");
        assert!(entry["postings"].as_array().expect("postings").iter().all(|posting| field(posting, "amount") > 0), "{entry}");
        add(&mut sums, entry);
    }
    assert_eq!(without_zeros(sums), without_zeros(books(&platform, "")));
    for asset in ["SOL", "ETH"] {
        let of: Vec<&Value> = entries.iter().filter(|entry| entry["asset"] == asset).collect();
        assert_eq!(journal(&platform, &format!("?asset={asset}")).iter().collect::<Vec<_>>(), of);
    }
    let owed = |asset: &str| {
        units(
            &platform.operator.get("/v1/operator/books").ok()["items"][usize::from(asset == "ETH")]["reward_pool"]
                .to_string()
                .replace('"', ""),
        )
    };
    assert!(owed("SOL") > 0 && owed("ETH") < 0, "one pool was funded, the other is overdrawn and says so");
}

/// The books of a day are every entry up to its close, the close's own included.
#[test]
fn the_books_of_every_closed_day_are_the_entries_up_to_its_close() {
    let platform = Platform::lived();
    let entries = journal(&platform, "");
    let mut day: jiff::civil::Date = "2026-01-01".parse().expect("a day");
    let open = platform.operator.get("/v1/clock").ok()["day"].as_str().expect("a day").to_owned();
    let mut different = 0;
    let mut last = Sums::new();
    while day.to_string() < open {
        let next = day.tomorrow().expect("a day");
        let close = format!("{next}T00:00:00.000Z");
        let by_close = |entry: &&Value| word(entry, "at") < close.as_str() || (word(entry, "at") == close && entry["product"].is_string());
        let mut sums = Sums::new();
        entries.iter().filter(by_close).for_each(|entry| add(&mut sums, entry));
        assert!(entries.iter().all(|entry| by_close(&entry) == (word(entry, "day") <= day.to_string().as_str())), "{day}");
        let shown = without_zeros(books(&platform, &format!("?at={day}")));
        assert_eq!(without_zeros(sums), shown, "{day}");
        different += usize::from(shown != last);
        last = shown;
        day = next;
    }
    assert_eq!(different, 52, "something moved on every day");
    for never in [open.as_str(), "2027-01-01", "2025-12-31"] {
        platform.operator.get(&format!("/v1/operator/books?at={never}")).refused(404, "day_not_closed");
    }
}

#[test]
fn the_customers_entries_and_shares_sum_up_to_the_journal() {
    let platform = Platform::lived();
    let (closes, rest): (Vec<Value>, Vec<Value>) = journal(&platform, "").into_iter().partition(|entry| entry["product"].is_string());
    assert!(closes.iter().all(|entry| entry["customer"].is_null() && entry["position"].is_null()));
    let (mut shares, mut own) = (BTreeMap::new(), Vec::new());
    let by_line = |totals: &mut BTreeMap<Vec<String>, i128>, entry: &Value| {
        for posting in entry["postings"].as_array().expect("postings") {
            let place = ["at", "log_position", "asset", "product"].map(|name| word(entry, name).to_owned());
            let line = ["account", "side"].map(|name| word(posting, name).to_owned());
            *totals.entry(place.into_iter().chain(line).collect()).or_default() += field(posting, "amount");
        }
    };
    for customer in CUSTOMERS {
        for entry in journal(&platform, &format!("?customer={customer}")) {
            assert_eq!(entry["customer"], customer);
            assert_eq!(entry["product"].is_string(), entry["position"].is_string(), "{entry}");
            if entry["product"].is_string() { by_line(&mut shares, &entry) } else { own.push(entry) }
        }
    }
    let mut totals = BTreeMap::new();
    closes.iter().for_each(|entry| by_line(&mut totals, entry));
    assert_eq!(shares, totals, "shares of a close");
    let mut of_customers: Vec<Value> = rest.into_iter().filter(|entry| entry["customer"].is_string()).collect();
    let place = |entry: &Value| word(entry, "log_position").parse::<u64>().expect("a number");
    of_customers.sort_by_key(place);
    own.sort_by_key(place);
    assert_eq!(own, of_customers, "what customers did themselves");
}

#[test]
fn a_closed_day_is_told_the_same_everywhere() {
    let platform = Platform::lived();
    let days = platform.operator.all("/v1/operator/days", 500);
    let mut sums: BTreeMap<(String, String), [i128; 4]> = BTreeMap::new();
    for customer in CUSTOMERS {
        let sender = platform.acting_for(customer);
        for line in sender.all("/v1/rewards", 500) {
            let day = sums.entry((word(&line, "day").into(), word(&line, "product").into())).or_default();
            day[0] += field(&line, "reward");
            day[1] += i128::from(line["principal"] != "0");
        }
        for line in sender.all("/v1/statement", 500).iter().filter(|line| line["day"].is_string()) {
            let day = sums.entry((word(line, "day").into(), word(line, "product").into())).or_default();
            day[if line["kind"] == "reward" { 2 } else { 3 }] += field(line, "amount");
        }
    }
    for day in &days {
        let [rewards, earning, paid, returned] = sums.remove(&(word(day, "day").into(), word(day, "product").into())).unwrap_or_default();
        assert_eq!(word(day, "rewards"), text(rewards), "{day}");
        assert_eq!(day["earning_positions"].as_i64().map(i128::from), Some(earning), "{day}");
        assert_eq!(word(day, "distributed"), text(paid), "{day}");
        assert_eq!(word(day, "matured_principal"), text(returned), "{day}");
    }
    assert!(sums.is_empty(), "no customer saw a day that was not closed: {sums:?}");
    let positions: Vec<Value> = CUSTOMERS.iter().flat_map(|customer| platform.acting_for(customer).all("/v1/positions", 500)).collect();
    for (count, states) in [("matured", &["matured", "renewed"][..]), ("renewed", &["renewed"])] {
        let ended = positions.iter().filter(|position| states.contains(&word(position, "state"))).count();
        assert_eq!(days.iter().filter_map(|day| day[count].as_u64()).sum::<u64>(), ended as u64, "{count}");
    }
    for product in ["sol-flex", "eth-tiers", "sol-7", "eth-10"] {
        let rates = platform.operator.all(&format!("/v1/products/{product}/rates"), 500);
        let told: Vec<[&Value; 3]> =
            rates.iter().filter(|line| line["day"].is_string()).map(|line| [&line["day"], &line["rate"], &line["settled"]]).collect();
        let closed: Vec<[&Value; 3]> =
            days.iter().filter(|day| day["product"] == product).map(|day| [&day["day"], &day["rate"], &day["settled"]]).collect();
        assert_eq!(told, closed, "{product}");
    }
}

#[test]
fn the_operators_page_of_a_customer_is_what_the_customer_sees() {
    let platform = Platform::lived();
    for customer in CUSTOMERS {
        let page = platform.operator.get(&format!("/v1/operator/customers/{customer}")).ok();
        let sender = platform.acting_for(customer);
        assert_eq!(page["id"], customer);
        assert_eq!(page["accounts"], sender.get("/v1/accounts").ok()["items"]);
        assert_eq!(page["positions"], json!(sender.all("/v1/positions", 500)));
        assert_eq!(page["statement"], sender.get("/v1/statement").ok()["items"]);
    }
}

#[test]
fn the_audit_looks_at_everything_and_finds_it_sound() {
    let platform = Platform::lived();
    let auditor = platform.with_token("auditor", "reader", None);
    let audit = auditor.ask("/v1/operator/audit", json!({})).ok();
    assert_eq!(audit["healthy"], true, "{audit:#}");
    let invariants = audit["invariants"].as_array().expect("invariants");
    assert!(invariants.len() >= 5 && invariants.iter().all(|each| each["holds"] == true && !word(each, "figures").is_empty()), "{audit:#}");
}

/// What is taken out of a pool is never more than it holds; what is owed can overdraw it, and is shown.
#[test]
fn a_reward_pool_is_funded_and_emptied_and_never_below_what_is_there() {
    let platform = Platform::new();
    let pool = |kind: &str, amount: &str| {
        platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": amount, "kind": kind}))
    };
    assert_eq!(pool("fund", "2.5").ok()["reward_pool"], "2.5");
    assert_eq!(pool("withdraw", "2.500000001").refused(422, "insufficient_balance")["available"], "2.5");
    assert_eq!(pool("withdraw", "2.5").ok()["reward_pool"], "0");
    platform.deposit("alice", "SOL", "spot", "730");
    platform.subscribe("alice", "sol-flex", "730", "spot");
    platform.move_to("2026-01-02T00:00:00Z");
    let book = platform.operator.get("/v1/operator/books").ok()["items"][0].clone();
    assert_eq!((word(&book, "reward_pool"), &book["overdrawn"], word(&book, "custody")), ("-0.1", &json!(true), "730"));
    let metrics = platform.server.public().get("/metrics").text();
    let alert = r#"usance_account_overdrawn{shard="0",asset="SOL",account="reward_pool"} 1"#;
    assert!(metrics.contains(alert), "{metrics}");
    assert_eq!(pool("fund", "0.1").ok()["reward_pool"], "0");
}
