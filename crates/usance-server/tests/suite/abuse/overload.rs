//! More than can be done: whatever is asked is done and durable, or refused at once and not done. How quickly is measured by
//! the benchmark (`--only overload`), never here.

use super::wire::{Wire, transfer};
use crate::suite::harness::{Server, Start};
use crate::suite::money;
use crate::suite::platform::Platform;
use crate::suite::postgres::Database;
use serde_json::json;
use tempfile::TempDir;

const CLIENTS: usize = 60;
const EACH: usize = 40;

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn key(client: usize, number: usize) -> String {
    format!("much-{client}-{number}")
}

/// The numbers of what was done, and of what was refused.
type Told = (Vec<usize>, Vec<usize>);

/// Sends many transfers of one base unit at once; gives the numbers of those that were done, and of those that were refused.
fn hammered(server: &Server, client: usize) -> Told {
    let mut wire = Wire::to(server);
    assert!(wire.send((0..EACH).map(|number| transfer(&key(client, number), "1e-9")).collect::<String>()));
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for number in 0..EACH {
        let Some(answer) = wire.answer() else { break };
        match answer.status {
            201 => done.push(number),
            503 => {
                assert_eq!(answer.header("retry-after"), Some("1"));
                answer.refused(503, "overloaded");
                refused.push(number);
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    (done, refused)
}

#[test]
fn under_overload_everything_is_done_or_refused() {
    let mut start = Start::default();
    start.more.extend(["--requests", "8"].map(str::to_owned));
    let mut platform = Platform::started(&start);
    platform.deposit("alice", "SOL", "spot", "1000");
    let before = resident_kib(&platform.server);
    let server = &platform.server;
    let told: Vec<Told> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || hammered(server, client))).collect();
        clients.into_iter().map(|client| client.join().expect("no client panics")).collect()
    });
    let (done, refused) = told.iter().fold((0, 0), |(done, refused), each| (done + each.0.len(), refused + each.1.len()));
    assert_eq!(done + refused, CLIENTS * EACH, "everything was answered");
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
    let grown = resident_kib(&platform.server).saturating_sub(before);
    assert!(grown < 256 * 1024, "{grown} KiB more");
    let funding = |platform: &Platform| money::field(&platform.acting_for("alice").get("/v1/accounts").ok()["items"][0], "funding");
    let units = |count: usize| i128::try_from(count).expect("few") * money::units("0.000000001");
    assert_eq!(funding(&platform), units(done), "what was done is there, what was refused is not");
    platform.restart(Server::kill);
    assert_eq!(funding(&platform), units(done), "and is durable");
    // A key of a request that was refused is as good as new; one of a request that was done gets its answer again.
    let again = |client: usize, number: usize| {
        let mut wire = Wire::to(&platform.server);
        wire.send(transfer(&key(client, number), "1e-9"));
        let answer = wire.answer().expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.header("idempotency-replayed") == Some("true")
    };
    let first = |pick: fn(&Told) -> &Vec<usize>| {
        told.iter().enumerate().find_map(|(client, each)| Some((client, *pick(each).first()?))).expect("one of each kind")
    };
    let (done_one, refused_one) = (first(|each| &each.0), first(|each| &each.1));
    assert!(again(done_one.0, done_one.1));
    assert!(!again(refused_one.0, refused_one.1));
    assert_eq!(funding(&platform), units(done + 1));
}

fn threads(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("it runs").count()
}

/// Several hundred who ask a database that does not answer are told so, and take neither threads nor time from others.
#[test]
fn a_database_that_hangs_gathers_nobody() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let server = database.start(&directory.path().join("data"), &[]).expect("the engine starts");
    let operator = server.operator();
    operator.post("/v1/operator/assets", json!({"symbol": "SOL", "name": "Solana", "decimals": 9, "display_decimals": 4})).ok();
    operator.post("/v1/operator/customers", json!({"id": "alice"})).ok();
    let deposit = json!({"customer": "alice", "asset": "SOL", "account": "spot", "amount": "1", "reference": "r"});
    operator.post("/v1/operator/deposits", deposit).ok();
    server.acting_for("alice").get("/v1/statement").ok();
    let before = threads(&server);
    database.while_running("BEGIN; LOCK TABLE history IN ACCESS EXCLUSIVE MODE", || {
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..300).map(|_| scope.spawn(|| server.acting_for("alice").get("/v1/statement"))).collect();
            let mut most = 0;
            while !asking.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                most = most.max(threads(&server));
                server.acting_for("alice").get("/v1/accounts").ok();
                server.public().get("/healthz").ok();
            }
            for answer in asking.into_iter().map(|asked| asked.join().expect("nobody panics")) {
                // All ask for one customer: two have places, few wait for theirs, the rest is told to come again.
                assert!([429, 503].contains(&answer.status), "{}", answer.text());
                assert!(answer.header("retry-after").is_some());
            }
            // Few ask at a time, each on a thread beside those that answer everybody else.
            assert!(most < before + 16, "{most} threads, {before} before");
        });
    });
    let again = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        server.acting_for("alice").get("/v1/statement").status == 200
    });
    assert!(again, "the database answers again");
}
