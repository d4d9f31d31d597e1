//! Who is asking: tokens, sessions, and the customer a request acts for.
//!
//! `identity` is who somebody is, `tokens` how programs say so (`known_tokens` which were right, `bootstrap` the first operator's),
//! `session` how browsers do, with `factor` behind the password: `attempts` counts how often they may try, `password_queues` says whose
//! password is checked next, `device` knows their devices again. `credential` is looked at again while an answer goes on. `rates` says how often somebody may ask.
//! Who may do what stands in the contract.

pub mod attempts;
pub mod bootstrap;
pub mod credential;
pub mod device;
pub mod factor;
pub mod identity;
mod known_tokens;
mod own;
mod password_queues;
pub mod rates;
pub mod refusals;
pub mod session;
pub mod tokens;

pub use tokens::Auth;
