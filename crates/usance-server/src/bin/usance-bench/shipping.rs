//! Moving a platform: a restore into PostgreSQL, and shipping from there into a copy, once with everything and then with what is new.

use crate::measure::{Meter, Spent};
use crate::memory::founding;
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;
use usance_core::calendar::{Day, DayOffset};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::{Answer, Event, Executed, State, execute};
use usance_store::codec::{self, Record};
use usance_store::identity_dump::KeptAnswer;
use usance_store::postgres::local::LocalServer;
use usance_store::soundness::people_hashes;
use usance_store::{
    BatchBuilder, DataDirectory, Head, Home, Identities, IdentityStore, LogMove, Note, People, Postgres, PostgresIdentities, Remembered,
    SqliteIdentities, SqliteLog,
};

/// Batches of one record each.
const BATCHES: usize = 100_000;
/// Answers that are given between two runs of shipping: a busy minute.
const GIVEN: u64 = 1_000;
/// Milliseconds in which the answers were given: the time for which keys are kept.
const KEPT_MS: u64 = 72 * 3_600_000;

/// Runs all of it with a binary of this release, or of another one.
pub fn run(binary: &Path, answers: u64) -> anyhow::Result<()> {
    println!(
        "\nmoving a platform of {BATCHES} batches of one record and {answers} remembered answers (PostgreSQL on the same cores, fsync on)"
    );
    let server = LocalServer::start(&["shared_buffers = '512MB'", "max_wal_size = '4GB'"]).context("a PostgreSQL server")?;
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    let source = at("source");
    let head = platform(&source, answers)?;
    let (store, copy) = (server.address("usance"), at("copy"));
    let usance =
        |words: &[&str]| timed(Command::new(binary).args(words).env("USANCE_SECRETS_FILE", at("none")).current_dir(directory.path()));
    let put = usance(&["restore", "--from", text(&source)?, "--store", &store])?;
    let verified = usance(&["verify", "--store", &store])?;
    tell("restore into PostgreSQL, as the verb is", put);
    tell("  of that: usance verify, where the release does that", verified);
    tell("shipping, everything", usance(&["backup", "--store", &store, "--to", text(&copy)?])?);
    tell("shipping, nothing new", usance(&["backup", "--store", &store, "--to", text(&copy)?])?);
    let postgres = Postgres::parse(&store, None)?;
    let people = PostgresIdentities::open(&postgres)?;
    for number in answers..answers + GIVEN {
        let kept = answer(number, answers);
        people.remember(&kept.key, &kept.answer, kept.at_ms)?;
    }
    tell(&format!("shipping, {GIVEN} answers are new"), usance(&["backup", "--store", &store, "--to", text(&copy)?])?);
    let shipped = SqliteIdentities::open(&DataDirectory::open_shared(&copy)?.people())?.everything()?;
    ensure!(shipped.remembered.len() as u64 == answers + GIVEN, "answers are missing");
    let log = Home::embedded(&DataDirectory::open_shared(&copy)?).log_reader()?;
    ensure!(log.head(0)?.is_some_and(|end| end == head), "batches are missing");
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of plain letters")
}

fn tell(what: &str, Spent { wall, .. }: Spent) {
    println!("  {what:<55} {:>8.1} s", wall.as_secs_f64());
}

fn timed(command: &mut Command) -> anyhow::Result<Spent> {
    let meter = Meter::start();
    let output = command.output()?;
    let spent = meter.stop();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(spent)
}

/// Writes a copy of a platform whose log has a batch for each record.
fn platform(at: &Path, answers: u64) -> anyhow::Result<Head> {
    let directory = DataDirectory::open_exclusive(at)?;
    let offset = DayOffset::default();
    let now = offset.first_instant(Day::parse("2026-01-01").context("a day")?);
    let platform = Platform { shard: 0, offset, clock: ClockMode::Simulated, created_at: now, seed: [3; 32] };
    let mut log = SqliteLog::open(&directory.log())?;
    let mut moving = LogMove::behind(Head::GENESIS, &mut log);
    let mut head = Head::GENESIS;
    let mut put = |Executed { events, outcome }: Executed| -> anyhow::Result<()> {
        let record = Record { outcome, ..Record::of_engine(now, events) };
        let mut builder = BatchBuilder::new();
        builder.try_push_with(|bytes| codec::encode(&record, bytes))?;
        let batch = builder.seal(0, head.seq + 1, now.ms(), head.hash)?;
        head = batch.head();
        moving.take(&batch)?;
        Ok(())
    };
    put(Executed { events: vec![Event::PlatformCreated(Box::new(platform.clone()))], outcome: Ok(Answer::Done) })?;
    let mut state = State::new(platform);
    for command in founding(BATCHES as u64).take(BATCHES - 1) {
        put(execute(&mut state, &command, now))?;
    }
    let head = moving.end()?;
    let people = People { remembered: (0..answers).map(|number| answer(number, answers)).collect(), ..People::default() };
    SqliteIdentities::open(&directory.people())?.fill(&people)?;
    Note::new(head, people_hashes(&directory.people())?).write(at)?;
    Ok(head)
}

/// An answer as a made token gives it, without its secret.
fn answer(number: u64, of: u64) -> KeptAnswer {
    let hash = *blake3::hash(&number.to_le_bytes()).as_bytes();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    let body = format!(
        "{{\"id\":{number},\"name\":\"backend\",\"role\":\"customer\",\"customer\":\"customer-{number}\",\"token\":\"{{secret}}\"}}"
    );
    let answer = Remembered { fingerprint: hash, status: 201, body: body.into_bytes(), sealed: Some(hash.repeat(3)) };
    KeptAnswer { key, answer, at_ms: (1_760_000_000_000 + KEPT_MS * number / of).cast_signed() }
}
