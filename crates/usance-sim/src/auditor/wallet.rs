//! Coins that come, go and change accounts, and the reward pool (RULES 4, 7).

use super::Auditor;
use super::days::signed;
use super::refused::{Refused, Told};
use super::verbs::{TRANSFERS, WALLET_MOVES, account, positive};
use crate::facts::Facts;
use usance_core::machine::verb::WalletMove;
use usance_core::reward::clawback::AccountKind;

impl Auditor {
    fn wallet_move(&self, kind: &str, moved: &WalletMove) -> Result<(usize, usize, u128, String), Refused> {
        let customer = self.customer(&moved.customer)?;
        let (asset, decimals) = self.asset(&moved.asset)?;
        let units = positive(&moved.amount, decimals, "amount")?;
        let reference = format!("{kind} {asset} {}", moved.reference);
        if self.references.contains(&reference) { Err(Refused::of("already_exists")) } else { Ok((customer, asset, units, reference)) }
    }

    fn wallet_moved(&mut self, moved: &WalletMove, (customer, asset, units): (usize, usize, u128), at: i64) -> Facts {
        let id = self.count(WALLET_MOVES);
        Facts::of("wallet moved")
            .with("id", id)
            .with("customer", customer)
            .with("asset", asset)
            .with("account", format!("{:?}", account(moved.account)))
            .with("amount", units)
            .with("reference", &moved.reference)
            .with("at", at)
            .with_all(self.balances_facts(customer, asset))
    }

    pub(super) fn deposit(&mut self, moved: &WalletMove, at: i64) -> Told {
        let (customer, asset, units, reference) = self.wallet_move("deposit", moved)?;
        self.room_in_custody(asset, units)?;
        self.references.insert(reference);
        self.custody[asset] += signed(units);
        self.give(customer, asset, account(moved.account), units);
        let told = self.wallet_moved(moved, (customer, asset, units), at);
        self.moved_by_wallet(asset, true);
        Ok(told)
    }

    pub(super) fn withdraw(&mut self, moved: &WalletMove, at: i64) -> Told {
        let (customer, asset, units, reference) = self.wallet_move("withdrawal", moved)?;
        self.enough(customer, asset, account(moved.account), units)?;
        if let Some(held) = self.held_by_wallet(asset).filter(|held| *held < signed(units)) {
            return Err(Refused::about("coverage_insufficient", asset).with("covered", held));
        }
        self.references.insert(reference);
        self.custody[asset] -= signed(units);
        self.take(customer, asset, account(moved.account), units);
        let told = self.wallet_moved(moved, (customer, asset, units), at);
        self.moved_by_wallet(asset, true);
        Ok(told)
    }

    pub(super) fn transfer(&mut self, who: &str, symbol: &str, (from, to): (AccountKind, AccountKind), amount: &str, at: i64) -> Told {
        let customer = self.customer(who)?;
        let (asset, decimals) = self.asset(symbol)?;
        if from == to {
            return Err(Refused::of("same_account"));
        }
        let units = positive(amount, decimals, "amount")?;
        self.enough(customer, asset, account(from), units)?;
        self.take(customer, asset, account(from), units);
        self.give(customer, asset, account(to), units);
        let id = self.count(TRANSFERS);
        Ok(Facts::of("transferred")
            .with("id", id)
            .with("asset", asset)
            .with("from", format!("{:?}", account(from)))
            .with("amount", units)
            .with("at", at)
            .with_all(self.balances_facts(customer, asset)))
    }

    fn pool_facts(&self, asset: usize, units: u128, funded: bool) -> Facts {
        Facts::of("reward pool").with("asset", asset).with("amount", units).with("funded", funded).with("balance", self.pool[asset])
    }

    pub(super) fn fund(&mut self, symbol: &str, amount: &str) -> Told {
        let (asset, decimals) = self.asset(symbol)?;
        let units = positive(amount, decimals, "amount")?;
        self.room_in_custody(asset, units)?;
        self.custody[asset] += signed(units);
        self.pool[asset] += signed(units);
        self.moved_by_wallet(asset, false);
        Ok(self.pool_facts(asset, units, true))
    }

    pub(super) fn take_from_pool(&mut self, symbol: &str, amount: &str) -> Told {
        let (asset, decimals) = self.asset(symbol)?;
        let units = positive(amount, decimals, "amount")?;
        if self.pool[asset] < signed(units) {
            return Err(Refused::about("insufficient_balance", asset).with("available", self.pool[asset]));
        }
        self.covers(asset, units)?;
        self.custody[asset] -= signed(units);
        self.pool[asset] -= signed(units);
        self.moved_by_wallet(asset, false);
        Ok(self.pool_facts(asset, units, false))
    }
}
