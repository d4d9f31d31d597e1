//! A loss from its evidence to what comes back of it, over HTTP and by the verbs.

use super::treasury::{books, opened, picture, typed};
use super::two_people;
use crate::suite::harness::Server;
use crate::suite::platform::Platform;
use serde_json::{Value, json};

const PICTURES: &str = "/v1/operator/treasury/networks/hub/pictures";
const LOSSES: &str = "/v1/operator/treasury/losses";

/// A treasury of 22 SOL that lost 0.25 of them to a slash, beside a reserve of 0.1 and a reward pool of 39.9.
fn slashed() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    platform.operator.post("/v1/operator/treasury/assets/SOL/reserve", json!({"amount": "0.1"})).ok();
    opened(&platform, "78");
    let mut second = picture(&platform, 2);
    second["delegations"][0]["stake"] = json!("19750000000");
    second["happened"] = json!([{"kind": "slashed", "validator": "val-a"}]);
    platform.operator.post(PICTURES, second).ok();
    platform
}

/// A little of what the treasury has staked is slashed, by its next picture.
pub fn lose(platform: &Platform) {
    let network = platform.operator.get("/v1/operator/treasury/networks/hub").ok();
    let number = network["next_picture"].as_u64().expect("a number");
    let mut next = picture(platform, number);
    next["delegations"][0]["stake"] = json!((20_000_000_000 - 1_000 * number).to_string());
    next["happened"] = json!([{"kind": "slashed", "validator": "val-a"}]);
    platform.operator.post(PICTURES, next).ok();
}

fn stands(platform: &Platform) -> [Value; 3] {
    let now = books(platform);
    ["slashing_loss", "loss_reserve", "reward_pool"].map(|account| now[account].clone())
}

fn matter(reserve: &str, pool: &str) -> Value {
    json!({"kind": "allocate_loss", "loss": "1", "asset": "SOL", "loss_reserve": reserve, "reward_pool": pool})
}

#[test]
fn a_loss_is_shown_borne_by_two_people_and_comes_back() {
    let mut platform = slashed();
    let open = platform.operator.get(LOSSES).ok()["items"][0].clone();
    let expected = json!({
        "id": "1", "network": "hub", "asset": "SOL", "amount": "0.25", "found_at": open["found_at"], "standing": "open",
        "evidence": {"kind": "slash", "picture": "2", "from": [{"validator": "val-a", "name": "Ann's validator", "amount": "0.25"}]},
        "allocated_at": null, "borne_by": null, "recovered": null,
    });
    assert_eq!(open, expected);
    assert_eq!(stands(&platform), ["0.25", "0.1", "39.9"].map(|text| json!(text)));

    // What it would come to, and what is refused, before anybody signs.
    let preview = |body: Value| platform.operator.post(&format!("{LOSSES}/1/allocation-preview"), body);
    let shown = preview(json!({"loss_reserve": "0.1", "reward_pool": "0.15"})).ok();
    let bearers = json!([
        {"account": "loss_reserve", "share": "0.1", "before": "0.1", "after": "0"},
        {"account": "commission_income", "share": "0", "before": "0", "after": "0"},
        {"account": "reward_pool", "share": "0.15", "before": "39.9", "after": "39.75"},
    ]);
    assert_eq!(shown, json!({"loss": "1", "asset": "SOL", "bearers": bearers}));
    preview(json!({"reward_pool": "0.24"})).refused(422, "terms_invalid");
    let refused = preview(json!({"loss_reserve": "0.25"})).refused(422, "insufficient_balance");
    assert_eq!(refused["available"], "0.1");
    preview(json!({"reward_pool": "much"})).refused(422, "amount_invalid");
    platform.operator.post(&format!("{LOSSES}/2/allocation-preview"), json!({})).refused(404, "loss_not_found");
    platform.operator.get(&format!("{LOSSES}/x")).refused(404, "loss_not_found");
    platform.operator.get(&format!("{LOSSES}?asset=GONE")).refused(404, "asset_not_found");
    platform.operator.get(&format!("{LOSSES}?standing=lost")).refused(400, "malformed_request");
    let propose = |matter: Value| platform.operator.post("/v1/operator/proposals", json!({"matter": matter}));
    let early = json!({"kind": "recover_loss", "loss": "1", "asset": "SOL", "amount": "0.1"});
    propose(early).refused(422, "terms_invalid");
    propose(json!({"kind": "allocate_loss", "loss": "1", "asset": "SOL", "reward_pool": ["1"]})).refused(400, "malformed_request");

    two_people::agree(&platform, &matter("0.1", "0.15"));
    assert_eq!(stands(&platform), ["0", "0", "39.75"].map(|text| json!(text)));
    propose(matter("0.1", "0.15")).refused(409, "loss_not_open");
    // A fifth of it comes to the wallet: 0.02 and 0.03.
    two_people::agree(&platform, &json!({"kind": "recover_loss", "loss": "1", "asset": "SOL", "amount": "0.05"}));
    assert_eq!(stands(&platform), ["0", "0.02", "39.78"].map(|text| json!(text)));
    platform.restart(Server::kill);
    let over = platform.operator.get(&format!("{LOSSES}/1")).ok();
    assert_eq!(over["standing"], "allocated");
    assert_eq!(over["borne_by"], json!({"loss_reserve": "0.1", "commission_income": "0", "reward_pool": "0.15"}));
    assert_eq!(over["recovered"], json!({"loss_reserve": "0.02", "commission_income": "0", "reward_pool": "0.03"}));
    assert_eq!(platform.operator.get(&format!("{LOSSES}?standing=open")).ok()["items"], json!([]));
    assert_eq!(platform.operator.get(&format!("{LOSSES}?asset=SOL&standing=allocated")).ok()["items"], json!([over]));
}

#[test]
fn the_verbs_show_losses_and_propose_who_bears_them() {
    let platform = slashed();
    let line = typed(&platform, &["losses"]);
    assert!(line.contains("0.25 SOL on hub by a slash of Ann's validator: nobody bears it yet"), "{line}");
    let preview = typed(&platform, &["allocate", "1", "--reserve", "0.1", "--pool", "0.15", "--preview"]);
    assert!(
        preview.contains("loss_reserve bears 0.1: 0.1 -> 0\n") && preview.contains("reward_pool bears 0.15: 39.9 -> 39.75"),
        "{preview}"
    );
    assert!(typed(&platform, &["allocate", "1", "--pool", "0.2"]).contains("(terms_invalid)"));
    assert!(typed(&platform, &["allocate", "7", "--pool", "0.2"]).contains("(loss_not_found)"));
    let agree = |words: &[&str], number: u64| {
        assert!(typed(&platform, words).starts_with(&format!("proposal {number} waits for two signatures until ")));
        let proposal = platform.operator.get(&format!("/v1/operator/proposals/{number}")).ok();
        for name in ["anna", "ben"] {
            two_people::sign(&platform, name, &proposal, "approve").ok();
        }
    };
    agree(&["allocate", "1", "--reserve", "0.1", "--pool", "0.15"], 3);
    agree(&["recover", "1", "0.25"], 4);
    let line = typed(&platform, &["losses", "--asset", "SOL"]);
    assert!(line.contains("borne by loss_reserve 0.1, reward_pool 0.15; came back: loss_reserve 0.1, reward_pool 0.15"), "{line}");
    assert_eq!(stands(&platform), ["0", "0.1", "39.9"].map(|text| json!(text)));
}
