//! Every line of both tables for every kind of sender: what comes back is what the table says, and nothing else opens it.

use super::{Jar, house};
use crate::suite::contract::exits::in_line;
use crate::suite::contract::{losses, orders};
use crate::suite::harness::{Client, OPERATOR, fresh_key};
use crate::suite::pages;
use crate::suite::routes::call;
use serde_json::json;
use usance_server::contract::route::Permission;
use usance_server::contract::routes::table;
use usance_server::site::pages::Audience;
use usance_store::Role;

type Expected = (u16, &'static str);

/// What a token that is in force gets: from the permission alone.
fn known(permission: Permission, role: Role, writes: bool, names: bool) -> Expected {
    let treasury = matches!(permission, Permission::Treasury | Permission::TreasuryRead);
    let back = treasury || matches!(permission, Permission::Operator | Permission::Back | Permission::Wallet | Permission::Identity);
    let allowed = match role {
        Role::Operator => true,
        Role::Auditor => !writes && !matches!(permission, Permission::Wallet | Permission::Identity),
        Role::Service => !treasury && !matches!(permission, Permission::Operator | Permission::Back),
        Role::Treasury => treasury,
        Role::Customer => !back,
    };
    match (allowed, writes) {
        (false, _) => (403, "forbidden"),
        (true, _) if !back && !names && role != Role::Customer => (400, "customer_required"),
        // Without a key nothing is written, and whoever gets as far as that was let in.
        (true, true) => (400, "idempotency_key_missing"),
        (true, false) => (200, ""),
    }
}

#[test]
fn every_route_answers_every_sender_as_the_table_says() {
    let platform = house(&[]);
    let revoked = platform.operator.post("/v1/operator/tokens", json!({"name": "gone", "role": "operator"})).ok();
    let path = format!("/v1/operator/tokens/{}", revoked["id"].as_str().expect("an id"));
    platform.operator.send("DELETE", &path, &[("idempotency-key", &fresh_key())], None).ok();
    // A network, people, proposals, an order, a loss, and something that waits: alice's first redemption.
    assert_eq!(in_line(&platform), "1");
    losses::lose(&platform);
    orders::set(&platform, "gas_reserve", "0.5");
    let url = &platform.server.url;
    let strangers = [
        ("nobody", platform.server.public()),
        ("a token that is none", Client::new(url, Some("usance_0000"), None)),
        ("a revoked token", Client::new(url, revoked["token"].as_str(), None)),
        ("a token with more behind it", Client::new(url, Some(&format!("{OPERATOR} x")), None)),
    ];
    let session = Jar::new(&platform.server).enter("alice").cookie();
    let roles = Role::ALL.map(|role| {
        let customer = (role == Role::Customer).then_some("alice");
        (role, platform.with_token(&role.to_string(), &format!("{role}-token"), customer))
    });
    let mut seen = 0;
    for route in table() {
        seen += 1;
        let operation = route.operation;
        let public = route.permission == Permission::Public;
        for (who, stranger) in &strangers {
            let expected = if public { (200, String::new()) } else { (401, "unauthorized".to_owned()) };
            assert_eq!(call(stranger, &route, None), expected, "{operation}: {who}");
        }
        // A browser's session opens no route of the contract, so no other site can use it there.
        if !public {
            let headers = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin")];
            let path = route.path.replace("{id}", "1").replace("{order}", "1").replace("{version}", "v1").replace("{asset}", "SOL");
            let answer = platform.server.public().send(route.method.as_str(), &path, &headers, None);
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{operation}: a session");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{operation}");
        }
        for (role, own) in roles.iter().filter(|_| !public) {
            let expect = |names| {
                let (status, code) = known(route.permission, *role, route.writes(), names);
                (status, code.to_owned())
            };
            assert_eq!(call(own, &route, None), expect(false), "{operation}: {role}");
            if route.permission.for_customer() {
                assert_eq!(call(&own.naming("alice"), &route, None), expect(true), "{operation}: {role} for alice");
                let other = call(&own.naming("bob"), &route, None);
                match (*role, expect(true)) {
                    (_, (403, code)) => assert_eq!(other, (403, code), "{operation}: {role}"),
                    (Role::Customer, _) => assert_eq!(other, (404, "customer_not_found".into()), "{operation}: alice is not bob"),
                    (_, expected) if expected.0 == 400 => assert_eq!(other, expected, "{operation}: {role} for bob"),
                    // Bob is somebody else: alice's position is not there for him, his own lists are.
                    _ if route.path.starts_with("/v1/exits/{id}") => {
                        assert_eq!(other, (404, "exit_not_found".into()), "{operation}: {role}");
                    }
                    _ if route.path.contains("{id}") => assert_eq!(other, (404, "position_not_found".into()), "{operation}: {role}"),
                    (_, expected) => assert_eq!(other, expected, "{operation}: {role} for bob"),
                }
            }
        }
    }
    assert!(seen > 40, "the table has {seen} lines");
}

#[test]
fn only_a_session_opens_a_page_for_customers() {
    let platform = house(&[]);
    let ended = {
        let mut jar = Jar::new(&platform.server).enter("alice");
        let cookie = jar.cookie();
        jar.send("/sign-out", &[]);
        cookie
    };
    let token = platform.operator.post("/v1/operator/tokens", json!({"name": "phone", "role": "customer", "customer": "alice"})).ok();
    let bearer = |token: &str| format!("Bearer {token}");
    let (operator, customer) = (bearer(OPERATOR), bearer(token["token"].as_str().expect("text")));
    let mark = Jar::new(&platform.server).enter("alice").cookies["usance_device"].clone();
    let senders: [(&str, &str, String); 8] = [
        ("nobody", "x-none", String::new()),
        ("a session that is none", "cookie", "usance_session=0000".into()),
        ("an ended session", "cookie", ended),
        ("the operator's token", "authorization", operator),
        ("a customer's token", "authorization", customer.clone()),
        ("a token as a session", "cookie", format!("usance_session={}", customer.trim_start_matches("Bearer "))),
        ("a known device", "cookie", format!("usance_device={mark}")),
        ("a mark as a session", "cookie", format!("usance_session={mark}")),
    ];
    for page in usance_server::site::pages::table() {
        let path = pages::path(&page);
        for (who, name, value) in &senders {
            let headers =
                [(*name, value.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];
            let body = (page.method == "POST").then_some(&b""[..]);
            let answer = platform.server.public().send(page.method.as_str(), &path, &headers, body);
            let to_sign_in = answer.status == 303 && answer.header("location").is_some_and(|to| to.starts_with("/sign-in?next=%2F"));
            assert_eq!(to_sign_in, page.audience == Audience::Customers, "{}: {who}: {}", page.operation, answer.status);
            assert!(answer.status < 500, "{}: {who}", page.operation);
            assert!(!answer.text().contains("alice"), "{}: {who}", page.operation);
        }
    }
}
