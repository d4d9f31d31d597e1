//! People and tokens, in a file and in memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use usance_store::{Identities, IdentityStore, NewToken, Remembered, Role, SqliteIdentities, StoreError, TokenRecord, atomically};

/// Runs a test for a home in a file and one in memory.
pub fn for_each_home(test: impl Fn(&mut dyn IdentityStore)) {
    test(&mut SqliteIdentities::in_memory().unwrap());
    let dir = tempfile::tempdir().unwrap();
    test(&mut open(dir.path()));
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
    let dir = tempfile::tempdir().unwrap();
    let people = open(dir.path());
    let record = people.add_token(&token("first", 1), 100).unwrap();
    people.set_password("alice", "$argon2id$one", 1).unwrap();
    people.add_sign_in_link(&[1; 32], "alice", 100).unwrap();
    people.remember(&[1; 16], &answer(201), 100).unwrap();
    people.secret_or_insert("session", &[1; 32]).unwrap();
    drop(people);
    let people = open(dir.path());
    assert_eq!(people.tokens().unwrap(), [record]);
    assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"));
    assert_eq!(people.take_sign_in_link(&[1; 32], 50).unwrap().as_deref(), Some("alice"));
    assert_eq!(people.remembered(&[1; 16]).unwrap(), Some(answer(201)));
    assert_eq!(people.secret_or_insert("session", &[2; 32]).unwrap(), [1; 32]);
}

/// The command line adds a token while the engine runs.
#[test]
fn two_processes_share_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let command_line = open(dir.path());
    command_line.add_token(&token("new", 1), 100).unwrap();
    assert_eq!(engine.find_token(&[1; 32]).unwrap().unwrap().name, "new");
    engine.add_sign_in_link(&[1; 32], "alice", 100).unwrap();
    assert_eq!(command_line.take_sign_in_link(&[1; 32], 50).unwrap().as_deref(), Some("alice"));
    assert_eq!(engine.take_sign_in_link(&[1; 32], 50).unwrap(), None);
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
