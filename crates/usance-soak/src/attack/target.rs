//! What is attacked: an engine of our own making on this machine, and senders who come to it.
//!
//! Owns the rule that nothing is sent off this machine: a target has an address of the loopback interface, or there is none.

use crate::client::Answer;
use crate::engine::{Engine, Installation};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// The password of every customer who has one.
pub const PASSWORD: &str = "correct horse battery";
/// Where the simulated clock begins.
pub const FIRST_INSTANT: &str = "2026-01-01T00:00:00Z";

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How long each of the measurements lasts.
    pub measured: Duration,
    /// Positions of the customer with a long history.
    pub positions: u32,
    /// Days of it.
    pub days: u32,
}

/// An engine under attack.
pub struct Target {
    /// Where it lies, for its other verbs.
    pub place: Installation,
    /// Where it listens.
    pub address: SocketAddr,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// The token with which it was set up.
    pub operator: String,
    engine: Engine,
    agent: ureq::Agent,
}

/// The address behind a URL, if it is of this machine alone.
///
/// # Errors
/// When it is of another one, or none.
pub fn loopback(url: &str) -> anyhow::Result<SocketAddr> {
    let address: SocketAddr = url.strip_prefix("http://").unwrap_or(url).parse().with_context(|| format!("{url} is no address"))?;
    ensure!(address.ip().is_loopback(), "{url} is not on this machine alone: nothing is attacked but an engine that was started for it");
    Ok(address)
}

/// 64 hexadecimal digits that nobody can guess.
///
/// # Errors
/// When the system has none.
pub fn secret() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Target {
    /// Starts one in a directory of its own, with the flags that a service has behind a proxy on this machine.
    ///
    /// # Errors
    /// When it does not start, or not on the loopback interface.
    pub fn start(binary: &Path, directory: &Path) -> anyhow::Result<Target> {
        std::fs::create_dir_all(directory)?;
        let place =
            Installation { binary: binary.to_owned(), data: directory.join("data"), log: directory.join("engine.log"), store: None };
        let operator = secret()?;
        let clock = format!("simulated:{FIRST_INSTANT}");
        let engine = place.start_serving(&["--clock", &clock, "--trusted-proxy", "127.0.0.1"], &operator, START)?;
        let (url, address) = (engine.url.clone(), loopback(&engine.url)?);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(PATIENCE)).build();
        Ok(Target { place, address, url, operator, engine, agent: agent.into() })
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.engine.id()
    }

    /// Stops it in order; what it left can be looked at.
    ///
    /// # Errors
    /// When it does not stop with success.
    pub fn stop(self) -> anyhow::Result<Installation> {
        self.engine.terminate()?;
        Ok(self.place)
    }

    /// Sends a request as it is; the same name may stand among the headers twice.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> anyhow::Result<Answer> {
        let mut built = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            built = built.header(*name, *value);
        }
        let mut response = self.agent.run(built.body(body.unwrap_or_default().to_owned())?)?;
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned())).collect();
        let bytes = response.body_mut().with_config().limit(1 << 28).read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), headers, bytes })
    }

    /// Sends a request with a token, for a customer where one is named; a write has a key of its own.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn call(&self, token: &str, customer: Option<&str>, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let (bearer, key) = (format!("Bearer {token}"), fresh_key());
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(customer.map(|customer| ("usance-customer", customer)));
        if method == "GET" {
            return self.send(method, path, &headers, None);
        }
        headers.extend([("idempotency-key", key.as_str()), ("content-type", "application/json")]);
        self.send(method, path, &headers, Some(&body.to_string()))
    }

    /// What the operator asks for, and has to get.
    ///
    /// # Errors
    /// When it is refused.
    pub fn done(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.call(&self.operator, None, "POST", path, body)?;
        ensure!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// A new token.
    ///
    /// # Errors
    /// When it is refused.
    pub fn token(&self, role: &str, customer: Option<&str>) -> anyhow::Result<String> {
        let name = format!("{role}-{}", fresh_key());
        let made = self.done("/v1/operator/tokens", &json!({"name": name, "role": role, "customer": customer}))?;
        Ok(made.get("token").and_then(Value::as_str).context("a token")?.to_owned())
    }

    /// Makes customers, each with the one password.
    ///
    /// # Errors
    /// When one is refused.
    pub fn customers(&self, names: impl IntoIterator<Item = String>) -> anyhow::Result<Vec<String>> {
        let names: Vec<String> = names.into_iter().collect();
        for name in &names {
            self.done("/v1/operator/customers", &json!({"id": name}))?;
            self.done(&format!("/v1/operator/customers/{name}/password"), &json!({"password": PASSWORD}))?;
        }
        Ok(names)
    }

    /// A coin, an agreement, a product, and customers alice and bob, each with coins and alice with a position.
    ///
    /// # Errors
    /// When anything is refused.
    pub fn furnish(&self) -> anyhow::Result<()> {
        self.done("/v1/operator/assets", &json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4}))?;
        self.done("/v1/operator/agreements", &json!({"version": "v1", "text": "The words of the agreement."}))?;
        let rates = json!([{"from": "2025-01-01", "rate": "0.05"}]);
        self.done("/v1/operator/products", &json!({"id": "flex", "asset": "SOL", "name": "Flexible", "kind": "flexible", "rates": rates}))?;
        self.done("/v1/operator/products/flex/status", &json!({"status": "open"}))?;
        for customer in self.customers(["alice", "bob"].map(str::to_owned))? {
            self.deposit(&customer, "1000000")?;
        }
        self.subscribe("alice", "flex", "1").map(drop)
    }

    /// Credits a customer's Spot.
    ///
    /// # Errors
    /// When it is refused.
    pub fn deposit(&self, customer: &str, amount: &str) -> anyhow::Result<()> {
        let body = json!({"customer": customer, "asset": "SOL", "account": "spot", "amount": amount, "reference": fresh_key()});
        self.done("/v1/operator/deposits", &body).map(drop)
    }

    /// Stakes in a product; gives the answer, whatever it is.
    ///
    /// # Errors
    /// When no answer came.
    pub fn subscribe(&self, customer: &str, product: &str, amount: &str) -> anyhow::Result<Answer> {
        let body = json!({"product": product, "amount": amount, "source": "spot", "agreement": "v1"});
        self.call(&self.operator, Some(customer), "POST", "/v1/subscriptions", &body)
    }

    /// What a customer has in Funding, as text.
    ///
    /// # Errors
    /// When it is not told.
    pub fn funding(&self, customer: &str) -> anyhow::Result<String> {
        let accounts = self.call(&self.operator, Some(customer), "GET", "/v1/accounts", &Value::Null)?.json()?;
        Ok(accounts.pointer("/items/0/funding").and_then(Value::as_str).context("an account")?.to_owned())
    }
}

/// A key that was never used.
#[must_use]
pub fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("attack-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn nothing_off_this_machine_is_attacked() {
        for url in ["http://127.0.0.1:8080", "http://127.9.9.9:1", "http://[::1]:80"] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        for url in
            ["http://10.0.0.1:80", "http://0.0.0.0:80", "http://localhost:80", "http://[::]:80", "https://127.0.0.1:80", "http://127.0.0.1"]
        {
            assert!(loopback(url).is_err(), "{url}");
        }
    }
}
