//! JSON: the shapes of the contract, and handlers that read a request, ask the machine and show what it says. No rule lives here.
//!
//! `call` is how every write goes to the machine once only; `shape` what everything looks like on the wire and `answer` what a
//! write is told. One file a noun, over the operations of the engine. Which path leads to which handler, and who may, stands in the contract.

pub mod account;
pub mod agreement;
pub mod answer;
pub mod asset;
pub mod book;
pub mod call;
pub mod clock;
pub mod customer;
pub mod day;
pub mod earning;
pub mod events;
pub mod exit;
pub mod history;
pub mod journal;
pub mod loss;
pub mod notices;
pub mod order;
pub mod person;
pub mod policy;
pub mod position;
pub mod product;
pub mod proposal;
pub mod rate;
pub mod redemption;
pub mod reserve;
pub mod reward;
pub mod security;
pub mod service;
pub mod session;
pub mod shape;
pub mod statement;
pub mod subscription;
pub mod token;
pub mod transfer;
pub mod treasury;
