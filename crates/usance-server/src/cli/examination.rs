//! Everything that `usance verify` looks at, as a value: checks that hold or do not, each with what was seen.
//!
//! Owns which checks there are. A check that does not hold names the file, table, row, column, batch, record or section.
//! Printing and exit codes are [`crate::cli::verify`]'s; how the log runs is `replay`'s. It changes nothing, and a
//! running engine may go on meanwhile: what it appends is not looked at.

pub use crate::cli::check::{Check, Verdict};
use crate::cli::check::{failed, verdict_of};
use crate::cli::replay::Replay;
use crate::cli::store_flags::Visited;
use crate::cli::ways_in;
use crate::json::shape;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use usance_core::audit::audit;
use usance_core::calendar::DayOffset;
use usance_core::id::{LogPosition, PositionId};
use usance_core::machine::{State, derive};
use usance_core::money::Amount;
use usance_engine::life::settings::SHARD;
use usance_store::projection::{Projector, Reading};
use usance_store::snapshot::Snapshot;
use usance_store::soundness::{Soundness, people_hashes};
use usance_store::{Batch, DataDirectory, Head, Home, LogReader, Note, SnapshotFile, StoreError, image};

/// Rows of the read tables, and positions, that are named when they differ.
const NAMED: usize = 10;

const RUNS: &str = "every record is whole, chained to the one before, and runs as it did";

/// What came of looking at everything.
#[derive(Clone, Debug)]
pub struct Examination {
    /// In the order they were made.
    pub checks: Vec<Check>,
    /// Where the log ends, when all of it is whole.
    pub head: Option<Head>,
}

impl Examination {
    /// Whether every check was made, and holds.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.verdict == Verdict::Holds)
    }

    /// Whether a check does not hold.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Broken)
    }

    /// Of a place that cannot even be opened, when that says nothing about what is stored there; else the error again.
    ///
    /// # Errors
    /// The error that was given.
    pub fn unopened(name: &str, error: anyhow::Error) -> anyhow::Result<Self> {
        match verdict_of(&error) {
            Verdict::Unchecked => Ok(Examination { checks: vec![failed(name, &error)], head: None }),
            _ => Err(error),
        }
    }
}

/// A batch and its hash that the log has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    /// The batch.
    pub batch: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// Who says so.
    pub by: &'static str,
}

/// Looks at everything in a place: files, log, snapshots, balances, rewards, read tables, the note of a copy, and the head
/// that somebody kept. The read tables are built again in `scratch`, or where the system keeps what is passing. `seen` is
/// told how far the log was run.
///
/// # Errors
/// When there is nothing to look at. Whatever is wrong with what is there is a check that does not hold.
pub fn examine(visited: &Visited, kept: Option<KnownHead>, scratch: Option<&Path>, seen: impl FnMut(u64)) -> anyhow::Result<Examination> {
    let mut checks = files(&visited.home);
    let reader = visited.reader.as_ref();
    let end = match reader.head(SHARD) {
        Ok(head) => head.context("the log is empty")?,
        Err(error) => {
            checks.push(failed(RUNS, &error.into()));
            return Ok(Examination { checks, head: None });
        }
    };
    checks.extend(ways_in::checks(visited));
    let mut known: Vec<KnownHead> = kept.into_iter().collect();
    known.extend(copied(visited.directory.as_deref(), &mut checks));
    let replay = run(reader, &visited.snapshots, &known, end, &mut checks, seen);
    let head = match replay {
        Ok(replay) => {
            let Some(state) = &replay.state else { bail!("the log holds no platform") };
            checks.extend(audit(state).into_iter().map(|found| Check {
                name: found.name.into(),
                verdict: found.holds.into(),
                seen: found.figures,
            }));
            checks.push(rewards(state, &replay));
            checks.push(read_tables(reader, visited, state.registry.platform.offset, scratch));
            Some(replay.head)
        }
        Err(error) => {
            checks.push(failed(RUNS, &error));
            None
        }
    };
    Ok(Examination { checks, head })
}

/// Whether each file is sound in itself.
fn files(home: &Home) -> Vec<Check> {
    let check = |(path, found): (PathBuf, Result<Soundness, StoreError>)| {
        let name = format!("{} is sound: pages, indexes, definitions", path.display());
        match found {
            Ok(found) if found.faults.is_empty() => Check { name, verdict: Verdict::Holds, seen: sound(&found.foreign) },
            Ok(found) => Check { name, verdict: Verdict::Broken, seen: found.faults.join("; ") },
            Err(error) => failed(&name, &error.into()),
        }
    };
    home.faults().into_iter().map(check).collect()
}

/// What somebody added changes no answer, but should be known.
fn sound(foreign: &[String]) -> String {
    if foreign.is_empty() { "nothing wrong".into() } else { format!("nothing wrong; not of this release: {}", foreign.join("; ")) }
}

/// What a copy says of itself: its people are compared here, its head is to be met on the way.
fn copied(directory: Option<&Path>, checks: &mut Vec<Check>) -> Option<KnownHead> {
    let directory = directory?;
    let name = "people are what was copied";
    let note = match DataDirectory::open_shared(directory).and_then(|directory| Note::of(&directory)) {
        Ok(note) => note?,
        Err(error) => {
            checks.push(failed("the copy's note is as it was written", &error.into()));
            return None;
        }
    };
    if note.is_of_nothing() {
        let seen = "the first shipping to it was cut off; the next one makes it whole".into();
        checks.push(Check { name: "the copy is whole".into(), verdict: Verdict::Broken, seen });
        return None;
    }
    let path = directory.join("people.sqlite");
    let told = |verdict, seen| Check { name: name.into(), verdict, seen };
    checks.push(match people_hashes(&path) {
        Ok(now) if now.version > note.people.version => {
            told(Verdict::Unchecked, "a newer release has brought the file up: it cannot be held against the note any more".into())
        }
        Ok(now) => match note.people.difference(&now) {
            None => told(Verdict::Holds, format!("{} tables", now.tables.len())),
            Some(how) => told(Verdict::Broken, format!("{}: {how}", path.display())),
        },
        Err(error) => failed(name, &error.into()),
    });
    Some(KnownHead { batch: note.batch, hash: note.hash, by: "the copy's note" })
}

/// Runs the log, and looks at each snapshot and each known head on the way.
fn run(
    reader: &dyn LogReader,
    snapshots: &[SnapshotFile],
    known: &[KnownHead],
    end: Head,
    checks: &mut Vec<Check>,
    mut seen: impl FnMut(u64),
) -> anyhow::Result<Replay> {
    let mut snapshots: BTreeMap<u64, PathBuf> = snapshots.iter().map(|file| (file.seq, file.path.clone())).collect();
    let mut known: Vec<&KnownHead> = known.iter().collect();
    let replay = Replay::walk(reader, end, |batch, state, _| {
        if let (Some(path), Some(state)) = (snapshots.remove(&batch.seq), state) {
            checks.push(check_snapshot(&path, batch, state));
        }
        for met in known.extract_if(.., |head| head.batch == batch.seq) {
            let (hash, name) = (shape::hex(&batch.hash), known_name(met));
            let holds = hash == met.hash;
            checks.push(Check { name, verdict: holds.into(), seen: format!("batch {} has the hash {hash}", batch.seq) });
        }
        seen(batch.seq);
        Ok(())
    })?;
    for path in snapshots.values() {
        let seen = "the log does not reach its place".to_owned();
        checks.push(Check { name: format!("snapshot {} is what the log gives", path.display()), verdict: Verdict::Broken, seen });
    }
    for missed in known {
        let seen = format!("the log ends at batch {}: what came after it is gone", replay.head.seq);
        checks.push(Check { name: known_name(missed), verdict: Verdict::Broken, seen });
    }
    checks.push(Check { name: RUNS.into(), verdict: Verdict::Holds, seen: format!("{} batches", replay.head.seq) });
    Ok(replay)
}

fn known_name(head: &KnownHead) -> String {
    format!("the log holds batch {} as {} has it, {}", head.batch, head.by, head.hash)
}

fn check_snapshot(path: &Path, batch: &Batch, state: &State) -> Check {
    let name = format!("snapshot {} is what the log gives", path.display());
    let compared = Snapshot::open(path).and_then(|snapshot| {
        let fits = (snapshot.shard(), snapshot.head()) == (SHARD, batch.head());
        Ok((fits, image::state_hash(&image::read(&snapshot)?)?, image::state_hash(state)?))
    });
    match compared {
        Ok((true, snapshot, log)) if snapshot == log => {
            Check { name, verdict: Verdict::Holds, seen: format!("state {}", shape::hex(&log)) }
        }
        Ok((fits, ..)) => {
            Check { name, verdict: Verdict::Broken, seen: if fits { "its state differs" } else { "it is of another log" }.into() }
        }
        Err(StoreError::NotFound { .. }) => {
            Check { name, verdict: Verdict::Holds, seen: "a running engine has removed it for a newer one".into() }
        }
        Err(error) => failed(&name, &error.into()),
    }
}

/// Derives every reward line of every position and adds them up: to what was accrued, paid and forfeited.
fn rewards(state: &State, replay: &Replay) -> Check {
    let (mut broken, mut unlike, mut lines) = (Vec::new(), 0u64, 0u64);
    for index in 0..state.running.len() {
        let id = PositionId::from_index(index);
        let Some((running, _)) = state.position(id) else { continue };
        let earned = derive::earned(state, id, replay.segments.get(&id).map_or(&[][..], Vec::as_slice));
        lines += earned.days;
        let booked = derive::booked(running, replay.forfeited.get(&id).copied().unwrap_or(Amount::ZERO));
        if earned.rewards != booked {
            unlike += 1;
            if broken.len() < NAMED {
                broken.push(format!("position {id}: derived {} booked {}", earned.rewards.units(), booked.units()));
            }
        }
    }
    let seen = match unlike {
        0 => format!("{lines} lines of {} positions", state.running.len()),
        _ => format!("{unlike} positions differ: {}", broken.join("; ")),
    };
    let name = "every daily reward, derived again, sums to what was accrued and paid".into();
    Check { name, verdict: (unlike == 0).into(), seen }
}

/// The read tables, built again in a directory that ends with this value.
struct Rebuilt<'a> {
    log: &'a dyn LogReader,
    projector: Projector,
    scratch: tempfile::TempDir,
}

impl<'a> Rebuilt<'a> {
    fn begin(log: &'a dyn LogReader, offset: DayOffset, scratch: Option<&Path>) -> anyhow::Result<Self> {
        let parent = scratch.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let scratch = tempfile::tempdir_in(&parent).with_context(|| format!("making a directory in {}", parent.display()))?;
        let projector = Projector::open(&scratch.path().join("read.sqlite"), SHARD, offset)?;
        Ok(Rebuilt { log, projector, scratch })
    }

    /// The tables as far as this place.
    fn as_far_as(&mut self, reached: LogPosition) -> Result<Reading, StoreError> {
        while self.projector.reached().seq() < reached.seq() {
            let missing = usize::try_from(reached.seq() - self.projector.reached().seq()).unwrap_or(usize::MAX);
            if self.projector.step(self.log, missing.min(256))? == 0 {
                let at = format!("progress: they are ahead of the log: batch {} of {}", reached.seq(), self.projector.reached().seq());
                return Err(StoreError::Damaged { what: "read tables".into(), at });
            }
        }
        Reading::open(&self.scratch.path().join("read.sqlite"), SHARD)
    }
}

/// Builds the read tables again, as far as the stored ones are, and compares every row. A running engine's may have gone
/// on meanwhile; the log then has, too.
fn read_tables(reader: &dyn LogReader, visited: &Visited, offset: DayOffset, scratch: Option<&Path>) -> Check {
    let repair = match &visited.home {
        Home::Embedded(_) => "delete read.sqlite and start again to rebuild them",
        Home::Postgres(_) => "run UPDATE progress SET hash = '' and let an instance begin to write: it builds them anew",
    };
    let name = "the read tables are what the log gives".to_owned();
    let compared = || -> anyhow::Result<Result<u64, String>> {
        let stored = visited.home.reading(SHARD)?;
        let (reached, fingerprint) = stored.fingerprint_at()?;
        let mut rebuilt = Rebuilt::begin(reader, offset, scratch)?;
        let again = rebuilt.as_far_as(reached)?.fingerprint()?;
        if again == fingerprint {
            return Ok(Ok(reached.seq()));
        }
        let rows = stored.differences(NAMED, &mut |reached| rebuilt.as_far_as(reached))?;
        Ok(Err(format!("rows up to batch {} differ: {rows}", reached.seq())))
    };
    match compared() {
        Ok(Ok(seq)) => Check { name, verdict: Verdict::Holds, seen: format!("every row up to batch {seq}") },
        Ok(Err(rows)) => Check { name, verdict: Verdict::Broken, seen: format!("{rows}; {repair}") },
        // A copy without them, or with those of an older release, is whole.
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::NotFound { .. })) => {
            let older = "they are of an older release, are not looked at, and are built anew at the next start";
            let file = visited.directory.as_deref().map(|directory| directory.join("read.sqlite"));
            let is_there = file.and_then(|file| file.metadata().ok()).is_some_and(|found| found.len() > 0);
            let seen = if is_there { older } else { "there are none; the next start builds them" };
            Check { name, verdict: Verdict::Holds, seen: seen.into() }
        }
        Err(error) => {
            let mut check = failed(&name, &error);
            check.seen += &match check.verdict {
                Verdict::Broken => format!("; {repair}"),
                _ => "; they are built again beside: --scratch names a directory that has room for them".to_owned(),
            };
            check
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::World;
    use super::*;
    use usance_core::calendar::Day;
    use usance_core::machine::state::{ClockMode, Platform};
    use usance_core::machine::{Answer, Event, Executed};
    use usance_store::{BatchBuilder, LogStore, MemoryLog, codec};

    /// A sample of four months in which customers leave terms early, run again.
    fn lived() -> Replay {
        let offset = DayOffset::default();
        let created_at = offset.first_instant(Day::parse("2026-01-01").expect("a day"));
        let platform = Platform { shard: SHARD, offset, clock: ClockMode::Simulated, created_at, seed: [6; 32] };
        let (mut builder, mut last) = (BatchBuilder::new(), created_at);
        let mut put = |at, Executed { events, outcome }| {
            let record = codec::Record { outcome, ..codec::Record::of_engine(at, events) };
            builder.try_push_with(|bytes| codec::encode(&record, bytes)).expect("room");
            last = at;
        };
        put(created_at, Executed { events: vec![Event::PlatformCreated(Box::new(platform.clone()))], outcome: Ok(Answer::Done) });
        let mut world = World::new(State::new(platform), 6, &mut put);
        world.found(|_| usance_core::product::StakingTerms::default());
        for day in 0..120 {
            world.live_day(if day == 0 { 0..20 } else { 20..20 }, 80);
        }
        let batch = builder.seal(SHARD, 1, last.ms(), Head::GENESIS.hash).expect("sealed");
        let mut log = MemoryLog::new();
        log.append(0, &batch).into_result(0).expect("appended");
        Replay::walk(log.reader().expect("a reader").as_ref(), batch.head(), |_, _, _| Ok(())).expect("it runs")
    }

    #[test]
    fn what_early_exits_forfeited_has_to_fit_to_the_unit() {
        let mut replay = lived();
        let state = replay.state.take().expect("a platform");
        assert_eq!(rewards(&state, &replay).verdict, Verdict::Holds);
        let (id, amount) = replay.forfeited.iter().find(|(_, amount)| !amount.is_zero()).expect("an early exit");
        let (id, amount) = (*id, *amount);
        replay.forfeited.remove(&id);
        let found = rewards(&state, &replay);
        assert_eq!(found.verdict, Verdict::Broken, "more was derived than was booked");
        assert!(found.seen.starts_with(&format!("1 positions differ: position {id}: derived ")), "{}", found.seen);
        replay.forfeited.insert(id, amount.plus(Amount::ONE));
        assert_eq!(rewards(&state, &replay).verdict, Verdict::Broken, "more was booked than was derived");
        // Few are named, however many there are.
        let many = 3 * NAMED;
        replay.forfeited.extend((0..many).map(|index| (PositionId::from_index(index), Amount::from_units(1 << 100))));
        let seen = rewards(&state, &replay).seen;
        assert_eq!(seen.matches("derived").count(), NAMED, "{seen}");
    }
}
