//! Customers who do things all at once, and a ledger of our own that books what they were told.
//!
//! [`Load`] sends commands from several threads, each with its own connection and every command with its own key, and
//! keeps every answer and every request that got none. [`Model`] adds up the answers and nothing else, in the ledgers of the soak:
//! what the engine holds in the end has to be exactly that. They share no arithmetic with the engine.

use super::harness::{Answer, Client, OPERATOR, Server};
use super::money;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use usance_soak::ledger::Holder;
use usance_soak::ledger::compare::{Shown, compare};
use usance_workload::SplitMix64;

/// Everybody there is.
pub const CUSTOMERS: [&str; 6] = ["ada", "ben", "cleo", "dan", "eve", "finn"];
/// What the reward pool is given.
const POOL: &str = "1000000";
/// The smallest amount of the asset, in the units of [`money`].
const BASE_UNIT: i128 = 1_000_000_000;
/// How long a key is remembered at least, in milliseconds of engine time (RULES 10).
const KEY_KEPT_MS: i64 = 48 * 3_600_000;

/// A small platform: one asset, a flexible product, a long term that pays daily, a short one that pays at its end.
pub fn found(server: &Server) {
    let operator = server.operator();
    let done = |path: &str, body: Value| drop(operator.post(path, body).ok());
    done("/v1/operator/assets", json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 9}));
    done("/v1/operator/agreements", json!({"version": "v1", "text": "The words of the agreement."}));
    let rates = json!([{"from": "2025-01-01", "rate": "0.0525"}]);
    let products = [
        json!({"id": "sol-flex", "asset": "SOL", "name": "SOL Flexible", "kind": "flexible", "rates": rates}),
        json!({"id": "sol-400", "asset": "SOL", "name": "SOL 400 days", "kind": "fixed_term", "term_days": 400, "rates": rates,
            "distribution": {"every_n_days": 1}}),
        json!({"id": "sol-2", "asset": "SOL", "name": "SOL 2 days", "kind": "fixed_term", "term_days": 2, "rates": rates}),
    ];
    for product in products {
        let status = format!("/v1/operator/products/{}/status", product["id"].as_str().expect("an id"));
        done("/v1/operator/products", product);
        done(&status, json!({"status": "open"}));
    }
    done("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": POOL}));
    for id in CUSTOMERS {
        done("/v1/operator/customers", json!({"id": id}));
    }
}

/// The engine's clock, in milliseconds since 1970.
pub fn now_ms(client: &Client) -> i64 {
    let clock = client.get("/v1/clock").ok();
    clock["now"].as_str().expect("an instant").parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

/// An instant as a request carries it.
pub fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("an instant").to_string()
}

/// A command as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its key, which nothing else has.
    pub key: String,
    /// Where to.
    pub path: String,
    /// Who is acted for.
    pub customer: Option<&'static str>,
    /// What is asked.
    pub body: Value,
    /// Where the engine's clock stood before, or earlier.
    pub since_ms: i64,
}

impl Sent {
    /// Sends it, now or again.
    pub fn send(&self, client: &Client) -> Result<Answer, String> {
        let bytes = self.body.to_string().into_bytes();
        let mut headers = vec![("idempotency-key", self.key.as_str()), ("content-type", "application/json")];
        headers.extend(self.customer.map(|customer| ("usance-customer", customer)));
        client.try_send("POST", &self.path, &headers, Some(&bytes)).map_err(|error| error.to_string())
    }
}

/// A command and its answer.
#[derive(Clone, Debug)]
pub struct Done {
    /// What was asked.
    pub sent: Sent,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub body: Vec<u8>,
}

impl Done {
    /// Whether the engine still has to know the key when its clock stands there.
    pub fn is_kept(&self, now_ms: i64) -> bool {
        now_ms - self.sent.since_ms < KEY_KEPT_MS
    }

    /// Sends it again and expects the same bytes.
    pub fn expect_again(&self, client: &Client) {
        let again = self.sent.send(client).unwrap_or_else(|error| panic!("{:?}: {error}", self.sent));
        let told = |status: u16, body: &[u8]| format!("{status} {}", String::from_utf8_lossy(body));
        assert_eq!(told(again.status, &again.bytes), told(self.status, &self.body), "the answer to {:?}", self.sent);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{:?} was done again", self.sent);
    }
}

/// What the threads share: the positions anybody was told of.
#[derive(Debug, Default)]
pub struct Known {
    positions: Mutex<Vec<(&'static str, String, bool)>>,
    keys: AtomicU64,
}

impl Known {
    /// Notes the position that an answer tells of.
    pub fn note(&self, done: &Done) {
        if done.status == 201 && done.sent.path == "/v1/subscriptions" {
            let answer: Value = serde_json::from_slice(&done.body).expect("JSON");
            let id = answer["position"]["id"].as_str().expect("an id").to_owned();
            let flexible = answer["position"]["kind"] == "flexible";
            let held = (done.sent.customer.expect("a customer"), id, flexible);
            let mut positions = self.positions.lock().expect("whole");
            if !(flexible && positions.contains(&held)) {
                positions.push(held);
            }
        }
    }

    fn pick(&self, dice: &mut SplitMix64) -> Option<(&'static str, String, bool)> {
        let positions = self.positions.lock().expect("whole");
        positions.get(dice.below(positions.len() as u64) as usize).cloned()
    }
}

/// What a load left behind.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Commands that were answered.
    pub done: Vec<Done>,
    /// Commands that were not.
    pub unanswered: Vec<Sent>,
    /// Answers that said that the engine is not ready; their commands are among the unanswered.
    pub not_ready: Vec<Answer>,
}

/// Threads at work.
pub struct Load {
    threads: Vec<JoinHandle<Harvest>>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Starts threads that send until nobody answers or they are told to stop.
    pub fn start(server: &Server, known: &Arc<Known>, dice: &mut SplitMix64, threads: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let since_ms = now_ms(&server.public());
        let spawn = |seed: u64| {
            let (client, known, stop) = (Client::new(&server.url, Some(OPERATOR), None), Arc::clone(known), Arc::clone(&stop));
            let mut worker = Worker { client, known, dice: SplitMix64::new(seed), since_ms };
            std::thread::spawn(move || worker.work(&stop))
        };
        let threads = (0..threads).map(|_| spawn(dice.roll())).collect();
        Load { threads, stop }
    }

    /// Tells the threads to stop after the command they are at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the threads.
    pub fn harvest(self) -> Harvest {
        let mut all = Harvest::default();
        for thread in self.threads {
            let one = thread.join().expect("no thread of a load panics");
            all.done.extend(one.done);
            all.unanswered.extend(one.unanswered);
            all.not_ready.extend(one.not_ready);
        }
        all
    }
}

struct Worker {
    client: Client,
    known: Arc<Known>,
    dice: SplitMix64,
    since_ms: i64,
}

impl Worker {
    fn work(&mut self, stop: &AtomicBool) -> Harvest {
        let mut harvest = Harvest::default();
        while !stop.load(Ordering::Relaxed) {
            let Some(sent) = self.next() else { continue };
            match sent.send(&self.client) {
                Ok(answer) if answer.status == 503 => {
                    harvest.unanswered.push(sent);
                    harvest.not_ready.push(answer);
                    break;
                }
                Ok(answer) => {
                    let done = Done { sent, status: answer.status, body: answer.bytes };
                    self.known.note(&done);
                    harvest.done.push(done);
                }
                Err(_) => {
                    harvest.unanswered.push(sent);
                    break;
                }
            }
        }
        harvest
    }

    fn amount(&mut self, coins: u64) -> String {
        money::text(BASE_UNIT * i128::from(self.dice.below(coins * 1_000_000_000) + 1))
    }

    fn account(&mut self) -> &'static str {
        if self.dice.once_in(3) { "spot" } else { "funding" }
    }

    /// The next thing to ask; nothing when it has to be thought of again.
    fn next(&mut self) -> Option<Sent> {
        let key = format!("load-{:x}-{}", self.dice.roll(), self.known.keys.fetch_add(1, Ordering::Relaxed));
        let customer = CUSTOMERS[self.dice.below(CUSTOMERS.len() as u64) as usize];
        let account = self.account();
        let (path, customer, body) = match self.dice.below(60) {
            0..12 => {
                let body = json!({"customer": customer, "asset": "SOL", "account": account, "amount": self.amount(20), "reference": key});
                ("/v1/operator/deposits".to_owned(), None, body)
            }
            12..15 => {
                let body = json!({"customer": customer, "asset": "SOL", "account": account, "amount": self.amount(2), "reference": key});
                ("/v1/operator/withdrawals".to_owned(), None, body)
            }
            15..27 => {
                let other = if account == "spot" { "funding" } else { "spot" };
                let body = json!({"asset": "SOL", "from": account, "to": other, "amount": self.amount(5)});
                ("/v1/transfers".to_owned(), Some(customer), body)
            }
            27..37 => {
                let body = json!({"product": "sol-flex", "amount": self.amount(3), "source": account, "agreement": "v1"});
                ("/v1/subscriptions".to_owned(), Some(customer), body)
            }
            37..43 => {
                let product = if self.dice.once_in(2) { "sol-2" } else { "sol-400" };
                let body = json!({"product": product, "amount": self.amount(4), "source": "funding_then_spot", "agreement": "v1"});
                ("/v1/subscriptions".to_owned(), Some(customer), body)
            }
            // One refused command among many: its answer is remembered as well.
            43 => ("/v1/transfers".to_owned(), Some(customer), json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0"})),
            44 => {
                let to = now_ms_of(&self.client.try_send("GET", "/v1/clock", &[], None).ok()?)?;
                let minutes = self.dice.below(240) as i64;
                ("/v1/operator/clock".to_owned(), None, json!({"to": instant(to + minutes * 60_000)}))
            }
            _ => return self.redemption(key),
        };
        Some(Sent { key, path, customer, body, since_ms: self.since_ms })
    }

    fn redemption(&mut self, key: String) -> Option<Sent> {
        let (customer, id, flexible) = self.known.pick(&mut self.dice)?;
        let body = if flexible {
            json!({"amount": self.amount(2), "to": self.account()})
        } else {
            // Most terms are left alone.
            if !self.dice.once_in(3) {
                return None;
            }
            let path = format!("/v1/positions/{id}/redemption-preview");
            let headers = [("usance-customer", customer), ("content-type", "application/json")];
            let preview = self.client.try_send("POST", &path, &headers, Some(b"{}")).ok()?;
            let preview: Value = serde_json::from_slice(&preview.bytes).ok()?;
            json!({"quoted_payout": preview["payout"].as_str().unwrap_or("0"), "quoted_from_funding": preview["clawback_from_funding"].as_str().unwrap_or("0")})
        };
        Some(Sent { key, path: format!("/v1/positions/{id}/redemptions"), customer: Some(customer), body, since_ms: self.since_ms })
    }
}

fn now_ms_of(clock: &Answer) -> Option<i64> {
    let clock: Value = serde_json::from_slice(&clock.bytes).ok()?;
    Some(clock["now"].as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

/// The ledger that books answers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    holders: BTreeMap<&'static str, Holder>,
    /// Commands that did something.
    pub accepted: usize,
    /// Commands that a rule refused.
    pub refused: usize,
}

impl Model {
    /// Books answers, in whatever order they came to us.
    pub fn book_all(&mut self, done: &[Done]) {
        done.iter().for_each(|done| self.book(done));
    }

    /// Books what an answer says was done.
    fn book(&mut self, done: &Done) {
        if done.status >= 300 {
            assert!((400..500).contains(&done.status), "{} to {:?}", done.status, done.sent);
            self.refused += 1;
            return;
        }
        self.accepted += 1;
        let answer: Value = serde_json::from_slice(&done.body).expect("JSON");
        let named = done.sent.customer.or(done.sent.body["customer"].as_str()).unwrap_or("");
        let Some(customer) = CUSTOMERS.into_iter().find(|id| *id == named) else { return };
        let booked = self.holders.entry(customer).or_default().book(&done.sent.path, &done.sent.body, &answer);
        booked.unwrap_or_else(|error| panic!("{error:#}: {:?}", done.sent));
    }

    /// Compares everything with what the engine shows, to the base unit.
    pub fn check(&self, server: &Server) {
        for (customer, holder) in &self.holders {
            let client = server.acting_for(customer);
            let shown = Shown {
                accounts: client.get("/v1/accounts").ok()["items"].as_array().expect("items").clone(),
                positions: client.all("/v1/positions?state=all", 500),
                statement: client.send("GET", "/v1/statement", &[("accept", "text/csv")], None).bytes,
            };
            compare(&mut holder.clone(), &shown).unwrap_or_else(|error| panic!("{customer}: {error:#}"));
            let transfers = holder.sums.get(&("SOL".to_owned(), "spot", "transfer")).map_or(0, |sum| sum.count);
            for (path, count) in
                [("/v1/transfers", transfers), ("/v1/subscriptions", holder.subscriptions), ("/v1/redemptions", holder.redemptions)]
            {
                assert_eq!(client.all(path, 500).len() as u64, count, "{customer} {path}");
            }
        }
        let books = server.operator().get("/v1/operator/books").ok();
        let brought_in: i128 = self.holders.values().map(|holder| holder.brought_in("SOL")).sum();
        assert_eq!(money::field(&books["items"][0], "custody"), brought_in + money::units(POOL), "{books}");
        assert_eq!(books["items"][0]["balanced"], true, "{books}");
        healthy(&server.operator());
    }
}

/// Expects that every invariant holds.
pub fn healthy(operator: &Client) {
    let audit = operator.ask("/v1/operator/audit", json!({})).ok();
    assert_eq!(audit["healthy"], true, "{audit}");
}
