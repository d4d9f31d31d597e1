//! Random histories: a small world with every kind of product, and turns that tend to hit what is delicate.
//!
//! A turn is a handful of bytes that `usance-workload` spends as dice against the state as it stands, so most commands are
//! meaningful and every one of them can be made smaller: a byte of nothing is the plainest choice.

use crate::driver::{Engine, instant};
use proptest::strategy::Strategy;
use std::fmt;
use std::sync::LazyLock;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::state::ClockMode;
use usance_core::product::Status;
use usance_workload::{Cast, Dice, Entrance, Form, Outline, References, Wish, Workload};

const TURNS: usize = 66;
/// What the longest command takes, and the time before it.
const TURN_BYTES: usize = 18;
const FOUNDING_BYTES: usize = 96;

const fn outline(id: &'static str, asset: usize, form: Form) -> Outline {
    Outline { id, asset, form, entrance: Entrance::Open }
}

/// Few people and products, so that everything meets.
pub static CAST: LazyLock<Cast> = LazyLock::new(|| Cast {
    customers: ["alice", "bob", "carol"].map(str::to_owned).to_vec(),
    usual_customers: vec![0, 1, 2],
    assets: vec![("SOL", 9), ("WEI", 18)],
    products: vec![
        outline("sol-flex", 0, Form::Flexible),
        outline("sol-term", 0, Form::Term),
        outline("wei-term", 1, Form::Long),
        outline("wei-any", 1, Form::Either),
    ],
    // Twice the one whose rewards outgrow its principal.
    usual_products: vec![0, 1, 2, 3, 2],
    statuses: vec![Status::Open, Status::Open, Status::Open, Status::Paused, Status::Paused, Status::Draft, Status::Closed],
    references: References::Few,
    wishes: vec![
        (Wish::Subscription, 10),
        (Wish::Redemption, 7),
        (Wish::Renewal, 2),
        (Wish::Transfer, 1),
        (Wish::Emptying, 1),
        (Wish::Outgrown, 1),
        (Wish::Deposit, 1),
        (Wish::Withdrawal, 2),
        (Wish::RewardPool, 1),
        (Wish::Offering, 7),
        (Wish::Clock, 1),
        (Wish::Stray, 1),
        (Wish::People, 2),
        (Wish::Treasury, 10),
    ],
});

/// Bytes that are shown in one line.
#[derive(Clone)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// What a world is founded with, and its turns.
#[derive(Clone, Debug)]
pub struct History {
    pub founding: Bytes,
    pub turns: Vec<Bytes>,
}

pub fn history() -> impl Strategy<Value = History> {
    let bytes = |count: usize| proptest::collection::vec(proptest::num::u8::ANY, count).prop_map(Bytes);
    let turns = proptest::collection::vec(bytes(TURN_BYTES), TURNS / 2..=TURNS);
    (bytes(FOUNDING_BYTES), turns).prop_map(|(founding, turns)| History { founding, turns })
}

/// A platform with its first commands done: everything is on sale and everybody has some coins.
pub fn found(bytes: &[u8]) -> (Engine, Vec<Command>) {
    let dice = &mut Dice::of(bytes);
    let offset = dice.one_of(&[0, 480, -300, 330, 840, -720]);
    let created_at = instant(dice.one_of(&["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z", "2026-01-01T19:30:00.000Z"]));
    (Engine::new(ClockMode::Simulated, offset, created_at), CAST.founding(dice))
}

/// When a turn happens: at once, later in the day, around the first instant of another day or of a sale, or much later.
pub fn when(engine: &Engine, dice: &mut Dice<'_>) -> Timestamp {
    Workload::new(&engine.state, &CAST).later(dice, engine.state.registry.last_at)
}

/// What a turn asks for, given how things stand at its instant.
pub fn what(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    Workload::new(&engine.state, &CAST).command(dice)
}
