//! The `usance` server: the HTTP contract, the customers' pages, tokens, and the command line, around a running `usance_engine`.
//!
//! [`routes`] is the one table of what can be
//! asked over HTTP and by whom; [`lines`] puts history and statements together; [`api`] holds the handlers, [`auth`] says who is asking, [`connections`] who is connected, [`web`] is the
//! customer's app, [`cli`] what can be typed.

pub mod api;
pub mod auth;
pub mod cli;
pub mod connections;
pub mod lines;
pub mod routes;
pub mod web;

/// Millions of small, short-lived pieces a second: the system's allocator took a fifth of a request's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
