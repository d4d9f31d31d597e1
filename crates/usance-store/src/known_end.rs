//! What a process knows of the log, kept beside it: the last batch that it saw durable, as `known.txt` in the data directory.
//!
//! A log that lost its end is whole in itself: only who remembers where it ended can tell. On a database server this file is the one
//! thing that a replica that took its place, or a restore to an earlier moment, does not take along. It names the log by its first batch, so that a
//! directory that served another platform says nothing of this one. It is a memory, not a promise: it may be older than the log, never
//! ahead of what was durable.

use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files;
use crate::head::Head;
use crate::log::LogReader;

const NAME: &str = "known.txt";
const TITLE: &str = "usance known end 1";
/// Such files are shorter.
const BYTES_MAX: u64 = 1 << 12;

/// What a process knew of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownEnd {
    /// The hash of the log's first batch.
    pub log: [u8; 32],
    /// The last batch that was durable.
    pub durable: Head,
}

impl KnownEnd {
    /// What is known of a log whose end was seen.
    ///
    /// # Errors
    /// As the log answers.
    pub fn of(reader: &dyn LogReader, shard: u16, durable: Head) -> Result<Option<Self>, StoreError> {
        Ok(founded(reader, shard)?.map(|log| KnownEnd { log, durable }))
    }

    /// Keeps it in a data directory, durably, in place of an older one.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn write(&self, directory: &Path) -> Result<(), StoreError> {
        files::replace(&place(directory), self.text().as_bytes())
    }

    /// What a data directory knows, `None` where it knows nothing.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not as it was written; [`StoreError::Io`].
    pub fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path = place(directory);
        let damaged = || StoreError::damaged("known end", format!("{}: it is not as it was written", path.display()));
        let bytes = match files::read(&path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        KnownEnd::parse(&text).filter(|known| known.text() == text).map(Some).ok_or_else(damaged)
    }

    /// What was known of this log: as a data directory has it, unless it is of another one.
    ///
    /// # Errors
    /// As [`KnownEnd::read`], and as the log answers.
    pub fn known(directory: &Path, reader: &dyn LogReader, shard: u16) -> Result<Option<Head>, StoreError> {
        let Some(known) = KnownEnd::read(directory)? else { return Ok(None) };
        Ok((founded(reader, shard)? == Some(known.log)).then_some(known.durable))
    }

    fn text(&self) -> String {
        let hex = |hash: [u8; 32]| blake3::Hash::from_bytes(hash).to_hex();
        let Head { seq, hash, at_ms } = self.durable;
        let said = format!("{TITLE}\nlog {}\ndurable {seq} {at_ms} {}\n", hex(self.log), hex(hash));
        let check = blake3::hash(said.as_bytes()).to_hex();
        said + "check " + &check + "\n"
    }

    fn parse(text: &str) -> Option<Self> {
        let hash = |text: &str| blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes());
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return None;
        }
        let log = hash(lines.next()?.strip_prefix("log ")?)?;
        let mut durable = lines.next()?.strip_prefix("durable ")?.splitn(3, ' ');
        let (seq, at_ms) = (durable.next()?.parse().ok()?, durable.next()?.parse().ok()?);
        Some(KnownEnd { log, durable: Head { seq, hash: hash(durable.next()?)?, at_ms } })
    }
}

/// The hash of a log's first batch.
fn founded(reader: &dyn LogReader, shard: u16) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(reader.read(shard, 1, 1)?.first().filter(|batch| batch.seq == 1).map(|batch| batch.hash))
}

fn place(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Appended, BatchBuilder, LogStore, MemoryLog};

    #[test]
    fn a_known_end_is_read_back_only_as_it_was_written_and_only_for_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = BatchBuilder::new();
        builder.push(b"first").unwrap();
        let batch = builder.seal(0, 1, 7, Head::GENESIS.hash).unwrap();
        let (mut log, other) = (MemoryLog::new(), MemoryLog::new());
        assert_eq!(KnownEnd::of(&log, 0, batch.head()).unwrap(), None, "a log without a batch has no name");
        assert_eq!(log.append(0, &batch), Appended::Done);
        let known = KnownEnd::of(&log, 0, batch.head()).unwrap().unwrap();
        assert_eq!(KnownEnd::known(dir.path(), &log, 0).unwrap(), None);
        known.write(dir.path()).unwrap();
        assert_eq!(KnownEnd::known(dir.path(), &log, 0).unwrap(), Some(batch.head()));
        assert_eq!(KnownEnd::known(dir.path(), &other, 0).unwrap(), None);
        let whole = std::fs::read(place(dir.path())).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 0x01;
            std::fs::write(place(dir.path()), bytes).unwrap();
            assert!(KnownEnd::read(dir.path()).is_err(), "byte {index}");
        }
    }
}
