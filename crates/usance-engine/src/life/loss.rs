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
/// The setting that names the last batch which an operator has given up.
const GIVEN_UP: &str = "lost_given_up";
/// How often what is known of the log is kept.
const KEPT_EVERY: Duration = Duration::from_secs(2);
/// How often is looked whether the process ends.
const GLANCE: Duration = Duration::from_millis(100);

/// Remembers what a start knows of its log: where the data directory, or a snapshot, says that it ended once.
///
/// # Errors
/// As the log and the directory answer. A file that cannot be read is told and says nothing.
pub(super) fn remember(lasting: &Lasting, directory: &Path, reader: &dyn LogReader, found: &Recovered) -> anyhow::Result<()> {
    let known = match KnownEnd::known(directory, reader, SHARD) {
        Err(error @ (StoreError::Damaged { .. } | StoreError::Io { .. })) => {
            tracing::warn!(%error, "what this instance knew of the log is not known any more");
            None
        }
        known => known?,
    };
    lasting.recent.lock().see(found.head);
    for known in known.into_iter().chain(found.ahead.iter().map(|(head, _)| *head)) {
        if !is_there(reader, known)? {
            merge(lasting, Lost { ends_at: found.head.seq.min(known.seq.saturating_sub(1)), through: known });
        }
    }
    // Snapshots that stand where the log does not reach serve no start; what they tell is kept first.
    if let Some(lost) = *lasting.lost.lock()
        && let Some(known) = KnownEnd::of(reader, SHARD, lost.through)?
    {
        let proven = KnownEnd::read(directory).ok().flatten().and_then(|before| before.proven);
        KnownEnd { proven, ..known }.write(directory)?;
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
    match standing {
        Standing::Whole => {}
        Standing::PutBack { batches } => {
            tracing::warn!(batches, "the log had lost its end, and has it again: this instance had the batches in memory");
            metrics::counter!("usance_batches_put_back_total", "shard" => "0").increment(batches);
        }
        Standing::Lost(lost) => {
            lasting.recent.lock().forget();
            merge(lasting, lost);
        }
    }
    if let Some(noted) = noted(log)? {
        merge(lasting, noted);
    }
    let Some(lost) = *lasting.lost.lock() else { return Ok(None) };
    let is_back = is_there(log.reader()?.as_ref(), lost.through)?;
    if is_back || given_up(log)? >= lost.through.seq {
        tracing::info!(through = lost.through.seq, is_back, "the log may be written again");
        *lasting.lost.lock() = None;
        return Ok(None);
    }
    if noted(log)?.is_none_or(|noted| noted.through.seq < lost.through.seq) {
        log.set_meta(LOST, &format!("{} {} {}", lost.ends_at, lost.through.seq, blake3::Hash::from_bytes(lost.through.hash).to_hex()))?;
    }
    Ok(Some(lost))
}

/// Notes that an operator has given up what is lost, up to a batch.
///
/// # Errors
/// As the log answers.
pub fn give_up(log: &mut dyn LogStore, through: u64) -> Result<(), StoreError> {
    log.set_meta(GIVEN_UP, &through.to_string())
}

/// What is known to be lost of a log: by what stands with it, or in a data directory.
///
/// # Errors
/// As the log and the directory answer.
pub fn known(log: &dyn LogStore, directory: Option<&Path>) -> Result<Option<Lost>, StoreError> {
    let reader = log.reader()?;
    let end = log.head(SHARD)?.map_or(0, |head| head.seq);
    let kept = directory.map(|directory| KnownEnd::known(directory, reader.as_ref(), SHARD)).transpose()?.flatten();
    let kept = kept.map(|through| Lost { ends_at: end.min(through.seq.saturating_sub(1)), through });
    let (given_up, mut found) = (given_up(log)?, None::<Lost>);
    for lost in noted(log)?.into_iter().chain(kept).filter(|lost| lost.through.seq > given_up) {
        if !is_there(reader.as_ref(), lost.through)? && found.is_none_or(|found| found.through.seq < lost.through.seq) {
            found = Some(lost);
        }
    }
    Ok(found)
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
        let proof = *lasting.proof.lock();
        let Some(next) = durable.map(|durable| (durable, std::mem::discriminant(&proof))) else { return };
        if self.kept == Some(next) {
            return;
        }
        match self.write(next.0, proof) {
            Ok(()) => self.kept = Some(next),
            Err(error) => tracing::debug!(%error, "what this instance knows of the log was not kept"),
        }
    }

    fn write(&mut self, durable: Head, proof: Proof) -> Result<(), StoreError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.home.log_reader()?),
        };
        let Some(known) = KnownEnd::of(reader.as_ref(), SHARD, durable)? else { return Ok(()) };
        let proven = match proof {
            Proof::Whole => self.secrets.as_ref().map(|secrets| Proven::sign(known.log, durable, secrets)),
            Proof::Signed(proven) => Some(proven),
            Proof::Nothing => None,
        };
        KnownEnd { proven, ..known }.write(&self.directory)
    }
}

/// Of two losses the later one counts, from the earlier end.
fn merge(lasting: &Lasting, lost: Lost) {
    let mut known = lasting.lost.lock();
    *known = Some(match *known {
        Some(known) if known.through.seq >= lost.through.seq => Lost { ends_at: known.ends_at.min(lost.ends_at), ..known },
        Some(known) => Lost { ends_at: known.ends_at.min(lost.ends_at), ..lost },
        None => lost,
    });
}

/// What is noted with the log.
fn noted(log: &dyn LogStore) -> Result<Option<Lost>, StoreError> {
    let Some(text) = log.meta(LOST)? else { return Ok(None) };
    let mut parts = text.split(' ');
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (ends_at, seq) = (number(), number());
    let hash = parts.next().and_then(|part| blake3::Hash::from_hex(part).ok());
    Ok(ends_at.zip(seq).zip(hash).map(|((ends_at, seq), hash)| Lost { ends_at, through: Head { seq, hash: *hash.as_bytes(), at_ms: 0 } }))
}

fn given_up(log: &dyn LogStore) -> Result<u64, StoreError> {
    Ok(log.meta(GIVEN_UP)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}
