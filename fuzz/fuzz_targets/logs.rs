//! Fuzzes a whole log, every hash correct.
//!
//! The entry point, and what it asserts, is the one that the bounded tests call with a corpus; start there.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/usance-store/tests/suite/entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::logs(data));
