//! The page on dependencies names what the manifest has: each library once, and none that is gone.
//!
//! [`breaches`] compares the names in `[workspace.dependencies]` with the second column of the tables in
//! `docs/decisions/dependencies.md`. Why a library was chosen is for readers; that it stands there is checked.

use std::collections::BTreeMap;
use std::path::Path;

/// Reads both and compares them.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let page = std::fs::read_to_string(root.join("docs/decisions/dependencies.md")).unwrap_or_default();
    breaches.extend(self::breaches(&manifest, &page));
    Ok(())
}

/// What differs between the manifest of the workspace and the page.
pub fn breaches(manifest: &str, page: &str) -> Vec<String> {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    names_of_page(page).for_each(|name| *named.entry(name).or_default() += 1);
    let used: Vec<&str> = names_of_manifest(manifest).collect();
    let mut breaches = Vec::new();
    for name in &used {
        match named.get(name) {
            None => breaches.push(format!("docs/decisions/dependencies.md does not name {name}")),
            Some(1) => {}
            Some(times) => breaches.push(format!("docs/decisions/dependencies.md names {name} {times} times")),
        }
    }
    let gone = named.keys().filter(|name| !used.contains(name));
    breaches.extend(gone.map(|name| format!("docs/decisions/dependencies.md names {name}, which the workspace does not use")));
    breaches
}

fn names_of_manifest(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest.split("[workspace.dependencies]\n").nth(1).unwrap_or("").split("\n\n").next().unwrap_or("");
    let names = section.lines().filter_map(|line| line.split([' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#') && !name.starts_with("usance-"))
}

/// The quoted names in the second cell of every row.
fn names_of_page(page: &str) -> impl Iterator<Item = &str> {
    let cells = page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::breaches;

    const MANIFEST: &str = "[workspace.dependencies]\nusance-core = { path = \"core\" }\naxum = \"1\"\ntower = { version = \"1\" }\n\n[profile.dev]\ndebug = 1\n";

    #[test]
    fn the_page_names_each_library_once_and_none_that_is_gone() {
        for (page, found) in [
            ("| job | crates | why |\n|---|---|---|\n| HTTP | `axum` `tower` | not `warp` |\n", vec![]),
            ("| HTTP | `axum` | |\n", vec!["docs/decisions/dependencies.md does not name tower"]),
            ("| HTTP | `axum` `tower` | |\n| more | `tower` | |\n", vec!["docs/decisions/dependencies.md names tower 2 times"]),
            ("| HTTP | `axum` `tower` `warp` | |\n", vec!["docs/decisions/dependencies.md names warp, which the workspace does not use"]),
        ] {
            assert_eq!(breaches(MANIFEST, page), found, "{page}");
        }
    }
}
