//! `usance verify`: run the whole log again, from the first record, and check everything against it.

use super::{Output, Place, progress};
use crate::engine::start;
use anyhow::bail;
use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use usance_core::audit::audit;
use usance_core::calendar::Day;
use usance_core::id::PositionId;
use usance_core::machine::{Event, State, derive};
use usance_core::money::Amount;
use usance_core::position::PositionState;
use usance_core::product::Kind;
use usance_core::reward::history::{Segment, push_segment};
use usance_store::projection::{Projector, Reading};
use usance_store::snapshot::Snapshot;
use usance_store::{Batch, Head, Home, LogReader, SnapshotFile, StoreError, codec, image, recovery, verify_chain};

/// Run the whole log again and check everything against it.
///
/// Replays every record from the first, runs the audit, compares each snapshot and the read tables with what the log
/// gives, and derives every daily reward again. Prints the head of the hash chain: keep it elsewhere, and a log that was
/// cut or edited shows. Exit code 0 means healthy. A running engine may go on; what it appends meanwhile is not looked at.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) output: Output,
}

/// One thing that was checked.
struct Check {
    name: String,
    holds: bool,
    seen: String,
}

/// Runs the verb.
///
/// # Errors
/// When there is nothing to verify; a finding is not an error but exit code 1.
pub fn run(verb: &Verify) -> anyhow::Result<ExitCode> {
    // It lists the snapshots first: in this order a running engine cannot bring in one beyond the end.
    let visited = verb.place.visit()?;
    let (reader, end) = (visited.reader.as_ref(), visited.end()?);
    let bar = progress("running the log", end.seq, verb.output);
    let mut checks = Vec::new();
    let replay = Replay::run(reader, &visited.snapshots, end, &mut checks, |seq| bar.set_position(seq));
    bar.finish_and_clear();
    let head = match replay {
        Ok(replay) => {
            let Some(state) = &replay.state else { bail!("the log holds no platform") };
            for finding in audit(state) {
                checks.push(Check { name: finding.name.into(), holds: finding.holds, seen: finding.figures });
            }
            checks.push(rewards(state, &replay.segments));
            checks.push(read_tables(reader, &visited.home, state));
            Some(replay.head)
        }
        Err(error) => {
            checks.push(Check {
                name: "every record is whole, chained to the one before, and runs as it did".into(),
                holds: false,
                seen: format!("{error:#}"),
            });
            None
        }
    };
    report(&checks, head, verb.output);
    Ok(if checks.iter().all(|check| check.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(checks: &[Check], head: Option<Head>, output: Output) {
    let healthy = checks.iter().all(|check| check.holds);
    let hash = head.map(|head| crate::api::shape::hex(&head.hash));
    if output.json {
        let listed: Vec<_> =
            checks.iter().map(|check| serde_json::json!({"name": check.name, "holds": check.holds, "figures": check.seen})).collect();
        println!(
            "{}",
            serde_json::json!({"healthy": healthy, "checks": listed, "head": {"batch": head.map(|head| head.seq), "hash": hash}})
        );
        return;
    }
    for check in checks {
        println!("{} {}\n       {}", if check.holds { "ok    " } else { "BROKEN" }, check.name, check.seen);
    }
    if let (Some(head), Some(hash)) = (head, hash) {
        println!("\nhead: batch {} {hash}", head.seq);
    }
    println!("{}", if healthy { "healthy" } else { "NOT HEALTHY" });
}

/// The log, run from its first record.
pub(super) struct Replay {
    pub state: Option<State>,
    pub head: Head,
    /// How the stake of each flexible position stood, day by day.
    pub segments: BTreeMap<PositionId, Vec<Segment>>,
}

impl Replay {
    fn run(
        reader: &dyn LogReader,
        snapshots: &[SnapshotFile],
        end: Head,
        checks: &mut Vec<Check>,
        mut seen: impl FnMut(u64),
    ) -> anyhow::Result<Replay> {
        let mut snapshots: BTreeMap<u64, std::path::PathBuf> = snapshots.iter().map(|file| (file.seq, file.path.clone())).collect();
        let replay = Replay::walk(reader, end, |batch, state, _| {
            if let (Some(path), Some(state)) = (snapshots.remove(&batch.seq), state) {
                checks.push(check_snapshot(&path, batch, state));
            }
            seen(batch.seq);
            Ok(())
        })?;
        for path in snapshots.values() {
            let seen = "the log does not reach its place".to_owned();
            checks.push(Check { name: format!("snapshot {} is what the log gives", path.display()), holds: false, seen });
        }
        let seen = format!("{} batches", replay.head.seq);
        checks.push(Check { name: "every record is whole, chained to the one before, and runs as it did".into(), holds: true, seen });
        Ok(replay)
    }

    /// Runs the log up to a batch; `visit` sees each batch with the state after it and its records.
    pub(super) fn walk(
        reader: &dyn LogReader,
        end: Head,
        mut visit: impl FnMut(&Batch, Option<&State>, &[codec::Record]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Replay> {
        let mut replay = Replay { state: None, head: Head::GENESIS, segments: BTreeMap::new() };
        // The walk stops where the log stood when it began.
        let stop = |seq: u64| seq > end.seq;
        replay.head = verify_chain(reader, start::SHARD, Head::GENESIS, |batch| -> anyhow::Result<()> {
            if stop(batch.seq) {
                return Ok(());
            }
            recovery::replay_batch(&mut replay.state, batch)?;
            let records: Result<Vec<_>, StoreError> = batch.records().map(|bytes| bytes.and_then(codec::decode)).collect();
            let records = records?;
            if let Some(state) = &replay.state {
                for record in &records {
                    keep_stakes(state, record, &mut replay.segments);
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
    for event in &record.events {
        let (product, position, stake) = match event {
            Event::Subscribed(event) => (event.product, event.position, event.stake),
            Event::Redeemed(event) => (event.product, event.position, event.stake),
            _ => continue,
        };
        if state.product(product).is_some_and(|product| product.kind == Kind::Flexible) {
            let segment = Segment { from: state.registry.platform.offset.day_of(record.at), stake };
            push_segment(segments.entry(position).or_default(), segment);
        }
    }
}

fn check_snapshot(path: &Path, batch: &Batch, state: &State) -> Check {
    let name = format!("snapshot {} is what the log gives", path.display());
    let compared = Snapshot::open(path).and_then(|snapshot| {
        let fits = snapshot.head().hash == batch.hash;
        Ok((fits, image::state_hash(&image::read(&snapshot)?)?, image::state_hash(state)?))
    });
    match compared {
        Ok((true, snapshot, log)) if snapshot == log => {
            Check { name, holds: true, seen: format!("state {}", crate::api::shape::hex(&log)) }
        }
        Ok((fits, ..)) => Check { name, holds: false, seen: if fits { "its state differs" } else { "it is of another log" }.into() },
        Err(StoreError::NotFound { .. }) => Check { name, holds: true, seen: "a running engine has removed it for a newer one".into() },
        Err(error) => Check { name, holds: false, seen: error.to_string() },
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

/// Derives every reward line of every position and adds them up.
fn rewards(state: &State, segments: &BTreeMap<PositionId, Vec<Segment>>) -> Check {
    let mut broken = Vec::new();
    let mut lines = 0u64;
    for index in 0..state.running.len() {
        let id = PositionId::from_index(index);
        let Some((running, _)) = state.position(id) else { continue };
        let mut sum = Amount::ZERO;
        days_of(state, id, segments, |line| {
            lines += 1;
            sum = sum.plus(line.reward);
        });
        let booked = running.distributed.get().plus(running.accrued.get());
        // What an early exit forfeited is in the lines only.
        let fits = if running.state == PositionState::RedeemedEarly { sum >= booked } else { sum == booked };
        if !fits {
            broken.push(format!("position {id}: derived {} booked {}", sum.units(), booked.units()));
        }
    }
    let seen = if broken.is_empty() { format!("{lines} lines of {} positions", state.running.len()) } else { broken.join("; ") };
    Check { name: "every daily reward, derived again, sums to what was accrued and paid".into(), holds: broken.is_empty(), seen }
}

/// Builds the read tables again, as far as the stored ones are, and compares every row. A running engine's may have gone
/// on meanwhile; the log then has, too.
fn read_tables(reader: &dyn LogReader, home: &Home, state: &State) -> Check {
    let repair = match home {
        Home::Embedded(_) => "delete read.sqlite and start again to rebuild them",
        Home::Postgres(_) => "run UPDATE progress SET hash = '' and let an instance begin to write: it builds them anew",
    };
    let name = "the read tables are what the log gives".to_owned();
    let compared = || -> anyhow::Result<(bool, u64)> {
        let stored = home.reading(start::SHARD)?;
        let (reached, fingerprint) = stored.fingerprint_at()?;
        let scratch = tempfile::tempdir()?;
        let path = scratch.path().join("read.sqlite");
        let mut projector = Projector::open(&path, start::SHARD, state.registry.platform.offset)?;
        while projector.reached().seq() < reached.seq() {
            let missing = usize::try_from(reached.seq() - projector.reached().seq())?;
            if projector.step(reader, missing.min(256))? == 0 {
                bail!("they are ahead of the log: batch {} of {}", reached.seq(), projector.reached().seq());
            }
        }
        drop(projector);
        let (_, again) = Reading::open(&path, start::SHARD)?.fingerprint_at()?;
        Ok((again == fingerprint, reached.seq()))
    };
    match compared() {
        Ok((true, seq)) => Check { name, holds: true, seen: format!("every row up to batch {seq}") },
        Ok((false, seq)) => Check { name, holds: false, seen: format!("rows up to batch {seq} differ; {repair}") },
        // A copy without them, or with those of an older release, is whole: the next start builds them.
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::NotFound { .. })) => {
            Check { name, holds: true, seen: "there are none; the next start builds them".into() }
        }
        Err(error) => Check { name, holds: false, seen: format!("{error:#}; {repair}") },
    }
}
