//! A treasury from its first picture to its first slash, by hand: what is booked, what is kept aside, what is held apart, what is covered.

use super::two_people;
use crate::suite::abuse::wire::{Wire, request};
use crate::suite::harness::{OPERATOR, Server, usance};
use crate::suite::platform::Platform;
use serde_json::{Value, json};

const PICTURES: &str = "/v1/operator/treasury/networks/hub/pictures";

/// A network with one address of the treasury, which two people approved. SOL has 9 decimals.
pub fn network(platform: &Platform) {
    let coins = json!([{"asset": "SOL", "denomination": "usol"}]);
    let network = json!({"name": "hub", "chain_id": "hub-1", "coins": coins, "unbonding_seconds": 1_814_400, "earned_at_most": "0.5", "slashed_at_most": "0.1"});
    platform.operator.post("/v1/operator/treasury/networks", network).ok();
    for name in ["anna", "ben"] {
        two_people::register(platform, name).ok();
    }
    two_people::agree(platform, &json!({"kind": "add_treasury_address", "network": "hub", "address": "addr-1"}));
}

/// What the wallet says that it holds of SOL, as of its last movement.
pub fn attest(platform: &Platform, amount: &str) -> Value {
    let coverage = platform.operator.get("/v1/operator/treasury/coverage").ok();
    let movement = coverage["items"][0]["last_movement"].to_string();
    let now = platform.operator.get("/v1/clock").ok()["now"].clone();
    platform.operator.post("/v1/treasury/attestations", json!({"asset": "SOL", "amount": amount, "at": now, "movement": movement})).ok()
}

/// A picture: 2 SOL free, 20 with a validator.
pub fn picture(platform: &Platform, number: u64) -> Value {
    let now = platform.operator.get("/v1/clock").ok()["now"].clone();
    json!({
        "number": number.to_string(), "chain_id": "hub-1", "height": (100 * number).to_string(), "hash": format!("block-{number}"), "time": now,
        "addresses": ["addr-1"],
        "liquid": [{"address": "addr-1", "denomination": "usol", "amount": "2000000000"}],
        "delegations": [{"address": "addr-1", "validator": "val-a", "stake": "20000000000", "claimable": "1000"}],
        "validators": [{
            "validator": "val-a", "name": "Ann's validator", "commission": "0.05", "status": "active", "tokens": "900000000000000", "power": "0.01",
        }],
    })
}

/// What two people sign to confirm the picture that is kept aside.
pub fn confirmation(platform: &Platform) -> Value {
    let aside = network_now(platform)["aside"].clone();
    json!({"kind": "confirm_picture", "network": "hub", "number": aside["number"].to_string(), "digest": aside["digest"]})
}

/// A treasury that has begun, with 22 SOL; what the wallet then says that it holds.
pub fn opened(platform: &Platform, held: &str) {
    network(platform);
    attest(platform, held);
    platform.operator.post(PICTURES, picture(platform, 1)).ok();
    two_people::agree(platform, &confirmation(platform));
}

pub fn books(platform: &Platform) -> Value {
    let books = platform.operator.get("/v1/operator/books").ok();
    let sol = books["items"].as_array().and_then(|items| items.iter().find(|item| item["asset"] == "SOL")).expect("SOL").clone();
    assert_eq!(sol["balanced"], true, "{sol}");
    let accounts = sol["accounts"].as_array().expect("accounts").iter();
    accounts.map(|line| (line["account"].as_str().expect("a name").to_owned(), line["control"].clone())).collect()
}

fn network_now(platform: &Platform) -> Value {
    platform.operator.get("/v1/operator/treasury/networks/hub").ok()
}

fn covered(platform: &Platform) -> Value {
    platform.operator.get("/v1/operator/treasury/coverage").ok()["items"][0]["covered"].clone()
}

#[test]
fn a_treasury_by_hand_from_its_first_picture_to_its_first_slash() {
    let mut platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    network(&platform);
    // Before it begins nothing is bound.
    assert_eq!(covered(&platform), Value::Null);
    let first = platform.operator.post(PICTURES, picture(&platform, 1)).ok();
    assert_eq!((&first["counts"], &first["aside"]), (&json!(false), &json!("opening")));
    let confirm = confirmation(&platform);
    platform.operator.post("/v1/operator/proposals", json!({"matter": confirm})).refused(422, "terms_invalid");
    attest(&platform, "78");
    two_people::agree(&platform, &confirm);
    let now = books(&platform);
    let places =
        ["custody", "treasury_liquid", "treasury_staked", "treasury_claimable", "opening_equity"].map(|account| now[account].clone());
    assert_eq!(places, ["78", "2", "20", "0.000001", "0.000001"].map(|text| json!(text)));
    assert_eq!(covered(&platform), "18", "78 are attested, and 60 are alice's");

    // The wallet sends coins: as much as is covered, and they arrive with a picture.
    let top_up = |amount: &str, hash: &str| {
        let body = json!({"network": "hub", "address": "addr-1", "asset": "SOL", "amount": amount, "hash": hash});
        platform.operator.post("/v1/treasury/top-ups", body)
    };
    let refused = top_up("18.000000001", "up-1").refused(422, "coverage_insufficient");
    assert_eq!(refused["covered"], "18");
    top_up("8", "up-1").ok();
    top_up("8", "up-1").refused(409, "already_exists");
    assert_eq!((books(&platform)["in_transit"].clone(), covered(&platform)), (json!("8"), json!("10")));
    let mut second = picture(&platform, 2);
    second["liquid"][0]["amount"] = json!("10000000007");
    second["delegations"][0]["claimable"] = json!("1500");
    second["inflows"] = json!([
        {"hash": "up-1", "address": "addr-1", "from": "wallet", "denomination": "usol", "amount": "8000000000"},
        {"hash": "odd", "address": "addr-1", "from": "somebody", "denomination": "usol", "amount": "7"},
    ]);
    let counted = platform.operator.post(PICTURES, second).ok();
    assert_eq!((&counted["counts"], &counted["differences"]), (&json!(true), &json!(1)));
    let now = books(&platform);
    assert_eq!((&now["in_transit"], &now["treasury_liquid"]), (&json!("0"), &json!("10")));
    assert_eq!(now["reward_pool"], "40.0000005", "what the network paid funds rewards");
    let seven = network_now(&platform)["differences"][0].clone();
    assert_eq!((&seven["cause"], &seven["amount"], &seven["stops"]), (&json!("stranger"), &json!("0.000000007"), &json!(false)));
    let explain = |was: &str| json!({"kind": "explain_difference", "network": "hub", "number": "1", "was": was});
    platform.operator.post("/v1/operator/proposals", json!({"matter": explain("loss")})).refused(422, "terms_invalid");
    two_people::agree(&platform, &explain("other_income"));
    assert_eq!(
        (&books(&platform)["other_income"], network_now(&platform)["differences"].as_array().map(Vec::len)),
        (&json!("0.000000007"), Some(0))
    );

    // A delegation by hand, a slash, and coins that go home.
    let mut third = picture(&platform, 3);
    third["liquid"][0]["amount"] = json!("3999999507");
    third["delegations"][0] = json!({"address": "addr-1", "validator": "val-a", "stake": "24750000000", "claimable": "0"});
    third["happened"] = json!([{"kind": "slashed", "validator": "val-a"}]);
    third["transactions"] = json!([
        {"hash": "tx-1", "address": "addr-1", "sequence": "0", "succeeded": true, "fee_denomination": "usol", "fee": "2000",
         "effects": [{"kind": "delegated", "validator": "val-a", "amount": "5000000000"}],
         "released": [{"validator": "val-a", "denomination": "usol", "amount": "1500"}]},
        {"hash": "tx-2", "address": "addr-1", "sequence": "1", "succeeded": true, "fee_denomination": "usol", "fee": "0",
         "effects": [{"kind": "sent", "denomination": "usol", "amount": "1000000000", "to": "wallet", "memo": "7"}]},
    ]);
    two_people::agree(&platform, &json!({"kind": "add_destination", "network": "hub", "address": "wallet", "memo": "7"}));
    platform.operator.post(PICTURES, third).ok();
    let now = books(&platform);
    let seen = ["treasury_staked", "treasury_liquid", "network_fees", "slashing_loss", "in_transit"].map(|account| now[account].clone());
    assert_eq!(seen, ["24.75", "3.999999507", "0.000002", "0.25", "1"].map(|text| json!(text)));
    let sweep = |hash: &str| platform.operator.post("/v1/treasury/sweeps", json!({"network": "hub", "hash": hash}));
    sweep("tx-9").refused(404, "transfer_not_found");
    let received = sweep("tx-2").ok();
    assert_eq!((&received["amount"], &books(&platform)["custody"], covered(&platform)), (&json!("1"), &json!("71"), json!("11")));

    // Customers see where the coins are, and that there was a slash, without a token.
    let staking = staking(&platform, "SOL");
    assert_eq!((&staking["yield_source"], &staking["total"]), (&json!("network"), &json!("99.749999507")));
    let places = staking["places"].as_array().expect("places");
    let seen: Vec<Value> = places.iter().map(|place| json!([place["place"], place["amount"], place["share"]])).collect();
    let expected = [
        json!(["wallet", "71", "0.71180000"]),
        json!(["in_transit", "0", "0.00000000"]),
        json!(["liquid", "3.999999507", "0.04010000"]),
        json!(["staked", "24.75", "0.24810000"]),
        json!(["unbonding", "0", "0.00000000"]),
        json!(["claimable", "0", "0.00000000"]),
    ];
    assert_eq!(seen, expected);
    let hub = &staking["networks"][0];
    let now = &staking["at"];
    assert_eq!(hub["picture"], json!({"number": 3, "height": 300, "time": now, "age_seconds": 0, "stale": false}));
    let ann = json!({"validator": "val-a", "name": "Ann's validator", "commission": "0.05000000", "status": "active", "stake": "24.75"});
    assert_eq!((&hub["validators"], &hub["other_validators"]), (&json!([ann]), &json!({"count": 0, "stake": "0"})));
    let slashed = json!([{"validator": "val-a", "name": "Ann's validator", "amount": "0.25"}]);
    assert_eq!(hub["last_slash"], json!({"at": now, "amount": "0.25", "validators": slashed}));

    let told = |platform: &Platform| (books(platform), network_now(platform), covered(platform), self::staking(platform, "SOL"));
    let before = told(&platform);
    platform.restart(Server::kill);
    assert_eq!(told(&platform), before);
    assert_eq!(platform.operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
}

/// What everybody may see of an asset's treasury.
fn staking(platform: &Platform, asset: &str) -> Value {
    platform.server.public().get(&format!("/v1/assets/{asset}/staking")).ok()
}

#[test]
fn where_the_coins_are_is_told_of_every_asset_and_grows_old() {
    let platform = Platform::new();
    let nothing = |asset: &str| {
        let shown = staking(&platform, asset);
        assert_eq!(
            (&shown["asset"], &shown["yield_source"], &shown["total"], &shown["places"], &shown["networks"]),
            (&json!(asset), &json!("platform"), &Value::Null, &Value::Null, &json!([]))
        );
    };
    nothing("SOL");
    platform.deposit("alice", "SOL", "spot", "60");
    network(&platform);
    attest(&platform, "60");
    let mut first = picture(&platform, 1);
    first["unbonding"] = json!([
        {"address": "addr-1", "validator": "val-b", "started": "90", "completes_at": "2026-01-05T12:00:00Z", "balance": "3000000000"},
        {"address": "addr-1", "validator": "val-a", "started": "91", "completes_at": "2026-01-05T23:59:59.999Z", "balance": "1500000000"},
        {"address": "addr-1", "validator": "val-a", "started": "92", "completes_at": "2026-01-06T00:00:00Z", "balance": "500000000"},
    ]);
    platform.operator.post(PICTURES, first).ok();
    nothing("SOL");
    two_people::agree(&platform, &confirmation(&platform));
    nothing("ETH");
    let shown = staking(&platform, "SOL");
    let freed = json!([{"day": "2026-01-05", "amount": "4.5", "entries": 2}, {"day": "2026-01-06", "amount": "0.5", "entries": 1}]);
    assert_eq!((&shown["networks"][0]["unbonding"], &shown["networks"][0]["last_slash"]), (&freed, &Value::Null));
    assert_eq!(platform.server.public().get("/v1/products/sol-flex").ok()["yield_source"], "network");
    assert_eq!(platform.server.public().get("/v1/products/eth-tiers").ok()["yield_source"], "platform");
    let age = |to: &str| {
        platform.move_to(to);
        let picture = staking(&platform, "SOL")["networks"][0]["picture"].clone();
        (picture["age_seconds"].clone(), picture["stale"].clone())
    };
    assert_eq!(age("2026-01-02T02:00:00Z"), (json!(26 * 3600), json!(false)));
    assert_eq!(age("2026-01-02T02:00:00.001Z"), (json!(26 * 3600), json!(true)));
    platform.server.public().get("/v1/assets/DOGE/staking").refused(404, "asset_not_found");
    platform.server.public().get("/v1/assets/sol/staking").refused(404, "asset_not_found");
    platform.operator.post("/v1/assets/SOL/staking", json!({})).refused(405, "method_not_allowed");
}

#[test]
fn a_picture_that_cannot_be_the_next_one_books_nothing() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    opened(&platform, "78");
    let before = (books(&platform), network_now(&platform));
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut picture = picture(&platform, 2);
        change(&mut picture);
        platform.operator.post(PICTURES, picture)
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let reasons: [(Change<'_>, &str); 8] = [
        (&|picture| picture["number"] = json!("4"), "its number is 4, the next one is 2"),
        (&|picture| picture["chain_id"] = json!("hub-2"), "it is of chain hub-2, not of hub-1"),
        (&|picture| picture["height"] = json!("99"), "its height 99 is not beyond 100"),
        (&|picture| picture["time"] = json!("2025-12-31T00:00:00Z"), "is before"),
        (&|picture| picture["time"] = json!("2030-01-01T00:00:00Z"), "is still to come"),
        (&|picture| picture["addresses"] = json!(["addr-9"]), "it does not tell of addr-1"),
        (&|picture| picture["liquid"][0]["amount"] = json!("99999999999999999999999999999"), "10^28"),
        (&|picture| picture["liquid"][0]["address"] = json!("addr-9"), "addr-9 is no address that the picture tells of"),
    ];
    for (change, reason) in reasons {
        let refused = wrong(change).refused(422, "picture_refused");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{reason}: {refused}");
    }
    for change in [json!("-1"), json!(5), json!("1.5"), json!("")] {
        wrong(&|picture| picture["liquid"][0]["amount"] = change.clone()).refused(400, "malformed_request");
    }
    wrong(&|picture| _ = picture.as_object_mut().map(|fields| fields.remove("hash"))).refused(400, "malformed_request");
    platform.operator.post("/v1/operator/treasury/networks/moon/pictures", picture(&platform, 2)).refused(404, "network_not_found");
    let future = json!({"asset": "SOL", "amount": "1", "at": "2030-01-01T00:00:00Z", "movement": "1"});
    platform.operator.post("/v1/treasury/attestations", future).refused(422, "terms_invalid");
    assert_eq!((books(&platform), network_now(&platform)), before);
    // What cannot be believed is kept aside, and a later picture takes its place.
    let doubted = wrong(&|picture| picture["delegations"][0]["stake"] = json!("21000000000")).ok();
    assert_eq!((&doubted["counts"], &doubted["aside"]), (&json!(false), &json!("stake_from_nowhere")));
    assert_eq!(books(&platform), before.0);
    let mut later = picture(&platform, 2);
    later["height"] = json!("250");
    assert_eq!(platform.operator.post(PICTURES, later).ok()["counts"], true);
    assert_eq!(network_now(&platform)["aside"], Value::Null);
}

/// What a verb prints.
pub fn typed(platform: &Platform, words: &[&str]) -> String {
    let remote = ["--url", &platform.server.url, "--token", OPERATOR];
    let output = usance(&[&["treasury"], words, &remote].concat());
    let (told, refused) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.success(), refused.is_empty(), "{words:?}: {output:?}");
    format!("{told}{refused}")
}

#[test]
fn the_verbs_run_a_treasury_by_hand() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    let dir = tempfile::tempdir().expect("a directory");
    let written = |name: &str, body: &Value| {
        let file = dir.path().join(name);
        std::fs::write(&file, body.to_string()).expect("a file");
        file.to_str().expect("text").to_owned()
    };
    for name in ["anna", "ben"] {
        two_people::register(&platform, name).ok();
    }
    let network = json!({"name": "hub", "chain_id": "hub-1", "coins": [{"asset": "SOL", "denomination": "usol"}], "unbonding_seconds": 60,
                         "earned_at_most": "0.5", "slashed_at_most": "0.1"});
    assert_eq!(typed(&platform, &["show"]), "no network yet\n");
    assert_eq!(typed(&platform, &["add", "--file", &written("hub", &network)]), "hub is a network of the treasury\n");
    let agree = |words: &[&str], number: u64| {
        let proposed = typed(&platform, words);
        assert!(proposed.starts_with(&format!("proposal {number} waits for two signatures until ")), "{proposed}");
        let proposal = platform.operator.get(&format!("/v1/operator/proposals/{number}")).ok();
        for name in ["anna", "ben"] {
            two_people::sign(&platform, name, &proposal, "approve").ok();
        }
    };
    agree(&["address", "hub", "addr-1"], 1);
    agree(&["destination", "hub", "wallet", "--memo", "7"], 2);
    assert!(typed(&platform, &["attest", "SOL", "78"]).starts_with("78 SOL are attested as of movement "));
    assert!(typed(&platform, &["confirm", "hub"]).contains("no picture of hub is kept aside"));
    let aside = typed(&platform, &["observe", "hub", "--file", &written("first", &picture(&platform, 1))]);
    assert!(aside.starts_with("picture 1 of hub is kept aside (opening)"), "{aside}");
    agree(&["confirm", "hub"], 3);
    assert_eq!(typed(&platform, &["coverage"]), "SOL  custody 78, held 78, covered 18\n");
    assert!(typed(&platform, &["top-up", "hub", "addr-1", "SOL", "19", "--hash", "up"]).contains("(coverage_insufficient)"));
    assert!(
        typed(&platform, &["top-up", "hub", "addr-1", "SOL", "8", "--hash", "up"]).starts_with("8 SOL are on their way to hub, movement ")
    );
    let mut second = picture(&platform, 2);
    second["liquid"][0]["amount"] = json!("1000000009");
    second["transactions"] = json!([{"hash": "tx", "address": "addr-1", "sequence": "0", "succeeded": true, "fee_denomination": "usol", "fee": "0",
        "effects": [{"kind": "sent", "denomination": "usol", "amount": "1000000000", "to": "wallet", "memo": "7"}]}]);
    let counted = typed(&platform, &["observe", "hub", "--file", &written("second", &second)]);
    assert_eq!(counted, "picture 2 of hub counts; 1 differences wait for an explanation\n");
    assert!(typed(&platform, &["show", "hub"]).contains("difference 1: 0.000000009 SOL liquid (unexplained)"));
    agree(&["explain", "hub", "1", "--was", "other-income"], 4);
    assert!(typed(&platform, &["sweep", "hub", "--hash", "tx"]).starts_with("1 SOL came to the wallet from hub, movement "));
    assert!(typed(&platform, &["observe", "hub", "--file", "/nowhere/at/all"]).contains("/nowhere/at/all cannot be read"));
    let shown: Value = serde_json::from_str(&typed(&platform, &["show", "--json"])).expect("JSON");
    assert_eq!(shown[0]["differences"], json!([]));
}

/// Thousands of delegations are one picture; whoever has no operator's token sends nothing of that length.
#[test]
fn a_picture_may_be_long() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    network(&platform);
    attest(&platform, "60");
    let mut long = picture(&platform, 1);
    let delegations = (0..2_000).map(|number| {
        json!({"address": "addr-1", "validator": format!("a-validator-with-a-name-that-is-of-quite-some-length-{number}"), "stake": "1000", "claimable": "1"})
    });
    long["delegations"] = delegations.collect();
    let length = long.to_string().len();
    assert!(length > 3 * 65_536, "{length}");
    assert_eq!(platform.operator.post(PICTURES, long.clone()).ok()["aside"], "opening");
    platform.operator.post("/v1/operator/assets", long.clone()).refused(413, "payload_too_large");
    let service = platform.with_token("service", "backend", None);
    service.post(PICTURES, long.clone()).refused(403, "forbidden");
    platform.acting_for("alice").naming("alice").get("/v1/accounts").ok();
    // One that is too long is answered on its head alone.
    let mut wire = Wire::to(&platform.server);
    wire.send(request("POST", PICTURES, &format!("Content-Length: {}\r\n", (4 << 20) + 1), ""));
    assert_eq!(wire.answer().expect("an answer").refused(413, "payload_too_large")["limit_bytes"], 4 << 20);
}

/// 36.5 SOL in a product that passes the network's yield on, of which 0.01 a day are a tenth a year; a tenth of that is the platform's.
#[test]
fn what_a_network_pays_is_divided_settled_and_shown() {
    let mut platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "60");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    opened(&platform, "78");
    platform.offer(json!({
        "id": "sol-pass", "asset": "SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.365"}],
        "yield": {"network": {"over_days": 2, "step": "0.1"}},
    }));
    platform.subscribe("alice", "sol-pass", "36.5", "spot");
    assert!(typed(&platform, &["yield", "hub", "--commission", "0.1"]).starts_with("0.1 of what hub pays for customers is the platform's"));
    assert_eq!((&network_now(&platform)["commission"], &network_now(&platform)["undistributed_days"]), (&json!("0.10000000"), &json!(365)));
    let terms = |commission: &str, days: u32| {
        let body = json!({"commission": commission, "undistributed_days": days});
        platform.operator.post("/v1/operator/treasury/networks/hub/yield", body)
    };
    terms("1.00000001", 365).refused(422, "terms_invalid");
    terms("0.1", 1).refused(422, "terms_invalid");
    let paid = |number: u64, claimable: &str| {
        let mut next = picture(&platform, number);
        next["delegations"][0]["claimable"] = json!(claimable);
        assert_eq!(platform.operator.post(PICTURES, next).ok()["counts"], true);
    };
    let rates = || platform.operator.get("/v1/operator/treasury/assets/SOL/rates").ok();
    paid(2, "10001000");
    assert_eq!((&rates()["undistributed"], &rates()["waits"], &rates()["days"]), (&json!("0"), &json!("0.01"), &json!([])));
    platform.move_to("2026-01-02T00:00:00Z");
    let day = json!({
        "day": "2026-01-01", "principal": "36.5", "passing": "36.5", "earned": "0.01", "to_pool": "0", "commission": "0.001", "net": "0.009",
        "gross_rate": "0.10000000", "net_rate": "0.09000000",
    });
    assert_eq!((&rates()["undistributed"], &rates()["waits"], &rates()["days"]), (&json!("0.009"), &json!("0"), &json!([day])));
    assert_eq!(
        (&rates()["settled"][0]["rate"], &rates()["settled"][0]["trailing"]),
        (&json!("0.00000000"), &Value::Null),
        "nothing was there"
    );

    // The operator says what is paid until there are days enough, and why.
    let mut settled = json!({"day": "2026-01-02", "rate": "0.05"});
    platform.operator.post("/v1/operator/products/sol-pass/settled-rates", settled.clone()).refused(422, "terms_invalid");
    settled["reason"] = json!("The network is young.");
    platform.operator.post("/v1/operator/products/sol-pass/settled-rates", settled).ok();
    paid(3, "20001000");
    platform.move_to("2026-01-03T00:00:00Z");
    let now = rates();
    let why = |line: &Value| ["day", "rate", "reason", "before", "cap"].map(|name| line[name].clone());
    let by_hand = ["2026-01-02", "0.05000000", "The network is young.", "0.00000000", "0.08999999"].map(|text| json!(text));
    assert_eq!(why(&now["settled"][0]), by_hand);
    let ahead = [json!("2026-01-03"), json!("0.09000000"), Value::Null, json!("0.05000000"), json!("0.12999999")];
    assert_eq!((why(&now["to_settle"][0]), &now["to_settle"][0]["trailing"]["net"]), (ahead, &json!("0.018")));
    let books_now = books(&platform);
    let seen = ["yield_undistributed", "commission_income", "customer_funding", "reward_pool"].map(|account| books_now[account].clone());
    assert_eq!(seen, ["0.013", "0.002", "0.005", "40"].map(|text| json!(text)));
    let shown = typed(&platform, &["earnings", "SOL"]);
    assert!(
        shown.starts_with("0.013 SOL are undistributed, 0 wait for the close of the day\n  2026-01-02  0.01 earned: 0 to the pool, "),
        "{shown}"
    );
    assert!(shown.contains("sol-pass 2026-01-02: 0.05000000 settled (days before -, day before 0.00000000, cap 0.08999999, by an operator: The network is young.)"), "{shown}");

    // What is set aside, and what is the platform's.
    assert_eq!(typed(&platform, &["reserve", "SOL", "--fund", "5"]), "5 SOL are set aside for losses\n");
    assert_eq!(typed(&platform, &["reserve", "SOL", "--withdraw", "1", "--side", "custody"]), "4 SOL are set aside for losses\n");
    assert!(typed(&platform, &["reserve", "SOL", "--withdraw", "4.1"]).contains("(insufficient_balance)"));
    assert_eq!(platform.operator.get("/v1/operator/treasury/assets/SOL/reserve").ok()["balance"], "4");
    assert_eq!(typed(&platform, &["commission", "SOL"]), "0.002 SOL of commission are there\n");
    let taken = platform.operator.post("/v1/operator/treasury/assets/SOL/commission", json!({"amount": "0.002"})).ok();
    assert_eq!(taken, json!({"asset": "SOL", "account": "commission_income", "kind": "withdraw", "amount": "0.002", "balance": "0"}));
    platform.operator.post("/v1/operator/treasury/assets/SOL/commission", json!({"amount": "1"})).refused(422, "insufficient_balance");
    platform.operator.get("/v1/operator/treasury/assets/DOGE/rates").refused(404, "asset_not_found");
    assert_eq!((&books(&platform)["custody"], &books(&platform)["reward_pool"]), (&json!("76.998"), &json!("35")));

    let before = (books(&platform), rates());
    platform.restart(Server::kill);
    assert_eq!((books(&platform), platform.operator.get("/v1/operator/treasury/assets/SOL/rates").ok()), before);
    assert_eq!(platform.operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
}
