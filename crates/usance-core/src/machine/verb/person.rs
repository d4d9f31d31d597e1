//! `RegisterPerson`: who may propose and approve (RULES 11). The first two are registered by an operator alone; from then on two people
//! decide who comes and who goes.

use super::fact::{Fact, NO_MONEY};
use super::named::{invalid, last};
use crate::calendar::Timestamp;
use crate::id::{PersonIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::PERSON_NAME_BYTES_MAX;
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::person::proposal::APPROVALS_NEEDED;
use crate::person::{Person, PublicKey};
use serde::{Deserialize, Serialize};

/// Somebody is a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRegistered {
    /// The name.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

/// Somebody signs nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRemoved {
    /// Who.
    pub person: PersonIx,
}

/// Registers one of the first two.
///
/// # Errors
/// `approval_needed`, `terms_invalid`, `already_exists`.
pub fn register_first(state: &State, name: &str, key: PublicKey) -> Result<PersonRegistered, Rejection> {
    if state.people.active() >= APPROVALS_NEEDED {
        return Err(Rejection::ApprovalNeeded);
    }
    register(state, name, key)
}

/// Registers somebody whom two people approved.
///
/// # Errors
/// `terms_invalid`, `already_exists`: names and keys stand for one person for ever.
pub fn register(state: &State, name: &str, key: PublicKey) -> Result<PersonRegistered, Rejection> {
    if !is_outside_id(name, PERSON_NAME_BYTES_MAX) {
        return Err(invalid("a person's name is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if state.people.knows(name, key) {
        return Err(Rejection::AlreadyExists);
    }
    Ok(PersonRegistered { name: name.to_owned(), key })
}

/// Removes somebody.
///
/// # Errors
/// `person_not_found`; `terms_invalid` when too few would be left to approve anything.
pub fn remove(state: &State, name: &str) -> Result<PersonRemoved, Rejection> {
    let (person, _) = named(state, name)?;
    if state.people.active() <= APPROVALS_NEEDED {
        return Err(invalid("two people have to remain; register another one first"));
    }
    Ok(PersonRemoved { person })
}

/// Somebody who may sign.
pub(super) fn named<'a>(state: &'a State, name: &str) -> Result<(PersonIx, &'a Person), Rejection> {
    state.people.named(name).ok_or(Rejection::PersonNotFound)
}

impl Fact for PersonRegistered {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let PersonRegistered { name, key } = self.clone();
        state.people.add_person(Person { name, key, registered_at: at, removed_at: None });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Person(PersonIx::from_index(last(state.people.people().len())))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for PersonRemoved {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        match state.people.person_mut(self.person) {
            Some(person) => person.removed_at = Some(at),
            None => state.break_with("who is removed is a person", format!("person {}", self.person.0)),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Person(self.person)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
