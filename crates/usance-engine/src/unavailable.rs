//! Why the engine cannot answer now. None of these uses an idempotency key: the same request may come again.

use usance_store::StoreError;

/// Why the engine cannot answer now. None of these consumes an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The writer has stopped; the process is about to end.
    #[error("the engine has stopped: {0}")]
    Stopped(String),
    /// Another process writes, or none does.
    #[error("this instance is not the writer{}", .writer.as_ref().map(|address| format!("; the writer is at {address}")).unwrap_or_default())]
    NotWriter {
        /// Where the writer says that it can be reached.
        writer: Option<String>,
    },
    /// More commands wait than the inbox holds.
    #[error("more requests wait than can be taken; try again shortly")]
    Overloaded,
    /// The system clock would close many days at once.
    #[error("the clock is {days} days ahead of the open day {open_day}; an operator has to confirm that it is right")]
    ClockUnconfirmed {
        /// How many days it would close.
        days: i32,
        /// The day that is open.
        open_day: String,
    },
    /// The read tables have not reached the log position that was asked for.
    #[error("the history tables are behind; try again shortly")]
    ProjectionBehind,
    /// Stored bytes could not be read.
    #[error("the store could not be read: {0}")]
    Store(String),
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Unavailable::Store(error.to_string())
    }
}
