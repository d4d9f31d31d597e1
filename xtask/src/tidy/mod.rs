//! The rules of the house, as data: which crate may lean on which, how long a file may get, which names are banned, and
//! which documents have to be true of the tree.

use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may depend on whom, inside the workspace.
const ARROWS: [(&str, &[&str]); 7] = [
    ("crates/usance-core", &[]),
    ("crates/usance-store", &["usance-core"]),
    ("crates/usance-engine", &["usance-core", "usance-store"]),
    ("crates/usance-server", &["usance-core", "usance-engine", "usance-store"]),
    ("crates/usance-sim", &["usance-core", "usance-store"]),
    ("crates/usance-soak", &["usance-server", "usance-store"]),
    ("xtask", &[]),
];

/// Crates that the core must never reach.
const BANNED_IN_CORE: [&str; 7] = ["tokio", "serde_json", "rusqlite", "axum", "rand", "chrono", "jiff"];

/// What the engine must never reach, by whatever way: it is linked where nobody speaks HTTP.
const BANNED_BELOW_ENGINE: [&str; 7] = ["axum", "hyper", "http", "tower", "askama", "utoipa", "serde_json"];

/// A file above this asks what it really is.
const LINES_MAX: usize = 800;

/// Names that say nothing.
const BANNED_NAMES: [&str; 8] = ["utils", "helpers", "common", "misc", "manager", "processor", "data", "info"];

/// Documents that a reader is sent to.
const DOCUMENTS: [&str; 11] = [
    "README.md",
    "LICENSE",
    "docs/ARCHITECTURE.md",
    "docs/GLOSSARY.md",
    "docs/INVARIANTS.md",
    "docs/RULES.md",
    "docs/API.md",
    "docs/SECURITY.md",
    "docs/RELIABILITY.md",
    "docs/read-tables.md",
    "docs/decisions/README.md",
];

/// What a script would need to compute with money.
const ARITHMETIC_IN_SCRIPTS: [&str; 6] = ["parseFloat", "parseInt", "Number(", "BigInt", " * ", " / "];

/// Checks everything; every breach is named.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let mut breaches = Vec::new();
    arrows(root, &mut breaches)?;
    lints(root, &mut breaches)?;
    files(root, &mut breaches)?;
    pages(root, &mut breaches)?;
    documents(root, &mut breaches)?;
    vectors(root, &mut breaches)?;
    super::glossary::check(root, &mut breaches)?;
    super::dependencies::check(root, &mut breaches)?;
    if breaches.is_empty() {
        println!("tidy: the house is in order");
        return Ok(());
    }
    breaches.iter().for_each(|breach| println!("tidy: {breach}"));
    bail!("{} breaches", breaches.len())
}

fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or("").split("\n[").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| line.split(['=', '.', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

fn arrows(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for (member, allowed) in ARROWS {
        let manifest = std::fs::read_to_string(root.join(member).join("Cargo.toml"))?;
        for own in dependencies(&manifest).into_iter().filter(|name| name.starts_with("usance-")) {
            if !allowed.contains(&own) {
                breaches.push(format!("{member} depends on {own}"));
            }
        }
        if member.ends_with("usance-core") {
            for reached in dependencies(&manifest).into_iter().filter(|name| BANNED_IN_CORE.contains(name)) {
                breaches.push(format!("the core reaches {reached}"));
            }
        }
    }
    skinless(root, breaches)
}

/// The engine's whole tree of dependencies knows no HTTP and no HTML.
fn skinless(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let words = ["tree", "--locked", "--offline", "-p", "usance-engine", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let told = Command::new(super::cargo_program()).args(words).current_dir(root).output().context("running cargo tree")?;
    anyhow::ensure!(told.status.success(), "cargo tree: {}", String::from_utf8_lossy(&told.stderr));
    let tree = String::from_utf8(told.stdout)?;
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    anyhow::ensure!(names.contains("usance-store"), "cargo tree does not show what the engine depends on");
    breaches.extend(BANNED_BELOW_ENGINE.iter().filter(|name| names.contains(*name)).map(|name| format!("usance-engine reaches {name}")));
    Ok(())
}

/// `unsafe` is forbidden for the whole workspace, so every member has to take the workspace's lints, and none may allow it. The
/// fuzz targets stand apart and forbid it themselves.
fn lints(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let workspace = std::fs::read_to_string(root.join("Cargo.toml"))?;
    if !workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"") {
        breaches.push("Cargo.toml does not forbid unsafe code".to_owned());
    }
    if !std::fs::read_to_string(root.join(super::FUZZ))?.contains("[lints.rust]\nunsafe_code = \"forbid\"") {
        breaches.push(format!("{} does not forbid unsafe code", super::FUZZ));
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

fn files(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
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

/// No arithmetic in templates and scripts, nothing inline, nothing from elsewhere.
fn pages(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(root.join("crates/usance-server/templates"))? {
        let path = entry?.path();
        let (text, name) = (std::fs::read_to_string(&path)?, path.display().to_string());
        for foreign in ["<script>", "<style", " style=", "javascript:", "http://", "https://", " onclick"] {
            // The one address that is no address: the name of what an SVG is.
            if text.replace("http://www.w3.org/2000/svg", "").contains(foreign) {
                breaches.push(format!("{name} has {foreign}"));
            }
        }
        let shown = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        let tested = text.split("{%").skip(1).filter_map(|rest| rest.split("%}").next());
        for expression in shown.chain(tested) {
            let bare: String = expression.split('"').step_by(2).collect();
            if ["+", "*", " / ", " - "].iter().any(|sign| bare.contains(sign)) {
                breaches.push(format!("{name} computes: {}", expression.trim()));
            }
        }
    }
    let script = std::fs::read_to_string(root.join("crates/usance-server/static/app.js"))?;
    let sums = ARITHMETIC_IN_SCRIPTS.iter().filter(|sum| script.contains(*sum));
    breaches.extend(sums.map(|sum| format!("static/app.js computes with {sum:?}")));
    Ok(())
}

/// The map has to name every module of the core and every crate, and every document has to be there.
fn documents(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for document in DOCUMENTS {
        if !root.join(document).is_file() {
            breaches.push(format!("{document} is missing"));
        }
    }
    let map = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap_or_default();
    for (folder, what) in [
        ("crates", "crate"),
        ("crates/usance-core/src", "module"),
        ("crates/usance-engine/src", "module"),
        ("crates/usance-server/src", "module"),
        ("crates/usance-store/src", "module"),
    ] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("").to_owned();
            if !matches!(stem.as_str(), "lib" | "main" | "bin") && !map.contains(&stem) {
                breaches.push(format!("docs/ARCHITECTURE.md does not name the {what} {stem} of {folder}"));
            }
        }
    }
    Ok(())
}

/// Our copy of the golden cases is the one that was handed over, where that lies beside us.
fn vectors(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let original = root.join("../shared/vectors");
    if !original.is_dir() {
        return Ok(());
    }
    for (here, there) in [(root.join("vectors"), &original), (original.clone(), &root.join("vectors"))] {
        for entry in std::fs::read_dir(&here)? {
            let path = entry?.path();
            let twin = there.join(path.file_name().unwrap_or_default());
            if std::fs::read(&path)? != std::fs::read(&twin).unwrap_or_default() {
                breaches.push(format!("{} differs from its twin", path.display()));
            }
        }
    }
    Ok(())
}
