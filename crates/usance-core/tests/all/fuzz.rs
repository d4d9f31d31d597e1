//! The entry points over their corpora, over thousands of inputs made of those, and once more with little memory.

use crate::{entries, mutation};
use std::path::PathBuf;

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

#[test]
fn amounts() {
    mutation::run(&corpus("amounts"), 40_000, entries::amounts);
}

#[test]
fn rates() {
    mutation::run(&corpus("rates"), 40_000, entries::rates);
}

#[test]
fn days() {
    mutation::run(&corpus("days"), 20_000, entries::days);
}

#[test]
fn places() {
    mutation::run(&corpus("places"), 20_000, entries::places);
}

/// The same inputs in a process that may have 256 MiB of addresses.
#[test]
fn no_input_allocates_much() {
    mutation::run_in_little_memory(&["amounts", "rates", "days", "places"].map(|name| format!("fuzz::{name}")), 256);
}
