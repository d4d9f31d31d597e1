//! Where the coins that are staked will be once everything under way has happened: what a plan starts from, and what an order is held against
//! before it may be begun (TREASURY 9).
//!
//! Owns what is free: what a picture shows at an address and nobody holds apart, less the gas reserve, less what orders under way take.

use super::apart::PlaceKind;
use super::network::{Direction, Network};
use super::order::{OrderKind, OrderStanding, Planned, Task};
use super::picture::{Picture, Validator, ValidatorStatus};
use super::policy::{Approved, Policy};
use crate::calendar::Timestamp;
use crate::money::{Amount, Balance, part_of};
use std::collections::{BTreeMap, BTreeSet};

/// The coin that is staked: a network's first.
const STAKED_COIN: u32 = 0;

/// What customers and the wallet have to do with the coin that is staked, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// Principal that customers have staked.
    pub principal: Amount,
    /// What the queue of exits is owed.
    pub queued: Amount,
    /// Fixed terms that end within the unbonding time and do not start anew.
    pub maturing: Amount,
    /// What the wallet has beyond what customers may take already.
    pub covered: Balance,
}

impl Owed {
    /// What has to come to the wallet sooner or later, whatever the buffer.
    #[must_use]
    pub fn due(&self) -> i128 {
        Balance::ZERO.plus(self.queued).plus(self.maturing).units()
    }
}

/// Stake of an address with a validator.
pub(super) type StakeKey<'n> = (&'n str, &'n str);

/// Coins that are being freed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freeing<'n> {
    pub address: &'n str,
    pub validator: &'n str,
    pub started: u64,
    pub completes_at: Timestamp,
    pub left: u128,
}

/// Where coins will be once everything under way has happened.
#[derive(Clone, Debug)]
pub struct Ground<'n> {
    pub(super) network: &'n Network,
    pub(super) policy: &'n Policy,
    pub(super) picture: &'n Picture,
    validators: BTreeMap<&'n str, &'n Validator>,
    /// By address, above the gas reserve.
    pub(super) free: BTreeMap<&'n str, u128>,
    pub(super) stake: BTreeMap<StakeKey<'n>, u128>,
    /// What of the stake is there now and nobody has ordered away: what is still to come cannot leave.
    pub(super) there: BTreeMap<StakeKey<'n>, u128>,
    /// How many undelegations are under way.
    pub(super) entries: BTreeMap<StakeKey<'n>, u32>,
    pub(super) freeing: Vec<Freeing<'n>>,
    /// All that is being freed, with what is ordered to be.
    pub(super) freed: u128,
    /// Stake that may not change its validator: it came by a redelegation that is still live.
    pub(super) fixed: BTreeSet<StakeKey<'n>>,
    /// Claims under way.
    pub(super) claims: BTreeSet<StakeKey<'n>>,
    /// What the wallet has beyond what customers may take, with what is on its way to it.
    pub(super) wallet: i128,
}

impl<'n> Ground<'n> {
    /// The ground of a network with a picture; `but` leaves one order out, to be held against what is left without it.
    #[must_use]
    pub fn new(network: &'n Network, policy: &'n Policy, picture: &'n Picture, owed: &Owed, but: Option<u64>) -> Ground<'n> {
        let stakes = picture.delegations.iter().map(|line| ((line.address.as_str(), line.validator.as_str()), line.stake.units()));
        let stake: BTreeMap<StakeKey<'n>, u128> = stakes.collect();
        let mut ground = Ground {
            network,
            policy,
            picture,
            validators: picture.validators.iter().map(|seen| (seen.validator.as_str(), seen)).collect(),
            free: BTreeMap::new(),
            there: stake.clone(),
            stake,
            entries: BTreeMap::new(),
            freeing: Vec::new(),
            freed: 0,
            fixed: BTreeSet::new(),
            claims: BTreeSet::new(),
            wallet: owed.covered.units(),
        };
        ground.look();
        for (number, order) in &network.desk.live {
            if order.standing.is_under_way() && but != Some(*number) {
                ground.happen(&order.planned, order.standing == OrderStanding::Sent);
            }
        }
        ground
    }

    fn look(&mut self) {
        let (network, picture) = (self.network, self.picture);
        for address in &picture.addresses {
            let shown =
                picture.liquid.iter().filter(|line| line.address == *address && network.coin(&line.denomination) == Some(STAKED_COIN));
            let shown = shown.fold(Amount::ZERO, |sum, line| sum.plus(line.amount));
            let number = network.address(address);
            let apart = network.apart.iter().filter(|apart| {
                Some(apart.address) == number
                    && apart.place == PlaceKind::Liquid
                    && apart.coin == STAKED_COIN
                    && !apart.amount.is_overdrawn()
            });
            let apart = apart.fold(Amount::ZERO, |sum, apart| sum.plus(Amount::from_units(apart.amount.units().unsigned_abs())));
            let free = shown.left_after(apart).left_after(self.policy.gas_reserve);
            self.free.insert(address, free.units());
        }
        for line in &picture.unbonding {
            let (address, validator) = (line.address.as_str(), line.validator.as_str());
            let count = self.entries.entry((address, validator)).or_default();
            *count = count.saturating_add(1);
            self.freed = self.freed.saturating_add(line.balance.units());
            let (started, completes_at, left) = (line.started, line.completes_at, line.balance.units());
            self.freeing.push(Freeing { address, validator, started, completes_at, left });
        }
        let live = picture.redelegations.iter().filter(|moved| moved.until > picture.time);
        self.fixed.extend(live.map(|moved| (moved.address.as_str(), moved.to.as_str())));
        let sweeps = network.under_way.iter().filter(|moving| moving.coin == STAKED_COIN && moving.direction == Direction::Sweep);
        self.wallet = sweeps.fold(self.wallet, |sum, moving| sum.saturating_add(Balance::ZERO.plus(moving.amount).units()));
    }

    /// What becomes of the ground by an order. A top-up that the wallet has sent has left its coins already.
    fn happen(&mut self, planned: &'n Planned, is_sent: bool) {
        let amount = planned.amount.units();
        match &planned.task {
            Task::TopUp { .. } if is_sent => {}
            Task::TopUp { .. } => self.wallet = self.wallet.saturating_sub_unsigned(amount),
            Task::Delegate { address, validator } => self.delegate((address, validator), amount),
            Task::Undelegate { address, validator } => self.undelegate((address, validator), amount),
            Task::CancelUndelegation { address, validator, started } => self.cancel((address, validator), *started, amount),
            Task::Redelegate { address, from, to } => self.redelegate(address, (from, to), amount),
            Task::Claim { address, validator } => drop(self.claims.insert((address, validator))),
            Task::Sweep { address, .. } => self.sweep(address, amount),
        }
    }

    pub(super) fn delegate(&mut self, key: StakeKey<'n>, amount: u128) {
        take(self.free.entry(key.0).or_default(), amount);
        put(self.stake.entry(key).or_default(), amount);
    }
    pub(super) fn undelegate(&mut self, key: StakeKey<'n>, amount: u128) {
        self.leave(key, amount);
        put(&mut self.freed, amount);
        let count = self.entries.entry(key).or_default();
        *count = count.saturating_add(1);
    }
    fn leave(&mut self, key: StakeKey<'n>, amount: u128) {
        take(self.stake.entry(key).or_default(), amount);
        take(self.there.entry(key).or_default(), amount);
    }
    pub(super) fn cancel(&mut self, key: StakeKey<'n>, started: u64, amount: u128) {
        let entry = self.freeing.iter_mut().find(|entry| (entry.address, entry.validator) == key && entry.started == started);
        if let Some(entry) = entry {
            take(&mut entry.left, amount);
        }
        take(&mut self.freed, amount);
        put(self.stake.entry(key).or_default(), amount);
    }
    pub(super) fn redelegate(&mut self, address: &'n str, (from, to): (&'n str, &'n str), amount: u128) {
        self.leave((address, from), amount);
        put(self.stake.entry((address, to)).or_default(), amount);
        self.fixed.insert((address, to));
    }
    pub(super) fn sweep(&mut self, address: &'n str, amount: u128) {
        take(self.free.entry(address).or_default(), amount);
        self.wallet = self.wallet.saturating_add_unsigned(amount);
    }

    /// A validator as the picture shows it.
    pub(super) fn seen(&self, validator: &str) -> Option<&'n Validator> {
        self.validators.get(validator).copied()
    }
    /// Validators with which coins may be staked now: approved, not barred, taking part, and not too dear.
    pub(super) fn targets(&self) -> Vec<&'n Approved> {
        let policy = self.policy;
        let may = |approved: &&'n Approved| {
            let seen = self.seen(&approved.validator);
            seen.is_some_and(|seen| seen.status == ValidatorStatus::Active && seen.commission <= policy.commission_max)
        };
        policy.validators.iter().filter(|approved| !policy.is_barred(&approved.validator)).filter(may).collect()
    }
    /// Whether what is with a validator has to leave.
    pub(super) fn is_drained(&self, validator: &str) -> bool {
        let is_bad = |seen: &Validator| {
            matches!(seen.status, ValidatorStatus::Jailed | ValidatorStatus::Tombstoned) || seen.commission > self.policy.commission_max
        };
        self.policy.is_barred(validator) || self.seen(validator).is_some_and(is_bad)
    }
    /// All that is staked.
    pub(super) fn staked(&self) -> u128 {
        self.stake.values().fold(0, |sum, units| sum.saturating_add(*units))
    }
    /// What is staked, by validator.
    pub(super) fn by_validator(&self) -> BTreeMap<&'n str, u128> {
        let mut sums: BTreeMap<&'n str, u128> = BTreeMap::new();
        for ((_, validator), units) in &self.stake {
            put(sums.entry(validator).or_default(), *units);
        }
        sums
    }
    /// All that is free.
    pub(super) fn all_free(&self) -> u128 {
        self.free.values().fold(0, |sum, units| sum.saturating_add(*units))
    }

    /// Why an order may not be begun, as a sentence; `None` where it may. The ground is the one without the order.
    #[must_use]
    pub fn refusal(&self, planned: &Planned, owed: &Owed) -> Option<String> {
        let (amount, address) = (planned.amount.units(), planned.task.address());
        let free = self.free.get(address).copied().unwrap_or_default();
        let stake = |validator: &str| self.there.get(&(address, validator)).copied().unwrap_or_default();
        let beyond = |what: &str, there: u128| (amount > there).then(|| format!("{there} base units are {what}, and {amount} are ordered"));
        if !self.picture.addresses.iter().any(|known| known == address) {
            return Some(format!("no picture that counts has told of {address}"));
        }
        match &planned.task {
            Task::TopUp { .. } => {
                let there = self.wallet.saturating_sub_unsigned(owed.queued.units());
                beyond("there beyond what customers and the queue are owed", u128::try_from(there).unwrap_or(0))
            }
            Task::Delegate { validator, .. } => {
                let queue = u128::try_from(Balance::ZERO.plus(owed.queued).units().saturating_sub(self.wallet)).unwrap_or(0);
                let left = self.all_free().saturating_sub(queue);
                self.not_staked_with(validator)
                    .or_else(|| beyond("free above the gas reserve", free))
                    .or_else(|| beyond("free beyond what the queue is owed", left))
            }
            Task::Undelegate { validator, .. } => {
                let entries = self.entries.get(&(address, validator.as_str())).copied().unwrap_or_default();
                let full = entries >= self.policy.entries_max;
                let full = full.then(|| format!("{entries} undelegations are under way there, and the network lets no more be"));
                full.or_else(|| beyond("staked there", stake(validator)))
            }
            Task::CancelUndelegation { validator, started, .. } => {
                let same = |entry: &&Freeing<'n>| entry.address == address && entry.validator == validator && entry.started == *started;
                let there = self.freeing.iter().find(same).map_or(0, |entry| entry.left);
                self.not_staked_with(validator).or_else(|| beyond("being freed there", there))
            }
            Task::Redelegate { from, to, .. } => {
                let fixed = !self.policy.redelegates || self.fixed.contains(&(address, from.as_str()));
                let fixed = fixed.then(|| format!("what is with {from} cannot change its validator now"));
                fixed.or_else(|| self.not_staked_with(to)).or_else(|| beyond("staked there", stake(from)))
            }
            Task::Claim { .. } => None,
            Task::Sweep { to, memo, .. } => {
                let listed = self.network.sweeps_to(to, memo);
                let unlisted = (!listed).then(|| format!("{to} is no destination"));
                unlisted.or_else(|| beyond("free above the gas reserve", free))
            }
        }
    }

    fn not_staked_with(&self, validator: &str) -> Option<String> {
        let may = self.targets().iter().any(|approved| approved.validator == validator);
        (!may).then(|| format!("nothing may be staked with {validator} now"))
    }

    /// The largest part of what is staked that may be with a validator.
    pub(super) fn cap(approved: &Approved, staked: u128) -> u128 {
        part_of(Amount::from_units(staked), approved.cap).units()
    }
}

impl OrderKind {
    /// Whether the network does it: a top-up is done by the wallet.
    #[must_use]
    pub const fn is_a_transaction(self) -> bool {
        !matches!(self, OrderKind::TopUp)
    }
}

pub(super) fn take(from: &mut u128, amount: u128) {
    *from = from.saturating_sub(amount);
}

pub(super) fn put(to: &mut u128, amount: u128) {
    *to = to.saturating_add(amount);
}
