//! One moment of a server's people, to be read: all of them, or what a copy lacks ([`crate::people_copy`]).
//!
//! Owns the statements for that. Reading has a connection of its own, whose patience is that of somebody who moves house, in one
//! transaction that holds no writer up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::people_dump::last;
use super::people_rows::{
    ANSWER, EVENT, LAST_SESSION, LAST_TOKEN, SESSION, SHARD, TOKEN, all, bytes, cell, event, remembered, session, token,
};
use super::place::Postgres;
use super::wire::Wire;
use crate::error::StoreError;
use crate::identity::SecondFactor;
use crate::identity_dump::{ANSWERS_MS, KeptAnswer, KeptFactor, KeptLink, KeptPassword, KeptSecret, KeptSession, KeptToken, People};
use crate::secrets::Fingerprint;
use crate::security::SecurityEvent;

/// How long the answer to one question may take: a whole table.
const PATIENCE: Duration = Duration::from_secs(600);

/// A transaction for reading, which ends with this value.
pub struct PeopleMoment {
    wire: Wire,
}

impl PeopleMoment {
    pub(super) fn begin(postgres: &Postgres) -> Result<Self, StoreError> {
        let mut wire = postgres.connect()?;
        wire.set_patience(PATIENCE);
        wire.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        Ok(PeopleMoment { wire })
    }

    /// Everything.
    ///
    /// # Errors
    /// As the server answers.
    pub fn everything(&self) -> Result<People, StoreError> {
        let people =
            People { remembered: self.answers(i64::MIN..i64::MAX)?, security_events: self.events_after(0, u32::MAX)?, ..self.few()? };
        Ok(people.in_order())
    }

    /// Everything but the answers and the security events, of which there are most.
    ///
    /// # Errors
    /// As the server answers.
    pub fn few(&self) -> Result<People, StoreError> {
        let wire = &self.wire;
        let rows = |columns: &str, table: &str| format!("SELECT {columns} FROM {table} WHERE shard = {SHARD}");
        let people = People {
            tokens: all(wire, &rows(&format!("{TOKEN}, hash"), "token"), &[], |row| {
                Ok(KeptToken { hash: bytes(row, 10)?, record: token(row)? })
            })?,
            passwords: all(wire, &rows("customer, phc, set_at_ms", "password"), &[], |row| {
                Ok(KeptPassword { customer: cell(row, 0)?, phc: cell(row, 1)?, set_at_ms: cell(row, 2)? })
            })?,
            sign_in_links: all(wire, &rows("hash, customer, expires_at_ms", "sign_in_link"), &[], |row| {
                Ok(KeptLink { hash: bytes(row, 0)?, customer: cell(row, 1)?, expires_at_ms: cell(row, 2)? })
            })?,
            sessions: all(wire, &rows(&format!("{SESSION}, hash"), "session"), &[], |row| {
                Ok(KeptSession { hash: bytes(row, 6)?, record: session(row)? })
            })?,
            second_factors: all(wire, &rows("customer, secret, last_step, set_at_ms", "second_factor"), &[], |row| {
                let factor = SecondFactor { secret: cell(row, 1)?, last_step: cell(row, 2)?, set_at_ms: cell(row, 3)? };
                Ok(KeptFactor { customer: cell(row, 0)?, factor })
            })?,
            secrets: all(wire, &rows("name, value", "secret"), &[], |row| Ok(KeptSecret { name: cell(row, 0)?, value: bytes(row, 1)? }))?,
            sealing_key: all(wire, &rows("fingerprint", "sealing_key"), &[], |row| bytes(row, 0).map(Fingerprint))?.pop(),
            last_token_id: last(wire, LAST_TOKEN)?,
            last_session_id: last(wire, LAST_SESSION)?,
            ..People::default()
        };
        Ok(people.in_order())
    }

    /// How many answers there are, by the beginning of the minute in which they were given.
    ///
    /// # Errors
    /// As the server answers.
    pub fn answers_by_minute(&self) -> Result<BTreeMap<i64, i64>, StoreError> {
        let sql = format!(
            "SELECT at_ms - at_ms % {ANSWERS_MS} AS minute, CAST(count(*) AS BIGINT) FROM remembered WHERE shard = {SHARD} GROUP BY minute"
        );
        Ok(all(&self.wire, &sql, &[], |row| Ok((cell(row, 0)?, cell(row, 1)?)))?.into_iter().collect())
    }

    /// The answers given in a stretch of time, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// As the server answers.
    pub fn answers(&self, given: Range<i64>) -> Result<Vec<KeptAnswer>, StoreError> {
        let sql = format!("SELECT key, {ANSWER}, at_ms FROM remembered WHERE shard = {SHARD} AND at_ms >= $1 AND at_ms < $2");
        all(&self.wire, &sql, &[&given.start, &given.end], |row| {
            Ok(KeptAnswer { key: bytes(row, 0)?, answer: remembered(row, 1)?, at_ms: cell(row, 5)? })
        })
    }

    /// At most `limit` security events behind the number `id`, oldest first.
    ///
    /// # Errors
    /// As the server answers.
    pub fn events_after(&self, id: i64, limit: u32) -> Result<Vec<SecurityEvent>, StoreError> {
        let sql = format!("SELECT {EVENT} FROM security_event WHERE shard = {SHARD} AND id > $1 ORDER BY id LIMIT $2");
        all(&self.wire, &sql, &[&id, &i64::from(limit)], event)
    }
}
