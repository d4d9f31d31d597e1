//! Two servers that both write, a server behind a pooler, and doubts that cost no rebuild.

use super::super::harness::Server;
use super::super::load::found;
use super::super::postgres::{Database, on};
use super::super::story::{Story, dice};
use super::{create_customer, has_customer, is_ready, wait_until};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use usance_store::Postgres;
use usance_store::postgres::local::LocalServer;

/// What the readers of the service's own log see when a state is made anew.
const REBUILT: &str = "the log is read again";

/// A replica that was not waited for takes the place of its primary, which lives on: new connections lead to the one, old ones to the
/// other.
#[test]
fn two_servers_that_both_write_cost_nothing_that_was_acknowledged() {
    let directory = TempDir::new().expect("a directory");
    let first = LocalServer::start(&["fsync = off"]).unwrap_or_else(|error| panic!("{error}"));
    let beside = Postgres::parse(&first.address("usance"), None).expect("an address").connect().expect("a connection");
    let second = first.replica().unwrap_or_else(|error| panic!("{error}"));
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let address = format!("postgres://usance@{hosts}/postgres?sslmode=disable&target_session_attrs=read-write");
    let server = Server::start_in(&directory.path().join("data"), &on(&address, &[])).expect("it starts");
    found(&server);
    let (mut story, mut dice) = (Story::new(), dice());
    let load = story.load(&server, &mut dice);
    std::thread::sleep(std::time::Duration::from_millis(300));
    // Nobody comes in at the first any more, and whoever is in stays.
    let refuse = "printf 'host all all all reject\\n' > \"$0/pg_hba.conf\"";
    assert!(Command::new("sh").args(["-c", refuse]).arg(first.data()).status().expect("a shell").success());
    beside.batch("SELECT pg_reload_conf()").expect("read again");
    second.promote().unwrap_or_else(|error| panic!("{error}"));
    let lease = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'usance' AND query LIKE '%lease%' AND pid <> pg_backend_pid()";
    beside.query(lease, &[]).expect("the lease's connection is lost");
    server.log_line("leads to another server now");
    std::thread::sleep(std::time::Duration::from_millis(500));
    load.stop();
    story.last = load.harvest();
    wait_until("it writes on the second", || is_ready(&server));
    story.settle(&server, &mut dice, 100);
    story.model.check(&server);
    let ends_at = |address: &str| -> i64 {
        let wire = Postgres::parse(address, None).expect("an address").connect().expect("a connection");
        wire.one("SELECT max(seq) FROM log", &[]).expect("asked").expect("a row").get(0)
    };
    let on_the_first: i64 = beside.one("SELECT max(seq) FROM usance.log", &[]).expect("asked").expect("a row").get(0);
    assert!(ends_at(&second.address("usance")) >= on_the_first, "what the first has, the second has");
}

/// An append that was cut off, a lease that was not renewed: the log's end says that the state is right.
#[test]
fn a_doubt_that_the_log_settles_costs_no_rebuild() {
    let (database, directory) = (Database::new(), TempDir::new().expect("a directory"));
    let (server, name) = database.start_named(&directory.path().join("data"), &[]);
    let server = server.expect("it starts");
    found(&server);
    // Its own sessions alone: others use the same server.
    let kill = |chosen: &str| {
        let ended = database.number(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{name}' AND {chosen}"
        ));
        assert!(ended > 0 || chosen != "true", "sessions go by another name");
    };
    for (round, chosen) in ["true", "query LIKE 'INSERT INTO log%'", "true"].into_iter().enumerate() {
        kill(chosen);
        let id = format!("round-{round}");
        // What is answered with a doubt may have been done.
        wait_until("it goes on", || create_customer(&server, &id) == 201 || has_customer(&server, &id));
    }
    // An append whose answer never came: the batch is in the log, or it is put there.
    database.while_running("BEGIN; LOCK TABLE log IN SHARE MODE", || {
        let asked = std::thread::scope(|scope| {
            let asked = scope.spawn(|| create_customer(&server, "held-up"));
            std::thread::sleep(std::time::Duration::from_millis(300));
            kill("wait_event_type = 'Lock'");
            asked.join().expect("answered")
        });
        assert_eq!(asked, 503);
    });
    wait_until("it writes again", || is_ready(&server));
    assert!(has_customer(&server, "held-up"), "what it had decided it has put into the log");
    assert!(!server.printed().contains(REBUILT), "{}", server.printed());
}

struct Pooler(Child, #[expect(dead_code, reason = "it goes with the pooler")] TempDir);

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts PgBouncer in a mode before a server; gives the port at which it listens.
fn pooler(server: &LocalServer, mode: &str) -> (Pooler, u16) {
    let directory = TempDir::new().expect("a directory");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let settings = format!(
        "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         auth_type = any\npool_mode = {mode}\nuser = nobody\nunix_socket_dir =\nignore_startup_parameters = extra_float_digits\n\
         [users]\n",
        server.port()
    );
    let settings = settings.replace("postgres = host", "postgres = user=usance host");
    let file = directory.path().join("pgbouncer.ini");
    std::fs::write(&file, settings).expect("written");
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(directory.path()).status().expect("chmod").success());
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| std::path::Path::new(path).exists());
    let child =
        Command::new(program.expect("pgbouncer, the Debian package")).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    (Pooler(child.expect("it runs"), directory), port)
}

#[test]
fn a_pooler_that_takes_sessions_away_is_refused_by_its_name_and_one_that_does_not_is_taken() {
    let server = LocalServer::start(&["fsync = off"]).unwrap_or_else(|error| panic!("{error}"));
    let directory = TempDir::new().expect("a directory");
    for (mode, is_taken) in [("transaction", false), ("session", true)] {
        let (_pooler, port) = pooler(&server, mode);
        wait_until("the pooler listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let address = format!("postgres://usance@127.0.0.1:{port}/postgres?sslmode=disable");
        let started = Server::start_in(&directory.path().join(mode), &on(&address, &[]));
        match started {
            Ok(server) => {
                assert!(is_taken, "{}", server.printed());
                assert_eq!(create_customer(&server, "ada"), 201);
            }
            Err(said) => assert!(!is_taken && said.contains("PgBouncer") && said.contains("pool_mode"), "{mode}: {said}"),
        }
    }
}
