//! What is set aside for losses, and the commission on what networks pay.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;
use usance_core::machine::verb::ReserveSide;

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("reserve_get", Permission::Back),
    ("reserve_move", Permission::Operator),
    ("commission_get", Permission::Back),
    ("commission_withdraw", Permission::Operator),
];

/// Which way the loss reserve is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveMove {
    /// Something is set aside, from there.
    Fund(ReserveSide),
    /// Something is taken back, to there.
    Withdraw(ReserveSide),
}

/// Sets something aside for losses, or takes it back.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn move_reserve(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    asset: String,
    amount: String,
    which: ReserveMove,
) -> Result<Told, Refusal> {
    let command = match which {
        ReserveMove::Fund(from) => Command::FundLossReserve { asset, amount, from },
        ReserveMove::Withdraw(to) => Command::WithdrawLossReserve { asset, amount, to },
    };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Takes commission out.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn withdraw_commission(engine: &Engine, caller: &Caller, once: &Once, asset: String, amount: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::WithdrawCommission { asset, amount }, None).await
}
