//! A consistent copy of one of our databases while another process writes it, by SQLite's own online backup.

use crate::StoreError;
use crate::connection::{create_private, sync_parent};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Copies a whole database as it stands at one moment into a new file that only its owner can read, in one step: nothing
/// that is committed meanwhile can come in halfway.
///
/// # Errors
/// As either file answers; [`StoreError::Full`] when there is no room for the copy.
pub fn database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::sqlite(&path, source)
    };
    let source =
        Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed(from))?;
    source.busy_timeout(Duration::from_secs(5)).map_err(failed(from))?;
    create_private(to)?;
    let mut target = Connection::open(to).map_err(failed(to))?;
    {
        let backup = Backup::new(&source, &mut target).map_err(failed(to))?;
        while backup.step(-1).map_err(failed(from))? != StepResult::Done {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    target.close().map_err(|(_, source)| StoreError::sqlite(to, source))?;
    sync_parent(to)
}
