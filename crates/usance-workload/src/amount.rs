//! Amounts as text: ordinary ones, all of a balance or a unit more, dust, the most there is, and what is none.

use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

/// Writes base units so that they are read as the same.
#[must_use]
pub fn written(units: u128, decimals: u8) -> String {
    format!("{units}e-{decimals}")
}

impl Workload<'_> {
    /// An amount of an asset that a customer might name.
    pub fn amount(&self, dice: &mut Dice<'_>, customer: &str, asset: usize) -> String {
        let (symbol, decimals) = self.cast.assets[asset];
        let whole = |account| self.situation.balance(customer, symbol, account);
        let units = match dice.below(32) {
            0..=7 => return format!("{}.{:02}", dice.below(40), dice.below(100)),
            8..=13 => return format!("{}.5", dice.below(30)),
            // More than Funding has, so that a part comes from Spot.
            14..=17 => whole(Funding) + whole(Spot) / 256 * u128::from(dice.below(32)),
            18..=20 => whole(Funding) / 256 * u128::from(dice.byte()),
            21..=23 => whole(Funding),
            24 => whole(Spot),
            25 => whole(Spot) + 1,
            26 => 1,
            27..=28 => u128::from(dice.large()),
            29 => return format!("{}e{}", dice.one_of(&["1", "9.5", "0.7"]), 28 - i32::from(decimals)),
            30 => return format!("{}e-2", dice.large()),
            _ => return odd(dice),
        };
        written(units, decimals)
    }
}

/// What is no amount, or only just one.
fn odd(dice: &mut Dice<'_>) -> String {
    let long = ["0".repeat(63), "0".repeat(64)].map(|zeros| format!("{zeros}1"));
    let odd = ["0", "", "1.", "-1", "1e-19", "1,5", "0.000", "1E0", "2e+0", "1e100", "1e-100", "1e0001", "+1", &long[0], &long[1]];
    dice.one_of(&odd).to_owned()
}
