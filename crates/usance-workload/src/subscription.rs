//! Subscriptions: into something that is mostly on sale, under an agreement that is mostly in force.

use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::machine::Command;
use usance_core::machine::verb::{Source, Subscribe};

impl Workload<'_> {
    /// Somebody stakes.
    pub fn subscription(&self, dice: &mut Dice<'_>) -> Command {
        let customer = self.cast.customer(dice);
        let product = self.cast.subscribed(dice);
        let source = dice.one_of(&[Source::FundingThenSpot, Source::FundingThenSpot, Source::Funding, Source::Spot]);
        let auto_renew = dice.below(3) == 1;
        // The one in force; now and then the first, which may be old by now, or one that never was.
        let agreement = match dice.byte() % 16 {
            14 => "v0",
            15 => "v1",
            _ => self.situation.agreement_in_force(),
        };
        Command::Subscribe(Subscribe {
            customer: customer.to_owned(),
            product: product.id.to_owned(),
            amount: self.amount(dice, customer, product.asset),
            source,
            agreement: agreement.to_owned(),
            auto_renew,
        })
    }
}
