//! Files that pin bytes for good, text with hex: a folder of `tests/golden` for each version of a record, and the logs that
//! releases wrote.
//!
//! `v1/log.txt` is the first release's. A release that adds events adds a log that has them, in a folder of its own name; a
//! log that was released is never written again.

use std::fs;
use std::path::{Path, PathBuf};

use usance_store::{Appended, Batch, BatchBuilder, Head, LogStore, MemoryLog};

use super::world::batches;

/// Golden files of the first version that other modules than `codec` read.
pub const OTHERS: [&str; 2] = ["log.txt", "state.txt"];

/// The golden files of a version of a record.
pub fn path(version: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(version)
}

/// The folders with the log of a release.
pub fn logs() -> Vec<PathBuf> {
    let folders = fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.join("log.txt").exists()).collect();
    folders.sort();
    folders
}

/// The log that a folder keeps: one line per batch, its instant and its body.
pub fn log(folder: &Path) -> MemoryLog {
    let (mut log, mut head) = (MemoryLog::new(), Head::GENESIS);
    for line in fs::read_to_string(folder.join("log.txt")).unwrap().lines() {
        let (at_ms, body) = line.split_once(' ').unwrap();
        let at_ms = at_ms.parse().unwrap();
        let stored = Batch { shard: 0, seq: 1, at_ms, previous: [0; 32], hash: [0; 32], body: unhex(body) };
        let mut builder = BatchBuilder::new();
        for record in stored.records() {
            builder.push(record.unwrap()).unwrap();
        }
        let batch = builder.seal(0, head.seq + 1, at_ms, head.hash).unwrap();
        assert_eq!(log.append(head.seq, &batch), Appended::Done);
        head = batch.head();
    }
    log
}

/// Writes a log as [`log`] reads it.
pub fn keep_log(folder: &Path, log: &MemoryLog) {
    let lines = batches(log).into_iter().map(|batch| format!("{} {}\n", batch.at_ms, hex(&batch.body)));
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("log.txt"), lines.collect::<String>()).unwrap();
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte: {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Samples of every variant of an enum, in the enum's order. A variant that is missing here does not compile.
macro_rules! every {
    ($(#[$doc:meta])* $name:ident: $type:ident { $($variant:ident: $($sample:expr),+;)+ }) => {
        $(#[$doc])*
        pub fn $name() -> Vec<(&'static str, $type)> {
            let name_of = |sample: &$type| match sample { $($type::$variant { .. } => stringify!($variant)),+ };
            let samples = vec![$($((stringify!($variant), $sample)),+),+];
            for (name, sample) in &samples {
                assert_eq!(*name, name_of(sample), "a sample stands under its own variant");
            }
            samples
        }
    };
}
pub(crate) use every;

/// The samples without their names.
pub fn each<T>(samples: Vec<(&'static str, T)>) -> impl Iterator<Item = T> {
    samples.into_iter().map(|(_, sample)| sample)
}
