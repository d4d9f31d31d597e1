//! What crates may depend on: each other, and nothing that would let in what they are there to keep out.

use crate::places::{FUZZ, cargo_command};
use anyhow::Context;
use std::collections::BTreeSet;
use std::path::Path;

/// Who may depend on whom, inside the workspace.
const ARROWS: [(&str, &[&str]); 8] = [
    ("crates/usance-core", &[]),
    ("crates/usance-workload", &["usance-core"]),
    ("crates/usance-store", &["usance-core"]),
    ("crates/usance-engine", &["usance-core", "usance-store"]),
    ("crates/usance-server", &["usance-core", "usance-engine", "usance-store", "usance-workload"]),
    ("crates/usance-sim", &["usance-core", "usance-store", "usance-workload"]),
    ("crates/usance-soak", &["usance-store", "usance-workload"]),
    ("xtask", &[]),
];

/// What the core may depend on: a hash each for keys and texts, a map, derived trait code.
const ALLOWED_IN_CORE: [&str; 6] = ["blake3", "ed25519-dalek", "hashbrown", "serde", "sha2", "thiserror"];

/// What the engine must never reach, by whatever way: it is linked where nobody speaks HTTP.
const BANNED_BELOW_ENGINE: [&str; 6] = ["axum", "hyper", "http", "tower", "askama", "utoipa"];

fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or("").split("\n[").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| line.split(['=', '.', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

pub fn arrows(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for (member, allowed) in ARROWS {
        let manifest = std::fs::read_to_string(root.join(member).join("Cargo.toml"))?;
        for own in dependencies(&manifest).into_iter().filter(|name| name.starts_with("usance-")) {
            if !allowed.contains(&own) {
                breaches.push(format!("{member} depends on {own}"));
            }
        }
        if member.ends_with("usance-core") {
            let foreign = dependencies(&manifest).into_iter().filter(|name| !ALLOWED_IN_CORE.contains(name));
            breaches.extend(foreign.map(|name| format!("the core depends on {name}")));
            if manifest.contains("build =") || manifest.contains("build-dependencies") || manifest.contains("[target.") {
                breaches.push("the core builds by more than its sources and [dependencies]".to_owned());
            }
        }
    }
    skinless(root, breaches)
}

/// The engine's whole tree of dependencies knows no HTTP and no HTML.
fn skinless(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let words = ["tree", "--locked", "--offline", "-p", "usance-engine", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let told = cargo_command().args(words).current_dir(root).output().context("running cargo tree")?;
    anyhow::ensure!(told.status.success(), "cargo tree: {}", String::from_utf8_lossy(&told.stderr));
    let tree = String::from_utf8(told.stdout)?;
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    anyhow::ensure!(names.contains("usance-store"), "cargo tree does not show what the engine depends on");
    breaches.extend(BANNED_BELOW_ENGINE.iter().filter(|name| names.contains(*name)).map(|name| format!("usance-engine reaches {name}")));
    Ok(())
}

/// `unsafe` is forbidden for the whole workspace, so every member has to take the workspace's lints, and none may allow it. The
/// fuzz targets stand apart and forbid it themselves.
pub fn lints(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let workspace = std::fs::read_to_string(root.join("Cargo.toml"))?;
    if !workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"") {
        breaches.push("Cargo.toml does not forbid unsafe code".to_owned());
    }
    if !std::fs::read_to_string(root.join(FUZZ))?.contains("[lints.rust]\nunsafe_code = \"forbid\"") {
        breaches.push(format!("{} does not forbid unsafe code", FUZZ));
    }
    let members = workspace.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("");
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    for (known, _) in ARROWS {
        if !members.contains(&known) {
            breaches.push(format!("{known} is no member of the workspace"));
        }
    }
    for member in members {
        let manifest = std::fs::read_to_string(root.join(member).join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{member} does not take the workspace's lints: unsafe code would pass"));
        }
    }
    Ok(())
}
