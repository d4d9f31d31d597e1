//! One position, one day: the only place that says what was earned (RULES 3).
//!
//! Live closes, replays and every derived history line run this function, so they cannot differ.

use crate::money::{Amount, split_day, split_days};
use crate::product::rates::Bands;
use serde::{Deserialize, Serialize};

/// What decides a day's reward: the principal that earns, the principal that waits for tomorrow, and the carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    /// Principal staked for the whole of the day.
    pub earning: Amount,
    /// Principal whose value date is the next day.
    pub pending: Amount,
    /// The rest of yesterday's division.
    pub carry: u64,
}

impl Stake {
    /// Closes a day: returns its reward, keeps the carry, and lets what waited earn from the next day on.
    ///
    /// ```
    /// use usance_core::{money::{Amount, Rate}, product::rates::Bands, reward::accrue::Stake};
    /// // 2,739 base units at 1 % earn 0.075 units a day: the fourteenth day pays the first whole one.
    /// let bands = Bands::single(Rate::parse("0.01").unwrap());
    /// let mut stake = Stake { earning: Amount::from_units(2_739), ..Stake::default() };
    /// let days: Vec<u128> = (0..14).map(|_| stake.close_day(&bands).units()).collect();
    /// assert_eq!(days.iter().sum::<u128>(), 1);
    /// assert_eq!(days[13], 1);
    /// ```
    #[inline]
    pub fn close_day(&mut self, bands: &Bands) -> Amount {
        let numerator = bands.numerator(self.earning).saturating_add(u128::from(self.carry));
        let (reward, carry) = split_day(numerator);
        self.carry = carry;
        if !self.pending.is_zero() {
            self.earning = self.earning.plus(self.pending);
            self.pending = Amount::ZERO;
        }
        reward
    }

    /// Closes so many days under the same bands: what they give together. A test closes them one by one.
    pub fn close_days(&mut self, bands: &Bands, days: u32) -> Amount {
        let Some(rest) = days.checked_sub(1) else { return Amount::ZERO };
        // What waits earns from the second day on; from then on all days are alike.
        let first = self.close_day(bands);
        let (rewards, carry) = split_days(bands.numerator(self.earning), self.carry, rest);
        self.carry = carry;
        first.plus(rewards)
    }
}
