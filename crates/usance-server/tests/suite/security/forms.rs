//! Sessions, forms and headers: nothing from another site is obeyed, nothing planted is taken over, nothing ended goes on.

use super::{Jar, PASSWORD, between, encoded, house};
use crate::suite::harness::{Answer, Server, Start};
use crate::suite::pages;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use usance_server::site::pages::table;

/// A request as it is written here, header by header.
fn raw(server: &Server, method: &str, path: &str, lines: &[String], body: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).expect("a connection");
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect()
}

#[test]
fn a_form_obeys_its_own_session_alone() {
    let platform = house(&[]);
    let mut alice = Jar::new(&platform.server).enter("alice");
    let mut tablet = Jar::new(&platform.server).enter("alice");
    let mut bob = Jar::new(&platform.server).enter("bob");
    let (own, others) = (alice.form_token(), [tablet.form_token(), bob.form_token(), own_reversed(&alice.form_token())]);
    for page in table().iter().filter(|page| page.method == "POST" && page.operation != "page_look") {
        let path = pages::path(page);
        for token in &others {
            let answer = alice.form(&path, &[("form_token", token)]);
            assert_eq!((answer.status, answer.text().contains("form_expired")), (403, true), "{}", page.operation);
            assert_eq!(cookies(&answer), Vec::<&str>::new(), "{}", page.operation);
        }
        // Two tokens are none.
        let answer = alice.form(&path, &[("form_token", &own), ("form_token", &others[0])]);
        assert_eq!(answer.status, 400, "{}", page.operation);
    }
    assert!(alice.is_in() && tablet.is_in() && bob.is_in(), "nobody was signed out");
    assert_eq!(platform.balance("alice", "SOL", "spot"), "9", "nothing was booked");
}

fn own_reversed(token: &str) -> String {
    token.chars().rev().collect()
}

/// Whoever can have a browser open addresses and sees how long the answers are learns nothing of what stands in them.
#[test]
fn no_answer_tells_by_its_length_what_stands_in_it() {
    let platform = house(&[]);
    let mut alice = Jar::new(&platform.server).enter("alice");
    let gzip = [("accept-encoding", "gzip")];
    let coding = |answer: &Answer| answer.header("content-encoding").map(str::to_owned);
    // What shows both what was asked and what is alice's is not compressed, also where it says that it cannot be read.
    for page in table().iter().filter(|page| page.method == "GET" && page.operation != "page_file" && page.operation != "page_icon") {
        let path = pages::path(page);
        for query in ["?asset=guess", "?amount=12.5&from=2026-01-01&to=nonsense", "?"] {
            let answer = alice.get_with(&format!("{path}{query}"), &gzip);
            assert_eq!(coding(&answer), None, "{path}{query}");
        }
    }
    for path in ["/assets", "/holdings", "/history", "/settings", "/products"] {
        assert_eq!(coding(&alice.get_with(path, &gzip)).as_deref(), Some("gzip"), "{path}");
    }
    assert_eq!(coding(&Jar::new(&platform.server).get_with("/products?asset=SOL", &gzip)).as_deref(), Some("gzip"), "it is nobody's");
    // The token of forms is another text in each answer, and every one of them is right.
    let tokens: BTreeSet<String> = (0..20).map(|_| alice.form_token()).collect();
    assert_eq!(tokens.len(), 20);
    for token in &tokens {
        let answer = alice.form("/look", &[("form_token", token), ("theme", "dark")]);
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    // Half of one and half of another are none.
    let [one, other] = [&tokens.first().expect("one")[..32], &tokens.last().expect("another")[32..]];
    assert_eq!(alice.form("/look", &[("form_token", &format!("{one}{other}")), ("theme", "dark")]).status, 403);
}

#[test]
fn nobody_is_signed_in_by_another_site() {
    let platform = house(&[]);
    let link = platform.operator.post("/v1/operator/customers/bob/sign-in-links", json!({})).ok();
    let secret = link["code"].as_str().expect("a link");
    let password = encoded(&[("customer", "bob"), ("password", PASSWORD)]);
    let by_link = encoded(&[("seen", "true"), ("link", secret)]);
    let host = platform.server.url.trim_start_matches("http://");
    let elsewhere: [&[String]; 5] = [
        &["Sec-Fetch-Site: cross-site".into()],
        &["Sec-Fetch-Site: same-site".into(), format!("Origin: http://{host}")],
        &["Origin: https://evil.example".into()],
        &["Origin: null".into()],
        &["Origin: http://evil.example".into(), format!("Referer: http://{host}/sign-in")],
    ];
    for from in elsewhere {
        for (path, body) in
            [("/sign-in", &password), ("/sign-in/link", &by_link), ("/sign-in/sample", &password), ("/sign-out", &String::new())]
        {
            let mut lines = vec![format!("Host: {host}"), "Content-Type: application/x-www-form-urlencoded".to_owned()];
            lines.extend(from.iter().cloned());
            let answer = raw(&platform.server, "POST", path, &lines, body);
            assert!(answer.starts_with("HTTP/1.1 403"), "{path} {from:?}: {answer}");
            assert!(!answer.to_lowercase().contains("set-cookie"), "{path} {from:?}: {answer}");
        }
    }
    let mut bob = Jar::new(&platform.server);
    assert_eq!(bob.form("/sign-in/link", &[("seen", "true"), ("link", secret)]).status, 303, "the link was not used up");
}

#[test]
fn an_insecure_origin_is_another_site_where_customers_come_over_https() {
    let server = Server::start(&Start { more: vec!["--https".into(), "--trusted-proxy".into(), "127.0.0.1".into()], ..Start::default() });
    let host = server.url.trim_start_matches("http://");
    for (scheme, status) in [("https", 401), ("http", 403)] {
        let lines =
            [format!("Host: {host}"), format!("Origin: {scheme}://{host}"), "Content-Type: application/x-www-form-urlencoded".to_owned()];
        let answer = raw(&server, "POST", "/sign-in", &lines, &encoded(&[("customer", "bob"), ("password", "not this one")]));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{scheme}: {answer}");
    }
}

#[test]
fn a_planted_session_is_never_taken_over() {
    let platform = house(&[]);
    let planted = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut victim = Jar::new(&platform.server);
    victim.cookies.insert("usance_session".into(), planted.into());
    let mut victim = victim.enter("alice");
    assert_ne!(victim.cookies["usance_session"], planted);
    let mut attacker = Jar::new(&platform.server);
    attacker.cookies.insert("usance_session".into(), planted.into());
    assert!(!attacker.is_in() && victim.is_in());
    // A real session of the attacker's, planted: signing in over it ends it and opens another one.
    let attackers = Jar::new(&platform.server).enter("bob");
    let mut victim = attackers.clone();
    let answer = victim.send("/sign-in", &[("customer", "alice"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 303);
    assert_ne!(victim.cookies["usance_session"], attackers.cookies["usance_session"]);
    let mut attackers = attackers;
    assert!(!attackers.is_in(), "what was planted has ended");
    assert!(victim.get("/settings").text().contains("alice"));
}

#[test]
fn two_sessions_at_once_are_nobodys() {
    let platform = house(&[]);
    let (mut alice, bob) = (Jar::new(&platform.server).enter("alice"), Jar::new(&platform.server).enter("bob"));
    let (own, other) = (alice.cookies["usance_session"].clone(), bob.cookies["usance_session"].clone());
    let (token, host) = (alice.form_token(), platform.server.url.trim_start_matches("http://"));
    for lines in [
        vec![format!("Cookie: usance_session={own}; usance_session={other}")],
        vec![format!("Cookie: usance_session={own}"), format!("Cookie: usance_look=1; usance_session={own}")],
        vec![format!("Cookie: usance_session={own}; usance_device=1; usance_device=2")],
    ] {
        for (method, path) in [("GET", "/assets"), ("POST", "/sign-out"), ("GET", "/nowhere")] {
            let mut all =
                vec![format!("Host: {host}"), "Content-Type: application/x-www-form-urlencoded".into(), "Accept: text/html".into()];
            all.extend(lines.iter().cloned());
            let answer = raw(&platform.server, method, path, &all, &encoded(&[("form_token", &token)]));
            assert!(answer.starts_with("HTTP/1.1 400"), "{method} {path} {lines:?}: {answer}");
            let lower = answer.to_lowercase();
            assert!(lower.contains("content-type: text/html") && !lower.contains("set-cookie"), "{answer}");
        }
    }
    assert!(alice.is_in() && bob.clone().is_in(), "nobody was signed out");
    let twice = [
        format!("Host: {host}"),
        "Sec-Fetch-Site: cross-site".into(),
        "Sec-Fetch-Site: same-origin".into(),
        format!("Cookie: usance_session={own}"),
    ];
    assert!(raw(&platform.server, "POST", "/sign-out", &twice, &encoded(&[("form_token", &token)])).starts_with("HTTP/1.1 400"));
    assert!(alice.is_in());
    let (many, path) = ([format!("Host: {host}"), format!("Cookie: usance_zone=UTC; usance_zone=UTC; usance_session={own}")], "/assets");
    assert!(raw(&platform.server, "GET", path, &many, "").starts_with("HTTP/1.1 200"), "how a page looks may be said twice");
}

#[test]
fn cookies_say_what_they_are_for() {
    for (more, prefix, secure) in [(vec![], "", false), (vec!["--https", "--trusted-proxy", "127.0.0.1"], "__Host-", true)] {
        let platform = house(&more);
        let mut jar = Jar::new(&platform.server);
        let entered = jar.try_password("alice", PASSWORD);
        let said = cookies(&entered);
        assert_eq!(said.len(), 2, "{said:?}");
        let session = said.iter().find(|line| line.starts_with(&format!("{prefix}usance_session="))).expect("a session");
        let device = said.iter().find(|line| line.starts_with(&format!("{prefix}usance_device="))).expect("a mark of the device");
        for line in &said {
            assert!(line.contains("; HttpOnly") && line.contains("; Path=/") && !line.contains("Domain"), "{line}");
            assert_eq!(line.contains("; Secure"), secure, "{line}");
        }
        assert!(session.contains("; SameSite=Lax") && !session.contains("Max-Age"), "{session}");
        assert!(device.contains("; SameSite=Strict") && device.contains("; Max-Age=31536000"), "{device}");
        let look = jar.send("/look", &[("theme", "dark"), ("next", "/settings")]);
        assert_eq!(cookies(&look)[0].contains("; Secure"), secure);
        let out = jar.send("/sign-out", &[]);
        assert!(cookies(&out)[0].starts_with(&format!("{prefix}usance_session=; Path=/; Max-Age=0; HttpOnly")), "{:?}", cookies(&out));
        assert!(entered.header("strict-transport-security").is_some() == secure);
    }
}

#[test]
fn signing_out_ends_the_session_everywhere_it_was_copied() {
    let platform = house(&[]);
    let mut jar = Jar::new(&platform.server).enter("alice");
    let mut copy = jar.clone();
    assert!(copy.is_in());
    let token = jar.form_token();
    assert_eq!(jar.send("/sign-out", &[]).header("location"), Some("/sign-in"));
    assert!(!copy.is_in());
    let sent = copy.form(
        "/transfer",
        &[("form_token", &token), ("asset", "SOL"), ("from", "spot"), ("amount", "1"), ("key", "web-00000000000000000000000000000001")],
    );
    assert!(sent.header("location").is_some_and(|to| to.starts_with("/sign-in")), "{}", sent.status);
    assert_eq!(platform.balance("alice", "SOL", "spot"), "9");
    let mut other = Jar::new(&platform.server).enter("alice");
    assert_eq!(other.get("/settings").text().matches("class=\"device\"").count(), 1, "it is listed no more");
}

#[test]
fn nothing_leads_to_another_site() {
    let platform = house(&[]);
    let mut jar = Jar::new(&platform.server).enter("alice");
    let elsewhere = [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\u{a0}/evil.example",
        " //evil.example",
        "evil.example",
        "/\r\nLocation: //evil.example",
        "@evil.example",
        "/\u{2028}/evil.example",
        "",
    ];
    for next in elsewhere {
        let query = encoded(&[("next", next)]);
        let link = platform.operator.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok();
        let secret = link["code"].as_str().expect("a link");
        let answers = [
            jar.get(&format!("/sign-in?{query}")),
            jar.send("/look", &[("next", next)]),
            Jar::new(&platform.server).form("/sign-in", &[("customer", "alice"), ("password", PASSWORD), ("next", next)]),
            Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", secret), ("next", next)]),
        ];
        for answer in answers {
            assert_eq!((answer.status, answer.header("location")), (303, Some("/assets")), "{next:?}");
        }
        // A page that carries it on carries it as nothing.
        let page = Jar::new(&platform.server).get(&format!("/sign-in?{query}")).text();
        assert_eq!(between(&page, "name=\"next\" value=\"", "\""), "/assets", "{next:?}");
    }
}

#[test]
fn the_name_that_a_request_gives_the_host_is_believed_by_nobody() {
    let platform = house(&[]);
    let session = Jar::new(&platform.server).enter("alice").cookie();
    for page in table().iter().filter(|page| page.method == "GET") {
        let lines =
            ["Host: evil.example", "X-Forwarded-Host: evil.example", "X-Original-URL: /evil.example", "Forwarded: host=evil.example"];
        let mut lines: Vec<String> = lines.map(str::to_owned).to_vec();
        lines.push(format!("Cookie: {session}"));
        let answer = raw(&platform.server, "GET", &pages::path(page), &lines, "");
        assert!(!answer.contains("evil.example"), "{}: {answer}", page.operation);
    }
    // Nor by the form guard: the origin is another site, whatever stands beside it.
    let lines = [
        "Host: bank.example",
        "X-Forwarded-Host: evil.example",
        "Origin: https://evil.example",
        "Content-Type: application/x-www-form-urlencoded",
    ];
    let answer =
        raw(&platform.server, "POST", "/sign-in", &lines.map(str::to_owned), &encoded(&[("customer", "alice"), ("password", PASSWORD)]));
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn a_link_signs_in_once_by_post_and_in_time() {
    let platform = house(&[]);
    let link = || {
        let link = platform.operator.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok();
        link["path"].as_str().expect("a path").to_owned()
    };
    let path = link();
    let (_, secret) = path.split_once("#").expect("a link");
    for method in ["GET", "HEAD"] {
        let looked = platform.server.public().send(method, &path, &[], None);
        assert_eq!((looked.status, looked.header("set-cookie")), (200, None), "{method} opens nothing and uses up nothing");
    }
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", secret)]).status))
            .collect();
        tries.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 7, "{statuses:?}");
    // One that has waited too long.
    let path = link();
    let people = rusqlite::Connection::open(platform.server.data.join("people.sqlite")).expect("the people");
    let aged = people.execute("UPDATE sign_in_link SET expires_at_ms = expires_at_ms - 10 * 60 * 1000", []).expect("older now");
    assert_eq!(aged, 1);
    let (_, secret) = path.split_once("#").expect("a link");
    assert_eq!(Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", secret)]).status, 401);
}

#[test]
fn a_session_ends_unused_after_twelve_hours_and_after_thirty_days_at_most() {
    const HOUR: i64 = 60 * 60 * 1000;
    let platform = house(&[]);
    let people = rusqlite::Connection::open(platform.server.data.join("people.sqlite")).expect("the people");
    // When it was opened, last used, and will have ended.
    let row = || -> [i64; 3] {
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<[i64; 3]> { Ok([row.get(0)?, row.get(1)?, row.get(2)?]) };
        people.query_row("SELECT created_at_ms, seen_at_ms, expires_at_ms FROM session", [], read).expect("one session")
    };
    // As if it were so much older, and had been used so much longer ago.
    let age = |older_ms: i64, unused_ms: i64| {
        let sql = "UPDATE session SET created_at_ms = created_at_ms - ?1, seen_at_ms = seen_at_ms - ?2, expires_at_ms = expires_at_ms - ?2";
        assert_eq!(people.execute(sql, [older_ms, unused_ms]).expect("older now"), 1);
    };
    let polled = |jar: &mut Jar| jar.get_with("/assets", &[("hx-request-type", "partial")]).status;

    let mut jar = Jar::new(&platform.server).enter("alice");
    let [opened, seen, until] = row();
    assert_eq!((seen - opened, until - seen), (0, 12 * HOUR));
    age(11 * HOUR, 11 * HOUR);
    let aged = row();
    assert_eq!((polled(&mut jar), row()), (200, aged), "a page that lies open and asks for news keeps no session open");
    assert!(jar.is_in());
    let used = row();
    assert!(used[0] == aged[0] && used[1] >= aged[1] + 11 * HOUR && used[2] == used[1] + 12 * HOUR, "who does something does: {used:?}");
    age(11 * HOUR, 11 * HOUR);
    assert_eq!(polled(&mut jar), 200);
    age(HOUR, HOUR);
    assert!(!jar.is_in(), "twelve hours in which only a page asked");

    // Used all the time, an hour before thirty days are over.
    let mut jar = Jar::new(&platform.server).enter("alice");
    age(30 * 24 * HOUR - HOUR, 11 * HOUR);
    assert!(jar.is_in());
    let [opened, _, until] = row();
    assert_eq!(until - opened, 30 * 24 * HOUR);
    age(HOUR, HOUR);
    assert!(!jar.is_in(), "thirty days");
}

#[test]
fn a_customer_has_fifty_sessions_and_the_oldest_end() {
    let platform = house(&[]);
    let mut jars: Vec<Jar> = Vec::new();
    for _ in 0..52 {
        let link = platform.operator.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok();
        let secret = link["code"].as_str().expect("a link");
        let mut jar = Jar::new(&platform.server);
        assert_eq!(jar.form("/sign-in/link", &[("seen", "true"), ("link", secret)]).status, 303);
        jars.push(jar);
    }
    let are_in: Vec<bool> = jars.iter_mut().map(Jar::is_in).collect();
    assert_eq!(are_in, [vec![false; 2], vec![true; 50]].concat(), "in the order of signing in");
    let listed = jars[51].get("/settings").text().matches("action=\"/sessions/").count();
    assert!(listed >= 49, "all of them can be seen, and ended: {listed}");
}

#[test]
fn nobody_frames_or_keeps_any_answer() {
    let platform = house(&[]);
    let session = Jar::new(&platform.server).enter("alice").cookie();
    let public = platform.server.public();
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for route in usance_server::contract::routes::table() {
        let path = route.path.replace("{id}", "1").replace("{version}", "v1").replace("{asset}", "SOL");
        answers.push((format!("{} {path}", route.method), public.send(route.method.as_str(), &path, &[], None)));
    }
    for page in table() {
        let path = pages::path(&page);
        for site in ["same-origin", "cross-site"] {
            let headers = [("cookie", session.as_str()), ("sec-fetch-site", site)];
            let body = (page.method == "POST").then_some(&b""[..]);
            answers.push((format!("{} {path} {site}", page.method), public.send(page.method.as_str(), &path, &headers, body)));
        }
    }
    for (method, path) in
        [("GET", "/nowhere"), ("PUT", "/assets"), ("GET", "/v1/nowhere"), ("DELETE", "/v1/clock"), ("GET", "/products/%FF")]
    {
        answers.push((format!("{method} {path}"), public.send(method, path, &[("accept", "text/html")], None)));
    }
    for (what, answer) in answers {
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{what} has no policy"));
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
        let kept = answer.header("cache-control");
        let is_file = what.contains("/static/") || what.contains("favicon");
        assert!(kept == Some("no-store") || is_file, "{what}: {kept:?}");
    }
}
