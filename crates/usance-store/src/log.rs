//! The contract of the log of record, which every home keeps and one conformance suite checks.
//!
//! Owns the meaning of *appended*: what a writer may believe after each answer, and how the whole chain is checked. It
//! refuses a hole, a second writer and an empty batch. One append is in flight per shard, because appends sent ahead are
//! separate transactions and could leave holes. Batches are rows keyed `(shard, seq)` in every home. The bytes are
//! [`crate::batch`]'s; homes are [`crate::sqlite`], [`crate::postgres`] and [`crate::memory`].
//!
//! There is no delete and no update: the log only grows.

use usance_core::id::LogPosition;

use crate::batch::{Batch, missing};
use crate::bounds::BatchError;
use crate::error::StoreError;
pub use crate::head::Head;

/// The bodies that one [`LogReader::read`] gathers before it stops short of `max_batches`: 16 MiB, so that a replay of
/// large batches does not hold them all.
pub const READ_BYTES: usize = 16 << 20;

/// How many batches [`verify_chain`] asks for at a time.
const WALK_BATCHES: usize = 256;

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an append that is not known to be done was perhaps not done"]
pub enum Appended {
    /// Durable: it survives the loss of the process and of power.
    Done,
    /// Nothing was written: the log does not end where this writer stands, so this is not the writer (any more).
    Fenced {
        /// The seq of the log's head, 0 when it is empty.
        found: u64,
    },
    /// Written or not, nobody knows yet. The reason is for people. The store answers every later append with this too:
    /// open it again, append a fresh batch (an epoch record), read the tail, then go on.
    Unknown(String),
    /// Nothing was written: the disk is full. The same append may be tried again.
    Full,
    /// Nothing was written: no log would take this batch at this place.
    Unfit(BatchError),
}

impl Appended {
    /// The answer as a result, for a caller that stood on `expected_seq` and has no plan for the other answers.
    ///
    /// # Errors
    /// Everything but [`Appended::Done`].
    pub fn into_result(self, expected_seq: u64) -> Result<(), StoreError> {
        match self {
            Appended::Done => Ok(()),
            Appended::Fenced { found } => Err(StoreError::Fenced { expected: expected_seq, found }),
            Appended::Unknown(reason) => Err(StoreError::Unknown(reason)),
            Appended::Full => Err(StoreError::Full),
            Appended::Unfit(error) => Err(error.into()),
        }
    }
}

/// The writer's hold on the log. One per process and shard; a second one is fenced by the primary key.
pub trait LogStore: Send {
    /// The end of the shard's log as stored now, `None` when it has no batch.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError>;

    /// Writes `batch` right after the batch `expected_seq` (0: as the first). Returns when it is durable, or when it is
    /// not.
    ///
    /// Who stands elsewhere than the log is fenced before the batch is looked at. A home checks the batch's seq, its
    /// previous hash and that it is not empty; it does not compute the hash again.
    fn append(&mut self, expected_seq: u64, batch: &Batch) -> Appended;

    /// Writes batches as [`LogStore::append`] would, one behind the other: for whoever moves a log. A home that can do that in one
    /// transaction does; elsewhere a beginning of them may be there when it is not done.
    fn append_all(&mut self, expected_seq: u64, batches: &[Batch]) -> Appended {
        let mut expected_seq = expected_seq;
        for batch in batches {
            match self.append(expected_seq, batch) {
                Appended::Done => expected_seq = batch.seq,
                other => return other,
            }
        }
        Appended::Done
    }

    /// Waits so long for the answer to an append, where the home is one that answers; what takes longer is unknown.
    fn set_patience(&mut self, _patience: std::time::Duration) {}

    /// A reader of its own, to be used by another thread while this one writes.
    ///
    /// # Errors
    /// When the store cannot be opened once more.
    fn reader(&self) -> Result<Box<dyn LogReader>, StoreError>;

    /// A setting kept with the log, `None` when it was never set.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn meta(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Sets a setting, durably, in place of what it was.
    ///
    /// # Errors
    /// When the store cannot be written; the setting is then as before or as asked.
    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Settings that are chosen once, at creation: those not set are set, all together; those set must be equal.
    ///
    /// # Errors
    /// [`StoreError::Contradiction`] for the first that differs, and nothing was set; or as [`LogStore::set_meta`].
    fn settle(&mut self, settings: &[(&str, &str)]) -> Result<(), StoreError>;
}

/// A reader of the log, independent of the writer.
///
/// What it gives is as stored. [`verify_chain`] or [`Batch::verify`] says whether it is whole.
pub trait LogReader: Send {
    /// The end of the shard's log as stored now, `None` when it has no batch.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError>;

    /// Batches with a seq of at least `from_seq`, oldest first. At most `max_batches`, and fewer once their bodies pass
    /// [`READ_BYTES`]: only an empty answer means that there are no more.
    ///
    /// # Errors
    /// When the store cannot be read, or a row is not a batch.
    fn read(&self, shard: u16, from_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError>;

    /// Batches with a seq below `before_seq`, newest first; as many as [`LogReader::read`] would give.
    ///
    /// # Errors
    /// When the store cannot be read, or a row is not a batch.
    fn read_before(&self, shard: u16, before_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError>;

    /// The record at a position, `None` when there is none. The batch around it is verified by itself.
    ///
    /// # Errors
    /// When the store cannot be read; [`StoreError::Damaged`] when the batch is not whole.
    fn record(&self, shard: u16, position: LogPosition) -> Result<Option<Vec<u8>>, StoreError> {
        let seq = position.seq();
        if seq == 0 {
            return Ok(None);
        }
        let Some(batch) = self.read(shard, seq, 1)?.into_iter().next().filter(|batch| batch.seq == seq) else {
            return Ok(None);
        };
        batch.verify_alone()?;
        Ok(batch.record(position.index())?.map(<[u8]>::to_vec))
    }

    /// A setting kept with the log, `None` when it was never set.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn meta(&self, name: &str) -> Result<Option<String>, StoreError>;
}

/// Walks the log of a shard behind `from` ([`Head::GENESIS`] for all of it), proves every batch whole and in its place,
/// and hands it to `visit`. Gives the head it arrived at, to be kept elsewhere: a log whose end was cut off shows only
/// against such a note.
///
/// # Errors
/// [`StoreError::Damaged`] for the first batch that is missing or not as it was written, the one at `from` included;
/// when the store cannot be read; what `visit` returned.
pub fn verify_chain<E: From<StoreError>>(
    reader: &dyn LogReader,
    shard: u16,
    from: Head,
    mut visit: impl FnMut(&Batch) -> Result<(), E>,
) -> Result<Head, E> {
    verify_stands(reader, shard, &from)?;
    let mut head = from;
    loop {
        let batches = reader.read(shard, head.seq.saturating_add(1), WALK_BATCHES)?;
        if batches.is_empty() {
            return Ok(head);
        }
        for batch in &batches {
            batch.verify_after(&head)?;
            visit(batch)?;
            head = batch.head();
        }
    }
}

/// Whether the log of a shard still holds the batch that the caller stands on. A database that went back to an older copy
/// of itself may have lost it.
///
/// # Errors
/// [`StoreError::Damaged`] when it is missing or another one; when the store cannot be read.
pub fn verify_stands(reader: &dyn LogReader, shard: u16, from: &Head) -> Result<(), StoreError> {
    if from.seq == 0 {
        return Ok(());
    }
    let found = reader.read(shard, from.seq, 1)?;
    let Some(batch) = found.first() else {
        return Err(StoreError::damaged_batch(shard, from.seq, "it is missing, the log ends before it"));
    };
    if batch.seq != from.seq {
        return Err(missing(shard, from.seq, batch.seq));
    }
    batch.verify_alone()?;
    if batch.hash != from.hash {
        return Err(StoreError::damaged_batch(shard, from.seq, "it is not the batch that was known by its hash"));
    }
    Ok(())
}

/// What every home answers before it writes: `None` when `batch` may stand right after `head`, which is where the writer
/// says that it stands.
pub(crate) fn refusal(head: &Head, expected_seq: u64, batch: &Batch) -> Option<Appended> {
    if head.seq != expected_seq {
        return Some(Appended::Fenced { found: head.seq });
    }
    batch.follows(head).err().map(Appended::Unfit)
}

/// As [`refusal`], for batches that are to stand one behind the other.
pub(crate) fn refusal_of_all(head: &Head, expected_seq: u64, batches: &[Batch]) -> Option<Appended> {
    let (mut head, mut expected_seq) = (*head, expected_seq);
    batches.iter().find_map(|batch| {
        let refusal = refusal(&head, expected_seq, batch);
        (head, expected_seq) = (batch.head(), batch.seq);
        refusal
    })
}
