//! Customers: who holds coins, by the exchange's own id.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;

/// Who may do what.
pub const RIGHTS: &[Right] = &[("customer_create", Permission::Identity), ("customer_get", Permission::Back)];

/// Adds a customer.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create(engine: &Engine, caller: &Caller, once: &Once, id: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::CreateCustomer { id }, None).await
}
