//! What is to be done with a treasury's coins: the policy, orders, signatures under them, and who carries them out.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;
use usance_core::machine::verb::{PrepareOrder, SignOrder};
use usance_core::person::Signature;
use usance_core::person::proposal::Verdict;
use usance_core::treasury::policy::Policy;

/// Who may do what. Whoever signs is proven by the signature, so bringing one takes no more than any operator's token.
pub const RIGHTS: &[Right] = &[
    ("policy_get", Permission::Back),
    ("policy_set", Permission::Operator),
    ("validator_list", Permission::Back),
    ("plan_get", Permission::Back),
    ("order_list", Permission::Back),
    ("order_get", Permission::TreasuryRead),
    ("order_sign", Permission::Operator),
    ("order_list_due", Permission::TreasuryRead),
    ("office_take", Permission::Treasury),
    ("order_prepare", Permission::Treasury),
    ("order_send", Permission::Treasury),
    ("order_tell", Permission::Treasury),
];

/// A signature under an order as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// Of which network.
    pub network: String,
    /// Under which order.
    pub order: u64,
    /// Whose.
    pub person: String,
    /// For or against.
    pub verdict: Verdict,
    /// As text.
    pub signature: String,
}

/// Says what is allowed on a network. The plan that follows is made in the same instant.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn set_policy(engine: &Engine, caller: &Caller, once: &Once, network: String, policy: Policy) -> Result<Told, Refusal> {
    let command = Command::SetPolicy { network, policy: Box::new(policy) };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Brings a person's signature under an order.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn sign(engine: &Engine, caller: &Caller, once: &Once, signing: Signing) -> Result<Told, Refusal> {
    let Signing { network, order, person, verdict, signature } = signing;
    let signature = Signature::parse(&signature).map_err(|error| Refusal::Malformed(format!("signature: {error}")))?;
    let command = Command::SignOrder(Box::new(SignOrder { network, order, person, verdict, signature }));
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Makes an agent the one that carries out a network's orders.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn take_office(engine: &Engine, caller: &Caller, once: &Once, network: String, agent: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::TakeOffice { network, agent }, None).await
}

/// Stores the bytes that an agent signed for an order, before the first of them is sent.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn prepare(engine: &Engine, caller: &Caller, once: &Once, asked: PrepareOrder) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::PrepareOrder(Box::new(asked)), None).await
}

/// Says that an agent sent an order's transaction.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn send(engine: &Engine, caller: &Caller, once: &Once, network: String, order: u64, epoch: u64) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::ReportSent { network, order, epoch }, None).await
}

/// Says which transaction does an order that is carried out by hand.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn tell(engine: &Engine, caller: &Caller, once: &Once, network: String, order: u64, hash: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::ReportDone { network, order, hash }, None).await
}
