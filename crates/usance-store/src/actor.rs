//! Who had something decided: part of the fact that a log record keeps.
//!
//! Owns the shape that is stored; `codec` pins its bytes. A secret never stands here: a token or a session is named by its
//! number. Nothing fills it in yet: records without an actor say that nobody was recorded.

use crate::identity::Role;
use serde::{Deserialize, Serialize};

/// Who had a command decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// By what right.
    pub role: Role,
    /// How it was known.
    pub credential: Credential,
    /// Where the request came from.
    pub address: AddressClass,
}

/// What somebody showed to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    /// The operator's token of the environment, which has no row.
    Bootstrap,
    /// A token, by its number.
    Token(u64),
    /// A browser's session, by its number.
    Session(u64),
}

/// What kind of address a request came from. The address itself is personal data and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressClass {
    /// It is not known.
    Unknown,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// The public network.
    Public,
}
