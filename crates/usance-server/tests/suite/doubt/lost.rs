//! A log that lost its end: whoever has the batches puts them back; where nobody has, nothing is written before somebody says so.

use super::super::harness::{Server, Start, usance};
use super::super::postgres::Database;
use super::{create_customer, has_customer, is_ready, wait_until};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use usance_core::machine::Event;
use usance_store::{LogReader, PostgresLogReader, codec};

/// A platform on a database, with a customer who stays and one whom the database loses after a stop in order.
struct Losing {
    database: Database,
    directory: TempDir,
    /// The last batch that was acknowledged.
    through: i64,
}

impl Losing {
    fn new() -> Losing {
        let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
        let mut server = database.start(&directory.path().join("one"), &["--node", "one"]).expect("it starts");
        assert_eq!(create_customer(&server, "kept"), 201);
        let kept = database.number("SELECT max(seq) FROM log");
        for customer in ["lost", "lost-too", "lost-three", "lost-four", "lost-five", "lost-six", "lost-seven", "lost-eight"] {
            assert_eq!(create_customer(&server, customer), 201);
        }
        let through = database.number("SELECT max(seq) FROM log");
        let copy = directory.path().join("copy");
        done(&losing(&database, &["backup", "--to", text(&copy), "--secrets", text(&directory.path().join("secrets"))]));
        assert!(server.terminate());
        database.run(&format!("DELETE FROM log WHERE seq > {kept}"));
        Losing { database, directory, through }
    }

    fn data(&self, node: &str) -> PathBuf {
        self.directory.path().join(node)
    }

    fn start(&self, node: &str) -> Server {
        self.database.start_named(&self.data(node), &["--node", node]).0.unwrap_or_else(|said| panic!("{said}"))
    }

    fn usance(&self, words: &[&str]) -> Output {
        losing(&self.database, words)
    }

    /// Whether it waits: it is not ready, takes no write, and says why.
    fn expect_waiting(&self, server: &Server) {
        server.log_line("the database has lost acknowledged batches");
        let problem = server.operator().post("/v1/operator/customers", serde_json::json!({"id": "over-it"})).refused(503, "batches_lost");
        assert!(problem["detail"].as_str().is_some_and(|told| told.contains(&format!("to {}", self.through))), "{problem}");
        assert!(!is_ready(server));
    }
}

fn losing(database: &Database, words: &[&str]) -> Output {
    usance(&[words, &["--store", database.address()]].concat())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

#[test]
fn a_start_on_an_earlier_moment_of_the_database_waits_for_an_operator() {
    let losing = Losing::new();
    let one = losing.start("one");
    losing.expect_waiting(&one);
    // Nor does an instance write over it that was never there before.
    let other = losing.start("two");
    losing.expect_waiting(&other);
    // However long they wait, they hold no more connections for it.
    let schema = losing.database.texts("SELECT current_schema()").remove(0);
    let ours = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usance-{schema}'");
    let connections = || losing.database.number(&ours);
    let before = connections();
    assert!(before > 0, "sessions go by another name");
    // A session that is opened again stands beside the one that ends for a moment: what counts is what stays.
    let stay = (0..10).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(150));
        connections()
    });
    let stay = stay.min().expect("some counts");
    assert!(stay <= before + 2, "{before}, then never fewer than {stay}");
    let ends = losing.database.number("SELECT max(seq) FROM log");
    let through = losing.through.to_string();
    let wrong = losing.usance(&["accept-loss", "--by", "ann", "--through", "1", "--data", text(&losing.data("one"))]);
    assert!(said(&wrong).contains(&format!("ends with batch {through}, and not with 1")), "{}", said(&wrong));
    assert_eq!(losing.database.number("SELECT max(seq) FROM log"), ends, "nothing was changed");
    let accepted = losing.usance(&["accept-loss", "--by", "ann", "--through", &through, "--data", text(&losing.data("one"))]);
    assert!(done(&accepted).contains("are given up"), "{}", said(&accepted));
    wait_until("one of them writes", || is_ready(&one) || is_ready(&other));
    let (writer, follower) = if is_ready(&one) { (&one, &other) } else { (&other, &one) };
    wait_until("the other one knows that it is settled", || {
        let answer = follower.operator().post("/v1/operator/customers", serde_json::json!({"id": "over-it"}));
        answer.json()["code"] == "not_writer"
    });
    // The read tables, which were of the longer log, are made anew first.
    wait_until("what stayed is there", || has_customer(writer, "kept"));
    assert!(!has_customer(writer, "lost"));
    assert_eq!(create_customer(writer, "lost"), 201, "it can be done again");
    // It is a record of the log, by name and number.
    let place = format!("{}&x", losing.database.address()).replace("&x", "");
    let reader = PostgresLogReader::open(&usance_store::Postgres::parse(&place, None).expect("an address")).expect("a log");
    let record = reader.read(0, u64::try_from(ends).expect("a batch") + 1, 1).expect("read");
    let (_, fact) = codec::facts(&record[0]).next().expect("a record").expect("whole");
    let [Event::LossAccepted(accepted)] = &fact.events[..] else { panic!("{:?}", fact.events) };
    assert_eq!((accepted.by.as_str(), accepted.ends_at + 1), ("ann", record[0].seq));
    assert_eq!(accepted.through, u64::try_from(losing.through).expect("a batch"));
    let again = losing.usance(&["accept-loss", "--by", "ann", "--through", &through, "--data", text(&losing.data("one"))]);
    assert!(said(&again).contains("not known to have lost anything"), "{}", said(&again));
    drop((one, other));
    done(&losing.usance(&["verify", "--data", text(&losing.data("one"))]));
    let mut again = losing.start("one");
    wait_until("it writes after another start", || is_ready(&again));
    // What is lost later is another loss, though its numbers are smaller.
    assert_eq!(create_customer(&again, "lost"), 409, "it was done again");
    assert_eq!(create_customer(&again, "lost-again"), 201);
    let lost_again = losing.database.number("SELECT max(seq) FROM log");
    assert!(lost_again < losing.through, "{lost_again}");
    assert!(again.terminate());
    losing.database.run(&format!("DELETE FROM log WHERE seq >= {lost_again}"));
    let again = losing.start("one");
    again.log_line("the database has lost acknowledged batches");
    let problem = again.operator().post("/v1/operator/customers", serde_json::json!({"id": "over-it"})).refused(503, "batches_lost");
    assert!(problem["detail"].as_str().is_some_and(|told| told.contains(&format!("to {lost_again}"))), "{problem}");
    let (through, data) = (lost_again.to_string(), losing.data("one"));
    done(&losing.usance(&["accept-loss", "--by", "ann", "--through", &through, "--data", text(&data)]));
    wait_until("it writes", || is_ready(&again));
    assert_eq!(create_customer(&again, "lost-again"), 201);
}

#[test]
fn what_a_copy_has_is_put_back_while_the_service_waits() {
    let losing = Losing::new();
    let one = losing.start("one");
    losing.expect_waiting(&one);
    let (copy, secrets) = (losing.data("copy"), losing.data("secrets"));
    done(&losing.usance(&["restore", "--from", text(&copy), "--secrets", text(&secrets)]));
    wait_until("it writes", || is_ready(&one));
    assert!(has_customer(&one, "lost"), "nothing is lost");
    assert_eq!(create_customer(&one, "afterwards"), 201);
}

#[test]
fn files_that_lost_their_end_are_not_written_over() {
    let mut server = Server::start(&Start::default());
    let data = server.data.clone();
    assert_eq!(create_customer(&server, "kept"), 201);
    let log = || rusqlite::Connection::open(data.join("log.sqlite")).expect("a database");
    let end = || log().query_row("SELECT max(seq) FROM log", [], |row| row.get::<_, i64>(0)).expect("a number");
    let kept = end();
    assert_eq!(create_customer(&server, "lost"), 201);
    assert!(server.terminate());
    let through = end();
    log().execute("DELETE FROM log WHERE seq > ?1", [kept]).expect("removed");
    for snapshot in std::fs::read_dir(data.join("snapshots")).expect("a directory").flatten() {
        std::fs::remove_file(snapshot.path()).expect("removed");
    }
    let refused = Server::start_in(&data, &Start::default()).err().expect("it does not start");
    assert!(refused.contains(&format!("ends at batch {kept}")) && refused.contains("usance accept-loss"), "{refused}");
    assert_eq!(end(), kept, "nothing was written");
    done(&usance(&["accept-loss", "--by", "ann", "--through", &through.to_string(), "--data", text(&data)]));
    let server = Server::start_in(&data, &Start::default()).expect("it starts");
    assert!(has_customer(&server, "kept") && !has_customer(&server, "lost"));
    assert_eq!(create_customer(&server, "lost"), 201);
}

/// A snapshot that stands ahead of its log knows what was lost, even where nothing else does.
#[test]
fn a_snapshot_ahead_of_its_log_is_no_damaged_one() {
    let losing = Losing::new();
    std::fs::remove_file(losing.data("one").join("known.txt")).expect("a mark");
    let one = losing.start("one");
    one.log_line("the log has lost its end");
    losing.expect_waiting(&one);
    assert!(!one.printed().contains("snapshot damaged"), "{}", one.printed());
}
