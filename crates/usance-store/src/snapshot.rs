//! Snapshot files: the state at one point of the log, as checksummed sections.
//!
//! Owns the container, `snapshot-<seq>.usance`, and its appearance on disk: written beside, flushed, renamed into place,
//! so that a name stands for a whole file. It refuses a file that is torn, changed, or of a newer or older layout (by name), and never
//! believes a length that the file cannot hold, or beyond [`SECTION_MAX`]: a file's size costs nothing where it has holes.
//! What a section means is the writer's affair. A snapshot is a cache:
//! without one the start only takes longer, so whoever opens one falls back to the next of [`list`], then to the log.
//!
//! The layout, numbers little endian: magic `USANSNAP`, version u32, shard u16, two zero bytes, seq u64, the log's hash
//! at seq (32), at_ms i64; then each section as id u32, the version of what it holds u32, length u64, BLAKE3 of its bytes (32), the bytes; then
//! `USANSEND`, the number of sections u32, and the BLAKE3 (32) of the file's head and all the sections' heads in order.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::{self, sync_directory};
use crate::log::Head;

/// The version of the layout that this release writes, and the only one it reads: a snapshot is a cache, and one of the first
/// release (version 1, without versions of sections) is passed over by name.
pub const VERSION: u32 = 2;
/// How many sections one snapshot has at most.
pub const SECTIONS_MAX: u32 = 1 << 16;
/// How many bytes one section has at most: 256 MiB. Several are read at once, each into memory of its own.
pub const SECTION_MAX: u64 = 256 << 20;

const MAGIC: [u8; 8] = *b"USANSNAP";
const END_MAGIC: [u8; 8] = *b"USANSEND";
const HEAD: usize = 8 + 4 + 2 + 2 + 8 + 32 + 8;
const SECTION_HEAD: usize = 4 + 4 + 8 + 32;
const TRAILER: usize = 8 + 4 + 32;
/// Bytes after which a writer flushes: a snapshot flushed at once would make the log's next commit wait for all of it.
const FLUSH: usize = 8 << 20;

const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".usance";
const PARTIAL: &str = ".partial";

/// Writes one snapshot. Dropped before [`SnapshotWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    file: File,
    partial: PathBuf,
    place: PathBuf,
    heads: blake3::Hasher,
    sections: u32,
    unflushed: usize,
    finished: bool,
}

impl SnapshotWriter {
    /// Begins the snapshot of `shard` as the log stood at `head`. A directory holds the snapshots of one shard.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn create(dir: &Path, shard: u16, head: Head) -> Result<Self, StoreError> {
        let place = dir.join(format!("{PREFIX}{:020}{SUFFIX}", head.seq));
        let partial = dir.join(format!("{PREFIX}{:020}{PARTIAL}", head.seq));
        let file = files::create_anew(&partial)?;
        let heads = blake3::Hasher::new();
        let mut writer = SnapshotWriter { file, partial, place, heads, sections: 0, unflushed: 0, finished: false };
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&shard.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&head.seq.to_le_bytes());
        bytes.extend_from_slice(&head.hash);
        bytes.extend_from_slice(&head.at_ms.to_le_bytes());
        writer.heads.update(&bytes);
        writer.write(&bytes)?;
        Ok(writer)
    }

    /// Adds a section with the version of what it holds. Several may have the same id; they keep their order.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`], also for more than [`SECTIONS_MAX`] sections or [`SECTION_MAX`] bytes. The
    /// snapshot is then to be dropped.
    pub fn section(&mut self, (id, version): (u32, u32), bytes: &[u8]) -> Result<(), StoreError> {
        if self.sections >= SECTIONS_MAX {
            return Err(self.fail(io::Error::other("a snapshot has at most 65536 sections")));
        }
        let length = u64::try_from(bytes.len()).map_err(|error| self.fail(io::Error::other(error)))?;
        if length > SECTION_MAX {
            return Err(self.fail(io::Error::other("a section has at most 256 MiB")));
        }
        let mut head = Vec::with_capacity(SECTION_HEAD);
        head.extend_from_slice(&id.to_le_bytes());
        head.extend_from_slice(&version.to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(blake3::hash(bytes).as_bytes());
        self.heads.update(&head);
        self.write(&head)?;
        self.write(bytes)?;
        self.sections += 1;
        Ok(())
    }

    /// Makes the snapshot durable and visible, in place of one with the same seq; gives its path.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`]; there is then no new snapshot, or a whole one.
    pub fn finish(mut self) -> Result<PathBuf, StoreError> {
        let mut trailer = Vec::with_capacity(TRAILER);
        trailer.extend_from_slice(&END_MAGIC);
        trailer.extend_from_slice(&self.sections.to_le_bytes());
        trailer.extend_from_slice(self.heads.finalize().as_bytes());
        self.write(&trailer)?;
        self.file.sync_all().map_err(|error| self.fail(error))?;
        fs::rename(&self.partial, &self.place).map_err(|error| self.fail(error))?;
        self.finished = true;
        if let Some(dir) = self.place.parent() {
            sync_directory(dir)?;
        }
        Ok(self.place.clone())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        for part in bytes.chunks(FLUSH) {
            self.file.write_all(part).map_err(|error| self.fail(error))?;
            self.unflushed += part.len();
            if self.unflushed >= FLUSH {
                self.file.sync_data().map_err(|error| self.fail(error))?;
                self.unflushed = 0;
            }
        }
        Ok(())
    }

    fn fail(&self, error: io::Error) -> StoreError {
        StoreError::io(&self.partial, error)
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now, `prune` removes.
            let _removed = fs::remove_file(&self.partial);
        }
    }
}

/// One section of an open snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// What its writer called it.
    pub id: u32,
    /// The version of what it holds, by its writer's count.
    pub version: u32,
    /// How many bytes it has.
    pub length: u64,
    offset: u64,
    checksum: [u8; 32],
}

/// An open snapshot: its head and its table are proven, its sections are proven as they are read. Threads may read
/// sections of one snapshot at once.
#[derive(Debug)]
pub struct Snapshot {
    file: File,
    path: PathBuf,
    shard: u16,
    head: Head,
    sections: Vec<Section>,
}

impl Snapshot {
    /// Opens a snapshot and reads its table.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not whole or its name tells another seq; [`StoreError::NewerVersion`];
    /// [`StoreError::OlderVersion`]; [`StoreError::NotFound`]; [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = files::open_to_read(path)?;
        let size = file.metadata().map_err(|error| StoreError::io(path, error))?.len();
        let source = Source { file: &file, path };
        let bytes: [u8; HEAD] = source.array(0)?;
        let mut heads = blake3::Hasher::new();
        heads.update(&bytes);
        let (shard, head) = source.parse_head(&bytes)?;
        let sections = source.table(size, heads)?;
        if seq_of(path, SUFFIX).is_some_and(|seq| seq != head.seq) {
            return Err(source.damaged("its name tells another seq"));
        }
        Ok(Snapshot { path: path.to_path_buf(), shard, head, sections, file })
    }

    /// The shard whose state this is.
    pub fn shard(&self) -> u16 {
        self.shard
    }

    /// Where the log stood.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sections in the order they were written.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The bytes of the section at `index` in [`Snapshot::sections`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when they are not what was written; [`StoreError::NotFound`] without such a section;
    /// [`StoreError::Io`], also when there is no memory for them.
    pub fn read_section(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        let source = Source { file: &self.file, path: &self.path };
        let Some(section) = self.sections.get(index) else {
            return Err(StoreError::NotFound { what: format!("section {index} of {}", self.path.display()) });
        };
        let no_memory = |_| StoreError::io(&self.path, io::Error::from(io::ErrorKind::OutOfMemory));
        let length =
            usize::try_from(section.length).map_err(|_| StoreError::io(&self.path, io::Error::from(io::ErrorKind::OutOfMemory)))?;
        let mut bytes = Vec::new();
        // The length is bounded; a machine may still have less memory than that.
        bytes.try_reserve_exact(length).map_err(no_memory)?;
        bytes.resize(length, 0);
        source.fill(&mut bytes, section.offset)?;
        if *blake3::hash(&bytes).as_bytes() != section.checksum {
            let id = section.id;
            return Err(source.damaged(&format!("section {index} (id {id}): checksum does not match")));
        }
        Ok(bytes)
    }
}

/// Reads and proves the parts of a file.
struct Source<'a> {
    file: &'a File,
    path: &'a Path,
}

impl Source<'_> {
    fn parse_head(&self, bytes: &[u8; HEAD]) -> Result<(u16, Head), StoreError> {
        let mut fields = Fields(bytes);
        if fields.take() != Some(MAGIC) {
            return Err(self.damaged("it does not begin like a snapshot"));
        }
        let parsed = (|| {
            let version = u32::from_le_bytes(fields.take()?);
            let shard = u16::from_le_bytes(fields.take()?);
            let reserved: [u8; 2] = fields.take()?;
            let seq = u64::from_le_bytes(fields.take()?);
            let hash = fields.take()?;
            let at_ms = i64::from_le_bytes(fields.take()?);
            Some((version, reserved, shard, Head { seq, hash, at_ms }))
        })();
        match parsed {
            Some((version, ..)) if version > VERSION => {
                Err(StoreError::NewerVersion { what: self.path.display().to_string(), found: version.into(), known: VERSION.into() })
            }
            Some((version @ 1..VERSION, ..)) => {
                Err(StoreError::OlderVersion { what: self.path.display().to_string(), found: version.into(), oldest: VERSION.into() })
            }
            Some((VERSION, [0, 0], shard, head)) => Ok((shard, head)),
            Some((VERSION, ..)) => Err(self.damaged("bytes that are not used yet are not zero")),
            _ => Err(self.damaged("it has no version")),
        }
    }

    /// The table of a file of `size` bytes; `heads` has seen the file's head.
    fn table(&self, size: u64, mut heads: blake3::Hasher) -> Result<Vec<Section>, StoreError> {
        let cut = || self.damaged("it is cut off");
        let end = size.checked_sub(TRAILER as u64).ok_or_else(cut)?;
        let trailer: [u8; TRAILER] = self.array(end)?;
        let mut fields = Fields(&trailer);
        if fields.take() != Some(END_MAGIC) {
            return Err(cut());
        }
        let count = fields.take().map_or(u32::MAX, u32::from_le_bytes);
        let digest: Option<[u8; 32]> = fields.take();
        if count > SECTIONS_MAX {
            return Err(self.damaged("it tells an impossible number of sections"));
        }
        let mut sections = Vec::new();
        let mut offset = HEAD as u64;
        for index in 0..count {
            let past = || self.damaged(&format!("section {index} reaches beyond the end"));
            let body = offset.checked_add(SECTION_HEAD as u64).filter(|body| *body <= end).ok_or_else(past)?;
            let bytes: [u8; SECTION_HEAD] = self.array(offset)?;
            heads.update(&bytes);
            let mut fields = Fields(&bytes);
            let section = (|| {
                let id = u32::from_le_bytes(fields.take()?);
                let version = u32::from_le_bytes(fields.take()?);
                let length = u64::from_le_bytes(fields.take()?);
                Some(Section { id, version, length, offset: body, checksum: fields.take()? })
            })();
            let section = section.ok_or_else(past)?;
            if section.length > SECTION_MAX {
                return Err(self.damaged(&format!("section {index} is longer than any can be")));
            }
            offset = body.checked_add(section.length).filter(|next| *next <= end).ok_or_else(past)?;
            sections.push(section);
        }
        if offset != end {
            return Err(self.damaged("there are bytes behind its last section"));
        }
        if digest != Some(*heads.finalize().as_bytes()) {
            return Err(self.damaged("the checksum of its table does not match"));
        }
        Ok(sections)
    }

    fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn fill(&self, bytes: &mut [u8], offset: u64) -> Result<(), StoreError> {
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it is cut off"),
            _ => StoreError::io(self.path, error),
        })
    }

    fn damaged(&self, how: &str) -> StoreError {
        StoreError::damaged("snapshot", format!("{}: {how}", self.path.display()))
    }
}

/// Takes fixed-width fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

/// One file of a directory of snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where the log stood, by the file's name.
    pub seq: u64,
    /// The file.
    pub path: PathBuf,
}

/// The snapshots of a directory by their names, newest first, whole or not. A directory that does not exist has none.
///
/// # Errors
/// [`StoreError::Io`].
pub fn list(dir: &Path) -> Result<Vec<SnapshotFile>, StoreError> {
    named(dir, SUFFIX)
}

/// Removes all but the newest `keep` snapshots, and what unfinished writers left up to the newest; gives how many
/// snapshots were removed.
///
/// # Errors
/// [`StoreError::Io`]; some may be removed already.
pub fn prune(dir: &Path, keep: usize) -> Result<usize, StoreError> {
    let snapshots = list(dir)?;
    let newest = snapshots.first().map(|snapshot| snapshot.seq);
    let mut removed = 0;
    for snapshot in snapshots.iter().skip(keep) {
        fs::remove_file(&snapshot.path).map_err(|error| StoreError::io(&snapshot.path, error))?;
        removed += 1;
    }
    for partial in named(dir, PARTIAL)? {
        if newest.is_some_and(|newest| partial.seq <= newest) {
            fs::remove_file(&partial.path).map_err(|error| StoreError::io(&partial.path, error))?;
        }
    }
    Ok(removed)
}

fn named(dir: &Path, suffix: &str) -> Result<Vec<SnapshotFile>, StoreError> {
    let fail = |error| StoreError::io(dir, error);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        if let Some(seq) = seq_of(&path, suffix) {
            files.push(SnapshotFile { seq, path });
        }
    }
    files.sort_by_key(|file: &SnapshotFile| Reverse(file.seq));
    Ok(files)
}

/// The seq that a file's name tells, `None` for a file that is no snapshot.
fn seq_of(path: &Path, suffix: &str) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
