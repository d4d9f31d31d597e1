//! Threads that follow the log: one fills the read tables, one writes snapshots. Neither can hold up a commit.

use super::live::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use usance_core::machine::State;
use usance_store::projection::Projector;
use usance_store::{Head, Home, LogReader, StoreError, image, snapshot};

/// Snapshots that are kept: the newest, and one to fall back on.
pub(super) const SNAPSHOTS_KEPT: usize = 2;
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
pub(super) fn wait(future: impl Future<Output = bool>) -> bool {
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
        shared.snapshotting.store(false, Ordering::Release);
        for sender in waiting {
            let _ = sender.send(told.clone());
        }
    }
}

/// Waits until there is more than what the read tables hold, or they hold less than they did: a server that broke down and came back may
/// have lost their end, and a reader finds that. False when the log has ended before.
async fn goes_on_behind(shared: &Shared, reached: u64) -> bool {
    tokio::select! {
        more = shared.durable.reached(reached.saturating_add(1)) => more,
        () = shared.projected.falls_behind(reached) => true,
    }
}

/// Fills the read tables until the log ends.
pub(crate) fn project(shared: &Arc<Shared>, log: &dyn LogReader, mut projector: Projector) {
    loop {
        match projector.step(log, PROJECTOR_STEP_BATCHES) {
            Ok(taken) => {
                shared.projected.put(projector.reached().seq());
                if shared.projector_failing.swap(false, Ordering::AcqRel) {
                    tracing::info!("the read tables go on");
                }
                if taken > 0 && taken < PROJECTOR_STEP_BATCHES && !shared.durable.is_ended() {
                    std::thread::sleep(PROJECTOR_REST);
                }
            }
            Err(error) => {
                // Said once, not every second of an outage.
                if !shared.projector_failing.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "the read tables stand still");
                }
                std::thread::sleep(std::time::Duration::from_secs(1));
                if shared.durable.is_ended() {
                    break;
                }
                continue;
            }
        }
        let reached = projector.reached().seq();
        if !wait(goes_on_behind(shared, reached)) {
            break;
        }
    }
    shared.projected.end();
}

/// Opens the read tables; those that are damaged or of another log are built anew. A server that does not answer now has
/// its tables still.
pub(crate) fn open_projector(home: &Home, shared: &Shared, log: &dyn LogReader) -> Result<Projector, StoreError> {
    let (shard, offset) = {
        let state = shared.state.read();
        (state.registry.platform.shard, state.registry.platform.offset)
    };
    let opened = home.projector(shard, offset).and_then(|projector| Ok((projector.belongs_to(log)?, projector)));
    let embedded = matches!(home, Home::Embedded(_));
    let reason = match opened {
        Ok((true, projector)) => return Ok(projector),
        Ok((false, _)) => "they are of another log".to_owned(),
        Err(error @ StoreError::NewerVersion { .. }) => return Err(error),
        // What somebody holds, or the system refuses now, is no reason to throw away what takes long to build.
        Err(error) if embedded && !error.is_hindrance() || matches!(error, StoreError::Damaged { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    tracing::warn!(reason, "the read tables are built anew");
    home.discard_tables(shard)?;
    home.projector(shard, offset)
}

/// As [`open_projector`], tried until it works; `None` when the log has ended before.
pub(crate) fn open_projector_at_last(home: &Home, shared: &Shared, log: &dyn LogReader) -> Option<Projector> {
    loop {
        match open_projector(home, shared, log) {
            Ok(projector) => return Some(projector),
            Err(error) => {
                if !shared.projector_failing.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "the read tables cannot be opened");
                }
            }
        }
        if shared.durable.is_ended() {
            return None;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
