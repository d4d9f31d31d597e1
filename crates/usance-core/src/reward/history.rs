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
/// `segments` are in order of day. `held_from` gives the bands in force at the close of a day, `None` for a day on which
/// nothing was in force (then nothing is earned), and the last day of which the same is known. Days before `from` are passed in
/// stretches of the same bands.
pub fn walk(
    segments: &[Segment],
    from: Day,
    to: Day,
    held_from: impl FnMut(Day) -> (Option<Bands>, Day),
    mut visit: impl FnMut(RewardDay),
) {
    stretches(segments, (from, to), held_from, |mut day, last, stake, bands| {
        while day <= last {
            let (principal, carry_before) = (stake.earning, stake.carry);
            let reward = stake.close_day(bands);
            if !principal.is_zero() {
                visit(RewardDay { day, principal, carry_before, bands: bands.clone(), reward });
            }
            day = day.next();
        }
    });
}

/// What the days `from..=to` gave together: the sum of what [`walk`] visits, without visiting each.
#[must_use]
pub fn sum(segments: &[Segment], from: Day, to: Day, held_from: impl FnMut(Day) -> (Option<Bands>, Day)) -> Amount {
    let mut sum = Amount::ZERO;
    stretches(segments, (from, to), held_from, |day, last, stake, bands| sum = sum.plus(stake.close_days(bands, count(day, last))));
    sum
}

/// Days from one to another, both counted.
fn count(first: Day, last: Day) -> u32 {
    u32::try_from(last.since(first).saturating_add(1)).unwrap_or(0)
}

/// Shows stretches of days under the same bands, oldest first; whoever sees one closes its days. Those before `from` are closed here.
fn stretches(
    segments: &[Segment],
    (from, to): (Day, Day),
    mut held_from: impl FnMut(Day) -> (Option<Bands>, Day),
    mut show: impl FnMut(Day, Day, &mut Stake, &Bands),
) {
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
        let (bands, held_to) = held_from(day);
        let bands = bands.unwrap_or_else(|| Bands::single(crate::money::Rate::ZERO));
        let changes = ahead.peek().map_or(to, |next| next.from.previous());
        let last = held_to.min(to).min(changes).max(day);
        if day < from {
            let passed = last.min(from.previous());
            stake.close_days(&bands, count(day, passed));
            day = passed.next();
        }
        if day <= last {
            show(day, last, &mut stake, &bands);
            day = last.next();
        }
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
            |day| (Some(bands.clone()), day),
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

    proptest::proptest! {
        /// Stretches give what single days give, wherever they begin and end and however the bands change.
        #[test]
        fn stretches_are_the_days_one_by_one(
            stakes in proptest::collection::vec((0..4_u128, 0..4_u128, 0..36_500_000_000_u64, 1..30_i32), 1..5),
            rates in proptest::collection::vec(0..4_u64, 130),
            from in 0..120_i32,
            days in 0..120_i32,
        ) {
            let units = |units: u128| Amount::from_units(units * 31_415_926_535);
            let mut segments = Vec::new();
            let mut day = 0;
            for (earning, pending, carry, length) in stakes {
                segments.push(Segment { from: Day::from_number(day), stake: Stake { earning: units(earning), pending: units(pending), carry } });
                day += length;
            }
            // Rate 0 stands for a day on which nothing was in force.
            let rate = |day: Day| usize::try_from(day.number()).ok().and_then(|index| rates.get(index)).copied().unwrap_or(0);
            let bands = |day: Day| (rate(day) != 0).then(|| Bands::single(Rate::from_units(rate(day) * 1_234_567).unwrap_or_default()));
            let held = |day: Day| {
                let mut last = day;
                while rate(last.next()) == rate(day) && last.number() < 200 {
                    last = last.next();
                }
                (bands(day), last)
            };
            let (from, to) = (Day::from_number(from), Day::from_number(from + days));
            let (mut slow, mut fast) = (Vec::new(), Vec::new());
            // Day by day from the very beginning, the days before thrown away.
            walk(&segments, Day::from_number(i32::MIN), to, |day| (bands(day), day), |line| if line.day >= from { slow.push(line) });
            walk(&segments, from, to, held, |line| fast.push(line));
            proptest::prop_assert_eq!(&slow, &fast);
            let total = slow.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.reward));
            proptest::prop_assert_eq!(sum(&segments, from, to, held), total);
        }
    }
}
