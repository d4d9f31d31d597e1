//! Leaving where the coins are staked: at once as far as they are there, and otherwise in line, with a day.

use super::treasury::{attest, network, opened, picture};
use crate::suite::harness::Client;
use crate::suite::platform::Platform;
use serde_json::{Value, json};

/// Alice has staked 50 of 60 SOL, and 68 of the wallet's 78 went to the treasury: nothing is covered but the 10 in her Spot.
pub fn staked() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    opened(&platform, "78");
    assert_eq!(platform.subscribe("alice", "sol-flex", "50", "spot"), "1");
    let body = json!({"network": "hub", "address": "addr-1", "asset": "SOL", "amount": "68", "hash": "up-1"});
    platform.operator.post("/v1/treasury/top-ups", body).ok();
    platform
}

/// Alice leaves a part of a new position, and waits: the wallet says that it has nothing. Gives the number of the exit.
pub fn in_line(platform: &Platform) -> String {
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    platform.deposit("alice", "SOL", "spot", "5");
    let position = platform.subscribe("alice", "sol-flex", "5", "spot");
    opened(platform, "78");
    attest(platform, "0");
    let asked = json!({"amount": "1", "exit": "queued"});
    let left = platform.acting_for("alice").post(&format!("/v1/positions/{position}/redemptions"), asked).ok();
    left["redemption_id"].as_str().expect("a number").to_owned()
}

fn fund(platform: &Platform, amount: &str) {
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": amount})).ok();
}

fn exits(alice: &Client) -> Vec<Value> {
    alice.all("/v1/exits", 100)
}

#[test]
fn who_leaves_is_paid_at_once_or_waits_in_line_with_a_day() {
    let platform = staked();
    let alice = platform.acting_for("alice");
    fund(&platform, "3");
    let preview = alice.ask("/v1/positions/1/redemption-preview", json!({"amount": "2"})).ok();
    assert_eq!((&preview["exit"], &preview["expected"]), (&json!("instant"), &Value::Null));
    let preview = alice.ask("/v1/positions/1/redemption-preview", json!({"amount": "20"})).ok();
    assert_eq!((&preview["exit"], &preview["available"]), (&json!("queued"), &json!("3")));
    let expected = preview["expected"].clone();
    let refused = alice.post("/v1/positions/1/redemptions", json!({"amount": "20"})).refused(422, "instant_exit_unavailable");
    assert_eq!((&refused["available"], &refused["expected"]), (&json!("3"), &expected));
    alice.post("/v1/positions/1/redemptions", json!({"amount": "20", "exit": "instant"})).refused(422, "instant_exit_unavailable");
    alice.post("/v1/positions/1/redemptions", json!({"amount": "20", "exit": "later"})).refused(400, "malformed_request");

    // It leaves the position at once, and what is there is paid in the same instant.
    let left = alice.post("/v1/positions/1/redemptions", json!({"amount": "20", "exit": "queued"})).ok();
    assert_eq!((&left["exit"], &left["promised"], &left["payout"]), (&json!("queued"), &expected, &json!("20")));
    assert_eq!(left["position"]["principal"], "30");
    let waiting = exits(&alice).remove(0);
    let shown = ["redemption_id", "amount", "waiting", "to_spot", "to_funding", "standing", "ahead"].map(|name| waiting[name].clone());
    assert_eq!(shown, ["1", "20", "17", "17", "0", "waiting", "0"].map(|text| json!(text)));
    let accounts = alice.get("/v1/accounts").ok();
    let sol = accounts["items"].as_array().expect("accounts").iter().find(|item| item["asset"] == "SOL").expect("SOL").clone();
    assert_eq!(sol["spot"], "13");

    // The line, as operators see it, and what is paid when coins come.
    let line = platform.operator.get("/v1/operator/treasury/queues").ok()["items"][0].clone();
    assert_eq!((&line["waiting"], &line["exits"], &line["covered"], &line["stale"]), (&json!("17"), &json!(1), &json!("0"), &json!(false)));
    fund(&platform, "17");
    let paid = alice.get("/v1/exits/1").ok();
    assert_eq!((&paid["standing"], &paid["waiting"], &paid["expected"]), (&json!("paid"), &json!("0"), &Value::Null));
    let kinds: Vec<Value> = alice.all("/v1/statement?kind=exit_payment", 100).iter().map(|line| line["amount"].clone()).collect();
    assert_eq!(kinds, [json!("17"), json!("3")]);
    let line = alice.all("/v1/redemptions", 100).remove(0);
    assert_eq!((&line["redemption_id"], &line["exit"], &line["promised"]), (&json!("1"), &json!("queued"), &expected));
    assert_eq!(platform.operator.all("/v1/operator/treasury/queues/SOL", 100), Vec::<Value>::new());
}

#[test]
fn who_waits_may_stake_again_and_nobody_sees_anothers_line() {
    let platform = staked();
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    alice.post("/v1/positions/1/redemptions", json!({"amount": "20", "exit": "queued"})).ok();
    alice.post("/v1/positions/1/redemptions", json!({"amount": "5", "exit": "queued"})).ok();
    assert_eq!(exits(&bob), Vec::<Value>::new());
    bob.get("/v1/exits/1").refused(404, "exit_not_found");
    bob.post("/v1/exits/1/cancellation", json!({"agreement": "v1"})).refused(404, "exit_not_found");
    for path in ["/v1/exits", "/v1/operator/treasury/queues/SOL"] {
        let sender = if path == "/v1/exits" { &alice } else { &platform.operator };
        assert_eq!(sender.all(path, 1), sender.all(path, 100), "{path}: the same whole, however it is cut");
    }
    let ahead: Vec<Value> = exits(&alice).iter().map(|exit| exit["ahead"].clone()).collect();
    assert_eq!(ahead, [json!("20"), json!("0")], "newest first");
    alice.post("/v1/exits/1/cancellation", json!({"agreement": "v0"})).refused(422, "agreement_not_accepted");
    for odd in ["0", "01", "x", "-1", "99999999999999999999"] {
        alice.post(&format!("/v1/exits/{odd}/cancellation"), json!({"agreement": "v1"})).refused(404, "exit_not_found");
    }
    let again = alice.post("/v1/exits/1/cancellation", json!({"agreement": "v1"})).ok();
    assert_eq!(
        (&again["redemption_id"], &again["position"]["principal"], &again["position"]["pending"]),
        (&json!("1"), &json!("45"), &json!("0"))
    );
    alice.post("/v1/exits/1/cancellation", json!({"agreement": "v1"})).refused(409, "exit_not_waiting");
    let line = alice.all("/v1/subscriptions", 100).remove(0);
    assert_eq!((&line["of_exit"], &line["amount"], &line["from_spot"]), (&json!("1"), &json!("20"), &json!("20")));
    // What each may take a day, while anyone waits.
    let queue = "/v1/operator/treasury/queues/SOL";
    assert_eq!(platform.operator.patch(queue, json!({"allowance": "2"})).ok(), json!({"asset": "SOL", "allowance": "2"}));
    platform.operator.patch(queue, json!({"allowance": "-2"})).refused(422, "amount_invalid");
    platform.operator.patch("/v1/operator/treasury/queues/ETH", json!({"allowance": "2"})).refused(404, "network_not_found");
    assert_eq!(platform.operator.get(queue).ok()["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn who_waits_longer_than_promised_earns_meanwhile() {
    let platform = staked();
    let alice = platform.acting_for("alice");
    // The coins of the top-up are free at the treasury: a day away.
    let mut second = picture(&platform, 2);
    second["liquid"][0]["amount"] = json!("70000000000");
    second["inflows"] = json!([{"hash": "up-1", "address": "addr-1", "from": "wallet", "denomination": "usol", "amount": "68000000000"}]);
    platform.operator.post("/v1/operator/treasury/networks/hub/pictures", second).ok();
    let left = alice.post("/v1/positions/1/redemptions", json!({"amount": "40", "exit": "queued"})).ok();
    assert_eq!(left["promised"], "2026-01-02");
    platform.move_to("2026-01-05T00:00:00Z");
    let earned = alice.all("/v1/statement?kind=exit_reward", 100);
    assert_eq!(earned.len(), 1, "one payment for the days that one move of the clock passed: {earned:?}");
    assert_ne!(earned[0]["amount"], "0");
    attest(&platform, "10");
    assert_eq!(alice.get("/v1/exits/1").ok()["promised"], "2026-01-02", "a promise stays");
}

#[test]
fn without_a_treasury_everything_is_paid_at_once() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    assert_eq!(platform.subscribe("alice", "sol-flex", "5", "spot"), "1");
    network(&platform);
    let alice = platform.acting_for("alice");
    let left = alice.post("/v1/positions/1/redemptions", json!({"amount": "2", "exit": "queued"})).ok();
    assert_eq!((&left["exit"], &left["payout"]), (&Value::Null, &json!("2")));
    assert_eq!(exits(&alice), Vec::<Value>::new());
}
