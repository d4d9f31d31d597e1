//! What every sender must hear: each verb's checks in their order, then the change.
//!
//! An answer is the facts of the moment right after the change; a refusal carries its code and its numbers, and nothing
//! changed. The verbs themselves are in [`super::wallet`] (coins that come, go and change accounts), [`super::staking`]
//! and [`super::offering`] (what operators set up, and the clock).

use super::arithmetic::{MOST, read};
use super::days::signed;
use super::refused::{Refused, Told};
use super::{Account, Auditor};
use crate::facts::Facts;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::reward::clawback::AccountKind;

pub(super) const SUBSCRIPTIONS: usize = 0;
pub(super) const REDEMPTIONS: usize = 1;
pub(super) const TRANSFERS: usize = 2;
pub(super) const WALLET_MOVES: usize = 3;

pub(super) fn account(kind: AccountKind) -> Account {
    match kind {
        AccountKind::Spot => Account::Spot,
        AccountKind::Funding => Account::Funding,
    }
}

pub(super) fn positive(text: &str, decimals: u8, field: &'static str) -> Result<u128, Refused> {
    read(text, decimals).filter(|units| *units > 0).ok_or_else(|| Refused::amount(field))
}

impl Auditor {
    /// What the sender of a command must hear. The days before `at` are closed; only a change moves the clock.
    ///
    /// # Errors
    /// The refusal that the rules ask for.
    pub fn run(&mut self, command: &Command, at: i64) -> Told {
        self.deciding_at = at;
        let acts = self.acts(command);
        let before = acts.map(|(_, customer, asset)| self.pair(customer, asset));
        let told = match command {
            Command::Subscribe(asked) => self.subscribe(asked, at),
            Command::Redeem(asked) => self.redeem(asked, at),
            Command::SetAutoRenew { customer, position, auto_renew } => self.set_auto_renew(customer, *position, *auto_renew),
            Command::Deposit(moved) => self.deposit(moved, at),
            Command::Withdraw(moved) => self.withdraw(moved, at),
            Command::Transfer { customer, asset, from, to, amount } => self.transfer(customer, asset, (*from, *to), amount, at),
            Command::FundRewardPool { asset, amount } => self.fund(asset, amount),
            Command::WithdrawRewardPool { asset, amount } => self.take_from_pool(asset, amount),
            Command::MoveClock { to } => {
                let told = self.move_clock(to.ms())?;
                self.pay_exits(to.ms());
                return Ok(told);
            }
            Command::ConfirmClock { clock } => {
                let told = self.confirm_clock(clock.ms());
                self.pay_exits(clock.ms());
                return Ok(told);
            }
            Command::CreateAsset { symbol, decimals, .. } => self.create_asset(symbol, *decimals),
            Command::CreateCustomer { id } => self.create_customer(id),
            Command::PublishAgreement { version, .. } => self.publish_agreement(version),
            Command::CreateProduct(asked) => self.create_product(asked, at),
            Command::SetProductStatus { product, status } => self.set_status(product, *status, at),
            Command::ChangeProduct { product, sale } => self.change_product(product, sale, at),
            Command::AnnounceRate { product, from, rate } => self.announce_rate(product, i64::from(from.number()), rate),
            Command::RegisterPerson { name, key } => self.register_first(name, &key.to_string()),
            Command::Propose { matter, expires_at } => self.propose(matter, expires_at.map(Timestamp::ms), at),
            Command::SignProposal(asked) => self.sign(asked, at),
            Command::CreateNetwork(asked) => self.create_network(asked),
            Command::Observe { network, picture } => self.observe(network, picture, at),
            Command::Attest(asked) => self.attest(asked, at),
            Command::ReportTopUp(asked) => self.top_up(asked, at),
            Command::SetPolicy { network, policy } => self.set_policy(network, policy),
            Command::SignOrder(asked) => self.sign_order(asked, at),
            Command::ReportDone { network, order, hash } => self.report_done(network, *order, hash, at),
            Command::TakeOffice { network, agent } => self.take_office(network, agent),
            Command::PrepareOrder(asked) => self.prepare(asked, at),
            Command::ReportSent { network, order, epoch } => self.report_sent(network, *order, *epoch, at),
            Command::ReportSweep { network, hash } => self.sweep(network, hash),
            Command::QueueExit(asked) => self.queue_exit(asked, at),
            Command::CancelExit { customer, redemption, agreement } => self.cancel_exit(customer, *redemption, agreement, at),
            Command::SetExitAllowance { asset, allowance } => self.set_exit_allowance(asset, allowance),
            Command::SetNetworkYield { network, terms } => self.set_network_yield(network, terms),
            Command::FundLossReserve { asset, amount, from } => self.fund_reserve(asset, amount, *from),
            Command::WithdrawLossReserve { asset, amount, to } => self.take_from_reserve(asset, amount, *to),
            Command::WithdrawCommission { asset, amount } => self.take_commission(asset, amount),
            Command::SettleRate { product, day, rate } => self.settle_rate(product, i64::from(day.number()), rate.units(), None),
            Command::SettleRateFor { product, day, rate, reason } => {
                self.settle_rate(product, i64::from(day.number()), rate.units(), Some(reason))
            }
        }?;
        self.now = self.now.max(at);
        if let (Some((kind, customer, asset)), Some((spot, funding))) = (acts, before) {
            let after = self.pair(customer, asset);
            self.write_down((kind, customer, asset), (after.0 - spot, after.1 - funding), at);
        }
        self.pay_exits(at);
        Ok(told)
    }

    /// What a customer does by a command, who, and with what.
    fn acts(&self, command: &Command) -> Option<(&'static str, usize, usize)> {
        let of = |kind, customer: &str, symbol: &str| Some((kind, self.customer(customer).ok()?, self.asset(symbol).ok()?.0));
        match command {
            Command::Deposit(moved) => of("deposit", &moved.customer, &moved.asset),
            Command::Withdraw(moved) => of("withdrawal", &moved.customer, &moved.asset),
            Command::Transfer { customer, asset, .. } => of("transfer", customer, asset),
            Command::Subscribe(asked) => {
                let product = self.product(&asked.product).ok()?;
                Some(("subscription", self.customer(&asked.customer).ok()?, self.products[product].asset))
            }
            Command::CancelExit { customer, redemption, .. } => {
                let exit = &self.exits[self.own_exit(customer, *redemption).ok()?];
                Some(("subscription", exit.customer, exit.asset))
            }
            Command::Redeem(asked) | Command::QueueExit(asked) => {
                let number = self.own(&asked.customer, asked.position).ok()?;
                let position = &self.positions[number];
                Some(("redemption", position.customer, self.products[position.product].asset))
            }
            _ => None,
        }
    }

    fn pair(&self, customer: usize, asset: usize) -> (i128, i128) {
        (signed(self.balance(customer, asset, Account::Spot)), signed(self.balance(customer, asset, Account::Funding)))
    }

    pub(super) fn customer(&self, id: &str) -> Result<usize, Refused> {
        self.customers.iter().position(|each| each == id).ok_or_else(|| Refused::of("customer_not_found"))
    }

    pub(super) fn asset(&self, symbol: &str) -> Result<(usize, u8), Refused> {
        let found = self.assets.iter().position(|(each, _)| each == symbol).ok_or_else(|| Refused::of("asset_not_found"))?;
        Ok((found, self.assets[found].1))
    }

    pub(super) fn product(&self, id: &str) -> Result<usize, Refused> {
        self.products.iter().position(|each| each.id == id).ok_or_else(|| Refused::of("product_not_found"))
    }

    pub(super) fn count(&mut self, what: usize) -> u64 {
        self.counted[what] += 1;
        self.counted[what]
    }

    pub(super) fn balances_facts(&self, customer: usize, asset: usize) -> Facts {
        Facts::of("balances")
            .with("spot", self.balance(customer, asset, Account::Spot))
            .with("funding", self.balance(customer, asset, Account::Funding))
    }

    pub(super) fn enough(&self, customer: usize, asset: usize, from: Account, units: u128) -> Result<(), Refused> {
        let available = self.balance(customer, asset, from);
        if available < units { Err(Refused::about("insufficient_balance", asset).with("available", available)) } else { Ok(()) }
    }

    pub(super) fn take(&mut self, customer: usize, asset: usize, from: Account, units: u128) {
        *self.balances.entry((customer, asset, from)).or_default() -= units;
    }

    pub(super) fn room_in_custody(&self, asset: usize, units: u128) -> Result<(), Refused> {
        let after = self.custody[asset] + signed(units);
        if after > signed(MOST) { Err(Refused::about("above_limit", asset).with("limit", MOST)) } else { Ok(()) }
    }
}
