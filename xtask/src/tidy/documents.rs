//! Documents that have to be there, and true of the tree.

use std::path::Path;

/// Documents that a reader is sent to.
const DOCUMENTS: [&str; 12] = [
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
    "docs/scale.md",
    "docs/decisions/README.md",
];

/// The map has to name every module of the core and every crate, and every document has to be there.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
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
