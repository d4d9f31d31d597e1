//! A log that fails on purpose, around any other log.
//!
//! Owns the faults a writer must survive: an answer that never came, a full disk, another writer, a slow disk, a torn
//! write. It invents no state of its own: after a fault the log within holds exactly what a real one could hold. Used by
//! tests and simulations only; contracts are in [`crate::log`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::batch::{Batch, BatchBuilder};
use crate::error::StoreError;
use crate::log::{Appended, Head, LogReader, LogStore};

/// One thing that goes wrong with one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Written and durable, but the answer is [`Appended::Unknown`].
    UnknownWritten,
    /// Not written, and the answer is [`Appended::Unknown`].
    UnknownNotWritten,
    /// Not written, the answer is [`Appended::Full`].
    Full,
    /// Another writer appends [`RIVAL_RECORD`] at this place first; the answer is the log's own.
    Rival,
    /// Takes so long, then goes on as usual.
    Slow(Duration),
    /// Writes only the first bytes of the body (at least one, at most all but one) under the hash of the whole, which no
    /// database should do; the answer is [`Appended::Unknown`].
    Torn {
        /// How many bytes of the body are kept.
        keep: usize,
    },
}

/// The one record in the batch that [`Fault::Rival`] writes.
pub const RIVAL_RECORD: &[u8] = b"rival";

/// What the next appends of a [`FaultyLog`] meet. Clones share one script, so a test keeps one while the log is moved
/// into a writer. Behind the end of the script appends pass.
#[derive(Clone, Debug, Default)]
pub struct FaultScript {
    steps: Arc<Mutex<VecDeque<Option<Fault>>>>,
}

impl FaultScript {
    /// Lets so many appends pass, after the steps there are.
    pub fn pass(&self, appends: usize) -> &Self {
        self.steps().extend(std::iter::repeat_n(None, appends));
        self
    }

    /// Lets one append meet `fault`, after the steps there are.
    pub fn fail(&self, fault: Fault) -> &Self {
        self.steps().push_back(Some(fault));
        self
    }

    /// How many appends are still scripted.
    pub fn left(&self) -> usize {
        self.steps().len()
    }

    fn next(&self) -> Option<Fault> {
        self.steps().pop_front().flatten()
    }

    fn steps(&self) -> MutexGuard<'_, VecDeque<Option<Fault>>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log around `S` whose appends fail by a script.
#[derive(Debug)]
pub struct FaultyLog<S> {
    inner: S,
    script: FaultScript,
    unknown: bool,
}

impl<S: LogStore> FaultyLog<S> {
    /// Wraps a log. `script` may be filled before and after.
    pub fn new(inner: S, script: FaultScript) -> Self {
        FaultyLog { inner, script, unknown: false }
    }

    /// The log within, to be opened again after [`Appended::Unknown`].
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn lost_answer(&mut self) -> Appended {
        self.unknown = true;
        Appended::Unknown("scripted: the answer was lost".to_owned())
    }

    /// Lets another writer append first.
    fn let_rival_append(&mut self, expected_seq: u64, batch: &Batch) {
        let mut rival = BatchBuilder::new();
        // A rival that cannot append leaves the log as it is, and the append proper shows it.
        let sealed = rival.push(RIVAL_RECORD).and_then(|_| rival.seal(batch.shard, batch.seq, batch.at_ms, batch.previous));
        if let Ok(rival) = sealed {
            let _answer = self.inner.append(expected_seq, &rival);
        }
    }
}

impl<S: LogStore> LogStore for FaultyLog<S> {
    fn head(&self, shard: u16) -> Result<Option<Head>, StoreError> {
        self.inner.head(shard)
    }

    fn append(&mut self, expected_seq: u64, batch: &Batch) -> Appended {
        if self.unknown {
            return Appended::Unknown("scripted: an answer was lost before".to_owned());
        }
        match self.script.next() {
            None => self.inner.append(expected_seq, batch),
            Some(Fault::UnknownWritten) => match self.inner.append(expected_seq, batch) {
                Appended::Done => self.lost_answer(),
                other => other,
            },
            Some(Fault::UnknownNotWritten) => self.lost_answer(),
            Some(Fault::Full) => Appended::Full,
            Some(Fault::Rival) => {
                self.let_rival_append(expected_seq, batch);
                self.inner.append(expected_seq, batch)
            }
            Some(Fault::Slow(duration)) => {
                thread::sleep(duration);
                self.inner.append(expected_seq, batch)
            }
            Some(Fault::Torn { keep }) => {
                let mut torn = batch.clone();
                torn.body.truncate(keep.min(batch.body.len().saturating_sub(1)).max(1));
                match self.inner.append(expected_seq, &torn) {
                    Appended::Done => self.lost_answer(),
                    other => other,
                }
            }
        }
    }

    fn reader(&self) -> Result<Box<dyn LogReader>, StoreError> {
        self.inner.reader()
    }

    fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.inner.meta(name)
    }

    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.inner.set_meta(name, value)
    }

    fn settle(&mut self, settings: &[(&str, &str)]) -> Result<(), StoreError> {
        self.inner.settle(settings)
    }
}
