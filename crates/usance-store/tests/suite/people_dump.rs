//! Everything that people carry, out of one home and into another.

use usance_store::actor::Actor;
use usance_store::identity_dump::KeptSecret;
use usance_store::secrets::Fingerprint;
use usance_store::{
    Identities, IdentityStore, NewSecurityEvent, NewSession, NewToken, People, PostgresIdentities, Remembered, Role, SecurityKind,
    SqliteIdentities, StoreError, atomically,
};

use super::identity::{for_each_home, for_each_place};
use super::postgres::postgres;

fn token(name: &str, hash: u8) -> NewToken {
    NewToken { hash: [hash; 32], ..NewToken::plain(name, Role::Customer, Some("alice")) }
}

fn session(customer: &str, hash: u8) -> NewSession {
    NewSession { hash: [hash; 32], customer: customer.to_owned(), device: format!("device {hash}"), expires_at_ms: 1_000 }
}

fn answer() -> Remembered {
    Remembered { fingerprint: [3; 32], status: 201, body: b"{\"hidden\":1}".to_vec(), sealed: Some(b"hidden, too".to_vec()) }
}

fn event(customer: &str) -> NewSecurityEvent {
    NewSecurityEvent {
        kind: SecurityKind::SignedIn,
        customer: Some(customer.to_owned()),
        subject: Some(1),
        actor: Some(Actor::COMMAND_LINE),
    }
}

/// What a release before there was a secrets file kept in the store moves along, to be taken away where it arrives.
#[test]
fn secrets_of_old_move_and_are_taken_away_once() {
    let secrets = vec![KeptSecret { name: "derived".to_owned(), value: [7; 32] }];
    let old = People { secrets, ..People::default() };
    for_each_home(|people| {
        people.fill(&old).unwrap();
        assert_eq!(people.everything().unwrap(), old);
        assert_eq!((people.take_secret("tickets").unwrap(), people.take_secret("derived").unwrap()), (None, Some([7; 32])));
        assert_eq!(people.take_secret("derived").unwrap(), None, "once");
    });
}

fn in_memory() -> SqliteIdentities {
    SqliteIdentities::in_memory().unwrap()
}

/// One of each, and more: rows in an order that is not that of their keys, and numbers that are used up.
fn populate(people: &mut dyn IdentityStore) {
    let first = people.add_token(&token("first", 9), 100).unwrap();
    people.add_token(&NewToken { role: Role::Auditor, customer: None, ..token("second", 2) }, 200).unwrap();
    people.revoke_token(first.id, 300).unwrap();
    for (customer, hash) in [("bob", 9), ("alice", 2), ("Zoë", 5), ("élan", 7), ("alice-2", 4)] {
        people.set_password(customer, &format!("$argon2id$hidden{hash}"), 1).unwrap();
        people.set_second_factor(customer, &[hash; 20], 150).unwrap();
        people.add_sign_in_link(&[hash; 32], customer, 100).unwrap();
        people.remember(&[hash; 16], &answer(), 400).unwrap();
        people.add_security_event(&event(customer), 100).unwrap();
        people.add_session(&session(customer, hash), 100).unwrap();
    }
    people.set_sealing_key(Fingerprint([7; 16])).unwrap();
    people.expose_token(first.id).unwrap();
    people.use_step("bob", 7).unwrap();
    people.see_session(1, 200, 2_000).unwrap();
    let last = people.add_session(&session("bob", 1), 100).unwrap();
    people.end_session("bob", last.id).unwrap();
}

fn populated() -> People {
    let mut people = in_memory();
    populate(&mut people);
    people.everything().unwrap()
}

#[test]
fn people_are_the_same_wherever_they_are() {
    let here = populated();
    assert_eq!((here.tokens.len(), here.sessions.len(), here.last_token_id, here.last_session_id), (2, 5, 2, 6));
    assert_eq!(here.passwords.iter().map(|kept| kept.customer.as_str()).collect::<Vec<_>>(), ["Zoë", "alice", "alice-2", "bob", "élan"]);
    for_each_home(|people| {
        assert_eq!(people.everything().unwrap(), People::default());
        populate(people);
        assert_eq!(people.everything().unwrap(), here);
    });
}

#[test]
fn a_platform_moves_to_a_server_and_back() {
    let before = populated();
    let postgres = postgres();
    let mut moved = PostgresIdentities::open(&postgres).unwrap();
    moved.fill(&before).unwrap();
    assert_eq!(moved.everything().unwrap(), before);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.sqlite");
    SqliteIdentities::open(&path).unwrap().fill(&moved.everything().unwrap()).unwrap();
    let mut back = SqliteIdentities::open(&path).unwrap();
    assert_eq!(back.everything().unwrap(), before);

    // Both go on where the first one was.
    let homes: [&mut dyn IdentityStore; 2] = [&mut moved, &mut back];
    for people in homes {
        assert_eq!(people.find_token(&[2; 32]).unwrap().unwrap().name, "second");
        assert!(!people.find_token(&[9; 32]).unwrap().unwrap().is_live(301), "revoked stays revoked");
        let refused = people.add_token(&token("again", 9), 500);
        assert!(matches!(refused, Err(StoreError::AlreadyExists { .. })));
        assert_eq!(people.add_token(&token("third", 3), 500).unwrap().id, 3);
        assert_eq!(people.add_session(&session("alice", 30), 500).unwrap().id, 7, "the last one had ended, but was there");
        assert!(!people.use_step("bob", 7).unwrap() && people.use_step("bob", 8).unwrap());
        assert_eq!(people.find_session(&[9; 32], 1_999).unwrap().unwrap().seen_at_ms, 200);
        assert_eq!(people.take_sign_in_link(&[4; 32], 99).unwrap().as_deref(), Some("alice-2"));
        assert_eq!(people.remembered(&[9; 16]).unwrap(), Some(answer()));
        assert_eq!(people.sealing_key().unwrap(), Some(Fingerprint([7; 16])));
        assert_eq!(people.add_security_event(&event("bob"), 500).unwrap().id, 6, "the chain goes on");
    }
    assert_eq!(moved.everything().unwrap(), back.everything().unwrap());
}

/// More rows than go on their way at once.
#[test]
fn many_people_move() {
    let mut many = populated();
    let pattern = many.sessions.remove(0);
    many.sessions.clear();
    for id in 1..=2_345_i64 {
        let mut kept = pattern.clone();
        kept.record.id = id;
        kept.hash[..8].copy_from_slice(&id.to_be_bytes());
        many.sessions.push(kept);
    }
    // A value that says less of itself than it holds.
    many.last_session_id = 6;
    let home = postgres();
    let mut moved = PostgresIdentities::open(&home).unwrap();
    moved.fill(&many).unwrap();
    let mut back = in_memory();
    back.fill(&moved.everything().unwrap()).unwrap();
    let homes: [&mut dyn IdentityStore; 2] = [&mut moved, &mut back];
    for people in homes {
        let after = people.everything().unwrap();
        assert!(after.sessions == many.sessions && after.last_session_id == 2_345);
        assert_eq!(people.add_session(&session("alice", 1), 500).unwrap().id, 2_346);
    }
}

#[test]
fn only_an_empty_home_is_filled() {
    type Act = fn(&dyn IdentityStore);
    let acts: [(&str, Act); 9] = [
        ("a token", |people| drop(people.add_token(&token("first", 1), 1).unwrap())),
        ("a password", |people| people.set_password("carol", "$argon2id$one", 1).unwrap()),
        ("a link", |people| people.add_sign_in_link(&[1; 32], "carol", 1).unwrap()),
        ("a session", |people| drop(people.add_session(&session("carol", 1), 1).unwrap())),
        ("a second factor", |people| people.set_second_factor("carol", b"one", 1).unwrap()),
        ("an answer", |people| people.remember(&[1; 16], &answer(), 1).unwrap()),
        ("a key that seals", |people| people.set_sealing_key(Fingerprint([1; 16])).unwrap()),
        ("a security event", |people| drop(people.add_security_event(&event("carol"), 1).unwrap())),
        ("a number", |people| {
            let ended = people.add_session(&session("carol", 1), 1).unwrap();
            people.end_session("carol", ended.id).unwrap();
        }),
    ];
    let people = populated();
    for (what, act) in acts {
        for_each_home(|home| {
            act(home);
            let before = home.everything().unwrap();
            let refused = home.fill(&people).unwrap_err();
            assert!(matches!(refused, StoreError::AlreadyExists { .. }), "{what}: {refused}");
            assert!(refused.to_string().starts_with("exists already: people in "), "{what}: {refused}");
            assert_eq!(home.everything().unwrap(), before, "{what}");
        });
    }
}

/// The very last of it cannot be kept, so nothing is, and the home is empty still.
#[test]
fn a_home_is_filled_wholly_or_not_at_all() {
    let whole = populated();
    let mut twice = whole.clone();
    twice.security_events.push(whole.security_events[0].clone());
    for_each_home(|people| {
        assert!(people.fill(&twice).is_err());
        assert_eq!(people.everything().unwrap(), People::default());
        people.fill(&whole).unwrap();
        assert_eq!(people.everything().unwrap(), whole);
    });
}

#[test]
fn whoever_has_it_open_sees_that_it_was_filled() {
    for_each_place(|open| {
        let engine = open();
        let seen = engine.foreign_version().unwrap();
        open().fill(&populated()).unwrap();
        assert_ne!(engine.foreign_version().unwrap(), seen);
        assert_eq!(engine.tokens().unwrap().iter().filter(|token| token.is_live(1)).count(), 1);
    });
}

/// A moment is one before or after a transaction, never within.
#[test]
fn everything_is_of_one_moment() {
    for_each_place(|open| {
        let reader = open();
        atomically::<_, StoreError>(&mut *open(), |people| {
            people.add_token(&token("first", 1), 1)?;
            assert_eq!(reader.everything().unwrap(), People::default());
            people.set_password("carol", "$argon2id$one", 1)
        })
        .unwrap();
        let after = reader.everything().unwrap();
        assert_eq!((after.tokens.len(), after.passwords.len()), (1, 1));
    });
}

#[test]
fn its_text_tells_no_secret() {
    let shown = format!("{:?}", populated());
    assert_eq!(
        shown,
        "People { tokens: 2, passwords: 5, sign_in_links: 5, sessions: 5, second_factors: 5, remembered: 5, secrets: 0, \
         sealing_key: Some(07070707070707070707070707070707), security_events: 5, last_token_id: 2, last_session_id: 6 }",
    );
}

/// As after a restore: the newer people of a copy take the place of a base dump's.
#[test]
fn newer_people_take_the_place_of_older_ones() {
    let home = postgres();
    let (newer, mut older) = (populated(), in_memory());
    drop(older.add_token(&token("revoked meanwhile", 77), 1).unwrap());
    for _ in 0..40 {
        let id = older.add_session(&session("alice", 99), 1).unwrap().id;
        assert!(older.end_session("alice", id).unwrap());
    }
    let mut server = PostgresIdentities::open(&home).unwrap();
    server.fill(&older.everything().unwrap()).unwrap();
    let homes: [&mut dyn IdentityStore; 2] = [&mut server, &mut older];
    for people in homes {
        people.replace(&newer).unwrap();
        let after = people.everything().unwrap();
        assert!(after.tokens == newer.tokens && after.passwords == newer.passwords && after.security_events == newer.security_events);
        assert!(people.find_token(&[77; 32]).unwrap().is_none());
        assert_eq!(people.add_session(&session("alice", 98), 1).unwrap().id, 41, "no number is used again");
    }
}
