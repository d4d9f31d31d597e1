//! Proposals: what two people have to sign before it is done, and their signatures.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::loss::nothing;
use crate::json::shape::proposal::{ProposalShape, shape};
use crate::wire::input::{self, Body, Path, Query, number};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::PersonIx;
use usance_core::machine::{Rejection, State as Machine};
use usance_core::person::proposal::{DifferenceIs, Matter, Proposal, Verdict};
use usance_engine::operations::proposal::{self, MatterAsked, Signing};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

fn shape_now(state: &Machine, number: u64, proposal: &Proposal, now: Timestamp) -> Option<ProposalShape> {
    let approved_by: Vec<PersonIx> = proposal.approvals.iter().map(|approval| approval.person).collect();
    shape(state, number, &approved_by, proposal.standing_at(now))
}

/// Filters of the proposals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalFilter {
    standing: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// GET /v1/operator/proposals: newest first.
pub async fn proposal_list(State(app): State<App>, Query(filter): Query<ProposalFilter>) -> Result<Json<Page<ProposalShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let wanted = filter.standing.as_deref();
    if wanted.is_some_and(|word| !["open", "carried_out", "declined", "expired"].contains(&word)) {
        return Err(Problem::malformed("standing: open, carried_out, declined or expired"));
    }
    let (list, key) = (format!("proposals {wanted:?}"), app.auth.key(Purpose::Cursors)?);
    let before: Option<u64> = place(&key, &list, filter.cursor.as_deref())?;
    let found = app.engine.read(|state, now| {
        let all = (1..before.unwrap_or(state.people.next_proposal())).rev();
        let all = all.filter_map(|number| state.people.proposal(number).map(|proposal| (number, proposal)));
        let fitting = all.filter(|(_, proposal)| wanted.is_none_or(|word| proposal.standing_at(now).word() == word));
        fitting.filter_map(|(number, proposal)| Some((number, shape_now(state, number, proposal, now)?))).take(size + 1).collect()
    });
    Ok(Json(turn(&key, &list, found.await?, size)))
}

/// GET /v1/operator/proposals/{id}
pub async fn proposal_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ProposalShape>, Problem> {
    let number = number(&id);
    let found = app.engine.read(|state, now| {
        let shown = state.people.proposal(number).and_then(|proposal| shape_now(state, number, proposal, now));
        shown.ok_or_else(|| rejected(state, &Rejection::ProposalNotFound))
    });
    Ok(Json(found.await??))
}

/// What is proposed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MatterShape {
    /// Somebody is to be a person.
    RegisterPerson {
        /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
        name: String,
        /// The 32 bytes of an Ed25519 key as hexadecimal digits.
        #[schema(pattern = "^[0-9a-fA-F]{64}$")]
        public_key: String,
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
        /// What a transfer has to say beside it.
        #[serde(default)]
        memo: String,
    },
    /// A picture that was kept aside is right. The first one begins the treasury.
    ConfirmPicture {
        /// The network's name.
        network: String,
        /// Its number.
        #[schema(pattern = "^[0-9]{1,19}$")]
        number: String,
        /// The digest of all that it shows, as `aside` of the network has it.
        digest: String,
    },
    /// What a difference was.
    ExplainDifference {
        /// The network's name.
        network: String,
        /// The difference's number.
        #[schema(pattern = "^[0-9]{1,19}$")]
        number: String,
        /// `other_income`, `loss` or `fee`; of a transaction that nobody ordered `known`.
        #[schema(pattern = "^(other_income|loss|fee|known)$")]
        was: String,
    },
    /// Who bears a loss: together all of it.
    AllocateLoss {
        /// The loss's number.
        #[schema(pattern = "^[0-9]{1,19}$")]
        loss: String,
        /// The asset's symbol.
        asset: String,
        /// What was set aside for losses bears.
        #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
        #[serde(default = "nothing")]
        loss_reserve: String,
        /// The commission bears.
        #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
        #[serde(default = "nothing")]
        commission_income: String,
        /// The reward pool bears.
        #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
        #[serde(default = "nothing")]
        reward_pool: String,
        /// Customers of products whose slashing is shared bear.
        #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
        #[serde(default = "nothing")]
        customers: String,
    },
    /// Something of a loss came back.
    RecoverLoss {
        /// The loss's number.
        #[schema(pattern = "^[0-9]{1,19}$")]
        loss: String,
        /// The asset's symbol.
        asset: String,
        /// How much.
        #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
        amount: String,
        /// The difference on the loss's network that it is; left out where the coins came to the wallet.
        #[schema(pattern = "^[0-9]{1,19}$")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<String>,
    },
}

/// A proposal to be made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposalAsked {
    matter: MatterShape,
    /// The first instant at which it cannot be signed any more: at most 30 days from now; 72 hours from now when it is left out.
    #[schema(format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// POST /v1/operator/proposals
pub async fn proposal_create(State(app): State<App>, call: Call, Body(asked): Body<ProposalAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let expires_at = asked.expires_at.as_deref().map(|text| input::instant("expires_at", text)).transpose()?;
    let matter = match asked.matter {
        MatterShape::RegisterPerson { name, public_key } => MatterAsked::RegisterPerson { name, public_key },
        MatterShape::RemovePerson { name } => MatterAsked::RemovePerson { name },
        MatterShape::AddTreasuryAddress { network, address } => MatterAsked::Plain(Matter::AddTreasuryAddress { network, address }),
        MatterShape::AddDestination { network, address, memo } => MatterAsked::Plain(Matter::AddDestination { network, address, memo }),
        MatterShape::ConfirmPicture { network, number: text, digest } => {
            MatterAsked::Plain(Matter::ConfirmPicture { network, number: number(&text), digest })
        }
        MatterShape::ExplainDifference { network, number: text, was } => {
            let found = DifferenceIs::ALL.into_iter().find(|answer| answer.word() == was);
            let was = found.ok_or_else(|| Problem::malformed("was: other_income, loss, fee or known"))?;
            MatterAsked::Plain(Matter::ExplainDifference { network, number: number(&text), was })
        }
        MatterShape::AllocateLoss { loss, asset, loss_reserve: reserve, commission_income: commission, reward_pool: pool, customers } => {
            MatterAsked::Plain(Matter::AllocateLoss { loss: number(&loss), asset, reserve, commission, pool, customers })
        }
        MatterShape::RecoverLoss { loss, asset, amount, difference } => {
            let difference = difference.as_deref().map(number);
            MatterAsked::Plain(Matter::RecoverLoss { loss: number(&loss), asset, amount, difference })
        }
    };
    created(&app, proposal::create(&app.engine, &call.caller, &once, matter, expires_at).await)
}

/// For or against.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictShape {
    /// It may be done.
    Approve,
    /// It may not be done.
    Decline,
}

impl From<VerdictShape> for Verdict {
    fn from(shape: VerdictShape) -> Verdict {
        match shape {
            VerdictShape::Approve => Verdict::Approve,
            VerdictShape::Decline => Verdict::Decline,
        }
    }
}

/// A person's signature.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureAsked {
    /// Whose.
    person: String,
    verdict: VerdictShape,
    /// The 64 bytes of an Ed25519 signature over the proposal's text for this verdict, as hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{128}$")]
    signature: String,
}

/// POST /v1/operator/proposals/{id}/signatures
pub async fn proposal_sign(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<SignatureAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let signing = Signing { proposal: number(&id), person: asked.person, verdict: asked.verdict.into(), signature: asked.signature };
    created(&app, proposal::sign(&app.engine, &call.caller, &once, signing).await)
}
