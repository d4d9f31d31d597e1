//! Coins that come, go and change accounts: deposits, withdrawals, transfers, the reward pool.

use crate::amount::written;
use crate::cast::References;
use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::machine::Command;
use usance_core::machine::verb::{ReserveSide, WalletMove};
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

impl Workload<'_> {
    /// What a deposit or a withdrawal is about.
    pub(crate) fn wallet_move(&self, dice: &mut Dice<'_>) -> WalletMove {
        let (customer, asset) = (self.cast.customer(dice), usize::from(dice.below(2)));
        WalletMove {
            customer: customer.to_owned(),
            asset: self.cast.assets[asset].0.to_owned(),
            account: dice.one_of(&[Funding, Spot]),
            amount: self.amount(dice, customer, asset),
            reference: self.reference(dice),
        }
    }

    fn reference(&self, dice: &mut Dice<'_>) -> String {
        let number = dice.byte() / 8;
        match self.cast.references {
            References::Few => format!("ref-{number}"),
            References::NewEachDay => format!("ref-{}-{number}", self.situation.today()),
        }
    }

    /// Between a customer's two accounts, or from one to itself.
    pub(crate) fn transfer(&self, dice: &mut Dice<'_>) -> Command {
        let (customer, asset) = (self.cast.customer(dice), usize::from(dice.below(2)));
        let (from, to) = dice.one_of(&[(Spot, Funding), (Funding, Spot), (Spot, Spot)]);
        let amount = self.amount(dice, customer, asset);
        Command::Transfer { customer: customer.to_owned(), asset: self.cast.assets[asset].0.to_owned(), from, to, amount }
    }

    /// The owner of a position leaves nothing in Funding, so that a clawback finds nothing there.
    pub(crate) fn emptying(&self, dice: &mut Dice<'_>) -> Command {
        let (customer, position) = self.position(dice);
        let number = position.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1));
        let product = number.and_then(|number| self.situation.position(number)).map(|held| held.product);
        let (first, decimals) = self.cast.assets[0];
        let (asset, decimals) =
            product.and_then(|product| self.situation.offer(product)).map_or((first, decimals), |offer| (offer.asset, offer.decimals));
        let amount = written(self.situation.balance(&customer, asset, Funding), decimals);
        Command::Transfer { customer, asset: asset.to_owned(), from: Funding, to: Spot, amount }
    }

    /// Into the reward pool or what is set aside for losses, or out of it; now and then what is kept of what the network pays.
    pub(crate) fn reward_pool(&self, dice: &mut Dice<'_>) -> Command {
        let asset = usize::from(dice.below(2));
        // An amount that some customer might name will do.
        let known = &self.cast.customers[1 % self.cast.customers.len()];
        let (symbol, amount) = (self.cast.assets[asset].0.to_owned(), self.amount(dice, known, asset));
        let takes = dice.below(3) == 0;
        match dice.below(8) {
            1 | 2 => {
                let side = dice.one_of(&ReserveSide::ALL);
                return if takes {
                    Command::WithdrawLossReserve { asset: symbol, amount, to: side }
                } else {
                    Command::FundLossReserve { asset: symbol, amount, from: side }
                };
            }
            3 if takes => return Command::WithdrawCommission { asset: symbol, amount },
            _ => {}
        }
        if takes { Command::WithdrawRewardPool { asset: symbol, amount } } else { Command::FundRewardPool { asset: symbol, amount } }
    }
}
