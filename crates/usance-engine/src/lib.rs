//! The running machine, without a skin: one writer decides, everybody else reads in place.
//!
//! [`life`] starts, follows, takes over and writes; its [`life::engine::Engine`] is the handle that everything above holds.
//! [`operations`] is what can be asked of a platform, one use case a function; [`caller`] is who acts, [`rights`] by what right, [`once`]
//! what makes a write the same write, [`people`] the identities that writes of their own belong to. [`submit`] sends a command
//! to the writer and waits until its answer is durable; [`read`] looks at one moment of the state and at what history needs of
//! it; [`lines`] puts a customer's past together. This crate knows no HTTP and no HTML: a server, an import, an agent or a test
//! links it alone.

pub mod caller;
pub mod life;
pub mod lines;
pub mod once;
pub mod operations;
pub mod people;
pub mod read;
pub mod refusal;
pub mod rights;
pub mod submit;
pub mod unavailable;

pub use life::engine::Engine;
pub use life::settings::{NodeRole, Server, Settings};
pub use life::start::open;
pub use life::started::Started;
pub use refusal::Refusal;
pub use unavailable::Unavailable;
