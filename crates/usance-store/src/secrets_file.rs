//! The secrets file: where the keys of [`crate::secrets`] are kept, apart from the stores and from every backup of them.
//!
//! Owns the text of the file and how it is written: for its owner alone, and whole or not at all. It refuses a file that others
//! may write, and one that is not as it was written. It is read through links: platforms hand files over so. Whether it is the file of a store, the store says.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use usance_core::calendar::Day;

use crate::error::StoreError;
use crate::files::{self, Unfinished};
use crate::secrets::{Key, Secrets};

const TITLE: &str = "usance secrets 1";
const REMARK: &str = "\
# Opens what the store has sealed. It is in no backup: keep a copy of this file where no copy of the store lies.
# The first key is in force; the others open what they sealed before.";
/// A file of hundreds of keys is shorter.
const BYTES_MAX: u64 = 1 << 16;

/// The keys of a file, `None` where there is no such file.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not as it was written, or others may write it; [`StoreError::Io`].
pub fn read(path: &Path) -> Result<Option<Secrets>, StoreError> {
    let damaged = |how: &str| StoreError::damaged("secrets file", format!("{}: {how}", path.display()));
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path, error)),
    };
    if found.permissions().mode() & 0o022 != 0 {
        return Err(damaged("others than its owner may write it; chmod 600 it, and make sure that it is yours"));
    }
    if !found.is_file() || found.len() > BYTES_MAX {
        return Err(damaged("it is no secrets file"));
    }
    let text = fs::read_to_string(path).map_err(|error| StoreError::io(path, error))?;
    parse(&text).ok_or_else(|| damaged("it is not as it was written")).map(Some)
}

/// Whether others than the owner of the file may read it. Where a platform hands files over so, their directory has to keep others
/// out.
///
/// # Errors
/// [`StoreError::Io`].
pub fn is_open_to_others(path: &Path) -> Result<bool, StoreError> {
    let found = fs::metadata(path).map_err(|error| StoreError::io(path, error))?;
    Ok(found.permissions().mode() & 0o044 != 0)
}

/// Writes keys into a new file, for its owner alone.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when there is a file; [`StoreError::Full`]; [`StoreError::Io`].
pub fn create(path: &Path, secrets: &Secrets) -> Result<(), StoreError> {
    let mut file = Unfinished::beside(path)?;
    file.write_all(text(secrets).as_bytes()).map_err(|error| StoreError::io(path, error))?;
    file.finish_new()
}

/// Puts these keys in the place of those in the file: the old file or the new one is there, whatever happens.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Io`]; the file is as it was.
pub fn replace(path: &Path, secrets: &Secrets) -> Result<(), StoreError> {
    let path = &place(path);
    let before = fs::metadata(path).map_err(|error| StoreError::io(path, error))?;
    let mut file = Unfinished::beside(path)?;
    file.write_all(text(secrets).as_bytes()).map_err(|error| StoreError::io(path, error))?;
    // Whoever rotates may be another than the service, which has to read it.
    file.give_to(before.uid(), before.gid())?;
    file.replace()
}

/// Holds the file for a change, until the value is dropped: of two who change it at once the other waits.
///
/// # Errors
/// [`StoreError::Io`] when the file beside it cannot be made.
pub fn hold(path: &Path) -> Result<File, StoreError> {
    let beside = beside(&place(path), ".lock");
    let file = files::open_or_create(&beside)?;
    file.lock().map_err(|error| StoreError::io(&beside, error))?;
    Ok(file)
}

/// Where the file lies, whatever links lead to it.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The file beside a data directory: `usance-data.secrets` for `usance-data`.
#[must_use]
pub fn beside_data(data: &Path) -> PathBuf {
    // A path that ends with a separator, or with a dot, names the directory all the same.
    let whole = fs::canonicalize(data).unwrap_or_else(|_| data.components().collect());
    beside(&whole, ".secrets")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn text(secrets: &Secrets) -> String {
    let mut text = format!("{TITLE}\n{REMARK}\n");
    for Key { secret, made_on } in secrets.keys() {
        let _ = writeln!(text, "key {made_on} {}", blake3::Hash::from_bytes(*secret).to_hex());
    }
    text
}

fn parse(text: &str) -> Option<Secrets> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.next().filter(|title| *title == TITLE)?;
    let mut keys = Vec::new();
    for line in lines {
        let (made_on, secret) = line.strip_prefix("key ")?.split_once(' ')?;
        keys.push(Key { made_on: Day::parse(made_on)?, secret: *blake3::Hash::from_hex(secret).ok()?.as_bytes() });
    }
    let in_force = (!keys.is_empty()).then(|| keys.remove(0))?;
    Some(Secrets::new(in_force, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Secrets {
        Secrets::new(Key::random(Day::parse("2026-11-30").unwrap()).unwrap(), Vec::new())
    }

    #[test]
    fn a_file_is_its_owners_alone_and_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        assert_eq!(read(&path).unwrap(), None);
        let made = fresh();
        create(&path, &made).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), Some(made.clone()));
        assert!(!is_open_to_others(&path).unwrap());
        assert!(matches!(create(&path, &fresh()), Err(StoreError::AlreadyExists { .. })));
        let two = Secrets::new(fresh().in_force().clone(), made.keys().cloned().collect());
        replace(&path, &two).unwrap();
        assert_eq!(read(&path).unwrap(), Some(two));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_may_write_or_that_was_cut_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        create(&path, &fresh()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("may write it"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_open_to_others(&path).unwrap());
        for odd in ["", "usance secrets 2\n", TITLE, &whole[..whole.len() - 2], &whole.replace("key ", "clef "), &format!("{whole}more\n")]
        {
            fs::write(&path, odd).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("not as it was written"), "{odd:?}");
        }
    }

    #[test]
    fn the_file_of_a_directory_lies_beside_it() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let expected = fs::canonicalize(parent.path()).unwrap().join("data.secrets");
        fs::create_dir(&data).unwrap();
        for spelt in [data.clone(), data.join("."), parent.path().join("data/")] {
            assert_eq!(beside_data(&spelt), expected);
        }
    }
}
