//! What tests on a PostgreSQL server share: a schema for each of them, and what one asks the server behind a log's back.
//!
//! No PostgreSQL is a failure that says what to install, never a test that is skipped.

use std::thread;
use std::time::{Duration, Instant};

use usance_store::postgres::Wire;
use usance_store::postgres::local::Fresh;
use usance_store::{Head, LogReader, StoreError, verify_chain};

/// A schema with no tables, dropped with the value.
pub fn postgres() -> Fresh {
    Fresh::make().unwrap()
}

/// The server's processes behind the connections that bear this `application_name`.
pub fn backends(wire: &Wire, name: &str) -> Vec<i32> {
    let rows = wire.query("SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY backend_start", &[&name]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The end of a log that is whole.
pub fn whole(reader: &dyn LogReader) -> Head {
    verify_chain::<StoreError>(reader, 0, Head::GENESIS, |_| Ok(())).unwrap()
}

/// Waits for something that the server does in its own time.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: never");
        thread::sleep(Duration::from_millis(5));
    }
}
