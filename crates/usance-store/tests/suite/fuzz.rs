//! The entry points over their corpora, over thousands of inputs made of those, with little memory.

use super::{entries, mutation};
use std::path::{Path, PathBuf};

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// Writes the seeds that are made of the golden log where there are none: `USANCE_UPDATE_GOLDEN=1`, as for golden files.
fn seeded(name: &str) -> PathBuf {
    let folder = corpus(name);
    if std::env::var_os("USANCE_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).expect("a directory");
        for (_, seeds) in entries::seeds().into_iter().filter(|(own, _)| *own == name) {
            for (number, bytes) in seeds.iter().enumerate() {
                std::fs::write(folder.join(format!("golden-{number:02}")), bytes).expect("written");
            }
        }
    }
    folder
}

/// A corpus and what is made of it, in a process that may have 512 MiB of addresses: room for the program and for a thread a
/// section.
fn hand(name: &str, folder: &Path, made: usize, entry: impl Fn(&[u8])) {
    mutation::run_in_little_memory(&format!("suite::fuzz::{name}"), 512, || mutation::run(folder, made, entry));
}

#[test]
fn records() {
    hand("records", &seeded("records"), 30_000, entries::records);
}

#[test]
fn batches() {
    hand("batches", &seeded("batches"), 1_500, entries::batches);
}

#[test]
fn events() {
    hand("events", &seeded("events"), 1_500, entries::events);
}

#[test]
fn containers() {
    hand("containers", &seeded("containers"), 4_000, entries::containers);
}

#[test]
fn sections() {
    hand("sections", &seeded("sections"), 2_000, entries::sections);
}

#[test]
fn logs() {
    hand("logs", &seeded("logs"), 2_000, entries::logs);
}

#[test]
fn notes() {
    hand("notes", &corpus("notes"), 4_000, entries::notes);
}
