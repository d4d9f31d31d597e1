//! Links and pipes at the names that a copy, a data directory or an export has: what they lead to stays as it was.

use super::report::Notes;
use super::target::Target;
use crate::engine::Installation;
use anyhow::{Context, ensure};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What somebody else has in a file.
const KEPT: &[u8] = b"somebody's file\n";
/// How long a verb may take on what is hostile.
const PATIENCE: Duration = Duration::from_secs(20);
/// Names inside a data directory or copy.
const NAMES: [&str; 8] =
    ["LOCK", "copied.txt", "log.sqlite", "log.sqlite-wal", "log.sqlite-shm", "people.sqlite", "read.sqlite", "snapshots"];

/// Attacks with what a stopped engine left.
///
/// # Errors
/// When a copy cannot even be made.
pub fn attack(target: Target, directory: &Path, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    let place = target.stop()?;
    let (good, victim) = (directory.join("good"), directory.join("victim"));
    fs::write(&victim, KEPT)?;
    ensure!(run(&place, &["backup", "--data", text(&place.data)?, "--to", text(&good)?])?.is_some_and(|code| code == 0), "no copy");
    stolen(&place, directory, &good, notes)?;
    planted(&place, directory, (&good, &victim), notes)?;
    exported(&place, directory, &victim, notes)
}

/// Starts the service on a copy that somebody has, without the secrets file and with one of another platform.
fn stolen(place: &Installation, directory: &Path, good: &Path, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let (copy, other) = (directory.join("stolen"), directory.join("other.secrets"));
    copied(good, &copy)?;
    ensure!(run(place, &["secrets", "create", "--secrets", text(&other)?])? == Some(0), "no secrets file");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", text(&copy)?];
    let without = run(place, &serve)?;
    let with_other = run(place, &[serve.as_slice(), &["--secrets", text(&other)?]].concat())?;
    let is_shut = (without, with_other) == (Some(1), Some(1));
    notes.one(
        "a stolen copy, without the secrets file, and with another one",
        "nothing starts",
        format!("{without:?}, {with_other:?}"),
        is_shut,
    );
    Ok(())
}

/// Plants a link, then a pipe, at each name, and runs every verb that opens a copy.
fn planted(place: &Installation, directory: &Path, (good, victim): (&Path, &Path), notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let snapshots: Vec<PathBuf> = fs::read_dir(good.join("snapshots"))?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let snapshot = snapshots.first().and_then(|path| path.file_name()?.to_str()).context("a snapshot")?.to_owned();
    let within = [format!("snapshots/{snapshot}"), format!("snapshots/{}", snapshot.replace(".usance", ".partial"))];
    let names: Vec<&str> = NAMES.into_iter().chain(within.iter().map(String::as_str)).collect();
    for (kind, is_pipe) in [("link", false), ("pipe", true)] {
        let mut seen = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let hostile = directory.join(format!("{kind}-{number}"));
            copied(good, &hostile)?;
            let planted = hostile.join(name);
            let _gone = if planted.is_dir() { fs::remove_dir_all(&planted) } else { fs::remove_file(&planted) };
            if is_pipe {
                ensure!(std::process::Command::new("mkfifo").arg(&planted).status()?.success(), "mkfifo");
            } else {
                symlink(victim, &planted)?;
            }
            for verb in ["verify", "backup", "restore", "export"] {
                let to = directory.join(format!("{kind}-{number}-{verb}"));
                let (data, to_text) = (text(&hostile)?, text(&to)?);
                let words = match verb {
                    "verify" => vec![verb, "--data", data],
                    "restore" => vec![verb, "--from", data, "--data", to_text],
                    _ => vec![verb, "--data", data, "--to", to_text],
                };
                let ended = run(place, &words)?;
                let is_kept = fs::read(victim)? == KEPT;
                fs::write(victim, KEPT)?;
                let is_copied = holds(&to, KEPT);
                let said = match (ended, is_kept, is_copied) {
                    (None, ..) => "did not end",
                    (_, false, _) => "wrote into what the link leads to",
                    (_, _, true) => "copied what the link leads to",
                    _ => "nothing",
                };
                seen.push((format!("{verb} {name}"), said.to_owned(), said == "nothing"));
            }
        }
        notes.many(&format!("a {kind} at each name in a copy, then every verb"), "nothing is written, copied or waited for", &seen);
    }
    Ok(())
}

/// An export into a directory that others read, and over a link.
fn exported(place: &Installation, directory: &Path, victim: &Path, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    let out = directory.join("out");
    fs::create_dir(&out)?;
    fs::set_permissions(&out, fs::Permissions::from_mode(0o755))?;
    symlink(victim, out.join("journal.csv"))?;
    let ended = run(place, &["export", "--data", text(&place.data)?, "--to", text(&out)?])?;
    notes.one("an export over a link", "refused, or what the link leads to stays", format!("{ended:?}"), fs::read(victim)? == KEPT);
    fs::remove_file(out.join("journal.csv"))?;
    run(place, &["export", "--data", text(&place.data)?, "--to", text(&out)?])?;
    let mut open = Vec::new();
    for entry in fs::read_dir(&out)? {
        let entry = entry?;
        let mode = entry.metadata()?.permissions().mode() & 0o777;
        open.push((entry.file_name().to_string_lossy().into_owned(), format!("{mode:o}"), mode & 0o077 == 0));
    }
    notes.many("who may read the files of an export", "its owner", &open);
    Ok(())
}

/// Runs a verb; gives its exit code, or nothing when it did not end in time and was killed.
fn run(place: &Installation, words: &[&str]) -> anyhow::Result<Option<i32>> {
    let mut child = place.bare().args(words).env("USANCE_LOG", "error").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(ended) = child.try_wait()? {
            return Ok(Some(ended.code().unwrap_or(-1)));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    let done = std::process::Command::new("cp").arg("-a").args([from, to]).status()?;
    ensure!(done.success(), "cp -a: {done}");
    Ok(())
}

/// Whether a file below a directory holds these bytes.
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).into_iter().flatten().flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds(&entry.path(), bytes),
        Ok(kind) if kind.is_file() => fs::read(entry.path()).is_ok_and(|found| found == bytes),
        _ => false,
    })
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of plain letters")
}
