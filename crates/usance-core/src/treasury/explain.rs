//! How one picture became the next: moves that are booked, differences that are held apart, and whether it can be believed (TREASURY 3).
//!
//! Each place is explained by itself: what was there, what is known to have come and gone, and what is there now. The rest is rounding of a
//! unit or two, earnings where rewards compound, a slash where one can have been, and otherwise unexplained. Moves and differences of a
//! place add up to its change, always; that is what keeps sub-ledgers and control accounts equal.

use super::apart::{Apart, Cause, PlaceKind};
use super::moves::{Move, MoveKind};
use super::network::{Direction, Implausible, Network, UnderWay};
use super::order::OrderStanding;
use super::picture::{Effect, Happened, Picture, Settled};
use super::score::seen_slashed;
use super::settle::settle;
use crate::calendar::Timestamp;
use crate::ledger::LedgerAccount;
use crate::money::{Amount, Balance, part_of, split_day};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The coin that is staked: a network's first.
const STAKED_COIN: u32 = 0;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How a picture came of the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// What is booked.
    pub moves: Vec<Move>,
    /// What is held apart, new with this picture.
    pub apart: Vec<Apart>,
    /// Top-ups that have arrived: hash, number of the address, number of the coin.
    pub arrived: Vec<(String, u32, u32)>,
    /// Sweeps that have begun.
    pub begun: Vec<UnderWay>,
    /// Denominations without an asset, and how much of them is free.
    pub unknown: Vec<(String, Amount)>,
    /// Orders that it ends, and how.
    pub ended: Vec<(u64, OrderStanding)>,
}

/// Explains a picture; says why it cannot be believed by itself, if so.
#[must_use]
pub fn explain(network: &Network, after: &Picture) -> (Explained, Option<Implausible>) {
    match &network.picture {
        None => (opening(network, after), Some(Implausible::Opening)),
        Some(before) => {
            let mut work = Work::new(network, before, after);
            work.stakes();
            work.unbonding();
            work.liquid();
            work.orders();
            work.number();
            (work.done, work.implausible)
        }
    }
}

/// All that is there comes from custody; what can be claimed is nobody's earnings.
fn opening(network: &Network, picture: &Picture) -> Explained {
    let mut done = Explained::default();
    let mut put = |place, address: &str, coin: u32, validator: &str, amount: Amount| {
        if let Some(address) = network.address(address).filter(|_| !amount.is_zero()) {
            done.moves.push(Move { kind: MoveKind::Opened(place), address, coin, validator: validator.to_owned(), amount });
        }
    };
    for line in &picture.liquid {
        if let Some(coin) = network.coin(&line.denomination) {
            put(PlaceKind::Liquid, &line.address, coin, "", line.amount);
        }
    }
    for line in &picture.delegations {
        put(PlaceKind::Staked, &line.address, STAKED_COIN, &line.validator, line.stake);
        put(PlaceKind::Claimable, &line.address, STAKED_COIN, &line.validator, line.claimable);
    }
    for line in &picture.unbonding {
        put(PlaceKind::Unbonding, &line.address, STAKED_COIN, &line.validator, line.balance);
    }
    done.unknown = unknown(network, picture);
    done
}

fn unknown(network: &Network, picture: &Picture) -> Vec<(String, Amount)> {
    let lines = picture.liquid.iter().filter(|line| network.coin(&line.denomination).is_none());
    lines.map(|line| (line.denomination.clone(), line.amount)).collect()
}

/// What is known to have come and gone at one place, and how many transactions touched it.
#[derive(Clone, Copy, Default)]
struct Known {
    change: i128,
    touched: u32,
}

impl Known {
    fn add(&mut self, amount: Amount) {
        self.change = self.change.saturating_add(Balance::ZERO.plus(amount).units());
    }
    fn take(&mut self, amount: Amount) {
        self.change = self.change.saturating_add(Balance::ZERO.minus(amount).units());
    }
    /// What is there beyond what was there and is known.
    fn rest(&self, before: Amount, after: Amount) -> i128 {
        Balance::ZERO.plus(after).minus(before).units().saturating_sub(self.change)
    }
    /// How many units may be rounding: one of the entry, and one of each transaction.
    fn tolerance(&self) -> u128 {
        u128::from(self.touched).saturating_add(1)
    }
}

type StakeKey<'p> = (&'p str, &'p str);
type EntryKey<'p> = (&'p str, &'p str, u64);

struct Work<'p> {
    network: &'p Network,
    before: &'p Picture,
    after: &'p Picture,
    done: Explained,
    implausible: Option<Implausible>,
    /// Validators that a slash can be seen of.
    slashed: BTreeSet<&'p str>,
}

impl<'p> Work<'p> {
    fn new(network: &'p Network, before: &'p Picture, after: &'p Picture) -> Work<'p> {
        let done = Explained { unknown: unknown(network, after), ..Explained::default() };
        Work { network, before, after, done, implausible: None, slashed: seen_slashed(before, after) }
    }

    fn transactions(&self) -> impl Iterator<Item = (&'p Settled, &'p Effect)> + use<'p> {
        let before = self.before;
        let ours = self.after.transactions.iter().filter(move |one| !is_new(before, &one.address));
        ours.flat_map(|one| one.effects.iter().map(move |effect| (one, effect)))
    }

    /// Whether an address came to the treasury after the picture before: what is there comes from custody, as in an opening.
    fn begins(&mut self, address: &str) -> bool {
        let begins = is_new(self.before, address);
        if begins {
            self.doubt(Implausible::Opening);
        }
        begins
    }

    /// Books a move of the coin that is staked.
    fn put(&mut self, kind: MoveKind, address: &str, validator: &str, amount: Amount) {
        self.put_coin(kind, address, STAKED_COIN, validator, amount);
    }

    fn put_coin(&mut self, kind: MoveKind, address: &str, coin: u32, validator: &str, amount: Amount) {
        if let Some(address) = self.network.address(address).filter(|_| !amount.is_zero()) {
            self.done.moves.push(Move { kind, address, coin, validator: validator.to_owned(), amount });
        }
    }

    /// Holds a difference apart.
    fn hold(&mut self, place: PlaceKind, at: (&str, u32, &str), amount: Balance, cause: Cause) {
        let (address, coin, validator) = at;
        let (Some(address), false) = (self.network.address(address), amount == Balance::ZERO) else { return };
        let since = self.after.time;
        self.done.apart.push(Apart { number: 0, address, place, validator: validator.to_owned(), coin, amount, cause, since });
    }

    /// Which orders the picture ends, and what nobody ordered.
    fn orders(&mut self) {
        let settlement = settle(self.network, self.after, &self.done.arrived);
        self.done.ended = settlement.ended;
        self.done.apart.extend(settlement.unordered);
    }

    /// Numbers what is held apart: by coin, place, address, validator and amount.
    fn number(&mut self) {
        self.done.apart.sort_by(|one, other| {
            let key = |apart: &Apart| (apart.coin, apart.place, apart.address);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.validator.cmp(&other.validator))
                .then_with(|| one.amount.units().cmp(&other.amount.units()))
        });
        let first = self.network.differences.saturating_add(1);
        for (number, apart) in (first..).zip(&mut self.done.apart) {
            apart.number = number;
        }
    }

    fn doubt(&mut self, why: Implausible) {
        self.implausible.get_or_insert(why);
    }

    // --- stake and what it earned ---

    fn stakes(&mut self) {
        let mut known: BTreeMap<StakeKey<'p>, Known> = BTreeMap::new();
        for (one, effect) in self.transactions() {
            let of = |validator: &'p str| (one.address.as_str(), validator);
            match effect {
                Effect::Delegated { validator, amount } => known.entry(of(validator)).or_default().add(*amount),
                Effect::Cancelled { validator, amount, .. } => known.entry(of(validator)).or_default().add(*amount),
                Effect::Undelegated { validator, amount, .. } => known.entry(of(validator)).or_default().take(*amount),
                Effect::Redelegated { from, to, amount } => {
                    known.entry(of(from)).or_default().take(*amount);
                    known.entry(of(to)).or_default().add(*amount);
                    let source = known.entry(of(from)).or_default();
                    source.touched = source.touched.saturating_add(1);
                }
                Effect::Sent { .. } => continue,
            }
            let last = match effect {
                Effect::Redelegated { to, .. } => to,
                Effect::Delegated { validator, .. } | Effect::Cancelled { validator, .. } | Effect::Undelegated { validator, .. } => {
                    validator
                }
                Effect::Sent { .. } => continue,
            };
            let touched = known.entry(of(last)).or_default();
            touched.touched = touched.touched.saturating_add(1);
        }
        let lines = |picture: &'p Picture| picture.delegations.iter().map(|line| ((line.address.as_str(), line.validator.as_str()), line));
        let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (lines(self.before).collect(), lines(self.after).collect());
        let keys: BTreeSet<StakeKey<'p>> = before.keys().chain(after.keys()).chain(known.keys()).copied().collect();
        let mut earned = Amount::ZERO;
        for key in keys {
            let (was, now) = (before.get(&key), after.get(&key));
            if let (true, Some(now)) = (self.begins(key.0), now) {
                self.put(MoveKind::Opened(PlaceKind::Staked), key.0, key.1, now.stake);
                self.put(MoveKind::Opened(PlaceKind::Claimable), key.0, key.1, now.claimable);
                continue;
            }
            let known = known.get(&key).copied().unwrap_or_default();
            let stake = |line: Option<&&'p super::picture::Delegation>| line.map_or(Amount::ZERO, |line| line.stake);
            let shares_fell = was.zip(now).is_some_and(|(was, now)| now.shares.zip(was.shares).is_some_and(|(now, was)| now < was));
            let is_slash = self.reaches(key) || (known.touched == 0 && shares_fell);
            earned = earned.plus(self.stake(key, known, (stake(was), stake(now)), is_slash));
            let claimable = |line: Option<&&'p super::picture::Delegation>| line.map_or(Amount::ZERO, |line| line.claimable);
            earned = earned.plus(self.claimable(key, known, claimable(was), claimable(now)));
        }
        self.moves_of_stake();
        if earned > self.earned_at_most() {
            self.doubt(Implausible::EarnedTooMuch);
        }
    }

    /// Whether a slash can have reached what an address has with a validator: its own, or that of whom it came from.
    fn reaches(&self, (address, validator): StakeKey<'p>) -> bool {
        let came = self.before.redelegations.iter().chain(&self.after.redelegations);
        let mut came = came.filter(|moved| moved.address == address && moved.to == validator && moved.until > self.before.time);
        self.slashed.contains(validator) || came.any(|moved| self.slashed.contains(moved.from.as_str()))
    }

    /// What became of a stake; gives what it earned by growing.
    fn stake(&mut self, (address, validator): StakeKey<'p>, known: Known, (was, now): (Amount, Amount), is_slash: bool) -> Amount {
        let rest = known.rest(was, now);
        let amount = Amount::from_units(rest.unsigned_abs());
        if rest == 0 {
        } else if rest > 0 && self.network.terms.compounds {
            self.put(MoveKind::Earned(PlaceKind::Staked), address, validator, amount);
            return amount;
        } else if amount.units() <= known.tolerance() {
            self.round(rest > 0, PlaceKind::Staked, (address, validator), amount);
        } else if rest > 0 {
            self.doubt(Implausible::StakeFromNowhere);
            self.hold(PlaceKind::Staked, (address, STAKED_COIN, validator), Balance::from_units(rest), Cause::Unexplained);
        } else if is_slash {
            self.slash(PlaceKind::Staked, (address, validator), was, amount);
        } else {
            self.hold(PlaceKind::Staked, (address, STAKED_COIN, validator), Balance::from_units(rest), Cause::Unexplained);
        }
        Amount::ZERO
    }

    /// What became of what can be claimed; gives what was earned.
    fn claimable(&mut self, (address, validator): StakeKey<'p>, known: Known, was: Amount, now: Amount) -> Amount {
        let released = self.released(address, validator);
        let rest = Known { change: Balance::ZERO.minus(released).units(), ..known }.rest(was, now);
        let amount = Amount::from_units(rest.unsigned_abs());
        self.put(MoveKind::Claimed, address, validator, released);
        if rest > 0 {
            self.put(MoveKind::Earned(PlaceKind::Claimable), address, validator, amount);
            return amount;
        }
        if rest < 0 && amount.units() <= known.tolerance() {
            self.round(false, PlaceKind::Claimable, (address, validator), amount);
        } else if rest < 0 {
            self.hold(PlaceKind::Claimable, (address, STAKED_COIN, validator), Balance::from_units(rest), Cause::Unexplained);
        }
        Amount::ZERO
    }

    /// Rewards in the coin that is staked which a validator released to an address.
    fn released(&self, address: &str, validator: &str) -> Amount {
        let of = |released: &&super::picture::Released| {
            released.validator == validator && self.network.coin(&released.denomination) == Some(STAKED_COIN)
        };
        let by_transactions = self.after.transactions.iter().filter(|one| one.address == address).flat_map(|one| &one.released);
        let by_blocks = self.after.happened.iter().filter_map(|happened| match happened {
            Happened::ReleasedTo { address: to, released } if to == address => Some(released),
            Happened::ReleasedTo { .. } | Happened::Matured { .. } | Happened::Slashed { .. } => None,
        });
        by_transactions.chain(by_blocks).filter(of).fold(Amount::ZERO, |sum, released| sum.plus(released.amount))
    }

    /// The moves that transactions made of stake.
    fn moves_of_stake(&mut self) {
        for (one, effect) in self.transactions() {
            match effect {
                Effect::Delegated { validator, amount } => self.put(MoveKind::Delegated, &one.address, validator, *amount),
                Effect::Undelegated { validator, amount, .. } => self.put(MoveKind::Undelegated, &one.address, validator, *amount),
                Effect::Cancelled { validator, amount, .. } => self.put(MoveKind::Cancelled, &one.address, validator, *amount),
                // Both ends are stake; the sub-ledger by validator follows the picture.
                Effect::Redelegated { .. } | Effect::Sent { .. } => {}
            }
        }
    }

    fn round(&mut self, up: bool, place: PlaceKind, (address, validator): StakeKey<'_>, amount: Amount) {
        let kind = if up { MoveKind::RoundedUp(place) } else { MoveKind::RoundedDown(place) };
        self.put(kind, address, validator, amount);
    }

    fn slash(&mut self, place: PlaceKind, (address, validator): StakeKey<'_>, was: Amount, amount: Amount) {
        self.put(MoveKind::Slashed(place), address, validator, amount);
        if amount > part_of(was, self.network.terms.slashed_at_most).plus(Amount::ONE) {
            self.doubt(Implausible::SlashedTooMuch);
        }
    }

    /// The most that can have been earned since the picture before: by the bound of the network, two days more than have passed.
    fn earned_at_most(&self) -> Amount {
        let total = |picture: &Picture| picture.delegations.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.stake));
        let stake = total(self.before).max(total(self.after));
        let (a_day, _) = split_day(self.network.terms.earned_at_most.numerator(stake));
        let passed = self.after.time.ms().saturating_sub(self.before.time.ms()).max(0).checked_div(DAY_MS).unwrap_or(0);
        Amount::from_units(a_day.plus(Amount::ONE).units().saturating_mul(u128::from(passed.unsigned_abs()).saturating_add(2)))
    }

    // --- what is being freed ---

    fn unbonding(&mut self) {
        let mut known: BTreeMap<EntryKey<'p>, Known> = BTreeMap::new();
        for (one, effect) in self.transactions() {
            match effect {
                Effect::Undelegated { validator, started, amount } => {
                    known.entry((&one.address, validator, *started)).or_default().add(*amount);
                }
                Effect::Cancelled { validator, started, amount } => {
                    known.entry((&one.address, validator, *started)).or_default().take(*amount);
                }
                Effect::Delegated { .. } | Effect::Redelegated { .. } | Effect::Sent { .. } => {}
            }
        }
        let lines = |picture: &'p Picture| {
            picture.unbonding.iter().map(|line| ((line.address.as_str(), line.validator.as_str(), line.started), line))
        };
        let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (lines(self.before).collect(), lines(self.after).collect());
        let mut keys: BTreeSet<EntryKey<'p>> = before.keys().chain(after.keys()).chain(known.keys()).copied().collect();
        // Also what the network says that it paid for an entry which nobody knew.
        keys.extend(self.after.happened.iter().filter_map(|happened| match happened {
            Happened::Matured { address, validator, started, .. } => Some((address.as_str(), validator.as_str(), *started)),
            Happened::ReleasedTo { .. } | Happened::Slashed { .. } => None,
        }));
        for key in keys {
            let (was, now) = (before.get(&key), after.get(&key));
            if let (true, Some(now)) = (self.begins(key.0), now) {
                self.put(MoveKind::Opened(PlaceKind::Unbonding), key.0, key.1, now.balance);
                continue;
            }
            let known = known.get(&key).copied().unwrap_or_default();
            let due = was.map(|line| line.completes_at);
            let balance = |line: Option<&&'p super::picture::Unbonding>| line.map(|line| line.balance);
            self.entry(key, known, (balance(was), balance(now)), due);
        }
    }

    fn entry(
        &mut self,
        (address, validator, started): EntryKey<'p>,
        known: Known,
        (was, now): (Option<Amount>, Option<Amount>),
        due: Option<Timestamp>,
    ) {
        let paid = self.matured(address, validator, started);
        // What would be there if nothing had been taken: what was there, and what transactions put there.
        let all = Balance::ZERO.plus(was.unwrap_or_default()).units().saturating_add(known.change);
        let whole = Amount::from_units(u128::try_from(all).unwrap_or(0));
        let gone_when_due = now.is_none() && due.is_none_or(|due| due <= self.after.time);
        let paid = match paid {
            Some(paid) => paid,
            // A release that was due and that nobody told of paid what was there.
            None if gone_when_due => whole,
            None => Amount::ZERO,
        };
        self.put(MoveKind::Matured, address, validator, paid);
        let rest = Balance::ZERO.plus(now.unwrap_or_default()).plus(paid).units().saturating_sub(all);
        let amount = Amount::from_units(rest.unsigned_abs());
        if rest == 0 {
        } else if amount.units() <= known.tolerance() {
            self.round(rest > 0, PlaceKind::Unbonding, (address, validator), amount);
        } else if rest < 0 && (now.is_some() || gone_when_due) {
            self.slash(PlaceKind::Unbonding, (address, validator), whole, amount);
        } else {
            self.hold(PlaceKind::Unbonding, (address, STAKED_COIN, validator), Balance::from_units(rest), Cause::Unexplained);
        }
    }

    /// What the network says that it paid for an entry.
    fn matured(&self, address: &str, validator: &str, started: u64) -> Option<Amount> {
        let paid = self.after.happened.iter().filter_map(|happened| match happened {
            Happened::Matured { address: of, validator: from, started: at, amount } => {
                (of == address && from == validator && *at == started).then_some(*amount)
            }
            Happened::ReleasedTo { .. } | Happened::Slashed { .. } => None,
        });
        paid.reduce(Amount::plus)
    }

    // --- free coins ---

    fn liquid(&mut self) {
        let network = self.network;
        for (number, coin) in (0..).zip(&network.coins) {
            for address in &self.after.addresses {
                self.liquid_of(address, number, &coin.denomination);
            }
        }
    }

    fn liquid_of(&mut self, address: &'p str, coin: u32, denomination: &str) {
        let free = |picture: &Picture| {
            let lines = picture.liquid.iter().filter(|line| line.address == address && line.denomination == denomination);
            lines.fold(Amount::ZERO, |sum, line| sum.plus(line.amount))
        };
        if self.begins(address) {
            return self.put_coin(MoveKind::Opened(PlaceKind::Liquid), address, coin, "", free(self.after));
        }
        let mut known = Known::default();
        if coin == STAKED_COIN {
            let moved = self.done.moves.iter().filter(|one| network_address(self.network, one.address) == Some(address));
            let change = moved.map(|one| one.kind.change(LedgerAccount::TreasuryLiquid, one.amount).units());
            known.change = change.fold(known.change, i128::saturating_add);
        }
        self.transactions_of(address, coin, denomination, &mut known);
        self.inflows_of(address, coin, denomination, &mut known);
        let rest = known.rest(free(self.before), free(self.after));
        self.hold(PlaceKind::Liquid, (address, coin, ""), Balance::from_units(rest), Cause::Unexplained);
    }

    fn transactions_of(&mut self, address: &'p str, coin: u32, denomination: &str, known: &mut Known) {
        let (network, after) = (self.network, self.after);
        for one in after.transactions.iter().filter(|one| one.address == address) {
            if one.fee_denomination == denomination {
                known.take(one.fee);
                self.put_coin(MoveKind::Fee, address, coin, "", one.fee);
            }
            if coin != STAKED_COIN {
                for released in one.released.iter().filter(|released| released.denomination == denomination) {
                    known.add(released.amount);
                    self.put_coin(MoveKind::OtherIncome, address, coin, &released.validator, released.amount);
                }
            }
            for effect in &one.effects {
                let Effect::Sent { denomination: sent, amount, to, memo } = effect else { continue };
                if sent != denomination {
                    continue;
                }
                known.take(*amount);
                if network.sweeps_to(to, memo) {
                    self.put_coin(MoveKind::Swept, address, coin, "", *amount);
                    let number = network.address(address).unwrap_or(u32::MAX);
                    let (hash, at) = (one.hash.clone(), after.time);
                    self.done.begun.push(UnderWay { direction: Direction::Sweep, address: number, coin, amount: *amount, hash, at });
                } else {
                    let cause = Cause::SentElsewhere { hash: one.hash.clone(), to: to.clone() };
                    self.hold(PlaceKind::Liquid, (address, coin, ""), Balance::ZERO.minus(*amount), cause);
                }
            }
        }
        let by_blocks: Vec<_> = after.happened.iter().collect();
        for happened in by_blocks {
            let Happened::ReleasedTo { address: to, released } = happened else { continue };
            if to == address && coin != STAKED_COIN && released.denomination == denomination {
                known.add(released.amount);
                self.put_coin(MoveKind::OtherIncome, address, coin, &released.validator, released.amount);
            }
        }
    }

    fn inflows_of(&mut self, address: &'p str, coin: u32, denomination: &str, known: &mut Known) {
        let (network, after) = (self.network, self.after);
        let number = network.address(address);
        for inflow in after.inflows.iter().filter(|one| one.address == address && one.denomination == denomination) {
            known.add(inflow.amount);
            let expected = network.under_way.iter().any(|moving| {
                let same = Some(moving.address) == number && moving.coin == coin && moving.amount == inflow.amount;
                moving.direction == Direction::TopUp && moving.hash == inflow.hash && same
            });
            if expected {
                self.put_coin(MoveKind::ToppedUp, address, coin, "", inflow.amount);
                self.done.arrived.push((inflow.hash.clone(), number.unwrap_or(u32::MAX), coin));
            } else {
                let cause = Cause::Stranger { hash: inflow.hash.clone(), from: inflow.from.clone() };
                self.hold(PlaceKind::Liquid, (address, coin, ""), Balance::ZERO.plus(inflow.amount), cause);
            }
        }
    }
}

/// Whether the picture before told nothing of an address.
fn is_new(before: &Picture, address: &str) -> bool {
    !before.addresses.iter().any(|known| known == address)
}

fn network_address(network: &Network, number: u32) -> Option<&str> {
    Some(network.addresses.get(usize::try_from(number).ok()?)?.text.as_str())
}
