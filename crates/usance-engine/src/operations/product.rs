//! Products: what can be subscribed to, and how an operator changes that.

use super::state::seen;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use crate::unavailable::Unavailable;
use usance_core::calendar::Timestamp;
use usance_core::id::ProductIx;
use usance_core::machine::verb::{ProductText, SaleText};
use usance_core::machine::view::{self, ProductView};
use usance_core::machine::{Command, Rejection, State};
use usance_core::product::Status;

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("product_list", Permission::Public),
    ("product_get", Permission::Public),
    ("estimate_get", Permission::Public),
    ("product_list_all", Permission::Back),
    ("product_create", Permission::Operator),
    ("product_change", Permission::Operator),
    ("product_status_set", Permission::Operator),
];

/// Whether drafts are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drafts {
    /// They are: an operator looks.
    Shown,
    /// They do not exist.
    Hidden,
}

/// The catalogue.
///
/// # Errors
/// An engine that cannot answer now.
pub async fn list(engine: &Engine, drafts: Drafts) -> Result<Vec<ProductView>, Unavailable> {
    engine.read(|state, now| list_at(state, now, drafts)).await
}

/// The catalogue at a moment.
#[must_use]
pub fn list_at(state: &State, now: Timestamp, drafts: Drafts) -> Vec<ProductView> {
    (0..state.registry.products.len())
        .filter_map(|ix| view::product(state, ProductIx::from_index(ix), now))
        .filter(|product| drafts == Drafts::Shown || product.status != Status::Draft)
        .collect()
}

/// One product that customers can see.
///
/// # Errors
/// `product_not_found`, also for a draft.
pub async fn get(engine: &Engine, id: &str) -> Result<ProductView, Refusal> {
    Ok(engine.read(|state, now| get_at(state, now, id)).await??)
}

/// One product that customers can see, at a moment.
///
/// # Errors
/// As [`get`].
pub fn get_at(state: &State, now: Timestamp, id: &str) -> Result<ProductView, Rejection> {
    let (ix, _) = seen(state, id)?;
    view::product(state, ix, now).ok_or(Rejection::ProductNotFound)
}

/// Adds a product, as a draft.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn create(engine: &Engine, caller: &Caller, once: &Once, product: ProductText) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::CreateProduct(Box::new(product)), None).await
}

/// Changes what may change.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn change(engine: &Engine, caller: &Caller, once: &Once, product: String, sale: SaleText) -> Result<Told, Refusal> {
    let command = Command::ChangeProduct { product, sale: Box::new(sale) };
    engine.carry_out(Write { caller, once, method: "PATCH" }, command, None).await
}

/// Moves a product along its life.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn set_status(engine: &Engine, caller: &Caller, once: &Once, product: String, status: Status) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::SetProductStatus { product, status }, None).await
}
