//! What a session, a token, a password, a remembered answer and a security event take in `people.sqlite`.

use super::figures::line;
use super::forecast::PerUnit;
use crate::measure::Meter;
use rusqlite::Connection;
use std::path::Path;
use usance_store::actor::{Actor, AddressClass, Credential};
use usance_store::identity::Identities;
use usance_store::person::{NewSession, NewToken, Remembered, Role};
use usance_store::security::{NewSecurityEvent, SecurityKind};
use usance_store::{SqliteIdentities, StoreError, identity::atomically};

/// A hash of argon2id as it is kept.
const PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
/// An answer as most are.
const ANSWER_BYTES: usize = 400;

fn hash(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn size_of(path: &Path) -> anyhow::Result<u64> {
    let db = Connection::open(path)?;
    let pages = |pragma: &str| db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    Ok((pages("page_count")? * pages("page_size")?) as u64)
}

type Add = fn(&dyn Identities, u64) -> Result<(), StoreError>;

fn session(people: &dyn Identities, number: u64) -> Result<(), StoreError> {
    let device = "Firefox on Linux".to_owned();
    let session = NewSession { hash: hash(number), customer: format!("customer-{number}"), device, expires_at_ms: 1 << 41 };
    people.add_session(&session, 1).map(|_| ())
}

fn token(people: &dyn Identities, number: u64) -> Result<(), StoreError> {
    let customer = format!("customer-{number}");
    let token = NewToken { hash: hash(number), ..NewToken::plain("my program", Role::Customer, Some(&customer)) };
    people.add_token(&token, 1).map(|_| ())
}

fn password(people: &dyn Identities, number: u64) -> Result<(), StoreError> {
    people.set_password(&format!("customer-{number}"), PASSWORD, 1)
}

fn remembered(people: &dyn Identities, number: u64) -> Result<(), StoreError> {
    let answer = Remembered { fingerprint: hash(number), status: 201, body: vec![b'x'; ANSWER_BYTES], sealed: None };
    people.remember(hash(number).first_chunk::<16>().unwrap_or(&[0; 16]), &answer, 1)
}

fn security_event(people: &dyn Identities, number: u64) -> Result<(), StoreError> {
    let actor = Actor { role: Role::Customer, credential: Credential::SignIn, address: AddressClass::Public };
    let event = NewSecurityEvent::about(SecurityKind::SignedIn, &format!("customer-{number}"), Some(actor));
    people.add_security_event(&event, 1).map(|_| ())
}

/// Adds so many of each in one transaction.
pub fn measure(customers: u64, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    println!("  people, bytes a row with its indexes (SQLite), and the time in one transaction:");
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("people.sqlite");
    let mut people = SqliteIdentities::open(&path)?;
    let kinds: [(&str, Add); 5] = [
        ("session", session),
        ("token", token),
        ("password", password),
        ("remembered answer, 400 bytes", remembered),
        ("security event, kept for ever", security_event),
    ];
    for (what, add) in kinds {
        let before = size_of(&path)?;
        let meter = Meter::start();
        atomically(&mut people, |people| (0..customers).try_for_each(|number| add(people, number)))?;
        let seconds = meter.stop().wall.as_secs_f64();
        let bytes = (size_of(&path)? - before) as f64 / customers as f64;
        line(what, &format!("{bytes:>7.0} bytes, {:.1} us", seconds * 1e6 / customers as f64));
        match what {
            "session" => per_unit.session = bytes,
            "password" => per_unit.password = bytes,
            "remembered answer, 400 bytes" => per_unit.remembered = bytes,
            "security event, kept for ever" => per_unit.security_event = bytes,
            _ => {}
        }
    }
    Ok(())
}
