//! The `usance` server: the HTTP contract, the customers' pages, tokens, and the command line, around a running `usance_engine`.
//!
//! [`wire`] is connections, requests and answers; [`auth`] says who is asking; [`app`] is what every handler can reach; [`json`] holds shapes and handlers, [`pages`] the customer's app, [`look`] how it looks;
//! [`contract`] is the one table of what can be asked and by whom; [`site`] puts all of it together; [`cli`] is what can be typed.

pub mod app;
pub mod auth;
pub mod cli;
pub mod contract;
pub mod json;
pub mod look;
pub mod pages;
pub mod site;
pub mod wire;

/// Millions of small, short-lived pieces a second: the system's allocator took a fifth of a request's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
