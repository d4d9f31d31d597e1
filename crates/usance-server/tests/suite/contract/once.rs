//! A write happens once (RULES 10): the same request under the same key gets the same bytes, whatever lies in between.

use super::{orders, two_people};
use crate::suite::harness::{Answer, Client, Server, Start};
use crate::suite::platform::Platform;
use crate::suite::routes::route_of;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usance_server::contract::routes::table;
use usance_workload::people::public_key_of;

/// One write under a key of its own, and who sends it.
struct Write {
    method: &'static str,
    path: String,
    key: String,
    body: Value,
    customer: Option<&'static str>,
    first: Answer,
}

impl Write {
    fn send(&self, platform: &Platform) -> Answer {
        let sender = self.customer.map_or_else(|| platform.operator.clone(), |customer| platform.acting_for(customer));
        if self.method == "DELETE" {
            return sender.send("DELETE", &self.path, &[("idempotency-key", &self.key)], None);
        }
        sender.write(self.method, &self.path, &self.key, &self.body)
    }

    /// Sends it again and expects the first answer, byte by byte.
    fn again(&self, platform: &Platform, when: &str) {
        let again = self.send(platform);
        let place = format!("{} {} {when}", self.method, self.path);
        assert_eq!((again.status, again.text()), (self.first.status, self.first.text()), "{place}");
        assert_eq!(again.bytes, self.first.bytes, "{place}");
        assert_eq!(again.header("content-type"), self.first.header("content-type"), "{place}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{place}");
    }
}

/// What [`writes`] cannot do: here the clock is simulated.
const OF_A_SYSTEM_CLOCK: &str = "clock_confirm";

/// Every kind of write once, done or refused.
fn writes(platform: &Platform) -> Vec<Write> {
    let mut done: Vec<Write> = Vec::new();
    let mut write = |customer: Option<&'static str>, method: &'static str, path: &str, body: Value, status: u16| {
        let key = format!("key-{}", done.len());
        let mut write = Write {
            method,
            path: path.to_owned(),
            key,
            body,
            customer,
            first: Answer { status: 0, headers: Vec::new(), bytes: Vec::new() },
        };
        write.first = write.send(platform);
        assert_eq!(write.first.status, status, "{method} {path}: {}", write.first.text());
        assert_eq!(write.first.header("idempotency-replayed"), None);
        done.push(write);
    };
    let deposit = |amount: &str, reference: &str| json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": amount, "reference": reference});
    let subscribe = |product: &str, amount: &str| json!({"product": product, "amount": amount, "source": "spot", "agreement": "v1"});
    let (alice, products) = (Some("alice"), "/v1/operator/products");
    write(None, "POST", "/v1/operator/deposits", deposit("100", "first"), 201);
    write(None, "POST", "/v1/operator/deposits", deposit("100", "first"), 409);
    write(None, "POST", "/v1/operator/deposits", deposit("0", "zero"), 422);
    write(None, "POST", "/v1/operator/withdrawals", deposit("1", "out"), 201);
    write(None, "POST", "/v1/operator/withdrawals", deposit("1000", "too-much"), 422);
    write(None, "POST", "/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "5"}), 201);
    write(alice, "POST", "/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "2"}), 201);
    write(alice, "POST", "/v1/subscriptions", subscribe("sol-7", "10"), 201);
    write(alice, "POST", "/v1/subscriptions", subscribe("sol-flex", "20"), 201);
    write(alice, "POST", "/v1/subscriptions", subscribe("sol-flex", "2000"), 422);
    write(alice, "PATCH", "/v1/positions/1", json!({"auto_renew": true}), 200);
    write(alice, "POST", "/v1/positions/2/redemptions", json!({"amount": "5"}), 201);
    write(alice, "POST", "/v1/positions/1/redemptions", json!({}), 409);
    write(alice, "POST", "/v1/positions/9/redemptions", json!({}), 404);
    write(None, "POST", "/v1/operator/customers", json!({"id": "erin"}), 201);
    write(None, "POST", "/v1/operator/customers", json!({"id": "alice"}), 409);
    write(None, "POST", "/v1/operator/assets", json!({"symbol": "BTC", "name": "Bitcoin", "decimals": 8, "display_decimals": 8}), 201);
    write(None, "POST", products, json!({"id": "btc", "asset": "BTC", "name": "B", "kind": "flexible", "rates": []}), 201);
    write(None, "PATCH", "/v1/operator/products/btc", json!({"capacity": "9"}), 200);
    write(None, "POST", "/v1/operator/products/btc/status", json!({"status": "open"}), 422);
    write(None, "POST", "/v1/operator/products/btc/rates", json!({"from": "2026-01-02", "rate": "0.01"}), 201);
    write(None, "POST", "/v1/operator/products/sol-flex/settled-rates", json!({"day": "2026-01-01", "rate": "0.01"}), 201);
    write(None, "POST", "/v1/operator/products/sol-flex/status", json!({"status": "paused"}), 200);
    write(None, "POST", "/v1/operator/agreements", json!({"version": "v2", "text": "Other words."}), 201);
    write(None, "POST", "/v1/operator/tokens", json!({"name": "wallet", "role": "service"}), 201);
    write(None, "DELETE", "/v1/operator/tokens/2", Value::Null, 200);
    for name in ["anna", "ben"] {
        write(None, "POST", "/v1/operator/people", json!({"name": name, "public_key": public_key_of(name).to_string()}), 201);
    }
    let matter = json!({"kind": "register_person", "name": "cleo", "public_key": public_key_of("cleo").to_string()});
    write(None, "POST", "/v1/operator/people", json!({"name": "cleo", "public_key": public_key_of("cleo").to_string()}), 422);
    write(None, "POST", "/v1/operator/proposals", json!({"matter": matter}), 201);
    let proposal = platform.operator.get("/v1/operator/proposals/1").ok();
    for name in ["anna", "ben"] {
        write(None, "POST", "/v1/operator/proposals/1/signatures", two_people::signature(name, &proposal, "approve"), 201);
    }
    let coins = json!([{"asset": "SOL", "denomination": "usol"}]);
    let network =
        json!({"name": "hub", "chain_id": "hub-1", "coins": coins, "unbonding_seconds": 60, "earned_at_most": "1", "slashed_at_most": "1"});
    write(None, "POST", "/v1/operator/treasury/networks", network.clone(), 201);
    write(None, "POST", "/v1/operator/treasury/networks", network, 409);
    two_people::agree(platform, &json!({"kind": "add_treasury_address", "network": "hub", "address": "addr-1"}));
    two_people::agree(platform, &json!({"kind": "add_destination", "network": "hub", "address": "wallet"}));
    platform.deposit("alice", "SOL", "spot", "5");
    platform.offer(json!({
        "id": "sol-pass", "asset": "SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}],
        "yield": {"network": {"over_days": 2, "step": "0.1"}},
    }));
    let into_it = json!({"product": "sol-pass", "amount": "1", "source": "spot", "agreement": "v2"});
    platform.acting_for("alice").post("/v1/subscriptions", into_it).ok();
    let movement = platform.operator.get("/v1/operator/treasury/coverage").ok()["items"][0]["last_movement"].to_string();
    let now = platform.operator.get("/v1/clock").ok()["now"].clone();
    let attestation = json!({"asset": "SOL", "amount": "1000", "at": now, "movement": movement});
    write(None, "POST", "/v1/treasury/attestations", attestation, 201);
    let pictures = "/v1/operator/treasury/networks/hub/pictures";
    let picture = |number: &str, free: &str| {
        json!({"number": number, "chain_id": "hub-1", "height": number, "hash": "b", "time": now, "addresses": ["addr-1"],
               "liquid": [{"address": "addr-1", "denomination": "usol", "amount": free}],
               "delegations": [{"address": "addr-1", "validator": "val-a", "stake": "500000000"}],
               "validators": [{"validator": "val-a", "name": "Ann", "commission": "0.05", "status": "active", "tokens": "900000000000",
                   "power": "0.01"}]})
    };
    write(None, "POST", pictures, picture("1", "500000000"), 201);
    two_people::agree(platform, &super::treasury::confirmation(platform));
    let mut sent = picture("2", "400000000");
    sent["transactions"] = json!([{"hash": "t", "address": "addr-1", "sequence": "0", "succeeded": true, "fee_denomination": "usol", "fee": "0",
        "effects": [{"kind": "sent", "denomination": "usol", "amount": "100000000", "to": "wallet"}]}]);
    write(None, "POST", pictures, sent, 201);
    write(None, "POST", "/v1/treasury/sweeps", json!({"network": "hub", "hash": "t"}), 201);
    write(None, "POST", "/v1/treasury/sweeps", json!({"network": "hub", "hash": "t"}), 404);
    let top_up = json!({"network": "hub", "address": "addr-1", "asset": "SOL", "amount": "0.001", "hash": "up"});
    write(None, "POST", "/v1/treasury/top-ups", top_up, 201);
    let terms = json!({"commission": "0.1", "undistributed_days": 30});
    write(None, "POST", "/v1/operator/treasury/networks/hub/yield", terms, 200);
    let reserve = "/v1/operator/treasury/assets/SOL/reserve";
    write(None, "POST", reserve, json!({"amount": "0.1"}), 201);
    write(None, "POST", reserve, json!({"amount": "0.2", "kind": "withdraw", "side": "custody"}), 422);
    let commission = "/v1/operator/treasury/assets/SOL/commission";
    write(None, "POST", commission, json!({"amount": "1"}), 422);
    let mut paid = picture("3", "400000000");
    paid["delegations"][0]["claimable"] = json!("100000");
    write(None, "POST", pictures, paid, 201);
    let (hub, agents) = ("/v1/operator/treasury/networks/hub", "/v1/treasury/hub");
    let policy = |gas_reserve: &str| {
        let mut policy = orders::policy();
        policy["gas_reserve"] = json!(gas_reserve);
        policy
    };
    write(None, "POST", &format!("{hub}/policy"), policy("0.1"), 201);
    let order = orders::proposed(platform, "delegate");
    let of = |order: &Value, what: &str| format!("{agents}/orders/{}/{what}", order["order_id"].as_str().expect("a number"));
    write(None, "POST", &orders::signatures(&order), two_people::signature("anna", &order, "approve"), 201);
    write(None, "POST", &of(&order, "done"), json!({"hash": "by-hand"}), 201);
    write(None, "POST", &orders::signatures(&order), two_people::signature("ben", &order, "decline"), 201);
    write(None, "POST", &format!("{hub}/policy"), policy("0.05"), 201);
    let order = orders::proposed(platform, "delegate");
    write(None, "POST", &orders::signatures(&order), two_people::signature("ben", &order, "approve"), 201);
    write(None, "POST", &format!("{agents}/office"), json!({"agent": "agent-a"}), 201);
    let prepared = json!({"epoch": 1, "hash": "signed", "bytes": "00ff", "sequence": "1"});
    write(None, "POST", &of(&order, "prepared"), prepared, 201);
    write(None, "POST", &of(&order, "sent"), json!({"epoch": 1}), 201);
    write(None, "POST", &of(&order, "sent"), json!({"epoch": 1}), 409);
    write(None, "PATCH", "/v1/operator/treasury/queues/SOL", json!({"allowance": "0.5"}), 200);
    // The wallet says that it has nothing, so whoever leaves waits.
    let nothing = json!({"asset": "SOL", "amount": "0", "at": now, "movement": movement});
    write(None, "POST", "/v1/treasury/attestations", nothing, 201);
    write(alice, "POST", "/v1/positions/2/redemptions", json!({"amount": "1", "exit": "queued"}), 201);
    write(None, "POST", "/v1/operator/products/sol-flex/status", json!({"status": "open"}), 200);
    write(alice, "POST", "/v1/exits/2/cancellation", json!({"agreement": "v2"}), 201);
    write(alice, "POST", "/v1/exits/2/cancellation", json!({"agreement": "v2"}), 409);
    write(None, "POST", "/v1/operator/customers/alice/password", json!({"password": "correct horse"}), 200);
    write(None, "DELETE", "/v1/operator/customers/alice/second-factor", Value::Null, 200);
    write(None, "POST", "/v1/operator/customers/alice/sign-in-links", json!({}), 201);
    write(None, "POST", "/v1/operator/clock", json!({"to": "2026-01-02T00:00:00Z"}), 200);
    write(None, "POST", "/v1/operator/clock", json!({"to": "2026-01-01T00:00:00Z"}), 422);
    let everything = json!({"asset": "SOL", "amount": "1000", "at": "2026-01-02T00:00:00.000Z", "movement": movement});
    write(None, "POST", "/v1/treasury/attestations", everything, 201);
    write(None, "POST", commission, json!({"amount": "0.000000001"}), 201);
    write(None, "POST", "/v1/operator/clock", json!({"to": "2026-01-02T12:00:00Z"}), 200);
    done
}

/// Everything that a repeated write could have changed.
fn everything(platform: &Platform) -> Vec<Value> {
    let (operator, alice) = (&platform.operator, platform.acting_for("alice"));
    let lists = ["/v1/operator/journal?limit=500", "/v1/operator/books", "/v1/operator/products", "/v1/operator/tokens", "/v1/clock"];
    let own = ["/v1/accounts", "/v1/positions", "/v1/statement", "/v1/subscriptions", "/v1/redemptions", "/v1/transfers"];
    let shown = lists.iter().map(|path| operator.get(path).ok()).chain(own.iter().map(|path| alice.get(path).ok()));
    shown.collect()
}

/// Every operation of the table that writes was done here, and answered as the table says.
fn no_write_is_forgotten(writes: &[Write]) {
    let mut done = BTreeSet::from([OF_A_SYSTEM_CLOCK]);
    for write in writes.iter().filter(|write| write.first.status < 400) {
        let route = route_of(write.method, &write.path);
        assert_eq!(write.first.status, route.done, "{}", route.operation);
        done.insert(route.operation);
    }
    let all: BTreeSet<&str> = table().iter().filter(|route| route.writes()).map(|route| route.operation).collect();
    assert_eq!(done, all);
}

#[test]
fn a_clock_that_was_confirmed_is_confirmed_once() {
    let mut platform = Platform::started(&Start { clock: "system".into(), ..Start::default() });
    let confirm = |platform: &Platform| platform.operator.write("POST", "/v1/operator/clock/confirmation", "k", &json!({}));
    let first = confirm(&platform);
    let route = route_of("POST", "/v1/operator/clock/confirmation");
    assert_eq!((first.status, route.operation), (route.done, OF_A_SYSTEM_CLOCK));
    for kill in [false, true] {
        if kill {
            platform.restart(Server::kill);
        }
        let again = confirm(&platform);
        assert_eq!((again.header("idempotency-replayed"), &again.bytes), (Some("true"), &first.bytes));
    }
}

#[test]
fn the_same_request_gets_the_same_bytes_also_after_a_crash() {
    let mut platform = Platform::new();
    let writes = writes(&platform);
    no_write_is_forgotten(&writes);
    let before = everything(&platform);
    let repeat = |platform: &Platform, when: &str| {
        writes.iter().for_each(|write| write.again(platform, when));
        assert_eq!(everything(platform), before, "nothing was done twice, {when}");
    };
    repeat(&platform, "at once");
    platform.restart(Server::kill);
    repeat(&platform, "after a kill");
    platform.restart(|server| assert!(server.terminate()));
    repeat(&platform, "after a restart from a snapshot");
    platform.restart(Server::kill);
    repeat(&platform, "after both");
}

#[test]
fn a_key_holds_48_hours_of_engine_time() {
    let platform = Platform::new();
    let body = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "r"});
    let send = || platform.operator.write("POST", "/v1/operator/deposits", "kept", &body);
    let first = send();
    platform.move_to("2026-01-02T23:59:59.999Z");
    platform.move_to("2026-01-03T00:00:00.000Z");
    assert_eq!(send().bytes, first.bytes);
    // A move's own key counts from where the clock went.
    let far = json!({"to": "2034-01-01T00:00:00Z"});
    let moved = platform.operator.write("POST", "/v1/operator/clock", "far", &far);
    assert_eq!(moved.status, 200);
    let again = platform.operator.write("POST", "/v1/operator/clock", "far", &far);
    assert_eq!((again.bytes, again.status), (moved.bytes, 200));
    // Forgotten keys do not open the door to a second deposit: the reference is kept for ever.
    send().refused(409, "already_exists");
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    let platform = Platform::new();
    let (alice, operator) = (platform.acting_for("alice"), &platform.operator);
    platform.deposit("alice", "SOL", "spot", "10");
    platform.deposit("bob", "SOL", "spot", "10");
    let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"});
    let first = alice.write("POST", "/v1/transfers", "k", &body);
    assert_eq!(first.status, 201);
    let reused = |answer: Answer| _ = answer.refused(409, "idempotency_key_reused");
    for (field, other) in [("amount", "2"), ("amount", "1.0"), ("asset", "ETH"), ("from", "funding"), ("to", "spot")] {
        let mut changed = body.clone();
        changed[field] = json!(other);
        reused(alice.write("POST", "/v1/transfers", "k", &changed));
    }
    reused(platform.acting_for("bob").write("POST", "/v1/transfers", "k", &body));
    reused(alice.write(
        "POST",
        "/v1/subscriptions",
        "k",
        &json!({"product": "sol-flex", "amount": "1", "source": "spot", "agreement": "v1"}),
    ));
    reused(operator.write("POST", "/v1/operator/clock", "k", &json!({"to": "2026-01-02T00:00:00Z"})));
    alice.write("POST", "/v1/positions/1/redemptions", "p", &json!({})).refused(404, "position_not_found");
    reused(alice.write("POST", "/v1/positions/2/redemptions", "p", &json!({})));
    // So where answers are kept with the people.
    operator.write("POST", "/v1/operator/tokens", "t", &json!({"name": "a", "role": "service"})).ok();
    reused(operator.write("POST", "/v1/operator/tokens", "t", &json!({"name": "b", "role": "service"})));
    reused(operator.write("POST", "/v1/operator/customers/alice/sign-in-links", "t", &json!({})));
    assert_eq!(alice.write("POST", "/v1/transfers", "k", &body).bytes, first.bytes, "the first request still has its answer");
    assert_eq!(platform.balance("alice", "SOL", "spot"), "9");
    assert_eq!(platform.balance("bob", "SOL", "spot"), "10");
    assert_eq!(operator.get("/v1/clock").ok()["day"], "2026-01-01");
}

/// Books and people are kept apart, yet the log alone takes keys: whichever comes first has it.
#[test]
fn a_key_of_the_books_makes_no_token_and_a_tokens_key_moves_no_coin() {
    let platform = Platform::new();
    let operator = &platform.operator;
    let (customer, token) = (json!({"id": "erin"}), json!({"name": "a", "role": "service"}));
    operator.write("POST", "/v1/operator/customers", "books-first", &customer).ok();
    operator.write("POST", "/v1/operator/tokens", "books-first", &token).refused(409, "idempotency_key_reused");
    assert_eq!(operator.get("/v1/operator/tokens").ok()["items"].as_array().map(Vec::len), Some(1), "the operator's own");
    let made = operator.write("POST", "/v1/operator/tokens", "people-first", &token);
    operator.write("POST", "/v1/operator/customers", "people-first", &json!({"id": "frank"})).refused(409, "idempotency_key_reused");
    let again = operator.write("POST", "/v1/operator/tokens", "people-first", &token);
    assert_eq!((again.header("idempotency-replayed"), &again.bytes), (Some("true"), &made.bytes));
    // Forgotten after 48 hours of engine time, the key and the same request make another token.
    platform.move_to("2026-02-01T00:00:00Z");
    platform.move_to("2026-02-05T00:00:00Z");
    let other = operator.write("POST", "/v1/operator/tokens", "people-first", &token).ok();
    assert_ne!(other["token"], made.json()["token"]);
    assert_eq!(operator.get("/v1/operator/tokens").ok()["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_key_in_quotes_is_the_bare_one() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "9");
    let alice = platform.acting_for("alice");
    let transfer = |key: &str, amount: &str| {
        let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": amount});
        alice.write("POST", "/v1/transfers", key, &body)
    };
    for (first, again) in [("\"k-1\"", "k-1"), ("k-2", "\"k-2\"")] {
        let (done, replayed) = (transfer(first, "1"), transfer(again, "1"));
        assert_eq!((done.status, &replayed.bytes), (201, &done.bytes), "{first}");
        assert_eq!(replayed.header("idempotency-replayed"), Some("true"), "{again}");
        transfer(again, "2").refused(409, "idempotency_key_reused");
    }
    assert_eq!(platform.balance("alice", "SOL", "funding"), "2");
    for wrong in ["\"k", "k\"", "\"\"", "\"\"k\"\"", "\"k\";a=1", "\"k\\\"\""] {
        transfer(wrong, "1").refused(400, "malformed_request");
    }
    // Also where the answer lives with the people.
    let token = |key: &str| platform.operator.write("POST", "/v1/operator/tokens", key, &json!({"name": "a", "role": "auditor"}));
    assert_eq!(token("\"k-3\"").bytes, token("k-3").bytes);
}

#[test]
fn it_is_the_parsed_request_that_counts() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    let send = |body: &str| {
        let headers = [("idempotency-key", "k"), ("content-type", "application/json; charset=utf-8")];
        platform.acting_for("alice").send("POST", "/v1/subscriptions", &headers, Some(body.as_bytes()))
    };
    let first = send(r#"{"product":"sol-flex","amount":"1","source":"spot","agreement":"v1"}"#);
    assert_eq!(first.status, 201);
    for same in [
        r#"{"agreement":"v1","source":"spot","amount":"1","product":"sol-flex"}"#,
        "\n{ \"product\" : \"sol-flex\",\t\"amount\":\"1\", \"source\":\"spot\",\r\n\"agreement\":\"v1\" }\n",
        r#"{"product":"sol-flex","amount":"\u0031","source":"spot","agreement":"v1","auto_renew":false}"#,
    ] {
        let again = send(same);
        assert_eq!((again.header("idempotency-replayed"), &again.bytes), (Some("true"), &first.bytes), "{same}");
    }
    assert_eq!(platform.balance("alice", "SOL", "staked"), "1");
}

#[test]
fn what_was_not_decided_uses_no_key() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    let (alice, url) = (platform.acting_for("alice"), &platform.server.url);
    let auditor = platform.with_token("auditor", "reader", None).naming("alice");
    let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"});
    let typo = json!({"asset": "SOL", "from": "spot", "to": "funding", "amout": "1"});
    alice.write("POST", "/v1/transfers", "k", &typo).refused(400, "malformed_request");
    alice.write("POST", "/v1/transfers?dry=1", "k", &body).refused(400, "malformed_request");
    alice.send("POST", "/v1/transfers", &[("idempotency-key", "k")], Some(b"{}")).refused(415, "unsupported_media_type");
    alice.write("POST", "/v1/transfer", "k", &body).refused(404, "not_found");
    Client::new(url, Some("unknown"), Some("alice")).write("POST", "/v1/transfers", "k", &body).refused(401, "unauthorized");
    platform.operator.write("POST", "/v1/transfers", "k", &body).refused(400, "customer_required");
    auditor.write("POST", "/v1/transfers", "k", &body).refused(403, "forbidden");
    let done = alice.write("POST", "/v1/transfers", "k", &body);
    assert_eq!((done.status, done.header("idempotency-replayed")), (201, None));
    // Nor does a look, even when it carries one.
    let look = json!({"product": "sol-flex", "amount": "1"});
    alice.write("POST", "/v1/subscriptions/preview", "look", &look).ok();
    alice.write("POST", "/v1/transfers", "look", &body).ok();
    assert_eq!(platform.balance("alice", "SOL", "funding"), "2");
}

#[test]
fn a_key_belongs_to_the_account_that_sends_it() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    let body = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"});
    let send = |sender: &Client| sender.write("POST", "/v1/transfers", "k", &body);
    let fresh = |sender: &Client, who: &str| {
        let answer = send(sender);
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, None), "{who}");
        answer.bytes
    };
    let token = |role: &str, name: &str| platform.with_token(role, name, None).naming("alice");
    let by_operator = fresh(&platform.acting_for("alice"), "the first operator");
    let by_wallet = fresh(&token("service", "wallet"), "a service");
    fresh(&token("service", "app"), "another service");
    fresh(&token("operator", "wallet"), "an operator of the same name");
    let by_alice = fresh(&platform.with_token("customer", "phone", Some("alice")), "the customer");
    let repeated = |sender: &Client, first: &[u8], who: &str| {
        let answer = send(sender);
        assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{who}");
        assert_eq!(answer.bytes, first, "{who}");
    };
    repeated(&token("service", "wallet"), &by_wallet, "a service's next token");
    repeated(&platform.with_token("customer", "tablet", Some("alice")), &by_alice, "a customer's other device");
    repeated(&platform.acting_for("alice"), &by_operator, "the first operator");
    assert_eq!(platform.balance("alice", "SOL", "funding"), "5");
}

/// A client that loses patience sends again while the first request is still under way.
#[test]
fn many_at_once_under_one_key_are_one() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "100");
    let alice = platform.acting_for("alice");
    for round in 0..10 {
        let key = format!("round-{round}");
        let body = json!({"product": "sol-7", "amount": "1", "source": "spot", "agreement": "v1"});
        let send = || alice.write("POST", "/v1/subscriptions", &key, &body);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..6).map(|_| scope.spawn(send)).collect();
            senders.into_iter().map(|sender| sender.join().expect("an answer")).collect()
        });
        assert!(answers.iter().all(|answer| (answer.status, &answer.bytes) == (201, &answers[0].bytes)), "{answers:?}");
        let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(first, 1, "one of them did it");
    }
    assert_eq!(platform.balance("alice", "SOL", "staked"), "10");
    assert_eq!(alice.all("/v1/positions", 500).len(), 10);
}
