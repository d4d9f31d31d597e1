//! The home of the log in a PostgreSQL server: two tables, written by the writer alone.
//!
//! Owns the one statement of an append: a single insert by primary key, which is a transaction by itself and is durable
//! when it is answered. It refuses whatever the primary key `(shard, seq)` refuses. Any answer that is not plainly *done*,
//! *taken*, *full* or *given up, nothing was written* is [`Appended::Unknown`]: a lost connection, a time that ran out, a
//! cancelled statement, and a commit that was answered well but with the warning that no replica confirmed it. After that
//! this hold refuses everything until it is opened again. The tables' versions are [`super::schema`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;

use super::line::Line;
use super::log_bulk;
use super::place::Postgres;
use super::schema::Component;
use super::wire::{PATIENCE, Wire};
use crate::batch::Batch;
use crate::error::StoreError;
use crate::log::{Appended, Head, LogReader, LogStore, READ_BYTES, refusal, refusal_of_all};

/// Numbers are `BIGINT`: `INTEGER` is not the same in every database that speaks the protocol, and tables are spread by
/// shard together only where its type is one. A setting belongs to the whole store; it has a shard, [`WHOLE`], because every
/// primary key here begins with one.
pub(super) const TABLES: Component = Component {
    name: "log",
    steps: &["
        CREATE TABLE log(
            shard    BIGINT NOT NULL,
            seq      BIGINT NOT NULL,
            at_ms    BIGINT NOT NULL,
            previous BYTEA  NOT NULL,
            hash     BYTEA  NOT NULL,
            body     BYTEA  NOT NULL,
            PRIMARY KEY (shard, seq)
        );
        CREATE TABLE meta(
            shard BIGINT NOT NULL,
            name  TEXT   NOT NULL,
            value TEXT   NOT NULL,
            PRIMARY KEY (shard, name)
        );
    "],
};

/// The shard under which settings of the whole store are kept.
const WHOLE: i64 = 0;
/// How many batches are measured at a time before they are fetched.
const MEASURED: usize = 1024;

const INSERT: &str = "INSERT INTO log(shard, seq, at_ms, previous, hash, body) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING current_setting('synchronous_commit', true)";
const HEAD: &str = "SELECT seq, hash, at_ms FROM log WHERE shard = $1 ORDER BY seq DESC LIMIT 1";
const META: &str = "SELECT value FROM meta WHERE shard = $1 AND name = $2";
const SET_META: &str = "INSERT INTO meta(shard, name, value) VALUES ($1, $2, $3)
     ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value";
const SETTLE_META: &str = "INSERT INTO meta(shard, name, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

/// The writer's hold on the log.
#[derive(Debug)]
pub struct PostgresLog {
    wire: Wire,
    /// Heads this hold has written or read, never ahead of the log.
    heads: BTreeMap<u16, Head>,
    /// Why no append is possible any more.
    unknown: Option<String>,
}

impl PostgresLog {
    /// Opens the log, and creates its tables where there are none.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] when a newer release made the tables; [`StoreError::Unreachable`] or
    /// [`StoreError::Postgres`] when the server does not answer or says no.
    pub fn open(postgres: &Postgres) -> Result<Self, StoreError> {
        let mut wire = postgres.connect()?;
        wire.leave_commits();
        TABLES.bring_up(&wire)?;
        let mut log = PostgresLog { wire, heads: BTreeMap::new(), unknown: None };
        log.set_patience(PATIENCE);
        Ok(log)
    }

    /// The head to stand on: as remembered when that is where the writer stands, else as stored.
    fn stand(&mut self, shard: u16, expected_seq: u64) -> Result<Head, StoreError> {
        if let Some(head) = self.heads.get(&shard)
            && head.seq == expected_seq
        {
            return Ok(*head);
        }
        let head = head(&self.wire, shard)?.unwrap_or(Head::GENESIS);
        self.heads.insert(shard, head);
        Ok(head)
    }

    /// Whether the batch is in the log, and as durable as this connection asked for.
    fn insert(&self, batch: &Batch) -> Result<bool, StoreError> {
        let (shard, seq) = (i64::from(batch.shard), bound(batch.seq));
        let Batch { at_ms, previous, hash, body, .. } = batch;
        Ok(self.wire.write_one(INSERT, &[&shard, &seq, at_ms, &&previous[..], &&hash[..], body])?.is_some())
    }

    /// The answer when somebody else has the place.
    fn taken(&mut self, batch: &Batch, expected_seq: u64) -> Appended {
        self.heads.remove(&batch.shard);
        match self.stand(batch.shard, expected_seq) {
            Ok(head) if head.seq > expected_seq => Appended::Fenced { found: head.seq },
            Ok(head) => self.lost(format!("batch {} is there, and the log ends at {}", batch.seq, head.seq)),
            Err(error) => self.lost(error.to_string()),
        }
    }

    fn lost(&mut self, reason: String) -> Appended {
        self.unknown = Some(reason.clone());
        Appended::Unknown(reason)
    }
}

impl LogStore for PostgresLog {
    fn set_patience(&mut self, patience: Duration) {
        self.wire.set_patience(patience);
        // An insert that waits for a lock is not cancelled from here either, for it could wait for replicas by then; the server gives it up
        // a moment after nobody waits for it any more, or earlier where its own setting says so. Where it does not know the setting, the
        // insert waits as long as the lock is held.
        let ms = patience.saturating_add(Duration::from_secs(1)).as_millis();
        let no_longer = format!(
            "SELECT pg_catalog.set_config(name, '{ms}', false) FROM pg_catalog.pg_settings
             WHERE name = 'lock_timeout' AND (setting = '0' OR setting::bigint > {ms})"
        );
        if let Err(error) = self.wire.batch(&no_longer) {
            tracing::debug!(%error, "an insert waits for locks without a limit");
        }
    }

    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        head(&self.wire, shard)
    }

    fn append(&mut self, expected_seq: u64, batch: &Batch) -> Appended {
        if let Some(reason) = &self.unknown {
            return Appended::Unknown(reason.clone());
        }
        let head = match self.stand(batch.shard, expected_seq) {
            Ok(head) => head,
            Err(error) => return self.lost(error.to_string()),
        };
        if let Some(refusal) = refusal(&head, expected_seq, batch) {
            return refusal;
        }
        match self.insert(batch) {
            Ok(true) => {
                self.heads.insert(batch.shard, batch.head());
                Appended::Done
            }
            // A rule or a trigger that somebody put on the table.
            Ok(false) => self.lost("the server answered that it inserted nothing".to_owned()),
            Err(StoreError::Full) => Appended::Full,
            Err(error) if error.sql_state() == Some(&SqlState::UNIQUE_VIOLATION) => self.taken(batch, expected_seq),
            Err(StoreError::Unknown(reason)) => self.lost(reason),
            Err(error) => self.lost(error.to_string()),
        }
    }

    fn append_all(&mut self, expected_seq: u64, batches: &[Batch]) -> Appended {
        let Some(last) = batches.last() else { return Appended::Done };
        if let Some(reason) = &self.unknown {
            return Appended::Unknown(reason.clone());
        }
        let head = match self.stand(last.shard, expected_seq) {
            Ok(head) => head,
            Err(error) => return self.lost(error.to_string()),
        };
        if let Some(refusal) = refusal_of_all(&head, expected_seq, batches) {
            return refusal;
        }
        match log_bulk::insert_all(&self.wire, batches) {
            Ok(rows) if rows == batches.len() as u64 => {
                self.heads.insert(last.shard, last.head());
                Appended::Done
            }
            Ok(rows) => self.lost(format!("the server answered that it inserted {rows} rows")),
            Err(StoreError::Full) => Appended::Full,
            Err(error) if error.sql_state() == Some(&SqlState::UNIQUE_VIOLATION) => self.taken(last, expected_seq),
            Err(StoreError::Unknown(reason)) => self.lost(reason),
            Err(error) => self.lost(error.to_string()),
        }
    }

    fn reader(&self) -> Result<Box<dyn LogReader>, StoreError> {
        Ok(Box::new(PostgresLogReader::open(self.wire.postgres())?))
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        meta(&self.wire, name)
    }

    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.wire.write(SET_META, &[&WHOLE, &name, &value]).map(drop)
    }

    fn settle(&mut self, settings: &[(&str, &str)]) -> Result<(), StoreError> {
        self.wire.transaction(|| {
            for (name, asked) in settings {
                self.wire.execute(SETTLE_META, &[&WHOLE, name, asked])?;
                if let Some(stored) = meta(&self.wire, name)?
                    && stored != *asked
                {
                    return Err(StoreError::Contradiction { setting: (*name).to_owned(), stored, asked: (*asked).to_owned() });
                }
            }
            Ok(())
        })
    }
}

/// A reader of the log with a connection of its own, which it opens again when it was lost.
#[derive(Debug)]
pub struct PostgresLogReader {
    line: Line,
}

impl PostgresLogReader {
    /// Opens the log to read it, also while a writer is at work. Nothing can be written over this connection.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there are no tables; otherwise as [`PostgresLog::open`].
    pub fn open(postgres: &Postgres) -> Result<Self, StoreError> {
        let line = Line::open(postgres, |wire| {
            wire.batch("SET default_transaction_read_only TO on")?;
            TABLES.expect(wire)
        })?;
        Ok(PostgresLogReader { line })
    }

    /// Batches from `seq` on, which is the first that can come. They are measured before they are fetched, so that no more
    /// is held in memory than is asked for.
    fn gather(&self, walk: Walk, shard: u16, seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        self.line.with(|wire| {
            let mut batches: Vec<Batch> = Vec::new();
            let (mut next, mut bytes) = (bound(seq), 0_usize);
            while bytes < READ_BYTES && batches.len() < max_batches {
                let asked = MEASURED.min(max_batches - batches.len());
                let Some(piece) = walk.measure(wire, shard, next, asked, READ_BYTES - bytes)? else { break };
                batches.extend(walk.fetch(wire, shard, &piece)?);
                if piece.is_last {
                    break;
                }
                bytes = bytes.saturating_add(piece.bytes);
                next = walk.after(piece.to);
            }
            Ok(batches)
        })
    }
}

impl LogReader for PostgresLogReader {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        self.line.with(|wire| head(wire, shard))
    }

    fn read(&self, shard: u16, from_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        self.gather(Walk::Up, shard, from_seq, max_batches)
    }

    fn read_before(&self, shard: u16, before_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        match before_seq.checked_sub(1) {
            Some(newest) => self.gather(Walk::Down, shard, newest, max_batches),
            None => Ok(Vec::new()),
        }
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.line.with(|wire| meta(wire, name))
    }
}

/// Batches that are fetched at once.
struct Piece {
    from: i64,
    to: i64,
    /// Of their bodies.
    bytes: usize,
    /// Whether nothing that was asked for is behind them.
    is_last: bool,
}

/// The order of a read.
#[derive(Clone, Copy)]
enum Walk {
    Up,
    Down,
}

impl Walk {
    /// At most `asked` batches from `from` on, and fewer once their bodies fill `room`; `None` when there is none.
    fn measure(self, wire: &Wire, shard: u16, from: i64, asked: usize, room: usize) -> Result<Option<Piece>, StoreError> {
        let limit = i64::try_from(asked).unwrap_or(i64::MAX);
        let rows = wire.query(self.sizes(), &[&i64::from(shard), &from, &limit]);
        let rows = rows.map_err(|error| unreadable_from(shard, from, error))?;
        let mut found = None;
        let mut bytes = 0_usize;
        for row in &rows {
            let size: i64 = row.get(1);
            bytes = bytes.saturating_add(usize::try_from(size).unwrap_or(0));
            found = Some(Piece { from, to: row.get(0), bytes, is_last: rows.len() < asked });
            if bytes >= room {
                break;
            }
        }
        Ok(found)
    }

    fn fetch(self, wire: &Wire, shard: u16, piece: &Piece) -> Result<Vec<Batch>, StoreError> {
        let rows = wire.query(self.sql(), &[&i64::from(shard), &piece.from, &piece.to]);
        let rows = rows.map_err(|error| unreadable_from(shard, piece.from, error))?;
        rows.into_iter().map(|row| batch(shard, &row)).collect()
    }

    const fn sizes(self) -> &'static str {
        match self {
            Walk::Up => {
                "SELECT seq, CAST(octet_length(body) AS BIGINT) FROM log
                 WHERE shard = $1 AND seq >= $2 ORDER BY seq LIMIT $3"
            }
            Walk::Down => {
                "SELECT seq, CAST(octet_length(body) AS BIGINT) FROM log
                 WHERE shard = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3"
            }
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Walk::Up => {
                "SELECT seq, at_ms, previous, hash, body FROM log
                 WHERE shard = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq"
            }
            Walk::Down => {
                "SELECT seq, at_ms, previous, hash, body FROM log
                 WHERE shard = $1 AND seq <= $2 AND seq >= $3 ORDER BY seq DESC"
            }
        }
    }

    const fn after(self, seq: i64) -> i64 {
        match self {
            Walk::Up => seq.saturating_add(1),
            Walk::Down => seq.saturating_sub(1),
        }
    }
}

fn head(wire: &Wire, shard: u16) -> Result<Option<Head>, StoreError> {
    let Some(row) = wire.one(HEAD, &[&i64::from(shard)])? else {
        return Ok(None);
    };
    let seq = seq(shard, &row)?;
    Ok(Some(Head { seq, hash: hash(shard, seq, &row, 1)?, at_ms: column(shard, seq, &row, 2)? }))
}

fn meta(wire: &Wire, name: &str) -> Result<Option<String>, StoreError> {
    let row = wire.one(META, &[&WHOLE, &name])?;
    Ok(row.map(|row| row.get(0)))
}

fn batch(shard: u16, row: &Row) -> Result<Batch, StoreError> {
    let seq = seq(shard, row)?;
    Ok(Batch {
        shard,
        seq,
        at_ms: column(shard, seq, row, 1)?,
        previous: hash(shard, seq, row, 2)?,
        hash: hash(shard, seq, row, 3)?,
        body: column(shard, seq, row, 4)?,
    })
}

fn seq(shard: u16, row: &Row) -> Result<u64, StoreError> {
    let stored: i64 = column(shard, 0, row, 0)?;
    u64::try_from(stored).map_err(|_| StoreError::damaged("log record", format!("shard {shard} batch {stored}: no batch has this seq")))
}

fn hash(shard: u16, seq: u64, row: &Row, index: usize) -> Result<[u8; 32], StoreError> {
    let stored: &[u8] = column(shard, seq, row, index)?;
    stored.try_into().map_err(|_| unreadable(shard, seq, format_args!("a hash of {} bytes", stored.len())))
}

fn column<'a, T: FromSql<'a>>(shard: u16, seq: u64, row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|error| unreadable(shard, seq, error))
}

fn unreadable(shard: u16, seq: u64, how: impl std::fmt::Display) -> StoreError {
    StoreError::damaged_batch(shard, seq, format_args!("a column cannot be read: {how}"))
}

/// Damaged pages do not say whose they are.
fn unreadable_from(shard: u16, from: i64, error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { at, .. } => {
            StoreError::damaged("log record", format!("shard {shard} batch {from}: it, or one that is read with it, cannot be read: {at}"))
        }
        other => other,
    }
}

/// A seq as the database counts; those of batches are at most 2^48.
fn bound(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
