//! Texts that mean something to a database, a spreadsheet or a terminal are only texts here.

use super::{Jar, PASSWORD, encoded, house, set_password};
use crate::suite::harness::{Answer, OPERATOR, Server, Start, binary, fresh_key, usance};
use crate::suite::platform::Platform;
use crate::suite::postgres::{Database, on};
use serde_json::json;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use usance_server::contract::route::Permission;
use usance_server::contract::routes::table;

/// What breaks out of a badly made statement, on either database.
const SQL: [&str; 8] = [
    "'; DROP TABLE token; --",
    "alice' OR '1'='1",
    "\"; DROP TABLE movement; --",
    "x'); DELETE FROM session; --",
    "$1; SELECT pg_sleep(10)",
    "\\'; DROP TABLE password; --",
    "1 UNION SELECT phc FROM password",
    "%' ESCAPE '\\",
];

/// Every text that a stranger, a customer or an operator can send, each with each of these.
fn say_everywhere(platform: &Platform, jar: &mut Jar, evil: &str) {
    let query = encoded(&[("x", evil)]);
    let escaped = query.trim_start_matches("x=").replace('+', "%20");
    let operator = &platform.operator;
    let fine = |what: &str, status: u16| assert!((200..500).contains(&status), "{what} with {evil:?}: {status}");
    for route in table().iter().filter(|route| route.method == "GET" && route.operation != "event_stream") {
        let sender = if route.permission.for_customer() { operator.naming("alice") } else { operator.clone() };
        let path = route.path.replace("{id}", &escaped).replace("{version}", &escaped).replace("{asset}", &escaped);
        if path != route.path {
            fine(route.operation, sender.get(&path).status);
        }
        for name in route.query {
            fine(route.operation, sender.get(&format!("{}?{name}={escaped}", route.path.replace("{id}", "sol-7"))).status);
        }
    }
    for route in table().iter().filter(|route| route.method != "GET" && route.permission != Permission::Public) {
        let path = route.path.replace("{id}", &escaped);
        let body = json!({"id": evil, "name": evil, "version": evil, "text": evil, "asset": evil, "product": evil, "reference": evil, "customer": evil});
        fine(route.operation, operator.naming("alice").write(route.method.as_str(), &path, &fresh_key(), &body).status);
    }
    fine("an unknown customer", operator.naming(evil).get("/v1/accounts").status);
    let mut stranger = Jar::new(&platform.server);
    for name in ["usance_session", "usance_device", "usance_zone", "usance_language"] {
        stranger.cookies.insert(name.into(), evil.replace(';', ","));
    }
    fine("a password", stranger.form("/sign-in", &[("customer", evil), ("password", evil), ("next", evil)]).status);
    fine("a code", stranger.form("/sign-in/code", &[("ticket", &format!("{evil}|99999999999999|0")), ("code", evil)]).status);
    fine("a link", stranger.form("/sign-in/link", &[("seen", "true"), ("link", evil), ("next", evil)]).status);
    fine("a link's page", stranger.get(&format!("/sign-in/link?next={escaped}")).status);
    for path in [
        "/history?asset=",
        "/history?kind=",
        "/history?from=",
        "/history?cursor=",
        "/products?asset=",
        "/holdings/",
        "/receipts/",
        "/agreements/",
    ] {
        fine(path, jar.get(&format!("{path}{escaped}")).status);
    }
    fine("a session", jar.send(&format!("/sessions/{escaped}/end"), &[]).status);
}

/// Whether everything is still there and nobody else's is seen: the books, the tables behind every list, the people.
fn is_whole(platform: &Platform, jar: &mut Jar) {
    let operator = &platform.operator;
    assert_eq!(operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
    for path in ["statement", "transfers", "subscriptions", "redemptions", "rewards", "notices", "acceptances"] {
        operator.naming("alice").get(&format!("/v1/{path}")).ok();
    }
    assert_eq!(operator.naming("alice").all("/v1/statement", 500).len(), 2);
    assert!(operator.get("/v1/operator/tokens").ok()["items"].as_array().is_some_and(|tokens| tokens.len() == 2));
    assert!(jar.is_in(), "the session is there");
    assert!(Jar::new(&platform.server).enter("bob").is_in(), "the password is there");
}

fn tried_on(start: &Start) {
    let platform = Platform::started(start);
    for customer in ["alice", "bob"] {
        set_password(&platform.operator, customer, PASSWORD);
        platform.deposit(customer, "SOL", "spot", "10");
    }
    platform.subscribe("alice", "sol-7", "1", "spot");
    platform.with_token("auditor", "eyes", None);
    let mut jar = Jar::new(&platform.server).enter("alice");
    for evil in SQL {
        // Where any text may stand it is kept, as it was written.
        let changed = json!({"name": evil, "risk_notice": evil});
        let product = platform.operator.patch("/v1/operator/products/sol-7", changed).ok();
        assert_eq!((&product["name"], &product["risk_notice"]), (&json!(evil), &json!(evil)));
        // The device of a session is what its browser says.
        let agent = [("user-agent", evil), ("content-type", "application/x-www-form-urlencoded")];
        let body = encoded(&[("customer", "alice"), ("password", PASSWORD)]);
        let entered = platform.server.public().send("POST", "/sign-in", &agent, Some(body.as_bytes()));
        assert_eq!(entered.status, 303, "{}", entered.text());
        say_everywhere(&platform, &mut jar, evil);
    }
    let page = jar.get("/settings").text();
    assert_eq!(page.matches("DROP TABLE").count(), 3, "three of these devices are listed, as they call themselves");
    is_whole(&platform, &mut jar);
}

/// What a reader does not see, or sees elsewhere than it stands.
const UNSEEN: [char; 18] = [
    '\0',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{ad}',
    '\u{61c}',
    '\u{200b}',
    '\u{200e}',
    '\u{200f}',
    '\u{202a}',
    '\u{202e}',
    '\u{2028}',
    '\u{2060}',
    '\u{2066}',
    '\u{2069}',
    '\u{3164}',
    '\u{feff}',
    '\u{e0041}',
];

#[test]
fn what_nobody_sees_is_in_no_name_and_no_text() {
    let platform = Platform::new();
    let operator = &platform.operator;
    let rates = json!([{"from": "2026-01-01", "rate": "0.05"}]);
    let asset = |name: &str| json!({"symbol": "NEW", "name": name, "decimals": 9, "display_decimals": 4});
    let product = |field: &str, text: &str| {
        let mut product = json!({"id": fresh_key(), "asset": "SOL", "name": "Plain", "kind": "flexible", "rates": rates});
        product[field] = json!(text);
        product
    };
    let agreement = |text: &str| json!({"version": fresh_key(), "text": text});
    let unseen = UNSEEN.into_iter().map(|letter| (letter, true)).chain(['\n', '\t', '\u{200c}', '\u{200d}'].map(|letter| (letter, false)));
    for (letter, in_texts) in unseen {
        let text = format!("Stake{letter}more");
        let refused = |answer: Answer| answer.refused(422, "terms_invalid");
        refused(operator.post("/v1/operator/assets", asset(&text)));
        refused(operator.post("/v1/operator/products", product("name", &text)));
        refused(operator.patch("/v1/operator/products/sol-7", json!({"name": text})));
        // A text may have several lines, and joins or keeps apart letters as some scripts need it.
        for answer in [
            operator.post("/v1/operator/products", product("risk_notice", &text)),
            operator.patch("/v1/operator/products/sol-7", json!({"risk_notice": text})),
            operator.post("/v1/operator/agreements", agreement(&text)),
        ] {
            if in_texts {
                refused(answer);
            } else {
                answer.ok();
            }
        }
        // Whatever else carries a text is an id of few letters, or visible ASCII.
        operator.post("/v1/operator/customers", json!({"id": text})).refused(422, "terms_invalid");
        operator.post("/v1/operator/tokens", json!({"name": text, "role": "auditor"})).refused(400, "malformed_request");
        let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": text});
        operator.post("/v1/operator/deposits", deposit).refused(400, "malformed_request");
    }
    // What people write stays: accents, other scripts, signs of their own.
    for name in ["Čeština – flexibel", "\u{62f}\u{627}\u{626}\u{645} 30", "灵活理财", "Gold ⭐\u{fe0f} “Plus”"] {
        operator.patch("/v1/operator/products/sol-7", json!({"name": name})).ok();
    }
}

#[test]
fn no_text_reaches_the_files_as_sql() {
    tried_on(&Start::default());
}

#[test]
fn no_text_reaches_the_server_as_sql() {
    let database = Database::new();
    tried_on(&on(database.address(), &[]));
    for table in ["token", "password", "session", "security_event"] {
        assert!(database.number(&format!("SELECT count(*) FROM {}.{table}", database.people())) > 0, "{table} is there");
    }
    assert!(database.number("SELECT count(*) FROM log") > 0);
}

/// Whether a cell is one that a spreadsheet would run: it begins like a formula and is no number.
fn runs(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number(cell)
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    !whole.is_empty() && whole.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_digit())
}

fn cells(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(|record| record.expect("a record")).collect()
}

#[test]
fn no_cell_is_a_formula_and_every_amount_is_a_number() {
    let mut platform = Platform::new();
    let operator = platform.operator.clone();
    operator.post("/v1/operator/customers", json!({"id": "-2-3"})).ok();
    operator.post("/v1/operator/assets", json!({"symbol": "-SOL", "name": "=1+1", "decimals": 2, "display_decimals": 2})).ok();
    platform.offer(json!({"id": "-1", "asset": "-SOL", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.05"}]}));
    let references = [
        "=HYPERLINK(\"http://evil.example\")",
        "+1+1",
        "-1-1",
        "@SUM(A1:A9)",
        "=cmd|'/C_calc'!A0",
        "a;=HYPERLINK(\"http://evil.example\")",
        "plain",
    ];
    for (index, reference) in references.iter().enumerate() {
        let amount = (index + 1).to_string();
        let body = json!({"customer": "-2-3", "asset": "-SOL", "account": "spot", "amount": amount, "reference": reference});
        operator.post("/v1/operator/deposits", body).ok();
    }
    let out = json!({"customer": "-2-3", "asset": "-SOL", "account": "spot", "amount": "1.5", "reference": "=1"});
    operator.post("/v1/operator/withdrawals", out).ok();
    platform.subscribe("-2-3", "-1", "2.25", "spot");
    platform.move_to("2026-01-20T00:00:00Z");
    let sender = platform.acting_for("-2-3");
    let statement = sender.send("GET", "/v1/statement", &[("accept", "text/csv")], None).text();
    set_password(&operator, "-2-3", PASSWORD);
    let page = Jar::new(&platform.server).enter("-2-3").get("/history.csv").text();
    assert_eq!(statement, page);
    let records = cells(&statement);
    assert!(records.len() >= 8, "{statement}");
    for record in &records {
        assert!(!record.iter().any(runs), "{record:?}");
        assert!(is_number(&record[4]) && is_number(&record[5]), "amount and balance can be added up: {record:?}");
    }
    assert!(records.iter().any(|record| record[4].starts_with('-')), "what went out is below zero");
    for reference in references {
        let shown = if reference.starts_with(['a', 'p']) { reference.replace(";=", ";'=") } else { format!("'{reference}") };
        assert!(records.iter().any(|record| record[9] == shown), "{reference}: {statement}");
    }
    for cell in statement.lines().flat_map(|line| line.split(';').skip(1)) {
        assert!(!runs(cell.trim_start_matches('"')), "where semicolons part cells: {cell}");
    }
    assert!(platform.server.terminate());
    let to = tempfile::TempDir::new().expect("a directory");
    let [data, folder] = [&platform.server.data, to.path()].map(|path| path.to_str().expect("text").to_owned());
    assert!(usance(&["export", "--data", &data, "--to", &folder]).status.success());
    for (name, amounts) in [("journal", &[7][..]), ("positions", &[5, 6, 7, 8, 9]), ("rewards", &[5, 8])] {
        let text = std::fs::read_to_string(to.path().join(format!("{name}.csv"))).expect("a file");
        let records = cells(&text);
        assert!(!records.is_empty() && text.contains("'-2-3") && text.contains("'-SOL"), "{name}: {text}");
        for record in &records {
            assert!(!record.iter().any(runs), "{name}: {record:?}");
            assert!(amounts.iter().all(|&at| is_number(&record[at])), "{name}: {record:?}");
        }
    }
}

/// Starts an engine that logs everything, in a directory whose own name would forge a line.
fn talkative(folder: &Path, json: bool) -> Server {
    let data = folder.join("data\n2026-01-01T00:00:00.000000Z ERROR forged\u{1b}[2J");
    std::fs::DirBuilder::new().mode(0o755).create(&data).expect("a directory that others can enter");
    let mut command = binary();
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--clock", "simulated:2026-01-01T00:00:00Z", "--data"]).arg(&data);
    if json {
        command.arg("--log-json");
    }
    Server::run(command.env("USANCE_LOG", "trace"), &data).expect("it starts")
}

#[test]
fn every_event_is_one_line_of_the_log() {
    for json in [false, true] {
        let folder = tempfile::TempDir::new().expect("a directory");
        let mut server = talkative(folder.path(), json);
        let evil = "x%0d%0a2026-01-01T00:00:00.000000Z%20ERROR%20forged%1b%5b2J%e2%80%a8%e2%80%ae";
        for path in ["/", "/v1/products/", "/products/", "/agreements/", "/sign-in?next=", "/sign-in/link?next=", "/v1/statement?asset="] {
            server.public().get(&format!("{path}{evil}"));
            server.acting_for("alice").get(&format!("{path}{evil}"));
        }
        let raw = "x\r\n2026-01-01T00:00:00.000000Z ERROR forged\u{1b}[2J\u{2028}";
        Jar::new(&server).form("/sign-in", &[("customer", raw), ("password", raw), ("next", raw)]);
        server.operator().post("/v1/operator/customers", json!({"id": raw}));
        server.public().send("GET", "/assets", &[("user-agent", "x\tERROR forged"), ("cookie", "usance_session=\"x\tforged")], None);
        server.log_line("open to other users");
        server.terminate();
        let ended = server.ended(std::time::Duration::from_secs(10));
        let mut lines = 0;
        for line in ended.text.lines() {
            lines += 1;
            assert!(!line.chars().any(char::is_control) && !line.contains(['\u{2028}', '\u{202e}']), "{line:?}");
            if json {
                let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
            } else {
                let level = line.split_whitespace().nth(1).unwrap_or("");
                assert!(line.starts_with("20") && ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
                assert!(!line.starts_with("2026-01-01T00:00:00.000000Z ERROR forged"), "{line}");
            }
        }
        assert!(lines > 3, "it says something: {}", ended.text);
        assert!(!ended.text.contains(OPERATOR));
    }
}

#[test]
fn the_error_that_a_verb_ends_with_is_one_line() {
    let folder = tempfile::TempDir::new().expect("a directory");
    let evil = folder.path().join("no\nusance: where\u{1b}[2J\u{61c}");
    let evil = evil.to_str().expect("text");
    let output = usance(&["verify", "--data", evil]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said:?}");
    assert!(said.ends_with('\n') && said.lines().count() == 1 && said.contains("no\\u000ausance: where"), "{said:?}");
    assert!(!said.contains(['\u{1b}', '\u{61c}']), "{said:?}");
    let output = usance(&["verify", "--json", "--data", evil]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(told["error"].as_str().expect("a sentence").contains(evil), "{told}");
}

#[test]
fn the_text_of_a_header_does_not_add_a_header() {
    let platform = house(&[]);
    let mut jar = Jar::new(&platform.server).enter("alice");
    for evil in ["/x\r\nset-cookie: forged=1", "/x%0d%0aset-cookie:%20forged=1", "/x\nset-cookie: forged=1"] {
        for answer in [
            jar.send("/look", &[("next", evil), ("zone", evil), ("language", evil)]),
            jar.get(&format!("/sign-in?{}", encoded(&[("next", evil)]))),
        ] {
            assert!(answer.headers.iter().all(|(_, value)| !value.starts_with("forged=1")), "{:?}", answer.headers);
        }
    }
}
