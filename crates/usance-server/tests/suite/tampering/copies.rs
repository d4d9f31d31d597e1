//! Who goes on with a copy, as an engine or by putting it into a store: first it is held against its note, and what is not as
//! it was noted is refused and left as it is.

use super::scene::{Scene, TO_VERSION_2, broken, copy, text};
use crate::suite::harness::{Server, Start, binary, usance};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use usance_store::Note;
use usance_store::soundness::people_hashes;

fn noted(data: &Path) -> bool {
    data.join("copied.txt").exists()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn restore(from: &Path, to: &Path) -> Output {
    usance(&["restore", "--from", text(from), "--data", text(to)])
}

fn expect_healthy(data: &Path) {
    let output = usance(&["verify", "--data", text(data)]);
    assert!(output.status.success(), "{}", said(&output));
}

/// What tells of a copy that lost something: its note, its snapshots, its read tables.
fn evidence(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let snapshots = fs::read_dir(data.join("snapshots")).expect("a directory").map(|entry| entry.expect("an entry").path());
    let all = snapshots.chain(["copied.txt", "read.sqlite"].map(|name| data.join(name)));
    all.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// Changes of a copy: the file, what is done to it, and what is said of it.
fn changes(scene: &Scene) -> [(&'static str, String, &'static str); 4] {
    let last = copy().head.0;
    let twice = format!("INSERT INTO log SELECT shard, seq + 1, at_ms, previous, hash, body FROM log WHERE seq = {last}");
    [
        // Before the newest snapshot, which a start would otherwise put aside.
        ("log.sqlite", format!("DELETE FROM log WHERE seq >= {}", scene.snapshot_seq()), "the log ends before it"),
        ("log.sqlite", "DELETE FROM log".to_owned(), "the log ends before it"),
        ("log.sqlite", twice, "the log goes on to batch"),
        ("people.sqlite", "UPDATE token SET role = 'operator'".to_owned(), "table token differs"),
    ]
}

#[test]
fn a_copy_that_is_not_what_its_note_says_does_not_start_and_stays_as_it_is() {
    let scene = Scene::new();
    let before = evidence(&scene.data());
    assert!(before.len() > 2, "a note, read tables, and a snapshot");
    for (file, sql, words) in changes(&scene) {
        scene.open(file).execute_batch(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let ended = Server::start_as(binary(), &scene.data(), &Start::default()).err().unwrap_or_else(|| panic!("{sql}: it started"));
        assert_eq!(ended.code, Some(1), "{sql}: {}", ended.text);
        for word in [words, "copied.txt", "usance verify"] {
            assert!(ended.text.contains(word), "{sql}: nothing of {word:?} in {}", ended.text);
        }
        assert!(evidence(&scene.data()) == before, "{sql}: something was changed");
        scene.put_back(file.as_ref());
    }
    let mut server = Server::start_in(&scene.data(), &Start::default()).expect("everything was put back");
    assert!(!noted(&scene.data()), "from here on it is a platform of its own");
    assert!(server.terminate());
    expect_healthy(&scene.data());
}

/// Whoever wants what is left takes the note away.
#[test]
fn without_its_note_what_is_left_of_a_copy_starts() {
    let scene = Scene::without_tables();
    scene.open("log.sqlite").execute_batch(&format!("DELETE FROM log WHERE seq = {}", copy().head.0)).expect("deleted");
    fs::remove_file(scene.data().join("copied.txt")).expect("a note");
    let mut server = Server::start_in(&scene.data(), &Start::default()).expect("it starts");
    assert!(server.terminate());
}

#[test]
fn a_copy_that_is_not_what_its_note_says_is_put_in_nowhere() {
    let (scene, directory) = (Scene::new(), TempDir::new().expect("a directory"));
    let target = directory.path().join("target");
    let before = evidence(&scene.data());
    for (file, sql, words) in changes(&scene) {
        scene.open(file).execute_batch(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let output = restore(&scene.data(), &target);
        assert!(output.status.code() == Some(1) && said(&output).contains(words), "{sql}: {}", said(&output));
        assert!(!target.exists(), "{sql}: something was put in");
        assert!(evidence(&scene.data()) == before, "{sql}: something was changed");
        scene.put_back(file.as_ref());
    }
    let output = restore(&scene.data(), &target);
    assert!(output.status.success(), "{}", said(&output));
    expect_healthy(&target);
    assert!(noted(&scene.data()), "a copy that was put in is a copy still");
    expect_healthy(&scene.data());
    let nowhere = directory.path().join("nowhere");
    assert!(said(&restore(&nowhere, &target)).contains("not found"));
    assert!(!nowhere.exists(), "looking makes nothing");
}

/// A store that holds another log is refused, and nothing is changed there.
#[test]
fn a_store_that_is_refused_keeps_its_note() {
    let (scene, target) = (Scene::without_tables(), Scene::without_tables());
    let other = format!("UPDATE log SET hash = zeroblob(32) WHERE seq = {}", copy().head.0);
    target.open("log.sqlite").execute_batch(&other).expect("changed");
    let output = restore(&scene.data(), &target.data());
    assert!(output.status.code() == Some(1) && said(&output).contains("another log"), "{}", said(&output));
    assert!(noted(&target.data()));
    target.put_back("log.sqlite".as_ref());
    expect_healthy(&target.data());
}

/// Putting in a copy that an older release made brings its people up, and its note tells of them as they are then.
#[test]
fn a_copy_of_an_older_release_is_a_copy_after_it_was_put_in() {
    let (scene, directory) = (Scene::without_tables(), TempDir::new().expect("a directory"));
    let older = "DROP TABLE session; DROP TABLE second_factor; PRAGMA user_version = 1";
    scene.open("people.sqlite").execute_batch(&format!("{TO_VERSION_2}; {older}")).expect("changed");
    let note = Note::read(&scene.data()).expect("a note").expect("a note");
    let people = people_hashes(&scene.data().join("people.sqlite")).expect("hashes");
    Note { people, ..note }.write(&scene.data()).expect("written");
    assert!(scene.examine().is_healthy(), "{}", broken(&scene.examine()));
    for added in [copy().head.0, 0] {
        let output = restore(&scene.data(), &directory.path().join("target"));
        assert!(output.status.success() && said(&output).contains(&format!("put in {added} batches")), "{}", said(&output));
        assert!(noted(&scene.data()) && scene.examine().is_healthy(), "{}", broken(&scene.examine()));
    }
}

/// Whoever goes on with a copy changes it by right: the note goes, and verifying does not speak of it any more.
#[test]
fn a_copy_that_is_used_is_no_copy_any_more() {
    let words = |scene: &Scene, more: &[&str]| [more, &["--data", text(&scene.data())]].concat().join(" ");
    let run = |line: String| {
        let output = usance(&line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {output:?}");
    };
    let scene = Scene::without_tables();
    run(words(&scene, &["token", "list"]));
    assert!(noted(&scene.data()), "looking changes nothing");
    run(words(&scene, &["token", "create", "--role", "auditor"]));
    assert!(!noted(&scene.data()));
    run(words(&scene, &["verify"]));

    let scene = Scene::without_tables();
    let mut server = Server::start_in(&scene.data(), &Start::default()).expect("the copy starts");
    assert!(!noted(&scene.data()));
    assert!(server.terminate());
    run(words(&scene, &["verify"]));
}
