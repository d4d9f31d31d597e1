//! Exits, written from TREASURY.md 6: what is there at once, who waits for what and in which order, by when it was promised, what comes
//! to whom, what waiting longer earns, and how somebody who waits stakes again.
//!
//! An exit keeps the numerators of all its days as a position does. Whoever changes the wallet, the books or the day calls
//! [`Auditor::pay_exits`] behind it.

use super::arithmetic::{D, DAY_MS, floor, numerator, read, signed};
use super::line::Exit;
use super::refused::{Refused, Told};
use super::staking::{Entering, Figures};
use super::treasury::FRESH_MS;
use super::verbs::SUBSCRIPTIONS;
use super::{Account, Auditor};
use crate::facts::Facts;
use num_bigint::BigUint;
use std::rc::Rc;
use usance_core::machine::verb::Redeem;

impl Auditor {
    fn in_line(&self, asset: usize) -> impl Iterator<Item = &Exit> {
        self.exits.iter().filter(move |exit| exit.asset == asset && exit.waits())
    }

    /// Principal of an asset that waits for coins.
    #[must_use]
    pub fn queued(&self, asset: usize) -> u128 {
        self.in_line(asset).map(Exit::left).sum()
    }

    /// Whether a treasury has begun.
    #[must_use]
    pub fn has_treasury(&self) -> bool {
        self.net.as_ref().is_some_and(|net| net.picture.is_some())
    }

    /// Whether the wallet's word on an asset may be relied on.
    fn is_word_fresh(&self, asset: usize, at: i64) -> bool {
        let attested = self.wallets.get(&asset).and_then(|wallet| wallet.attested);
        attested.is_some_and(|(_, when, ..)| at - when <= FRESH_MS)
    }

    /// What a customer may take at once; without a bound where no treasury has begun.
    fn at_once(&self, asset: usize, customer: usize, at: i64) -> Option<u128> {
        let covered = self.covered(asset)?;
        if covered < 0 || !self.is_word_fresh(asset, at) {
            return Some(0);
        }
        let covered = covered.unsigned_abs();
        if self.in_line(asset).next().is_none() {
            return Some(covered);
        }
        let allowed = self.allowances.get(&asset).copied().unwrap_or_default();
        let taken = self.taken_at_once.get(&(asset, customer, self.day_of(at))).copied().unwrap_or_default();
        Some(covered.min(covered.saturating_sub(self.queued(asset)).max(allowed.saturating_sub(taken))))
    }

    /// The day in which what is covered, and then what comes, first reaches an amount.
    fn expected(&self, asset: usize, units: u128, at: i64) -> i64 {
        let mut there = self.covered(asset).unwrap_or_default();
        let Some(net) = self.net.as_ref().filter(|_| there < signed(units)) else { return self.day_of(at) };
        let is_it = |coin: usize| net.coins[coin].0 == asset;
        let mut comes: Vec<(i64, i128)> = vec![(at + DAY_MS, net.places().get(&(asset, "treasury_liquid")).copied().unwrap_or_default())];
        for moving in net.moving.iter().filter(|moving| moving.sweep && is_it(moving.coin)) {
            let arrives = moving.left_at + DAY_MS;
            comes.push((if arrives < at { at + DAY_MS } else { arrives }, signed(moving.units)));
        }
        for line in net.picture.iter().filter(|_| is_it(0)).flat_map(|picture| &picture.unbonding) {
            comes.push((line.completes_at.ms().max(at) + DAY_MS, signed(line.balance.units())));
        }
        comes.sort_by_key(|(when, _)| *when);
        for (when, units_then) in comes {
            there += units_then.max(0);
            if there >= signed(units) {
                return self.day_of(when);
            }
        }
        self.day_of(at + net.unbonding_ms + DAY_MS)
    }

    /// What of a redemption's payout waits until two people have said who bears a loss.
    #[must_use]
    pub fn withheld_of(&self, number: usize, figures: &Figures) -> u128 {
        let position = &self.positions[number];
        let (earning, pending) = (position.earning_on(self.today), position.principal() - position.earning_on(self.today));
        self.to_keep(number, earning - figures.principal.saturating_sub(pending), figures.payout)
    }

    /// Whether a redemption is paid at once, and if not, what would be and by when the rest.
    fn unavailable(&self, number: usize, figures: &Figures, at: i64) -> Option<(u128, i64)> {
        let (customer, asset) = (self.positions[number].customer, self.products[self.positions[number].product].asset);
        let more = figures.payout.saturating_sub(figures.clawback_from_funding).saturating_sub(self.withheld_of(number, figures));
        let available = self.at_once(asset, customer, at).filter(|available| *available < more)?;
        Some((available, self.expected(asset, self.queued(asset) + more, at)))
    }

    /// What a preview of a redemption says of when it is paid.
    #[must_use]
    pub fn outlook_of_exit(&self, number: usize, figures: &Figures, at: i64) -> Facts {
        let later = self.unavailable(number, figures, at);
        Facts::of("exit")
            .with("withheld", self.withheld_of(number, figures))
            .with_some("available", later.map(|(available, _)| available))
            .with_some("expected", later.map(|(_, expected)| expected))
    }

    /// The last check of a redemption that is to be paid at once.
    pub(super) fn check_at_once(&self, number: usize, figures: &Figures, at: i64) -> Result<(), Refused> {
        let asset = self.products[self.positions[number].product].asset;
        match self.unavailable(number, figures, at) {
            None => Ok(()),
            Some((available, expected)) => {
                Err(Refused::about("instant_exit_unavailable", asset).with("available", available).with("expected", expected))
            }
        }
    }

    /// What is taken at once while anyone waits counts against the allowance.
    pub(super) fn count_at_once(&mut self, number: usize, figures: &Figures, withheld: u128, at: i64) {
        let (customer, asset) = (self.positions[number].customer, self.products[self.positions[number].product].asset);
        if self.in_line(asset).next().is_some() {
            let more = (figures.payout - withheld).saturating_sub(figures.clawback_from_funding);
            *self.taken_at_once.entry((asset, customer, self.day_of(at))).or_default() += more;
        }
    }

    pub(super) fn queue_exit(&mut self, asked: &Redeem, at: i64) -> Told {
        let (number, figures) = self.quoted_redemption(asked)?;
        let product = self.positions[number].product;
        let asset = self.products[product].asset;
        if figures.payout == 0 || self.covered(asset).is_none() {
            return Ok(self.pay_at_once(number, &figures, at));
        }
        let withheld = self.withheld_of(number, &figures);
        let waits = (figures.to_spot, figures.payout - figures.to_spot);
        let promised = self.expected(asset, self.queued(asset) + figures.payout, at);
        let redemption = self.leave_position(number, &figures, at);
        self.wait(redemption, number, waits, withheld, promised, at);
        if withheld > 0 {
            self.met.insert("what is withheld of an exit");
        }
        Ok(self.queued_facts(redemption, number, &figures))
    }

    pub(super) fn queued_facts(&self, redemption: u64, number: usize, figures: &Figures) -> Facts {
        let early = self.products[self.positions[number].product].term.is_some();
        let waits = self.exits.last().map_or((0, 0, 0), |exit| (exit.queued, exit.kept_for_position, exit.promised));
        Facts::of("exit queued")
            .with("redemption", redemption)
            .with("early", early)
            .with("waits", waits.0)
            .with("withheld", waits.1)
            .with("promised", waits.2)
            .with_all(figures.facts())
            .with_all(self.position_facts(number))
    }

    /// Puts what left a position at the end of its line.
    pub(super) fn wait(
        &mut self,
        redemption: u64,
        position: usize,
        (to_spot, to_funding): (u128, u128),
        kept_for_position: u128,
        promised: i64,
        at: i64,
    ) {
        let (customer, product) = (self.positions[position].customer, self.positions[position].product);
        self.exits.push(Exit {
            redemption,
            customer,
            asset: self.products[product].asset,
            product,
            position,
            queued: to_spot + to_funding,
            own_withheld: 0,
            kept_for_position,
            lost: 0,
            to_spot,
            to_funding,
            queued_at: at,
            promised,
            earned_through: promised,
            numerators: BigUint::default(),
            rewarded: 0,
            over: None,
        });
    }

    /// The place of a customer's own exit.
    pub(super) fn own_exit(&self, customer: &str, redemption: u64) -> Result<usize, Refused> {
        let customer = self.customer(customer)?;
        let mine = self.exits.iter().position(|exit| exit.redemption == redemption && exit.customer == customer);
        mine.ok_or_else(|| Refused::of("exit_not_found"))
    }

    pub(super) fn cancel_exit(&mut self, customer: &str, redemption: u64, agreement: &str, at: i64) -> Told {
        let place = self.own_exit(customer, redemption)?;
        let Exit { customer, product, to_spot, .. } = self.exits[place];
        if !self.exits[place].waits() {
            return Err(Refused::of("exit_not_waiting"));
        }
        if self.exits[place].withheld() > 0 {
            return Err(Refused::about("exit_withheld", self.exits[place].asset).with("withheld", self.exits[place].withheld()));
        }
        let units = self.exits[place].left();
        self.check_entry(customer, product, agreement, at, || Ok(units))?;
        let adds_to = self.check_whole(customer, product, units)?;
        let exit = &mut self.exits[place];
        (exit.to_spot, exit.to_funding, exit.over) = (0, 0, Some(("cancelled", at)));
        let entering = Entering { customer, product, units, from_spot: to_spot, adds_to, value_date: self.value_date(at) };
        let number = self.enter(&entering, false, at);
        let id = self.count(SUBSCRIPTIONS);
        let facts = Facts::of("exit cancelled").with("redemption", redemption).with("subscription", id);
        Ok(facts.with_all(self.position_facts(number)))
    }

    pub(super) fn set_exit_allowance(&mut self, symbol: &str, allowance: &str) -> Told {
        let (asset, decimals) = self.asset(symbol)?;
        if !self.wallets.contains_key(&asset) {
            return Err(Refused::of("network_not_found"));
        }
        let units = read(allowance, decimals).ok_or_else(|| Refused::amount("amount"))?;
        self.allowances.insert(asset, units);
        Ok(Facts::of("exit allowance").with("asset", asset).with("allowance", units))
    }

    /// What has to be paid to whoever waits, in this instant: after whose turn it is to bear a loss, first what waiting earned for closed days, then what is covered.
    pub(super) fn pay_exits(&mut self, at: i64) {
        self.take_turns(at);
        let last = self.today - 1;
        let mut behind: Vec<usize> =
            (0..self.exits.len()).filter(|place| self.exits[*place].waits() && self.exits[*place].earned_through < last).collect();
        // Who is furthest behind comes first.
        behind.sort_by_key(|place| (self.exits[*place].earned_through, *place));
        for place in behind {
            self.now = self.now.max(at);
            self.earn_by_waiting(place, last, at);
        }
        for asset in 0..self.assets.len() {
            while self.is_word_fresh(asset, at) && self.pay_head(asset, at) {
                self.now = self.now.max(at);
            }
        }
    }

    fn earn_by_waiting(&mut self, place: usize, through: i64, at: i64) {
        let exit = &mut self.exits[place];
        for day in exit.earned_through + 1..=through {
            exit.numerators += numerator(&self.products[exit.product].paid(day), exit.to_spot + exit.to_funding);
        }
        exit.earned_through = through;
        let all = floor(&exit.numerators, D);
        let reward = all - exit.rewarded;
        exit.rewarded = all;
        let (customer, asset) = (exit.customer, exit.asset);
        if reward > 0 {
            self.pool[asset] -= signed(reward);
            self.give(customer, asset, Account::Funding, reward);
            self.write_down(("exit_reward", customer, asset), (0, signed(reward)), at);
        }
    }

    /// Whether the head of a line got something.
    fn pay_head(&mut self, asset: usize, at: i64) -> bool {
        let Some(covered) = self.covered(asset).filter(|covered| *covered > 0) else { return false };
        let may_get = |exit: &&mut Exit| exit.asset == asset && exit.waits() && exit.left() > exit.withheld();
        let Some(head) = self.exits.iter_mut().find(may_get) else { return false };
        let there = covered.unsigned_abs().min(head.left() - head.withheld());
        let to_spot = head.to_spot.min(there);
        let to_funding = head.to_funding.min(there - to_spot);
        head.to_spot -= to_spot;
        head.to_funding -= to_funding;
        if head.left() == 0 {
            head.over = Some(("paid", at));
        }
        let customer = head.customer;
        self.give(customer, asset, Account::Spot, to_spot);
        self.give(customer, asset, Account::Funding, to_funding);
        self.write_down(("exit_payment", customer, asset), (signed(to_spot), signed(to_funding)), at);
        true
    }

    /// A line of a customer's history: what it was, and what came to both accounts.
    pub(super) fn write_down(&mut self, (kind, customer, asset): (&'static str, usize, usize), (spot, funding): (i128, i128), at: i64) {
        let line = Facts::of("history").with("at", at).with("kind", kind).with("customer", customer).with("asset", asset);
        self.journal.push(Rc::new(line.with("spot", spot).with("funding", funding)));
    }

    /// An exit, by its place among all that ever waited.
    #[must_use]
    pub fn exit_facts(&self, place: usize) -> Facts {
        let exit = &self.exits[place];
        let rest = u64::try_from(&exit.numerators % D).unwrap_or(u64::MAX);
        Facts::of("exit")
            .with("redemption", exit.redemption)
            .with("customer", exit.customer)
            .with("asset", exit.asset)
            .with("product", exit.product)
            .with("position", exit.position + 1)
            .with("queued", exit.queued)
            .with("withheld", exit.withheld())
            .with("kept_for_position", exit.kept_for_position)
            .with("lost", exit.lost)
            .with("to_spot", exit.to_spot)
            .with("to_funding", exit.to_funding)
            .with("queued_at", exit.queued_at)
            .with("promised", exit.promised)
            .with("earned_through", exit.earned_through)
            .with("carry", rest)
            .with("standing", exit.over.map_or("waiting", |(became, _)| became))
            .with_some("ended_at", exit.over.map(|(_, at)| at))
            .with("ahead", self.in_line(exit.asset).take_while(|other| other.redemption < exit.redemption).map(Exit::left).sum::<u128>())
    }

    /// Who waits of an asset.
    #[must_use]
    pub fn line_facts(&self, asset: usize) -> Facts {
        let order: Vec<String> = self.in_line(asset).map(|exit| exit.redemption.to_string()).collect();
        Facts::of("line")
            .with("asset", asset)
            .with("exits", order.len())
            .with("order", order.join(" "))
            .with("waiting", self.queued(asset))
            .with("allowance", self.allowances.get(&asset).copied().unwrap_or_default())
    }

    /// A customer's exits, newest first.
    #[must_use]
    pub fn exits_of(&self, customer: usize) -> Vec<u64> {
        self.exits.iter().rev().filter(|exit| exit.customer == customer).map(|exit| exit.redemption).collect()
    }

    /// Every exit for whoever may ask for it: its number, whose it is, whether it waits.
    #[must_use]
    pub fn exits_seen(&self) -> Vec<(u64, String, bool)> {
        self.exits.iter().map(|exit| (exit.redemption, self.customers[exit.customer].clone(), exit.waits())).collect()
    }

    /// Whether a redemption would be paid at once; nothing where no treasury has begun.
    #[must_use]
    pub fn is_at_once(&self, number: usize, figures: &Figures, at: i64) -> Option<bool> {
        self.covered(self.products[self.positions[number].product].asset)?;
        Some(self.unavailable(number, figures, at).is_none())
    }
}
