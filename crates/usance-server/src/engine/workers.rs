//! Threads that follow the log: one fills the read tables, one writes snapshots. Neither can hold up a commit.

use super::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use usance_core::machine::State;
use usance_store::projection::Projector;
use usance_store::{Head, LogReader, StoreError, image, snapshot};

/// Snapshots that are kept: the newest, and one to fall back on.
const SNAPSHOTS_KEPT: usize = 2;
/// Batches in one transaction of the read tables.
const PROJECTOR_STEP_BATCHES: usize = 256;

/// How long the projector rests after a step, so that under load many batches share a transaction. A first change after
/// a quiet time is taken at once.
const PROJECTOR_REST: std::time::Duration = std::time::Duration::from_millis(20);

/// A view of the state that does not change any more, and who waits for it to be stored.
pub(crate) struct Frozen {
    pub state: State,
    pub head: Head,
    pub waiting: Vec<oneshot::Sender<Result<u64, String>>>,
}

/// Waits on a progress from a plain thread.
fn wait(future: impl Future<Output = bool>) -> bool {
    // A current-thread runtime without drivers cannot fail to build; if it ever did, the worker would stop, which readiness shows.
    tokio::runtime::Builder::new_current_thread().build().is_ok_and(|runtime| runtime.block_on(future))
}

/// Writes snapshots until the writer is gone.
pub(crate) fn write_snapshots(shared: &Shared, dir: &std::path::Path, frozen: &Receiver<Frozen>) {
    while let Ok(Frozen { state, head, waiting }) = frozen.recv() {
        if !wait(shared.durable.reached(head.seq)) {
            return;
        }
        let started = std::time::Instant::now();
        let written = image::write(dir, state.registry.platform.shard, head, &state).and_then(|path| {
            snapshot::prune(dir, SNAPSHOTS_KEPT)?;
            Ok(path)
        });
        drop(state);
        match &written {
            Ok(path) => {
                tracing::info!(path = %path.display(), seq = head.seq, seconds = started.elapsed().as_secs_f32(), "snapshot written")
            }
            Err(error) => tracing::error!(%error, seq = head.seq, "no snapshot; the log has everything"),
        }
        let told = written.map(|_| head.seq).map_err(|error| error.to_string());
        for sender in waiting {
            let _ = sender.send(told.clone());
        }
    }
}

/// Fills the read tables until the log ends.
pub(crate) fn project(shared: &Arc<Shared>, log: &dyn LogReader, mut projector: Projector) {
    loop {
        match projector.step(log, PROJECTOR_STEP_BATCHES) {
            Ok(taken) => {
                shared.projected.set(projector.reached().seq());
                shared.projector_failing.store(false, Ordering::Release);
                if taken > 0 && taken < PROJECTOR_STEP_BATCHES && !shared.durable.is_ended() {
                    std::thread::sleep(PROJECTOR_REST);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the read tables stand still");
                shared.projector_failing.store(true, Ordering::Release);
                std::thread::sleep(std::time::Duration::from_secs(1));
                if shared.durable.is_ended() {
                    break;
                }
                continue;
            }
        }
        let next = projector.reached().seq() + 1;
        if !wait(shared.durable.reached(next)) {
            break;
        }
    }
    shared.projected.end();
}

/// Opens the read tables; a file that is damaged or of another log is built anew.
pub(crate) fn open_projector(path: &std::path::Path, shared: &Shared, log: &dyn LogReader) -> Result<Projector, StoreError> {
    let (shard, offset) = {
        let state = shared.state.read();
        (state.registry.platform.shard, state.registry.platform.offset)
    };
    let opened = Projector::open(path, shard, offset).and_then(|projector| Ok((projector.belongs_to(log)?, projector)));
    match opened {
        Ok((true, projector)) => Ok(projector),
        Err(error @ StoreError::NewerVersion { .. }) => Err(error),
        other => {
            let reason = other.err().map_or_else(|| "they are of another log".to_owned(), |error| error.to_string());
            tracing::warn!(reason, "the read tables are built anew");
            remove_database(path)?;
            Projector::open(path, shard, offset)
        }
    }
}

/// Removes a database of ours that nobody has open, if there is one.
///
/// # Errors
/// [`StoreError::Io`].
pub(crate) fn remove_database(path: &std::path::Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Io { path: name.into(), source: error });
            }
            _ => {}
        }
    }
    Ok(())
}
