//! People and what they decide on, as the state keeps them (RULES 11). Nobody is forgotten and no proposal either: who approved what
//! has to be known for ever.

use crate::id::PersonIx;
use crate::person::proposal::{Proposal, Standing};
use crate::person::{Person, PublicKey};

/// People and proposals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People {
    people: Vec<Person>,
    proposals: Vec<Proposal>,
    /// The numbers of the proposals that may wait for signatures; derived from them.
    open: Vec<u64>,
}

impl People {
    /// People and proposals that were read back, each in order.
    #[must_use]
    pub fn from_parts(people: Vec<Person>, proposals: Vec<Proposal>) -> People {
        let open = (1..).zip(&proposals).filter(|(_, proposal)| proposal.standing == Standing::Open);
        People { open: open.map(|(number, _)| number).collect(), people, proposals }
    }
    /// Everybody in order of registration, removed ones too.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }
    /// Every proposal in the order of its number, which is counted from 1.
    #[must_use]
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }
    /// A person.
    #[must_use]
    pub fn person(&self, person: PersonIx) -> Option<&Person> {
        self.people.get(person.index())
    }
    /// Who may sign by a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(PersonIx, &Person)> {
        let found = self.people.iter().enumerate().find(|(_, person)| person.name == name && person.is_active());
        found.map(|(place, person)| (PersonIx::from_index(place), person))
    }
    /// Whether somebody has or had a name or a key.
    #[must_use]
    pub fn knows(&self, name: &str, key: PublicKey) -> bool {
        self.people.iter().any(|person| person.name == name || person.key == key)
    }
    /// How many may sign.
    #[must_use]
    pub fn active(&self) -> usize {
        self.people.iter().filter(|person| person.is_active()).count()
    }
    /// A proposal by its number.
    #[must_use]
    pub fn proposal(&self, number: u64) -> Option<&Proposal> {
        self.proposals.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }
    /// The number that the next proposal gets.
    #[must_use]
    pub fn next_proposal(&self) -> u64 {
        u64::try_from(self.proposals.len()).unwrap_or(u64::MAX).saturating_add(1)
    }
    /// The proposals that may wait for signatures, with their numbers, in order.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Proposal)> {
        self.open.iter().filter_map(|number| Some((*number, self.proposal(*number)?)))
    }

    pub(super) fn add_person(&mut self, person: Person) {
        self.people.push(person);
    }
    pub(super) fn person_mut(&mut self, person: PersonIx) -> Option<&mut Person> {
        self.people.get_mut(person.index())
    }
    pub(super) fn add_proposal(&mut self, proposal: Proposal) {
        self.open.push(self.next_proposal());
        self.proposals.push(proposal);
    }
    /// Changes a proposal; one that is over then waits for nobody any more. False where there is none.
    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut Proposal)) -> bool {
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(proposal) = place.and_then(|place| self.proposals.get_mut(place)) else { return false };
        change(proposal);
        if proposal.standing != Standing::Open {
            self.open.retain(|open| *open != number);
        }
        true
    }
}
