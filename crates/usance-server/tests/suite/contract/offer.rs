//! What is shown before is what is booked after: estimates, previews, products through their life, rates, agreements.

use crate::suite::harness::{Start, fresh_key};
use crate::suite::money::{field, units};
use crate::suite::platform::{AGREEMENT, Platform};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn product(platform: &Platform, id: &str) -> Value {
    platform.server.public().get(&format!("/v1/products/{id}")).ok()
}

fn estimate(platform: &Platform, id: &str, amount: &str) -> Value {
    platform.server.public().get(&format!("/v1/products/{id}/estimate?amount={amount}")).ok()
}

/// For every product and at a first instant as well as within a day: estimate and preview, then the thing itself.
/// A customer has so many positions at a time; what adds to one, is sent again or renews by itself is not held up.
#[test]
fn a_customer_has_so_many_positions_and_no_more() {
    let platform = Platform::started(&Start { more: ["--positions-max", "3"].map(str::to_owned).to_vec(), ..Start::default() });
    platform.deposit("alice", "SOL", "spot", "100");
    let alice = platform.acting_for("alice");
    let asked = |product: &str| json!({"product": product, "amount": "2", "source": "spot", "agreement": "v1"});
    platform.subscribe("alice", "sol-flex", "2", "spot");
    let renewing = json!({"product": "sol-7", "amount": "2", "source": "spot", "agreement": "v1", "auto_renew": true});
    alice.post("/v1/subscriptions", renewing).ok();
    let third = fresh_key();
    let opened = alice.write("POST", "/v1/subscriptions", &third, &asked("sol-7")).ok();
    let fourth = fresh_key();
    let refused = alice.write("POST", "/v1/subscriptions", &fourth, &asked("sol-7")).refused(422, "too_many_positions");
    assert_eq!(refused["limit"], 3, "{refused}");
    alice.ask("/v1/subscriptions/preview", json!({"product": "sol-7", "amount": "2"})).refused(422, "too_many_positions");
    // What was done is told again, what adds to a position opens none, and others have their own.
    assert_eq!(alice.write("POST", "/v1/subscriptions", &third, &asked("sol-7")).ok(), opened);
    alice.post("/v1/subscriptions", asked("sol-flex")).ok();
    platform.deposit("bob", "SOL", "spot", "100");
    platform.subscribe("bob", "sol-7", "2", "spot");
    // The other term of seven days is over, and the one that renews goes on.
    platform.move_to("2026-01-10T00:00:00Z");
    assert_eq!(alice.all("/v1/positions?state=active", 500).len(), 2);
    alice.write("POST", "/v1/subscriptions", &fourth, &asked("sol-7")).ok();
    alice.post("/v1/subscriptions", asked("sol-7")).refused(422, "too_many_positions");
    platform.move_to("2026-01-16T00:00:00Z");
    assert_eq!(alice.all("/v1/positions?state=active", 500).len(), 3, "renewals are not held up");
}

#[test]
fn what_is_previewed_is_what_is_booked() {
    let platform = Platform::new();
    for asset in ["SOL", "ETH"] {
        platform.deposit("alice", asset, "funding", "30");
        platform.deposit("alice", asset, "spot", "5000");
    }
    let alice = platform.acting_for("alice");
    // A rate that is announced already is part of what is estimated, for whom it will hold.
    platform.operator.post("/v1/operator/products/eth-10/rates", json!({"from": "2026-01-06", "rate": "0.06"})).ok();
    platform.operator.post("/v1/operator/products/sol-7/rates", json!({"from": "2026-01-06", "rate": "0.01"})).ok();
    let mut promised: Vec<(Value, Value)> = Vec::new();
    for (product, amount) in [("sol-flex", "40"), ("sol-7", "20.5"), ("eth-tiers", "123.000000000000000001"), ("eth-10", "33.3")] {
        let now = if product.starts_with("sol") { "2026-01-01T00:00:00Z" } else { "2026-01-01T07:00:00Z" };
        platform.move_to(now);
        let shown = self::product(&platform, product);
        let guess = estimate(&platform, product, amount);
        let asked = json!({"product": product, "amount": amount, "source": "funding_then_spot"});
        let preview = alice.ask("/v1/subscriptions/preview", asked.clone()).ok();
        let mut real = asked;
        real["agreement"] = preview["agreement_version"].clone();
        let position = alice.post("/v1/subscriptions", real).ok()["position"].clone();
        for same in ["from_funding", "from_spot", "value_date", "matures_at"] {
            assert_eq!(preview[same], position[same], "{product}: {same}");
        }
        assert_eq!(preview["first_distribution_at"], position["next_distribution_at"], "{product}");
        for same in ["value_date", "first_distribution_at", "matures_at"] {
            assert_eq!(preview[same], shown["if_subscribed_now"][same], "{product}: {same}");
        }
        for same in ["apr_for_amount", "reward_per_day", "total_reward_at_maturity"] {
            assert_eq!(preview[same], guess[same], "{product}: {same}, for a newcomer");
        }
        assert_eq!(position["current_rate"], preview["apr_for_amount"], "{product}");
        assert_eq!(guess["estimated"], true);
        promised.push((position, preview));
    }
    platform.move_to("2026-01-13T00:00:00Z");
    for (position, preview) in &promised {
        let id = position["id"].as_str().expect("an id");
        let mut rewards = alice.all(&format!("/v1/rewards?position={id}"), 500);
        rewards.reverse();
        let first = [&rewards[0]["day"], &rewards[0]["reward"]];
        assert_eq!(first, [&position["value_date"], &preview["reward_per_day"]], "it earns what was said from its value date on");
        let statement = alice.all("/v1/statement", 500);
        let paid = statement.iter().rfind(|line| line["position"] == position["id"] && line["kind"] == "reward").expect("a payment");
        assert_eq!(paid["at"], position["next_distribution_at"], "the first payment comes when it was said to");
        if let Value::String(total) = &preview["total_reward_at_maturity"] {
            let ended = alice.get(&format!("/v1/positions/{id}")).ok();
            assert_eq!((&ended["state"], &ended["closed_at"]), (&json!("matured"), &position["matures_at"]));
            assert_eq!(ended["distributed"], *total, "{ended}");
        }
    }
}

/// 10 at 10 %, the next 90 at 5 %, the rest at 1 %: band by band, floored once.
#[test]
fn an_estimate_goes_through_the_bands() {
    let platform = Platform::new();
    for (amount, apr, day) in [
        ("10", "0.10000000", "0.002739726027397260"),
        ("20", "0.07500000", "0.004109589041095890"),
        ("100", "0.05500000", "0.015068493150684931"),
        ("1000", "0.01450000", "0.039726027397260273"),
        ("0.000000000000000001", "0.10000000", "0"),
    ] {
        let shown = estimate(&platform, "eth-tiers", amount);
        assert_eq!((&shown["apr_for_amount"], field(&shown, "reward_per_day")), (&json!(apr), units(day)), "{amount}");
        assert_eq!(shown["total_reward_at_maturity"], Value::Null);
    }
    // A further subscription is previewed on top of what is there, in the bands that are left.
    platform.deposit("alice", "ETH", "spot", "1000");
    platform.subscribe("alice", "eth-tiers", "10", "spot");
    let preview = platform.acting_for("alice").ask("/v1/subscriptions/preview", json!({"product": "eth-tiers", "amount": "10"})).ok();
    assert_eq!(preview["apr_for_amount"], "0.05000000");
    let shown = product(&platform, "eth-tiers");
    assert_eq!(
        (&shown["reference_apr"], &shown["tiers"][2]),
        (&json!("0.10000000"), &json!({"rate": "0.01000000"})),
        "shown is the highest band"
    );
}

#[test]
fn a_redemption_books_what_its_preview_shows() {
    let platform = Platform::lived();
    let alice = platform.acting_for("alice");
    let balances = || ["spot", "funding", "staked"].map(|account| units(&platform.balance("alice", "SOL", account)));
    let flexible = alice.all("/v1/positions?product=sol-flex", 1)[0]["id"].as_str().expect("an id").to_owned();
    let term = alice.all("/v1/positions?product=sol-7&state=active", 1)[0]["id"].as_str().expect("an id").to_owned();
    let cases = [
        (&flexible, json!({"amount": "1.5"})),
        (&flexible, json!({"amount": "2.5", "to": "spot"})),
        (&flexible, json!({"amount": "0.000000001", "to": "funding"})),
        (&term, json!({"to": "funding"})),
        (&flexible, json!({})),
    ];
    for (position, asked) in cases {
        let before = balances();
        let shown = alice.ask(&format!("/v1/positions/{position}/redemption-preview"), asked.clone()).ok();
        assert_eq!(balances(), before, "a look changes nothing");
        let booked = platform.redeem("alice", position, asked.clone());
        // What staying would have brought is shown, never booked.
        assert_eq!(shown["total_reward_if_kept"].is_string(), position == &term, "{asked}");
        assert_eq!((&shown["exit"], &shown["available"], &shown["expected"]), (&json!("instant"), &Value::Null, &Value::Null));
        assert_eq!(shown["withheld"], "0");
        const ONLY_SHOWN: [&str; 5] = ["total_reward_if_kept", "exit", "withheld", "available", "expected"];
        for (name, figure) in shown.as_object().expect("figures").iter().filter(|(name, _)| !ONLY_SHOWN.contains(&name.as_str())) {
            assert_eq!(&booked[name], figure, "{name} {asked}");
        }
        assert_eq!(booked["kind"], if position == &term { "early" } else { "flexible" });
        let after = balances();
        assert_eq!(after[0] - before[0], field(&shown, "to_spot"), "{asked}");
        assert_eq!(after[1] - before[1], field(&shown, "to_funding") - field(&shown, "clawback_from_funding"), "{asked}");
        assert_eq!(before[2] - after[2], field(&shown, "principal"), "{asked}");
        assert_eq!(field(&shown, "payout"), field(&shown, "to_spot") + field(&shown, "to_funding"), "{asked}");
        let listed = alice.get("/v1/redemptions?limit=1").ok()["items"][0].clone();
        assert_eq!((&listed["redemption_id"], &listed["payout"]), (&booked["redemption_id"], &booked["payout"]));
    }
    assert_eq!(alice.get(&format!("/v1/positions/{flexible}")).ok()["state"], "redeemed");
}

/// The lists of what was done hold what was answered when it was done.
#[test]
fn what_was_answered_is_what_is_listed() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "100");
    let alice = platform.acting_for("alice");
    let newest = |list: &str| alice.get(&format!("/v1/{list}?limit=1")).ok()["items"][0].clone();
    let shared = |listed: &Value, answered: &Value, fields: &[&str]| {
        fields.iter().for_each(|field| assert_eq!(listed[*field], answered[*field], "{field}: {listed} {answered}"));
    };
    let transfer = alice.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "30"})).ok();
    shared(&newest("transfers"), &transfer, &["transfer_id", "asset", "from", "to", "amount", "at"]);
    assert_eq!(transfer["balances"], json!({"spot": "70", "funding": "30"}));
    for (amount, whole, from_spot) in [("40", "40", "10"), ("5", "45", "15")] {
        let asked = json!({"product": "sol-flex", "amount": amount, "source": "funding_then_spot", "agreement": "v1"});
        let done = alice.post("/v1/subscriptions", asked).ok();
        let listed = newest("subscriptions");
        shared(&listed, &done, &["subscription_id"]);
        shared(&listed, &done["position"], &["product", "asset", "agreement", "auto_renew"]);
        assert_eq!((&listed["position"], &listed["amount"]), (&done["position"]["id"], &json!(amount)));
        shared(&done["position"], &json!({"principal": whole, "from_spot": from_spot}), &["principal", "from_spot"]);
        assert_eq!(alice.get("/v1/positions/1").ok(), done["position"], "the answer shows the position as it is then");
    }
    let redeemed = platform.redeem("alice", "1", json!({"amount": "1.25"}));
    let listed = newest("redemptions");
    let figures = [
        "principal",
        "clawback_distributed",
        "clawback_from_funding",
        "written_off",
        "forfeited_accrued",
        "payout",
        "to_spot",
        "to_funding",
    ];
    shared(&listed, &redeemed, &figures);
    shared(&listed, &redeemed, &["redemption_id", "kind"]);
    assert_eq!(alice.get("/v1/positions/1").ok(), redeemed["position"]);
}

#[test]
fn a_product_lives_from_draft_to_closed() {
    let platform = Platform::new();
    let (public, operator) = (platform.server.public(), &platform.operator);
    let terms = json!({
        "id": "new", "asset": "SOL", "name": "New", "kind": "flexible", "rates": [{"from": "2025-06-01", "rate": "0.02"}, {"from": "2026-01-03", "rate": "0.04"}],
        "opens_at": "2026-01-02T00:00:00Z", "closes_at": "2026-01-04T00:00:00Z", "capacity": "10", "minimum": "2", "risk_notice": "Prices move.",
    });
    let created = operator.post("/v1/operator/products", terms);
    assert_eq!(created.status, 201);
    assert_eq!(created.ok()["status"], "draft");
    let listed = |path: &str| {
        let items = operator.get(path).ok()["items"].as_array().expect("items").clone();
        items.iter().any(|item| item["id"] == "new")
    };
    assert!(listed("/v1/operator/products") && listed("/v1/operator/products?status=draft") && !listed("/v1/products"));
    for hidden in ["", "/rates", "/estimate?amount=1"] {
        public.get(&format!("/v1/products/new{hidden}")).refused(404, "product_not_found");
    }
    let set = |status: &str| operator.post("/v1/operator/products/new/status", json!({"status": status}));
    for _ in 0..2 {
        set("draft").ok();
    }
    let is = |expected: &str| assert_eq!(product(&platform, "new")["availability"], expected);
    set("open").ok();
    set("open").ok();
    is("upcoming");
    let shown = product(&platform, "new");
    assert_eq!(shown["next_rate"], json!({"from": "2026-01-03", "rate": "0.04000000"}));
    assert_eq!(
        (&shown["reference_apr"], &shown["capacity_left"], &shown["risk_notice"]),
        (&json!("0.02000000"), &json!("10"), &json!("Prices move."))
    );
    platform.move_to("2026-01-02T00:00:00Z");
    is("available");
    platform.deposit("alice", "SOL", "spot", "20");
    platform.subscribe("alice", "new", "8.1", "spot");
    is("sold_out");
    assert_eq!(product(&platform, "new")["staked"], "8.1");
    operator.patch("/v1/operator/products/new", json!({"minimum": "1.9"})).ok();
    is("available");
    set("paused").ok();
    is("unavailable");
    set("open").ok();
    platform.move_to("2026-01-04T00:00:00Z");
    is("ended");
    set("closed").ok();
    set("closed").ok();
    is("unavailable");
    set("open").refused(409, "product_closed");
    assert!(
        listed("/v1/products?status=closed&asset=SOL&kind=flexible")
            && !listed("/v1/products?status=open")
            && !listed("/v1/products?kind=fixed_term")
    );
    platform.move_to("2026-01-05T00:00:00Z");
    let rewards = platform.acting_for("alice").all("/v1/rewards", 500);
    assert_eq!(rewards.len(), 3, "what is staked keeps its terms: {rewards:?}");
    assert_eq!((&rewards[0]["rate"], &rewards[2]["rate"]), (&json!("0.04000000"), &json!("0.02000000")));
}

#[test]
fn null_clears_what_may_be_cleared_and_nothing_else_moves() {
    let platform = Platform::new();
    let every = json!({
        "name": "Seven days", "minimum": "2", "step": "0.5", "personal_maximum": "100", "capacity": "1000", "opens_at": "2026-01-01T02:00:00+02:00",
        "closes_at": "2027-01-01T00:00:00Z", "renewal": true, "risk_notice": "Prices move.",
    });
    let before = product(&platform, "sol-7");
    let patch = |change: &Value| platform.operator.patch("/v1/operator/products/sol-7", change.clone()).ok();
    let set = patch(&every);
    let now = json!({"opens_at": "2026-01-01T00:00:00.000Z", "closes_at": "2027-01-01T00:00:00.000Z"});
    for (name, value) in every.as_object().expect("fields") {
        let expected = now.get(name).unwrap_or(value);
        assert_eq!(&set[name], expected, "{name}");
        let untouched = patch(&json!({}));
        assert_eq!(untouched, set, "what is left out stays");
    }
    let cleared = [
        ("minimum", json!("0.000000001")),
        ("step", Value::Null),
        ("personal_maximum", Value::Null),
        ("capacity", Value::Null),
        ("opens_at", Value::Null),
        ("closes_at", Value::Null),
        ("renewal", json!(false)),
        ("risk_notice", json!("")),
    ];
    let mut expected = set;
    for (name, empty) in cleared {
        let mut change = json!({});
        change[name] = Value::Null;
        expected[name] = empty;
        if name == "capacity" {
            expected["capacity_left"] = Value::Null;
        }
        assert_eq!(patch(&change), expected, "{name}");
    }
    platform.operator.patch("/v1/operator/products/sol-7", json!({"name": null})).refused(422, "terms_invalid");
    patch(&json!({"name": before["name"], "renewal": true}));
    assert_eq!(product(&platform, "sol-7"), before, "and all of it can be taken back");
    for fixed in ["asset", "kind", "term_days", "rates", "rate", "distribution", "early_redemption", "status", "id"] {
        let mut change = json!({});
        change[fixed] = before[fixed].clone();
        platform.operator.patch("/v1/operator/products/sol-7", change).refused(400, "malformed_request");
    }
}

#[test]
fn a_settled_rate_caps_one_day_and_the_reference_stays() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "3650");
    platform.deposit("alice", "ETH", "spot", "365");
    platform.subscribe("alice", "sol-flex", "3650", "spot");
    platform.subscribe("alice", "eth-tiers", "365", "spot");
    platform.deposit("bob", "SOL", "spot", "3650");
    platform.subscribe("bob", "sol-7", "3650", "spot");
    let settle = |product: &str, day: &str, rate: &str| {
        platform.operator.post(&format!("/v1/operator/products/{product}/settled-rates"), json!({"day": day, "rate": rate}))
    };
    assert_eq!(settle("sol-flex", "2026-01-01", "0.04").ok(), json!({"product": "sol-flex", "day": "2026-01-01", "rate": "0.04000000"}));
    settle("sol-flex", "2026-01-01", "0.02").ok();
    settle("sol-flex", "2026-01-02", "0").ok();
    settle("eth-tiers", "2026-01-01", "0.05").ok();
    settle("sol-7", "2026-01-01", "0.01").ok();
    assert_eq!(product(&platform, "sol-flex")["reference_apr"], "0.05000000", "the reference is shown as the maximum");
    platform.move_to("2026-01-04T00:00:00Z");
    settle("sol-flex", "2026-01-03", "0.01").refused(409, "day_closed");
    let line = |customer: &str, position: &str, day: &str| {
        platform.acting_for(customer).all(&format!("/v1/rewards?position={position}&from={day}&to={day}"), 500)[0].clone()
    };
    for (day, rate, reward) in [("2026-01-01", "0.02000000", "0.2"), ("2026-01-02", "0.00000000", "0"), ("2026-01-03", "0.05000000", "0.5")]
    {
        let line = line("alice", "1", day);
        assert_eq!((&line["rate"], &line["reward"]), (&json!(rate), &json!(reward)), "{day}");
    }
    let capped = json!([{"up_to": "10", "rate": "0.05000000"}, {"up_to": "100", "rate": "0.05000000"}, {"rate": "0.01000000"}]);
    let of_tiers = line("alice", "2", "2026-01-01");
    assert_eq!((&of_tiers["tiers"], &of_tiers["reward"]), (&capped, &json!("0.020958904109589041")), "every band is capped");
    assert_eq!(line("bob", "3", "2026-01-01")["rate"], "0.08000000", "a locked position keeps its rate");
    let closed = platform.operator.all("/v1/products/sol-flex/rates", 500);
    let told: Vec<[&Value; 3]> = closed.iter().map(|line| [&line["day"], &line["rate"], &line["settled"]]).collect();
    assert_eq!(told[1], [&json!("2026-01-02"), &json!("0.00000000"), &json!(true)]);
    assert_eq!((told[0][2], told[3][2]), (&json!(false), &json!(true)));
}

#[test]
fn a_rate_is_announced_ahead_and_every_version_is_kept() {
    let platform = Platform::new();
    let announce =
        |from: &str, rate: &str| platform.operator.post("/v1/operator/products/sol-flex/rates", json!({"from": from, "rate": rate})).ok();
    announce("2026-01-05", "0.06");
    announce("2026-01-05", "0.07");
    assert_eq!(announce("2026-01-03", "0.02")["announced_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(product(&platform, "sol-flex")["next_rate"], json!({"from": "2026-01-03", "rate": "0.02000000"}));
    platform.move_to("2026-01-07T00:00:00Z");
    assert_eq!(product(&platform, "sol-flex")["next_rate"], Value::Null);
    let lines = platform.server.public().all("/v1/products/sol-flex/rates", 500);
    let shown = |line: &Value| {
        let when = line["from"].as_str().map_or_else(|| line["day"].as_str().unwrap_or("").to_owned(), |from| format!("from {from}"));
        format!("{when} {}", line["rate"].as_str().unwrap_or(""))
    };
    assert_eq!(
        lines.iter().map(shown).collect::<Vec<_>>(),
        [
            "2026-01-06 0.07000000",
            "from 2026-01-05 0.07000000",
            "from 2026-01-05 0.06000000",
            "2026-01-05 0.07000000",
            "2026-01-04 0.02000000",
            "from 2026-01-03 0.02000000",
            "2026-01-03 0.02000000",
            "2026-01-02 0.05000000",
            "from 2026-01-01 0.05000000",
            "2026-01-01 0.05000000",
        ]
    );
}

#[test]
fn an_agreement_is_its_words_and_an_acceptance_their_hash() {
    let platform = Platform::new();
    let public = platform.server.public();
    let hash = |words: &str| Sha256::digest(words.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    platform.deposit("alice", "SOL", "spot", "10");
    platform.subscribe("alice", "sol-7", "1", "spot");
    platform.move_to("2026-01-02T10:00:00Z");
    let words = "Zinsen ab dem Tag der Zeichnung: «je voller Tag».\n\t利息按日计算 🙂\r\n";
    platform.operator.post("/v1/operator/agreements", json!({"version": "v2", "text": words})).ok();
    let shown = public.get("/v1/agreement").ok();
    assert_eq!(shown, json!({"version": "v2", "text": words, "sha256": hash(words), "in_force_since": "2026-01-02T10:00:00.000Z"}));
    assert_eq!(public.get("/v1/agreements/v2").ok(), shown);
    assert_eq!(public.get("/v1/agreements/v1").ok()["text"], AGREEMENT);
    public.get("/v1/agreements/v3").refused(404, "agreement_not_found");
    let alice = platform.acting_for("alice");
    let asked = |agreement: &str| json!({"product": "sol-7", "amount": "1", "source": "spot", "agreement": agreement});
    alice.post("/v1/subscriptions", asked("v1")).refused(422, "agreement_not_accepted");
    alice.post("/v1/subscriptions", asked("v2")).ok();
    let mut accepted = alice.all("/v1/acceptances", 500);
    for line in &mut accepted {
        let actor = line.as_object_mut().and_then(|line| line.remove("actor"));
        let operator = json!({"role": "operator", "credential": "token", "credential_id": "1", "address": "loopback"});
        assert_eq!(actor, Some(operator), "whose call it was");
    }
    assert_eq!(
        accepted,
        [
            json!({"version": "v2", "sha256": hash(words), "accepted_at": "2026-01-02T10:00:00.000Z", "subscription_id": "2", "position": "2"}),
            json!({"version": "v1", "sha256": hash(AGREEMENT), "accepted_at": "2026-01-01T00:00:00.000Z", "subscription_id": "1", "position": "1"}),
        ]
    );
    assert_eq!(alice.get("/v1/positions/1").ok()["agreement"], "v1");
}
