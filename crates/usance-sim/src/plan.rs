//! Everything that will happen in a run, drawn from one seed before it begins: bytes that are spent as dice.
//!
//! A turn's bytes are spent against the world as it stands, so a turn keeps its sense when others are taken away, and
//! a byte of nothing is always the plainest choice: that is what makes a failing plan shrink. The bytes come from BLAKE3
//! of the seed, so a seed means the same on every machine; a change of what dice are spent on changes what a plan does.
//! Which troubles may happen at all is drawn, too: one that always happens hides those that need quiet.

use anyhow::{Context, bail};
use std::fmt::Write as _;
use usance_workload::Dice;

/// Bytes of one turn: for time and processes, for faults, and the rest for requests, so that a busy turn can fail as well.
const TURN_BYTES: usize = 328;
const TIME_BYTES: usize = 32;
const FAULT_BYTES: usize = 56;
/// Bytes a world is founded with.
const FOUNDING_BYTES: usize = 128;
/// The fewest and the most turns of a plan.
const TURNS: (usize, usize) = (30, 110);

/// A fault, or something unusual, that a run may have or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The process dies between any two steps.
    Crash,
    /// An append is written, but its answer is lost.
    LostAnswer,
    /// An append fails without an answer.
    LostAppend,
    /// An append writes only the beginning of its batch.
    Torn,
    /// The disk is full.
    Full,
    /// Batches wait for the disk while others are decided.
    Slow,
    /// An append that nobody heard of arrives later.
    LateAppend,
    /// Snapshots are written, and starts begin from them.
    Snapshots,
    /// A snapshot is left unfinished.
    SnapshotFails,
    /// Bytes of snapshots change or are cut off.
    SnapshotDamage,
    /// A byte of a stored batch changes.
    Rot,
    /// A request comes twice, or again much later.
    Duplicates,
    /// A request comes late.
    Delays,
    /// A key is used for another request.
    ReusedKeys,
    /// Another process takes over while this one still believes to write.
    Rival,
    /// The machine's clock jumps forward by days, or backward.
    ClockJumps,
    /// A product is put on sale and everybody subscribes in the same instant.
    Launches,
    /// Everybody redeems in the same instant.
    Runs,
    /// Everybody stakes for the same term, and all of it matures at once.
    Maturities,
    /// A request that its sender wants decided only as it was shown.
    Expectations,
    /// Read tables are filled beside it.
    Tables,
    /// The log loses its last batches while its writer runs.
    EndLost,
    /// The log loses its last batches while nobody runs.
    EndLostAsleep,
    /// A replica that was not waited for takes the place of the log, while its writer still appends to the old one.
    SecondPrimary,
    /// A process in doubt goes on with the same state where the log allows it.
    GoesOn,
    /// A process breaks off in the middle of a round.
    BreaksOff,
    /// Read tables come back as they stood before.
    TablesFallBack,
    /// The world begins with a treasury that runs, so that more of its turns are about one.
    TreasuryRuns,
}

impl Trouble {
    /// All of them, in the order of their bits.
    pub const ALL: [Trouble; 28] = [
        Trouble::Crash,
        Trouble::LostAnswer,
        Trouble::LostAppend,
        Trouble::Torn,
        Trouble::Full,
        Trouble::Slow,
        Trouble::LateAppend,
        Trouble::Snapshots,
        Trouble::SnapshotFails,
        Trouble::SnapshotDamage,
        Trouble::Rot,
        Trouble::Duplicates,
        Trouble::Delays,
        Trouble::ReusedKeys,
        Trouble::Rival,
        Trouble::ClockJumps,
        Trouble::Launches,
        Trouble::Runs,
        Trouble::Maturities,
        Trouble::Expectations,
        Trouble::Tables,
        Trouble::EndLost,
        Trouble::EndLostAsleep,
        Trouble::SecondPrimary,
        Trouble::GoesOn,
        Trouble::BreaksOff,
        Trouble::TablesFallBack,
        Trouble::TreasuryRuns,
    ];
}

/// Which kinds may happen in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swarm(u32);

impl Swarm {
    /// Whether a kind may happen.
    #[must_use]
    pub fn has(self, kind: Trouble) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
    /// Without a kind.
    #[must_use]
    pub fn without(self, kind: Trouble) -> Swarm {
        Swarm(self.0 & !(1 << kind as u32))
    }
    /// Those that may happen.
    pub fn kinds(self) -> impl Iterator<Item = Trouble> {
        Trouble::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

/// All that will happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where it came from.
    pub seed: u64,
    /// What may go wrong.
    pub swarm: Swarm,
    /// What the world is founded with.
    pub founding: Vec<u8>,
    /// What happens, turn by turn.
    pub turns: Vec<Vec<u8>>,
    /// The planted bug that it finds, by name, if it was kept for that.
    pub planted: Option<String>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Plan {
        let mut reader = blake3::Hasher::new().update(b"usance simulation v1").update(&seed.to_le_bytes()).finalize_xof();
        let mut draw = |count: usize| {
            let mut bytes = vec![0; count];
            reader.fill(&mut bytes);
            bytes
        };
        let head = draw(8);
        let word = |from: usize| u32::from_le_bytes([head[from], head[from + 1], head[from + 2], head[from + 3]]);
        let turns = TURNS.0 + usize::try_from(word(4)).unwrap_or(0) % (TURNS.1 - TURNS.0);
        let (founding, turns) = (draw(FOUNDING_BYTES), (0..turns).map(|_| draw(TURN_BYTES)).collect());
        Plan { seed, swarm: Swarm(word(0)), founding, turns, planted: None }
    }

    /// As text, to be kept: what it found, then the plan.
    #[must_use]
    pub fn to_text(&self, found: &str) -> String {
        let kinds: Vec<String> = self.swarm.kinds().map(|kind| format!("{kind:?}")).collect();
        let mut text = String::new();
        for line in found.lines() {
            let _ = writeln!(text, "# {line}");
        }
        if let Some(bug) = &self.planted {
            let _ = writeln!(text, "planted {bug}");
        }
        let _ = writeln!(text, "seed {}\nfaults {}\nfounding {}", self.seed, kinds.join(","), hex(&self.founding));
        for turn in &self.turns {
            let _ = writeln!(text, "turn {}", hex(turn));
        }
        text
    }

    /// A plan that was kept.
    ///
    /// # Errors
    /// With the line that is no part of a plan.
    pub fn from_text(text: &str) -> anyhow::Result<Plan> {
        let mut plan = Plan { seed: 0, swarm: Swarm::default(), founding: Vec::new(), turns: Vec::new(), planted: None };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "seed" => plan.seed = rest.parse().with_context(|| format!("not a seed: {line}"))?,
                "faults" => {
                    for name in rest.split(',').filter(|name| !name.is_empty()) {
                        let kind = Trouble::ALL.into_iter().find(|kind| format!("{kind:?}") == name);
                        plan.swarm.0 |= 1 << kind.with_context(|| format!("no kind of fault: {name}"))? as u32;
                    }
                }
                "planted" => plan.planted = Some(rest.to_owned()),
                "founding" => plan.founding = unhex(rest)?,
                "turn" => plan.turns.push(unhex(rest)?),
                _ => bail!("not a line of a plan: {line}"),
            }
        }
        Ok(plan)
    }
}

/// A turn's dice, in purses of their own.
#[derive(Debug)]
pub struct Turn<'a> {
    /// For time and processes.
    pub time: Dice<'a>,
    /// For what fails.
    pub faults: Dice<'a>,
    /// For what is asked.
    pub requests: Dice<'a>,
}

impl<'a> Turn<'a> {
    /// The dice of a turn's bytes.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Turn<'a> {
        let (time, rest) = bytes.split_at(TIME_BYTES.min(bytes.len()));
        let (faults, requests) = rest.split_at(FAULT_BYTES.min(rest.len()));
        Turn { time: Dice::of(time), faults: Dice::of(faults), requests: Dice::of(requests) }
    }
}

fn hex(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..end].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> anyhow::Result<Vec<u8>> {
    let byte = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(|at| byte(at).with_context(|| format!("not bytes: {text}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_the_same_for_its_seed_and_comes_back_from_its_text() {
        let plan = Plan::of(7);
        assert_eq!(plan, Plan::of(7));
        assert_ne!(plan, Plan::of(8));
        let kept = Plan { planted: Some("CarryDropped".into()), ..plan.clone() };
        let mut back = Plan::from_text(&kept.to_text("two lines\nof a finding")).expect("a plan");
        assert_eq!(back.planted, kept.planted);
        back.founding.resize(FOUNDING_BYTES, 0);
        back.turns.iter_mut().for_each(|turn| turn.resize(TURN_BYTES, 0));
        assert_eq!(back.turns, plan.turns);
        assert_eq!(back.swarm.kinds().collect::<Vec<_>>(), plan.swarm.kinds().collect::<Vec<_>>());
        assert!(Plan::from_text("turn 0").is_err() && Plan::from_text("what").is_err());
    }
}
