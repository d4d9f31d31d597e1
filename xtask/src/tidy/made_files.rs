//! Files are made and opened by one rule, `usance_store::files`: whoever makes one by other means may follow a link that somebody
//! planted, or leave it open to everybody on the machine.
//!
//! Looks for what makes or changes files in the sources of the product. Who may is listed with the reason. Files that an operator
//! names to be read, such as a password file, may be opened as the system does; those of a data directory may not.

use super::code::{Word, words};
use std::path::Path;

/// The crates of the product that touch files.
const PRODUCT: [&str; 3] = ["crates/usance-store/src/", "crates/usance-engine/src/", "crates/usance-server/src/"];

/// Where files may be made by other means, and why.
const ALLOWED: [(&str, &str); 6] = [
    ("crates/usance-store/src/files.rs", "the rule"),
    ("crates/usance-store/src/connection.rs", "how SQLite files are opened, once the rule made them"),
    ("crates/usance-store/src/random.rs", "the system's randomness"),
    ("crates/usance-store/src/secrets_file.rs", "read as it is handed over, which may be through a link; made by the rule"),
    ("crates/usance-store/src/postgres/local.rs", "a database server for tests"),
    ("crates/usance-server/src/bin/usance-bench/", "a benchmark in a directory of its own"),
];

/// Names that make or change files, whatever stands before them.
const NAMES: [&str; 10] = [
    "OpenOptions",
    "DirBuilder",
    "NamedTempFile",
    "create_dir",
    "create_dir_all",
    "hard_link",
    "symlink",
    "set_permissions",
    "open_with_flags",
    "from_path",
];

/// The same, where the name before has to be this one.
const PATHS: [(&str, &str); 6] =
    [("File", "create"), ("File", "create_new"), ("File", "options"), ("fs", "write"), ("fs", "copy"), ("Connection", "open")];

/// What reads files of a data directory, where only the store does.
const STORE: &str = "crates/usance-store/src/";
const READING: [(&str, &str); 3] = [("File", "open"), ("fs", "read"), ("fs", "read_to_string")];

/// Names every place that makes or opens a file by other means.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for path in super::files::sources_of(&root.join("crates"))? {
        let name = path.strip_prefix(root)?.display().to_string();
        if !PRODUCT.iter().any(|place| name.starts_with(place)) || ALLOWED.iter().any(|(place, _)| name.starts_with(place)) {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let found = by_other_means(&text, name.starts_with(STORE));
        breaches.extend(found.into_iter().map(|what| format!("{name} makes or opens a file without usance_store::files: {what}")));
    }
    Ok(())
}

/// What makes or opens a file in a text; `reads` when reading counts, too.
fn by_other_means(text: &str, reads: bool) -> Vec<String> {
    let words = words(text);
    let name_at = |at: Option<usize>| match at.and_then(|at| words.get(at)) {
        Some(Word::Name(name)) => Some(name.as_str()),
        _ => None,
    };
    let mut found = Vec::new();
    for at in 0..words.len() {
        let Some(name) = name_at(Some(at)) else { continue };
        let before = match at.checked_sub(1).and_then(|before| words.get(before)) {
            Some(Word::Colons) => name_at(at.checked_sub(2)),
            _ => None,
        };
        let of = before.unwrap_or("");
        if NAMES.contains(&name) || PATHS.contains(&(of, name)) || reads && READING.contains(&(of, name)) {
            found.push(if of.is_empty() { name.to_owned() } else { format!("{of}::{name}") });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::by_other_means;

    #[test]
    fn files_made_by_other_means_are_seen_and_nothing_else() {
        for text in [
            "let file = std::fs::File::create(path)?;",
            "use std::fs::OpenOptions;",
            "fs::write(&path, text)?;",
            "std::fs::create_dir_all(&to)?;",
            "let file = csv::Writer::from_path(path)?;",
            "let other = rusqlite::Connection::open(path)?;",
        ] {
            assert_eq!(by_other_means(text, false).len(), 1, "{text}");
        }
        for text in [
            "let file = files::create_new(path)?;",
            "// File::create(path)",
            "let text = std::fs::read_to_string(password_file)?;",
            "let database = Database::open(path)?;",
            "#[cfg(test)]\nmod tests {\n    fn make() { std::fs::write(path, b\"\"); }\n}",
        ] {
            assert_eq!(by_other_means(text, false), [""; 0], "{text}");
        }
        assert_eq!(by_other_means("let file = File::open(path)?;", true), ["File::open"]);
    }
}
