//! One connection to the server, used by one thread at a time, that waits for each answer.
//!
//! Owns the patience with a server that does not answer, the retry of a transaction that the server gave up in favour of
//! another one, and the difference between *refused* and *unknown*: an answer to a write that never came, or that came
//! with a warning, is [`StoreError::Unknown`]. A connection that was lost stays lost; its owner opens another, or holds it
//! through a `Line`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::opening::{Commits, Opened};
use super::place::Postgres;
use super::server_mark::ServerMark;
use crate::error::StoreError;

/// How long an answer is waited for. A server that takes longer is gone, for all that the caller can know.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How often a transaction is tried that the server gave up in favour of another one.
const TRIES: u32 = 20;

/// Values of a statement.
pub type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// An open connection.
pub struct Wire {
    postgres: Postgres,
    opened: Opened,
    /// When a commit is answered.
    commits: Cell<Commits>,
    statements: RefCell<HashMap<String, Statement>>,
    patience: Duration,
    /// An answer did not come in time.
    silent: Cell<bool>,
    /// What is given up here is not cancelled at the server.
    leaves_commits: bool,
}

impl Wire {
    pub(super) fn open(postgres: &Postgres) -> Result<Self, StoreError> {
        let runtime = postgres.runtime()?.handle();
        let server = postgres.to_string();
        let begun = postgres.inner.hosts.first(&server, async |config| Opened::begin(postgres, config).await);
        let opened = block_on(runtime, begun)?;
        let commits = Cell::new(opened.commits);
        let (statements, silent) = (RefCell::default(), Cell::new(false));
        Ok(Wire { postgres: postgres.clone(), opened, commits, statements, patience: PATIENCE, silent, leaves_commits: false })
    }

    /// Which server it leads to.
    #[must_use]
    pub fn server(&self) -> &ServerMark {
        &self.opened.mark
    }

    /// Has commits answered before they are on a disk: for what can be made again.
    ///
    /// # Errors
    /// As the server answers.
    pub fn commit_early(&self) -> Result<(), StoreError> {
        self.batch("SET synchronous_commit TO off")?;
        self.commits.set(Commits::Early);
        Ok(())
    }

    /// What begins a transaction of this isolation. It says once more when its commit is answered: who resets a session, or sets the
    /// server anew, does not reach it.
    pub(super) fn begin(&self, isolation: &str) -> String {
        let commits = self.commits.get().word().map(|word| format!("; SET LOCAL synchronous_commit TO {word}")).unwrap_or_default();
        format!("BEGIN ISOLATION LEVEL {isolation}{commits}")
    }

    /// Holds what a write was committed with, as the server says in its answer, against what this connection asked for.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] for a commit that was answered before it was where it has to be.
    pub(super) fn expect_committed(&self, with: Option<&str>) -> Result<(), StoreError> {
        match (self.commits.get(), with.and_then(Commits::of)) {
            (Commits::Early, _) | (_, None) => Ok(()),
            (asked, Some(found)) if found >= asked => Ok(()),
            _ => Err(StoreError::Unknown(format!(
                "{} committed with synchronous_commit={}: it is perhaps on no disk, or on no replica",
                self.postgres,
                with.unwrap_or_default()
            ))),
        }
    }

    /// The server.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Waits so long for an answer, in place of [`PATIENCE`].
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Leaves a statement that does not answer to the server. One that waits for replicas would be committed by being cancelled, and then
    /// be seen by others although no replica has it.
    pub fn leave_commits(&mut self) {
        self.leaves_commits = true;
    }

    /// Whether the connection is lost, or not to be used any more: an answer did not come in time, or it leads to another server than
    /// the one that may answer.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let opened = &self.opened;
        self.is_silent()
            || opened.client.is_closed()
            || opened.heard.lost.load(Ordering::Acquire)
            || self.postgres.is_elsewhere(&opened.mark)
    }

    /// Whether an answer did not come in time: the server may be at it still.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent.get()
    }

    /// Whether the server warned since this was last asked. A commit whose replicas did not confirm it is told so only.
    pub fn take_warning(&self) -> bool {
        self.opened.heard.warned.swap(false, Ordering::AcqRel)
    }

    /// Waits for a notification of a channel that this connection listens to. False when none came in time.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when the connection is lost.
    pub fn notified(&self, patience: Duration) -> Result<bool, StoreError> {
        if self.is_lost() {
            return Err(self.gone("the connection is lost"));
        }
        let waiting = async { tokio::time::timeout(patience, self.opened.heard.notified.notified()).await.is_ok() };
        let told = block_on(self.postgres.runtime()?.handle(), waiting);
        if self.is_lost() {
            return Err(self.gone("the connection is lost"));
        }
        Ok(told)
    }

    /// Runs statements without values.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not.
    pub fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(self.opened.client.batch_execute(sql))
    }

    /// Runs one statement; how many rows it changed.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not.
    pub fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        self.wait(self.opened.client.execute(&statement, values))
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not.
    pub fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare(sql)?;
        self.wait(self.opened.client.query(&statement, values))
    }

    /// The one row there may be.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not.
    pub fn one(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StoreError> {
        let statement = self.prepare(sql)?;
        self.wait(self.opened.client.query_opt(&statement, values))
    }

    /// The driver's own hold on the connection, for what has no method here; waited for with [`Wire::wait`].
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.opened.client
    }

    /// Waits for an answer of the server.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not, after which the connection counts as lost: what
    /// was asked may still be done, and its answer would come in place of another one's.
    pub fn wait<T>(&self, asking: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        let patience = self.patience;
        match block_on(self.postgres.runtime()?.handle(), async { tokio::time::timeout(patience, asking).await }) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let error = StoreError::postgres(&self.postgres, error);
                if matches!(error, StoreError::Unreachable { .. }) {
                    self.hang_up();
                }
                Err(error)
            }
            Err(_) => {
                self.silent.set(true);
                self.hang_up();
                Err(self.gone(&format!("no answer within {patience:?}")))
            }
        }
    }

    /// One statement that changes rows, in a transaction of its own; how many rows it changed. It is tried again when the
    /// server gave it up in favour of another one.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unknown`] when the answer never came, or came with a warning.
    pub fn write(&self, sql: &str, values: Values<'_>) -> Result<u64, StoreError> {
        self.again(|| {
            let statement = self.prepare(sql)?;
            self.confirmed(|| self.wait(self.opened.client.execute(&statement, values)))
        })
    }

    /// As [`Wire::write`], for a statement that says what it was committed with as the last column of the one row it gives back; `None`
    /// where it changed none.
    ///
    /// # Errors
    /// As [`Wire::write`]; [`StoreError::Unknown`] also for a commit that was answered too early.
    pub fn write_one(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, StoreError> {
        self.again(|| {
            let statement = self.prepare(sql)?;
            let row = self.confirmed(|| self.wait(self.opened.client.query_opt(&statement, values)))?;
            if let Some(row) = &row {
                let with: Option<String> = row.get(row.len() - 1);
                self.expect_committed(with.as_deref())?;
            }
            Ok(row)
        })
    }

    /// One transaction around `work`, serializable: all of it or nothing. It is tried again when the server gave it up in
    /// favour of another one, so `work` changes nothing but the database. A statement of it that failed has undone
    /// everything: `work` cannot succeed after that.
    ///
    /// # Errors
    /// What `work` gave; [`StoreError::Unknown`] when the answer to the commit never came, or came with a warning.
    pub fn transaction<T>(&self, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.again(|| self.try_transaction(&mut work))
    }

    /// Tries `work` again while the server gives it up in favour of another one.
    pub(super) fn again<T>(&self, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match work() {
                Err(error) if error.is_given_up() && tries < TRIES => {
                    std::thread::sleep(Duration::from_millis(u64::from(tries) * 2));
                }
                done => return done,
            }
        }
    }

    fn try_transaction<T>(&self, work: &mut impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.batch(&self.begin("SERIALIZABLE"))?;
        let error = match work() {
            // The commit of a transaction in which a statement failed answers well and undoes everything. The query before
            // it fails then.
            Ok(done) => match self.confirmed(|| self.batch("SELECT 1; COMMIT")) {
                Ok(()) => return Ok(done),
                Err(error) if error.sql_state() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => error,
                Err(error) if error.is_given_up() => return Err(error),
                Err(StoreError::Unknown(reason)) => return Err(StoreError::Unknown(reason)),
                Err(error) => return Err(StoreError::Unknown(error.to_string())),
            },
            Err(error) => error,
        };
        if !self.is_lost() {
            self.batch("ROLLBACK")?;
        }
        Err(error)
    }

    /// The answer to a commit. One whose replicas did not confirm it is answered well, with a warning.
    pub(super) fn confirmed<T>(&self, commit: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.take_warning();
        match commit() {
            Ok(_) if self.take_warning() => {
                Err(StoreError::Unknown(format!("{} warned as it committed: perhaps no replica has it", self.postgres)))
            }
            Err(error @ StoreError::Unreachable { .. }) => Err(StoreError::Unknown(error.to_string())),
            answer => answer,
        }
    }

    /// A statement, prepared once for the life of the connection.
    ///
    /// # Errors
    /// As the server answers; [`StoreError::Unreachable`] when it does not.
    pub fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.opened.client.prepare(sql))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Ends the connection. A server that waits for a lock or for a replica would not notice: it is asked, on a connection of
    /// its own and without waiting for an answer, to give the work up.
    fn hang_up(&self) {
        let (token, tls) = (self.opened.client.cancel_token(), self.postgres.inner.tls.clone());
        self.opened.task.abort();
        self.opened.heard.lose();
        if self.leaves_commits {
            return;
        }
        if let Ok(runtime) = self.postgres.runtime() {
            runtime.spawn(async move { tokio::time::timeout(PATIENCE, token.cancel_query(tls)).await });
        }
    }

    fn gone(&self, reason: &str) -> StoreError {
        StoreError::Unreachable { server: self.postgres.to_string(), reason: reason.to_owned() }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("postgres", &self.postgres).field("lost", &self.is_lost()).finish_non_exhaustive()
    }
}

impl Postgres {
    /// A new connection, whose statements find the tables without naming their schema.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when there is no server, [`StoreError::Postgres`] when it says no.
    pub fn connect(&self) -> Result<Wire, StoreError> {
        Wire::open(self)
    }
}

/// Waits on a thread of any kind; one that other tasks need is lent to them meanwhile.
fn block_on<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    match Handle::try_current() {
        Ok(_) => tokio::task::block_in_place(|| runtime.block_on(future)),
        Err(_) => runtime.block_on(future),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::local::Fresh;
    use std::time::Instant;

    fn table() -> (Fresh, Wire) {
        let home = Fresh::make().unwrap();
        let wire = home.connect().unwrap();
        wire.batch("CREATE TABLE kept(x BIGINT PRIMARY KEY)").unwrap();
        (home, wire)
    }

    fn kept(wire: &Wire) -> Vec<i64> {
        wire.query("SELECT x FROM kept ORDER BY x", &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    const INSERT: &str = "INSERT INTO kept VALUES ($1)";

    #[test]
    fn a_warning_is_told_once_and_a_remark_is_none() {
        let (_home, wire) = table();
        wire.batch("DO $$ BEGIN RAISE NOTICE 'a remark'; RAISE INFO 'another'; END $$").unwrap();
        assert!(!wire.take_warning());
        wire.batch("DO $$ BEGIN RAISE WARNING 'a warning'; END $$").unwrap();
        assert!(wire.take_warning());
        assert!(!wire.take_warning());
    }

    /// A trigger speaks where the commit of a missing replica does.
    #[test]
    fn a_commit_with_a_warning_is_not_known_to_be_done() {
        let (_home, wire) = table();
        wire.batch(
            "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'late'; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()",
        )
        .unwrap();
        let written = wire.write(INSERT, &[&1_i64]);
        assert!(matches!(written, Err(StoreError::Unknown(_))), "{written:?}");
        let written = wire.transaction(|| wire.execute(INSERT, &[&2_i64]));
        assert!(matches!(written, Err(StoreError::Unknown(_))), "{written:?}");
        assert_eq!(kept(&wire), [1, 2]);
        // A warning of something else, and one from before the commit, do not count.
        wire.batch("ALTER TABLE kept DISABLE TRIGGER late; DO $$ BEGIN RAISE WARNING 'early'; END $$").unwrap();
        assert_eq!(wire.write(INSERT, &[&3_i64]).unwrap(), 1);
    }

    #[test]
    fn a_transaction_whose_failure_was_overlooked_does_not_succeed() {
        let (_home, wire) = table();
        wire.write(INSERT, &[&1_i64]).unwrap();
        let done = wire.transaction(|| {
            wire.execute(INSERT, &[&2_i64])?;
            assert!(wire.execute(INSERT, &[&1_i64]).is_err());
            Ok(())
        });
        assert_eq!(done.unwrap_err().sql_state(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
        assert_eq!(kept(&wire), [1]);
        wire.transaction(|| wire.execute(INSERT, &[&2_i64])).unwrap();
        assert_eq!(kept(&wire), [1, 2]);
    }

    /// Each of two transactions counts what the other one adds: one of them is tried again.
    #[test]
    fn a_transaction_given_up_for_another_one_is_tried_again() {
        let (home, wire) = table();
        let other = home.connect().unwrap();
        let mut tries = 0_i64;
        wire.transaction(|| {
            tries += 1;
            let rows = i64::try_from(kept(&wire).len()).unwrap();
            if tries == 1 {
                other.transaction(|| {
                    kept(&other);
                    other.execute(INSERT, &[&100_i64])
                })?;
            }
            wire.execute(INSERT, &[&rows])
        })
        .unwrap();
        assert_eq!(tries, 2);
        assert_eq!(kept(&wire), [1, 100]);
    }

    #[test]
    fn a_connection_without_an_answer_is_lost() {
        let (_home, mut wire) = table();
        wire.set_patience(Duration::from_millis(100));
        let gone = wire.batch("SELECT pg_sleep(5)").unwrap_err();
        assert!(gone.to_string().ends_with("cannot be reached: no answer within 100ms"), "{gone}");
        assert!(wire.is_lost());
        let asked = Instant::now();
        assert!(matches!(wire.batch("SELECT 1"), Err(StoreError::Unreachable { .. })));
        assert!(asked.elapsed() < Duration::from_millis(90), "it is not waited for once more");
    }

    #[test]
    fn a_notification_wakes_who_waits() {
        let (home, wire) = table();
        let other = home.connect().unwrap();
        let channel = home.schema();
        wire.batch(&format!("LISTEN {channel}")).unwrap();
        assert!(!wire.notified(Duration::from_millis(20)).unwrap());
        other.batch(&format!("NOTIFY {channel}")).unwrap();
        assert!(wire.notified(Duration::from_secs(10)).unwrap());
        assert!(!wire.notified(Duration::from_millis(20)).unwrap());
        // Told before it is waited for, and more than once: one ring.
        other.batch(&format!("NOTIFY {channel}, 'one'; NOTIFY {channel}, 'two'")).unwrap();
        assert!(wire.notified(Duration::from_secs(10)).unwrap());
        let pid: i32 = wire.one("SELECT pg_backend_pid()", &[]).unwrap().unwrap().get(0);
        let asked = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                // What is left of the two may ring once more.
                while wire.notified(Duration::from_secs(10)).is_ok() {}
                assert!(matches!(wire.notified(Duration::from_secs(10)), Err(StoreError::Unreachable { .. })));
            });
            other.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
            waiting.join().unwrap();
        });
        assert!(asked.elapsed() < Duration::from_secs(9), "the end of a connection is told at once, and again");
    }
}
