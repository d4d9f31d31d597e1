//! People: who may propose and approve what no single hand may do.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::machine::Command;
use usance_core::person::PublicKey;

/// Who may do what.
pub const RIGHTS: &[Right] = &[("person_list", Permission::Back), ("person_create", Permission::Operator)];

/// Registers one of the first two people; whoever comes later is proposed.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create(engine: &Engine, caller: &Caller, once: &Once, name: String, key: &str) -> Result<Told, Refusal> {
    let key = PublicKey::parse(key)?;
    engine.carry_out(Write { caller, once, method: "POST" }, Command::RegisterPerson { name, key }, None).await
}
