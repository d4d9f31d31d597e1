//! The last batches of a log, kept in memory by whoever wrote or followed them.
//!
//! A database whose place a replica has taken, or that was restored, may come back without the end of its log: batches that were answered. Whoever still has
//! them appends them again, byte for byte; the log's primary key keeps a batch from being put in where another one stands. Owns what
//! may be put back, and the answer where that cannot be done: which batches are lost.
//!
//! A batch that was seen in a log was not necessarily answered: a server that is cut off shows what no replica has, once the wait for
//! replicas is given up. Such a batch may be put back, which is one of the two things that may become of it; that it is gone is no loss.
//! So it is kept apart up to where batches were answered ([`Recent::answered`]).

use std::collections::VecDeque;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::log::{Appended, Head, LogReader, LogStore};

/// Bytes of batches that are kept: 64 MiB.
pub const BYTES_MAX: usize = 64 << 20;

/// Batches that are asked for at a time.
const BATCHES_A_READ: usize = 1024;

/// The last batches of one shard's log, in order, without a gap.
#[derive(Clone, Debug)]
pub struct Recent {
    bytes_max: usize,
    bytes: usize,
    batches: VecDeque<Batch>,
    /// The last one that was noted, also where none is kept.
    last: Option<Head>,
    /// The last one that is known to have been answered.
    answered: Option<Head>,
    /// How many losses had been given up in the log that is known here.
    given_up: usize,
}

/// How a log stands to the batches that somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds all of them, and perhaps more.
    Whole,
    /// It lacked so many at its end, which are in it again.
    PutBack {
        /// How many.
        batches: u64,
    },
    /// It lacks batches that nobody here can put back, or holds others in their place.
    Lost(Lost),
}

/// Batches that were answered once and are in the log no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The last batch that log and memory are known to share; what lies between it and the end of memory is lost. Where memory does not
    /// reach back so far it is the batch at which the log ended.
    pub ends_at: u64,
    /// The last batch that is known to have been answered.
    pub through: Head,
    /// How many losses had been given up before: what is given up later may be this one, what was given up before is not.
    pub given_up: usize,
}

impl Lost {
    /// Whether an operator has given it up: each time, in order, the last batch that was given up is noted.
    #[must_use]
    pub fn is_given_up(&self, noted: &[u64]) -> bool {
        noted.iter().skip(self.given_up).any(|through| *through >= self.through.seq)
    }
}

impl Recent {
    /// Keeps the last batches, as many as fit into so many bytes.
    #[must_use]
    pub fn keeping(bytes_max: usize) -> Self {
        Recent { bytes_max, bytes: 0, batches: VecDeque::new(), last: None, answered: None, given_up: 0 }
    }

    /// Notes a batch that is in the log. One that does not follow from the last begins anew: the log went another way.
    pub fn note(&mut self, batch: Batch) {
        if self.last.is_some_and(|last| last.hash != batch.previous) {
            self.forget_from(batch.seq);
        }
        self.last = Some(batch.head());
        self.bytes = self.bytes.saturating_add(batch.body.len());
        self.batches.push_back(batch);
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(oldest.body.len());
        }
    }

    /// Knows of a batch that was answered, without having it.
    pub fn know(&mut self, head: Head) {
        if self.last.is_none_or(|last| last.seq < head.seq) {
            self.forget();
            (self.last, self.answered) = (Some(head), Some(head));
        }
    }

    /// Begins behind a batch that was seen in the log; what was answered before it stays known.
    pub fn see(&mut self, head: Head) {
        self.batches.clear();
        (self.bytes, self.last) = (0, Some(head));
    }

    /// Takes the batches before the last one that was seen, as many as fit, from the log that has them.
    ///
    /// # Errors
    /// As the log answers; what was kept before stays.
    pub fn fill(&mut self, reader: &dyn LogReader, shard: u16) -> Result<(), StoreError> {
        while self.bytes < self.bytes_max {
            let before = self.batches.front().map_or_else(|| self.last.map_or(0, |last| last.seq + 1), |first| first.seq);
            let found = reader.read_before(shard, before, BATCHES_A_READ)?;
            if found.is_empty() {
                return Ok(());
            }
            for batch in found {
                let next = self.batches.front().map_or(self.last.map(|last| last.hash), |first| Some(first.previous));
                self.bytes = self.bytes.saturating_add(batch.body.len());
                if next != Some(batch.hash) || self.bytes > self.bytes_max {
                    self.bytes = self.bytes.saturating_sub(batch.body.len());
                    return Ok(());
                }
                self.batches.push_front(batch);
            }
        }
        Ok(())
    }

    /// Batches up to this one, as far as they were noted, were answered.
    pub fn answered_through(&mut self, seq: u64) {
        let seq = seq.min(self.last.map_or(0, |last| last.seq));
        let last = self.last.filter(|last| last.seq == seq);
        let answered = last.or_else(|| Some(self.batches.get(self.index_of(seq)?)?.head()));
        if answered.is_some_and(|answered| self.answered.is_none_or(|before| before.seq < answered.seq)) {
            self.answered = answered;
        }
    }

    /// Knows how many losses have been given up in the log that is known here: never fewer than before.
    pub fn knows_given_up(&mut self, losses: usize) {
        self.given_up = self.given_up.max(losses);
    }

    /// How many losses had been given up in the log that is known here.
    #[must_use]
    pub fn given_up(&self) -> usize {
        self.given_up
    }

    /// The log is known to have gone another way from a batch on. What was answered before it stays known.
    fn forget_from(&mut self, seq: u64) {
        let answered = self.answered.filter(|answered| answered.seq < seq);
        self.forget();
        self.answered = answered;
    }

    /// Forgets everything: the log is known to have gone another way.
    pub fn forget(&mut self) {
        self.batches.clear();
        (self.bytes, self.last, self.answered) = (0, None, None);
    }

    /// The last batch that was noted.
    #[must_use]
    pub fn last(&self) -> Option<Head> {
        self.last
    }

    /// The last batch that is known to have been answered.
    #[must_use]
    pub fn answered(&self) -> Option<Head> {
        self.answered
    }

    /// The hash of a batch, where it is known.
    #[must_use]
    pub fn hash_at(&self, seq: u64) -> Option<[u8; 32]> {
        if let Some(last) = self.last.filter(|last| last.seq == seq) {
            return Some(last.hash);
        }
        let first = self.batches.front()?;
        if seq.checked_add(1) == Some(first.seq) {
            return Some(first.previous);
        }
        self.batches.get(self.index_of(seq)?).map(|batch| batch.hash)
    }

    fn index_of(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.batches.front()?.seq)?).ok()
    }

    /// Holds a log against what is known of it, and puts back what it lacks at its end.
    ///
    /// # Errors
    /// As the log answers; what was put back until then stays.
    pub fn put_back(&self, log: &mut dyn LogStore, shard: u16) -> Result<Standing, StoreError> {
        let mut put_back = 0;
        loop {
            let Some(last) = self.last else { return Ok(Standing::Whole) };
            let head = log.head(shard)?.unwrap_or(Head::GENESIS);
            if head.seq >= last.seq && (head.hash == last.hash || self.is_at(log, shard, last.seq)?) {
                return Ok(if put_back == 0 { Standing::Whole } else { Standing::PutBack { batches: put_back } });
            }
            let fits = self.hash_at(head.seq) == Some(head.hash);
            let next = self.batches.iter().find(|batch| fits && batch.seq == head.seq + 1);
            let Some(batch) = next else { return self.lost(log, shard, head) };
            match log.append(head.seq, batch) {
                Appended::Done => put_back += 1,
                // Somebody else was quicker, perhaps with the same batch: look again.
                Appended::Fenced { .. } => {}
                other => other.into_result(head.seq)?,
            }
        }
    }

    /// How the end of a log, as some server has it, contradicts what was answered: it lacks something, or has another batch in its place.
    /// It may have more.
    #[must_use]
    pub fn contradicts(&self, answered: Head, ends_at: Option<(u64, [u8; 32])>) -> Option<String> {
        let (seq, hash) = ends_at.unwrap_or_default();
        if seq < answered.seq {
            return Some(format!("the log ends at batch {seq}, and {} was acknowledged", answered.seq));
        }
        let is_another = self.hash_at(seq).is_some_and(|known| known != hash);
        is_another.then(|| format!("batch {seq} of the log is not the one that was acknowledged"))
    }

    /// Appends what was decided and is perhaps not in the log: batches in their order, of which the first may be there. Gives the end of
    /// the log where all of them are in it, `None` where somebody else has written in their place.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where one is there and not whole; as the log answers.
    pub fn complete(&mut self, log: &mut dyn LogStore, shard: u16, unfinished: &[Batch]) -> Result<Option<Head>, StoreError> {
        for batch in unfinished {
            let head = log.head(shard)?.unwrap_or(Head::GENESIS);
            if head.seq >= batch.seq {
                // It is seen; whether it was answered for, the next append shows.
                self.note(batch.clone());
                if !self.is_at(log, shard, batch.seq)? {
                    self.forget_from(batch.seq);
                    return Ok(None);
                }
            } else if head.hash != batch.previous {
                return Ok(None);
            } else {
                match log.append(head.seq, batch) {
                    Appended::Done => {
                        self.note(batch.clone());
                        self.answered_through(batch.seq);
                    }
                    Appended::Fenced { .. } => return Ok(None),
                    other => other.into_result(head.seq)?,
                }
            }
        }
        log.head(shard)
    }

    /// What is lost of a log that ends at `head` and that nothing can be put back into: what was answered and is not in it.
    fn lost(&self, log: &dyn LogStore, shard: u16, head: Head) -> Result<Standing, StoreError> {
        let Some(through) = self.answered else { return Ok(Standing::Whole) };
        if head.seq >= through.seq && self.is_at(log, shard, through.seq)? {
            return Ok(Standing::Whole);
        }
        let is_known = self.hash_at(head.seq).is_some() || head.seq >= through.seq;
        let ends_at = if is_known { self.shared_with(log, shard, head.seq.min(through.seq))? } else { head.seq };
        Ok(Standing::Lost(Lost { ends_at, through, given_up: self.given_up }))
    }

    /// Whether the log has the batch that is known at a place.
    fn is_at(&self, log: &dyn LogStore, shard: u16, seq: u64) -> Result<bool, StoreError> {
        let known = self.hash_at(seq).or(self.answered.filter(|answered| answered.seq == seq).map(|answered| answered.hash));
        let found = log.reader()?.read(shard, seq, 1)?.into_iter().next().filter(|batch| batch.seq == seq && Some(batch.hash) == known);
        // Its name alone is not the batch.
        found.map_or(Ok(false), |batch| batch.verify_alone().map(|()| true))
    }

    /// The last batch before `end` that the log shares with what is known here.
    fn shared_with(&self, log: &dyn LogStore, shard: u16, end: u64) -> Result<u64, StoreError> {
        let (mut shared, mut other) = (self.batches.front().map_or(end, |first| first.seq).saturating_sub(1), end);
        // What is shared is a beginning: the chain says so.
        while shared + 1 < other {
            let middle = shared + (other - shared) / 2;
            if self.is_at(log, shard, middle)? { shared = middle } else { other = middle }
        }
        Ok(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, MemoryLog};

    fn batch(head: &Head, text: &str) -> Batch {
        let mut builder = BatchBuilder::new();
        builder.push(text.as_bytes()).unwrap();
        builder.seal(0, head.seq + 1, 0, head.hash).unwrap()
    }

    /// A log of so many batches, and somebody who followed it from the start.
    fn followed(batches: u64, bytes_max: usize) -> (MemoryLog, Recent) {
        let (mut log, mut recent, mut head) = (MemoryLog::new(), Recent::keeping(bytes_max), Head::GENESIS);
        for number in 1..=batches {
            let batch = batch(&head, &format!("batch {number}"));
            assert_eq!(log.append(head.seq, &batch), Appended::Done);
            head = batch.head();
            recent.note(batch);
            recent.answered_through(head.seq);
        }
        (log, recent)
    }

    /// Takes the end of a log away, from a batch on.
    fn cut(log: &MemoryLog, from: u64) {
        (from..100).for_each(|seq| {
            log.lose(0, seq);
        });
    }

    fn hashes(log: &MemoryLog) -> Vec<[u8; 32]> {
        LogReader::read(log, 0, 1, usize::MAX).unwrap().iter().map(|batch| batch.hash).collect()
    }

    #[test]
    fn an_end_that_was_lost_is_put_back_byte_for_byte() {
        for lost in 0..=9 {
            let (mut log, recent) = followed(9, usize::MAX);
            let whole = hashes(&log);
            cut(&log, 10 - lost);
            let standing = recent.put_back(&mut log, 0).unwrap();
            let expected = if lost == 0 { Standing::Whole } else { Standing::PutBack { batches: lost } };
            assert_eq!((standing, hashes(&log)), (expected, whole), "{lost} lost");
        }
    }

    #[test]
    fn whoever_begins_behind_a_batch_takes_those_before_it_from_the_log() {
        let (mut log, _) = followed(9, usize::MAX);
        let whole = hashes(&log);
        let mut recent = Recent::keeping(usize::MAX);
        recent.see(LogStore::head(&log, 0).unwrap().unwrap());
        recent.fill(&log, 0).unwrap();
        cut(&log, 2);
        assert_eq!(recent.put_back(&mut log, 0).unwrap(), Standing::PutBack { batches: 8 });
        assert_eq!(hashes(&log), whole);
        let mut few = Recent::keeping(20);
        few.see(LogStore::head(&log, 0).unwrap().unwrap());
        few.fill(&log, 0).unwrap();
        assert!(few.hash_at(8).is_some() && few.hash_at(5).is_none() && few.bytes <= 20);
    }

    #[test]
    fn a_log_that_went_on_is_left_as_it_is() {
        let (mut log, recent) = followed(5, usize::MAX);
        let head = LogStore::head(&log, 0).unwrap().unwrap();
        assert_eq!(log.append(head.seq, &batch(&head, "somebody else's")), Appended::Done);
        let whole = hashes(&log);
        assert_eq!((recent.put_back(&mut log, 0).unwrap(), hashes(&log)), (Standing::Whole, whole));
    }

    #[test]
    fn what_was_written_over_is_lost_and_counted_and_nothing_is_written() {
        for (end, further) in [(3, 1), (3, 2), (3, 5), (8, 1), (0, 4)] {
            let (mut log, recent) = followed(9, usize::MAX);
            let through = recent.last().unwrap();
            cut(&log, end + 1);
            for number in 0..further {
                let head = LogStore::head(&log, 0).unwrap().unwrap_or(Head::GENESIS);
                assert_eq!(log.append(head.seq, &batch(&head, &format!("other {number}"))), Appended::Done);
            }
            let other = hashes(&log);
            assert_eq!(
                recent.put_back(&mut log, 0).unwrap(),
                Standing::Lost(Lost { ends_at: end, through, given_up: 0 }),
                "{end} {further}"
            );
            assert_eq!(hashes(&log), other);
        }
    }

    #[test]
    fn what_is_not_kept_any_more_cannot_be_put_back() {
        let (mut log, recent) = followed(9, 20);
        assert!(recent.hash_at(9).is_some() && recent.hash_at(3).is_none());
        cut(&log, 3);
        let lost = Lost { ends_at: 2, through: recent.last().unwrap(), given_up: 0 };
        assert_eq!(recent.put_back(&mut log, 0).unwrap(), Standing::Lost(lost));
        assert_eq!(hashes(&log).len(), 2);
        // Whoever was only told of a batch has none at all.
        let mut told = Recent::keeping(0);
        told.know(lost.through);
        assert_eq!(told.put_back(&mut log, 0).unwrap(), Standing::Lost(lost));
        told.forget();
        assert_eq!(told.put_back(&mut log, 0).unwrap(), Standing::Whole);
    }

    #[test]
    fn a_loss_is_given_up_by_what_was_given_up_after_it_alone() {
        let lost = |seq, given_up| Lost { ends_at: 2, through: Head { seq, ..Head::GENESIS }, given_up };
        assert!(!lost(9, 0).is_given_up(&[]) && !lost(9, 0).is_given_up(&[8]));
        assert!(lost(9, 0).is_given_up(&[9]) && lost(8, 0).is_given_up(&[9]), "whoever knew less of it");
        assert!(!lost(5, 1).is_given_up(&[9]), "it was lost later");
        assert!(!lost(5, 1).is_given_up(&[9, 4]) && lost(5, 1).is_given_up(&[9, 5]) && lost(9, 0).is_given_up(&[9, 5]));
    }

    #[test]
    fn what_was_only_seen_is_put_back_and_never_lost() {
        let seen = || {
            let (log, mut recent) = followed(5, usize::MAX);
            let head = LogStore::head(&log, 0).unwrap().unwrap();
            let only_seen = batch(&head, "on a server that was cut off");
            recent.note(only_seen.clone());
            (log, recent, only_seen)
        };
        let (mut log, recent, only_seen) = seen();
        assert_eq!(recent.answered().unwrap().seq, 5);
        assert_eq!(recent.put_back(&mut log, 0).unwrap(), Standing::PutBack { batches: 1 });
        assert_eq!(LogStore::head(&log, 0).unwrap(), Some(only_seen.head()));
        // Another one stands in its place: that is as it should be, unless something that was answered is gone, too.
        let (mut log, recent, _) = seen();
        let head = LogStore::head(&log, 0).unwrap().unwrap();
        assert_eq!(log.append(head.seq, &batch(&head, "the leader's")), Appended::Done);
        assert_eq!(recent.put_back(&mut log, 0).unwrap(), Standing::Whole);
        let (mut log, recent, _) = seen();
        cut(&log, 5);
        let head = LogStore::head(&log, 0).unwrap().unwrap();
        assert_eq!(log.append(head.seq, &batch(&head, "the leader's")), Appended::Done);
        let lost = Lost { ends_at: 4, through: recent.answered().unwrap(), given_up: 0 };
        assert_eq!(recent.put_back(&mut log, 0).unwrap(), Standing::Lost(lost));
    }

    #[test]
    fn what_was_decided_is_completed_wherever_its_append_broke_off() {
        for there in 0..=3 {
            let (mut log, mut recent) = followed(4, usize::MAX);
            let mut head = LogStore::head(&log, 0).unwrap().unwrap();
            let mut unfinished = Vec::new();
            for number in 0..3 {
                let next = batch(&head, &format!("decided {number}"));
                head = next.head();
                unfinished.push(next);
            }
            for batch in &unfinished[..there] {
                assert_eq!(log.append(batch.seq - 1, batch), Appended::Done);
            }
            assert_eq!(recent.complete(&mut log, 0, &unfinished).unwrap(), Some(head), "{there} were there");
            assert_eq!(recent.last(), Some(head));
            // A batch that is only half there is damage, not what was decided.
            log.damage(0, head.seq, |stored| stored.body.truncate(1));
            assert!(matches!(recent.complete(&mut log, 0, &unfinished), Err(StoreError::Damaged { .. })));
        }
        let (mut log, mut recent) = followed(4, usize::MAX);
        let head = LogStore::head(&log, 0).unwrap().unwrap();
        let ours = [batch(&head, "ours")];
        assert_eq!(log.append(head.seq, &batch(&head, "somebody else's")), Appended::Done);
        assert_eq!(recent.complete(&mut log, 0, &ours).unwrap(), None);
    }

    #[test]
    fn an_end_that_lacks_or_replaces_what_was_answered_contradicts_it() {
        let (_, recent) = followed(5, usize::MAX);
        let answered = recent.answered().unwrap();
        let at = |seq| recent.hash_at(seq).unwrap();
        assert_eq!(recent.contradicts(answered, Some((5, at(5)))), None);
        assert_eq!(recent.contradicts(answered, Some((6, [9; 32]))), None, "more is no contradiction");
        assert!(recent.contradicts(answered, Some((4, at(4)))).is_some());
        assert!(recent.contradicts(answered, Some((5, [9; 32]))).is_some());
        assert!(recent.contradicts(answered, None).is_some());
    }

    #[test]
    fn a_batch_that_does_not_follow_begins_anew() {
        let (_, mut recent) = followed(5, usize::MAX);
        let other = batch(&Head { seq: 3, hash: [9; 32], at_ms: 0 }, "other");
        recent.note(other.clone());
        assert_eq!((recent.last(), recent.hash_at(4), recent.hash_at(5)), (Some(other.head()), Some(other.hash), None));
    }
}
