//! What every source file has to be: short enough, named by what it is, opened by what it owns.

use std::path::{Path, PathBuf};

/// A file above this asks what it really is.
const LINES_MAX: usize = 800;

/// Names that say nothing.
const BANNED_NAMES: [&str; 8] = ["utils", "helpers", "common", "misc", "manager", "processor", "data", "info"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Every source file below a folder, by name.
pub fn sources_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    sources(folder, &mut found)?;
    found.sort();
    Ok(found)
}

/// Names every file that is not.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    sources(&root.join("crates"), &mut found)?;
    sources(&root.join("xtask"), &mut found)?;
    for path in found {
        let text = std::fs::read_to_string(&path)?;
        let name = path.strip_prefix(root)?.display().to_string();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            breaches.push(format!("{name} has {lines} lines"));
        }
        if path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| BANNED_NAMES.contains(&stem)) {
            breaches.push(format!("{name} has a name that says nothing"));
        }
        if !text.starts_with("//!") {
            breaches.push(format!("{name} does not open with what it is"));
        }
    }
    Ok(())
}
