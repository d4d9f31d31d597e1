//! Where everything lies: in files of a data directory, or on a database server.
//!
//! The one place that knows both. Whoever holds a [`Home`] opens the log, the read tables and the people without asking
//! which it is.

use usance_core::calendar::DayOffset;

use crate::directory::DataDirectory;
use crate::error::StoreError;
use crate::identity::IdentityStore;
use crate::identity_sqlite::SqliteIdentities;
use crate::log::{LogReader, LogStore};
use crate::postgres::{Postgres, PostgresIdentities, PostgresLog, PostgresLogReader};
use crate::projection::{Projector, Reading};
use crate::soundness;
use crate::soundness::Soundness;
use crate::sqlite::{SqliteLog, SqliteLogReader};

/// A place for the log, the read tables, and the people.
#[derive(Clone, Debug)]
pub enum Home {
    /// Files of one data directory, on this machine.
    Embedded(Files),
    /// A schema of a database.
    Postgres(Postgres),
}

/// The files of an embedded home.
#[derive(Clone, Debug)]
pub struct Files {
    log: std::path::PathBuf,
    read: std::path::PathBuf,
    people: std::path::PathBuf,
}

impl Home {
    /// The files of a data directory.
    #[must_use]
    pub fn embedded(directory: &DataDirectory) -> Self {
        Home::Embedded(Files { log: directory.log(), read: directory.read(), people: directory.people() })
    }

    /// The log, to be written. Brings it up to this release, and makes it where there is none.
    ///
    /// # Errors
    /// As the home answers.
    pub fn log(&self) -> Result<Box<dyn LogStore>, StoreError> {
        Ok(match self {
            Home::Embedded(files) => Box::new(SqliteLog::open(&files.log)?),
            Home::Postgres(postgres) => Box::new(PostgresLog::open(postgres)?),
        })
    }

    /// The log, to be read.
    ///
    /// # Errors
    /// As the home answers.
    pub fn log_reader(&self) -> Result<Box<dyn LogReader>, StoreError> {
        Ok(match self {
            Home::Embedded(files) => Box::new(SqliteLogReader::open(&files.log)?),
            Home::Postgres(postgres) => Box::new(PostgresLogReader::open(postgres)?),
        })
    }

    /// The people.
    ///
    /// # Errors
    /// As the home answers.
    pub fn people(&self) -> Result<Box<dyn IdentityStore>, StoreError> {
        Ok(match self {
            Home::Embedded(files) => Box::new(SqliteIdentities::open(&files.people)?),
            Home::Postgres(postgres) => Box::new(PostgresIdentities::open(postgres)?),
        })
    }

    /// The people to be read, where they are of this release; nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::OlderVersion`] where no process of this release has been yet; otherwise as the home
    /// answers.
    pub fn people_to_read(&self) -> Result<Box<dyn IdentityStore>, StoreError> {
        match self {
            Home::Embedded(files) => Ok(Box::new(SqliteIdentities::open_to_read(&files.people)?)),
            Home::Postgres(_) => self.people_as_they_are(),
        }
    }

    /// The people, where they are of this release; nothing is brought up or made. For a standby on a server.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::OlderVersion`] where no writer of this release has been yet; otherwise as the home
    /// answers.
    pub fn people_as_they_are(&self) -> Result<Box<dyn IdentityStore>, StoreError> {
        match self {
            Home::Embedded(_) => self.people(),
            Home::Postgres(postgres) => Ok(Box::new(PostgresIdentities::open_as_they_are(postgres)?)),
        }
    }

    /// What fills the read tables.
    ///
    /// # Errors
    /// As the home answers.
    pub fn projector(&self, shard: u16, offset: DayOffset) -> Result<Projector, StoreError> {
        match self {
            Home::Embedded(files) => Projector::open(&files.read, shard, offset),
            Home::Postgres(postgres) => Projector::open_postgres(postgres, shard, offset),
        }
    }

    /// What asks the read tables.
    ///
    /// # Errors
    /// As the home answers.
    pub fn reading(&self, shard: u16) -> Result<Reading, StoreError> {
        match self {
            Home::Embedded(files) => Reading::open(&files.read, shard),
            Home::Postgres(postgres) => Reading::open_postgres(postgres, shard),
        }
    }

    /// Asks each of the files whether it is sound in itself. Read tables need not be there, the next start builds them; the
    /// log's absence is told by whoever reads it. A database server looks after its own.
    #[must_use]
    pub fn faults(&self) -> Vec<(std::path::PathBuf, Result<Soundness, StoreError>)> {
        let Home::Embedded(Files { log, read, people }) = self else { return Vec::new() };
        let files = [(log, soundness::Kind::Log), (read, soundness::Kind::Read), (people, soundness::Kind::People)];
        let looked_at = files.into_iter().map(|(path, kind)| (kind, (path.clone(), soundness::faults(path, kind))));
        let wanted =
            looked_at.filter(|(kind, (_, found))| *kind == soundness::Kind::People || !matches!(found, Err(StoreError::NotFound { .. })));
        wanted.map(|(_, found)| found).collect()
    }

    /// Empties the read tables of a shard, to be filled anew.
    ///
    /// # Errors
    /// As the home answers.
    pub fn discard_tables(&self, shard: u16) -> Result<(), StoreError> {
        match self {
            Home::Embedded(files) => Projector::discard(&files.read),
            Home::Postgres(postgres) => Projector::discard_postgres(postgres, shard),
        }
    }
}
