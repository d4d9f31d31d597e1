//! Inputs for the entry points: the files of a corpus as they are, then thousands that are made of them, the same in every
//! run.
//!
//! The entry points themselves are the `entries` of each crate; `cargo fuzz` calls the same ones with inputs of its own.
//! An input on which one panics is printed in hex, and belongs into the corpus (`docs/how-to/fuzz.md`). What can
//! be runs with little memory ([`run_in_little_memory`]).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below this one.
    pub fn below(&mut self, sides: usize) -> usize {
        if sides == 0 { 0 } else { (self.roll() >> 16) as usize % sides }
    }
}

/// Numbers at which something ends or begins, little endian and as postcard writes them.
const EDGES: [&[u8]; 18] = [
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0xff; 4],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 0x80],
    &[0xff; 8],
    &[0; 8],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    b"9999999999999999999999999999",
    b"\xf0\x9f\x92\xb0",
];

/// The files of a corpus, by their names. What the core may not do, its tests may.
#[allow(clippy::disallowed_methods)]
pub fn corpus(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no file", folder.display());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
}

/// One input made of others.
pub fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let length = dice.below(9).min(bytes.len() - at);
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(at),
            5 => {
                let edge = EDGES[dice.below(EDGES.len())];
                bytes.splice(at..at + length, edge.iter().copied());
            }
            6 => {
                let edge = EDGES[dice.below(EDGES.len())];
                let end = (at + edge.len()).min(bytes.len());
                bytes.splice(at..end, edge.iter().copied());
            }
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[dice.below(other.len() + 1)..]);
            }
        }
    }
    bytes
}

/// Hands every file of a corpus to an entry point, then `made` inputs made of them. What it panics on is printed.
pub fn run(folder: &Path, made: usize, entry: impl Fn(&[u8])) {
    let files = corpus(folder);
    for (path, bytes) in &files {
        hand(bytes, &path.display().to_string(), &entry);
    }
    let seeds: Vec<Vec<u8>> = files.into_iter().map(|(_, bytes)| bytes).collect();
    let mut dice = Dice(0x5EED_0000_0000_0001 ^ seeds.len() as u64);
    for number in 0..made {
        let bytes = mutated(&seeds, &mut dice);
        hand(&bytes, &format!("input {number} made of {}", folder.display()), &entry);
    }
}

fn hand(bytes: &[u8], name: &str, entry: &impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| entry(bytes))) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("{name}: {hex}\nas text: {:?}", String::from_utf8_lossy(bytes));
        resume_unwind(panic);
    }
}

/// As [`run`], in a process of its own that may have so many MiB of addresses: this test of this binary, by its full name. The
/// program and the stacks of its threads take of them too; a length that lies and is believed takes more than there is.
pub fn run_in_little_memory(test: &str, mib: u32, run: impl FnOnce()) {
    const WITHIN: &str = "USANCE_TEST_LITTLE_MEMORY";
    if std::env::var_os(WITHIN).is_some() {
        return run();
    }
    let script = format!(r#"ulimit -v {} && exec "$0" "$@""#, u64::from(mib) * 1024);
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]).arg(std::env::current_exe().expect("this binary"));
    // What an allocator sets aside for each core would make the room differ from machine to machine.
    limited.env("MALLOC_ARENA_MAX", "1").env(WITHIN, test).args(["--exact", "--test-threads", "1", test]);
    let output = limited.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
