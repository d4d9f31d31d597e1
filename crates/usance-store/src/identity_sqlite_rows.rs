//! Rows of people in SQLite, as statements ask for them: columns, and how a row is read and written.

use rusqlite::types::{ToSql, Type, Value};
use rusqlite::{Error, Row};

use crate::actor::{Actor, AddressClass, Credential};
use crate::person::{Remembered, Role, Scopes, SessionRecord, TokenRecord};
use crate::security::{NewSecurityEvent, SecurityEvent, SecurityKind};

/// The columns that [`token`] reads.
pub(crate) const TOKEN: &str = "id, name, role, customer, created_at_ms, revoked_at_ms, scopes, expires_at_ms, is_exposed, is_bootstrap";

/// The columns that [`session`] reads.
pub(crate) const SESSION: &str = "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms";

/// The columns that [`answer`] reads.
pub(crate) const ANSWER: &str = "fingerprint, status, body, sealed";

/// The columns that [`event`] reads and [`event_values`] writes.
pub(crate) const EVENT: &str = "id, at_ms, kind, customer, subject, role, credential, credential_id, address, hash";

/// A token from the columns [`TOKEN`].
pub(crate) fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let scopes: Option<String> = row.get(6)?;
    Ok(TokenRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        role: word(row, 2, |word| word.parse::<Role>().ok())?,
        scopes: Scopes::from_stored(scopes.as_deref()).map_err(|error| Error::FromSqlConversionFailure(6, Type::Text, Box::new(error)))?,
        customer: row.get(3)?,
        created_at_ms: row.get(4)?,
        expires_at_ms: row.get(7)?,
        revoked_at_ms: row.get(5)?,
        is_exposed: row.get(8)?,
        is_bootstrap: row.get(9)?,
    })
}

/// A session from the columns [`SESSION`].
pub(crate) fn session(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        id: row.get(0)?,
        customer: row.get(1)?,
        device: row.get(2)?,
        created_at_ms: row.get(3)?,
        seen_at_ms: row.get(4)?,
        expires_at_ms: row.get(5)?,
    })
}

/// An answer from the columns [`ANSWER`].
pub(crate) fn answer(row: &Row<'_>) -> rusqlite::Result<Remembered> {
    Ok(Remembered { fingerprint: row.get(0)?, status: row.get(1)?, body: row.get(2)?, sealed: row.get(3)? })
}

/// A security event from the columns [`EVENT`].
pub(crate) fn event(row: &Row<'_>) -> rusqlite::Result<SecurityEvent> {
    let actor = match row.get::<_, Option<String>>(5)? {
        None => None,
        Some(_) => {
            let id: Option<i64> = row.get(7)?;
            Some(Actor {
                role: word(row, 5, |word| word.parse::<Role>().ok())?,
                credential: word(row, 6, |word| Credential::from_parts(word, id.map(i64::cast_unsigned)))?,
                address: word(row, 8, AddressClass::from_word)?,
            })
        }
    };
    let event = NewSecurityEvent { kind: word(row, 2, SecurityKind::from_word)?, customer: row.get(3)?, subject: row.get(4)?, actor };
    Ok(SecurityEvent { id: row.get(0)?, at_ms: row.get(1)?, event, hash: row.get(9)? })
}

/// The statement that adds an event.
pub(crate) fn insert_event() -> String {
    format!("INSERT INTO security_event({EVENT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
}

/// What that statement adds.
pub(crate) fn event_values(added: &SecurityEvent) -> Vec<impl ToSql> {
    let SecurityEvent { id, at_ms, event, hash } = added;
    let actor = event.actor.map(|actor| (actor.role.as_str(), actor.credential.parts(), actor.address.word()));
    let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
    vec![
        Value::Integer(*id),
        Value::Integer(*at_ms),
        text(Some(event.kind.word())),
        text(event.customer.as_deref()),
        number(event.subject),
        text(actor.map(|(role, ..)| role)),
        text(actor.map(|(_, (credential, _), _)| credential)),
        number(actor.and_then(|(_, (_, id), _)| id).map(u64::cast_signed)),
        text(actor.map(|(.., address)| address)),
        Value::Blob(hash.to_vec()),
    ]
}

/// What a word in a column stands for.
fn word<T>(row: &Row<'_>, column: usize, read: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    read(&word).ok_or_else(|| Error::FromSqlConversionFailure(column, Type::Text, format!("{word:?} is none of its words").into()))
}
