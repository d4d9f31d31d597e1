//! The rules of Usance: money, days, products, positions, rewards and the deterministic machine that runs them.
//!
//! Nothing in here reads a clock, a file, a socket or a random number; time, ids and texts come in as values, so the
//! same log gives the same state on every machine. There is no float, no map whose order differs from run to run, and
//! no arithmetic that can overflow unseen, no `match` that lets a new variant pass by a catch-all: the lints below turn each
//! of these into a build error.
//!
//! Deliberately absent: JSON, HTTP, storage, threads. Those live in `usance-store` and `usance-server`.
//!
//! Reading order, which is also the order in which modules may import each other:
//! [`pieces`] [`money`] [`calendar`] [`id`] [`limits`], then [`person`], [`ledger`], [`product`], [`position`], [`reward`], [`treasury`],
//! [`machine`], [`audit`].
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::disallowed_types,
        clippy::disallowed_methods,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::lossy_float_literal,
        clippy::wildcard_enum_match_arm,
        clippy::match_wildcard_for_single_variants
    )
)]

pub mod audit;
pub mod calendar;
pub mod id;
pub mod ledger;
pub mod limits;
pub mod machine;
pub mod money;
pub mod person;
pub mod pieces;
pub mod position;
pub mod product;
pub mod reward;
pub mod treasury;
