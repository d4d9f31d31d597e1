//! What every connection promises, whoever sets the server anew: when a commit is answered, and which server answers.

use std::thread;

use usance_store::identity::Ending;
use usance_store::postgres::local::{LocalServer, Stop};
use usance_store::postgres::{Lease, Renewed, Wire};
use usance_store::{
    Appended, Identities, IdentityStore, LogReader, LogStore, NewToken, Postgres, PostgresIdentities, PostgresLog, PostgresLogReader, Role,
    StoreError,
};

use super::postgres::until;
use super::{append_all, sealed};

fn place(server: &LocalServer) -> Postgres {
    Postgres::parse(&server.address("usance"), None).unwrap()
}

/// Has the server write down what each transaction that changes a table is committed with.
fn watch(wire: &Wire, schema: &str, table: &str) {
    wire.batch(&format!(
        "CREATE CONSTRAINT TRIGGER watched AFTER INSERT OR UPDATE ON {schema}.{table} DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION public.write_down()"
    ))
    .unwrap();
}

fn token(name: &str) -> NewToken {
    NewToken { hash: *blake3::hash(name.as_bytes()).as_bytes(), ..NewToken::plain(name, Role::Operator, None) }
}

/// Live connections keep what they promised when the server is set to promise less, and new ones take no less.
#[test]
fn a_server_that_is_set_to_commit_early_reaches_no_connection_that_money_depends_on() {
    let server = LocalServer::start(&["fsync = off"]).unwrap();
    let postgres = place(&server);
    let (mut log, lease) = (PostgresLog::open(&postgres).unwrap(), Lease::open(&postgres, 0).unwrap());
    let mut people = PostgresIdentities::open(&postgres).unwrap();
    let watching = Lease::open_to_watch(&postgres, 0).unwrap();
    let beside = postgres.connect().unwrap();
    beside
        .batch(
            "CREATE TABLE public.committed(place TEXT, how TEXT);
             CREATE FUNCTION public.write_down() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO public.committed VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NULL; END $$",
        )
        .unwrap();
    for (schema, table) in [("usance", "log"), ("usance", "lease"), ("usance", "follower"), ("usance_people", "token")] {
        watch(&beside, schema, table);
    }
    append_all(&mut log, 0, &[&[b"first"]]);
    let term = lease.take(None, "one", None, 0).unwrap().unwrap();
    people.add_token(&token("first"), 0).unwrap();
    beside.batch("ALTER SYSTEM SET synchronous_commit = off").unwrap();
    beside.batch("SELECT pg_reload_conf()").unwrap();
    let fresh = || postgres.connect().unwrap().one("SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'", &[]);
    until("the server is set anew", || fresh().unwrap().is_some_and(|row| row.get::<_, String>(0) == "off"));
    for round in ["live connections", "new connections"] {
        beside.batch("TRUNCATE public.committed").unwrap();
        let end = append_all(&mut log, 0, &[&[round.as_bytes()]]);
        assert_eq!(lease.renew(term, 0, 0).unwrap(), Renewed::Kept { wanted: None, ends_at: Some((end.seq, end.hash)) }, "{round}");
        people.add_token(&token(round), 0).unwrap();
        watching.follow("two", None, 1).unwrap();
        let rows = beside.query("SELECT place, how FROM public.committed ORDER BY place", &[]).unwrap();
        let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let expected = [("follower", "off"), ("lease", "on"), ("log", "on"), ("token", "on")];
        assert_eq!(found, expected.map(|(place, how)| (place.to_owned(), how.to_owned())), "{round}");
        (log, people) = (PostgresLog::open(&postgres).unwrap(), PostgresIdentities::open(&postgres).unwrap());
    }
}

/// A session that is set to commit early behind the back of its owner does not pass for one that keeps its promise.
#[test]
fn a_commit_that_was_answered_too_early_is_not_known_to_be_done() {
    let server = LocalServer::start(&["fsync = off"]).unwrap();
    let postgres = place(&server);
    let (mut log, lease) = (PostgresLog::open(&postgres).unwrap(), Lease::open(&postgres, 0).unwrap());
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    let term = lease.take(None, "one", None, 0).unwrap().unwrap();
    let beside = postgres.connect().unwrap();
    beside
        .batch(
            "CREATE FUNCTION weaken() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM set_config('synchronous_commit', 'local', false); RETURN NEW; END $$;
             CREATE TRIGGER weaken BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION weaken();
             CREATE TRIGGER weaken BEFORE UPDATE ON lease FOR EACH ROW EXECUTE FUNCTION weaken()",
        )
        .unwrap();
    let Appended::Unknown(reason) = log.append(head.seq, &sealed(0, &head, &[b"second"])) else { panic!("it passed") };
    assert!(reason.contains("synchronous_commit=local"), "{reason}");
    assert!(matches!(lease.renew(term, 0, 0), Err(StoreError::Unknown(_))));
}

/// A life of the machine pins its server: what leads to another one, or to the same one after it was started again, counts as lost.
#[test]
fn a_server_that_was_started_again_is_another_one() {
    let mut server = LocalServer::start(&["fsync = off"]).unwrap();
    let postgres = place(&server);
    let mut log = PostgresLog::open(&postgres).unwrap();
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    let lease = Lease::open(&postgres, 0).unwrap();
    let reader = PostgresLogReader::open(&postgres).unwrap();
    postgres.pin(Some(lease.server().unwrap()));
    assert_eq!(reader.head(0).unwrap().unwrap(), head);
    server.stop(Stop::Fast).unwrap();
    server.resume().unwrap();
    until("the end of the connection shows", || matches!(reader.head(0), Err(StoreError::OtherServer { .. })));
    assert!(matches!(lease.look(), Err(StoreError::OtherServer { .. } | StoreError::Unreachable { .. })));
    assert!(matches!(PostgresIdentities::open(&postgres), Err(StoreError::OtherServer { .. })));
    postgres.pin(None);
    assert_eq!(reader.head(0).unwrap().unwrap(), head, "another life takes what answers");
    // Open connections to a server that may not answer any more are not used, either.
    let another = LocalServer::start(&["fsync = off"]).unwrap();
    postgres.pin(Some(Lease::open(&place(&another), 0).unwrap().server().unwrap()));
    let refused = reader.head(0).unwrap_err();
    assert!(matches!(refused, StoreError::OtherServer { .. }), "{refused}");
}

/// A process that was held up writes no people once another one has the lease, whatever connection it has.
#[test]
fn people_are_written_by_whoever_has_the_lease() {
    let home = super::postgres::postgres();
    let mut people = PostgresIdentities::open(&home).unwrap();
    let lease = Lease::open(&home, 0).unwrap();
    let term = lease.take(None, "o'ne", None, 0).unwrap().unwrap();
    home.write_people_as(0, term, "o'ne");
    people.add_token(&token("ours"), 0).unwrap();
    let add = |people: &mut PostgresIdentities, name: &str| {
        people.transaction(&mut |people| if people.add_token(&token(name), 0).is_ok() { Ending::Commit } else { Ending::RollBack })
    };
    add(&mut people, "ours, too").unwrap();
    let seen = lease.look().unwrap();
    Lease::open(&home, 0).unwrap().take(seen.as_ref(), "two", None, 0).unwrap().unwrap();
    let refused = people.add_token(&token("late"), 0);
    assert!(matches!(refused, Err(StoreError::Superseded { .. })), "{refused:?}");
    let refused = add(&mut people, "late, too");
    assert!(matches!(refused, Err(StoreError::Superseded { .. })), "{refused:?}");
    assert_eq!(people.tokens().unwrap().len(), 2, "nothing of it was written, and reading goes on");
}

/// A host whose kernel accepts and whose server answers nothing keeps nobody from the next one.
#[test]
fn a_frozen_host_keeps_nobody_from_the_next() {
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = LocalServer::start(&["fsync = off"]).unwrap();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", frozen.local_addr().unwrap().port(), server.port());
    let address = format!("postgres://usance@{hosts}/postgres?sslmode=disable&target_session_attrs=read-write");
    let postgres = Postgres::parse(&address, None).unwrap();
    let (told, answer) = std::sync::mpsc::channel();
    thread::spawn(move || told.send(postgres.connect().map(drop)));
    answer.recv_timeout(std::time::Duration::from_secs(4)).expect("the second host answers soon").unwrap();
}
