//! The embedded home of the log: one SQLite file, `log.sqlite`, written by the writer alone.
//!
//! Owns the table and the one statement of an append: a single insert in a transaction of its own, durable when it
//! returns. It refuses whatever the primary key `(shard, seq)` refuses, and after an answer that nobody knows it refuses
//! everything until it is opened again. Projections, people and tokens live in other files, so that none of them makes a
//! commit wait. Opening is `connection.rs`, emptying the write-ahead file `checkpoint.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::slice;

use rusqlite::{ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::batch::{BODY_MAX, Batch, too_long};
use crate::checkpoint::Checkpointer;
use crate::connection::{Database, Schema};
use crate::error::{StoreError, is_full};
use crate::log::{Appended, Head, LogReader, LogStore, READ_BYTES, refusal_of_all};

/// Pages of 8 KiB: batches are 16 to 250 KB, where 4 KiB costs a third more CPU, and 16 KiB writes twice as much for a
/// batch of one record.
pub(crate) const SCHEMA: Schema = Schema {
    page_size: 8192,
    cache_kib: 32 << 10,
    checkpoint_pages: 0,
    steps: &["
        CREATE TABLE log(
            shard    INTEGER NOT NULL,
            seq      INTEGER NOT NULL,
            at_ms    INTEGER NOT NULL,
            previous BLOB    NOT NULL,
            hash     BLOB    NOT NULL,
            body     BLOB    NOT NULL,
            PRIMARY KEY (shard, seq)
        ) STRICT;
        CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    "],
};

/// What an append writes beside the body: the row's other columns and the pages above it.
const PAGES_BESIDE: u64 = 4 * 8192;

/// Bytes of the longest body, as SQL compares them.
const LONGEST: i64 = BODY_MAX as i64;

/// The writer's hold on `log.sqlite`.
#[derive(Debug)]
pub struct SqliteLog {
    // Dropped first: the thread's connection closes before the writer's, which then removes the write-ahead file.
    checkpointer: Checkpointer,
    database: Database,
    /// Heads this hold has written or read, never ahead of the log.
    heads: BTreeMap<u16, Head>,
    /// Why no append is possible any more.
    unknown: Option<String>,
}

impl SqliteLog {
    /// Opens the log at `path`, and creates it when there is none.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] when a newer release wrote it; [`StoreError::Damaged`] when it is not such a file;
    /// [`StoreError::Full`], [`StoreError::Io`] or [`StoreError::Sqlite`] when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &SCHEMA)?;
        let checkpointer = Checkpointer::start(path.to_path_buf(), &SCHEMA)?;
        Ok(SqliteLog { checkpointer, database, heads: BTreeMap::new(), unknown: None })
    }

    /// One insert, or many in one transaction.
    fn insert_all(&self, batches: &[Batch]) -> rusqlite::Result<()> {
        if let [batch] = batches {
            return self.insert(batch);
        }
        let transaction = Transaction::new_unchecked(&self.database.connection, TransactionBehavior::Immediate)?;
        batches.iter().try_for_each(|batch| self.insert(batch))?;
        transaction.commit()
    }

    fn insert(&self, batch: &Batch) -> rusqlite::Result<()> {
        // A seq fits: it is at most 2^48.
        let seq = i64::try_from(batch.seq).unwrap_or(i64::MAX);
        let mut insert = self
            .database
            .connection
            .prepare_cached("INSERT INTO log(shard, seq, at_ms, previous, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        insert.execute(params![batch.shard, seq, batch.at_ms, &batch.previous, &batch.hash, &batch.body]).map(drop)
    }

    /// The head to stand on: as remembered when that is where the writer stands, else as stored.
    fn stand(&mut self, shard: u16, expected_seq: u64) -> Result<Head, StoreError> {
        if let Some(head) = self.heads.get(&shard)
            && head.seq == expected_seq
        {
            return Ok(*head);
        }
        let head = head(&self.database, shard)?.unwrap_or(Head::GENESIS);
        self.heads.insert(shard, head);
        Ok(head)
    }

    fn lost(&mut self, reason: String) -> Appended {
        self.unknown = Some(reason.clone());
        Appended::Unknown(reason)
    }
}

impl LogStore for SqliteLog {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        head(&self.database, shard)
    }

    fn append(&mut self, expected_seq: u64, batch: &Batch) -> Appended {
        self.append_all(expected_seq, slice::from_ref(batch))
    }

    fn append_all(&mut self, expected_seq: u64, batches: &[Batch]) -> Appended {
        let Some(last) = batches.last() else { return Appended::Done };
        if let Some(reason) = self.unknown.clone().or_else(|| self.checkpointer.failure()) {
            return Appended::Unknown(reason);
        }
        let head = match self.stand(last.shard, expected_seq) {
            Ok(head) => head,
            Err(error) => return self.lost(error.to_string()),
        };
        if let Some(refusal) = refusal_of_all(&head, expected_seq, batches) {
            return refusal;
        }
        match self.insert_all(batches) {
            Ok(()) => {
                self.heads.insert(last.shard, last.head());
                let bytes: usize = batches.iter().map(|batch| batch.body.len()).sum();
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(PAGES_BESIDE);
                self.checkpointer.written(&self.database.connection, bytes);
                Appended::Done
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.heads.remove(&last.shard);
                match self.stand(last.shard, expected_seq) {
                    Ok(head) => Appended::Fenced { found: head.seq },
                    Err(error) => self.lost(error.to_string()),
                }
            }
            Err(error) if is_full(&error) => Appended::Full,
            Err(error) => {
                let reason = self.database.error(error).to_string();
                self.lost(reason)
            }
        }
    }

    fn reader(&self) -> Result<Box<dyn LogReader>, StoreError> {
        Ok(Box::new(SqliteLogReader::open(self.database.path())?))
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        meta(&self.database, name)
    }

    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.database
            .connection
            .execute("INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value", [name, value])
            .map(drop)
            .map_err(|error| self.database.write_error(error))
    }

    fn settle(&mut self, settings: &[(&str, &str)]) -> Result<(), StoreError> {
        self.database.write(|| {
            for (name, asked) in settings {
                self.database
                    .connection
                    .execute("INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, asked])
                    .map_err(|error| self.database.write_error(error))?;
                if let Some(stored) = meta(&self.database, name)?
                    && stored != *asked
                {
                    return Err(StoreError::Contradiction { setting: (*name).to_owned(), stored, asked: (*asked).to_owned() });
                }
            }
            Ok(())
        })
    }
}

/// A reader of `log.sqlite` with a read-only connection of its own, in this process or another one.
#[derive(Debug)]
pub struct SqliteLogReader {
    database: Database,
}

impl SqliteLogReader {
    /// Opens the log at `path` to read it, also while a writer is at work.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none; otherwise as [`SqliteLog::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(SqliteLogReader { database: Database::open_to_read(path, &SCHEMA)? })
    }

    /// Batches from `seq` on, which is the first that can come. A body is measured before it is fetched. The statement ends
    /// with this call, so that no reader keeps the write-ahead file from being emptied.
    fn gather(&self, walk: Walk, shard: u16, seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        let fail = |error| self.database.error(error);
        let bound = i64::try_from(seq).unwrap_or(i64::MAX);
        let limit = i64::try_from(max_batches).unwrap_or(i64::MAX);
        let mut select = self.database.connection.prepare_cached(walk.sql()).map_err(fail)?;
        let mut rows = select.query(params![shard, bound, limit, LONGEST]).map_err(fail)?;
        let mut batches: Vec<Batch> = Vec::new();
        let mut bytes = 0_usize;
        while bytes < READ_BYTES {
            let row = rows.next().map_err(|error| match self.database.error(error) {
                // Damaged pages hide the row's seq; the row before tells where it is.
                StoreError::Damaged { at, .. } => {
                    let next = batches.last().map_or(seq, |last| walk.after(last.seq));
                    StoreError::damaged_batch(shard, next, format_args!("it cannot be read: {at}"))
                }
                other => other,
            })?;
            let Some(row) = row else { break };
            let batch = self.batch(shard, row)?;
            bytes = bytes.saturating_add(batch.body.len());
            batches.push(batch);
        }
        Ok(batches)
    }

    fn batch(&self, shard: u16, row: &Row<'_>) -> Result<Batch, StoreError> {
        let seq = seq(shard, row.get(0).map_err(|error| self.database.error(error))?)?;
        let column = |error| unreadable(shard, seq, &error);
        let bytes: i64 = row.get(5).map_err(column)?;
        if bytes > LONGEST {
            return Err(too_long(shard, seq, bytes));
        }
        Ok(Batch {
            shard,
            seq,
            at_ms: row.get(1).map_err(column)?,
            previous: row.get(2).map_err(column)?,
            hash: row.get(3).map_err(column)?,
            body: row.get(4).map_err(column)?,
        })
    }
}

impl LogReader for SqliteLogReader {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        head(&self.database, shard)
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
        meta(&self.database, name)
    }
}

/// The order of a read.
#[derive(Clone, Copy)]
enum Walk {
    Up,
    Down,
}

impl Walk {
    fn sql(self) -> &'static str {
        match self {
            Walk::Up => {
                "SELECT seq, at_ms, previous, hash, CASE WHEN octet_length(body) <= ?4 THEN body END, octet_length(body) FROM log
                 WHERE shard = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3"
            }
            Walk::Down => {
                "SELECT seq, at_ms, previous, hash, CASE WHEN octet_length(body) <= ?4 THEN body END, octet_length(body) FROM log
                 WHERE shard = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT ?3"
            }
        }
    }

    fn after(self, seq: u64) -> u64 {
        match self {
            Walk::Up => seq.saturating_add(1),
            Walk::Down => seq.saturating_sub(1),
        }
    }
}

fn head(database: &Database, shard: u16) -> Result<Option<Head>, StoreError> {
    let fail = |error| database.error(error);
    let mut select =
        database.connection.prepare_cached("SELECT seq, hash, at_ms FROM log WHERE shard = ?1 ORDER BY seq DESC LIMIT 1").map_err(fail)?;
    let mut rows = select.query([shard]).map_err(fail)?;
    let Some(row) = rows.next().map_err(fail)? else {
        return Ok(None);
    };
    let seq = seq(shard, row.get(0).map_err(fail)?)?;
    let column = |error| unreadable(shard, seq, &error);
    Ok(Some(Head { seq, hash: row.get(1).map_err(column)?, at_ms: row.get(2).map_err(column)? }))
}

fn meta(database: &Database, name: &str) -> Result<Option<String>, StoreError> {
    database
        .connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")
        .and_then(|mut select| select.query_row([name], |row| row.get(0)).optional())
        .map_err(|error| database.error(error))
}

fn seq(shard: u16, stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| StoreError::damaged("log record", format!("shard {shard} batch {stored}: no batch has this seq")))
}

fn unreadable(shard: u16, seq: u64, error: &rusqlite::Error) -> StoreError {
    StoreError::damaged_batch(shard, seq, format_args!("a column cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchBuilder, GENESIS_HASH};

    fn sealed(seq: u64, previous: [u8; 32], bytes: usize) -> Batch {
        let mut builder = BatchBuilder::new();
        builder.push(&vec![7; bytes]).unwrap();
        builder.seal(0, seq, 0, previous).unwrap()
    }

    #[test]
    fn a_full_disk_writes_nothing_and_may_be_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
        let first = sealed(1, GENESIS_HASH, 100);
        assert_eq!(log.append(0, &first), Appended::Done);
        // SQLite reports its own bound on pages by the code of a full disk.
        log.database.connection.execute_batch("PRAGMA max_page_count=20").unwrap();
        let second = sealed(2, first.hash, 1 << 20);
        assert_eq!(log.append(1, &second), Appended::Full);
        assert_eq!(LogStore::head(&log, 0).unwrap(), Some(first.head()));
        log.database.connection.execute_batch("PRAGMA max_page_count=100000").unwrap();
        assert_eq!(log.append(1, &second), Appended::Done);
    }

    #[test]
    fn after_an_unknown_outcome_nothing_is_appended_until_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite");
        let mut log = SqliteLog::open(&path).unwrap();
        let batch = sealed(1, GENESIS_HASH, 100);
        log.database.connection.execute_batch("PRAGMA query_only=1").unwrap();
        assert!(matches!(log.append(0, &batch), Appended::Unknown(_)));
        log.database.connection.execute_batch("PRAGMA query_only=0").unwrap();
        assert!(matches!(log.append(0, &batch), Appended::Unknown(_)));
        drop(log);
        assert_eq!(SqliteLog::open(&path).unwrap().append(0, &batch), Appended::Done);
    }

    #[test]
    fn a_body_that_is_too_long_is_not_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite");
        let mut log = SqliteLog::open(&path).unwrap();
        let first = sealed(1, GENESIS_HASH, 100);
        assert_eq!(log.append(0, &first), Appended::Done);
        assert_eq!(log.append(1, &sealed(2, first.hash, 100)), Appended::Done);
        drop(log);
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").unwrap();
        other.execute("UPDATE log SET body = zeroblob(?1) WHERE seq = 2", [LONGEST + 1]).unwrap();
        drop(other);
        let reader = SqliteLogReader::open(&path).unwrap();
        assert_eq!(reader.read(0, 1, 1).unwrap(), [first]);
        for found in [reader.read(0, 2, 1), reader.read_before(0, 3, 1)] {
            let sentence = found.unwrap_err().to_string();
            assert_eq!(sentence, "log record damaged: shard 0 batch 2: its body has 268435457 bytes, at most 268435456 can be");
        }
    }

    #[test]
    fn the_write_ahead_file_stays_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite");
        let mut log = SqliteLog::open(&path).unwrap();
        let mut head = Head::GENESIS;
        for seq in 1..=120 {
            let batch = sealed(seq, head.hash, 1 << 20);
            assert_eq!(log.append(head.seq, &batch), Appended::Done);
            head = batch.head();
        }
        let bytes = std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len();
        assert!(bytes < 80 << 20, "120 MiB of log left {bytes} bytes of write-ahead file");
    }
}
