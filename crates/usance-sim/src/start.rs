//! How a process starts in a world where bytes go bad and others write: what a recovery must refuse, pass over and find, and
//! how one process takes over from another.

use crate::auditor::Auditor;
use crate::compare::{self, Found, equal};
use crate::doubt::begun_behind;
use crate::node::Life;
use crate::plan::Trouble;
use crate::world::World;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use usance_core::machine::{State, apply};
use usance_store::recovery::{Recovered, recover, recover_again, run_batch};
use usance_store::snapshot::{self, SnapshotFile};
use usance_store::{Appended, Batch, FaultScript, FaultyLog, Head, LogReader, LogStore, StoreError, round};
use usance_workload::Dice;

impl World {
    /// A process starts: recovers, is held against the auditor, and becomes the writer by an epoch record. It may fail at
    /// that, and is then to be started again.
    pub(crate) fn start(&mut self, at: usize, dice: &mut Dice<'_>) -> Result<(), Found> {
        self.lose_end_asleep(dice)?;
        let recovered = self.recovered(at, dice)?;
        self.arrive_late(dice)?;
        self.claim(at, recovered, dice)
    }

    /// The other process becomes the writer while this one runs on. Between its recovery and its epoch record this one may
    /// still append: what it then acknowledges must not be lost.
    pub(crate) fn take_over(&mut self, dice: &mut Dice<'_>) -> Result<(), Found> {
        let other = 1 - self.writer;
        let lost = self.nodes[other].die();
        self.mail.extend(lost);
        // It has followed the writer, and heard what the time is; or it only finds what the writer said once.
        if let Some(known) = self.nodes[self.writer].clock.known() {
            let stamped = self.nodes[self.writer].life.as_ref().map_or(0, |life| life.state.registry.last_at.ms());
            self.nodes[other].clock.hear(known, stamped, dice.below(3) != 0);
        }
        let recovered = self.recovered(other, dice)?;
        self.arrive_late(dice)?;
        if self.torn.is_none() && dice.below(2) == 1 {
            self.flush(self.writer, None)?;
        }
        let before = LogStore::head(&self.log, 0).map_err(|error| error.to_string())?;
        self.claim(other, recovered, dice)?;
        // An epoch record that was written counts, even if its writer never heard of it.
        let after = LogStore::head(&self.log, 0).map_err(|error| error.to_string())?;
        if let Some(life) = self.nodes[self.writer].life.as_mut().filter(|_| before != after) {
            life.superseded = true;
        }
        if self.nodes[other].life.is_some() {
            self.writer = other;
        }
        Ok(())
    }

    /// Appends the epoch record that makes a process the writer, as often as somebody else was quicker.
    fn claim(&mut self, at: usize, (mut state, mut head): (State, Head), dice: &mut Dice<'_>) -> Result<(), Found> {
        if self.has(Trouble::Crash) && dice.once_in(24) {
            self.happened(Trouble::Crash);
            return Ok(());
        }
        loop {
            let auditor = self.auditor_at(&head)?;
            compare::state(&state, &auditor)?;
            compare::keys(&state, &auditor, &self.log)?;
            let script = FaultScript::default();
            let log = FaultyLog::new(self.log.clone(), script.clone());
            let recent = begun_behind(&self.log, head)?;
            let mut life = Life { state, head, auditor, log, script, recent, queue: VecDeque::new(), superseded: false };
            let (batch, event) = round::epoch(&life.state, life.head).map_err(|error| error.to_string())?;
            let fault = self.fault(batch.body.len(), dice);
            match fault {
                Some((_, fault)) => life.script.fail(fault),
                None => life.script.pass(1),
            };
            self.known.insert(batch.hash, Rc::new(life.auditor.clone()));
            match (life.log.append(head.seq, &batch), fault) {
                (Appended::Done, None) => {
                    let instant = life.state.registry.last_at;
                    apply::apply(&mut life.state, &event, instant);
                    life.head = batch.head();
                    life.recent.note(batch.clone());
                    life.recent.answered_through(batch.seq);
                    self.acknowledged = batch.head();
                    self.nodes[at].life = Some(life);
                }
                (Appended::Fenced { found }, _) if found > head.seq => {
                    (state, head) = self.caught_up(life.state, head)?;
                    continue;
                }
                (Appended::Unknown(_), Some((Trouble::Torn, _))) => self.torn = Some(batch.seq),
                (Appended::Unknown(_), Some((Trouble::LateAppend, _))) => self.late = Some(batch),
                (Appended::Unknown(_) | Appended::Full, Some(_)) => {}
                (other, _) => return Err(format!("epoch batch {}: {other:?}", batch.seq)),
            }
            return Ok(());
        }
    }

    fn auditor_at(&self, head: &Head) -> Result<Auditor, Found> {
        let auditor = self.known.get(&head.hash).ok_or_else(|| format!("batch {} was sealed by nobody", head.seq))?;
        Ok(Auditor::clone(auditor))
    }

    /// Follows the log from where a state stands, as a standby does.
    fn caught_up(&self, mut state: State, mut head: Head) -> Result<(State, Head), Found> {
        for batch in LogReader::read(&self.log, 0, head.seq + 1, usize::MAX).map_err(|error| error.to_string())? {
            batch.verify_after(&head).and_then(|()| run_batch(&mut state, &batch)).map_err(|error| error.to_string())?;
            head = batch.head();
        }
        Ok((state, head))
    }

    /// Recovers a process's state from the log and its snapshots, after some of their bytes went bad.
    fn recovered(&mut self, at: usize, dice: &mut Dice<'_>) -> Result<(State, Head), Found> {
        let dir = self.nodes[at].snapshots.clone();
        if let Some(seq) = self.torn.take() {
            self.refused(&dir, seq)?;
            // What no database should have kept is restored without.
            self.log.lose(0, seq);
            // Whoever only that batch had fenced is the writer as before.
            for life in self.nodes.iter_mut().filter_map(|node| node.life.as_mut()) {
                let next = life.queue.front().map_or(life.head.seq + 1, |sealed| sealed.batch.seq);
                life.superseded &= next != seq;
            }
        }
        if self.has(Trouble::Rot) && dice.once_in(3) {
            self.happened(Trouble::Rot);
            self.rot(&dir, dice)?;
        }
        let damages = self.has(Trouble::SnapshotDamage) && dice.below(3) == 2;
        let spoilt = if damages { spoil(&dir, dice)? } else { Vec::new() };
        self.happened_if(Trouble::SnapshotDamage, !spoilt.is_empty());
        let files = snapshot::list(&dir).map_err(|error| error.to_string())?;
        let again = dice.below(4) == 3;
        let found = if again { recover_again(&self.log, 0, Some(&dir)) } else { recover(&self.log, 0, Some(&dir), |_| ()) };
        let found = found.map_err(|error| format!("a whole log is refused: {error}"))?;
        check_snapshots(&found, &files, &spoilt)?;
        let end = LogStore::head(&self.log, 0).map_err(|error| error.to_string())?;
        equal("where a start stands is the end of the log", end, Some(found.head))?;
        let kept = LogReader::read(&self.log, 0, self.acknowledged.seq, 1).map_err(|error| error.to_string())?;
        equal("the last batch whose answers were given", Some(self.acknowledged), kept.first().map(Batch::head))?;
        let state = found.state.ok_or("the log gives no state")?;
        Ok((state, found.head))
    }

    /// A log with a bad batch is refused, and the batch is named.
    fn refused(&self, dir: &Path, seq: u64) -> Result<(), Found> {
        match recover(&self.log, 0, Some(dir), |_| ()) {
            Err(StoreError::Damaged { at, .. }) if names(&at, seq) => Ok(()),
            Err(other) => Err(format!("batch {seq} is bad, and the refusal says: {other}")),
            Ok(recovered) => Err(format!("batch {seq} is bad, and a start goes on to batch {}", recovered.head.seq)),
        }
    }

    /// A byte of a stored batch changes: a start refuses and names it. Then it is put right.
    fn rot(&self, dir: &Path, dice: &mut Dice<'_>) -> Result<(), Found> {
        let batches = LogReader::read(&self.log, 0, 1, usize::MAX).map_err(|error| error.to_string())?;
        let victim = &batches[dice.index(batches.len())];
        let (place, bit, column) = (dice.index(victim.body.len()), 1 << dice.below(8), dice.below(6));
        self.log.damage(0, victim.seq, |batch| match column {
            0 => batch.at_ms ^= i64::from(bit),
            1 => batch.previous[place % 32] ^= bit,
            2 => batch.hash[place % 32] ^= bit,
            _ => batch.body[place] ^= bit,
        });
        self.refused(dir, victim.seq)?;
        self.log.damage(0, victim.seq, |batch| batch.clone_from(victim));
        Ok(())
    }
}

/// A byte of the newest snapshots changes, or their ends are cut off; gives which.
fn spoil(dir: &Path, dice: &mut Dice<'_>) -> Result<Vec<PathBuf>, Found> {
    let files = snapshot::list(dir).map_err(|error| error.to_string())?;
    let count = usize::from(dice.below(2)) + 1;
    let mut spoilt = Vec::new();
    for file in files.into_iter().take(count) {
        let mut bytes = std::fs::read(&file.path).map_err(|error| error.to_string())?;
        let (place, bit) = (dice.index(bytes.len()), 1 << dice.below(8));
        if dice.below(4) == 3 {
            bytes.truncate(place);
        } else if let Some(byte) = bytes.get_mut(place) {
            *byte ^= bit;
        }
        std::fs::write(&file.path, bytes).map_err(|error| error.to_string())?;
        spoilt.push(file.path);
    }
    Ok(spoilt)
}

/// Whether a refusal names a batch, and not one whose number only begins like it.
fn names(at: &str, seq: u64) -> bool {
    let mut words = at.split(|each: char| !each.is_ascii_alphanumeric());
    words.any(|word| word == "batch") && words.next() == Some(&seq.to_string())
}

/// A start begins from the newest snapshot that is whole and passes over those that are spoilt, which are then put aside, as
/// a server does.
fn check_snapshots(recovered: &Recovered, files: &[SnapshotFile], spoilt: &[PathBuf]) -> Result<(), Found> {
    let is_spoilt = |file: &&SnapshotFile| spoilt.contains(&file.path);
    let newest = files.iter().find(|file| !is_spoilt(file)).map(|file| file.seq);
    equal("the snapshot that a start begins from", newest, recovered.from_snapshot.map(|head| head.seq))?;
    let over = files.iter().take_while(is_spoilt).count();
    equal("snapshots that are passed over", over, recovered.passed_over.len())?;
    // One that was not looked at, because a newer one is whole, would be found spoilt some other time.
    files.iter().filter(is_spoilt).try_for_each(|file| std::fs::remove_file(&file.path)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_batch_is_named_by_its_whole_number() {
        assert!(names("shard 0 batch 12: its hash", 12) && names("shard 0 batch 12 record 3", 12) && names("batch 12", 12));
        assert!(!names("shard 0 batch 12", 1) && !names("shard 0 batch 12", 2) && !names("shard 12 batch 1", 12));
    }
}
