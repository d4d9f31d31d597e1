//! What is remembered of what a network pays, and of an asset's days for the rates.

use super::arithmetic::{D, floor};
use num_bigint::BigUint;

/// Parts of a share.
pub(super) const SHARE: u64 = 1_000_000_000_000_000_000;
/// Parts of a commission.
pub(super) const PARTS: u64 = 100_000_000;
/// The highest rate.
pub(super) const RATE_MOST: u128 = 1_000_000_000;

/// What the network has paid.
#[derive(Clone, Debug)]
pub struct Paying {
    /// The platform's part of what is customers', in 10^-8.
    pub(super) commission: u64,
    /// After how many days what nobody got passes to the pool.
    pub(super) passes_after: i64,
    /// What waits for the close of the open day.
    pub(super) today: u128,
    /// The last day in which a picture counted.
    pub(super) counted_on: Option<i64>,
    /// Over how many days what that day earned is spread.
    pub(super) over: i64,
    /// All days' earnings times customers' shares, and what that has given.
    pub(super) shared: (BigUint, u128),
    /// All that was customers' times the commission of the day, and what that has given.
    pub(super) kept: (BigUint, u128),
}

impl Paying {
    pub(super) fn new() -> Paying {
        let nothing = || (BigUint::default(), 0);
        Paying { commission: 0, passes_after: 365, today: 0, counted_on: None, over: 1, shared: nothing(), kept: nothing() }
    }
    /// Whether anything but the usual was said.
    pub(super) fn has_terms(&self) -> bool {
        (self.commission, self.passes_after) != (0, 365)
    }
    /// A picture counts.
    pub(super) fn counts(&mut self, day: i64, waits: u128) {
        if self.counted_on != Some(day) {
            self.over = self.counted_on.map_or(1, |before| (day - before).max(1));
            self.counted_on = Some(day);
        }
        self.today += waits;
    }
}

/// One more part of a whole: what it adds to the floor of all parts so far.
pub(super) fn next_part((all, given): &mut (BigUint, u128), part: BigUint, whole: u64) -> u128 {
    *all += part;
    let now = floor(all, whole);
    let more = now - *given;
    *given = now;
    more
}

/// What is known of an asset's earnings.
#[derive(Clone, Debug, Default)]
pub struct Pot {
    /// What is divided and not with customers.
    pub(super) units: i128,
    /// What of it came when, oldest first.
    pub(super) came: Vec<(i64, u128)>,
    /// Closed days: net, and the principal that earned it.
    pub(super) days: Vec<(u128, u128)>,
}

impl Pot {
    pub(super) fn average(&self, count: usize) -> Option<u128> {
        let days = &self.days[self.days.len().checked_sub(count)?..];
        let (net, principal) = days.iter().fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
        (principal > 0).then(|| floor(&(BigUint::from(net) * D), principal).min(RATE_MOST))
    }
}
