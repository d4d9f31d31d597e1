//! Exits: who waits for coins and stakes again after all, what may be taken at once meanwhile, and where coins come from.
//!
//! Who leaves where coins do not cover it waits: see [`Workload::redemption_of`].

use crate::amount::written;
use crate::dice::Dice;
use crate::seen::TreasurySeen;
use crate::workload::Workload;
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::verb::Redeem;

impl Workload<'_> {
    /// Somebody leaves, cancels, or the allowance is set.
    pub fn exit(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        match dice.below(6) {
            0 | 1 => self.cancelling(dice, seen),
            2 => self.allowance(dice),
            _ => self.redemption(dice),
        }
    }

    /// Somebody stakes again: mostly what still waits, and its own.
    pub fn cancelling(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        let waiting: Vec<&(u64, String, bool)> = seen.exits.iter().filter(|(_, _, waits)| *waits).collect();
        let among = if waiting.is_empty() || dice.once_in(5) { seen.exits.iter().collect() } else { waiting };
        let Some((redemption, owner, _)) = among.get(dice.index(among.len())) else { return stray_exit(dice, self.cast.assets[0].0) };
        let customer = if dice.once_in(8) { dice.one_of(&self.cast.customers) } else { owner.clone() };
        let agreement = if dice.once_in(10) { "v1" } else { self.situation.agreement_in_force() }.to_owned();
        Command::CancelExit { customer, redemption: *redemption, agreement }
    }

    /// What each customer may take at once while anyone waits.
    pub fn allowance(&self, dice: &mut Dice<'_>) -> Command {
        let (symbol, decimals) = dice.one_of(&self.cast.assets);
        let allowance = match dice.below(8) {
            0 => "0".to_owned(),
            1 => "-1".to_owned(),
            2 => written(u128::from(dice.byte()), decimals),
            few => format!("{few}.5"),
        };
        Command::SetExitAllowance { asset: symbol.to_owned(), allowance }
    }

    /// Coins that come or go otherwise than by an attestation: whoever waits is paid of them.
    pub fn coins(&self, dice: &mut Dice<'_>, asset: usize) -> Command {
        let (symbol, _) = self.cast.assets[asset];
        match dice.below(4) {
            0 => self.subscription(dice),
            1 => self.reward_pool(dice),
            _ => Command::FundRewardPool { asset: symbol.to_owned(), amount: format!("{}.25", dice.below(12)) },
        }
    }
}

/// Exits of nobody, of nothing, and where there is no treasury.
pub(crate) fn stray_exit(dice: &mut Dice<'_>, symbol: &str) -> Command {
    let nobody = || "nobody".to_owned();
    match dice.below(4) {
        0 => Command::CancelExit { customer: nobody(), redemption: 1, agreement: "v1".to_owned() },
        1 => Command::CancelExit { customer: "alice".to_owned(), redemption: u64::from(dice.byte()) * 40, agreement: "v1".to_owned() },
        2 => Command::SetExitAllowance { asset: dice.one_of(&["GONE", symbol]).to_owned(), allowance: "1".to_owned() },
        _ => Command::QueueExit(Redeem {
            customer: nobody(),
            position: Some(PositionId(1)),
            amount: None,
            to: None,
            quoted_payout: None,
            quoted_from_funding: None,
        }),
    }
}
