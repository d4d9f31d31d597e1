//! Fuzzes text as what a reader takes (`Accept`).
//!
//! The entry point, and what it asserts, is the one that the bounded tests call with a corpus; start there.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/usance-server/tests/suite/entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::accepts(data));
