//! The generator: how things stand and a cast, put together.
//!
//! Here is only which noun's turn it is. What is asked about it stands in the noun's own file.

use crate::cast::{Cast, Wish};
use crate::dice::Dice;
use crate::situation::Situation;
use usance_core::machine::Command;

/// How things stand, and who and what there is: everything a command is drawn against.
#[derive(Clone, Copy)]
pub struct Workload<'a> {
    /// How things stand.
    pub situation: &'a dyn Situation,
    /// Who and what there is.
    pub cast: &'a Cast,
}

impl<'a> Workload<'a> {
    /// What a cast would ask for as things stand.
    #[must_use]
    pub fn new(situation: &'a dyn Situation, cast: &'a Cast) -> Workload<'a> {
        Workload { situation, cast }
    }

    /// One thing that somebody asks for.
    pub fn command(&self, dice: &mut Dice<'_>) -> Command {
        match self.cast.wish(dice) {
            Wish::Subscription => self.subscription(dice),
            Wish::Redemption => self.redemption(dice),
            Wish::Renewal => self.renewal(dice),
            Wish::Transfer => self.transfer(dice),
            Wish::Emptying => self.emptying(dice),
            Wish::Outgrown => self.outgrown(dice),
            Wish::Deposit => Command::Deposit(self.wallet_move(dice)),
            Wish::Withdrawal => Command::Withdraw(self.wallet_move(dice)),
            Wish::RewardPool => self.reward_pool(dice),
            Wish::Offering => self.offering(dice),
            Wish::Relief => self.relief(dice),
            Wish::Clock => self.clock_move(dice),
            Wish::Stray => self.stray(dice),
            Wish::People => self.people(dice),
            Wish::Treasury => self.treasury(dice),
        }
    }
}
