//! What networks pay, and what becomes of it.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;
use usance_core::treasury::yields::NetworkYield;

/// Who may do what.
pub const RIGHTS: &[Right] = &[("earning_get", Permission::Back), ("network_yield_set", Permission::Operator)];

/// Sets the commission on what a network pays for customers, and how long that may stay undistributed.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn set(engine: &Engine, caller: &Caller, once: &Once, network: String, terms: NetworkYield) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::SetNetworkYield { network, terms }, None).await
}
