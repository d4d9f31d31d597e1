//! A log that lost its end: what is known of it, and when it may be written again.
//!
//! Whoever has the lost batches in memory puts them back (`usance_store::recent`). Where nobody has them, nothing is written before they
//! are put back from a copy, or an operator gives them up by name and number (`usance accept-loss`), which is a record of the log. What is
//! known stands in memory, in the data directory (`usance_store::known_end`) and, once it was noticed, with the log: so that no other process,
//! which knows nothing of it, writes over their place.

use super::engine::Engine;
use super::live::{Lasting, Proof};
use super::recovering::set_aside;
use super::settings::SHARD;
use std::path::{Path, PathBuf};
use std::time::Duration;
use usance_store::recovery::Recovered;
use usance_store::{Head, Home, KnownEnd, LogReader, LogStore, Lost, Proven, Secrets, Standing, StoreError};

/// The setting of the log that names the last batch which is known to be lost.
const LOST: &str = "lost";
/// The setting that names, for each loss that an operator has given up, its last batch.
const GIVEN_UP: &str = "lost_given_up";
/// The setting that says that a restore is under way.
const RESTORING: &str = "restoring";
/// How often what is known of the log is kept.
const KEPT_EVERY: Duration = Duration::from_secs(2);
/// How often is looked whether the process ends.
const GLANCE: Duration = Duration::from_millis(100);

/// Remembers what a start knows of its log: where the data directory, or a snapshot, says that it ended once.
///
/// # Errors
/// As the log and the directory answer. A file that cannot be read is told and says nothing.
pub(super) fn remember(lasting: &Lasting, directory: &Path, log: &dyn LogStore, found: &Recovered) -> anyhow::Result<()> {
    let reader = log.reader()?;
    let known = match KnownEnd::known(directory, reader.as_ref(), SHARD) {
        Err(error @ (StoreError::Damaged { .. } | StoreError::Io { .. })) => {
            tracing::warn!(%error, "what this instance knew of the log is not known any more");
            None
        }
        known => known?,
    };
    lasting.recent.lock().see(found.head);
    // A snapshot was kept beside the file, by a process that knew as much.
    let known_then = known.map_or(0, |known| known.given_up);
    let through = known.map(|known| known.durable).into_iter().chain(found.ahead.iter().map(|(head, _)| *head));
    let told = through.map(|through| Lost { ends_at: found.head.seq.min(through.seq.saturating_sub(1)), through, given_up: known_then });
    // Snapshots that stand where the log does not reach serve no start; what they tell is kept first.
    if let Some(lost) = settle(lasting, log, told.collect())?
        && let Some(told) = KnownEnd::of(reader.as_ref(), SHARD, lost.through, lost.given_up)?
    {
        KnownEnd { proven: known.and_then(|known| known.proven), ..told }.write(directory)?;
    }
    found.ahead.iter().try_for_each(|(_, path)| set_aside(path))
}

/// Whether a log has a batch.
fn is_there(reader: &dyn LogReader, head: Head) -> Result<bool, StoreError> {
    let found = reader.read(SHARD, head.seq, 1)?.into_iter().next();
    Ok(found.is_some_and(|batch| (batch.seq, batch.hash) == (head.seq, head.hash)))
}

/// Puts back what this process remembers and the log lacks; gives what is lost all the same, and not given up.
///
/// # Errors
/// As the log answers.
pub(super) fn missing(lasting: &Lasting, log: &mut dyn LogStore) -> Result<Option<Lost>, StoreError> {
    let standing = lasting.recent.lock().put_back(log, SHARD)?;
    let found = match standing {
        Standing::Whole => None,
        Standing::PutBack { batches } => {
            tracing::warn!(batches, "the log had lost its end, and has it again: this instance had the batches in memory");
            metrics::counter!("usance_batches_put_back_total", "shard" => "0").increment(batches);
            None
        }
        Standing::Lost(lost) => {
            *lasting.lost.lock() = worse(*lasting.lost.lock(), lost);
            lasting.recent.lock().forget();
            Some(lost)
        }
    };
    let lost = settle(lasting, log, found.into_iter().collect())?;
    if let Some(lost) = lost
        && noted(log)? != Some(lost)
    {
        let hash = blake3::Hash::from_bytes(lost.through.hash).to_hex();
        log.set_meta(LOST, &format!("{} {} {hash} {}", lost.ends_at, lost.through.seq, lost.given_up))?;
    }
    Ok(lost)
}

/// Holds what is known to be lost, here and by what is noted with the log, against the log: whether it is there again, or given up.
///
/// # Errors
/// As the log answers.
pub(super) fn settle(lasting: &Lasting, log: &dyn LogStore, told: Vec<Lost>) -> Result<Option<Lost>, StoreError> {
    let before = *lasting.lost.lock();
    let given_up = given_up(log)?;
    let lost = still_lost(log, &given_up, before.into_iter().chain(told))?;
    if let (Some(before), None) = (before, lost) {
        tracing::info!(through = before.through.seq, "the log may be written again");
    }
    *lasting.lost.lock() = lost;
    if lost.is_none() {
        lasting.recent.lock().knows_given_up(given_up.len());
    }
    Ok(lost)
}

/// What of this, and of what is noted with the log, is neither there again nor given up.
fn still_lost(log: &dyn LogStore, given_up: &[u64], told: impl Iterator<Item = Lost>) -> Result<Option<Lost>, StoreError> {
    let reader = log.reader()?;
    // A restore that is under way has not put in everything that its copy has.
    let is_whole = log.meta(RESTORING)?.is_none_or(|text| text.is_empty());
    let mut found = None;
    for lost in told.chain(noted(log)?) {
        let is_settled = lost.is_given_up(given_up) || is_whole && is_there(reader.as_ref(), lost.through)?;
        if !is_settled {
            found = worse(found, lost);
        }
    }
    Ok(found)
}

/// Of two losses the later one counts, from the earlier end.
fn worse(known: Option<Lost>, lost: Lost) -> Option<Lost> {
    let Some(known) = known else { return Some(lost) };
    let later = if (known.given_up, known.through.seq) >= (lost.given_up, lost.through.seq) { known } else { lost };
    Some(Lost { ends_at: known.ends_at.min(lost.ends_at), ..later })
}

/// Notes that an operator has given up what is lost, up to a batch.
///
/// # Errors
/// As the log answers.
pub fn give_up(log: &mut dyn LogStore, through: u64) -> Result<(), StoreError> {
    let noted: Vec<String> = given_up(log)?.into_iter().chain([through]).map(|through| through.to_string()).collect();
    log.set_meta(GIVEN_UP, &noted.join(" "))
}

/// Notes that a restore is under way, or that it is done: nobody writes in the middle of it.
///
/// # Errors
/// As the log answers.
pub fn is_restoring(log: &mut dyn LogStore, is_under_way: bool) -> Result<(), StoreError> {
    log.set_meta(RESTORING, if is_under_way { "1" } else { "" })
}

/// What is known to be lost of a log: by what stands with it, or in a data directory.
///
/// # Errors
/// As the log and the directory answer.
pub fn known(log: &dyn LogStore, directory: Option<&Path>) -> Result<Option<Lost>, StoreError> {
    let end = log.head(SHARD)?.map_or(0, |head| head.seq);
    let reader = log.reader()?;
    let kept = directory.map(|directory| KnownEnd::known(directory, reader.as_ref(), SHARD)).transpose()?.flatten();
    let kept =
        kept.map(|KnownEnd { durable: through, given_up, .. }| Lost { ends_at: end.min(through.seq.saturating_sub(1)), through, given_up });
    still_lost(log, &given_up(log)?, kept.into_iter())
}

/// Keeps what is known of the log in the data directory, now and then and at the end.
///
/// Whether the chain was proven up to there is signed, where there is a key to sign with.
pub(super) fn keep_known_end(engine: &Engine, home: &Home, directory: PathBuf, secrets: Option<Secrets>) -> impl FnOnce() + Send + 'static {
    let (engine, home) = (engine.weak(), home.clone());
    move || {
        let (mut keeper, mut waited) = (Keeper { home, directory, secrets, kept: None, reader: None }, Duration::ZERO);
        while let Some(engine) = engine.upgrade() {
            let ends = engine.has_ended();
            if waited >= KEPT_EVERY || ends {
                waited = Duration::ZERO;
                keeper.keep(&engine.lasting());
            }
            if ends {
                return;
            }
            drop(engine);
            std::thread::sleep(GLANCE);
            waited += GLANCE;
        }
    }
}

/// Who keeps what is known of the log.
struct Keeper {
    home: Home,
    directory: PathBuf,
    secrets: Option<Secrets>,
    /// What was kept last, and what of it was proven.
    kept: Option<(Head, std::mem::Discriminant<Proof>)>,
    reader: Option<Box<dyn LogReader>>,
}

impl Keeper {
    fn keep(&mut self, lasting: &Lasting) {
        // What is lost stays known until it is settled.
        let durable = if lasting.lost.lock().is_some() { None } else { lasting.recent.lock().answered() };
        let given_up = lasting.recent.lock().given_up();
        let proof = *lasting.proof.lock();
        let Some(next) = durable.map(|durable| (durable, std::mem::discriminant(&proof))) else { return };
        if self.kept == Some(next) {
            return;
        }
        match self.write(next.0, given_up, proof) {
            Ok(()) => self.kept = Some(next),
            Err(error) => tracing::debug!(%error, "what this instance knows of the log was not kept"),
        }
    }

    fn write(&mut self, durable: Head, given_up: usize, proof: Proof) -> Result<(), StoreError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.home.log_reader()?),
        };
        let Some(known) = KnownEnd::of(reader.as_ref(), SHARD, durable, given_up)? else { return Ok(()) };
        let proven = match proof {
            Proof::Whole => self.secrets.as_ref().map(|secrets| Proven::sign(known.log, durable, secrets)),
            Proof::Signed(proven) => Some(proven),
            Proof::Nothing => None,
        };
        KnownEnd { proven, ..known }.write(&self.directory)
    }
}

/// What is noted with the log.
fn noted(log: &dyn LogStore) -> Result<Option<Lost>, StoreError> {
    let Some(text) = log.meta(LOST)? else { return Ok(None) };
    let mut parts = text.split(' ');
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (ends_at, seq) = (number(), number());
    let (hash, given_up) =
        (parts.next().and_then(|part| blake3::Hash::from_hex(part).ok()), parts.next().and_then(|part| part.parse().ok()));
    Ok(ends_at.zip(seq).zip(hash.zip(given_up)).map(|((ends_at, seq), (hash, given_up))| Lost {
        ends_at,
        through: Head { seq, hash: *hash.as_bytes(), at_ms: 0 },
        given_up,
    }))
}

/// What was given up, each time up to which batch.
fn given_up(log: &dyn LogStore) -> Result<Vec<u64>, StoreError> {
    Ok(log.meta(GIVEN_UP)?.unwrap_or_default().split_whitespace().filter_map(|text| text.parse().ok()).collect())
}
