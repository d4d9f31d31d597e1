//! The treasury: where the pooled principal is while customers earn (docs/TREASURY.md).
//!
//! A [`network`] has addresses on which the platform's coins are; a [`picture`] is what the network finally says of them at one height;
//! [`explain`] says how one picture became the next, in moves that are booked and differences that are held [`apart`]; [`coverage`] says
//! what can be withdrawn, and the [`queue`] has who waits for coins; [`yields`] what of it is customers'; a [`loss`] is what a network took, its [`bearing`] what customers bear of it. What operators allow is a [`policy`]; a [`plan`] says which
//! [`order`]s should exist on the [`ground`] that is there, [`settle`] which of them a picture ends; all of that is a network's [`desk`]; a [`score`] suggests with whom. Nothing here books: entries are made beside the verbs, as everywhere. Observed beats told: only a picture moves
//! coins on the network.

pub mod apart;
pub mod bearing;
pub mod coverage;
pub mod desk;
pub mod digest;
pub mod explain;
pub mod ground;
pub mod loss;
pub mod moves;
pub mod network;
pub mod order;
pub mod picture;
pub mod plan;
pub mod policy;
pub mod queue;
pub mod score;
pub mod settle;
pub mod yields;
