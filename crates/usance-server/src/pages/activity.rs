//! What happened to a customer's ways in, as pages show it.

use usance_core::calendar::Timestamp;
use usance_store::{Role, SecurityEvent};

/// Something that happened to the ways in.
pub struct Activity {
    /// The word of its kind.
    pub what: &'static str,
    /// When.
    pub at: String,
    /// By what it was done: a word of the credential, or who it was.
    pub by: &'static str,
    /// The number of the session or token that it is about.
    pub subject: Option<i64>,
}

impl Activity {
    /// An event, as its customer reads it.
    #[must_use]
    pub fn of(event: &SecurityEvent) -> Activity {
        let by = match event.event.actor {
            None => "nobody",
            // Whoever acts for the exchange is the exchange, to its customer.
            Some(actor) if actor.role != Role::Customer => "exchange",
            Some(actor) => actor.credential.parts().0,
        };
        Activity { what: event.event.kind.word(), at: Timestamp::from_ms(event.at_ms).to_string(), by, subject: event.event.subject }
    }
}
