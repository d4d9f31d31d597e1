//! What a customer sees adds up (RULES 9): balances, statement, rewards, positions, to the last base unit.

use crate::suite::harness::{Client, Start};
use crate::suite::money::{field, text, units};
use crate::suite::platform::{CUSTOMERS, Platform};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DAY_DIVISOR: i128 = 365 * 100_000_000;

fn word<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_else(|| panic!("{name} is text in {line}"))
}

/// Every line of a customer's statement, oldest first.
fn lines(sender: &Client, query: &str) -> Vec<Value> {
    let mut lines = sender.all(&format!("/v1/statement{query}"), 500);
    lines.reverse();
    lines
}

/// Starts every account at nothing, adds line by line, and ends at what the accounts show.
fn check_running(sender: &Client, lines: &[Value]) {
    let mut running: BTreeMap<(String, String), i128> = BTreeMap::new();
    for line in lines {
        let balance = running.entry((word(line, "asset").to_owned(), word(line, "account").to_owned())).or_default();
        *balance += field(line, "amount");
        assert_eq!(field(line, "balance"), *balance, "{line}");
        assert!(*balance >= 0 && field(line, "amount") != 0, "{line}");
    }
    for account in sender.get("/v1/accounts").ok()["items"].as_array().expect("items") {
        for kind in ["spot", "funding"] {
            let sum = running.remove(&(word(account, "asset").to_owned(), kind.to_owned())).unwrap_or_default();
            assert_eq!(word(account, kind), text(sum), "{kind} of {account}");
        }
    }
    assert!(running.is_empty(), "every account that moved is listed: {running:?}");
}

#[test]
fn opening_balance_and_every_line_make_the_closing_balance() {
    let platform = Platform::lived();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for customer in CUSTOMERS {
        let sender = platform.acting_for(customer);
        let all = lines(&sender, "");
        check_running(&sender, &all);
        all.iter().for_each(|line| *kinds.entry(word(line, "kind").to_owned()).or_default() += 1);
        for asset in ["SOL", "ETH"] {
            for account in ["spot", "funding"] {
                let of: Vec<&Value> = all.iter().filter(|line| line["asset"] == asset && line["account"] == account).collect();
                let shown = lines(&sender, &format!("?asset={asset}&account={account}"));
                assert_eq!(shown.iter().collect::<Vec<_>>(), of, "{customer}: {asset} {account}, with the balances of the whole");
            }
        }
    }
    let every = ["clawback", "deposit", "maturity", "redemption", "reward", "subscription", "transfer", "withdrawal"];
    assert_eq!(kinds.keys().collect::<Vec<_>>(), every, "this past has everything in it: {kinds:?}");
}

/// More rows than one look at the tables holds, more days than one step back, and many of them in one move of the clock.
#[test]
fn a_long_past_adds_up_too() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1000");
    platform.deposit("alice", "ETH", "spot", "1000");
    platform.subscribe("alice", "sol-flex", "100", "spot");
    platform.subscribe("alice", "eth-tiers", "100", "spot");
    let alice = platform.acting_for("alice");
    let shuffle = |count: usize| {
        for turn in 0..count {
            let (from, to) = if turn % 2 == 0 { ("spot", "funding") } else { ("funding", "spot") };
            alice.post("/v1/transfers", json!({"asset": "SOL", "from": from, "to": to, "amount": "0.000000001"})).ok();
        }
    };
    shuffle(530);
    platform.move_to("2026-03-20T00:00:00Z");
    shuffle(3);
    platform.move_to("2026-10-01T05:00:00Z");
    platform.move_to("2026-10-02T05:00:00Z");
    shuffle(520);
    let all = lines(&alice, "");
    // Two deposits, two subscriptions, 1053 transfers of two lines each, 274 days of two rewards.
    assert_eq!(all.len(), 4 + 2 * 1053 + 2 * 274);
    check_running(&alice, &all);
    let mut small = alice.all("/v1/statement", 97);
    small.reverse();
    assert_eq!(small.len(), all.len());
    assert!(small == all, "pages of another size are the same whole");
    assert_eq!(csv(&alice, "").0.len(), all.len(), "so is the stream");
    assert_eq!(alice.all("/v1/rewards", 500).len(), 2 * 274);
}

/// `from` and `to` are days of the platform, both included; months laid side by side are the whole.
#[test]
fn stretches_of_days_laid_side_by_side_are_the_whole() {
    let platform = Platform::lived_on(&Start { offset: 480, ..Start::default() });
    let bounds = ["2026-01-01", "2026-01-02", "2026-01-05", "2026-01-12", "2026-01-31", "2026-02-20", "2026-02-23"];
    let next = |day: &str| day.parse::<jiff::civil::Date>().expect("a day").tomorrow().expect("a day").to_string();
    for customer in CUSTOMERS {
        let sender = platform.acting_for(customer);
        for list in ["statement", "rewards"] {
            let mut parts = sender.all(&format!("/v1/{list}?to={}", bounds[0]), 500);
            for pair in bounds.windows(2) {
                let mut part = sender.all(&format!("/v1/{list}?from={}&to={}", next(pair[0]), pair[1]), 500);
                part.extend(parts);
                parts = part;
            }
            assert_eq!(parts, sender.all(&format!("/v1/{list}"), 500), "{customer}: {list}");
        }
        for line in sender.all("/v1/statement?from=2026-01-05&to=2026-01-12", 500) {
            // A close is of the day that it closes.
            match line["day"].as_str() {
                Some(day) => assert!(("2026-01-05"..="2026-01-12").contains(&day), "{line}"),
                None => assert!(("2026-01-04T16:00:00.000Z".."2026-01-12T16:00:00.000Z").contains(&word(&line, "at")), "{line}"),
            }
        }
        assert!(
            sender
                .all("/v1/rewards?from=2026-01-05&to=2026-01-12", 500)
                .iter()
                .all(|line| { ("2026-01-05"..="2026-01-12").contains(&word(line, "day")) })
        );
    }
}

/// A statement as CSV: its records by column, and its head.
fn csv(sender: &Client, query: &str) -> (Vec<BTreeMap<String, String>>, String) {
    let answer = sender.send("GET", &format!("/v1/statement{query}"), &[("accept", "text/csv")], None);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")), "{}", answer.text());
    assert!(answer.header("content-disposition").is_some_and(|name| name.starts_with("attachment")));
    let body = answer.text();
    assert!(body.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "lines end as RFC 4180 has it: {body:?}");
    let mut reader = csv::Reader::from_reader(body.as_bytes());
    let records = reader.deserialize().map(|record| record.expect("a record")).collect();
    (records, body.lines().next().unwrap_or("").to_owned())
}

#[test]
fn the_csv_has_the_lines_of_the_json() {
    let platform = Platform::lived();
    for customer in CUSTOMERS {
        let sender = platform.acting_for(customer);
        for query in ["", "?asset=SOL", "?account=spot", "?from=2026-01-05&to=2026-01-20", "?asset=ETH&account=spot"] {
            let (records, head) = csv(&sender, query);
            let json = sender.all(&format!("/v1/statement{query}"), 500);
            assert_eq!(records.len(), json.len(), "{customer} {query}");
            assert_eq!(head, "at,asset,account,kind,amount,balance,day,position,product,reference");
            for (record, line) in records.iter().zip(&json) {
                for (column, shown) in record {
                    let told = line[column].as_str().unwrap_or("");
                    assert_eq!(shown.strip_prefix('\'').unwrap_or(shown), told, "{column} of {line}");
                }
                assert_eq!(record.len(), line.as_object().map_or(0, serde_json::Map::len));
            }
        }
    }
}

#[test]
fn a_reference_cannot_become_a_formula() {
    let platform = Platform::new();
    let references = ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "a,b", "\"q\"", "'=1", "plain", "a=b"];
    for reference in references {
        let body = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": reference});
        platform.operator.post("/v1/operator/deposits", body).ok();
    }
    let alice = platform.acting_for("alice");
    let (mut records, _) = csv(&alice, "");
    records.reverse();
    for (reference, record) in references.iter().zip(&records) {
        let shown = &record["reference"];
        assert!(!shown.starts_with(['=', '+', '-', '@']), "{shown}");
        assert_eq!(shown.strip_prefix('\'').unwrap_or(shown), *reference);
    }
    let told: Vec<Value> = lines(&alice, "").iter().map(|line| line["reference"].clone()).collect();
    assert_eq!(told, references.map(|reference| json!(reference)), "JSON needs no such care");
}

/// A line shows all that its reward is made of: anybody can do the division again.
#[test]
fn every_reward_can_be_computed_from_its_line() {
    let platform = Platform::lived();
    let decimals = |asset: &str| if asset == "SOL" { 9 } else { 18 };
    let mut carries: BTreeMap<String, i128> = BTreeMap::new();
    for customer in CUSTOMERS {
        let mut rewards = platform.acting_for(customer).all("/v1/rewards", 500);
        rewards.reverse();
        for line in &rewards {
            let scale = 10i128.pow(18 - decimals(word(line, "asset")));
            let base = |shown: i128| shown / scale;
            let principal = base(field(line, "principal"));
            let rate = |shown: &Value| units(shown.as_str().expect("a rate")) / 10_i128.pow(10);
            let numerator = match line["tiers"].as_array() {
                None => principal * rate(&line["rate"]),
                Some(tiers) => {
                    let (mut below, mut sum) = (0, 0);
                    for tier in tiers {
                        let end = tier["up_to"].as_str().map_or(principal, |end| base(units(end)).min(principal));
                        sum += (end - below).max(0) * rate(&tier["rate"]);
                        below = end.max(below);
                    }
                    sum
                }
            };
            let carry = carries.entry(word(line, "position").to_owned()).or_default();
            assert_eq!(word(line, "carry_before"), carry.to_string(), "{line}");
            let whole = *carry + numerator;
            assert_eq!(base(field(line, "reward")), whole / DAY_DIVISOR, "{line}");
            *carry = whole % DAY_DIVISOR;
        }
    }
    assert!(carries.len() > 10, "{carries:?}");
}

fn sum<'a>(lines: impl IntoIterator<Item = &'a Value>, name: &str) -> i128 {
    lines.into_iter().map(|line| field(line, name)).sum()
}

#[test]
fn rewards_add_up_to_what_positions_and_accounts_show() {
    let platform = Platform::lived();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for customer in CUSTOMERS {
        let sender = platform.acting_for(customer);
        let (positions, redemptions) = (sender.all("/v1/positions", 500), sender.all("/v1/redemptions", 500));
        let (rewards, statement) = (sender.all("/v1/rewards", 500), lines(&sender, ""));
        for position in &positions {
            let id = word(position, "id");
            *states.entry(word(position, "state").to_owned()).or_default() += 1;
            let own: Vec<&Value> = rewards.iter().filter(|line| line["position"] == id).collect();
            let by_state = |state: &str| sum(own.iter().copied().filter(|line| line["state"] == state), "reward");
            assert_eq!(by_state("accrued"), field(position, "accrued"), "{position}");
            assert_eq!(by_state("paid") + by_state("clawed_back"), field(position, "distributed"), "{position}");
            let paid = statement.iter().filter(|line| line["position"] == id && line["kind"] == "reward");
            assert_eq!(sum(paid, "amount"), field(position, "distributed"), "{position}");
            let of = |name: &str| sum(redemptions.iter().filter(|each| each["position"] == id), name);
            assert_eq!(by_state("forfeited"), of("forfeited_accrued"), "{position}");
            assert_eq!(by_state("clawed_back"), of("clawback_distributed") + of("written_off"), "{position}");
            assert_eq!(field(position, "clawed_back"), of("clawback_distributed"), "{position}");
            assert_eq!(field(position, "written_off"), of("written_off"), "{position}");
            assert_eq!(field(position, "principal"), field(position, "earning") + field(position, "pending"), "{position}");
            assert_eq!(field(position, "principal"), field(position, "from_funding") + field(position, "from_spot"), "{position}");
            let back = statement.iter().filter(|line| line["position"] == id && ["redemption", "maturity"].contains(&word(line, "kind")));
            assert_eq!(sum(back, "amount"), field(position, "principal_returned"), "{position}");
            assert_eq!(sender.all(&format!("/v1/rewards?position={id}"), 500).len(), own.len());
        }
        check_accounts(&sender, &positions, &rewards);
    }
    let every = ["active", "matured", "redeemed_early", "renewed"];
    assert_eq!(states.keys().collect::<Vec<_>>(), every, "{states:?}");
}

fn check_accounts(sender: &Client, positions: &[Value], rewards: &[Value]) {
    for account in sender.get("/v1/accounts").ok()["items"].as_array().expect("items") {
        let of: Vec<&Value> = positions.iter().filter(|position| position["asset"] == account["asset"]).collect();
        let total = |name: &str| sum(of.iter().copied(), name);
        assert_eq!(field(account, "staked"), total("principal"), "{account}");
        assert_eq!(field(account, "accrued"), total("accrued"), "{account}");
        let kept = total("distributed") - total("clawed_back") - total("written_off") + total("accrued");
        assert_eq!(field(account, "rewards_total"), kept, "{account}");
        let yesterday = rewards.iter().filter(|line| line["asset"] == account["asset"] && line["day"] == "2026-02-21");
        let kept = yesterday.filter(|line| ["paid", "accrued"].contains(&word(line, "state")));
        assert_eq!(field(account, "rewards_yesterday"), sum(kept, "reward"), "{account}");
    }
}

/// The estimate for today is what tomorrow says that today gave, if nothing changes.
#[test]
fn todays_estimate_comes_true_tomorrow() {
    let platform = Platform::lived();
    let accounts = |customer: &str| platform.acting_for(customer).get("/v1/accounts").ok()["items"].as_array().cloned().expect("items");
    let estimated: Vec<Value> = CUSTOMERS.iter().flat_map(|customer| accounts(customer)).collect();
    platform.move_to("2026-02-23T00:00:00Z");
    let came: Vec<Value> = CUSTOMERS.iter().flat_map(|customer| accounts(customer)).collect();
    assert!(estimated.iter().any(|account| account["earning_today_estimate"] != "0"));
    for (before, after) in estimated.iter().zip(&came) {
        assert_eq!(before["earning_today_estimate"], after["rewards_yesterday"], "{before} {after}");
    }
}
