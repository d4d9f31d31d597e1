//! Agreements: what customers accept, by version.

use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Cut, Wanted, done};
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use crate::unavailable::Unavailable;
use usance_core::id::AssetIx;
use usance_core::machine::state::Agreement;
use usance_core::machine::{Command, State};
use usance_store::projection::{HistoryKind, HistoryRow};

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("agreement_get", Permission::Public),
    ("agreement_version_get", Permission::Public),
    ("acceptance_list", Permission::CustomerRead),
    ("agreement_publish", Permission::Operator),
];

/// The agreement in force; nothing before the first.
///
/// # Errors
/// An engine that cannot answer now.
pub async fn in_force(engine: &Engine) -> Result<Option<Agreement>, Unavailable> {
    engine.read(|state, _| state.agreement_in_force().map(|(_, agreement)| agreement.clone())).await
}

/// An agreement by its version.
///
/// # Errors
/// An engine that cannot answer now.
pub async fn get(engine: &Engine, version: &str) -> Result<Option<Agreement>, Unavailable> {
    let find = |state: &State| state.registry.agreements.iter().find(|agreement| agreement.version == version).cloned();
    engine.read(|state, _| find(state)).await
}

/// Puts an agreement in force.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn publish(engine: &Engine, caller: &Caller, once: &Once, version: String, text: String) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::PublishAgreement { version, text }, None).await
}

/// A customer's acceptances: every subscription accepted an agreement, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn acceptances(engine: &Engine, caller: &Caller, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    done(engine, caller.acts_for(), HistoryKind::Subscription, wanted).await
}

/// As [`acceptances`], at a moment that was taken.
///
/// # Errors
/// When the read tables cannot be read.
pub async fn acceptances_at(engine: &Engine, cut: &Cut, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Unavailable> {
    cut.rows(engine, Some(HistoryKind::Subscription), wanted.before, wanted.most).await
}
