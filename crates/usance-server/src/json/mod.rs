//! JSON: the shapes of the contract, and handlers that read a request, ask the machine and show what it says. No rule lives here.
//!
//! `call` is how every write goes to the machine once only; `shape` what everything looks like on the wire and `answer` what a
//! write is told. One file a group of routes. Which path leads to which handler, and who may, stands in the contract.

pub mod answer;
pub mod call;
pub mod catalogue;
pub mod customer;
pub mod events;
pub mod history;
pub mod journal;
pub mod notices;
pub mod operator;
pub mod people;
pub mod service;
pub mod shape;
pub mod statement;
