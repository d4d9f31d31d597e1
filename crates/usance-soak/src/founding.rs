//! The platform that is soaked: three coins, flexible products and short and long terms, some with little room.

use crate::caller::{Caller, Sent};
use crate::tally::Kind;
use anyhow::ensure;
use serde_json::{Value, json};
use std::time::Instant;

/// Where the simulated clock begins.
pub const FIRST_INSTANT: &str = "2026-01-01T00:00:00Z";
/// Coins and their decimals.
pub const ASSETS: [(&str, u32); 3] = [("SOL", 9), ("ETH", 18), ("USDD", 6)];
/// What each reward pool is given at first.
pub const POOL: &str = "1000000";

/// A product that customers choose from.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Its id.
    pub id: &'static str,
    /// Decimals of its coin.
    pub decimals: u32,
    /// Flexible, or a fixed term.
    pub is_flexible: bool,
    /// Whether it renews.
    pub renews: bool,
}

/// What is offered.
pub const OFFERS: [Offer; 8] = [
    Offer { id: "sol-flex", decimals: 9, is_flexible: true, renews: false },
    Offer { id: "eth-tiers", decimals: 18, is_flexible: true, renews: false },
    Offer { id: "usdd-flex", decimals: 6, is_flexible: true, renews: false },
    Offer { id: "sol-3", decimals: 9, is_flexible: false, renews: true },
    Offer { id: "eth-7", decimals: 18, is_flexible: false, renews: true },
    Offer { id: "usdd-2", decimals: 6, is_flexible: false, renews: true },
    Offer { id: "sol-90", decimals: 9, is_flexible: false, renews: false },
    Offer { id: "eth-5-kept", decimals: 18, is_flexible: false, renews: false },
];

fn products() -> [Value; 8] {
    let rates = |rate: &str| json!([{"from": "2025-01-01", "rate": rate}]);
    let tiers =
        json!([{"from": "2025-01-01", "tiers": [{"up_to": "5", "rate": "0.08"}, {"up_to": "50", "rate": "0.04"}, {"rate": "0.01"}]}]);
    [
        json!({"id": "sol-flex", "asset": "SOL", "name": "SOL Flexible", "kind": "flexible", "rates": rates("0.0525")}),
        json!({"id": "eth-tiers", "asset": "ETH", "name": "ETH in tiers", "kind": "flexible", "rates": tiers}),
        json!({"id": "usdd-flex", "asset": "USDD", "name": "USDD Flexible", "kind": "flexible", "rates": rates("0.03"),
            "capacity": "2000", "personal_maximum": "60", "minimum": "0.1"}),
        json!({"id": "sol-3", "asset": "SOL", "name": "SOL 3 days", "kind": "fixed_term", "term_days": 3, "rates": rates("0.061"), "renewal": true}),
        json!({"id": "eth-7", "asset": "ETH", "name": "ETH 7 days", "kind": "fixed_term", "term_days": 7, "rates": rates("0.045"), "renewal": true,
            "distribution": {"every_n_days": 1}, "personal_maximum": "40"}),
        json!({"id": "usdd-2", "asset": "USDD", "name": "USDD 2 days", "kind": "fixed_term", "term_days": 2, "rates": rates("0.09"), "renewal": true,
            "capacity": "400", "step": "0.5", "minimum": "0.5"}),
        json!({"id": "sol-90", "asset": "SOL", "name": "SOL 90 days", "kind": "fixed_term", "term_days": 90, "rates": rates("0.12"),
            "distribution": {"every_n_days": 1}}),
        json!({"id": "eth-5-kept", "asset": "ETH", "name": "ETH 5 days, kept", "kind": "fixed_term", "term_days": 5, "rates": rates("0.07"),
            "early_redemption": "not_allowed"}),
    ]
}

/// Founds it, with these customers.
///
/// # Errors
/// When anything is refused.
pub fn found(desk: &mut Caller<'_>, customers: &[String]) -> anyhow::Result<()> {
    for (symbol, decimals) in ASSETS {
        let asset = json!({"symbol": symbol, "name": symbol, "decimals": decimals, "display_decimals": decimals.min(8)});
        accepted(desk, "/v1/operator/assets", asset)?;
        accepted(desk, "/v1/operator/reward-pool", json!({"asset": symbol, "amount": POOL}))?;
    }
    accepted(desk, "/v1/operator/agreements", json!({"version": "v1", "text": "The words of the agreement."}))?;
    for (offer, product) in OFFERS.iter().zip(products()) {
        accepted(desk, "/v1/operator/products", product)?;
        accepted(desk, &format!("/v1/operator/products/{}/status", offer.id), json!({"status": "open"}))?;
    }
    customers.iter().try_for_each(|id| accepted(desk, "/v1/operator/customers", json!({"id": id})))
}

fn accepted(desk: &mut Caller<'_>, path: &str, body: Value) -> anyhow::Result<()> {
    let sent = Sent { kind: Kind::Operator, key: desk.fresh_key(), method: "POST", path: path.to_owned(), customer: None, body };
    let done = desk.write(sent, Instant::now());
    ensure!(done.is_accepted(), "{path}: {}", done.answer.text());
    Ok(())
}
