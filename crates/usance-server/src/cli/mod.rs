//! The command line: what can be typed, with help that a stranger understands.
//!
//! One file per verb; [`place`] is where the data lie, for all of them; `logging` is the service's own log. Every verb takes `--json`; progress is shown on a terminal only. Exit code 0 is success, 1 a clear
//! error or an unhealthy finding, 2 words that are not understood, 3 that something could not be verified.

pub mod accept_loss;
pub mod approve;
pub mod backup;
mod check;
pub mod demo;
pub mod examination;
pub mod export;
mod logging;
pub mod output;
pub mod person;
pub mod promote;
pub mod rate_flags;
pub mod remote;
mod replay;
pub mod restore;
pub mod secrets;
pub mod serve;
pub mod simulate;
pub mod steps;
pub mod store_flags;
pub mod token;
pub mod treasury;
pub mod verify;
mod ways_in;
pub mod world;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
pub use store_flags::StoreFlags;

/// Usance: the engine that an exchange runs to offer staking to its customers.
///
/// Start with `usance demo`: it makes a year of sample history and serves it.
#[derive(Parser)]
#[command(name = "usance", version, propagate_version = true)]
struct Words {
    #[command(subcommand)]
    verb: Verb,
}

/// Each explains itself in its own file.
#[derive(Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Token(token::Token),
    Secrets(secrets::SecretsVerbs),
    Verify(verify::Verify),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Promote(promote::Promote),
    AcceptLoss(accept_loss::AcceptLoss),
    Export(export::Export),
    Person(person::PersonVerbs),
    Approve(approve::Approve),
    Treasury(treasury::TreasuryVerbs),
    Simulate(simulate::Simulate),
}

/// Parses, runs, and turns the result into an exit code.
pub fn main() -> ExitCode {
    let words = Words::parse();
    let (done, json) = match words.verb {
        Verb::Serve(verb) => (serve::run(&verb), verb.output.json),
        Verb::Demo(verb) => (demo::run(&verb), verb.output.json),
        Verb::Token(verb) => (token::run(&verb), verb.json()),
        Verb::Secrets(verb) => (secrets::run(&verb), verb.json()),
        Verb::Verify(verb) => (verify::run(&verb), verb.output.json),
        Verb::Backup(verb) => (backup::run(&verb), verb.output.json),
        Verb::Restore(verb) => (restore::run(&verb), verb.output.json),
        Verb::Promote(verb) => (promote::run(&verb), verb.output.json),
        Verb::AcceptLoss(verb) => (accept_loss::run(&verb), verb.output.json),
        Verb::Export(verb) => (export::run(&verb), verb.output.json),
        Verb::Person(verb) => (person::run(&verb), verb.json()),
        Verb::Approve(verb) => (approve::run(&verb), verb.json()),
        Verb::Treasury(verb) => (treasury::run(&verb), verb.json()),
        Verb::Simulate(verb) => (simulate::run(&verb), verb.output.json),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            let sentence = sentence(&error);
            if json {
                println!("{}", serde_json::json!({"error": sentence}));
            } else {
                eprintln!("usance: {}", logging::in_one_line(&sentence));
            }
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it. Some errors name their cause themselves; it is said once.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}
