//! A position's days again, from the state and its segments: what history, statement, export and `usance verify` show.
//!
//! Which bands held on a closed day, which days a position was staked at the close of, and where a fixed term's only
//! segment begins. The walk itself is `reward::history`.

use super::state::State;
use crate::calendar::Day;
use crate::position::{FLOATING, Origin, Running};
use crate::product::Kind;
use crate::product::rates::Bands;
use crate::reward::accrue::Stake;
use crate::reward::history::{RewardDay, Segment, walk};

/// The last closed day at whose close a position was staked, `last_closed` being the last of all.
#[must_use]
pub fn last_day(state: &State, origin: &Origin, last_closed: Day) -> Day {
    let ended = origin.closed_at().map(|at| state.registry.platform.offset.day_of(at).previous());
    ended.map_or(last_closed, |ended| ended.min(last_closed))
}

/// The bands that a position earned by on a closed day.
#[must_use]
pub fn bands_on(state: &State, running: &Running, day: Day) -> Option<Bands> {
    if running.rate_version != FLOATING {
        return state.bands(running.rate_version).cloned();
    }
    let closed = state.product(running.product)?.closed_day(day)?;
    state.bands(closed.version).map(|bands| bands.capped(closed.settled))
}

/// Walks the days `from..=to` of a position, oldest first. A fixed term has one segment, which its opening gives;
/// a flexible position's come with it, in order of day.
pub fn reward_days(
    state: &State,
    running: &Running,
    origin: &Origin,
    flexible: &[Segment],
    from: Day,
    to: Day,
    visit: impl FnMut(RewardDay),
) {
    let fixed = [Segment { from: running.value_date, stake: Stake { earning: origin.principal_opened.get(), ..Stake::default() } }];
    let is_flexible = state.product(running.product).is_some_and(|product| product.kind == Kind::Flexible);
    let segments = if is_flexible { flexible } else { &fixed };
    walk(segments, from, to, |day| bands_on(state, running, day), visit);
}
