//! The arrows of the architecture: inside the core a module imports only what stands to its left, and the core depends
//! on nothing that could let the world in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From left to right. The modules of one row may import each other.
const ROWS: [&[&str]; 7] =
    [&["pieces", "money", "calendar", "id", "limits"], &["ledger"], &["product"], &["position"], &["reward"], &["machine"], &["audit"]];
/// What the core may depend on: a hash each for keys and texts, a map, derived trait code.
const DEPENDENCIES: [&str; 5] = ["blake3", "hashbrown", "serde", "sha2", "thiserror"];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// The path of modules a file is: `machine/decide/mod.rs` is `machine`, `decide`.
fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(crate_folder().join("src")).expect("a source file").with_extension("");
    let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Code without comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn name_at(text: &str) -> &str {
    let end = text.find(|each: char| !each.is_ascii_alphanumeric() && each != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first names after every `prefix` in a text: one, or each of a list in braces.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | ':')) {
            continue; // the end of a longer name or path
        }
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.push(name_at(rest).to_owned()),
            Some(list) => names.extend(first_names(list)),
        }
    }
    names
}

/// The names that a list in braces starts each of its outer entries with.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut expects_name) = (Vec::new(), 0, true);
    for (at, each) in list.char_indices() {
        match each {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects_name = true,
            _ if expects_name && !each.is_whitespace() => {
                names.push(name_at(&list[at..]).to_owned());
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

/// The modules of the crate's top that a file names, by `crate::` or by climbing with `super::`.
fn imports(file: &Path, text: &str) -> BTreeSet<String> {
    let code = code(text);
    let climb = "super::".repeat(module_path(file).len());
    let mut named = names_after(&code, "crate::");
    // In a top module, one `super` is the crate; a test module inside a file stands one step deeper.
    named.extend(names_after(&code, &climb));
    named.extend(names_after(&code, &format!("super::{climb}")));
    named.into_iter().filter(|name| row(name).is_some()).collect()
}

#[test]
fn modules_import_only_what_stands_to_their_left() {
    let mut files = Vec::new();
    sources(&crate_folder().join("src"), &mut files);
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.ends_with("src/lib.rs")) {
        let own = module_path(file).remove(0);
        let own_row = row(&own).unwrap_or_else(|| panic!("{own} has no place among the modules"));
        let text = fs::read_to_string(file).expect("a source file");
        for other in imports(file, &text) {
            let fits = other == own || row(&other).is_some_and(|row| row < own_row || (row == own_row && own_row == 0));
            assert!(fits, "{}: {own} may not import {other}", file.display());
            arrows.entry(own.clone()).or_default().insert(other);
        }
    }
    // The reader is not blind: these arrows are there.
    for (from, to) in [("ledger", "money"), ("position", "product"), ("machine", "reward"), ("audit", "machine"), ("money", "limits")] {
        assert!(arrows.get(from).is_some_and(|to_all| to_all.contains(to)), "{from} imports {to}");
    }
}

#[test]
fn every_module_of_the_crate_has_a_place() {
    let text = fs::read_to_string(crate_folder().join("src/lib.rs")).expect("a source file");
    let declared: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let placed: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.iter().copied()).collect();
    assert_eq!(declared, placed);
    assert!(!text.contains("crate::"), "the crate's top imports nothing");
}

#[test]
fn imports_are_read_in_every_form() {
    let file = crate_folder().join("src/ledger/mod.rs");
    let text = "use crate::{money::{Amount, audit}, id};\nuse crate::product::Kind; // crate::reward\nfn f() -> crate::position::Running {}\n\
                mod tests { use super::super::machine::State; }\nuse super::calendar::Day;\nuse usance_crate::limits;";
    let seen: Vec<String> = imports(&file, text).into_iter().collect();
    assert_eq!(seen, ["calendar", "id", "machine", "money", "position", "product"]);
}

#[test]
fn the_core_depends_on_nothing_that_lets_the_world_in() {
    let text = fs::read_to_string(crate_folder().join("Cargo.toml")).expect("a manifest");
    let mut section = "";
    let mut seen = BTreeSet::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty()) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']);
            let depends = section.contains("dependencies");
            assert!(!depends || matches!(section, "dependencies" | "dev-dependencies"), "[{section}] is not read here");
        } else if section == "dependencies" {
            seen.insert(line.split(['.', '=', ' ']).next().unwrap_or(""));
        }
    }
    assert!(!seen.is_empty(), "the core has dependencies");
    for name in &seen {
        assert!(DEPENDENCIES.contains(name), "{name} is not allowed in the core");
    }
    assert!(!text.contains("build ="), "the core has no build script");
}
