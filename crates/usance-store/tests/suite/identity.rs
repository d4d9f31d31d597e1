//! People and tokens, in every home: in a file, in memory, on a server.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use usance_store::actor::{Actor, AddressClass, Credential};
use usance_store::secrets::Fingerprint;
use usance_store::security::verify_events;
use usance_store::{
    Identities, IdentityStore, NewSecurityEvent, NewToken, PostgresIdentities, Remembered, Role, Scope, Scopes, SealedItem, SealedPlace,
    SecurityKind, SqliteIdentities, StoreError, TokenRecord, atomically,
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
    NewToken { hash: [hash; 32], ..NewToken::plain(name, Role::Operator, None) }
}

fn answer(status: u16) -> Remembered {
    Remembered { fingerprint: [3; 32], status, body: b"{}".to_vec(), sealed: (status == 201).then(|| vec![7; 60]) }
}

fn names(tokens: &[TokenRecord]) -> Vec<&str> {
    tokens.iter().map(|token| token.name.as_str()).collect()
}

#[test]
fn roles_are_lowercase_words() {
    for (role, word) in [
        (Role::Customer, "customer"),
        (Role::Service, "service"),
        (Role::Operator, "operator"),
        (Role::Auditor, "auditor"),
        (Role::Treasury, "treasury"),
    ] {
        assert_eq!((role.to_string(), word.parse()), (word.to_owned(), Ok(role)));
    }
    assert_eq!(
        "Operator".parse::<Role>().unwrap_err().to_string(),
        "no such role: Operator (customer, service, operator, auditor, treasury)",
    );
}

#[test]
fn tokens_are_added_listed_and_revoked() {
    for_each_home(|people| {
        let first = people.add_token(&token("first", 1), 100).unwrap();
        let scopes = Scopes::from_iter([Scope::Reading]);
        let customers = NewToken { scopes, expires_at_ms: Some(900), ..NewToken::plain("second", Role::Customer, Some("alice")) };
        let customers = NewToken { hash: [2; 32], ..customers };
        let second = people.add_token(&customers, 200).unwrap();
        assert_eq!(
            second,
            TokenRecord {
                id: first.id + 1,
                name: "second".into(),
                role: Role::Customer,
                scopes,
                customer: Some("alice".into()),
                created_at_ms: 200,
                expires_at_ms: Some(900),
                revoked_at_ms: None,
                is_exposed: false,
                is_bootstrap: false,
            },
        );
        assert_eq!(people.tokens().unwrap(), [second.clone(), first.clone()]);
        assert_eq!(people.find_token(&[2; 32]).unwrap(), Some(second.clone()));
        assert_eq!(people.find_token(&[9; 32]).unwrap(), None);

        assert!(people.revoke_token(first.id, 300).unwrap());
        assert!(!people.revoke_token(first.id, 400).unwrap(), "revoked once");
        assert!(!people.revoke_token(99, 400).unwrap());
        let revoked = people.find_token(&[1; 32]).unwrap().unwrap();
        assert_eq!((revoked.revoked_at_ms, revoked.is_live(350)), (Some(300), false));
        assert_eq!(people.token(first.id).unwrap(), Some(revoked));
        assert_eq!((second.is_live(899), second.is_live(900)), (true, false), "it ends");
        assert_eq!((people.has_live_token(899).unwrap(), people.has_live_token(900).unwrap()), (true, false));
        assert_eq!(people.tokens_of("alice").unwrap(), std::slice::from_ref(&second));
        assert_eq!(people.tokens_of("bob").unwrap(), []);

        assert!(people.expose_token(second.id).unwrap() && !people.expose_token(99).unwrap());
        assert!(people.find_token(&[2; 32]).unwrap().unwrap().is_exposed);
        assert_eq!(people.revoke_tokens_of("alice", 400).unwrap(), [second.id]);
        assert_eq!(people.revoke_tokens_of("alice", 500).unwrap(), [0_i64; 0], "revoked once");
        assert_eq!(people.find_token(&[2; 32]).unwrap().unwrap().revoked_at_ms, Some(400));
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
        people.add_sign_in_link(&[3; 32], "carol", 200).unwrap();
        assert_eq!((people.end_sign_in_links("carol").unwrap(), people.end_sign_in_links("carol\0").unwrap()), (1, 0));
        assert_eq!((people.forget_answers_before(200, 9).unwrap(), people.forget_expired_before(200, 9).unwrap()), (1, 1));
        assert_eq!(people.remembered(&[1; 16]).unwrap(), None);
        assert_eq!(people.remembered(&[2; 16]).unwrap(), Some(answer(409)));
        assert_eq!(people.take_sign_in_link(&[2; 32], 199).unwrap().as_deref(), Some("bob"));
    });
}

#[test]
fn what_is_sealed_is_sealed_anew_in_its_place() {
    for_each_home(|people| {
        assert_eq!(people.sealing_key().unwrap(), None);
        people.set_sealing_key(Fingerprint([1; 16])).unwrap();
        people.set_sealing_key(Fingerprint([2; 16])).unwrap();
        assert_eq!(people.sealing_key().unwrap(), Some(Fingerprint([2; 16])));
        people.set_second_factor("alice", &[1; 50], 100).unwrap();
        people.use_step("alice", 7).unwrap();
        people.remember(&[1; 16], &answer(201), 100).unwrap();
        people.remember(&[2; 16], &answer(409), 100).unwrap();
        let places = [SealedPlace::SecondFactor("alice".into()), SealedPlace::Answer([1; 16])];
        assert_eq!(people.sealed().unwrap().iter().map(|item| item.place.clone()).collect::<Vec<_>>(), places);
        for place in places {
            people.reseal(&SealedItem { place, bytes: vec![9; 70] }).unwrap();
        }
        let factor = people.second_factor("alice").unwrap().unwrap();
        assert_eq!((factor.secret, factor.last_step, factor.set_at_ms), (vec![9; 70], Some(7), 100), "nothing else changes");
        assert_eq!(people.remembered(&[1; 16]).unwrap().unwrap().sealed, Some(vec![9; 70]));
        people.forget_sealed_answer(&[1; 16]).unwrap();
        assert_eq!(people.remembered(&[1; 16]).unwrap(), Some(Remembered { sealed: None, ..answer(201) }));
        assert_eq!(people.unsealed_answers("{").unwrap().len(), 2);
        assert_eq!(people.unsealed_answers("{secret}").unwrap(), []);
    });
}

#[test]
fn security_events_follow_one_another() {
    for_each_home(|people| {
        let actors = [
            None,
            Some(Actor::COMMAND_LINE),
            Some(Actor { role: Role::Service, credential: Credential::Token(7), address: AddressClass::Private }),
            Some(Actor { role: Role::Customer, credential: Credential::Session(3), address: AddressClass::Public }),
        ];
        for (at, (actor, customer)) in (1..).zip(actors.into_iter().zip([None, Some("bob"), Some("alice"), Some("bob")])) {
            let event =
                NewSecurityEvent { kind: SecurityKind::PasswordSet, customer: customer.map(str::to_owned), subject: Some(at), actor };
            let added = people.add_security_event(&event, at).unwrap();
            assert_eq!((added.id, added.at_ms, added.event), (at, at, event));
        }
        let all = people.security_events(None, None, 10).unwrap();
        assert_eq!(all.iter().map(|event| event.id).collect::<Vec<_>>(), [4, 3, 2, 1]);
        assert_eq!(verify_events(|before| people.security_events(None, before, 3)).unwrap().map(|(id, _)| id), Some(4));
        let ids = |customer, before, limit| -> Vec<i64> {
            people.security_events(customer, before, limit).unwrap().iter().map(|event| event.id).collect()
        };
        assert_eq!((ids(Some("bob"), None, 10), ids(Some("bob"), Some(4), 10), ids(None, Some(4), 2)), (vec![4, 2], vec![2], vec![3, 2]));
        assert_eq!((ids(Some("carol"), None, 10), ids(Some("bob\0"), None, 10)), (vec![], vec![]));
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
        people.set_sealing_key(Fingerprint([1; 16])).unwrap();
        drop(people);
        let people = open();
        assert_eq!(people.tokens().unwrap(), [record]);
        assert_eq!(people.password("alice").unwrap().as_deref(), Some("$argon2id$one"));
        assert_eq!(people.take_sign_in_link(&[1; 32], 50).unwrap().as_deref(), Some("alice"));
        assert_eq!(people.remembered(&[1; 16]).unwrap(), Some(answer(201)));
        assert_eq!(people.sealing_key().unwrap(), Some(Fingerprint([1; 16])));
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
        engine.set_sealing_key(Fingerprint([1; 16])).unwrap();
        assert_eq!(command_line.sealing_key().unwrap(), Some(Fingerprint([1; 16])));
    });
}

/// A new token is looked up when it first comes, so nobody has to be told of it; one home says so nonetheless.
#[test]
fn another_process_shows_that_a_token_was_revoked() {
    for_each_place(|open| {
        let (engine, command_line) = (open(), open());
        let mut seen = engine.foreign_version().unwrap();
        let mut changed = || {
            let before = std::mem::replace(&mut seen, engine.foreign_version().unwrap());
            before != seen
        };
        assert!(!changed());
        let [first, second] = [1, 2].map(|secret| command_line.add_token(&token("new", secret), 100).unwrap());
        changed();
        assert!(!changed(), "nothing happened since");
        command_line.revoke_token(first.id, 200).unwrap();
        assert!(changed());
        assert!(!changed(), "once");
        command_line.revoke_token(second.id, 300).unwrap();
        command_line.set_password("alice", "$argon2id$one", 300).unwrap();
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
    assert!(refused.contains("king"), "{refused}");
}
