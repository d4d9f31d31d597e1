//! `usance token`: make, list and revoke tokens; also while the server runs, which sees it within a second.

use crate::cli::output::Output;
use crate::cli::store_flags::StoreFlags;
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use std::process::ExitCode;
use usance_core::calendar::Timestamp;
use usance_core::id::is_outside_id;
use usance_engine::life::clock::EngineClock;
use usance_engine::operations::token::{BOOTSTRAP_NAME, DAY_MS};
use usance_engine::people::{secret_hash, token_secret};
use usance_store::actor::Actor;
use usance_store::random::random_bytes;
use usance_store::{
    IdentityStore, NewSecurityEvent, NewToken, Note, Role, Scope, Scopes, SecurityKind, StoreError, TokenRecord, atomically,
};

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
        /// What of its role's rights it has, with commas; all of them when left out. A service has wallet, identity, acting, reading,
        /// a customer acting, reading.
        #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// For how many days it opens something; for ever when left out.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
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
    /// The exchange's backend: what of its scopes it has.
    Service,
    /// All that a service may, and products, rates, the clock, tokens; reads everything.
    Operator,
    /// Reads everything, writes nothing.
    Auditor,
    /// Carries out a treasury's orders and says what networks show.
    Treasury,
}

impl From<RoleFlag> for Role {
    fn from(flag: RoleFlag) -> Self {
        match flag {
            RoleFlag::Customer => Role::Customer,
            RoleFlag::Service => Role::Service,
            RoleFlag::Operator => Role::Operator,
            RoleFlag::Auditor => Role::Auditor,
            RoleFlag::Treasury => Role::Treasury,
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
        "scopes": scopes_of(record), "replace": record.is_exposed,
        "created_at": Timestamp::from_ms(record.created_at_ms).to_string(),
        "expires_at": record.expires_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
        "revoked_at": record.revoked_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
    })
}

/// What of its role's rights a token has, where the role has parts.
fn scopes_of(record: &TokenRecord) -> Option<Vec<&'static str>> {
    let has = |scope: &Scope| scope.is_of(record.role) && record.scopes.has(*scope);
    matches!(record.role, Role::Service | Role::Customer)
        .then(|| Scope::ALL.iter().filter(|scope| has(scope)).map(|scope| scope.as_str()).collect())
}

/// Makes a token with random text and stores its hash in place of the one that is given.
///
/// # Errors
/// As the store answers.
pub fn make(people: &mut dyn IdentityStore, token: NewToken) -> anyhow::Result<(String, TokenRecord)> {
    let text = token_secret(&random_bytes()?);
    let (token, now) = (NewToken { hash: secret_hash(&text), ..token }, EngineClock::system().ms());
    let record = atomically(people, |people| -> Result<TokenRecord, StoreError> {
        let record = people.add_token(&token, now)?;
        people.add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenMade, &record, Some(Actor::COMMAND_LINE)), now)?;
        Ok(record)
    })?;
    Ok((text, record))
}

/// Revokes a token by its number; `false` where there is no live one.
fn revoke(people: &mut dyn IdentityStore, id: i64) -> Result<bool, StoreError> {
    let now = EngineClock::system().ms();
    atomically(people, |people| {
        let revoked = people.revoke_token(id, now)?;
        if let Some(record) = people.token(id)?.filter(|_| revoked) {
            people
                .add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenRevoked, &record, Some(Actor::COMMAND_LINE)), now)?;
        }
        Ok(revoked)
    })
}

/// What the words say of a new token.
fn asked(role: Role, name: &str, customer: Option<&str>, scopes: &[Scope], days: Option<u32>) -> anyhow::Result<NewToken> {
    if !is_outside_id(name, 64) || customer.is_some_and(|id| !is_outside_id(id, 64)) {
        bail!("a name is 1 to 64 of A-Z a-z 0-9 . _ -");
    }
    if name == BOOTSTRAP_NAME {
        bail!("{BOOTSTRAP_NAME} is the name of the environment's token");
    }
    if let Some(other) = scopes.iter().find(|scope| !scope.is_of(role)) {
        bail!("--scopes: {} is no part of what a token of role {role} may do", other.as_str());
    }
    let scopes = if scopes.is_empty() { Scopes::ALL } else { scopes.iter().copied().collect() };
    let expires_at_ms = days.map(|days| EngineClock::system().ms() + i64::from(days) * DAY_MS);
    Ok(NewToken { scopes, expires_at_ms, ..NewToken::plain(name, role, customer) })
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verb: &Token) -> anyhow::Result<ExitCode> {
    match &verb.verb {
        TokenVerb::Create { place, role, name, customer, scopes, days, output } => {
            let role = Role::from(*role);
            if (role == Role::Customer) != customer.is_some() {
                bail!("--customer goes with --role customer, and only with it");
            }
            let name = name.clone().or_else(|| customer.clone()).unwrap_or_else(|| role.to_string());
            let token = asked(role, &name, customer.as_deref(), scopes, *days)?;
            let (text, record) = make(people_to_change(place)?.as_mut(), token)?;
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
                println!("{}", listed(&tokens));
            }
        }
        TokenVerb::Revoke { place, id, output } => {
            if !revoke(people_to_change(place)?.as_mut(), *id)? {
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

/// Tokens as a table.
fn listed(tokens: &[TokenRecord]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    let head = ["id", "name", "role", "scopes", "customer", "created", "expires", "revoked", ""];
    table.load_style(comfy_table::presets::NOTHING).set_header(head);
    let at = |ms: Option<i64>| ms.map(|ms| Timestamp::from_ms(ms).to_string()).unwrap_or_default();
    for token in tokens {
        table.add_row([
            token.id.to_string(),
            token.name.clone(),
            token.role.to_string(),
            scopes_of(token).map(|scopes| scopes.join(",")).unwrap_or_default(),
            token.customer.clone().unwrap_or_default(),
            at(Some(token.created_at_ms)),
            at(token.expires_at_ms),
            at(token.revoked_at_ms),
            if token.is_exposed { "replace it".to_owned() } else { String::new() },
        ]);
    }
    table
}
