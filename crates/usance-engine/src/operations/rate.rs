//! Rates: announced from a later day on, settled before a close.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::calendar::Day;
use usance_core::machine::Command;
use usance_core::machine::verb::RateText;
use usance_core::money::Rate;

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("rate_list", Permission::Public), ("rate_announce", Permission::Operator), ("rate_settle", Permission::Operator)];

/// Announces a rate from a later day on.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn announce(engine: &Engine, caller: &Caller, once: &Once, product: String, from: Day, rate: RateText) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::AnnounceRate { product, from, rate }, None).await
}

/// Settles the rate of a day before its close; with a reason where the network's yield is passed on.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn settle(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    product: String,
    (day, rate): (Day, Rate),
    reason: Option<String>,
) -> Result<Told, Refusal> {
    let command = match reason {
        Some(reason) => Command::SettleRateFor { product, day, rate, reason },
        None => Command::SettleRate { product, day, rate },
    };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}
