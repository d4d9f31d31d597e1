//! Emptying the log's write-ahead file without making a commit wait for it.
//!
//! SQLite would copy the write-ahead file into the database inside one unlucky commit (tens of milliseconds), and would
//! keep a failed flush there to itself. So its own mechanism is off. A thread with a connection of its own copies as the
//! file grows, which blocks no commit; but it never quite catches up with a busy writer, and only a file copied to its
//! end is used from its start again. So the writer itself copies the small rest now and then.
//!
//! A failure other than a full disk is kept, and stops the writer: an error of a disk flush is fatal.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use crate::connection::{Database, Schema};
use crate::error::{StoreError, is_full};

/// Bytes written after which the thread copies: 4 MiB.
const PASS_BYTES: u64 = 4 << 20;
/// Bytes written after which the writer copies the rest: 32 MiB.
const RESET_BYTES: u64 = 32 << 20;

/// The thread that copies, and the writer's count of what there is to copy.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
    since_pass: u64,
    since_reset: u64,
}

impl Checkpointer {
    /// Starts the thread for the database at `path`.
    pub fn start(path: PathBuf, schema: &Schema) -> Result<Self, StoreError> {
        let database = Database::open_again(&path, schema)?;
        let failure = Arc::new(Mutex::new(None));
        let (wake, woken) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn({
                let failure = Arc::clone(&failure);
                move || run(&database, &woken, &failure)
            })
            .map_err(|error| StoreError::io(&path, error))?;
        Ok(Checkpointer { wake: Some(wake), thread: Some(thread), failure, since_pass: 0, since_reset: 0 })
    }

    /// Why the writer must stop, once there is a reason.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a commit of about so many bytes on `connection`, which is in no transaction now.
    pub fn written(&mut self, connection: &Connection, bytes: u64) {
        self.since_pass = self.since_pass.saturating_add(bytes);
        self.since_reset = self.since_reset.saturating_add(bytes);
        if self.since_reset >= RESET_BYTES {
            match copy(connection) {
                Ok(Copied::All) => self.since_reset = 0,
                // A reader or the thread is at it: try again some bytes later.
                Ok(Copied::Part) => self.since_reset = RESET_BYTES - PASS_BYTES,
                Err(error) => note(&self.failure, &error),
            }
            self.since_pass = 0;
        } else if self.since_pass >= PASS_BYTES && self.wake.as_ref().is_some_and(|wake| wake.try_send(()).is_ok()) {
            self.since_pass = 0;
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        // Without a sender the thread ends, and its connection closes before the writer's does.
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread of the log panicked");
        }
    }
}

fn run(database: &Database, woken: &Receiver<()>, failure: &Mutex<Option<String>>) {
    while woken.recv().is_ok() {
        if let Err(error) = copy(&database.connection) {
            note(failure, &error);
        }
    }
}

enum Copied {
    All,
    Part,
}

/// Copies what no reader holds back, waiting for nobody.
fn copy(connection: &Connection) -> rusqlite::Result<Copied> {
    let (busy, pages, copied) = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    Ok(if busy == 0 && pages == copied { Copied::All } else { Copied::Part })
}

fn note(failure: &Mutex<Option<String>>, error: &rusqlite::Error) {
    if is_full(error) {
        // What is committed stays in the write-ahead file; the next append finds the disk full by itself.
        tracing::warn!(%error, "the log's write-ahead file could not be emptied");
        return;
    }
    tracing::error!(%error, "the log's write-ahead file could not be emptied");
    let mut kept = failure.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get_or_insert_with(|| format!("emptying the write-ahead file: {error}"));
}
