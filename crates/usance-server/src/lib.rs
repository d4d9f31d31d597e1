//! The `usance` server: the engine's threads, the HTTP contract, tokens, and the command line.
//!
//! [`engine`] runs the machine of `usance-core` on a home of `usance-store`. [`routes`] is the one table of what can be
//! asked over HTTP and by whom; [`lines`] puts history and statements together; [`api`] holds the handlers, [`auth`] says who is asking, [`connections`] who is connected, [`web`] is the
//! customer's app, [`cli`] what can be typed.

pub mod api;
pub mod auth;
pub mod cli;
pub mod connections;
pub mod engine;
pub mod lines;
pub mod routes;
pub mod web;

use std::io::Read;

// What is built to be found by the simulator is no service.
const _: () = assert!(!usance_core::planted::BUILT_IN, "usance-core was built with its planted bugs: leave the feature `planted` out");

/// Millions of small, short-lived pieces a second: the system's allocator took a fifth of a request's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Random bytes from the operating system.
///
/// # Errors
/// When the system has none to give.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
