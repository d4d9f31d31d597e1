//! Rows of people and what they carry, as statements ask for them: columns, counters, and how a row is read.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::place::Postgres;
use super::wire::{Values, Wire};
use crate::error::StoreError;
use crate::person::{Remembered, Role, SessionRecord, TokenRecord};

/// The shard of people, written into statements.
pub(super) const SHARD: i64 = 0;

/// The columns that [`token`] reads.
pub(super) const TOKEN: &str = "id, name, role, customer, created_at_ms, revoked_at_ms";

/// The columns that [`session`] reads.
pub(super) const SESSION: &str = "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms";

/// The counter of tokens' numbers.
pub(super) const LAST_TOKEN: &str = "token";
/// The counter of sessions' numbers.
pub(super) const LAST_SESSION: &str = "session";
/// The counter of changes to tokens.
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
    let role: &str = cell(row, 2)?;
    Ok(TokenRecord {
        id: cell(row, 0)?,
        name: cell(row, 1)?,
        role: role.parse::<Role>().map_err(|error| Unreadable(error.to_string()))?,
        customer: cell(row, 3)?,
        created_at_ms: cell(row, 4)?,
        revoked_at_ms: cell(row, 5)?,
    })
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

/// An answer from the columns `fingerprint, status, body`, the first of which is `first`.
pub(super) fn remembered(row: &Row, first: usize) -> Result<Remembered, Unreadable> {
    let status = u16::try_from(cell::<i64>(row, first + 1)?).map_err(|_| Unreadable("a status that is none".to_owned()))?;
    Ok(Remembered { fingerprint: bytes(row, first)?, status, body: cell(row, first + 2)? })
}
