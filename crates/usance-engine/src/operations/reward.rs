//! Rewards: the pools that they are paid from.

use crate::caller::Caller;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;

/// Which way a reward pool is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMove {
    /// Coins come in.
    Fund,
    /// Coins go out.
    Withdraw,
}

/// Funds a reward pool, or takes back from it.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn move_pool(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    asset: String,
    amount: String,
    which: PoolMove,
) -> Result<Told, Refusal> {
    let command = match which {
        PoolMove::Fund => Command::FundRewardPool { asset, amount },
        PoolMove::Withdraw => Command::WithdrawRewardPool { asset, amount },
    };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}
