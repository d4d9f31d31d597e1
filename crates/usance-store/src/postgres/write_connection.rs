//! A connection that is opened again when it was lost, and the turn to write on it.
//!
//! Owns what a home needs that lives as long as the process: the next call after a lost connection opens a new one; what
//! the server gave up in favour of somebody else is tried again; and writers take turns. It refuses to open a connection
//! inside of a transaction, and to call a transaction done of which a part had failed. What happens in a turn is its
//! caller's.
//!
//! **WriteConnection.** A transaction calls its work once, so the work cannot be run again when the server finds at the end that
//! another write came between. So writers wait instead of failing: each one begins by changing one row, the turn, which
//! the next one can change only when this one has ended. The isolation is READ COMMITTED: there every statement sees what
//! was committed before it, also by the writer whose end was waited for. The row is changed and not only locked, because
//! engines that make snapshots of READ COMMITTED (YugabyteDB, by its settings) would go on with what was true before
//! the wait; a changed row makes them give up at the beginning, before any work was done, where trying again is safe.
//! SQLite is no different: one writer at a time. Readers never wait.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use super::place::Postgres;
use super::wire::Wire;
use crate::error::StoreError;
use crate::identity::Ending;

/// How long a turn is waited for. Shorter than the patience with the server, so that it is the server that says no.
const BUSY: Duration = Duration::from_secs(5);
/// How long the server keeps the turn of a writer that says nothing, a machine that is gone.
const IDLE: Duration = Duration::from_secs(10);
/// The longest pause before another try.
const PAUSE: Duration = Duration::from_millis(50);
/// Nothing of such a transaction has happened.
const WITHIN: &str = "the connection was lost inside of a transaction";

/// The connection of one home.
pub(super) struct WriteConnection {
    postgres: Postgres,
    /// The statement that takes the turn; it changes one row.
    turn: String,
    /// Taken out while it is used, so that what is left of a panic is no half-used connection.
    wire: Cell<Option<Wire>>,
    /// The connection is not to be used after the running call.
    unfit: Cell<bool>,
    transaction: RefCell<Transaction>,
}

/// Whether a transaction of the caller is open.
enum Transaction {
    None,
    Open,
    /// A statement in it failed, and this is what the server said: it takes all of it back.
    Failed(String),
}

impl WriteConnection {
    /// A line that begins with an open connection. `turn` is a statement that changes one row.
    pub fn new(wire: Wire, turn: String) -> Result<Self, StoreError> {
        prepare(&wire)?;
        let postgres = wire.postgres().clone();
        let transaction = RefCell::new(Transaction::None);
        Ok(WriteConnection { postgres, turn, wire: Cell::new(Some(wire)), unfit: Cell::new(false), transaction })
    }

    /// The server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Asks, and changes nothing.
    pub fn read<T>(&self, ask: impl Fn(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_inside() { self.inside(ask) } else { self.patiently(ask) }
    }

    /// Writes in a turn: all of `work` or nothing, durable when this returns; in the open transaction when there is one.
    /// `work` changes nothing but the database: it may run again.
    pub fn write<T>(&self, work: impl Fn(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_inside() {
            return self.inside(work);
        }
        self.patiently(|wire| {
            self.begin(wire)?;
            match work(wire) {
                Ok(done) => self.commit(wire).map(|()| done),
                Err(error) => {
                    self.undo(wire);
                    Err(error)
                }
            }
        })
    }

    /// Runs `work` once, in one turn. What it reads and writes through this line belongs to the turn.
    pub fn transaction(&self, work: impl FnOnce() -> Ending) -> Result<(), StoreError> {
        self.patiently(|wire| self.begin(wire))?;
        self.transaction.replace(Transaction::Open);
        let _open = Open(self);
        let ending = work();
        self.end(ending)
    }

    fn is_inside(&self) -> bool {
        !matches!(*self.transaction.borrow(), Transaction::None)
    }

    /// A part of the open transaction. There is no other try: the server has taken back what was before.
    fn inside<T>(&self, work: impl Fn(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Transaction::Failed(reason) = &*self.transaction.borrow() {
            return Err(self.rolled_back(reason));
        }
        let wire = self.wire.take().ok_or_else(|| self.lost(WITHIN))?;
        let result = work(&wire);
        self.wire.set(Some(wire));
        if let Err(error) = &result
            && is_the_servers(error)
        {
            self.transaction.replace(Transaction::Failed(error.to_string()));
        }
        result
    }

    /// Works outside of a transaction, on a new connection if the old one was lost, and again for as long as the server
    /// gives up in favour of somebody else. `work` has changed nothing when it fails with [`StoreError::Unreachable`].
    fn patiently<T>(&self, work: impl Fn(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let until = Instant::now() + BUSY;
        let (mut fresh, mut pause) = (false, Duration::from_millis(1));
        loop {
            let wire = self.connected()?;
            let result = work(&wire);
            let silent = wire.is_silent();
            self.put_back(wire, &result);
            match result {
                Err(error) if error.is_given_up() && Instant::now() < until => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE);
                }
                // That it was lost shows only when it is used. Who waited in vain once does not wait again.
                Err(error) if is_left_behind(&error) && !fresh && !silent => fresh = true,
                done => return done,
            }
        }
    }

    fn connected(&self) -> Result<Wire, StoreError> {
        if let Some(wire) = self.wire.take().filter(|wire| !wire.is_lost()) {
            return Ok(wire);
        }
        let wire = self.postgres.connect()?;
        prepare(&wire)?;
        Ok(wire)
    }

    /// Keeps the connection for the next call, unless it is of no use any more.
    fn put_back<T>(&self, wire: Wire, result: &Result<T, StoreError>) {
        let over = matches!(result, Err(error) if is_left_behind(error) || matches!(error, StoreError::Unknown(_)));
        if !(self.unfit.take() || over || wire.is_lost()) {
            self.wire.set(Some(wire));
        }
    }

    /// Begins a transaction with the turn.
    fn begin(&self, wire: &Wire) -> Result<(), StoreError> {
        let leads = self.postgres.leads();
        let condition = leads.as_ref().map(|leads| format!(" AND {leads}")).unwrap_or_default();
        let begin = format!("{}; {}{condition}", wire.begin("READ COMMITTED"), self.turn);
        let begun = wire.wait(wire.client().simple_query(&begin)).and_then(|answers| match answers.last() {
            Some(SimpleQueryMessage::CommandComplete(1)) => Ok(()),
            _ if leads.is_some() => Err(StoreError::Superseded { server: self.postgres.to_string() }),
            // Without the row writers would not wait for each other.
            _ => Err(StoreError::damaged("database", format!("{}: a counter is missing", self.postgres))),
        });
        if begun.is_err() {
            self.undo(wire);
        }
        begun
    }

    /// Ends a transaction. Nothing happened when it fails, unless the error is [`StoreError::Unknown`].
    fn commit(&self, wire: &Wire) -> Result<(), StoreError> {
        if wire.is_lost() {
            return Err(self.lost(WITHIN));
        }
        wire.take_warning();
        match wire.batch("COMMIT") {
            Ok(()) if wire.take_warning() => {
                Err(StoreError::Unknown(format!("{}: it is committed, but perhaps not by its replicas", self.postgres)))
            }
            Ok(()) => Ok(()),
            Err(error) if error.is_given_up() => {
                self.undo(wire);
                Err(error)
            }
            Err(error) => Err(StoreError::Unknown(error.to_string())),
        }
    }

    /// Takes a transaction back. Where that cannot be asked for, the connection goes, and the server does it by itself.
    fn undo(&self, wire: &Wire) {
        if wire.is_lost() || wire.batch("ROLLBACK").is_err() {
            self.unfit.set(true);
        }
    }

    /// Ends the caller's transaction.
    fn end(&self, ending: Ending) -> Result<(), StoreError> {
        let transaction = self.transaction.replace(Transaction::None);
        let Some(wire) = self.wire.take() else {
            return if ending == Ending::Commit { Err(self.lost(WITHIN)) } else { Ok(()) };
        };
        let ended = match (ending, transaction) {
            (Ending::Commit, Transaction::Failed(reason)) => {
                self.undo(&wire);
                Err(self.rolled_back(&reason))
            }
            (Ending::Commit, _) => self.commit(&wire),
            (Ending::RollBack, _) => {
                self.undo(&wire);
                Ok(())
            }
        };
        self.put_back(wire, &ended);
        ended
    }

    fn lost(&self, reason: &str) -> StoreError {
        StoreError::Unreachable { server: self.postgres.to_string(), reason: reason.to_owned() }
    }

    fn rolled_back(&self, reason: &str) -> StoreError {
        StoreError::RolledBack { server: self.postgres.to_string(), reason: reason.to_owned() }
    }
}

/// A transaction that is taken back when its work panics.
struct Open<'a>(&'a WriteConnection);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.0.is_inside() {
            // To take it back cannot fail.
            let _ = self.0.end(Ending::RollBack);
        }
    }
}

fn prepare(wire: &Wire) -> Result<(), StoreError> {
    let (busy, idle) = (BUSY.as_millis(), IDLE.as_millis());
    wire.batch(&format!("SET lock_timeout = {busy}; SET idle_in_transaction_session_timeout = {idle}"))
}

/// Whether the server has failed, and not the caller been refused: then it takes the transaction back.
const fn is_the_servers(error: &StoreError) -> bool {
    matches!(error, StoreError::Postgres { .. } | StoreError::Unreachable { .. } | StoreError::Unknown(_) | StoreError::Full)
}

/// Whether it is time for another connection: this one was lost, or leads to a server that another one has taken over from.
fn is_left_behind(error: &StoreError) -> bool {
    matches!(error, StoreError::Unreachable { .. }) || error.sql_state() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}
