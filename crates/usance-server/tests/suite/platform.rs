//! A small platform for tests: two coins, four customers, every kind of product, and short words for what people do.
//!
//! It begins at the first instant of 2026-01-01. [`Platform::lived`] has a past of some weeks behind it in which
//! everything a statement can show has happened.

use super::harness::{Client, Server, Start, fresh_key};
use super::money;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The customers of every platform.
pub const CUSTOMERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// The words of its agreement.
pub const AGREEMENT: &str = "You stake; we pay. Words as agreed.";

/// A running engine with something on offer.
pub struct Platform {
    /// The engine.
    pub server: Server,
    /// Its operator.
    pub operator: Client,
    directory: TempDir,
    start: Start,
}

impl Platform {
    /// A platform on which nobody has anything yet.
    pub fn new() -> Platform {
        Platform::started(&Start::default())
    }

    /// As [`Platform::new`], on an engine that was started in a way of its own.
    pub fn started(start: &Start) -> Platform {
        let directory = TempDir::new().expect("a directory");
        let server = Server::start_in(&directory.path().join("data"), start).expect("the engine starts");
        let platform = Platform { operator: server.operator(), server, directory, start: start.clone() };
        platform.set_up();
        platform
    }

    fn set_up(&self) {
        let done = |path: &str, body: Value| {
            self.operator.post(path, body).ok();
        };
        done("/v1/operator/assets", json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4}));
        done("/v1/operator/assets", json!({"symbol": "ETH", "name": "Ether", "decimals": 18, "display_decimals": 8}));
        done("/v1/operator/agreements", json!({"version": "v1", "text": AGREEMENT}));
        for id in CUSTOMERS {
            done("/v1/operator/customers", json!({"id": id}));
        }
        let from = "2026-01-01";
        let tiers = json!([{"up_to": "10", "rate": "0.10"}, {"up_to": "100", "rate": "0.05"}, {"rate": "0.01"}]);
        self.offer(json!({"id": "sol-flex", "asset": "SOL", "kind": "flexible", "rates": [{"from": from, "rate": "0.05"}]}));
        self.offer(json!({"id": "eth-tiers", "asset": "ETH", "kind": "flexible", "rates": [{"from": from, "tiers": tiers}]}));
        self.offer(json!({
            "id": "sol-7", "asset": "SOL", "kind": "fixed_term", "term_days": 7, "renewal": true, "rates": [{"from": from, "rate": "0.08"}],
        }));
        self.offer(json!({
            "id": "eth-10", "asset": "ETH", "kind": "fixed_term", "term_days": 10, "distribution": {"every_n_days": 3}, "rate": "floating",
            "rates": [{"from": from, "rate": "0.12"}],
        }));
    }

    /// Creates a product, named by its id unless it has a name, and opens it.
    pub fn offer(&self, mut product: Value) {
        let id = product["id"].as_str().expect("an id").to_owned();
        if product["name"].is_null() {
            product["name"] = json!(id);
        }
        self.operator.post("/v1/operator/products", product).ok();
        self.operator.post(&format!("/v1/operator/products/{id}/status"), json!({"status": "open"})).ok();
    }

    /// Ends the engine, by `kill` or by `terminate`, and starts it again on the same directory.
    pub fn restart(&mut self, end: impl FnOnce(&mut Server)) {
        end(&mut self.server);
        self.server = Server::start_in(&self.directory.path().join("data"), &self.start).expect("the engine starts again");
        self.operator = self.server.operator();
    }

    /// A client that acts for a customer.
    pub fn acting_for(&self, customer: &str) -> Client {
        self.server.acting_for(customer)
    }

    /// A client with a new token.
    pub fn with_token(&self, role: &str, name: &str, customer: Option<&str>) -> Client {
        let made = self.operator.post("/v1/operator/tokens", json!({"name": name, "role": role, "customer": customer})).ok();
        Client::new(&self.server.url, made["token"].as_str(), None)
    }

    /// Moves the clock.
    pub fn move_to(&self, to: &str) {
        self.operator.post("/v1/operator/clock", json!({"to": to})).ok();
    }

    /// Credits a customer's account under a reference nobody used yet.
    pub fn deposit(&self, customer: &str, asset: &str, account: &str, amount: &str) {
        let reference = fresh_key();
        let body = json!({"customer": customer, "asset": asset, "account": account, "amount": amount, "reference": reference});
        self.operator.post("/v1/operator/deposits", body).ok();
    }

    /// Stakes; answers with the position's number.
    pub fn subscribe(&self, customer: &str, product: &str, amount: &str, source: &str) -> String {
        let body = json!({"product": product, "amount": amount, "source": source, "agreement": "v1"});
        let done = self.acting_for(customer).post("/v1/subscriptions", body).ok();
        done["position"]["id"].as_str().expect("an id").to_owned()
    }

    /// Leaves a position at what its preview shows.
    pub fn redeem(&self, customer: &str, position: &str, mut asked: Value) -> Value {
        let sender = self.acting_for(customer);
        let shown = sender.ask(&format!("/v1/positions/{position}/redemption-preview"), asked.clone()).ok();
        asked["quoted_payout"] = shown["payout"].clone();
        asked["quoted_from_funding"] = shown["clawback_from_funding"].clone();
        sender.post(&format!("/v1/positions/{position}/redemptions"), asked).ok()
    }

    /// A platform with seven weeks behind it: rewards of every kind, a renewal, early exits before and after a payment, one
    /// with a clawback from Funding, a write-off, transfers, withdrawals, rates that changed and were settled.
    pub fn lived() -> Platform {
        Platform::lived_on(&Start::default())
    }

    /// As [`Platform::lived`], on an engine that was started in a way of its own.
    pub fn lived_on(start: &Start) -> Platform {
        let platform = Platform::started(start);
        let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
        let operator = &platform.operator;
        let pool = |asset: &str, amount: &str| {
            operator.post("/v1/operator/reward-pool", json!({"asset": asset, "amount": amount})).ok();
        };
        pool("SOL", "50");
        for customer in ["alice", "bob", "carol"] {
            platform.deposit(customer, "SOL", "funding", "1000");
            platform.deposit(customer, "SOL", "spot", "500.5");
            platform.deposit(customer, "ETH", "funding", "250");
        }
        platform.subscribe("alice", "sol-flex", "300", "funding");
        platform.subscribe("alice", "eth-tiers", "150", "funding");
        platform.move_to("2026-01-02T08:00:00.000Z");
        let term = json!({"product": "sol-7", "amount": "400", "source": "funding_then_spot", "agreement": "v1", "auto_renew": true});
        alice.post("/v1/subscriptions", term).ok();
        platform.subscribe("bob", "sol-7", "1200", "funding_then_spot");
        let paid = platform.subscribe("bob", "eth-10", "200", "funding");
        let unpaid = platform.subscribe("carol", "eth-10", "10", "funding");
        platform.move_to("2026-01-04T09:30:00.000Z");
        platform.redeem("carol", &unpaid, json!({}));
        alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "25.125"})).ok();
        platform.subscribe("alice", "sol-flex", "12.000000001", "spot");
        operator.post("/v1/operator/products/sol-flex/settled-rates", json!({"day": "2026-01-05", "rate": "0.03"})).ok();
        operator.post("/v1/operator/products/sol-flex/rates", json!({"from": "2026-01-12", "rate": "0.045"})).ok();
        platform.move_to("2026-01-08T12:00:00.000Z");
        platform.redeem("bob", &paid, json!({"to": "spot"}));
        platform.move_to("2026-01-12T00:00:00.000Z");
        let position = alice.all("/v1/positions?product=sol-flex&state=active", 500)[0]["id"].as_str().expect("an id").to_owned();
        platform.redeem("alice", &position, json!({"amount": "112.000000002"}));
        let out = json!({"customer": "bob", "asset": "SOL", "account": "spot", "amount": "1.5", "reference": "=SUM(A1:A9)"});
        operator.post("/v1/operator/withdrawals", out).ok();
        platform.deposit("dave", "SOL", "spot", "77");
        platform.subscribe("dave", "sol-7", "77", "spot");
        bob.post("/v1/transfers", json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "0.000000001"})).ok();
        platform.lose_more_than_staked("carol");
        platform.move_to("2026-02-22T17:00:00.000Z");
        platform
    }

    /// A term at 1000 % that pays every day is left after more was paid than staked: Funding gives what it has, the rest
    /// is written off.
    fn lose_more_than_staked(&self, customer: &str) {
        self.offer(json!({
            "id": "sol-wild", "asset": "SOL", "kind": "fixed_term", "term_days": 60, "distribution": "daily",
            "rates": [{"from": "2026-01-01", "rate": "10"}],
        }));
        let position = self.subscribe(customer, "sol-wild", "20", "funding");
        self.move_to("2026-02-20T10:00:00.000Z");
        let rest = money::text(money::units(&self.balance(customer, "SOL", "funding")) - money::units("0.5"));
        let away = json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": rest});
        self.acting_for(customer).post("/v1/transfers", away).ok();
        let gone = self.redeem(customer, &position, json!({}));
        assert_ne!(gone["written_off"], "0", "{gone}");
        assert_eq!(gone["clawback_from_funding"], "0.5", "{gone}");
    }

    /// A customer's balance.
    pub fn balance(&self, customer: &str, asset: &str, account: &str) -> String {
        let accounts = self.acting_for(customer).get("/v1/accounts").ok();
        let items = accounts["items"].as_array().expect("items");
        let found = items.iter().find(|item| item["asset"] == asset).unwrap_or_else(|| panic!("{customer} has no {asset}"));
        found[account].as_str().expect("text").to_owned()
    }
}
