//! All people of a server's home at once: read out as they stand at one moment, and filled into empty tables.
//!
//! Owns the statements for that. Reading has a connection of its own, whose patience is that of somebody who moves house,
//! and holds no writer up. Filling is part of its caller's turn ([`super::turns`]).

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_postgres::{Error, Statement};

use super::people_rows::{
    ANSWER, EVENT, LAST_SESSION, LAST_TOKEN, SESSION, SHARD, TOKEN, TOKEN_CHANGES, add_event, all, bytes, cell, count, event, missing, one,
    remembered, session, token,
};
use super::place::Postgres;
use super::wire::{Values, Wire};
use crate::error::StoreError;
use crate::identity::SecondFactor;
use crate::identity_dump::{KeptAnswer, KeptFactor, KeptLink, KeptPassword, KeptSecret, KeptSession, KeptToken, People};
use crate::secrets::Fingerprint;

/// How long the answer to one question may take: a whole table.
const PATIENCE: Duration = Duration::from_secs(600);
/// How many rows are on their way at once.
const FLIGHT: usize = 500;
/// The tables, but for the counters.
const TABLES: [&str; 9] =
    ["token", "password", "sign_in_link", "session", "second_factor", "remembered", "secret", "sealing_key", "security_event"];

/// Everything, in one transaction for reading.
pub(super) fn everything(postgres: &Postgres) -> Result<People, StoreError> {
    let mut wire = postgres.connect()?;
    wire.set_patience(PATIENCE);
    wire.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let rows = |columns: &str, table: &str| format!("SELECT {columns} FROM {table} WHERE shard = {SHARD}");
    let people = People {
        tokens: all(&wire, &rows(&format!("{TOKEN}, hash"), "token"), &[], |row| {
            Ok(KeptToken { hash: bytes(row, 10)?, record: token(row)? })
        })?,
        passwords: all(&wire, &rows("customer, phc, set_at_ms", "password"), &[], |row| {
            Ok(KeptPassword { customer: cell(row, 0)?, phc: cell(row, 1)?, set_at_ms: cell(row, 2)? })
        })?,
        sign_in_links: all(&wire, &rows("hash, customer, expires_at_ms", "sign_in_link"), &[], |row| {
            Ok(KeptLink { hash: bytes(row, 0)?, customer: cell(row, 1)?, expires_at_ms: cell(row, 2)? })
        })?,
        sessions: all(&wire, &rows(&format!("{SESSION}, hash"), "session"), &[], |row| {
            Ok(KeptSession { hash: bytes(row, 6)?, record: session(row)? })
        })?,
        second_factors: all(&wire, &rows("customer, secret, last_step, set_at_ms", "second_factor"), &[], |row| {
            let factor = SecondFactor { secret: cell(row, 1)?, last_step: cell(row, 2)?, set_at_ms: cell(row, 3)? };
            Ok(KeptFactor { customer: cell(row, 0)?, factor })
        })?,
        remembered: all(&wire, &rows(&format!("key, {ANSWER}, at_ms"), "remembered"), &[], |row| {
            Ok(KeptAnswer { key: bytes(row, 0)?, answer: remembered(row, 1)?, at_ms: cell(row, 5)? })
        })?,
        secrets: all(&wire, &rows("name, value", "secret"), &[], |row| Ok(KeptSecret { name: cell(row, 0)?, value: bytes(row, 1)? }))?,
        sealing_key: all(&wire, &rows("fingerprint", "sealing_key"), &[], |row| bytes(row, 0).map(Fingerprint))?.pop(),
        security_events: all(&wire, &rows(EVENT, "security_event"), &[], event)?,
        last_token_id: last(&wire, LAST_TOKEN)?,
        last_session_id: last(&wire, LAST_SESSION)?,
    };
    wire.batch("COMMIT")?;
    Ok(people.in_order())
}

/// Fills empty tables, in the caller's turn.
pub(super) fn fill(wire: &Wire, people: &People) -> Result<(), StoreError> {
    if !is_empty(wire)? {
        return Err(StoreError::AlreadyExists { what: format!("people in {}", wire.postgres()) });
    }
    put_all(wire, people)
}

/// Puts everything in the place of what is here, in the caller's turn.
pub(super) fn replace(wire: &Wire, people: &People) -> Result<(), StoreError> {
    let before = (last(wire, LAST_TOKEN)?, last(wire, LAST_SESSION)?);
    for table in TABLES {
        wire.execute(&format!("DELETE FROM {table} WHERE shard = {SHARD}"), &[])?;
    }
    put_all(wire, people)?;
    set_last(wire, LAST_TOKEN, people.tokens_end().max(before.0))?;
    set_last(wire, LAST_SESSION, people.sessions_end().max(before.1))
}

fn put_all(wire: &Wire, people: &People) -> Result<(), StoreError> {
    let client = wire.client();
    let sql = insert(wire, "token", &format!("{TOKEN}, hash"))?;
    put(wire, &people.tokens, async |KeptToken { hash, record }| {
        let (role, hash, scopes) = (record.role.as_str(), hash.as_slice(), record.scopes.stored());
        let (created, revoked, expires, exposed) =
            (&record.created_at_ms, &record.revoked_at_ms, &record.expires_at_ms, &record.is_exposed);
        let bootstrap = &record.is_bootstrap;
        let values: Values<'_> =
            &[&record.id, &record.name, &role, &record.customer, created, revoked, &scopes, expires, exposed, bootstrap, &hash];
        client.execute(&sql, values).await
    })?;
    let sql = insert(wire, "password", "customer, phc, set_at_ms")?;
    put(wire, &people.passwords, async |kept| client.execute(&sql, &[&kept.customer, &kept.phc, &kept.set_at_ms]).await)?;
    let sql = insert(wire, "sign_in_link", "hash, customer, expires_at_ms")?;
    put(wire, &people.sign_in_links, async |kept| {
        client.execute(&sql, &[&kept.hash.as_slice(), &kept.customer, &kept.expires_at_ms]).await
    })?;
    let sql = insert(wire, "session", "id, customer, device, created_at_ms, seen_at_ms, expires_at_ms, hash")?;
    put(wire, &people.sessions, async |KeptSession { hash, record }| {
        let (created, seen, expires) = (&record.created_at_ms, &record.seen_at_ms, &record.expires_at_ms);
        client.execute(&sql, &[&record.id, &record.customer, &record.device, created, seen, expires, &hash.as_slice()]).await
    })?;
    let sql = insert(wire, "second_factor", "customer, secret, last_step, set_at_ms")?;
    put(wire, &people.second_factors, async |KeptFactor { customer, factor }| {
        client.execute(&sql, &[customer, &factor.secret, &factor.last_step, &factor.set_at_ms]).await
    })?;
    let sql = insert(wire, "remembered", &format!("key, {ANSWER}, at_ms"))?;
    put(wire, &people.remembered, async |KeptAnswer { key, answer, at_ms }| {
        let (fingerprint, status) = (answer.fingerprint.as_slice(), i64::from(answer.status));
        client.execute(&sql, &[&key.as_slice(), &fingerprint, &status, &answer.body, &answer.sealed, at_ms]).await
    })?;
    let sql = insert(wire, "secret", "name, value")?;
    put(wire, &people.secrets, async |kept| client.execute(&sql, &[&kept.name, &kept.value.as_slice()]).await)?;
    let sql = insert(wire, "sealing_key", "fingerprint")?;
    put(wire, people.sealing_key.as_slice(), async |kept| client.execute(&sql, &[&kept.0.as_slice()]).await)?;
    people.security_events.iter().try_for_each(|kept| add_event(wire, kept))?;
    set_last(wire, LAST_TOKEN, people.tokens_end())?;
    set_last(wire, LAST_SESSION, people.sessions_end())?;
    count(wire, TOKEN_CHANGES).map(drop)
}

/// Whether nothing was ever kept here. A number that was used is something.
fn is_empty(wire: &Wire) -> Result<bool, StoreError> {
    for table in TABLES {
        if wire.one(&format!("SELECT 1 FROM {table} WHERE shard = {SHARD} LIMIT 1"), &[])?.is_some() {
            return Ok(false);
        }
    }
    Ok(last(wire, LAST_TOKEN)? == 0 && last(wire, LAST_SESSION)? == 0)
}

/// A statement that adds a row of these columns.
fn insert(wire: &Wire, table: &str, columns: &str) -> Result<Statement, StoreError> {
    let places: Vec<String> = (1..=columns.split(',').count()).map(|place| format!("${place}")).collect();
    let sql = format!("INSERT INTO {table}(shard, {columns}) VALUES ({SHARD}, {})", places.join(", "));
    wire.wait(wire.client().prepare(&sql))
}

/// Adds rows one by one, but waits for many at once. Bulk loading differs among engines, single rows do not.
fn put<'a, T>(wire: &Wire, rows: &'a [T], add: impl AsyncFn(&'a T) -> Result<u64, Error>) -> Result<(), StoreError> {
    rows.chunks(FLIGHT).try_for_each(|flight| wire.wait(try_join_all(flight.iter().map(|row| add(row)))).map(drop))
}

/// The highest number that was ever given.
fn last(wire: &Wire, counter: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT value FROM counter WHERE shard = {SHARD} AND name = $1");
    one(wire, &sql, &[&counter], |row| cell(row, 0))?.ok_or_else(|| missing(wire.postgres(), counter))
}

fn set_last(wire: &Wire, counter: &str, last: i64) -> Result<(), StoreError> {
    let sql = format!("UPDATE counter SET value = $2 WHERE shard = {SHARD} AND name = $1");
    match wire.execute(&sql, &[&counter, &last])? {
        0 => Err(missing(wire.postgres(), counter)),
        _ => Ok(()),
    }
}
