//! Connections that requests share.
//!
//! Owns how many there are at most: a database server has only so many, for all of its clients together.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;
use usance_store::projection::Reading;
use usance_store::{Home, LogReader, StoreError};

/// Connections of one kind at most.
pub const CONNECTIONS_MAX: usize = 8;
/// How long one is waited for. A server that does not answer must not gather everybody who asks.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections that requests read through. They outlive a life.
pub(crate) struct Reads {
    pub logs: Pool<Box<dyn LogReader>>,
    pub tables: Pool<Reading>,
}

impl Reads {
    pub fn of(home: &Home, shard: u16) -> Self {
        let (log, tables) = (home.clone(), home.clone());
        Reads {
            logs: Pool::new(CONNECTIONS_MAX, move || log.log_reader()),
            tables: Pool::new(CONNECTIONS_MAX, move || tables.reading(shard)),
        }
    }
}

/// Connections that are handed out one at a time and come back.
pub struct Pool<T> {
    idle: Mutex<Idle<T>>,
    returned: Condvar,
    max: usize,
    open: Box<dyn Fn() -> Result<T, StoreError> + Send + Sync>,
}

struct Idle<T> {
    connections: Vec<T>,
    out: usize,
}

impl<T> Pool<T> {
    /// At most `max` connections at a time, made by `open` when they are needed.
    pub fn new(max: usize, open: impl Fn() -> Result<T, StoreError> + Send + Sync + 'static) -> Self {
        Pool { idle: Mutex::new(Idle { connections: Vec::new(), out: 0 }), returned: Condvar::new(), max, open: Box::new(open) }
    }

    /// Works with a connection; waits for one where all are in use. A connection that was lost opens itself again.
    ///
    /// # Errors
    /// When none can be opened.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R, StoreError> {
        aside(|| {
            let idle = self.take()?;
            let _lent = Lent { pool: self };
            let mut connection = idle.map_or_else(|| (self.open)(), Ok)?;
            let result = work(&mut connection);
            self.idle.lock().connections.push(connection);
            Ok(result)
        })
    }

    fn take(&self) -> Result<Option<T>, StoreError> {
        let mut idle = self.idle.lock();
        if idle.out < self.max {
            idle.out += 1;
            return Ok(idle.connections.pop());
        }
        if self.returned.wait_while_for(&mut idle, |idle| idle.out >= self.max, PATIENCE).timed_out() {
            return Err(StoreError::Busy);
        }
        idle.out += 1;
        Ok(idle.connections.pop())
    }
}

/// Counts a connection as returned, also when the work with it panicked.
struct Lent<'a, T> {
    pool: &'a Pool<T>,
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        self.pool.idle.lock().out -= 1;
        self.pool.returned.notify_one();
    }
}

/// Works where other tasks are not kept waiting by it: on files as on a server, an answer may take its time.
pub(crate) fn aside<R>(work: impl FnOnce() -> R) -> R {
    match tokio::runtime::Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
