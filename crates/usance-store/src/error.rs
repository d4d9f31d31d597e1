//! The one list of what can go wrong with stored bytes.
//!
//! Owns the sentences an operator reads when a disk, a file or a second process gets in the way, and the mapping from
//! the operating system's and SQLite's codes to them. It refuses to hide a place: damage always names the file, the
//! batch or the section. What may happen to an append is not an error but an answer, see [`crate::log::Appended`].

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

use crate::bounds::BatchError;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused to read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// SQLite refused for a reason that has no variant of its own here.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A database server refused for a reason that has no variant of its own here.
    #[error("{server}: {}", said(source))]
    Postgres {
        /// The server, without a password.
        server: String,
        /// What it said.
        source: Box<tokio_postgres::Error>,
    },
    /// A database server does not answer, or not any more.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// The server, without a password.
        server: String,
        /// How it shows.
        reason: String,
    },
    /// Another server answers than the one that this life of the machine began with: it was replaced, or it was started again.
    #[error("{server} leads to another server now, or to one that was started again ({found})")]
    OtherServer {
        /// The address, without a password.
        server: String,
        /// What answers.
        found: String,
    },
    /// This process is the writer no more, and what it was about to write is not its to write.
    #[error("{server}: another process writes now")]
    Superseded {
        /// The address, without a password.
        server: String,
    },
    /// A pooler hands a session from one client to the next.
    #[error(
        "{server} is reached through a connection pooler in transaction mode (PgBouncer with pool_mode = transaction, or one like it): sessions do not last there. Connect to the server itself, or set pool_mode = session"
    )]
    Pooled {
        /// The address, without a password.
        server: String,
    },
    /// Nothing of a transaction happened, because something in it had failed before its end.
    #[error("{server} took the whole transaction back: {reason}")]
    RolledBack {
        /// The server, without a password.
        server: String,
        /// What had failed.
        reason: String,
    },
    /// Read tables do not hold what was asked of them.
    #[error("the read tables hold the log up to batch {reached}, and batch {wanted} is asked for")]
    Behind {
        /// The last batch that they hold.
        reached: u64,
        /// The batch that they have to hold.
        wanted: u64,
    },
    /// Every connection is in use, and none came back in time.
    #[error("every connection to the store is in use; try again shortly")]
    Busy,
    /// The address of a database server is not understood. The reason never quotes it.
    #[error("the address of the store is not understood: {0}")]
    Address(String),
    /// Another process has the data directory open for writing.
    #[error("data directory is held by another process{}: {}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The holder, when it could be read.
        pid: Option<u32>,
    },
    /// A newer release wrote this. Start that release; nothing was changed.
    #[error("{what} has version {found}, this release knows up to {known}")]
    NewerVersion {
        /// The file.
        what: String,
        /// The version it carries.
        found: u64,
        /// The newest version this release reads.
        known: u64,
    },
    /// An older release wrote this, in a form that is not read any more; it is made anew from the log.
    #[error("{what} is of an older release: version {found}, this release reads from {oldest} on")]
    OlderVersion {
        /// The file.
        what: String,
        /// The version it carries.
        found: u64,
        /// The oldest version this release reads.
        oldest: u64,
    },
    /// Stored bytes are not what was written.
    #[error("{what} damaged: {at}")]
    Damaged {
        /// What kind of thing: `log record`, `snapshot`, `database`.
        what: String,
        /// Which one, and how it shows.
        at: String,
    },
    /// There is no such thing.
    #[error("not found: {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// A thing of this name stands already and is not overwritten.
    #[error("exists already: {what}")]
    AlreadyExists {
        /// What was to be added.
        what: String,
    },
    /// Another writer has appended: this one is no longer the writer.
    #[error("fenced: expected the log to end at batch {expected}, it ends at {found}")]
    Fenced {
        /// The seq this writer stood on.
        expected: u64,
        /// The seq the log stands on.
        found: u64,
    },
    /// A write may or may not have happened. Open the store again and look.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The disk is full. Nothing of the refused write was kept.
    #[error("disk full")]
    Full,
    /// A setting chosen at creation cannot be changed.
    #[error("{setting} was set to {stored} when this was created, and is now asked to be {asked}")]
    Contradiction {
        /// The setting's name.
        setting: String,
        /// Its value in the store.
        stored: String,
        /// The value asked for.
        asked: String,
    },
    /// A batch that no log would take: a fault of the caller.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl StoreError {
    /// Damage of one kind at one place.
    pub(crate) fn damaged(what: impl Into<String>, at: impl Into<String>) -> Self {
        StoreError::Damaged { what: what.into(), at: at.into() }
    }

    /// Damage of one batch of the log, in the words an operator greps for.
    pub(crate) fn damaged_batch(shard: u16, seq: u64, how: impl std::fmt::Display) -> Self {
        StoreError::damaged("log record", format!("shard {shard} batch {seq}: {how}"))
    }

    /// An error of the operating system about `path`; a full disk (or a spent quota) is [`StoreError::Full`].
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::Io { path: path.to_path_buf(), source },
        }
    }

    /// An error of SQLite about the database at `path`: full disks and damaged files get their own variants.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        if is_full(&source) {
            return StoreError::Full;
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::damaged("database", format!("{}: {source}", path.display()))
            }
            _ => StoreError::Sqlite { path: path.to_path_buf(), source },
        }
    }
}

impl StoreError {
    /// An error of a database server: full disks and lost connections get their own variants.
    pub(crate) fn postgres(server: &impl std::fmt::Display, source: tokio_postgres::Error) -> Self {
        let server = server.to_string();
        match source.code() {
            Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
            Some(code) if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) => {
                StoreError::damaged("database", format!("{server}: {}", said(&source)))
            }
            // Every statement is prepared on the session that runs it, which only a pooler takes away.
            Some(code) if *code == SqlState::INVALID_SQL_STATEMENT_NAME => StoreError::Pooled { server },
            Some(code) if is_ending(code) => StoreError::Unreachable { server, reason: said(&source) },
            None => StoreError::Unreachable { server, reason: said(&source) },
            Some(_) => StoreError::Postgres { server, source: Box::new(source) },
        }
    }

    /// The server's code of what it refused.
    pub(crate) fn sql_state(&self) -> Option<&SqlState> {
        match self {
            StoreError::Postgres { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Whether a database server, or the way to it, is what did not do.
    pub(crate) fn is_of_a_server(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable { .. }
                | StoreError::OtherServer { .. }
                | StoreError::Pooled { .. }
                | StoreError::Postgres { .. }
                | StoreError::Unknown(_)
        )
    }

    /// Whether the server gave the work up in favour of another one, and did nothing: it may be tried again.
    pub(crate) fn is_given_up(&self) -> bool {
        self.sql_state().is_some_and(is_given_up)
    }
}

impl StoreError {
    /// Whether it says nothing about what is stored: there was no room, no right, or no answer. Damage is none of these, and
    /// neither is a file that ends too early.
    #[must_use]
    pub fn is_hindrance(&self) -> bool {
        match self {
            StoreError::Io { source, .. } => !matches!(source.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData),
            StoreError::Sqlite { source, .. } => source.sqlite_error().is_some_and(is_hindrance),
            StoreError::Full
            | StoreError::Busy
            | StoreError::Behind { .. }
            | StoreError::Locked { .. }
            | StoreError::Unreachable { .. }
            | StoreError::OtherServer { .. }
            | StoreError::Pooled { .. }
            | StoreError::Superseded { .. }
            | StoreError::RolledBack { .. } => true,
            _ => false,
        }
    }
}

/// Whether SQLite speaks of the system around it, and not of what the file holds.
fn is_hindrance(error: &rusqlite::ffi::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_SHORT_READ};
    let is_content = [SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_DATA, SQLITE_IOERR_CORRUPTFS].contains(&error.extended_code);
    let is_around = matches!(
        error.code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::DiskFull
    );
    is_around && !is_content
}

/// Whether the server speaks of itself or of the connection, and not of what was asked: class 08, the operator's
/// interventions of class 57 but for a statement that was cancelled, and a transaction that was idle or open for too long.
fn is_ending(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || (code.starts_with("57") && code != "57014") || ["25P03", "25P04"].contains(&code)
}

/// What a server said, with what it adds, or what the driver said of the connection.
fn said(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => {
            let detail = said.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            format!("{}{detail} [{}]", said.message(), said.code().code())
        }
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Whether SQLite ran out of disk. Growing its shared-memory file reports a full disk as an I/O error of its own.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|inner| inner.code == ErrorCode::DiskFull || inner.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether the server gave a statement or transaction up in favour of another one, and did nothing.
pub(crate) fn is_given_up(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_where() {
        let rows = [
            (StoreError::damaged_batch(0, 17, "hash does not match"), "log record damaged: shard 0 batch 17: hash does not match"),
            (StoreError::Locked { path: "/d".into(), pid: Some(7) }, "data directory is held by another process (pid 7): /d"),
            (StoreError::Locked { path: "/d".into(), pid: None }, "data directory is held by another process: /d"),
            (
                StoreError::NewerVersion { what: "/d/log.sqlite".into(), found: 9, known: 1 },
                "/d/log.sqlite has version 9, this release knows up to 1",
            ),
            (StoreError::Fenced { expected: 3, found: 4 }, "fenced: expected the log to end at batch 3, it ends at 4"),
            (
                StoreError::Contradiction { setting: "day_offset".into(), stored: "0".into(), asked: "60".into() },
                "day_offset was set to 0 when this was created, and is now asked to be 60",
            ),
            (StoreError::io(Path::new("/d"), io::Error::from(io::ErrorKind::StorageFull)), "disk full"),
        ];
        for (error, sentence) in rows {
            assert_eq!(error.to_string(), sentence);
        }
    }
}
