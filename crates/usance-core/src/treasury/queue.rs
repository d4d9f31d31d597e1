//! The queue of exits: principal that left its position and waits for coins (TREASURY 6).
//!
//! One line per asset, first in, first out. Exits are numbered by their redemptions, which only grow, and are kept for ever: what became
//! of one can always be told. Nothing here decides: whoever changes it has checked what is covered.

use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AssetIx, CustomerIx, PositionId, ProductIx};
use crate::money::Amount;
use crate::pieces::Column;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The end of a chain of exits.
const NONE: u32 = u32::MAX;

/// Where an exit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStanding {
    /// It waits for coins.
    Waiting,
    /// It was paid whole.
    Paid,
    /// What still waited was staked again.
    Cancelled,
    /// What still waited was borne of a loss.
    Lost,
}

impl ExitStanding {
    /// Every standing.
    pub const ALL: [ExitStanding; 4] = [ExitStanding::Waiting, ExitStanding::Paid, ExitStanding::Cancelled, ExitStanding::Lost];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ExitStanding::Waiting => "waiting",
            ExitStanding::Paid => "paid",
            ExitStanding::Cancelled => "cancelled",
            ExitStanding::Lost => "lost",
        }
    }
}

/// Principal that left its position and waits, or has waited, for coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The number of the redemption that it is.
    pub redemption: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// Out of which product.
    pub product: ProductIx,
    /// Out of which position.
    pub position: PositionId,
    /// What was to be paid when it was queued.
    pub queued: Amount,
    /// What of that was to go to Spot.
    pub queued_spot: Amount,
    /// What of it is not paid before two people have said who bears a loss (TREASURY 8).
    pub withheld: Amount,
    /// What of that is kept for the position that it left, which bears itself.
    pub withheld_for_position: Amount,
    /// What it has borne of losses.
    pub lost: Amount,
    /// What still waits for Spot.
    pub to_spot: Amount,
    /// What still waits for Funding.
    pub to_funding: Amount,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// The day by which it was promised.
    pub promised: Day,
    /// The last day for which it has earned what waiting after the promised day earns; the promised day at first.
    pub earned_through: Day,
    /// The rest of the last division of what it earned.
    pub carry: u64,
    /// Where it stands.
    pub standing: ExitStanding,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The next one in its line.
    next: u32,
    /// The customer's exit before this one.
    previous: u32,
}

impl Exit {
    /// What still waits.
    #[must_use]
    pub const fn left(&self) -> Amount {
        self.to_spot.plus(self.to_funding)
    }
    /// What was to be paid to Spot and to Funding when it was queued.
    #[must_use]
    pub const fn queued_parts(&self) -> (Amount, Amount) {
        (self.queued_spot, self.queued.left_after(self.queued_spot))
    }
    /// What of it may be paid as soon as there are coins.
    #[must_use]
    pub const fn payable(&self) -> Amount {
        self.left().left_after(self.withheld)
    }
}

/// What is queued.
#[derive(Clone, Copy, Debug)]
pub struct NewExit {
    /// The number of the redemption.
    pub redemption: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// Out of which product.
    pub product: ProductIx,
    /// Out of which position.
    pub position: PositionId,
    /// What waits for Spot.
    pub to_spot: Amount,
    /// What waits for Funding.
    pub to_funding: Amount,
    /// What of it is kept for the position that it left, which bears a loss.
    pub withheld: Amount,
    /// When.
    pub at: Timestamp,
    /// By when it is promised.
    pub promised: Day,
}

/// The line of one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The first one that may still wait.
    first: u32,
    /// The last one.
    last: u32,
    /// The first one that something may be paid to: all before it are withheld.
    payable: u32,
    /// What waits, together.
    pub waiting: Amount,
    /// How many wait.
    pub exits: u64,
    /// What each customer may take a day at once while anyone waits.
    pub allowance: Amount,
    /// The day of which `used` tells.
    used_on: Day,
    /// What was taken on it at once while somebody waited.
    used: BTreeMap<CustomerIx, Amount>,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            first: NONE,
            last: NONE,
            payable: NONE,
            waiting: Amount::ZERO,
            exits: 0,
            allowance: Amount::ZERO,
            used_on: Day::from_number(i32::MIN),
            used: BTreeMap::new(),
        }
    }
}

impl Line {
    /// What is left of a customer's allowance of a day.
    #[must_use]
    pub fn allowance_left(&self, customer: CustomerIx, day: Day) -> Amount {
        let used = self.used.get(&customer).copied().filter(|_| self.used_on == day).unwrap_or_default();
        self.allowance.left_after(used)
    }
    /// Remembers what a customer took at once while somebody waited.
    pub fn took(&mut self, customer: CustomerIx, day: Day, amount: Amount) {
        if self.used_on != day {
            (self.used_on, self.used) = (day, BTreeMap::new());
        }
        let used = self.used.entry(customer).or_default();
        *used = used.plus(amount);
    }
}

/// Every exit that ever waited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    exits: Column<Exit>,
    lines: BTreeMap<AssetIx, Line>,
    /// Each customer's newest exit; derived.
    newest: Arc<BTreeMap<CustomerIx, u32>>,
    /// Who waits, by the last day for which it has earned; derived.
    earning: Arc<BTreeSet<(Day, u32)>>,
}

impl Queue {
    /// Parts that were read back.
    #[must_use]
    pub fn from_parts(exits: Column<Exit>, lines: BTreeMap<AssetIx, Line>) -> Queue {
        let (mut newest, mut earning) = (BTreeMap::new(), BTreeSet::new());
        for (index, exit) in (0..).zip(exits.iter()) {
            newest.insert(exit.customer, index);
            if exit.standing == ExitStanding::Waiting {
                earning.insert((exit.earned_through, index));
            }
        }
        Queue { exits, lines, newest: Arc::new(newest), earning: Arc::new(earning) }
    }
    /// Every exit in the order in which they were queued.
    #[must_use]
    pub const fn exits(&self) -> &Column<Exit> {
        &self.exits
    }
    /// The lines by asset; an asset without one has none that ever waited and no allowance.
    #[must_use]
    pub const fn lines(&self) -> &BTreeMap<AssetIx, Line> {
        &self.lines
    }
    /// The line of an asset.
    #[must_use]
    pub fn line(&self, asset: AssetIx) -> Option<&Line> {
        self.lines.get(&asset)
    }
    /// What waits of an asset.
    #[must_use]
    pub fn waiting(&self, asset: AssetIx) -> Amount {
        self.line(asset).map_or(Amount::ZERO, |line| line.waiting)
    }
    /// The exit of a redemption.
    #[must_use]
    pub fn of_redemption(&self, redemption: u64) -> Option<&Exit> {
        self.exits.get(self.find(redemption)?)
    }
    /// A customer's exits, newest first.
    pub fn of_customer(&self, customer: CustomerIx) -> impl Iterator<Item = &Exit> {
        let mut next = self.newest.get(&customer).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let exit = self.at(next)?;
            next = exit.previous;
            Some(exit)
        })
    }
    /// Who waits of an asset, in order.
    pub fn in_line(&self, asset: AssetIx) -> impl Iterator<Item = &Exit> {
        let mut next = self.line(asset).map_or(NONE, |line| line.first);
        let chain = std::iter::from_fn(move || {
            let exit = self.at(next)?;
            next = exit.next;
            Some(exit)
        });
        chain.filter(|exit| exit.standing == ExitStanding::Waiting)
    }
    /// The first in line to whom something may be paid.
    #[must_use]
    pub fn first_payable(&self, asset: AssetIx) -> Option<&Exit> {
        self.at(self.line(asset)?.payable)
    }
    /// What waits in line before an exit.
    #[must_use]
    pub fn ahead_of(&self, exit: &Exit) -> Amount {
        let before = self.in_line(exit.asset).take_while(|other| other.redemption < exit.redemption);
        before.fold(Amount::ZERO, |sum, other| sum.plus(other.left()))
    }
    /// The first in any line that has not earned for all days up to the last closed one, and waits longer than promised.
    #[must_use]
    pub fn behind(&self, last_closed: Day) -> Option<&Exit> {
        let (day, index) = self.earning.first()?;
        (*day < last_closed).then(|| self.at(*index)).flatten()
    }

    fn at(&self, index: u32) -> Option<&Exit> {
        self.exits.get(usize::try_from(index).ok()?)
    }
    /// Exits stand in the order of their redemptions.
    fn find(&self, redemption: u64) -> Option<usize> {
        let (mut low, mut high) = (0_usize, self.exits.len());
        while low < high {
            let middle = low.midpoint(high);
            let found = self.exits.get(middle)?.redemption;
            if found == redemption {
                return Some(middle);
            }
            if found < redemption { low = middle.saturating_add(1) } else { high = middle }
        }
        None
    }

    /// The line of an asset, made when it is missing.
    pub fn line_mut(&mut self, asset: AssetIx) -> &mut Line {
        self.lines.entry(asset).or_default()
    }
    /// Puts an exit at the end of its line.
    pub fn push(&mut self, new: &NewExit) {
        let previous = self.newest.get(&new.customer).copied().unwrap_or(NONE);
        let exit = Exit {
            redemption: new.redemption,
            customer: new.customer,
            account: new.account,
            asset: new.asset,
            product: new.product,
            position: new.position,
            queued: new.to_spot.plus(new.to_funding),
            queued_spot: new.to_spot,
            withheld: new.withheld,
            withheld_for_position: new.withheld,
            lost: Amount::ZERO,
            to_spot: new.to_spot,
            to_funding: new.to_funding,
            queued_at: new.at,
            promised: new.promised,
            earned_through: new.promised,
            carry: 0,
            standing: ExitStanding::Waiting,
            ended_at: None,
            next: NONE,
            previous,
        };
        let index = u32::try_from(self.exits.push(exit)).unwrap_or(NONE);
        let line = self.lines.entry(new.asset).or_default();
        line.waiting = line.waiting.plus(exit.queued);
        line.exits = line.exits.saturating_add(1);
        let last = std::mem::replace(&mut line.last, index);
        if line.first == NONE {
            line.first = index;
        }
        if let Some(before) = usize::try_from(last).ok().and_then(|last| self.exits.get_mut(last)) {
            before.next = index;
        }
        self.look_for_payable(new.asset, false);
        Arc::make_mut(&mut self.newest).insert(new.customer, index);
        Arc::make_mut(&mut self.earning).insert((exit.earned_through, index));
    }
    /// Takes from what waits; who waits for nothing more has left its line. False where less waits.
    pub fn take(&mut self, redemption: u64, to_spot: Amount, to_funding: Amount, ended: (ExitStanding, Timestamp)) -> bool {
        let Some(index) = self.find(redemption) else { return false };
        let Some(exit) = self.exits.get_mut(index).filter(|exit| exit.standing == ExitStanding::Waiting) else { return false };
        let taken = to_spot.plus(to_funding);
        let (Some(spot), Some(funding)) = (exit.to_spot.checked_minus(to_spot), exit.to_funding.checked_minus(to_funding)) else {
            return false;
        };
        (exit.to_spot, exit.to_funding) = (spot, funding);
        let is_over = exit.left().is_zero();
        if is_over {
            (exit.standing, exit.ended_at) = (ended.0, Some(ended.1));
        }
        let (asset, earned_through) = (exit.asset, exit.earned_through);
        let Some(line) = self.lines.get_mut(&asset) else { return false };
        let Some(waiting) = line.waiting.checked_minus(taken) else { return false };
        line.waiting = waiting;
        if is_over {
            line.exits = line.exits.saturating_sub(1);
            Arc::make_mut(&mut self.earning).remove(&(earned_through, u32::try_from(index).unwrap_or(NONE)));
            self.move_up(asset);
        }
        self.look_for_payable(asset, false);
        true
    }
    /// Withholds so much more of an exit, which bears a loss. False where less can be paid.
    pub fn withhold(&mut self, redemption: u64, amount: Amount) -> bool {
        let Some(exit) = self.find(redemption).and_then(|index| self.exits.get_mut(index)) else { return false };
        if exit.standing != ExitStanding::Waiting || exit.payable() < amount {
            return false;
        }
        exit.withheld = exit.withheld.plus(amount);
        let asset = exit.asset;
        self.look_for_payable(asset, false);
        true
    }
    /// Withholds so much less of an exit, of what is kept for its position or of its own. False where less is withheld.
    pub fn release(&mut self, redemption: u64, amount: Amount, for_position: bool) -> bool {
        let Some(exit) = self.find(redemption).and_then(|index| self.exits.get_mut(index)) else { return false };
        let kept = if for_position { amount } else { Amount::ZERO };
        let (Some(withheld), Some(of_position)) = (exit.withheld.checked_minus(amount), exit.withheld_for_position.checked_minus(kept))
        else {
            return false;
        };
        (exit.withheld, exit.withheld_for_position) = (withheld, of_position);
        let asset = exit.asset;
        self.look_for_payable(asset, true);
        true
    }
    /// An exit bears so much of a loss; what it bears has been released before. False where less waits.
    pub fn lose(&mut self, redemption: u64, to_spot: Amount, to_funding: Amount, at: Timestamp) -> bool {
        if !self.take(redemption, to_spot, to_funding, (ExitStanding::Lost, at)) {
            return false;
        }
        if let Some(exit) = self.find(redemption).and_then(|index| self.exits.get_mut(index)) {
            exit.lost = exit.lost.plus(to_spot).plus(to_funding);
        }
        true
    }
    /// Remembers what an exit has earned through which day. False where it does not wait.
    pub fn earned(&mut self, redemption: u64, through: Day, carry: u64) -> bool {
        let Some(index) = self.find(redemption) else { return false };
        let Some(exit) = self.exits.get_mut(index).filter(|exit| exit.standing == ExitStanding::Waiting) else { return false };
        let before = std::mem::replace(&mut exit.earned_through, through);
        exit.carry = carry;
        let index = u32::try_from(index).unwrap_or(NONE);
        let earning = Arc::make_mut(&mut self.earning);
        earning.remove(&(before, index));
        earning.insert((through, index));
        true
    }
    /// Moves on to the first one that something may be paid to, from where it was or, when what was withheld comes free, from the first.
    fn look_for_payable(&mut self, asset: AssetIx, from_first: bool) {
        let Some(line) = self.lines.get(&asset) else { return };
        let mut next = if from_first || line.payable == NONE { line.first } else { line.payable };
        while let Some(exit) = self.at(next).filter(|exit| exit.standing != ExitStanding::Waiting || exit.payable().is_zero()) {
            next = exit.next;
        }
        if let Some(line) = self.lines.get_mut(&asset) {
            line.payable = next;
        }
    }
    /// The line begins with who waits.
    fn move_up(&mut self, asset: AssetIx) {
        let Some(line) = self.lines.get(&asset) else { return };
        let (mut first, mut last) = (line.first, line.last);
        while let Some(exit) = self.at(first).filter(|exit| exit.standing != ExitStanding::Waiting) {
            first = exit.next;
        }
        if first == NONE {
            last = NONE;
        }
        if let Some(line) = self.lines.get_mut(&asset) {
            (line.first, line.last) = (first, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(redemption: u64, customer: u32, amount: u128) -> NewExit {
        NewExit {
            redemption,
            customer: CustomerIx(customer),
            account: AccountIx(customer),
            asset: AssetIx(0),
            product: ProductIx(0),
            position: PositionId(1),
            to_spot: Amount::from_units(amount),
            to_funding: Amount::ZERO,
            withheld: Amount::ZERO,
            at: Timestamp::from_ms(0),
            promised: Day::from_number(10),
        }
    }

    fn order(queue: &Queue) -> Vec<(u64, u128)> {
        queue.in_line(AssetIx(0)).map(|exit| (exit.redemption, exit.left().units())).collect()
    }

    #[test]
    fn a_line_is_first_in_first_out_and_closes_where_somebody_leaves_it() {
        let mut queue = Queue::default();
        [new(3, 1, 50), new(7, 2, 5), new(8, 1, 6)].iter().for_each(|exit| queue.push(exit));
        let now = (ExitStanding::Paid, Timestamp::from_ms(1));
        assert!(queue.take(3, Amount::from_units(20), Amount::ZERO, now), "in part");
        assert_eq!(order(&queue), [(3, 30), (7, 5), (8, 6)]);
        assert!(queue.take(7, Amount::from_units(5), Amount::ZERO, (ExitStanding::Cancelled, now.1)), "from the middle");
        assert_eq!(order(&queue), [(3, 30), (8, 6)]);
        assert!(!queue.take(3, Amount::from_units(31), Amount::ZERO, now), "more than waits");
        assert!(!queue.take(7, Amount::from_units(5), Amount::ZERO, now), "twice");
        assert_eq!(queue.ahead_of(queue.of_redemption(8).unwrap()).units(), 30);
        assert_eq!(queue.of_customer(CustomerIx(1)).map(|exit| exit.redemption).collect::<Vec<_>>(), [8, 3]);
        assert_eq!(queue.behind(Day::from_number(10)), None, "nobody waits longer than promised");
        assert_eq!(queue.behind(Day::from_number(11)).map(|exit| exit.redemption), Some(3));
        assert!(queue.earned(3, Day::from_number(11), 5));
        assert_eq!(queue.behind(Day::from_number(11)).map(|exit| exit.redemption), Some(8));
        let again = Queue::from_parts(queue.exits().clone(), queue.lines().clone());
        assert_eq!(again, queue, "what is derived is derived alike");
        assert!(queue.take(3, Amount::from_units(30), Amount::ZERO, now) && queue.take(8, Amount::from_units(6), Amount::ZERO, now));
        assert_eq!((order(&queue), queue.waiting(AssetIx(0))), (vec![], Amount::ZERO));
        queue.push(&new(9, 3, 1));
        assert_eq!(order(&queue), [(9, 1)]);
    }

    #[test]
    fn what_is_withheld_is_passed_over_until_it_comes_free_or_is_lost() {
        let (mut queue, units, now) = (Queue::default(), Amount::from_units, Timestamp::from_ms(1));
        let next = |queue: &Queue| queue.first_payable(AssetIx(0)).map(|exit| (exit.redemption, exit.payable().units()));
        queue.push(&NewExit { withheld: units(50), ..new(3, 1, 50) });
        [new(7, 2, 5), new(8, 1, 6)].iter().for_each(|exit| queue.push(exit));
        assert_eq!(next(&queue), Some((7, 5)));
        assert!(queue.withhold(7, units(2)) && !queue.withhold(7, units(4)), "no more than can be paid");
        assert!(queue.take(7, units(3), Amount::ZERO, (ExitStanding::Paid, now)));
        assert_eq!((next(&queue), queue.waiting(AssetIx(0))), (Some((8, 6)), units(58)));
        assert!(!queue.release(7, units(2), true), "it is not kept for a position");
        assert!(queue.release(7, units(2), false) && queue.lose(7, units(2), Amount::ZERO, now));
        assert_eq!(queue.of_redemption(7).map(|exit| (exit.standing, exit.lost)), Some((ExitStanding::Lost, units(2))));
        assert!(queue.release(3, units(20), true));
        assert_eq!(next(&queue), Some((3, 20)), "the first again");
        let again = Queue::from_parts(queue.exits().clone(), queue.lines().clone());
        assert_eq!(again, queue);
    }

    #[test]
    fn an_allowance_is_of_a_day() {
        let (mut line, day) = (Line { allowance: Amount::from_units(10), ..Line::default() }, Day::from_number(5));
        line.took(CustomerIx(1), day, Amount::from_units(7));
        assert_eq!(line.allowance_left(CustomerIx(1), day).units(), 3);
        assert_eq!(line.allowance_left(CustomerIx(2), day).units(), 10);
        assert_eq!(line.allowance_left(CustomerIx(1), day.next()).units(), 10);
    }
}
