//! Proposals on the wire.

use serde::Serialize;
use std::collections::BTreeMap;
use usance_core::id::PersonIx;
use usance_core::machine::State;
use usance_core::person::proposal::{Standing, Verdict};
use utoipa::ToSchema;

/// The texts that people sign: UTF-8, every line ended by a line feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextsShape {
    approve: String,
    decline: String,
}

impl TextsShape {
    /// The texts for both verdicts.
    #[must_use]
    pub const fn new(approve: String, decline: String) -> TextsShape {
        TextsShape { approve, decline }
    }
}

/// A proposal.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposalShape {
    proposal_id: String,
    kind: &'static str,
    /// What is proposed, by name and value, as the text has it.
    about: BTreeMap<&'static str, String>,
    /// `open`, `carried_out`, `declined` or `expired`.
    standing: &'static str,
    proposed_at: String,
    /// The first instant at which it cannot be signed any more.
    expires_at: String,
    /// Who has approved, in order.
    approved_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_by: Option<String>,
    /// When it was carried out or declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    sign: TextsShape,
}

/// A proposal as it stood; `approved_by` and `standing` are of that moment, all else never changes.
#[must_use]
pub fn shape(state: &State, number: u64, approved_by: &[PersonIx], standing: Standing) -> Option<ProposalShape> {
    let proposal = state.people.proposal(number)?;
    let name = |person: &PersonIx| state.people.person(*person).map(|person| person.name.clone()).unwrap_or_default();
    let (declined_by, ended_at) = match standing {
        Standing::Open | Standing::Expired => (None, None),
        Standing::CarriedOut { at } => (None, Some(at)),
        Standing::Declined { by, at } => (Some(name(&by)), Some(at)),
    };
    let text = |verdict| proposal.text(&state.platform_name(), number, verdict);
    Some(ProposalShape {
        proposal_id: number.to_string(),
        kind: proposal.matter.kind(),
        about: proposal.matter.lines().into_iter().collect(),
        standing: standing.word(),
        proposed_at: proposal.proposed_at.to_string(),
        expires_at: proposal.expires_at.to_string(),
        approved_by: approved_by.iter().map(name).collect(),
        declined_by,
        ended_at: ended_at.map(|at| at.to_string()),
        sign: TextsShape { approve: text(Verdict::Approve), decline: text(Verdict::Decline) },
    })
}
