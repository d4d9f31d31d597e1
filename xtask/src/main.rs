//! The project's own chores: `cargo xtask ci` is everything CI runs, `tidy` holds the rules of the house as data, `bench`
//! prints the figures, `soak` loads and kills a real engine for an hour.

mod deny;
mod dependencies;
mod glossary;
mod packages;
mod places;
mod schemathesis;
mod tidy;

use anyhow::bail;
use clap::{Parser, Subcommand};
use places::{FUZZ, cargo_program, root, target};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Chores of the Usance repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Words {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Format check, tidy, licences and sources, that the fuzz targets compile, lints, every test, the contract against its document, documentation, planted bugs, five
    /// minutes of the soak.
    Ci,
    /// What comes in from outside: licences, sources, known vulnerabilities.
    Deny,
    /// The rules of the house: arrows between crates and rooms, circles of files, file sizes, names, documents.
    Tidy {
        /// Print the table of rooms as docs/ARCHITECTURE.md has to show it, and check nothing.
        #[arg(long)]
        print_rooms: bool,
    },
    /// The contract against its own document, with the built binary.
    Schemathesis,
    /// Print the figures; words after `--` go to the benchmark.
    Bench {
        /// For example `--positions 1000000 --only close`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// An hour of mixed load on a real engine that is killed every half minute; its words follow; `soak -- --help` lists them.
    Soak {
        /// For example `--minutes 5 --store postgres`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    let root = root()?;
    match Words::parse().chore {
        Chore::Ci => ci(&root),
        Chore::Deny => deny::check(&root),
        Chore::Tidy { print_rooms: false } => tidy::check(&root),
        Chore::Tidy { print_rooms: true } => {
            println!("{}", tidy::printed_rooms());
            Ok(())
        }
        Chore::Bench { words } => release(&root, ("usance-server", "usance-bench"), &words),
        Chore::Soak { words } => release(&root, ("usance-soak", "usance-soak"), &words),
        Chore::Schemathesis => {
            cargo(&root, &["build", "--locked", "-p", "usance-server", "--bin", "usance"])?;
            schemathesis::run(&root)
        }
    }
}

fn ci(root: &Path) -> anyhow::Result<()> {
    let target = target(root).display().to_string();
    let steps: [(&str, &[&str]); 8] = [
        ("fmt", &["fmt", "--all", "--check"]),
        ("fmt of the fuzz targets", &["fmt", "--manifest-path", FUZZ, "--check"]),
        // They stand apart, and only cargo-fuzz runs them; that they compile does not need it.
        ("fuzz targets", &["check", "--locked", "--manifest-path", FUZZ, "--bins", "--target-dir", &target]),
        ("clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        ("build", &["build", "--workspace", "--bins", "--locked"]),
        ("test", &["test", "--workspace", "--locked"]),
        ("docs", &["doc", "--workspace", "--no-deps", "--locked"]),
        // On the binaries that the tests ran: a release build would cost as much time as the soak itself.
        ("soak", &["run", "--quiet", "--locked", "-p", "usance-soak", "--", "--minutes", "5"]),
    ];
    packages::ensure()?;
    tidy::check(root)?;
    deny::check(root)?;
    for (name, words) in steps {
        let started = Instant::now();
        println!("== {name}: cargo {}", words.join(" "));
        cargo(root, words)?;
        println!("== {name} took {} s", started.elapsed().as_secs());
    }
    println!("== schemathesis");
    schemathesis::run(root)?;
    Ok(())
}

fn cargo(root: &Path, words: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(cargo_program()).args(words).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", words.join(" ")) }
}

/// Runs a program of ours, built for speed as the engine beside it is.
fn release(root: &Path, (package, program): (&str, &str), words: &[String]) -> anyhow::Result<()> {
    cargo(root, &["build", "--release", "--locked", "-p", "usance-server", "-p", package, "--bins"])?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut whole = vec!["run", "--release", "--quiet", "--locked", "-p", package, "--bin", program, "--"];
    whole.extend(words);
    cargo(root, &whole)
}
