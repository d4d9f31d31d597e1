//! `usance secrets`: the keys that seal second factors and repeated secrets, made, looked at and changed.

use crate::cli::output::Output;
use crate::cli::store_flags::StoreFlags;
use anyhow::Context;
use clap::{Args, Subcommand};
use std::path::Path;
use std::process::ExitCode;
use usance_engine::people::keys::{Reason, Resealed, change, today};
use usance_store::secrets::Key;
use usance_store::{IdentityStore, Note, SealedPlace, Secrets, secrets_file};

/// Make, look at and change the keys that seal second factors and repeated secrets.
///
/// They lie in a file of their own, apart from the data and from every backup of them. Every instance of a platform has the same
/// file. Keep a copy where no copy of the data lies: without it nobody's second factor can be checked any more.
#[derive(Args)]
pub struct SecretsVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a secrets file, for its owner alone. `usance serve` does so at the first start.
    Create {
        #[command(flatten)]
        place: StoreFlags,
        #[command(flatten)]
        output: Output,
    },
    /// Tell how old the keys are, what they seal, and which tokens have to be replaced. Shows no key.
    Status {
        #[command(flatten)]
        place: StoreFlags,
        #[command(flatten)]
        output: Output,
    },
    /// Seal everything with a new key, and put it into the file in the place of the others.
    ///
    /// Processes that run on the same file follow within a second. On other machines copy the file over: until then those check no
    /// second factor and say so. Signed forms, cursors and tickets that are open end: pages are loaded anew, lists are begun anew, and
    /// known devices count as new ones.
    Rotate {
        #[command(flatten)]
        place: StoreFlags,
        /// Somebody else may have the keys and a copy of the data: sealed answers are forgotten, and the tokens that they showed and the
        /// customers whose second factors are to be set anew are named.
        #[arg(long)]
        leaked: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Make a new file in the place of one that is lost, and name the second factors that cannot be checked any more.
    Replace {
        #[command(flatten)]
        place: StoreFlags,
        #[command(flatten)]
        output: Output,
    },
}

impl SecretsVerbs {
    /// Whether JSON was asked for.
    #[must_use]
    pub const fn json(&self) -> bool {
        match &self.verb {
            Verb::Create { output, .. } | Verb::Status { output, .. } | Verb::Rotate { output, .. } | Verb::Replace { output, .. } => {
                output.json
            }
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verbs: &SecretsVerbs) -> anyhow::Result<ExitCode> {
    match &verbs.verb {
        Verb::Create { place, output } => create(&place.secrets_file()?, *output),
        Verb::Status { place, output } => status(place, *output),
        Verb::Rotate { place, leaked, output } => {
            let reason = if *leaked { Reason::Leaked } else { Reason::Due };
            changed(&place.secrets_file()?, &change(&place.secrets_file()?, people(place)?.as_mut(), reason)?, *output)
        }
        Verb::Replace { place, output } => {
            changed(&place.secrets_file()?, &change(&place.secrets_file()?, people(place)?.as_mut(), Reason::Lost)?, *output)
        }
    }
}

/// The people, to be changed: a copy is then no longer what its note says.
fn people(place: &StoreFlags) -> anyhow::Result<Box<dyn IdentityStore>> {
    let home = place.home().context("there is no data directory yet; `usance serve` makes one")?;
    if place.server.store.is_none() {
        Note::forget(&place.data)?;
    }
    Ok(home.people()?)
}

fn create(path: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let secrets = Secrets::new(Key::random(today())?, Vec::new());
    secrets_file::create(path, &secrets)?;
    let key = secrets.in_force().fingerprint().to_string();
    if output.json {
        println!("{}", serde_json::json!({"secrets": path.display().to_string(), "key": key}));
    } else {
        println!("made {} with key {key}", path.display());
        println!("every instance of the platform gets this file; keep a copy where no copy of the data lies");
    }
    Ok(ExitCode::SUCCESS)
}

fn status(place: &StoreFlags, output: Output) -> anyhow::Result<ExitCode> {
    let path = place.secrets_file()?;
    let file = secrets_file::read(&path)?;
    let people = place.home()?.people_to_read()?;
    let (stored, sealed) = (people.sealing_key()?, people.sealed()?);
    let factors = sealed.iter().filter(|item| matches!(item.place, SealedPlace::SecondFactor(_))).count();
    let now = usance_engine::life::clock::EngineClock::system().ms();
    let exposed: Vec<i64> = people.tokens()?.iter().filter(|token| token.is_exposed && token.is_live(now)).map(|token| token.id).collect();
    let in_force = file.as_ref().zip(stored).and_then(|(file, stored)| file.with_in_force(stored));
    let age = in_force.as_ref().map(|secrets| today().since(secrets.in_force().made_on));
    let current = in_force.as_ref().map(|secrets| sealed.iter().filter(|item| secrets.is_current(&item.bytes)).count());
    if output.json {
        println!(
            "{}",
            serde_json::json!({
                "secrets": path.display().to_string(), "file": file.is_some(), "key": stored.map(|key| key.to_string()),
                "opens": in_force.is_some(), "age_days": age, "second_factors": factors, "answers": sealed.len() - factors,
                "sealed_with_it": current, "tokens_to_replace": exposed,
            })
        );
    } else {
        let key = stored.map_or_else(|| "none yet".to_owned(), |key| key.to_string());
        println!("{}: {}", path.display(), if in_force.is_some() { "opens this store" } else { "does not open this store" });
        println!("key in force: {key}{}", age.map(|days| format!(", {days} days old")).unwrap_or_default());
        println!("it seals {factors} second factors and the secrets of {} answers", sealed.len() - factors);
        if !exposed.is_empty() {
            println!("tokens to replace: {}", exposed.iter().map(i64::to_string).collect::<Vec<_>>().join(", "));
        }
    }
    Ok(if in_force.is_some() || stored.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn changed(path: &Path, done: &Resealed, output: Output) -> anyhow::Result<ExitCode> {
    let Resealed { sealed, factors, answers, tokens } = done;
    if output.json {
        println!(
            "{}",
            serde_json::json!({
                "secrets": path.display().to_string(), "sealed": sealed, "second_factors_to_set_anew": factors,
                "answers_forgotten": answers, "tokens_to_replace": tokens,
            })
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: {sealed} secrets are sealed with a new key; keep a copy of the file", path.display());
    if *answers > 0 {
        println!("{answers} answers cannot show their secret again; {tokens} tokens among them have to be replaced (`usance token list`)");
    }
    if !factors.is_empty() {
        println!("second factors to set anew, {}:", factors.len());
        factors.iter().for_each(|customer| println!("  {customer}"));
    }
    Ok(ExitCode::SUCCESS)
}
