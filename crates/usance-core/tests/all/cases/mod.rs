//! The rules as tables that can be read aloud: what a customer or operator asks, and what they see.
//!
//! How a line reads is in `table`. Most products pay 36.5 %, which is a tenth of a per cent a day, so that every figure
//! can be checked in the head. Where a bug was found its row stays.

mod begun;
mod earning;
mod exits;
#[cfg(feature = "third-kind")]
mod kinds;
mod leaving;
mod losses;
mod network;
mod offering;
mod orders;
mod outlook;
mod people;
mod pictures;
mod plans;
mod sharing;
mod staking;
mod yields;
