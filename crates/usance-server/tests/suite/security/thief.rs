//! Whoever has a copy of everything that is stored, and not the secrets file, comes in nowhere; and keys can be changed.

use super::{Jar, PASSWORD, between, house};
use crate::suite::harness::{Client, OPERATOR, Server, Start, factor_code, seconds_now, usance};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What lets somebody in.
struct Let {
    /// Texts of tokens, by name.
    tokens: BTreeMap<String, String>,
    /// The code of a link that nobody has used.
    link: String,
    /// Alice's second factor, as it was shown.
    factor: String,
    /// Alice's session.
    session: String,
    /// What a repeated request has to be told again.
    token_told: Vec<u8>,
    link_told: Vec<u8>,
}

const MADE: &str = "token-made";
const LINKED: &str = "link-made";

fn make_token(operator: &Client) -> crate::suite::harness::Answer {
    operator.write("POST", "/v1/operator/tokens", MADE, &json!({"name": "second", "role": "operator"}))
}

fn make_link(operator: &Client) -> crate::suite::harness::Answer {
    operator.write("POST", "/v1/operator/customers/bob/sign-in-links", LINKED, &json!({}))
}

/// One of everything that lets somebody in.
fn let_in(platform: &Platform) -> Let {
    let mut tokens = BTreeMap::from([("bootstrap".to_owned(), OPERATOR.to_owned())]);
    for (name, role, customer) in [("backend", "service", None), ("alice", "customer", Some("alice"))] {
        let made = platform.operator.post("/v1/operator/tokens", json!({"name": name, "role": role, "customer": customer})).ok();
        tokens.insert(name.to_owned(), made["token"].as_str().expect("a token").to_owned());
    }
    let made = make_token(&platform.operator);
    tokens.insert("second".to_owned(), made.json()["token"].as_str().expect("a token").to_owned());
    let linked = make_link(&platform.operator);
    let mut alice = Jar::new(&platform.server).enter("alice");
    let factor = between(&alice.get("/settings/second-factor").text(), "name=\"secret\" value=\"", "\"");
    let code = factor_code(&factor, seconds_now());
    let set = alice.send("/settings/second-factor", &[("secret", &factor), ("code", &code), ("password", PASSWORD)]);
    assert_eq!(set.status, 303, "{}", set.text());
    Let {
        tokens,
        link: linked.json()["code"].as_str().expect("a code").to_owned(),
        factor,
        session: alice.cookies["usance_session"].clone(),
        token_told: made.bytes,
        link_told: linked.bytes,
    }
}

/// Every byte below a directory.
fn bytes_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(bytes_below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    found
}

fn path_of(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn printed(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn told(words: &[&str]) -> Value {
    let output = usance(words);
    assert!(output.status.success(), "{words:?}: {}", printed(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The secret that release 0.1.0 would have made of 32 stored bytes and a use of a key.
fn derived(server: &[u8; 32], purpose: &str, use_of_key: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(server);
    hasher.update(purpose.as_bytes()).update(use_of_key);
    format!("usance_{}", hasher.finalize().to_hex())
}

#[test]
fn a_copy_of_everything_that_is_stored_opens_nothing() {
    let mut platform = house(&[]);
    let inside = let_in(&platform);
    let data = platform.server.data.clone();
    let backup = data.with_file_name("backup");
    told(&["backup", "--json", "--data", path_of(&data), "--to", path_of(&backup)]);
    assert!(platform.server.terminate());
    // What was stored holds none of it, in no form.
    let letters: String = inside.factor.chars().filter(|letter| !letter.is_whitespace()).collect();
    let factor = totp_rs::Secret::try_from_base32(&letters).expect("base 32");
    let mut wanted: Vec<(&str, Vec<u8>)> = vec![("a factor", factor.as_ref().to_vec()), ("a factor's text", letters.into_bytes())];
    for (name, text) in &inside.tokens {
        wanted.push((name, text.clone().into_bytes()));
    }
    wanted.push(("a link", inside.link.clone().into_bytes()));
    wanted.push(("a session", inside.session.clone().into_bytes()));
    let stored = [bytes_below(&data), bytes_below(&backup)].concat();
    assert!(stored.len() > 6, "log, people, tables and a snapshot, twice or nearly");
    for (path, bytes) in &stored {
        for (name, secret) in &wanted {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name} lies in {}", path.display());
        }
    }
    // Nor does anything that it could be made of, as release 0.1.0 made it.
    let people = rusqlite::Connection::open(backup.join("people.sqlite")).expect("the people");
    assert_eq!(people.query_row("SELECT count(*) FROM secret", [], |row| row.get::<_, i64>(0)), Ok(0));
    let uses: Vec<Vec<u8>> = people
        .prepare("SELECT key FROM remembered")
        .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
        .expect("answers");
    assert!(uses.len() > 4);
    let keys = keys_in(&std::fs::read(backup.join("people.sqlite")).expect("the people"));
    for (key, purpose) in keys.iter().flat_map(|key| [(key, "token"), (key, "sign-in")]) {
        for made in uses.iter().map(|used| derived(key, purpose, used)) {
            assert!(!inside.tokens.values().any(|token| *token == made) && made != inside.link, "{purpose} of a stored key");
        }
    }
    // And on the copy itself nobody starts without the file.
    let elsewhere = tempfile::tempdir().expect("a directory");
    std::fs::rename(&backup, elsewhere.path().join("data")).expect("moved");
    let refused = Server::start_in(&elsewhere.path().join("data"), &Start::default()).err().expect("it is refused");
    assert!(refused.contains("is not there, and this store was sealed with key"), "{refused}");
}

/// Everything in a file that may be a key: 32 bytes that look random, wherever they begin.
fn keys_in(bytes: &[u8]) -> Vec<[u8; 32]> {
    let is_random = |window: &[u8]| window.iter().collect::<std::collections::BTreeSet<_>>().len() > 24;
    bytes.windows(32).filter(|window| is_random(window)).filter_map(|window| window.try_into().ok()).collect()
}

#[test]
fn keys_are_changed_while_it_runs_and_what_has_to_be_repeated_is() {
    let platform = house(&[]);
    let inside = let_in(&platform);
    let data = platform.server.data.clone();
    let secrets = data.with_file_name("secrets");
    let words =
        |verb: &'static str| ["secrets", verb, "--json", "--data", path_of(&data), "--secrets", path_of(&secrets)].map(str::to_owned);
    let run = |verb: &'static str, more: &[&str]| {
        let words = words(verb);
        told(&[words.each_ref().map(String::as_str).as_slice(), more].concat())
    };
    let before = run("status", &[]);
    assert_eq!((&before["opens"], &before["age_days"], &before["second_factors"]), (&json!(true), &json!(0), &json!(1)), "{before}");
    let rotated = run("rotate", &[]);
    assert_eq!((&rotated["second_factors_to_set_anew"], &rotated["answers_forgotten"]), (&json!([]), &json!(0)), "{rotated}");
    let after = run("status", &[]);
    assert!(after["key"] != before["key"] && after["opens"] == json!(true), "{after}");
    assert_eq!(after["sealed_with_it"].as_u64(), rotated["sealed"].as_u64(), "everything is sealed with the new key");
    // The engine follows: what is repeated has the same bytes, and a code is checked.
    assert_eq!(make_token(&platform.operator).bytes, inside.token_told);
    assert_eq!(make_link(&platform.operator).bytes, inside.link_told);
    let mut alice = Jar::new(&platform.server);
    let ticket = between(&alice.try_password("alice", PASSWORD).text(), "name=\"ticket\" value=\"", "\"");
    let code = factor_code(&inside.factor, seconds_now() + 30);
    let entered = alice.form("/sign-in/code", &[("ticket", &ticket), ("code", &code)]);
    assert_eq!(entered.status, 303, "{}", entered.text());
    let everything = platform.operator.get("/v1/operator/security-events?limit=500").ok();
    assert!(everything["items"].as_array().expect("items").iter().any(|event| event["kind"] == "secrets_rotated"), "{everything}");
    // Somebody else had the file and a copy of the store: what could be read with both is named.
    let leaked = run("rotate", &["--leaked"]);
    assert_eq!(leaked["second_factors_to_set_anew"], json!(["alice"]), "{leaked}");
    assert_eq!(leaked["tokens_to_replace"], json!(3), "{leaked}");
    make_token(&platform.operator).refused(410, "secret_forgotten");
    make_link(&platform.operator).refused(410, "secret_forgotten");
    assert_eq!(Jar::new(&platform.server).form("/sign-in/link", &[("seen", "true"), ("link", &inside.link)]).status, 401);
    let listed = platform.operator.get("/v1/operator/tokens").ok();
    let exposed = to_be_replaced(&listed);
    assert_eq!(exposed, ["second", "alice", "backend"], "{listed}");
}

#[test]
fn a_restore_without_the_secrets_file_keeps_passwords_and_tokens_and_names_lost_factors() {
    let mut platform = house(&[]);
    let inside = let_in(&platform);
    let data = platform.server.data.clone();
    assert!(platform.server.terminate());
    let elsewhere = tempfile::tempdir().expect("a directory");
    let (to, secrets) = (elsewhere.path().join("data"), elsewhere.path().join("secrets"));
    let words =
        ["restore", "--json", "--from", path_of(&data), "--data", path_of(&to), "--secrets", path_of(&secrets), "--accept-unsigned"];
    let restored = told(&words);
    assert_eq!(restored["second_factors_lost"], json!(["alice"]), "{restored}");
    let server = Server::start_in(&to, &Start::default()).expect("it starts");
    for name in ["backend", "second"] {
        let client = Client::new(&server.url, Some(&inside.tokens[name]), Some("alice"));
        assert_eq!(client.get("/v1/accounts").status, 200, "{name} is known by its hash");
    }
    assert!(Jar::new(&server).enter("bob").is_in(), "passwords are kept");
    // Alice's password is right, her factor cannot be checked: she stays out until the exchange takes it away.
    let mut alice = Jar::new(&server);
    let ticket = between(&alice.try_password("alice", PASSWORD).text(), "name=\"ticket\" value=\"", "\"");
    let refused = alice.form("/sign-in/code", &[("ticket", &ticket), ("code", &factor_code(&inside.factor, seconds_now()))]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("Ask your exchange"), "{}", refused.text());
    server.operator().send("DELETE", "/v1/operator/customers/alice/second-factor", &[("idempotency-key", "lost")], None).ok();
    assert!(Jar::new(&server).enter("alice").is_in());
    make_token(&server.operator()).refused(410, "secret_forgotten");
}

#[test]
fn another_platforms_secrets_file_is_refused() {
    let (mut one, other) = (house(&[]), house(&[]));
    assert!(one.server.terminate());
    let data = one.server.data.clone();
    let secrets = data.with_file_name("secrets");
    std::fs::copy(other.server.data.with_file_name("secrets"), &secrets).expect("copied");
    let refused = Server::start_in(&data, &Start::default()).err().expect("it is refused");
    assert!(refused.contains("it is another platform's, or older than the last"), "{refused}");
    let replaced = usance(&["secrets", "replace", "--data", path_of(&data), "--secrets", path_of(&secrets)]);
    assert!(printed(&replaced).contains("nothing is replaced"), "another platform's file is not written over: {}", printed(&replaced));
    std::fs::remove_file(&secrets).expect("removed");
    let lost = Server::start_in(&data, &Start::default()).err().expect("it is refused");
    assert!(lost.contains("usance secrets replace"), "{lost}");
    told(&["secrets", "replace", "--json", "--data", path_of(&data), "--secrets", path_of(&secrets)]);
    let server = Server::start_in(&data, &Start::default()).expect("it starts");
    assert!(Jar::new(&server).enter("alice").is_in(), "she has no second factor");
}

/// What release 0.1.0 derived is named until it is replaced, and what it was derived of is gone.
#[test]
fn tokens_of_the_first_release_are_listed_until_they_are_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released/0.1.0");
    crate::suite::released::copy_directory(&folder.join("data"), &data);
    let server = Server::start_in(&data, &Start::default()).expect("it starts");
    let listed = server.operator().get("/v1/operator/tokens").ok();
    let exposed = to_be_replaced(&listed);
    assert!(exposed.len() >= 3, "{listed}");
    assert!(server.printed().contains("made of what lay in the store"), "{}", server.printed());
    let people = rusqlite::Connection::open(data.join("people.sqlite")).expect("the people");
    assert_eq!(people.query_row("SELECT count(*) FROM secret", [], |row| row.get::<_, i64>(0)), Ok(0));
    assert_eq!(people.query_row("SELECT count(*) FROM sign_in_link", [], |row| row.get::<_, i64>(0)), Ok(0), "links were derived, too");
}

/// Of two who rotate at once one waits for the other: nothing that was sealed is lost.
#[test]
fn two_who_rotate_at_once_lose_nothing() {
    let platform = house(&[]);
    let inside = let_in(&platform);
    let data = platform.server.data.clone();
    let secrets = data.with_file_name("secrets");
    let rotate = || told(&["secrets", "rotate", "--json", "--data", path_of(&data), "--secrets", path_of(&secrets)]);
    for _ in 0..4 {
        std::thread::scope(|scope| {
            for run in [scope.spawn(rotate), scope.spawn(rotate)] {
                assert_eq!(run.join().expect("it ends")["second_factors_to_set_anew"], json!([]));
            }
        });
    }
    let after = told(&["secrets", "status", "--json", "--data", path_of(&data), "--secrets", path_of(&secrets)]);
    assert_eq!((&after["opens"], &after["second_factors"]), (&json!(true), &json!(1)), "{after}");
    let mut alice = Jar::new(&platform.server);
    let ticket = between(&alice.try_password("alice", PASSWORD).text(), "name=\"ticket\" value=\"", "\"");
    let code = factor_code(&inside.factor, seconds_now() + 30);
    assert_eq!(alice.form("/sign-in/code", &[("ticket", &ticket), ("code", &code)]).status, 303);
}

/// A link that leads to the file stays one, and its owner keeps the file.
#[test]
fn a_rotation_changes_the_file_and_not_the_link_to_it() {
    let mut platform = house(&[]);
    assert!(platform.server.terminate());
    let data = platform.server.data.clone();
    let (secrets, link) = (data.with_file_name("secrets"), data.with_file_name("link"));
    std::os::unix::fs::symlink(&secrets, &link).expect("a link");
    let before = std::fs::read(&secrets).expect("the file");
    told(&["secrets", "rotate", "--json", "--data", path_of(&data), "--secrets", path_of(&link)]);
    assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_ne!(std::fs::read(&secrets).expect("the file"), before);
    drop(Server::start_in(&data, &Start::default()).expect("it starts on the file"));
}

/// Somebody adds a token to a copy: without the secrets file it cannot be signed again.
#[test]
fn a_copy_that_somebody_changed_is_taken_knowingly_alone() {
    let mut platform = house(&[]);
    let data = platform.server.data.clone();
    let (copy, secrets) = (data.with_file_name("copy"), data.with_file_name("secrets"));
    let backup = ["backup", "--json", "--data", path_of(&data), "--secrets", path_of(&secrets), "--to", path_of(&copy)];
    assert_eq!(told(&backup)["signed"], json!(true));
    assert!(platform.server.terminate());
    let restore = |to: &str, more: &[&str]| {
        let to = data.with_file_name(to);
        usance(&[&["restore", "--from", path_of(&copy), "--data", path_of(&to), "--secrets", path_of(&secrets)], more].concat())
    };
    for to in ["first", "second"] {
        let output = restore(to, &[]);
        assert!(output.status.success() && printed(&output).contains("signed by this platform"), "{}", printed(&output));
    }
    std::fs::remove_file(copy.join("copied.txt")).expect("no note any more");
    let refused = restore("third", &[]);
    assert!(refused.status.code() == Some(1) && printed(&refused).contains("--accept-unsigned"), "{}", printed(&refused));
    assert!(restore("fourth", &["--accept-unsigned"]).status.success());
}

/// The names of the listed tokens that others may know.
fn to_be_replaced(listed: &Value) -> Vec<&str> {
    let tokens = listed["items"].as_array().expect("items").iter();
    tokens.filter(|token| token["replace"] == json!(true)).filter_map(|token| token["name"].as_str()).collect()
}
