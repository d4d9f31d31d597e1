//! Arithmetic as taught at school, for the twin: slow, obvious, and none of the core's.

use std::cmp::Ordering;

/// What a day's numerator is divided by: 365 days of 10^8.
pub const D: u64 = 36_500_000_000;
/// The most base units one amount may be: 10^28.
pub const MOST: u128 = 10_000_000_000_000_000_000_000_000_000;

/// A whole number as its decimal digits, the last one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits(Vec<u8>);

impl Digits {
    pub fn of(number: u128) -> Digits {
        Digits(number.to_string().bytes().rev().map(|digit| digit - b'0').collect()).without_zeros()
    }
    pub fn number(&self) -> u128 {
        self.0.iter().rev().fold(0, |number, digit| number * 10 + u128::from(*digit))
    }
    fn without_zeros(mut self) -> Digits {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
    pub fn plus(&self, other: &Digits) -> Digits {
        let mut sum = Vec::new();
        let mut carried = 0;
        for place in 0..self.0.len().max(other.0.len()) + 1 {
            let column = self.0.get(place).unwrap_or(&0) + other.0.get(place).unwrap_or(&0) + carried;
            sum.push(column % 10);
            carried = column / 10;
        }
        Digits(sum).without_zeros()
    }
    pub fn minus(&self, other: &Digits) -> Digits {
        assert_ne!(self.compare(other), Ordering::Less, "nothing below zero");
        let mut rest = Vec::new();
        let mut borrowed = 0;
        for (place, digit) in self.0.iter().enumerate() {
            let lower = other.0.get(place).unwrap_or(&0) + borrowed;
            borrowed = u8::from(*digit < lower);
            rest.push(digit + 10 * borrowed - lower);
        }
        Digits(rest).without_zeros()
    }
    pub fn times(&self, factor: u64) -> Digits {
        let mut product = Vec::new();
        let mut carried = 0u64;
        for digit in self.0.iter().chain([0; 11].iter()) {
            let column = u64::from(*digit) * factor + carried;
            product.push(u8::try_from(column % 10).expect("a digit"));
            carried = column / 10;
        }
        Digits(product).without_zeros()
    }
    /// Rounded down.
    pub fn divided_by(&self, divisor: u64) -> Digits {
        let mut quotient = Vec::new();
        let mut rest = 0u64;
        for digit in self.0.iter().rev() {
            rest = rest * 10 + u64::from(*digit);
            quotient.push(u8::try_from(rest / divisor).expect("a digit"));
            rest %= divisor;
        }
        quotient.reverse();
        Digits(quotient).without_zeros()
    }
    fn compare(&self, other: &Digits) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[test]
fn school_arithmetic_is_right() {
    for (a, b) in [(0u128, 0u128), (1, 0), (9, 1), (999, 1), (10_000, 1), (36_500_000_000, 36_499_999_999), (MOST, MOST - 1)] {
        let (left, right) = (Digits::of(a), Digits::of(b));
        assert_eq!((left.plus(&right).number(), left.minus(&right).number()), (a + b, a - b));
        assert_eq!(left.compare(&right), a.cmp(&b));
        for factor in [0, 1, 7, 1_000_000_000] {
            assert_eq!(left.times(factor).number(), a * u128::from(factor));
        }
        assert_eq!(left.divided_by(D).number(), a / u128::from(D));
    }
}

/// Reads an amount by moving the point over its digits.
pub fn read(text: &str, decimals: u8) -> Option<u128> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if whole.is_empty() || fraction.is_empty() || !(whole.to_owned() + fraction).bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits = whole.to_owned() + fraction;
    let mut places = i64::from(decimals) + exponent - i64::try_from(fraction.len()).ok()?;
    while places > 0 {
        digits.push('0');
        places -= 1;
    }
    while places < 0 {
        let last = digits.pop().unwrap_or('0');
        if last != '0' {
            return None;
        }
        places += 1;
    }
    let units: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    (units <= MOST).then_some(units)
}

pub fn positive(text: &str, decimals: u8) -> Result<u128, &'static str> {
    read(text, decimals).filter(|units| *units > 0).ok_or("amount_invalid")
}
