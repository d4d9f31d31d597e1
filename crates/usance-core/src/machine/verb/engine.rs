//! What the engine does of itself: it begins a platform, becomes the writer, closes days; and what an operator says of the log itself.
//! No command asks for these.

use super::fact::{Fact, NO_MONEY};
use crate::calendar::Timestamp;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::machine::answer::Answer;
use crate::machine::day::DayClosed;
use crate::machine::news::News;
use crate::machine::post::{self, Catalogue};
use crate::machine::state::{Platform, State};
use serde::{Deserialize, Serialize};

impl Fact for Platform {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, _: &mut State, _: Timestamp) {}
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Platform(self)
    }
}

/// A process became the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterStarted {
    /// Counted from 1.
    pub epoch: u64,
}

impl Fact for WriterStarted {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.registry.counters.epoch = self.epoch;
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

/// An operator gave up batches that had been acknowledged and that the log has lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossAccepted {
    /// The operator's name.
    pub by: String,
    /// The last batch that is left.
    pub ends_at: u64,
    /// The last batch that was known to have been there.
    pub through: u64,
}

impl Fact for LossAccepted {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, _: &mut State, _: Timestamp) {}
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for DayClosed {
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        post::day_closed(catalogue, self)
    }
    /// A day is closed (`close::close_day`); whoever applies it has a bug, and the state says so.
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.break_with("a day is closed and not applied", format!("day {}", self.day));
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    /// What it moved for each customer, the lines of the close tell.
    fn news(&self) -> News<'_> {
        News::Day(self)
    }
}
