//! What a copy says of itself: the head of its log and the hashes of its people when it was made, as `copied.txt`.
//!
//! A log whose end was cut off is whole in itself, and people have no chain: both show against this note. It owns the
//! note's text, which is read back only as it was written, what has to hold before somebody goes on with a copy, and when
//! the note ends: whoever begins to write a copy, as an engine or for a token, takes the note away first, because from then
//! on the copy is a platform of its own. It refuses a copy that is not what its note says, and leaves it as it is: what is
//! left is the evidence. Where the platform's secrets file is at hand the note is signed, so that nobody else can write one; whoever
//! restores without that file has the head that was kept elsewhere.
//!
//! **Shipping** brings a copy from one note to the next while somebody may need it. The log grows first, and the note still holds: it
//! says what the log has at least. Then the next note is written beside, as `copied.next.txt`, the people change in one transaction, and
//! the next note takes the note's place. So at any moment one of the two says what the people are, whenever the process ends. A copy
//! to which nothing was shipped yet has a note that says so, and nobody goes on with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::directory::DataDirectory;
use crate::error::StoreError;
use crate::files;
use crate::log::{Head, LogReader, verify_chain, verify_stands};
use crate::secrets::{Key, Purpose, Secrets};
use crate::soundness::{PeopleHashes, people_hashes};
use crate::sqlite::SqliteLogReader;

const NAME: &str = "copied.txt";
/// The note that will hold once the people of a running shipping are there.
const NEXT: &str = "copied.next.txt";
const TITLE: &str = "usance copy 1";
/// Notes are shorter: a title, a head and a line for each table of people.
const BYTES_MAX: u64 = 1 << 16;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The last batch of the log.
    pub batch: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// The people.
    pub people: PeopleHashes,
    /// That whoever has the platform's secrets file wrote it.
    pub signature: Option<Signature>,
}

/// A signature under a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key, in hexadecimal as [`crate::secrets::Fingerprint`] shows it.
    pub key: String,
    /// The mark that only the key makes, in hexadecimal.
    pub mark: String,
}

/// What a note's signature proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Whoever has the secrets file wrote it, as it is.
    Signed,
    /// It carries no signature.
    Unsigned,
    /// It was signed with a key that is not in the secrets file.
    OtherKey,
    /// It carries the name of a key and not its mark.
    Forged,
}

impl Note {
    /// The note of a copy whose log ends at `head`.
    #[must_use]
    pub fn new(head: Head, people: PeopleHashes) -> Self {
        Note { batch: head.seq, hash: blake3::Hash::from_bytes(head.hash).to_hex().to_string(), people, signature: None }
    }

    /// The note of a copy to which nothing was shipped yet.
    #[must_use]
    pub fn of_nothing() -> Self {
        Note::new(Head::GENESIS, PeopleHashes { version: 0, tables: BTreeMap::new() })
    }

    /// Whether it says that nothing was shipped yet.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        self.batch == 0
    }

    /// The same note, signed with the key in force.
    #[must_use]
    pub fn signed(self, secrets: &Secrets) -> Self {
        let key = secrets.in_force();
        let signature = Some(Signature { key: key.fingerprint().to_string(), mark: self.mark(key) });
        Note { signature, ..self }
    }

    /// What its signature proves to whoever has these keys.
    #[must_use]
    pub fn proof(&self, secrets: &Secrets) -> Proof {
        let Some(Signature { key, mark }) = &self.signature else { return Proof::Unsigned };
        match secrets.keys().find(|own| own.fingerprint().to_string() == *key) {
            None => Proof::OtherKey,
            // Compared as hashes, which takes the same time wherever they differ.
            Some(own) if blake3::hash(self.mark(own).as_bytes()) == blake3::hash(mark.as_bytes()) => Proof::Signed,
            Some(_) => Proof::Forged,
        }
    }

    fn mark(&self, key: &Key) -> String {
        blake3::keyed_hash(&key.derive(Purpose::Notes), self.said().as_bytes()).to_hex().to_string()
    }

    /// Writes the note into the directory of a copy, durably.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn write(&self, directory: &Path) -> Result<(), StoreError> {
        files::replace(&directory.join(NAME), self.text().as_bytes())
    }

    /// Writes the note durably beside the one that holds, before the people become what it says.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn announce(&self, directory: &Path) -> Result<(), StoreError> {
        files::replace(&directory.join(NEXT), self.text().as_bytes())
    }

    /// Puts the announced note in the place of the one that held, once the people are what it says.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn confirm(directory: &Path) -> Result<(), StoreError> {
        files::rename(&directory.join(NEXT), &directory.join(NAME))
    }

    /// Ends what a shipping left that was cut off, so that one note is there and the next shipping can begin. A directory without a note
    /// gets one that says that nothing was shipped yet.
    ///
    /// # Errors
    /// As the files answer.
    pub fn settle(directory: &DataDirectory) -> Result<(), StoreError> {
        let path = directory.path();
        match Note::holds_next(directory) {
            Ok(Some(_)) => return Note::confirm(path),
            // Whatever it is: what is shipped now takes its place.
            Ok(None) | Err(StoreError::Damaged { .. }) => files::remove(&path.join(NEXT))?,
            Err(error) => return Err(error),
        }
        match Note::read_at(&path.join(NAME)) {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(StoreError::Damaged { .. }) => Note::of_nothing().write(path),
            Err(error) => Err(error),
        }
    }

    /// The note of a directory, `None` where there is none: the announced one where the people are what that one says.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not as it was written; [`StoreError::Io`].
    pub fn of(directory: &DataDirectory) -> Result<Option<Self>, StoreError> {
        match Note::holds_next(directory)? {
            Some(next) => Ok(Some(next)),
            None => Note::read(directory.path()),
        }
    }

    /// The note that was confirmed last in a directory, `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not as it was written; [`StoreError::Io`].
    pub fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        Note::read_at(&directory.join(NAME))
    }

    fn read_at(path: &Path) -> Result<Option<Self>, StoreError> {
        let damaged = || StoreError::damaged("note", format!("{}: it is not as it was written", path.display()));
        let bytes = match files::read(path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(StoreError::Damaged { .. }) => return Err(damaged()),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let note = Note::parse(&text).filter(|note| note.text() == text);
        note.ok_or_else(damaged).map(Some)
    }

    /// The announced note, where the people are what it says.
    fn holds_next(directory: &DataDirectory) -> Result<Option<Self>, StoreError> {
        let Some(next) = Note::read_at(&directory.path().join(NEXT))? else { return Ok(None) };
        match people_hashes(&directory.people()) {
            Ok(people) => Ok((people == next.people).then_some(next)),
            Err(StoreError::NotFound { .. } | StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Holds the directory of a copy against its note, `None` where there is none: the log ends with the batch that was noted,
    /// and the people are the same. Whether every batch before is whole, the chain says to whoever runs it. Nothing is opened
    /// for writing.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the copy or the note is not as it was; as the files answer.
    pub fn expect(directory: &DataDirectory, shard: u16) -> Result<Option<Self>, StoreError> {
        Note::hold_against(directory, shard, Beyond::Refused)
    }

    /// As [`Note::expect`], but the log may go on behind the noted batch where it is whole there, as it does when a shipping was cut off.
    /// Who goes on with the copy takes the noted batches, and those behind them only knowingly: no signature stands for them.
    ///
    /// # Errors
    /// As [`Note::expect`].
    pub fn expect_at_least(directory: &DataDirectory, shard: u16) -> Result<Option<Self>, StoreError> {
        Note::hold_against(directory, shard, Beyond::Proven)
    }

    fn hold_against(directory: &DataDirectory, shard: u16, beyond: Beyond) -> Result<Option<Self>, StoreError> {
        let Some(note) = Note::of(directory)? else { return Ok(None) };
        match note.difference(directory, shard, beyond) {
            Ok(None) => Ok(Some(note)),
            Ok(Some(how)) => Err(note.unlike(directory, &how)),
            Err(error) if error.is_hindrance() || matches!(error, StoreError::NewerVersion { .. }) => Err(error),
            Err(error) => Err(note.unlike(directory, &error.to_string())),
        }
    }

    /// What is not as it was noted, as a sentence.
    fn difference(&self, directory: &DataDirectory, shard: u16, beyond: Beyond) -> Result<Option<String>, StoreError> {
        if self.is_of_nothing() {
            return Ok(Some("the first shipping to it was cut off, and the next one makes it whole".to_owned()));
        }
        let log = SqliteLogReader::open(&directory.log())?;
        let Ok(hash) = blake3::Hash::from_hex(&self.hash) else { return Ok(Some("the note's hash is none".to_owned())) };
        let noted = Head { seq: self.batch, hash: *hash.as_bytes(), at_ms: 0 };
        verify_stands(&log, shard, &noted)?;
        let end = log.head(shard)?.map_or(0, |head| head.seq);
        if end != self.batch {
            let goes_on = format!("the log goes on to batch {end}");
            match beyond {
                Beyond::Refused => return Ok(Some(goes_on)),
                Beyond::Proven => {
                    let whole: Result<Head, StoreError> = verify_chain(&log, shard, noted, |_| Ok(()));
                    if let Err(error) = whole {
                        return Ok(Some(format!("{goes_on}, and is not whole there: {error}")));
                    }
                }
            }
        }
        let people = directory.people();
        let unlike = self.people.difference(&people_hashes(&people)?);
        Ok(unlike.map(|how| format!("{}: {how}", people.display())))
    }

    fn unlike(&self, directory: &DataDirectory, how: &str) -> StoreError {
        let (name, batch, path) = (NAME, self.batch, directory.path().display());
        let at = format!(
            "{path} is not what its {name} says, a log up to batch {batch}: {how}; `usance verify` looks at all of it. Nothing was \
             changed; to go on with what is left, knowingly, remove {name}"
        );
        StoreError::damaged("copy", at)
    }

    /// Takes the note of a directory away, if there is one, and an announced one before it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn forget(directory: &Path) -> Result<(), StoreError> {
        files::remove(&directory.join(NEXT))?;
        files::remove(&directory.join(NAME))
    }

    /// What it says, without what proves it.
    fn said(&self) -> String {
        let mut text = format!("{TITLE}\nhead {} {}\npeople {}\n", self.batch, self.hash, self.people.version);
        for (name, hash) in &self.people.tables {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "table {name} {hash}");
        }
        text
    }

    fn text(&self) -> String {
        let mut text = self.said();
        if let Some(Signature { key, mark }) = &self.signature {
            let _ = writeln!(text, "signed {key} {mark}");
        }
        let check = blake3::hash(text.as_bytes()).to_hex();
        text + "check " + &check + "\n"
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return None;
        }
        let (batch, hash) = lines.next()?.strip_prefix("head ")?.split_once(' ')?;
        let version = lines.next()?.strip_prefix("people ")?.parse().ok()?;
        let (mut tables, mut signature) = (BTreeMap::new(), None);
        for line in lines.take_while(|line| !line.starts_with("check ")) {
            if let Some((key, mark)) = line.strip_prefix("signed ").and_then(|rest| rest.split_once(' ')) {
                signature = Some(Signature { key: key.to_owned(), mark: mark.to_owned() });
                continue;
            }
            let (name, hash) = line.strip_prefix("table ")?.split_once(' ')?;
            tables.insert(name.to_owned(), hash.to_owned());
        }
        Some(Note { batch: batch.parse().ok()?, hash: hash.to_owned(), people: PeopleHashes { version, tables }, signature })
    }
}

/// What a log may hold behind the batch that was noted.
#[derive(Clone, Copy)]
enum Beyond {
    /// Nothing.
    Refused,
    /// Batches that follow.
    Proven,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_note_is_read_back_only_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(dir.path()).unwrap(), None);
        let tables = BTreeMap::from([("password".to_owned(), "0f".repeat(32)), ("token".to_owned(), "a1".repeat(32))]);
        let note = Note::new(Head { seq: 17, hash: [9; 32], at_ms: 0 }, PeopleHashes { version: 2, tables });
        let key = |byte| Key { secret: [byte; 32], made_on: usance_core::calendar::Day::parse("2026-11-30").unwrap() };
        let (ours, theirs) = (Secrets::new(key(1), Vec::new()), Secrets::new(key(2), Vec::new()));
        assert_eq!(note.proof(&ours), Proof::Unsigned);
        let note = note.signed(&ours);
        assert_eq!((note.proof(&ours), note.proof(&theirs)), (Proof::Signed, Proof::OtherKey));
        assert_eq!(Note { batch: 18, ..note.clone() }.proof(&ours), Proof::Forged);
        note.write(dir.path()).unwrap();
        assert_eq!(Note::read(dir.path()).unwrap(), Some(note.clone()));
        let place = dir.path().join(NAME);
        let whole = fs::read(&place).unwrap();
        for index in 0..whole.len() {
            for change in [0x01, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[index] ^= change;
                fs::write(&place, bytes).unwrap();
                assert!(Note::read(dir.path()).is_err(), "byte {index}");
            }
            fs::write(&place, &whole[..index]).unwrap();
            assert!(Note::read(dir.path()).is_err(), "cut at {index}");
        }
        Note::forget(dir.path()).unwrap();
        Note::forget(dir.path()).unwrap();
        assert_eq!(Note::read(dir.path()).unwrap(), None);
    }
}
