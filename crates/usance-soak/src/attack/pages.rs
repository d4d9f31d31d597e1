//! Pages: made-up cookies, forms of other sites and other sessions, ways to elsewhere, texts that would run, links used twice.

use super::report::Notes;
use super::target::{PASSWORD, Target, secret};
use crate::client::Answer;
use anyhow::Context;
use serde_json::json;

/// Somewhere else, as the text of a way.
const ELSEWHERE: [&str; 12] = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    " //evil.example",
    "@evil.example",
    "/\r\nLocation: //evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/\u{2028}/evil.example",
];
/// Headers of a request.
type Headers<'a> = &'a [(&'a str, &'a str)];
/// A text that would run.
const SCRIPT: &str = "\"><script>alert(1)</script>";

/// Attacks what browsers see.
///
/// # Errors
/// When no answers come.
pub fn attack(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    let (alice, bob) = (signed_in(target, "alice")?, signed_in(target, "bob")?);
    cookies(target, &alice, notes)?;
    forms(target, &alice, &bob, notes)?;
    ways(target, notes)?;
    texts(target, notes)?;
    links(target, notes)
}

/// A form's body.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let written = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", written(value))).collect::<Vec<_>>().join("&")
}

fn form(target: &Target, path: &str, headers: Headers<'_>, pairs: &[(&str, &str)]) -> anyhow::Result<Answer> {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    target.send("POST", path, &all, Some(&encoded(pairs)))
}

/// The cookies of whoever signs in.
fn signed_in(target: &Target, customer: &str) -> anyhow::Result<String> {
    let answer = form(target, "/sign-in", &[("sec-fetch-site", "same-origin")], &[("customer", customer), ("password", PASSWORD)])?;
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<&str> = set.filter_map(|(_, line)| line.split(';').next()).collect();
    anyhow::ensure!(answer.status == 303 && !cookies.is_empty(), "{customer} does not come in: {}", answer.status);
    Ok(cookies.join("; "))
}

fn is_in(answer: &Answer) -> bool {
    answer.status == 200
}

fn cookies(target: &Target, alice: &str, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let get = |path: &str, cookie: &str| target.send("GET", path, &[("cookie", cookie)], None);
    anyhow::ensure!(is_in(&get("/assets", alice)?), "alice is not in");
    let mark = alice.split("; ").find_map(|one| one.strip_prefix("usance_device=")).unwrap_or_default();
    let cut = alice.get(..alice.find(';').unwrap_or(alice.len()).saturating_sub(1)).unwrap_or_default();
    let made_up = [
        ("at random", format!("usance_session={}", secret()?)),
        ("the mark of a device", format!("usance_session={mark}")),
        ("cut", cut.to_owned()),
        ("empty", "usance_session=".to_owned()),
        ("a name", "usance_session=alice".to_owned()),
        ("a number", "usance_session=1".to_owned()),
        ("SQL", "usance_session=' OR 1=1 --".to_owned()),
        ("very long", format!("usance_session={}", "a".repeat(20_000))),
        ("twice", format!("usance_session={}; usance_session={}", secret()?, secret()?)),
        ("a prefix of another name", format!("__Host-usance_session={}", secret()?)),
    ];
    let mut seen = Vec::new();
    for (what, cookie) in made_up {
        for path in ["/assets", "/statement", "/history"] {
            let answer = get(path, &cookie)?;
            seen.push((format!("{what} {path}"), answer.status.to_string(), !is_in(&answer)));
        }
    }
    notes.many("sessions that are made up", "no page of a customer", &seen);
    let api = target.send("GET", "/v1/accounts", &[("cookie", alice)], None)?.status;
    notes.one("the API with a session's cookie", "401", api.to_string(), api == 401);
    Ok(())
}

/// The token that a page's forms carry.
fn form_token(target: &Target, cookie: &str) -> anyhow::Result<String> {
    let page = target.send("GET", "/settings", &[("cookie", cookie)], None)?.text();
    let rest = page.split_once("name=\"form_token\" value=\"").context("a form")?.1;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

fn forms(target: &Target, alice: &str, bob: &str, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let (own, others) = (form_token(target, alice)?, form_token(target, bob)?);
    let before = target.funding("alice")?;
    let transfer = |token: &str, headers: Headers<'_>| {
        let mut all = vec![("cookie", alice)];
        all.extend(headers);
        let key = format!("web-{}", "0".repeat(32));
        let pairs = [("form_token", token), ("asset", "SOL"), ("from", "spot"), ("to", "funding"), ("amount", "1"), ("key", &key)];
        form(target, "/transfer", &all, &pairs)
    };
    let origin = target.url.clone();
    let here = [("sec-fetch-site", "same-origin")];
    let from: [(&str, &str, Headers<'_>); 8] = [
        ("no token", "", &here),
        ("another session's token", &others, &here),
        ("cross-site", &own, &[("sec-fetch-site", "cross-site")]),
        ("same-site", &own, &[("sec-fetch-site", "same-site"), ("origin", &origin)]),
        ("another origin", &own, &[("origin", "https://evil.example")]),
        ("no origin", &own, &[("origin", "null")]),
        ("two sites", &own, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]),
        ("nothing said", &others, &[]),
    ];
    let mut seen = Vec::new();
    for (what, token, headers) in from {
        let status = transfer(token, headers)?.status;
        seen.push((what.to_owned(), status.to_string(), [400, 403].contains(&status)));
    }
    notes.many("alice's transfer, as another site or session would send it", "403", &seen);
    let after = target.funding("alice")?;
    notes.one("what alice has after that", &before, after.clone(), before == after);
    let mut seen = Vec::new();
    for site in ["cross-site", "same-site"] {
        let pairs = [("customer", "bob"), ("password", PASSWORD)];
        let answer = form(target, "/sign-in", &[("sec-fetch-site", site)], &pairs)?;
        let is_shut = answer.status == 403 && answer.header("set-cookie").is_none();
        seen.push((site.to_owned(), answer.status.to_string(), is_shut));
    }
    notes.many("somebody is signed in as bob by another site", "403 and no cookie", &seen);
    Ok(())
}

fn ways(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let leads_here = |answer: &Answer| {
        let ways: Vec<&str> = answer.headers.iter().filter(|(name, _)| name == "location").map(|(_, to)| to.as_str()).collect();
        let is_own =
            |to: &&str| to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        ways.len() <= 1 && ways.iter().all(is_own) && !answer.text().contains("=\"//evil")
    };
    let alice = signed_in(target, "alice")?;
    let mut seen = Vec::new();
    for next in ELSEWHERE {
        let query = encoded(&[("next", next)]);
        let same = [("sec-fetch-site", "same-origin")];
        let answers = [
            ("signed in", target.send("GET", &format!("/sign-in?{query}"), &[("cookie", &alice)], None)?),
            ("a page", target.send("GET", &format!("/sign-in?{query}"), &[], None)?),
            ("a form", form(target, "/sign-in", &same, &[("customer", "alice"), ("password", PASSWORD), ("next", next)])?),
        ];
        for (what, answer) in answers {
            seen.push((format!("{what} {next:?}"), answer.header("location").unwrap_or("a page").to_owned(), leads_here(&answer)));
        }
    }
    notes.many("ways to another site behind a sign-in", "none is followed", &seen);
    let mut seen = Vec::new();
    for path in ["/", "/assets", "/sign-in", "/settings", "/products"] {
        let headers = [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example"), ("host", "evil.example")];
        let answer = target.send("GET", path, &headers, None)?;
        let is_shut = leads_here(&answer) && !answer.text().contains("evil.example");
        seen.push((path.to_owned(), answer.header("location").unwrap_or("a page").to_owned(), is_shut));
    }
    notes.many("another host's name", "no address is made of it", &seen);
    Ok(())
}

fn texts(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let same = [("sec-fetch-site", "same-origin")];
    let query = encoded(&[("next", SCRIPT), ("link", SCRIPT)]);
    let answers = [
        ("sign-in", form(target, "/sign-in", &same, &[("customer", SCRIPT), ("password", SCRIPT), ("next", SCRIPT)])?),
        ("code", form(target, "/sign-in/code", &same, &[("ticket", SCRIPT), ("code", SCRIPT), ("next", SCRIPT)])?),
        ("query", target.send("GET", &format!("/sign-in?{query}"), &[], None)?),
        ("path", target.send("GET", "/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", &[("accept", "text/html")], None)?),
        ("product", target.send("GET", "/products/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", &[("accept", "text/html")], None)?),
    ];
    let seen: Vec<_> = answers
        .iter()
        .map(|(what, answer)| {
            let is_html = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
            let runs = is_html && answer.text().contains("<script>alert");
            ((*what).to_owned(), answer.status.to_string(), !runs && answer.status < 500)
        })
        .collect();
    notes.many("a script in what is sent", "shown as text", &seen);
    let mut seen = Vec::new();
    for (what, answer) in &answers {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let is_strict = policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline") && !policy.contains('*');
        let is_kept = answer.header("x-frame-options") == Some("DENY") && answer.header("x-content-type-options") == Some("nosniff");
        seen.push(((*what).to_owned(), format!("{policy:?}"), is_strict && is_kept));
    }
    notes.many("headers of these answers", "no frames, no inline scripts, no sniffing", &seen);
    let known = form(target, "/sign-in", &same, &[("customer", "bob"), ("password", "not this one")])?;
    let unknown = form(target, "/sign-in", &same, &[("customer", "eve"), ("password", "not this one")])?;
    let is_alike = known.status == unknown.status && known.text().replace("bob", "eve") == unknown.text();
    notes.one(
        "a wrong password of a known and an unknown customer",
        "the same page",
        format!("{}, {}", known.status, unknown.status),
        is_alike,
    );
    Ok(())
}

fn links(target: &Target, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let made = target.done("/v1/operator/customers/alice/sign-in-links", &json!({}))?;
    let path = made.get("path").and_then(serde_json::Value::as_str).context("a link")?;
    let link = path.rsplit(['=', '#']).next().unwrap_or_default();
    target.send("GET", path.split('#').next().unwrap_or_default(), &[], None)?;
    let use_it = |link: &str, site: &str| {
        Ok::<u16, anyhow::Error>(form(target, "/sign-in/link", &[("sec-fetch-site", site)], &[("seen", "true"), ("link", link)])?.status)
    };
    let other = use_it(link, "cross-site")?;
    let (first, second, guessed) = (use_it(link, "same-origin")?, use_it(link, "same-origin")?, use_it(&secret()?, "same-origin")?);
    notes.one(
        "a sign-in link: opened ahead, by another site, once, twice, and a made-up one",
        "403, 303, 401, 401",
        format!("{other}, {first}, {second}, {guessed}"),
        (other, first, second, guessed) == (403, 303, 401, 401),
    );
    Ok(())
}
