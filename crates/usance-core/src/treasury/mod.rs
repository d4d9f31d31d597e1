//! The treasury: where the pooled principal is while customers earn (docs/TREASURY.md).
//!
//! A [`network`] has addresses on which the platform's coins are; a [`picture`] is what the network finally says of them at one height;
//! [`explain`] says how one picture became the next, in moves that are booked and differences that are held [`apart`]; [`coverage`] says
//! what can be withdrawn; [`yields`] what of it is customers'. Nothing here books: entries are made beside the verbs, as everywhere. Observed beats told: only a picture moves
//! coins on the network.

pub mod apart;
pub mod coverage;
pub mod digest;
pub mod explain;
pub mod moves;
pub mod network;
pub mod picture;
pub mod yields;
