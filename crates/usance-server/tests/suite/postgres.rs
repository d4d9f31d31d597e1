//! Databases for tests: schemas of one server, which is started once for the whole run or named by
//! `USANCE_TEST_POSTGRES_URL`. A test that stops its server, or wants it otherwise, starts one of its own.

use super::harness::{Server, Start};
use std::path::Path;
use usance_store::postgres::local::Fresh;

/// A schema of its own, dropped with this value.
pub struct Database(Fresh);

impl Database {
    /// A new one on the shared server.
    pub fn new() -> Database {
        Database(Fresh::make().unwrap_or_else(|error| panic!("{error}")))
    }

    /// The address that names it.
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// The schema in which people lie.
    pub fn people(&self) -> String {
        self.0.people().schema().to_owned()
    }

    /// One number that a query gives, asked as somebody else would.
    pub fn number(&self, sql: &str) -> i64 {
        let row = self.0.connect().and_then(|wire| wire.one(sql, &[])).unwrap_or_else(|error| panic!("{sql}: {error}"));
        row.expect("a row").get(0)
    }

    /// The texts that a query gives.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.0.connect().and_then(|wire| wire.query(sql, &[])).unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs SQL on it, as somebody else would.
    pub fn run(&self, sql: &str) {
        self.0.connect().and_then(|wire| wire.batch(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Does something while a session is where SQL has brought it, in the middle of a transaction for instance.
    pub fn while_running(&self, sql: &str, work: impl FnOnce()) {
        let session = self.0.connect().unwrap_or_else(|error| panic!("{error}"));
        session.batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        work();
        session.batch("ROLLBACK").unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts an engine on it.
    pub fn start(&self, data: &Path, more: &[&str]) -> Result<Server, String> {
        Server::start_in(data, &on(self.address(), more))
    }

    /// As [`Database::start`], with sessions that the server tells from those of other tests: by the name that is given back.
    pub fn start_named(&self, data: &Path, more: &[&str]) -> (Result<Server, String>, String) {
        let name = format!("usance-{}", self.0.schema());
        (Server::start_in(data, &on(&format!("{}&application_name={name}", self.address()), more)), name)
    }
}

/// How an engine is started on the database at an address.
pub fn on(address: &str, more: &[&str]) -> Start {
    let mut start = Start::default();
    start.more.extend(["--store", address].into_iter().chain(more.iter().copied()).map(str::to_owned));
    start
}
