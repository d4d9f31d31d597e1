//! Orders from the policy that asks for them to the picture that shows them: by hand, by an agent, and by the command line.

use super::treasury::{self, picture};
use super::two_people::{self, signature};
use crate::suite::harness::{Answer, OPERATOR, Server, fresh_key, usance};
use crate::suite::platform::Platform;
use serde_json::{Value, json};

const HUB: &str = "/v1/operator/treasury/networks/hub";
const AGENTS: &str = "/v1/treasury/hub";

/// A policy for the network of [`treasury::opened`]: all with one validator, half a SOL stays for fees, and nothing is kept for the wallet.
pub fn policy() -> Value {
    let one = json!({"none_below": "0", "people": 1});
    json!({
        "validators": [{"validator": "val-a", "weight": 1, "cap": "1.00000000"}], "barred": ["val-z"],
        "buffer_low": "0.00000000", "buffer_target": "0.00000000", "buffer_high": "1.00000000",
        "gas_reserve": "0.5", "order_min": "0.1", "claim_above": "5", "claim_days": 30, "entries_max": 7, "commission_max": "0.10000000",
        "fee_max": "0.01", "order_life_seconds": 86_400, "halted_after_seconds": 93_600, "redelegates": true, "cancels": true,
        "approvals": {"top_up": one, "delegate": one, "undelegate": one, "cancel_undelegation": one, "redelegate": one, "claim": one,
                      "sweep_one_below": "100"},
    })
}

/// Sets a policy that differs in one field.
pub fn set(platform: &Platform, field: &str, value: &str) -> Value {
    let mut policy = policy();
    policy[field] = json!(value);
    platform.operator.post(&format!("{HUB}/policy"), policy).ok()
}

/// Orders of a standing, oldest first.
pub fn standing(platform: &Platform, word: &str) -> Vec<Value> {
    let mut orders = platform.operator.all(&format!("{HUB}/orders?standing={word}"), 500);
    orders.reverse();
    orders
}

/// The first order of a kind that waits for signatures.
pub fn proposed(platform: &Platform, kind: &str) -> Value {
    let orders = standing(platform, "proposed");
    orders.iter().find(|order| order["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {orders:?}")).clone()
}

/// The path of an order's signatures.
pub fn signatures(order: &Value) -> String {
    format!("{HUB}/orders/{}/signatures", order["order_id"].as_str().expect("a number"))
}

/// Brings somebody's signature under an order.
pub fn sign(platform: &Platform, name: &str, order: &Value, verdict: &str) -> Answer {
    platform.operator.post(&signatures(order), signature(name, order, verdict))
}

/// A treasury with 2 SOL free and a policy by which one and a half of them are to be staked.
pub fn planned() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "22.15"})).ok();
    treasury::network(&platform);
    treasury::attest(&platform, "60.15");
    platform.operator.post(&format!("{HUB}/pictures"), with_sequence(picture(&platform, 1), 0)).ok();
    two_people::agree(&platform, &treasury::confirmation(&platform));
    platform
}

fn with_sequence(mut picture: Value, next: u64) -> Value {
    picture["sequences"] = json!([{"address": "addr-1", "next": next.to_string()}]);
    picture
}

/// A picture that shows the delegation of one and a half SOL.
fn delegated(platform: &Platform, number: u64, hash: &str) -> Value {
    let mut shown = with_sequence(picture(platform, number), 1);
    shown["liquid"][0]["amount"] = json!("499998000");
    shown["delegations"][0] = json!({"address": "addr-1", "validator": "val-a", "stake": "21500000000", "claimable": "0"});
    shown["transactions"] = json!([
        {"hash": hash, "address": "addr-1", "sequence": "0", "succeeded": true, "fee_denomination": "usol", "fee": "3000",
         "effects": [{"kind": "delegated", "validator": "val-a", "amount": "1500000000"}],
         "released": [{"validator": "val-a", "denomination": "usol", "amount": "1000"}]},
    ]);
    shown
}

#[test]
fn an_order_is_planned_signed_and_done_by_hand() {
    let mut platform = planned();
    let operator = &platform.operator;
    assert_eq!(operator.get(&format!("{HUB}/policy")).ok(), json!({"network": "hub", "version": null, "policy": null}));
    assert_eq!(operator.get(&format!("{HUB}/plan")).ok()["orders"], json!([]));
    assert_eq!(set(&platform, "gas_reserve", "0.5"), json!({"network": "hub", "version": 1}));
    assert_eq!(operator.get(&format!("{HUB}/policy")).ok()["policy"], policy(), "what was said is shown, as it was said");
    let mut contradicts = policy();
    contradicts["buffer_low"] = json!("0.5");
    operator.post(&format!("{HUB}/policy"), contradicts).refused(422, "terms_invalid");
    for (field, value, status, code) in [
        ("gas_reserve", json!("x"), 422, "amount_invalid"),
        ("gas_reserve", json!("0.0000000001"), 422, "amount_invalid"),
        ("claim_days", json!(-1), 400, "malformed_request"),
        ("approvals", json!([]), 400, "malformed_request"),
    ] {
        let mut wrong = policy();
        wrong[field] = value;
        operator.post(&format!("{HUB}/policy"), wrong).refused(status, code);
    }
    operator.post("/v1/operator/treasury/networks/moon/policy", policy()).refused(404, "network_not_found");

    let plan = operator.get(&format!("{HUB}/plan")).ok();
    assert_eq!((&plan["covered"], plan["orders"].as_array().map(Vec::len)), (&json!("0.15"), Some(1)), "{plan}");
    let order = proposed(&platform, "delegate");
    let seen = ["validator", "amount", "asset", "standing", "needed", "fee_max"].map(|field| order[field].clone());
    assert_eq!(seen, [json!("val-a"), json!("1.5"), json!("SOL"), json!("proposed"), json!(1), json!("0.01")]);
    let text = order["sign"]["approve"].as_str().expect("a text");
    assert!(text.starts_with("usance order, version 1\nverdict: approve\n") && text.contains("\namount: 1500000000\n"), "{text}");
    let approved = sign(&platform, "anna", &order, "approve").ok();
    assert_eq!((&approved["standing"], &approved["approved_by"]), (&json!("approved"), &json!(["anna"])));
    let due = operator.get(&format!("{AGENTS}/orders")).ok()["items"][0].clone();
    assert_eq!(due["approvals"][0]["signature"], signature("anna", &order, "approve")["signature"], "whoever carries it out can prove it");

    let books = || platform.operator.get("/v1/operator/books").ok();
    let before = books();
    let told = operator.post(&format!("{AGENTS}/orders/1/done"), json!({"hash": "tx-1"})).ok();
    assert_eq!(told, json!({"network": "hub", "order_id": "1", "standing": "sent", "approved_by": ["anna"], "hash": "tx-1"}));
    assert_eq!(books(), before, "it books nothing");
    operator.post(&format!("{HUB}/pictures"), delegated(&platform, 2, "tx-1")).ok();
    let done = operator.get(&format!("{HUB}/orders/1")).ok();
    assert_eq!((&done["standing"], &done["picture"]), (&json!("done"), &json!(2)));
    let network = operator.get(HUB).ok();
    assert_eq!((&network["stopped"], &network["halted"], &network["policy"]), (&json!(false), &json!(false), &json!(1)));
    operator.get(&format!("{HUB}/orders/9")).refused(404, "order_not_found");
    operator.get(&format!("{HUB}/orders/x")).refused(404, "order_not_found");
    operator.get(&format!("{HUB}/orders?standing=sleeping")).refused(400, "malformed_request");
    for path in ["policy", "plan", "orders", "validators", "orders/1"] {
        operator.get(&format!("/v1/operator/treasury/networks/moon/{path}")).refused(404, "network_not_found");
    }

    let validators = operator.get(&format!("{HUB}/validators")).ok()["items"].clone();
    let one = &validators[0];
    assert_eq!((&one["score"], &one["stake"], &one["approved"]), (&json!(95), &json!("21.5"), &json!(true)), "{one}");
    assert_eq!(one["parts"][1], json!({"name": "commission", "off": 5}));

    let shown =
        |platform: &Platform| ["orders", "validators", "policy", "plan"].map(|path| platform.operator.get(&format!("{HUB}/{path}")).ok());
    let before = shown(&platform);
    platform.restart(Server::kill);
    assert_eq!(shown(&platform), before);
    assert_eq!(platform.operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
}

#[test]
fn an_agent_carries_orders_out_and_may_do_nothing_else() {
    let platform = planned();
    set(&platform, "gas_reserve", "0.5");
    sign(&platform, "ben", &proposed(&platform, "delegate"), "approve").ok();
    let agent = platform.with_token("treasury", "agent-a", None);
    let prepared = |epoch: u64, sequence: &str| {
        let body = json!({"epoch": epoch, "hash": "tx-1", "bytes": "00ff", "sequence": sequence, "last_valid_height": "500"});
        agent.post(&format!("{AGENTS}/orders/1/prepared"), body)
    };
    let sent = |epoch: u64| agent.post(&format!("{AGENTS}/orders/1/sent"), json!({"epoch": epoch}));
    assert_eq!(prepared(1, "0").refused(409, "epoch_over")["epoch"], 0);
    assert_eq!(agent.post(&format!("{AGENTS}/office"), json!({"agent": "agent-a"})).ok(), json!({"network": "hub", "epoch": 1}));
    assert_eq!(
        prepared(1, "7").refused(422, "order_refused")["detail"],
        "The order may not be begun now: the next sequence number of addr-1 is 0."
    );
    assert_eq!(sent(1).refused(409, "order_not_open")["standing"], "approved");
    for bytes in ["0", "0g", "zz"] {
        let body = json!({"epoch": 1, "hash": "tx-1", "bytes": bytes, "sequence": "0"});
        agent.post(&format!("{AGENTS}/orders/1/prepared"), body).refused(400, "malformed_request");
    }
    assert_eq!(prepared(1, "0").ok()["standing"], "prepared");
    // It dies here; the next one finds the very bytes.
    let next = platform.with_token("treasury", "agent-b", None);
    next.post(&format!("{AGENTS}/office"), json!({"agent": "agent-b"})).ok();
    let due = next.get(&format!("{AGENTS}/orders")).ok()["items"][0].clone();
    assert_eq!(due["signed"], json!({"epoch": 1, "bytes": "00ff", "sequence": "0", "last_valid_height": "500"}));
    assert_eq!(sent(1).refused(409, "epoch_over")["epoch"], 2);
    next.post(&format!("{AGENTS}/orders/1/sent"), json!({"epoch": 2})).ok();
    next.post(&format!("{HUB}/pictures"), delegated(&platform, 2, "tx-1")).ok();
    assert_eq!(next.get(HUB).ok()["office"]["agent"], "agent-b");
    assert_eq!(next.get(&format!("{HUB}/orders/1")).ok()["standing"], "done");
    assert_eq!(next.get(&format!("{AGENTS}/orders")).ok()["items"], json!([]));
    for path in ["/v1/operator/books", "/v1/accounts", "/v1/operator/treasury/coverage"] {
        next.get(path).refused(403, "forbidden");
    }
    let order = json!({"person": "anna", "verdict": "approve", "signature": "00".repeat(64)});
    next.post(&format!("{HUB}/orders/1/signatures"), order).refused(403, "forbidden");
    next.post(&format!("{HUB}/policy"), policy()).refused(403, "forbidden");
}

/// What a verb prints.
fn typed(platform: &Platform, words: &[&str]) -> String {
    let remote = ["--url", &platform.server.url, "--token", OPERATOR];
    let output = usance(&[words, &remote].concat());
    let (told, refused) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.success(), refused.is_empty(), "{words:?}: {output:?}");
    format!("{told}{refused}")
}

#[test]
fn the_verbs_show_sign_and_tell_of_orders() {
    let platform = planned();
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    let key = typed(&platform, &["approve", "keygen", "--out", &file("cleo")].map(|word| word)[..4]);
    let key = key.trim().strip_prefix("public key: ").expect("a key").to_owned();
    two_people::agree(&platform, &json!({"kind": "register_person", "name": "cleo", "public_key": key}));
    assert_eq!(typed(&platform, &["treasury", "policy", "hub"]), "hub has no policy: nothing is planned\n");
    std::fs::write(file("policy"), policy().to_string()).expect("a file");
    assert_eq!(typed(&platform, &["treasury", "policy", "hub", "--file", &file("policy")]), "policy 1 of hub is in force\n");
    let shown = typed(&platform, &["treasury", "policy", "hub"]);
    assert!(shown.starts_with("policy 1 of hub\n  val-a: weight 1, at most 1"), "{shown}");
    let lines = typed(&platform, &["treasury", "orders", "hub"]);
    assert!(lines.starts_with("1  delegate 1.5 SOL, address addr-1, validator val-a; proposed, approved by 0 of 1, until "), "{lines}");
    assert_eq!(typed(&platform, &["approve", "--network", "hub"]), lines);
    assert_eq!(typed(&platform, &["approve", "1", "--network", "hub"]), lines);
    let signed = typed(&platform, &["approve", "1", "--network", "hub", "--key", &file("cleo"), "--yes"]);
    assert!(signed.contains("\nkind: delegate\n") && signed.ends_with("signed by cleo: order 1 is approved\n"), "{signed}");
    assert_eq!(typed(&platform, &["approve", "--network", "hub"]), "nothing waits for signatures\n");
    let told = typed(&platform, &["treasury", "done", "hub", "1", "--hash", "tx-1"]);
    assert_eq!(told, "order 1 of hub is sent: a picture has to show tx-1\n");
    assert!(typed(&platform, &["treasury", "done", "hub", "9", "--hash", "tx-9"]).contains("(order_not_found)"));
    platform.operator.post(&format!("{HUB}/pictures"), delegated(&platform, 2, "tx-1")).ok();
    assert_eq!(typed(&platform, &["treasury", "orders", "hub"]), "no order waits\n");
    let all: Value = serde_json::from_str(&typed(&platform, &["treasury", "orders", "hub", "--all", "--json"])).expect("JSON");
    assert_eq!((&all[0]["standing"], all.as_array().map(Vec::len)), (&json!("done"), Some(1)));
}

#[test]
fn what_nobody_ordered_stops_and_is_known_by_two_people() {
    let platform = planned();
    set(&platform, "gas_reserve", "0.5");
    platform.operator.post(&format!("{HUB}/pictures"), delegated(&platform, 2, "tx-0")).ok();
    let network = platform.operator.get(HUB).ok();
    let difference = &network["differences"][0];
    assert_eq!((&network["stopped"], &difference["cause"], &difference["hash"]), (&json!(true), &json!("unordered"), &json!("tx-0")));
    two_people::agree(&platform, &json!({"kind": "explain_difference", "network": "hub", "number": "1", "was": "known"}));
    let network = platform.operator.get(HUB).ok();
    assert_eq!((&network["stopped"], &network["differences"]), (&json!(false), &json!([])));
    let key = fresh_key();
    let set = |platform: &Platform| platform.operator.write("POST", &format!("{HUB}/policy"), &key, &policy());
    assert_eq!(set(&platform).ok()["version"], 2);
    assert_eq!(set(&platform).ok()["version"], 2, "once only");
}
