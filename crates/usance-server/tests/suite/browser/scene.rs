//! A platform with something on every page, a customer who can sign in, and a browser in front of it.

use super::super::contract::two_people::signature;
use super::super::harness::{Client, Server, Start};
use super::driver::{Chrome, Page, View};
use serde_json::{Value, json};
use std::path::PathBuf;
use usance_workload::people::public_key_of;

/// The customer whose pages are full.
pub const ALICE: &str = "alice";
/// A customer who has nothing yet.
pub const NEWCOMER: &str = "newcomer";
/// The password of both.
pub const PASSWORD: &str = "correct horse battery";
/// The agreement in force.
pub const AGREEMENT: &str = "2026-01";

/// A phone and a desk, each light and dark.
pub const VIEWS: [View; 4] = [
    View { name: "phone-light", ..View::PHONE },
    View { name: "phone-dark", dark: true, ..View::PHONE },
    View { name: "desk-light", ..View::DESK },
    View { name: "desk-dark", dark: true, ..View::DESK },
];

/// An engine, what it was told, and a browser.
pub struct Scene {
    /// The engine.
    pub server: Server,
    /// The browser's driver.
    pub chrome: Chrome,
}

/// Where screenshots are kept: a folder beside everything else that the build makes.
pub fn folder() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    beside.parent().map_or_else(|| beside.clone(), |target| target.join("screenshots"))
}

fn product(id: &str, name: &str, term: Option<u32>, rate: Value) -> Value {
    let mut product =
        json!({"id": id, "asset": "SOL", "name": name, "kind": "flexible", "minimum": "0.01", "risk_notice": "Not principal-protected."});
    product["rates"] = json!([rate]);
    if let Some(days) = term {
        product["kind"] = json!("fixed_term");
        product["term_days"] = json!(days);
        product["renewal"] = json!(true);
    }
    product
}

fn with(mut product: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        product[name] = value.clone();
    }
    product
}

/// Validators: as the network writes them, as people do, their commission and how they stand.
const VALIDATORS: [(&str, &str, &str, &str); 3] = [
    ("7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2", "North Star", "0.05", "active"),
    ("DzYMHtbKqZJLGmZr9nLGHSXtPbSS8Y7MGTPCB6LxLFNH", "Harbour Staking Cooperative", "0.07", "active"),
    ("9QU2QSxhb24FUX3Tu2FpczXjpK3VYrvRudywSZaM29mF", "Quick & Light", "0.1", "jailed"),
];

/// The first picture of a treasury, at an instant.
fn picture(now: &Value) -> Value {
    let delegations = VALIDATORS
        .iter()
        .zip(["52000000000", "31500000000", "12000000000"])
        .map(|((validator, ..), stake)| json!({"address": "vault", "validator": validator, "stake": stake, "claimable": "48000000"}));
    let validators = VALIDATORS.iter().map(|(validator, name, commission, status)| {
        let known = json!({"validator": validator, "name": name, "commission": commission, "status": status});
        with(known, json!({"tokens": "900000000000000", "power": "0.01"}))
    });
    let freed = |started: &str, completes_at: &str, balance: &str| json!({"address": "vault", "validator": VALIDATORS[2].0, "started": started, "completes_at": completes_at, "balance": balance});
    json!({
        "number": "1", "chain_id": "mainnet", "height": "312000145", "hash": "block", "time": now, "addresses": ["vault"],
        "liquid": [{"address": "vault", "denomination": "lamport", "amount": "6250000000"}],
        "delegations": delegations.collect::<Vec<_>>(), "validators": validators.collect::<Vec<_>>(),
        "unbonding": [freed("1", "2026-03-02T18:00:00Z", "4000000000"), freed("2", "2026-03-03T06:00:00Z", "2500000000")],
    })
}

impl Scene {
    /// A platform that has lived nine days, at half past nine in the morning.
    pub fn new() -> Scene {
        let scene = Scene::empty();
        let operator = scene.server.operator();
        let alice = scene.server.acting_for(ALICE);
        let stake = |product: &str, amount: &str| {
            let asked = json!({"product": product, "amount": amount, "source": "funding_then_spot", "agreement": AGREEMENT});
            alice.post("/v1/subscriptions", asked).ok();
        };
        stake("sol-flex", "40");
        stake("sol-30", "20");
        stake("sol-30", "5");
        stake("usdd-flex", "6000");
        operator.post("/v1/operator/products/sol-flex/settled-rates", json!({"day": "2026-02-22", "rate": "0.049"})).ok();
        scene.move_to("2026-02-25T12:00:00Z");
        let preview = alice.ask("/v1/positions/3/redemption-preview", json!({})).ok();
        alice.post("/v1/positions/3/redemptions", json!({"quoted_payout": preview["payout"]})).ok();
        operator.post("/v1/operator/products/sol-flex/rates", json!({"from": "2026-03-05", "rate": "0.05"})).ok();
        scene.move_to("2026-03-01T09:30:00Z");
        scene
    }

    /// The same platform before anybody has staked, on its first morning.
    pub fn empty() -> Scene {
        let server = Server::start(&Start { clock: "simulated:2026-02-20T09:30:00Z".into(), ..Start::default() });
        let operator = server.operator();
        for (symbol, name, decimals, display) in [("SOL", "Solana", 9, 8), ("USDD", "Decentralized USD", 18, 4)] {
            let asset = json!({"symbol": symbol, "name": name, "decimals": decimals, "display_decimals": display});
            operator.post("/v1/operator/assets", asset).ok();
        }
        let words = "Staking Service Agreement.\n\n1. You stake coins that you hold with us.\n2. Staking is not principal-protected.\n";
        operator.post("/v1/operator/agreements", json!({"version": AGREEMENT, "text": words})).ok();
        let rate = |rate: &str| json!({"from": "2026-02-20", "rate": rate});
        let tiers =
            json!({"from": "2026-02-20", "tiers": [{"up_to": "500", "rate": "0.08"}, {"up_to": "5000", "rate": "0.05"}, {"rate": "0.02"}]});
        for product in [
            product("sol-flex", "SOL Flexible", None, rate("0.0525")),
            with(
                product("sol-30", "SOL 30 days", Some(30), rate("0.065")),
                json!({"distribution": {"every_n_days": 7}, "capacity": "1000", "personal_maximum": "200"}),
            ),
            with(
                product("sol-90", "SOL 90 days", Some(90), rate("0.08")),
                json!({"early_redemption": "not_allowed", "step": "0.5", "minimum": "0.5"}),
            ),
            with(product("usdd-flex", "USDD Flexible", None, tiers), json!({"asset": "USDD", "minimum": "1"})),
            with(product("sol-soon", "SOL launch", Some(7), rate("0.1")), json!({"opens_at": "2026-03-03T00:00:00Z"})),
            with(product("sol-gone", "SOL full", Some(7), rate("0.09")), json!({"capacity": "0.001"})),
            with(product("sol-over", "SOL winter", Some(30), rate("0.07")), json!({"closes_at": "2026-02-21T00:00:00Z"})),
        ] {
            let id = product["id"].as_str().expect("an id").to_owned();
            operator.post("/v1/operator/products", product).ok();
            operator.post(&format!("/v1/operator/products/{id}/status"), json!({"status": "open"})).ok();
        }
        for customer in [ALICE, NEWCOMER] {
            operator.post("/v1/operator/customers", json!({"id": customer})).ok();
            operator.post(&format!("/v1/operator/customers/{customer}/password"), json!({"password": PASSWORD})).ok();
        }
        for (asset, account, amount) in [("SOL", "funding", "100"), ("SOL", "spot", "50"), ("USDD", "funding", "12000")] {
            let deposit =
                json!({"customer": ALICE, "asset": asset, "account": account, "amount": amount, "reference": format!("{asset}-{account}")});
            operator.post("/v1/operator/deposits", deposit).ok();
        }
        Scene { server, chrome: Chrome::start() }
    }

    /// SOL gets a treasury that two people opened: three validators, one of which was slashed, coins that are being freed, and a product whose
    /// customers share all of that.
    pub fn stake_on_a_network(&self) {
        let operator = self.server.operator();
        let post = |path: &str, body: Value| operator.post(&format!("/v1/operator/{path}"), body).ok();
        let coins = json!([{"asset": "SOL", "denomination": "lamport"}]);
        let terms = json!({"unbonding_seconds": 259_200, "earned_at_most": "0.5", "slashed_at_most": "0.1"});
        post("treasury/networks", with(json!({"name": "solana", "chain_id": "mainnet", "coins": coins}), terms));
        for name in ["anna", "ben"] {
            post("people", json!({"name": name, "public_key": public_key_of(name).to_string()}));
        }
        let agree = |matter: Value| {
            let proposal = post("proposals", json!({"matter": matter}));
            let path = format!("proposals/{}/signatures", proposal["proposal_id"].as_str().expect("a number"));
            for name in ["anna", "ben"] {
                post(&path, signature(name, &proposal, "approve"));
            }
        };
        agree(json!({"kind": "add_treasury_address", "network": "solana", "address": "vault"}));
        let movement = operator.get("/v1/operator/treasury/coverage").ok()["items"][0]["last_movement"].to_string();
        let now = operator.get("/v1/clock").ok()["now"].clone();
        operator.post("/v1/treasury/attestations", json!({"asset": "SOL", "amount": "150", "at": now, "movement": movement})).ok();
        let mut picture = picture(&now);
        post("treasury/networks/solana/pictures", picture.clone());
        let aside = operator.get("/v1/operator/treasury/networks/solana").ok()["aside"].clone();
        agree(json!({"kind": "confirm_picture", "network": "solana", "number": "1", "digest": aside["digest"]}));
        let slashed = json!({
            "number": "2", "height": "312004871", "happened": [{"kind": "slashed", "validator": VALIDATORS[2].0}],
        });
        picture = with(picture, slashed);
        picture["delegations"][2]["stake"] = json!("11640000000");
        post("treasury/networks/solana/pictures", picture);
        let terms = json!({"exit": "may_queue", "slashing": "shared", "yield": {"network": {"over_days": 7, "step": "0.001"}}});
        let rate = json!({"from": "2026-03-01", "rate": "0.06"});
        post("products", with(product("sol-shared", "SOL Network", None, rate), terms));
        post("products/sol-shared/status", json!({"status": "open"}));
    }

    /// Moves the clock.
    pub fn move_to(&self, to: &str) {
        self.server.operator().post("/v1/operator/clock", json!({"to": to})).ok();
    }

    /// The API as the customer.
    pub fn alice(&self) -> Client {
        self.server.acting_for(ALICE)
    }

    /// One number of the customer's SOL account.
    pub fn sol(&self, field: &str) -> String {
        let accounts = self.alice().get("/v1/accounts").ok();
        let sol = accounts["items"].as_array().expect("accounts").iter().find(|account| account["asset"] == "SOL").expect("SOL").clone();
        sol[field].as_str().expect("text").to_owned()
    }

    /// A browser that has not signed in.
    pub async fn visit(&self, view: &View) -> Page {
        let page = self.chrome.open(view).await;
        page.goto(&format!("{}/sign-in", self.server.url)).await;
        page
    }

    /// A browser whose customer has signed in with the password.
    pub async fn enter(&self, view: &View, customer: &str) -> Page {
        let page = self.visit(view).await;
        sign_in(&page, customer, PASSWORD).await;
        page.wait_for("a[href='/transfer']").await;
        page
    }
}

/// Fills in the form and sends it.
pub async fn sign_in(page: &Page, customer: &str, password: &str) {
    page.type_into("input[name=customer]", customer).await;
    page.type_into("input[name=password]", password).await;
    page.follow("main form button").await;
}

/// Nothing may be left in the console, and nothing may have come from elsewhere.
pub async fn expect_quiet(page: &Page, scene: &Scene) {
    let said = page.console().await;
    assert!(said.is_empty(), "{} at {}: the console says {said:#?}", page.view.name, page.url().await);
    let outside = page.external_requests(&scene.server.url).await;
    assert!(outside.is_empty(), "{} at {}: asked elsewhere {outside:#?}", page.view.name, page.url().await);
}
