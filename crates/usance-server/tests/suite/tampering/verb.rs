//! Some dozens of changes all over again through the binary: the exit code, what is printed, and `--head`.

use super::scene::{Scene, copy, text};
use crate::suite::harness::usance;
use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Output;

fn verify(scene: &Scene, more: &[&str]) -> Output {
    usance(&[&["verify", "--data", text(&scene.data())], more].concat())
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_binary_finds_it_too() {
    let scene = Scene::new();
    let whole = verify(&scene, &[]);
    assert!(whole.status.success() && printed(&whole).contains("ok     people are what was copied"), "{}", printed(&whole));
    let (batches, mut cases) = (copy().head.0, 0);
    let mut expect = |case: &str, names: &[&str]| {
        let output = verify(&scene, &[]);
        let said = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{case}: {said}");
        assert!(said.contains("BROKEN") && said.ends_with("NOT HEALTHY\n"), "{case}: {said}");
        names.iter().for_each(|name| assert!(said.contains(name), "{case}: nothing of {name:?} in {said}"));
        cases += 1;
    };
    for seq in (2..=batches).step_by(9) {
        scene
            .open("log.sqlite")
            .execute("UPDATE log SET body = CAST(body || x'00' AS BLOB) WHERE seq = ?1", [seq as i64])
            .expect("changed");
        expect("a byte more", &[&format!("batch {seq}:")]);
        scene.put_back("log.sqlite".as_ref());
    }
    for (sql, name) in [
        ("UPDATE history SET funding = funding || '0' WHERE log_position = (SELECT max(log_position) FROM history)", "funding is "),
        ("UPDATE days SET settled = 5 WHERE day = (SELECT max(day) FROM days)", "settled is 5, the log gives nothing"),
        ("UPDATE books SET balance = '1' WHERE day = (SELECT max(day) FROM books)", "balance is 1"),
        ("UPDATE customers SET id = 'mallory' WHERE number = 2", "id is \"mallory\", the log gives \"carol\""),
        ("DELETE FROM closes WHERE day = (SELECT max(day) FROM closes)", "the row is missing"),
        ("DROP INDEX history_position", "index history_position on history is missing"),
    ] {
        scene.open("read.sqlite").execute_batch(sql).expect("changed");
        expect(sql, &[name, "read"]);
        scene.put_back("read.sqlite".as_ref());
    }
    let path = scene.snapshot();
    let bytes = fs::read(&path).expect("a file");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    for at in (0..bytes.len()).step_by(bytes.len() / 12) {
        file.write_all_at(&[bytes[at] ^ 1], at as u64).expect("written");
        expect("a byte of the snapshot", &[text(&path)]);
        file.write_all_at(&bytes[at..=at], at as u64).expect("put back");
    }
    scene.open("people.sqlite").execute("UPDATE token SET role = 'operator'", []).expect("changed");
    expect("everybody is an operator", &["people.sqlite", "table token differs"]);
    scene.put_back("people.sqlite".as_ref());
    fs::write(scene.data().join("copied.txt"), "usance copy 1\n").expect("written");
    expect("a note that says nothing", &["copied.txt", "not as it was written"]);
    scene.put_back("copied.txt".as_ref());
    println!("{cases} changes");
    assert!(cases > 24, "{cases}");
    assert!(verify(&scene, &[]).status.success(), "everything was put back");
}

#[test]
fn a_head_that_was_kept_is_held_against_the_log() {
    let scene = Scene::without_tables();
    let (batch, hash) = &copy().head;
    let holds = |head: &str| verify(&scene, &["--head", head]);
    for head in [format!("{batch}:{hash}"), format!("{batch}:{}", hash.to_uppercase())] {
        let output = holds(&head);
        assert!(output.status.success() && printed(&output).contains("the head that was kept"), "{}", printed(&output));
    }
    let other = format!("{:064x}", 1);
    for (head, said) in [
        (format!("{batch}:{other}"), format!("batch {batch} has the hash {hash}")),
        (format!("{}:{hash}", batch - 1), format!("batch {} has the hash", batch - 1)),
        (format!("{}:{hash}", batch + 1), format!("the log ends at batch {batch}: what came after it is gone")),
    ] {
        let output = holds(&head);
        assert!(output.status.code() == Some(1) && printed(&output).contains(&said), "{head}: {}", printed(&output));
    }
    for head in ["", "7", "7:", "x:00", &format!("0:{hash}"), &format!("7:{hash}0"), &format!("7:{}g", &hash[1..])] {
        assert_eq!(holds(head).status.code(), Some(2), "{head:?}");
    }
}

/// A scratch directory that is not there or has no room says nothing about the platform: another exit code, no repair.
#[test]
fn what_could_not_be_checked_is_not_broken() {
    let scene = Scene::new();
    let (room, nowhere) = (tempfile::tempdir().expect("a directory"), scene.data().join("nowhere"));
    for (case, scratch) in [("no such directory", text(&nowhere)), ("nobody may write there", "/proc")] {
        let output = verify(&scene, &["--scratch", scratch]);
        let said = printed(&output);
        assert_eq!(output.status.code(), Some(3), "{case}: {said}");
        assert!(said.contains("?      the read tables are what the log gives"), "{case}: {said}");
        assert!(said.contains("NOT EVERYTHING COULD BE CHECKED") && said.contains("--scratch"), "{case}: {said}");
        assert!(!said.contains("BROKEN") && !said.contains("delete"), "{case}: {said}");
    }
    let told = verify(&scene, &["--json", "--scratch", text(&nowhere)]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["healthy"], false);
    assert!(told["checks"].as_array().expect("checks").iter().any(|check| check["holds"].is_null()), "{told}");
    assert!(verify(&scene, &["--scratch", text(room.path())]).status.success());
    scene.open("read.sqlite").execute_batch("DELETE FROM staked").expect("changed");
    scene.open("people.sqlite").execute("UPDATE token SET role = 'operator'", []).expect("changed");
    assert_eq!(verify(&scene, &["--scratch", text(&nowhere)]).status.code(), Some(1), "what is broken comes first");
}

/// A platform in use has no note: its people are missed all the same, and what is not of this release is named.
#[test]
fn people_that_are_gone_and_what_is_foreign() {
    let scene = Scene::new();
    fs::remove_file(scene.data().join("copied.txt")).expect("a note");
    for (file, sql) in [("log.sqlite", "CREATE TABLE notes_of_mine (a)"), ("read.sqlite", "CREATE VIEW sums AS SELECT 1")] {
        scene.open(file).execute_batch(sql).expect("added");
    }
    let said = printed(&verify(&scene, &[]));
    assert!(said.contains("not of this release: table notes_of_mine on notes_of_mine") && said.contains("view sums on sums"), "{said}");
    assert!(said.ends_with("healthy\n") && !said.contains("NOT HEALTHY"), "{said}");
    fs::remove_file(scene.data().join("people.sqlite")).expect("people");
    let output = verify(&scene, &[]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("BROKEN") && said.contains("people.sqlite is sound") && said.contains("not found"), "{said}");
}
