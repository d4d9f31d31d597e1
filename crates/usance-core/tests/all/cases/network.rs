//! What a network shows in the cases before a case adds its own: nothing at one height, and validators that take part.

use usance_core::money::{Amount, Rate};
use usance_core::treasury::picture::{Picture, Validator, ValidatorStatus};

/// The first picture of `hub-1`, at height 100: it has no address, and nothing is anywhere.
pub fn empty() -> Picture {
    Picture { number: 1, chain_id: "hub-1".to_owned(), height: 100, hash: "b100".to_owned(), ..Picture::default() }
}

/// It keeps 5 % of the rewards and has 1 % of the power.
pub fn validator(name: &str) -> Validator {
    Validator {
        validator: name.to_owned(),
        name: name.to_owned(),
        commission: Rate::parse("0.05").expect("a rate"),
        status: ValidatorStatus::Active,
        tokens: Amount::from_units(1_000_000),
        shares: None,
        power: Rate::parse("0.01").expect("a rate"),
        missed: 0,
    }
}
