//! Sessions and second factors, in every home.

use std::sync::Barrier;
use std::thread;

use usance_store::{NewSession, SecondFactor, SessionRecord, StoreError, atomically};

use super::identity::{for_each_home, for_each_place};

fn session(customer: &str, hash: u8, expires_at_ms: i64) -> NewSession {
    NewSession { hash: [hash; 32], customer: customer.to_owned(), device: format!("device {hash}"), expires_at_ms }
}

fn devices(sessions: &[SessionRecord]) -> Vec<&str> {
    sessions.iter().map(|session| session.device.as_str()).collect()
}

fn factor(secret: &[u8], last_step: Option<i64>, set_at_ms: i64) -> Option<SecondFactor> {
    Some(SecondFactor { secret: secret.to_vec(), last_step, set_at_ms })
}

#[test]
fn a_session_is_added_and_found() {
    for_each_home(|people| {
        let added = people.add_session(&session("alice", 1, 1_000), 100).unwrap();
        assert_eq!(
            added,
            SessionRecord {
                id: added.id,
                customer: "alice".into(),
                device: "device 1".into(),
                created_at_ms: 100,
                seen_at_ms: 100,
                expires_at_ms: 1_000,
            },
        );
        assert_eq!(people.find_session(&[1; 32], 100).unwrap(), Some(added));
        assert_eq!(people.find_session(&[2; 32], 100).unwrap(), None);
        let refused = people.add_session(&session("eve", 1, 2_000), 200).unwrap_err();
        assert_eq!(refused.to_string(), "exists already: a session with this secret");
        let refused = people.add_session(&session("eve", 1, 9_000), 5_000).unwrap_err();
        assert!(matches!(refused, StoreError::AlreadyExists { .. }), "expired, but there: {refused}");
        assert_eq!(people.find_session(&[1; 32], 999).unwrap().unwrap().customer, "alice");
    });
}

#[test]
fn a_session_ends_at_the_instant_it_expires() {
    for_each_home(|people| {
        let added = people.add_session(&session("alice", 1, 1_000), 100).unwrap();
        assert_eq!(people.find_session(&[1; 32], 999).unwrap().as_ref(), Some(&added));
        assert_eq!(people.find_session(&[1; 32], 1_000).unwrap(), None);
        assert_eq!(devices(&people.sessions("alice", 999).unwrap()), ["device 1"]);
        assert_eq!(people.sessions("alice", 1_000).unwrap(), []);
        assert!(!people.see_session(added.id, 1_000, 5_000).unwrap(), "what has expired does not come back");
        assert_eq!(people.find_session(&[1; 32], 1_000).unwrap(), None);
        assert!(people.see_session(added.id, 999, 5_000).unwrap());
        assert_eq!(people.find_session(&[1; 32], 4_999).unwrap().unwrap().expires_at_ms, 5_000);
    });
}

#[test]
fn a_customers_live_sessions_are_listed_newest_first() {
    for_each_home(|people| {
        for (customer, hash, expires_at_ms) in [("alice", 1, 1_000), ("bob", 2, 1_000), ("alice", 3, 500), ("alice", 4, 1_000)] {
            // All in one instant: the later one is the newer one all the same.
            people.add_session(&session(customer, hash, expires_at_ms), 100).unwrap();
        }
        assert_eq!(devices(&people.sessions("alice", 499).unwrap()), ["device 4", "device 3", "device 1"]);
        assert_eq!(devices(&people.sessions("alice", 500).unwrap()), ["device 4", "device 1"]);
        assert_eq!(devices(&people.sessions("bob", 500).unwrap()), ["device 2"]);
        assert_eq!(people.sessions("carol", 500).unwrap(), []);
    });
}

#[test]
fn seeing_a_session_never_moves_it_backwards() {
    for_each_home(|people| {
        let id = people.add_session(&session("alice", 1, 1_000), 100).unwrap().id;
        let other = people.add_session(&session("alice", 2, 1_000), 100).unwrap();
        // Seen at, until | seen at, until as kept.
        for (asked, kept) in [
            ((200, 1_100), (200, 1_100)),
            ((150, 1_050), (200, 1_100)),
            ((150, 1_200), (200, 1_200)),
            ((300, 1_000), (300, 1_200)),
            ((300, 1_200), (300, 1_200)),
        ] {
            assert!(people.see_session(id, asked.0, asked.1).unwrap(), "{asked:?}");
            let found = people.find_session(&[1; 32], 400).unwrap().unwrap();
            assert_eq!((found.created_at_ms, found.seen_at_ms, found.expires_at_ms), (100, kept.0, kept.1), "{asked:?}");
        }
        assert_eq!(people.find_session(&[2; 32], 400).unwrap(), Some(other));
        assert!(!people.see_session(99, 400, 2_000).unwrap());
        assert!(people.end_session("alice", id).unwrap());
        assert!(!people.see_session(id, 400, 2_000).unwrap());
    });
}

#[test]
fn only_the_own_session_is_ended() {
    for_each_home(|people| {
        let alices = people.add_session(&session("alice", 1, 1_000), 100).unwrap();
        let bobs = people.add_session(&session("bob", 2, 1_000), 100).unwrap();
        assert!(!people.end_session("bob", alices.id).unwrap(), "of another customer");
        assert!(!people.end_session("alice", 99).unwrap());
        assert_eq!(people.find_session(&[1; 32], 100).unwrap().as_ref(), Some(&alices));
        assert!(people.end_session("alice", alices.id).unwrap());
        assert!(!people.end_session("alice", alices.id).unwrap(), "once");
        assert_eq!(people.find_session(&[1; 32], 100).unwrap(), None);
        assert_eq!(people.find_session(&[2; 32], 100).unwrap().as_ref(), Some(&bobs));

        // The number of the newest one does not come back.
        assert!(people.end_session("bob", bobs.id).unwrap());
        assert!(people.add_session(&session("alice", 3, 1_000), 100).unwrap().id > bobs.id);
    });
}

#[test]
fn all_sessions_of_a_customer_are_ended_but_perhaps_one() {
    for_each_home(|people| {
        let add = |customer, hash| people.add_session(&session(customer, hash, 1_000), 100).unwrap().id;
        let [_, kept, _] = [1, 2, 3].map(|hash| add("alice", hash));
        let bobs = add("bob", 4);
        assert_eq!(people.end_sessions("alice", Some(kept)).unwrap(), 2);
        assert_eq!(devices(&people.sessions("alice", 100).unwrap()), ["device 2"]);
        assert_eq!(people.end_sessions("alice", Some(kept)).unwrap(), 0);
        assert_eq!(people.end_sessions("alice", Some(bobs)).unwrap(), 1, "another customer's id spares nothing");
        add("alice", 5);
        add("alice", 6);
        assert_eq!(people.end_sessions("alice", None).unwrap(), 2);
        assert_eq!(people.end_sessions("alice", None).unwrap(), 0);
        assert_eq!(people.sessions("alice", 100).unwrap(), []);
        assert_eq!(devices(&people.sessions("bob", 100).unwrap()), ["device 4"]);
    });
}

#[test]
fn only_the_newest_live_sessions_of_a_customer_are_kept() {
    for_each_home(|people| {
        for (customer, hash, expires_at_ms) in
            [("alice", 1, 1_000), ("bob", 2, 1_000), ("alice", 3, 1_000), ("alice", 4, 500), ("alice", 5, 1_000)]
        {
            // All in one instant: the later one is the newer one all the same.
            people.add_session(&session(customer, hash, expires_at_ms), 100).unwrap();
        }
        assert_eq!(people.end_older_sessions("alice", 4, 499).unwrap(), 0);
        // What has expired takes nobody's place, and goes.
        assert_eq!(people.end_older_sessions("alice", 3, 500).unwrap(), 1);
        assert_eq!(devices(&people.sessions("alice", 100).unwrap()), ["device 5", "device 3", "device 1"]);
        assert_eq!(people.end_older_sessions("alice", 2, 500).unwrap(), 1);
        assert_eq!(devices(&people.sessions("alice", 500).unwrap()), ["device 5", "device 3"]);
        assert_eq!(people.find_session(&[1; 32], 500).unwrap(), None);
        assert_eq!(devices(&people.sessions("bob", 500).unwrap()), ["device 2"]);
        assert_eq!(people.end_older_sessions("nobody", 2, 500).unwrap(), 0);
        assert_eq!(people.end_older_sessions("alice", 0, 500).unwrap(), 2);
    });
}

#[test]
fn expired_sessions_are_forgotten() {
    for_each_home(|people| {
        people.add_session(&session("alice", 1, 199), 100).unwrap();
        people.add_session(&session("alice", 2, 200), 100).unwrap();
        people.add_sign_in_link(&[1; 32], "alice", 150).unwrap();
        assert_eq!(people.forget_expired_before(200, 9).unwrap(), 2);
        assert_eq!(people.forget_expired_before(200, 9).unwrap(), 0);
        assert_eq!(people.find_session(&[1; 32], 100).unwrap(), None);
        assert_eq!(people.find_session(&[2; 32], 199).unwrap().unwrap().device, "device 2");
        people.add_session(&session("bob", 1, 900), 300).unwrap();
    });
}

/// What is over goes in pieces, so that nobody who writes waits long.
#[test]
fn much_that_is_over_is_forgotten_in_pieces() {
    for_each_home(|people| {
        for number in 0..5 {
            people.add_session(&session("alice", number, 100), 50).unwrap();
            people.add_sign_in_link(&[number; 32], "alice", 100).unwrap();
        }
        let forget = || people.forget_expired_before(200, 2).unwrap();
        assert_eq!([forget(), forget(), forget(), forget()], [4, 4, 2, 0]);
    });
}

#[test]
fn a_second_factor_is_set_replaced_and_removed() {
    for_each_home(|people| {
        assert_eq!(people.second_factor("alice").unwrap(), None);
        assert!(!people.use_step("alice", 1).unwrap(), "none is set");
        assert!(!people.remove_second_factor("alice").unwrap());
        people.set_second_factor("alice", b"one", 100).unwrap();
        people.set_second_factor("bob", b"", 150).unwrap();
        assert_eq!(people.second_factor("alice").unwrap(), factor(b"one", None, 100));
        assert!(people.use_step("alice", 7).unwrap());
        assert_eq!(people.second_factor("alice").unwrap(), factor(b"one", Some(7), 100));
        people.set_second_factor("alice", b"two", 200).unwrap();
        assert_eq!(people.second_factor("alice").unwrap(), factor(b"two", None, 200));
        assert!(people.remove_second_factor("alice").unwrap());
        assert!(!people.remove_second_factor("alice").unwrap(), "once");
        assert_eq!(people.second_factor("alice").unwrap(), None);
        assert_eq!(people.second_factor("bob").unwrap(), factor(b"", None, 150));
    });
}

#[test]
fn a_secret_is_not_shown() {
    let shown = format!("{:?}", factor(&[171; 20], Some(7), 100).unwrap());
    assert_eq!(shown, "SecondFactor { last_step: Some(7), set_at_ms: 100, .. }");
}

#[test]
fn a_time_step_is_used_once_and_never_an_older_one() {
    for_each_home(|people| {
        people.set_second_factor("alice", b"one", 100).unwrap();
        people.set_second_factor("bob", b"two", 100).unwrap();
        for (step, used) in [(5, true), (5, false), (4, false), (6, true), (9, true), (8, false), (i64::MAX, true), (i64::MAX, false)] {
            assert_eq!(people.use_step("alice", step).unwrap(), used, "{step}");
        }
        assert!(people.use_step("bob", 5).unwrap(), "each customer's steps are their own");
        // The first step there is counts as any other.
        people.set_second_factor("alice", b"three", 200).unwrap();
        assert!(people.use_step("alice", 0).unwrap());
        assert!(!people.use_step("alice", 0).unwrap());
    });
}

#[test]
fn of_two_who_use_one_step_one_succeeds() {
    const STEPS: i64 = 50;
    for_each_place(|open| {
        open().set_second_factor("alice", b"one", 100).unwrap();
        let ready = Barrier::new(2);
        let take_each = || {
            let people = open();
            (1..=STEPS)
                .map(|step| {
                    ready.wait();
                    people.use_step("alice", step).unwrap()
                })
                .collect::<Vec<_>>()
        };
        let (one, other) = thread::scope(|scope| {
            let [one, other] = [scope.spawn(take_each), scope.spawn(take_each)];
            (one.join().unwrap(), other.join().unwrap())
        });
        assert!(one.iter().zip(&other).all(|(one, other)| one != other), "{one:?} {other:?}");
    });
}

#[test]
fn a_sign_in_happens_wholly_or_not_at_all() {
    for_each_home(|people| {
        people.set_second_factor("alice", b"one", 100).unwrap();
        people.add_session(&session("alice", 1, 1_000), 100).unwrap();
        // The session is refused, so the step is not used up and the older session stands.
        let refused = atomically::<_, StoreError>(people, |people| {
            assert!(people.use_step("alice", 7)?);
            people.end_sessions("alice", None)?;
            people.add_session(&session("alice", 2, 1_000), 200)?;
            people.add_session(&session("alice", 2, 1_000), 200)
        });
        assert!(matches!(refused, Err(StoreError::AlreadyExists { .. })));
        assert_eq!(devices(&people.sessions("alice", 200).unwrap()), ["device 1"]);
        assert!(people.use_step("alice", 7).unwrap());
    });
}

#[test]
fn sessions_and_second_factors_outlive_a_restart() {
    for_each_place(|open| {
        let people = open();
        let added = people.add_session(&session("alice", 1, 1_000), 100).unwrap();
        people.set_second_factor("alice", b"one", 100).unwrap();
        people.use_step("alice", 7).unwrap();
        drop(people);
        let people = open();
        assert_eq!(people.sessions("alice", 100).unwrap(), [added]);
        assert_eq!(people.second_factor("alice").unwrap(), factor(b"one", Some(7), 100));
        assert!(!people.use_step("alice", 7).unwrap());
    });
}
