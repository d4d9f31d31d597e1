//! The entry points over their corpora, over thousands of inputs made of those, with little memory.

use crate::{entries, mutation};
use std::path::PathBuf;

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// A corpus and what is made of it, in a process that may have 256 MiB of addresses.
fn hand(name: &str, made: usize, entry: impl Fn(&[u8])) {
    mutation::run_in_little_memory(&format!("fuzz::{name}"), 256, || mutation::run(&corpus(name), made, entry));
}

#[test]
fn amounts() {
    hand("amounts", 40_000, entries::amounts);
}

#[test]
fn rates() {
    hand("rates", 40_000, entries::rates);
}

#[test]
fn days() {
    hand("days", 20_000, entries::days);
}

#[test]
fn places() {
    hand("places", 20_000, entries::places);
}
