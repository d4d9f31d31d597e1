//! The treasury: a network beside the engine that pays, slashes, rounds and frees, an agent that says what it shows, a wallet that sends,
//! receives and attests, people who sign, and customers who wait for coins. What is asked is mostly the next thing that is missing for a treasury to run.

use crate::amount::written;
use crate::clock::DAY_MS;
use crate::dice::Dice;
use crate::exit::stray_exit;
use crate::people::{PEOPLE, public_key_of, signed};
use crate::seen::{NETWORK, TreasurySeen};
use crate::workload::Workload;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::verb::{Attest, NewNetwork, SignProposal, TopUp};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::{DifferenceIs, Matter, Verdict};
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::NetworkTerms;
use usance_core::treasury::picture::{
    Delegation, Effect, Happened, Inflow, Liquid, Picture, Redelegation, Released, Sequence, Settled, Unbonding, Validator, ValidatorStatus,
};
use usance_core::treasury::yields::NetworkYield;

/// What it calls itself.
const CHAIN: &str = "hub-1";
/// What it calls its coins.
pub(crate) const DENOMINATIONS: [&str; 2] = ["ufirst", "usecond"];
const ADDRESSES: [&str; 2] = ["addr-1", "addr-2"];
pub(crate) const VALIDATORS: [&str; 3] = ["val-a", "val-b", "val-c"];
const DESTINATION: (&str, &str) = ("wallet", "7");
/// How long coins are freed.
pub(crate) const UNBONDING_MS: i64 = 3 * DAY_MS;

impl Workload<'_> {
    /// The next thing that is missing, or one of the usual things; now and then at the wrong moment.
    pub fn treasury(&self, dice: &mut Dice<'_>) -> Command {
        let seen = self.situation.treasury();
        if dice.once_in(12) {
            return self.out_of_turn(dice, &seen);
        }
        if !seen.is_created {
            return self.network();
        }
        if seen.people.len() < 2 {
            let missing = PEOPLE.into_iter().find(|name| !seen.people.iter().any(|known| known == name)).unwrap_or(PEOPLE[0]);
            return Command::RegisterPerson { name: missing.to_owned(), key: public_key_of(missing) };
        }
        if let Some((number, signed_by)) = seen.open.last()
            && let Some(person) = seen.people.iter().find(|person| !signed_by.contains(person))
        {
            return self.signed_by(*number, person);
        }
        if seen.addresses.is_empty() {
            return propose(Matter::AddTreasuryAddress { network: NETWORK.to_owned(), address: ADDRESSES[0].to_owned() });
        }
        if !seen.has_terms && dice.once_in(4) {
            return self.terms_of_yield(dice);
        }
        if let Some(asset) = seen.wallet.iter().position(|(_, is_fresh)| !is_fresh) {
            return self.attest(dice, &seen, asset);
        }
        match (&seen.aside, &seen.picture) {
            (Some(aside), _) if dice.below(4) > 0 => {
                propose(Matter::ConfirmPicture { network: NETWORK.to_owned(), number: aside.number, digest: digest(aside) })
            }
            (_, None) => self.observe(opening(self.situation.now(), &seen)),
            (_, Some(_)) => self.running(dice, &seen),
        }
    }

    fn network(&self) -> Command {
        let coins = self.cast.assets.iter().zip(DENOMINATIONS).map(|((symbol, _), coin)| ((*symbol).to_owned(), coin.to_owned())).collect();
        let terms = NetworkTerms {
            compounds: false,
            unbonding_ms: UNBONDING_MS,
            earned_at_most: Rate::from_units(50_000_000).expect("a rate"),
            slashed_at_most: Rate::from_units(10_000_000).expect("a rate"),
        };
        Command::CreateNetwork(Box::new(NewNetwork { name: NETWORK.to_owned(), chain_id: CHAIN.to_owned(), coins, terms }))
    }

    fn signed_by(&self, proposal: u64, person: &str) -> Command {
        let text = self.situation.text_to_sign(proposal, Verdict::Approve).unwrap_or_default();
        let (person, signature) = (person.to_owned(), signed(person, &text));
        Command::SignProposal(Box::new(SignProposal { proposal, person, verdict: Verdict::Approve, signature }))
    }

    fn observe(&self, picture: Picture) -> Command {
        Command::Observe { network: NETWORK.to_owned(), picture: Box::new(picture) }
    }

    /// What the wallet says.
    pub fn attest(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, asset: usize) -> Command {
        let (symbol, decimals) = self.cast.assets[asset];
        let movement = seen.wallet.get(asset).and_then(|(movement, _)| *movement).unwrap_or(u64::from(dice.byte()));
        let units = self.attested(dice, seen, asset);
        let now = self.situation.now();
        let at = dice.one_of(&[now, now, now, now, Timestamp::from_ms(now.ms() - 1), Timestamp::from_ms(now.ms() + 1)]);
        let amount = if dice.once_in(24) { "-1".to_owned() } else { written(units, decimals) };
        Command::Attest(Attest { asset: symbol.to_owned(), amount, at, movement })
    }

    /// What the wallet says that it has: much, little or nothing; once a treasury runs mostly about what customers may take and what waits,
    /// so that a part of the line is paid.
    fn attested(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, asset: usize) -> u128 {
        let one = 10_u128.pow(u32::from(self.cast.assets[asset].1));
        let plain = |dice: &mut Dice<'_>| dice.one_of(&[1_000_000_u128, 1_000_000, 150, 0]) * one;
        let owed = seen.owed.get(asset).copied().unwrap_or_default();
        let waiting = seen.waiting.get(asset).copied().unwrap_or_default();
        match seen.picture.as_ref().map(|_| dice.below(8)) {
            None | Some(0..=2) => plain(dice),
            Some(3..=5) => owed + waiting / 4 * u128::from(dice.below(6)) + u128::from(dice.below(2)),
            Some(_) => owed + one / 4 * u128::from(dice.below(40)),
        }
    }

    /// A treasury that runs.
    fn running(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        if !seen.losses.is_empty() && dice.once_in(4) {
            return self.loss(dice, seen);
        }
        // Whoever waits is paid a part, again and again.
        if let Some(asset) = seen.waiting.iter().position(|waiting| *waiting > 0)
            && dice.once_in(5)
        {
            return self.attest(dice, seen, asset);
        }
        if dice.below(5) < 3
            && let Some(command) = self.order(dice, seen)
        {
            return command;
        }
        if !seen.sweeps.is_empty() && dice.below(3) == 0 {
            return Command::ReportSweep { network: NETWORK.to_owned(), hash: seen.sweeps[dice.index(seen.sweeps.len())].clone() };
        }
        let asset = usize::from(dice.below(2));
        match dice.below(16) {
            0 | 12 => self.attest(dice, seen, asset),
            13 | 14 => self.exit(dice, seen),
            15 => self.coins(dice, asset),
            1 | 2 => self.top_up(dice, seen, asset),
            3 | 8 if !seen.sweeps.is_empty() => {
                Command::ReportSweep { network: NETWORK.to_owned(), hash: seen.sweeps[dice.index(seen.sweeps.len())].clone() }
            }
            4 if !seen.differences.is_empty() => {
                let (number, answers) = seen.differences[dice.index(seen.differences.len())].clone();
                let was = dice.one_of(&answers);
                propose(Matter::ExplainDifference { network: NETWORK.to_owned(), number, was })
            }
            5 | 9 | 10 if !seen.has_destination => {
                let (address, memo) = (DESTINATION.0.to_owned(), DESTINATION.1.to_owned());
                propose(Matter::AddDestination { network: NETWORK.to_owned(), address, memo })
            }
            6 if seen.addresses.len() < 2 && dice.below(4) == 0 => {
                propose(Matter::AddTreasuryAddress { network: NETWORK.to_owned(), address: ADDRESSES[1].to_owned() })
            }
            7 if dice.once_in(2) => self.terms_of_yield(dice),
            11 if seen.commission > 0 || dice.once_in(2) => {
                let (symbol, decimals) = self.cast.assets[0];
                let amount = written(dice.one_of(&[seen.commission, seen.commission / 2 + 1, 1, seen.commission + 1]), decimals);
                Command::WithdrawCommission { asset: symbol.to_owned(), amount }
            }
            _ => self.observe(self.next_picture(dice, seen)),
        }
    }

    /// What becomes of what the network pays; now and then what may not be.
    fn terms_of_yield(&self, dice: &mut Dice<'_>) -> Command {
        let commission = Rate::from_units(dice.one_of(&[10_000_000, 0, 33_333_333, 100_000_000, 100_000_001])).unwrap_or(Rate::MAX);
        let undistributed_days = dice.one_of(&[2, 3, 365, 5, 9, 1, 3_651]);
        Command::SetNetworkYield { network: NETWORK.to_owned(), terms: NetworkYield { commission, undistributed_days } }
    }

    fn top_up(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, asset: usize) -> Command {
        let (symbol, decimals) = self.cast.assets[asset];
        let part = dice.one_of(&[4, 4_000, 4_000]);
        let amount = written(u128::from(dice.below(40)) * 10_u128.pow(u32::from(decimals)) / part, decimals);
        let address = seen.addresses[dice.index(seen.addresses.len())].clone();
        let hash = format!("up-{}", dice.byte());
        Command::ReportTopUp(Box::new(TopUp { network: NETWORK.to_owned(), address, asset: symbol.to_owned(), amount, hash, order: None }))
    }

    /// What nobody should ask, or not now.
    fn out_of_turn(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        let network = dice.one_of(&[NETWORK, "nowhere"]).to_owned();
        let (symbol, _) = self.cast.assets[0];
        if dice.below(3) == 0 {
            return self.order_out_of_turn(dice, seen);
        }
        match dice.below(11) {
            0 if dice.once_in(2) => Command::SetNetworkYield { network, terms: NetworkYield::default() },
            0 => self.network(),
            9 | 10 => stray_exit(dice, symbol),
            1 => Command::ReportSweep { network, hash: "gone".to_owned() },
            2 => Command::Attest(Attest { asset: "GONE".to_owned(), amount: "1".to_owned(), at: self.situation.now(), movement: 1 }),
            3 => {
                let (address, asset) = (dice.one_of(&["elsewhere", ADDRESSES[0]]).to_owned(), symbol.to_owned());
                let amount = dice.one_of(&["1", "x", "999999999"]).to_owned();
                Command::ReportTopUp(Box::new(TopUp { network, address, asset, amount, hash: "up-0".to_owned(), order: None }))
            }
            4 => propose(Matter::ConfirmPicture { network, number: 1, digest: "none".to_owned() }),
            5 => propose(Matter::ExplainDifference { network, number: 1, was: dice.one_of(&DifferenceIs::ALL) }),
            6 => propose(Matter::AddTreasuryAddress { network, address: ADDRESSES[0].to_owned() }),
            _ => {
                let mut picture = opening(self.situation.now(), seen);
                match dice.below(6) {
                    0 => picture.chain_id = "hub-2".to_owned(),
                    1 => picture.number = picture.number.saturating_add(1),
                    2 => picture.height = 0,
                    3 => picture.time = Timestamp::from_ms(self.situation.now().ms() + 1),
                    4 => picture.liquid.push(picture.liquid[0].clone()),
                    _ => picture.time = Timestamp::from_ms(0),
                }
                Command::Observe { network, picture: Box::new(picture) }
            }
        }
    }

    /// What the network shows next: some of what can happen, on top of what it showed before.
    /// A picture that shows nothing but that a validator was slashed; nothing where none shows anything yet.
    pub fn slashing(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Option<Command> {
        let mut making = self.blank(seen)?;
        making.slash(dice, most_staked_with(seen)?.as_str());
        Some(self.observe(making.picture))
    }

    /// The picture behind the last one, before anything happened.
    fn blank(&self, seen: &TreasurySeen) -> Option<Making> {
        let before = seen.picture.as_ref()?;
        let at_least = seen.aside.as_ref().map_or(before.time, |aside| aside.time.max(before.time));
        let height = seen.aside.as_ref().map_or(before.height, |aside| aside.height.max(before.height)).saturating_add(1);
        let mut making = Making {
            picture: Picture {
                number: before.number.saturating_add(1),
                height,
                hash: format!("block-{height}"),
                time: at_least.max(self.situation.now()),
                transactions: Vec::new(),
                inflows: Vec::new(),
                happened: Vec::new(),
                ..before.clone()
            },
        };
        making.free();
        Some(making)
    }

    fn next_picture(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Picture {
        let Some(mut making) = self.blank(seen) else { return opening(self.situation.now(), seen) };
        for _ in 0..dice.below(4) {
            making.happen(dice, seen);
        }
        making.arrive(dice, seen);
        making.show_orders(dice, seen);
        making.change_validators(dice);
        making.picture
    }
}

/// With whom most is staked.
fn most_staked_with(seen: &TreasurySeen) -> Option<String> {
    let delegations = &seen.picture.as_ref()?.delegations;
    delegations.iter().max_by_key(|line| line.stake.units()).map(|line| line.validator.clone())
}

pub(crate) fn propose(matter: Matter) -> Command {
    Command::Propose { matter: Box::new(matter), expires_at: None }
}

pub(crate) fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

/// What is there when a treasury begins.
fn opening(now: Timestamp, seen: &TreasurySeen) -> Picture {
    let address = seen.addresses.first().map_or(ADDRESSES[0], String::as_str).to_owned();
    let liquid =
        |denomination: &str, amount| Liquid { address: address.clone(), denomination: denomination.to_owned(), amount: units(amount) };
    let height = seen.aside.as_ref().map_or(100, |aside| aside.height.saturating_add(1));
    let stakes = VALIDATORS[..2].iter().map(|validator| Delegation {
        address: address.clone(),
        validator: (*validator).to_owned(),
        stake: units(2_000_000_000),
        claimable: units(70),
        shares: Some(2_000_000_000),
    });
    Picture {
        number: 1,
        chain_id: CHAIN.to_owned(),
        height,
        hash: format!("block-{height}"),
        time: now,
        addresses: vec![address.clone()],
        liquid: vec![liquid(DENOMINATIONS[0], 3_000_000_000), liquid(DENOMINATIONS[1], 500)],
        delegations: stakes.collect(),
        validators: VALIDATORS
            .iter()
            .map(|validator| Validator {
                validator: (*validator).to_owned(),
                name: (*validator).to_owned(),
                commission: Rate::from_units(5_000_000).expect("a rate"),
                status: ValidatorStatus::Active,
                tokens: units(1_000_000_000_000),
                shares: Some(1_000_000_000_000),
                power: Rate::from_units(1_000_000).expect("a rate"),
                missed: 0,
            })
            .collect(),
        unbonding: Vec::new(),
        redelegations: Vec::new(),
        transactions: Vec::new(),
        inflows: Vec::new(),
        happened: Vec::new(),
        sequences: vec![Sequence { address: address.clone(), next: 0 }],
    }
}

/// A picture in the making.
pub(crate) struct Making {
    pub(crate) picture: Picture,
}

impl Making {
    pub(crate) fn liquid(&mut self, address: &str, coin: usize) -> &mut Amount {
        let place = self.picture.liquid.iter().position(|line| line.address == address && line.denomination == DENOMINATIONS[coin]);
        let place = place.unwrap_or_else(|| {
            let (address, denomination) = (address.to_owned(), DENOMINATIONS[coin].to_owned());
            self.picture.liquid.push(Liquid { address, denomination, amount: Amount::ZERO });
            self.picture.liquid.len() - 1
        });
        &mut self.picture.liquid[place].amount
    }

    pub(crate) fn stake(&mut self, address: &str, validator: &str) -> &mut Delegation {
        let place = self.picture.delegations.iter().position(|line| line.address == address && line.validator == validator);
        let place = place.unwrap_or_else(|| {
            let (address, validator) = (address.to_owned(), validator.to_owned());
            self.picture.delegations.push(Delegation { address, validator, stake: Amount::ZERO, claimable: Amount::ZERO, shares: Some(0) });
            self.picture.delegations.len() - 1
        });
        &mut self.picture.delegations[place]
    }

    fn pay(&mut self, address: &str, coin: usize, amount: Amount) {
        let liquid = self.liquid(address, coin);
        *liquid = liquid.plus(amount);
    }

    pub(crate) fn take(&mut self, address: &str, coin: usize, amount: Amount) -> Amount {
        let liquid = self.liquid(address, coin);
        let taken = amount.min(*liquid);
        *liquid = liquid.left_after(taken);
        taken
    }

    /// What is due becomes free; every second time the network says so.
    fn free(&mut self) {
        let time = self.picture.time;
        let (due, left): (Vec<Unbonding>, Vec<Unbonding>) = self.picture.unbonding.drain(..).partition(|entry| entry.completes_at <= time);
        self.picture.unbonding = left;
        for Unbonding { address, validator, started, balance, .. } in due {
            self.pay(&address, 0, balance);
            if started % 2 == 0 {
                self.picture.happened.push(Happened::Matured { address, validator, started, amount: balance });
            }
        }
    }

    /// Takes what can be claimed and gives it as released rewards.
    pub(crate) fn release(&mut self, address: &str, validator: &str) -> Released {
        let claimable = std::mem::take(&mut self.stake(address, validator).claimable);
        self.pay(address, 0, claimable);
        Released { validator: validator.to_owned(), denomination: DENOMINATIONS[0].to_owned(), amount: claimable }
    }

    fn settle(&mut self, dice: &mut Dice<'_>, address: &str, effects: Vec<Effect>, released: Vec<Released>) {
        let hash = format!("tx-{}-{}", self.picture.height, self.picture.transactions.len());
        self.settle_as(dice, (address, &hash, None), effects, released);
    }

    /// A transaction with a hash, and with the sequence number that it was signed with or the address's next one.
    pub(crate) fn settle_as(
        &mut self,
        dice: &mut Dice<'_>,
        (address, hash, sequence): (&str, &str, Option<u64>),
        effects: Vec<Effect>,
        released: Vec<Released>,
    ) {
        let fee = if dice.once_in(40) { 9 } else { u128::from(dice.below(6)) };
        let fee = self.take(address, 0, units(fee));
        let next = self.picture.sequences.iter_mut().find(|known| known.address == address);
        let next = next.map(|known| {
            known.next += 1;
            known.next - 1
        });
        let sequence = sequence.or(next).unwrap_or(self.picture.transactions.len() as u64);
        let (hash, address, fee_denomination) = (hash.to_owned(), address.to_owned(), DENOMINATIONS[0].to_owned());
        let succeeded = !(effects.is_empty() && released.is_empty());
        self.picture.transactions.push(Settled { hash, address, sequence, succeeded, fee_denomination, fee, effects, released });
    }

    /// One thing that can happen to a treasury.
    fn happen(&mut self, dice: &mut Dice<'_>, seen: &TreasurySeen) {
        let address = self.picture.liquid[0].address.clone();
        let validator = dice.one_of(&VALIDATORS);
        let stake = self.stake(&address, validator).stake;
        let mut which = dice.below(18);
        // Where orders are made, most transactions are theirs.
        if seen.policy.is_some() && [2, 3, 5, 6, 8, 9, 10, 11, 12, 14, 16].contains(&which) && dice.below(6) > 0 {
            which = 0;
        }
        match which {
            0 | 1 => {
                let earned = units(u128::from(dice.large()) * 10);
                let stake = self.stake(&address, validator);
                if !stake.stake.is_zero() {
                    stake.claimable = stake.claimable.plus(earned);
                }
            }
            2 => {
                let released = self.release(&address, validator);
                let amount = self.take(&address, 0, units(u128::from(dice.large()) * 1_000 + 1));
                self.bond(&address, validator, amount);
                let effects = vec![Effect::Delegated { validator: validator.to_owned(), amount }];
                self.settle(dice, &address, effects, vec![released]);
            }
            3 if stake.units() > 1_000 => {
                let released = self.release(&address, validator);
                let (amount, started) = (units(stake.units() / 5), self.picture.height);
                self.unbond(&address, validator, amount);
                let completes_at = Timestamp::from_ms(self.picture.time.ms() + UNBONDING_MS);
                let (owner, from) = (address.clone(), validator.to_owned());
                let is_there = self.picture.unbonding.iter().any(|entry| entry.validator == from && entry.started == started);
                if !is_there {
                    self.picture.unbonding.push(Unbonding { address: owner, validator: from, started, completes_at, balance: amount });
                } else if let Some(entry) =
                    self.picture.unbonding.iter_mut().find(|entry| entry.validator == from && entry.started == started)
                {
                    entry.balance = entry.balance.plus(amount);
                }
                let effects = vec![Effect::Undelegated { validator: validator.to_owned(), started, amount }];
                self.settle(dice, &address, effects, vec![released]);
            }
            4 | 15 => {
                // Mostly whom something was moved away from: that is where a slash reaches far.
                let left = self.picture.redelegations.last().map(|moved| moved.from.clone());
                let slashed = left.filter(|_| dice.below(4) > 0).unwrap_or_else(|| validator.to_owned());
                self.slash(dice, &slashed);
            }
            5 => {
                let stake = &mut self.stake(&address, validator).stake;
                *stake = if dice.below(2) == 0 { stake.left_after(Amount::ONE) } else { *stake };
            }
            6 => {
                let missing = units(u128::from(dice.below(3)) * 7);
                self.take(&address, usize::from(dice.below(2)), missing);
            }
            7 => {
                let hash = format!("stranger-{}", self.picture.height);
                let (coin, amount) = (usize::from(dice.below(2)), units(u128::from(dice.byte()) + 1));
                if self.picture.inflows.iter().all(|inflow| inflow.hash != hash) {
                    self.pay(&address, coin, amount);
                    let (from, denomination) = ("somebody".to_owned(), DENOMINATIONS[coin].to_owned());
                    self.picture.inflows.push(Inflow { hash, address, from, denomination, amount });
                }
            }
            8 | 9 => {
                let amount = self.take(&address, 0, units(u128::from(dice.large()) * 100 + 1));
                let (to, memo) = dice.one_of(&[DESTINATION, DESTINATION, DESTINATION, ("elsewhere", ""), (DESTINATION.0, "")]);
                let denomination = DENOMINATIONS[0].to_owned();
                let effects = vec![Effect::Sent { denomination, amount, to: to.to_owned(), memo: memo.to_owned() }];
                self.settle(dice, &address, effects, Vec::new());
            }
            10 => {
                let stake = &mut self.stake(&address, validator).claimable;
                *stake = stake.plus(units(2_000_000_000_000));
            }
            11 | 14 if stake.units() > 1_000 => {
                let (to, amount) = (VALIDATORS[(usize::from(dice.below(2)) + 1) % 3], units(stake.units() / 10));
                if to != validator {
                    let released = vec![self.release(&address, validator), self.release(&address, to)];
                    self.unbond(&address, validator, amount);
                    self.bond(&address, to, amount);
                    let until = Timestamp::from_ms(self.picture.time.ms() + UNBONDING_MS);
                    let (from, to) = (validator.to_owned(), to.to_owned());
                    let moved = Redelegation { address: address.clone(), from: from.clone(), to: to.clone(), until, amount };
                    self.picture.redelegations.push(moved);
                    self.settle(dice, &address, vec![Effect::Redelegated { from, to, amount }], released);
                }
            }
            12 => {
                if let Some(entry) = self.picture.unbonding.first().cloned() {
                    let amount = units(entry.balance.units() / 2);
                    self.picture.unbonding[0].balance = entry.balance.left_after(amount);
                    let released = self.release(&entry.address, &entry.validator);
                    self.bond(&entry.address, &entry.validator, amount);
                    let effects = vec![Effect::Cancelled { validator: entry.validator, started: entry.started, amount }];
                    self.settle(dice, &entry.address, effects, vec![released]);
                }
            }
            13 => {
                let (amount, validator) = (units(u128::from(dice.byte())), validator.to_owned());
                self.pay(&address, 1, amount);
                let released = Released { validator, denomination: DENOMINATIONS[1].to_owned(), amount };
                self.picture.happened.push(Happened::ReleasedTo { address, released });
            }
            16 => self.settle(dice, &address, Vec::new(), Vec::new()),
            _ => {
                let new = seen.addresses.iter().find(|address| !self.picture.addresses.contains(address));
                if let Some(new) = new {
                    self.picture.addresses.push(new.clone());
                    self.pay(new, 0, units(90));
                    self.bond(new, validator, units(10_000));
                }
            }
        }
    }

    pub(crate) fn bond(&mut self, address: &str, validator: &str, amount: Amount) {
        let stake = self.stake(address, validator);
        stake.stake = stake.stake.plus(amount);
        stake.shares = stake.shares.map(|shares| shares + amount.units());
    }

    pub(crate) fn unbond(&mut self, address: &str, validator: &str, amount: Amount) {
        let stake = self.stake(address, validator);
        stake.stake = stake.stake.left_after(amount);
        stake.shares = stake.shares.map(|shares| shares.saturating_sub(amount.units()));
    }

    /// A validator loses some hundredths, and with it whoever is there, on the way out, or went from there to another one.
    fn slash(&mut self, dice: &mut Dice<'_>, validator: &str) {
        let hundredths = u128::from(dice.below(5)) + 1;
        let time = self.picture.time;
        let came = self.picture.redelegations.iter().filter(|moved| moved.from == validator && moved.to != validator && moved.until > time);
        let came: Vec<Redelegation> = came.cloned().collect();
        for Redelegation { address, to, amount, .. } in came {
            let lost = units(amount.units() / 100 * hundredths);
            self.unbond(&address, &to, lost);
            let more = self.take(&address, 0, units(1_000));
            if dice.below(2) == 0 && !more.is_zero() {
                let released = self.release(&address, &to);
                self.bond(&address, &to, more);
                self.settle(dice, &address, vec![Effect::Delegated { validator: to, amount: more }], vec![released]);
            } else {
                self.pay(&address, 0, more);
            }
        }
        let left = |amount: Amount| units(amount.units() - amount.units() / 100 * hundredths);
        for one in self.picture.validators.iter_mut().filter(|one| one.validator == validator) {
            one.tokens = left(one.tokens);
        }
        for stake in self.picture.delegations.iter_mut().filter(|stake| stake.validator == validator) {
            stake.stake = left(stake.stake);
        }
        for entry in self.picture.unbonding.iter_mut().filter(|entry| entry.validator == validator) {
            entry.balance = left(entry.balance);
        }
    }

    /// Coins that the wallet sent arrive; some later than others.
    fn arrive(&mut self, dice: &mut Dice<'_>, seen: &TreasurySeen) {
        for (hash, address, coin, amount) in &seen.top_ups {
            if dice.below(3) > 0 && self.picture.addresses.contains(address) {
                self.pay(address, *coin, units(*amount));
                let (from, denomination) = ("the wallet".to_owned(), DENOMINATIONS[*coin].to_owned());
                let (hash, address) = (hash.clone(), address.clone());
                self.picture.inflows.push(Inflow { hash, address, from, denomination, amount: units(*amount) });
            }
        }
    }
}
