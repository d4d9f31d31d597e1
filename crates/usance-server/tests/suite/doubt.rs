//! In doubt it neither loses, nor shows what is not so, nor stops: what becomes of a log that lost its end, of two servers that both
//! write, of a clock that was set, and of history that is behind.

mod clocks;
mod history;
mod lost;
mod servers;

use super::harness::{Client, Server};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long is waited for what has no bound of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until it holds.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether it says that writes are to be sent to it.
fn is_ready(server: &Server) -> bool {
    Client::new(&server.url, None, None).try_send("GET", "/readyz", &[], None).is_ok_and(|answer| answer.status == 200)
}

/// A write that anybody can see again: a customer with this name.
fn create_customer(server: &Server, id: &str) -> u16 {
    server.operator().post("/v1/operator/customers", json!({"id": id})).status
}

fn has_customer(server: &Server, id: &str) -> bool {
    server.operator().get(&format!("/v1/operator/customers/{id}")).status == 200
}

/// Coins for a customer, in Funding.
fn deposit(server: &Server, customer: &str) {
    let coins = json!({"customer": customer, "asset": "SOL", "account": "funding", "amount": "10", "reference": "coins"});
    server.operator().post("/v1/operator/deposits", coins).ok();
}
