//! What a unit takes in memory and in a snapshot, and what writing, reading and closing cost.

use super::figures::line;
use super::forecast::PerUnit;
use super::platform::{EACH, Grown, Phase};
use crate::measure::{Meter, resident};
use usance_core::id::{LogPosition, hash16};
use usance_core::machine::State;
use usance_store::snapshot::Snapshot;
use usance_store::{Head, image};

/// Closes that are measured: each takes milliseconds, in which a neighbour shows.
const CLOSES: usize = 8;

/// Memory and snapshot together, as they stand.
struct Standing {
    memory: u64,
    snapshot: u64,
}

fn standing(state: &State) -> anyhow::Result<Standing> {
    let memory = resident();
    let directory = tempfile::tempdir()?;
    let path = image::write(directory.path(), 0, Head { seq: 1, hash: [1; 32], at_ms: 0 }, state)?;
    Ok(Standing { memory, snapshot: std::fs::metadata(path)?.len() })
}

/// Grows a platform phase by phase, without a log.
pub fn measure(customers: u64, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    let mut nowhere = |_: &'static str, _| Ok(());
    let mut grown = Grown::begin(customers, &mut nowhere)?;
    let mut before = standing(&grown.state)?;
    println!("  memory and snapshot, bytes a unit:");
    let mut show = |what: &str, units: u64, after: Standing| {
        let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / units as f64;
        let (memory, snapshot) = (each(after.memory, before.memory), each(after.snapshot, before.snapshot));
        line(what, &format!("{memory:>7.0} in memory   {snapshot:>7.1} in a snapshot"));
        before = after;
        (memory, snapshot)
    };
    for phase in Phase::ALL {
        grown.phase(phase)?;
        let figures = show(phase.name(), phase.units(customers), standing(&grown.state)?);
        match phase {
            Phase::Customers => per_unit.customer = figures,
            Phase::Accounts => per_unit.account = figures,
            Phase::References => per_unit.reference = figures,
            Phase::OpenPositions => per_unit.open_position = figures,
            Phase::ClosedPositions => per_unit.closed_position = figures,
        }
    }
    let keys = customers * EACH;
    let now = grown.now();
    for number in 0..keys {
        grown.state.keys.remember(hash16(&[7; 32], "key", &[&number.to_string()]), LogPosition::from_number(number), now);
    }
    per_unit.key = show("idempotency key, for two to three days", keys, standing(&grown.state)?);
    closes(&mut grown, per_unit)?;
    snapshots(&grown.state, per_unit)
}

fn closes(grown: &mut Grown<'_>, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    // On the first day everything waits for its value date.
    grown.close()?;
    let active = grown.state.active().count();
    let mut best = f64::MAX;
    for _ in 0..CLOSES {
        let meter = Meter::start();
        grown.close()?;
        best = best.min(meter.stop().wall.as_secs_f64());
    }
    per_unit.close_seconds = best / active as f64;
    line("close of a day, the best of several", &format!("{:.1} ns an active position", per_unit.close_seconds * 1e9));
    Ok(())
}

fn snapshots(state: &State, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let meter = Meter::start();
    let path = image::write(directory.path(), 0, Head { seq: 1, hash: [1; 32], at_ms: 0 }, state)?;
    let written = meter.stop().wall.as_secs_f64();
    let bytes = std::fs::metadata(&path)?.len() as f64;
    let meter = Meter::start();
    let read = image::read(&Snapshot::open(&path)?)?;
    let seconds = meter.stop().wall.as_secs_f64();
    anyhow::ensure!(read == *state, "the snapshot holds the state");
    (per_unit.snapshot_write, per_unit.snapshot_read) = (written / bytes, seconds / bytes);
    line("snapshot", &format!("{:.2} s to write, {:.2} s to read, a GB", written / bytes * 1e9, seconds / bytes * 1e9));
    Ok(())
}
