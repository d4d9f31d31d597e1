//! The people of a copy, which shipping makes what those of a server are, again and again.
//!
//! Owns the one transaction in which they change, and what is done just before it commits: whoever ships brings the log there and
//! announces the next note ([`crate::note`]), which says what the people will be. So a copy whose shipping was cut off has the people of
//! the shipping before, or the new ones, and never fewer.

use std::path::Path;

use crate::connection::Database;
use crate::error::StoreError;
use crate::identity_dump::People;
use crate::soundness::{PeopleHashes, hashes_of};
use crate::{identity_sqlite, identity_sqlite_dump};

/// The people of a copy, open to be changed.
#[derive(Debug)]
pub struct PeopleCopy {
    database: Database,
}

impl PeopleCopy {
    /// Opens the file at `path`, and creates it when there is none. A file of an older release is brought up.
    ///
    /// # Errors
    /// As [`crate::SqliteIdentities::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &identity_sqlite::SCHEMA)?;
        identity_sqlite::overwrite_what_is_removed(&database)?;
        Ok(PeopleCopy { database })
    }

    /// Makes them these people, in one transaction. `before` is given the hashes of the people as they will be; what it does is done
    /// before they are that, and where it fails nothing of them changes.
    ///
    /// # Errors
    /// What `before` gave; as the file answers.
    pub fn bring<T, E: From<StoreError>>(&mut self, people: &People, before: impl FnOnce(PeopleHashes) -> Result<T, E>) -> Result<T, E> {
        let transaction = self.database.begin()?;
        identity_sqlite_dump::replace(&self.database.connection, people).map_err(|error| self.database.write_error(error))?;
        let done = before(hashes_of(&self.database)?)?;
        transaction.commit().map_err(|error| self.database.write_error(error))?;
        Ok(done)
    }
}
