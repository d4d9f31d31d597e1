//! A bell between the writer and those who follow the log: something was appended, look.
//!
//! Owns the channel's name and nothing that matters: a bell is a hint, polling is the truth. It may ring without cause, and
//! a ring may be lost. Where the server knows no notifications, as some that speak the protocol do not, telling does
//! nothing and waiting is sleeping.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::line::Line;
use super::place::Postgres;
use super::wire::Wire;
use crate::error::StoreError;

/// The channel of a shard. The server cuts a name at 63 bytes, here and there: with the longest names of schemas, bells of
/// two shards with five digits may ring together.
fn channel(postgres: &Postgres, shard: u16) -> String {
    format!("usance_log_{}_{shard}", postgres.schema())
}

/// Runs a statement, and answers whether the server knows such statements.
fn is_known(ran: Result<(), StoreError>) -> Result<bool, StoreError> {
    match ran {
        Ok(()) => Ok(true),
        Err(error) => match error.sql_state() {
            Some(code) if [SqlState::SYNTAX_ERROR, SqlState::FEATURE_NOT_SUPPORTED].contains(code) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Who tells.
#[derive(Debug)]
pub struct Herald {
    line: Line,
    statement: String,
    /// The server knows no notifications.
    mute: Cell<bool>,
}

impl Herald {
    /// Opens a connection to tell those who follow the log of `shard`.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn open(postgres: &Postgres, shard: u16) -> Result<Self, StoreError> {
        Herald::with(postgres, format!("NOTIFY {}", channel(postgres, shard)))
    }

    fn with(postgres: &Postgres, statement: String) -> Result<Self, StoreError> {
        let line = Line::open(postgres, Wire::commit_early)?;
        Ok(Herald { line, statement, mute: Cell::new(false) })
    }

    /// Tells that something was appended. It waits for the server's answer: not for a thread that has something else to do.
    ///
    /// # Errors
    /// When the server does not answer or says no; perhaps nobody was told.
    pub fn tell(&self) -> Result<(), StoreError> {
        if self.mute.get() {
            return Ok(());
        }
        let known = is_known(self.line.with(|wire| wire.batch(&self.statement)))?;
        self.mute.set(!known);
        Ok(())
    }
}

/// Who waits to be told.
#[derive(Debug)]
pub struct Listener {
    line: Line,
    /// The server knows no notifications.
    deaf: Arc<AtomicBool>,
}

impl Listener {
    /// Opens a connection that hears what is told about the log of `shard` from now on.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn open(postgres: &Postgres, shard: u16) -> Result<Self, StoreError> {
        Listener::with(postgres, format!("LISTEN {}", channel(postgres, shard)))
    }

    fn with(postgres: &Postgres, statement: String) -> Result<Self, StoreError> {
        let deaf = Arc::new(AtomicBool::new(false));
        let found = Arc::clone(&deaf);
        let line = Line::open(postgres, move |wire| {
            found.store(!is_known(wire.batch(&statement))?, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(Listener { line, deaf })
    }

    /// Waits until something was appended, at most for `duration`: whether to look before the next poll. After a lost
    /// connection the next call opens a new one, and answers at once: what was told meanwhile was missed.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when the connection is lost, or when there is none to be had. It was not waited then.
    pub fn wait(&self, duration: Duration) -> Result<bool, StoreError> {
        if self.deaf.load(Ordering::Relaxed) {
            thread::sleep(duration);
            return Ok(false);
        }
        let missed = self.line.is_lost();
        self.line.with(|wire| if missed { Ok(true) } else { wire.notified(duration) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::local::Fresh;
    use std::time::Instant;

    const SOON: Duration = Duration::from_millis(30);
    const LATE: Duration = Duration::from_secs(10);

    #[test]
    fn who_listens_is_told_of_its_own_shard() {
        let home = Fresh::make().unwrap();
        let listener = Listener::open(&home, 0).unwrap();
        assert!(!listener.wait(SOON).unwrap());
        Herald::open(&home, 1).unwrap().tell().unwrap();
        assert!(!listener.wait(SOON).unwrap());
        let herald = Herald::open(&home, 0).unwrap();
        for _ in 0..3 {
            herald.tell().unwrap();
            assert!(listener.wait(LATE).unwrap());
        }
    }

    #[test]
    fn a_bell_that_was_lost_is_heard_again() {
        let home = Fresh::make().unwrap();
        let postgres = home.with(&format!("application_name={}", home.schema())).unwrap();
        let (herald, listener) = (Herald::open(&postgres, 0).unwrap(), Listener::open(&postgres, 0).unwrap());
        let killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
        assert_eq!(home.connect().unwrap().query(killed, &[&home.schema()]).unwrap().len(), 2);
        // Whether the loss is met by this wait or was noticed before it, nobody waits: something may have been missed.
        let asked = Instant::now();
        match listener.wait(LATE) {
            Ok(told) => assert!(told),
            Err(lost) => {
                assert!(matches!(lost, StoreError::Unreachable { .. }), "{lost:?}");
                assert!(listener.wait(LATE).unwrap());
            }
        }
        assert!(asked.elapsed() < LATE);
        let until = Instant::now() + LATE;
        while herald.tell().is_err() {
            assert!(Instant::now() < until);
        }
        assert!(listener.wait(LATE).unwrap());
    }

    /// As in a database that has never heard of notifications.
    #[test]
    fn without_notifications_telling_does_nothing_and_waiting_is_sleeping() {
        let home = Fresh::make().unwrap();
        let herald = Herald::with(&home, "NOTYFI one".to_owned()).unwrap();
        herald.tell().unwrap();
        assert!(herald.mute.get());
        herald.tell().unwrap();
        let listener = Listener::with(&home, "LYSTEN one".to_owned()).unwrap();
        let asked = Instant::now();
        assert!(!listener.wait(SOON).unwrap());
        assert!(asked.elapsed() >= SOON);
        // What is refused for another reason is an error.
        assert!(Herald::with(&home, "SELECT 1 / 0".to_owned()).unwrap().tell().is_err());
        assert!(Listener::with(&home, "SELECT 1 / 0".to_owned()).is_err());
    }

    #[test]
    fn the_longest_name_of_a_schema_still_rings() {
        let home = Fresh::make().unwrap();
        let long = home.with(&format!("schema={}", "a".repeat(48))).unwrap();
        let listener = Listener::open(&long, u16::MAX).unwrap();
        Herald::open(&long, u16::MAX).unwrap().tell().unwrap();
        assert!(listener.wait(LATE).unwrap());
    }
}
