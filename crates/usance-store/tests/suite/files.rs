//! Links, pipes and strangers' files at the names that the store writes and reads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use usance_store::{DataDirectory, LogStore, Note, Snapshot, SnapshotWriter, SqliteIdentities, SqliteLog, SqliteLogReader, StoreError};
use usance_store::{copy, files, snapshot, soundness};

use super::append_all;

const KEPT: &[u8] = b"somebody's file\n";

/// A file of somebody else, outside of every directory of ours.
struct Victim {
    outside: TempDir,
}

impl Victim {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("victim"), KEPT).unwrap();
        Victim { outside }
    }

    fn file(&self) -> PathBuf {
        self.outside.path().join("victim")
    }

    /// Nothing was written into it, and nothing was made beside it.
    fn is_as_it_was(&self, what: &str) {
        assert_eq!(fs::read(self.file()).unwrap(), KEPT, "{what}");
        assert_eq!(fs::read_dir(self.outside.path()).unwrap().count(), 1, "{what}");
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, what: &str) {
    let sentence = result.expect_err(what).to_string();
    assert!(sentence.contains("symbolic link"), "{what}: {sentence}");
}

#[test]
fn no_name_of_a_data_directory_is_followed_to_somebody_elses_file() {
    let victim = Victim::new();
    for target in [victim.file(), victim.outside.path().join("not-there")] {
        let dir = tempfile::tempdir().unwrap();
        let inside = |name: &str| dir.path().join(name);
        symlink(&target, inside("LOCK")).unwrap();
        refused(DataDirectory::open_exclusive(dir.path()), "LOCK");
        fs::remove_file(inside("LOCK")).unwrap();
        for name in ["log.sqlite", "people.sqlite", "copied.txt"] {
            symlink(&target, inside(name)).unwrap();
        }
        let data = DataDirectory::open_exclusive(dir.path()).unwrap();
        refused(SqliteLog::open(&data.log()).map(drop), "log");
        refused(SqliteLogReader::open(&data.log()).map(drop), "log, read");
        refused(SqliteIdentities::open(&data.people()).map(drop), "people");
        refused(copy::database(&data.log(), &inside("copy.sqlite")), "log, copied");
        refused(soundness::faults(&data.people(), soundness::Kind::People), "people, looked at");
        refused(Note::read(dir.path()), "note");
        victim.is_as_it_was("nothing is followed");
    }
}

#[test]
fn a_note_a_snapshot_and_a_copy_take_the_place_of_a_link_or_are_refused() {
    let victim = Victim::new();
    let dir = tempfile::tempdir().unwrap();
    let data = DataDirectory::open_exclusive(dir.path()).unwrap();
    let mut log = SqliteLog::open(&data.log()).unwrap();
    let head = append_all(&mut log, 0, &[&[b"a"]]);
    drop(SqliteIdentities::open(&data.people()).unwrap());

    symlink(victim.file(), dir.path().join("copied.txt")).unwrap();
    Note::new(head, soundness::people_hashes(&data.people()).unwrap()).write(dir.path()).unwrap();
    assert_eq!(Note::read(dir.path()).unwrap().unwrap().batch, head.seq);
    assert_eq!(mode(&dir.path().join("copied.txt")), 0o600);

    symlink(victim.file(), data.snapshots().join(format!("snapshot-{:020}.partial", head.seq))).unwrap();
    symlink(victim.file(), data.snapshots().join(format!("snapshot-{:020}.usance", head.seq))).unwrap();
    refused(Snapshot::open(&snapshot::list(&data.snapshots()).unwrap()[0].path), "snapshot");
    let made = SnapshotWriter::create(&data.snapshots(), 0, head).unwrap().finish().unwrap();
    assert_eq!((Snapshot::open(&made).unwrap().head(), mode(&made)), (head, 0o600));

    let (target, dangling) = (dir.path().join("copy.sqlite"), victim.outside.path().join("not-there"));
    symlink(&dangling, &target).unwrap();
    assert!(matches!(copy::database(&data.log(), &target), Err(StoreError::AlreadyExists { .. })));
    assert!(matches!(files::copy(&made, &target), Err(StoreError::AlreadyExists { .. })));
    symlink(victim.file(), dir.path().join("to-read")).unwrap();
    refused(files::copy(&dir.path().join("to-read"), &dir.path().join("read")), "what is copied");
    victim.is_as_it_was("everything was made beside the links");
}

#[test]
fn the_companions_of_a_database_are_not_followed() {
    let victim = Victim::new();
    for suffix in ["-wal", "-shm", "-journal"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite");
        append_all(&mut SqliteLog::open(&path).unwrap(), 0, &[&[b"a"]]);
        symlink(victim.file(), dir.path().join(format!("log.sqlite{suffix}"))).unwrap();
        if let Ok(mut log) = SqliteLog::open(&path) {
            assert_eq!(log.head(0).unwrap().unwrap().seq, 1, "{suffix}");
            let _appended = log.append(1, &super::sealed(0, &log.head(0).unwrap().unwrap(), &[b"b"]));
        }
        victim.is_as_it_was(suffix);
    }
}

#[test]
fn snapshots_are_not_written_into_another_directory() {
    let (victim, dir) = (Victim::new(), tempfile::tempdir().unwrap());
    symlink(victim.outside.path(), dir.path().join("snapshots")).unwrap();
    refused(DataDirectory::open_exclusive(dir.path()), "snapshots");
    victim.is_as_it_was("snapshots");
}

#[test]
fn a_data_directory_may_be_reached_through_links() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("disk")).unwrap();
    symlink(dir.path().join("disk"), dir.path().join("data")).unwrap();
    symlink(dir.path(), dir.path().join("above")).unwrap();
    let data = DataDirectory::open_exclusive(&dir.path().join("above/data")).unwrap();
    let head = append_all(&mut SqliteLog::open(&data.log()).unwrap(), 0, &[&[b"a"]]);
    assert_eq!(SnapshotWriter::create(&data.snapshots(), 0, head).unwrap().finish().unwrap().parent(), Some(data.snapshots().as_path()));
    copy::database(&data.log(), &dir.path().join("data/copy.sqlite")).unwrap();
    assert_eq!(mode(&dir.path().join("disk/copy.sqlite")), 0o600);
}

#[test]
fn a_lock_with_a_second_name_is_not_written_over() {
    let (victim, dir) = (Victim::new(), tempfile::tempdir().unwrap());
    fs::hard_link(victim.file(), dir.path().join("LOCK")).unwrap();
    let sentence = DataDirectory::open_exclusive(dir.path()).unwrap_err().to_string();
    assert!(sentence.contains("another name"), "{sentence}");
    victim.is_as_it_was("LOCK");
    // A directory that was copied with hard links has a lock with two names, and serves.
    fs::remove_file(dir.path().join("LOCK")).unwrap();
    drop(DataDirectory::open_exclusive(dir.path()).unwrap());
    fs::hard_link(dir.path().join("LOCK"), dir.path().join("LOCK.copied")).unwrap();
    drop(DataDirectory::open_exclusive(dir.path()).unwrap());
}

#[test]
fn a_pipe_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("copied.txt");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let log = dir.path().join("log.sqlite");
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let databases = [SqliteLog::open(&log).map(drop), SqliteLogReader::open(&log).map(drop), copy::database(&log, &dir.path().join("to"))];
    for opened in databases {
        let sentence = opened.unwrap_err().to_string();
        assert!(sentence.contains("pipe"), "{sentence}");
    }
    for opened in [Note::read(dir.path()).map(drop), files::open_or_create(&pipe).map(drop), files::copy(&pipe, &dir.path().join("to"))] {
        let sentence = opened.unwrap_err().to_string();
        assert!(sentence.contains("pipe"), "{sentence}");
    }
}

#[test]
fn a_file_has_its_name_when_it_is_whole_and_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("out.csv");
    let mut unfinished = files::Unfinished::beside(&place).unwrap();
    unfinished.write_all(b"one").unwrap();
    assert!(!place.exists());
    drop(unfinished);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "what was not finished leaves nothing");

    files::Unfinished::beside(&place).unwrap().finish_new().unwrap();
    assert_eq!(mode(&place), 0o600);
    assert!(matches!(files::Unfinished::beside(&place).unwrap().finish_new(), Err(StoreError::AlreadyExists { .. })));
    files::replace(&place, b"two").unwrap();
    assert_eq!((fs::read(&place).unwrap(), mode(&place)), (b"two".to_vec(), 0o600));
    assert!(matches!(files::create_new(&place), Err(StoreError::AlreadyExists { .. })));
    assert!(matches!(files::read(&place, 2), Err(StoreError::Damaged { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    files::create_directory(&dir.path().join("a/b")).unwrap();
    assert_eq!(mode(&dir.path().join("a/b")), 0o700);
}
