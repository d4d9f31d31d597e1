//! The entry points of fuzzing in the core: text that becomes an amount, a rate, a day, a place in the log.
//!
//! Each takes any bytes and asserts what has to hold: what is read is written back as text that reads the same, and a
//! small reader of its own, which shares no arithmetic with the core's, comes to the same value or the same refusal.
//! `fuzz` runs them over a corpus, `cargo fuzz` over whatever it finds.

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;
use usance_core::money::{Amount, Balance, Rate};

/// What the grammar of RULES 1 makes of a text, by digits alone: base units as decimal digits without zeros in front.
fn units_of(text: &str, decimals: usize) -> Option<String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > 64 {
        return None;
    }
    let mut halves = text.splitn(2, ['e', 'E']);
    let mantissa = halves.next()?;
    let exponent = match halves.next() {
        None => 0,
        Some(exponent) => {
            let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if !digits(number) || number.len() > 3 {
                return None;
            }
            exponent.parse::<i64>().ok()?
        }
    };
    let (whole, fraction) = match mantissa.find('.') {
        Some(point) => (&mantissa[..point], Some(&mantissa[point + 1..])),
        None => (mantissa, None),
    };
    if !digits(whole) || fraction.is_some_and(|fraction| !digits(fraction)) {
        return None;
    }
    // The value in base units is 0.DIGITS times ten to the power of `point`.
    let all = format!("{whole}{}", fraction.unwrap_or(""));
    let significant = all.trim_start_matches('0');
    let point = whole.len() as i64 + exponent + decimals as i64 - (all.len() - significant.len()) as i64;
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let missing = point - significant.len() as i64;
    if missing < 0 || point > 40 { None } else { Some(format!("{significant}{}", "0".repeat(missing as usize))) }
}

fn at_most(units: String, limit: &str) -> Option<String> {
    let fits = units.len() < limit.len() || (units.len() == limit.len() && units.as_str() <= limit);
    fits.then_some(units)
}

/// The first byte chooses the asset's decimals, the rest is the text.
pub fn amounts(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let decimals = first % 19;
    let read = Amount::parse(text, decimals).ok();
    let expected = units_of(text, decimals.into()).and_then(|units| at_most(units, "10000000000000000000000000000"));
    assert_eq!(read.map(|amount| amount.units().to_string()), expected, "{text:?} with {decimals} decimals");
    if let Some(amount) = read {
        let written = amount.to_text(decimals);
        assert_eq!(Amount::parse(&written, decimals), Ok(amount), "{written}");
        assert!(!written.contains(['e', 'E', '+', '-']) && (!written.contains('.') || !written.ends_with('0')), "{written}");
        let below = Balance::ZERO.minus(amount).to_text(decimals);
        assert_eq!(below.trim_start_matches('-'), written, "a balance is written like an amount");
    }
}

/// A rate is read like an amount with eight decimals, and always written with eight.
pub fn rates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = Rate::parse(text).ok();
    let expected = units_of(text, 8).and_then(|units| at_most(units, "1000000000"));
    assert_eq!(read.map(|rate| rate.units().to_string()), expected, "{text:?}");
    if let Some(rate) = read {
        let written = rate.to_text();
        assert_eq!(Rate::parse(&written), Ok(rate), "{written}");
        assert_eq!(written.split_once('.').map(|(_, fraction)| fraction.len()), Some(8), "{written}");
    }
}

/// The days of a month, by heart.
fn month_days(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970 of a date that is text like 2026-01-31, counted year by year and month by month.
fn day_number(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
    if !shaped {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    let length = |year: i64| 337 + month_days(year, 2);
    let years: i64 = if year >= 1970 { (1970..year).map(length).sum() } else { -(year..1970).map(length).sum::<i64>() };
    Some(years + (1..month).map(|month| month_days(year, month)).sum::<i64>() + day - 1)
}

/// A day is read when there is such a date, and is written as it was read. Any number is a day that can be written.
pub fn days(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let read = Day::parse(text);
        assert_eq!(read.map(|day| i64::from(day.number())), day_number(text), "{text:?}");
        assert!(read.is_none_or(|day| day.to_string() == text), "{text:?}");
    }
    if let Some(bytes) = data.first_chunk::<4>() {
        let day = Day::from_number(i32::from_le_bytes(*bytes));
        let written = day.to_string();
        // Years before the first and after 9999 are written, and not read.
        assert!(written.len() != 10 || written.starts_with('-') || Day::parse(&written) == Some(day), "{written}");
        assert_eq!(day.next().previous().number() == day.number(), day.number() != i32::MAX);
    }
    if let Some(bytes) = data.first_chunk::<8>() {
        assert!(Timestamp::from_ms(i64::from_le_bytes(*bytes)).to_text().ends_with('Z'));
    }
}

/// A place in the log is written as a number, and read back from nothing else.
pub fn places(data: &[u8]) {
    if let Some(bytes) = data.first_chunk::<8>() {
        let place = LogPosition::from_number(u64::from_le_bytes(*bytes));
        assert_eq!(LogPosition::new(place.seq(), place.index()), place);
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(place) = text.parse::<LogPosition>()
    {
        assert_eq!(place.to_string().parse(), Ok(place), "{text:?}");
    }
}
