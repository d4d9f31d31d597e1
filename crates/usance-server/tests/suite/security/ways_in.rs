//! Tokens that may little, and end; what a new password ends; and who did what, for whoever may know it.

use super::{BEHIND_US, Jar, PASSWORD, between, house, set_password};
use crate::suite::harness::{Client, OPERATOR, Server, Start, factor_code, seconds_now};
use crate::suite::platform::Platform;
use serde_json::{Value, json};

fn token(platform: &Platform, body: &Value) -> Client {
    let made = platform.operator.post("/v1/operator/tokens", body.clone()).ok();
    Client::new(&platform.server.url, made["token"].as_str(), None)
}

#[test]
fn a_services_token_may_what_its_scopes_say() {
    let platform = house(&[]);
    let deposit =
        || json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": crate::suite::harness::fresh_key()});
    let transfer = json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.1"});
    let rows: [(&str, [u16; 5]); 4] = [
        // Deposit, password, transfer, accounts, a new customer.
        ("wallet", [201, 403, 403, 403, 403]),
        ("identity", [403, 200, 403, 403, 201]),
        ("acting", [403, 403, 201, 200, 403]),
        ("reading", [403, 403, 403, 200, 403]),
    ];
    for (scope, expected) in rows {
        let client = token(&platform, &json!({"name": scope, "role": "service", "scopes": [scope]}));
        let alice = client.naming("alice");
        let statuses = [
            client.post("/v1/operator/deposits", deposit()).status,
            client.post("/v1/operator/customers/alice/password", json!({"password": PASSWORD})).status,
            alice.post("/v1/transfers", transfer.clone()).status,
            alice.get("/v1/accounts").status,
            client.post("/v1/operator/customers", json!({"id": format!("by-{scope}")})).status,
        ];
        assert_eq!(statuses, expected, "{scope}");
    }
    // A customer's token reads, and acts only if it says so; without scopes it may all that its role may, as it always did.
    let reads = token(&platform, &json!({"name": "app", "role": "customer", "customer": "alice", "scopes": ["reading"]}));
    assert_eq!((reads.get("/v1/accounts").status, reads.post("/v1/transfers", transfer.clone()).status), (200, 403));
    let acts = token(&platform, &json!({"name": "app", "role": "customer", "customer": "alice"}));
    assert_eq!((acts.get("/v1/accounts").status, acts.post("/v1/transfers", transfer).status), (200, 201));
}

#[test]
fn a_token_ends_on_its_day_and_is_told_apart_from_one_that_does_not() {
    let platform = house(&[]);
    let made = platform.operator.post("/v1/operator/tokens", json!({"name": "month", "role": "auditor", "days": 30.0})).ok();
    let client = Client::new(&platform.server.url, made["token"].as_str(), None);
    assert!(made["expires_at"].is_string() && made["replace"] == json!(false), "{made}");
    assert_eq!(client.get("/v1/operator/books").status, 200);
    let people = rusqlite::Connection::open(platform.server.data.join("people.sqlite")).expect("the people");
    people.execute("UPDATE token SET expires_at_ms = created_at_ms - 1 WHERE name = 'month'", []).expect("older now");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while client.get("/v1/operator/books").status != 401 {
        assert!(std::time::Instant::now() < until, "it is seen within a second");
    }
}

#[test]
fn the_operators_token_of_the_environment_is_listed_revoked_and_never_a_weak_one() {
    let mut platform = house(&[]);
    let data = platform.server.data.clone();
    let id = platform.operator.get("/v1/operator/tokens").ok()["items"][0]["id"].as_str().expect("an id").to_owned();
    let second = token(&platform, &json!({"name": "second", "role": "operator"}));
    second.send("DELETE", &format!("/v1/operator/tokens/{id}"), &[("idempotency-key", "k")], None).ok();
    platform.operator.get("/v1/operator/books").refused(401, "unauthorized");
    platform.restart(|server| assert!(server.terminate()));
    assert_eq!(platform.server.operator().get("/v1/operator/books").status, 401, "a restart with the same one changes nothing");
    platform.server.log_line("was revoked: it opens nothing");
    assert!(platform.server.terminate());
    for weak in ["a", "choose-one", "test-operator-token", &"a".repeat(40), &"change-me".repeat(5)] {
        let mut command = crate::suite::harness::binary();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let output = command.env("USANCE_OPERATOR_TOKEN", weak).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(1) && said.contains("openssl rand -hex 32") && (weak.len() < 3 || !said.contains(weak)),
            "{weak}: {said}"
        );
    }
}

#[test]
fn bearers_of_tokens_that_are_none_are_counted_by_address_and_said_in_the_log() {
    let platform = house(&BEHIND_US);
    let url = platform.server.url.clone();
    let guess = |number: usize, address: &str| {
        let client = Client::new(&url, Some(&format!("usance_{number:064x}")), None);
        client.send("GET", "/v1/operator/books", &[("x-forwarded-for", address)], None).status
    };
    let statuses: Vec<u16> = (0..80).map(|number| guess(number, "203.0.113.7")).collect();
    assert!(statuses[..60].iter().all(|status| *status == 401) && statuses[70..].iter().all(|status| *status == 429), "{statuses:?}");
    assert_eq!(guess(99, "203.0.113.8"), 401, "another address is not held up");
    let known = Client::new(&url, Some(OPERATOR), None);
    let there = |address: &str| known.send("GET", "/v1/operator/books", &[("x-forwarded-for", address)], None).status;
    assert_eq!(there("203.0.113.7"), 200, "a token that is right is not, either");
    let line = platform.server.log_line("a bearer token that is none was sent");
    assert!(line.contains("203.0.113.7"), "{line}");
    platform.server.log_line("203.0.113.8");
    assert_eq!(platform.server.printed().matches("a bearer token that is none was sent").count(), 2, "once a minute and address");
    let metrics = platform.server.public().get("/metrics").text();
    assert!(metrics.contains("usance_bearers_refused_total{outcome=\"unknown\"}"), "{metrics}");
}

#[test]
fn a_new_password_ends_links_and_sessions_and_tokens_where_that_is_asked() {
    let platform = house(&[]);
    let own = token(&platform, &json!({"name": "app", "role": "customer", "customer": "alice"}));
    let link = || {
        platform.operator.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok()["code"].as_str().expect("a code").to_owned()
    };
    let mut phone = Jar::new(&platform.server).enter("alice");
    let before = link();
    set_password(&platform.operator, "alice", "another password");
    assert!(!phone.is_in(), "sessions end");
    assert_eq!(Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", &before)]).status, 401, "links end");
    assert_eq!(own.get("/v1/accounts").status, 200, "programs go on, unless they are not to");
    let body = json!({"password": "yet another password", "revoke_tokens": true});
    platform.operator.post("/v1/operator/customers/alice/password", body).ok();
    assert_eq!(own.get("/v1/accounts").status, 401);
    // A factor that is taken away ends as much.
    let (before, other) = (link(), token(&platform, &json!({"name": "app", "role": "customer", "customer": "alice"})));
    let path = "/v1/operator/customers/alice/second-factor?revoke_tokens=true";
    platform.operator.send("DELETE", path, &[("idempotency-key", "gone")], None).ok();
    assert_eq!(Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", &before)]).status, 401);
    assert_eq!(other.get("/v1/accounts").status, 401);
}

#[test]
fn a_customer_changes_the_own_ways_in_and_proves_to_be_the_customer_first() {
    let platform = house(&[]);
    let (mut phone, mut tablet) = (Jar::new(&platform.server).enter("alice"), Jar::new(&platform.server).enter("alice"));
    // A thief of a session sets no password, no second factor, and makes no token.
    let secret = between(&phone.get("/settings/second-factor").text(), "name=\"secret\" value=\"", "\"");
    let code = || factor_code(&secret, seconds_now());
    assert_eq!(phone.send("/settings/password", &[("current", "a guess of it"), ("password", "the thief's own")]).status, 401);
    assert_eq!(phone.send("/settings/second-factor", &[("secret", &secret), ("code", &code()), ("password", "a guess")]).status, 401);
    assert_eq!(phone.send("/settings/tokens", &[("name", "mine"), ("days", "30"), ("acts", "true"), ("password", "a guess")]).status, 401);
    assert!(tablet.is_in(), "nothing has ended");
    // The customer does.
    assert_eq!(phone.send("/settings/password", &[("current", PASSWORD), ("password", "short")]).status, 400);
    assert_eq!(phone.send("/settings/password", &[("current", PASSWORD), ("password", "my own new one")]).status, 303);
    assert!(phone.is_in() && !tablet.is_in(), "other sessions end");
    let page = phone.send("/settings/tokens", &[("name", "mine"), ("days", "30"), ("password", "my own new one")]);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = between(&page.text(), "<code class=\"hash\">usance_", "<");
    assert!(!phone.get("/settings").text().contains(&text), "it is shown once");
    let mine = Client::new(&platform.server.url, Some(&format!("usance_{text}")), None);
    assert_eq!(mine.get("/v1/accounts").status, 200);
    mine.post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "1"})).refused(403, "forbidden");
    let revoke = between(&phone.get("/settings").text(), "action=\"/settings/tokens/", "\"");
    let mut bob = Jar::new(&platform.server).enter("bob");
    bob.send(&format!("/settings/tokens/{revoke}"), &[]);
    assert_eq!(mine.get("/v1/accounts").status, 200, "nobody else revokes it");
    assert_eq!(phone.send(&format!("/settings/tokens/{revoke}"), &[]).status, 303);
    assert_eq!(mine.get("/v1/accounts").status, 401);
    // With a second factor its code is asked, and the password alone replaces nothing.
    let set = phone.send("/settings/second-factor", &[("secret", &secret), ("code", &code()), ("password", "my own new one")]);
    assert_eq!(set.status, 303, "{}", set.text());
    let other = between(&phone.get("/settings/second-factor").text(), "name=\"secret\" value=\"", "\"");
    let first = factor_code(&other, seconds_now());
    let by_password = [("secret", other.as_str()), ("code", &first), ("password", "my own new one")];
    assert_eq!(phone.send("/settings/second-factor", &by_password).status, 401);
    let present = factor_code(&secret, seconds_now() + 30);
    assert_eq!(phone.send("/settings/second-factor", &[("secret", &other), ("code", &first), ("present_code", &present)]).status, 303);
}

#[test]
fn whoever_did_something_is_named_to_auditors_and_to_the_customer() {
    let platform = house(&BEHIND_US);
    let auditor = platform.with_token("auditor", "books", None);
    let backend = platform.with_token("service", "backend", None);
    let mut phone = Jar::at(&platform.server, "198.51.100.7").enter("alice");
    let sheet = [("asset", "SOL"), ("from", "spot"), ("amount", "1"), ("key", "web-00000000000000000000000000000001")];
    assert_eq!(phone.send("/transfer", &sheet).status, 303);
    backend.naming("alice").post("/v1/transfers", json!({"asset": "SOL", "from": "spot", "to": "funding", "amount": "2"})).ok();
    backend.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok();
    set_password(&platform.operator, "alice", "another password");
    let journal = auditor.get("/v1/operator/journal?customer=alice&limit=500").ok();
    let actors: Vec<&Value> = journal["items"].as_array().expect("items").iter().map(|entry| &entry["actor"]).collect();
    let backends = json!({"role": "service", "credential": "token", "credential_id": "3", "address": "loopback"});
    assert!(actors.contains(&&backends), "{journal}");
    assert_eq!(auditor.get("/v1/operator/journal?limit=500").ok()["items"][0]["actor"], backends);
    // Records that move no coin say it as well, and customers read who acted for them.
    platform.operator.post("/v1/operator/products/sol-7/status", json!({"status": "paused"})).ok();
    let newest = auditor.get("/v1/operator/records?limit=1").ok()["items"][0].clone();
    assert_eq!((&newest["events"], &newest["actor"]["role"]), (&json!(["product_status_set"]), &json!("operator")), "{newest}");
    let transfers = platform.acting_for("alice").get("/v1/transfers").ok();
    let acted: Vec<&Value> = transfers["items"].as_array().expect("items").iter().map(|line| &line["actor"]).collect();
    assert_eq!((acted[0], &acted[1]["credential"], &acted[1]["address"]), (&backends, &json!("session"), &json!("public")), "{transfers}");
    // The ways in: all of them for the auditor, alice's for alice, and bob sees nothing of hers.
    let all = auditor.all("/v1/operator/security-events", 500);
    let kinds: Vec<&str> = all.iter().filter(|event| event["customer"] == "alice").filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["sessions_ended", "links_ended", "password_set", "link_made", "signed_in", "password_set"]);
    let signed_in = all.iter().find(|event| event["kind"] == "signed_in").expect("it is told");
    assert_eq!(signed_in["actor"], json!({"role": "customer", "credential": "sign_in", "credential_id": null, "address": "public"}));
    let (alice, bob) = (platform.acting_for("alice"), platform.acting_for("bob"));
    let own: Vec<Value> = all.iter().filter(|event| event["customer"] == "alice").cloned().collect();
    assert_eq!(alice.all("/v1/security-events", 500), own);
    assert!(bob.all("/v1/security-events", 500).iter().all(|event| event["customer"] == "bob"));
    platform.with_token("customer", "bobs", Some("bob")).get("/v1/operator/security-events").refused(403, "forbidden");
    // She reads it in her language, too.
    let page = {
        let mut again = Jar::new(&platform.server);
        again.form("/sign-in", &[("customer", "alice"), ("password", "another password")]);
        again.get("/settings").text()
    };
    let told = {
        let mut again = Jar::new(&platform.server);
        again.form("/sign-in", &[("customer", "alice"), ("password", "another password")]);
        again.get("/notices").text()
    };
    assert!(told.contains("Changes to how you sign in") && told.contains("Password changed") && !told.contains("Signed in"), "{told}");
    assert!(page.contains("Password changed") && page.contains("Your exchange made a sign-in link"), "{page}");
    for secret in [PASSWORD, "another password", OPERATOR, "198.51.100.7"] {
        assert!(!json!(all).to_string().contains(secret), "{secret}");
    }
    let verified = crate::suite::harness::usance(&["verify", "--json", "--data", platform.server.data.to_str().expect("UTF-8")]);
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && text.contains("security events follow one another"), "{text}");
}

#[test]
fn an_event_that_was_changed_or_taken_away_is_found() {
    let mut platform = house(&[]);
    platform.operator.post("/v1/operator/customers/bob/sign-in-links", json!({})).ok();
    assert!(platform.server.terminate());
    let data = platform.server.data.to_str().expect("UTF-8").to_owned();
    for edit in ["UPDATE security_event SET customer = 'bob' WHERE id = 2", "DELETE FROM security_event WHERE id = 1"] {
        let people = rusqlite::Connection::open(platform.server.data.join("people.sqlite")).expect("the people");
        people.execute_batch(&format!("CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM security_event; {edit}")).expect("edited");
        drop(people);
        let verified = crate::suite::harness::usance(&["verify", "--json", "--data", &data]);
        let text = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(verified.status.code() == Some(1) && text.contains("it does not follow the one before it"), "{edit}: {text}");
        let people = rusqlite::Connection::open(platform.server.data.join("people.sqlite")).expect("the people");
        people
            .execute_batch("DELETE FROM security_event; INSERT INTO security_event SELECT * FROM kept; DROP TABLE kept")
            .expect("put back");
    }
    drop(Server::start_in(&platform.server.data, &Start::default()).expect("it starts"));
}

/// Where the environment does not have it, it opens nothing; and where it is back, it does again.
#[test]
fn the_environments_token_opens_only_where_the_environment_has_it() {
    let mut platform = house(&[]);
    let data = platform.server.data.clone();
    assert!(platform.server.terminate());
    let start = |token: Option<&str>| {
        let mut command = crate::suite::harness::binary();
        command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .args(["--secrets"])
            .arg(data.with_file_name("secrets"));
        Server::run_with(&mut command, &data, token).expect("it starts")
    };
    let books = |server: &Server| Client::new(&server.url, Some(OPERATOR), None).get("/v1/operator/books").status;
    let mut without = start(None);
    assert_eq!(books(&without), 401);
    assert!(without.terminate());
    let mut other = start(Some("another_token_5d1f0c8b7a9e4236b0d1f2a3c4"));
    assert_eq!(books(&other), 401);
    assert!(other.terminate());
    assert_eq!(books(&start(Some(OPERATOR))), 200);
}

/// Somebody's session goes on hashing a new password while the exchange sets one: the exchange's is in force.
#[test]
fn a_reset_is_not_undone_by_a_session_that_it_ended() {
    let platform = house(&[]);
    for turn in 0..6 {
        let before = format!("the password of turn {turn}");
        set_password(&platform.operator, "alice", &before);
        let mut thief = Jar::new(&platform.server);
        assert_eq!(thief.try_password("alice", &before).status, 303);
        let form_token = thief.form_token();
        let reset = format!("reset in turn {turn}");
        let form = [("form_token", form_token.as_str()), ("current", before.as_str()), ("password", "the thief's own")];
        std::thread::scope(|scope| {
            let thiefs = scope.spawn(|| thief.clone().form("/settings/password", &form).status);
            set_password(&platform.operator, "alice", &reset);
            thiefs.join().expect("an answer");
        });
        assert_eq!(Jar::new(&platform.server).try_password("alice", &reset).status, 303, "turn {turn}");
        assert_eq!(Jar::new(&platform.server).try_password("alice", "the thief's own").status, 401, "turn {turn}");
    }
}

#[test]
fn tries_at_the_codes_of_links_are_counted() {
    let platform = house(&BEHIND_US);
    let mut stranger = Jar::at(&platform.server, "203.0.113.7");
    let statuses: Vec<u16> = (0..80).map(|_| stranger.form("/sign-in/link", &[("seen", "true"), ("link", "AAAAA-BBBBB")]).status).collect();
    assert!(statuses[..60].iter().all(|status| *status == 401) && statuses[70..].iter().all(|status| *status == 429), "{statuses:?}");
}
