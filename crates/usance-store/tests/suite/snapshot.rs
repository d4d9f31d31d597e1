//! A snapshot is whole or refused.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;

use usance_store::snapshot::{SECTION_MAX, list, prune};
use usance_store::{Head, Snapshot, SnapshotWriter, StoreError};

const HEAD: Head = Head { seq: 42, hash: [7; 32], at_ms: 1_700_000_000_000 };

fn written(dir: &Path, head: Head, sections: &[(u32, &[u8])]) -> PathBuf {
    let mut writer = SnapshotWriter::create(dir, 3, head).unwrap();
    for (id, bytes) in sections {
        writer.section((*id, 1), bytes).unwrap();
    }
    writer.finish().unwrap()
}

/// Everything a reader looks at.
fn read_all(path: &Path) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
    let snapshot = Snapshot::open(path)?;
    assert_eq!((snapshot.shard(), snapshot.head()), (3, HEAD));
    let sections = snapshot.sections().iter().enumerate();
    sections.map(|(index, section)| Ok((section.id, snapshot.read_section(index)?))).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn sections_come_back_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let sections: [(u32, &[u8]); 4] = [(1, b"state"), (9, b""), (1, &large), (u32::MAX, b"x")];
    let path = written(dir.path(), HEAD, &sections);
    assert_eq!(path.file_name().unwrap(), "snapshot-00000000000000000042.usance");
    assert_eq!(read_all(&path).unwrap(), sections.map(|(id, bytes)| (id, bytes.to_vec())));
    assert_eq!(names(dir.path()).len(), 1, "nothing is left beside it");
    let snapshot = Snapshot::open(&path).unwrap();
    assert_eq!(snapshot.sections()[2].length, 20_000_000);
    assert!(matches!(snapshot.read_section(4), Err(StoreError::NotFound { .. })));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(snapshot.read_section(2).unwrap(), large));
        }
    });
}

#[test]
fn a_snapshot_may_have_no_sections() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read_all(&written(dir.path(), HEAD, &[])).unwrap(), []);
}

#[test]
fn every_flipped_bit_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, b"state"), (2, b""), (3, b"more")]);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            match read_all(&path) {
                Err(StoreError::Damaged { what, .. }) => assert_eq!(what, "snapshot"),
                Err(StoreError::NewerVersion { .. } | StoreError::OlderVersion { .. }) if (8..12).contains(&at) => {}
                other => panic!("byte {at} bit {bit}: {other:?}"),
            }
        }
    }
    fs::write(&path, &whole).unwrap();
    read_all(&path).unwrap();
}

#[test]
fn every_cut_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, b"state"), (2, b""), (3, b"more")]);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let refused = read_all(&path);
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{length} bytes: {refused:?}");
    }
    let longer = [&whole[..], b"x"].concat();
    fs::write(&path, longer).unwrap();
    assert!(matches!(read_all(&path), Err(StoreError::Damaged { .. })));
}

/// Lengths and counts that no file could hold are refused before anything is allocated for them.
#[test]
fn impossible_lengths_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, b"state")]);
    let whole = fs::read(&path).unwrap();
    let count_at = whole.len() - 36;
    for (at, value) in [(68, u64::MAX.to_le_bytes()), (68, (1_u64 << 40).to_le_bytes()), (count_at, [0xff; 8])] {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&value);
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(read_all(&path), Err(StoreError::Damaged { .. })));
    }
}

/// A file with holes is as large as it says, takes no room, and can have a table that is right: its length is not believed.
#[test]
fn a_section_that_is_mostly_a_hole_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, b"state")]);
    let mut bytes = fs::read(&path).unwrap();
    let length = SECTION_MAX + 1;
    bytes[72..80].copy_from_slice(&length.to_le_bytes());
    let digest = blake3::hash(&bytes[..112]);
    let mut trailer = bytes[bytes.len() - 44..].to_vec();
    trailer[12..].copy_from_slice(digest.as_bytes());
    fs::write(&path, &bytes[..112]).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(112 + length).unwrap();
    file.write_all_at(&trailer, 112 + length).unwrap();
    let sentence = Snapshot::open(&path).unwrap_err().to_string();
    assert_eq!(sentence, format!("snapshot damaged: {}: section 0 is longer than any can be", path.display()));
    let mut writer = SnapshotWriter::create(dir.path(), 3, HEAD).unwrap();
    let section = vec![0; usize::try_from(length).unwrap()];
    assert!(matches!(writer.section((1, 1), &section), Err(StoreError::Io { .. })), "and none is written");
}

/// With a checksum that fits: a later release may mean something by them.
#[test]
fn bytes_that_are_not_used_yet_are_zero() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[]);
    for at in [14, 15] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] = 1;
        let digest = blake3::hash(&bytes[..64]);
        let checksum = bytes.len() - 32;
        bytes[checksum..].copy_from_slice(digest.as_bytes());
        let other = dir.path().join("other");
        fs::write(&other, bytes).unwrap();
        let sentence = Snapshot::open(&other).unwrap_err().to_string();
        assert_eq!(sentence, format!("snapshot damaged: {}: bytes that are not used yet are not zero", other.display()));
    }
}

#[test]
fn a_file_cut_while_it_is_read_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, &[7; 10_000])]);
    let snapshot = Snapshot::open(&path).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5_000).unwrap();
    assert!(matches!(snapshot.read_section(0), Err(StoreError::Damaged { .. })));
}

#[test]
fn damage_names_the_section() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[(1, b"state"), (20, b"more")]);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 44 - 1;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let sentence = read_all(&path).unwrap_err().to_string();
    assert_eq!(sentence, format!("snapshot damaged: {}: section 1 (id 20): checksum does not match", path.display()),);
}

#[test]
fn a_newer_snapshot_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(Snapshot::open(&path), Err(StoreError::NewerVersion { found: 9, known: 2, .. })));
}

/// A layout that is not read any more is told as old: nothing is wrong with the file.
#[test]
fn an_older_snapshot_is_told_as_old() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 1;
    fs::write(&path, &bytes).unwrap();
    let sentence = Snapshot::open(&path).unwrap_err().to_string();
    assert_eq!(sentence, format!("{} is of an older release: version 1, this release reads from 2 on", path.display()));
}

#[test]
fn a_renamed_snapshot_does_not_pass_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), HEAD, &[]);
    let other = path.with_file_name("snapshot-00000000000000000099.usance");
    fs::rename(&path, &other).unwrap();
    assert!(matches!(Snapshot::open(&other), Err(StoreError::Damaged { .. })));
    let copy = dir.path().join("kept elsewhere");
    fs::rename(&other, &copy).unwrap();
    Snapshot::open(&copy).unwrap();
    assert!(matches!(Snapshot::open(&other), Err(StoreError::NotFound { .. })));
}

#[test]
fn an_unfinished_snapshot_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SnapshotWriter::create(dir.path(), 3, HEAD).unwrap();
    writer.section((1, 1), b"state").unwrap();
    assert_eq!(list(dir.path()).unwrap(), []);
    drop(writer);
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_second_snapshot_of_one_seq_takes_the_place_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), HEAD, &[(1, b"first")]);
    let path = written(dir.path(), HEAD, &[(1, b"second")]);
    assert_eq!(read_all(&path).unwrap(), [(1, b"second".to_vec())]);
}

/// A start tries them in this order, so that a damaged newest one costs time and nothing else.
#[test]
fn the_newest_comes_first_and_an_older_one_stands_in() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(list(&dir.path().join("none")).unwrap(), []);
    for seq in [9, 100, 20] {
        written(dir.path(), Head { seq, ..HEAD }, &[(1, b"state")]);
    }
    for name in ["snapshot-7.usance", "snapshot-000000000000000000+7.usance", "notes", "snapshot-00000000000000000500.partial"] {
        fs::write(dir.path().join(name), b"").unwrap();
    }
    let found = list(dir.path()).unwrap();
    assert_eq!(found.iter().map(|file| file.seq).collect::<Vec<_>>(), [100, 20, 9]);
    fs::write(&found[0].path, b"damaged").unwrap();
    let opened = found.iter().find_map(|file| Snapshot::open(&file.path).ok()).unwrap();
    assert_eq!(opened.head().seq, 20);
}

#[test]
fn pruning_keeps_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    for seq in 1..=5 {
        written(dir.path(), Head { seq, ..HEAD }, &[]);
    }
    for name in ["snapshot-00000000000000000004.partial", "snapshot-00000000000000000006.partial", "notes"] {
        fs::write(dir.path().join(name), b"").unwrap();
    }
    assert_eq!(prune(dir.path(), 2).unwrap(), 3);
    assert_eq!(
        names(dir.path()),
        [
            "notes",
            "snapshot-00000000000000000004.usance",
            "snapshot-00000000000000000005.usance",
            // One that is being written.
            "snapshot-00000000000000000006.partial",
        ],
    );
    assert_eq!(prune(dir.path(), 2).unwrap(), 0);
    assert_eq!(prune(dir.path(), 0).unwrap(), 2);
    assert_eq!(list(dir.path()).unwrap(), []);
}
