//! The home of identities on a PostgreSQL server, for as many processes as there are.
//!
//! Owns its tables, which lie in a schema of their own: whoever may read the platform's tables reads nothing of people. It does what [`crate::identity_sqlite`] does, by the tables' own keys and by turns: every write takes
//! its turn (`turns`), so that no other one comes between, and outlives a lost connection. It refuses what
//! [`crate::identity`] says. Moving everything is `people_dump`'s.
//!
//! People belong to the whole platform, not to one shard of the money, so they lie in one shard that is written into every
//! statement. All its tables lie together then, wherever an engine puts them. Numbers come from rows of `counter` that
//! change with what is numbered: one that was given to something kept is never given again, on every engine.
//!
//! Deliberately absent: sequences, which count differently on each engine; partial and cascading rules; and a wait of
//! readers for writers.

use std::fmt;

use tokio_postgres::Row;

use super::people_rows::{
    ANSWER, EVENT, LAST_SESSION, LAST_TOKEN, SESSION, SHARD, TOKEN, TOKEN_CHANGES, Unreadable, add_event, all, bytes, cell, count, event,
    missing, one, remembered, session, token,
};
use super::place::Postgres;
use super::schema::Component;
use super::wire::Values;
use super::wire::Wire;
use super::write_connection::WriteConnection;
use super::{people_dump, people_moment::PeopleMoment, people_move};
use crate::error::StoreError;
use crate::identity::{
    Ending, Identities, IdentityStore, NewSecurityEvent, NewSession, NewToken, Remembered, SealedItem, SealedPlace, SecondFactor,
    SecurityEvent, SessionRecord, TokenRecord,
};
use crate::identity_dump::People;
use crate::secrets::Fingerprint;

const COMPONENT: Component = Component { name: "people", steps: &[VERSION_1, VERSION_2] };

/// The first version. Its counters are the turn of writers, the highest numbers of tokens and sessions, and how often
/// tokens were changed. What is unique contains the shard, so that the tables can be distributed by it.
const VERSION_1: &str = "
    CREATE TABLE counter(
        shard BIGINT NOT NULL,
        name  TEXT   NOT NULL,
        value BIGINT NOT NULL,
        PRIMARY KEY (shard, name)
    );
    INSERT INTO counter(shard, name, value) VALUES (0, 'turn', 0), (0, 'token', 0), (0, 'session', 0), (0, 'token_change', 0);
    CREATE TABLE token(
        shard         BIGINT NOT NULL,
        id            BIGINT NOT NULL,
        name          TEXT   NOT NULL,
        role          TEXT   NOT NULL,
        customer      TEXT,
        hash          BYTEA  NOT NULL,
        created_at_ms BIGINT NOT NULL,
        revoked_at_ms BIGINT,
        PRIMARY KEY (shard, id),
        UNIQUE (shard, hash)
    );
    CREATE TABLE password(
        shard     BIGINT NOT NULL,
        customer  TEXT   NOT NULL,
        phc       TEXT   NOT NULL,
        set_at_ms BIGINT NOT NULL,
        PRIMARY KEY (shard, customer)
    );
    CREATE TABLE sign_in_link(
        shard         BIGINT NOT NULL,
        hash          BYTEA  NOT NULL,
        customer      TEXT   NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        PRIMARY KEY (shard, hash)
    );
    CREATE INDEX sign_in_link_expires_at ON sign_in_link(shard, expires_at_ms);
    CREATE TABLE session(
        shard         BIGINT NOT NULL,
        id            BIGINT NOT NULL,
        hash          BYTEA  NOT NULL,
        customer      TEXT   NOT NULL,
        device        TEXT   NOT NULL,
        created_at_ms BIGINT NOT NULL,
        seen_at_ms    BIGINT NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        PRIMARY KEY (shard, id),
        UNIQUE (shard, hash)
    );
    CREATE INDEX session_customer ON session(shard, customer);
    CREATE INDEX session_expires_at ON session(shard, expires_at_ms);
    CREATE TABLE second_factor(
        shard     BIGINT NOT NULL,
        customer  TEXT   NOT NULL,
        secret    BYTEA  NOT NULL,
        last_step BIGINT,
        set_at_ms BIGINT NOT NULL,
        PRIMARY KEY (shard, customer)
    );
    CREATE TABLE remembered(
        shard       BIGINT NOT NULL,
        key         BYTEA  NOT NULL,
        fingerprint BYTEA  NOT NULL,
        status      BIGINT NOT NULL,
        body        BYTEA  NOT NULL,
        at_ms       BIGINT NOT NULL,
        PRIMARY KEY (shard, key)
    );
    CREATE INDEX remembered_at ON remembered(shard, at_ms);
    CREATE TABLE secret(
        shard BIGINT NOT NULL,
        name  TEXT   NOT NULL,
        value BYTEA  NOT NULL,
        PRIMARY KEY (shard, name)
    );
";

/// The second one: tokens have scopes and may expire, answers keep their secret sealed, the key that seals is known by its
/// fingerprint, and security events hang on a chain. Links that were made of what lay in the store are ended.
const VERSION_2: &str = "
    ALTER TABLE token ADD COLUMN scopes TEXT;
    ALTER TABLE token ADD COLUMN expires_at_ms BIGINT;
    ALTER TABLE token ADD COLUMN is_exposed BOOLEAN NOT NULL DEFAULT FALSE;
    ALTER TABLE token ADD COLUMN is_bootstrap BOOLEAN NOT NULL DEFAULT FALSE;
    CREATE INDEX token_customer ON token(shard, customer);
    ALTER TABLE remembered ADD COLUMN sealed BYTEA;
    CREATE INDEX sign_in_link_customer ON sign_in_link(shard, customer);
    CREATE TABLE sealing_key(
        shard       BIGINT NOT NULL,
        fingerprint BYTEA  NOT NULL,
        PRIMARY KEY (shard)
    );
    CREATE TABLE security_event(
        shard         BIGINT NOT NULL,
        id            BIGINT NOT NULL,
        at_ms         BIGINT NOT NULL,
        kind          TEXT   NOT NULL,
        customer      TEXT,
        subject       BIGINT,
        role          TEXT,
        credential    TEXT,
        credential_id BIGINT,
        address       TEXT,
        hash          BYTEA  NOT NULL,
        PRIMARY KEY (shard, id)
    );
    CREATE INDEX security_event_customer ON security_event(shard, customer, id);
    DELETE FROM sign_in_link;
";

/// People and tokens on a server. A value lives as long as the process: a lost connection is opened again by the next call.
pub struct PostgresIdentities {
    line: WriteConnection,
}

impl PostgresIdentities {
    /// Opens the tables, and creates them where there are none. Tables of an older release are brought up; that release
    /// refuses them from then on.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] when a newer release wrote them; [`StoreError::Unreachable`] when there is no server;
    /// [`StoreError::Postgres`] when it says no.
    pub fn open(postgres: &Postgres) -> Result<Self, StoreError> {
        let wire = postgres.people().connect()?;
        people_move::from_schema_of(&wire, postgres.schema(), &COMPONENT)?;
        COMPONENT.bring_up(&wire)?;
        Self::on(wire)
    }

    /// Opens tables that are of this release already, and changes nothing: what a standby does while a writer of another release
    /// may work.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::OlderVersion`] where no writer of this release has been yet; otherwise as
    /// [`PostgresIdentities::open`].
    pub fn open_as_they_are(postgres: &Postgres) -> Result<Self, StoreError> {
        let wire = postgres.people().connect()?;
        COMPONENT.expect_this_release(&wire)?;
        Self::on(wire)
    }

    fn on(wire: Wire) -> Result<Self, StoreError> {
        let turn = format!("UPDATE counter SET value = value + 1 WHERE shard = {SHARD} AND name = 'turn'");
        Ok(PostgresIdentities { line: WriteConnection::new(wire, turn)? })
    }

    /// The people as they stand now, whatever is written meanwhile.
    ///
    /// # Errors
    /// As the server answers.
    pub fn moment(&self) -> Result<PeopleMoment, StoreError> {
        PeopleMoment::begin(self.line.postgres())
    }

    /// How many rows the statement changed.
    fn change(&self, sql: &str, values: Values<'_>) -> Result<usize, StoreError> {
        self.line.write(|wire| change(wire, sql, values))
    }

    /// The one row there may be.
    fn one<T>(&self, sql: &str, values: Values<'_>, read: impl Fn(&Row) -> Result<T, Unreadable>) -> Result<Option<T>, StoreError> {
        self.line.read(|wire| one(wire, sql, values, &read))
    }

    /// All rows.
    fn all<T>(&self, sql: &str, values: Values<'_>, read: impl Fn(&Row) -> Result<T, Unreadable>) -> Result<Vec<T>, StoreError> {
        self.line.read(|wire| all(wire, sql, values, &read))
    }
}

impl fmt::Debug for PostgresIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresIdentities({})", self.line.postgres())
    }
}

impl Identities for PostgresIdentities {
    fn add_token(&self, token: &NewToken, at_ms: i64) -> Result<TokenRecord, StoreError> {
        let sql = format!(
            "INSERT INTO token(shard, id, name, role, scopes, customer, hash, created_at_ms, expires_at_ms, is_bootstrap)
             VALUES ({SHARD}, $1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (shard, hash) DO NOTHING"
        );
        let NewToken { name, role, scopes, customer, hash, expires_at_ms, is_bootstrap } = token;
        let (role, scopes) = (role.as_str(), scopes.stored());
        let id = self.line.write(|wire| {
            let id = count(wire, LAST_TOKEN)?;
            let values: Values<'_> = &[&id, name, &role, &scopes, customer, &hash.as_slice(), &at_ms, expires_at_ms, is_bootstrap];
            add(wire, "a token with this secret", &sql, values)?;
            Ok(id)
        })?;
        Ok(token.record(id, at_ms))
    }

    fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.all(&format!("SELECT {TOKEN} FROM token WHERE shard = {SHARD} ORDER BY id DESC"), &[], token)
    }

    fn tokens_of(&self, customer: &str) -> Result<Vec<TokenRecord>, StoreError> {
        if is_nobody(customer) {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {TOKEN} FROM token WHERE shard = {SHARD} AND customer = $1 ORDER BY id DESC");
        self.all(&sql, &[&customer], token)
    }

    fn token(&self, id: i64) -> Result<Option<TokenRecord>, StoreError> {
        self.one(&format!("SELECT {TOKEN} FROM token WHERE shard = {SHARD} AND id = $1"), &[&id], token)
    }

    fn has_live_token(&self, now_ms: i64) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1 FROM token WHERE shard = {SHARD} AND revoked_at_ms IS NULL AND (expires_at_ms IS NULL OR expires_at_ms > $1) LIMIT 1"
        );
        Ok(self.one(&sql, &[&now_ms], |_| Ok(()))?.is_some())
    }

    fn find_token(&self, hash: &[u8; 32]) -> Result<Option<TokenRecord>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM token WHERE shard = {SHARD} AND hash = $1");
        self.one(&sql, &[&hash.as_slice()], token)
    }

    fn foreign_version(&self) -> Result<i64, StoreError> {
        // Every process's changes, our own too. A number that is kept: to count a million tokens each second costs more.
        let sql = format!("SELECT value FROM counter WHERE shard = {SHARD} AND name = $1");
        self.one(&sql, &[&TOKEN_CHANGES], |row| cell(row, 0))?.ok_or_else(|| missing(self.line.postgres(), TOKEN_CHANGES))
    }

    fn revoke_token(&self, id: i64, at_ms: i64) -> Result<bool, StoreError> {
        let sql = format!("UPDATE token SET revoked_at_ms = $2 WHERE shard = {SHARD} AND id = $1 AND revoked_at_ms IS NULL");
        self.line.write(|wire| {
            let revoked = change(wire, &sql, &[&id, &at_ms])? > 0;
            if revoked {
                count(wire, TOKEN_CHANGES)?;
            }
            Ok(revoked)
        })
    }

    fn revoke_tokens_of(&self, customer: &str, at_ms: i64) -> Result<Vec<i64>, StoreError> {
        if is_nobody(customer) {
            return Ok(Vec::new());
        }
        let sql =
            format!("UPDATE token SET revoked_at_ms = $2 WHERE shard = {SHARD} AND customer = $1 AND revoked_at_ms IS NULL RETURNING id");
        self.line.write(|wire| {
            let revoked = all(wire, &sql, &[&customer, &at_ms], |row| cell(row, 0))?;
            count(wire, TOKEN_CHANGES)?;
            Ok(revoked)
        })
    }

    fn expose_token(&self, id: i64) -> Result<bool, StoreError> {
        let sql = format!("UPDATE token SET is_exposed = TRUE WHERE shard = {SHARD} AND id = $1");
        Ok(self.change(&sql, &[&id])? > 0)
    }

    fn set_password(&self, customer: &str, phc: &str, at_ms: i64) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO password(shard, customer, phc, set_at_ms) VALUES ({SHARD}, $1, $2, $3)
             ON CONFLICT (shard, customer) DO UPDATE SET phc = excluded.phc, set_at_ms = excluded.set_at_ms"
        );
        self.change(&sql, &[&customer, &phc, &at_ms]).map(drop)
    }

    fn password(&self, customer: &str) -> Result<Option<String>, StoreError> {
        if is_nobody(customer) {
            return Ok(None);
        }
        let sql = format!("SELECT phc FROM password WHERE shard = {SHARD} AND customer = $1");
        self.one(&sql, &[&customer], |row| cell(row, 0))
    }

    fn add_sign_in_link(&self, hash: &[u8; 32], customer: &str, expires_at_ms: i64) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO sign_in_link(shard, hash, customer, expires_at_ms) VALUES ({SHARD}, $1, $2, $3)
             ON CONFLICT (shard, hash) DO NOTHING"
        );
        let values: Values<'_> = &[&hash.as_slice(), &customer, &expires_at_ms];
        self.line.write(|wire| add(wire, "a sign-in link with this secret", &sql, values))
    }

    fn sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError> {
        let sql = format!("SELECT customer FROM sign_in_link WHERE shard = {SHARD} AND hash = $1 AND expires_at_ms > $2");
        self.one(&sql, &[&hash.as_slice(), &now_ms], |row| cell(row, 0))
    }

    fn take_sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError> {
        let sql = format!("DELETE FROM sign_in_link WHERE shard = {SHARD} AND hash = $1 RETURNING customer, expires_at_ms");
        let taken = self.line.write(|wire| one(wire, &sql, &[&hash.as_slice()], |row| Ok((cell(row, 0)?, cell::<i64>(row, 1)?))))?;
        Ok(taken.filter(|(_, expires_at_ms)| now_ms < *expires_at_ms).map(|(customer, _)| customer))
    }

    fn end_sign_in_links(&self, customer: &str) -> Result<usize, StoreError> {
        if is_nobody(customer) {
            return Ok(0);
        }
        self.change(&format!("DELETE FROM sign_in_link WHERE shard = {SHARD} AND customer = $1"), &[&customer])
    }

    fn add_session(&self, session: &NewSession, at_ms: i64) -> Result<SessionRecord, StoreError> {
        let sql = format!(
            "INSERT INTO session(shard, id, hash, customer, device, created_at_ms, seen_at_ms, expires_at_ms)
             VALUES ({SHARD}, $1, $2, $3, $4, $5, $5, $6)
             ON CONFLICT (shard, hash) DO NOTHING"
        );
        let NewSession { hash, customer, device, expires_at_ms } = session;
        let id = self.line.write(|wire| {
            let id = count(wire, LAST_SESSION)?;
            let values: Values<'_> = &[&id, &hash.as_slice(), customer, device, &at_ms, expires_at_ms];
            add(wire, "a session with this secret", &sql, values)?;
            Ok(id)
        })?;
        Ok(SessionRecord {
            id,
            customer: customer.clone(),
            device: device.clone(),
            created_at_ms: at_ms,
            seen_at_ms: at_ms,
            expires_at_ms: *expires_at_ms,
        })
    }

    fn find_session(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<SessionRecord>, StoreError> {
        let sql = format!("SELECT {SESSION} FROM session WHERE shard = {SHARD} AND hash = $1 AND expires_at_ms > $2");
        self.one(&sql, &[&hash.as_slice(), &now_ms], session)
    }

    fn sessions(&self, customer: &str, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError> {
        if is_nobody(customer) {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {SESSION} FROM session WHERE shard = {SHARD} AND customer = $1 AND expires_at_ms > $2 ORDER BY id DESC");
        self.all(&sql, &[&customer, &now_ms], session)
    }

    fn see_session(&self, id: i64, at_ms: i64, expires_at_ms: i64) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE session SET seen_at_ms = greatest(seen_at_ms, $2), expires_at_ms = greatest(expires_at_ms, $3)
             WHERE shard = {SHARD} AND id = $1 AND expires_at_ms > $2"
        );
        Ok(self.change(&sql, &[&id, &at_ms, &expires_at_ms])? > 0)
    }

    fn end_session(&self, customer: &str, id: i64) -> Result<bool, StoreError> {
        if is_nobody(customer) {
            return Ok(false);
        }
        let sql = format!("DELETE FROM session WHERE shard = {SHARD} AND id = $2 AND customer = $1");
        Ok(self.change(&sql, &[&customer, &id])? > 0)
    }

    fn end_sessions(&self, customer: &str, except: Option<i64>) -> Result<usize, StoreError> {
        if is_nobody(customer) {
            return Ok(0);
        }
        // An id is never NULL, so without an exception none is left out.
        let sql = format!("DELETE FROM session WHERE shard = {SHARD} AND customer = $1 AND id IS DISTINCT FROM $2");
        self.change(&sql, &[&customer, &except])
    }

    fn end_older_sessions(&self, customer: &str, kept: u32, now_ms: i64) -> Result<usize, StoreError> {
        if is_nobody(customer) {
            return Ok(0);
        }
        let sql = format!(
            "DELETE FROM session WHERE shard = {SHARD} AND customer = $1 AND id NOT IN (
                 SELECT id FROM session WHERE shard = {SHARD} AND customer = $1 AND expires_at_ms > $3 ORDER BY id DESC LIMIT $2)"
        );
        self.change(&sql, &[&customer, &i64::from(kept), &now_ms])
    }

    fn set_second_factor(&self, customer: &str, secret: &[u8], at_ms: i64) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO second_factor(shard, customer, secret, set_at_ms) VALUES ({SHARD}, $1, $2, $3)
             ON CONFLICT (shard, customer)
             DO UPDATE SET secret = excluded.secret, last_step = NULL, set_at_ms = excluded.set_at_ms"
        );
        self.change(&sql, &[&customer, &secret, &at_ms]).map(drop)
    }

    fn second_factor(&self, customer: &str) -> Result<Option<SecondFactor>, StoreError> {
        if is_nobody(customer) {
            return Ok(None);
        }
        let sql = format!("SELECT secret, last_step, set_at_ms FROM second_factor WHERE shard = {SHARD} AND customer = $1");
        self.one(&sql, &[&customer], |row| Ok(SecondFactor { secret: cell(row, 0)?, last_step: cell(row, 1)?, set_at_ms: cell(row, 2)? }))
    }

    fn use_step(&self, customer: &str, step: i64) -> Result<bool, StoreError> {
        if is_nobody(customer) {
            return Ok(false);
        }
        let sql = format!(
            "UPDATE second_factor SET last_step = $2 WHERE shard = {SHARD} AND customer = $1 AND (last_step IS NULL OR last_step < $2)"
        );
        Ok(self.change(&sql, &[&customer, &step])? > 0)
    }

    fn remove_second_factor(&self, customer: &str) -> Result<bool, StoreError> {
        if is_nobody(customer) {
            return Ok(false);
        }
        let sql = format!("DELETE FROM second_factor WHERE shard = {SHARD} AND customer = $1");
        Ok(self.change(&sql, &[&customer])? > 0)
    }

    fn remembered(&self, key: &[u8; 16]) -> Result<Option<Remembered>, StoreError> {
        let sql = format!("SELECT {ANSWER} FROM remembered WHERE shard = {SHARD} AND key = $1");
        self.one(&sql, &[&key.as_slice()], |row| remembered(row, 0))
    }

    fn remember(&self, key: &[u8; 16], answer: &Remembered, at_ms: i64) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO remembered(shard, key, fingerprint, status, body, sealed, at_ms) VALUES ({SHARD}, $1, $2, $3, $4, $5, $6)
             ON CONFLICT (shard, key) DO NOTHING"
        );
        let status = i64::from(answer.status);
        let values: Values<'_> = &[&key.as_slice(), &answer.fingerprint.as_slice(), &status, &answer.body, &answer.sealed, &at_ms];
        self.line.write(|wire| add(wire, "an answer under this idempotency key", &sql, values))
    }

    fn forget_answers_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError> {
        self.change(&forget("remembered", "key", "at_ms"), &[&at_ms, &i64::from(limit)])
    }

    fn forget_expired_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError> {
        let [links, sessions] = [("sign_in_link", "hash"), ("session", "id")].map(|(table, key)| forget(table, key, "expires_at_ms"));
        self.line.write(|wire| {
            let gone = |sql: &str| change(wire, sql, &[&at_ms, &i64::from(limit)]);
            Ok(gone(&links)?.saturating_add(gone(&sessions)?))
        })
    }

    fn take_secret(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let sql = format!("DELETE FROM secret WHERE shard = {SHARD} AND name = $1 RETURNING value");
        self.line.write(|wire| one(wire, &sql, &[&name], |row| bytes(row, 0)))
    }

    fn sealing_key(&self) -> Result<Option<Fingerprint>, StoreError> {
        let sql = format!("SELECT fingerprint FROM sealing_key WHERE shard = {SHARD}");
        self.one(&sql, &[], |row| bytes(row, 0).map(Fingerprint))
    }

    fn set_sealing_key(&self, key: Fingerprint) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO sealing_key(shard, fingerprint) VALUES ({SHARD}, $1)
             ON CONFLICT (shard) DO UPDATE SET fingerprint = excluded.fingerprint"
        );
        self.line.write(|wire| {
            change(wire, &sql, &[&key.0.as_slice()])?;
            count(wire, TOKEN_CHANGES).map(drop)
        })
    }

    fn sealed(&self) -> Result<Vec<SealedItem>, StoreError> {
        let factors = format!("SELECT customer, secret FROM second_factor WHERE shard = {SHARD}");
        let mut items =
            self.all(&factors, &[], |row| Ok(SealedItem { place: SealedPlace::SecondFactor(cell(row, 0)?), bytes: cell(row, 1)? }))?;
        let answers = format!("SELECT key, sealed FROM remembered WHERE shard = {SHARD} AND sealed IS NOT NULL");
        items.extend(self.all(&answers, &[], |row| Ok(SealedItem { place: SealedPlace::Answer(bytes(row, 0)?), bytes: cell(row, 1)? }))?);
        Ok(items)
    }

    fn reseal(&self, item: &SealedItem) -> Result<(), StoreError> {
        let changed = match &item.place {
            SealedPlace::SecondFactor(customer) => {
                let sql = format!("UPDATE second_factor SET secret = $2 WHERE shard = {SHARD} AND customer = $1");
                self.change(&sql, &[customer, &item.bytes])
            }
            SealedPlace::Answer(key) => {
                let sql = format!("UPDATE remembered SET sealed = $2 WHERE shard = {SHARD} AND key = $1");
                self.change(&sql, &[&key.as_slice(), &item.bytes])
            }
        };
        changed.map(drop)
    }

    fn forget_sealed_answer(&self, key: &[u8; 16]) -> Result<(), StoreError> {
        let sql = format!("UPDATE remembered SET sealed = NULL WHERE shard = {SHARD} AND key = $1");
        self.change(&sql, &[&key.as_slice()]).map(drop)
    }

    fn unsealed_answers(&self, mark: &str) -> Result<Vec<([u8; 16], Remembered)>, StoreError> {
        let sql = format!("SELECT {ANSWER}, key FROM remembered WHERE shard = {SHARD} AND sealed IS NULL AND position($1 IN body) > 0");
        self.all(&sql, &[&mark.as_bytes()], |row| Ok((bytes(row, 4)?, remembered(row, 0)?)))
    }

    fn add_security_event(&self, event: &NewSecurityEvent, at_ms: i64) -> Result<SecurityEvent, StoreError> {
        self.line.write(|wire| {
            let last = format!("SELECT id, hash FROM security_event WHERE shard = {SHARD} ORDER BY id DESC LIMIT 1");
            let last = one(wire, &last, &[], |row| Ok((cell(row, 0)?, bytes(row, 1)?)))?;
            let added = SecurityEvent::after(last, at_ms, event)?;
            add_event(wire, &added)?;
            Ok(added)
        })
    }

    fn security_events(&self, customer: Option<&str>, before: Option<i64>, limit: u32) -> Result<Vec<SecurityEvent>, StoreError> {
        if customer.is_some_and(is_nobody) {
            return Ok(Vec::new());
        }
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let whose = if customer.is_some() { "AND customer = $3" } else { "" };
        let sql = format!("SELECT {EVENT} FROM security_event WHERE shard = {SHARD} AND id < $1 {whose} ORDER BY id DESC LIMIT $2");
        match customer {
            Some(customer) => self.all(&sql, &[&before, &limit, &customer], event),
            None => self.all(&sql, &[&before, &limit], event),
        }
    }
}

impl IdentityStore for PostgresIdentities {
    fn transaction(&mut self, work: &mut dyn FnMut(&dyn Identities) -> Ending) -> Result<(), StoreError> {
        self.line.transaction(|| work(self))
    }

    fn everything(&self) -> Result<People, StoreError> {
        self.moment()?.everything()
    }

    fn fill(&mut self, people: &People) -> Result<(), StoreError> {
        self.line.write(|wire| people_dump::fill(wire, people))
    }

    fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn replace(&mut self, people: &People) -> Result<(), StoreError> {
        self.line.write(|wire| people_dump::replace(wire, people))
    }
}

/// How many rows the statement changed.
fn change(wire: &Wire, sql: &str, values: Values<'_>) -> Result<usize, StoreError> {
    Ok(usize::try_from(wire.execute(sql, values)?).unwrap_or(usize::MAX))
}

/// A statement that removes rows of before an instant, so many at most.
fn forget(table: &str, key: &str, at: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE shard = {SHARD} AND {key} IN (SELECT {key} FROM {table} WHERE shard = {SHARD} AND {at} < $1 LIMIT $2)"
    )
}

/// Adds a row whose key must be new. The statement does nothing when it is not: an error of the server would end the
/// transaction, which goes on after this one.
fn add(wire: &Wire, what: &str, sql: &str, values: Values<'_>) -> Result<(), StoreError> {
    match change(wire, sql, values)? {
        0 => Err(StoreError::AlreadyExists { what: what.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether nobody can have this name: the server's texts hold no NUL, and it would refuse the question.
fn is_nobody(customer: &str) -> bool {
    customer.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::{Role, Scopes};
    use crate::postgres::local::{Fresh, LocalServer};

    /// A second release's tables: a step more, which takes rows of the first release along.
    const NEXT: Component = Component { name: COMPONENT.name, steps: &[VERSION_1, VERSION_2, "ALTER TABLE token ADD COLUMN note TEXT"] };

    #[test]
    fn tables_take_the_steps_they_lack_and_keep_their_rows() {
        let server = LocalServer::start(&["fsync = off"]).unwrap();
        let postgres = Postgres::parse(&server.address("usance"), None).unwrap();
        let older = PostgresIdentities::open(&postgres).unwrap();
        let (name, role, scopes) = ("kept".to_owned(), Role::Service, Scopes::ALL);
        let token = NewToken { name, role, scopes, customer: None, hash: [1; 32], expires_at_ms: None, is_bootstrap: false };
        let kept = older.add_token(&token, 1).unwrap();

        let wire = postgres.people().connect().unwrap();
        NEXT.bring_up(&wire).unwrap();
        assert_eq!(wire.query("SELECT note FROM token", &[]).unwrap().len(), 1);
        // Once.
        NEXT.bring_up(&wire).unwrap();
        let refused = PostgresIdentities::open(&postgres).unwrap_err();
        assert!(matches!(refused, StoreError::NewerVersion { found: 3, known: 2, .. }), "{refused}");
        // One that was open goes on: it names its columns.
        assert_eq!(older.tokens().unwrap(), [kept]);
    }

    /// Of release 0.1.0 people lay among the platform's tables, where whoever may read those read them, too.
    #[test]
    fn tables_among_the_platforms_move_out_with_their_rows() {
        let home = Fresh::make().unwrap();
        let platform = home.connect().unwrap();
        Component { name: COMPONENT.name, steps: &[VERSION_1] }.bring_up(&platform).unwrap();
        let kept = "INSERT INTO token VALUES (0, 3, 'kept', 'operator', NULL, decode(repeat('01', 32), 'hex'), 7, NULL);
                    UPDATE counter SET value = 3 WHERE name = 'token';
                    INSERT INTO sign_in_link VALUES (0, decode(repeat('02', 32), 'hex'), 'alice', 100)";
        platform.batch(kept).unwrap();
        let refused = PostgresIdentities::open_as_they_are(&home).map(drop);
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "a standby moves nothing: {refused:?}");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| PostgresIdentities::open(&home).unwrap());
            }
        });
        let people = PostgresIdentities::open_as_they_are(&home).unwrap();
        let found = people.find_token(&[1; 32]).unwrap().unwrap();
        assert_eq!((found.id, found.scopes, found.is_exposed), (3, Scopes::ALL, false));
        assert_eq!(people.add_token(&NewToken::plain("next", Role::Auditor, None), 8).unwrap().id, 4);
        assert_eq!(people.sign_in_link(&[2; 32], 50).unwrap(), None);
        let left = platform.query("SELECT tablename FROM pg_tables WHERE schemaname = $1", &[&home.schema()]).unwrap();
        assert_eq!(left.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["schema_version"]);
    }
}
