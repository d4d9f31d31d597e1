//! The treasury: networks, what they show, and coins between the wallet and them.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;
use usance_core::machine::verb::{Attest, NewNetwork, TopUp};
use usance_core::treasury::picture::Picture;

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("network_list", Permission::Back),
    ("network_get", Permission::TreasuryRead),
    ("network_create", Permission::Operator),
    ("picture_create", Permission::Treasury),
    ("coverage_list", Permission::Back),
    ("attestation_create", Permission::Wallet),
    ("top_up_create", Permission::Wallet),
    ("sweep_create", Permission::Wallet),
];

/// Adds a network.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create_network(engine: &Engine, caller: &Caller, once: &Once, network: NewNetwork) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::CreateNetwork(Box::new(network)), None).await
}

/// Says what a network finally shows.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn observe(engine: &Engine, caller: &Caller, once: &Once, network: String, picture: Picture) -> Result<Told, Refusal> {
    let command = Command::Observe { network, picture: Box::new(picture) };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Says what the wallet holds.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn attest(engine: &Engine, caller: &Caller, once: &Once, attest: Attest) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::Attest(attest), None).await
}

/// Says that the wallet sent coins to the treasury.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn top_up(engine: &Engine, caller: &Caller, once: &Once, top_up: TopUp) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::ReportTopUp(Box::new(top_up)), None).await
}

/// Says that coins of the treasury came to the wallet.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn sweep(engine: &Engine, caller: &Caller, once: &Once, network: String, hash: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::ReportSweep { network, hash }, None).await
}
