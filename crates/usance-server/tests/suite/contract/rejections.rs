//! Every rule that says no: its code, its status, its numbers, its place in the order, and that it leaves no trace.

use super::{losses, orders, treasury, two_people};
use crate::suite::harness::{Answer, Client, Start};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usance_core::machine::Rejection;

/// What no rule of the machine says: the key was used for another request.
const KEY_REUSED: &str = "idempotency_key_reused";

/// A refusal that is expected: who asks what, which code and status, and the numbers that come with it.
struct Row {
    code: &'static str,
    status: u16,
    by: &'static str,
    ask: &'static str,
    body: Value,
    numbers: Value,
}

const fn row(code: &'static str, status: u16, by: &'static str, ask: &'static str, body: Value, numbers: Value) -> Row {
    Row { code, status, by, ask, body, numbers }
}

fn send(platform: &Platform, by: &str, ask: &str, body: &Value) -> Answer {
    let sender = if by == "operator" { platform.operator.clone() } else { platform.acting_for(by) };
    let (method, path) = ask.split_once(' ').expect("a method and a path");
    match method {
        "LOOK" => sender.ask(path, body.clone()),
        "GET" => sender.get(path),
        _ => sender.write(method, path, &crate::suite::harness::fresh_key(), body),
    }
}

/// A problem is whole: what RFC 9457 asks for, the code, its numbers and nothing else.
fn check(answer: Answer, code: &str, status: u16, numbers: &Value) {
    let problem = answer.refused(status, code);
    assert_eq!(problem["type"], format!("/problems/{code}"));
    assert_eq!(problem["status"], status);
    assert!(["title", "detail"].iter().all(|field| problem[field].as_str().is_some_and(|text| !text.is_empty())), "{problem}");
    let mut rest = problem.clone();
    let fields = rest.as_object_mut().expect("an object");
    ["type", "title", "status", "detail", "code"].iter().for_each(|field| _ = fields.remove(*field));
    assert_eq!(&rest, numbers, "{code}");
}

/// Positions: 1 alice's early-redeemable term, 2 her flexible one, 3 her term that cannot be left, 4 closed.
fn stage() -> Platform {
    let platform = Platform::new();
    let rates = json!([{"from": "2026-01-01", "rate": "0.05"}]);
    let flexible = |id: &str, field: &str, value: Value| {
        let mut product = json!({"id": id, "asset": "SOL", "kind": "flexible", "rates": rates});
        product[field] = value;
        platform.offer(product);
    };
    flexible("early-bird", "closes_at", json!("2026-01-01T00:00:00Z"));
    flexible("late", "opens_at", json!("2026-06-01T00:00:00Z"));
    flexible("big-steps", "step", json!("2.5"));
    flexible("at-least", "minimum", json!("3"));
    flexible("yours", "personal_maximum", json!("8"));
    flexible("ours", "capacity", json!("9"));
    platform.offer(json!({"id": "eth-wild", "asset": "ETH", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "10"}]}));
    platform.offer(json!({
        "id": "sol-locked", "asset": "SOL", "kind": "fixed_term", "term_days": 30, "early_redemption": "not_allowed", "rates": rates,
    }));
    platform.offer(json!({
        "id": "sol-daily", "asset": "SOL", "kind": "fixed_term", "term_days": 30, "distribution": "daily", "rates": rates,
    }));
    for (id, status) in [("sleeping", "paused"), ("over", "closed")] {
        flexible(id, "name", json!(id));
        platform.operator.post(&format!("/v1/operator/products/{id}/status"), json!({"status": status})).ok();
    }
    for (id, rates) in [("draft", rates.clone()), ("rateless", json!([{"from": "2026-06-01", "rate": "0.05"}]))] {
        platform
            .operator
            .post("/v1/operator/products", json!({"id": id, "asset": "SOL", "name": id, "kind": "flexible", "rates": rates}))
            .ok();
    }
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "funding", "amount": "1000", "reference": "first"});
    platform.operator.post("/v1/operator/deposits", deposit).ok();
    platform.deposit("dave", "ETH", "funding", "10000000000");
    for (product, amount) in [("sol-daily", "365"), ("sol-flex", "20"), ("sol-locked", "30"), ("yours", "5"), ("ours", "6.5")] {
        platform.subscribe("alice", product, amount, "funding");
    }
    platform.redeem("alice", "4", json!({}));
    platform.subscribe("alice", "yours", "5", "funding");
    platform.subscribe("dave", "eth-wild", "10000000000", "funding");
    platform.move_to("2026-01-03T12:00:00Z");
    platform
}

fn subscribe(product: &str, amount: &str) -> Value {
    json!({"product": product, "amount": amount, "source": "funding", "agreement": "v1"})
}

fn rows() -> Vec<Row> {
    const SUBSCRIBE: &str = "POST /v1/subscriptions";
    const LOOK: &str = "LOOK /v1/subscriptions/preview";
    const TRANSFER: &str = "POST /v1/transfers";
    const DEPOSIT: &str = "POST /v1/operator/deposits";
    let with = |mut body: Value, field: &str, value: &str| {
        body[field] = json!(value);
        body
    };
    let wallet = |amount: &str, reference: &str| json!({"customer": "alice", "asset": "SOL", "account": "funding", "amount": amount, "reference": reference});
    let transfer = |amount: &str| json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": amount});
    let look = |product: &str, amount: &str| json!({"product": product, "amount": amount});
    let none = || json!({});
    let early = json!({
        "principal": "365", "clawback_distributed": "0.1", "clawback_from_funding": "0", "written_off": "0", "forfeited_accrued": "0",
        "payout": "364.9", "to_spot": "0", "to_funding": "364.9",
    });
    let renewing = json!({"product": "sol-flex", "amount": "1", "source": "funding", "agreement": "v1", "auto_renew": true});
    let rate = |from: &str| json!({"from": from, "rate": "0.05"});
    let settled = |day: &str, rate: &str| json!({"day": day, "rate": rate});
    let product = |id: &str, asset: &str| json!({"id": id, "asset": asset, "name": "N", "kind": "flexible", "rates": []});
    vec![
        row("customer_not_found", 404, "nobody", SUBSCRIBE, subscribe("none", "x"), none()),
        row("customer_not_found", 404, "nobody", TRANSFER, with(transfer("x"), "asset", "DOGE"), none()),
        row("customer_not_found", 404, "operator", DEPOSIT, with(wallet("x", "first"), "customer", "nobody"), none()),
        row("customer_not_found", 404, "operator", "GET /v1/operator/customers/nobody", none(), none()),
        row("asset_not_found", 404, "operator", DEPOSIT, with(wallet("x", "first"), "asset", "DOGE"), none()),
        row("asset_not_found", 404, "operator", "POST /v1/operator/products", product("sol-flex", "DOGE"), none()),
        row("asset_not_found", 404, "operator", "POST /v1/operator/reward-pool", json!({"asset": "DOGE", "amount": "1"}), none()),
        row("product_not_found", 404, "alice", SUBSCRIBE, subscribe("none", "1"), none()),
        row("product_not_found", 404, "alice", SUBSCRIBE, subscribe("draft", "1"), none()),
        row("product_not_found", 404, "alice", "GET /v1/products/draft", none(), none()),
        row("product_not_found", 404, "operator", "POST /v1/operator/products/none/rates", rate("2026-01-01"), none()),
        row("product_not_open", 422, "alice", SUBSCRIBE, subscribe("sleeping", "1"), none()),
        row("product_not_open", 422, "alice", LOOK, look("over", "1"), none()),
        row(
            "outside_sale_window",
            422,
            "alice",
            SUBSCRIBE,
            subscribe("late", "1"),
            json!({"opens_at": "2026-06-01T00:00:00.000Z", "closes_at": null}),
        ),
        row(
            "outside_sale_window",
            422,
            "alice",
            LOOK,
            look("early-bird", "1"),
            json!({"opens_at": null, "closes_at": "2026-01-01T00:00:00.000Z"}),
        ),
        row(
            "agreement_not_accepted",
            422,
            "alice",
            SUBSCRIBE,
            with(subscribe("sol-flex", "1"), "agreement", "v0"),
            json!({"in_force": "v1"}),
        ),
        row("amount_invalid", 422, "alice", SUBSCRIBE, subscribe("sol-flex", "0.0000000001"), json!({"field": "amount"})),
        row(
            "amount_invalid",
            422,
            "alice",
            "POST /v1/positions/1/redemptions",
            json!({"quoted_payout": "x"}),
            json!({"field": "quoted_payout"}),
        ),
        row("amount_invalid", 422, "operator", "PATCH /v1/operator/products/draft", json!({"step": "0"}), json!({"field": "step"})),
        row("below_minimum", 422, "alice", SUBSCRIBE, subscribe("at-least", "2.999999999"), json!({"minimum": "3"})),
        row("not_a_step_multiple", 422, "alice", SUBSCRIBE, subscribe("big-steps", "2.500000001"), json!({"step": "2.5"})),
        row("above_personal_maximum", 422, "alice", SUBSCRIBE, subscribe("yours", "3.000000001"), json!({"left": "3"})),
        row("above_personal_maximum", 422, "alice", LOOK, look("yours", "4"), json!({"left": "3"})),
        row("above_capacity", 422, "bob", LOOK, look("ours", "2.500000001"), json!({"left": "2.5"})),
        row("insufficient_balance", 422, "bob", SUBSCRIBE, subscribe("sol-flex", "1"), json!({"available": "0"})),
        row(
            "insufficient_balance",
            422,
            "operator",
            "POST /v1/operator/withdrawals",
            wallet("574", "w"),
            json!({"available": "573.608630136"}),
        ),
        row("insufficient_balance", 422, "alice", TRANSFER, transfer("574"), json!({"available": "573.608630136"})),
        row(
            "insufficient_balance",
            422,
            "operator",
            "POST /v1/operator/reward-pool",
            json!({"asset": "SOL", "amount": "1", "kind": "withdraw"}),
            json!({"available": "-0.116849314"}),
        ),
        row("renewal_not_allowed", 422, "alice", SUBSCRIBE, renewing, none()),
        row("renewal_not_allowed", 422, "alice", "PATCH /v1/positions/1", json!({"auto_renew": true}), none()),
        row("above_limit", 422, "dave", SUBSCRIBE, subscribe("eth-wild", "0.000000000000000001"), json!({"limit": "10000000000"})),
        row("above_limit", 422, "operator", DEPOSIT, with(wallet("1", "w"), "asset", "ETH"), json!({"limit": "10000000000"})),
        row("position_not_found", 404, "bob", "POST /v1/positions/1/redemptions", json!({"amount": "x"}), none()),
        row("position_closed", 409, "alice", "POST /v1/positions/4/redemptions", json!({"amount": "x"}), none()),
        row("position_closed", 409, "alice", "PATCH /v1/positions/4", json!({"auto_renew": true}), none()),
        row(
            "early_redemption_not_allowed",
            422,
            "alice",
            "POST /v1/positions/3/redemptions",
            json!({"amount": "x"}),
            json!({"matures_at": "2026-01-31T00:00:00.000Z"}),
        ),
        row("partial_not_allowed", 422, "alice", "POST /v1/positions/1/redemptions", json!({"amount": "x"}), json!({"principal": "365"})),
        row(
            "above_principal",
            422,
            "alice",
            "POST /v1/positions/2/redemptions",
            json!({"amount": "20.000000001"}),
            json!({"principal": "20"}),
        ),
        row("quote_changed", 409, "alice", "POST /v1/positions/1/redemptions", none(), early.clone()),
        row("quote_changed", 409, "alice", "POST /v1/positions/1/redemptions", json!({"quoted_payout": "365"}), early.clone()),
        row(
            "quote_changed",
            409,
            "alice",
            "POST /v1/positions/2/redemptions",
            json!({"amount": "5", "quoted_payout": "4.9"}),
            json!({
                "principal": "5", "clawback_distributed": "0", "clawback_from_funding": "0", "written_off": "0", "forfeited_accrued": "0",
                "payout": "5", "to_spot": "0", "to_funding": "5",
            }),
        ),
        row("product_not_found", 404, "alice", "GET /v1/positions?product=draft", none(), none()),
        row(
            "quote_changed",
            409,
            "alice",
            "POST /v1/positions/1/redemptions",
            json!({"quoted_payout": "364.9", "quoted_from_funding": "1"}),
            early,
        ),
        row(
            "rate_not_future",
            422,
            "operator",
            "POST /v1/operator/products/sol-flex/rates",
            rate("2026-01-03"),
            json!({"earliest": "2026-01-04"}),
        ),
        row(
            "day_closed",
            409,
            "operator",
            "POST /v1/operator/products/sol-flex/settled-rates",
            settled("2026-01-02", "0.01"),
            json!({"open_day": "2026-01-03"}),
        ),
        row(
            "rate_above_reference",
            422,
            "operator",
            "POST /v1/operator/products/sol-flex/settled-rates",
            settled("2026-01-03", "0.05000001"),
            json!({"reference_apr": "0.05000000"}),
        ),
        row("rate_missing", 422, "operator", "POST /v1/operator/products/rateless/status", json!({"status": "open"}), none()),
        row("same_account", 422, "alice", TRANSFER, with(transfer("x"), "to", "funding"), none()),
        row("product_closed", 409, "operator", "POST /v1/operator/products/over/status", json!({"status": "open"}), none()),
        row("product_closed", 409, "operator", "PATCH /v1/operator/products/over", json!({"capacity": "1"}), none()),
        row("status_not_reachable", 409, "operator", "POST /v1/operator/products/draft/status", json!({"status": "closed"}), none()),
        row("status_not_reachable", 409, "operator", "POST /v1/operator/products/sol-flex/status", json!({"status": "draft"}), none()),
        row("terms_invalid", 422, "operator", "PATCH /v1/operator/products/sol-flex", json!({"renewal": true}), none()),
        row("terms_invalid", 422, "operator", "PATCH /v1/operator/products/sol-flex", json!({"name": null}), none()),
        row("already_exists", 409, "operator", "POST /v1/operator/customers", json!({"id": "alice"}), none()),
        row("already_exists", 409, "operator", "POST /v1/operator/products", product("sol-flex", "SOL"), none()),
        row("already_exists", 409, "operator", "POST /v1/operator/agreements", json!({"version": "v1", "text": "Other words."}), none()),
        row("already_exists", 409, "operator", DEPOSIT, wallet("1", "first"), none()),
        row(
            "clock_backwards",
            422,
            "operator",
            "POST /v1/operator/clock",
            json!({"to": "2026-01-03T11:59:59.999Z"}),
            json!({"now": "2026-01-03T12:00:00.000Z"}),
        ),
        row(
            "clock_move_too_far",
            422,
            "operator",
            "POST /v1/operator/clock",
            json!({"to": "2036-01-11T12:00:00.001Z"}),
            json!({"latest": "2036-01-11T12:00:00.000Z"}),
        ),
    ]
}

fn everything(platform: &Platform) -> Vec<Value> {
    let shown =
        ["/v1/operator/books", "/v1/operator/products", "/v1/operator/journal?limit=500", "/v1/clock", "/v1/products/sol-flex/rates"];
    let mut all: Vec<Value> = shown.iter().map(|path| platform.operator.get(path).ok()).collect();
    for path in ["/v1/accounts", "/v1/positions", "/v1/statement?limit=500", "/v1/acceptances"] {
        all.push(platform.acting_for("alice").get(path).ok());
    }
    all
}

/// What people are refused, with its numbers.
fn people(platform: &Platform) -> [&'static str; 6] {
    two_people::register(platform, "anna").ok();
    two_people::register(platform, "ben").ok();
    check(two_people::register(platform, "cleo"), "approval_needed", 422, &json!({}));
    let proposal = two_people::propose(platform, "cleo").ok();
    let sign = |name: &str, proposal: &Value, verdict: &str| two_people::sign(platform, name, proposal, verdict);
    check(sign("cleo", &proposal, "approve"), "person_not_found", 404, &json!({}));
    let (mut gone, mut forged) = (proposal.clone(), proposal.clone());
    gone["proposal_id"] = json!("7");
    forged["sign"]["approve"] = json!("something else");
    check(sign("anna", &gone, "approve"), "proposal_not_found", 404, &json!({}));
    check(sign("anna", &forged, "approve"), "signature_invalid", 422, &json!({}));
    sign("anna", &proposal, "approve").ok();
    check(sign("anna", &proposal, "approve"), "already_signed", 409, &json!({}));
    sign("ben", &proposal, "decline").ok();
    check(sign("ben", &proposal, "approve"), "proposal_not_open", 409, &json!({"standing": "declined"}));
    ["approval_needed", "person_not_found", "proposal_not_found", "signature_invalid", "already_signed", "proposal_not_open"]
}

/// What a treasury is refused, with its numbers.
fn treasuries() -> [&'static str; 12] {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    treasury::opened(&platform, "78");
    let send = |path: &str, body: Value| platform.operator.post(path, body);
    check(send("/v1/treasury/sweeps", json!({"network": "moon", "hash": "x"})), "network_not_found", 404, &json!({}));
    check(send("/v1/treasury/sweeps", json!({"network": "hub", "hash": "x"})), "transfer_not_found", 404, &json!({}));
    let pictures = "/v1/operator/treasury/networks/hub/pictures";
    check(send(pictures, treasury::picture(&platform, 1)), "picture_refused", 422, &json!({}));
    let propose = |matter: Value| send("/v1/operator/proposals", json!({"matter": matter}));
    let confirm = json!({"kind": "confirm_picture", "network": "hub", "number": "2", "digest": "b"});
    check(propose(confirm), "picture_not_found", 404, &json!({}));
    let explain = json!({"kind": "explain_difference", "network": "hub", "number": "2", "was": "loss"});
    check(propose(explain), "difference_not_found", 404, &json!({}));
    let withdraw = json!({"asset": "SOL", "amount": "19", "kind": "withdraw"});
    check(send("/v1/operator/reward-pool", withdraw), "coverage_insufficient", 422, &json!({"covered": "18"}));
    let alice = platform.acting_for("alice");
    assert_eq!(platform.subscribe("alice", "sol-flex", "50", "spot"), "1");
    let top_up = json!({"network": "hub", "address": "addr-1", "asset": "SOL", "amount": "66", "hash": "up-1"});
    send("/v1/treasury/top-ups", top_up).ok();
    let leave = |exit: &str| alice.post("/v1/positions/1/redemptions", json!({"amount": "3", "exit": exit}));
    let numbers = json!({"available": "2", "expected": "2026-01-02"});
    check(leave("instant"), "instant_exit_unavailable", 422, &numbers);
    leave("queued").ok();
    let cancel = |number: u64| alice.post(&format!("/v1/exits/{number}/cancellation"), json!({"agreement": "v1"}));
    check(cancel(2), "exit_not_found", 404, &json!({}));
    cancel(1).ok();
    check(cancel(1), "exit_not_waiting", 409, &json!({}));
    losses::lose(&platform);
    let bears = |loss: &str| json!({"kind": "allocate_loss", "loss": loss, "asset": "SOL", "reward_pool": "0.000002"});
    check(propose(bears("2")), "loss_not_found", 404, &json!({}));
    two_people::agree(&platform, &bears("1"));
    check(propose(bears("1")), "loss_not_open", 409, &json!({}));
    let shared = losses::shared_and_slashed();
    let bob = shared.acting_for("bob");
    bob.post("/v1/positions/2/redemptions", json!({"exit": "queued"})).ok();
    let cancel = bob.post("/v1/exits/1/cancellation", json!({"agreement": "v1"}));
    check(cancel, "exit_withheld", 409, &json!({"withheld": "0.0625"}));
    [
        "network_not_found",
        "transfer_not_found",
        "picture_refused",
        "picture_not_found",
        "difference_not_found",
        "coverage_insufficient",
        "instant_exit_unavailable",
        "exit_not_found",
        "exit_not_waiting",
        "exit_withheld",
        "loss_not_found",
        "loss_not_open",
    ]
}

/// What is refused about orders, with its numbers.
fn orders_of_a_treasury() -> [&'static str; 4] {
    let platform = orders::planned();
    orders::set(&platform, "gas_reserve", "0.5");
    let send = |path: &str, body: Value| platform.operator.post(&format!("/v1/treasury/hub/orders/{path}"), body);
    check(send("1/sent", json!({"epoch": 1})), "epoch_over", 409, &json!({"epoch": 0}));
    check(send("9/done", json!({"hash": "x"})), "order_not_found", 404, &json!({}));
    check(send("1/done", json!({"hash": "x"})), "order_not_open", 409, &json!({"standing": "proposed"}));
    orders::sign(&platform, "anna", &orders::proposed(&platform, "delegate"), "approve").ok();
    orders::set(&platform, "gas_reserve", "1.9");
    check(send("1/done", json!({"hash": "x"})), "order_refused", 422, &json!({}));
    ["epoch_over", "order_not_found", "order_not_open", "order_refused"]
}

#[test]
fn every_rule_says_no_with_its_code_its_status_and_its_numbers() {
    let platform = stage();
    let before = everything(&platform);
    let mut provoked: BTreeSet<&str> = BTreeSet::new();
    for Row { code, status, by, ask, body, numbers } in rows() {
        check(send(&platform, by, ask, &body), code, status, &numbers);
        provoked.insert(code);
    }
    let reused =
        |amount: &str| platform.operator.write("POST", "/v1/operator/reward-pool", "k", &json!({"asset": "SOL", "amount": amount}));
    reused("x").refused(422, "amount_invalid");
    check(reused("y"), KEY_REUSED, 409, &json!({}));
    assert_eq!(everything(&platform), before, "whatever was refused left no trace");
    let ticking = Platform::started(&Start { clock: "system".into(), ..Start::default() });
    check(ticking.operator.post("/v1/operator/clock", json!({"to": "2026-01-01T00:00:00Z"})), "clock_not_simulated", 422, &json!({}));
    provoked.insert("clock_not_simulated");
    provoked.extend(people(&platform));
    provoked.extend(treasuries());
    provoked.extend(orders_of_a_treasury());
    assert_eq!(provoked, Rejection::CODES.iter().copied().collect(), "each of them was met");
}

/// One request that breaks every rule of a subscription, mended one by one.
#[test]
fn a_subscription_is_checked_in_the_order_of_the_contract() {
    let platform = Platform::new();
    let operator = &platform.operator;
    let mut asked = json!({"product": "strict", "amount": "x", "source": "funding_then_spot", "agreement": "v0", "auto_renew": true});
    let refused = |asked: &Value, code: &str, numbers: Value| {
        let status = if code == "product_not_found" { 404 } else { 422 };
        check(platform.acting_for("alice").post("/v1/subscriptions", asked.clone()), code, status, &numbers);
    };
    let patch = |change: Value| _ = operator.patch("/v1/operator/products/strict", change).ok();
    let status = |status: &str| _ = operator.post("/v1/operator/products/strict/status", json!({"status": status})).ok();
    refused(&asked, "product_not_found", json!({}));
    let terms = json!({
        "id": "strict", "asset": "SOL", "name": "Strict", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}],
        "minimum": "10", "step": "3", "personal_maximum": "5", "capacity": "4", "closes_at": "2026-01-01T00:00:00Z",
    });
    operator.post("/v1/operator/products", terms).ok();
    refused(&asked, "product_not_found", json!({}));
    status("open");
    status("paused");
    refused(&asked, "product_not_open", json!({}));
    status("open");
    refused(&asked, "outside_sale_window", json!({"opens_at": null, "closes_at": "2026-01-01T00:00:00.000Z"}));
    patch(json!({"closes_at": null}));
    refused(&asked, "agreement_not_accepted", json!({"in_force": "v1"}));
    asked["agreement"] = json!("v1");
    refused(&asked, "amount_invalid", json!({"field": "amount"}));
    asked["amount"] = json!("8");
    refused(&asked, "below_minimum", json!({"minimum": "10"}));
    patch(json!({"minimum": null}));
    refused(&asked, "not_a_step_multiple", json!({"step": "3"}));
    patch(json!({"step": "2"}));
    refused(&asked, "above_personal_maximum", json!({"left": "5"}));
    patch(json!({"personal_maximum": null}));
    refused(&asked, "above_capacity", json!({"left": "4"}));
    patch(json!({"capacity": "8"}));
    refused(&asked, "insufficient_balance", json!({"available": "0"}));
    platform.deposit("alice", "SOL", "funding", "7.999999999");
    refused(&asked, "insufficient_balance", json!({"available": "7.999999999"}));
    platform.deposit("alice", "SOL", "spot", "0.000000001");
    refused(&asked, "renewal_not_allowed", json!({}));
    asked["auto_renew"] = json!(false);
    assert_eq!(platform.acting_for("alice").post("/v1/subscriptions", asked).ok()["position"]["from_spot"], "0.000000001");
}

/// A look and the real thing say no in the same words; without a source a look does not ask for the balance.
#[test]
fn a_preview_meets_the_rejection_that_the_subscription_would() {
    let platform = stage();
    let alice = platform.acting_for("alice");
    for (product, amount) in [
        ("none", "1"),
        ("sleeping", "1"),
        ("late", "1"),
        ("at-least", "1"),
        ("big-steps", "1"),
        ("yours", "9"),
        ("ours", "9"),
        ("sol-flex", "x"),
        ("sol-flex", "9999"),
    ] {
        let looked = alice.ask("/v1/subscriptions/preview", json!({"product": product, "amount": amount, "source": "funding"}));
        let done = alice.post("/v1/subscriptions", subscribe(product, amount));
        assert_eq!(looked.text(), done.text(), "{product} {amount}");
        assert_eq!(looked.status, done.status);
    }
    assert_eq!(alice.ask("/v1/subscriptions/preview", json!({"product": "sol-flex", "amount": "9999"})).ok()["from_funding"], "9999");
    let silent = Platform::started(&Start::default());
    silent.operator.post("/v1/operator/agreements", json!({"version": "v2", "text": "New words."})).ok();
    let shown = silent.acting_for("bob").ask("/v1/subscriptions/preview", json!({"product": "sol-flex", "amount": "1"})).ok();
    assert_eq!(shown["agreement_version"], "v2", "the one in force is shown, and need not be named yet");
}

#[test]
fn before_there_is_an_agreement_nothing_can_be_subscribed() {
    let server = crate::suite::harness::Server::start(&Start::default());
    let operator: Client = server.operator();
    operator.post("/v1/operator/assets", json!({"symbol": "SOL", "name": "S", "decimals": 9, "display_decimals": 9})).ok();
    operator.post("/v1/operator/customers", json!({"id": "alice"})).ok();
    let rates = json!([{"from": "2026-01-01", "rate": "0.05"}]);
    operator.post("/v1/operator/products", json!({"id": "p", "asset": "SOL", "name": "P", "kind": "flexible", "rates": rates})).ok();
    operator.post("/v1/operator/products/p/status", json!({"status": "open"})).ok();
    operator.get("/v1/agreement").refused(404, "agreement_not_found");
    let alice = server.acting_for("alice");
    check(alice.post("/v1/subscriptions", subscribe("p", "x")), "agreement_not_accepted", 422, &json!({"in_force": null}));
    check(
        alice.ask("/v1/subscriptions/preview", json!({"product": "p", "amount": "1"})),
        "agreement_not_accepted",
        422,
        &json!({"in_force": null}),
    );
}
