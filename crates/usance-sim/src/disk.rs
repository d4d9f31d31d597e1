//! The disk of a simulated process: what it takes, what it refuses, what it loses, and who is answered.

use crate::compare::{Found, equal, same};
use crate::node::{Sealed, Waiting};
use crate::plan::Trouble;
use crate::seen;
use crate::world::World;
use usance_store::{Appended, Fault, LogReader, LogStore, codec, image, snapshot};
use usance_workload::Dice;

/// Snapshots that a server keeps.
const SNAPSHOTS_KEPT: usize = 2;

impl World {
    /// The disk takes what waits, all of it or some, as well as it can; the process may die after each.
    pub(crate) fn disk(&mut self, at: usize, dice: &mut Dice<'_>) -> Result<(), Found> {
        let waits = self.nodes[at].life.as_ref().map_or(0, |life| life.queue.len());
        let slow = waits > 0 && self.has(Trouble::Slow) && dice.below(3) == 2;
        self.happened_if(Trouble::Slow, slow);
        let takes = if slow { usize::from(dice.below(2)).min(waits) } else { waits };
        for _ in 0..takes {
            let Some(life) = &self.nodes[at].life else { break };
            let body = life.queue.front().map_or(0, |sealed| sealed.batch.body.len());
            // An append that is fenced meets nothing else.
            let fault = if life.superseded { None } else { self.fault(body, dice) };
            let frozen = self.flush_with(at, fault, dice)?;
            if let Some(frozen) = frozen
                && !self.dies(at, dice)
            {
                self.write_snapshot(at, &frozen, dice)?;
            }
            if self.dies(at, dice) {
                break;
            }
        }
        Ok(())
    }

    /// What the next append meets, of those troubles that may happen.
    pub(crate) fn fault(&mut self, body: usize, dice: &mut Dice<'_>) -> Option<(Trouble, Fault)> {
        if !dice.once_in(10) {
            return None;
        }
        let anywhere = dice.index(body.max(1));
        let keep = dice.one_of(&[anywhere, anywhere, 1, body.saturating_sub(1)]);
        let (trouble, fault) = dice.one_of(&[
            (Trouble::LostAnswer, Fault::UnknownWritten),
            (Trouble::LostAppend, Fault::UnknownNotWritten),
            (Trouble::LateAppend, Fault::UnknownNotWritten),
            (Trouble::Full, Fault::Full),
            (Trouble::Torn, Fault::Torn { keep }),
        ]);
        let really = self.has(trouble);
        self.happened_if(trouble, really);
        really.then_some((trouble, fault))
    }

    /// Appends the oldest batch that waits, and gives its answers if it is durable. Gives the batch back if a snapshot is to
    /// be written now.
    pub(crate) fn flush(&mut self, at: usize, fault: Option<(Trouble, Fault)>) -> Result<Option<Sealed>, Found> {
        self.flush_with(at, fault, &mut Dice::of(&[]))
    }

    /// As [`World::flush`]; what becomes of a process in doubt hangs on the dice.
    fn flush_with(&mut self, at: usize, fault: Option<(Trouble, Fault)>, dice: &mut Dice<'_>) -> Result<Option<Sealed>, Found> {
        let Some(life) = self.nodes[at].life.as_mut() else { return Ok(None) };
        let Some(mut sealed) = life.queue.pop_front() else { return Ok(None) };
        match fault {
            Some((_, fault)) => life.script.fail(fault),
            None => life.script.pass(1),
        };
        let appended = life.log.append(sealed.batch.seq - 1, &sealed.batch);
        let superseded = life.superseded;
        match (&appended, fault) {
            (Appended::Done, None) if !superseded => {
                self.acknowledged = sealed.batch.head();
                life.recent.note(sealed.batch.clone());
                life.recent.answered_through(sealed.batch.seq);
                self.answer(std::mem::take(&mut sealed.waiting))?;
                return Ok(sealed.frozen.is_some().then_some(sealed));
            }
            (Appended::Done, _) => return Err(format!("batch {}: a second writer's append went through", sealed.batch.seq)),
            (Appended::Fenced { .. }, _) if superseded => {}
            (Appended::Fenced { found }, _) => {
                return Err(format!("batch {} of the only writer is fenced by {found}", sealed.batch.seq));
            }
            (Appended::Unknown(_), Some((Trouble::Torn, _))) => self.torn = Some(sealed.batch.seq),
            (Appended::Unknown(_), Some((Trouble::LateAppend, _))) => self.late = Some(sealed.batch.clone()),
            (Appended::Unknown(_) | Appended::Full, Some(_)) => {}
            (other, _) => return Err(format!("batch {}: {other:?} out of nothing", sealed.batch.seq)),
        }
        // A writer that does not know what became of its batch begins another life: with the same state, if the log allows it.
        if self.torn.is_none() && !superseded {
            return self.goes_on(at, sealed, dice).map(|()| None);
        }
        self.mail.extend(sealed.waiting.into_iter().map(|waiting| waiting.request));
        let lost = self.nodes[at].die();
        self.mail.extend(lost);
        Ok(None)
    }

    /// Gives answers whose batch is durable: each is what its record says, and what the auditor said.
    pub(crate) fn answer(&mut self, waiting: Vec<Waiting>) -> Result<(), Found> {
        for Waiting { request, place, told, reused } in waiting {
            let bytes = LogReader::record(&self.log, 0, place).map_err(|error| error.to_string())?;
            let record = codec::decode(&bytes.ok_or("an answer without a record")?).map_err(|error| error.to_string())?;
            let used = record.fact.key.ok_or("an answer's record has no key")?;
            equal("the key of an answer's record", request.key, used.hash)?;
            equal("a key for another request", reused, used.fingerprint != request.fingerprint)?;
            same("the answer that is stored", &told, &seen::outcome(&record.outcome))?;
            self.told(request, &told);
        }
        Ok(())
    }

    /// Writes a snapshot of a batch that is durable, or the beginning of one.
    fn write_snapshot(&mut self, at: usize, sealed: &Sealed, dice: &mut Dice<'_>) -> Result<(), Found> {
        let Some(frozen) = &sealed.frozen else { return Ok(()) };
        let dir = self.nodes[at].snapshots.clone();
        let path = image::write(&dir, 0, sealed.batch.head(), frozen).map_err(|error| error.to_string())?;
        self.happened(Trouble::Snapshots);
        if self.has(Trouble::SnapshotFails) && dice.below(3) == 2 {
            self.happened(Trouble::SnapshotFails);
            let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
            let part = bytes.get(..dice.index(bytes.len())).unwrap_or_default();
            std::fs::write(path.with_extension("partial"), part).map_err(|error| error.to_string())?;
            return std::fs::remove_file(&path).map_err(|error| error.to_string());
        }
        if !self.dies(at, dice) {
            snapshot::prune(&dir, SNAPSHOTS_KEPT).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A batch whose append nobody heard of arrives now, if it can: whoever has appended since has made that impossible.
    pub(crate) fn arrive_late(&mut self, dice: &mut Dice<'_>) -> Result<(), Found> {
        if dice.below(3) == 0 {
            return Ok(());
        }
        let Some(batch) = self.late.take() else { return Ok(()) };
        let head = LogStore::head(&self.log, 0).map_err(|error| error.to_string())?.map_or(0, |head| head.seq);
        match self.log.append(batch.seq - 1, &batch) {
            Appended::Done if head == batch.seq - 1 => {
                // Whoever still runs did not write it, and will be fenced by it.
                self.nodes.iter_mut().filter_map(|node| node.life.as_mut()).for_each(|life| life.superseded = true);
                Ok(())
            }
            Appended::Fenced { .. } if head >= batch.seq => Ok(()),
            other => Err(format!("batch {} arrives late at a log that ends at {head}: {other:?}", batch.seq)),
        }
    }

    /// A process may die here.
    pub(crate) fn dies(&mut self, at: usize, dice: &mut Dice<'_>) -> bool {
        let dies = self.has(Trouble::Crash) && self.nodes[at].life.is_some() && dice.once_in(16);
        if dies {
            self.happened(Trouble::Crash);
            let lost = self.nodes[at].die();
            self.mail.extend(lost);
            if let Some(tables) = &mut self.tables {
                tables.forget();
            }
        }
        dies
    }
}
