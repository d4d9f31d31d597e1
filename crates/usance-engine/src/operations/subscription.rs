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
use usance_core::id::{AssetIx, PositionId};
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
/// The rejection that it would meet, or too many positions.
pub async fn preview(engine: &Engine, caller: &Caller, asked: &SubscriptionPreviewAsked) -> Result<SubscriptionPreview, Refusal> {
    let (shown, room) =
        engine.read(|state, now| (preview_at(state, now, caller, asked), room(engine, state, caller, &asked.product))).await?;
    let shown = shown?;
    room.map(|()| shown)
}

/// Whether a customer may have what a subscription opens: one position more, unless it adds to one that is there.
///
/// This is asked before a command is sent, not decided with it: it bounds what has to be read of one customer, and no money
/// depends on it. So its answer is in no log and uses no key, several requests at once may pass by a few, and renewals, which
/// nobody asks for, are not held up.
fn room(engine: &Engine, state: &State, caller: &Caller, product: &str) -> Result<(), Refusal> {
    let most = engine.positions_max();
    let (Some(customer), Some(product)) = (state.customer_ix(caller.acts_for()), state.product_ix(product)) else { return Ok(()) };
    // What is not there is refused for that.
    if state.running.len() < most || state.open_positions(customer) < most {
        return Ok(());
    }
    let takes_more = state.product(product).is_some_and(|product| product.kind.takes_top_ups());
    let is_open = |id: PositionId| state.position(id).is_some_and(|(running, _)| running.is_active());
    let adds = takes_more && state.positions_of(customer, |_, holding| holding.product == product).any(is_open);
    if adds { Ok(()) } else { Err(Refusal::TooManyPositions { most }) }
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
/// What uses no key: as many positions as a customer may have, and as [`Engine::carry_out`].
pub async fn make(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    asked: SubscriptionAsked,
    shown: Option<Expectation>,
) -> Result<Told, Refusal> {
    let SubscriptionAsked { product, amount, source, agreement, auto_renew } = asked;
    let customer = caller.acts_for().to_owned();
    let write = Write { caller, once, method: "POST" };
    let key = engine.used_key(write);
    // Whoever sends it again is told what came of it, however many there are by now.
    engine.peek(|state| if state.keys.find(&key.hash).is_some() { Ok(()) } else { room(engine, state, caller, &product) })?;
    let command = Command::Subscribe(Subscribe { customer, product, amount, source: source.into(), agreement, auto_renew });
    engine.carry_out(write, command, shown).await
}

/// A customer's subscriptions, newest first.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, or an engine that cannot answer.
pub async fn list(engine: &Engine, caller: &Caller, wanted: Wanted<'_>) -> Result<Vec<(AssetIx, HistoryRow)>, Refusal> {
    done(engine, caller.acts_for(), HistoryKind::Subscription, wanted).await
}
