//! `docs/SECURITY.md` and `docs/RELIABILITY.md` are true of the tree: every test and file that they name is there, and every
//! budget is the code's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(path).expect("text"));
        }
    }
}

/// The names of all tests: functions right below `#[test]` or `#[tokio::test]`.
fn tests() -> BTreeSet<String> {
    let mut texts = Vec::new();
    for folder in ["crates", "xtask/src"] {
        sources(&root().join(folder), &mut texts);
    }
    let mut names = BTreeSet::new();
    for text in texts {
        for marked in text.split("#[test]").skip(1).chain(text.split("#[tokio::test]").skip(1)) {
            let head = marked.trim_start();
            let head = head.strip_prefix("async ").unwrap_or(head);
            let Some(name) = head.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) else { continue };
            names.insert(name.to_owned());
        }
    }
    names
}

/// The rows of the table below a heading, cell by cell.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split(heading).nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let lines = section.lines().filter(|line| line.starts_with("| "));
    lines.skip(1).map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_test_and_file_that_is_named_is_there() {
    let text = std::fs::read_to_string(root().join("docs/SECURITY.md")).expect("the document");
    let (known, threats) = (tests(), rows(&text, "## Threats"));
    assert!(threats.len() > 20, "{}", threats.len());
    for threat in &threats {
        let [name, against, place, shown] = threat.as_slice() else { panic!("four cells: {threat:?}") };
        assert!(!against.is_empty(), "{name}");
        let places = quoted(place);
        assert!(!places.is_empty(), "{name} is stopped nowhere");
        for file in places {
            assert!(root().join(file).is_file(), "{name}: there is no {file}");
        }
        let shown = quoted(shown);
        assert!(!shown.is_empty(), "{name} is shown by nothing");
        for test in shown.into_iter().filter(|test| *test != "cargo xtask ci --long") {
            assert!(known.contains(test), "{name}: there is no test {test}");
        }
    }
}

#[test]
fn every_promise_is_tried_by_tests_that_are_there() {
    let text = std::fs::read_to_string(root().join("docs/RELIABILITY.md")).expect("the document");
    let (known, promises) = (tests(), rows(&text, "## Promises"));
    assert!(promises.len() > 15, "{}", promises.len());
    let commands = [
        "cargo xtask soak",
        "cargo xtask schemathesis",
        "cargo xtask bench -- --only overload",
        "cargo xtask bench -- --only fair,streams",
        "cargo xtask ci --only patroni",
        "cargo fuzz run",
        "usance-sim run --hours 8",
    ];
    for promise in &promises {
        let [name, _, tried] = promise.as_slice() else { panic!("three cells: {promise:?}") };
        let tried = quoted(tried);
        assert!(!tried.is_empty(), "{name} is tried by nothing");
        for test in tried.into_iter().filter(|test| !commands.contains(test)) {
            assert!(known.contains(test), "{name}: there is no test {test}");
        }
    }
}

#[test]
fn every_budget_is_the_one_of_the_code() {
    let text = std::fs::read_to_string(root().join("docs/SECURITY.md")).expect("the document");
    let code = std::fs::read_to_string(root().join("crates/usance-server/src/auth/attempts.rs")).expect("the code");
    let said = rows(&text, "## How often may somebody try");
    let budgets =
        ["DEVICE", "PAIR", "STRANGERS", "RESERVE", "LINE", "CHECKS", "CHECKS_OF_NETWORK", "CODES_OF_STRANGERS", "CODES_OF_ONE", "BEARERS"];
    assert_eq!(said.len(), budgets.len());
    for (row, name) in said.iter().zip(budgets) {
        let every = match row[2].as_str() {
            "quarter second" => "250",
            "half second" => "500",
            "second" => "1000",
            "minute" => "60_000",
            "2 minutes" => "2 * 60_000",
            "5 minutes" => "5 * 60_000",
            "10 minutes" => "10 * 60_000",
            other => panic!("{name}: every {other}?"),
        };
        let line = format!("const {name}: Budget = Budget {{ at_once: {}, every_ms: {every} }};", row[1]);
        assert!(code.contains(&line), "{}: the code does not say {line}", row[0]);
    }
    assert!(said[3][0].contains("at most 3 wrong tries at this customer (one is forgotten every 8 hours)"), "{}", said[3][0]);
    assert!(code.contains("const FRESH: Budget = Budget { at_once: 3, every_ms: 8 * 60 * 60_000 };"));
}
