//! What can be paid at once, by when the rest can, and what the queue of exits does to the sub-ledgers (TREASURY 6).

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, CustomerIx};
use crate::money::Amount;
use crate::treasury::network::{Direction, Network};
use crate::treasury::queue::{Exit, ExitStanding, NewExit};

/// How long coins take from the treasury's addresses to where they can be paid, in milliseconds: a day.
const TRANSFER_MS: i64 = 24 * 60 * 60 * 1000;

/// When whoever leaves now would be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitOutlook {
    /// At once.
    AtOnce,
    /// Not all of it at once.
    Queued {
        /// What could be taken at once.
        available: Amount,
        /// The day by which all of it can be paid to whoever is queued now.
        expected: Day,
    },
}

/// What is ahead of an exit that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// What waits in line before it.
    pub amount: Amount,
    /// The day by which it can be paid, as things stand.
    pub expected: Day,
}

impl State {
    /// What a customer may take at once of what it has staked. `None` where no treasury has begun, and nothing is bound.
    #[must_use]
    pub fn available_at_once(&self, asset: AssetIx, customer: CustomerIx, now: Timestamp) -> Option<Amount> {
        let covered = self.covered(asset)?;
        let there = u128::try_from(covered.units()).map_or(Amount::ZERO, Amount::from_units);
        if self.is_attestation_stale(asset, now) {
            return Some(Amount::ZERO);
        }
        let Some(line) = self.treasury.queue().line(asset).filter(|line| line.exits > 0) else { return Some(there) };
        let today = self.registry.platform.offset.day_of(now);
        let allowed = there.left_after(line.waiting).max(line.allowance_left(customer, today));
        Some(there.min(allowed))
    }

    /// When a customer would be paid that takes so much now.
    #[must_use]
    pub fn exit_outlook(&self, asset: AssetIx, customer: CustomerIx, amount: Amount, now: Timestamp) -> ExitOutlook {
        match self.available_at_once(asset, customer, now) {
            Some(available) if available < amount => {
                let before = self.treasury.queue().waiting(asset);
                ExitOutlook::Queued { available, expected: self.expected_day(asset, before.plus(amount), now) }
            }
            Some(_) | None => ExitOutlook::AtOnce,
        }
    }

    /// The day by which so much can be paid to whoever waits: what is there, then what is on its way, then what is being freed, in the
    /// order in which it comes; what none of these reaches has to be undelegated first.
    #[must_use]
    pub fn expected_day(&self, asset: AssetIx, amount: Amount, now: Timestamp) -> Day {
        let day_of = |ms: i64| self.registry.platform.offset.day_of(Timestamp::from_ms(ms));
        let covered = self.covered(asset).map_or(0, |covered| covered.units());
        let mut missing = i128::try_from(amount.units()).unwrap_or(i128::MAX).saturating_sub(covered);
        if missing <= 0 {
            return day_of(now.ms());
        }
        let networks = || self.treasury.networks().iter().filter(|network| network.coin_of(asset).is_some());
        let mut coming: Vec<(i64, i128)> = networks().flat_map(|network| coming(network, asset, now)).collect();
        coming.sort_unstable();
        for (at, units) in coming {
            missing = missing.saturating_sub(units);
            if missing <= 0 {
                return day_of(at);
            }
        }
        let longest = networks().map(|network| network.terms.unbonding_ms).max().unwrap_or_default();
        day_of(now.ms().saturating_add(longest).saturating_add(TRANSFER_MS))
    }

    /// What is ahead of an exit; nothing where it does not wait.
    #[must_use]
    pub fn ahead(&self, exit: &Exit, now: Timestamp) -> Option<Ahead> {
        (exit.standing == ExitStanding::Waiting).then(|| self.ahead_with(exit, self.treasury.queue().ahead_of(exit), now))
    }
    fn ahead_with(&self, exit: &Exit, amount: Amount, now: Timestamp) -> Ahead {
        Ahead { amount, expected: self.expected_day(exit.asset, amount.plus(exit.left()), now) }
    }
    /// Who waits of an asset behind a redemption, in line, at most so many.
    #[must_use]
    pub fn in_line(&self, asset: AssetIx, behind: Option<u64>, most: usize, now: Timestamp) -> Vec<(Exit, Ahead)> {
        let (mut before, mut found) = (Amount::ZERO, Vec::new());
        for exit in self.treasury.queue().in_line(asset) {
            if found.len() >= most {
                break;
            }
            if behind.is_none_or(|behind| exit.redemption > behind) {
                found.push((*exit, self.ahead_with(exit, before, now)));
            }
            before = before.plus(exit.left());
        }
        found
    }

    /// What a customer took at once while somebody waited counts against its allowance of the day.
    pub(super) fn took_at_once(&mut self, asset: AssetIx, customer: CustomerIx, amount: Amount, at: Timestamp) {
        let day = self.registry.platform.offset.day_of(at);
        if self.treasury.queue().line(asset).is_some_and(|line| line.exits > 0) {
            self.treasury.queue_mut().line_mut(asset).took(customer, day, amount);
        }
    }
    /// Puts what waits at the end of its line.
    pub(super) fn wait(&mut self, new: &NewExit) {
        if let Some(totals) = self.registry.sub_ledger.get_mut(new.asset.index()) {
            totals.queued = totals.queued.plus(new.to_spot).plus(new.to_funding);
        }
        self.touch(new.asset);
        self.treasury.queue_mut().push(new);
    }
    /// Takes from what waits of an asset.
    pub(super) fn queue_less(&mut self, asset: AssetIx, amount: Amount) {
        let totals = self.registry.sub_ledger.get_mut(asset.index());
        match totals.and_then(|totals| totals.queued.checked_minus(amount).map(|less| (totals, less))) {
            Some((totals, less)) => totals.queued = less,
            None => return self.break_with("what is paid to who waits was waiting", format!("asset {}", asset.0)),
        }
        self.touch(asset);
    }
}

/// What comes to the wallet of an asset by itself or by a transfer, and when, in milliseconds.
fn coming(network: &Network, asset: AssetIx, now: Timestamp) -> Vec<(i64, i128)> {
    let there = |at: i64| at.max(now.ms()).saturating_add(TRANSFER_MS);
    let coin = network.coin_of(asset);
    let sweeps = network.under_way.iter().filter(|moving| moving.direction == Direction::Sweep && Some(moving.coin) == coin);
    let units = |amount: Amount| i128::try_from(amount.units()).unwrap_or(i128::MAX);
    // A sweep that has not come when it should have is expected anew.
    let arrives = |left: i64| Some(left.saturating_add(TRANSFER_MS)).filter(|at| *at >= now.ms()).unwrap_or_else(|| there(left));
    let mut found: Vec<(i64, i128)> = sweeps.map(|moving| (arrives(moving.at.ms()), units(moving.amount))).collect();
    found.push((there(now.ms()), network.places(asset).liquid.units().max(0)));
    // Only the first coin of a network is staked.
    let picture = network.picture.as_ref().filter(|_| coin == Some(0));
    let freed = picture.into_iter().flat_map(|picture| &picture.unbonding);
    found.extend(freed.map(|entry| (there(entry.completes_at.ms()), units(entry.balance))));
    found
}
