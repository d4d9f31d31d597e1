//! What operators copy from: the how-tos, the README and `packaging/`. Every verb, flag and variable in them is one that the
//! binary knows, every link leads somewhere, and what is said in two files is the same in both.

use super::harness::usance;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every verb that runs something.
const VERBS: [&str; 42] = [
    "serve",
    "demo",
    "token create",
    "token list",
    "token revoke",
    "secrets create",
    "secrets status",
    "secrets rotate",
    "secrets replace",
    "verify",
    "backup",
    "restore",
    "promote",
    "accept-loss",
    "export",
    "simulate",
    "person add",
    "person list",
    "person remove",
    "approve keygen",
    "approve",
    "treasury add",
    "treasury show",
    "treasury address",
    "treasury destination",
    "treasury observe",
    "treasury confirm",
    "treasury explain",
    "treasury attest",
    "treasury top-up",
    "treasury sweep",
    "treasury coverage",
    "treasury policy",
    "treasury orders",
    "treasury done",
    "treasury yield",
    "treasury earnings",
    "treasury reserve",
    "treasury losses",
    "treasury allocate",
    "treasury recover",
    "treasury commission",
];

/// Variables that no flag stands for and no help names.
const UNNAMED: [&str; 3] = ["USANCE_LOG", "USANCE_CI_ADVISORIES", "USANCE_UPDATE_GOLDEN"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files that are checked, with their text; lines that go on are joined.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut files = vec![root().join("README.md")];
    for folder in ["docs/how-to", "packaging"] {
        let entries = fs::read_dir(root().join(folder)).expect("it is there");
        files.extend(entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file()));
    }
    let joined = |path: PathBuf| {
        let text = text(&path).replace("\\\n", " ");
        (path, text)
    };
    files.into_iter().map(joined).collect()
}

/// What every verb says of itself.
fn helps() -> BTreeMap<&'static str, String> {
    let help = |verb: &'static str| {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let output = usance(&words);
        assert!(output.status.success(), "{verb}: {output:?}");
        (verb, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    VERBS.into_iter().map(help).collect()
}

/// The words of a text that look like flags.
fn flags(text: &str) -> BTreeSet<&str> {
    let pieces = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'));
    let is_flag = |piece: &&str| piece.strip_prefix("--").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    pieces.filter(is_flag).collect()
}

/// The words of a text that look like variables of ours.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_')).filter(|piece| piece.starts_with("USANCE_")).collect()
}

/// The commands that a text types: a verb, and its words up to where the command ends. Panics on a verb that is unknown.
fn commands(text: &str) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    for line in text.lines() {
        for (at, name) in line.match_indices("usance ") {
            let (before, rest) = (&line[..at], &line[at + name.len()..]);
            if before.ends_with(|letter: char| letter.is_alphanumeric() || "-_.".contains(letter)) {
                continue;
            }
            let is_here = |verb: &&str| rest.strip_prefix(*verb).is_some_and(|after| !after.starts_with(char::is_alphanumeric));
            let Some(verb) = VERBS.into_iter().find(is_here) else {
                let typed = before.ends_with('`') || before.ends_with("$ ");
                assert!(
                    !typed || rest.starts_with("--") || rest.starts_with("token`") || rest.starts_with("secrets`"),
                    "an unknown verb: {line}"
                );
                continue;
            };
            let end = rest.find(['`', '|', ';', '>', '&']).unwrap_or(rest.len());
            found.push((verb, &rest[..end]));
        }
    }
    found
}

#[test]
fn every_flag_and_variable_exists() {
    let helps = helps();
    let (everything, mut seen) = (helps.values().cloned().collect::<String>(), BTreeSet::new());
    for (path, text) in &pages() {
        let shown = path.display();
        for (verb, words) in commands(text) {
            let unknown: Vec<&str> = flags(words).difference(&flags(&helps[verb])).copied().collect();
            assert!(unknown.is_empty(), "{shown}: `usance {verb}` has no {unknown:?}: {words}");
            seen.insert(verb);
        }
        // A flag that stands alone, as in `--node NAME`, is one of any verb.
        let alone = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("--"));
        for code in alone {
            let unknown: Vec<&str> = flags(code).difference(&flags(&everything)).copied().collect();
            assert!(unknown.is_empty(), "{shown}: no verb has {unknown:?}");
        }
        let unknown: Vec<&str> =
            variables(text).difference(&variables(&everything)).copied().filter(|name| !UNNAMED.contains(name)).collect();
        assert!(unknown.is_empty(), "{shown}: nothing looks at {unknown:?}");
    }
    for verb in ["serve", "verify", "backup", "restore", "promote"] {
        assert!(seen.contains(verb), "no page shows `usance {verb}`: is anything still read?");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut documents = pages();
    for folder in ["", "docs", "docs/decisions", ".github"] {
        let entries = fs::read_dir(root().join(folder)).expect("it is there");
        let files = entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file());
        documents.extend(
            files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).map(|path| (path.clone(), text(&path))),
        );
    }
    for (path, text) in documents.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "md")) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let elsewhere = target.is_empty() || target.contains("://");
            let there = path.parent().is_some_and(|folder| folder.join(target).exists());
            assert!(elsewhere || there, "{} links to {target}", path.display());
        }
    }
}

/// The lines of a section of the proxy's configuration, without what is only said about them.
fn section<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let (_, rest) = text.split_once(&format!("\n{head}\n")).unwrap_or_else(|| panic!("no section {head}"));
    let own = rest.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    own.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn the_door_keeps_out_what_is_not_for_customers_and_says_where_they_are() {
    let doors = text(&root().join("packaging/haproxy.cfg"));
    let (whole, every) = (section(&doors, "global"), section(&doors, "defaults"));
    let (front, back) = (section(&doors, "frontend door"), section(&doors, "backend writer"));
    let taken: u32 = whole.iter().find_map(|line| line.strip_prefix("maxconn ")?.parse().ok()).expect("how many connections it takes");
    assert!((1..16_384).contains(&taken), "{taken}: a process takes 16,384 by itself");
    assert!(every.contains(&"timeout http-request 10s"), "a slow head waits here, and is ended here: {every:?}");
    assert!(every.contains(&"option forwardfor"), "{every:?}");
    assert!(front.contains(&"http-request deny deny_status 404 if { path /metrics /readyz }"), "{front:?}");
    assert!(back.iter().any(|line| line.starts_with("http-check send meth GET uri /readyz ")), "it asks by itself: {back:?}");

    let compose = text(&root().join("packaging/compose.yaml"));
    let said = |key: &str| -> Vec<&str> {
        let values = compose.lines().filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix(key)?.strip_prefix(": "));
        values.collect()
    };
    let (trusted, door) = (said("USANCE_TRUSTED_PROXY"), said("ipv4_address"));
    assert!(door.len() == 1 && trusted == door, "the processes believe {trusted:?}, the door is {door:?}");
    // Both in the network of one, and the door not among the addresses that are given out.
    let (subnet, given_out) = (said("subnet"), said("ip_range"));
    assert_eq!((subnet.as_slice(), given_out.as_slice()), (&["172.30.0.0/24"][..], &["172.30.0.128/25"][..]));
    let last: u8 = door[0].strip_prefix("172.30.0.").and_then(|last| last.parse().ok()).expect("an address in that network");
    assert!((2..128).contains(&last), "{last}");
}

#[test]
fn what_is_said_twice_agrees() {
    let dockerfile = text(&root().join("packaging/Dockerfile"));
    let release = text(&root().join("Cargo.toml"));
    let release = release.lines().find_map(|line| line.strip_prefix("rust-version = \"")).expect("a release").trim_end_matches('"');
    assert!(dockerfile.contains(&format!("FROM rust:{release}-")), "the image is built with another Rust than {release}");
    let toolchain = text(&root().join("rust-toolchain.toml"));
    assert!(toolchain.contains(&format!("channel = \"{release}.")), "rust-toolchain.toml pins another Rust than {release}");
    assert!(dockerfile.contains("USANCE_LISTEN=0.0.0.0:8080") && dockerfile.contains("EXPOSE 8080"), "one port");

    let compose = text(&root().join("packaging/compose.yaml"));
    let doors = text(&root().join("packaging/haproxy.cfg"));
    for node in ["one", "two"] {
        assert!(compose.contains(&format!("USANCE_NODE: {node}")), "{node} is a process");
        assert!(doors.contains(&format!("server {node} {node}:8080")), "{node} is asked whether it is the writer");
    }
    for role in ["writer", "standby"] {
        assert_eq!(compose.matches(&format!("USANCE_ROLE: {role}")).count(), 1, "one {role}");
    }
    let name = "store-password";
    for (file, said) in [
        ("packaging/usance.service", format!("LoadCredential={name}:")),
        ("packaging/usance.env", format!("/run/credentials/usance.service/{name}")),
        ("packaging/compose.yaml", format!("USANCE_STORE_PASSWORD_FILE: /run/secrets/{name}")),
    ] {
        assert!(text(&root().join(file)).contains(&said), "{file} does not say {said}");
    }
}
