//! The entry points over their corpora, over thousands of inputs made of those, and once more with little memory.

use super::{entries, mutation};
use std::path::PathBuf;

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

#[test]
fn records() {
    mutation::run(&seeded("records"), 30_000, entries::records);
}

#[test]
fn batches() {
    mutation::run(&seeded("batches"), 1_500, entries::batches);
}

#[test]
fn events() {
    mutation::run(&seeded("events"), 1_500, entries::events);
}

#[test]
fn containers() {
    mutation::run(&seeded("containers"), 4_000, entries::containers);
}

#[test]
fn sections() {
    mutation::run(&seeded("sections"), 2_000, entries::sections);
}

#[test]
fn logs() {
    mutation::run(&seeded("logs"), 2_000, entries::logs);
}

#[test]
fn notes() {
    mutation::run(&corpus("notes"), 4_000, entries::notes);
}

/// The same inputs in a process that may have 512 MiB of addresses: room for the program and for a thread a section.
#[test]
fn no_input_allocates_much() {
    let names = ["records", "batches", "events", "containers", "sections", "logs", "notes"];
    mutation::run_in_little_memory(&names.map(|name| format!("suite::fuzz::{name}")), 512);
}
