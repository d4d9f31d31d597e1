//! All people of a server's home at once, filled into empty tables or put in the place of others.
//!
//! Owns the statements for that, which are part of their caller's turn ([`super::write_connection`]). Reading is `people_moment`'s.

use std::pin::{Pin, pin};

use tokio_postgres::Error;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::people_rows::{ANSWER, EVENT, LAST_SESSION, LAST_TOKEN, SESSION, SHARD, TOKEN, TOKEN_CHANGES, cell, count, missing, one};
use super::wire::Wire;
use crate::error::StoreError;
use crate::identity_dump::{KeptFactor, KeptSession, KeptToken, People};
use crate::security::SecurityEvent;

/// How many rows one statement takes: few enough for the server to answer in time.
const TAKEN: usize = 20_000;
/// The tables, but for the counters.
const TABLES: [&str; 9] =
    ["token", "password", "sign_in_link", "session", "second_factor", "remembered", "secret", "sealing_key", "security_event"];

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
    const NUMBER: Type = Type::INT8;
    const TEXT: Type = Type::TEXT;
    const BYTES: Type = Type::BYTEA;
    const TRUTH: Type = Type::BOOL;
    type To<'a> = Pin<&'a mut BinaryCopyInWriter>;
    let types = [NUMBER, NUMBER, TEXT, TEXT, TEXT, NUMBER, NUMBER, TEXT, NUMBER, TRUTH, TRUTH, BYTES];
    copy(wire, "token", &format!("{TOKEN}, hash"), &types, &people.tokens, async |to: To<'_>, KeptToken { hash, record }| {
        let (role, hash, scopes) = (record.role.as_str(), hash.as_slice(), record.scopes.stored());
        let (created, revoked, expires, exposed) =
            (&record.created_at_ms, &record.revoked_at_ms, &record.expires_at_ms, &record.is_exposed);
        let (name, customer, bootstrap) = (&record.name, &record.customer, &record.is_bootstrap);
        to.write(&[&SHARD, &record.id, name, &role, customer, created, revoked, &scopes, expires, exposed, bootstrap, &hash]).await
    })?;
    let types = [NUMBER, TEXT, TEXT, NUMBER];
    copy(wire, "password", "customer, phc, set_at_ms", &types, &people.passwords, async |to: To<'_>, kept| {
        to.write(&[&SHARD, &kept.customer, &kept.phc, &kept.set_at_ms]).await
    })?;
    let types = [NUMBER, BYTES, TEXT, NUMBER];
    copy(wire, "sign_in_link", "hash, customer, expires_at_ms", &types, &people.sign_in_links, async |to: To<'_>, kept| {
        to.write(&[&SHARD, &kept.hash.as_slice(), &kept.customer, &kept.expires_at_ms]).await
    })?;
    let types = [NUMBER, NUMBER, TEXT, TEXT, NUMBER, NUMBER, NUMBER, BYTES];
    copy(wire, "session", &format!("{SESSION}, hash"), &types, &people.sessions, async |to: To<'_>, KeptSession { hash, record }| {
        let (created, seen, expires) = (&record.created_at_ms, &record.seen_at_ms, &record.expires_at_ms);
        to.write(&[&SHARD, &record.id, &record.customer, &record.device, created, seen, expires, &hash.as_slice()]).await
    })?;
    let types = [NUMBER, TEXT, BYTES, NUMBER, NUMBER];
    let columns = "customer, secret, last_step, set_at_ms";
    copy(wire, "second_factor", columns, &types, &people.second_factors, async |to: To<'_>, KeptFactor { customer, factor }| {
        to.write(&[&SHARD, customer, &factor.secret, &factor.last_step, &factor.set_at_ms]).await
    })?;
    let types = [NUMBER, BYTES, BYTES, NUMBER, BYTES, BYTES, NUMBER];
    copy(wire, "remembered", &format!("key, {ANSWER}, at_ms"), &types, &people.remembered, async |to: To<'_>, kept| {
        let (answer, status) = (&kept.answer, i64::from(kept.answer.status));
        let (key, fingerprint) = (kept.key.as_slice(), answer.fingerprint.as_slice());
        to.write(&[&SHARD, &key, &fingerprint, &status, &answer.body, &answer.sealed, &kept.at_ms]).await
    })?;
    let types = [NUMBER, TEXT, BYTES];
    copy(wire, "secret", "name, value", &types, &people.secrets, async |to: To<'_>, kept| {
        to.write(&[&SHARD, &kept.name, &kept.value.as_slice()]).await
    })?;
    let types = [NUMBER, BYTES];
    copy(wire, "sealing_key", "fingerprint", &types, people.sealing_key.as_slice(), async |to: To<'_>, kept| {
        to.write(&[&SHARD, &kept.0.as_slice()]).await
    })?;
    let types = [NUMBER, NUMBER, NUMBER, TEXT, TEXT, NUMBER, TEXT, TEXT, NUMBER, TEXT, BYTES];
    copy(wire, "security_event", EVENT, &types, &people.security_events, async |to: To<'_>, kept| {
        let SecurityEvent { id, at_ms, event, hash } = kept;
        let (role, address) = (event.actor.map(|actor| actor.role.as_str()), event.actor.map(|actor| actor.address.word()));
        let (credential, number) = event.actor.map(|actor| actor.credential.parts()).unzip();
        let number = number.flatten().map(u64::cast_signed);
        let (kind, hash) = (event.kind.word(), hash.as_slice());
        to.write(&[&SHARD, id, at_ms, &kind, &event.customer, &event.subject, &role, &credential, &number, &address, &hash]).await
    })?;
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

/// Adds rows, many to a statement. The shard stands before their columns, and its type before theirs.
fn copy<'a, T>(
    wire: &Wire,
    table: &str,
    columns: &str,
    types: &[Type],
    rows: &'a [T],
    write: impl AsyncFn(Pin<&mut BinaryCopyInWriter>, &'a T) -> Result<(), Error>,
) -> Result<(), StoreError> {
    let statement = format!("COPY {table}(shard, {columns}) FROM STDIN BINARY");
    rows.chunks(TAKEN).try_for_each(|taken| {
        wire.wait(async {
            let mut to = pin!(BinaryCopyInWriter::new(wire.client().copy_in(&statement).await?, types));
            for row in taken {
                write(to.as_mut(), row).await?;
            }
            to.finish().await
        })
        .map(drop)
    })
}

/// The highest number that was ever given.
pub(super) fn last(wire: &Wire, counter: &str) -> Result<i64, StoreError> {
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
