//! What a network pays for customers: how a day's earnings are divided, what is kept of them by day, and the rate that comes of it
//! (TREASURY 7).
//!
//! Everything here is arithmetic over one network ([`Earnings`]) or one asset ([`Yields`]). When it is done, and what is booked for it,
//! is `machine/yields`. Every division rounds down and keeps its rest for the next day, so no unit is lost and none is made.

use crate::calendar::Day;
use crate::id::ProductIx;
use crate::limits::{RATE_UNITS_MAX, UNDISTRIBUTED_DAYS};
use crate::money::{Amount, DAY_DIVISOR, Rate, mul_div};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The parts of a whole in which a share is told: 10^18.
const SHARE_PARTS: u64 = 1_000_000_000_000_000_000;
/// The parts of a whole in which a commission is told: 10^8, as of every rate.
const COMMISSION_PARTS: u64 = 100_000_000;

/// What becomes of what a network pays. An operator sets it, with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkYield {
    /// The part of the customers' share that the platform keeps, at most all of it.
    pub commission: Rate,
    /// After how many days what no customer got passes to the reward pool.
    pub undistributed_days: u32,
}

impl Default for NetworkYield {
    fn default() -> NetworkYield {
        NetworkYield { commission: Rate::ZERO, undistributed_days: UNDISTRIBUTED_DAYS }
    }
}

/// A part of a whole, in units of 10^-18, rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// What `part` is of `whole`; nothing of nothing.
    #[must_use]
    pub fn of(part: Amount, whole: Amount) -> Share {
        let (units, _) = mul_div(part.min(whole).units(), SHARE_PARTS.into(), whole.units());
        Share(u64::try_from(units).unwrap_or(SHARE_PARTS))
    }
    /// Units of 10^-18.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }
}

/// How what was earned in a day is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divided {
    /// All of it.
    pub earned: Amount,
    /// What customers get: it stays in `yield_undistributed`.
    pub net: Amount,
    /// What the platform keeps of their share.
    pub commission: Amount,
}

impl Divided {
    /// What is of products that do not pass the network's yield on.
    #[must_use]
    pub const fn to_pool(&self) -> Amount {
        self.earned.left_after(self.net.plus(self.commission))
    }
    /// The sum with what another network paid.
    #[must_use]
    pub const fn plus(&self, more: &Divided) -> Divided {
        Divided { earned: self.earned.plus(more.earned), net: self.net.plus(more.net), commission: self.commission.plus(more.commission) }
    }
}

/// What one network has paid in the open day, and the rests of the divisions before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earnings {
    /// What becomes of it.
    pub terms: NetworkYield,
    /// What waits in `yield_undistributed` for the close of the open day.
    pub today: Amount,
    /// The last day in which a picture counted.
    pub counted_on: Option<Day>,
    /// How many days the pictures of that day tell of: those since the day in which one counted before.
    pub over_days: u32,
    /// The rest of the last share, in units of 10^-18.
    pub share_carry: u64,
    /// The rest of the last commission, in units of 10^-8.
    pub commission_carry: u64,
}

impl Earnings {
    /// A picture counts in a day, and so much of what it shows waits for the day's close.
    pub fn count(&mut self, day: Day, waits: Amount) {
        if self.counted_on != Some(day) {
            let since = self.counted_on.map_or(1, |before| day.since(before));
            self.over_days = u32::try_from(since).unwrap_or(1).max(1);
            self.counted_on = Some(day);
        }
        self.today = self.today.plus(waits);
    }
    /// Over how many days what was earned in a day is spread.
    #[must_use]
    pub fn spread_over(&self, day: Day) -> u32 {
        if self.counted_on == Some(day) { self.over_days } else { 1 }
    }
    /// Divides what the open day has earned: customers' share of it, less the commission on that share.
    pub fn divide(&mut self, share: Share) -> Divided {
        let earned = std::mem::take(&mut self.today);
        let (of_customers, carry) = divided(earned, share.0, SHARE_PARTS, self.share_carry);
        self.share_carry = carry;
        let kept = self.terms.commission.units().min(COMMISSION_PARTS);
        let (commission, carry) = divided(of_customers, kept, COMMISSION_PARTS, self.commission_carry);
        self.commission_carry = carry;
        Divided { earned, net: of_customers.left_after(commission), commission }
    }
}

/// So many parts of a whole, with the rest of the division before, and what is left of it. Never more than all: where there is a rest to
/// add to, the parts are fewer than the whole, and rounding down has left a unit.
fn divided(amount: Amount, parts: u64, whole: u64, carry: u64) -> (Amount, u64) {
    let (units, rest) = mul_div(amount.units(), parts.into(), whole.into());
    let rest = u64::try_from(rest).unwrap_or(0).saturating_add(carry);
    match rest.checked_sub(whole) {
        Some(left) => (Amount::from_units(units.saturating_add(1)), left),
        None => (Amount::from_units(units), rest),
    }
}

/// A closed day of an asset: what was earned for it, and by how much principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct YieldDay {
    /// What networks paid for that day, with its part of what a later picture showed.
    pub earned: Amount,
    /// What of it is customers'.
    pub net: Amount,
    /// What the platform kept of their share.
    pub commission: Amount,
    /// All principal that earned.
    pub principal: Amount,
    /// What of it is in products that pass the network's yield on.
    pub passing: Amount,
}

impl YieldDay {
    /// What of it is of products that do not pass the network's yield on.
    #[must_use]
    pub const fn to_pool(&self) -> Amount {
        self.earned.left_after(self.net.plus(self.commission))
    }
}

/// What was settled for a product at the last close, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The day.
    pub day: Day,
    /// What was settled.
    pub rate: Rate,
    /// Why an operator had said what; nothing where the machine settled it.
    pub reason: Option<String>,
    /// What the days before came to; nothing while there were too few.
    pub trailing: Option<Trailing>,
    /// What was settled for the day before.
    pub before: Option<Rate>,
    /// The most that what was undistributed allowed.
    pub cap: Rate,
}

/// What a number of closed days came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailing {
    /// Customers' net together.
    pub net: Amount,
    /// Their earning principal together, day by day.
    pub passing: Amount,
    /// The yearly rate, rounded down.
    pub rate: Rate,
}

/// What is kept of an asset's earnings: closed days for the rates, and what is undistributed by the day it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yields {
    /// Closed days without a gap, oldest first.
    pub days: VecDeque<YieldDay>,
    /// What is undistributed, by the day it came, oldest first; none is nothing.
    pub kept: VecDeque<(Day, Amount)>,
    /// What was settled at the last close, by product.
    pub why: BTreeMap<ProductIx, Why>,
    /// Why an operator settled the rate of a day that is not closed.
    pub reasons: BTreeMap<(ProductIx, Day), String>,
}

impl Yields {
    /// What so many closed days came to; `None` until there are so many, and where nothing earned in them.
    #[must_use]
    pub fn trailing(&self, over_days: u32) -> Option<Trailing> {
        let count = usize::try_from(over_days).ok()?;
        let from = self.days.len().checked_sub(count)?;
        let days = self.days.range(from..);
        let (net, passing) = days.fold((Amount::ZERO, Amount::ZERO), |(net, passing), day| (net.plus(day.net), passing.plus(day.passing)));
        (!passing.is_zero()).then(|| Trailing { net, passing, rate: yearly(net, passing) })
    }
    /// What all principal earned gross over so many closed days, at most those there are.
    #[must_use]
    pub fn gross(&self, over_days: u32) -> Rate {
        let from = self.days.len().saturating_sub(usize::try_from(over_days).unwrap_or(usize::MAX));
        let days = self.days.range(from..);
        let (earned, all) =
            days.fold((Amount::ZERO, Amount::ZERO), |(earned, all), day| (earned.plus(day.earned), all.plus(day.principal)));
        yearly(earned, all)
    }
    /// Adds a closed day and keeps as many as are asked for.
    pub fn close(&mut self, day: YieldDay, keep: usize) {
        self.days.push_back(day);
        while self.days.len() > keep {
            self.days.pop_front();
        }
    }
    /// Spreads what was earned in the last closed day evenly over so many, of which it is the last and gets the rest of the division. A
    /// day that is not kept any more has no use for its part.
    pub fn spread(&mut self, divided: &Divided, over_days: u32) {
        let count = u128::from(over_days.max(1));
        let part = |amount: Amount| Amount::from_units(amount.units().checked_div(count).unwrap_or(0));
        let each = Divided { earned: part(divided.earned), net: part(divided.net), commission: part(divided.commission) };
        let others = count.saturating_sub(1);
        let rest = |amount: Amount, part: Amount| amount.left_after(Amount::from_units(part.units().saturating_mul(others)));
        for (back, day) in (0..count).zip(self.days.iter_mut().rev()) {
            let more = if back == 0 {
                let (net, commission) = (rest(divided.net, each.net), rest(divided.commission, each.commission));
                Divided { earned: rest(divided.earned, each.earned), net, commission }
            } else {
                each
            };
            (day.earned, day.net, day.commission) =
                (day.earned.plus(more.earned), day.net.plus(more.net), day.commission.plus(more.commission));
        }
    }
    /// All that is undistributed.
    #[must_use]
    pub fn undistributed(&self) -> Amount {
        self.kept.iter().fold(Amount::ZERO, |sum, (_, amount)| sum.plus(*amount))
    }
    /// So much came in a day.
    pub fn came(&mut self, day: Day, amount: Amount) {
        match self.kept.back_mut() {
            _ if amount.is_zero() => {}
            Some((last, sum)) if *last == day => *sum = sum.plus(amount),
            Some(_) | None => self.kept.push_back((day, amount)),
        }
    }
    /// So much went, the oldest first; gives what there was too little of.
    #[must_use]
    pub fn went(&mut self, mut amount: Amount) -> Amount {
        while let Some((_, sum)) = self.kept.front_mut().filter(|_| !amount.is_zero()) {
            let taken = amount.min(*sum);
            (*sum, amount) = (sum.left_after(taken), amount.left_after(taken));
            if sum.is_zero() {
                self.kept.pop_front();
            }
        }
        amount
    }
    /// Takes what came so many days before a day, or earlier: nobody got it.
    pub fn pass(&mut self, day: Day, undistributed_days: u32) -> Amount {
        let mut passed = Amount::ZERO;
        while let Some((came, amount)) = self.kept.front().copied() {
            if i64::from(day.since(came)) < i64::from(undistributed_days) {
                break;
            }
            passed = passed.plus(amount);
            self.kept.pop_front();
        }
        passed
    }
}

/// The yearly rate of a day's gain on a principal, rounded down, at most the highest there is.
#[must_use]
pub fn yearly(gain: Amount, principal: Amount) -> Rate {
    let (units, _) = mul_div(gain.units(), DAY_DIVISOR.into(), principal.units());
    Rate::from_units(u64::try_from(units).unwrap_or(RATE_UNITS_MAX).min(RATE_UNITS_MAX)).unwrap_or(Rate::MAX)
}

/// The highest rate at which a day's rewards of so many positions with so much principal stay within what is available, whatever their
/// carries add: each position's is less than one unit.
///
/// ```
/// use usance_core::{money::{Amount, Rate}, treasury::yields::cap};
/// // 1,000 units a day on 3,650,000 units are a tenth a year; the carries of 7 positions may take 7 of them.
/// let rate = |available| cap(Amount::from_units(available), Amount::from_units(3_650_000), 7);
/// assert_eq!(rate(1_007), Rate::parse("0.1").unwrap());
/// assert_eq!((rate(7), rate(0)), (Rate::ZERO, Rate::ZERO));
/// ```
#[must_use]
pub fn cap(available: Amount, principal: Amount, positions: u64) -> Rate {
    if principal.is_zero() {
        return Rate::MAX;
    }
    yearly(available.left_after(Amount::from_units(positions.into())), principal)
}

/// What decides the rate of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// What an operator has settled.
    pub asked: Option<Rate>,
    /// What the days before came to.
    pub trailing: Option<Rate>,
    /// What was settled for the day before.
    pub before: Option<Rate>,
    /// By how much it may differ from that.
    pub step: Rate,
    /// The highest band announced.
    pub reference: Rate,
    /// What is there for it.
    pub cap: Rate,
}

impl Settling {
    /// The rate of the day: what an operator settled, or else what the days before came to, at most a step up or down from the day before
    /// and at most the reference, or else the reference; and in every case at most what is there for it.
    #[must_use]
    pub fn rate(&self) -> Rate {
        let asked = self.asked.or_else(|| {
            let trailing = self.trailing?;
            let stepped = self.before.map_or(trailing, |before| {
                let (low, high) = (before.units().saturating_sub(self.step.units()), before.units().saturating_add(self.step.units()));
                Rate::from_units(trailing.units().clamp(low, high)).unwrap_or(Rate::MAX)
            });
            Some(stepped)
        });
        asked.unwrap_or(self.reference).min(self.reference).min(self.cap)
    }
}
