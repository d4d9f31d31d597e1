//! A consistent copy of one of our databases while another process writes it, by SQLite's own online backup.

use crate::StoreError;
use crate::connection::connect;
use crate::files::{create_new, sync_parent};
use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};
use std::path::Path;
use std::time::Duration;

/// Copies a whole database as it stands at one moment into a new file that only its owner can read, in one step: nothing
/// that is committed meanwhile can come in halfway.
///
/// # Errors
/// As either file answers; [`StoreError::AlreadyExists`] when the copy does; [`StoreError::Full`] when there is no room for it.
pub fn database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    drop(create_new(to)?);
    let mut target = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = Backup::new(&source, &mut target).map_err(|error| StoreError::sqlite(to, error))?;
        while backup.step(-1).map_err(|error| StoreError::sqlite(from, error))? != StepResult::Done {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    target.close().map_err(|(_, source)| StoreError::sqlite(to, source))?;
    sync_parent(to)
}
