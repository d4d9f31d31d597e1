//! The HTTP surface under attack: whatever comes over a connection is answered or the connection is closed, nothing comes of
//! what was not understood, and everybody else is served meanwhile.
//!
//! [`wire`] sends bytes as they are; the clients of other tests send only what HTTP allows.

mod crowd;
mod fair;
mod heads;
mod overload;
mod paths;
mod rates;
mod refusals;
mod shapes;
mod sign_ins;
mod sizes;
mod slow;
pub mod wire;
