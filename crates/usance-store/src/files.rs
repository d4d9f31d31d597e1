//! How files and directories are made, opened and replaced: for their owner only, and never through a symbolic link.
//!
//! A copy, an export or a data directory may come from somebody else, with links at the names that we write or read. A name
//! inside such a directory is therefore opened without following a link, and a new file is made exclusively: what stands at its
//! name is refused or replaced, never written into. The directory itself may be reached through links, because its caller named
//! it. Files have mode 0600, directories 0700. `cargo xtask tidy` names whoever makes a file by other means.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::error::StoreError;

/// Makes a directory that only its owner can enter, unless there is one; the directories above it as the system does.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`].
pub fn create_directory(path: &Path) -> Result<(), StoreError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| StoreError::io(parent, error))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// Makes a directory within one of ours. One that is there already has to be a directory, and no link to one.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`].
pub fn create_directory_within(path: &Path) -> Result<(), StoreError> {
    is_there(path)?;
    create_directory(path)
}

/// Makes a new file, to be written.
///
/// # Errors
/// [`StoreError::AlreadyExists`], whatever it is that has the name; [`StoreError::Full`] or [`StoreError::Io`].
pub fn create_new(path: &Path) -> Result<File, StoreError> {
    match own(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::AlreadyExists { what: path.display().to_string() }),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// Makes a file anew, to be written, in place of what an earlier run left at its name.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`].
pub fn create_anew(path: &Path) -> Result<File, StoreError> {
    remove(path)?;
    create_new(path)
}

/// Opens a file to be read and written as it is; makes an empty one where there is none.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`], also for a link and for whatever else is no file.
pub fn open_or_create(path: &Path) -> Result<File, StoreError> {
    let opened = own(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path);
    plain(path, opened)
}

/// Opens a file to be read.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Io`], also for a link and for whatever else is no file.
pub fn open_to_read(path: &Path) -> Result<File, StoreError> {
    match own(OpenOptions::new().read(true)).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound { what: path.display().to_string() }),
        opened => plain(path, opened),
    }
}

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// As [`open_to_read`], and [`StoreError::Damaged`] for one that is longer.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    open_to_read(path)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| StoreError::io(path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(StoreError::damaged("file", format!("{}: it is longer than any can be", path.display())));
    }
    Ok(bytes)
}

/// Copies a file into a new one.
///
/// # Errors
/// As [`open_to_read`] and [`create_new`] answer.
pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (mut source, mut target) = (open_to_read(from)?, create_new(to)?);
    io::copy(&mut source, &mut target).and_then(|_| target.sync_all()).map_err(|error| StoreError::io(to, error))
}

/// Puts a whole file at a name, durably, in place of what has that name.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`]; the name then stands for what it stood for.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = Unfinished::beside(path)?;
    file.write_all(bytes).map_err(|error| StoreError::io(path, error))?;
    file.replace()
}

/// Gives a whole file another name in the same directory, durably, in place of what has that name.
///
/// # Errors
/// [`StoreError::Io`]; both names then stand for what they stood for.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| StoreError::io(to, error))?;
    sync_parent(to)
}

/// Removes a file, or a link, if there is one.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(path, error)),
        _ => Ok(()),
    }
}

/// A file that is written beside the name it will have. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct Unfinished {
    file: NamedTempFile,
    place: PathBuf,
}

impl Unfinished {
    /// Begins a file that will be called `place`.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn beside(place: &Path) -> Result<Self, StoreError> {
        let mut prefix = place.file_name().unwrap_or_default().to_owned();
        prefix.push(".");
        let file = tempfile::Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(parent(place));
        Ok(Unfinished { file: file.map_err(|error| StoreError::io(place, error))?, place: place.to_path_buf() })
    }

    /// Gives the file its name, durably, in place of what has that name.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Io`].
    pub fn replace(self) -> Result<(), StoreError> {
        let Unfinished { file, place } = self;
        let fail = |error| StoreError::io(&place, error);
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&place).map_err(|error| fail(error.error))?;
        sync_parent(&place)
    }

    /// Gives the file to somebody, unless it is theirs already.
    ///
    /// # Errors
    /// [`StoreError::Io`] where only the superuser may.
    pub fn give_to(&self, owner: u32, group: u32) -> Result<(), StoreError> {
        let fail = |error| StoreError::io(&self.place, error);
        let own = self.file.as_file().metadata().map_err(fail)?;
        if (own.uid(), own.gid()) == (owner, group) {
            return Ok(());
        }
        std::os::unix::fs::fchown(self.file.as_file(), Some(owner), Some(group)).map_err(fail)
    }

    /// Gives the file its name, durably, if nothing has that name.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`]; [`StoreError::Full`] or [`StoreError::Io`].
    pub fn finish_new(self) -> Result<(), StoreError> {
        let Unfinished { file, place } = self;
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::AlreadyExists { what: place.display().to_string() },
            _ => StoreError::io(&place, error),
        };
        file.as_file().sync_all().map_err(fail)?;
        file.persist_noclobber(&place).map_err(|error| fail(error.error))?;
        sync_parent(&place)
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the names in the directory around `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    sync_directory(parent(path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| StoreError::io(path, error))
}

/// A path whose directory is spelt without links: whoever opens it may then refuse every link, and so the one at its name.
pub(crate) fn without_links_above(path: &Path) -> Result<PathBuf, StoreError> {
    let above = parent(path).canonicalize().map_err(|error| StoreError::io(path, error))?;
    Ok(above.join(path.file_name().unwrap_or_default()))
}

/// Whether something has this name, without opening it. A link is refused here in words, and once more by whoever opens it; for a
/// pipe SQLite would wait for ever.
pub(crate) fn is_there(path: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(linked(path)),
        Ok(found) if is_special(found.file_type()) => Err(special(path)),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// What every file of ours is opened with. A pipe that lies at the name would make whoever opens it wait for ever.
fn own(options: &mut OpenOptions) -> &OpenOptions {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    options.mode(0o600).custom_flags(flags.cast_signed())
}

/// The opened file, if it is one.
fn plain(path: &Path, opened: io::Result<File>) -> Result<File, StoreError> {
    let file = opened.map_err(|error| if is_link(path) { linked(path) } else { StoreError::io(path, error) })?;
    let found = file.metadata().map_err(|error| StoreError::io(path, error))?;
    if is_special(found.file_type()) { Err(special(path)) } else { Ok(file) }
}

fn is_special(kind: fs::FileType) -> bool {
    kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket()
}

fn special(path: &Path) -> StoreError {
    StoreError::io(path, io::Error::other("it is a pipe, a socket or a device, and no file"))
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

fn linked(path: &Path) -> StoreError {
    let how = "it is a symbolic link, which is not followed inside a directory of ours; put the file itself there, or mount a file system";
    StoreError::io(path, io::Error::other(how))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
