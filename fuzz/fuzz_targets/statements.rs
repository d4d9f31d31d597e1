//! Fuzzes references on their way into a statement as CSV.
//!
//! The entry point, and what it asserts, is the one that the bounded tests call with a corpus; start there.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/usance-server/tests/suite/entries/mod.rs"]
mod entries;

static SERVICE: std::sync::LazyLock<entries::Service> = std::sync::LazyLock::new(entries::Service::start);

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::spreadsheet::statements(&SERVICE, data));
