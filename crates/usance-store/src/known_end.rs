//! What a process knows of the log, kept beside it: the last batch that it saw durable, as `known.txt` in the data directory.
//!
//! A log that lost its end is whole in itself: only who remembers where it ended can tell. On a database server this file is the one
//! thing that a replica that took its place, or a restore to an earlier moment, does not take along. It names the log by its first batch, so that a
//! directory that served another platform says nothing of this one. It is a memory, not a promise: it may be older than the log, never
//! ahead of what was durable.
//!
//! Beside that it says up to where the chain of the log was proven, signed with a key of the secrets file: a start that believes it proves
//! the rest alone before it answers, and the beginning while it does. Whoever can change the log and not read that file cannot have it
//! say so.

use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files;
use crate::head::Head;
use crate::log::LogReader;
use crate::secrets::{Key, Purpose, Secrets};

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
    /// How many losses had been given up in the log up to there.
    pub given_up: usize,
    /// Up to where the chain was proven.
    pub proven: Option<Proven>,
}

/// A proof that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The last batch of it.
    pub head: Head,
    /// What only a key of the secrets file makes of it.
    signature: [u8; 32],
}

impl Proven {
    /// Says that a log was proven up to a batch.
    #[must_use]
    pub fn sign(log: [u8; 32], head: Head, secrets: &Secrets) -> Self {
        Proven { head, signature: signature(log, head, secrets.in_force()) }
    }

    /// Whether somebody who had one of these keys said so.
    fn is_of(&self, log: [u8; 32], secrets: &Secrets) -> bool {
        // Compared as hashes, which takes the same time wherever they differ.
        secrets.keys().any(|key| blake3::Hash::from_bytes(signature(log, self.head, key)) == blake3::Hash::from_bytes(self.signature))
    }
}

fn signature(log: [u8; 32], head: Head, key: &Key) -> [u8; 32] {
    let mut said = blake3::Hasher::new_keyed(&key.derive(Purpose::Proofs));
    said.update(&log).update(&head.seq.to_le_bytes()).update(&head.hash);
    *said.finalize().as_bytes()
}

impl KnownEnd {
    /// What is known of a log whose end was seen.
    ///
    /// # Errors
    /// As the log answers.
    pub fn of(reader: &dyn LogReader, shard: u16, durable: Head, given_up: usize) -> Result<Option<Self>, StoreError> {
        Ok(founded(reader, shard)?.map(|log| KnownEnd { log, durable, given_up, proven: None }))
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
    pub fn known(directory: &Path, reader: &dyn LogReader, shard: u16) -> Result<Option<Self>, StoreError> {
        let Some(known) = KnownEnd::read(directory)? else { return Ok(None) };
        Ok((founded(reader, shard)? == Some(known.log)).then_some(known))
    }

    /// Up to where this log was proven, by whoever had one of these keys.
    ///
    /// # Errors
    /// As [`KnownEnd::known`].
    pub fn proven(directory: &Path, reader: &dyn LogReader, shard: u16, secrets: &Secrets) -> Result<Option<Proven>, StoreError> {
        let Some(known) = KnownEnd::read(directory)? else { return Ok(None) };
        let is_ours = founded(reader, shard)? == Some(known.log);
        Ok(known.proven.filter(|proven| is_ours && proven.is_of(known.log, secrets)))
    }

    fn text(&self) -> String {
        let hex = |hash: [u8; 32]| blake3::Hash::from_bytes(hash).to_hex();
        let Head { seq, hash, at_ms } = self.durable;
        let mut said = format!("{TITLE}\nlog {}\ndurable {seq} {at_ms} {}\ngiven-up {}\n", hex(self.log), hex(hash), self.given_up);
        if let Some(Proven { head: Head { seq, hash, at_ms }, signature }) = self.proven {
            said += &format!("proven {seq} {at_ms} {} {}\n", hex(hash), hex(signature));
        }
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
        let head = |text: &str| {
            let mut parts = text.split(' ');
            let (seq, at_ms) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some((Head { seq, hash: hash(parts.next()?)?, at_ms }, parts.next().map(str::to_owned)))
        };
        let (durable, _) = head(lines.next()?.strip_prefix("durable ")?)?;
        let given_up = lines.next()?.strip_prefix("given-up ")?.parse().ok()?;
        let proven = match lines.next()?.strip_prefix("proven ") {
            Some(text) => {
                let (head, signature) = head(text)?;
                Some(Proven { head, signature: hash(&signature?)? })
            }
            None => None,
        };
        Some(KnownEnd { log, durable, given_up, proven })
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
        assert_eq!(KnownEnd::of(&log, 0, batch.head(), 0).unwrap(), None, "a log without a batch has no name");
        assert_eq!(log.append(0, &batch), Appended::Done);
        let known = KnownEnd::of(&log, 0, batch.head(), 3).unwrap().unwrap();
        assert_eq!(KnownEnd::known(dir.path(), &log, 0).unwrap(), None);
        known.write(dir.path()).unwrap();
        assert_eq!(KnownEnd::known(dir.path(), &log, 0).unwrap(), Some(known));
        assert_eq!(KnownEnd::known(dir.path(), &other, 0).unwrap(), None);
        let key = |byte| Key { secret: [byte; 32], made_on: usance_core::calendar::Day::parse("2026-11-30").unwrap() };
        let (ours, theirs) = (Secrets::new(key(1), Vec::new()), Secrets::new(key(2), Vec::new()));
        let proven = |secrets: &Secrets| KnownEnd::proven(dir.path(), &log, 0, secrets).unwrap().map(|proven| proven.head);
        assert_eq!(proven(&ours), None);
        let proof = Proven::sign(known.log, batch.head(), &ours);
        KnownEnd { proven: Some(proof), ..known }.write(dir.path()).unwrap();
        assert_eq!((proven(&ours), proven(&theirs)), (Some(batch.head()), None), "nobody else can say so");
        let other_head = Head { seq: 9, ..batch.head() };
        KnownEnd { proven: Some(Proven { head: other_head, ..proof }), ..known }.write(dir.path()).unwrap();
        assert_eq!(proven(&ours), None, "it is signed for that batch alone");
        KnownEnd { proven: Some(proof), ..known }.write(dir.path()).unwrap();
        let whole = std::fs::read(place(dir.path())).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 0x01;
            std::fs::write(place(dir.path()), bytes).unwrap();
            assert!(KnownEnd::read(dir.path()).is_err(), "byte {index}");
        }
    }
}
