//! What the writer is asked, and what it replies.

use crate::unavailable::Unavailable;
use tokio::sync::oneshot;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Rejection};
use usance_store::round::Submission;

/// What the writer is asked.
pub(crate) enum Message {
    Submit(Box<Submission>, oneshot::Sender<Reply>),
    /// Closes what is due.
    Tick(oneshot::Sender<()>),
    /// Writes a snapshot of what is applied now.
    Snapshot(oneshot::Sender<Result<u64, String>>),
    Stop,
}

/// The answer to a submission.
#[derive(Debug)]
pub enum Reply {
    /// It was decided now, and is durable.
    Decided {
        /// Where its record lies.
        place: LogPosition,
        /// What its sender is told.
        outcome: Result<Answer, Rejection>,
    },
    /// Its key was used before; the answer lies there, and is durable.
    Repeated {
        /// Where.
        place: LogPosition,
    },
    /// What its sender expected does not hold: nothing was decided, and its key is not used.
    Unexpected,
    /// It was not decided.
    Refused(Unavailable),
}
