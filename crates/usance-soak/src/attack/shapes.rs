//! Requests that two readers read differently, headers that stand twice, and sizes: nothing comes of what is not understood.

use super::report::Notes;
use super::target::{Target, fresh_key};
use super::wire::Wire;
use crate::client::Answer;
use serde_json::{Value, json};

/// A transfer of one coin, which no shape may do.
const BODY: &str = r#"{"asset":"SOL","from":"spot","to":"funding","amount":"1"}"#;

/// Attacks how requests are read.
///
/// # Errors
/// When a request that is whole gets no answer.
pub fn attack(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    smuggled(target, notes)?;
    doubled(target, notes)?;
    sizes(target, notes)?;
    paths(target, notes)?;
    held_up(target, notes)
}

/// A transfer of alice, with its own lines for what frames its body.
fn transfer(target: &Target, start: &str, lines: &str, body: &str) -> String {
    let (token, key) = (&target.operator, fresh_key());
    format!(
        "{start}\r\nHost: usance\r\nAuthorization: Bearer {token}\r\nUsance-Customer: alice\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\n{lines}\r\n{body}"
    )
}

const START: &str = "POST /v1/transfers HTTP/1.1";

/// Shapes, as the lines that frame the body, and the body.
fn framings() -> Vec<(&'static str, String, String)> {
    let length = BODY.len();
    let chunked = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n");
    let own = |lines: String| (lines, BODY.to_owned());
    let chunks = |lines: &str| (lines.to_owned(), chunked.clone());
    let rows = [
        ("two lengths", own(format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1))),
        ("a list of lengths", own(format!("Content-Length: {length}, {}\r\n", length + 1))),
        ("a length with a plus", own(format!("Content-Length: +{length}\r\n"))),
        ("a length in hexadecimal", own(format!("Content-Length: 0x{length:x}\r\n"))),
        ("no length", own("Content-Length: \r\n".into())),
        ("a length beyond all", own("Content-Length: 99999999999999999999999\r\n".into())),
        ("a length with a blank before the colon", own(format!("Content-Length : {length}\r\n"))),
        ("an unknown coding", chunks("Transfer-Encoding: xchunked\r\n")),
        ("chunked and then more", chunks("Transfer-Encoding: chunked, identity\r\n")),
        ("two codings", chunks("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")),
        ("a coding with a vertical tab", chunks("Transfer-Encoding: \u{b}chunked\r\n")),
        ("a chunk below zero", ("Transfer-Encoding: chunked\r\n".into(), format!("-1\r\n{BODY}\r\n0\r\n\r\n"))),
        ("a chunk beyond all", ("Transfer-Encoding: chunked\r\n".into(), format!("fffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"))),
        ("a folded line", own(format!("Content-Length: {length}\r\nX: a\r\n b\r\n"))),
        ("a line that begins with a blank", own(format!("Content-Length: {length}\r\n X: a\r\n"))),
        ("a NUL in a value", own(format!("Content-Length: {length}\r\nX: a\0b\r\n"))),
        ("a bare carriage return in a value", own(format!("Content-Length: {length}\r\nX: a\rb\r\n"))),
        ("a second host", own(format!("Content-Length: {length}\r\nHost: evil.example\r\n"))),
    ];
    rows.into_iter().map(|(what, (lines, body))| (what, lines, body)).collect()
}

/// Starts of a request that are none.
const STARTS: [&str; 8] = [
    "POST /v1/transfers x HTTP/1.1",
    "POST /v1/transfers HTTP/1.x",
    "POST /v1/transfers HTTP/3.0",
    "PO ST /v1/transfers HTTP/1.1",
    "POST /v1/trans\u{1}fers HTTP/1.1",
    "POST /v1/transfers#x HTTP/1.1",
    "POST  /v1/transfers HTTP/1.1",
    "POST /v1/transfers",
];

/// Sends a shape with a whole transfer behind it; gives what came, and whether neither was done.
fn behind(target: &Target, shape: &str) -> anyhow::Result<(String, bool)> {
    let before = target.funding("alice")?;
    let mut wire = Wire::to(target)?;
    let whole = transfer(target, START, &format!("Content-Length: {}\r\nConnection: close\r\n", BODY.len()), BODY);
    wire.send(format!("{shape}{whole}"));
    let statuses: Vec<u16> = wire.answers().iter().map(|answer| answer.status).collect();
    let is_shut = statuses.len() <= 1 && statuses.iter().all(|status| (400..500).contains(status)) && target.funding("alice")? == before;
    Ok((format!("{statuses:?}"), is_shut))
}

fn smuggled(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let length = format!("Content-Length: {}\r\n", BODY.len());
    let shapes = framings().into_iter().map(|(what, lines, body)| (what.to_owned(), transfer(target, START, &lines, &body)));
    let starts = STARTS.iter().map(|start| (format!("{start:?}"), transfer(target, start, &length, BODY)));
    let mut seen = Vec::new();
    for (what, shape) in shapes.chain(starts) {
        let (told, is_shut) = behind(target, &shape)?;
        seen.push((what, told, is_shut));
    }
    notes.many("a transfer in a shape that two readers read differently, and one behind it", "4xx or a close, and nothing is done", &seen);
    Ok(())
}

/// What decides who, for whom, once or as what stands once.
fn doubled(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let (own, mallory) = (format!("Bearer {}", target.operator), "Bearer 0123456789abcdef0123456789abcdef");
    let before = [target.funding("alice")?, target.funding("bob")?];
    let mut seen = Vec::new();
    let rows: [(&str, &str, &str); 8] = [
        ("usance-customer", "bob", "alice"),
        ("usance-customer", "alice", "alice"),
        ("idempotency-key", "twice-1", "twice-2"),
        ("idempotency-key", "twice-3", "twice-3"),
        ("authorization", &own, mallory),
        ("authorization", mallory, &own),
        ("content-type", "application/json", "text/plain"),
        ("content-type", "text/plain", "application/json"),
    ];
    for (name, first, second) in rows {
        let key = fresh_key();
        let usual = [
            ("authorization", own.as_str()),
            ("usance-customer", "alice"),
            ("idempotency-key", &key),
            ("content-type", "application/json"),
        ];
        let mut headers: Vec<(&str, &str)> = usual.into_iter().filter(|(other, _)| *other != name).collect();
        headers.extend([(name, first), (name, second)]);
        let status = target.send("POST", "/v1/transfers", &headers, Some(BODY))?.status;
        let shown = |value: &str| if value == own { "a token".to_owned() } else { value.to_owned() };
        seen.push((format!("{name}: {}, then {}", shown(first), shown(second)), status.to_string(), [400, 401, 415].contains(&status)));
    }
    let after = [target.funding("alice")?, target.funding("bob")?];
    seen.push(("what alice and bob have".to_owned(), after.join(", "), before == after));
    notes.many("a header twice that decides who, for whom, once or as what", "400, and nothing is done", &seen);
    let key = fresh_key();
    let mut statuses = Vec::new();
    for written in [key.clone(), format!("\"{key}\"")] {
        let headers = [
            ("authorization", own.as_str()),
            ("usance-customer", "alice"),
            ("idempotency-key", &written),
            ("content-type", "application/json"),
        ];
        let answer = target.send("POST", "/v1/transfers", &headers, Some(BODY))?;
        statuses.push((answer.status, answer.header("idempotency-replayed") == Some("true")));
    }
    let is_shut = matches!(statuses.as_slice(), [(201, false), (201, true) | (400, _)]);
    notes.one("one key, bare and in quotes", "done once", format!("{statuses:?}"), is_shut);
    Ok(())
}

fn sizes(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let own = format!("Bearer {}", target.operator);
    let json_of = |bytes: usize| format!("{{\"asset\":\"{}\"}}", "a".repeat(bytes));
    let post = |body: &str, headers: &[(&str, &str)]| -> anyhow::Result<u16> {
        let mut all = vec![("content-type", "application/json"), ("idempotency-key", "sizes")];
        all.extend(headers);
        Ok(target.send("POST", "/v1/transfers", &all, Some(body))?.status)
    };
    let acting = [("authorization", own.as_str()), ("usance-customer", "alice")];
    let mut seen = Vec::new();
    let mut row = |what: &str, status: u16, expected: &[u16]| seen.push((what.to_owned(), status.to_string(), expected.contains(&status)));
    row("64 KiB and more of an operator", post(&json_of(65_536), &acting)?, &[413]);
    row("8 KiB and more of nobody", post(&json_of(8_192), &[])?, &[401, 413]);
    row("deep JSON", post(&"[".repeat(60_000), &acting)?, &[400]);
    row(
        "a number of a thousand digits",
        post(&format!("{{\"asset\":\"SOL\",\"from\":\"spot\",\"to\":\"funding\",\"amount\":\"{}\"}}", "9".repeat(1000)), &acting)?,
        &[400, 422],
    );
    row("a long path", target.send("GET", &format!("/{}", "a".repeat(2_000)), &[], None)?.status, &[414]);
    row("a long query", target.send("GET", &format!("/v1/products?asset={}", "a".repeat(42_000)), &[], None)?.status, &[414]);
    for (what, bytes, expected) in [
        ("a body that is only announced", transfer(target, START, "Content-Length: 1000000000000\r\n", ""), vec![413]),
        (
            "chunks without end",
            transfer(target, START, "Transfer-Encoding: chunked\r\n", &format!("8000\r\n{}\r\n", "a".repeat(32_768)).repeat(40)),
            vec![413],
        ),
        ("a head of 60 KiB", transfer(target, START, &format!("X: {}\r\n", "a".repeat(60_000)), ""), vec![431]),
        ("500 lines", transfer(target, START, &"X: a\r\n".repeat(500), ""), vec![431]),
    ] {
        let mut wire = Wire::to(target)?;
        wire.send(bytes);
        let statuses: Vec<u16> = wire.answers().iter().map(|answer: &Answer| answer.status).collect();
        // Whoever goes on sending may find the connection reset before the answer is read.
        let is_shut = statuses.iter().all(|status| expected.contains(status)) && statuses.len() <= 1;
        seen.push((what.to_owned(), format!("{statuses:?}"), is_shut));
    }
    notes.many("what is too large", "413, 414 or 431", &seen);
    Ok(())
}

fn paths(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    let outside = [
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/....//....//etc/passwd",
        "/static/%00",
        "//etc/passwd",
        "/v1/../v1/operator/tokens",
        "/v1//operator/tokens",
        "/v1/operator/tokens/",
        "/V1/operator/tokens",
        "/v1/operator%2ftokens",
        "/v1/operator/tokens;x=1",
    ];
    for path in outside {
        let mut wire = Wire::to(target)?;
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: usance\r\nConnection: close\r\n\r\n"));
        let answers = wire.answers();
        let is_shut = answers.iter().all(|answer| (300..500).contains(&answer.status) && !answer.text().contains("root:"));
        seen.push((
            path.to_owned(),
            format!("{:?}", answers.iter().map(|one| one.status).collect::<Vec<_>>()),
            is_shut && !answers.is_empty(),
        ));
    }
    notes.many("paths that lead elsewhere", "404, or what nobody may", &seen);
    let mut seen = Vec::new();
    for method in ["TRACE", "CONNECT", "PUT", "DELETE", "PROPFIND", "get"] {
        let mut wire = Wire::to(target)?;
        wire.send(format!("{method} /v1/transfers HTTP/1.1\r\nHost: usance\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        let statuses: Vec<u16> = wire.answers().iter().map(|answer| answer.status).collect();
        seen.push((method.to_owned(), format!("{statuses:?}"), statuses.iter().all(|status| (400..500).contains(status))));
    }
    notes.many("methods that nothing has", "4xx", &seen);
    Ok(())
}

/// Connections that say half of something, and others who want to be served.
fn held_up(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let mut held = Vec::new();
    for number in 0..300 {
        let mut wire = Wire::to(target)?;
        let half = if number % 2 == 0 {
            "GET / HTTP/1.1\r\nHost: u"
        } else {
            "POST /v1/transfers HTTP/1.1\r\nHost: usance\r\nContent-Length: 100\r\n\r\n{"
        };
        wire.send(half);
        held.push(wire);
    }
    let answered = target.call(&target.operator, Some("alice"), "GET", "/v1/accounts", &Value::Null)?.status;
    notes.one("300 connections that send half a request", "others are answered", answered.to_string(), answered == 200);
    drop(held);
    let after = target.call(
        &target.operator,
        Some("alice"),
        "POST",
        "/v1/transfers",
        &json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"}),
    )?;
    notes.one("and after all of that", "a transfer is done", after.status.to_string(), after.status == 201);
    Ok(())
}
