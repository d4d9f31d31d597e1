//! How this crate opens an SQLite file: one way for the log and for people.
//!
//! Owns the pragmas, the creation of tables, the version check and the permissions of new files. It refuses a file of a
//! newer release before it changes anything in it, and a file that holds tables of something else. Durability is
//! write-ahead logging with `synchronous=FULL`: a commit returns after the disk has it.
//!
//! Nothing in the process may open one of these files by other means while it is in use here: closing any handle of a
//! file drops the POSIX locks that SQLite holds on it.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use crate::error::{StoreError, is_full};

/// How long a statement waits for another process's write before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// What a kind of file looks like.
pub(crate) struct Schema {
    /// The version this release writes, and the newest it reads. Kept in `user_version`, from 1.
    pub version: u32,
    /// Bytes per page of a new file.
    pub page_size: u32,
    /// Page cache of the writing connection, KiB.
    pub cache_kib: u32,
    /// Pages in the write-ahead log at which a commit empties it; 0 when somebody else does.
    pub checkpoint_pages: u32,
    /// Creates the tables in an empty file.
    pub tables: &'static str,
}

/// An open SQLite file that knows its path, for the errors.
#[derive(Debug)]
pub(crate) struct Database {
    pub connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens for writing; creates the file (readable by its owner only) and its tables when there are none.
    pub fn open(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        create_private(path)?;
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.check_version(schema)?;
        database.prepare_writing(schema)?;
        let journal: String = database.ask("PRAGMA journal_mode=WAL")?;
        if journal != "wal" {
            let reason = format!("write-ahead logging is not possible here (journal mode {journal})");
            return Err(StoreError::io(path, io::Error::other(reason)));
        }
        database.create_tables(schema)?;
        sync_parent(path)?;
        Ok(database)
    }

    /// Opens a file that [`Database::open`] has prepared once more for writing.
    pub fn open_again(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.prepare_writing(schema)?;
        Ok(database)
    }

    /// Opens for reading only, also while another process writes.
    pub fn open_to_read(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NotFound { what: path.display().to_string() });
        }
        let database = Database::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if database.check_version(schema)? == 0 {
            return Err(StoreError::NotFound { what: format!("tables in {}", path.display()) });
        }
        Ok(database)
    }

    /// A database without a file.
    pub fn in_memory(schema: &Schema) -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|error| StoreError::sqlite(&path, error))?;
        let database = Database { connection, path };
        database.create_tables(schema)?;
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
        let fail = |error| StoreError::sqlite(path, error);
        let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
        connection.busy_timeout(BUSY).map_err(fail)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(fail)?;
        Ok(Database { connection, path: path.to_path_buf() })
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
    fn check_version(&self, schema: &Schema) -> Result<u32, StoreError> {
        let found: i64 = self.ask("PRAGMA user_version")?;
        let what = || self.path.display().to_string();
        match u32::try_from(found) {
            Ok(found) if found > schema.version => {
                Err(StoreError::NewerVersion { what: what(), found: found.into(), known: schema.version.into() })
            }
            Ok(found) => {
                let tables: i64 = self.ask("SELECT count(*) FROM sqlite_schema")?;
                if found == 0 && tables > 0 {
                    return Err(StoreError::damaged("database", format!("{}: it holds other tables", what())));
                }
                Ok(found)
            }
            Err(_) => Err(StoreError::damaged("database", format!("{}: version {found}", what()))),
        }
    }

    /// Creates the tables in an empty file. A step from an older version to the next would stand here as well.
    fn create_tables(&self, schema: &Schema) -> Result<(), StoreError> {
        self.write(|| {
            if self.check_version(schema)? == 0 {
                let version = schema.version;
                self.connection
                    .execute_batch(&format!("{} PRAGMA user_version={version};", schema.tables))
                    .map_err(|error| self.write_error(error))?;
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

/// Creates an empty file that only its owner can read, unless there is one. SQLite gives its companions (`-wal`, `-shm`)
/// the same permissions.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// Makes the names in the directory around `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync_directory(parent)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| StoreError::io(path, error))
}
