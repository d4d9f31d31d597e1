//! A line of daily rates as SVG, drawn on the server in the text's own colour; a table beside it says the same.
//!
//! Only places on the paper are computed here, in whole units of it; the rates themselves are shown as the API gave them.

use std::fmt::Write;
use usance_core::money::Rate;

/// Width of the paper.
const WIDTH: u64 = 640;
/// Height of the paper.
const HEIGHT: u64 = 160;
/// Space above and below the line.
const MARGIN: u64 = 12;

/// A drawn line.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The path: a step for every day.
    pub path: String,
    /// The lowest rate.
    pub lowest: String,
    /// The highest rate.
    pub highest: String,
    /// The first day.
    pub first: String,
    /// The last day.
    pub last: String,
}

impl Chart {
    /// Draws the rates of days, oldest first; two days at least.
    #[must_use]
    pub fn of(days: Vec<(String, String)>) -> Option<Chart> {
        let rates: Vec<u64> = days.iter().map(|(_, rate)| Rate::parse(rate).map_or(0, Rate::units)).collect();
        let (low, high) = (*rates.iter().min()?, *rates.iter().max()?);
        let ((first, _), (last, _)) = (days.first()?, days.last()?);
        if days.len() < 2 {
            return None;
        }
        let span = (high - low).max(1);
        let count = days.len() as u64;
        let mut path = String::new();
        for (at, rate) in (0u64..).zip(&rates) {
            let (left, right) = (at * WIDTH / count, (at + 1) * WIDTH / count);
            // A rate that never moved is a line in the middle.
            let up = if high == low { (HEIGHT - 2 * MARGIN) / 2 } else { (rate - low) * (HEIGHT - 2 * MARGIN) / span };
            let y = HEIGHT - MARGIN - up;
            // Writing to a string cannot fail.
            let _ = write!(path, "{}{left} {y}H{right}", if at == 0 { "M" } else { "L" });
        }
        let text = |units: u64| Rate::from_units(units).map(Rate::to_text).unwrap_or_default();
        Some(Chart { path, lowest: text(low), highest: text(high), first: first.clone(), last: last.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::Chart;

    #[test]
    fn a_line_has_a_step_for_every_day() {
        let day = |day: &str, rate: &str| (day.to_owned(), rate.to_owned());
        let chart = Chart::of(vec![day("2026-01-01", "0.05000000"), day("2026-01-02", "0.06000000")]).unwrap();
        assert_eq!(chart.path, "M0 148H320L320 12H640");
        assert_eq!((chart.lowest.as_str(), chart.highest.as_str()), ("0.05000000", "0.06000000"));
        assert!(Chart::of(vec![day("2026-01-01", "0.05000000")]).is_none());
        let flat = Chart::of(vec![day("2026-01-01", "0.05"), day("2026-01-02", "0.05")]).unwrap();
        assert_eq!(flat.path, "M0 80H320L320 80H640");
    }
}
