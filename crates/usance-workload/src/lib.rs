//! Commands as customers and operators would send them, drawn from dice against how things stand.
//!
//! Whoever tests the machine asks this crate what is asked next: the core's random histories, the store's worlds and the
//! simulator. Most commands are meaningful, many hit what is delicate: the first instant of a day and the millisecond
//! beside it; all of a balance, a unit more, a grain of dust; the quote that was shown and one that is a unit off.
//!
//! [`Situation`] is all that a generator may look at, [`Cast`] who and what there is, [`Dice`] what chooses, [`Workload`]
//! the three put together; each noun's commands stand in a file of their own. The crate's test demands that each
//! [`Verb`](usance_core::machine::verb::Verb) is drawn, accepted and refused: a command without a generator fails there.
//! Deliberately absent: what must come of a command, which is its caller's to know.

pub mod account;
pub mod amount;
pub mod cast;
pub mod clock;
pub mod dice;
pub mod exit;
pub mod founding;
pub mod loss;
pub mod offering;
pub mod orders;
pub mod people;
pub mod position;
pub mod product;
pub mod sample;
pub mod seen;
pub mod situation;
pub mod stray;
pub mod subscription;
pub mod treasury;
pub mod workload;

pub use cast::{Cast, Entrance, Form, Outline, References, Wish};
pub use dice::{Dice, SplitMix64};
pub use seen::{OrderSeen, TreasurySeen, may_have_been};
pub use situation::{Held, Offer, Quote, Situation};
pub use workload::Workload;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use usance_core::calendar::{DayOffset, Timestamp};
    use usance_core::machine::state::{ClockMode, Platform};
    use usance_core::machine::verb::{Verb, clock};
    use usance_core::machine::{Command, State, close, execute, pay_next};
    use usance_core::product::Status;

    const WORLDS: u64 = 360;
    const STEPS: usize = 300;

    fn outline(id: &'static str, asset: usize, form: Form, entrance: Entrance) -> Outline {
        Outline { id, asset, form, entrance }
    }

    fn cast() -> Cast {
        let wishes = [
            (Wish::Subscription, 8),
            (Wish::Redemption, 5),
            (Wish::Renewal, 2),
            (Wish::Transfer, 1),
            (Wish::Emptying, 1),
            (Wish::Outgrown, 1),
            (Wish::Deposit, 1),
            (Wish::Withdrawal, 1),
            (Wish::RewardPool, 2),
            (Wish::Offering, 7),
            (Wish::Relief, 1),
            (Wish::Clock, 2),
            (Wish::People, 3),
            (Wish::Treasury, 70),
            (Wish::Stray, 2),
        ];
        Cast {
            customers: vec!["alice".to_owned(), "bob".to_owned()],
            usual_customers: vec![0, 0, 1],
            assets: vec![("SOL", 9), ("WEI", 18)],
            products: vec![
                outline("flexible", 0, Form::Flexible, Entrance::Open),
                outline("term", 0, Form::Term, Entrance::Open),
                outline("long", 1, Form::Long, Entrance::Open),
                outline("either", 1, Form::Either, Entrance::Open),
                outline("short", 0, Form::Short, Entrance::Open),
                outline("bare", 0, Form::Term, Entrance::Bare),
            ],
            usual_products: vec![0, 1, 2, 3, 4],
            statuses: vec![Status::Open, Status::Open, Status::Open, Status::Paused, Status::Paused, Status::Draft, Status::Closed],
            references: References::Few,
            wishes: wishes.to_vec(),
        }
    }

    fn platform(seed: u64) -> State {
        let offset = DayOffset::from_minutes(0).expect("an offset");
        let created_at = Timestamp::from_ms(1_767_225_600_000);
        let seed = [u8::try_from(seed % 251).expect("a byte"); 32];
        State::new(Platform { shard: 0, offset, clock: ClockMode::Simulated, created_at, seed })
    }

    fn close_before(state: &mut State, at: Timestamp) {
        while state.registry.open_day < state.registry.platform.offset.day_of(at) {
            close::close_day(state);
        }
    }

    /// Whether a command was accepted.
    fn run(state: &mut State, command: &Command) -> bool {
        let now = state.registry.last_at;
        if let Command::MoveClock { to } = command
            && clock::check_move(state, *to).is_ok()
        {
            close_before(state, *to);
        }
        let accepted = execute(state, command, state.registry.last_at.max(now)).outcome.is_ok();
        let now = state.registry.last_at;
        while pay_next(state, now).is_some() {}
        accepted
    }

    /// This is where a command without a generator fails, and one whose generator knows no way to be refused.
    #[test]
    fn every_verb_is_drawn_accepted_and_refused() {
        let cast = cast();
        let mut seen: BTreeSet<(Verb, bool)> = BTreeSet::new();
        for seed in 0..WORLDS {
            let mut numbers = SplitMix64::new(seed);
            let dice = &mut Dice::from_numbers(&mut numbers);
            let mut state = platform(seed);
            for command in cast.founding(dice) {
                assert!(run(&mut state, &command), "{command:?} is refused");
                seen.insert((Verb::of(&command), true));
            }
            for _ in 0..STEPS {
                let at = Workload::new(&state, &cast).later(dice, state.registry.last_at);
                close_before(&mut state, at);
                let command = Workload::new(&state, &cast).command(dice);
                let accepted = run(&mut state, &command);
                seen.insert((Verb::of(&command), accepted));
            }
            assert_eq!(state.broken, None);
        }
        for verb in Verb::ALL {
            assert!(seen.contains(&(*verb, true)), "{verb:?} was never accepted");
            // A clock may always be said to be right.
            assert!(*verb == Verb::ConfirmClock || seen.contains(&(*verb, false)), "{verb:?} was never refused");
        }
    }
}
