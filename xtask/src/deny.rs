//! What comes in from outside, checked by `cargo deny` against `deny.toml`, for the workspace and for the fuzz targets beside
//! it, which have a lock of their own: licences, unwanted crates, and sources always; known vulnerabilities where the advisory database can be reached, and a loud line where it cannot. Anything else that goes
//! wrong with it is a failure; so is a database out of reach where `USANCE_CI_ADVISORIES=required` says so.
//!
//! Takes `cargo-deny` from the search path where it has the release named here; otherwise installs that one below `target/`, once.

use crate::places::cargo_command;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The release that `deny.toml` is written for.
const RELEASE: &str = "0.20.2";
/// Set to `required`, an advisory database that cannot be reached is a failure.
const ADVISORIES: &str = "USANCE_CI_ADVISORIES";
/// How git says that it did not come as far as the database. An answer, a certificate, a full disk, a lock are something else.
const OUT_OF_REACH: [&str; 9] = [
    "Could not resolve host",
    "Could not resolve proxy",
    "Failed to connect to",
    "Couldn't connect to server",
    "Connection timed out",
    "Connection refused",
    "Network is unreachable",
    "No route to host",
    "from proxy after CONNECT",
];
/// What is looked at, each with the lock beside it.
const MANIFESTS: [&str; 2] = ["Cargo.toml", crate::places::FUZZ];
/// How long the advisory database is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks everything that can be checked here.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let deny = program(root)?;
    let passes = |manifest: &str, words: &[&str]| -> anyhow::Result<bool> {
        println!("== deny: cargo deny --manifest-path {manifest} check {}", words.join(" "));
        let mut run = Command::new(&deny);
        run.args(["--locked", "--manifest-path", manifest, "check", "--hide-inclusion-graph"]).args(words);
        Ok(run.current_dir(root).stdin(Stdio::null()).status()?.success())
    };
    for manifest in MANIFESTS {
        if !passes(manifest, &["licenses", "bans", "sources"])? {
            bail!("cargo deny refuses something that comes from outside: {manifest}");
        }
    }
    if let Err(out_of_reach) = fetched(&deny, root)? {
        if std::env::var(ADVISORIES).is_ok_and(|wanted| wanted == "required") {
            bail!("known vulnerabilities cannot be checked, and {ADVISORIES}=required: {out_of_reach}");
        }
        println!("== deny: WARNING: known vulnerabilities are NOT checked, the advisory database cannot be reached: {out_of_reach}");
        println!("== deny: WARNING: {ADVISORIES}=required makes that a failure");
    } else {
        for manifest in MANIFESTS {
            if !passes(manifest, &["--disable-fetch", "advisories"])? {
                bail!("cargo deny knows of a vulnerability, or cannot read its database: {manifest}");
            }
        }
    }
    println!("== deny took {} s", started.elapsed().as_secs());
    Ok(())
}

/// Where the release is; installed when it is nowhere.
fn program(root: &Path) -> anyhow::Result<PathBuf> {
    let tools = crate::places::target(root).join("tools");
    let own = tools.join("bin/cargo-deny");
    for known in [PathBuf::from("cargo-deny"), own.clone()] {
        if is_release(&known) {
            return Ok(known);
        }
    }
    println!("== deny: installing cargo-deny {RELEASE} below {}; this takes some minutes, once", tools.display());
    let mut install = cargo_command();
    install.args(["install", "cargo-deny", "--locked", "--version", RELEASE, "--debug", "--force", "--root"]).arg(&tools);
    // It reads some files once: to build it takes longer than it ever runs.
    install.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0").current_dir(root).stdin(Stdio::null());
    if !install.status().context("cargo install cargo-deny")?.success() || !is_release(&own) {
        bail!("cargo-deny could not be installed: cargo install cargo-deny --locked --version {RELEASE}");
    }
    Ok(own)
}

fn is_release(program: &Path) -> bool {
    let told = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).trim() == format!("cargo-deny {RELEASE}"))
}

/// Fetches the advisory database; gives why it is out of reach, if it is.
fn fetched(deny: &Path, root: &Path) -> anyhow::Result<Result<(), String>> {
    let mut fetch = Command::new(deny);
    // What git says is looked at, so it has to say it in English.
    fetch.args(["fetch", "db"]).current_dir(root).env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    let (ended, said) = run(&mut fetch, PATIENCE)?;
    judged(ended, &said)
}

/// How a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    /// It was still running when nobody waited any longer.
    Late,
}

/// Runs a command for so long at most; gives how it ended, and the lines of its standard error. These are taken as they come: a
/// full pipe would hold it up.
fn run(command: &mut Command, patience: Duration) -> anyhow::Result<(Ended, Vec<String>)> {
    let until = Instant::now() + patience;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let pipe = child.stderr.take().context("piped")?;
    let (tell, told) = channel();
    // It ends with the pipe, which what the command has started may hold open for longer: nobody waits for it.
    std::thread::spawn(move || BufReader::new(pipe).split(b'\n').map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let mut said = Vec::new();
    let is_late = loop {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => said.push(String::from_utf8_lossy(&line).into_owned()),
            Err(RecvTimeoutError::Timeout) => break true,
            Err(RecvTimeoutError::Disconnected) => break false,
        }
    };
    if is_late {
        child.kill()?;
    }
    let status = child.wait()?;
    let ended = match status.success() {
        true => Ended::Well,
        false if is_late => Ended::Late,
        false => Ended::Badly,
    };
    Ok((ended, said))
}

/// What the end of a fetch means. Only one that said nothing, or that its way is barred, is out of reach.
fn judged(ended: Ended, said: &[String]) -> anyhow::Result<Result<(), String>> {
    match (ended, said.iter().find(|line| is_out_of_reach(line))) {
        (Ended::Well, _) => Ok(Ok(())),
        (_, Some(line)) => Ok(Err(line.trim().to_owned())),
        (Ended::Late, None) if said.is_empty() => Ok(Err(format!("nothing came for {PATIENCE:?}"))),
        (Ended::Late, None) => bail!("cargo deny fetch db did not end in {PATIENCE:?}: {}", said.join("\n")),
        (Ended::Badly, None) => bail!("cargo deny fetch db: {}", said.join("\n")),
    }
}

fn is_out_of_reach(line: &str) -> bool {
    line.contains("unable to access") && OUT_OF_REACH.iter().any(|words| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::{Ended, is_out_of_reach, judged, run};
    use std::process::Command;
    use std::time::Duration;

    fn shell(script: &str, patience: Duration) -> (Ended, Vec<String>) {
        run(Command::new("sh").args(["-c", script]), patience).expect("it runs")
    }

    #[test]
    fn more_than_a_pipe_holds_does_not_hold_up_what_says_it() {
        let long = "i=0; while [ $i -lt 20000 ]; do echo \"line $i of many\"; i=$((i+1)); done >&2";
        for (code, ended) in [(0, Ended::Well), (1, Ended::Badly)] {
            let (how, said) = shell(&format!("{long}; exit {code}"), Duration::from_secs(120));
            assert_eq!((how, said.len(), said.last().map(String::as_str)), (ended, 20_000, Some("line 19999 of many")));
        }
        assert_eq!(shell("exec sleep 600", Duration::from_millis(50)), (Ended::Late, Vec::new()));
    }

    #[test]
    fn whatever_else_was_said_before_nobody_waited_any_longer_is_a_failure() {
        let barred = "fatal: unable to access 'https://github.com/RustSec/advisory-db/': Could not resolve host: github.com".to_owned();
        let other = "[ERROR] the lock is held by somebody else".to_owned();
        assert!(matches!(judged(Ended::Late, &[]), Ok(Err(_))), "nothing came");
        for ended in [Ended::Late, Ended::Badly] {
            let told = judged(ended, &[other.clone(), barred.clone()]).expect("out of reach").expect_err("out of reach");
            assert_eq!(told, barred, "{ended:?}");
            let failed = judged(ended, std::slice::from_ref(&other)).expect_err("a failure").to_string();
            assert!(failed.contains(&other), "{ended:?}: {failed}");
        }
        assert!(judged(Ended::Badly, &[]).is_err(), "it ended, and nobody knows why");
        assert!(matches!(judged(Ended::Well, &[other]), Ok(Ok(()))));
    }

    #[test]
    fn only_a_way_that_is_barred_is_out_of_reach() {
        let access = "fatal: unable to access 'https://github.com/RustSec/advisory-db/': ";
        for said in
            ["Could not resolve host: github.com", "Failed to connect to github.com port 443 after 3 ms: Couldn't connect to server"]
        {
            assert!(is_out_of_reach(&format!("{access}{said}")), "{said}");
        }
        let own = "[ERROR] failed to fetch database: failed to acquire advisory database lock: failed to obtain lock file '/proc/nope'";
        let full = "fatal: write error: No space left on device";
        let [gone, certificate] = ["The requested URL returned error: 404", "SSL certificate problem: certificate has expired"];
        for said in [own, full, &format!("{access}{gone}"), &format!("{access}{certificate}")] {
            assert!(!is_out_of_reach(said), "{said}");
        }
    }
}
