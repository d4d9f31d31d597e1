//! A customer's ledger and what an engine would show of it, made by hand.

use serde_json::{Value, json};
use usance_soak::ledger::Holder;
use usance_soak::ledger::compare::Shown;

/// The head of a statement as CSV.
const HEAD: &str = "at,asset,account,kind,amount,balance,day,position,product,reference";

/// A line of a statement: account, kind, amount, balance, reference.
pub type Line = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// What everything is about: two deposits, a transfer, a term that was renewed in part, one that was left early, and a flexible one.
pub const LINES: [Line; 13] = [
    ("funding", "deposit", "100", "100", "one"),
    ("spot", "deposit", "20", "20", "two"),
    ("spot", "transfer", "-5", "15", ""),
    ("funding", "transfer", "5", "105", ""),
    ("funding", "subscription", "-30", "75", ""),
    ("spot", "subscription", "-10", "5", ""),
    ("funding", "subscription", "-20", "55", ""),
    ("funding", "subscription", "-8", "47", ""),
    ("funding", "reward", "0.5", "47.5", ""),
    ("funding", "redemption", "19.5", "67", ""),
    ("spot", "maturity", "10", "15", ""),
    ("funding", "maturity", "2", "69", ""),
    ("funding", "withdrawal", "-9", "60", "three"),
];

/// A write that was accepted: where to, what was asked, what was answered.
pub type Told = (&'static str, Value, Value);

fn opened(id: &str, kind: &str, from_funding: &str, from_spot: &str) -> Value {
    json!({"position": {"id": id, "asset": "SOL", "kind": kind, "from_funding": from_funding, "from_spot": from_spot}})
}

/// The writes that were answered.
pub fn answered() -> Vec<Told> {
    let wallet = |account: &str, amount: &str, reference: &str| json!({"asset": "SOL", "account": account, "amount": amount, "reference": reference});
    let stake = |amount: &str| json!({"amount": amount, "source": "funding_then_spot"});
    let early = json!({"kind": "early", "principal": "20", "clawback_distributed": "0.5", "clawback_from_funding": "0", "written_off": "0",
        "forfeited_accrued": "0.25", "payout": "19.5", "to_spot": "0", "to_funding": "19.5",
        "position": {"id": "2", "asset": "SOL", "state": "redeemed_early"}});
    vec![
        ("/v1/operator/deposits", wallet("funding", "100", "one"), json!({})),
        ("/v1/operator/deposits", wallet("spot", "20", "two"), json!({})),
        ("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "5"}), json!({})),
        ("/v1/subscriptions", stake("40"), opened("1", "fixed_term", "30", "10")),
        ("/v1/subscriptions", stake("20"), opened("2", "fixed_term", "20", "0")),
        ("/v1/subscriptions", json!({"amount": "8", "source": "funding"}), opened("3", "flexible", "8", "0")),
        ("/v1/positions/2/redemptions", json!({}), early),
        ("/v1/operator/withdrawals", wallet("funding", "9", "three"), json!({})),
    ]
}

/// The ledger of these.
pub fn booked(answered: &[Told]) -> Holder {
    let mut holder = Holder::default();
    answered.iter().for_each(|(path, asked, answer)| holder.book(path, asked, answer).unwrap());
    holder
}

/// A statement of these lines, the newest first.
pub fn statement(lines: &[Line]) -> Vec<u8> {
    let shown = lines.iter().rev().map(|(account, kind, amount, balance, reference)| {
        format!("2026-01-01T00:00:00.000Z,SOL,{account},{kind},{amount},{balance},,,,{reference}\n")
    });
    format!("{HEAD}\n{}", shown.collect::<String>()).into_bytes()
}

/// What the engine shows when all is well.
pub fn shown() -> Shown {
    let position = |id: &str, kind: &str, state: &str, principal: &str, opened: &str| {
        json!({"id": id, "asset": "SOL", "product": "p", "kind": kind, "state": state, "principal": principal, "principal_opened": opened,
            "accrued": "0", "distributed": "0", "clawed_back": "0", "written_off": "0", "renewed_from": null, "renewed_into": null})
    };
    let mut renewed = position("1", "fixed_term", "renewed", "0", "40");
    renewed["renewed_into"] = "4".into();
    let mut left = position("2", "fixed_term", "redeemed_early", "0", "20");
    (left["distributed"], left["clawed_back"]) = ("0.5".into(), "0.5".into());
    let mut successor = position("4", "fixed_term", "active", "28", "28");
    successor["renewed_from"] = "1".into();
    Shown {
        accounts: vec![json!({"asset": "SOL", "spot": "15", "funding": "60", "staked": "36", "rewards_total": "0"})],
        positions: vec![successor, position("3", "flexible", "active", "8", "8"), left, renewed],
        statement: statement(&LINES),
    }
}
