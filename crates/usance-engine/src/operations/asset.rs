//! Assets: the coins.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("asset_list", Permission::Public), ("staking_get", Permission::Public), ("asset_create", Permission::Operator)];

/// A coin to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAsset {
    /// `SOL`
    pub symbol: String,
    /// `Solana`
    pub name: String,
    /// Decimals of a base unit.
    pub decimals: u8,
    /// Decimals that pages show.
    pub display_decimals: u8,
}

/// Adds an asset.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create(engine: &Engine, caller: &Caller, once: &Once, asset: NewAsset) -> Result<Told, Refusal> {
    let NewAsset { symbol, name, decimals, display_decimals } = asset;
    let command = Command::CreateAsset { symbol, name, decimals, display_decimals };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}
