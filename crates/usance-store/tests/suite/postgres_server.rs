//! What the log does when something happens to the PostgreSQL server itself: it stops, it hangs, its disks are full, its
//! replica is gone. Each of these tests has a server of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use usance_store::postgres::Wire;
use usance_store::postgres::local::{LocalServer, Stop};
use usance_store::postgres::{Lease, Renewed};
use usance_store::{Appended, Batch, Head, LogReader, LogStore, Postgres, PostgresLog, PostgresLogReader, StoreError};

use super::postgres::{backends, until, whole};
use super::{append_all, sealed};

/// A program that runs as the user whom the server runs as.
fn as_owner(server: &LocalServer, program: impl AsRef<OsStr>) -> Command {
    let owner = fs::metadata(server.data()).unwrap();
    let mut command = Command::new(program);
    command.uid(owner.uid()).gid(owner.gid()).current_dir("/").stdout(Stdio::null());
    command
}

fn server() -> LocalServer {
    LocalServer::start(&["fsync = off"]).unwrap()
}

/// The server under the name `log`, for the connections that a test does something to.
fn named(server: &LocalServer) -> Postgres {
    Postgres::parse(&format!("{}&application_name=log", server.address("usance")), None).unwrap()
}

/// The server for what a test does beside.
fn beside(server: &LocalServer) -> Wire {
    Postgres::parse(&server.address("usance"), None).unwrap().connect().unwrap()
}

/// The log of a server that takes a while to come back.
fn reopened(postgres: &Postgres) -> PostgresLog {
    let mut opened = PostgresLog::open(postgres);
    until("the server is back", || {
        if opened.is_err() {
            opened = PostgresLog::open(postgres);
        }
        opened.is_ok()
    });
    opened.unwrap()
}

/// The process `pid` gets a signal.
fn signal(name: &str, pid: i32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// The process `pid` of a server cannot write beyond so many bytes of a file. For that one is the user it runs as.
fn limit_files(server: &LocalServer, pid: i32, bytes: &str) {
    let mut limit = as_owner(server, "prlimit");
    limit.args([&format!("--fsize={bytes}:"), "--pid", &pid.to_string()]);
    assert!(limit.status().expect("prlimit, of the Debian package util-linux").success());
}

/// Bytes that no compression makes smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

/// Appends until an answer is not *done*: what was acknowledged, the batch without, and its answer.
fn append_until_it_fails(log: &mut PostgresLog) -> (Vec<Batch>, Batch, Appended) {
    let mut head = log.head(0).unwrap().unwrap_or(Head::GENESIS);
    let mut done = Vec::new();
    loop {
        let batch = sealed(0, &head, &[b"one", b"two"]);
        match log.append(head.seq, &batch) {
            Appended::Done => head = batch.head(),
            answer => return (done, batch, answer),
        }
        done.push(batch);
    }
}

/// Opens the log again: what was acknowledged is there as it was written, behind it stands `last` or nothing, and the log
/// goes on. Whether `last` is there.
#[track_caller]
fn goes_on(postgres: &Postgres, acknowledged: &[Batch], last: &Batch) -> bool {
    let mut log = reopened(postgres);
    let reader = log.reader().unwrap();
    for batch in acknowledged {
        assert_eq!(reader.read(0, batch.seq, 1).unwrap(), std::slice::from_ref(batch));
    }
    let tail = reader.read(0, last.seq, 10).unwrap();
    assert!(tail.is_empty() || tail == std::slice::from_ref(last), "{} batches where one at most was sent", tail.len());
    let fresh = append_all(&mut log, 0, &[&[b"fresh"]]);
    assert_eq!(whole(&*reader), fresh);
    !tail.is_empty()
}

#[track_caller]
fn assert_unknown(answer: &Appended) {
    assert!(matches!(answer, Appended::Unknown(_)), "{answer:?}");
}

#[test]
fn a_server_that_stops_and_starts_again() {
    let mut server = server();
    let postgres = named(&server);
    let pooled = reopened(&postgres).reader().unwrap();
    for how in [Stop::Fast, Stop::Immediate] {
        let mut log = PostgresLog::open(&postgres).unwrap();
        let started = AtomicBool::new(false);
        let (acknowledged, last, answer) = thread::scope(|scope| {
            let appending = scope.spawn(|| {
                started.store(true, Ordering::Release);
                append_until_it_fails(&mut log)
            });
            until("appends began", || started.load(Ordering::Acquire));
            thread::sleep(Duration::from_millis(50));
            server.stop(how).unwrap();
            appending.join().unwrap()
        });
        assert_unknown(&answer);
        assert!(!acknowledged.is_empty());
        assert!(matches!(PostgresLog::open(&postgres), Err(StoreError::Unreachable { .. })));
        assert!(matches!(pooled.head(0), Err(StoreError::Unreachable { .. })));
        server.resume().unwrap();
        goes_on(&postgres, &acknowledged, &last);
        assert_unknown(&log.append(last.seq - 1, &last));
        assert_eq!(pooled.head(0).unwrap(), Some(whole(&*pooled)));
    }
}

/// A server process that does not move: what it was sent is made once it moves again, when nobody waits any more.
#[test]
fn a_server_that_hangs() {
    let server = server();
    let postgres = named(&server);
    let mut log = PostgresLog::open(&postgres).unwrap();
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    let [pid] = backends(&beside(&server), "log")[..] else { panic!("one connection") };
    let late = sealed(0, &head, &[b"late"]);
    log.set_patience(Duration::from_millis(200));
    signal("-STOP", pid);
    let answer = log.append(1, &late);
    let mut fresh = PostgresLog::open(&postgres).unwrap();
    assert_eq!(fresh.head(0).unwrap(), Some(head));
    // The request to give it up comes while the process has not read what it was sent, and finds nothing to give up.
    thread::sleep(Duration::from_millis(500));
    signal("-CONT", pid);
    assert_unknown(&answer);
    until("the insert is made", || fresh.head(0).unwrap() == Some(late.head()));
    assert_eq!(fresh.append(1, &sealed(0, &head, &[b"fresh"])), Appended::Fenced { found: 2 });
    assert!(goes_on(&postgres, &[], &late));
}

/// The table cannot grow: nothing is written, and the same append is made once there is room.
#[test]
fn a_full_disk() {
    let server = server();
    let postgres = named(&server);
    let mut log = PostgresLog::open(&postgres).unwrap();
    let [pid] = backends(&beside(&server), "log")[..] else { panic!("one connection") };
    // A bound inside a page: a page that is written in part is how a disk ends. The write-ahead log's files are smaller.
    limit_files(&server, pid, &format!("{}", (24 << 20) + 4096));
    let body = noise(7 << 20);
    let mut head = Head::GENESIS;
    let full = loop {
        let batch = sealed(0, &head, &[&body]);
        match log.append(head.seq, &batch) {
            Appended::Done => head = batch.head(),
            Appended::Full => break batch,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(full.seq, 4);
    assert_eq!(log.append(3, &full), Appended::Full);
    assert_eq!(whole(&*log.reader().unwrap()), head);
    limit_files(&server, pid, "unlimited");
    assert_eq!(log.append(3, &full), Appended::Done);
    assert_eq!(whole(&*log.reader().unwrap()), full.head());
}

/// The write-ahead log cannot be written: the server ends all its sessions and recovers.
#[test]
fn a_full_disk_of_the_write_ahead_log() {
    let server = server();
    let postgres = named(&server);
    let mut log = PostgresLog::open(&postgres).unwrap();
    let head = append_all(&mut log, 0, &[&[b"first"]]);
    let beside = beside(&server);
    let offset = "SELECT file_offset FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())";
    assert!(beside.one(offset, &[]).unwrap().unwrap().get::<_, i32>(0) > 1 << 20);
    // All but the first process, from which those that recover come.
    for row in beside.query("SELECT pid FROM pg_stat_activity", &[]).unwrap() {
        limit_files(&server, row.get(0), "1048576");
    }
    let next = sealed(0, &head, &[b"next"]);
    assert_unknown(&log.append(1, &next));
    until("the server says why", || server.said().contains("PANIC:  could not write to log file"));
    let first = sealed(0, &Head::GENESIS, &[b"first"]);
    goes_on(&postgres, &[first], &next);
}

/// A commit that waits for a replica, and is told to stop waiting, is answered well: it is there, and perhaps only there.
#[test]
fn a_replica_that_is_not_there() {
    let server = server();
    let postgres = named(&server);
    let beside = beside(&server);
    drop(PostgresLog::open(&postgres).unwrap());
    beside.batch("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").unwrap();
    beside.batch("SELECT pg_reload_conf()").unwrap();
    let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for stop in ["SELECT pg_cancel_backend($1)", "SELECT pg_terminate_backend($1)"] {
        let mut log = PostgresLog::open(&postgres).unwrap();
        // The server may take a moment to know of its replica.
        let appending = thread::spawn(move || append_until_it_fails(&mut log));
        until("the append waits for the replica", || beside.one(waits, &[]).unwrap().is_some());
        beside.execute(stop, &[&beside.one(waits, &[]).unwrap().unwrap().get::<_, i32>(0)]).unwrap();
        let (acknowledged, last, answer) = appending.join().unwrap();
        assert_unknown(&answer);
        assert!(!stop.contains("cancel") || format!("{answer:?}").contains("perhaps no replica has it"), "{answer:?}");
        let reader = PostgresLogReader::open(&postgres).unwrap();
        assert_eq!(whole(&reader), last.head());
        assert_eq!(reader.read(0, last.seq, 1).unwrap(), std::slice::from_ref(&last));
        assert!(acknowledged.iter().all(|batch| reader.read(0, batch.seq, 1).unwrap() == [batch.clone()]));
    }
    // Settings are told so too, and so is a fresh append: nothing is done before a replica has it.
    let mut log = PostgresLog::open(&postgres).unwrap();
    log.set_patience(Duration::from_millis(200));
    assert!(matches!(log.set_meta("one", "yes"), Err(StoreError::Unknown(_))));
    let mut log = PostgresLog::open(&postgres).unwrap();
    let settling = thread::spawn(move || log.settle(&[("two", "yes")]));
    // What was given up waits no longer.
    until("one waits for the replica", || beside.query(waits, &[]).unwrap().len() == 1);
    beside.batch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").unwrap();
    assert!(matches!(settling.join().unwrap(), Err(StoreError::Unknown(_))));
    let mut log = PostgresLog::open(&postgres).unwrap();
    log.set_patience(Duration::from_millis(200));
    let head = log.head(0).unwrap().unwrap();
    let last = sealed(0, &head, &[b"last"]);
    assert_unknown(&log.append(head.seq, &last));

    beside.batch("ALTER SYSTEM RESET synchronous_standby_names").unwrap();
    beside.batch("SELECT pg_reload_conf()").unwrap();
    assert!(goes_on(&postgres, &[], &last));
}

/// A server whose numbers of transactions run out warns with every write, for weeks perhaps. Its writes are made all the
/// same.
#[test]
fn a_server_that_warns_of_something_else() {
    let mut server = server();
    let address = format!("{}&options=-c%20post_auth_delay%3D0", server.address("usance"));
    let postgres = Postgres::parse(&address, None).unwrap();
    append_all(&mut PostgresLog::open(&postgres).unwrap(), 0, &[&[b"first"]]);
    server.stop(Stop::Fast).unwrap();
    let (next, a_file_holds) = (2_130_000_000_u32, 1_048_576);
    let mut reset = as_owner(&server, server.programs().join("pg_resetwal"));
    assert!(reset.args(["-x", &next.to_string(), "-D"]).arg(server.data()).status().unwrap().success());
    let states = format!("of={}/pg_xact/{:04X}", server.data().display(), next / a_file_holds);
    let mut write = as_owner(&server, "dd");
    assert!(write.args(["if=/dev/zero", &states, "bs=262144", "count=1", "status=none"]).status().unwrap().success());
    // What would mend it by itself sleeps first, as every connection does that does not say otherwise.
    let mut settings = fs::OpenOptions::new().append(true).open(server.data().join("postgresql.conf")).unwrap();
    settings.write_all(b"post_auth_delay = 600\n").unwrap();
    server.resume().unwrap();
    let warnings = || server.said().matches("must be vacuumed within").count();
    let mut log = PostgresLog::open(&postgres).unwrap();
    let before = warnings();
    let head = append_all(&mut log, 0, &[&[b"second"], &[b"third"]]);
    assert_eq!(warnings(), before + 2);
    assert_eq!(whole(&*log.reader().unwrap()), head);
}

/// A primary that no replica confirms, because another one has taken its place, keeps no writer believing. Watching and
/// leaving notes goes on.
#[test]
fn a_lease_that_no_replica_confirms() {
    let server = server();
    let (postgres, beside) = (named(&server), beside(&server));
    let mut lease = Lease::open(&postgres, 0).unwrap();
    let term = lease.take(None, "one", None, 0).unwrap().unwrap();
    assert_eq!(lease.renew(term, 0, 0).unwrap(), Renewed::Kept { wanted: None, ends_at: None });
    beside.batch("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").unwrap();
    beside.batch("SELECT pg_reload_conf()").unwrap();
    lease.set_patience(Duration::from_millis(300));
    until("a renewal is not confirmed", || lease.renew(term, 0, 0).is_err());
    // Nor is one whose wait somebody has ended: the server calls that success, and warns.
    let waiting = thread::spawn(move || {
        lease.set_patience(Duration::from_secs(10));
        (lease.renew(term, 0, 0), lease)
    });
    let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("the renewal waits", || beside.one(waits, &[]).unwrap().is_some());
    beside.batch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").unwrap();
    let (renewal, lease) = waiting.join().unwrap();
    assert!(matches!(renewal, Err(StoreError::Unknown(_))), "{renewal:?}");
    let watching = Lease::open_to_watch(&postgres, 0).unwrap();
    watching.follow("two", None, 1).unwrap();
    assert_eq!(watching.look().unwrap().unwrap().holder.as_deref(), Some("one"));
    beside.batch("ALTER SYSTEM RESET synchronous_standby_names").unwrap();
    beside.batch("SELECT pg_reload_conf()").unwrap();
    until("renewals are confirmed again", || lease.renew(term, 0, 0).is_ok());
}
