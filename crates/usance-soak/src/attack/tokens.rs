//! Bearer tokens: none, made up, guessed, of somebody else, of the wrong role, revoked; and what an engine starts with.

use super::report::Notes;
use super::target::{Target, secret};
use anyhow::Context;
use serde_json::{Value, json};
use std::time::Duration;

/// Bearers that are guessed.
const GUESSES: usize = 500;
/// How long an engine may take to refuse what it is started with.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attacks every operation of the engine's own document.
///
/// # Errors
/// When no answers come.
pub fn attack(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    let guarded = guarded(target)?;
    without_one(target, &guarded, notes)?;
    guesses(target, notes)?;
    roles(target, &guarded, notes)?;
    of_others(target, notes)?;
    starting(target, notes)
}

/// Method and path of every operation that asks for a token.
fn guarded(target: &Target) -> anyhow::Result<Vec<(String, String)>> {
    let document = target.send("GET", "/openapi.json", &[], None)?.json()?;
    let paths = document.get("paths").and_then(Value::as_object).context("paths")?;
    let operations = paths.iter().flat_map(|(path, methods)| methods.as_object().into_iter().flatten().map(move |one| (path, one)));
    let guarded = operations.filter(|(_, (_, operation))| operation.get("security").is_some_and(Value::is_array));
    Ok(guarded.map(|(path, (method, _))| (method.to_ascii_uppercase(), filled(path))).collect())
}

/// A path with something in the place of each name.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
}

fn without_one(target: &Target, guarded: &[(String, String)], notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let key = &target.operator;
    let carried = [
        ("none", None),
        ("made up", Some("Bearer 0123456789abcdef".to_owned())),
        ("empty", Some("Bearer ".to_owned())),
        ("another scheme", Some(format!("Basic {key}"))),
        ("no scheme", Some(key.clone())),
        ("with more behind it", Some(format!("Bearer {key} x"))),
        ("cut", Some(format!("Bearer {}", key.get(..key.len() - 1).unwrap_or_default()))),
    ];
    for (what, carried) in &carried {
        let mut seen = Vec::new();
        for (method, path) in guarded {
            let mut headers = vec![("content-type", "application/json"), ("idempotency-key", "k")];
            headers.extend(carried.iter().map(|carried| ("authorization", carried.as_str())));
            let body = (method != "GET").then_some("{}");
            let status = target.send(method, path, &headers, body)?.status;
            seen.push((format!("{method} {path}"), status.to_string(), [400, 401, 429].contains(&status)));
        }
        notes.many(&format!("every guarded operation with a token: {what}"), "401", &seen);
    }
    let path = format!("/v1/accounts?token={key}&access_token={key}");
    let by_query = target.send("GET", &path, &[("usance-customer", "alice")], None)?.status;
    let cookie = format!("token={key}; authorization=Bearer {key}; usance_session={key}");
    let by_cookie = target.send("GET", "/v1/accounts", &[("cookie", &cookie), ("usance-customer", "alice")], None)?.status;
    let is_shut = [by_query, by_cookie].iter().all(|status| [400, 401].contains(status));
    notes.one("a valid token in the query, and in a cookie", "401", format!("{by_query}, {by_cookie}"), is_shut);
    Ok(())
}

fn guesses(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let (mut refused, mut limited, mut other) = (0, 0, 0);
    for _ in 0..GUESSES {
        let bearer = format!("Bearer {}", secret()?);
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "203.0.113.9")];
        match target.send("GET", "/v1/operator/tokens", &headers, None)?.status {
            401 => refused += 1,
            429 => limited += 1,
            _ => other += 1,
        }
    }
    notes.one(&format!("{GUESSES} guessed tokens from one address"), "401 or 429", format!("{other} others"), other == 0);
    notes.figure("of these, how soon guessing is slowed down", format!("{refused} times 401, {limited} times 429"));
    Ok(())
}

/// What each role may not.
fn roles(target: &Target, guarded: &[(String, String)], notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let customer = target.token("customer", Some("bob"))?;
    let mut seen = Vec::new();
    for (method, path) in guarded.iter().filter(|(_, path)| path.starts_with("/v1/operator/")) {
        let status = target.call(&customer, None, method, path, &json!({}))?.status;
        seen.push((format!("{method} {path}"), status.to_string(), [401, 403, 429].contains(&status)));
        // Its own rate is not what is asked here.
        std::thread::sleep(Duration::from_millis(25));
    }
    notes.many("every operation of operators with a customer's token", "403", &seen);
    let (auditor, service) = (target.token("auditor", None)?, target.token("service", None)?);
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "stolen"});
    let rows = [
        ("an auditor deposits", &auditor, None, "/v1/operator/deposits", deposit),
        ("an auditor makes a token", &auditor, None, "/v1/operator/tokens", json!({"name": "x", "role": "operator"})),
        ("a service makes a token", &service, None, "/v1/operator/tokens", json!({"name": "x", "role": "operator"})),
        ("a service moves the clock", &service, None, "/v1/operator/clock", json!({"to": "2027-01-01T00:00:00Z"})),
        (
            "an auditor stakes for alice",
            &auditor,
            Some("alice"),
            "/v1/subscriptions",
            json!({"product": "flex", "amount": "1", "source": "spot", "agreement": "v1"}),
        ),
    ];
    let mut seen = Vec::new();
    for (what, token, customer, path, body) in rows {
        let status = target.call(token, customer, "POST", path, &body)?.status;
        seen.push((what.to_owned(), status.to_string(), status == 403));
    }
    notes.many("what auditors and services may not", "403", &seen);
    Ok(())
}

fn of_others(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let bob = target.token("customer", Some("bob"))?;
    let positions = target.call(&target.operator, Some("alice"), "GET", "/v1/positions", &Value::Null)?.json()?;
    let own = positions.pointer("/items/0/id").and_then(Value::as_str).context("a position")?;
    let path = format!("/v1/positions/{own}");
    let rows = [
        ("a position", target.call(&bob, None, "GET", &path, &Value::Null)?),
        ("a redemption", target.call(&bob, None, "POST", &format!("{path}/redemptions"), &json!({"amount": "1"}))?),
        ("naming alice", target.call(&bob, Some("alice"), "GET", "/v1/accounts", &Value::Null)?),
        ("naming nobody", target.call(&bob, Some("no-such"), "GET", "/v1/accounts", &Value::Null)?),
    ];
    let seen: Vec<_> = rows.into_iter().map(|(what, answer)| (what.to_owned(), answer.status.to_string(), answer.status == 404)).collect();
    notes.many("bob asks for what is alice's", "404", &seen);
    let before = target.call(&bob, None, "GET", "/v1/accounts", &Value::Null)?.status;
    let listed = target.call(&target.operator, None, "GET", "/v1/operator/tokens", &Value::Null)?.json()?;
    let items = listed.get("items").and_then(Value::as_array).context("tokens")?;
    let of_bob = items.iter().filter(|token| token.get("customer").and_then(Value::as_str) == Some("bob"));
    for id in of_bob.filter_map(|token| token.get("id").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))) {
        target.call(&target.operator, None, "DELETE", &format!("/v1/operator/tokens/{id}"), &json!({}))?;
    }
    let after = target.call(&bob, None, "GET", "/v1/accounts", &Value::Null)?.status;
    notes.one("a revoked token", "200, then 401", format!("{before}, then {after}"), (before, after) == (200, 401));
    Ok(())
}

/// What an engine must not start with.
fn starting(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let mut place = crate::engine::Installation {
        binary: target.place.binary.clone(),
        data: target.place.data.with_extension("another"),
        log: target.place.log.with_extension("another"),
        store: None,
    };
    let mut seen = Vec::new();
    for (number, bootstrap) in ["a", "changeme", "operator", "0123456789abcdef", "choose-one"].into_iter().enumerate() {
        place.data.set_extension(number.to_string());
        let started = place.start_serving(&[], bootstrap, PATIENCE).is_ok();
        seen.push((format!("{bootstrap:?}"), (if started { "starts" } else { "refused" }).to_owned(), !started));
    }
    notes.many("an operator's token that can be guessed, at the start", "refused", &seen);
    Ok(())
}
