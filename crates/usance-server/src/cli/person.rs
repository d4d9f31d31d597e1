//! `usance person`: who proposes and approves what no single hand may do.

use crate::cli::output::Output;
use crate::cli::remote::RemoteFlags;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Register, list and remove the people who propose and approve.
///
/// A person is a name and a public key; `usance approve keygen` makes the key. The first two are registered at once. From then on two
/// people decide who comes and who goes: the verb makes a proposal, and `usance approve` signs it.
#[derive(Args)]
pub struct PersonVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Register a person, or propose it where two people are there already.
    Add {
        #[command(flatten)]
        remote: RemoteFlags,
        /// The name: letters, digits, and . _ -
        name: String,
        /// The public key that `usance approve keygen` printed: 64 hexadecimal digits.
        #[arg(long, value_name = "KEY")]
        public_key: String,
        #[command(flatten)]
        output: Output,
    },
    /// List everybody, removed ones too.
    List {
        #[command(flatten)]
        remote: RemoteFlags,
        #[command(flatten)]
        output: Output,
    },
    /// Propose that a person signs nothing more.
    Remove {
        #[command(flatten)]
        remote: RemoteFlags,
        /// The name.
        name: String,
        #[command(flatten)]
        output: Output,
    },
}

impl PersonVerbs {
    /// Whether JSON was asked for.
    #[must_use]
    pub const fn json(&self) -> bool {
        match &self.verb {
            Verb::Add { output, .. } | Verb::List { output, .. } | Verb::Remove { output, .. } => output.json,
        }
    }
}

/// How many people decide alone.
const TWO: usize = 2;

/// Runs the verb.
///
/// # Errors
/// With a sentence, as the server answers.
pub fn run(verb: &PersonVerbs) -> anyhow::Result<ExitCode> {
    match &verb.verb {
        Verb::Add { remote, name, public_key, output } => {
            let remote = remote.open()?;
            let there = remote.list("/v1/operator/people")?.iter().filter(|person| person["removed_at"].is_null()).count();
            if there < TWO {
                let person = remote.post("/v1/operator/people", &json!({"name": name, "public_key": public_key}))?;
                let text = format!("{name} is registered since {}", word(&person, "registered_at"));
                say(*output, &person, &text);
            } else {
                let matter = json!({"kind": "register_person", "name": name, "public_key": public_key});
                proposed(*output, &remote.post("/v1/operator/proposals", &json!({"matter": matter}))?);
            }
        }
        Verb::List { remote, output } => {
            let people = remote.open()?.list("/v1/operator/people")?;
            let lines = people.iter().map(|person| {
                let since = word(person, "registered_at");
                let until = person["removed_at"].as_str().map_or_else(String::new, |at| format!(", removed {at}"));
                format!("{}  {}  since {since}{until}", word(person, "name"), word(person, "public_key"))
            });
            let lines: Vec<String> = lines.collect();
            say(*output, &json!(people), if lines.is_empty() { "nobody yet" } else { "" });
            if !output.json {
                lines.iter().for_each(|line| println!("{line}"));
            }
        }
        Verb::Remove { remote, name, output } => {
            let matter = json!({"kind": "remove_person", "name": name});
            proposed(*output, &remote.open()?.post("/v1/operator/proposals", &json!({"matter": matter}))?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says that something waits for signatures.
pub fn proposed(output: Output, proposal: &Value) {
    let number = word(proposal, "proposal_id");
    let text =
        format!("proposal {number} waits for two signatures until {}: usance approve {number} --key FILE", word(proposal, "expires_at"));
    say(output, proposal, &text);
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// Prints an answer: as JSON, or as a sentence unless it is empty.
pub fn say(output: Output, answer: &Value, text: &str) {
    if output.json {
        println!("{answer}");
    } else if !text.is_empty() {
        println!("{text}");
    }
}
