//! The project's own chores: `cargo xtask ci` and `cargo xtask ci --long` are everything CI runs, `tidy` holds the rules of the house as data, `bench`
//! prints the figures, `soak` loads and kills a real engine for an hour, `attack` tries its doors.

mod ci;
mod deny;
mod dependencies;
mod glossary;
mod packages;
mod places;
mod planted;
mod schemathesis;
mod tidy;

use clap::{Parser, Subcommand};
use places::{cargo, root};
use std::path::Path;

/// Chores of the Usance repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Words {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// The quick part: format, house rules, lints, every test, documents. With `--long` the part that attacks what was built.
    Ci {
        /// The long part: soak, attack, planted bugs, schemathesis, a third kind of product, fuzz targets, what comes in from outside.
        #[arg(long)]
        long: bool,
        /// One step of either part, by its name.
        #[arg(long, value_name = "STEP")]
        only: Option<String>,
        /// Run nothing; print one table of what both parts took when they were last run here.
        #[arg(long, conflicts_with_all = ["long", "only"])]
        times: bool,
    },
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
    /// Plant known bugs in a copy of the tree, one at a time: the simulator has to find each.
    Planted(planted::Words),
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
    /// Attack a real engine that is started for it, on this machine alone; the parts follow; `attack -- --help` lists them.
    Attack {
        /// For example `pages shapes`, or `-- --seconds 30`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// A real engine on PostgreSQL servers under Patroni, whose leader hands over, is killed and freezes; `patroni -- --help` lists words.
    Patroni {
        /// For example `-- --freezes 10`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    let root = root()?;
    match Words::parse().chore {
        Chore::Ci { times: true, .. } => ci::times(&root),
        Chore::Ci { only: Some(step), .. } => ci::run_only(&root, &step),
        Chore::Ci { long: true, .. } => ci::run(&root, ci::Part::Long),
        Chore::Ci { .. } => ci::run(&root, ci::Part::Quick),
        Chore::Deny => deny::check(&root),
        Chore::Tidy { print_rooms: false } => tidy::check(&root),
        Chore::Tidy { print_rooms: true } => {
            println!("{}", tidy::printed_rooms());
            Ok(())
        }
        Chore::Planted(words) => planted::run(&root, &words),
        Chore::Bench { words } => release(&root, ("usance-server", "usance-bench"), &words),
        Chore::Soak { words } => release(&root, ("usance-soak", "usance-soak"), &words),
        Chore::Attack { words } => release(&root, ("usance-soak", "usance-attack"), &words),
        Chore::Patroni { words } => {
            packages::ensure_cluster()?;
            release(&root, ("usance-soak", "usance-patroni"), &words)
        }
        Chore::Schemathesis => {
            cargo(&root, &["build", "--locked", "-p", "usance-server", "--bin", "usance"])?;
            schemathesis::run(&root)
        }
    }
}

/// Runs a program of ours, built for speed as the engine beside it is.
fn release(root: &Path, (package, program): (&str, &str), words: &[String]) -> anyhow::Result<()> {
    cargo(root, &["build", "--release", "--locked", "-p", "usance-server", "-p", package, "--bins"])?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut whole = vec!["run", "--release", "--quiet", "--locked", "-p", package, "--bin", program, "--"];
    whole.extend(words);
    cargo(root, &whole)
}
