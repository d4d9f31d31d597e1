//! Fuzzes visits of every page, with its query or its form.
//!
//! The entry point, and what it asserts, is the one that the bounded tests call with a corpus; start there.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/usance-server/tests/suite/entries/mod.rs"]
mod entries;

static SERVICE: std::sync::LazyLock<entries::Service> = std::sync::LazyLock::new(entries::Service::start);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = entries::pages(&SERVICE, data);
});
