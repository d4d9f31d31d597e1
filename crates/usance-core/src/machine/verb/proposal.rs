//! `Propose`, `SignProposal`, and the end of a proposal that too few signed in time (RULES 11).
//!
//! Whoever signs is proven by the signature, not by the token that brings it. What a proposal is about is decided like a command, once
//! when it is proposed, so that nothing is signed that could not be done, and again in the instant of the last approval; what comes of it
//! is an event of its own, behind the signature's.

use super::fact::{Fact, NO_MONEY};
use super::named::invalid;
use super::person::{self, PersonRegistered, PersonRemoved};
use super::treasury::loss::Written;
use super::treasury::{
    AddressAdded, DestinationAdded, DifferenceExplained, LossAllocated, LossRecovered, PictureConfirmed, loss, network, picture,
};
use crate::calendar::Timestamp;
use crate::id::PersonIx;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{OPEN_PROPOSALS_MAX, PROPOSAL_LIFE_MS, PROPOSAL_LIFE_MS_MAX};
use crate::machine::answer::{self, Answer};
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::money::Amount;
use crate::person::proposal::{APPROVALS_NEEDED, Approval, Matter, Proposal, Standing, Verdict};
use crate::person::{Person, Signature};
use crate::treasury::network::Destination;
use serde::{Deserialize, Serialize};

/// Something is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// Counted from 1 over the platform.
    pub number: u64,
    /// What.
    pub matter: Matter,
    /// The first instant at which it cannot be signed any more.
    pub expires_at: Timestamp,
}

/// A signature as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignProposal {
    /// Under which proposal.
    pub proposal: u64,
    /// Whose it is said to be.
    pub person: String,
    /// For or against.
    pub verdict: Verdict,
    /// Over the proposal's text for that verdict.
    pub signature: Signature,
}

/// A person signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalSigned {
    /// Under which proposal.
    pub proposal: u64,
    /// Who.
    pub person: PersonIx,
    /// For or against.
    pub verdict: Verdict,
    /// Over the proposal's text for that verdict.
    pub signature: Signature,
    /// Whether it was the last one that was needed, and the proposal is carried out.
    pub carries_out: bool,
}

/// Too few signed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalExpired {
    /// Which proposal.
    pub proposal: u64,
}

/// Proposes.
///
/// # Errors
/// What the matter itself would be refused with now; `already_exists` when the same is proposed already; `terms_invalid`.
pub fn propose(state: &State, matter: &Matter, expires_at: Option<Timestamp>, now: Timestamp) -> Result<Proposed, Rejection> {
    let matter = plainly(state, matter, &carried_out(state, matter, now)?);
    if state.people.open().any(|(_, proposal)| proposal.matter == matter && proposal.standing_at(now) == Standing::Open) {
        return Err(Rejection::AlreadyExists);
    }
    if state.people.open().count() >= OPEN_PROPOSALS_MAX {
        return Err(invalid("too many proposals wait for signatures; decline some of them"));
    }
    let after = |ms: i64| Timestamp::from_ms(now.ms().saturating_add(ms));
    let expires_at = expires_at.unwrap_or_else(|| after(PROPOSAL_LIFE_MS));
    if expires_at <= now || expires_at > after(PROPOSAL_LIFE_MS_MAX) {
        return Err(invalid("expires_at is later than now, and at most 30 days later"));
    }
    Ok(Proposed { number: state.people.next_proposal(), matter, expires_at })
}

/// A matter whose amounts are written in the one way in which people sign them: no exponent, no zeros at the end.
fn plainly(state: &State, matter: &Matter, carried: &Carried) -> Matter {
    let text = |asset, amount: Amount| amount.to_text(state.asset(asset).map_or(0, |asset| asset.decimals));
    match (matter.clone(), carried) {
        (Matter::AllocateLoss { loss, asset, .. }, Carried::LossAllocated(event)) => {
            let [reserve, commission, pool] = event.by.parts().map(|(_, share)| text(event.asset, share));
            let customers = text(event.asset, event.by.customers);
            Matter::AllocateLoss { loss, asset, reserve, commission, pool, customers }
        }
        (Matter::RecoverLoss { loss, asset, difference, .. }, Carried::LossRecovered(event)) => {
            Matter::RecoverLoss { loss, asset, amount: text(event.asset, event.to.total()), difference }
        }
        (matter, _) => matter,
    }
}

/// Signs. What it carries out stands in `effect`.
///
/// # Errors
/// In this order: `person_not_found`, `proposal_not_found`, `proposal_not_open`, `signature_invalid`, `already_signed`, and, of the last
/// approval that is needed, what the matter is refused with now.
pub fn sign(state: &State, asked: &SignProposal, now: Timestamp) -> Result<ProposalSigned, Rejection> {
    let SignProposal { proposal: number, verdict, signature, .. } = *asked;
    let (person, known) = person::named(state, &asked.person)?;
    let proposal = state.people.proposal(number).ok_or(Rejection::ProposalNotFound)?;
    let standing = proposal.standing_at(now);
    if standing != Standing::Open {
        return Err(Rejection::ProposalNotOpen { standing });
    }
    let text = proposal.text(&state.platform_name(), number, verdict);
    if !known.key.has_signed(&text, &signature) {
        return Err(Rejection::SignatureInvalid);
    }
    if verdict == Verdict::Approve && proposal.is_approved_by(person) {
        return Err(Rejection::AlreadySigned);
    }
    let carries_out = verdict == Verdict::Approve && approved(state, proposal).saturating_add(1) >= APPROVALS_NEEDED;
    if carries_out {
        carried_out(state, &proposal.matter, now)?;
    }
    Ok(ProposalSigned { proposal: number, person, verdict, signature, carries_out })
}

/// How many of those who approved may still sign.
fn approved(state: &State, proposal: &Proposal) -> usize {
    let may = |approval: &&Approval| state.people.person(approval.person).is_some_and(Person::is_active);
    proposal.approvals.iter().filter(may).count()
}

/// What becomes of a matter: an event of its own.
pub(super) enum Carried {
    PersonRegistered(PersonRegistered),
    PersonRemoved(PersonRemoved),
    AddressAdded(AddressAdded),
    DestinationAdded(DestinationAdded),
    PictureConfirmed(PictureConfirmed),
    DifferenceExplained(DifferenceExplained),
    LossAllocated(LossAllocated),
    LossRecovered(LossRecovered),
}

fn carried_out(state: &State, matter: &Matter, now: Timestamp) -> Result<Carried, Rejection> {
    Ok(match matter {
        Matter::RegisterPerson { name, key } => Carried::PersonRegistered(person::register(state, name, *key)?),
        Matter::RemovePerson { name } => Carried::PersonRemoved(person::remove(state, name)?),
        Matter::AddTreasuryAddress { network, address } => Carried::AddressAdded(network::add_address(state, network, address)?),
        Matter::AddDestination { network, address, memo } => {
            let destination = Destination { address: address.clone(), memo: memo.clone() };
            Carried::DestinationAdded(network::add_destination(state, network, &destination)?)
        }
        Matter::ConfirmPicture { network, number, digest } => {
            Carried::PictureConfirmed(picture::confirm(state, network, *number, digest, now)?)
        }
        Matter::ExplainDifference { network, number, was } => {
            Carried::DifferenceExplained(picture::explain_difference(state, network, *number, *was)?)
        }
        Matter::AllocateLoss { loss, asset, reserve, commission, pool, customers } => {
            Carried::LossAllocated(loss::allocate(state, *loss, asset, Written { reserve, commission, pool, customers })?)
        }
        Matter::RecoverLoss { loss, asset, amount, difference } => {
            Carried::LossRecovered(loss::recover(state, *loss, asset, amount, *difference)?)
        }
    })
}

/// What a signature carries out: an event of its own, right behind it.
pub(super) fn effect(state: &State, signed: &ProposalSigned, now: Timestamp) -> Option<Result<Carried, Rejection>> {
    let proposal = state.people.proposal(signed.proposal).filter(|_| signed.carries_out)?;
    Some(carried_out(state, &proposal.matter, now))
}

/// The proposals whose time is over at an instant, without the log saying so yet.
#[must_use]
pub fn expired(state: &State, now: Timestamp) -> Vec<ProposalExpired> {
    let over = state.people.open().filter(|(_, proposal)| proposal.standing_at(now) == Standing::Expired);
    over.map(|(proposal, _)| ProposalExpired { proposal }).collect()
}

impl Fact for Proposed {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let Proposed { number, matter, expires_at } = self.clone();
        if state.people.next_proposal() != number {
            return state.break_with("proposals are counted from 1", format!("proposal {number}"));
        }
        state.people.add_proposal(Proposal { matter, proposed_at: at, expires_at, approvals: Vec::new(), standing: Standing::Open });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::proposal(state, self.number)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for ProposalSigned {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let ProposalSigned { proposal, person, verdict, signature, carries_out } = *self;
        let there = state.people.change(proposal, |proposal| match verdict {
            Verdict::Approve => {
                proposal.approvals.push(Approval { person, signature, at });
                if carries_out {
                    proposal.standing = Standing::CarriedOut { at };
                }
            }
            Verdict::Decline => proposal.standing = Standing::Declined { by: person, at },
        });
        if !there {
            state.break_with("what is signed is a proposal", format!("proposal {proposal}"));
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::proposal(state, self.proposal)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for ProposalExpired {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        if !state.people.change(self.proposal, |proposal| proposal.standing = Standing::Expired) {
            state.break_with("what expires is a proposal", format!("proposal {}", self.proposal));
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::proposal(state, self.proposal)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
