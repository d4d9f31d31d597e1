//! Fuzzes any text on its way into a cell of a CSV file.
//!
//! The entry point, and what it asserts, is the one that the bounded tests call with a corpus; start there.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/usance-server/tests/suite/entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::spreadsheet::cells(data));
