//! Seeds that found something, kept as small plans in `seeds/`: they run first, for ever.

use crate::plan::Plan;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Where they lie.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

/// All of them, by name.
///
/// # Errors
/// When one cannot be read.
pub fn kept(dir: &Path) -> anyhow::Result<Vec<(String, Plan)>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut plans = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "plan") {
            let text = std::fs::read_to_string(&path)?;
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            plans.push((name, Plan::from_text(&text).with_context(|| path.display().to_string())?));
        }
    }
    plans.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(plans)
}

/// Keeps a plan and what it found, under a name of its own: by the bug that was planted, or by its seed and what became of it.
///
/// # Errors
/// When it cannot be written.
pub fn keep(dir: &Path, plan: &Plan, found: &str) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let text = plan.to_text(found);
    let name = match &plan.planted {
        Some(bug) => format!("planted-{bug}.plan"),
        None => format!("seed-{}-{:.8}.plan", plan.seed, blake3::hash(text.as_bytes()).to_hex()),
    };
    let path = dir.join(name);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
