//! Subscriptions: from an account into a product.

use super::state::seen;
use super::words::SourceWord;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Wanted, done};
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Expectation, Told, Write};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::preview::{self, SubscriptionPreview};
use usance_core::machine::verb::{Subscribe, subscribe};
use usance_core::machine::{Command, Rejection, State, outlook};
use usance_core::money::Amount;
use usance_store::projection::{HistoryKind, HistoryRow};

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("subscription_preview", Permission::CustomerRead),
    ("subscription_create", Permission::CustomerWrite),
    ("subscription_list", Permission::CustomerRead),
];

/// Where the contract has it.
pub const PATH: &str = "/v1/subscriptions";

/// A subscription to look at before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubscriptionPreviewAsked {
    /// The product's id.
    pub product: String,
    /// How much, in the asset's unit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    pub amount: String,
    /// Where principal comes from.
    #[serde(default)]
    pub source: Option<SourceWord>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubscriptionAsked {
    /// The product's id.
    pub product: String,
    /// How much, in the asset's unit.
    #[cfg_attr(feature = "schema", schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"))]
    pub amount: String,
    /// Where principal comes from.
    pub source: SourceWord,
    /// The version of the Staking Service Agreement that the customer accepts.
    pub agreement: String,
    /// Whether it renews by itself.
    #[serde(default)]
    pub auto_renew: bool,
}

/// What a subscription would book and earn now.
///
/// # Errors
/// The rejection that it would meet.
pub async fn preview(engine: &Engine, caller: &Caller, asked: &SubscriptionPreviewAsked) -> Result<SubscriptionPreview, Refusal> {
    Ok(engine.read(|state, now| preview_at(state, now, caller, asked)).await??)
}

/// What a subscription would book and earn at a moment.
///
/// # Errors
/// The rejection that it would meet.
pub fn preview_at(
    state: &State,
    now: Timestamp,
    caller: &Caller,
    asked: &SubscriptionPreviewAsked,
) -> Result<SubscriptionPreview, Rejection> {
    let look = subscribe::Asked {
        customer: caller.acts_for(),
        product: &asked.product,
        amount: &asked.amount,
        source: asked.source.map(Into::into),
        agreement: None,
        auto_renew: false,
    };
    preview::subscription(state, &look, now)
}

/// The most that a customer can subscribe to a product from a source at a moment; nothing for who is not known.
///
/// # Errors
/// `product_not_found`, also for a draft.
pub fn most_at(state: &State, caller: &Caller, product: &str, source: SourceWord) -> Result<Amount, Rejection> {
    let (product, _) = seen(state, product)?;
    let customer = state.customer_ix(caller.acts_for());
    Ok(customer.map(|customer| outlook::subscribable(state, customer, product, source.into())).unwrap_or_default())
}

/// Stakes. With what was shown, only if that is what would be booked.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn make(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    asked: SubscriptionAsked,
    shown: Option<Expectation>,
) -> Result<Told, Refusal> {
    let SubscriptionAsked { product, amount, source, agreement, auto_renew } = asked;
    let customer = caller.acts_for().to_owned();
    let command = Command::Subscribe(Subscribe { customer, product, amount, source: source.into(), agreement, auto_renew });
    engine.carry_out(Write { caller, once, method: "POST" }, command, shown).await
}

/// A customer's subscriptions, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn list(engine: &Engine, caller: &Caller, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    done(engine, caller.acts_for(), HistoryKind::Subscription, wanted).await
}
