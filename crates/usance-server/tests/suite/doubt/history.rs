//! History that is behind, or that somebody has locked, stops nobody who does not need it.

use super::super::harness::{Server, Start};
use super::super::load::found;
use super::super::postgres::Database;
use super::{create_customer, deposit, is_ready, wait_until};
use serde_json::json;
use tempfile::TempDir;

#[test]
fn a_locked_history_stops_neither_readiness_nor_writes_nor_what_does_not_need_it() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let server = database.start(&directory.path().join("data"), &[]).expect("it starts");
    found(&server);
    deposit(&server, "ada");
    let ada = server.acting_for("ada");
    wait_until("history is there", || ada.get("/v1/statement").status == 200);
    let before = ada.get("/v1/transfers").ok();
    database.while_running("BEGIN; LOCK TABLE progress, customers, history IN ACCESS EXCLUSIVE MODE", || {
        assert_eq!(create_customer(&server, "behind"), 201);
        wait_until("it says so", || server.public().get("/readyz").json()["history"]["batches_behind"].as_u64() > Some(0));
        for round in 0..3 {
            assert_eq!(create_customer(&server, &format!("behind-{round}")), 201);
        }
        let moved = json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "0.5"});
        assert_eq!(ada.post("/v1/transfers", moved).status, 201);
        assert!(is_ready(&server));
        // What stands in the state is answered in full.
        assert_eq!(ada.get("/v1/accounts").status, 200);
    });
    database.run("UPDATE progress SET log_position = log_position WHERE false");
    wait_until("history has caught up", || ada.get("/v1/statement").status == 200);
    assert_ne!(ada.get("/v1/transfers").ok(), before, "the transfer is there");
}

/// A day of a large platform is closed under the lock of its state, and many days in one move of the clock are: whoever asks whether the
/// process is well is answered meanwhile.
#[test]
fn a_long_close_fails_no_health_check() {
    const CUSTOMERS: usize = 600;
    let server = Server::start(&Start::default());
    found(&server);
    let operator = server.operator();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (server, operator) = (&server, server.operator());
            scope.spawn(move || {
                for number in (part..CUSTOMERS).step_by(4) {
                    let id = format!("holder-{number}");
                    operator.post("/v1/operator/customers", json!({"id": id})).ok();
                    let coins = json!({"customer": id, "asset": "SOL", "account": "funding", "amount": "1000", "reference": id});
                    operator.post("/v1/operator/deposits", coins).ok();
                    let holder = server.acting_for(&id);
                    holder.post("/v1/agreement-acceptances", json!({"version": "v1"}));
                    let stake = json!({"product": "sol-flex", "amount": "1000", "source": "funding", "agreement": "v1"});
                    holder.post("/v1/subscriptions", stake).ok();
                }
            });
        }
    });
    let (mut answered, mut slowest) = (0, std::time::Duration::ZERO);
    std::thread::scope(|scope| {
        let to = json!({"to": "2034-01-01T00:00:00.000Z"});
        let moving = scope.spawn(move || operator.post("/v1/operator/clock", to));
        while !moving.is_finished() {
            for path in ["/healthz", "/readyz"] {
                let asked = std::time::Instant::now();
                assert_eq!(server.public().get(path).status, 200, "{path}");
                slowest = slowest.max(asked.elapsed());
                // What was answered before the move was, did not wait for it.
                answered += usize::from(!moving.is_finished());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        moving.join().expect("answered").ok();
    });
    println!("{answered} checks were answered during the move, the slowest after {slowest:?}");
    assert!(answered >= 6, "{answered} checks were answered before the move was");
}

/// Tables that cannot be written stand still: a statement says where, and lists say how far they go.
#[test]
fn history_that_stands_still_says_how_far_it_goes() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let server = database.start(&directory.path().join("data"), &[]).expect("it starts");
    found(&server);
    deposit(&server, "ada");
    let ada = server.acting_for("ada");
    wait_until("history is there", || ada.get("/v1/statement").status == 200);
    let position = |answer: &super::super::harness::Answer| -> u64 {
        answer.header("usance-log-position").and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no position: {}", answer.text()))
    };
    database.while_running("BEGIN; LOCK TABLE customers IN SHARE MODE", || {
        assert_eq!(create_customer(&server, "behind"), 201);
        let problem = ada.get("/v1/statement").refused(503, "projection_behind");
        let (reached, wanted) = (problem["reached"].as_u64().expect("a batch"), problem["wanted"].as_u64().expect("a batch"));
        assert!(reached < wanted, "{problem}");
        let listed = ada.get("/v1/transfers");
        assert_eq!((listed.status, position(&listed)), (200, reached), "{}", listed.text());
        let days = server.operator().get("/v1/operator/days?product=sol-flex");
        assert_eq!((days.status, position(&days)), (200, reached), "{}", days.text());
        let ready = server.public().get("/readyz");
        assert_eq!(ready.status, 200, "{}", ready.text());
        assert!(ready.json()["history"]["batches_behind"].as_u64().is_some_and(|behind| behind > 0), "{}", ready.text());
    });
    wait_until("history has caught up", || ada.get("/v1/statement").status == 200);
}

/// A server that crashed may bring tables back that stand where they stood before: nothing is read from them as if they had gone on.
#[test]
fn tables_that_fell_back_are_not_taken_for_what_they_were() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let server = database.start(&directory.path().join("data"), &[]).expect("it starts");
    found(&server);
    deposit(&server, "ada");
    let ada = server.acting_for("ada");
    wait_until("history is there", || ada.get("/v1/statement").status == 200);
    let before = ada.get("/v1/statement").ok();
    let moved = json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "0.5"});
    assert_eq!(ada.post("/v1/transfers", moved).status, 201);
    wait_until("the transfer is there", || ada.get("/v1/statement").ok() != before);
    let (lines, after) = (ada.get("/v1/transfers").ok(), ada.get("/v1/statement").ok());
    // The last step of the tables is taken back, as by a crash of the server, while nothing more is written.
    let last = database.number("SELECT max(log_position) FROM history");
    database.run(&format!(
        "BEGIN; DELETE FROM history WHERE log_position = {last};
         UPDATE progress SET log_position = ({last} / 65536 - 1) * 65536 + 65535,
                hash = (SELECT hash FROM log WHERE seq = {last} / 65536 - 1); COMMIT"
    ));
    let told = ada.get("/v1/statement");
    assert!(told.status == 503 || told.json() == after, "a line is missing: {}", told.text());
    // Nothing more is written, and they are brought up all the same.
    wait_until("what was taken back is there", || ada.get("/v1/statement").status == 200);
    assert_eq!(ada.get("/v1/statement").ok(), after);
    assert_eq!(ada.get("/v1/transfers").ok(), lines);
}
