//! Why the engine cannot answer now. None of these uses an idempotency key: the same request may come again.

use std::time::Duration;
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
    /// The machine's clock says what cannot be.
    #[error("the machine's clock is {} s ahead of what can be; an operator has to confirm that it is right", ahead.as_secs().max(1))]
    ClockUnconfirmed {
        /// How far it is ahead of the latest that is believed.
        ahead: Duration,
    },
    /// There is no room in the store.
    #[error("the store has no room left; it goes on by itself when there is some")]
    StoreFull,
    /// The log lacks batches that were acknowledged.
    #[error(
        "the log has lost acknowledged batches, {} to {through}: put them back from a copy, or give them up (usance accept-loss)", ends_at + 1
    )]
    BatchesLost {
        /// The last batch that is left.
        ends_at: u64,
        /// The last one that was known.
        through: u64,
    },
    /// The read tables have not reached the log position that was asked for.
    #[error("the history tables are behind: they stand at log position {reached}, and {wanted} is asked for; try again shortly")]
    ProjectionBehind {
        /// How far they are.
        reached: u64,
        /// How far they have to be.
        wanted: u64,
    },
    /// Stored bytes could not be read.
    #[error("the store could not be read: {0}")]
    Store(String),
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Behind { reached, wanted } => Unavailable::ProjectionBehind { reached, wanted },
            other => Unavailable::Store(other.to_string()),
        }
    }
}
