//! What a simulated process does about a log that is not what it knew: batches that were answered and are gone, a second primary, an append
//! of which nobody knows what became. And what a start does that finds its log shorter than it was.

use crate::compare::{self, Found, equal};
use crate::node::Sealed;
use crate::plan::Trouble;
use crate::world::World;
use usance_store::{Batch, FaultScript, FaultyLog, Head, LogReader, LogStore, Lost, MemoryLog, Recent, Standing};
use usance_workload::Dice;

/// The most batches that a log loses at a time.
const LOST_MAX: u8 = 4;

impl World {
    /// The log may lose its end under its writer, who notices by its next renewal and puts it back.
    pub(crate) fn lose_end(&mut self, dice: &mut Dice<'_>) -> Result<(), Found> {
        let at = self.writer;
        if !self.has(Trouble::EndLost) || self.torn.is_some() || !self.writes(at) || !dice.once_in(10) {
            return Ok(());
        }
        let before = self.stored()?;
        let lost = self.cut(usize::from(dice.below(LOST_MAX)) + 1, &before);
        self.happened_if(Trouble::EndLost, lost > 0);
        self.renews(at, lost > 0)?;
        self.expect_stored(&before)
    }

    /// A replica that has not everything takes the log's place: the writer appends once more to the old one, and answers for it, before
    /// its renewal leads it to the new one.
    pub(crate) fn second_primary(&mut self, dice: &mut Dice<'_>) -> Result<(), Found> {
        let at = self.writer;
        let is_quiet = self.torn.is_none() && self.late.is_none();
        if !self.has(Trouble::SecondPrimary) || !is_quiet || !self.writes(at) || !dice.once_in(12) {
            return Ok(());
        }
        let replica = self.log.fork();
        let behind = LogStore::head(&replica, 0).map_err(|error| error.to_string())?;
        self.flush(at, None)?;
        let whole = self.stored()?;
        let ahead = LogStore::head(&self.log, 0).map_err(|error| error.to_string())? != behind;
        self.log = replica;
        // Whoever believed to be the writer meanwhile is fenced there as here, and asks again.
        let lost = self.nodes[1 - at].die();
        self.mail.extend(lost);
        let log = self.log.clone();
        if let Some(life) = self.nodes[at].life.as_mut() {
            life.script = FaultScript::default();
            life.log = FaultyLog::new(log, life.script.clone());
        }
        self.happened_if(Trouble::SecondPrimary, ahead);
        self.renews(at, ahead)?;
        self.expect_stored(&whole)
    }

    /// Whether a process is the writer. One that was superseded notices nothing: what is missing is its successor's to put back.
    fn writes(&self, at: usize) -> bool {
        self.nodes[at].life.as_ref().is_some_and(|life| !life.superseded)
    }

    /// A renewal: the end of the log, as its server has it, is held against what was answered. What is missing is put back.
    fn renews(&mut self, at: usize, is_short: bool) -> Result<(), Found> {
        let head = LogStore::head(&self.log, 0).map_err(|error| error.to_string())?;
        let mut log = self.log.clone();
        let Some(life) = self.nodes[at].life.as_mut().filter(|life| !life.superseded) else { return Ok(()) };
        let answered = life.recent.answered().unwrap_or_default();
        let told = life.recent.contradicts(answered, head.map(|head| (head.seq, head.hash)));
        // A batch that was only seen, because the answer to its append was lost, is not promised to anybody.
        let is_owed = head.map_or(0, |head| head.seq) < answered.seq;
        equal("a renewal notices that something is missing", is_owed, told.is_some())?;
        let standing = life.recent.put_back(&mut log, 0).map_err(|error| error.to_string())?;
        equal("what was missing is put back", is_short, matches!(standing, Standing::PutBack { .. }))
    }

    /// A process does not know what became of a batch: it may go on with the same state, if the log has that batch and all behind it, or
    /// takes them.
    pub(crate) fn goes_on(&mut self, at: usize, sealed: Sealed, dice: &mut Dice<'_>) -> Result<(), Found> {
        let mut log = self.log.clone();
        let Some(life) = self.nodes[at].life.as_mut() else { return Ok(()) };
        let queue: Vec<Sealed> = std::iter::once(sealed).chain(life.queue.drain(..)).collect();
        let unfinished: Vec<Batch> = queue.iter().map(|sealed| sealed.batch.clone()).collect();
        let completed = life.recent.complete(&mut log, 0, &unfinished);
        // Nobody of these was answered: they ask again, and their keys are known.
        self.mail.extend(queue.into_iter().flat_map(|sealed| sealed.waiting).map(|waiting| waiting.request));
        let wants = self.swarm.has(Trouble::GoesOn) && dice.below(3) != 0;
        match completed {
            Ok(Some(head)) if head == life.head && wants => {
                life.script = FaultScript::default();
                life.log = FaultyLog::new(log, life.script.clone());
                compare::state(&life.state, &life.auditor)?;
                let reader = self.log.reader().map_err(|error| error.to_string())?;
                let again = usance_store::recovery::recover(reader.as_ref(), 0, None, |_| ()).map_err(|error| error.to_string())?;
                equal("where the log ends", head, again.head)?;
                let hash = |state| usance_store::image::state_hash(state).map_err(|error| error.to_string());
                let again = again.state.ok_or("the log gives no state")?;
                equal("the state that goes on is what the log gives", hash(&again)?, hash(&life.state)?)?;
                self.happened(Trouble::GoesOn);
                Ok(())
            }
            _ => {
                let lost = self.nodes[at].die();
                self.mail.extend(lost);
                Ok(())
            }
        }
    }

    /// Before a process starts, the log may have lost its end: the start knows, and nothing is written before it is whole again.
    pub(crate) fn lose_end_asleep(&mut self, dice: &mut Dice<'_>) -> Result<(), Found> {
        let is_quiet = self.torn.is_none() && self.nodes.iter().all(|node| node.life.is_none());
        if !self.has(Trouble::EndLostAsleep) || !is_quiet || !dice.once_in(3) {
            return Ok(());
        }
        let before = self.stored()?;
        let after = before.iter().filter(|batch| batch.seq > self.acknowledged.seq).count();
        let lost = self.cut(after + usize::from(dice.below(LOST_MAX)) + 1, &before);
        let (mut log, mut known) = (self.log.clone(), Recent::keeping(0));
        known.know(self.acknowledged);
        let head = LogStore::head(&log, 0).map_err(|error| error.to_string())?.unwrap_or(Head::GENESIS);
        let standing = known.put_back(&mut log, 0).map_err(|error| error.to_string())?;
        let expected = if lost > after {
            Standing::Lost(Lost { ends_at: head.seq, through: self.acknowledged, given_up: 0 })
        } else {
            Standing::Whole
        };
        equal("what a start knows of its log", expected, standing)?;
        self.happened_if(Trouble::EndLostAsleep, lost > after);
        // Somebody puts back what a copy has.
        for batch in before.iter().filter(|batch| batch.seq > head.seq) {
            log.append(batch.seq - 1, batch).into_result(batch.seq - 1).map_err(|error| error.to_string())?;
        }
        equal("the log is whole again", Standing::Whole, known.put_back(&mut log, 0).map_err(|error| error.to_string())?)
    }

    fn stored(&self) -> Result<Vec<Batch>, Found> {
        LogReader::read(&self.log, 0, 1, usize::MAX).map_err(|error| error.to_string())
    }

    /// Takes so many batches from the end of the log, but for the one that founded it; says how many.
    fn cut(&self, count: usize, stored: &[Batch]) -> usize {
        let losable = stored.iter().rev().take_while(|batch| batch.seq > 1);
        losable.take(count).filter(|batch| self.log.lose(0, batch.seq)).count()
    }

    fn expect_stored(&self, before: &[Batch]) -> Result<(), Found> {
        let hashes = |batches: &[Batch]| batches.iter().map(|batch| batch.hash).collect::<Vec<_>>();
        equal("the log is what it was, byte for byte", hashes(before), hashes(&self.stored()?))
    }
}

/// What a process knows of a log that it begins behind.
pub(crate) fn begun_behind(log: &MemoryLog, head: Head) -> Result<Recent, Found> {
    let mut recent = Recent::keeping(usance_store::recent::BYTES_MAX);
    recent.see(head);
    recent.fill(log, 0).map_err(|error| error.to_string())?;
    Ok(recent)
}
