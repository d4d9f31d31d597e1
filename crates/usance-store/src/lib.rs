//! Where Usance keeps what must outlive the process, and how a running state comes back from it: the log of record, the
//! bytes of its records, snapshots, recovery, the read tables, people and tokens.
//!
//! The crate owns bytes and their durability. What a record does to money is the core's: here it is encoded, stored, and
//! handed to the core again. It refuses to go on with anything it cannot prove whole: a damaged batch, a torn snapshot, a
//! file of a newer release and a data directory in use are errors that say where, never something to skip over. It
//! writes no storage engine and no consensus; the primary key `(shard, seq)` of a database makes a second writer
//! impossible. The log alone is the truth: snapshots and read tables may be deleted, and cost only the time to be built
//! again.
//!
//! Start with [`log`] for the contract that every home of the log keeps, [`batch`] for the bytes of a batch and [`codec`]
//! for those of a record. Homes are [`sqlite`], [`postgres`] and [`memory`]; [`faulty`] wraps one of them to fail on
//! purpose. From the log come the state ([`recovery`], shortened by an [`image`] in a [`snapshot`]) and the read tables
//! ([`projection`]). [`files`], [`directory`], [`identity`], and for backups [`copy`],
//! [`note`] and [`soundness`], stand by themselves.

pub mod actor;
pub mod batch;
pub mod bounds;
mod checkpoint;
pub mod codec;
mod connection;
pub mod copy;
pub mod directory;
pub mod error;
pub mod faulty;
pub mod files;
pub mod head;
pub mod home;
pub mod identity;
pub mod identity_dump;
pub mod identity_sqlite;
mod identity_sqlite_dump;
mod identity_sqlite_rows;
pub mod image;
pub mod known_end;
pub mod log;
pub mod log_move;
pub mod memory;
pub mod note;
pub mod people_copy;
pub mod person;
pub mod postgres;
pub mod projection;
pub mod random;
pub mod recent;
pub mod recovery;
pub mod round;
pub mod secrets;
pub mod secrets_file;
pub mod security;
pub mod snapshot;
pub mod soundness;
pub mod sqlite;

pub use batch::{Batch, BatchBuilder, BatchError};
pub use connection::remove_database;
pub use directory::DataDirectory;
pub use error::StoreError;
pub use faulty::{Fault, FaultScript, FaultyLog};
pub use home::Home;
pub use identity::{
    Identities, IdentityStore, NewSecurityEvent, NewSession, NewToken, Remembered, Role, Scope, Scopes, SealedItem, SealedPlace,
    SecondFactor, SecurityEvent, SecurityKind, SessionRecord, TokenRecord, atomically,
};
pub use identity_dump::People;
pub use identity_sqlite::SqliteIdentities;
pub use known_end::{KnownEnd, Proven};
pub use log::{Appended, Head, LogReader, LogStore, verify_chain, verify_stands};
pub use log_move::LogMove;
pub use memory::MemoryLog;
pub use note::Note;
pub use people_copy::PeopleCopy;
pub use postgres::{Postgres, PostgresIdentities, PostgresLog, PostgresLogReader};
pub use recent::{Lost, Recent, Standing};
pub use secrets::Secrets;
pub use snapshot::{Section, Snapshot, SnapshotFile, SnapshotWriter};
pub use sqlite::{SqliteLog, SqliteLogReader};
pub use usance_core::id::LogPosition;
