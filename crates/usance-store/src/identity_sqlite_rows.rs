//! Rows of tokens and sessions in SQLite, as statements ask for them: columns, and how a row is read.

use rusqlite::Row;

use crate::person::{Role, SessionRecord, TokenRecord};

/// The columns that [`token`] reads.
pub(crate) const TOKEN: &str = "id, name, role, customer, created_at_ms, revoked_at_ms";

/// The columns that [`session`] reads.
pub(crate) const SESSION: &str = "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms";

/// A token from the columns [`TOKEN`].
pub(crate) fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let role: String = row.get(2)?;
    let role: Role =
        role.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(TokenRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        role,
        customer: row.get(3)?,
        created_at_ms: row.get(4)?,
        revoked_at_ms: row.get(5)?,
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
