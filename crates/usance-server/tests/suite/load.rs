//! Customers who do things all at once, and a ledger of our own that books what they were told.
//!
//! [`Load`] sends commands from several threads, each with its own connection and every command with its own key, and
//! keeps every answer and every request that got none. [`Model`] adds up the answers and nothing else: what the engine
//! holds in the end has to be exactly that. It shares no arithmetic with the engine.

use super::harness::{Answer, Client, OPERATOR, Server};
use super::money;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use usance_server::cli::world::Dice;

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

    fn pick(&self, dice: &mut Dice) -> Option<(&'static str, String, bool)> {
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
    pub fn start(server: &Server, known: &Arc<Known>, dice: &mut Dice, threads: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let since_ms = now_ms(&server.public());
        let spawn = |seed: u64| {
            let (client, known, stop) = (Client::new(&server.url, Some(OPERATOR), None), Arc::clone(known), Arc::clone(&stop));
            let mut worker = Worker { client, known, dice: Dice::new(seed), since_ms };
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
    dice: Dice,
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

/// What the answers say a customer has, without rewards and without what came back from terms that ended by themselves.
#[derive(Clone, Debug, Default)]
struct Holder {
    spot: i128,
    funding: i128,
    transfers: usize,
    subscriptions: usize,
    redemptions: usize,
}

#[derive(Clone, Debug)]
struct Stake {
    customer: &'static str,
    principal: i128,
    from_funding: i128,
    from_spot: i128,
    left_early: bool,
}

/// The ledger that books answers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    holders: BTreeMap<&'static str, Holder>,
    stakes: BTreeMap<String, Stake>,
    custody: i128,
    /// Commands that did something.
    pub accepted: usize,
    /// Commands that a rule refused.
    pub refused: usize,
}

impl Model {
    /// Books answers, in whatever order they came to us.
    pub fn book_all(&mut self, done: &[Done]) {
        // A position is opened before it is redeemed, whichever answer was read first.
        let (opened, others): (Vec<&Done>, Vec<&Done>) = done.iter().partition(|done| done.sent.path == "/v1/subscriptions");
        opened.into_iter().chain(others).for_each(|done| self.book(done));
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
        let asked = |field: &str| done.sent.body[field].as_str().unwrap_or("").to_owned();
        let named = done.sent.customer.map_or_else(|| asked("customer"), str::to_owned);
        let Some(customer) = CUSTOMERS.into_iter().find(|id| *id == named) else { return };
        let holder = self.holders.entry(customer).or_default();
        match done.sent.path.as_str() {
            "/v1/operator/deposits" | "/v1/operator/withdrawals" => {
                let amount = money::field(&done.sent.body, "amount");
                let change = if done.sent.path.ends_with("deposits") { amount } else { -amount };
                *(if asked("account") == "spot" { &mut holder.spot } else { &mut holder.funding }) += change;
                self.custody += change;
            }
            "/v1/transfers" => {
                let to_spot = money::field(&done.sent.body, "amount") * if asked("to") == "spot" { 1 } else { -1 };
                holder.spot += to_spot;
                holder.funding -= to_spot;
                holder.transfers += 1;
            }
            "/v1/subscriptions" => {
                let amount = money::field(&done.sent.body, "amount");
                let position = &answer["position"];
                let (from_funding, from_spot) = match asked("source").as_str() {
                    "funding" => (amount, 0),
                    "spot" => (0, amount),
                    _ => (money::field(position, "from_funding"), money::field(position, "from_spot")),
                };
                assert_eq!(from_funding + from_spot, amount, "{answer}");
                holder.funding -= from_funding;
                holder.spot -= from_spot;
                holder.subscriptions += 1;
                let id = position["id"].as_str().expect("an id").to_owned();
                let none = Stake { customer, principal: 0, from_funding: 0, from_spot: 0, left_early: false };
                let stake = self.stakes.entry(id).or_insert(none);
                assert_eq!(stake.customer, customer, "{answer}");
                stake.principal += amount;
                stake.from_funding += from_funding;
                stake.from_spot += from_spot;
            }
            _ => {
                holder.spot += money::field(&answer, "to_spot");
                holder.funding += money::field(&answer, "to_funding") - money::field(&answer, "clawback_from_funding");
                holder.redemptions += 1;
                let id = answer["position"]["id"].as_str().expect("an id");
                let stake = self.stakes.get_mut(id).expect("a position we were told of");
                stake.principal -= money::field(&answer, "principal");
                stake.left_early = answer["kind"] == "early";
            }
        }
    }

    /// Compares everything with what the engine shows, to the base unit.
    pub fn check(&self, server: &Server) {
        let mut unseen: Vec<&String> = self.stakes.keys().collect();
        for (customer, holder) in &self.holders {
            let client = server.acting_for(customer);
            let (mut spot, mut funding, mut staked) = (holder.spot, holder.funding, 0);
            for position in client.all("/v1/positions", 500) {
                let id = position["id"].as_str().expect("an id");
                let stake = self.stakes.get(id).unwrap_or_else(|| panic!("nobody was told of {position}"));
                assert_eq!(stake.customer, *customer, "{position}");
                unseen.retain(|other| *other != id);
                funding += money::field(&position, "distributed");
                match position["state"].as_str().expect("a word") {
                    "matured" => {
                        funding += stake.from_funding;
                        spot += stake.from_spot;
                    }
                    "active" => {
                        assert_eq!(money::field(&position, "principal"), stake.principal, "{position}");
                        staked += stake.principal;
                    }
                    "redeemed" => assert_eq!(stake.principal, 0, "{position}"),
                    "redeemed_early" => assert!(stake.left_early && stake.principal == 0, "{position}"),
                    other => panic!("a position is {other}: {position}"),
                }
            }
            let accounts = client.get("/v1/accounts").ok();
            let shown = accounts["items"].as_array().expect("items").first().cloned().unwrap_or_default();
            let seen = ["spot", "funding", "staked"].map(|field| money::field(&shown, field));
            assert_eq!(seen, [spot, funding, staked], "{customer} has spot, funding, staked: {shown}");
            for (path, count) in
                [("/v1/transfers", holder.transfers), ("/v1/subscriptions", holder.subscriptions), ("/v1/redemptions", holder.redemptions)]
            {
                assert_eq!(client.all(path, 500).len(), count, "{customer} {path}");
            }
        }
        assert!(unseen.is_empty(), "positions that are gone: {unseen:?}");
        let books = server.operator().get("/v1/operator/books").ok();
        assert_eq!(money::field(&books["items"][0], "custody"), self.custody + money::units(POOL), "{books}");
        assert_eq!(books["items"][0]["balanced"], true, "{books}");
        healthy(&server.operator());
    }
}

/// Expects that every invariant holds.
pub fn healthy(operator: &Client) {
    let audit = operator.ask("/v1/operator/audit", json!({})).ok();
    assert_eq!(audit["healthy"], true, "{audit}");
}
