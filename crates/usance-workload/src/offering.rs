//! What operators do to the offer: rates, statuses, limits; agreements and customers by the way.

use crate::dice::Dice;
use crate::product::{rate, units};
use crate::workload::Workload;
use usance_core::machine::Command;
use usance_core::machine::verb::{Patch, SaleText};
use usance_core::product::Status;

/// The words of an agreement, by its number.
pub(crate) fn agreement(number: usize) -> Command {
    Command::PublishAgreement { version: format!("v{number}"), text: format!("The words of version {number}.") }
}

impl Workload<'_> {
    /// Something that changes what is offered.
    pub fn offering(&self, dice: &mut Dice<'_>) -> Command {
        let today = self.situation.today();
        match dice.below(8) {
            0 | 1 => {
                let from = today.plus_days(i32::from(dice.below(4)));
                Command::AnnounceRate { product: self.changed(dice), from, rate: rate(dice) }
            }
            2 | 3 => {
                let day = today.plus_days(i32::from(dice.below(4)) - 1);
                let rate = dice.one_of(&[1_000_000, 0, 6_000_000, 100_000_000, 1_000_000_000]);
                let (product, rate) = (self.changed(dice), units(rate));
                if dice.once_in(2) {
                    return Command::SettleRate { product, day, rate };
                }
                let reason = dice.one_of(&["The network is young.", "We know it.", "The network is young.", "", "What was\u{202e}said"]);
                Command::SettleRateFor { product, day, rate, reason: reason.to_owned() }
            }
            4 => Command::SetProductStatus { product: self.changed(dice), status: dice.one_of(&self.cast.statuses) },
            // Mostly what sells, so that limits are met.
            5 | 6 => Command::ChangeProduct { product: self.changed(dice), sale: Box::new(self.change(dice)) },
            _ => dice.one_of(&[
                agreement(self.situation.agreements() + 1),
                agreement(self.situation.agreements()),
                Command::CreateCustomer { id: self.cast.customers[0].clone() },
                Command::SetProductStatus { product: "nothing".to_owned(), status: Status::Open },
                Command::CreateCustomer { id: "frank".to_owned() },
            ]),
        }
    }

    /// A product is on sale again, or may be sold without a limit.
    pub(crate) fn relief(&self, dice: &mut Dice<'_>) -> Command {
        let outline = self.cast.changed(dice);
        let product = outline.id.to_owned();
        if dice.below(2) == 0 {
            return Command::SetProductStatus { product, status: Status::Open };
        }
        let sale = SaleText {
            minimum: Patch::Clear,
            step: Patch::Clear,
            personal_maximum: Patch::Clear,
            capacity: Patch::Clear,
            opens_at: Patch::Clear,
            closes_at: Patch::Clear,
            renewal: if outline.form.has_term() { Patch::Set(true) } else { Patch::Keep },
            ..SaleText::default()
        };
        Command::ChangeProduct { product, sale: Box::new(sale) }
    }

    fn changed(&self, dice: &mut Dice<'_>) -> String {
        self.cast.changed(dice).id.to_owned()
    }
}
