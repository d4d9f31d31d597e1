//! Amounts and rates: whole numbers with a unit, parsed once and never rounded unseen.
//!
//! Owns the grammar of amounts and rates, every division of money and the way amounts look on the wire. Refuses
//! floats, signs, blanks and anything that is not a whole number of base units. Where the limits stand:
//! [`crate::limits`]. What a day earns: `crate::reward`.

use crate::limits::{AMOUNT_TEXT_BYTES_MAX, AMOUNT_UNITS_MAX, RATE_DECIMALS, RATE_UNITS_MAX, YEAR_DAYS};
use serde::{Deserialize, Serialize};

/// What a numerator (`base units * rate units`) is divided by to get one day's reward: 365 * 10^8 (RULES 3).
pub const DAY_DIVISOR: u64 = YEAR_DAYS.saturating_mul(WHOLE_RATE);
/// The units of a rate of one: all of it.
const WHOLE_RATE: u64 = 100_000_000;

/// A whole number of an asset's base units. The unit's size is the asset's; adding amounts of two assets is the
/// caller's mistake, so every place that holds an amount says of which asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Amount(u128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);
    /// One base unit.
    pub const ONE: Amount = Amount(1);
    /// The most one amount may be (RULES 1): 10^28 base units.
    pub const MAX: Amount = Amount(AMOUNT_UNITS_MAX);

    /// An amount of this many base units. Unchecked against [`Amount::MAX`]: totals of rewards may pass it.
    #[must_use]
    pub const fn from_units(units: u128) -> Self {
        Amount(units)
    }
    /// The base units.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }
    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
    /// The sum. Stops at `u128::MAX`, which no sum of amounts that the rules allow can reach.
    #[must_use]
    pub const fn plus(self, more: Amount) -> Amount {
        Amount(self.0.saturating_add(more.0))
    }
    /// The difference, or `None` when `less` is larger.
    #[must_use]
    pub const fn checked_minus(self, less: Amount) -> Option<Amount> {
        match self.0.checked_sub(less.0) {
            Some(units) => Some(Amount(units)),
            None => None,
        }
    }
    /// The difference, or nothing when `less` is larger: "what is left of".
    #[must_use]
    pub const fn left_after(self, less: Amount) -> Amount {
        Amount(self.0.saturating_sub(less.0))
    }
    /// The part of this amount that `elapsed` of `whole` stands for, rounded down; all of it once nothing is left to elapse.
    /// For estimates that are shown, never for what is booked.
    ///
    /// ```
    /// use usance_core::money::Amount;
    /// assert_eq!(Amount::from_units(100).elapsed_part(1, 3), Amount::from_units(33));
    /// assert_eq!(Amount::from_units(100).elapsed_part(4, 3), Amount::from_units(100));
    /// ```
    #[must_use]
    pub const fn elapsed_part(self, elapsed: u64, whole: u64) -> Amount {
        if elapsed >= whole {
            return self;
        }
        // 10^28 < 2^94, so a whole of up to 2^34 keeps the product inside; a day has 2^27 milliseconds.
        match self.0.saturating_mul(elapsed as u128).checked_div(whole as u128) {
            Some(units) => Amount(units),
            None => self,
        }
    }
    /// Rounded down to a multiple of `step`; a step of nothing leaves it as it is.
    #[must_use]
    pub const fn floor_to_step(self, step: Amount) -> Amount {
        match self.0.checked_rem(step.0) {
            Some(over) => Amount(self.0.saturating_sub(over)),
            None => self,
        }
    }
    /// Whether this is a multiple of `step`; everything is a multiple of a step of nothing.
    #[must_use]
    pub const fn is_multiple_of(self, step: Amount) -> bool {
        match self.0.checked_rem(step.0) {
            Some(over) => over == 0,
            None => true,
        }
    }

    /// Reads an amount of an asset with `decimals` from its text (RULES 1).
    ///
    /// The grammar is `[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?`, ASCII, at most 64 characters; the value must be a
    /// whole number of base units, at most [`Amount::MAX`]. Nothing is ever rounded.
    ///
    /// # Errors
    /// [`NotAnAmount`] for everything else. Zero is read; whoever asks for a positive amount checks for it.
    ///
    /// ```
    /// use usance_core::money::Amount;
    /// assert_eq!(Amount::parse("1.25", 9).unwrap().units(), 1_250_000_000);
    /// assert_eq!(Amount::parse("5e-9", 9).unwrap().units(), 5);
    /// assert!(Amount::parse("0.0000000001", 9).is_err()); // a tenth of a base unit
    /// assert!(Amount::parse(".5", 9).is_err());
    /// ```
    pub fn parse(text: &str, decimals: u8) -> Result<Amount, NotAnAmount> {
        let units = parse_units(text, decimals)?;
        if units > AMOUNT_UNITS_MAX { Err(NotAnAmount) } else { Ok(Amount(units)) }
    }

    /// The amount as decimal text in the asset's unit: no exponent, no trailing zeros.
    ///
    /// ```
    /// use usance_core::money::Amount;
    /// assert_eq!(Amount::from_units(100_013_698_630).to_text(9), "100.01369863");
    /// assert_eq!(Amount::ZERO.to_text(9), "0");
    /// ```
    #[must_use]
    pub fn to_text(self, decimals: u8) -> String {
        units_to_text(self.0, decimals, Trailing::Dropped)
    }
}

/// Whether zeros at the end of a decimal fraction are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Dropped,
    Kept,
}

/// A total that may fall below zero: the custody and reward-pool accounts (RULES 7, 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Balance(i128);

impl Balance {
    /// Nothing.
    pub const ZERO: Balance = Balance(0);
    /// A balance of this many base units.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Balance(units)
    }
    /// The base units.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }
    /// The sum with an amount.
    #[must_use]
    pub const fn plus(self, more: Amount) -> Balance {
        Balance(self.0.saturating_add_unsigned(more.0))
    }
    /// The difference from an amount.
    #[must_use]
    pub const fn minus(self, less: Amount) -> Balance {
        Balance(self.0.saturating_sub_unsigned(less.0))
    }
    /// The balance after a movement.
    #[must_use]
    pub const fn after(self, movement: Balance) -> Balance {
        Balance(self.0.saturating_add(movement.0))
    }
    /// The balance before a movement that led to this one: the way back of a statement.
    #[must_use]
    pub const fn before(self, movement: Balance) -> Balance {
        Balance(self.0.saturating_sub(movement.0))
    }
    /// Whether it is below zero.
    #[must_use]
    pub const fn is_overdrawn(self) -> bool {
        self.0 < 0
    }
    /// The balance as decimal text, with a leading minus below zero.
    ///
    /// ```
    /// use usance_core::money::Balance;
    /// assert_eq!(Balance::from_units(-13_698_630).to_text(9), "-0.01369863");
    /// ```
    #[must_use]
    pub fn to_text(self, decimals: u8) -> String {
        let digits = units_to_text(self.0.unsigned_abs(), decimals, Trailing::Dropped);
        if self.0 < 0 { format!("-{digits}") } else { digits }
    }
}

/// A yearly rate in units of 10^-8: 0.05250000 is 5_250_000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rate(u64);

impl Rate {
    /// No interest.
    pub const ZERO: Rate = Rate(0);
    /// 1000 % a year, the highest rate (RULES 1).
    pub const MAX: Rate = Rate(RATE_UNITS_MAX);

    /// A rate of this many units of 10^-8, or `None` above [`Rate::MAX`].
    #[must_use]
    pub const fn from_units(units: u64) -> Option<Rate> {
        if units > RATE_UNITS_MAX { None } else { Some(Rate(units)) }
    }
    /// Units of 10^-8.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }
    /// Reads a rate from its text; the grammar is that of amounts with eight decimals.
    ///
    /// # Errors
    /// [`NotAnAmount`] when the text does not match, has a ninth decimal or is above 10.
    pub fn parse(text: &str) -> Result<Rate, NotAnAmount> {
        let units = u64::try_from(parse_units(text, RATE_DECIMALS)?).map_err(|_| NotAnAmount)?;
        Rate::from_units(units).ok_or(NotAnAmount)
    }
    /// Eight decimals, always: `0.05250000`.
    ///
    /// ```
    /// use usance_core::money::Rate;
    /// assert_eq!(Rate::parse("5.25e-2").unwrap().to_text(), "0.05250000");
    /// ```
    #[must_use]
    pub fn to_text(self) -> String {
        units_to_text(u128::from(self.0), RATE_DECIMALS, Trailing::Kept)
    }
    /// One day's numerator of a principal at this rate: `principal * rate`, to be divided by [`DAY_DIVISOR`].
    /// A principal is at most 10^28 < 2^94 and a rate at most 10^9 < 2^30, so the product fits.
    #[must_use]
    #[inline]
    pub const fn numerator(self, principal: Amount) -> u128 {
        principal.0.wrapping_mul(self.0 as u128)
    }
}

/// One day's division: the whole base units earned (rounded down) and the numerator that is carried to the next day.
///
/// ```
/// use usance_core::money::{split_day, Amount, Rate};
/// // 100 SOL at 5 %: 1e11 * 5_000_000 / 36_500_000_000 = 13_698_630 base units, the rest is carried.
/// let numerator = Rate::parse("0.05").unwrap().numerator(Amount::from_units(100_000_000_000));
/// assert_eq!(split_day(numerator), (Amount::from_units(13_698_630), 5_000_000_000));
/// ```
#[must_use]
#[inline]
pub fn split_day(numerator: u128) -> (Amount, u64) {
    // Most numerators fit 64 bits, where the compiler turns a division by a constant into a multiplication.
    if let Ok(small) = u64::try_from(numerator) {
        return (Amount((small / DAY_DIVISOR) as u128), small % DAY_DIVISOR);
    }
    let divisor = u128::from(DAY_DIVISOR);
    let carry = u64::try_from(numerator.checked_rem(divisor).unwrap_or(0)).unwrap_or(0); // below the divisor, which fits
    (Amount(numerator.checked_div(divisor).unwrap_or(0)), carry)
}

/// So many days' divisions, each of the same numerator and the carry of the day before it: what they give together, and the carry
/// after the last. Nothing is lost from one day to the next, so the sum of the days is the division of the sum.
///
/// ```
/// use usance_core::money::{split_day, split_days, Amount};
/// let (first, carry) = split_day(30_000_000_000);
/// let (second, last) = split_day(30_000_000_000 + u128::from(carry));
/// assert_eq!(split_days(30_000_000_000, 0, 2), (first.plus(second), last));
/// ```
#[must_use]
pub fn split_days(numerator: u128, carry: u64, days: u32) -> (Amount, u64) {
    let (whole, rest) = split_day(numerator);
    let rests = u128::from(rest).saturating_mul(u128::from(days)).saturating_add(u128::from(carry));
    let (more, carry) = split_day(rests);
    (Amount(whole.0.saturating_mul(u128::from(days))).plus(more), carry)
}

/// A part of an amount, rounded down.
///
/// ```
/// use usance_core::money::{part_of, Amount, Rate};
/// assert_eq!(part_of(Amount::from_units(39), Rate::parse("0.05").unwrap()), Amount::from_units(1));
/// ```
#[must_use]
pub fn part_of(amount: Amount, part: Rate) -> Amount {
    Amount(part.numerator(amount).checked_div(u128::from(WHOLE_RATE)).unwrap_or(0))
}

/// Whether `first.0` over `first.1` is less than `second.0` over `second.1`, exactly, however large they are.
///
/// ```
/// use usance_core::money::{is_less_in_proportion, Amount};
/// let most = u128::MAX / 2;
/// assert!(is_less_in_proportion((Amount::from_units(most - 1), most), (Amount::from_units(most), most)));
/// assert!(!is_less_in_proportion((Amount::from_units(2), 4), (Amount::from_units(1), 2)));
/// ```
#[must_use]
pub const fn is_less_in_proportion(first: (Amount, u128), second: (Amount, u128)) -> bool {
    let ((high, low), (other_high, other_low)) = (product(first.0.0, second.1), product(second.0.0, first.1));
    high < other_high || (high == other_high && low < other_low)
}

/// A product in two halves, the higher one first.
const fn product(one: u128, other: u128) -> (u128, u128) {
    const HALF: u128 = u64::MAX as u128;
    let ((one_high, one_low), (other_high, other_low)) = ((one >> 64, one & HALF), (other >> 64, other & HALF));
    let low = one_low.wrapping_mul(other_low);
    let first = one_high.wrapping_mul(other_low).wrapping_add(low >> 64);
    let second = one_low.wrapping_mul(other_high).wrapping_add(first & HALF);
    let high = one_high.wrapping_mul(other_high).wrapping_add(first >> 64).wrapping_add(second >> 64);
    (high, second << 64 | low & HALF)
}

/// A share of everything, in ten-thousandths.
pub const SHARE_WHOLE: u16 = 10_000;

/// What share of everything each part is, in ten-thousandths: rounded down, and what is left over goes, one each, to the parts that lost most,
/// the first of equals. So they add up to [`SHARE_WHOLE`], always. A part below nothing has no share. `None` where there is nothing. Display only.
///
/// ```
/// use usance_core::money::{shares, Balance};
/// let parts = [1, 1, 1, -5, 0].map(Balance::from_units);
/// assert_eq!(shares(&parts), Some(vec![3_334, 3_333, 3_333, 0, 0]));
/// assert_eq!(shares(&[Balance::ZERO]), None);
/// ```
#[must_use]
pub fn shares(parts: &[Balance]) -> Option<Vec<u16>> {
    let units: Vec<u128> = parts.iter().map(|part| u128::try_from(part.units()).unwrap_or(0)).collect();
    let all = units.iter().fold(0u128, |sum, part| sum.saturating_add(*part));
    let product = |part: u128| part.saturating_mul(u128::from(SHARE_WHOLE));
    let floor = |part: u128| product(part).checked_div(all).and_then(|share| u16::try_from(share).ok());
    let mut shares = units.iter().map(|part| floor(*part)).collect::<Option<Vec<u16>>>()?;
    let given = shares.iter().fold(0u16, |sum, share| sum.saturating_add(*share));
    let mut order: Vec<(usize, u128)> = units.iter().map(|part| product(*part).checked_rem(all).unwrap_or(0)).enumerate().collect();
    // The sort is stable: of equals the first stays first.
    order.sort_by_key(|(_, lost)| std::cmp::Reverse(*lost));
    for (place, _) in order.into_iter().take(usize::from(SHARE_WHOLE.saturating_sub(given))) {
        if let Some(share) = shares.get_mut(place) {
            *share = share.saturating_add(1);
        }
    }
    Some(shares)
}

/// `of * times / by`, rounded down, and the rest of the division, exact however large the product is. A quotient beyond `u128` stays at
/// its end; dividing by nothing gives nothing.
///
/// ```
/// use usance_core::money::mul_div;
/// assert_eq!(mul_div(7, 10, 4), (17, 2));
/// assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), (u128::MAX, 0));
/// ```
#[must_use]
pub fn mul_div(of: u128, times: u128, by: u128) -> (u128, u128) {
    if let Some(product) = of.checked_mul(times) {
        return (product.checked_div(by).unwrap_or(0), product.checked_rem(by).unwrap_or(0));
    }
    if by == 0 {
        return (0, 0);
    }
    // Bit by bit from the top: the rest stays below the divisor.
    let (high, low) = product(of, times);
    let (mut quotient, mut rest, mut is_beyond) = (0u128, 0u128, false);
    for half in [high, low] {
        for place in (0..u128::BITS).rev() {
            let carried = rest >> 127 == 1;
            rest = rest << 1 | half.wrapping_shr(place) & 1;
            is_beyond |= quotient >> 127 == 1;
            quotient <<= 1;
            if carried || rest >= by {
                rest = rest.wrapping_sub(by);
                quotient |= 1;
            }
        }
    }
    (if is_beyond { u128::MAX } else { quotient }, rest)
}

/// The yearly rate that a numerator over an amount comes to, rounded down to 10^-8. Display only.
#[must_use]
pub fn rate_floor(numerator: u128, amount: Amount) -> Rate {
    let units = numerator.checked_div(amount.0).unwrap_or(0);
    Rate(u64::try_from(units).unwrap_or(RATE_UNITS_MAX).min(RATE_UNITS_MAX))
}

/// The text is not a whole, unsigned number of base units within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount: expected digits like 1.25 or 5e-9, at most 64 characters, a whole number of base units, at most 10^28 of them")]
pub struct NotAnAmount;

/// Reads `[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?` and scales it by 10^decimals; anything not whole is refused.
fn parse_units(text: &str, decimals: u8) -> Result<u128, NotAnAmount> {
    if text.is_empty() || text.len() > AMOUNT_TEXT_BYTES_MAX {
        return Err(NotAnAmount);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(NotAnAmount),
        None => (mantissa, ""),
    };
    if whole.is_empty() {
        return Err(NotAnAmount);
    }
    // The value is `digits * 10^shift`; a negative shift must only drop zeros.
    let fraction_len = i32::try_from(fraction.len()).map_err(|_| NotAnAmount)?;
    let mut shift = exponent.saturating_add(i32::from(decimals)).saturating_sub(fraction_len);
    let digits_len = whole.len().saturating_add(fraction.len());
    let dropped = if shift < 0 { usize::try_from(shift.unsigned_abs()).map_err(|_| NotAnAmount)? } else { 0 };
    let mut units: u128 = 0;
    for (index, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
        if !byte.is_ascii_digit() {
            return Err(NotAnAmount);
        }
        let digit = u128::from(byte.wrapping_sub(b'0'));
        if index.saturating_add(dropped) >= digits_len {
            if digit != 0 {
                return Err(NotAnAmount);
            }
        } else {
            units = units.checked_mul(10).and_then(|ten| ten.checked_add(digit)).ok_or(NotAnAmount)?;
        }
    }
    if units == 0 {
        return Ok(0);
    }
    while shift > 0 {
        units = units.checked_mul(10).ok_or(NotAnAmount)?;
        shift = shift.saturating_sub(1);
    }
    Ok(units)
}

fn parse_exponent(text: &str) -> Result<i32, NotAnAmount> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnAmount);
    }
    let value: i32 = digits.parse().map_err(|_| NotAnAmount)?;
    Ok(if negative { value.saturating_neg() } else { value })
}

fn units_to_text(units: u128, decimals: u8, trailing: Trailing) -> String {
    let width = usize::from(decimals);
    let mut text = format!("{units:0>pad$}", pad = width.saturating_add(1));
    if width == 0 {
        return text;
    }
    let point = text.len().saturating_sub(width);
    text.insert(point, '.');
    if trailing == Trailing::Dropped {
        let kept = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(kept);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, decimals: u8, expected: Option<u128>) {
        assert_eq!(Amount::parse(text, decimals).ok().map(Amount::units), expected, "{text:?} with {decimals} decimals");
    }

    #[test]
    fn the_grammar_of_amounts() {
        check("1", 9, Some(1_000_000_000));
        check("0.50000000000", 9, Some(500_000_000)); // trailing zeros are fine
        check("1E2", 0, Some(100));
        check("2e+1", 0, Some(20));
        check("5e-9", 9, Some(5));
        check("100e-2", 0, Some(1));
        check("0e999", 0, Some(0));
        check("0.000e-999", 3, Some(0));
        check("1e28", 0, Some(AMOUNT_UNITS_MAX));
        for bad in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_000",
            ".5",
            "1.",
            "1.e5",
            "e5",
            "1e",
            "1e+",
            "1e1000",
            "0x10",
            "NaN",
            "Infinity",
            "1e999",
            "0.0000000001",
            "1e20",
            "１",
            "1,5",
            "1e5e5",
            "1.2.3",
            "--1",
            "1e--5",
        ] {
            check(bad, 9, None);
        }
        check(&"1".repeat(65), 0, None);
        check(&format!("{}1", "0".repeat(63)), 0, Some(1));
        check("10000000000000000000000000001", 0, None);
    }

    #[test]
    fn rates_have_eight_decimals_and_a_ceiling() {
        assert_eq!(Rate::parse("0.0525").map(Rate::units), Ok(5_250_000));
        assert_eq!(Rate::parse("10").map(Rate::units), Ok(1_000_000_000));
        assert_eq!(Rate::parse("10.00000001"), Err(NotAnAmount));
        assert_eq!(Rate::parse("0.000000001"), Err(NotAnAmount));
    }

    proptest::proptest! {
        /// Beside it, what schoolbook division of the two halves says: quotient times divisor and rest are the product again.
        #[test]
        fn a_long_division_is_exact(of in 0u128.., times in 0u128.., by in 1u128..) {
            let (quotient, rest) = mul_div(of, times, by);
            proptest::prop_assert!(rest < by);
            let (high, low) = product(of, times);
            if quotient < u128::MAX {
                let (back_high, back_low) = product(quotient, by);
                let (sum, over) = back_low.overflowing_add(rest);
                proptest::prop_assert_eq!((back_high + u128::from(over), sum), (high, low));
            } else {
                proptest::prop_assert!(high >= by);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn text_and_back_is_the_same_amount(units in 0..=AMOUNT_UNITS_MAX, decimals in 0u8..=18) {
            let amount = Amount::from_units(units);
            proptest::prop_assert_eq!(Amount::parse(&amount.to_text(decimals), decimals), Ok(amount));
        }

        #[test]
        fn splitting_a_day_loses_nothing(numerator in 0..=AMOUNT_UNITS_MAX * 1_000_000_000) {
            let (reward, carry) = split_day(numerator);
            proptest::prop_assert!(carry < DAY_DIVISOR);
            proptest::prop_assert_eq!(reward.units() * u128::from(DAY_DIVISOR) + u128::from(carry), numerator);
        }

        #[test]
        fn days_that_are_alike_are_divided_at_once(numerator in 0..=AMOUNT_UNITS_MAX * 1_000_000_000, carry in 0..DAY_DIVISOR, days in 0..40_u32) {
            let (mut sum, mut left) = (Amount::ZERO, carry);
            for _ in 0..days {
                let (reward, rest) = split_day(numerator + u128::from(left));
                (sum, left) = (sum.plus(reward), rest);
            }
            proptest::prop_assert_eq!(split_days(numerator, carry, days), (sum, left));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,80}") {
            let _ = Amount::parse(&text, 9);
            let _ = Rate::parse(&text);
        }
    }
}
