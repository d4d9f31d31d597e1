//! People and tokens, in every home: in a file, in memory, on a server.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use usance_store::{
    Identities, IdentityStore, NewToken, PostgresIdentities, Remembered, Role, SqliteIdentities, StoreError, TokenRecord, atomically,
};

use super::postgres::postgres;

/// Opens the same people once more, as another process does.
pub type Open<'a> = &'a (dyn Fn() -> Box<dyn IdentityStore> + Sync);

/// Runs a test for a home in memory and for each one that outlives its process.
pub fn for_each_home(test: impl Fn(&mut dyn IdentityStore)) {
    test(&mut SqliteIdentities::in_memory().unwrap());
    for_each_place(|open| test(&mut *open()));
}

/// Runs a test for people in a file and for people on a server.
pub fn for_each_place(test: impl Fn(Open<'_>)) {
    let dir = tempfile::tempdir().unwrap();
    test(&|| Box::new(open(dir.path())));
    let postgres = postgres();
    test(&|| Box::new(PostgresIdentities::open(&postgres).unwrap()));
}

/// The people of a directory.
pub fn open(dir: &Path) -> SqliteIdentities {
    SqliteIdentities::open(&dir.join("people.sqlite")).unwrap()
}

fn token(name: &str, hash: u8) -> NewToken {
    NewToken { name: name.to_owned(), role: Role::Operator, customer: None, hash: [hash; 32] }
}

fn answer(status: u16) -> Remembered {
    Remembered { fingerprint: [3; 32], status, body: b"{}".to_vec() }
}

fn names(tokens: &[TokenRecord]) -> Vec<&str> {
    tokens.iter().map(|token| token.name.as_str()).collect()
}

#[test]
fn roles_are_lowercase_words() {
    for (role, word) in [(Role::Customer, "customer"), (Role::Service, "service"), (Role::Operator, "operator"), (Role::Auditor, "auditor")]
    {
        assert_eq!((role.to_string(), word.parse()), (word.to_owned(), Ok(role)));
    }
    assert_eq!("Operator".parse::<Role>().unwrap_err().to_string(), "no such role: Operator (customer, service, operator, auditor)",);
}

#[test]
fn tokens_are_added_listed_and_revoked() {
    for_each_home(|people| {
        let first = people.add_token(&token("first", 1), 100).unwrap();
        let customers = NewToken { role: Role::Customer, customer: Some("alice".into()), ..token("second", 2) };
        let second = people.add_token(&customers, 200).unwrap();
        assert_eq!(
            second,
            TokenRecord {
                id: first.id + 1,
                name: "second".into(),
                role: Role::Customer,
                customer: Some("alice".into()),
                created_at_ms: 200,
                revoked_at_ms: None,
            },
        );
        assert_eq!(people.tokens().unwrap(), [second.clone(), first.clone()]);
        assert_eq!(people.find_token(&[2; 32]).unwrap(), Some(second.clone()));
        assert_eq!(people.find_token(&[9; 32]).unwrap(), None);

        assert!(people.revoke_token(first.id, 300).unwrap());
        assert!(!people.revoke_token(first.id, 400).unwrap(), "revoked once");
        assert!(!people.revoke_token(99, 400).unwrap());
        assert_eq!(people.find_token(&[1; 32]).unwrap(), None);
        assert_eq!(people.live_tokens().unwrap(), [([2; 32], second)]);
        let revoked = people.tokens().unwrap().pop().unwrap();
        assert_eq!((revoked.revoked_at_ms, revoked.is_live()), (Some(300), false));
    });
}

#[test]
fn a_secret_belongs_to_one_token_for_ever() {
    for_each_home(|people| {
        let first = people.add_token(&token("first", 1), 100).unwrap();
        people.revoke_token(first.id, 200).unwrap();
        let refused = people.add_token(&token("again", 1), 300).unwrap_err();
        assert_eq!(refused.to_string(), "exists already: a token with this secret");
    });
}

#[test]
fn a_password_is_set_and_replaced() {
    for_each_home(|people| {
        assert_eq!(people.password("alice").unwrap(), None);
        people.set_password("alice", "$argon2id$one", 1).unwrap();
        people.set_password("alice", "$argon2id$two", 2).unwrap();
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$two"));
        assert_eq!(people.password("bob").unwrap(), None);
    });
}

#[test]
fn a_link_signs_in_once_and_in_time() {
    for_each_home(|people| {
        people.add_sign_in_link(&[1; 32], "alice", 100).unwrap();
        people.add_sign_in_link(&[2; 32], "bob", 100).unwrap();
        assert!(matches!(people.add_sign_in_link(&[2; 32], "eve", 100), Err(StoreError::AlreadyExists { .. })));
        assert_eq!(people.sign_in_link(&[1; 32], 99).unwrap().as_deref(), Some("alice"), "looking uses nothing up");
        assert_eq!((people.sign_in_link(&[1; 32], 100).unwrap(), people.sign_in_link(&[3; 32], 0).unwrap()), (None, None));
        assert_eq!(people.take_sign_in_link(&[1; 32], 99).unwrap().as_deref(), Some("alice"));
        assert_eq!(people.sign_in_link(&[1; 32], 99).unwrap(), None);
        assert_eq!(people.take_sign_in_link(&[1; 32], 99).unwrap(), None, "once");
        assert_eq!(people.take_sign_in_link(&[2; 32], 100).unwrap(), None, "too late");
        assert_eq!(people.take_sign_in_link(&[2; 32], 50).unwrap(), None, "used up all the same");
        assert_eq!(people.take_sign_in_link(&[3; 32], 50).unwrap(), None);
    });
}

#[test]
fn answers_are_remembered_and_forgotten() {
    for_each_home(|people| {
        assert_eq!(people.remembered(&[1; 16]).unwrap(), None);
        people.remember(&[1; 16], &answer(201), 100).unwrap();
        people.remember(&[2; 16], &answer(409), 200).unwrap();
        assert_eq!(people.remembered(&[1; 16]).unwrap(), Some(answer(201)));
        assert!(matches!(people.remember(&[1; 16], &answer(500), 300), Err(StoreError::AlreadyExists { .. })));
        people.add_sign_in_link(&[1; 32], "alice", 150).unwrap();
        people.add_sign_in_link(&[2; 32], "bob", 200).unwrap();
        assert_eq!(people.forget_before(200).unwrap(), 2);
        assert_eq!(people.remembered(&[1; 16]).unwrap(), None);
        assert_eq!(people.remembered(&[2; 16]).unwrap(), Some(answer(409)));
        assert_eq!(people.take_sign_in_link(&[2; 32], 199).unwrap().as_deref(), Some("bob"));
    });
}

#[test]
fn a_secret_is_made_once() {
    for_each_home(|people| {
        assert_eq!(people.secret_or_insert("session", &[1; 32]).unwrap(), [1; 32]);
        assert_eq!(people.secret_or_insert("session", &[2; 32]).unwrap(), [1; 32]);
        assert_eq!(people.secret_or_insert("other", &[2; 32]).unwrap(), [2; 32]);
    });
}

#[test]
fn a_transaction_happens_wholly_or_not_at_all() {
    for_each_home(|people| {
        let added = atomically::<_, StoreError>(people, |people| {
            let record = people.add_token(&token("kept", 1), 100)?;
            people.remember(&[1; 16], &answer(201), 100)?;
            Ok(record)
        })
        .unwrap();
        assert_eq!(people.tokens().unwrap(), [added]);

        // The second write is refused, so the first did not happen either.
        let refused = atomically::<_, StoreError>(people, |people| {
            people.add_token(&token("lost", 2), 100)?;
            people.remember(&[1; 16], &answer(201), 100)
        });
        assert!(matches!(refused, Err(StoreError::AlreadyExists { .. })));
        assert_eq!(names(&people.tokens().unwrap()), ["kept"]);
        assert_eq!(people.find_token(&[2; 32]).unwrap(), None);
    });
}

#[test]
fn a_panic_inside_a_transaction_rolls_it_back() {
    for_each_home(|people| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            atomically::<(), StoreError>(people, |people| {
                people.set_password("alice", "$argon2id$one", 1)?;
                panic!("scripted");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(people.password("alice").unwrap(), None);
        atomically::<_, StoreError>(people, |people| people.set_password("alice", "$argon2id$two", 2)).unwrap();
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$two"));
    });
}

#[test]
fn everything_outlives_a_restart() {
    for_each_place(|open| {
        let people = open();
        let record = people.add_token(&token("first", 1), 100).unwrap();
        people.set_password("alice", "$argon2id$one", 1).unwrap();
        people.add_sign_in_link(&[1; 32], "alice", 100).unwrap();
        people.remember(&[1; 16], &answer(201), 100).unwrap();
        people.secret_or_insert("session", &[1; 32]).unwrap();
        drop(people);
        let people = open();
        assert_eq!(people.tokens().unwrap(), [record]);
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"));
        assert_eq!(people.take_sign_in_link(&[1; 32], 50).unwrap().as_deref(), Some("alice"));
        assert_eq!(people.remembered(&[1; 16]).unwrap(), Some(answer(201)));
        assert_eq!(people.secret_or_insert("session", &[2; 32]).unwrap(), [1; 32]);
    });
}

/// The command line adds a token while the engine runs.
#[test]
fn two_processes_share_one_place() {
    for_each_place(|open| {
        let (engine, command_line) = (open(), open());
        command_line.add_token(&token("new", 1), 100).unwrap();
        assert_eq!(engine.find_token(&[1; 32]).unwrap().unwrap().name, "new");
        engine.add_sign_in_link(&[1; 32], "alice", 100).unwrap();
        assert_eq!(command_line.take_sign_in_link(&[1; 32], 50).unwrap().as_deref(), Some("alice"));
        assert_eq!(engine.take_sign_in_link(&[1; 32], 50).unwrap(), None);
        assert_eq!(engine.secret_or_insert("session", &[1; 32]).unwrap(), [1; 32]);
        assert_eq!(command_line.secret_or_insert("session", &[2; 32]).unwrap(), [1; 32]);
    });
}

#[test]
fn another_process_shows_that_tokens_changed() {
    for_each_place(|open| {
        let (engine, command_line) = (open(), open());
        let mut seen = engine.foreign_version().unwrap();
        let mut changed = || {
            let before = std::mem::replace(&mut seen, engine.foreign_version().unwrap());
            before != seen
        };
        assert!(!changed());
        let added = command_line.add_token(&token("new", 1), 100).unwrap();
        assert!(changed());
        assert!(!changed(), "once");
        command_line.revoke_token(added.id, 200).unwrap();
        assert!(changed());
        command_line.add_token(&token("next", 2), 300).unwrap();
        command_line.add_token(&token("last", 3), 300).unwrap();
        assert!(changed());
        assert!(!changed(), "once");
    });
}

/// What was refused is one thing among others to whoever goes on: the transaction is none the worse for it.
#[test]
fn a_transaction_goes_on_after_a_refusal() {
    for_each_home(|people| {
        atomically::<_, StoreError>(people, |people| {
            people.add_token(&token("first", 1), 100)?;
            let refused = people.add_token(&token("again", 1), 100);
            assert!(matches!(refused, Err(StoreError::AlreadyExists { .. })));
            people.set_password("alice", "$argon2id$one", 1)
        })
        .unwrap();
        assert_eq!(names(&people.tokens().unwrap()), ["first"]);
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"));
        assert!(people.add_token(&token("second", 2), 100).unwrap().id > 1);
    });
}

/// A form may send any name, also one that not every home can hold.
#[test]
fn a_name_that_is_none_is_nobodys() {
    for_each_home(|people| {
        let name = "alice\0";
        assert_eq!(people.password(name).unwrap(), None);
        assert_eq!(people.second_factor(name).unwrap(), None);
        assert_eq!(people.sessions(name, 1).unwrap(), []);
        assert!(!people.use_step(name, 1).unwrap() && !people.remove_second_factor(name).unwrap());
        assert_eq!((people.end_session(name, 1).unwrap(), people.end_sessions(name, None).unwrap()), (false, 0));
    });
}

#[test]
fn a_role_of_no_release_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let people = open(dir.path());
    people.add_token(&token("first", 1), 100).unwrap();
    rusqlite::Connection::open(dir.path().join("people.sqlite")).unwrap().execute_batch("UPDATE token SET role = 'king'").unwrap();
    let refused = people.tokens().unwrap_err().to_string();
    assert!(refused.contains("no such role: king"), "{refused}");
}
