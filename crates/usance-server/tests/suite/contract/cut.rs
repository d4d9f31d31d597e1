//! What is of which day (RULES 2): books, journal, statement and rewards cut at the same instants, so they fit each other at the end
//! of every day, a year's included.

use crate::suite::harness::Start;
use crate::suite::money::{field, units};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const BOTH: [&str; 2] = ["alice", "bob"];
const DAYS: [&str; 6] = ["2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"];

/// Two customers over a year's end: daily rewards and others, terms that end with the year, and something at its last instant and at
/// the first of the next. The platform's days begin `offset` minutes before those of UTC.
fn lived(offset: i32) -> Platform {
    let local = |time: &str| format!("{time}{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, offset.abs() / 60, offset.abs() % 60);
    let clock = format!("simulated:{}", local("2026-12-20T00:00:00"));
    let platform = Platform::started(&Start { clock, offset, ..Start::default() });
    for (customer, coins) in BOTH.into_iter().zip(["1000", "0.7"]) {
        platform.deposit(customer, "SOL", "spot", coins);
        platform.deposit(customer, "ETH", "funding", coins);
        platform.subscribe(customer, "sol-flex", "0.3", "spot");
        platform.subscribe(customer, "eth-tiers", "0.3", "funding");
    }
    // Its term ends with 2026: the close of the last day pays and gives it back.
    platform.move_to(&local("2026-12-25T00:00:00"));
    platform.subscribe("alice", "sol-7", "500", "spot");
    platform.move_to(&local("2026-12-31T23:59:59.999"));
    platform.deposit("bob", "SOL", "spot", "0.000000005");
    platform.move_to(&local("2027-01-01T00:00:00"));
    platform.deposit("bob", "SOL", "funding", "0.000000007");
    platform.acting_for("alice").post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"})).ok();
    platform.acting_for("alice").post("/v1/positions/1/redemptions", json!({"amount": "0.1"})).ok();
    // Several days in one move.
    platform.move_to(&local("2027-01-04T08:00:00"));
    platform
}

/// What both have, by coin and account, where their statements to a day end.
fn by_statements(platform: &Platform, day: &str) -> BTreeMap<(String, String), i128> {
    let mut sums = BTreeMap::new();
    for customer in BOTH {
        let lines = platform.acting_for(customer).all(&format!("/v1/statement?to={day}"), 3);
        let mut last: BTreeMap<(String, String), i128> = BTreeMap::new();
        for line in lines.iter().rev() {
            last.insert((text(line, "asset"), text(line, "account")), field(line, "balance"));
        }
        last.into_iter().for_each(|(account, balance)| *sums.entry(account).or_default() += balance);
    }
    sums
}

fn text(line: &Value, name: &str) -> String {
    line[name].as_str().unwrap_or_else(|| panic!("{name} is text in {line}")).to_owned()
}

#[test]
fn statements_to_a_day_are_the_books_at_that_day() {
    for offset in [0, 480, -210] {
        let platform = lived(offset);
        let journal = platform.operator.all("/v1/operator/journal", 500);
        let mut before = BTreeMap::new();
        for day in DAYS {
            let sums = by_statements(&platform, day);
            for book in platform.operator.get(&format!("/v1/operator/books?at={day}")).ok()["items"].as_array().expect("items") {
                for account in ["spot", "funding"] {
                    let owed = field(book, &format!("customer_{account}"));
                    let shown = sums.get(&(text(book, "asset"), account.to_owned())).copied().unwrap_or_default();
                    assert_eq!(shown, owed, "{offset}: {account} of {book} at {day}");
                    let mut posted = 0;
                    for entry in journal.iter().filter(|entry| entry["asset"] == book["asset"] && text(entry, "day").as_str() <= day) {
                        for posting in entry["postings"].as_array().expect("postings") {
                            if posting["account"] == format!("customer_{account}") {
                                posted += field(posting, "amount") * if posting["side"] == "credit" { 1 } else { -1 };
                            }
                        }
                    }
                    assert_eq!(posted, owed, "{offset}: {account} of {book} in the journal at {day}");
                }
            }
            assert_ne!(sums, before, "something moved on {day}");
            before = sums;
        }
    }
}

#[test]
fn a_reward_of_the_last_day_of_a_year_is_of_that_year_everywhere() {
    let platform = lived(0);
    for customer in BOTH {
        let sender = platform.acting_for(customer);
        let year = sender.all("/v1/statement?from=2026-01-01&to=2026-12-31", 500);
        let next = sender.all("/v1/statement?from=2027-01-01", 500);
        let whole = sender.all("/v1/statement", 500);
        assert_eq!([next.clone(), year.clone()].concat(), whole, "{customer}: nothing is in both years or in none");
        let closing = |lines: &[Value], day: &str| lines.iter().filter(|line| line["day"] == day).count();
        // A reward of each flexible position, and of alice's term the reward and what comes back.
        assert_eq!(closing(&year, "2026-12-31"), if customer == "alice" { 4 } else { 2 }, "{customer}");
        assert_eq!(closing(&next, "2026-12-31"), 0, "{customer}");
        let stamped = year.iter().filter(|line| line["day"] == "2026-12-31").all(|line| line["at"] == "2027-01-01T00:00:00.000Z");
        assert!(stamped, "{customer}: it is stamped with the first instant of the next day");
        // What the customer did at that instant is of the next day.
        assert!(next.iter().any(|line| line["at"] == "2027-01-01T00:00:00.000Z" && line["day"].is_null()), "{customer}");
        // Rewards of the year are the rewards that its statement has.
        let paid = |lines: &[Value], amount: &str| lines.iter().map(|line| field(line, amount)).sum::<i128>();
        let rewards = sender.all("/v1/rewards?to=2026-12-31", 500);
        let of_year: Vec<Value> = year.iter().filter(|line| line["kind"] == "reward").cloned().collect();
        assert_eq!(paid(&of_year, "amount"), paid(&rewards, "reward"), "{customer}");
        assert!(paid(&rewards, "reward") > units("0"));
        let csv = sender.send("GET", "/v1/statement?to=2026-12-31", &[("accept", "text/csv")], None).text();
        assert_eq!(csv.lines().count(), year.len() + 1, "{customer}");
    }
}
