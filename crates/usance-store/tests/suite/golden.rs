//! Files that pin bytes for good: a folder of `tests/golden` for each version, text with hex.

use std::path::PathBuf;

/// Golden files of the first version that other modules than `codec` read.
pub const OTHERS: [&str; 2] = ["log.txt", "state.txt"];

/// The golden files of a version of a record.
pub fn path(version: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(version)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte: {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
