//! The auditor's arithmetic: whole numbers without a bound, and amounts read by moving the point over their digits.
//!
//! Shares nothing with the core. There is no carry: what was earned up to a day is the floor of all numerators over D, and
//! a day's reward is that floor less the one of the day before (RULES 3).

use num_bigint::BigUint;

/// What a day's numerator is divided by: 365 days of 10^8 (RULES 3).
pub const D: u64 = 36_500_000_000;
/// The most base units one amount may be: 10^28 (RULES 1).
pub const MOST: u128 = 10_000_000_000_000_000_000_000_000_000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Each band's upper bound, if it has one, and its rate in units of 10^-8.
pub type Tiers = Vec<(Option<u128>, u64)>;

/// What a principal comes to in one day, before the division: each part of it at its band's rate.
#[must_use]
pub fn numerator(tiers: &Tiers, principal: u128) -> BigUint {
    let (mut below, mut sum) = (0, BigUint::from(0u8));
    for (up_to, rate) in tiers {
        let top = up_to.unwrap_or(principal).min(principal);
        if top > below {
            sum += BigUint::from(top - below) * *rate;
            below = top;
        }
    }
    sum
}

/// Rounded down; 0 where nothing is divided by.
#[must_use]
pub fn floor(of: &BigUint, by: impl Into<BigUint>) -> u128 {
    let by = by.into();
    if by == BigUint::from(0u8) { 0 } else { u128::try_from(of / by).unwrap_or(u128::MAX) }
}

/// Reads an amount: `[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?`, at most 64 characters, a whole number of base units, at most
/// [`MOST`] (RULES 1).
#[must_use]
pub fn read(text: &str, decimals: u8) -> Option<u128> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let mut places = i64::from(decimals) + exponent - i64::try_from(fraction.len()).ok()?;
    while places > 0 {
        digits.push('0');
        places -= 1;
    }
    while places < 0 {
        if digits.pop().unwrap_or('0') != '0' {
            return None;
        }
        places += 1;
    }
    let units: BigUint = if digits.is_empty() { BigUint::from(0u8) } else { digits.parse().ok()? };
    u128::try_from(units).ok().filter(|units| *units <= MOST)
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -number } else { number })
}

/// Writes an amount so that it is read as the same.
#[must_use]
pub fn write(units: u128, decimals: u8) -> String {
    format!("{units}e-{decimals}")
}

/// An amount as a change of something that may go below zero.
#[must_use]
pub fn signed(units: u128) -> i128 {
    i128::try_from(units).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_the_rules_say() {
        let cases = [
            ("1.25", 9, Some(1_250_000_000)),
            ("5e-9", 9, Some(5)),
            ("0.0000000001", 9, None),
            (".5", 9, None),
            ("1.", 9, None),
            ("1e1234", 9, None),
            ("1e", 9, None),
            ("-1", 9, None),
            ("1.10", 1, Some(11)),
            ("1e19", 9, Some(MOST)),
            ("1.000000000000000000000000001e19", 9, None),
            ("00", 0, Some(0)),
        ];
        for (text, decimals, units) in cases {
            assert_eq!(read(text, decimals), units, "{text}");
        }
        assert_eq!(read(&write(12_345, 7), 7), Some(12_345));
    }

    #[test]
    fn a_small_holder_earns_what_the_rules_say() {
        // 2,739 base units at 1 % earn 27 in a year.
        let day = numerator(&vec![(None, 1_000_000)], 2_739);
        assert_eq!(floor(&(day * 365u32), D), 27);
    }
}
