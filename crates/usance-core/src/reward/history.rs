//! Every day of a position again, derived: the lines of history, statement and export (RULES 9).
//!
//! Owns nothing. From where a stake stood at the start of a day ([`Segment`]) and the rate of each closed day it walks
//! forward with the very function that closed those days. Nothing is replayed from the beginning: a walk starts at the
//! last segment that is not after the first day asked for.

use super::accrue::Stake;
use crate::calendar::Day;
use crate::money::Amount;
use crate::product::rates::Bands;

/// Where a stake stood before a day was closed. A later segment of the same day replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The day.
    pub from: Day,
    /// The stake as it stood for that day.
    pub stake: Stake,
}

/// Adds a segment to those before it; one of the same day takes the other's place.
pub fn push_segment(segments: &mut Vec<Segment>, segment: Segment) {
    match segments.last_mut() {
        Some(last) if last.from == segment.from => *last = segment,
        _ => segments.push(segment),
    }
}

/// One position's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardDay {
    /// The day that was closed.
    pub day: Day,
    /// The principal that earned.
    pub principal: Amount,
    /// The carry with which the day began.
    pub carry_before: u64,
    /// The bands of that day.
    pub bands: Bands,
    /// What it earned.
    pub reward: Amount,
}

/// Walks the days `from..=to` on which some principal earned, oldest first.
///
/// `segments` are in order of day. `bands_on` gives the bands in force at the close of a day, `None` for a day on which
/// nothing was in force (then nothing is earned).
pub fn walk(segments: &[Segment], from: Day, to: Day, mut bands_on: impl FnMut(Day) -> Option<Bands>, mut visit: impl FnMut(RewardDay)) {
    let start = segments.partition_point(|segment| segment.from <= from).saturating_sub(1);
    let mut ahead = segments.iter().skip(start).peekable();
    let Some(first) = ahead.next() else { return };
    let (mut day, mut stake) = (first.from, first.stake);
    while day <= to {
        if let Some(next) = ahead.next_if(|segment| segment.from <= day) {
            stake = next.stake;
            continue;
        }
        // An emptied stake earns nothing until a later segment fills it again.
        if stake.earning.is_zero() && stake.pending.is_zero() {
            let Some(next) = ahead.peek() else { return };
            day = next.from;
            continue;
        }
        let (principal, carry_before) = (stake.earning, stake.carry);
        let bands = bands_on(day).unwrap_or_else(|| Bands::single(crate::money::Rate::ZERO));
        let reward = stake.close_day(&bands);
        if day >= from && !principal.is_zero() {
            visit(RewardDay { day, principal, carry_before, bands, reward });
        }
        day = day.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rate;

    fn days(segments: &[Segment], from: i32, to: i32) -> Vec<(i32, u128, u128)> {
        let bands = Bands::single(Rate::parse("3.65").unwrap()); // 1 % a day
        let mut seen = Vec::new();
        walk(
            segments,
            Day::from_number(from),
            Day::from_number(to),
            |_| Some(bands.clone()),
            |line| {
                seen.push((line.day.number(), line.principal.units(), line.reward.units()));
            },
        );
        seen
    }

    #[test]
    fn a_walk_meets_top_ups_partial_and_full_exits() {
        let stake = |earning, pending| Stake { earning: Amount::from_units(earning), pending: Amount::from_units(pending), carry: 0 };
        let segments = [
            Segment { from: Day::from_number(1), stake: stake(0, 100) },
            Segment { from: Day::from_number(3), stake: stake(100, 100) },
            Segment { from: Day::from_number(5), stake: stake(0, 0) },
        ];
        let all = [(2, 100, 1), (3, 100, 1), (4, 200, 2)];
        assert_eq!(days(&segments, 0, 9), all);
        assert_eq!(days(&segments, 3, 3), all[1..2]);
        assert_eq!(days(&segments, 4, 9), all[2..]);
        assert_eq!(days(&segments, 6, 9), []);
        assert_eq!(days(&[], 0, 9), []);
    }
}
