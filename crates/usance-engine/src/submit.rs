//! A command in, its durable answer out.
//!
//! A command goes into the writer's inbox and is answered once the batch it fell into is in the log; commands that arrive while a
//! flush runs share the next.

use crate::life::engine::Engine;
use crate::life::message::Message;
use tokio::sync::oneshot;

pub use crate::life::message::Reply;
pub use usance_store::round::{Expectation, Submission};

impl Engine {
    /// Asks for a command to be decided and waits until its answer is durable.
    pub async fn submit(&self, submission: Submission) -> Reply {
        let live = self.live();
        let (sender, receiver) = oneshot::channel();
        if let Err(unavailable) = live.post(Message::Submit(submission, sender)) {
            return Reply::Refused(unavailable);
        }
        match receiver.await {
            Ok(Reply::Repeated { place }) => match live.durable(place.seq()).await {
                Ok(()) => Reply::Repeated { place },
                Err(unavailable) => Reply::Refused(unavailable),
            },
            Ok(reply) => reply,
            Err(_) => Reply::Refused(live.why_stopped()),
        }
    }
}
