//! The start of a session, and what its connection hears.
//!
//! Owns what every connection has before it is used: a host that may be written to, the schema of the tables, and the promise of when a
//! commit is answered. It refuses a server that is not the one that may answer ([`Postgres::pin`]), and takes no weaker promise than
//! the disks of the server and of the replicas that it waits for.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage};

use super::place::Postgres;
use super::server_mark::ServerMark;
use crate::error::StoreError;

/// What the server says without being asked.
#[derive(Default)]
pub(super) struct Heard {
    /// A warning came since it was last looked at.
    pub warned: AtomicBool,
    /// The connection is lost.
    pub lost: AtomicBool,
    /// A notification came, or the connection is lost.
    pub notified: Notify,
}

impl Heard {
    fn hear(&self, message: &AsyncMessage) {
        match message {
            AsyncMessage::Notice(notice) if is_warning(notice) => {
                // A server that stops says so on every connection; what follows from that is said elsewhere.
                if notice.code().code().starts_with("57") {
                    tracing::debug!(said = %notice, "the database server stops");
                } else {
                    tracing::warn!(said = %notice, "the database server warns");
                }
                self.warned.store(true, Ordering::Release);
            }
            AsyncMessage::Notification(_) => self.notified.notify_one(),
            _ => {}
        }
    }

    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.notified.notify_one();
    }
}

/// When the answer to a commit comes: after less to more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Commits {
    /// Before it is on any disk.
    Early,
    /// Once it is on this server's disk, whatever its replicas have.
    Local,
    /// Once it is on this server's disk and its replicas have it, too, these perhaps on no disk.
    RemoteWrite,
    /// Once it is on the disks of the server and of as many replicas as it is set to wait for.
    On,
    /// Once these show it, too.
    RemoteApply,
}

impl Commits {
    const ALL: [(Commits, &'static str); 5] = [
        (Commits::Early, "off"),
        (Commits::Local, "local"),
        (Commits::RemoteWrite, "remote_write"),
        (Commits::On, "on"),
        (Commits::RemoteApply, "remote_apply"),
    ];

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == word).map(|(commits, _)| commits)
    }

    /// How it is asked for; nothing where it needs not be.
    pub fn word(self) -> Option<&'static str> {
        Self::ALL.into_iter().find(|(commits, _)| *commits == self && self != Commits::Early).map(|(_, word)| word)
    }
}

/// A connection that can be used: the driver's hold on it, and the task that holds its socket.
pub(super) struct Opened {
    pub client: Client,
    pub heard: Arc<Heard>,
    /// The task that holds the socket.
    pub task: AbortHandle,
    pub mark: ServerMark,
    /// When a commit is answered.
    pub commits: Commits,
}

impl Opened {
    /// Begins one: reaches a host, finds the tables' schema, and settles when a commit is answered.
    pub async fn begin(postgres: &Postgres, config: &Config) -> Result<Self, StoreError> {
        let fail = |error| StoreError::postgres(postgres, error);
        let (client, mut connection) = config.connect(postgres.inner.tls.clone()).await.map_err(fail)?;
        let heard = Arc::new(Heard::default());
        let ears = Arc::clone(&heard);
        let task = postgres.runtime()?.spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                ears.hear(&message);
            }
            ears.lose();
        });
        let mut opened = Opened { client, heard, task: task.abort_handle(), mark: ServerMark::default(), commits: Commits::On };
        opened.client.batch_execute(&format!("SET search_path TO {}", postgres.schema())).await.map_err(fail)?;
        opened.mark = ServerMark::ask(&opened.client).await.map_err(fail)?;
        postgres.expect(&opened.mark)?;
        opened.settle_promises(postgres).await.map_err(fail)?;
        Ok(opened)
    }

    /// A commit that was answered is on the disks of the server and of as many replicas as the server is set to wait for: who set it to
    /// wait for more than that keeps it, and less is not taken. It is set for the session: who sets the server anew does not reach a
    /// connection that is open. And a connection that has nothing to do is not ended for that: servers that do not know such an end
    /// refuse the setting, which says nothing.
    async fn settle_promises(&mut self, postgres: &Postgres) -> Result<(), tokio_postgres::Error> {
        let answer = self.client.simple_query("SHOW synchronous_commit").await?;
        let row = answer.iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None });
        let found = row.and_then(Commits::of);
        self.commits = match (found, row) {
            (Some(found), Some(word)) if found < Commits::RemoteWrite => {
                let store = postgres.to_string();
                tracing::warn!(
                    store,
                    synchronous_commit = word,
                    "the server would answer commits too early; this connection sets it to on"
                );
                Commits::On
            }
            _ => found.unwrap_or(Commits::On),
        };
        if let Some(word) = self.commits.word() {
            self.client.batch_execute(&format!("SET synchronous_commit TO {word}")).await?;
        }
        match self.client.batch_execute("SET idle_session_timeout TO 0").await {
            Err(error) if error.as_db_error().is_none() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether a notice is more than a remark. Its severity may come in the server's own language, and then also in English; a
/// word that is not known counts as a warning. Long before a server's numbers of transactions are used up, it warns with
/// each of them, whichever database is the cause: that says nothing of what was written.
fn is_warning(notice: &DbError) -> bool {
    if notice.routine() == Some("GetNewTransactionId") {
        return false;
    }
    match notice.parsed_severity() {
        Some(severity) => !matches!(severity, Severity::Notice | Severity::Info | Severity::Log | Severity::Debug),
        None => !["NOTICE", "INFO", "LOG", "DEBUG"].contains(&notice.severity()),
    }
}
