//! How to open a store, as a value: where it lies, on which clock, and how this process begins on it.

use std::path::PathBuf;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::machine::state::ClockMode;
use usance_store::{Postgres, Secrets};

/// The shard every engine runs today; many later.
pub const SHARD: u16 = 0;

/// How a process begins on a database that several can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Creates the platform where there is none, and writes at once unless somebody else does.
    Writer,
    /// Creates nothing, and writes only after it has seen that nobody else does.
    Standby,
}

/// A database server as the store, and this process on it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub postgres: Postgres,
    /// How this process begins.
    pub role: NodeRole,
    /// What this process is called.
    pub node: String,
    /// Where clients reach this process, when it says so.
    pub address: Option<String>,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory: on an embedded store everything, otherwise snapshots, and what is known of the log.
    pub data: PathBuf,
    /// The database server, unless the store is embedded.
    pub server: Option<Server>,
    /// The clock, if the caller names one; the instant counts at creation only.
    pub clock: Option<(ClockMode, Option<Timestamp>)>,
    /// The offset, if the caller names one.
    pub day_offset: Option<DayOffset>,
    /// The keys of the secrets file, if there is one: what they signed is believed.
    pub secrets: Option<Secrets>,
    /// The whole chain is proven before anything is answered, whatever was proven before.
    pub prove_all: bool,
}

impl Settings {
    /// The defaults for a directory.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Settings { data: data.into(), server: None, clock: None, day_offset: None, secrets: None, prove_all: false }
    }
}
