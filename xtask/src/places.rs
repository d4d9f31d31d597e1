//! Where things are: the repository, what is built, and the programs that chores call.

use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The fuzz targets, a workspace of their own.
pub const FUZZ: &str = "fuzz/Cargo.toml";

/// The repository.
pub fn root() -> anyhow::Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("xtask lies in the repository")?.to_owned())
}

/// Where everything is built. Cargo runs in the repository here, so a relative `CARGO_TARGET_DIR` begins there.
pub fn target(root: &Path) -> PathBuf {
    target_named(root, std::env::var_os("CARGO_TARGET_DIR"))
}

fn target_named(root: &Path, named: Option<OsString>) -> PathBuf {
    root.join(named.unwrap_or_else(|| "target".into()))
}

/// The cargo that runs this, or the one on the path; without what `cargo run` says of this package: build scripts that look at
/// it would run again for each of us and for whoever types `cargo`, and everything behind them would be built again.
pub fn cargo_command() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs cargo in the repository, without standard input.
pub fn cargo(root: &Path, words: &[&str]) -> anyhow::Result<()> {
    let status = cargo_command().args(words).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::target_named;
    use std::path::Path;

    #[test]
    fn a_relative_target_directory_begins_in_the_repository() {
        let root = Path::new("/repository");
        for (named, found) in [(None, "/repository/target"), (Some("built"), "/repository/built"), (Some("/tmp/built"), "/tmp/built")] {
            assert_eq!(target_named(root, named.map(Into::into)), Path::new(found), "{named:?}");
        }
    }
}
