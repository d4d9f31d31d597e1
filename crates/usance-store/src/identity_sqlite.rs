//! The embedded home of identities: one SQLite file, `people.sqlite`.
//!
//! Owns its tables. It stands apart from the log's file so that a password change never waits for a batch, or a batch for
//! it; a second process (the command line) may write it while the engine runs. It refuses what [`crate::identity`] says,
//! by the tables' own keys, so that two processes cannot both succeed. Moving everything is `identity_sqlite_dump`'s.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row, params};

use crate::connection::{Database, Schema};
use crate::error::StoreError;
use crate::identity::{
    Ending, Identities, IdentityStore, NewSecurityEvent, NewSession, NewToken, Remembered, SealedItem, SealedPlace, SecondFactor,
    SecurityEvent, SessionRecord, TokenRecord,
};
use crate::identity_dump::People;
use crate::identity_sqlite_dump;
use crate::identity_sqlite_rows::{self, ANSWER, EVENT, SESSION, TOKEN, answer, event, session, token};
use crate::secrets::Fingerprint;

pub(crate) const SCHEMA: Schema =
    Schema { page_size: 4096, cache_kib: 4 << 10, checkpoint_pages: 1000, steps: &[VERSION_1, VERSION_2, VERSION_3] };

/// The first version: tokens, passwords, links, answers, and secrets of the service.
const VERSION_1: &str = "
    CREATE TABLE token(
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        name          TEXT    NOT NULL,
        role          TEXT    NOT NULL,
        customer      TEXT,
        hash          BLOB    NOT NULL UNIQUE,
        created_at_ms INTEGER NOT NULL,
        revoked_at_ms INTEGER
    ) STRICT;
    CREATE TABLE password(
        customer  TEXT PRIMARY KEY NOT NULL,
        phc       TEXT    NOT NULL,
        set_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sign_in_link(
        hash          BLOB PRIMARY KEY NOT NULL,
        customer      TEXT    NOT NULL,
        expires_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE remembered(
        key         BLOB PRIMARY KEY NOT NULL,
        fingerprint BLOB    NOT NULL,
        status      INTEGER NOT NULL,
        body        BLOB    NOT NULL,
        at_ms       INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX remembered_at ON remembered(at_ms);
    CREATE TABLE secret(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// The second one adds sessions and second factors. The index on expiry is for forgetting, which comes along with other writes.
const VERSION_2: &str = "
    CREATE TABLE session(
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        hash          BLOB    NOT NULL UNIQUE,
        customer      TEXT    NOT NULL,
        device        TEXT    NOT NULL,
        created_at_ms INTEGER NOT NULL,
        seen_at_ms    INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX session_customer ON session(customer);
    CREATE INDEX session_expires_at ON session(expires_at_ms);
    CREATE TABLE second_factor(
        customer  TEXT PRIMARY KEY NOT NULL,
        secret    BLOB    NOT NULL,
        last_step INTEGER,
        set_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The third one: tokens have scopes and may expire, answers keep their secret sealed, the key that seals is known by its
/// fingerprint, and security events hang on a chain. Links that were made of what lay in the store are ended.
const VERSION_3: &str = "
    ALTER TABLE token ADD COLUMN scopes TEXT;
    ALTER TABLE token ADD COLUMN expires_at_ms INTEGER;
    ALTER TABLE token ADD COLUMN is_exposed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE token ADD COLUMN is_bootstrap INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX token_customer ON token(customer);
    ALTER TABLE remembered ADD COLUMN sealed BLOB;
    CREATE INDEX sign_in_link_customer ON sign_in_link(customer);
    CREATE TABLE sealing_key(fingerprint BLOB PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE security_event(
        id            INTEGER PRIMARY KEY,
        at_ms         INTEGER NOT NULL,
        kind          TEXT    NOT NULL,
        customer      TEXT,
        subject       INTEGER,
        role          TEXT,
        credential    TEXT,
        credential_id INTEGER,
        address       TEXT,
        hash          BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX security_event_customer ON security_event(customer, id);
    DELETE FROM sign_in_link;
";

/// What is removed is overwritten: a copy of the file tells nothing of it.
pub(crate) fn overwrite_what_is_removed(database: &Database) -> Result<(), StoreError> {
    database.connection.pragma_update(None, "secure_delete", true).map_err(|error| database.error(error))
}

/// People and tokens in an SQLite file, or in memory.
#[derive(Debug)]
pub struct SqliteIdentities {
    database: Database,
}

impl SqliteIdentities {
    /// Opens the file at `path`, and creates it when there is none. A file of an older release is brought up; that release
    /// refuses it from then on.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] when a newer release wrote it; [`StoreError::Damaged`] when it is not such a file;
    /// [`StoreError::Full`], [`StoreError::Io`] or [`StoreError::Sqlite`] when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &SCHEMA)?;
        overwrite_what_is_removed(&database)?;
        Ok(SqliteIdentities { database })
    }

    /// Opens a file of this release to read it, whoever writes it meanwhile; nothing in it is changed.
    ///
    /// # Errors
    /// [`StoreError::OlderVersion`] for a file that no process of this release has brought up; otherwise as [`SqliteIdentities::open`].
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open_to_read(path, &SCHEMA)?;
        if database.is_current(&SCHEMA)? {
            return Ok(SqliteIdentities { database });
        }
        let (found, oldest) = (database.schema_of(&SCHEMA)?.steps.len() as u64, SCHEMA.steps.len() as u64);
        Err(StoreError::OlderVersion { what: path.display().to_string(), found, oldest })
    }

    /// Identities that end with this value, for tests.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(SqliteIdentities { database: Database::in_memory(&SCHEMA)? })
    }

    /// How many rows the statement changed.
    fn change(&self, sql: &str, values: impl Params) -> Result<usize, StoreError> {
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut change| change.execute(values))
            .map_err(|error| self.database.write_error(error))
    }

    /// Adds a row whose key must be new.
    fn add(&self, what: &str, sql: &str, values: impl Params) -> Result<(), StoreError> {
        match self.connection().prepare_cached(sql).and_then(|mut insert| insert.execute(values)) {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::AlreadyExists { what: what.to_owned() })
            }
            Err(error) => Err(self.database.write_error(error)),
        }
    }

    /// The one row there may be.
    fn one<T>(&self, sql: &str, values: impl Params, read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
        self.run(|connection| connection.prepare_cached(sql)?.query_row(values, read).optional())
    }

    /// All rows.
    fn all<T>(&self, sql: &str, values: impl Params, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        self.run(|connection| connection.prepare_cached(sql)?.query_map(values, read)?.collect())
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(self.connection()).map_err(|error| self.database.error(error))
    }

    fn connection(&self) -> &Connection {
        &self.database.connection
    }
}

impl Identities for SqliteIdentities {
    fn add_token(&self, token: &NewToken, at_ms: i64) -> Result<TokenRecord, StoreError> {
        self.add(
            "a token with this secret",
            "INSERT INTO token(name, role, scopes, customer, hash, created_at_ms, expires_at_ms, is_bootstrap)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                token.name,
                token.role.as_str(),
                token.scopes.stored(),
                token.customer,
                token.hash,
                at_ms,
                token.expires_at_ms,
                token.is_bootstrap
            ],
        )?;
        Ok(token.record(self.connection().last_insert_rowid(), at_ms))
    }

    fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.all(&format!("SELECT {TOKEN} FROM token ORDER BY id DESC"), [], token)
    }

    fn tokens_of(&self, customer: &str) -> Result<Vec<TokenRecord>, StoreError> {
        self.all(&format!("SELECT {TOKEN} FROM token WHERE customer = ?1 ORDER BY id DESC"), [customer], token)
    }

    fn token(&self, id: i64) -> Result<Option<TokenRecord>, StoreError> {
        self.one(&format!("SELECT {TOKEN} FROM token WHERE id = ?1"), [id], token)
    }

    fn has_live_token(&self, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS(SELECT 1 FROM token WHERE revoked_at_ms IS NULL AND coalesce(expires_at_ms > ?1, TRUE))";
        self.run(|connection| connection.query_row(sql, [now_ms], |row| row.get(0)))
    }

    fn find_token(&self, hash: &[u8; 32]) -> Result<Option<TokenRecord>, StoreError> {
        self.one(&format!("SELECT {TOKEN} FROM token WHERE hash = ?1"), [hash], token)
    }

    fn foreign_version(&self) -> Result<i64, StoreError> {
        // Another process's write of any kind.
        self.run(|connection| connection.query_row("PRAGMA data_version", [], |row| row.get(0)))
    }

    fn revoke_token(&self, id: i64, at_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE token SET revoked_at_ms = ?2 WHERE id = ?1 AND revoked_at_ms IS NULL";
        Ok(self.change(sql, [id, at_ms])? > 0)
    }

    fn revoke_tokens_of(&self, customer: &str, at_ms: i64) -> Result<Vec<i64>, StoreError> {
        let revoke = || {
            let sql = "UPDATE token SET revoked_at_ms = ?2 WHERE customer = ?1 AND revoked_at_ms IS NULL RETURNING id";
            let mut update = self.connection().prepare_cached(sql)?;
            let rows = update.query_map(params![customer, at_ms], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<i64>>>()
        };
        revoke().map_err(|error| self.database.write_error(error))
    }

    fn expose_token(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.change("UPDATE token SET is_exposed = 1 WHERE id = ?1", [id])? > 0)
    }

    fn set_password(&self, customer: &str, phc: &str, at_ms: i64) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO password(customer, phc, set_at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT(customer) DO UPDATE SET phc = excluded.phc, set_at_ms = excluded.set_at_ms",
            params![customer, phc, at_ms],
        )
        .map(drop)
    }

    fn password(&self, customer: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT phc FROM password WHERE customer = ?1", [customer], |row| row.get(0))
    }

    fn add_sign_in_link(&self, hash: &[u8; 32], customer: &str, expires_at_ms: i64) -> Result<(), StoreError> {
        self.add(
            "a sign-in link with this secret",
            "INSERT INTO sign_in_link(hash, customer, expires_at_ms) VALUES (?1, ?2, ?3)",
            params![hash, customer, expires_at_ms],
        )
    }

    fn sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError> {
        let sql = "SELECT customer FROM sign_in_link WHERE hash = ?1 AND expires_at_ms > ?2";
        self.one(sql, params![hash, now_ms], |row| row.get(0))
    }

    fn take_sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError> {
        let take = || {
            let sql = "DELETE FROM sign_in_link WHERE hash = ?1 RETURNING customer, expires_at_ms";
            let mut delete = self.connection().prepare_cached(sql)?;
            let rows = delete.query_map([hash], |row| Ok((row.get(0)?, row.get(1)?)))?;
            // To the last row: only then it is committed, or has failed.
            rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()
        };
        let taken = take().map_err(|error| self.database.write_error(error))?;
        let live = taken.into_iter().find(|(_, expires_at_ms)| now_ms < *expires_at_ms);
        Ok(live.map(|(customer, _)| customer))
    }

    fn end_sign_in_links(&self, customer: &str) -> Result<usize, StoreError> {
        self.change("DELETE FROM sign_in_link WHERE customer = ?1", [customer])
    }

    fn add_session(&self, session: &NewSession, at_ms: i64) -> Result<SessionRecord, StoreError> {
        self.add(
            "a session with this secret",
            "INSERT INTO session(hash, customer, device, created_at_ms, seen_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            params![session.hash, session.customer, session.device, at_ms, session.expires_at_ms],
        )?;
        Ok(SessionRecord {
            id: self.connection().last_insert_rowid(),
            customer: session.customer.clone(),
            device: session.device.clone(),
            created_at_ms: at_ms,
            seen_at_ms: at_ms,
            expires_at_ms: session.expires_at_ms,
        })
    }

    fn find_session(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<SessionRecord>, StoreError> {
        let sql = format!("SELECT {SESSION} FROM session WHERE hash = ?1 AND expires_at_ms > ?2");
        self.one(&sql, params![hash, now_ms], session)
    }

    fn sessions(&self, customer: &str, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError> {
        let sql = format!("SELECT {SESSION} FROM session WHERE customer = ?1 AND expires_at_ms > ?2 ORDER BY id DESC");
        self.all(&sql, params![customer, now_ms], session)
    }

    fn see_session(&self, id: i64, at_ms: i64, expires_at_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE session SET seen_at_ms = max(seen_at_ms, ?2), expires_at_ms = max(expires_at_ms, ?3)
                   WHERE id = ?1 AND expires_at_ms > ?2";
        Ok(self.change(sql, [id, at_ms, expires_at_ms])? > 0)
    }

    fn end_session(&self, customer: &str, id: i64) -> Result<bool, StoreError> {
        Ok(self.change("DELETE FROM session WHERE id = ?2 AND customer = ?1", params![customer, id])? > 0)
    }

    fn end_sessions(&self, customer: &str, except: Option<i64>) -> Result<usize, StoreError> {
        // An id is never NULL, so without an exception IS NOT leaves none out.
        self.change("DELETE FROM session WHERE customer = ?1 AND id IS NOT ?2", params![customer, except])
    }

    fn end_older_sessions(&self, customer: &str, kept: u32, now_ms: i64) -> Result<usize, StoreError> {
        let sql = "DELETE FROM session WHERE customer = ?1 AND id NOT IN (
                       SELECT id FROM session WHERE customer = ?1 AND expires_at_ms > ?3 ORDER BY id DESC LIMIT ?2)";
        self.change(sql, params![customer, kept, now_ms])
    }

    fn set_second_factor(&self, customer: &str, secret: &[u8], at_ms: i64) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO second_factor(customer, secret, set_at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT(customer) DO UPDATE SET secret = excluded.secret, last_step = NULL, set_at_ms = excluded.set_at_ms",
            params![customer, secret, at_ms],
        )
        .map(drop)
    }

    fn second_factor(&self, customer: &str) -> Result<Option<SecondFactor>, StoreError> {
        self.one("SELECT secret, last_step, set_at_ms FROM second_factor WHERE customer = ?1", [customer], |row| {
            Ok(SecondFactor { secret: row.get(0)?, last_step: row.get(1)?, set_at_ms: row.get(2)? })
        })
    }

    fn use_step(&self, customer: &str, step: i64) -> Result<bool, StoreError> {
        // Compared and kept by one statement: nobody else's use comes between.
        let sql = "UPDATE second_factor SET last_step = ?2 WHERE customer = ?1 AND (last_step IS NULL OR last_step < ?2)";
        Ok(self.change(sql, params![customer, step])? > 0)
    }

    fn remove_second_factor(&self, customer: &str) -> Result<bool, StoreError> {
        Ok(self.change("DELETE FROM second_factor WHERE customer = ?1", [customer])? > 0)
    }

    fn remembered(&self, key: &[u8; 16]) -> Result<Option<Remembered>, StoreError> {
        self.one(&format!("SELECT {ANSWER} FROM remembered WHERE key = ?1"), [key], answer)
    }

    fn remember(&self, key: &[u8; 16], answer: &Remembered, at_ms: i64) -> Result<(), StoreError> {
        self.add(
            "an answer under this idempotency key",
            "INSERT INTO remembered(key, fingerprint, status, body, sealed, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![key, answer.fingerprint, answer.status, answer.body, answer.sealed, at_ms],
        )
    }

    fn forget_answers_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM remembered WHERE key IN (SELECT key FROM remembered WHERE at_ms < ?1 LIMIT ?2)";
        self.change(sql, params![at_ms, limit])
    }

    fn forget_expired_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError> {
        // Statements that may be parted: what one leaves behind, the next call forgets.
        let links = "DELETE FROM sign_in_link WHERE hash IN (SELECT hash FROM sign_in_link WHERE expires_at_ms < ?1 LIMIT ?2)";
        let sessions = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at_ms < ?1 LIMIT ?2)";
        Ok(self.change(links, params![at_ms, limit])?.saturating_add(self.change(sessions, params![at_ms, limit])?))
    }

    fn take_secret(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let taken = self.one("SELECT value FROM secret WHERE name = ?1", [name], |row| row.get(0))?;
        self.change("DELETE FROM secret WHERE name = ?1", [name])?;
        Ok(taken)
    }

    fn sealing_key(&self) -> Result<Option<Fingerprint>, StoreError> {
        self.one("SELECT fingerprint FROM sealing_key", [], |row| row.get(0).map(Fingerprint))
    }

    fn set_sealing_key(&self, key: Fingerprint) -> Result<(), StoreError> {
        if self.change("UPDATE sealing_key SET fingerprint = ?1", [key.0])? == 0 {
            self.change("INSERT INTO sealing_key(fingerprint) VALUES (?1)", [key.0])?;
        }
        Ok(())
    }

    fn sealed(&self) -> Result<Vec<SealedItem>, StoreError> {
        let mut items = self.all("SELECT customer, secret FROM second_factor", [], |row| {
            Ok(SealedItem { place: SealedPlace::SecondFactor(row.get(0)?), bytes: row.get(1)? })
        })?;
        items.extend(self.all("SELECT key, sealed FROM remembered WHERE sealed IS NOT NULL", [], |row| {
            Ok(SealedItem { place: SealedPlace::Answer(row.get(0)?), bytes: row.get(1)? })
        })?);
        Ok(items)
    }

    fn reseal(&self, item: &SealedItem) -> Result<(), StoreError> {
        let changed = match &item.place {
            SealedPlace::SecondFactor(customer) => {
                self.change("UPDATE second_factor SET secret = ?2 WHERE customer = ?1", params![customer, item.bytes])
            }
            SealedPlace::Answer(key) => self.change("UPDATE remembered SET sealed = ?2 WHERE key = ?1", params![key, item.bytes]),
        };
        changed.map(drop)
    }

    fn forget_sealed_answer(&self, key: &[u8; 16]) -> Result<(), StoreError> {
        self.change("UPDATE remembered SET sealed = NULL WHERE key = ?1", [key]).map(drop)
    }

    fn unsealed_answers(&self, mark: &str) -> Result<Vec<([u8; 16], Remembered)>, StoreError> {
        let sql = format!("SELECT {ANSWER}, key FROM remembered WHERE sealed IS NULL AND instr(body, ?1) > 0");
        self.all(&sql, [mark.as_bytes()], |row| Ok((row.get("key")?, answer(row)?)))
    }

    fn add_security_event(&self, event: &NewSecurityEvent, at_ms: i64) -> Result<SecurityEvent, StoreError> {
        let last = self.one("SELECT id, hash FROM security_event ORDER BY id DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let added = SecurityEvent::after(last, at_ms, event)?;
        let sql = identity_sqlite_rows::insert_event();
        self.add("a security event", &sql, rusqlite::params_from_iter(identity_sqlite_rows::event_values(&added)))?;
        Ok(added)
    }

    fn security_events(&self, customer: Option<&str>, before: Option<i64>, limit: u32) -> Result<Vec<SecurityEvent>, StoreError> {
        let (before, whose) = (before.unwrap_or(i64::MAX), if customer.is_some() { "customer = ?3" } else { "?3 IS NULL" });
        let sql = format!("SELECT {EVENT} FROM security_event WHERE id < ?1 AND {whose} ORDER BY id DESC LIMIT ?2");
        self.all(&sql, params![before, limit, customer], event)
    }
}

impl IdentityStore for SqliteIdentities {
    fn transaction(&mut self, work: &mut dyn FnMut(&dyn Identities) -> Ending) -> Result<(), StoreError> {
        // Rolled back when dropped, also when `work` panics.
        let transaction = self.database.begin()?;
        let ended = match work(self) {
            Ending::Commit => transaction.commit(),
            Ending::RollBack => transaction.rollback(),
        };
        ended.map_err(|error| self.database.write_error(error))
    }

    fn everything(&self) -> Result<People, StoreError> {
        identity_sqlite_dump::everything(&self.database.connection).map_err(|error| self.database.error(error))
    }

    fn fill(&mut self, people: &People) -> Result<(), StoreError> {
        let Database { connection, .. } = &self.database;
        self.database.write(|| {
            if !identity_sqlite_dump::is_empty(connection).map_err(|error| self.database.error(error))? {
                return Err(StoreError::AlreadyExists { what: format!("people in {}", self.database.path().display()) });
            }
            identity_sqlite_dump::fill(connection, people).map_err(|error| self.database.write_error(error))
        })
    }

    fn scrub(&self) -> Result<(), StoreError> {
        // Removed rows are overwritten in new pages (`secure_delete`); the old ones lie in the file until it takes the new ones over, and
        // what releases before removed lies in pages that nobody uses until the file is written anew.
        match self.run(|connection| connection.execute_batch("VACUUM")) {
            // Somebody else is at work in it: the pages go with the next one.
            Err(StoreError::Sqlite { source, .. }) if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            done => done?,
        }
        self.run(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
    }

    fn replace(&mut self, people: &People) -> Result<(), StoreError> {
        let Database { connection, .. } = &self.database;
        self.database.write(|| identity_sqlite_dump::replace(connection, people).map_err(|error| self.database.write_error(error)))
    }
}
