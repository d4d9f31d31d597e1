//! Proposals: what two people have to sign before it is done.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::verb::SignProposal;
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::person::{PublicKey, Signature};

/// Who may do what. Whoever signs is proven by the signature, so bringing one takes no more than any operator's token.
pub const RIGHTS: &[Right] = &[
    ("proposal_list", Permission::Back),
    ("proposal_get", Permission::Back),
    ("proposal_create", Permission::Operator),
    ("proposal_sign", Permission::Operator),
];

/// What somebody proposes, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatterAsked {
    /// Somebody is to be a person.
    RegisterPerson {
        /// The name.
        name: String,
        /// The public key, as text.
        public_key: String,
    },
    /// Somebody is to sign nothing more.
    RemovePerson {
        /// The name.
        name: String,
    },
    /// What is asked for as it is carried out.
    Plain(Matter),
}

/// A signature as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// Under which proposal.
    pub proposal: u64,
    /// Whose.
    pub person: String,
    /// For or against.
    pub verdict: Verdict,
    /// As text.
    pub signature: String,
}

/// Proposes.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    matter: MatterAsked,
    expires_at: Option<Timestamp>,
) -> Result<Told, Refusal> {
    let matter = match matter {
        MatterAsked::RegisterPerson { name, public_key } => {
            let key = PublicKey::parse(&public_key)?;
            Matter::RegisterPerson { name, key }
        }
        MatterAsked::RemovePerson { name } => Matter::RemovePerson { name },
        MatterAsked::Plain(matter) => matter,
    };
    let command = Command::Propose { matter: Box::new(matter), expires_at };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Brings a person's signature under a proposal. The last one that is needed carries it out in the same instant.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn sign(engine: &Engine, caller: &Caller, once: &Once, signing: Signing) -> Result<Told, Refusal> {
    let Signing { proposal, person, verdict, signature } = signing;
    let signature = Signature::parse(&signature).map_err(|error| Refusal::Malformed(format!("signature: {error}")))?;
    let command = Command::SignProposal(Box::new(SignProposal { proposal, person, verdict, signature }));
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}
