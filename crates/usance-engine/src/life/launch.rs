//! The threads of one life: the writer and the flusher, and those that follow the log.

use super::live::Shared;
use super::message::Message;
use super::workers::{open_projector, open_projector_at_last, project, write_snapshots};
use super::writer::{Writer, flush, give_up_the_rest};
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use usance_store::{Head, Home, LogStore};

/// Commands that may wait for the writer.
const INBOX: usize = 1 << 16;

/// Of the threads that are launched these come first: the writer and the flusher.
pub(super) const WRITING_THREADS: usize = 2;
/// How long those that follow the log are waited for at the end.
const FOLLOWING_PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether they have ended.
const GLANCE: Duration = Duration::from_millis(20);

/// Where commands go, and where the writer finds them.
pub(super) fn inbox() -> (SyncSender<Message>, Receiver<Message>) {
    sync_channel(INBOX)
}

/// When the read tables are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// Before anything is started: what cannot be mended about them ends the start.
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
        Tables::Now => match open_projector(&home, &shared, reader.as_ref()) {
            Err(error) if error.is_hindrance() => {
                tracing::warn!(%error, "the read tables cannot be opened now; they are tried again beside the writer");
                None
            }
            opened => Some(opened?),
        },
        Tables::Later => None,
    };
    let (flusher, batches) = sync_channel(1);
    let (snapshots, frozen) = sync_channel(1);
    let writer = Writer { shared: Arc::clone(&shared), inbox: messages, flusher, snapshots, head, records_since_snapshot: 0 };
    Ok(vec![
        spawn("writer", {
            let shared = Arc::clone(&shared);
            move || {
                // A panic of ours leaves a state that nothing may be made of, and a writer that says why it stopped.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.run())).is_err() {
                    shared.stopped.write().get_or_insert_with(|| "the writer has panicked".to_owned());
                }
            }
        })?,
        spawn("flusher", {
            let shared = Arc::clone(&shared);
            move || {
                // A panic of ours ends this life, as any other failure does; it must not leave a lease that nobody writes under.
                let flushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| flush(&shared, log.as_mut(), &batches)));
                let failed = flushed.unwrap_or_else(|_| {
                    let reason = "the flusher has panicked".to_owned();
                    shared.stopped.write().get_or_insert_with(|| reason.clone());
                    Some(reason)
                });
                shared.end_durable();
                // The hold on the log is let go before anybody looks at what became of the last append.
                drop(log);
                ended(why_ended(&shared));
                if let Some(reason) = failed {
                    give_up_the_rest(&shared, &batches, &reason);
                }
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

fn why_ended(shared: &Shared) -> String {
    let told = shared.stopped.read().clone();
    let broke_off = || (!shared.is_sound(&shared.state.read())).then(|| "the writer broke off in the middle of a round".to_owned());
    told.or_else(broke_off).unwrap_or_else(|| "it is shutting down".to_owned())
}

/// Waits for threads that follow the log, but not for long: the next start goes on where they are, and what is left ends with the
/// process.
pub(super) fn join_within(threads: Vec<JoinHandle<()>>) {
    let until = Instant::now() + FOLLOWING_PATIENCE;
    while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
        std::thread::sleep(GLANCE);
    }
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).with_context(|| format!("starting the {name} thread"))
}
