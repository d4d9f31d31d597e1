//! What a network pays for customers, written from TREASURY.md 7: who gets how much of a day's earnings, and the rate that comes of it.
//!
//! There is no carry here either: what customers have got of all days is the floor of all their parts, and a day's is that less the one
//! of the day before.

use super::arithmetic::{D, floor, signed};
use super::paying::{PARTS, RATE_MOST, SHARE, next_part};
use super::refused::{Refused, Told};
use super::{Auditor, arithmetic};
use crate::facts::Facts;
use num_bigint::BigUint;
use std::collections::BTreeMap;
use std::rc::Rc;
use usance_core::machine::verb::ReserveSide;
use usance_core::treasury::yields::NetworkYield;

/// What earns today of an asset.
#[derive(Clone, Copy, Default)]
struct Earns {
    all: u128,
    passing: u128,
    positions: u128,
}

impl Auditor {
    /// Whether an asset has a product that passes the network's yield on.
    pub(super) fn has_passing(&self, asset: usize) -> bool {
        self.products.iter().any(|product| product.asset == asset && product.passing.is_some())
    }

    fn earns(&self, asset: usize, day: i64) -> Earns {
        let mut earns = Earns::default();
        for position in self.positions.iter().filter(|position| position.is_active()) {
            let (product, units) = (&self.products[position.product], position.earning_on(day));
            if product.asset == asset && units > 0 {
                earns.all += units;
                earns.passing += if product.passing.is_some() { units } else { 0 };
                earns.positions += u128::from(product.passing.is_some());
            }
        }
        earns
    }

    /// The rates of the day that closes, before anything is paid by them.
    pub(super) fn settle_passing(&mut self, day: i64) {
        for asset in 0..self.assets.len() {
            let earns = self.earns(asset, day);
            let there = u128::try_from(self.pots[asset].units).unwrap_or(0).saturating_sub(earns.positions);
            let cap = if earns.passing == 0 { RATE_MOST } else { floor(&(BigUint::from(there) * D), earns.passing).min(RATE_MOST) };
            for number in 0..self.products.len() {
                let product = &self.products[number];
                let (Some((days, step)), Some(reference)) = (product.passing, product.reference(day)) else { continue };
                if product.asset != asset {
                    continue;
                }
                let before = product.paid_last;
                let highest = reference.iter().map(|(_, rate)| u128::from(*rate)).max().unwrap_or_default();
                let asked = product.settled.iter().rev().find(|(each, _)| *each == day).map(|(_, rate)| u128::from(*rate));
                let rate = match (asked, self.pots[asset].average(days)) {
                    (Some(asked), _) => asked,
                    (None, None) => highest,
                    (None, Some(average)) => match before {
                        Some(before) if average > before + step => self.meet("a step up", before + step),
                        Some(before) if average + step < before => self.meet("a step down", before - step),
                        _ if average > 0 => self.meet("an average", average),
                        _ => average,
                    },
                };
                if cap > 0 && cap < rate.min(highest) {
                    self.meet("a cap", cap);
                }
                let rate = rate.min(highest).min(cap);
                let product = &mut self.products[number];
                product.settled.push((day, u64::try_from(rate).unwrap_or(u64::MAX)));
                product.paid_last = Some(rate);
            }
        }
    }

    /// Remembers that something happened that has to happen somewhere.
    fn meet(&mut self, what: &'static str, rate: u128) -> u128 {
        self.met.insert(what);
        rate
    }

    /// What earns of each asset on the day that closes.
    pub(super) fn shares_of(&self, day: i64) -> Vec<(u128, u128)> {
        (0..self.assets.len()).map(|asset| self.earns(asset, day)).map(|earns| (earns.passing, earns.all)).collect()
    }

    /// Divides what the day has earned, and passes on what nobody got in time; `rewards` is what its products paid.
    pub(super) fn divide_passing(&mut self, day: i64, shares: &[(u128, u128)], rewards: &BTreeMap<usize, u128>) {
        for asset in (0..self.assets.len()).filter(|asset| self.has_passing(*asset)).collect::<Vec<_>>() {
            let paid = rewards.get(&asset).copied().unwrap_or_default();
            let (passing, all) = shares[asset];
            let begun = self.net.as_ref().is_some_and(|net| net.coins[0].0 == asset && net.picture.is_some());
            let paying = self.net.as_mut().filter(|net| net.coins[0].0 == asset).map(|net| &mut net.paying);
            let (mut earned, mut net, mut commission, mut over, mut passes_after) = (0, 0, 0, 1, 365);
            if let Some(paying) = paying {
                earned = std::mem::take(&mut paying.today);
                let share = floor(&(BigUint::from(passing) * SHARE), all);
                let customers = next_part(&mut paying.shared, BigUint::from(earned) * share, SHARE);
                commission = next_part(&mut paying.kept, BigUint::from(customers) * paying.commission, PARTS);
                net = customers - commission;
                over = if paying.counted_on == Some(day) { paying.over } else { 1 };
                passes_after = paying.passes_after;
            }
            let pot = &mut self.pots[asset];
            // What is there before this close's rewards and beyond what came before came back today.
            let before = pot.units + signed(paid);
            let known: u128 = pot.came.iter().map(|(_, units)| *units).sum();
            pot.came.push((day, u128::try_from(before - signed(known)).unwrap_or_default()));
            let mut left = paid;
            for (_, units) in &mut pot.came {
                let taken = left.min(*units);
                *units -= taken;
                left -= taken;
            }
            pot.came.push((day, net));
            let passed: u128 = pot.came.iter().filter(|(came, _)| day - came >= passes_after).map(|(_, units)| *units).sum();
            pot.came.retain(|(came, units)| day - came < passes_after && *units > 0);
            pot.units += signed(net) - signed(passed);
            let most = self.products.iter().filter(|product| product.asset == asset).filter_map(|product| product.passing);
            let most = most.map(|(days, _)| days).max().unwrap_or_default();
            if begun && (!pot.days.is_empty() || passing > 0) {
                pot.days.push((0, passing));
                while pot.days.len() > most {
                    pot.days.remove(0);
                }
                let each = net / u128::try_from(over).unwrap_or(1);
                for back in 0..over {
                    let part = if back == 0 { net - each * u128::try_from(over - 1).unwrap_or_default() } else { each };
                    let place = usize::try_from(back).ok().and_then(|back| pot.days.len().checked_sub(back + 1));
                    match place {
                        Some(place) => pot.days[place].0 += part,
                        None => break,
                    }
                }
            }
            self.pool[asset] += signed(earned - net - commission) + signed(passed);
            *self.treasury_books.entry((asset, "commission_income")).or_default() += signed(commission);
            let came_back = before > signed(known);
            let happened = [
                (net > 0, "a division"),
                (commission > 0, "a commission"),
                (passed > 0, "what passed to the pool"),
                (paid > 0, "a reward of a network"),
                (came_back, "what came back"),
                (net > 0 && over > 1, "a gap"),
            ];
            self.met.extend(happened.into_iter().filter(|(happened, _)| *happened).map(|(_, what)| what));
            if earned > 0 || passed > 0 {
                let facts = Facts::of("yield").with("day", day).with("asset", asset).with("earned", earned).with("net", net);
                self.divided.push(Rc::new(facts.with("commission", commission).with("passed", passed)));
            }
        }
    }

    /// What stands on `yield_undistributed`: what is divided, and what waits for it.
    pub(super) fn yield_undistributed(&self, asset: usize) -> i128 {
        let waits = self.net.as_ref().filter(|net| net.coins[0].0 == asset).map_or(0, |net| net.paying.today);
        self.pots[asset].units + signed(waits)
    }

    pub(super) fn set_network_yield(&mut self, name: &str, terms: &NetworkYield) -> Told {
        let net = self.net.as_mut().filter(|net| net.name == name).ok_or_else(|| Refused::of("network_not_found"))?;
        if terms.commission.units() > PARTS || !(2..=3_650).contains(&terms.undistributed_days) {
            return Err(Refused::of("terms_invalid"));
        }
        (net.paying.commission, net.paying.passes_after) = (terms.commission.units(), i64::from(terms.undistributed_days));
        Ok(Facts::of("network").with("number", 0))
    }

    fn own_account(&mut self, asset: usize, account: &'static str) -> &mut i128 {
        self.treasury_books.entry((asset, account)).or_default()
    }

    fn equity_facts(&mut self, asset: usize, account: &'static str, units: u128, funded: bool) -> Facts {
        let balance = *self.own_account(asset, account);
        let facts = Facts::of("equity").with("asset", asset).with("account", account).with("amount", units);
        facts.with("funded", funded).with("balance", balance)
    }

    fn named(&self, symbol: &str, amount: &str) -> Result<(usize, u128), Refused> {
        let (asset, decimals) = self.asset(symbol)?;
        let units = arithmetic::read(amount, decimals).filter(|units| *units > 0).ok_or_else(|| Refused::amount("amount"))?;
        Ok((asset, units))
    }

    fn is_there(available: i128, asset: usize, units: u128) -> Result<(), Refused> {
        if available < signed(units) { Err(Refused::about("insufficient_balance", asset).with("available", available)) } else { Ok(()) }
    }

    pub(super) fn fund_reserve(&mut self, symbol: &str, amount: &str, from: ReserveSide) -> Told {
        let (asset, units) = self.named(symbol, amount)?;
        match from {
            ReserveSide::RewardPool => {
                Auditor::is_there(self.pool[asset], asset, units)?;
                self.pool[asset] -= signed(units);
            }
            ReserveSide::Custody => {
                self.room_in_custody(asset, units)?;
                self.custody[asset] += signed(units);
                self.moved_by_wallet(asset, false);
            }
        }
        *self.own_account(asset, "loss_reserve") += signed(units);
        Ok(self.equity_facts(asset, "loss_reserve", units, true))
    }

    pub(super) fn take_from_reserve(&mut self, symbol: &str, amount: &str, to: ReserveSide) -> Told {
        let (asset, units) = self.named(symbol, amount)?;
        Auditor::is_there(*self.own_account(asset, "loss_reserve"), asset, units)?;
        if to == ReserveSide::Custody {
            self.covers(asset, units)?;
            self.custody[asset] -= signed(units);
            self.moved_by_wallet(asset, false);
        } else {
            self.pool[asset] += signed(units);
        }
        *self.own_account(asset, "loss_reserve") -= signed(units);
        Ok(self.equity_facts(asset, "loss_reserve", units, false))
    }

    pub(super) fn take_commission(&mut self, symbol: &str, amount: &str) -> Told {
        let (asset, units) = self.named(symbol, amount)?;
        Auditor::is_there(*self.own_account(asset, "commission_income"), asset, units)?;
        self.covers(asset, units)?;
        self.custody[asset] -= signed(units);
        *self.own_account(asset, "commission_income") -= signed(units);
        self.moved_by_wallet(asset, false);
        Ok(self.equity_facts(asset, "commission_income", units, false))
    }
}
