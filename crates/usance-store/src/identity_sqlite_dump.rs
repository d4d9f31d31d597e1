//! All people of the embedded home at once: read out as they stand at one moment, and filled into an empty file.
//!
//! Owns the statements for that, and the table `sqlite_sequence`, in which SQLite keeps the highest number that each kind
//! of row ever had. Transactions around writing are [`crate::identity_sqlite`]'s.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::identity_dump::{KeptAnswer, KeptFactor, KeptLink, KeptPassword, KeptSecret, KeptSession, KeptToken, People};
use crate::identity_sqlite_rows::{ANSWER, EVENT, SESSION, TOKEN, answer, event, event_values, session, token};
use crate::person::SecondFactor;
use crate::secrets::Fingerprint;

const TABLES: [&str; 9] =
    ["token", "password", "sign_in_link", "session", "second_factor", "remembered", "secret", "sealing_key", "security_event"];

/// Everything, in one transaction for reading.
pub(crate) fn everything(connection: &Connection) -> rusqlite::Result<People> {
    let moment = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let people = People {
        remembered: all(&moment, &format!("SELECT {ANSWER}, key, at_ms FROM remembered"), |row| {
            Ok(KeptAnswer { key: row.get("key")?, answer: answer(row)?, at_ms: row.get("at_ms")? })
        })?,
        security_events: all(&moment, &format!("SELECT {EVENT} FROM security_event"), event)?,
        ..few(&moment)?
    };
    moment.commit()?;
    Ok(people.in_order())
}

/// Everything but the answers and the security events, of which there are most.
pub(crate) fn few(moment: &Connection) -> rusqlite::Result<People> {
    let people = People {
        tokens: all(moment, &format!("SELECT {TOKEN}, hash FROM token"), |row| {
            Ok(KeptToken { hash: row.get("hash")?, record: token(row)? })
        })?,
        passwords: all(moment, "SELECT customer, phc, set_at_ms FROM password", |row| {
            Ok(KeptPassword { customer: row.get(0)?, phc: row.get(1)?, set_at_ms: row.get(2)? })
        })?,
        sign_in_links: all(moment, "SELECT hash, customer, expires_at_ms FROM sign_in_link", |row| {
            Ok(KeptLink { hash: row.get(0)?, customer: row.get(1)?, expires_at_ms: row.get(2)? })
        })?,
        sessions: all(moment, &format!("SELECT {SESSION}, hash FROM session"), |row| {
            Ok(KeptSession { hash: row.get("hash")?, record: session(row)? })
        })?,
        second_factors: all(moment, "SELECT customer, secret, last_step, set_at_ms FROM second_factor", |row| {
            let factor = SecondFactor { secret: row.get(1)?, last_step: row.get(2)?, set_at_ms: row.get(3)? };
            Ok(KeptFactor { customer: row.get(0)?, factor })
        })?,
        secrets: all(moment, "SELECT name, value FROM secret", |row| Ok(KeptSecret { name: row.get(0)?, value: row.get(1)? }))?,
        sealing_key: all(moment, "SELECT fingerprint FROM sealing_key", |row| row.get(0).map(Fingerprint))?.pop(),
        last_token_id: last(moment, "token")?,
        last_session_id: last(moment, "session")?,
        ..People::default()
    };
    Ok(people.in_order())
}

/// Whether nothing was ever kept here. A number that was used is something.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let rows = TABLES.map(|table| format!("EXISTS(SELECT 1 FROM {table})"));
    let used = connection.query_row(&format!("SELECT {}", rows.join(" OR ")), [], |row| row.get::<_, bool>(0))?;
    Ok(!used && last(connection, "token")? == 0 && last(connection, "session")? == 0)
}

/// Fills empty tables, inside of a transaction for writing.
pub(crate) fn fill(connection: &Connection, people: &People) -> rusqlite::Result<()> {
    add(connection, people)?;
    set_last(connection, "token", people.tokens_end())?;
    set_last(connection, "session", people.sessions_end())
}

/// Adds rows to those that are there, inside of a transaction for writing.
pub(crate) fn add(connection: &Connection, people: &People) -> rusqlite::Result<()> {
    let insert = |table: &str, columns: &str| {
        let places = vec!["?"; columns.split(',').count()].join(", ");
        connection.prepare(&format!("INSERT INTO {table}({columns}) VALUES ({places})"))
    };
    let mut put = insert("token", &format!("{TOKEN}, hash"))?;
    for KeptToken { hash, record } in &people.tokens {
        let (role, scopes, created, revoked) = (record.role.as_str(), record.scopes.stored(), record.created_at_ms, record.revoked_at_ms);
        let expires = record.expires_at_ms;
        put.execute(params![
            record.id,
            record.name,
            role,
            record.customer,
            created,
            revoked,
            scopes,
            expires,
            record.is_exposed,
            record.is_bootstrap,
            hash
        ])?;
    }
    let mut put = insert("password", "customer, phc, set_at_ms")?;
    for kept in &people.passwords {
        put.execute(params![kept.customer, kept.phc, kept.set_at_ms])?;
    }
    let mut put = insert("sign_in_link", "hash, customer, expires_at_ms")?;
    for kept in &people.sign_in_links {
        put.execute(params![kept.hash, kept.customer, kept.expires_at_ms])?;
    }
    let mut put = insert("session", "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms, hash")?;
    for KeptSession { hash, record } in &people.sessions {
        let (created, seen, expires) = (record.created_at_ms, record.seen_at_ms, record.expires_at_ms);
        put.execute(params![record.id, record.customer, record.device, created, seen, expires, hash])?;
    }
    let mut put = insert("second_factor", "customer, secret, last_step, set_at_ms")?;
    for KeptFactor { customer, factor } in &people.second_factors {
        put.execute(params![customer, factor.secret, factor.last_step, factor.set_at_ms])?;
    }
    let mut put = insert("remembered", &format!("{ANSWER}, key, at_ms"))?;
    for KeptAnswer { key, answer, at_ms } in &people.remembered {
        put.execute(params![answer.fingerprint, answer.status, answer.body, answer.sealed, key, at_ms])?;
    }
    let mut put = insert("secret", "name, value")?;
    for kept in &people.secrets {
        put.execute(params![kept.name, kept.value])?;
    }
    if let Some(key) = people.sealing_key {
        insert("sealing_key", "fingerprint")?.execute([key.0])?;
    }
    let mut put = insert("security_event", EVENT)?;
    for kept in &people.security_events {
        put.execute(rusqlite::params_from_iter(event_values(kept)))?;
    }
    Ok(())
}

/// Takes all rows away; the numbers that were used stay used.
pub(crate) fn empty(connection: &Connection) -> rusqlite::Result<()> {
    TABLES.iter().try_for_each(|table| connection.execute(&format!("DELETE FROM {table}"), []).map(drop))
}

/// Puts everything in the place of what is here.
pub(crate) fn replace(connection: &Connection, people: &People) -> rusqlite::Result<()> {
    let before = (last(connection, "token")?, last(connection, "session")?);
    empty(connection)?;
    fill(connection, people)?;
    set_last(connection, "token", people.tokens_end().max(before.0))?;
    set_last(connection, "session", people.sessions_end().max(before.1))
}

fn all<T>(connection: &Connection, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

/// The highest number that a row of this table ever had.
fn last(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let last = connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0))
}

pub(crate) fn set_last(connection: &Connection, table: &str, last: i64) -> rusqlite::Result<()> {
    // The table has no key of its own, and its row comes with the first number.
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])?;
    connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES (?1, ?2)", params![table, last]).map(drop)
}
