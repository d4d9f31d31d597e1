//! The wire: everything about connections, requests and answers that is the same for JSON and for pages.
//!
//! `listen` accepts connections, within `limits`: heads and answers at their `pace`, a `host`, a `body` before anybody is asked,
//! so many at most (`crowd`); `address` says where one comes from. `admission` is load shedding and backpressure: who is let in, `fair` how its places are shared.
//! `input` reads requests, `page` makes lists turn, `streams` counts answers that go on; `problem` is every error, `rejected` every
//! rule's no; `text` writes values, `cell` text of others in a CSV file, `headers` what every answer carries.

pub mod address;
pub mod admission;
pub mod body;
pub mod cell;
mod crowd;
pub mod fair;
pub mod headers;
mod host;
pub mod input;
pub mod limits;
pub mod listen;
pub mod pace;
pub mod page;
pub mod problem;
pub mod rejected;
pub mod streams;
pub mod text;
