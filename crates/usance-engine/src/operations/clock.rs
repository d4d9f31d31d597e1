//! The engine's clock: where it stands, and how an operator moves a simulated one or confirms the machine's own.

use crate::caller::{Caller, Permission, Right};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("clock_get", Permission::Public), ("clock_move", Permission::Operator), ("clock_confirm", Permission::Operator)];

/// Where the contract has the simulated one.
pub const PATH: &str = "/v1/operator/clock";

/// Moves a simulated clock; answers when every day on the way is closed.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn move_to(engine: &Engine, caller: &Caller, once: &Once, to: Timestamp) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::MoveClock { to }, None).await
}

/// Confirms that the machine's own clock is right, far ahead of the open day as it is.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn confirm(engine: &Engine, caller: &Caller, once: &Once) -> Result<Told, Refusal> {
    let clock = EngineClock::system();
    engine.carry_out(Write { caller, once, method: "POST" }, Command::ConfirmClock { clock }, None).await
}
