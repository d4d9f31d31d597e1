//! This process among others on one database, whatever it is to the log at the moment: `follow`, `takeover` and `write` are what
//! it does, `cycle` the way from one to the next. Owns what all of them need of it, and nothing of what they do.

use super::engine::Engine;
use super::lease::RENEWAL;
use super::live::Shared;
use super::settings::{SHARD, Server, Settings};
use super::workers::SNAPSHOTS_KEPT;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use usance_core::machine::State;
use usance_store::postgres::Lease;
use usance_store::{Head, Home, Lost, StoreError, image, snapshot};

/// How often the lease is looked at while bells ring.
pub(super) const GLANCE: Duration = Duration::from_millis(50);
/// How long the answer to taking the lease is waited for. A server that was just promoted confirms nothing before a replica follows it.
pub(super) const TAKING: Duration = Duration::from_secs(5);
/// How long is waited before the next try after the database refused.
pub(super) const REST: Duration = Duration::from_millis(250);

pub(super) struct Node {
    pub(super) engine: Engine,
    pub(super) settings: Settings,
    pub(super) server: Server,
    pub(super) home: Home,
    pub(super) snapshots: PathBuf,
    /// The thread that writes one, while this process follows.
    pub(super) snapshotting: Option<JoinHandle<()>>,
    /// Told once, when this process knows whether it writes.
    pub(super) settled: Option<Sender<()>>,
    /// It has handed over, and nobody has taken the lease since.
    pub(super) yielding: bool,
    /// The last term for which this process took the lease.
    pub(super) held: Option<i64>,
    /// What it last told of batches that are lost.
    pub(super) told_lost: Option<Lost>,
}

impl Node {
    pub(super) fn lease(&self) -> Result<Lease, StoreError> {
        let mut lease = Lease::open(&self.server.postgres, SHARD)?;
        lease.set_patience(RENEWAL * 2);
        Ok(lease)
    }

    pub(super) fn settle(&mut self) {
        if let Some(settled) = self.settled.take() {
            // Whoever waited may have gone on without.
            let _ = settled.send(());
        }
    }

    /// The end of the log, where that is what a life stands at; `None` where its state is not what the log says.
    pub(super) fn stands_at(&self, shared: &Shared) -> Result<Option<Head>, StoreError> {
        let head = self.home.log_reader()?.head(SHARD)?.unwrap_or(Head::GENESIS);
        let sealed = *shared.sealed.lock();
        Ok(((head.seq, head.hash) == (sealed.seq, sealed.hash) && shared.is_sound(&shared.state.read())).then_some(head))
    }
}

/// Whether no further try can mend it.
pub(super) fn is_final(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::NewerVersion { .. } | StoreError::Batch(_) | StoreError::Pooled { .. })
}

/// Leaves a snapshot: the next start is shorter by what it holds. A state that is not what its batches say gives none.
pub(super) fn keep_snapshot(dir: &Path, head: Head, state: Option<State>) {
    let Some(state) = state else { return };
    let written = image::write(dir, SHARD, head, &state).and_then(|_| snapshot::prune(dir, SNAPSHOTS_KEPT));
    if let Err(error) = written {
        tracing::warn!(%error, "no snapshot; the next start runs the log instead");
    }
}
