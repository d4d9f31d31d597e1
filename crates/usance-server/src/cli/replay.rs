//! The log run again from its first record, for whoever looks at all of it: verifying and exporting.
//!
//! Owns the walk, and what the state does not keep and daily rewards need: the stakes of positions whose principal changes to derive them,
//! and what early exits forfeited to add them up. It keeps nothing else of the past. What is made of it is
//! [`crate::cli::examination`]'s and [`crate::cli::export`]'s.

use std::collections::BTreeMap;
use usance_core::calendar::Day;
use usance_core::id::PositionId;
use usance_core::machine::{State, derive};
use usance_core::money::Amount;
use usance_core::reward::history::{Segment, push_segment};
use usance_engine::life::settings::SHARD;
use usance_store::{Batch, Head, LogReader, StoreError, codec, recovery, verify_chain};

/// The log, run from its first record.
pub(super) struct Replay {
    pub state: Option<State>,
    pub head: Head,
    /// How the stake stood, day by day, of each position whose principal changes.
    pub segments: BTreeMap<PositionId, Vec<Segment>>,
    /// What was accrued and not paid any more, of each position that was left early.
    pub forfeited: BTreeMap<PositionId, Amount>,
}

impl Replay {
    /// Runs the log up to a batch; `visit` sees each batch with the state after it and its records.
    pub fn walk(
        reader: &dyn LogReader,
        end: Head,
        mut visit: impl FnMut(&Batch, Option<&State>, &[codec::Record]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Replay> {
        let mut replay = Replay { state: None, head: Head::GENESIS, segments: BTreeMap::new(), forfeited: BTreeMap::new() };
        // The walk stops where the log stood when it began.
        let stop = |seq: u64| seq > end.seq;
        replay.head = verify_chain(reader, SHARD, Head::GENESIS, |batch| -> anyhow::Result<()> {
            if stop(batch.seq) {
                return Ok(());
            }
            recovery::replay_batch(&mut replay.state, batch)?;
            let records: Result<Vec<_>, StoreError> = batch.records().map(|bytes| bytes.and_then(codec::decode)).collect();
            let records = records?;
            if let Some(state) = &replay.state {
                for record in &records {
                    keep_stakes(state, record, &mut replay.segments);
                    keep_forfeited(record, &mut replay.forfeited);
                }
            }
            visit(batch, replay.state.as_ref(), &records)
        })?;
        if replay.head.seq > end.seq {
            replay.head = end;
        }
        Ok(replay)
    }
}

fn keep_stakes(state: &State, record: &codec::Record, segments: &mut BTreeMap<PositionId, Vec<Segment>>) {
    for event in &record.fact.events {
        let Some((position, product, stake)) = event.staked() else { continue };
        if state.product(product).is_some_and(|product| !product.keeps_principal()) {
            let segment = Segment { from: state.registry.platform.offset.day_of(record.fact.at), stake };
            push_segment(segments.entry(position).or_default(), segment);
        }
    }
}

fn keep_forfeited(record: &codec::Record, forfeited: &mut BTreeMap<PositionId, Amount>) {
    for event in &record.fact.events {
        if let Some(event) = event.redeemed()
            && event.early
        {
            forfeited.insert(event.position, event.figures.forfeited_accrued);
        }
    }
}

/// One position's derived days, oldest first.
pub(super) fn days_of(
    state: &State,
    id: PositionId,
    segments: &BTreeMap<PositionId, Vec<Segment>>,
    visit: impl FnMut(usance_core::reward::history::RewardDay),
) {
    let Some((running, origin)) = state.position(id) else { return };
    let to = derive::last_day(state, origin, state.registry.open_day.previous());
    let own = segments.get(&id).map_or(&[][..], Vec::as_slice);
    derive::reward_days(state, running, origin, own, Day::from_number(i32::MIN), to, visit);
}
