//! Rows of people and what they carry, as statements ask for them: columns, counters, and how a row is read.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::place::Postgres;
use super::wire::{Values, Wire};
use crate::actor::{Actor, AddressClass, Credential};
use crate::error::StoreError;
use crate::person::{Remembered, Role, Scopes, SessionRecord, TokenRecord};
use crate::security::{NewSecurityEvent, SecurityEvent, SecurityKind};

/// The shard of people, written into statements.
pub(super) const SHARD: i64 = 0;

/// The columns that [`token`] reads.
pub(super) const TOKEN: &str = "id, name, role, customer, created_at_ms, revoked_at_ms, scopes, expires_at_ms, is_exposed, is_bootstrap";

/// The columns that [`session`] reads.
pub(super) const SESSION: &str = "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms";

/// The columns that [`remembered`] reads.
pub(super) const ANSWER: &str = "fingerprint, status, body, sealed";

/// The columns that [`event`] reads and [`add_event`] writes.
pub(super) const EVENT: &str = "id, at_ms, kind, customer, subject, role, credential, credential_id, address, hash";

/// The counter of tokens' numbers.
pub(super) const LAST_TOKEN: &str = "token";
/// The counter of sessions' numbers.
pub(super) const LAST_SESSION: &str = "session";
/// The counter of changes to tokens, and of the key that seals.
pub(super) const TOKEN_CHANGES: &str = "token_change";

/// Counts one up, and gives the new number.
pub(super) fn count(wire: &Wire, counter: &str) -> Result<i64, StoreError> {
    let sql = format!("UPDATE counter SET value = value + 1 WHERE shard = {SHARD} AND name = $1 RETURNING value");
    one(wire, &sql, &[&counter], |row| cell(row, 0))?.ok_or_else(|| missing(wire.postgres(), counter))
}

/// The one row there may be.
pub(super) fn one<T>(
    wire: &Wire,
    sql: &str,
    values: Values<'_>,
    read: impl Fn(&Row) -> Result<T, Unreadable>,
) -> Result<Option<T>, StoreError> {
    let row = wire.one(sql, values)?;
    row.map(|row| read(&row)).transpose().map_err(|how| how.in_tables_of(wire.postgres()))
}

/// All rows.
pub(super) fn all<T>(
    wire: &Wire,
    sql: &str,
    values: Values<'_>,
    read: impl Fn(&Row) -> Result<T, Unreadable>,
) -> Result<Vec<T>, StoreError> {
    let rows = wire.query(sql, values)?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|how| how.in_tables_of(wire.postgres()))
}

/// What stands in a column is not what was written there.
pub(super) struct Unreadable(String);

impl Unreadable {
    fn in_tables_of(self, postgres: &Postgres) -> StoreError {
        StoreError::damaged("database", format!("{postgres}: {}", self.0))
    }
}

pub(super) fn missing(postgres: &Postgres, counter: &str) -> StoreError {
    Unreadable(format!("the counter {counter} is missing")).in_tables_of(postgres)
}

pub(super) fn cell<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Unreadable> {
    row.try_get(column).map_err(|error| Unreadable(error.to_string()))
}

pub(super) fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], Unreadable> {
    let found: &[u8] = cell(row, column)?;
    found.try_into().map_err(|_| Unreadable(format!("{} bytes where {N} belong", found.len())))
}

/// A token from the columns [`TOKEN`].
pub(super) fn token(row: &Row) -> Result<TokenRecord, Unreadable> {
    Ok(TokenRecord {
        id: cell(row, 0)?,
        name: cell(row, 1)?,
        role: word(row, 2, |word| word.parse::<Role>().ok())?,
        scopes: Scopes::from_stored(cell(row, 6)?).map_err(|error| Unreadable(error.to_string()))?,
        customer: cell(row, 3)?,
        created_at_ms: cell(row, 4)?,
        expires_at_ms: cell(row, 7)?,
        revoked_at_ms: cell(row, 5)?,
        is_exposed: cell(row, 8)?,
        is_bootstrap: cell(row, 9)?,
    })
}

/// What a word in a column stands for.
fn word<T>(row: &Row, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Unreadable> {
    let word: &str = cell(row, column)?;
    read(word).ok_or_else(|| Unreadable(format!("{word:?} is none of its column's words")))
}

/// A security event from the columns [`EVENT`].
pub(super) fn event(row: &Row) -> Result<SecurityEvent, Unreadable> {
    let actor = match cell::<Option<&str>>(row, 5)? {
        None => None,
        Some(_) => {
            let id: Option<i64> = cell(row, 7)?;
            Some(Actor {
                role: word(row, 5, |word| word.parse::<Role>().ok())?,
                credential: word(row, 6, |word| Credential::from_parts(word, id.map(i64::cast_unsigned)))?,
                address: word(row, 8, AddressClass::from_word)?,
            })
        }
    };
    let event = NewSecurityEvent { kind: word(row, 2, SecurityKind::from_word)?, customer: cell(row, 3)?, subject: cell(row, 4)?, actor };
    Ok(SecurityEvent { id: cell(row, 0)?, at_ms: cell(row, 1)?, event, hash: bytes(row, 9)? })
}

/// Adds an event that follows the last one, in the caller's turn.
pub(super) fn add_event(wire: &Wire, added: &SecurityEvent) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO security_event(shard, {EVENT}) VALUES ({SHARD}, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    let SecurityEvent { id, at_ms, event, hash } = added;
    let (role, address) = (event.actor.map(|actor| actor.role.as_str()), event.actor.map(|actor| actor.address.word()));
    let (credential, number) = event.actor.map(|actor| actor.credential.parts()).unzip();
    let number = number.flatten().map(u64::cast_signed);
    let values: Values<'_> =
        &[id, at_ms, &event.kind.word(), &event.customer, &event.subject, &role, &credential, &number, &address, &hash.as_slice()];
    wire.execute(&sql, values).map(drop)
}

/// A session from the columns [`SESSION`].
pub(super) fn session(row: &Row) -> Result<SessionRecord, Unreadable> {
    Ok(SessionRecord {
        id: cell(row, 0)?,
        customer: cell(row, 1)?,
        device: cell(row, 2)?,
        created_at_ms: cell(row, 3)?,
        seen_at_ms: cell(row, 4)?,
        expires_at_ms: cell(row, 5)?,
    })
}

/// An answer from the columns [`ANSWER`], the first of which is `first`.
pub(super) fn remembered(row: &Row, first: usize) -> Result<Remembered, Unreadable> {
    let status = u16::try_from(cell::<i64>(row, first + 1)?).map_err(|_| Unreadable("a status that is none".to_owned()))?;
    Ok(Remembered { fingerprint: bytes(row, first)?, status, body: cell(row, first + 2)?, sealed: cell(row, first + 3)? })
}
