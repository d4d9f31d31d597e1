//! The running machine, without a skin: one writer decides, everybody else reads in place.
//!
//! [`life`] starts, follows, takes over and writes; its [`life::engine::Engine`] is the handle that everything above holds.
//! [`submit`] sends a command to the writer and waits until its answer is durable; [`read`] looks at one moment of the state
//! and at what history needs of it. This crate knows no HTTP, no HTML and no JSON: a server, an import, an agent or a test
//! links it alone.

pub mod life;
pub mod random;
pub mod read;
pub mod submit;
pub mod unavailable;

pub use life::engine::Engine;
pub use life::settings::{NodeRole, Server, Settings};
pub use life::start::open;
pub use life::started::Started;
pub use unavailable::Unavailable;
