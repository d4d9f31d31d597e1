//! Who had something done: part of the fact that a log record keeps, and of every security event.
//!
//! Owns the shape that is stored and its words; `codec` pins the bytes in the log. A secret never stands here: a token or a session
//! is named by its number. Records without an actor are the machine's own (a day that is over), or older than the field.

use std::fmt;

use crate::person::Role;
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
    /// Whoever types commands on the machine where the data lie.
    CommandLine,
    /// A token, by its number.
    Token(u64),
    /// A browser's session, by its number.
    Session(u64),
    /// A password, with its code where one is asked: what opens a session.
    SignIn,
    /// A sign-in link, which is gone with it.
    Link,
    /// Nothing: a demo lets anybody.
    Demo,
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

impl Actor {
    /// Whoever types commands on the machine where the data lie.
    pub const COMMAND_LINE: Actor = Actor { role: Role::Operator, credential: Credential::CommandLine, address: AddressClass::Loopback };
}

impl Credential {
    /// The word that is stored and shown, and the number that goes with it.
    #[must_use]
    pub const fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Credential::Token(id) => ("token", Some(id)),
            Credential::Session(id) => ("session", Some(id)),
            Credential::CommandLine => ("command_line", None),
            Credential::SignIn => ("sign_in", None),
            Credential::Link => ("link", None),
            Credential::Demo => ("demo", None),
        }
    }

    /// The credential of a word and a number.
    #[must_use]
    pub fn from_parts(word: &str, id: Option<u64>) -> Option<Credential> {
        match (word, id) {
            ("token", Some(id)) => Some(Credential::Token(id)),
            ("session", Some(id)) => Some(Credential::Session(id)),
            ("command_line", None) => Some(Credential::CommandLine),
            ("sign_in", None) => Some(Credential::SignIn),
            ("link", None) => Some(Credential::Link),
            ("demo", None) => Some(Credential::Demo),
            _ => None,
        }
    }
}

impl AddressClass {
    /// Every class.
    pub const ALL: [AddressClass; 4] = [AddressClass::Unknown, AddressClass::Loopback, AddressClass::Private, AddressClass::Public];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AddressClass::Unknown => "unknown",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::Public => "public",
        }
    }

    /// The class of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<AddressClass> {
        AddressClass::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// One line, as the read tables and exports have it: `service token 12, private`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, id) = self.credential.parts();
        write!(f, "{} {word}", self.role)?;
        if let Some(id) = id {
            write!(f, " {id}")?;
        }
        write!(f, ", {}", self.address.word())
    }
}
