//! What a home of the read tables can do: answer a question, hold still, and take rows.
//!
//! Owns the contract that both homes keep, and nothing of what is asked or stored.

use super::cell::{Cell, Kind, Line};
use super::rows::Rows;
use crate::error::StoreError;

/// A question in SQL that every home understands; its values are `?1`, `?2`, and so on.
pub(super) struct Question<'a> {
    pub sql: &'a str,
    pub values: &'a [Cell<'a>],
    /// What each column of the answer holds.
    pub kinds: &'a [Kind],
}

/// Tables that can be asked.
pub(super) trait Tables: Send {
    /// Shows the rows that answer a question one by one, however many there are.
    fn each(&self, question: &Question<'_>, show: &mut dyn FnMut(Line)) -> Result<(), StoreError>;

    /// The rows that answer a question.
    fn ask(&self, question: &Question<'_>) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::new();
        self.each(question, &mut |line| lines.push(line))?;
        Ok(lines)
    }

    /// Runs `work`, whose questions then all see the tables as they are at one moment.
    fn still(&self, work: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError>;
}

/// Tables that rows are added to.
pub(super) trait Home: Tables {
    /// Adds rows and moves the progress, all of it or nothing.
    fn store(&self, rows: &Rows) -> Result<Stored, StoreError>;
}

/// What became of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// They are in the tables.
    Done,
    /// The tables do not stand where the rows begin, because somebody else has added to them. Nothing was changed.
    Overtaken,
}
