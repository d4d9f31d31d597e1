//! The wire: everything about connections, requests and answers that is the same for JSON and for pages.
//!
//! `listen` accepts connections, within `limits`: heads and answers at their `pace`, a `head` that is said one way (`request_line`),
//! a `body` before anybody is asked, so many at most (`crowd`); what is answered before it is read may still come (`linger`).
//! `address` says where one comes from. `admission` is load shedding and backpressure: who is let in, `fair` how its places are shared.
//! `input` reads requests, `accept` which form of an answer is taken, `page` makes lists turn, `streams` counts answers that go on; `problem` is every error, `rejected` every
//! rule's no; `text` writes values, `cell` text of others in a CSV file, `headers` what every answer carries,
//! `constant` what is the same for everybody.

pub mod accept;
pub mod address;
pub mod admission;
pub mod body;
pub mod cell;
pub mod constant;
mod crowd;
pub mod fair;
pub mod head;
pub mod headers;
pub mod input;
pub mod limits;
mod linger;
pub mod listen;
pub mod pace;
pub mod page;
pub mod problem;
pub mod rejected;
mod request_line;
pub mod streams;
pub mod text;
