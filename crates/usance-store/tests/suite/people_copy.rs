//! The people of a copy, brought again and again to what a server's are.

use std::path::Path;

use usance_store::actor::Actor;
use usance_store::postgres::local::Fresh;
use usance_store::secrets::Fingerprint;
use usance_store::soundness::{PeopleHashes, people_hashes};
use usance_store::{
    Identities, IdentityStore, NewSecurityEvent, NewSession, NewToken, Note, People, PeopleCopy, PostgresIdentities, Remembered, Role,
    SealedItem, SealedPlace, SecurityKind, SqliteIdentities, StoreError,
};
use usance_workload::SplitMix64;

use super::postgres::postgres;

const MINUTE: i64 = 60_000;

/// A server's people and a copy of them.
struct Pair {
    _server: Fresh,
    people: PostgresIdentities,
    directory: tempfile::TempDir,
    noted: PeopleHashes,
}

impl Pair {
    fn new() -> Pair {
        let server = postgres();
        let people = PostgresIdentities::open(&server).unwrap();
        Pair { _server: server, people, directory: tempfile::tempdir().unwrap(), noted: Note::of_nothing().people }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("people.sqlite")
    }

    fn bring(&mut self) {
        let moment = self.people.moment().unwrap();
        let hashes = PeopleCopy::open(&self.file()).unwrap().bring::<_, StoreError>(&moment, &self.noted, Ok).unwrap();
        assert_eq!(hashes, people_hashes(&self.file()).unwrap(), "the hashes are those of what is there now");
        self.noted = hashes;
    }

    fn expect_same(&self, case: &str) {
        assert!(copied(&self.file()) == self.people.everything().unwrap(), "{case}: the copy is not what the server is");
    }
}

fn copied(file: &Path) -> People {
    SqliteIdentities::open(file).unwrap().everything().unwrap()
}

fn hash(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn key(number: u64) -> [u8; 16] {
    hash(number)[..16].try_into().unwrap()
}

fn answer(number: u64) -> Remembered {
    let sealed = number.is_multiple_of(2).then(|| number.to_le_bytes().to_vec());
    Remembered { fingerprint: hash(number), status: 201, body: number.to_string().into_bytes(), sealed }
}

fn event(kind: SecurityKind) -> NewSecurityEvent {
    NewSecurityEvent { kind, customer: Some("alice".to_owned()), subject: None, actor: Some(Actor::COMMAND_LINE) }
}

/// Does one thing of everything that can be done with people.
fn act(people: &mut PostgresIdentities, dice: &mut SplitMix64, number: u64, now: i64) {
    let customer = format!("customer-{}", dice.below(12));
    let any = i64::try_from(dice.below(number + 1)).unwrap();
    match dice.below(15) {
        0 => drop(people.add_token(&NewToken { hash: hash(number), ..NewToken::plain("any", Role::Customer, Some(&customer)) }, now)),
        1 => drop(people.revoke_token(any, now)),
        2 => people.set_password(&customer, &number.to_string(), now).unwrap(),
        3 => people.add_sign_in_link(&hash(number), &customer, now + 5).unwrap(),
        4 => drop(people.take_sign_in_link(&hash(number - 1), now)),
        5 => {
            let session = NewSession { hash: hash(number), customer, device: "one".to_owned(), expires_at_ms: now + 5 * MINUTE };
            drop(people.add_session(&session, now).unwrap());
        }
        6 => drop(people.see_session(any, now, now + 6 * MINUTE)),
        7 => drop(people.end_session(&customer, any)),
        8 => people.set_second_factor(&customer, &number.to_le_bytes(), now).unwrap(),
        9 => drop(people.use_step(&customer, any)),
        10 => drop(people.remove_second_factor(&customer)),
        11 => drop(people.add_security_event(&event(SecurityKind::SignedIn), now).unwrap()),
        12 => {
            people.forget_answers_before(now - 20 * MINUTE, 1_000).unwrap();
            people.forget_expired_before(now - 20 * MINUTE, 1_000).unwrap();
        }
        _ => (0..1 + dice.below(9)).for_each(|more| people.remember(&key(number << 8 | more), &answer(number), now).unwrap()),
    }
}

#[test]
fn a_copy_is_what_the_server_is_after_every_shipping() {
    let mut pair = Pair::new();
    let mut dice = SplitMix64::new(13);
    let mut now = 1_000 * MINUTE;
    for round in 0..30 {
        for number in 0..dice.below(25) {
            now += i64::try_from(dice.below(90_000)).unwrap();
            act(&mut pair.people, &mut dice, round * 100 + number + 1, now);
        }
        pair.bring();
        pair.expect_same(&format!("round {round}"));
    }
    assert!(!copied(&pair.file()).remembered.is_empty());
    pair.bring();
    pair.expect_same("once more, and nothing is new");
}

/// What changes answers that were given before tells so, and they come anew.
#[test]
fn answers_of_before_come_anew_where_they_were_changed() {
    let mut pair = Pair::new();
    for number in 0..50 {
        pair.people.remember(&key(number), &answer(number), 1 + MINUTE * 7).unwrap();
    }
    pair.people.add_security_event(&event(SecurityKind::SignedIn), 1).unwrap();
    pair.bring();
    // A rotation seals them with another key, as many as there were.
    pair.people.reseal(&SealedItem { place: SealedPlace::Answer(key(4)), bytes: b"anew".to_vec() }).unwrap();
    pair.people.add_security_event(&event(SecurityKind::SecretsRotated), 2).unwrap();
    pair.bring();
    pair.expect_same("after a rotation");
    pair.people.reseal(&SealedItem { place: SealedPlace::Answer(key(4)), bytes: b"once more".to_vec() }).unwrap();
    pair.people.set_sealing_key(Fingerprint([5; 16])).unwrap();
    pair.bring();
    pair.expect_same("with another key");
    // The people of another home take the place of the server's: neither answers nor events are what they were.
    let other = SqliteIdentities::in_memory().unwrap();
    other.remember(&key(900), &answer(900), 1 + MINUTE * 7).unwrap();
    other.add_security_event(&event(SecurityKind::SignedIn), 77).unwrap();
    other.set_sealing_key(Fingerprint([5; 16])).unwrap();
    let everything = other.everything().unwrap();
    pair.people.replace(&everything).unwrap();
    pair.bring();
    pair.expect_same("after a restore");
}

/// Answers that are known are not read again, which is what makes shipping short; a file that is not what its note says is not known.
#[test]
fn what_is_known_is_left_and_what_was_changed_here_is_mended() {
    let mut pair = Pair::new();
    pair.people.remember(&key(1), &answer(1), MINUTE).unwrap();
    pair.people.remember(&key(2), &answer(2), 5 * MINUTE).unwrap();
    pair.people.add_security_event(&event(SecurityKind::SignedIn), 1).unwrap();
    pair.bring();
    let change = |sql: &str| rusqlite::Connection::open(pair.file()).unwrap().execute_batch(sql).unwrap();
    change("UPDATE remembered SET status = 500 WHERE at_ms = 60000");
    // Believed for once, to see that it is not read.
    let believed = people_hashes(&pair.file()).unwrap();
    let noted = std::mem::replace(&mut pair.noted, believed);
    pair.bring();
    assert_eq!(copied(&pair.file()).remembered.iter().filter(|kept| kept.answer.status == 500).count(), 1);
    // The note of before does not fit it: everything comes anew.
    pair.noted = noted;
    pair.bring();
    pair.expect_same("changed answers");
    for sql in ["DELETE FROM security_event", "DELETE FROM remembered", "UPDATE security_event SET hash = x'00'"] {
        rusqlite::Connection::open(pair.file()).unwrap().execute_batch(sql).unwrap();
        pair.bring();
        pair.expect_same(sql);
    }
}

/// What was to be done before fails, and nothing changes.
#[test]
fn people_stay_what_they_were_where_the_rest_fails() {
    let mut pair = Pair::new();
    pair.people.set_password("alice", "one", 1).unwrap();
    pair.bring();
    pair.people.set_password("alice", "two", 2).unwrap();
    let moment = pair.people.moment().unwrap();
    let failed = PeopleCopy::open(&pair.file()).unwrap().bring::<(), StoreError>(&moment, &pair.noted, |_| Err(StoreError::Full));
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(people_hashes(&pair.file()).unwrap(), pair.noted);
    pair.bring();
    pair.expect_same("afterwards");
}
