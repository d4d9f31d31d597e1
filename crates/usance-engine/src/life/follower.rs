//! Following the log: what another process appends is verified, run on the state here, and shown to whoever can do with
//! what was true a moment ago.
//!
//! A follower writes nothing. It refuses a batch that does not follow from the one before: then the database has lost what
//! it once held, and everything is read again from the beginning.

use super::lease::Following;
use super::live::Shared;
use super::settings::SHARD;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use usance_core::machine::news::Touched;
use usance_core::machine::{Event, apply};
use usance_store::{Batch, Head, LogReader, StoreError, recovery, round, verify_stands};

/// Batches that are asked for at a time.
const STEP_BATCHES: usize = 256;

/// A state that follows the log.
pub(super) struct Follower {
    pub shared: Arc<Shared>,
    pub follows: Arc<Following>,
    pub head: Head,
    pub reader: Box<dyn LogReader>,
    /// Records that were run since a snapshot was last thought of.
    pub records: u64,
    /// A thread tells this life how far the read tables are.
    pub is_watching_tables: bool,
}

impl Follower {
    /// Takes everything that the log has more; says how many batches that were.
    ///
    /// # Errors
    /// As the log answers; [`StoreError::Damaged`] for a batch that does not follow from what is here.
    pub fn catch_up(&mut self) -> Result<u64, StoreError> {
        let began = self.head.seq;
        loop {
            let batches = self.reader.read(SHARD, self.head.seq.saturating_add(1), STEP_BATCHES)?;
            if batches.is_empty() {
                self.follows.set_caught_up();
                return Ok(self.head.seq - began);
            }
            batches.iter().try_for_each(|batch| self.take(batch))?;
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<(), StoreError> {
        batch.verify_after(&self.head)?;
        {
            let mut state = self.shared.state.write();
            // Should it break off, nobody is shown the half of it.
            let was_mid_round = std::mem::replace(&mut state.mid_round, true);
            self.records += recovery::run_batch(&mut state, batch)?;
            state.mid_round = was_mid_round;
        }
        // Whoever comes in this moment looks, whomever it touches.
        let unknown = Touched { everybody: true, customers: Vec::new() };
        let touched = if self.shared.watching.is_watched() { round::touched(batch)? } else { unknown };
        let gives_up = round::gives_up(batch)?;
        {
            let mut recent = self.shared.recent.lock();
            recent.note(batch.clone());
            if gives_up {
                let losses = recent.given_up().saturating_add(1);
                recent.knows_given_up(losses);
            }
        }
        self.stand_at(batch.head(), &touched);
        Ok(())
    }

    /// Applies the event of a batch that this process has appended itself.
    pub fn began_epoch(&mut self, batch: &Batch, event: &Event) {
        {
            let mut state = self.shared.state.write();
            let at = state.registry.last_at;
            apply::apply(&mut state, event, at);
        }
        self.shared.answered(batch.clone());
        self.stand_at(batch.head(), &Touched::default());
    }

    fn stand_at(&mut self, head: Head, touched: &Touched) {
        self.head = head;
        *self.shared.sealed.lock() = head;
        self.shared.applied.store(head.seq, Ordering::Release);
        self.shared.became_durable(head.seq, touched);
    }

    /// Whether the log still holds what this state was made of.
    ///
    /// # Errors
    /// As [`verify_stands`].
    pub fn verify_stands(&self) -> Result<(), StoreError> {
        verify_stands(self.reader.as_ref(), SHARD, &self.head)
    }
}
