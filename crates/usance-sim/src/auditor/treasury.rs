//! The treasury, written from TREASURY.md: what a picture changes, what the wallet says, what is covered.

use super::arithmetic::{MOST, read, signed};
use super::network::{Moving, Net, Story, Wallet, slashed};
use super::order_book::Orders;
use super::refused::{Refused, Told};
use super::verbs::{WALLET_MOVES, positive};
use super::{Account, Auditor};
use crate::facts::Facts;
use std::collections::{BTreeMap, BTreeSet};
use usance_core::machine::verb::{Attest, NewNetwork, TopUp};
use usance_core::person::proposal::DifferenceIs;
use usance_core::treasury::digest::digest;
use usance_core::treasury::order::OrderStanding;
use usance_core::treasury::picture::Picture;
use usance_workload::{OrderSeen, may_have_been};

/// How old an attestation may be.
pub(super) const FRESH_MS: i64 = 26 * 60 * 60 * 1000;

impl Auditor {
    pub(super) fn net(&self, name: &str) -> Result<&Net, Refused> {
        self.net.as_ref().filter(|net| net.name == name).ok_or_else(|| Refused::of("network_not_found"))
    }

    fn net_facts() -> Facts {
        Facts::of("network").with("number", 0)
    }

    pub(super) fn create_network(&mut self, asked: &NewNetwork) -> Told {
        if self.net.is_some() {
            return Err(Refused::of("already_exists"));
        }
        let coins: Result<Vec<_>, Refused> = asked.coins.iter().map(|(symbol, coin)| Ok((self.asset(symbol)?.0, coin.clone()))).collect();
        let coins = coins?;
        for (asset, _) in &coins {
            let last = self.counted[WALLET_MOVES];
            self.wallets.insert(*asset, Wallet { movements: vec![(last, self.custody[*asset])], attested: None });
        }
        self.net = Some(Net {
            name: asked.name.clone(),
            chain: asked.chain_id.clone(),
            coins,
            compounds: asked.terms.compounds,
            unbonding_ms: asked.terms.unbonding_ms,
            earned_at_most: asked.terms.earned_at_most.units().into(),
            slashed_at_most: asked.terms.slashed_at_most.units().into(),
            addresses: Vec::new(),
            destinations: Vec::new(),
            picture: None,
            aside: None,
            held: Vec::new(),
            differences: 0,
            moving: Vec::new(),
            orders: Orders::default(),
            last_slash: None,
            paying: super::paying::Paying::new(),
        });
        Ok(Auditor::net_facts())
    }

    pub(super) fn add_address(&mut self, name: &str, address: &str) -> Result<(), Refused> {
        self.net(name)?;
        let Some(net) = &mut self.net else { return Ok(()) };
        if net.addresses.iter().any(|known| known == address) || net.destinations.iter().any(|(known, _)| known == address) {
            return Err(Refused::of("already_exists"));
        }
        net.addresses.push(address.to_owned());
        Ok(())
    }

    pub(super) fn add_destination(&mut self, name: &str, address: &str, memo: &str) -> Result<(), Refused> {
        self.net(name)?;
        let Some(net) = &mut self.net else { return Ok(()) };
        let destination = (address.to_owned(), memo.to_owned());
        if net.destinations.contains(&destination) || net.addresses.iter().any(|known| known == address) {
            return Err(Refused::of("already_exists"));
        }
        net.destinations.push(destination);
        Ok(())
    }

    /// Remembers a movement of the wallet; what has no number of its own gets one.
    pub(super) fn moved_by_wallet(&mut self, asset: usize, is_counted: bool) {
        if self.wallets.contains_key(&asset) {
            if !is_counted {
                self.count(WALLET_MOVES);
            }
            let (number, custody) = (self.counted[WALLET_MOVES], self.custody[asset]);
            if let Some(wallet) = self.wallets.get_mut(&asset) {
                wallet.movements.push((number, custody));
            }
        }
    }

    /// What the wallet has of an asset for sure; nothing is asked where no treasury has begun.
    pub(super) fn held_by_wallet(&self, asset: usize) -> Option<i128> {
        let net = self.net.as_ref().filter(|net| net.picture.is_some() && net.coins.iter().any(|(own, _)| *own == asset))?;
        let _ = net;
        let (amount, _, _, then) = self.wallets.get(&asset)?.attested.unwrap_or((0, 0, 0, self.custody[asset]));
        Some((signed(amount) + self.custody[asset] - then).min(self.custody[asset]))
    }

    /// What customers may take beyond what is theirs already.
    pub(super) fn covered(&self, asset: usize) -> Option<i128> {
        let of = |account| -> i128 {
            self.balances.iter().filter(|((_, own, which), _)| *own == asset && *which == account).map(|(_, units)| signed(*units)).sum()
        };
        Some(self.held_by_wallet(asset)? - of(Account::Spot) - of(Account::Funding))
    }

    pub(super) fn covers(&self, asset: usize, units: u128) -> Result<(), Refused> {
        match self.covered(asset) {
            Some(covered) if covered < signed(units) => Err(Refused::about("coverage_insufficient", asset).with("covered", covered)),
            _ => Ok(()),
        }
    }

    pub(super) fn attest(&mut self, asked: &Attest, at: i64) -> Told {
        let (asset, decimals) = self.asset(&asked.asset)?;
        let wallet = self.wallets.get(&asset).ok_or_else(|| Refused::of("network_not_found"))?;
        let units = read(&asked.amount, decimals).filter(|units| *units <= MOST).ok_or_else(|| Refused::amount("amount"))?;
        let older = wallet.attested.is_some_and(|(_, when, movement, _)| asked.at.ms() < when || asked.movement < movement);
        let custody = wallet.movements.iter().rev().find(|(number, _)| *number == asked.movement).map(|(_, custody)| *custody);
        let (Some(custody), false, false) = (custody, older, asked.at.ms() > at) else { return Err(Refused::of("terms_invalid")) };
        if let Some(wallet) = self.wallets.get_mut(&asset) {
            wallet.attested = Some((units, asked.at.ms(), asked.movement, custody));
            wallet.movements.retain(|(number, _)| *number >= asked.movement);
        }
        let facts = Facts::of("attested").with("asset", asset).with("amount", units).with("at", asked.at.ms());
        Ok(facts.with("movement", asked.movement).with_some("covered", self.covered(asset)))
    }

    fn moving_facts(&self, sweep: bool, asset: usize, units: u128, hash: &str) -> Facts {
        let facts = Facts::of("moving").with("sweep", sweep).with("asset", asset).with("amount", units);
        facts.with("hash", hash).with("movement", self.counted[WALLET_MOVES])
    }

    pub(super) fn top_up(&mut self, asked: &TopUp, at: i64) -> Told {
        let net = self.net(&asked.network)?;
        let (asset, decimals) = self.asset(&asked.asset)?;
        let coin = net.coins.iter().position(|(own, _)| *own == asset).ok_or_else(|| Refused::of("terms_invalid"))?;
        if !net.addresses.contains(&asked.address) {
            return Err(Refused::of("terms_invalid"));
        }
        let units = positive(&asked.amount, decimals, "amount")?;
        if !net.picture.as_ref().is_some_and(|picture| picture.addresses.contains(&asked.address)) {
            return Err(Refused::of("terms_invalid"));
        }
        let reference = format!("top-up {} {asset} {}", asked.address, asked.hash);
        if self.references.contains(&reference) {
            return Err(Refused::of("already_exists"));
        }
        if let Some(number) = asked.order {
            self.ordered_top_up(number, coin, (&asked.address, units), at)?;
        }
        if self.custody[asset] < signed(units) {
            return Err(Refused::about("insufficient_balance", asset).with("available", self.custody[asset]));
        }
        self.covers(asset, units)?;
        self.references.insert(reference);
        let stranger = Some((asked.hash.clone(), asked.address.clone()));
        self.custody[asset] -= signed(units);
        let Some(net) = &mut self.net else { return Err(Refused::of("network_not_found")) };
        let seen = net.held.iter().position(|held| held.coin == coin && held.units == signed(units) && held.stranger == stranger);
        match seen {
            Some(place) => drop(net.held.remove(place)),
            None => {
                let (hash, address) = (asked.hash.clone(), asked.address.clone());
                net.moving.push(Moving { sweep: false, hash, address, coin, units, left_at: self.deciding_at });
            }
        }
        if let Some(number) = asked.order {
            self.top_up_is_sent(number, &asked.hash, seen.is_some());
        }
        self.moved_by_wallet(asset, false);
        Ok(self.moving_facts(false, asset, units, &asked.hash))
    }

    pub(super) fn sweep(&mut self, name: &str, hash: &str) -> Told {
        let net = self.net(name)?;
        let found = net.moving.iter().find(|moving| moving.sweep && moving.hash == hash).cloned();
        let moving = found.ok_or_else(|| Refused::of("transfer_not_found"))?;
        let asset = net.coins[moving.coin].0;
        if let Some(net) = &mut self.net {
            let first = net.moving.iter().position(|other| other.sweep && other.hash == hash);
            first.map(|first| net.moving.remove(first));
        }
        self.custody[asset] += signed(moving.units);
        self.moved_by_wallet(asset, false);
        Ok(self.moving_facts(true, asset, moving.units, hash))
    }

    pub(super) fn observe(&mut self, name: &str, picture: &Picture, at: i64) -> Told {
        let net = self.net(name)?;
        let number = net.picture.as_ref().map_or(1, |before| before.number + 1);
        let back = net.picture.as_ref().is_some_and(|before| picture.height <= before.height || picture.time < before.time);
        let first_with_past =
            net.picture.is_none() && !(picture.transactions.is_empty() && picture.inflows.is_empty() && picture.happened.is_empty());
        let mut lines = BTreeSet::new();
        let twice = picture.liquid.iter().any(|line| !lines.insert((&line.address, &line.denomination)));
        let told = |address: &String| picture.addresses.contains(address);
        let foreign = picture.liquid.iter().any(|line| !told(&line.address)) || picture.delegations.iter().any(|line| !told(&line.address));
        let foreign = foreign || picture.addresses.iter().any(|address| !net.addresses.contains(address)) || picture.addresses.is_empty();
        let forgotten = net.picture.iter().flat_map(|before| &before.addresses).any(|address| !told(address));
        let wrong = picture.chain_id != net.chain || picture.number != number || picture.time.ms() > at;
        if wrong || back || twice || foreign || forgotten || first_with_past {
            return Err(Refused::of("picture_refused"));
        }
        let story = net.story(picture);
        let aside = story.aside;
        match aside {
            Some(reason) => {
                if let Some(net) = &mut self.net {
                    net.aside = Some((picture.clone(), reason));
                }
            }
            None => self.take_picture(picture.clone(), story),
        }
        Ok(self.picture_facts(picture.number, aside))
    }

    fn picture_facts(&self, number: u64, aside: Option<&str>) -> Facts {
        let held = self.net.as_ref().map_or(0, |net| net.held.len());
        Facts::of("picture").with("number", number).with_some("aside", aside).with("held_apart", held)
    }

    fn take_picture(&mut self, picture: Picture, story: Story) {
        let staked = self.net.as_ref().map_or(usize::MAX, |net| net.coins[0].0);
        let (waits, today) = (self.has_passing(staked), self.today);
        let Some(net) = &mut self.net else { return };
        let mut earned = 0;
        for ((asset, account), units) in story.books {
            match account {
                "custody" => self.custody[asset] += units,
                // The day's close divides what was earned, where a product passes it on.
                "reward_pool" if waits => earned += units.unsigned_abs(),
                "reward_pool" => self.pool[asset] += units,
                _ => *self.treasury_books.entry((asset, account)).or_default() += units,
            }
        }
        net.paying.counts(today, earned);
        net.differences += story.held.len() as u64;
        net.held.extend(story.held);
        net.moving.retain(|moving| moving.sweep || !story.arrived.contains(&(moving.hash.clone(), moving.address.clone(), moving.coin)));
        net.moving.extend(story.begun);
        for (number, standing) in story.ends {
            if let Some(order) = net.orders.all.get_mut(&number) {
                (order.standing, order.picture, order.signed) = (standing, Some(picture.number), None);
            }
        }
        let slashed: BTreeSet<String> = net.picture.iter().flat_map(|before| slashed(before, &picture)).map(str::to_owned).collect();
        net.look(&picture, &slashed);
        net.orders.plan_due = true;
        let (number, gone) = (picture.number, story.slashed.values().sum::<i128>().unsigned_abs());
        if !story.slashed.is_empty() {
            net.last_slash = Some((picture.time.ms(), story.slashed));
        }
        net.picture = Some(picture);
        net.aside = None;
        if gone > 0 {
            self.lose(staked, gone, format!("picture {number}"));
        }
    }

    pub(super) fn confirm_picture(&mut self, name: &str, number: u64, signed: &str) -> Result<(), Refused> {
        let net = self.net(name)?;
        let aside = net.aside.clone().filter(|(picture, _)| picture.number == number && digest(picture) == signed);
        let (picture, _) = aside.ok_or_else(|| Refused::of("picture_not_found"))?;
        let story = net.story(&picture);
        let changes: BTreeMap<usize, i128> =
            net.coins.iter().map(|(asset, _)| (*asset, story.books.get(&(*asset, "custody")).copied().unwrap_or_default())).collect();
        let begins = net.picture.is_none() || picture.addresses.iter().any(|address| net.is_new(address) && net.brings(&picture, address));
        if begins {
            for (asset, _) in &net.coins {
                let fresh = self.wallets[asset].attested.is_some_and(|(_, when, ..)| self.deciding_at - when <= FRESH_MS);
                if !fresh {
                    return Err(Refused::of("terms_invalid"));
                }
                if self.custody[*asset] + changes[asset] < 0 {
                    return Err(Refused::about("insufficient_balance", *asset).with("available", self.custody[*asset]));
                }
            }
        }
        self.take_picture(picture, story);
        for (asset, change) in changes {
            if let Some(wallet) = self.wallets.get_mut(&asset) {
                wallet.movements.iter_mut().for_each(|(_, custody)| *custody += change);
                wallet.attested = wallet.attested.map(|(amount, at, movement, custody)| (amount, at, movement, custody + change));
            }
        }
        Ok(())
    }

    pub(super) fn explain_difference(&mut self, name: &str, number: u64, was: DifferenceIs) -> Result<(), Refused> {
        let net = self.net(name)?;
        let held = net.held.iter().find(|held| held.number == number).cloned().ok_or_else(|| Refused::of("difference_not_found"))?;
        let account = match was {
            DifferenceIs::OtherIncome => "other_income",
            DifferenceIs::Loss => "slashing_loss",
            DifferenceIs::Fee => "network_fees",
            DifferenceIs::Known => "nothing",
        };
        if (was == DifferenceIs::Known) != held.unordered {
            return Err(Refused::of("terms_invalid"));
        }
        if was != DifferenceIs::Known && (was == DifferenceIs::OtherIncome) != (held.units > 0) {
            return Err(Refused::of("terms_invalid"));
        }
        let asset = net.coins[held.coin].0;
        *self.treasury_books.entry((asset, account)).or_default() += signed(held.units.unsigned_abs());
        if let Some(net) = &mut self.net {
            net.held.retain(|other| other.number != number);
        }
        if was == DifferenceIs::Loss {
            self.lose(asset, held.units.unsigned_abs(), format!("difference {number}"));
        }
        Ok(())
    }

    /// The treasury's side of an asset's books.
    #[must_use]
    pub fn treasury_facts(&self, asset: usize) -> Facts {
        let places = self.net.as_ref().map(Net::places).unwrap_or_default();
        let of = |account| places.get(&(asset, account)).or(self.treasury_books.get(&(asset, account))).copied().unwrap_or_default();
        let mut facts = Facts::of("treasury").with("asset", asset);
        for account in ["in_transit", "treasury_liquid", "treasury_staked", "treasury_unbonding", "treasury_claimable"] {
            facts = facts.with(account, places.get(&(asset, account)).copied().unwrap_or_default());
        }
        let own =
            ["loss_reserve", "commission_income", "other_income", "opening_equity", "slashing_loss", "network_fees", "network_rounding"];
        for account in own {
            facts = facts.with(account, of(account));
        }
        facts = facts.with("yield_undistributed", self.yield_undistributed(asset));
        facts.with_some("covered", self.covered(asset))
    }

    /// What waits of a treasury.
    #[must_use]
    pub fn waiting_facts(&self) -> Option<Facts> {
        let net = self.net.as_ref()?;
        let held: Vec<String> =
            net.held.iter().map(|held| format!("{}:{}:{}:{}", held.number, held.account, held.coin, held.units)).collect();
        let moving = net.moving.iter().map(|moving| format!("{}:{}:{}:{}", moving.sweep, moving.hash, moving.coin, moving.units));
        let by_validator = |units: &BTreeMap<String, i128>| {
            let lines: Vec<String> = units.iter().map(|(validator, units)| format!("{validator}:{units}")).collect();
            lines.join(" ")
        };
        Some(
            Facts::of("waiting")
                .with("stakes", by_validator(&net.stakes()))
                .with_some("slash", net.last_slash.as_ref().map(|(at, taken)| format!("{at} {}", by_validator(taken))))
                .with("addresses", net.addresses.len())
                .with("destinations", net.destinations.len())
                .with_some("picture", net.picture.as_ref().map(|picture| picture.number))
                .with_some("aside", net.aside.as_ref().map(|(_, reason)| *reason))
                .with("differences", net.differences)
                .with("held", held.join(" "))
                .with("moving", moving.collect::<Vec<_>>().join(" ")),
        )
    }

    /// What an agent, a wallet and people see.
    #[must_use]
    pub fn treasury_seen(&self) -> usance_workload::TreasurySeen {
        let name = |person: &usize| self.people[*person].name.clone();
        let open = (1..).zip(&self.proposals).filter(|(_, proposal)| proposal.over.is_none() && proposal.expires_at > self.now);
        let mut seen = usance_workload::TreasurySeen {
            people: self.people.iter().filter(|person| !person.removed).map(|person| person.name.clone()).collect(),
            open: open.map(|(number, proposal)| (number, proposal.approved_by.iter().map(name).collect())).collect(),
            ..usance_workload::TreasurySeen::default()
        };
        let Some(net) = &self.net else { return seen };
        seen.is_created = true;
        seen.addresses = net.addresses.clone();
        seen.has_destination = !net.destinations.is_empty();
        seen.picture = net.picture.clone();
        seen.aside = net.aside.as_ref().map(|(picture, _)| picture.clone());
        seen.differences = net.held.iter().map(|held| (held.number, may_have_been(held.unordered, held.units < 0))).collect();
        seen.policy = net.orders.policy.as_ref().map(|(version, _)| *version);
        seen.epoch = net.orders.epoch;
        let live = net.orders.all.iter().filter(|(_, order)| order.is_live());
        let order = |(number, order): (&u64, &super::order_book::Order)| OrderSeen {
            number: *number,
            planned: order.planned.clone(),
            standing: standing(order.standing_at(self.now)),
            approved_by: order.approved_by.iter().map(name).collect(),
            hash: order.hash.clone(),
            sequence: order.signed.map(|(sequence, _)| sequence),
        };
        seen.orders = live.map(order).collect();
        for moving in &net.moving {
            if moving.sweep {
                seen.sweeps.push(moving.hash.clone());
            } else {
                seen.top_ups.push((moving.hash.clone(), moving.address.clone(), moving.coin, moving.units));
            }
        }
        let wallet = |(asset, _): &(usize, String)| {
            let wallet = &self.wallets[asset];
            let fresh = wallet.attested.is_some_and(|(_, when, ..)| self.now - when <= FRESH_MS);
            (wallet.movements.last().map(|(number, _)| *number), fresh)
        };
        seen.wallet = net.coins.iter().map(wallet).collect();
        let owed = |(asset, _): &(usize, String)| {
            self.balances.iter().filter(|((_, own, _), _)| own == asset).map(|(_, units)| *units).sum::<u128>()
        };
        seen.owed = net.coins.iter().map(owed).collect();
        seen.waiting = net.coins.iter().map(|(asset, _)| self.queued(*asset)).collect();
        seen.exits = self.exits_seen();
        let commission = self.treasury_books.get(&(net.coins[0].0, "commission_income")).copied().unwrap_or_default();
        seen.has_terms = net.paying.has_terms();
        seen.commission = commission.unsigned_abs();
        seen.reserve = self.treasury_books.get(&(net.coins[0].0, "loss_reserve")).copied().unwrap_or_default().unsigned_abs();
        seen.losses = self.losses_seen();
        let strays = net.held.iter().filter(|held| held.coin == 0 && held.units >= 0);
        seen.strays = strays.map(|held| (held.number, held.units.unsigned_abs())).collect();
        seen
    }
}

/// The machine's word for where an order stands, which whoever asks next reads.
fn standing(word: &str) -> OrderStanding {
    OrderStanding::ALL.into_iter().find(|standing| standing.word() == word).unwrap_or(OrderStanding::Proposed)
}
