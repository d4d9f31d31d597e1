//! Proposals: what two people have to sign before it is done.
//!
//! A proposal is made with a number and a last instant, and its text is what people sign ([`Proposal::text`]): plain lines that say all of
//! it, so that whoever signs reads what is signed. As soon as [`APPROVALS_NEEDED`] people have approved, it is carried out in the same
//! instant; one who declines ends it; after its last instant nobody can sign it any more.

use super::{PublicKey, Signature};
use crate::calendar::Timestamp;
use crate::id::PersonIx;
use serde::{Deserialize, Serialize};

/// So many people have to approve.
pub const APPROVALS_NEEDED: usize = 2;

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Matter {
    /// Somebody is to be a person.
    RegisterPerson {
        /// By this name.
        name: String,
        /// With this key.
        key: PublicKey,
    },
    /// Somebody is to sign nothing more.
    RemovePerson {
        /// Who.
        name: String,
    },
    /// An address is to be the treasury's.
    AddTreasuryAddress {
        /// The network's name.
        network: String,
        /// As the network writes it.
        address: String,
    },
    /// Coins of the treasury may be swept there.
    AddDestination {
        /// The network's name.
        network: String,
        /// As the network writes it.
        address: String,
        /// What a transfer has to say beside it; may be empty.
        memo: String,
    },
    /// A picture that was kept aside is right. The first one begins the treasury.
    ConfirmPicture {
        /// The network's name.
        network: String,
        /// Its number.
        number: u64,
        /// The digest of all that it shows.
        digest: String,
    },
    /// What a difference was that nobody has explained.
    ExplainDifference {
        /// The network's name.
        network: String,
        /// The difference's number.
        number: u64,
        /// What it was.
        was: DifferenceIs,
    },
    /// Who bears a loss.
    AllocateLoss {
        /// The loss's number.
        loss: u64,
        /// The asset's symbol.
        asset: String,
        /// What was set aside for losses bears, as an amount is written.
        reserve: String,
        /// The commission bears.
        commission: String,
        /// The reward pool bears.
        pool: String,
        /// Customers bear.
        customers: String,
    },
    /// Something of a loss came back.
    RecoverLoss {
        /// The loss's number.
        loss: u64,
        /// The asset's symbol.
        asset: String,
        /// How much, as an amount is written.
        amount: String,
        /// The difference on the loss's network that it is; nothing where the coins came to the wallet.
        difference: Option<u64>,
    },
}

/// What a difference was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DifferenceIs {
    /// Coins that are ours now, from elsewhere than staking.
    OtherIncome,
    /// Coins that are gone.
    Loss,
    /// What something cost.
    Fee,
    /// A transaction that nobody ordered and that we know all the same: what it did is booked already.
    Known,
}

impl DifferenceIs {
    /// Every answer.
    pub const ALL: [DifferenceIs; 4] = [DifferenceIs::OtherIncome, DifferenceIs::Loss, DifferenceIs::Fee, DifferenceIs::Known];
    /// The word on the wire, and in the text that is signed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            DifferenceIs::OtherIncome => "other_income",
            DifferenceIs::Loss => "loss",
            DifferenceIs::Fee => "fee",
            DifferenceIs::Known => "known",
        }
    }
}

impl Matter {
    /// Its kind, on the wire and in the text that is signed.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Matter::RegisterPerson { .. } => "register_person",
            Matter::RemovePerson { .. } => "remove_person",
            Matter::AddTreasuryAddress { .. } => "add_treasury_address",
            Matter::AddDestination { .. } => "add_destination",
            Matter::ConfirmPicture { .. } => "confirm_picture",
            Matter::ExplainDifference { .. } => "explain_difference",
            Matter::AllocateLoss { .. } => "allocate_loss",
            Matter::RecoverLoss { .. } => "recover_loss",
        }
    }
    /// All of it as names and values, in one order for ever: what is shown, and what is signed. No value has a line break.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        match self {
            Matter::RegisterPerson { name, key } => vec![("name", name.clone()), ("public_key", key.to_string())],
            Matter::RemovePerson { name } => vec![("name", name.clone())],
            Matter::AddTreasuryAddress { network, address } => vec![("network", network.clone()), ("address", address.clone())],
            Matter::AddDestination { network, address, memo } => {
                vec![("network", network.clone()), ("address", address.clone()), ("memo", memo.clone())]
            }
            Matter::ConfirmPicture { network, number, digest } => {
                vec![("network", network.clone()), ("number", number.to_string()), ("digest", digest.clone())]
            }
            Matter::ExplainDifference { network, number, was } => {
                vec![("network", network.clone()), ("number", number.to_string()), ("was", was.word().to_owned())]
            }
            Matter::AllocateLoss { loss, asset, reserve, commission, pool, customers } => vec![
                ("loss", loss.to_string()),
                ("asset", asset.clone()),
                ("loss_reserve", reserve.clone()),
                ("commission_income", commission.clone()),
                ("reward_pool", pool.clone()),
                ("customers", customers.clone()),
            ],
            Matter::RecoverLoss { loss, asset, amount, difference } => {
                let mut lines = vec![("loss", loss.to_string()), ("asset", asset.clone()), ("amount", amount.clone())];
                lines.extend(difference.map(|number| ("difference", number.to_string())));
                lines
            }
        }
    }
}

/// What a person says to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It may be done.
    Approve,
    /// It may not be done.
    Decline,
}

impl Verdict {
    /// The word in the text that is signed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Approve => "approve",
            Verdict::Decline => "decline",
        }
    }
}

/// A person's signature under a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Whose.
    pub person: PersonIx,
    /// Over the text with the verdict `approve`.
    pub signature: Signature,
    /// When.
    pub at: Timestamp,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It waits for signatures.
    Open,
    /// It was approved and done.
    CarriedOut {
        /// When.
        at: Timestamp,
    },
    /// Somebody said no.
    Declined {
        /// Who.
        by: PersonIx,
        /// When.
        at: Timestamp,
    },
    /// Too few signed in time.
    Expired,
}

impl Standing {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::CarriedOut { .. } => "carried_out",
            Standing::Declined { .. } => "declined",
            Standing::Expired => "expired",
        }
    }
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What.
    pub matter: Matter,
    /// When it was made.
    pub proposed_at: Timestamp,
    /// The first instant at which it cannot be signed any more.
    pub expires_at: Timestamp,
    /// Who has approved so far, in order.
    pub approvals: Vec<Approval>,
    /// Where it stands.
    pub standing: Standing,
}

impl Proposal {
    /// The text that is signed for a verdict: UTF-8, every line ended by a line feed. `platform` names the platform, so that a signature
    /// given on one is worth nothing on another.
    #[must_use]
    pub fn text(&self, platform: &str, number: u64, verdict: Verdict) -> String {
        let mut text = format!("usance proposal, version 1\nverdict: {}\nplatform: {platform}\nproposal: {number}\n", verdict.word());
        text.push_str(&format!("kind: {}\n", self.matter.kind()));
        for (name, value) in self.matter.lines() {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&format!("expires_at: {}\n", self.expires_at));
        text
    }
    /// Where it stands at an instant: one whose time is over has expired, also before the log says so.
    #[must_use]
    pub fn standing_at(&self, now: Timestamp) -> Standing {
        if self.standing == Standing::Open && now >= self.expires_at { Standing::Expired } else { self.standing }
    }
    /// Whether a person has approved.
    #[must_use]
    pub fn is_approved_by(&self, person: PersonIx) -> bool {
        self.approvals.iter().any(|approval| approval.person == person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_signed_never_changes() {
        let expires_at = Timestamp::from_ms(1_767_225_600_000);
        let matter = Matter::RemovePerson { name: "anna".to_owned() };
        let proposal = Proposal { matter, proposed_at: Timestamp::from_ms(0), expires_at, approvals: Vec::new(), standing: Standing::Open };
        let text = "usance proposal, version 1\nverdict: approve\nplatform: 00ff\nproposal: 7\nkind: remove_person\nname: anna\n\
                    expires_at: 2026-01-01T00:00:00.000Z\n";
        assert_eq!(proposal.text("00ff", 7, Verdict::Approve), text);
        assert_eq!(proposal.standing_at(Timestamp::from_ms(1_767_225_599_999)), Standing::Open);
        assert_eq!(proposal.standing_at(expires_at), Standing::Expired);
    }
}
