//! Who may ask what: every line of the route table against a running engine.
//!
//! What a route answers is tested elsewhere; here it is whether it answers at all, to whom, and for whom. The table is
//! walked, so a new route is tested the moment it stands there. Every line for every kind of sender is in `security::roles`.

use super::entries::asking;
use super::harness::Client;
use super::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read;
use usance_server::contract::route::{Permission, Route};
use usance_server::contract::routes::table;
use usance_store::{Role, Scopes};

/// Reads by POST.
const LOOKS: [&str; 4] = ["subscription_preview", "redemption_preview", "loss_allocation_preview", "audit_run"];

/// A path of a route: alice's first position, a product and a customer that are there.
fn path(route: &Route) -> String {
    let id = match route.path {
        path if path.starts_with("/v1/positions") || path.contains("tokens") || path.contains("proposals") => "1",
        path if path.contains("products") => "sol-flex",
        path if path.starts_with("/v1/exits") || path.contains("treasury/losses") => "1",
        path if path.contains("treasury/assets") => "SOL",
        path if path.contains("treasury") => "hub",
        _ => "alice",
    };
    let path = route.path.replace("{id}", id).replace("{version}", "v1").replace("{asset}", "SOL").replace("{order}", "1");
    if route.operation == "estimate_get" { path + "?amount=1" } else { path }
}

/// A body that can be read; it need not be allowed. It is made from the route's schema, so a new operation has one.
fn body(route: &Route) -> Option<Value> {
    let mut body = asking::plain(route)?;
    if route.operation == "rate_announce" {
        // One of two has to be there, which the schema cannot say.
        body["rate"] = json!("0.05");
    }
    if route.operation == "loss_allocation_preview" {
        // All of what `losses::lose` loses first.
        body["reward_pool"] = json!("0.000002");
    }
    Some(body)
}

/// The route that a request meets: a path without names in it before one with.
pub fn route_of(method: &str, path: &str) -> Route {
    let path = path.split('?').next().unwrap_or(path);
    let fits = |route: &Route| {
        let (wanted, given) = (route.path.split('/'), path.split('/'));
        let is_as_long = wanted.clone().count() == given.clone().count();
        route.method == method && is_as_long && wanted.zip(given).all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
    };
    let fitting = table().into_iter().filter(fits);
    fitting.min_by_key(|route| route.path.matches('{').count()).unwrap_or_else(|| panic!("{method} {path} is no route"))
}

/// Sends what a route takes, with or without a key; of a stream only the head is read.
pub fn call(sender: &Client, route: &Route, key: Option<&str>) -> (u16, String) {
    if route.operation == "event_stream" {
        let (status, mut stream) = sender.open(&path(route), &[]);
        let mut problem = String::new();
        if status != 200 {
            stream.read_to_string(&mut problem).expect("a problem");
        }
        let code = serde_json::from_str::<Value>(&problem).map_or(String::new(), |problem| problem["code"].as_str().unwrap_or("").into());
        return (status, code);
    }
    let bytes = if route.method == "GET" { None } else { body(route).map(|body| body.to_string().into_bytes()) };
    let mut headers: Vec<(&str, &str)> = key.iter().map(|key| ("idempotency-key", *key)).collect();
    if bytes.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let answer = sender.send(route.method.as_str(), &path(route), &headers, bytes.as_deref());
    let problem = answer.header("content-type") == Some("application/problem+json");
    (answer.status, if problem { answer.code() } else { String::new() })
}

/// One client per role, the customer's being alice's.
fn senders(platform: &Platform) -> Vec<(Role, Client)> {
    let sender = |role: Role| {
        let customer = (role == Role::Customer).then_some("alice");
        (role, platform.with_token(&role.to_string(), &format!("{role}-token"), customer))
    };
    Role::ALL.into_iter().map(sender).collect()
}

fn with_position() -> Platform {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    assert_eq!(platform.subscribe("alice", "sol-7", "1", "spot"), "1");
    platform
}

#[test]
fn every_route_has_its_right() {
    let routes: BTreeSet<&str> = table().iter().map(|route| route.operation).collect();
    let rights: BTreeSet<&str> = usance_engine::rights::rights().map(|(operation, _)| *operation).collect();
    assert_eq!(routes, rights);
}

#[test]
fn nobody_comes_in_without_a_token_that_is_known() {
    let platform = Platform::new();
    let public = platform.server.public();
    let secret = super::harness::OPERATOR;
    let refused = |value: &str| {
        let answer = public.send("GET", "/v1/operator/books", &[("authorization", value)], None);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answer.refused(401, "unauthorized");
    };
    for value in ["", "Bearer", "Bearer ", secret, &format!("Basic {secret}"), &format!("Bearer {secret}x"), &format!("Bearer x{secret}")] {
        refused(value);
    }
    public.send("GET", "/v1/operator/books", &[("authorization", &format!("bearer {secret}"))], None).ok();
}

/// From the contract's side, so that a permission in the table cannot be wrong unseen.
#[test]
fn the_table_gives_each_role_what_the_contract_says() {
    let service = [
        "customer_create",
        "password_set",
        "second_factor_remove",
        "sign_in_link_create",
        "deposit_create",
        "withdrawal_create",
        "attestation_create",
        "top_up_create",
        "sweep_create",
    ];
    let agent =
        ["network_get", "picture_create", "order_get", "order_list_due", "office_take", "order_prepare", "order_send", "order_tell"];
    let public = BTreeSet::from([
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v1/assets",
        "/v1/assets/{asset}/staking",
        "/v1/products",
        "/v1/products/{id}",
        "/v1/products/{id}/rates",
        "/v1/products/{id}/estimate",
        "/v1/agreement",
        "/v1/agreements/{version}",
        "/v1/clock",
    ]);
    for route in table() {
        let back = ["/v1/operator/", "/v1/treasury/"].iter().any(|front| route.path.starts_with(front));
        let reads = route.method == "GET" || LOOKS.contains(&route.operation);
        assert_eq!(route.writes(), !reads, "{}", route.operation);
        assert_eq!(route.permission == Permission::Public, public.contains(route.path), "{}", route.operation);
        if route.permission == Permission::Public {
            continue;
        }
        assert!(route.permission.allows(Role::Operator, Scopes::ALL), "{}: the operator may everything", route.operation);
        assert_eq!(
            route.permission.allows(Role::Auditor, Scopes::ALL),
            reads,
            "{}: the auditor reads everything, writes nothing",
            route.operation
        );
        assert_eq!(route.permission.allows(Role::Customer, Scopes::ALL), !back, "{}: a customer stays in front", route.operation);
        let served = !back || service.contains(&route.operation);
        assert_eq!(route.permission.allows(Role::Service, Scopes::ALL), served, "{}: a service acts for customers", route.operation);
        assert_eq!(route.permission.for_customer(), !back, "{}", route.operation);
        let of_an_agent = agent.contains(&route.operation);
        assert_eq!(route.permission.allows(Role::Treasury, Scopes::ALL), of_an_agent, "{}: an agent carries out orders", route.operation);
    }
}

#[test]
fn a_customer_is_itself_and_everybody_else_says_whom_it_means() {
    let platform = with_position();
    // With keys, so that a key is not what was missing.
    for (role, own) in senders(&platform) {
        for route in table().into_iter().filter(|route| route.permission.for_customer() && route.permission.allows(role, Scopes::ALL)) {
            let operation = route.operation;
            if role == Role::Customer {
                for other in ["bob", "nobody"] {
                    assert_eq!(call(&own.naming(other), &route, Some("k")), (404, "customer_not_found".into()), "{operation}");
                }
            } else {
                assert_eq!(call(&own, &route, Some("k")), (400, "customer_required".into()), "{role}: {operation}");
                let stranger = call(&own.naming("nobody"), &route, Some(&format!("{role}-{operation}")));
                assert_eq!(stranger, (404, "customer_not_found".into()), "{role}: {operation}: there is no such customer");
            }
        }
        if !Permission::CustomerRead.allows(role, Scopes::ALL) {
            own.naming("alice").get("/v1/accounts").refused(403, "forbidden");
            continue;
        }
        for name in ["", " ", "a b", "al/ice", "ålice", &"a".repeat(65)] {
            own.naming(name).get("/v1/accounts").refused(400, "malformed_request");
        }
    }
}

#[test]
fn a_position_of_somebody_else_is_not_there() {
    let platform = with_position();
    let bob = platform.with_token("customer", "bobs-phone", Some("bob"));
    let service = platform.with_token("service", "backend", None).naming("bob");
    let routes: Vec<Route> = table().into_iter().filter(|route| route.path.starts_with("/v1/positions/{id}")).collect();
    assert_eq!(routes.len(), 4);
    for sender in [bob, service, platform.acting_for("bob")] {
        for route in &routes {
            let answer = call(&sender, route, Some(&super::harness::fresh_key()));
            assert_eq!(answer, (404, "position_not_found".into()), "{}", route.operation);
        }
    }
    let alice = platform.acting_for("alice");
    for id in ["0", "2", "01", "+1", "-1", "1.0", "1e0", "x", "%31%20", "18446744073709551616", "340282366920938463463374607431768211456"] {
        alice.get(&format!("/v1/positions/{id}")).refused(404, "position_not_found");
        alice.ask(&format!("/v1/positions/{id}/redemption-preview"), json!({})).refused(404, "position_not_found");
        alice.post(&format!("/v1/positions/{id}/redemptions"), json!({})).refused(404, "position_not_found");
        alice.patch(&format!("/v1/positions/{id}"), json!({"auto_renew": true})).refused(404, "position_not_found");
    }
    platform.acting_for("bob").get("/v1/rewards?position=1").refused(404, "position_not_found");
    assert_eq!(alice.get("/v1/positions/1").ok()["principal"], "1");
}

#[test]
fn every_write_wants_a_key_that_is_one() {
    let platform = with_position();
    let sender = platform.acting_for("alice");
    for route in table().iter().filter(|route| route.writes()) {
        assert_eq!(call(&sender, route, None), (400, "idempotency_key_missing".into()), "{}", route.operation);
        for key in ["", "a b", "a/b", "ä", &"k".repeat(65)] {
            assert_eq!(call(&sender, route, Some(key)), (400, "malformed_request".into()), "{}: {key:?}", route.operation);
        }
    }
    let longest = format!("{}.:_-{}", "A".repeat(30), "9".repeat(30));
    let moved = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"});
    sender.write("POST", "/v1/transfers", &longest, &moved).ok();
    assert_eq!(platform.balance("alice", "SOL", "funding"), "1", "of all these only the last did something");
}

#[test]
fn what_is_not_in_the_table_is_not_there() {
    let platform = Platform::new();
    let operator = platform.acting_for("alice");
    for nowhere in
        ["/none", "/v1", "/v1/", "/v2/assets", "/v1/assets/", "/v1/assets/SOL", "/V1/assets", "/v1//assets", "/v1/operator", "/v1/%FF"]
    {
        operator.get(nowhere).refused(404, "not_found");
    }
    let paths: BTreeSet<&str> = table().iter().map(|route| route.path).collect();
    for each in paths {
        let there: Vec<Route> = table().into_iter().filter(|route| route.path == each).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if there.iter().all(|route| route.method != method) {
                let answer = operator.send(method, &path(&there[0]), &[], None);
                assert!(answer.header("allow").is_some(), "{method} {each}: {:?}", answer.headers);
                answer.refused(405, "method_not_allowed");
            }
        }
    }
    for unreadable in ["/v1/assets/%FF/staking", "/v1/products/%FF", "/v1/agreements/%C3", "/v1/positions/%80"] {
        operator.get(unreadable).refused(400, "malformed_request");
    }
}

#[test]
fn every_answer_says_that_it_is_nobody_elses_to_keep() {
    let platform = with_position();
    let alice = platform.acting_for("alice");
    for path in ["/v1/accounts", "/v1/positions/1", "/v1/positions/2", "/v1/statement", "/v1/assets"] {
        let answer = alice.get(path);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}
