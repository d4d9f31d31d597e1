//! `usance demo`: a sample platform with a year of history, ready to be looked at.

use crate::app::Script;
use crate::cli::approve::{make_key, read_key};
use crate::cli::output::{Output, progress};
use crate::cli::serve::{Entry, Serving, open, serve};
use crate::cli::world::{World, customer_id};
use crate::cli::{logging, token};
use crate::wire::listen::Entrance;
use anyhow::bail;
use clap::Args;
use clap::builder::FalseyValueParser;
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::verb::ProductText;
use usance_core::machine::{Answer, Event, Executed, State};
use usance_core::money::Rate;
use usance_core::person::{PublicKey, Signature};
use usance_core::product::{ExitTerms, Kind, StakingTerms, YieldTerms};
use usance_engine::life::clock::EngineClock;
use usance_engine::life::settings::SHARD;
use usance_engine::people::keys::Keyring;
use usance_engine::{Engine, Settings};
use usance_store::codec::Record;
use usance_store::random::random_bytes;
use usance_store::{
    BatchBuilder, DataDirectory, Head, LogStore, NewToken, Role, SqliteIdentities, SqliteLog, codec, files, remove_database, secrets_file,
};
use usance_workload::sample::{self, Signers};

/// Customers of the sample platform.
const CUSTOMERS: u64 = 300;
/// Days of its history.
const DAYS: i32 = 365;
/// Records in one batch of the sample log.
const BATCH_RECORDS: usize = 1024;
/// The most that their file can hold.
const TOKENS_BYTES_MAX: u64 = 1 << 16;
/// Where the tokens of the demo are kept, for the second start.
const TOKENS: &str = "demo-tokens.json";
/// Their name while the sample is being made.
const UNFINISHED: &str = "demo-tokens.json.partial";

/// Make a sample platform with a year of history on a simulated clock, and serve it.
///
/// A second start continues where the first one was.
#[derive(Args, Debug)]
pub struct Demo {
    /// The data directory of the demo.
    #[arg(long, value_name = "DIR", env = "USANCE_DATA", default_value = "usance-demo")]
    data: PathBuf,
    /// The file with the keys that seal what of it is secret [default: beside the data directory, DIR.secrets].
    #[arg(long, value_name = "FILE", env = "USANCE_SECRETS_FILE")]
    secrets: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
    /// Serve it also where others than this machine can reach it: anybody may enter as a sample customer and move the clock.
    #[arg(long, env = "USANCE_I_KNOW_EVERYBODY_CAN_ENTER", value_parser = FalseyValueParser::new())]
    i_know_everybody_can_enter: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// The tokens of the demo.
#[derive(Debug, Deserialize, Serialize)]
struct Tokens {
    operator: String,
    customers: Vec<(String, String)>,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verb: &Demo) -> anyhow::Result<ExitCode> {
    let output = verb.output;
    // The demo talks to a person; the service's own log is for warnings here.
    logging::start(verb.serving.log_json, Some("warn"));
    let listen = verb.serving.listen;
    if !listen.ip().to_canonical().is_loopback() && !verb.i_know_everybody_can_enter {
        bail!(
            "anybody may enter a demo and move its clock, and at {listen} others than this machine can reach it: \
             listen on 127.0.0.1, or add --i-know-everybody-can-enter"
        );
    }
    let door = Entrance::at(verb.serving.listen, &verb.serving.connections)?;
    let tokens_path = verb.data.join(TOKENS);
    if !tokens_path.exists() {
        make(&verb.data, output)?;
    }
    let tokens: Tokens = serde_json::from_slice(&files::read(&tokens_path, TOKENS_BYTES_MAX)?)?;
    let opening = open(&Settings::new(&verb.data), output)?;
    let sample_customers = tokens.customers.iter().map(|(id, _)| id.clone()).collect();
    let tomorrow = next_midnight(&opening.engine);
    // A demo of an earlier release has no treasury and no keys: nothing goes on in it by itself.
    let has_keys = sample::PEOPLE.iter().all(|name| verb.data.join(key_file(name)).exists());
    let signers = has_keys.then(|| Keys::of(&verb.data)).transpose()?;
    let script = signers.map(|keys| Script(Arc::new(move |state: &State, now: Timestamp| sample::next(state, now, &keys, true))));
    let keys = Keyring::at(verb.secrets.clone().unwrap_or_else(|| secrets_file::beside_data(&verb.data)));
    let entry = Entry { bootstrap: None, sample_customers, script, keys };
    serve(opening, door, &verb.serving, entry, move |address, _| tell(address, &tokens, tomorrow, output))
}

/// What the sample products are on: the flexible ones of staked coins pass the network's yield on, and who leaves ETH may have to wait.
fn terms(product: &ProductText) -> StakingTerms {
    let is_staked = ["ETH", "SOL"].contains(&product.asset.as_str());
    let passes_on = is_staked && product.kind == Kind::Flexible;
    let step = Rate::parse("0.002").unwrap_or_default();
    StakingTerms {
        exit: if product.asset == QUEUED.0 { ExitTerms::MayQueue } else { ExitTerms::Instant },
        yields: if passes_on { YieldTerms::Network { over_days: 7, step } } else { YieldTerms::Reference },
        ..StakingTerms::default()
    }
}

/// Of what somebody waits in line at the end of the sample: the asset, and the network's name and address.
const QUEUED: (&str, &str, &str) = ("ETH", sample::QUEUED.0, sample::QUEUED.1);

/// The file with the key of one of the two people who look after the sample treasury.
fn key_file(name: &str) -> String {
    format!("{name}.pem")
}

/// The keys of the two people; they lie beside the data, for whoever looks at a demo may sign, too.
struct Keys(Vec<(&'static str, SigningKey)>);

impl Keys {
    fn of(data: &Path) -> anyhow::Result<Keys> {
        let keys = sample::PEOPLE.into_iter().map(|name| Ok((name, read_key(&data.join(key_file(name)))?)));
        Ok(Keys(keys.collect::<anyhow::Result<_>>()?))
    }
    fn key(&self, name: &str) -> Option<&SigningKey> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, key)| key)
    }
}

impl Signers for Keys {
    fn public_key(&self, name: &str) -> Option<PublicKey> {
        PublicKey::from_bytes(self.key(name)?.verifying_key().to_bytes()).ok()
    }
    fn sign(&self, name: &str, text: &str) -> Option<Signature> {
        Some(Signature::from_bytes(self.key(name)?.sign(text.as_bytes()).to_bytes()))
    }
}

/// Builds the sample platform. It is finished when the tokens have their name; a start that was cut off begins again.
fn make(data: &Path, output: Output) -> anyhow::Result<()> {
    let directory = DataDirectory::open_exclusive(data)?;
    let unfinished = data.join(UNFINISHED);
    if unfinished.exists() {
        remove_database(&directory.log())?;
        remove_database(&directory.people())?;
        for key in sample::PEOPLE.map(|name| data.join(key_file(name))).into_iter().filter(|key| key.exists()) {
            files::remove(&key)?;
        }
    }
    let mut log = SqliteLog::open(&directory.log())?;
    if log.head(SHARD)?.is_some() {
        bail!("{} holds another platform; name another directory with --data", data.display());
    }
    files::replace(&unfinished, &[])?;
    for name in sample::PEOPLE {
        make_key(&data.join(key_file(name)))?;
    }
    let signers = Keys::of(data)?;
    let offset = DayOffset::default();
    let today = offset.day_of(EngineClock::system());
    let created_at = offset.first_instant(today.plus_days(-DAYS));
    let platform = Platform { shard: SHARD, offset, clock: ClockMode::Simulated, created_at, seed: random_bytes()? };
    let mut journal = Journal { builder: BatchBuilder::new(), head: Head::GENESIS, last_at: created_at, log: &mut log, failed: None };
    journal.put(created_at, Executed { events: vec![Event::PlatformCreated(Box::new(platform.clone()))], outcome: Ok(Answer::Done) });
    let bar = progress("living a year", DAYS.unsigned_abs().into(), output);
    {
        let script = |state: &State, now: Timestamp| sample::next(state, now, &signers, false);
        let mut record = |at: Timestamp, executed: Executed| journal.put(at, executed);
        let mut world = World::new(State::new(platform), 20_261_120, &mut record);
        world.found(terms);
        world.beside(&script);
        for day in 0..DAYS.unsigned_abs().into() {
            // Most customers come early; everybody is there after ten months.
            let (joined, joining) = ((day * CUSTOMERS / 300).min(CUSTOMERS), ((day + 1) * CUSTOMERS / 300).min(CUSTOMERS));
            let first = if day == 0 { 0 } else { joined.max(3) };
            world.live_day(first..joining.max(3), 8 + day / 20);
            bar.inc(1);
        }
        world.launch();
        world.queue_up(QUEUED.0, QUEUED.1, QUEUED.2);
        world.go_on();
    }
    journal.flush();
    if let Some(reason) = journal.failed {
        bail!("writing the sample log: {reason}");
    }
    bar.finish_and_clear();
    let mut people = SqliteIdentities::open(&directory.people())?;
    let operator = token::make(&mut people, NewToken::plain("demo-operator", Role::Operator, None))?.0;
    let mut customers = Vec::new();
    for number in 0..3 {
        let id = customer_id(number);
        let text = token::make(&mut people, NewToken::plain(&id, Role::Customer, Some(&id)))?.0;
        customers.push((id, text));
    }
    files::replace(&data.join(TOKENS), &serde_json::to_vec_pretty(&Tokens { operator, customers })?)?;
    Ok(files::remove(&unfinished)?)
}

/// Writes what happens into the log, many records a batch.
struct Journal<'a> {
    builder: BatchBuilder,
    head: Head,
    last_at: Timestamp,
    log: &'a mut SqliteLog,
    failed: Option<String>,
}

impl Journal<'_> {
    fn put(&mut self, at: Timestamp, executed: Executed) {
        let record = Record { outcome: executed.outcome, ..Record::of_engine(at, executed.events) };
        let mut bytes = Vec::new();
        let written = codec::encode(&record, &mut bytes)
            .map_err(|error| error.to_string())
            .and_then(|()| self.builder.push(&bytes).map_err(|error| error.to_string()));
        if let Err(reason) = written {
            self.failed.get_or_insert(reason);
        }
        self.last_at = at;
        if self.builder.len() >= BATCH_RECORDS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.builder.is_empty() || self.failed.is_some() {
            return;
        }
        let builder = std::mem::take(&mut self.builder);
        let appended = builder
            .seal(SHARD, self.head.seq + 1, self.last_at.ms(), self.head.hash)
            .map_err(|error| error.to_string())
            .and_then(|batch| {
                self.log.append(self.head.seq, &batch).into_result(self.head.seq).map(|()| batch.head()).map_err(|error| error.to_string())
            });
        match appended {
            Ok(head) => self.head = head,
            Err(reason) => self.failed = Some(reason),
        }
    }
}

fn tell(address: std::net::SocketAddr, tokens: &Tokens, tomorrow: Timestamp, output: Output) -> anyhow::Result<()> {
    if output.json {
        let customers: serde_json::Map<String, serde_json::Value> =
            tokens.customers.iter().map(|(id, text)| (id.clone(), text.clone().into())).collect();
        println!(
            "{}",
            serde_json::json!({"listening": address.to_string(), "url": format!("http://{address}"), "operator": tokens.operator, "customers": customers})
        );
        return Ok(());
    }
    let alice = tokens.customers.first().map_or("", |(_, text)| text);
    println!("Usance demo: {CUSTOMERS} customers, a year of history, a clock that stands still until you move it.\n");
    println!("  app       http://{address}/sign-in   (enter as alice, bob or carol, no password)");
    println!("  contract  http://{address}/docs");
    println!("  operator  {}", tokens.operator);
    for (id, text) in &tokens.customers {
        println!("  {id:<9} {text}");
    }
    println!("\nOpen the app in a browser. Three things to try in another terminal:\n");
    println!("  curl -s http://{address}/v1/products");
    println!("  curl -s -H 'Authorization: Bearer {alice}' http://{address}/v1/accounts");
    println!("  curl -s -X POST http://{address}/v1/operator/clock -H 'Authorization: Bearer {}' \\", tokens.operator);
    // A key of its own for each day: a start after that day asks for something else.
    let key = format!("tomorrow-{}", tomorrow.ms());
    println!("       -H 'Idempotency-Key: {key}' -H 'Content-Type: application/json' -d '{{\"to\": \"{tomorrow}\"}}'");
    println!("\nStop with Ctrl-C; a second start continues where this one was.");
    Ok(())
}

/// The first instant of the day after the one at which the clock of the demo stands, wherever it was moved before.
fn next_midnight(engine: &Engine) -> Timestamp {
    engine.peek(|state| state.registry.platform.offset.first_instant(state.registry.open_day.next()))
}
