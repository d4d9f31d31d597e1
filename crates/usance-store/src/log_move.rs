//! A log on its way into another home: many batches a transaction, and the last ones when their caller says so.
//!
//! Owns how much is put in at once. It refuses nothing by itself: whoever moves a log proves its chain ([`crate::verify_chain`]), and the
//! home refuses what does not follow.

use crate::batch::Batch;
use crate::error::StoreError;
use crate::log::{Head, LogStore};

/// Batches that are put in at once, at most: few in a test build, so that a short log is many transactions there, too.
const BATCHES: usize = if cfg!(debug_assertions) { 2 } else { 4096 };
/// Bytes of bodies at which batches are put in, 4 MiB: little enough for a server to answer in time.
const BYTES: usize = 4 << 20;

/// The end of a log that is moved, and the batches that are held back.
pub struct LogMove<'a> {
    log: &'a mut dyn LogStore,
    head: Head,
    held: Vec<Batch>,
    bytes: usize,
}

impl<'a> LogMove<'a> {
    /// Begins behind the head of the log that is written.
    pub fn behind(head: Head, log: &'a mut dyn LogStore) -> Self {
        LogMove { log, head, held: Vec::new(), bytes: 0 }
    }

    /// Takes the next batch. What is held is put in first where it is enough, so the newest batch is never put in by this; says whether
    /// anything was.
    ///
    /// # Errors
    /// As the home answers; the batches before are in, and a beginning.
    pub fn take(&mut self, batch: &Batch) -> Result<bool, StoreError> {
        let is_enough = self.held.len() >= BATCHES || self.bytes >= BYTES;
        if is_enough {
            self.put_held()?;
        }
        self.bytes = self.bytes.saturating_add(batch.body.len());
        self.held.push(batch.clone());
        Ok(is_enough)
    }

    /// Whether batches are held back, and so the log has not all of them.
    #[must_use]
    pub fn holds_some(&self) -> bool {
        !self.held.is_empty()
    }

    /// Puts in what is held, and gives the head of the log.
    ///
    /// # Errors
    /// As [`LogMove::take`].
    pub fn end(mut self) -> Result<Head, StoreError> {
        self.put_held()?;
        Ok(self.head)
    }

    fn put_held(&mut self) -> Result<(), StoreError> {
        if let Some(last) = self.held.last().map(Batch::head) {
            self.log.append_all(self.head.seq, &self.held).into_result(self.head.seq)?;
            self.head = last;
            self.held.clear();
            self.bytes = 0;
        }
        Ok(())
    }
}
