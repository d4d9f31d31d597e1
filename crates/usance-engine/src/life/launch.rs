//! The threads of one life: the writer and the flusher, and those that follow the log.

use super::live::Shared;
use super::message::Message;
use super::workers::{open_projector, open_projector_at_last, project, write_snapshots};
use super::writer::{Writer, flush};
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use usance_store::{Head, Home, LogStore};

/// Commands that may wait for the writer.
const INBOX: usize = 1 << 16;

/// Where commands go, and where the writer finds them.
pub(super) fn inbox() -> (SyncSender<Message>, Receiver<Message>) {
    sync_channel(INBOX)
}

/// When the read tables are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// Before anything is started: without them nothing is.
    Now,
    /// Beside the writer, which waits for nothing: they may have to be built anew.
    Later,
}

/// What a life is launched with: a state that stands at the end of the log, and where everything lies.
pub(super) struct Launch {
    pub shared: Arc<Shared>,
    pub home: Home,
    pub snapshots: PathBuf,
    pub head: Head,
    pub log: Box<dyn LogStore>,
    pub messages: Receiver<Message>,
    pub tables: Tables,
}

/// Starts the writer and what follows it; `ended` is told why the writer stopped. The writer's and the flusher's threads come
/// first.
pub(super) fn launch(life: Launch, ended: impl FnOnce(String) + Send + 'static) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let Launch { shared, home, snapshots: snapshot_dir, head, mut log, messages, tables } = life;
    let reader = log.reader()?;
    let projector = match tables {
        Tables::Now => Some(open_projector(&home, &shared, reader.as_ref())?),
        Tables::Later => None,
    };
    let (flusher, batches) = sync_channel(1);
    let (snapshots, frozen) = sync_channel(1);
    let writer = Writer { shared: Arc::clone(&shared), inbox: messages, flusher, snapshots, head, records_since_snapshot: 0 };
    Ok(vec![
        spawn("writer", move || writer.run())?,
        spawn("flusher", {
            let shared = Arc::clone(&shared);
            move || {
                flush(&shared, log.as_mut(), &batches);
                // It stopped first, or it finds nobody behind its next batch.
                drop(batches);
                ended(shared.stopped.read().clone().unwrap_or_else(|| "it is shutting down".into()));
            }
        })?,
        spawn("snapshots", {
            let shared = Arc::clone(&shared);
            move || write_snapshots(&shared, &snapshot_dir, &frozen)
        })?,
        spawn("projector", {
            let shared = Arc::clone(&shared);
            move || match projector.or_else(|| open_projector_at_last(&home, &shared, reader.as_ref())) {
                Some(projector) => project(&shared, reader.as_ref(), projector),
                None => shared.projected.end(),
            }
        })?,
    ])
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).with_context(|| format!("starting the {name} thread"))
}
