//! The data directory: what lies where, and who may write it.
//!
//! Owns the names inside the directory and the lock that makes one process its writer. It refuses a second writer, and
//! names the first. Configuration does not live here: what is in this directory is data, all of it, and a copy of it is
//! a copy of everything. The lock guards one machine; across machines the log's primary key does ([`crate::log`]).

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::{create_directory, create_directory_within, open_or_create, sync_directory};

const LOCK: &str = "LOCK";

/// A data directory, held for writing or visited for reading.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Open and locked for as long as this process is the writer. The system lets go of it when the process ends,
    /// however it ends.
    lock: Option<File>,
}

impl DataDirectory {
    /// Opens the directory as its only writer, until this value is dropped; creates it, for its owner only, when there is
    /// none.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process, or another value in this one, holds it; [`StoreError::Full`];
    /// [`StoreError::Io`].
    pub fn open_exclusive(path: &Path) -> Result<Self, StoreError> {
        create_directory(path)?;
        warn_if_open_to_others(path);
        let lock_path = path.join(LOCK);
        let fail = |error| StoreError::io(&lock_path, error);
        let mut lock = open_or_create(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: path.to_path_buf(), pid: holder(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        refuse_other_name(&lock).map_err(fail)?;
        // Only the lock counts; the number is for people, and is not read without the lock being held.
        lock.set_len(0).map_err(fail)?;
        lock.rewind().map_err(fail)?;
        writeln!(lock, "{}", std::process::id()).map_err(fail)?;
        let directory = DataDirectory { path: path.to_path_buf(), lock: Some(lock) };
        create_directory_within(&directory.snapshots())?;
        sync_directory(path)?;
        Ok(directory)
    }

    /// Opens the directory to read it, whoever writes it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such directory.
    pub fn open_shared(path: &Path) -> Result<Self, StoreError> {
        if !path.is_dir() {
            return Err(StoreError::NotFound { what: format!("data directory {}", path.display()) });
        }
        Ok(DataDirectory { path: path.to_path_buf(), lock: None })
    }

    /// Whether this value is the directory's writer.
    pub fn is_exclusive(&self) -> bool {
        self.lock.is_some()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log of record, [`crate::sqlite`].
    pub fn log(&self) -> PathBuf {
        self.path.join("log.sqlite")
    }

    /// The tables for people and history, a projection of the log that may be deleted.
    pub fn read(&self) -> PathBuf {
        self.path.join("read.sqlite")
    }

    /// People and tokens, [`crate::identity`].
    pub fn people(&self) -> PathBuf {
        self.path.join("people.sqlite")
    }

    /// The directory of [`crate::snapshot`] files, which may be deleted.
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }
}

fn warn_if_open_to_others(path: &Path) {
    if let Ok(found) = fs::metadata(path)
        && found.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "the data directory is open to other users of this machine");
    }
}

/// A lock that has a second name, and in it something else than a lock has, is somebody else's file: it is not written over.
fn refuse_other_name(lock: &File) -> io::Result<()> {
    let found = lock.metadata()?;
    let mut text = String::new();
    let mut is_ours = || lock.take(32).read_to_string(&mut text).is_ok() && text.trim_end().bytes().all(|byte| byte.is_ascii_digit());
    if found.nlink() > 1 && !is_ours() {
        return Err(io::Error::other("it is a file that has another name, too, and it holds something else than a lock; remove it"));
    }
    Ok(())
}

/// The process number in a lock file that another process holds.
fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.strip_suffix('\n')?.parse().ok()
}
