//! Who bears a loss, and what comes back of one: mostly as it may be, now and then not.

use crate::amount::written;
use crate::dice::Dice;
use crate::seen::TreasurySeen;
use crate::treasury::propose;
use crate::workload::Workload;
use usance_core::machine::Command;
use usance_core::person::proposal::Matter;

impl Workload<'_> {
    /// What two people are to say of a loss.
    pub fn loss(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        let lost = seen.losses[dice.index(seen.losses.len())].clone();
        let (number, asset) = (if dice.once_in(16) { lost.number + 1 } else { lost.number }, lost.asset);
        let text = |units: u128| written(units, lost.decimals);
        if (lost.open > 0) != dice.once_in(8) {
            let beyond = u128::from(dice.once_in(12));
            let customers = match dice.below(4) {
                0 => 0,
                1 => lost.at_most / 3 * 2,
                _ => lost.at_most,
            };
            let customers = customers.min(lost.open) + u128::from(dice.once_in(16));
            let rest = lost.open.saturating_sub(customers);
            let reserve = if dice.once_in(6) { rest / 4 * u128::from(dice.below(4)) } else { seen.reserve.min(rest) };
            let commission = if dice.once_in(4) { (rest - reserve) / 2 } else { 0 };
            let pool = rest - reserve - commission + beyond;
            let [reserve, commission, pool, customers] = [reserve, commission, pool, customers].map(text);
            return propose(Matter::AllocateLoss { loss: number, asset, reserve, commission, pool, customers });
        }
        let difference = seen.strays.first().filter(|_| dice.once_in(2)).copied();
        let part = if dice.once_in(4) { lost.whole } else { lost.left / 8 * u128::from(dice.below(9)) + u128::from(dice.below(3)) };
        let amount = difference.map_or(part, |(_, units)| units);
        propose(Matter::RecoverLoss { loss: number, asset, amount: text(amount), difference: difference.map(|(number, _)| number) })
    }
}
