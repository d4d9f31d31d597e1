//! Instants, interest days and the platform's offset: what a day is, when it starts, what a value date is.
//!
//! An instant is always an input; nothing here asks a clock. A day is a natural day at the platform's fixed UTC
//! offset (RULES 2). Years are leap years as in the civil calendar; interest counts 365 (`crate::limits`).

use crate::limits::{OFFSET_MINUTES_MAX, OFFSET_MINUTES_MIN, TIMESTAMP_MS_MAX};
use serde::{Deserialize, Serialize};
use std::fmt;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many milliseconds after 1970.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Timestamp(ms)
    }
    /// Milliseconds since 1970.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }
    /// Whether the engine can stand at this instant: after the first of 1970, which marks "never", to the end of 9999.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        self.0 > 0 && self.0 <= TIMESTAMP_MS_MAX
    }
    /// RFC 3339 in UTC with milliseconds.
    ///
    /// ```
    /// use usance_core::calendar::Timestamp;
    /// assert_eq!(Timestamp::from_ms(1_767_225_600_001).to_string(), "2026-01-01T00:00:00.001Z");
    /// ```
    #[must_use]
    pub fn to_text(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = Day::from_number(i32::try_from(self.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second, milli) = (ms / 3_600_000, (ms / 60_000).rem_euclid(60), (ms / 1000).rem_euclid(60), ms.rem_euclid(1000));
        write!(out, "{day}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// A natural day at the platform's offset, as a day number since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(i32);

impl Day {
    /// The day with this number; 0 is 1970-01-01.
    #[must_use]
    pub const fn from_number(number: i32) -> Self {
        Day(number)
    }
    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
    /// The day after.
    #[must_use]
    pub const fn next(self) -> Day {
        self.plus_days(1)
    }
    /// The day before.
    #[must_use]
    pub const fn previous(self) -> Day {
        self.plus_days(-1)
    }
    /// This many days later.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }
    /// Days from `earlier` to this day.
    #[must_use]
    pub const fn since(self, earlier: Day) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
    /// Reads an ISO date, `2026-01-31`, or `None` when there is no such date.
    ///
    /// ```
    /// use usance_core::calendar::Day;
    /// assert_eq!(Day::parse("2024-02-29").map(|day| day.to_string()).as_deref(), Some("2024-02-29"));
    /// assert_eq!(Day::parse("2026-02-29"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return None;
        }
        let read = Day::from_civil(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        // Only a date that exists comes back as the text it was.
        (read.to_string() == text).then_some(read)
    }

    /// Days from civil, after Howard Hinnant's public-domain algorithm "chrono-compatible low-level date algorithms".
    const fn from_civil(year: i32, month: i32, day: i32) -> Day {
        let year = if month <= 2 { year.saturating_sub(1) } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_index = month.saturating_add(9).rem_euclid(12);
        let day_of_year = month_index.saturating_mul(153).saturating_add(2).div_euclid(5).saturating_add(day).saturating_sub(1);
        let day_of_era =
            year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100).saturating_add(day_of_year);
        Day(era.saturating_mul(146_097).saturating_add(day_of_era).saturating_sub(719_468))
    }

    /// Year, month and day of month.
    #[must_use]
    pub const fn civil(self) -> (i32, i32, i32) {
        let shifted = self.0.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = day_of_era
            .saturating_sub(day_of_era / 1_460)
            .saturating_add(day_of_era / 36_524)
            .saturating_sub(day_of_era / 146_096)
            .div_euclid(365);
        let day_of_year =
            day_of_era.saturating_sub(year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100));
        let month_index = day_of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
        let day = day_of_year.saturating_sub(month_index.saturating_mul(153).saturating_add(2).div_euclid(5)).saturating_add(1);
        let month = if month_index < 10 { month_index.saturating_add(3) } else { month_index.saturating_sub(9) };
        let year = year_of_era.saturating_add(era.saturating_mul(400));
        (if month <= 2 { year.saturating_add(1) } else { year }, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

/// The platform's fixed distance from UTC: where its natural day starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayOffset {
    minutes: i32,
}

impl DayOffset {
    /// An offset of this many minutes, or `None` outside -720..=840.
    #[must_use]
    pub const fn from_minutes(minutes: i32) -> Option<Self> {
        if minutes < OFFSET_MINUTES_MIN || minutes > OFFSET_MINUTES_MAX { None } else { Some(DayOffset { minutes }) }
    }
    /// Minutes east of UTC.
    #[must_use]
    pub const fn minutes(self) -> i32 {
        self.minutes
    }
    const fn ms(self) -> i64 {
        (self.minutes as i64).saturating_mul(MINUTE_MS)
    }
    /// The natural day that holds an instant.
    #[must_use]
    pub fn day_of(self, at: Timestamp) -> Day {
        Day(i32::try_from(at.0.saturating_add(self.ms()).div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }
    /// The first instant of a day.
    #[must_use]
    pub const fn first_instant(self, day: Day) -> Timestamp {
        Timestamp((day.0 as i64).saturating_mul(DAY_MS).saturating_sub(self.ms()))
    }
    /// The value date of an amount staked at an instant (RULES 3): that day at its first instant, else the next.
    ///
    /// ```
    /// use usance_core::calendar::{Day, DayOffset, Timestamp};
    /// let utc = DayOffset::default();
    /// let day = Day::parse("2026-01-02").unwrap();
    /// let start = utc.first_instant(day);
    /// assert_eq!(utc.value_date(start), day);
    /// assert_eq!(utc.value_date(Timestamp::from_ms(start.ms() + 1)), day.next());
    /// ```
    #[must_use]
    pub fn value_date(self, at: Timestamp) -> Day {
        let day = self.day_of(at);
        if self.first_instant(day) == at { day } else { day.next() }
    }
}

/// The day on which a term that started on `value_date` is over; its first instant is the maturity (RULES 8).
#[must_use]
pub fn maturity_day(value_date: Day, term_days: u32) -> Day {
    value_date.plus_days(i32::try_from(term_days).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (text, number) in
            [("1970-01-01", 0), ("2000-02-29", 11_016), ("2026-01-01", 20_454), ("2026-12-31", 20_818), ("9999-12-31", 2_932_896)]
        {
            assert_eq!(Day::parse(text), Some(Day(number)), "{text}");
            assert_eq!(Day(number).to_string(), text);
        }
        for bad in ["2026-2-01", "2026-13-01", "2026-00-10", "2026-04-31", "20260101", "2026-01-01Z", "", "+026-01-01"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_starts_at_the_platforms_offset() {
        let east = DayOffset::from_minutes(480).unwrap();
        let day = Day::parse("2026-01-02").unwrap();
        assert_eq!(east.first_instant(day).to_string(), "2026-01-01T16:00:00.000Z");
        assert_eq!(east.day_of(Timestamp(east.first_instant(day).0 - 1)), day.previous());
        assert_eq!(DayOffset::from_minutes(-721), None);
        assert_eq!(DayOffset::from_minutes(841), None);
    }

    proptest::proptest! {
        #[test]
        fn civil_round_trip(number in 0..2_932_896) {
            proptest::prop_assert_eq!(Day::parse(&Day(number).to_string()), Some(Day(number)));
        }
    }
}
