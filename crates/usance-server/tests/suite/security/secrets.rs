//! Known secrets go through a whole story at the loudest log level; each is found again only where it has to be shown.

use super::{Jar, between, encoded};
use crate::suite::harness::{Answer, Client, Ended, OPERATOR, Server, binary, factor_code, fresh_key, seconds_now};
use crate::suite::postgres::Database;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use usance_store::postgres::local::LocalServer;

const RIGHT: &str = "a-right-password-7c1e";
const WRONG: &str = "a-wrong-password-93bd";
const NEXT: &str = "the-next-password-4af0";
const DATABASE: &str = "database-password-b2d6";

/// What was said outside, and what each secret is.
#[derive(Default)]
struct Heard {
    answers: Vec<(String, String)>,
    secrets: Vec<(&'static str, String)>,
}

impl Heard {
    /// Keeps an answer whole: status, headers and body.
    fn keep(&mut self, what: &str, answer: Answer) -> Answer {
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        self.answers.push((what.to_owned(), format!("{}\n{headers}\n{}", answer.status, answer.text())));
        answer
    }
    fn secret(&mut self, name: &'static str, text: &str) {
        assert!(text.len() >= 16, "{name} is too short to be looked for: {text}");
        self.secrets.push((name, text.to_owned()));
    }
    /// The answers that hold a secret.
    fn told(&self, secret: &str) -> Vec<&str> {
        self.answers.iter().filter(|(_, text)| text.contains(secret)).map(|(what, _)| what.as_str()).collect()
    }
}

/// What a session says after the cookie's name.
fn session_of(answer: &Answer) -> String {
    let cookie =
        answer.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with("usance_session=")).expect("a session");
    between(&cookie.1, "usance_session=", ";")
}

/// Everything that carries a secret, done right and done wrong.
fn story(server: &Server) -> Heard {
    let mut heard = Heard::default();
    let operator = server.operator();
    heard.secret("the bootstrap token", OPERATOR);
    for (name, text) in
        [("the password", RIGHT), ("a wrong password", WRONG), ("the next password", NEXT), ("the database's password", DATABASE)]
    {
        heard.secret(name, text);
    }
    operator.post("/v1/operator/customers", json!({"id": "alice"})).ok();
    let made = heard
        .keep("token made", operator.write("POST", "/v1/operator/tokens", "token-key", &json!({"name": "backend", "role": "service"})));
    let token = made.json()["token"].as_str().expect("text").to_owned();
    heard.secret("a made token", &token);
    let service = Client::new(&server.url, Some(&token), None);
    heard.keep("token list", operator.get("/v1/operator/tokens"));
    heard.keep("a token's request", service.naming("alice").get("/v1/accounts"));
    heard.keep("a token refused", service.get("/v1/operator/books"));
    heard.keep("a token torn", Client::new(&server.url, Some(&format!("{token}x")), None).get("/v1/accounts"));
    let password = "/v1/operator/customers/alice/password";
    heard.keep("password set", service.write("POST", password, "password-key", &json!({"password": RIGHT})));
    heard.keep("password set again", service.write("POST", password, "password-key", &json!({"password": RIGHT})));
    let reused = heard.keep("another password under its key", service.write("POST", password, "password-key", &json!({"password": WRONG})));
    reused.refused(409, "idempotency_key_reused");
    for torn in
        [json!({"password": [RIGHT]}), json!({"password": {"text": RIGHT}}), json!({"password": format!("{RIGHT}{}", "x".repeat(256))})]
    {
        heard.keep("password of a wrong form", service.post(password, torn)).refused(400, "malformed_request");
    }
    let torn = format!("{{\"password\": \"{RIGHT}\" \"x\"}}");
    let headers = [("content-type", "application/json"), ("idempotency-key", "torn")];
    heard.keep("password torn", service.send("POST", password, &headers, Some(torn.as_bytes())));
    heard.keep("password of nobody", service.post("/v1/operator/customers/nobody/password", json!({"password": RIGHT})));

    let mut jar = Jar::new(server);
    heard.keep("a wrong password", jar.try_password("alice", WRONG));
    heard.keep("a password of nobody", jar.try_password("nobody", WRONG));
    let entered = heard.keep("signed in", jar.try_password("alice", RIGHT));
    assert_eq!(entered.status, 303);
    heard.secret("a session", &session_of(&entered));
    heard.secret("a device's mark", jar.cookies["usance_device"].rsplit('-').next().expect("a signature"));
    for path in ["/assets", "/settings", "/products", "/history", "/nowhere", "/v1/accounts"] {
        heard.keep(path, jar.get_with(path, &[("accept", "text/html")]));
    }
    let shown = heard.keep("factor shown", jar.get("/settings/second-factor"));
    let factor = between(&shown.text(), "name=\"secret\" value=\"", "\"");
    heard.secret("a second factor", &factor);
    heard.secret("a second factor in one word", &factor.replace(' ', ""));
    assert_eq!(
        heard
            .keep(
                "factor set",
                jar.send(
                    "/settings/second-factor",
                    &[("secret", &factor), ("code", &factor_code(&factor, seconds_now())), ("password", RIGHT)]
                )
            )
            .status,
        303
    );
    heard.keep("settings with a factor", jar.get("/settings"));
    let asked = heard.keep("code asked", Jar::new(server).try_password("alice", RIGHT));
    let ticket = between(&asked.text(), "name=\"ticket\" value=\"", "\"");
    heard.secret("a ticket", ticket.rsplit('|').next().expect("a signature"));
    heard.keep("code wrong", Jar::new(server).form("/sign-in/code", &[("ticket", &ticket), ("code", "000000")]));

    let link = heard.keep("link made", service.post("/v1/operator/customers/alice/sign-in-links", json!({})));
    let link = link.json()["code"].as_str().expect("a link").to_owned();
    heard.secret("a link", &link);
    heard.keep("link opened", Jar::new(server).form("/sign-in/link", &[("link", &link)]));
    let by_link = heard.keep("link used", Jar::new(server).form("/sign-in/link", &[("seen", "true"), ("link", &link)]));
    heard.secret("a session by link", &session_of(&by_link));
    heard.keep("link used again", Jar::new(server).form("/sign-in/link", &[("seen", "true"), ("link", &link)]));
    heard.keep(
        "a form of another site",
        server.public().send(
            "POST",
            "/sign-in",
            &[("sec-fetch-site", "cross-site"), ("content-type", "application/x-www-form-urlencoded")],
            Some(encoded(&[("customer", "alice"), ("password", RIGHT)]).as_bytes()),
        ),
    );
    heard.keep("the next password set", operator.post(password, json!({"password": NEXT})));
    heard.keep("token revoked", operator.send("DELETE", "/v1/operator/tokens/1", &[("idempotency-key", &fresh_key())], None));
    heard.keep("a revoked token", service.get("/v1/operator/books"));
    for path in [
        "/metrics",
        "/readyz",
        "/healthz",
        "/openapi.json",
        "/docs",
        "/v1/operator/journal",
        "/v1/operator/days",
        "/v1/operator/customers/alice",
    ] {
        heard.keep(path, operator.get(path));
    }
    heard
}

/// Where each secret may be read: in the one answer that hands it over, and on the page that asks for it back.
fn allowed(name: &str) -> &'static [&'static str] {
    match name {
        "a made token" => &["token made"],
        "a session" | "a device's mark" => &["signed in"],
        "a second factor" => &["factor shown"],
        "a ticket" => &["code asked", "code wrong"],
        "a link" => &["link made", "link opened"],
        "a session by link" => &["link used"],
        _ => &[],
    }
}

fn judge(heard: &Heard, ended: &Ended, data: &Path) {
    assert!(ended.text.contains("started") && ended.text.contains("stopping"), "the log is read from end to end: {}", ended.text);
    for (name, secret) in &heard.secrets {
        assert!(!ended.text.contains(secret.as_str()), "{name} is in the log");
        let told = heard.told(secret);
        assert_eq!(told, allowed(name), "{name}");
        for file in files(data) {
            let bytes = std::fs::read(&file).expect("a file");
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name} is in {}", file.display());
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn told_on(json: bool, more: &[&str], password: Option<&str>) {
    let directory = tempfile::TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let mut command = binary();
    command
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--clock", "simulated:2026-01-01T00:00:00Z", "--data"])
        .arg(&data)
        .arg("--secrets")
        .arg(directory.path().join("secrets"))
        .args(more);
    if json {
        command.arg("--log-json");
    }
    command.envs(password.map(|password| ("USANCE_STORE_PASSWORD", password))).env("USANCE_LOG", "trace");
    let mut server = Server::run(&mut command, &data).expect("it starts");
    let greeting: Value = server.greeting.clone();
    let heard = story(&server);
    server.terminate();
    let ended = server.ended(Duration::from_secs(20));
    judge(&heard, &ended, &data);
    assert!(heard.secrets.iter().all(|(_, secret)| !greeting.to_string().contains(secret.as_str())));
}

#[test]
fn no_secret_is_told_or_kept_on_files() {
    told_on(false, &[], None);
}

#[test]
fn no_secret_is_told_in_json_lines() {
    told_on(true, &[], None);
}

#[test]
fn no_secret_is_told_on_a_server() {
    let database = LocalServer::start(&[]).expect("a server");
    let address = database.address("secrets");
    let with_password = address.replace("usance@", &format!("usance:{DATABASE}@"));
    told_on(false, &["--store", &with_password], None);
    // From the environment; and when the server is not there, the error names it without its password.
    let other = database.address("others");
    told_on(true, &["--store", &other], Some(DATABASE));
    let mut gone = binary();
    let nowhere = with_password.replace(&format!(":{}/", database.port()), ":1/");
    let output = gone.args(["verify", "--store", &nowhere]).env("USANCE_LOG", "trace").output().expect("it runs");
    assert!(!output.status.success());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("127.0.0.1:1") && !said.contains(DATABASE), "{said}");
}

/// What a request that sets a password leaves in the log is as slow to guess from as the stored hash: the same request under
/// the same key is known again, and costs hashing to be known.
#[test]
fn the_log_keeps_no_quick_print_of_a_password() {
    let platform = super::house(&[]);
    let path = "/v1/operator/customers/alice/password";
    let set = |password: &str| platform.operator.write("POST", path, "one-key", &json!({"password": password}));
    let first = set(RIGHT);
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    let again = set(RIGHT);
    assert_eq!((again.bytes, again.headers.iter().any(|(name, _)| name == "idempotency-replayed")), (first.bytes, true));
    set(NEXT).refused(409, "idempotency_key_reused");
    // Were the print made as others are, of the body by the platform's seed, it could be made here in a microsecond.
    let log = rusqlite::Connection::open(platform.server.data.join("log.sqlite")).expect("the log");
    let bytes: Vec<Vec<u8>> = {
        let mut all = log.prepare("SELECT body FROM log ORDER BY seq").expect("its table");
        let rows = all.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("bytes")
    };
    let seed: [u8; 32] = seed_of(&bytes);
    let body = json!({"password": RIGHT}).to_string();
    let quick = usance_core::id::hash16(&seed, "request", &["POST", path, "", &body]);
    let known = usance_core::id::hash16(&seed, "request", &["POST", "/v1/operator/customers", "", "{\"id\":\"alice\"}"]);
    let holds = |print: &[u8; 16]| bytes.iter().any(|batch| batch.windows(16).any(|window| window == print));
    assert!(holds(&known), "the prints of other requests are found in this way");
    assert!(!holds(&quick));
}

/// The platform's seed: the thirty-two bytes in the first batch that make a known print.
fn seed_of(batches: &[Vec<u8>]) -> [u8; 32] {
    let known = |seed: &[u8; 32]| usance_core::id::hash16(seed, "request", &["POST", "/v1/operator/customers", "", "{\"id\":\"alice\"}"]);
    let candidates = batches.iter().take(4).flat_map(|batch| batch.windows(32)).map(|window| <[u8; 32]>::try_from(window).expect("32"));
    let found = candidates.into_iter().find(|seed| batches.iter().any(|batch| batch.windows(16).any(|window| window == known(seed))));
    found.expect("the log holds the seed")
}

/// What a failing store says names files and servers: it goes into the service's own log, and nowhere else.
#[test]
fn a_store_that_fails_is_named_in_the_log_alone() {
    let told = |server: &Server, lose: &dyn Fn(), named: &str| {
        let alice = server.acting_for("alice");
        alice.get("/v1/statement").ok();
        lose();
        let answer = alice.get("/v1/statement");
        let text = answer.text();
        answer.refused(503, "store_unreadable");
        assert!(!text.contains(named) && !text.contains("history"), "{text}");
        assert!(server.log_line("a read failed").contains(named), "an operator finds what it was");
    };
    let platform = super::house(&[]);
    let file = platform.server.data.join("read.sqlite");
    let lose_on_files = || {
        let tables = rusqlite::Connection::open(&file).expect("the read tables");
        tables.execute_batch("DROP TABLE history").expect("it is there");
    };
    told(&platform.server, &lose_on_files, file.to_str().expect("text"));
    let (database, directory) = (Database::new(), tempfile::TempDir::new().expect("a directory"));
    let server = database.start(&directory.path().join("data"), &[]).expect("the engine starts");
    let operator = server.operator();
    operator.post("/v1/operator/assets", json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4})).ok();
    operator.post("/v1/operator/customers", json!({"id": "alice"})).ok();
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "r"});
    operator.post("/v1/operator/deposits", deposit).ok();
    told(&server, &|| database.run("DROP TABLE history CASCADE"), "127.0.0.1");
}
