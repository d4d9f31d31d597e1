//! What opening a store gives: the handle, what was found on the way, and the threads that run.

use super::engine::Engine;
use std::thread::JoinHandle;
use usance_store::{DataDirectory, Head, Home};

/// A running engine, what opening it found, and its threads.
pub struct Started {
    /// The handle.
    pub engine: Engine,
    /// The directory, locked until this is dropped.
    pub directory: DataDirectory,
    /// Where log, tables and people lie.
    pub home: Home,
    /// Whether the platform was created now.
    pub created: bool,
    /// The snapshot it started from.
    pub from_snapshot: Option<Head>,
    /// Records run again.
    pub replayed: u64,
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl Started {
    /// Stops the writer, waits until everything it took is durable and in the read tables.
    pub fn shut_down(self) {
        self.engine.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
