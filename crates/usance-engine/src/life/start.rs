//! Opening a store: recover, become the writer, start the threads.
//!
//! Clock mode and day offset are fixed when the platform is created; a flag that contradicts them is refused. A new writer
//! first appends an epoch record and answers nothing before it is durable. On an embedded store the data directory is
//! locked and its opener is the writer, and a copy that is not what its note says is refused; on a database server the first
//! duty is for `cycle` to find.

use super::cycle;
use super::engine::Engine;
use super::launch::{Launch, Tables, WRITING_THREADS, inbox, launch, spawn};
use super::lease::Duty;
use super::live::{Lasting, Live, Shared};
use super::loss;
use super::pool::Reads;
use super::proof;
use super::recovering::{check_settings, found, recovered_at_start};
use super::settings::{SHARD, Settings};
use super::started::Started;
use anyhow::bail;
use std::sync::Arc;
use usance_store::round;
use usance_store::{DataDirectory, Home, Note};

/// Opens a store and starts the engine on it; `seen` is told how far a replay is.
///
/// # Errors
/// With a sentence: held by another process, damaged log, newer version, a copy that lost something, contradicting flags, a
/// server out of reach.
pub fn open(settings: &Settings, seen: impl FnMut(u64)) -> anyhow::Result<Started> {
    let directory = DataDirectory::open_exclusive(&settings.data)?;
    match &settings.server {
        None => embedded(settings, directory, seen),
        Some(_) if directory.log().exists() => bail!(
            "{} holds an embedded platform; name another directory with --data (snapshots will lie there, and what it knows of the log)",
            directory.path().display()
        ),
        Some(server) => cycle::open(settings, server, directory, seen),
    }
}

/// How many batches the log of a store holds, 0 where that cannot be told.
#[must_use]
pub fn log_length(settings: &Settings) -> u64 {
    let home = match &settings.server {
        Some(server) => Ok(Home::Postgres(server.postgres.clone())),
        None => DataDirectory::open_shared(&settings.data).map(|directory| Home::embedded(&directory)),
    };
    let head = home.and_then(|home| home.log_reader()).and_then(|reader| reader.head(SHARD));
    head.ok().flatten().map_or(0, |head| head.seq)
}

fn embedded(settings: &Settings, directory: DataDirectory, seen: impl FnMut(u64)) -> anyhow::Result<Started> {
    let home = Home::embedded(&directory);
    // Before anything is opened for writing, or put aside: a copy that lost something is left as it is.
    Note::expect(&directory, SHARD)?;
    let mut log = home.log()?;
    let reader = log.reader()?;
    let (mut recovered, believed) = recovered_at_start(settings, &directory, reader.as_ref(), seen)?;
    let created = recovered.state.is_none();
    let (from_snapshot, replayed) = (recovered.from_snapshot, recovered.replayed);
    let (mut state, head) = match recovered.state.take() {
        Some(state) => (state, recovered.head),
        None => {
            let (state, batch) = found(settings, recovered.head)?;
            log.append(recovered.head.seq, &batch).into_result(recovered.head.seq)?;
            (state, batch.head())
        }
    };
    check_settings(settings, &state)?;
    // Nobody else has this log: what is known of it stands in the directory alone, and nothing of it is kept in memory.
    let lasting = Lasting::new(state.registry.platform.clock, 0);
    loss::remember(&lasting, directory.path(), log.as_ref(), &recovered)?;
    drop(reader);
    if let Some(lost) = loss::missing(&lasting, log.as_mut())? {
        bail!(
            "{}: the log ends at batch {}, and batches up to {} were acknowledged: nothing was changed. Put them back from a copy (usance restore), or give them up by name and number: usance accept-loss --data {} --by YOU --through {}",
            directory.path().display(),
            lost.ends_at,
            lost.through.seq,
            directory.path().display(),
            lost.through.seq
        );
    }
    let (batch, event) = round::epoch(&state, head)?;
    // From here on a copy is a platform of its own.
    Note::forget(directory.path())?;
    log.append(head.seq, &batch).into_result(head.seq)?;
    let at = state.registry.last_at;
    usance_core::machine::apply::apply(&mut state, &event, at);
    lasting.recent.lock().know(batch.head());
    let shared = Arc::new(Shared::new(state, batch.head(), &lasting));
    let reads = Reads::of(&home, SHARD);
    let (inbox, messages) = inbox();
    let engine = Engine::new(Live { shared: Arc::clone(&shared), inbox: Some(inbox), duty: Duty::Sole }, reads);
    let ending = engine.ending();
    let life =
        Launch { shared, home: home.clone(), snapshots: directory.snapshots(), head: batch.head(), log, messages, tables: Tables::Now };
    let known_end = loss::keep_known_end(&engine, &home, directory.path().to_path_buf(), settings.secrets.clone());
    let prover = proof::begin(&engine, &home, &lasting, believed, recovered.proven_from)?;
    let mut threads = launch(life, ending)?;
    threads.push(spawn("known-end", known_end)?);
    threads.extend(prover);
    Ok(Started { engine, directory, home, created, from_snapshot, replayed, first_to_end: WRITING_THREADS, threads })
}
