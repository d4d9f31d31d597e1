//! A command in, its durable answer out.
//!
//! A command goes into the writer's inbox and is answered once the batch it fell into is in the log; commands that arrive while a
//! flush runs share the next.

use crate::caller::Caller;
use crate::life::engine::Engine;
use crate::life::message::Message;
use crate::once::Once;
use crate::refusal::Refusal;
use tokio::sync::oneshot;
use usance_core::id::LogPosition;
use usance_core::machine::{Answer, Command, Rejection};
use usance_store::codec::{Record, UsedKey};

pub use crate::life::message::Reply;
pub use usance_store::round::{Expectation, Submission};

/// What the machine said to a command, now or when its key was first used.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Where the record lies.
    pub place: LogPosition,
    /// The answer, or the rule that said no.
    pub outcome: Result<Answer, Rejection>,
    /// Whether the key was used before.
    pub replayed: bool,
}

/// A write: by whom, under which key, and with which method of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Who sends it.
    pub caller: &'a Caller,
    /// Its key and what it is.
    pub once: &'a Once,
    /// The contract's method.
    pub method: &'a str,
}

impl Engine {
    /// Has a command decided once, and gives what the machine said, now or when the key was first used. With an expectation it is
    /// decided only if that holds in the same instant.
    ///
    /// # Errors
    /// What uses no key: one that was used for another request, an expectation that does not hold, an engine that cannot answer.
    pub async fn carry_out(&self, write: Write<'_>, command: Command, expects: Option<Expectation>) -> Result<Told, Refusal> {
        let key = self.used_key(write);
        match self.submit(Submission { key: Some(key), actor: write.caller.actor, command: Some(command), expects }).await {
            Reply::Refused(unavailable) => Err(unavailable.into()),
            Reply::Unexpected => Err(Refusal::FiguresChanged),
            Reply::Decided { place, outcome } => Ok(Told { place, outcome, replayed: false }),
            Reply::Repeated { place } => {
                let record = self.repeated(place, key).await?;
                Ok(Told { place, outcome: record.outcome, replayed: true })
            }
        }
    }

    /// Takes a key for a write whose answer lives elsewhere (people, tokens): there is one place where keys are taken, the log.
    /// Gives the place, which is the same whenever the same request comes again.
    ///
    /// # Errors
    /// A key that was used for another request; an engine that cannot answer now.
    pub async fn take_key(&self, key: UsedKey, caller: &Caller) -> Result<LogPosition, Refusal> {
        match self.submit(Submission { key: Some(key), actor: caller.actor, ..Submission::default() }).await {
            Reply::Refused(unavailable) => Err(unavailable.into()),
            // Nothing is expected of a key.
            Reply::Unexpected => Err(Refusal::FiguresChanged),
            Reply::Decided { place, .. } => Ok(place),
            Reply::Repeated { place } => self.repeated(place, key).await.map(|_| place),
        }
    }

    /// The key of a write, and its fingerprint.
    #[must_use]
    pub fn used_key(&self, write: Write<'_>) -> UsedKey {
        let seed = self.peek(|state| state.registry.platform.seed);
        write.once.used_key(&seed, write.caller, write.method)
    }

    /// The record that a repeated key points to, if it is of the same request. It lies in the log, so few ask for one at a time.
    async fn repeated(&self, place: LogPosition, key: UsedKey) -> Result<Record, Refusal> {
        let _place = self.inner.repeats.enter().await?;
        let record = self.record(place)?;
        if record.fact.key == Some(key) { Ok(record) } else { Err(Refusal::KeyReused) }
    }

    /// Asks for a command to be decided and waits until its answer is durable.
    pub async fn submit(&self, submission: Submission) -> Reply {
        let live = self.live();
        let (sender, receiver) = oneshot::channel();
        if let Err(unavailable) = live.post(Message::Submit(Box::new(submission), sender)) {
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
