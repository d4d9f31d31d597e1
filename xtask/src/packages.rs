//! The browser that the browser tests drive, as Debian packages: there before the tests begin, or a plain error.
//!
//! Installs them where it may, which is as root with `apt-get`, as in a fresh container; anywhere else it says what to install.
//! It never lets the tests be skipped. They look for the programs in the same places.

use anyhow::{Context, bail};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What the tests start.
const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// How the packages come in: first what there is, then the packages that hold the programs.
const STEPS: [&[&str]; 2] = [&["update"], &["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]];

/// Makes sure that a browser and its driver are there. Fails where they are not and cannot be installed.
pub fn ensure() -> anyhow::Result<()> {
    let before = missing();
    if before.is_empty() {
        return Ok(());
    }
    let advice = advice(&before);
    let Some(installer) = program("apt-get").filter(|_| is_root()) else { bail!(advice) };
    println!("packages: {} missing, so these are installed: chromium chromium-driver", before.join(" and "));
    for words in STEPS {
        println!("packages: apt-get {}", words.join(" "));
        let mut command = Command::new(&installer);
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        let status = command.status().with_context(|| advice.clone())?;
        if !status.success() {
            bail!("apt-get {} failed ({status}); {advice}", words.join(" "));
        }
    }
    let after = missing();
    if after.is_empty() { Ok(()) } else { bail!("apt-get succeeded, but {}", self::advice(&after)) }
}

/// The programs that are nowhere.
fn missing() -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|name| program(name).is_none()).collect()
}

/// What a person has to do.
fn advice(missing: &[&str]) -> String {
    let commands = STEPS.map(|words| format!("apt-get {}", words.join(" "))).join(" && ");
    format!(
        "the browser tests need {}: install the Debian packages chromium and chromium-driver, as root: {commands}",
        missing.join(" and ")
    )
}

/// A program on the search path, or in the folder where Debian puts it: a bare environment may lack a search path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    folders.find_map(|folder| {
        let file = folder.join(name);
        let found = std::fs::metadata(&file).is_ok_and(|entry| entry.is_file() && entry.permissions().mode() & 0o111 != 0);
        found.then_some(file)
    })
}

/// Whether this process runs as root: its own entry under `/proc` belongs to whoever it runs as.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
