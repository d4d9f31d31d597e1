//! Read tables: the log as rows, for history, statements and whoever asks with SQL. Rebuildable, never the truth.
//!
//! Which rows a record makes is written once (`step`), in the order of the log, each batch proven whole and in its place
//! before it is believed. What the tables are is `tables`, what a value in them is `cell`. A home (`sqlite`, `postgres`)
//! stores rows together with how far they reach, in one transaction, refuses those that do not begin where the tables
//! stand, and answers questions. [`Projector`] moves the tables along the log; [`Reading`] asks what the service wants to
//! know; `docs/read-tables.md` is for everybody else. Daily rewards have no rows: they are derived from
//! [`Reading::stakes`] and the rates of closed days. Discarding the tables costs the time to build them again.

mod binary;
mod cell;
mod difference;
mod history;
mod home;
mod postgres;
mod progress;
mod projector;
mod reading;
mod rows;
mod sqlite;
mod step;
mod tables;
mod tables_state;

pub use difference::{Differences, How, RowDifference};
pub use history::{ClosedOn, HistoryKind, HistoryRow, StakeRow};
pub use projector::Projector;
pub use reading::{Deeds, Reading, Span};

pub(crate) use sqlite::SCHEMA as SQLITE_SCHEMA;
