//! The deterministic machine: commands are decided, events applied, and the same log always gives the same state.
//!
//! [`verb::decide`] reads only and answers with events or one [`Rejection`]; [`apply::apply`] cannot refuse.
//! [`execute`] does both for one command; [`close::close_day`] closes a day; [`replay`] runs a stored record again.
//! What a caller is told ([`answer::Answer`]) is built from the state right after, and stored with the events.

pub mod account;
pub mod answer;
pub mod apply;
mod bearing;
pub mod clock_trust;
pub mod close;
mod covered;
pub mod day;
pub mod derive;
mod end;
mod exits;
pub mod keys;
pub mod maturing;
pub mod movement;
pub mod news;
mod open;
pub mod outlook;
pub mod people;
mod planning;
pub mod post;
pub mod present;
pub mod preview;
pub mod registry;
pub mod rejection;
mod staked;
pub mod staking;
pub mod state;
pub mod treasury;
pub mod verb;
pub mod view;
pub mod yields;

use crate::calendar::Timestamp;
pub use answer::Answer;
pub use exits::{Ahead, ExitOutlook};
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
            let mut events = vec![event];
            follow(state, &mut events, now);
            let answer = events.first().map_or(Answer::Done, |event| verb::answer(state, event, now));
            Executed { events, outcome: Ok(answer) }
        }
    }
}

/// Applies what follows by itself of the last event, and of what follows that.
fn follow(state: &mut State, events: &mut Vec<Event>, now: Timestamp) {
    while let Some(effect) = events.last().and_then(|event| verb::effect(state, event, now)) {
        match effect {
            Ok(event) => {
                apply::apply(state, &event, now);
                events.push(event);
            }
            // It was decided an instant ago, and nothing has changed since.
            Err(refused) => return state.break_with("what was approved can be done", refused.code().to_owned()),
        }
    }
}

/// The ends of all proposals and orders whose time is over, applied. The log has them before whatever is stamped later.
pub fn expire(state: &mut State, now: Timestamp) -> Vec<Event> {
    let mut ended: Vec<Event> = verb::proposal::expired(state, now).into_iter().map(Event::ProposalExpired).collect();
    ended.extend(planning::expired(state, now).into_iter().map(|over| Event::OrdersExpired(Box::new(over))));
    ended.iter().for_each(|event| apply::apply(state, event, now));
    ended
}

/// The next thing that is due to whoever bears a loss or waits for coins, applied. Called until nothing is: in the same instant as whatever brought coins.
pub fn pay_next(state: &mut State, now: Timestamp) -> Option<Event> {
    let event = verb::due(state, now)?;
    apply::apply(state, &event, now);
    Some(event)
}

/// The plans that follow when days were closed, applied: once after the last of several closes in a row, and after those who wait have got
/// what is due to them.
pub fn plan_after_closes(state: &mut State, at: Timestamp) -> Vec<Event> {
    let planned: Vec<Event> = planning::after_closes(state, at).into_iter().map(|plan| Event::OrdersPlanned(Box::new(plan))).collect();
    planned.iter().for_each(|event| apply::apply(state, event, at));
    planned
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
