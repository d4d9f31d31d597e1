//! Two people: who may sign, what waits for signatures, what comes of them (RULES 11).

use super::refused::{Refused, Told};
use super::{Auditor, Person, Proposal};
use crate::facts::Facts;
use ed25519_dalek::VerifyingKey;
use usance_core::calendar::Timestamp;
use usance_core::machine::verb::SignProposal;
use usance_core::person::proposal::{Matter, Verdict};

/// How long a proposal can be signed, and how long at most, in milliseconds.
const LIFE_MS: i64 = 72 * 60 * 60 * 1000;
const LIFE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;

impl Auditor {
    /// What is signed under a proposal, line by line as RULES 11 has it.
    #[must_use]
    pub fn to_sign(&self, place: usize, approves: bool) -> Option<String> {
        let proposal = self.proposals.get(place)?;
        let about = match &proposal.matter {
            Matter::RegisterPerson { name, key } => format!("kind: register_person\nname: {name}\npublic_key: {key}\n"),
            Matter::RemovePerson { name } => format!("kind: remove_person\nname: {name}\n"),
            Matter::AddTreasuryAddress { network, address } => {
                format!("kind: add_treasury_address\nnetwork: {network}\naddress: {address}\n")
            }
            Matter::AddDestination { network, address, memo } => {
                format!("kind: add_destination\nnetwork: {network}\naddress: {address}\nmemo: {memo}\n")
            }
            Matter::ConfirmPicture { network, number, digest } => {
                format!("kind: confirm_picture\nnetwork: {network}\nnumber: {number}\ndigest: {digest}\n")
            }
            Matter::ExplainDifference { network, number, was } => {
                format!("kind: explain_difference\nnetwork: {network}\nnumber: {number}\nwas: {}\n", was.word())
            }
            Matter::AllocateLoss { loss, asset, reserve, commission, pool, customers } => {
                let own = format!("loss_reserve: {reserve}\ncommission_income: {commission}\nreward_pool: {pool}\n");
                let shares = format!("{own}customers: {customers}\n");
                format!("kind: allocate_loss\nloss: {loss}\nasset: {asset}\n{shares}")
            }
            Matter::RecoverLoss { loss, asset, amount, difference } => {
                let difference = difference.map(|number| format!("difference: {number}\n")).unwrap_or_default();
                format!("kind: recover_loss\nloss: {loss}\nasset: {asset}\namount: {amount}\n{difference}")
            }
        };
        let verdict = if approves { "approve" } else { "decline" };
        let until = Timestamp::from_ms(proposal.expires_at).to_text();
        let head = format!("usance proposal, version 1\nverdict: {verdict}\nplatform: {}\nproposal: {}\n", self.name, place + 1);
        Some(format!("{head}{about}expires_at: {until}\n"))
    }

    /// Writes down the proposals and orders that are over by the instant of the next decision: that, too, is something that happens.
    pub fn expire(&mut self, at: i64) {
        for proposal in self.proposals.iter_mut().filter(|proposal| proposal.over.is_none() && at >= proposal.expires_at) {
            proposal.over = Some("expired".to_owned());
            self.now = self.now.max(at);
        }
        self.expire_orders(at);
    }

    fn may_sign(&self) -> usize {
        self.people.iter().filter(|person| !person.removed).count()
    }

    pub(super) fn active(&self, name: &str) -> Result<usize, Refused> {
        let found = self.people.iter().position(|person| person.name == name && !person.removed);
        found.ok_or_else(|| Refused::of("person_not_found"))
    }

    pub(super) fn register_first(&mut self, name: &str, key: &str) -> Told {
        if self.may_sign() >= 2 {
            return Err(Refused::of("approval_needed"));
        }
        self.register(name, key)?;
        Ok(Facts::of("person").with("number", self.people.len() - 1))
    }

    fn register(&mut self, name: &str, key: &str) -> Result<(), Refused> {
        if self.people.iter().any(|person| person.name == name || person.key == key) {
            return Err(Refused::of("already_exists"));
        }
        self.people.push(Person { name: name.to_owned(), key: key.to_owned(), removed: false });
        Ok(())
    }

    /// What comes of a matter; in a copy, whether it would.
    fn carry_out(&mut self, matter: &Matter) -> Result<(), Refused> {
        match matter {
            Matter::RegisterPerson { name, key } => self.register(name, &key.to_string()),
            Matter::RemovePerson { name } => {
                let number = self.active(name)?;
                if self.may_sign() <= 2 {
                    return Err(Refused::of("terms_invalid"));
                }
                self.people[number].removed = true;
                Ok(())
            }
            Matter::AddTreasuryAddress { network, address } => self.add_address(network, address),
            Matter::AddDestination { network, address, memo } => self.add_destination(network, address, memo),
            Matter::ConfirmPicture { network, number, digest } => self.confirm_picture(network, *number, digest),
            Matter::ExplainDifference { network, number, was } => self.explain_difference(network, *number, *was),
            Matter::AllocateLoss { loss, asset, reserve, commission, pool, customers } => {
                self.allocate_loss(*loss, asset, [reserve, commission, pool, customers])
            }
            Matter::RecoverLoss { loss, asset, amount, difference } => self.recover_loss(*loss, asset, amount, *difference),
        }
    }

    pub(super) fn propose(&mut self, matter: &Matter, expires_at: Option<i64>, at: i64) -> Told {
        self.clone().carry_out(matter)?;
        let matter = self.plainly(matter);
        if self.proposals.iter().any(|open| open.over.is_none() && open.matter == matter) {
            return Err(Refused::of("already_exists"));
        }
        let expires_at = expires_at.unwrap_or(at + LIFE_MS);
        if expires_at <= at || expires_at > at + LIFE_MS_MAX {
            return Err(Refused::of("terms_invalid"));
        }
        self.proposals.push(Proposal { matter, expires_at, approved_by: Vec::new(), over: None });
        Ok(self.proposal_facts(self.proposals.len() - 1))
    }

    pub(super) fn sign(&mut self, asked: &SignProposal, at: i64) -> Told {
        let person = self.active(&asked.person)?;
        let place = usize::try_from(asked.proposal).ok().and_then(|number| number.checked_sub(1));
        let place = place.filter(|place| *place < self.proposals.len()).ok_or_else(|| Refused::of("proposal_not_found"))?;
        if let Some(over) = &self.proposals[place].over {
            return Err(Refused::of("proposal_not_open").with("standing", over));
        }
        let approves = asked.verdict == Verdict::Approve;
        if !self.is_signed(person, &self.to_sign(place, approves).unwrap_or_default(), &asked.signature.bytes()) {
            return Err(Refused::of("signature_invalid"));
        }
        if !approves {
            self.proposals[place].over = Some(format!("declined by {person} at {at}"));
            return Ok(self.proposal_facts(place));
        }
        if self.proposals[place].approved_by.contains(&person) {
            return Err(Refused::of("already_signed"));
        }
        let others = self.proposals[place].approved_by.iter().filter(|other| !self.people[**other].removed).count();
        if others + 1 >= 2 {
            let matter = self.proposals[place].matter.clone();
            self.carry_out(&matter)?;
            self.proposals[place].over = Some(format!("carried_out at {at}"));
        }
        self.proposals[place].approved_by.push(person);
        Ok(self.proposal_facts(place))
    }

    pub(super) fn is_signed(&self, person: usize, text: &str, signature: &[u8; 64]) -> bool {
        let digits = self.people[person].key.as_bytes();
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
        }
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&key).is_ok_and(|key| key.verify_strict(text.as_bytes(), &signature).is_ok())
    }

    /// A person as everybody on the operator's side sees it.
    #[must_use]
    pub fn person_facts(&self, number: usize) -> Facts {
        let person = &self.people[number];
        Facts::of("person").with("name", &person.name).with("key", &person.key).with("removed", person.removed)
    }

    /// A proposal as everybody on the operator's side sees it.
    #[must_use]
    pub fn proposal_facts(&self, place: usize) -> Facts {
        let proposal = &self.proposals[place];
        let waits = if self.now >= proposal.expires_at { "expired" } else { "open" };
        let approved: Vec<String> = proposal.approved_by.iter().map(usize::to_string).collect();
        Facts::of("proposal")
            .with("number", place + 1)
            .with("approved_by", approved.join(","))
            .with("standing", proposal.over.as_deref().unwrap_or(waits))
    }
}
