//! What opening a store gives: the handle, what was found on the way, and the threads that run.

use super::engine::Engine;
use super::launch::join_within;
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
    /// Of its threads so many are waited for, however long they take.
    pub(super) first_to_end: usize,
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl Started {
    /// Stops the writer and waits until everything it took is durable; a moment, too, for the read tables and whatever else follows.
    pub fn shut_down(mut self) {
        self.engine.stop();
        let behind = self.threads.split_off(self.first_to_end.min(self.threads.len()));
        for thread in self.threads {
            let _ = thread.join();
        }
        join_within(behind);
    }
}
