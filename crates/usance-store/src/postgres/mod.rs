//! The home for production: a PostgreSQL server, or a database that speaks its protocol.
//!
//! Where the server is says [`Postgres`] (`place`); here are the rooms in which the rest lies: the connection ([`wire`], one that
//! is opened again, `line`, and one on which writers take turns, `write_connection`), how it begins (`opening`), on
//! which of several hosts (`reach`), and which server that is (`server_mark`), how it is encrypted (`tls`), the steps that lead
//! to the tables ([`schema`]), the [`log`], who may write it ([`lease`]), who is told of it ([`bell`]), the [`people`], and
//! a server of our own for tests ([`local`]). It refuses settings it
//! does not know and an encryption it cannot promise. No text it makes ever holds a password.
//!
//! Nothing here needs more than tables, primary keys and transactions: no extension, no trigger, no advisory lock, no
//! stored function. Every primary key begins with the shard, but that of `schema_version`, which is the whole database's. `docs/how-to/run-on-a-distributed-postgres.md` says what that
//! is good for.

pub mod bell;
pub mod lease;
mod line;
pub mod local;
pub mod log;
mod log_bulk;
mod opening;
pub mod people;
mod people_dump;
mod people_moment;
mod people_move;
mod people_rows;
mod place;
mod pooler;
mod reach;
pub mod schema;
mod server_mark;

mod tls;
pub mod wire;
mod write_connection;

pub use bell::{Herald, Listener};
pub use lease::{ANYBODY, FollowerView, Lease, LeaseView, Renewed};
pub use log::{PostgresLog, PostgresLogReader};
pub use people::PostgresIdentities;
pub use people_moment::PeopleMoment;
pub use place::Postgres;
pub use server_mark::ServerMark;
pub use wire::Wire;
