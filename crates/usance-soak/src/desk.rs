//! The operator: moves the clock, changes rates, products and pools, and reads the books, all under load.
//!
//! The clock is moved by it alone, so that whoever compares can ask it to stand still.

use crate::caller::{Caller, Done, Sent};
use crate::client::Request;
use crate::founding::ASSETS;
use crate::money::{units, word};
use crate::tally::{Kind, Tally};
use anyhow::ensure;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Time between two requests.
const MEAN: Duration = Duration::from_millis(400);
/// The clock is moved once in so many requests.
const CLOCK_ONE_IN: u64 = 12;
/// The farthest move, in hours: less than a key is kept.
const MOVE_HOURS: u64 = 14;
/// What an operator reads.
const BOOKS: [&str; 9] = [
    "/v1/operator/books",
    "/v1/operator/books",
    "/v1/operator/days?limit=50",
    "/v1/operator/journal?limit=50",
    "/v1/operator/products",
    "/v1/operator/tokens",
    "/v1/operator/customers/c0-0",
    "/metrics",
    "/openapi.json",
];

/// The operator.
pub struct Desk<'a> {
    caller: Caller<'a>,
    pools: BTreeMap<&'static str, i128>,
    rate: u64,
}

/// What the operator leaves behind.
pub struct Harvest {
    /// How long answers took.
    pub tally: Tally,
    /// What each pool was given.
    pub pools: BTreeMap<&'static str, i128>,
}

/// Where the engine's clock stands, in milliseconds since 1970.
///
/// # Errors
/// When the answer is no clock.
pub fn clock_ms(caller: &mut Caller<'_>) -> anyhow::Result<i64> {
    let clock = caller.surely(Request { method: "GET", path: "/v1/clock", headers: &[], body: None })?.json()?;
    Ok(word(&clock, "now")?.parse::<jiff::Timestamp>()?.as_millisecond())
}

fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default()
}

impl<'a> Desk<'a> {
    /// At a platform that was just founded.
    ///
    /// # Errors
    /// Never with the pool that a platform is founded with.
    pub fn new(caller: Caller<'a>) -> anyhow::Result<Desk<'a>> {
        let pool = units(crate::founding::POOL)?;
        Ok(Desk { caller, pools: ASSETS.iter().map(|(symbol, _)| (*symbol, pool)).collect(), rate: 0 })
    }

    /// Works until the load is over.
    pub fn work(mut self) -> Harvest {
        let mut due = Instant::now();
        while !self.caller.stage.is_over() {
            due = self.caller.next_due(due, MEAN);
            if self.caller.dice.once_in(CLOCK_ONE_IN) {
                self.move_clock();
            } else if self.caller.dice.once_in(3) {
                self.change(due);
            } else if self.caller.dice.once_in(40) {
                self.audit(due);
            } else {
                let path = self.caller.one_of(&BOOKS).unwrap_or_default();
                if let Some(answer) = self.caller.look(Kind::Books, path, None, due)
                    && path == "/v1/operator/books"
                    && !answer.text().contains("\"balanced\":true")
                {
                    self.caller.stage.find(format!("books: {}", answer.text()));
                }
            }
        }
        Harvest { tally: self.caller.tally, pools: self.pools }
    }

    fn write(&mut self, kind: Kind, method: &'static str, path: &str, body: Value, due: Instant) -> Done {
        let sent = Sent { kind, key: self.caller.fresh_key(), method, path: path.to_owned(), customer: None, body };
        if self.caller.dice.once_in(10) { self.caller.write_twice(sent, due) } else { self.caller.write(sent, due) }
    }

    fn move_clock(&mut self) {
        let stage = self.caller.stage;
        let _alone = stage.clock.write();
        let hours = i64::try_from(1 + self.caller.dice.below(MOVE_HOURS)).unwrap_or(1);
        let to = stage.now_ms() + hours * 3_600_000;
        let due = Instant::now();
        let done = self.write(Kind::Clock, "POST", "/v1/operator/clock", json!({"to": instant(to)}), due);
        if done.is_accepted() {
            stage.clock_ms.store(to, Ordering::Relaxed);
        } else {
            stage.find(format!("the clock did not move: {}", done.answer.text()));
        }
    }

    /// Some change of what is offered.
    fn change(&mut self, due: Instant) {
        self.rate = (self.rate + 7) % 100;
        let day = |ahead: i64, now: i64| instant(now + ahead * 86_400_000).chars().take(10).collect::<String>();
        let now = self.caller.stage.now_ms();
        let (method, path, body) = match self.caller.dice.below(7) {
            0 => ("POST", "/v1/operator/products/sol-flex/rates", json!({"from": day(2, now), "rate": format!("0.05{:02}", self.rate)})),
            1 => (
                "POST",
                "/v1/operator/products/sol-flex/settled-rates",
                json!({"day": day(0, now), "rate": format!("0.04{:02}", self.rate)}),
            ),
            2 => ("PATCH", "/v1/operator/products/usdd-flex", json!({"capacity": format!("{}", 1500 + 10 * self.rate)})),
            3 => ("PATCH", "/v1/operator/products/usdd-2", json!({"capacity": format!("{}", 200 + 4 * self.rate)})),
            4 => ("POST", "/v1/operator/products/sol-90/status", json!({"status": "paused"})),
            5 => ("POST", "/v1/operator/products/sol-90/status", json!({"status": "open"})),
            _ => return self.fund(due),
        };
        self.write(Kind::Operator, method, path, body, due);
    }

    fn fund(&mut self, due: Instant) {
        let Some((symbol, _)) = self.caller.one_of(&ASSETS) else { return };
        let done = self.write(Kind::Operator, "POST", "/v1/operator/reward-pool", json!({"asset": symbol, "amount": "12.5"}), due);
        if done.is_accepted() {
            *self.pools.entry(symbol).or_default() += 12_500_000_000_000_000_000;
        }
    }

    fn audit(&mut self, due: Instant) {
        let headers = [("content-type", "application/json")];
        let request = Request { method: "POST", path: "/v1/operator/audit", headers: &headers, body: Some(b"{}") };
        let Some(answer) = self.caller.read(Kind::Books, request, due) else { return };
        if let Err(error) = healthy(&answer.json()) {
            self.caller.stage.find(format!("audit: {error:#}"));
        }
    }
}

/// Expects that every invariant holds.
///
/// # Errors
/// With the audit that says otherwise.
pub fn healthy(audit: &anyhow::Result<Value>) -> anyhow::Result<()> {
    let audit = audit.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    ensure!(audit.get("healthy") == Some(&Value::Bool(true)), "{audit}");
    Ok(())
}
