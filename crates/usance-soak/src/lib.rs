//! What is done to the real binary from outside. A soak: mixed load for an hour, killed every half minute, and a ledger of our own
//! beside it. And an [`attack`], which shares only how the binary is started.
//!
//! [`crowd`] are customers, [`desk`] is the operator, [`listener`] hears event streams; each sends through a [`caller`] that asks
//! again, with the same key, what got no answer. [`ledger`] books answers and nothing else, and compares itself with what the
//! engine shows. [`course`] starts, kills and ends it all; [`watch`] samples the process; [`judge`], [`floors`], [`report`] and
//! [`plot`] say how it went. Nothing here knows the inside of the engine: it is started as a process and asked over HTTP.

pub mod attack;
pub mod caller;
pub mod client;
pub mod course;
pub mod crowd;
pub mod desk;
pub mod engine;
pub mod floors;
pub mod founding;
pub mod judge;
pub mod ledger;
pub mod listener;
pub mod money;
pub mod patroni;
pub mod plot;
pub mod report;
pub mod stage;
pub mod tally;
pub mod watch;
