//! The simulator: whole worlds from a seed, and an auditor who knows what must come of them.
//!
//! [`plan`] is everything that will happen, as bytes drawn from one seed; [`world`] makes it happen in one thread
//! ([`decide`], [`disk`], [`doubt`], [`start`], [`tables`] are its steps), with the store's own rounds, log, snapshots, recovery and read tables around the core's machine; [`auditor`] predicts every
//! answer and every balance from the rules alone. [`run`] runs a plan, [`shrink`] makes a failing one small, [`seeds`]
//! keeps it; [`hunt`] is for a tree with a planted bug, and says how it was found. Deliberately absent: HTTP and threads, which the server's own tests kill and race.
//!
//! It is a test in itself, so it may stop with a panic; a run takes one for a finding.

pub mod auditor;
pub mod compare;
pub mod coverage;
pub mod decide;
pub mod disk;
pub mod doubt;
pub mod facts;
pub mod hunt;
pub mod machine_clock;
pub mod node;
pub mod plan;
pub mod run;
pub mod seeds;
pub mod seen;
pub mod shown;
pub mod shrink;
pub mod start;
pub mod tables;
pub mod workload;
pub mod world;
