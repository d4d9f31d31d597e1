//! The deterministic machine: commands are decided, events applied, and the same log always gives the same state.
//!
//! [`verb::decide`] reads only and answers with events or one [`Rejection`]; [`apply::apply`] cannot refuse.
//! [`execute`] does both for one command; [`close::close_day`] closes a day; [`replay`] runs a stored record again.
//! What a caller is told ([`answer::Answer`]) is built from the state right after, and stored with the events.

pub mod account;
pub mod answer;
pub mod apply;
pub mod clock_trust;
pub mod close;
pub mod day;
pub mod derive;
mod end;
pub mod keys;
pub mod movement;
pub mod news;
mod open;
pub mod outlook;
pub mod post;
pub mod present;
pub mod preview;
pub mod rejection;
pub mod state;
pub mod verb;
pub mod view;

use crate::calendar::Timestamp;
pub use answer::Answer;
pub use rejection::Rejection;
pub use state::State;
pub use verb::{Command, Event};

/// A command's effect: what happened, and what its sender is told. A rejection has no events.
#[derive(Clone, Debug, PartialEq)]
pub struct Executed {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What the sender is told.
    pub outcome: Result<Answer, Rejection>,
}

/// Decides a command at an instant and applies what it decided. The instant's day is open: every earlier day is closed.
pub fn execute(state: &mut State, command: &Command, now: Timestamp) -> Executed {
    match verb::decide(state, command, now) {
        Err(rejection) => Executed { events: Vec::new(), outcome: Err(rejection) },
        Ok(event) => {
            apply::apply(state, &event, now);
            let answer = verb::answer(state, &event, now);
            Executed { events: vec![event], outcome: Ok(answer) }
        }
    }
}

/// Runs stored events again, in order. A day that closes differently than it did is a broken invariant.
pub fn replay(state: &mut State, events: &[Event], at: Timestamp) {
    for event in events {
        if let Event::DayClosed(stored) = event {
            let again = close::close_day(state);
            if again != **stored {
                state.break_with("a replayed day closes as it did", format!("day {}: log and machine differ", stored.day));
            }
        } else {
            apply::apply(state, event, at);
        }
    }
}
