//! Use cases: what can be asked of a platform, whoever asks and by whatever skin.
//!
//! One file a noun, one function a use case: from the engine, who acts, what makes a write the same write, and a typed request, to
//! a typed answer or a [`Refusal`](crate::refusal::Refusal). No HTTP status, no header and no text for people is in it. A use case
//! never calls another: what two share is a rule of the core, a reading, or a function over one moment of the state (`…_at`), so
//! that a page may put several of them into one look.
//!
//! Each noun says by what right its operations are carried out; [`rights`](crate::rights) has them all.

pub mod account;
pub mod agreement;
pub mod asset;
pub mod book;
pub mod clock;
pub mod customer;
pub mod day;
pub mod earning;
pub mod exit;
pub mod journal;
pub mod loss;
pub mod notice;
pub mod order;
pub mod person;
pub mod position;
pub mod product;
pub mod proposal;
pub mod rate;
pub mod redemption;
pub mod reserve;
pub mod reward;
pub mod security;
pub mod session;
mod state;
pub mod statement;
pub mod subscription;
pub mod token;
pub mod transfer;
pub mod treasury;
pub mod whole;
pub mod words;
