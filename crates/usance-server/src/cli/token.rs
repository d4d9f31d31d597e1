//! `usance token`: make, list and revoke tokens; also while the server runs, which sees it within a second.

use crate::cli::output::Output;
use crate::cli::store_flags::StoreFlags;
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use std::process::ExitCode;
use usance_core::calendar::Timestamp;
use usance_core::id::is_outside_id;
use usance_engine::life::clock::EngineClock;
use usance_engine::people::secret_hash;
use usance_engine::random::random_bytes;
use usance_store::{Identities, IdentityStore, NewToken, Note, Role, TokenRecord};

/// Make, list and revoke the tokens with which programs and people come in.
#[derive(Args)]
pub struct Token {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Subcommand)]
enum TokenVerb {
    /// Make a token; its text is shown once and stored hashed.
    Create {
        #[command(flatten)]
        place: StoreFlags,
        /// What it may do.
        #[arg(long)]
        role: RoleFlag,
        /// Whose it is; idempotency keys are scoped to it.
        #[arg(long)]
        name: Option<String>,
        /// The customer, for `--role customer`.
        #[arg(long)]
        customer: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List tokens, newest first, without their text.
    List {
        #[command(flatten)]
        place: StoreFlags,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token by its number.
    Revoke {
        #[command(flatten)]
        place: StoreFlags,
        /// The number that `usance token list` shows.
        id: i64,
        #[command(flatten)]
        output: Output,
    },
}

/// A role as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleFlag {
    /// One customer.
    Customer,
    /// Acts for any customer, creates customers, deposits, withdraws.
    Service,
    /// All that, and products, rates, the clock, tokens; reads everything.
    Operator,
    /// Reads everything, writes nothing.
    Auditor,
}

impl From<RoleFlag> for Role {
    fn from(flag: RoleFlag) -> Self {
        match flag {
            RoleFlag::Customer => Role::Customer,
            RoleFlag::Service => Role::Service,
            RoleFlag::Operator => Role::Operator,
            RoleFlag::Auditor => Role::Auditor,
        }
    }
}

impl Token {
    /// Whether JSON was asked for.
    #[must_use]
    pub const fn json(&self) -> bool {
        match &self.verb {
            TokenVerb::Create { output, .. } | TokenVerb::List { output, .. } | TokenVerb::Revoke { output, .. } => output.json,
        }
    }
}

fn people(place: &StoreFlags) -> anyhow::Result<Box<dyn IdentityStore>> {
    let home = place.home().context("there is no data directory yet; `usance serve` or `usance demo` makes one")?;
    Ok(home.people()?)
}

/// The people, to be changed: a copy is then no longer what its note says.
fn people_to_change(place: &StoreFlags) -> anyhow::Result<Box<dyn IdentityStore>> {
    if place.server.store.is_none() {
        Note::forget(&place.data)?;
    }
    people(place)
}

fn shown(record: &TokenRecord) -> serde_json::Value {
    serde_json::json!({
        "id": record.id.to_string(), "name": record.name, "role": record.role.to_string(), "customer": record.customer,
        "created_at": Timestamp::from_ms(record.created_at_ms).to_string(),
        "revoked_at": record.revoked_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
    })
}

/// Makes a token with random text and stores its hash.
///
/// # Errors
/// As the file answers.
pub fn make(people: &(impl Identities + ?Sized), name: &str, role: Role, customer: Option<&str>) -> anyhow::Result<(String, TokenRecord)> {
    let text = format!("usance_{}", crate::wire::text::hex(&random_bytes::<32>()?));
    let token = NewToken { name: name.to_owned(), role, customer: customer.map(str::to_owned), hash: secret_hash(&text) };
    let record = people.add_token(&token, EngineClock::system().ms())?;
    Ok((text, record))
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verb: &Token) -> anyhow::Result<ExitCode> {
    match &verb.verb {
        TokenVerb::Create { place, role, name, customer, output } => {
            let role = Role::from(*role);
            if (role == Role::Customer) != customer.is_some() {
                bail!("--customer goes with --role customer, and only with it");
            }
            let name = name.clone().or_else(|| customer.clone()).unwrap_or_else(|| role.to_string());
            if !is_outside_id(&name, 64) || customer.as_ref().is_some_and(|id| !is_outside_id(id, 64)) {
                bail!("a name is 1 to 64 of A-Z a-z 0-9 . _ -");
            }
            let (text, record) = make(people_to_change(place)?.as_ref(), &name, role, customer.as_deref())?;
            if output.json {
                let mut line = shown(&record);
                line["token"] = serde_json::Value::String(text);
                println!("{line}");
            } else {
                println!("{text}");
                eprintln!("token {} for {} ({}); it is not shown again", record.id, record.name, record.role);
            }
        }
        TokenVerb::List { place, output } => {
            let tokens = people(place)?.tokens()?;
            if output.json {
                println!("{}", serde_json::Value::Array(tokens.iter().map(shown).collect()));
            } else {
                let mut table = comfy_table::Table::new();
                table.load_style(comfy_table::presets::NOTHING).set_header(["id", "name", "role", "customer", "created", "revoked"]);
                for token in &tokens {
                    let revoked = token.revoked_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()).unwrap_or_default();
                    let created = Timestamp::from_ms(token.created_at_ms).to_string();
                    table.add_row([
                        token.id.to_string(),
                        token.name.clone(),
                        token.role.to_string(),
                        token.customer.clone().unwrap_or_default(),
                        created,
                        revoked,
                    ]);
                }
                println!("{table}");
            }
        }
        TokenVerb::Revoke { place, id, output } => {
            if !people_to_change(place)?.revoke_token(*id, EngineClock::system().ms())? {
                bail!("there is no live token {id}");
            }
            if output.json {
                println!("{}", serde_json::json!({"id": id.to_string(), "revoked": true}));
            } else {
                println!("token {id} is revoked");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
