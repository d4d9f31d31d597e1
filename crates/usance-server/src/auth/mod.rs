//! Who is asking: tokens, sessions, and the customer a request acts for.
//!
//! `identity` is who somebody is, `tokens` how programs say so, `session` how browsers do: `attempts` counts how often they may
//! try, `turns` says whose password is checked next, `device` knows their devices again. `credential` is looked at again while an answer goes on. `rates` says how often somebody may ask.
//! Who may do what stands in the contract.

pub mod attempts;
pub mod credential;
pub mod device;
pub mod identity;
mod password_queues;
pub mod rates;
pub mod session;
pub mod tokens;

pub use tokens::Auth;
