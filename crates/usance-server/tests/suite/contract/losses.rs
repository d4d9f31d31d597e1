//! A loss from its evidence to what comes back of it, over HTTP and by the verbs.

use super::treasury::{books, opened, picture, typed};
use super::two_people;
use crate::suite::harness::{Client, Server};
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
        "customers": {"principal": "0", "at_most": "0", "bearers": 0, "settled": false},
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
    assert_eq!(shown, json!({"loss": "1", "asset": "SOL", "bearers": bearers, "customers": "0", "customers_at_most": "0"}));
    preview(json!({"reward_pool": "0.15", "customers": "0.1"})).refused(422, "terms_invalid");
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
    assert_eq!(over["borne_by"], json!({"loss_reserve": "0.1", "commission_income": "0", "reward_pool": "0.15", "customers": "0"}));
    assert_eq!(over["recovered"], json!({"loss_reserve": "0.02", "commission_income": "0", "reward_pool": "0.03", "customers": "0"}));
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

/// A treasury of 22 SOL in which alice has 30 and bob 10 in a product whose slashing is shared; 0.25 were slashed since.
pub fn shared_and_slashed() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.deposit("bob", "SOL", "funding", "40");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    platform.offer(json!({
        "id": "sol-shared", "asset": "SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0"}], "slashing": "shared",
    }));
    assert_eq!(platform.subscribe("alice", "sol-shared", "30", "spot"), "1");
    assert_eq!(platform.subscribe("bob", "sol-shared", "10", "funding"), "2");
    begins_and_is_slashed(&platform);
    platform
}

/// A day later a treasury of 22 SOL begins, beside a wallet with 118, and 0.25 are slashed.
pub fn begins_and_is_slashed(platform: &Platform) {
    platform.operator.post("/v1/operator/clock", json!({"to": "2026-01-02T12:00:00Z"})).ok();
    opened(platform, "118");
    let mut second = picture(platform, 2);
    second["delegations"][0]["stake"] = json!("19750000000");
    second["happened"] = json!([{"kind": "slashed", "validator": "val-a"}]);
    platform.operator.post(PICTURES, second).ok();
}

#[test]
fn customers_who_share_a_loss_keep_back_their_part_bear_it_and_get_back_what_comes_back() {
    let mut platform = shared_and_slashed();
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    let open = platform.operator.get(&format!("{LOSSES}/1")).ok();
    assert_eq!(open["customers"], json!({"principal": "40", "at_most": "0.25", "bearers": 2, "settled": false}));
    // Alice would bear 0.1875 at most; with 0.1 that stay, 0.087500001 are kept back.
    let shown = alice.ask("/v1/positions/1/redemption-preview", json!({"amount": "29.9"})).ok();
    assert_eq!((&shown["payout"], &shown["withheld"], &shown["exit"]), (&json!("29.9"), &json!("0.087500001"), &json!("instant")));
    let left = platform.redeem("alice", "1", json!({"amount": "29.9"}));
    assert_eq!((&left["exit"], &left["waits"], &left["withheld"]), (&json!("queued"), &json!("0.087500001"), &json!("0.087500001")));
    let left = bob.post("/v1/positions/2/redemptions", json!({"exit": "queued"})).ok();
    assert_eq!((&left["waits"], &left["withheld"]), (&json!("10"), &json!("0.0625")));
    let refused = bob.post("/v1/exits/2/cancellation", json!({"agreement": "v1"})).refused(409, "exit_withheld");
    assert_eq!(refused["withheld"], "0.0625");
    let waiting = bob.get("/v1/exits/2").ok();
    assert_eq!((&waiting["waiting"], &waiting["withheld"], &waiting["standing"]), (&json!("0.0625"), &json!("0.0625"), &json!("waiting")));
    let preview = json!({"reward_pool": "0.05", "customers": "0.2"});
    let told = platform.operator.post(&format!("{LOSSES}/1/allocation-preview"), preview).ok();
    assert_eq!((&told["customers"], &told["customers_at_most"]), (&json!("0.2"), &json!("0.25")));
    let typed = typed(&platform, &["allocate", "1", "--pool", "0.05", "--customers", "0.2", "--preview"]);
    assert!(typed.contains("customers bear 0.2, 0.25 at most"), "{typed}");

    let matter = json!({"kind": "allocate_loss", "loss": "1", "asset": "SOL", "reward_pool": "0.05", "customers": "0.2"});
    two_people::agree(&platform, &matter);
    platform.restart(Server::kill);
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    // Of 0.15 what was kept back bears first.
    let position = alice.get("/v1/positions/1").ok();
    assert_eq!((&position["principal"], &position["principal_lost"]), (&json!("0.037500001"), &json!("0.062499999")));
    let exit = alice.get("/v1/exits/1").ok();
    assert_eq!((&exit["standing"], &exit["lost"], &exit["waiting"]), (&json!("lost"), &json!("0.087500001"), &json!("0")));
    // Of bob's, 0.0125 come free and are paid.
    let exit = bob.get("/v1/exits/2").ok();
    assert_eq!((&exit["standing"], &exit["lost"], &exit["withheld"]), (&json!("paid"), &json!("0.05"), &json!("0")));
    assert_eq!(bob.get("/v1/positions/2").ok().get("principal_lost"), None, "it had left before");
    assert_eq!(stands(&platform)[0], "0");
    two_people::agree(&platform, &json!({"kind": "recover_loss", "loss": "1", "asset": "SOL", "amount": "0.1"}));
    let over = platform.operator.get(&format!("{LOSSES}/1")).ok();
    assert_eq!(over["customers"]["settled"], true);
    assert_eq!(over["borne_by"], json!({"loss_reserve": "0", "commission_income": "0", "reward_pool": "0.05", "customers": "0.2"}));
    assert_eq!(over["recovered"], json!({"loss_reserve": "0", "commission_income": "0", "reward_pool": "0.02", "customers": "0.08"}));
    let returned = |who: &Client| who.get("/v1/statement?kind=loss_returned").ok()["items"][0]["amount"].clone();
    assert_eq!((returned(&alice), returned(&bob)), (json!("0.06"), json!("0.02")));
    assert_eq!(alice.get("/v1/statement?kind=loss").ok()["items"], json!([]), "a loss moves neither account");
    books(&platform);
}
