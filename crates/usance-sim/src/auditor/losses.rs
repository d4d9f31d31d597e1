//! Losses by the auditor's own books, written from TREASURY.md 8: what networks took, who bears it, and what came back.

use super::Auditor;
use super::arithmetic::{floor, read, signed};
use super::network::Lost;
use super::refused::Refused;
use crate::facts::Facts;
use num_bigint::BigUint;
use usance_core::person::proposal::Matter;
use usance_workload::seen::LossSeen;

/// Who bears losses, in the order in which they are named.
const BEARERS: [&str; 4] = ["loss_reserve", "commission_income", "reward_pool", "customers"];

impl Auditor {
    /// Something is gone.
    pub(super) fn lose(&mut self, asset: usize, units: u128, shown_by: String) {
        let shared = self.who_bears(asset, units);
        self.losses.push(Lost { asset, units, shown_by, at: self.deciding_at, borne: None, back: [0; 4], shared });
    }

    fn loss(&self, number: u64, symbol: &str) -> Result<(usize, u8), Refused> {
        let (asset, decimals) = self.asset(symbol)?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let place = place.filter(|place| self.losses.get(*place).is_some_and(|lost| lost.asset == asset));
        Ok((place.ok_or_else(|| Refused::of("loss_not_found"))?, decimals))
    }

    /// What stands on a bearer's account moves.
    fn bear(&mut self, asset: usize, bearer: usize, units: i128) {
        match BEARERS[bearer] {
            "reward_pool" => self.pool[asset] += units,
            // Each of them bears and gets its part by itself.
            "customers" => {}
            account => *self.treasury_books.entry((asset, account)).or_default() += units,
        }
    }

    pub(super) fn allocate_loss(&mut self, number: u64, symbol: &str, texts: [&str; 4]) -> Result<(), Refused> {
        let (place, decimals) = self.loss(number, symbol)?;
        let Lost { asset, units, borne, .. } = self.losses[place].clone();
        if borne.is_some() {
            return Err(Refused::of("loss_not_open"));
        }
        let mut shares = [0; 4];
        for (share, text) in shares.iter_mut().zip(texts) {
            *share = read(text, decimals).ok_or_else(|| Refused::amount("amount"))?;
        }
        if shares.iter().sum::<u128>() != units {
            return Err(Refused::of("terms_invalid"));
        }
        if shares[3] > self.losses[place].shared.at_most {
            return Err(Refused::of("terms_invalid"));
        }
        for (account, share) in BEARERS.into_iter().zip(shares).take(2) {
            let there = self.treasury_books.get(&(asset, account)).copied().unwrap_or_default();
            if share > 0 && there < signed(share) {
                return Err(Refused::about("insufficient_balance", asset).with("available", there));
            }
        }
        for (bearer, share) in shares.into_iter().enumerate() {
            self.bear(asset, bearer, -signed(share));
        }
        *self.treasury_books.entry((asset, "slashing_loss")).or_default() -= signed(units);
        self.losses[place].borne = Some(shares);
        self.losses[place].shared.to_bear = Some(shares[3]);
        Ok(())
    }

    pub(super) fn recover_loss(&mut self, number: u64, symbol: &str, amount: &str, difference: Option<u64>) -> Result<(), Refused> {
        let (place, decimals) = self.loss(number, symbol)?;
        let units = read(amount, decimals).filter(|units| *units > 0).ok_or_else(|| Refused::amount("amount"))?;
        let (asset, left) = (self.losses[place].asset, self.losses[place].left());
        let all: u128 = left.iter().sum();
        if self.losses[place].borne.is_none() || units > all {
            return Err(Refused::of("terms_invalid"));
        }
        if let Some(difference) = difference {
            let net = self.net.as_ref().ok_or_else(|| Refused::of("network_not_found"))?;
            let held = net.held.iter().find(|held| held.number == difference).ok_or_else(|| Refused::of("difference_not_found"))?;
            if net.coins[held.coin].0 != asset || held.units != signed(units) {
                return Err(Refused::of("terms_invalid"));
            }
        } else {
            self.room_in_custody(asset, units)?;
        }
        // The first ones together get what is theirs together, rounded down, and so does each after them.
        let mut through = 0;
        for bearer in 0..BEARERS.len() {
            let theirs: u128 = left[..=bearer].iter().sum();
            let sum = floor(&(BigUint::from(units) * theirs), all);
            self.losses[place].back[bearer] += sum - through;
            self.bear(asset, bearer, signed(sum - through));
            through = sum;
        }
        self.losses[place].shared.to_give = left[3] - self.losses[place].left()[3];
        match (difference, &mut self.net) {
            (Some(difference), Some(net)) => net.held.retain(|held| held.number != difference),
            _ => {
                self.custody[asset] += signed(units);
                self.moved_by_wallet(asset, false);
            }
        }
        Ok(())
    }

    /// A matter whose amounts stand as people sign them.
    pub(super) fn plainly(&self, matter: &Matter) -> Matter {
        let plain = |symbol: &str, text: &str| {
            let decimals = self.asset(symbol).map_or(0, |(_, decimals)| decimals);
            let units = read(text, decimals).unwrap_or_default();
            let digits = format!("{units:0>width$}", width = usize::from(decimals) + 1);
            let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
            let part = part.trim_end_matches('0');
            if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
        };
        let mut matter = matter.clone();
        match &mut matter {
            Matter::AllocateLoss { asset, reserve, commission, pool, customers, .. } => {
                [reserve, commission, pool, customers].into_iter().for_each(|text| *text = plain(asset, text));
            }
            Matter::RecoverLoss { asset, amount, .. } => *amount = plain(asset, amount),
            _ => {}
        }
        matter
    }

    /// Every loss.
    #[must_use]
    pub fn losses_facts(&self) -> Facts {
        let line = |lost: &Lost| {
            let borne = lost.borne.map_or_else(|| "nobody".to_owned(), |borne| format!("{borne:?} {:?}", lost.back));
            let customers = format!("{}:{}:{}", lost.shared.principal(), lost.shared.at_most, lost.shared.bearers.len());
            format!("{}:{}:{}:{}:{borne}:{customers}", lost.asset, lost.units, lost.shown_by, lost.at)
        };
        Facts::of("losses").with("lines", self.losses.iter().map(line).collect::<Vec<_>>().join(" "))
    }

    /// What people see of losses.
    pub(super) fn losses_seen(&self) -> Vec<LossSeen> {
        let seen = (1..).zip(&self.losses).map(|(number, lost)| LossSeen {
            number,
            asset: self.assets[lost.asset].0.clone(),
            decimals: self.assets[lost.asset].1,
            whole: lost.units,
            open: if lost.borne.is_none() { lost.units } else { 0 },
            at_most: lost.shared.at_most,
            left: lost.left().iter().sum(),
        });
        seen.filter(|lost| lost.open > 0 || lost.left > 0).collect()
    }
}
