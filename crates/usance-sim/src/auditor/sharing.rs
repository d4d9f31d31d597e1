//! What customers bear of a loss, written from TREASURY.md 8: who would, what leaves less for it, who bears how much, and who gets back.
//!
//! The auditor remembers of each loss who bears it, and of each exit why something of it is withheld. What a position may have to bear is
//! added up anew whenever somebody asks.

use super::arithmetic::{floor, signed};
use super::bearing::{Bears, Shared, Who};
use super::verbs::REDEMPTIONS;
use super::{Account, Auditor};
use num_bigint::BigUint;

fn part(of: u128, units: u128, whole: u128) -> u128 {
    floor(&(BigUint::from(of) * units), whole)
}

/// What bears of two parts, in proportion: the Spot part is rounded down.
pub(super) fn both(units: u128, spot: u128, funding: u128) -> (u128, u128) {
    let to_spot = part(units, spot, spot + funding);
    (to_spot, units - to_spot)
}

impl Auditor {
    fn is_shared(&self, product: usize, asset: usize) -> bool {
        self.products[product].shared && self.products[product].asset == asset
    }

    /// Who would bear a loss that is found now, and how much of it.
    pub(super) fn who_bears(&mut self, asset: usize, lost: u128) -> Shared {
        let mut bearers = Vec::new();
        for number in 0..self.positions.len() {
            let position = &self.positions[number];
            let earning = position.earning_on(self.today);
            if !position.is_active() || !self.is_shared(position.product, asset) {
                continue;
            }
            let principal = earning.saturating_sub(self.may_bear(number));
            if principal > 0 {
                bearers.push(Bears { who: Who::Position(number), principal, most: 0, borne: 0 });
            }
        }
        for (place, exit) in self.exits.iter().enumerate() {
            let free = exit.left() - exit.withheld();
            if exit.waits() && exit.asset == asset && free > 0 && self.is_shared(exit.product, asset) {
                bearers.push(Bears { who: Who::Exit(place), principal: free, most: 0, borne: 0 });
            }
        }
        let places = self.net.as_ref().map(|net| net.places()).unwrap_or_default();
        let coins = ["treasury_liquid", "treasury_staked", "treasury_unbonding", "treasury_claimable", "in_transit"];
        let left = coins.map(|account| places.get(&(asset, account)).copied().unwrap_or_default().max(0).unsigned_abs());
        let all: u128 = left.iter().sum::<u128>() + lost;
        let principal: u128 = bearers.iter().map(|one| one.principal).sum();
        let at_most = part(lost, principal, all).min(lost).min(principal.saturating_sub(1));
        for one in &mut bearers {
            one.most = part(one.principal, at_most, principal);
            if let Who::Exit(place) = one.who {
                self.exits[place].own_withheld += one.most;
            }
        }
        Shared { bearers, at_most, to_bear: None, to_give: 0 }
    }

    /// The position that a position goes on as.
    fn goes_on_as(&self, mut number: usize) -> usize {
        while let Some(next) = self.positions[number].renewed_into {
            number = next - 1;
        }
        number
    }

    /// What a position that nobody continues may have to bear of losses of which nobody has said who bears them.
    fn may_bear(&self, number: usize) -> u128 {
        let open = self.losses.iter().filter(|lost| lost.borne.is_none() || lost.shared.to_bear.is_some());
        let bearers = open.flat_map(|lost| &lost.shared.bearers);
        let is_it = |one: &&Bears| matches!(one.who, Who::Position(of) if self.goes_on_as(of) == number);
        bearers.filter(is_it).map(|one| one.most).sum()
    }

    /// The places of exits that are kept for a position.
    fn kept_back(&self, number: usize) -> Vec<usize> {
        let is_kept = |place: &usize| {
            let exit = &self.exits[*place];
            exit.waits() && exit.kept_for_position > 0 && self.goes_on_as(exit.position) == number
        };
        (0..self.exits.len()).filter(is_kept).collect()
    }

    /// What more of a payout waits until two people have said who bears, where so much of its position earns on.
    pub(super) fn to_keep(&self, number: usize, earning: u128, payout: u128) -> u128 {
        let owed = self.may_bear(number);
        let kept: u128 = self.kept_back(number).into_iter().map(|place| self.exits[place].kept_for_position).sum();
        beside(owed, earning).saturating_sub(kept).min(payout)
    }

    /// What of a term that ends waits until two people have said who bears a loss.
    pub(super) fn keep_of_term(&mut self, number: usize, again: u128, (spot, funding): (u128, u128), at: i64) -> (u128, u128) {
        let units = self.to_keep(number, again, spot + funding);
        if units == 0 {
            return (0, 0);
        }
        let (to_spot, to_funding) = both(units, spot, funding);
        let promised = self.today;
        let redemption = self.count(REDEMPTIONS);
        self.wait(redemption, number, (to_spot, to_funding), units, promised, at);
        self.met.insert("what is withheld of a term that ended");
        (to_spot, to_funding)
    }

    /// Everybody whose turn it is, right behind whatever two people have said.
    pub(super) fn take_turns(&mut self, at: i64) {
        for loss in 0..self.losses.len() {
            if let Some(units) = self.losses[loss].shared.to_bear {
                self.bear_all(loss, units, at);
            }
            let units = std::mem::take(&mut self.losses[loss].shared.to_give);
            if units > 0 {
                self.give_back(loss, units, at);
            }
        }
    }

    fn bear_all(&mut self, loss: usize, units: u128, at: i64) {
        let (asset, whole) = (self.losses[loss].asset, self.losses[loss].shared.principal());
        let mut all = 0;
        for place in 0..self.losses[loss].shared.bearers.len() {
            let Bears { who, principal, most, .. } = self.losses[loss].shared.bearers[place];
            let asked = part(principal, units, whole);
            self.losses[loss].shared.bearers[place].most = 0;
            let (customer, borne) = match who {
                Who::Exit(exit) => {
                    self.exits[exit].own_withheld -= most;
                    self.exit_loses(exit, asked, at);
                    if most > asked {
                        self.met.insert("what was withheld comes free");
                    }
                    if asked > 0 {
                        self.met.insert("an exit that bears");
                    }
                    (self.exits[exit].customer, asked)
                }
                Who::Position(number) => {
                    let number = self.goes_on_as(number);
                    (self.positions[number].customer, self.position_bears(number, asked, at))
                }
            };
            self.losses[loss].shared.bearers[place].borne = borne;
            all += borne;
            if borne > 0 {
                self.now = self.now.max(at);
                self.write_down(("loss", customer, asset), (0, 0), at);
            }
        }
        self.losses[loss].shared.to_bear = None;
        self.pool[asset] -= signed(units - all);
        if let Some(borne) = &mut self.losses[loss].borne {
            (borne[3], borne[2]) = (all, borne[2] + units - all);
        }
    }

    /// Takes from what waits, in proportion to both of its parts.
    fn exit_loses(&mut self, place: usize, units: u128, at: i64) {
        let exit = &mut self.exits[place];
        let (spot, funding) = both(units, exit.to_spot, exit.to_funding);
        (exit.to_spot, exit.to_funding, exit.lost) = (exit.to_spot - spot, exit.to_funding - funding, exit.lost + units);
        if units > 0 && exit.left() == 0 {
            exit.over = Some(("lost", at));
        }
    }

    /// What was kept back for a position bears first, the oldest first; then what is staked, but never all that earns. What is kept back
    /// beyond what it may have to bear of other losses comes free. Gives what was borne.
    fn position_bears(&mut self, number: usize, asked: u128, at: i64) -> u128 {
        let kept = self.kept_back(number);
        let all: u128 = kept.iter().map(|place| self.exits[*place].kept_for_position).sum();
        let (today, active) = (self.today, self.positions[number].is_active());
        let earning = if active { self.positions[number].earning_on(today) } else { 0 };
        let from_exits = asked.min(all);
        let from_position = (asked - from_exits).min(earning.saturating_sub(1));
        let still = beside(self.may_bear(number), earning - from_position);
        let mut free = (all - from_exits).saturating_sub(still);
        let mut left = from_exits;
        for place in kept {
            let here = self.exits[place].kept_for_position;
            let bears = left.min(here);
            let comes_free = free.min(here - bears);
            (left, free) = (left - bears, free - comes_free);
            self.exits[place].kept_for_position -= bears + comes_free;
            self.exit_loses(place, bears, at);
            if bears > 0 {
                self.met.insert("what was withheld bears");
            }
            if comes_free > 0 {
                self.met.insert("what was withheld comes free");
            }
        }
        let position = &mut self.positions[number];
        let principal = position.principal();
        position.from_spot -= part(from_position, position.from_spot, principal);
        position.lost += from_position;
        let mut left = from_position;
        for lot in position.lots.iter_mut().filter(|lot| lot.value_date <= today) {
            let taken = lot.units.min(left);
            lot.units -= taken;
            left -= taken;
        }
        position.lots.retain(|lot| lot.units > 0);
        let continues = position.renewed_from.is_some();
        if from_position > 0 {
            self.met.insert(if continues { "a renewed position that bears" } else { "a position that bears" });
        }
        from_exits + from_position
    }

    fn give_back(&mut self, loss: usize, units: u128, at: i64) {
        let (asset, whole) = (self.losses[loss].asset, self.losses[loss].shared.bearers.iter().map(|one| one.borne).sum());
        let mut rest = units;
        for place in 0..self.losses[loss].shared.bearers.len() {
            let Bears { who, borne, .. } = self.losses[loss].shared.bearers[place];
            let customer = match who {
                Who::Exit(exit) => self.exits[exit].customer,
                Who::Position(number) => self.positions[number].customer,
            };
            let theirs = part(borne, units, whole);
            if theirs > 0 {
                rest -= theirs;
                self.now = self.now.max(at);
                self.give(customer, asset, Account::Funding, theirs);
                self.write_down(("loss_returned", customer, asset), (0, signed(theirs)), at);
                self.met.insert("what a customer gets back of a loss");
            }
        }
        self.pool[asset] += signed(rest);
    }
}

/// What has to be kept back beside so much that earns on, for what may have to be borne.
fn beside(owed: u128, earning: u128) -> u128 {
    if owed == 0 || earning == 0 { owed } else { (owed + 1).saturating_sub(earning) }
}
