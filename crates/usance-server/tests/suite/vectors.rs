//! The golden cases over HTTP: every file of `vectors/` on an engine of its own, to its last expectation.
//!
//! What the core answers to a case is the core's own test; this one says that the same holds from outside, through
//! JSON, and that everything the contract shows agrees with the file: accounts, positions, books, rewards, statements.

use super::harness::{Client, Server, Start};
use super::postgres::Database;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "about")]
    _about: String,
    day_offset_minutes: i32,
    assets: Vec<GivenAsset>,
    agreement: String,
    products: Vec<Map<String, Value>>,
    steps: Vec<Map<String, Value>>,
    #[serde(rename = "final")]
    end: End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAsset {
    symbol: String,
    decimals: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    balances: Vec<EndBalance>,
    positions: Vec<Map<String, Value>>,
    reward_pool: BTreeMap<String, String>,
    custody: BTreeMap<String, String>,
    daily_rewards: Vec<EndReward>,
    distributions: Vec<EndDistribution>,
}

#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(deny_unknown_fields)]
struct EndBalance {
    customer: String,
    asset: String,
    spot: String,
    funding: String,
}

#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(deny_unknown_fields)]
struct EndReward {
    day: String,
    position: u64,
    amount: String,
}

#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(deny_unknown_fields)]
struct EndDistribution {
    day_closed: String,
    position: u64,
    amount: String,
}

fn text<'a>(from: &'a Value, field: &str) -> &'a str {
    from[field].as_str().unwrap_or_else(|| panic!("{field} is text in {from}"))
}

/// A case and the engine it runs on.
struct Run {
    case: Case,
    server: Server,
    operator: Client,
    owners: BTreeMap<u64, String>,
}

impl Run {
    /// The platform as the case finds it: created at the instant of its first step.
    fn found(case: Case, database: Option<&Database>) -> Run {
        let first = case.steps[0]["at"].as_str().expect("a step has an instant");
        let store = |database: &Database| vec!["--store".to_owned(), database.address().to_owned()];
        let more = database.map(store).unwrap_or_default();
        let server = Server::start(&Start { clock: format!("simulated:{first}"), offset: case.day_offset_minutes, more });
        let operator = server.operator();
        let owner = |position: &Map<String, Value>| {
            (position["position"].as_u64().expect("a number"), position["customer"].as_str().expect("text").to_owned())
        };
        let owners = case.end.positions.iter().map(owner).collect();
        let run = Run { case, server, operator, owners };
        run.set_up();
        run
    }

    fn set_up(&self) {
        let done = |path: &str, body: Value| {
            self.operator.post(path, body).ok();
        };
        for GivenAsset { symbol, decimals } in &self.case.assets {
            let display = 8.min(*decimals);
            done("/v1/operator/assets", json!({"symbol": symbol, "name": symbol, "decimals": decimals, "display_decimals": display}));
        }
        done("/v1/operator/agreements", json!({"version": self.case.agreement, "text": "The words of the agreement."}));
        for id in self.customers() {
            done("/v1/operator/customers", json!({"id": id}));
        }
        for given in &self.case.products {
            let mut product = given.clone();
            let status = product.remove("status").unwrap_or(json!("open"));
            let id = product["id"].clone();
            product.insert("name".into(), id.clone());
            done("/v1/operator/products", Value::Object(product));
            let path = format!("/v1/operator/products/{}/status", id.as_str().expect("text"));
            done(&path, json!({"status": "open"}));
            if status != "open" {
                done(&path, json!({"status": status}));
            }
        }
    }

    fn customers(&self) -> BTreeSet<String> {
        self.case.steps.iter().filter_map(|step| step.get("customer")?.as_str().map(str::to_owned)).collect()
    }

    /// Does a step; answers `ok` or the code of its rejection.
    fn step(&self, index: usize) -> String {
        let mut fields = self.case.steps[index].clone();
        let mut take = |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned));
        let (at, verb) = (take("at").expect("an instant"), take("do").expect("a verb"));
        let customer = take("customer");
        fields.remove("expect");
        if index == 0 || at != self.case.steps[index - 1]["at"] {
            self.operator.post("/v1/operator/clock", json!({"to": at})).ok();
        }
        let part = |fields: &mut Map<String, Value>, name: &str| match fields.remove(name) {
            Some(Value::String(text)) => text,
            Some(number) => number.to_string(),
            None => panic!("{verb} has {name}"),
        };
        let wallet = |fields: &mut Map<String, Value>, path: &str| {
            fields.insert("customer".into(), json!(customer));
            fields.insert("reference".into(), json!(format!("step-{index}")));
            ("POST", path.to_owned(), None)
        };
        let (method, path, actor) = match verb.as_str() {
            "advance" => {
                assert!(fields.is_empty(), "advance says nothing else: {fields:?}");
                return "ok".into();
            }
            "deposit" => wallet(&mut fields, "/v1/operator/deposits"),
            "withdraw" => wallet(&mut fields, "/v1/operator/withdrawals"),
            "transfer" => ("POST", "/v1/transfers".into(), customer),
            "fund_reward_pool" => ("POST", "/v1/operator/reward-pool".into(), None),
            "subscribe" => {
                fields.entry("agreement").or_insert_with(|| json!(self.case.agreement));
                ("POST", "/v1/subscriptions".into(), customer)
            }
            "redeem" => {
                let position = part(&mut fields, "position");
                return self.redeem(&position, &customer.expect("somebody redeems"), fields);
            }
            "set_auto_renew" => {
                let position = part(&mut fields, "position");
                let owner = self.owners.get(&position.parse().expect("a number")).or(self.owners.values().next());
                ("PATCH", format!("/v1/positions/{position}"), owner.cloned())
            }
            "set_rate" => ("POST", format!("/v1/operator/products/{}/rates", part(&mut fields, "product")), None),
            "settle_rate" => ("POST", format!("/v1/operator/products/{}/settled-rates", part(&mut fields, "product")), None),
            "set_limits" => ("PATCH", format!("/v1/operator/products/{}", part(&mut fields, "product")), None),
            "set_status" => ("POST", format!("/v1/operator/products/{}/status", part(&mut fields, "product")), None),
            unknown => panic!("{}: {unknown} is no verb", self.case.name),
        };
        let sender = actor.map_or_else(|| self.operator.clone(), |customer| self.server.acting_for(&customer));
        outcome(&sender.write(method, &path, &super::harness::fresh_key(), &Value::Object(fields)))
    }

    /// As a customer does it: looks first, then asks for what was shown. Both say the same when the rules say no.
    fn redeem(&self, position: &str, customer: &str, asked: Map<String, Value>) -> String {
        let sender = self.server.acting_for(customer);
        let look = Value::Object(asked.clone()).to_string();
        let preview = sender.send(
            "POST",
            &format!("/v1/positions/{position}/redemption-preview"),
            &[("content-type", "application/json")],
            Some(look.as_bytes()),
        );
        let mut body = asked;
        if preview.status == 200 {
            let shown = preview.json();
            body.insert("quoted_payout".into(), shown["payout"].clone());
            body.insert("quoted_from_funding".into(), shown["clawback_from_funding"].clone());
        }
        let done = sender.post(&format!("/v1/positions/{position}/redemptions"), Value::Object(body));
        assert_eq!(outcome(&preview), outcome(&done), "{}: a preview and its redemption", self.case.name);
        if preview.status == 200 {
            let (shown, booked) = (preview.json(), done.json());
            // What staying would bring, and whether it is paid at once, are shown and no part of what is booked.
            const ONLY_SHOWN: [&str; 5] = ["total_reward_if_kept", "exit", "withheld", "available", "expected"];
            let booked_too = |(figure, _): &(&String, &Value)| !ONLY_SHOWN.contains(&figure.as_str());
            for (figure, value) in shown.as_object().expect("an object").iter().filter(booked_too) {
                assert_eq!(&booked[figure], value, "{}: {figure}, as shown and as booked", self.case.name);
            }
        }
        outcome(&done)
    }

    fn check_end(&self) {
        self.check_accounts();
        let shown: usize = self.customers().iter().map(|who| self.server.acting_for(who).all("/v1/positions", 500).len()).sum();
        assert_eq!(shown, self.case.end.positions.len(), "{}: every position is expected", self.case.name);
        for expected in &self.case.end.positions {
            self.check_position(expected);
        }
        self.check_books();
        self.check_days();
        let audit = self.operator.send("POST", "/v1/operator/audit", &[], None).ok();
        assert_eq!(audit["healthy"], true, "{}: {audit}", self.case.name);
    }

    /// Accounts the case names are as it says, all others empty.
    fn check_accounts(&self) {
        let mut seen = Vec::new();
        for customer in self.customers() {
            for account in self.server.acting_for(&customer).get("/v1/accounts").ok()["items"].as_array().expect("items") {
                let each = EndBalance {
                    customer: customer.clone(),
                    asset: text(account, "asset").to_owned(),
                    spot: text(account, "spot").to_owned(),
                    funding: text(account, "funding").to_owned(),
                };
                let named = self.case.end.balances.iter().any(|end| (&end.customer, &end.asset) == (&each.customer, &each.asset));
                if named || each.spot != "0" || each.funding != "0" {
                    seen.push(each);
                }
            }
        }
        let empty = |end: &&EndBalance| end.spot == "0" && end.funding == "0";
        let shown = |end: &EndBalance| seen.iter().any(|each| (&each.customer, &each.asset) == (&end.customer, &end.asset));
        // An account nobody ever used is not listed; the case may still say that it is empty.
        let unused: Vec<EndBalance> = self.case.end.balances.iter().filter(empty).filter(|end| !shown(end)).cloned().collect();
        seen.extend(unused);
        seen.sort_unstable();
        let mut expected = self.case.end.balances.clone();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{}: balances", self.case.name);
    }

    fn check_position(&self, expected: &Map<String, Value>) {
        let (number, owner) = (&expected["position"], expected["customer"].as_str().expect("text"));
        let shown = self.server.acting_for(owner).get(&format!("/v1/positions/{number}")).ok();
        assert_eq!(shown["id"], number.to_string());
        for (field, value) in expected.iter().filter(|(field, _)| *field != "position" && *field != "customer") {
            assert_eq!(&shown[field], value, "{}: {field} of position {number}", self.case.name);
        }
    }

    fn check_books(&self) {
        let books = self.operator.get("/v1/operator/books").ok();
        for (account, expected) in [("reward_pool", &self.case.end.reward_pool), ("custody", &self.case.end.custody)] {
            let one = |item: &Value| (text(item, "asset").to_owned(), text(item, account).to_owned());
            let seen: BTreeMap<String, String> = books["items"].as_array().expect("items").iter().map(one).collect();
            assert_eq!(&seen, expected, "{}: {account}", self.case.name);
        }
        assert!(books["items"].as_array().expect("items").iter().all(|item| item["balanced"] == true), "{}: {books}", self.case.name);
    }

    /// What was earned, as the reward lines show it, and what was paid, as the statements show it.
    fn check_days(&self) {
        let (mut rewards, mut distributions) = (Vec::new(), Vec::new());
        let number = |line: &Value| text(line, "position").parse().expect("a number");
        for customer in self.customers() {
            let sender = self.server.acting_for(&customer);
            for line in sender.all("/v1/rewards", 500).iter().filter(|line| line["reward"] != "0") {
                let (day, amount) = (text(line, "day").to_owned(), text(line, "reward").to_owned());
                rewards.push(EndReward { day, position: number(line), amount });
            }
            for line in sender.all("/v1/statement?account=funding", 500).iter().filter(|line| line["kind"] == "reward") {
                let (day_closed, amount) = (text(line, "day").to_owned(), text(line, "amount").to_owned());
                distributions.push(EndDistribution { day_closed, position: number(line), amount });
            }
        }
        rewards.sort_unstable();
        distributions.sort_unstable();
        let mut expected = (self.case.end.daily_rewards.clone(), self.case.end.distributions.clone());
        expected.0.sort_unstable();
        expected.1.sort_unstable();
        assert_eq!(rewards, expected.0, "{}: rewards", self.case.name);
        assert_eq!(distributions, expected.1, "{}: distributions", self.case.name);
    }
}

fn outcome(answer: &super::harness::Answer) -> String {
    if (200..300).contains(&answer.status) { "ok".into() } else { answer.code() }
}

fn run_case(path: &Path, database: Option<&Database>) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let run = Run::found(case, database);
    for (index, step) in run.case.steps.iter().enumerate() {
        let expected = match &step["expect"] {
            Value::String(ok) if ok == "ok" => "ok",
            Value::Object(no) if no.len() == 1 => no["rejected"].as_str().expect("a code"),
            other => panic!("{}: step {index} expects {other}", run.case.name),
        };
        assert_eq!(run.step(index), expected, "{}: step {index}: {step:?}", run.case.name);
    }
    run.check_end();
}

#[test]
fn every_golden_case_holds_over_http() {
    every_case(|path| run_case(path, None));
}

#[test]
fn every_golden_case_holds_on_a_database_server() {
    every_case(|path| run_case(path, Some(&Database::new())));
}

fn every_case(run: impl Fn(&Path) + Sync) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder entry").path()).collect();
    assert!(!files.is_empty(), "there are golden cases");
    let waiting = Mutex::new(files.clone());
    let finished = Mutex::new(0);
    // Two at a time: each engine mostly waits for its disk.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("a list").pop();
                    let Some(path) = next else { return };
                    run(&path);
                    *finished.lock().expect("a count") += 1;
                }
            });
        }
    });
    assert_eq!(finished.into_inner().expect("a count"), files.len(), "no file is left unread");
}
