//! One writer per data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use usance_store::{DataDirectory, StoreError};

#[test]
fn the_second_writer_is_refused_and_told_who_the_first_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("above/data");
    let first = DataDirectory::open_exclusive(&path).unwrap();
    assert!(first.is_exclusive());
    match DataDirectory::open_exclusive(&path) {
        Err(StoreError::Locked { path: held, pid }) => {
            assert_eq!((held, pid), (path.clone(), Some(std::process::id())));
        }
        other => panic!("{other:?}"),
    }
    let visitor = DataDirectory::open_shared(&path).unwrap();
    assert!(!visitor.is_exclusive());
    drop(first);
    DataDirectory::open_exclusive(&path).unwrap();
}

#[test]
fn a_holder_that_wrote_no_number_still_holds() {
    let dir = tempfile::tempdir().unwrap();
    let held = DataDirectory::open_exclusive(dir.path()).unwrap();
    for text in ["", "12", "no number\n", "99999999999999999999\n"] {
        fs::write(dir.path().join("LOCK"), text).unwrap();
        let refused = DataDirectory::open_exclusive(dir.path());
        assert!(matches!(refused, Err(StoreError::Locked { pid: None, .. })), "{text:?}");
    }
    drop(held);
    fs::write(dir.path().join("LOCK"), "4000000000 and more than a number\n").unwrap();
    drop(DataDirectory::open_exclusive(dir.path()).unwrap());
    assert_eq!(fs::read_to_string(dir.path().join("LOCK")).unwrap(), format!("{}\n", std::process::id()));
}

#[test]
fn a_new_directory_is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let data = DataDirectory::open_exclusive(&path).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o700);
    assert_eq!(mode(data.snapshots()), 0o700);
    assert_eq!(mode(path.join("LOCK")), 0o600);
}

#[test]
fn everything_lies_within() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDirectory::open_exclusive(dir.path()).unwrap();
    let names = [data.log(), data.read(), data.people(), data.snapshots()]
        .map(|path| path.strip_prefix(data.path()).unwrap().to_str().unwrap().to_owned());
    assert_eq!(names, ["log.sqlite", "read.sqlite", "people.sqlite", "snapshots"]);
}

#[test]
fn a_visitor_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    assert!(matches!(DataDirectory::open_shared(&path), Err(StoreError::NotFound { .. })));
    assert!(!path.exists());
}

#[test]
fn a_file_is_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    fs::write(&path, "").unwrap();
    assert!(matches!(DataDirectory::open_exclusive(&path), Err(StoreError::Io { .. })));
    assert!(matches!(DataDirectory::open_shared(&path), Err(StoreError::NotFound { .. })));
}
