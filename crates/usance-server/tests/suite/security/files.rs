//! What is written on the disk: for its owner alone, and never through a link that somebody planted.

use super::super::harness::{Server, Start, usance};
use super::super::platform::Platform;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const KEPT: &[u8] = b"somebody's file\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn done(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn refused(output: &Output, word: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(word), "{word}: {output:?}");
}

/// Every name below a directory, which nobody but its owner may read, write or enter.
fn private(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut ahead) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(path) = ahead.pop() {
        let about = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o077, 0, "{} is open to others", path.display());
        if about.is_dir() {
            ahead.extend(fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
        found.push(path);
    }
    found
}

#[test]
fn whatever_is_written_is_its_owners_alone_and_an_export_overwrites_nothing() {
    let platform = Platform::lived();
    let (data, directory) = (&platform.server.data, TempDir::new().expect("a directory"));
    let (copy, restored, out) = (directory.path().join("copy"), directory.path().join("restored"), directory.path().join("out"));
    done(&usance(&["backup", "--data", text(data), "--to", text(&copy)]));
    done(&usance(&["restore", "--from", text(&copy), "--data", text(&restored)]));
    let export = |words: &[&str]| usance(&[&["export", "--data", text(data), "--to", text(&out)], words].concat());
    done(&export(&[]));
    for written in [data, &copy, &restored, &out] {
        assert!(private(written).len() > 3, "{}", written.display());
    }

    // A second one into the same directory is refused before it runs the log, unless it is asked for.
    let journal = out.join("journal.csv");
    let whole = fs::read(&journal).expect("a journal");
    fs::write(&journal, KEPT).expect("written");
    refused(&export(&[]), "--replace");
    assert_eq!((fs::read(&journal).expect("a journal"), fs::read_dir(&out).expect("there").count()), (KEPT.to_vec(), 3));

    // A link at the name of a file is replaced, and what it leads to stays as it was; a directory that was there may be open.
    let victim = directory.path().join("victim");
    fs::write(&victim, KEPT).expect("written");
    fs::remove_file(&journal).expect("removed");
    symlink(&victim, &journal).expect("a link");
    fs::set_permissions(&out, fs::Permissions::from_mode(0o755)).expect("open");
    refused(&export(&[]), "--replace");
    done(&export(&["--replace"]));
    assert_eq!(fs::read(&victim).expect("there"), KEPT);
    assert_eq!(fs::read(&journal).expect("a journal"), whole);
    let entries = fs::read_dir(&out).expect("there").map(|entry| entry.expect("an entry").metadata().expect("about it"));
    assert!(entries.map(|about| about.permissions().mode() & 0o777).all(|mode| mode == 0o600));
}

#[test]
fn no_verb_follows_a_link_in_a_copy_of_somebody_else() {
    let mut platform = Platform::new();
    let directory = TempDir::new().expect("a directory");
    platform.restart(|server| assert!(server.terminate()));
    let (good, victim) = (directory.path().join("good"), directory.path().join("victim"));
    done(&usance(&["backup", "--data", text(&platform.server.data), "--to", text(&good)]));
    fs::write(&victim, KEPT).expect("written");
    fs::copy(platform.server.data.with_file_name("secrets"), directory.path().join("secrets")).expect("the same keys");
    let snapshots: Vec<PathBuf> = fs::read_dir(good.join("snapshots")).expect("there").map(|entry| entry.expect("one").path()).collect();
    let snapshot = snapshots.first().expect("a snapshot").file_name().expect("a name").to_str().expect("UTF-8");
    let (snapshot, partial) = (format!("snapshots/{snapshot}"), format!("snapshots/{}", snapshot.replace(".usance", ".partial")));
    for name in ["LOCK", "copied.txt", "log.sqlite", "log.sqlite-wal", "people.sqlite", "read.sqlite", &snapshot, &partial, "snapshots"] {
        let hostile = directory.path().join(format!("hostile-{}", name.replace('/', "-")));
        done(&std::process::Command::new("cp").args(["-a", text(&good), text(&hostile)]).output().expect("a copy"));
        let planted = hostile.join(name);
        let _gone = if name == "snapshots" { fs::remove_dir_all(&planted) } else { fs::remove_file(&planted) };
        symlink(&victim, &planted).expect("a link");
        let place = |verb: &str| directory.path().join(format!("{verb}-of-{}", name.replace('/', "-")));
        for verb in ["verify", "backup", "restore", "export", "serve"] {
            let to = place(verb);
            let said = match verb {
                "verify" => usance(&["verify", "--data", text(&hostile)]),
                "restore" => usance(&["restore", "--from", text(&hostile), "--data", text(&to)]),
                "serve" => match Server::start_in(&hostile, &Start::default()) {
                    Ok(mut server) => {
                        assert!(server.terminate(), "{name}");
                        continue;
                    }
                    Err(said) => {
                        assert!(said.contains("symbolic link") || said.contains("unable to open"), "{name}: {said}");
                        continue;
                    }
                },
                _ => usance(&[verb, "--data", text(&hostile), "--to", text(&to)]),
            };
            assert!(said.status.code().is_some(), "{name} {verb}: {said:?}");
            let copied = fs::read_dir(to.join("snapshots")).into_iter().flatten().map(|entry| entry.expect("one").path());
            assert!(copied.into_iter().all(|path| fs::read(path).expect("there") != KEPT), "{name} {verb} copied what the link leads to");
        }
        assert_eq!(fs::read(&victim).expect("there"), KEPT, "{name}");
    }
}
