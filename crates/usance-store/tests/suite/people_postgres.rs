//! People on a server: connections that are lost, and many processes at once. What every home does is in `identity` and
//! `session`.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use usance_store::postgres::Wire;
use usance_store::postgres::local::{LocalServer, Stop};
use usance_store::{
    Identities, IdentityStore, NewSession, NewToken, Postgres, PostgresIdentities, Role, StoreError, TokenRecord, atomically,
};

use super::identity::for_each_place;
use super::postgres::postgres;

fn token(name: &str, hash: u8) -> NewToken {
    NewToken { hash: [hash; 32], ..NewToken::plain(name, Role::Service, None) }
}

fn open(postgres: &Postgres) -> PostgresIdentities {
    PostgresIdentities::open(postgres).unwrap()
}

/// The server's number for a home's connection: it is the one that has the turn.
fn backend(people: &mut PostgresIdentities, watcher: &Wire) -> i32 {
    let holders = "SELECT pid FROM pg_locks WHERE relation = 'counter'::regclass AND mode = 'RowExclusiveLock'";
    let mut found = None;
    people
        .transaction(&mut |_| {
            found = watcher.one(holders, &[]).unwrap().map(|row| row.get(0));
            usance_store::identity::Ending::RollBack
        })
        .unwrap();
    found.unwrap()
}

fn terminate(watcher: &Wire, backend: i32) {
    let row = watcher.one("SELECT pg_terminate_backend($1)", &[&backend]).unwrap();
    assert!(row.unwrap().get::<_, bool>(0));
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_lost_connection_is_healed_by_the_next_call() {
    let postgres = postgres();
    let (mut people, watcher) = (open(&postgres), postgres.people().connect().unwrap());
    // Whether the loss has shown by then or not.
    for (turn, pause) in [(1, 0), (2, 50), (3, 0), (4, 0), (5, 20)] {
        type Act = fn(&mut PostgresIdentities, u8);
        let acts: [(&str, Act); 4] = [
            ("read", |people, _| assert_eq!(people.password("nobody").unwrap(), None)),
            ("write", |people, _| people.set_password("alice", "$argon2id$one", 1).unwrap()),
            ("write a number", |people, turn| assert_eq!(people.add_token(&token("new", turn), 1).unwrap().id, i64::from(turn))),
            ("transaction", |people, turn| {
                let set = atomically::<_, StoreError>(people, |people| people.set_password("bob", &turn.to_string(), 1));
                set.unwrap();
            }),
        ];
        for (what, act) in acts {
            let lost = backend(&mut people, &watcher);
            terminate(&watcher, lost);
            thread::sleep(Duration::from_millis(pause));
            act(&mut people, turn);
            assert_ne!(backend(&mut people, &watcher), lost, "{what} {turn}");
        }
    }
    assert_eq!(people.tokens().unwrap().len(), 5);
    assert_eq!(people.password("bob").unwrap().as_deref(), Some("5"));
}

#[test]
fn a_connection_lost_inside_of_a_transaction_is_an_error_and_nothing_happened() {
    let postgres = postgres();
    let (mut people, watcher) = (open(&postgres), postgres.people().connect().unwrap());
    let checked = |people: &mut PostgresIdentities, what: &str| {
        assert_eq!(people.tokens().unwrap(), [], "{what}");
        assert_eq!(people.password("alice").unwrap(), None, "{what}");
    };

    let lost = backend(&mut people, &watcher);
    let error = atomically::<_, StoreError>(&mut people, |people| {
        people.add_token(&token("lost", 1), 1)?;
        terminate(&watcher, lost);
        people.set_password("alice", "$argon2id$one", 1)
    });
    assert!(matches!(error, Err(StoreError::Unreachable { .. })), "{error:?}");
    checked(&mut people, "work gave the error on");

    let lost = backend(&mut people, &watcher);
    let error = atomically::<_, StoreError>(&mut people, |people| {
        people.add_token(&token("lost", 1), 1)?;
        terminate(&watcher, lost);
        assert!(people.password("alice").is_err());
        // Not on a new connection: the first half would be missing.
        assert!(matches!(people.set_password("alice", "$argon2id$one", 1), Err(StoreError::RolledBack { .. })));
        Ok(())
    });
    assert!(matches!(error, Err(StoreError::RolledBack { .. })), "{error:?}");
    checked(&mut people, "work went on as if nothing were");

    for pause in [0, 50] {
        let lost = backend(&mut people, &watcher);
        let error = atomically::<_, StoreError>(&mut people, |people| {
            people.add_token(&token("lost", 1), 1)?;
            terminate(&watcher, lost);
            thread::sleep(Duration::from_millis(pause));
            Ok(())
        });
        assert!(matches!(error, Err(StoreError::Unreachable { .. } | StoreError::Unknown(_))), "{error:?}");
        checked(&mut people, "lost right before the end");
    }
    assert_eq!(people.add_token(&token("kept", 1), 1).unwrap().id, 1);
}

/// What the server refuses inside of a transaction ends it, whatever the work makes of that.
#[test]
fn a_transaction_that_failed_inside_is_never_called_done() {
    let postgres = postgres();
    let mut people = open(&postgres);
    let error = atomically::<_, StoreError>(&mut people, |people| {
        people.add_token(&token("lost", 1), 1)?;
        let refused = people.set_password("alice", "no text for this server: \0", 1).unwrap_err();
        assert!(matches!(refused, StoreError::Postgres { .. }), "{refused}");
        Ok(())
    });
    let sentence = error.unwrap_err().to_string();
    assert!(sentence.contains("took the whole transaction back: ") && sentence.contains("0x00"), "{sentence}");
    assert_eq!(people.tokens().unwrap(), []);
    people.set_password("alice", "$argon2id$one", 1).unwrap();
}

/// The home never learns whether a commit is safe: the server waits for a replica that there is not.
#[test]
fn a_commit_without_an_answer_is_unknown() {
    let server = LocalServer::start(&["fsync = off"]).unwrap();
    let postgres = Postgres::parse(&server.address("usance"), None).unwrap();
    let (mut people, watcher) = (open(&postgres), postgres.people().connect().unwrap());
    let replicas = |setting: &str| {
        watcher.batch(&format!("ALTER SYSTEM SET synchronous_standby_names = {setting}")).unwrap();
        watcher.batch("SELECT pg_reload_conf()").unwrap();
    };
    let waits = |backend: i32| {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
        watcher.one(sql, &[&backend]).unwrap().is_some()
    };
    let mut hash = 0;
    for (end, sentence) in [("pg_cancel_backend", "but perhaps not by its replicas"), ("pg_terminate_backend", "outcome unknown: ")] {
        let its = backend(&mut people, &watcher);
        replicas("'nobody'");
        let error = loop {
            hash += 1;
            let asked = token("doubtful", hash);
            let writing = thread::spawn(move || {
                let answer = people.add_token(&asked, 1);
                (people, answer)
            });
            until("it waits or has written", || writing.is_finished() || waits(its));
            if waits(its) {
                watcher.batch(&format!("SELECT {end}({its})")).unwrap();
            }
            let (same, answer) = writing.join().unwrap();
            people = same;
            // The setting was not yet in force.
            if let Err(error) = answer {
                break error;
            }
        };
        assert!(matches!(error, StoreError::Unknown(_)), "{end}: {error}");
        assert!(error.to_string().contains(sentence), "{end}: {error}");
        replicas("''");
        // Here it has happened: whoever was told "nothing" would do it twice.
        assert_eq!(people.find_token(&[hash; 32]).unwrap().unwrap().name, "doubtful");
        until("it writes again", || {
            hash += 1;
            people.add_token(&token("after", hash), 1).is_ok()
        });
    }
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let mut server = LocalServer::start(&[]).unwrap();
    let postgres = Postgres::parse(&server.address("usance"), None).unwrap();
    let mut people = open(&postgres);
    for (turn, how) in [(1, Stop::Fast), (2, Stop::Immediate)] {
        let added = people.add_token(&token("kept", turn), 1).unwrap();
        server.stop(how).unwrap();
        // It never began, so nothing is unknown.
        for _ in 0..2 {
            assert!(matches!(people.password("alice"), Err(StoreError::Unreachable { .. })));
            assert!(matches!(people.set_password("alice", "$argon2id$one", 1), Err(StoreError::Unreachable { .. })));
            let error = people.transaction(&mut |_| unreachable!("there is no transaction"));
            assert!(matches!(error, Err(StoreError::Unreachable { .. })));
        }
        assert!(matches!(PostgresIdentities::open(&postgres), Err(StoreError::Unreachable { .. })));
        server.resume().unwrap();
        assert_eq!(people.find_token(&[turn; 32]).unwrap(), Some(added));
        assert_eq!(people.password("alice").unwrap(), None);
    }
}

#[test]
fn writers_wait_for_a_transaction_and_readers_do_not() {
    let postgres = postgres();
    let (mut people, other, reader) = (open(&postgres), open(&postgres), open(&postgres));
    people.set_second_factor("alice", b"old", 1).unwrap();
    thread::scope(|scope| {
        let mut replacing = None;
        atomically::<_, StoreError>(&mut people, |people| {
            let secret = people.second_factor("alice")?.unwrap().secret;
            let set = scope.spawn(move || other.set_second_factor("alice", b"new", 2).unwrap());
            thread::sleep(Duration::from_millis(200));
            assert!(!set.is_finished(), "it comes between");
            replacing = Some(set);
            assert_eq!(people.second_factor("alice")?.unwrap().secret, secret);
            assert!(people.use_step("alice", 5)?);
            assert_eq!(reader.second_factor("alice")?.unwrap().last_step, None, "not yet");
            Ok(())
        })
        .unwrap();
        replacing.unwrap().join().unwrap();
    });
    let after = people.second_factor("alice").unwrap().unwrap();
    assert_eq!((after.secret.as_slice(), after.last_step), (b"new".as_slice(), None));
}

#[test]
fn a_turn_that_does_not_come_is_a_clear_error() {
    let postgres = postgres();
    let (mut people, holder) = (open(&postgres), postgres.people().connect().unwrap());
    holder.batch("BEGIN; UPDATE counter SET value = value + 1 WHERE name = 'turn'").unwrap();
    let error = people.transaction(&mut |_| unreachable!("it is not our turn")).unwrap_err();
    assert!(error.to_string().contains("lock timeout"), "{error}");
    holder.batch("ROLLBACK").unwrap();
    people.set_password("alice", "$argon2id$one", 1).unwrap();
}

/// Engines that keep transactions apart by giving some up, at each of the places where they may do so.
#[test]
fn what_the_server_gives_up_is_tried_again_where_that_is_safe() {
    let raise = "CREATE SEQUENCE tries;
        CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'given up' USING ERRCODE = '40001'; END IF;
            RETURN NEW;
        END $$;";
    let rows = [
        ("at the turn", "CREATE TRIGGER t BEFORE UPDATE ON counter FOR EACH ROW WHEN (new.name = 'turn') EXECUTE FUNCTION give_up()", true),
        ("in a statement", "CREATE TRIGGER t BEFORE INSERT ON password FOR EACH ROW EXECUTE FUNCTION give_up()", false),
        (
            "at the commit",
            "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON password DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION give_up()",
            false,
        ),
    ];
    for (place, trigger, begins_again) in rows {
        let postgres = postgres();
        let (mut people, watcher) = (open(&postgres), postgres.people().connect().unwrap());
        watcher.batch(&format!("{raise} {trigger}")).unwrap();
        people.set_password("alice", "$argon2id$one", 1).unwrap();
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"), "{place}");

        watcher.batch("ALTER SEQUENCE tries RESTART").unwrap();
        let mut runs = 0;
        let ended = atomically::<_, StoreError>(&mut people, |people| {
            runs += 1;
            people.set_password("bob", "$argon2id$one", 1)
        });
        assert_eq!((runs, ended.is_ok()), (1, begins_again), "{place}: {ended:?}");
        assert_eq!(people.password("bob").unwrap().is_some(), begins_again, "{place}");
        if let Err(error) = ended {
            assert!(error.to_string().ends_with("given up [40001]"), "{place}: {error}");
        }
    }
}

/// Each reads what the one before has written, so a transaction that another one came between would lose something.
#[test]
fn transactions_of_many_processes_do_not_mix() {
    const PROCESSES: usize = 4;
    const TIMES: usize = 20;
    for_each_place(|open| {
        open().set_password("count", "0", 1).unwrap();
        thread::scope(|scope| {
            for _ in 0..PROCESSES {
                scope.spawn(|| {
                    let mut people = open();
                    for _ in 0..TIMES {
                        let one_up = atomically::<_, StoreError>(&mut *people, |people| {
                            let count: usize = people.password("count")?.unwrap().parse().unwrap();
                            people.set_password("count", &(count + 1).to_string(), 1)
                        });
                        one_up.unwrap();
                    }
                });
            }
        });
        assert_eq!(open().password("count").unwrap(), Some((PROCESSES * TIMES).to_string()));
    });
}

#[test]
fn of_many_who_want_one_thing_exactly_one_gets_it() {
    const PROCESSES: usize = 6;
    const THINGS: u8 = 20;
    for_each_place(|open| {
        let people = open();
        people.set_second_factor("alice", b"one", 1).unwrap();
        (0..THINGS).for_each(|hash| people.add_sign_in_link(&[hash; 32], "alice", 100).unwrap());
        let ready = Barrier::new(PROCESSES);
        let take_each = || {
            let mut people = open();
            let taken = (0..THINGS).map(|thing| {
                ready.wait();
                let link = people.take_sign_in_link(&[thing; 32], 50).unwrap().is_some();
                ready.wait();
                let step = people.use_step("alice", thing.into()).unwrap();
                ready.wait();
                let session =
                    NewSession { hash: [thing; 32], customer: "alice".to_owned(), device: "phone".to_owned(), expires_at_ms: 1_000 };
                let added = atomically::<_, StoreError>(&mut *people, |people| people.add_session(&session, 1)).is_ok();
                [link, step, added].map(usize::from)
            });
            taken.collect::<Vec<_>>()
        };
        let winners = thread::scope(|scope| {
            let processes: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(take_each)).collect();
            let taken: Vec<_> = processes.into_iter().map(|process| process.join().unwrap()).collect();
            let winners = |thing: usize| [0, 1, 2].map(|kind| taken.iter().map(|all| all[thing][kind]).sum::<usize>());
            (0..THINGS.into()).map(winners).collect::<Vec<_>>()
        });
        assert_eq!(winners, vec![[1_usize, 1, 1]; THINGS.into()]);
    });
}

#[test]
fn numbers_are_given_once_whoever_asks() {
    const PROCESSES: u8 = 5;
    const EACH: u8 = 20;
    for_each_place(|open| {
        let add = |process: u8| {
            let people = open();
            let add = |number: u8| people.add_token(&token("one of many", process * EACH + number), 1).unwrap();
            (0..EACH).map(add).collect::<Vec<TokenRecord>>()
        };
        let mut ids = thread::scope(|scope| {
            let processes: Vec<_> = (0..PROCESSES).map(|process| scope.spawn(move || add(process))).collect();
            processes.into_iter().flat_map(|process| process.join().unwrap()).map(|record| record.id).collect::<Vec<_>>()
        });
        ids.sort_unstable();
        assert_eq!(ids, (1..=i64::from(PROCESSES * EACH)).collect::<Vec<_>>());
    });
}

#[test]
fn many_processes_may_make_the_tables_at_once() {
    for _ in 0..10 {
        for_each_place(|open| {
            let ready = Barrier::new(6);
            thread::scope(|scope| {
                for hash in 0..6 {
                    let ready = &ready;
                    scope.spawn(move || {
                        ready.wait();
                        open().add_token(&token("new", hash), 1).unwrap();
                    });
                }
            });
            assert_eq!(open().tokens().unwrap().len(), 6);
        });
    }
}

#[test]
fn tables_of_a_newer_release_are_refused_and_left_alone() {
    let postgres = postgres();
    open(&postgres).add_token(&token("kept", 1), 1).unwrap();
    let watcher = postgres.people().connect().unwrap();
    watcher.batch("UPDATE schema_version SET version = 3 WHERE component = 'people'").unwrap();
    let refused = PostgresIdentities::open(&postgres);
    assert!(matches!(refused, Err(StoreError::NewerVersion { found: 3, known: 2, .. })), "{refused:?}");
    watcher.batch("UPDATE schema_version SET version = 2 WHERE component = 'people'").unwrap();
    assert_eq!(open(&postgres).tokens().unwrap().len(), 1);
}

#[test]
fn what_nobody_of_ours_wrote_is_damage() {
    type Ask = fn(&PostgresIdentities) -> Option<StoreError>;
    let rows: [(&str, &str, Ask); 5] = [
        ("UPDATE token SET role = 'king'", "\"king\" is none of its column's words", |people| people.tokens().err()),
        ("UPDATE token SET hash = '\\x0102'", "2 bytes where 32 belong", |people| people.everything().err()),
        ("UPDATE remembered SET status = -1", "a status that is none", |people| people.remembered(&[1; 16]).err()),
        ("DELETE FROM counter WHERE name = 'turn'", "a counter is missing", |people| people.set_password("alice", "x", 1).err()),
        ("DELETE FROM counter WHERE name = 'token'", "the counter token is missing", |people| people.add_token(&token("new", 2), 1).err()),
    ];
    for (sql, sentence, ask) in rows {
        let postgres = postgres();
        let people = open(&postgres);
        people.add_token(&token("first", 1), 1).unwrap();
        let answer = usance_store::Remembered { fingerprint: [1; 32], status: 201, body: Vec::new(), sealed: None };
        people.remember(&[1; 16], &answer, 1).unwrap();
        postgres.people().connect().unwrap().batch(sql).unwrap();
        let error = ask(&people).unwrap();
        assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains(sentence), "{sql}: {error}");
    }
}

/// As the service asks: on a thread that others wait for.
#[test]
fn it_is_asked_from_a_task() {
    let postgres = postgres();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let found = runtime.block_on(async move {
        let asking = tokio::spawn(async move {
            let mut people = open(&postgres);
            atomically::<_, StoreError>(&mut people, |people| people.set_password("alice", "$argon2id$one", 1)).unwrap();
            people.password("alice").unwrap()
        });
        asking.await.unwrap()
    });
    assert_eq!(found.as_deref(), Some("$argon2id$one"));
}
