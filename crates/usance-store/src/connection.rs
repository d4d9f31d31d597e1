//! How this crate opens an SQLite file: one way for the log and for people.
//!
//! Owns the pragmas, the steps from version to version and the version check. It refuses a
//! file of a newer release before it changes anything in it, and a file that holds tables of something else. A file of an
//! older release is brought up when it is opened for writing, and the older release refuses it from then on. Durability
//! is write-ahead logging with `synchronous=FULL`: a commit returns after the disk has it.
//!
//! Nothing in the process may open one of these files by other means while it is in use here: closing any handle of a
//! file drops the POSIX locks that SQLite holds on it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use crate::error::{StoreError, is_full};
use crate::files::{self, sync_parent};

/// How long a statement waits for another process's write before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// What a kind of file looks like.
pub(crate) struct Schema {
    /// Bytes per page of a new file.
    pub page_size: u32,
    /// Page cache of the writing connection, KiB.
    pub cache_kib: u32,
    /// Pages in the write-ahead log at which a commit empties it; 0 when somebody else does.
    pub checkpoint_pages: u32,
    /// The statements that lead from each version to the next; the first ones create the tables in an empty file. A step
    /// that was released is never changed: files have gone through it.
    pub steps: &'static [&'static str],
}

impl Schema {
    /// The version this release writes, and the newest it reads: the number of steps. Kept in `user_version`, from 1.
    const fn version(&self) -> usize {
        self.steps.len()
    }
}

/// An open SQLite file that knows its path, for the errors.
#[derive(Debug)]
pub(crate) struct Database {
    pub connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens for writing; creates the file (readable by its owner only) and its tables when there are none, and brings an
    /// older file up to this release's version.
    pub fn open(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        create_private(path)?;
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.check_version(schema)?;
        database.prepare_writing(schema)?;
        let journal = database.write_ahead()?;
        if journal != "wal" {
            let reason = format!("write-ahead logging is not possible here (journal mode {journal})");
            return Err(StoreError::io(path, io::Error::other(reason)));
        }
        database.take_steps(schema)?;
        sync_parent(path)?;
        Ok(database)
    }

    /// Opens a file that [`Database::open`] has prepared once more for writing.
    pub fn open_again(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.prepare_writing(schema)?;
        Ok(database)
    }

    /// Opens for reading only, also while another process writes. A file of an older version is taken as it is: it is
    /// brought up by whoever opens it for writing.
    pub fn open_to_read(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        if !files::is_there(path)? {
            return Err(StoreError::NotFound { what: path.display().to_string() });
        }
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if database.check_version(schema)? == 0 {
            return Err(StoreError::NotFound { what: format!("tables in {}", path.display()) });
        }
        Ok(database)
    }

    /// Whether the file has this release's version, and not an older one.
    pub fn is_current(&self, schema: &Schema) -> Result<bool, StoreError> {
        Ok(self.check_version(schema)? == schema.version())
    }

    /// What its own version looks like: this release's, or that of an older one.
    pub fn schema_of(&self, schema: &Schema) -> Result<Schema, StoreError> {
        let taken = self.check_version(schema)?;
        Ok(Schema { steps: schema.steps.get(..taken).unwrap_or_default(), ..*schema })
    }

    /// A database without a file.
    pub fn in_memory(schema: &Schema) -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|error| StoreError::sqlite(&path, error))?;
        let database = Database { connection, path };
        database.take_steps(schema)?;
        Ok(database)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error of SQLite as ours.
    pub fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }

    /// An error of SQLite about a write: after an I/O error nobody knows whether it happened.
    pub fn write_error(&self, error: rusqlite::Error) -> StoreError {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_full(&error) {
            return StoreError::Unknown(format!("{}: {error}", self.path.display()));
        }
        self.error(error)
    }

    /// A transaction that no other write comes between. It is rolled back when it is dropped.
    pub fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(|error| self.error(error))
    }

    /// One transaction around `work`: all of it or nothing.
    pub fn write<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let transaction = self.begin()?;
        let result = work()?;
        transaction.commit().map_err(|error| self.write_error(error))?;
        Ok(result)
    }

    fn connect(path: &Path, mode: OpenFlags) -> Result<Self, StoreError> {
        Ok(Database { connection: connect(path, mode)?, path: path.to_path_buf() })
    }

    /// Changes to write-ahead logging, and gives the mode the file is in then. Of many processes that open a new file at
    /// once SQLite lets one do that and tells the others at once, without the wait that other statements have.
    fn write_ahead(&self) -> Result<String, StoreError> {
        let until = Instant::now() + BUSY;
        loop {
            match self.ask("PRAGMA journal_mode=WAL") {
                Err(StoreError::Sqlite { source, .. })
                    if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until =>
                {
                    std::thread::sleep(Duration::from_millis(2));
                }
                done => return done,
            }
        }
    }

    fn prepare_writing(&self, schema: &Schema) -> Result<(), StoreError> {
        let Schema { page_size, cache_kib, checkpoint_pages, .. } = schema;
        let pragmas = format!(
            "PRAGMA page_size={page_size};
             PRAGMA synchronous=FULL;
             PRAGMA cache_size=-{cache_kib};
             PRAGMA wal_autocheckpoint={checkpoint_pages};"
        );
        self.connection.execute_batch(&pragmas).map_err(|error| self.error(error))
    }

    /// The version of the file, 0 while it is empty.
    fn check_version(&self, schema: &Schema) -> Result<usize, StoreError> {
        // In this order: another process that creates the tables right now commits them along with their version.
        let tables: i64 = self.ask("SELECT count(*) FROM sqlite_schema")?;
        let found: i64 = self.ask("PRAGMA user_version")?;
        let what = || self.path.display().to_string();
        match usize::try_from(found) {
            Ok(found) if found > schema.version() => {
                Err(StoreError::NewerVersion { what: what(), found: found as u64, known: schema.version() as u64 })
            }
            Ok(found) => {
                if found == 0 && tables > 0 {
                    return Err(StoreError::damaged("database", format!("{}: it holds other tables", what())));
                }
                Ok(found)
            }
            Err(_) => Err(StoreError::damaged("database", format!("{}: version {found}", what()))),
        }
    }

    /// Takes the file through every step it lacks, in one transaction: it ends with this release's version, or as it was.
    /// The version is looked at inside of it, so of two processes that open an older file one takes the steps.
    fn take_steps(&self, schema: &Schema) -> Result<(), StoreError> {
        let run = |sql: &str| self.connection.execute_batch(sql).map_err(|error| self.write_error(error));
        self.write(|| {
            let found = self.check_version(schema)?;
            if found < schema.version() {
                schema.steps.iter().skip(found).try_for_each(|step| run(step))?;
                run(&format!("PRAGMA user_version={}", schema.version()))?;
            }
            Ok(())
        })
    }

    fn ask<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, StoreError> {
        let row = self.connection.query_row(sql, [], |row| row.get(0)).optional();
        match row.map_err(|error| self.error(error))? {
            Some(value) => Ok(value),
            None => Err(StoreError::damaged("database", format!("{}: no answer to {sql}", self.path.display()))),
        }
    }
}

/// Opens an SQLite file that is there, and no link; a directory of its path may be one. SQLite itself follows no link to the
/// file's companions (`-wal`, `-shm`), and gives them the file's permissions.
///
/// # Errors
/// As the file answers.
pub(crate) fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    files::is_there(path)?;
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let fail = |error| StoreError::sqlite(path, error);
    let connection = Connection::open_with_flags(files::without_links_above(path)?, flags).map_err(fail)?;
    connection.busy_timeout(BUSY).map_err(fail)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(fail)?;
    Ok(connection)
}

/// Makes an empty file that only its owner can read, unless there is one.
fn create_private(path: &Path) -> Result<(), StoreError> {
    match files::create_new(path) {
        Err(StoreError::AlreadyExists { .. }) => files::is_there(path).map(drop),
        made => made.map(drop),
    }
}

/// Removes a database of ours with its companions, if there is one. Nobody has it open.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove_database(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        files::remove(Path::new(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each needs the one before, and none can be taken twice unnoticed.
    static STEPS: [&str; 3] = ["CREATE TABLE kept(x)", "ALTER TABLE kept ADD COLUMN y", "INSERT INTO kept VALUES (1, 2);"];

    fn schema(steps: &'static [&'static str]) -> Schema {
        Schema { page_size: 4096, cache_kib: 64, checkpoint_pages: 1000, steps }
    }

    fn version(database: &Database) -> usize {
        database.check_version(&schema(&STEPS)).unwrap()
    }

    #[test]
    fn a_file_of_any_version_takes_the_steps_it_lacks() {
        for from in 0..=STEPS.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("any.sqlite");
            assert_eq!(version(&Database::open(&path, &schema(&STEPS[..from])).unwrap()), from);
            let database = Database::open(&path, &schema(&STEPS)).unwrap();
            assert_eq!(version(&database), STEPS.len(), "from {from}");
            assert_eq!(database.ask::<i64>("SELECT sum(y) FROM kept").unwrap(), 2, "from {from}");
        }
    }

    #[test]
    fn a_reader_leaves_an_older_file_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("any.sqlite");
        drop(Database::open(&path, &schema(&STEPS[..1])).unwrap());
        assert_eq!(version(&Database::open_to_read(&path, &schema(&STEPS)).unwrap()), 1);
        let newer = Database::open_to_read(&path, &schema(&[])).map(drop);
        assert!(matches!(newer, Err(StoreError::NewerVersion { found: 1, known: 0, .. })), "{newer:?}");
    }
}
