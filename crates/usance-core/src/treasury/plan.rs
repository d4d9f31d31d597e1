//! The plan: which orders should exist (TREASURY 9). Pure: the same network, policy and debts always give the same plan.
//!
//! The wallet gets what is due and its buffer first: from what has to leave a validator, from free coins, and, where those are too few, from
//! other stake. Then validators are drained; what is free is staked by weights; what was earned is claimed. A plan that is applied in full and made again asks
//! for nothing but what to do with coins that came free by it.

use super::ground::{Ground, Owed, StakeKey};
use super::network::Network;
use super::order::{Planned, Task};
use super::policy::Policy;
use crate::calendar::Timestamp;
use crate::limits::PLANNED_ORDERS_MAX;
use crate::money::{Amount, Balance, part_of};
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often undelegations are looked through that may be taken back.
const TAKE_BACK_ROUNDS: u32 = 64;

/// What the wallet should have beyond what customers may take, in base units.
#[derive(Clone, Copy)]
struct Bounds {
    low: i128,
    target: i128,
    /// Above it coins go back to work: twice the smallest order beyond the policy's bound, so that nothing is brought and sent back at once.
    high: i128,
}

struct Planner<'n> {
    ground: Ground<'n>,
    policy: &'n Policy,
    bounds: Bounds,
    min: u128,
    planned: Vec<Planned>,
}

/// The orders that should exist beside those that are under way, drains first. Nothing without a picture that counts.
#[must_use]
pub fn plan(network: &Network, policy: &Policy, owed: &Owed, now: Timestamp) -> Vec<Planned> {
    let Some(picture) = network.picture.as_deref() else { return Vec::new() };
    let part = |rate| Balance::ZERO.plus(part_of(owed.principal, rate)).units().saturating_add(owed.due());
    let min = policy.order_min.units().max(1);
    let bounds = Bounds {
        low: part(policy.buffer_low),
        target: part(policy.buffer_target),
        high: part(policy.buffer_high).saturating_add_unsigned(min.saturating_mul(2)),
    };
    let ground = Ground::new(network, policy, picture, owed, None);
    let mut planner = Planner { ground, policy, bounds, min, planned: Vec::new() };
    planner.drain_for_wallet();
    let kept = planner.fill_wallet(owed);
    planner.free_stake();
    planner.drain();
    planner.stake_free(kept);
    planner.take_back(now);
    planner.claim(now);
    planner.planned.truncate(PLANNED_ORDERS_MAX);
    planner.planned
}

impl<'n> Planner<'n> {
    fn order(&mut self, task: Task, amount: u128) {
        self.planned.push(Planned { task, amount: Amount::from_units(amount) });
    }

    /// Stake that has to leave its validator.
    fn bad(&self) -> Vec<(StakeKey<'n>, u128)> {
        let bad = self.ground.there.iter().filter(|((_, validator), units)| **units >= self.min && self.ground.is_drained(validator));
        bad.map(|(key, units)| (*key, *units)).collect()
    }
    fn entries(&self, key: StakeKey<'n>) -> u32 {
        self.ground.entries.get(&key).copied().unwrap_or_default()
    }
    /// What the wallet will have once all that is free and being freed has come to it.
    fn coming(&self) -> i128 {
        self.ground.wallet.saturating_add_unsigned(self.ground.all_free().saturating_add(self.ground.freed))
    }

    /// As long as the wallet lacks coins, what has to leave a validator is undelegated for it.
    fn drain_for_wallet(&mut self) {
        if self.coming() >= self.bounds.low {
            return;
        }
        for (key, stake) in self.bad() {
            if self.coming() < self.bounds.target && self.entries(key) < self.policy.entries_max {
                self.undelegate(key, stake);
            }
        }
    }

    /// Takes away what is with validators that are out, barred or too dear: to others at once where the network lets it, else by undelegation.
    fn drain(&mut self) {
        for (key, stake) in self.bad() {
            let (address, from) = key;
            let mut left = stake;
            if self.policy.redelegates && !self.ground.fixed.contains(&key) {
                for (to, amount) in self.spread(Some(key), stake) {
                    self.ground.redelegate(address, (from, to), amount);
                    let (address, from, to) = (address.to_owned(), from.to_owned(), to.to_owned());
                    self.order(Task::Redelegate { address, from, to }, amount);
                    left = left.saturating_sub(amount);
                }
            }
            if left >= self.min && self.entries(key) < self.policy.entries_max {
                self.undelegate(key, left);
            }
        }
    }

    fn undelegate(&mut self, key: StakeKey<'n>, amount: u128) {
        self.ground.undelegate(key, amount);
        self.order(Task::Undelegate { address: key.0.to_owned(), validator: key.1.to_owned() }, amount);
    }

    /// Sweeps what the wallet lacks, or tops the treasury up with what the wallet has too much; gives what has to stay free for the wallet
    /// because it could not be swept.
    fn fill_wallet(&mut self, owed: &Owed) -> u128 {
        if self.ground.wallet > self.bounds.high {
            let more = self.ground.wallet.saturating_sub(self.bounds.target);
            // Never what is still on its way to the wallet, nor what the queue is owed.
            let there = owed.covered.units().saturating_sub(Balance::ZERO.plus(owed.queued).units());
            let amount = u128::try_from(more.min(there)).unwrap_or(0);
            if let (Some(address), true) = (self.ground.picture.addresses.first(), amount >= self.min) {
                self.ground.wallet = self.ground.wallet.saturating_sub_unsigned(amount);
                self.order(Task::TopUp { address: address.clone() }, amount);
            }
            return 0;
        }
        if self.ground.wallet >= self.bounds.low {
            return 0;
        }
        let network = self.ground.network;
        let mut lacks = u128::try_from(self.bounds.target.saturating_sub(self.ground.wallet)).unwrap_or(0);
        let free: Vec<(&'n str, u128)> = self.ground.free.iter().map(|(address, units)| (*address, *units)).collect();
        for (address, free) in free {
            let amount = lacks.max(self.min).min(free);
            if let (Some(to), true, true) = (network.destinations.first(), lacks > 0, amount >= self.min) {
                self.ground.sweep(address, amount);
                let task = Task::Sweep { address: address.to_owned(), to: to.address.clone(), memo: to.memo.clone() };
                self.order(task, amount);
                lacks = lacks.saturating_sub(amount);
            }
        }
        lacks
    }

    /// Undelegates what the wallet lacks beyond all that is free or being freed: first where most is beyond its weight.
    fn free_stake(&mut self) {
        let there = self.coming();
        if there >= self.bounds.low {
            return;
        }
        let lacks = u128::try_from(self.bounds.target.saturating_sub(there)).unwrap_or(0);
        let weights = self.targets_of(self.ground.staked().saturating_sub(lacks));
        let sums = self.ground.by_validator();
        let beyond = |validator: &str| {
            let staked = i128::try_from(sums.get(validator).copied().unwrap_or_default()).unwrap_or(i128::MAX);
            staked.saturating_sub_unsigned(weights.get(validator).copied().unwrap_or_default())
        };
        let ladder = self.policy.entries_max.saturating_sub(1);
        let mut from: Vec<(StakeKey<'n>, u128)> = self.ground.there.iter().map(|(key, units)| (*key, *units)).collect();
        from.retain(|(key, units)| *units > 0 && !self.ground.is_drained(key.1) && self.entries(*key) < ladder);
        from.sort_by(|(one, units), (other, others)| {
            beyond(other.1).cmp(&beyond(one.1)).then_with(|| others.cmp(units)).then_with(|| one.cmp(other))
        });
        let mut left = lacks.max(self.min);
        for (key, stake) in from {
            if left == 0 {
                break;
            }
            let amount = left.max(self.min).min(stake);
            let amount = if stake.saturating_sub(amount) < self.min { stake } else { amount };
            if amount >= self.min {
                self.undelegate(key, amount);
                left = left.saturating_sub(amount);
            }
        }
    }

    /// Stakes what is free and nobody is owed.
    fn stake_free(&mut self, kept: u128) {
        let mut may = self.ground.all_free().saturating_sub(kept);
        let free: Vec<(&'n str, u128)> = self.ground.free.iter().map(|(address, units)| (*address, *units)).collect();
        for (address, free) in free {
            let amount = free.min(may);
            for (validator, amount) in self.spread(None, amount) {
                self.ground.delegate((address, validator), amount);
                self.order(Task::Delegate { address: address.to_owned(), validator: validator.to_owned() }, amount);
                may = may.saturating_sub(amount);
            }
        }
    }

    /// Takes undelegations back that nobody waits for any more, the newest first.
    fn take_back(&mut self, now: Timestamp) {
        let there = self.coming();
        if !self.policy.cancels || there <= self.bounds.high {
            return;
        }
        let mut more = u128::try_from(there.saturating_sub(self.bounds.target)).unwrap_or(0);
        let mut entries = self.ground.freeing.clone();
        entries.retain(|entry| entry.completes_at > now);
        entries.sort_by(|one, other| other.completes_at.cmp(&one.completes_at).then_with(|| other.started.cmp(&one.started)));
        let mut taken = vec![0u128; entries.len()];
        // What is taken back raises what is staked, and with it the caps: a few rounds reach where nothing more fits.
        for _ in 0..TAKE_BACK_ROUNDS {
            let before = more;
            for (entry, taken) in entries.iter_mut().zip(&mut taken) {
                let amount = entry.left.min(more).min(self.room_with(entry.validator));
                if amount >= self.min || *taken > 0 {
                    self.ground.cancel((entry.address, entry.validator), entry.started, amount);
                    entry.left = entry.left.saturating_sub(amount);
                    (*taken, more) = (taken.saturating_add(amount), more.saturating_sub(amount));
                }
            }
            if more == before {
                break;
            }
        }
        for (entry, taken) in entries.iter().zip(taken).filter(|(_, taken)| *taken > 0) {
            let (address, validator) = (entry.address.to_owned(), entry.validator.to_owned());
            self.order(Task::CancelUndelegation { address, validator, started: entry.started }, taken);
        }
    }

    /// How much more may be with a validator now.
    fn room_with(&self, validator: &str) -> u128 {
        let target = self.ground.targets().into_iter().find(|approved| approved.validator == validator);
        let with = self.ground.by_validator().get(validator).copied().unwrap_or_default();
        target.map_or(0, |approved| Ground::cap(approved, self.ground.staked()).saturating_sub(with))
    }

    /// Claims what is worth it, or has waited long enough and is worth more than its fee.
    fn claim(&mut self, now: Timestamp) {
        let (ground, policy) = (&self.ground, self.policy);
        let waited_ms = i64::from(policy.claim_days).saturating_mul(DAY_MS);
        let mut claims = Vec::new();
        for line in &ground.picture.delegations {
            let since = ground.network.desk.claimable_since.get(&(line.address.clone(), line.validator.clone()));
            let has_waited = since.is_some_and(|since| now.ms().saturating_sub(since.ms()) >= waited_ms);
            let is_due = line.claimable >= policy.claim_above || has_waited && line.claimable > policy.fee_max;
            if is_due && !line.claimable.is_zero() && !ground.claims.contains(&(line.address.as_str(), line.validator.as_str())) {
                claims.push((line.address.clone(), line.validator.clone(), line.claimable.units()));
            }
        }
        for (address, validator, amount) in claims {
            self.order(Task::Claim { address, validator }, amount);
        }
    }

    /// What each validator with which coins may be staked should have of so much.
    fn targets_of(&self, staked: u128) -> BTreeMap<&'n str, u128> {
        let targets = self.ground.targets();
        let weights = targets.iter().fold(0u128, |sum, approved| sum.saturating_add(approved.weight.into()));
        let share = |weight: u32| staked.saturating_mul(weight.into()).checked_div(weights).unwrap_or(0);
        targets.into_iter().map(|approved| (approved.validator.as_str(), share(approved.weight))).collect()
    }

    /// Spreads an amount over validators by weights and within their caps: as much of it as fits, in parts that are no smaller than the
    /// smallest order. `from` is where it is staked now, if it is.
    fn spread(&self, from: Option<StakeKey<'n>>, amount: u128) -> Vec<(&'n str, u128)> {
        let targets = self.ground.targets();
        let mut sums = self.ground.by_validator();
        let mut staked = self.ground.staked();
        if let Some((_, validator)) = from {
            let leaves = sums.entry(validator).or_default();
            *leaves = leaves.saturating_sub(amount);
            staked = staked.saturating_sub(amount);
        }
        let there = |validator: &str| sums.get(validator).copied().unwrap_or_default();
        let room = |all: u128| {
            targets
                .iter()
                .fold(0u128, |sum, approved| sum.saturating_add(Ground::cap(approved, all).saturating_sub(there(&approved.validator))))
        };
        let fits = largest(amount, |part| room(staked.saturating_add(part)) >= part);
        if fits < self.min {
            return Vec::new();
        }
        let all = staked.saturating_add(fits);
        let shares = self.targets_of(all);
        let mut lines: Vec<(&'n str, u128, u128, u128)> = targets
            .iter()
            .map(|approved| {
                let validator = approved.validator.as_str();
                let cap = Ground::cap(approved, all);
                let share = shares.get(validator).copied().unwrap_or_default().min(cap);
                (validator, share.saturating_sub(there(validator)), cap.saturating_sub(there(validator)), 0)
            })
            .collect();
        // Who lacks most comes first; the order of the policy decides between equals.
        lines.sort_by_key(|line| std::cmp::Reverse(line.1));
        let mut left = fits;
        for (_, lacks, _, gets) in &mut lines {
            let part = (*lacks).min(left);
            if part < self.min {
                break;
            }
            (*gets, left) = (part, left.saturating_sub(part));
        }
        // What is left of it leaves with the others, or goes where there is room.
        for (_, _, room, gets) in &mut lines {
            let more = room.saturating_sub(*gets).min(left);
            if *gets > 0 || more >= self.min {
                (*gets, left) = (gets.saturating_add(more), left.saturating_sub(more));
            }
        }
        lines.into_iter().filter(|line| line.3 > 0).map(|line| (line.0, line.3)).collect()
    }
}

/// The largest number up to `most` that fits, where every smaller one does.
fn largest(most: u128, fits: impl Fn(u128) -> bool) -> u128 {
    if fits(most) {
        return most;
    }
    let (mut low, mut high) = (0, most);
    while high.saturating_sub(low) > 1 {
        let middle = low.saturating_add(high.saturating_sub(low) >> 1);
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
