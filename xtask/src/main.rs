//! The project's own chores: `cargo xtask ci` is everything CI runs, `tidy` holds the rules of the house as data, `bench`
//! prints the figures.

mod packages;
mod tidy;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
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
    /// Format check, tidy, lints, every test, documentation.
    Ci,
    /// The rules of the house: arrows between crates, file sizes, names, documents.
    Tidy,
    /// Print the figures; words after `--` go to the benchmark.
    Bench {
        /// For example `--positions 1000000 --only close`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    let root = root()?;
    match Words::parse().chore {
        Chore::Ci => ci(&root),
        Chore::Tidy => tidy::check(&root),
        Chore::Bench { words } => bench(&root, &words),
    }
}

fn root() -> anyhow::Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("xtask lies in the repository")?.to_owned())
}

fn ci(root: &Path) -> anyhow::Result<()> {
    let steps: [(&str, &[&str]); 5] = [
        ("fmt", &["fmt", "--all", "--check"]),
        ("clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        ("build", &["build", "--workspace", "--bins", "--locked"]),
        ("test", &["test", "--workspace", "--locked"]),
        ("docs", &["doc", "--workspace", "--no-deps", "--locked"]),
    ];
    packages::ensure()?;
    tidy::check(root)?;
    for (name, words) in steps {
        let started = Instant::now();
        println!("== {name}: cargo {}", words.join(" "));
        cargo(root, words)?;
        println!("== {name} took {} s", started.elapsed().as_secs());
    }
    Ok(())
}

fn cargo(root: &Path, words: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo).args(words).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", words.join(" ")) }
}

fn bench(root: &Path, words: &[String]) -> anyhow::Result<()> {
    cargo(root, &["build", "--release", "--locked", "-p", "usance-server", "--bins"])?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut whole = vec!["run", "--release", "--quiet", "--locked", "-p", "usance-server", "--bin", "usance-bench", "--"];
    whole.extend(words);
    cargo(root, &whole)
}
