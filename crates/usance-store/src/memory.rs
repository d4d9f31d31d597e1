//! A home of the log in memory, for tests and simulations.
//!
//! Owns the same answers as a database without its disk: a clone is another hold on the same content, so dropping one
//! hold and taking another is a restart, and two holds are two writers. It refuses what every home refuses, and keeps
//! nothing beyond the process. Faults come from [`crate::faulty`] around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::log::{Appended, Head, LogReader, LogStore, READ_BYTES, refusal};

/// The log in memory. Cloning gives another hold on the same content.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    batches: BTreeMap<(u16, u64), Batch>,
    meta: BTreeMap<String, String>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        MemoryLog::default()
    }

    /// Changes a stored batch behind the log's back, as a failing disk would. Gives whether there was such a batch.
    pub fn damage(&self, shard: u16, seq: u64, change: impl FnOnce(&mut Batch)) -> bool {
        self.content().batches.get_mut(&(shard, seq)).map(change).is_some()
    }

    /// A log that has everything this one has, and goes its own way from now on: a replica that was promoted.
    #[must_use]
    pub fn fork(&self) -> Self {
        let content = self.content();
        let (batches, meta) = (content.batches.clone(), content.meta.clone());
        MemoryLog { content: Arc::new(Mutex::new(Content { batches, meta })) }
    }

    /// Takes a stored batch away behind the log's back. Gives whether there was such a batch.
    pub fn lose(&self, shard: u16, seq: u64) -> bool {
        self.content().batches.remove(&(shard, seq)).is_some()
    }

    // Content is changed in single steps only, so it is whole even when a holder of the lock panicked.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn head(&self, shard: u16) -> Option<Head> {
        self.batches.range((shard, 0)..=(shard, u64::MAX)).next_back().map(|(_, batch)| batch.head())
    }
}

impl LogStore for MemoryLog {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        Ok(self.content().head(shard))
    }

    fn append(&mut self, expected_seq: u64, batch: &Batch) -> Appended {
        let mut content = self.content();
        let head = content.head(batch.shard).unwrap_or(Head::GENESIS);
        if let Some(refusal) = refusal(&head, expected_seq, batch) {
            return refusal;
        }
        content.batches.insert((batch.shard, batch.seq), batch.clone());
        Appended::Done
    }

    fn reader(&self) -> Result<Box<dyn LogReader>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.content().meta.get(name).cloned())
    }

    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.content().meta.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn settle(&mut self, settings: &[(&str, &str)]) -> Result<(), StoreError> {
        let mut content = self.content();
        let mut settled = content.meta.clone();
        for (name, asked) in settings {
            let stored = settled.entry((*name).to_owned()).or_insert_with(|| (*asked).to_owned());
            if stored != asked {
                return Err(StoreError::Contradiction { setting: (*name).to_owned(), stored: stored.clone(), asked: (*asked).to_owned() });
            }
        }
        content.meta = settled;
        Ok(())
    }
}

impl LogReader for MemoryLog {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        LogStore::head(self, shard)
    }

    fn read(&self, shard: u16, from_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        let content = self.content();
        let rows = content.batches.range((shard, from_seq)..=(shard, u64::MAX)).map(|(_, batch)| batch);
        Ok(gather(rows, max_batches))
    }

    fn read_before(&self, shard: u16, before_seq: u64, max_batches: usize) -> Result<Vec<Batch>, StoreError> {
        let content = self.content();
        let rows = content.batches.range((shard, 0)..(shard, before_seq)).rev().map(|(_, batch)| batch);
        Ok(gather(rows, max_batches))
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        LogStore::meta(self, name)
    }
}

fn gather<'a>(rows: impl Iterator<Item = &'a Batch>, max_batches: usize) -> Vec<Batch> {
    let mut bytes = 0_usize;
    rows.take(max_batches)
        .take_while(|batch| {
            let room = bytes < READ_BYTES;
            bytes = bytes.saturating_add(batch.body.len());
            room
        })
        .cloned()
        .collect()
}
