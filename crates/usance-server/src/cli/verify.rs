//! `usance verify`: run the whole log again, from the first record, and check everything against it.
//!
//! Owns the words, what is printed and the exit code. What is looked at, and how, is [`crate::cli::examination`]'s.

use crate::cli::examination::{Examination, KnownHead, Verdict, examine};
use crate::cli::output::{Output, progress};
use crate::cli::store_flags::StoreFlags;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code when nothing is wrong as far as was seen, and not everything could be.
const UNCHECKED: u8 = 3;

/// Run the whole log again and check everything against it.
///
/// Replays every record from the first, runs the audit, compares each snapshot and the read tables with what the log
/// gives, and derives every daily reward again. What differs is named: file, table, row, column, batch. Prints the head of
/// the hash chain: keep it elsewhere, and a log that was cut or edited shows against it with --head. Exit code 0 means
/// healthy, 1 that something is broken, 3 that something could not be checked (no room, no right, no answer) and nothing
/// else is broken. A running engine may go on; what it appends meanwhile is not looked at.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: StoreFlags,
    /// A head that was kept elsewhere: the log has to hold this batch with this hash.
    #[arg(long, value_name = "BATCH:HASH", value_parser = kept_head)]
    head: Option<KnownHead>,
    /// Where the read tables are built again, which takes about as much room as the stored ones [default: the system's
    /// directory for temporary files].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: Output,
}

fn kept_head(text: &str) -> Result<KnownHead, String> {
    let parts = text.split_once(':').and_then(|(batch, hash)| Some((batch.parse().ok()?, hash.to_ascii_lowercase())));
    match parts {
        Some((batch, hash)) if batch > 0 && hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(KnownHead { batch, hash, by: "the head that was kept" })
        }
        _ => Err("a batch, a colon and the 64 hexadecimal digits of its hash, as verify and backup print them".to_owned()),
    }
}

/// Runs the verb.
///
/// # Errors
/// When there is nothing to verify; a finding is not an error but exit code 1, what could not be checked is 3.
pub fn run(verb: &Verify) -> anyhow::Result<ExitCode> {
    // It lists the snapshots first: in this order a running engine cannot bring in one beyond the end.
    let found = match verb.place.visit() {
        Ok(visited) => {
            let bar = progress("running the log", visited.length(), verb.output);
            let found = examine(&visited, verb.head.clone(), verb.scratch.as_deref(), |seq| bar.set_position(seq))?;
            bar.finish_and_clear();
            found
        }
        Err(error) => Examination::unopened("it can be looked at", error)?,
    };
    if verb.output.json {
        println!("{}", as_json(&found));
    } else {
        tell(&found);
    }
    Ok(code(&found))
}

/// The exit code of what was found.
pub(super) fn code(found: &Examination) -> ExitCode {
    match (found.is_healthy(), found.is_broken()) {
        (true, _) => ExitCode::SUCCESS,
        (_, true) => ExitCode::FAILURE,
        _ => ExitCode::from(UNCHECKED),
    }
}

/// What was found, as JSON.
pub(super) fn as_json(found: &Examination) -> serde_json::Value {
    let listed: Vec<_> = found
        .checks
        .iter()
        .map(|check| {
            let holds = (check.verdict != Verdict::Unchecked).then_some(check.verdict == Verdict::Holds);
            serde_json::json!({"name": check.name, "holds": holds, "figures": check.seen})
        })
        .collect();
    let hash = found.head.map(|head| crate::wire::text::hex(&head.hash));
    let head = serde_json::json!({"batch": found.head.map(|head| head.seq), "hash": hash});
    serde_json::json!({"healthy": found.is_healthy(), "checks": listed, "head": head})
}

/// Says what was found.
pub(super) fn tell(found: &Examination) {
    for check in &found.checks {
        let word = match check.verdict {
            Verdict::Holds => "ok    ",
            Verdict::Broken => "BROKEN",
            Verdict::Unchecked => "?     ",
        };
        println!("{word} {}\n       {}", check.name, check.seen);
    }
    if let Some(head) = found.head {
        println!("\nhead: batch {} {}", head.seq, crate::wire::text::hex(&head.hash));
    }
    println!(
        "{}",
        match (found.is_healthy(), found.is_broken()) {
            (true, _) => "healthy",
            (_, true) => "NOT HEALTHY",
            _ => "NOT EVERYTHING COULD BE CHECKED: nothing is wrong as far as was seen",
        }
    );
}
