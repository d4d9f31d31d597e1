//! A connection that its next caller opens again once it was lost.
//!
//! Owns the moment at which a new connection is made: before something is asked, never in the middle of it. It refuses to
//! ask twice: whoever was answered with an error asks again, and finds a new connection. For readers, and for writes of
//! which nobody needs to know whether they happened. The writer of the log holds a bare [`Wire`]: once that is lost, it is
//! no longer sure of what it wrote.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::place::Postgres;
use super::wire::PATIENCE;
use super::wire::Wire;
use crate::error::StoreError;

/// What every new connection is asked first.
type Greeting = Box<dyn Fn(&Wire) -> Result<(), StoreError> + Send>;

/// See the module's head.
pub(super) struct Line {
    postgres: Postgres,
    greeting: Greeting,
    wire: RefCell<Option<Wire>>,
    patience: Duration,
}

impl Line {
    /// Opens the first connection.
    pub fn open(postgres: &Postgres, greeting: impl Fn(&Wire) -> Result<(), StoreError> + Send + 'static) -> Result<Self, StoreError> {
        let line = Line { postgres: postgres.clone(), greeting: Box::new(greeting), wire: RefCell::new(None), patience: PATIENCE };
        line.with(|_| Ok(()))?;
        Ok(line)
    }

    /// Waits so long for each answer, in place of [`PATIENCE`].
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
        if let Some(wire) = self.wire.get_mut() {
            wire.set_patience(patience);
        }
    }

    /// Whether the next use opens a new connection.
    pub fn is_lost(&self) -> bool {
        self.wire.borrow().as_ref().is_none_or(Wire::is_lost)
    }

    /// Asks something, over a new connection when there is none.
    pub fn with<T>(&self, ask: impl FnOnce(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut held = self.wire.borrow_mut();
        let wire = match held.take() {
            Some(wire) if !wire.is_lost() => wire,
            _ => {
                let mut wire = self.postgres.connect()?;
                wire.set_patience(self.patience);
                (self.greeting)(&wire)?;
                wire
            }
        };
        ask(held.insert(wire))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("postgres", &self.postgres).field("lost", &self.is_lost()).finish_non_exhaustive()
    }
}
