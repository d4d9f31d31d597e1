//! What a customer does: accounts, transfers, subscriptions, positions, redemptions.

use crate::app::App;
use crate::auth::identity::Caller;
use crate::json::call::Call;
use crate::json::shape::preview::{RedemptionPreviewShape, SubscriptionPreviewShape};
use crate::json::shape::{self, PositionShape};
use crate::wire::input::{self, AccountWord, Body, Path, Query};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, CustomerIx, PositionId};
use usance_core::machine::account::{self, AccountView};
use usance_core::machine::command::{Redeem, Source, Subscribe};
use usance_core::machine::decide::subscribe;
use usance_core::machine::{Command, Rejection, State as Machine, outlook, preview, view};
use utoipa::ToSchema;

/// The customer a request acts for; the route table has made sure there is one.
#[must_use]
pub fn customer(caller: &Caller) -> String {
    caller.customer.clone().unwrap_or_default()
}

fn known(state: &Machine, id: &str) -> Result<CustomerIx, Problem> {
    state.customer_ix(id).ok_or_else(|| rejected(state, &Rejection::CustomerNotFound))
}

/// One asset of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountShape {
    /// The asset's symbol.
    pub asset: String,
    /// Free in Spot.
    pub spot: String,
    /// Free in Funding.
    pub funding: String,
    /// Spot and Funding together: what can be staked.
    pub free: String,
    /// Staked now.
    pub staked: String,
    /// Spot, Funding and what is staked.
    pub total: String,
    /// Earned, not yet paid.
    pub accrued: String,
    /// Paid less what was taken back, and accrued.
    pub rewards_total: String,
    /// What the last closed day gave.
    pub rewards_yesterday: String,
    /// What today gives if nothing changes: an estimate.
    pub earning_today_estimate: String,
    /// The part of it that the day has reached: an estimate.
    pub earned_so_far_estimate: String,
}

/// GET /v1/accounts
pub async fn account_list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Json<Page<AccountShape>>, Problem> {
    let id = customer(&caller);
    let accounts = app.engine.read(|state, now| accounts(state, &id, now)).await??;
    Ok(Json(Page::whole(accounts)))
}

/// A customer's accounts, by asset.
///
/// # Errors
/// `customer_not_found`.
pub fn accounts(state: &Machine, id: &str, now: Timestamp) -> Result<Vec<AccountShape>, Problem> {
    let customer = known(state, id)?;
    let mut assets: Vec<AssetIx> = state.accounts_of(customer).map(|(_, account)| account.asset).collect();
    assets.sort_unstable();
    let shown = |asset: AssetIx| account::account(state, customer, asset, now).map(|view| account_shape(state, asset, &view));
    Ok(assets.into_iter().filter_map(shown).collect())
}

fn account_shape(state: &Machine, asset: AssetIx, view: &AccountView) -> AccountShape {
    let text = |amount| shape::amount(state, asset, amount);
    AccountShape {
        asset: shape::symbol(state, asset),
        spot: text(view.spot),
        funding: text(view.funding),
        free: text(view.free),
        staked: text(view.staked),
        total: text(view.total),
        accrued: text(view.accrued),
        rewards_total: text(view.rewards_total),
        rewards_yesterday: text(view.rewards_yesterday),
        earning_today_estimate: text(view.earning_today),
        earned_so_far_estimate: text(view.earned_so_far),
    }
}

/// A transfer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferAsked {
    /// The asset's symbol.
    pub asset: String,
    /// Where it comes from.
    pub from: AccountWord,
    /// Where it goes.
    pub to: AccountWord,
    /// How much, in the asset's unit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    pub amount: String,
}

impl TransferAsked {
    /// What the machine is told.
    #[must_use]
    pub fn command(&self, caller: &Caller) -> Command {
        Command::Transfer {
            customer: customer(caller),
            asset: self.asset.clone(),
            from: self.from.into(),
            to: self.to.into(),
            amount: self.amount.clone(),
        }
    }
}

/// POST /v1/transfers
pub async fn transfer_create(State(app): State<App>, call: Call, Body(asked): Body<TransferAsked>) -> Result<Response, Problem> {
    let command = asked.command(&call.caller);
    call.execute(&app, &asked, command).await
}

/// Where principal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceWord {
    /// Funding alone.
    Funding,
    /// Spot alone.
    Spot,
    /// Funding first, the rest from Spot.
    FundingThenSpot,
}

impl From<SourceWord> for Source {
    fn from(word: SourceWord) -> Self {
        match word {
            SourceWord::Funding => Source::Funding,
            SourceWord::Spot => Source::Spot,
            SourceWord::FundingThenSpot => Source::FundingThenSpot,
        }
    }
}

/// A subscription to look at before it is made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionPreviewAsked {
    /// The product's id.
    pub product: String,
    /// How much, in the asset's unit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    pub amount: String,
    /// Where principal comes from.
    #[serde(default)]
    pub source: Option<SourceWord>,
}

/// POST /v1/subscriptions/preview
pub async fn subscription_preview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<SubscriptionPreviewAsked>,
) -> Result<Json<SubscriptionPreviewShape>, Problem> {
    let customer = customer(&caller);
    app.engine.read(|state, now| preview_subscription(state, now, &customer, &asked)).await?.map(Json)
}

/// What a subscription would book and earn at an instant.
///
/// # Errors
/// The rejection that it would meet.
pub fn preview_subscription(
    state: &Machine,
    now: Timestamp,
    customer: &str,
    asked: &SubscriptionPreviewAsked,
) -> Result<SubscriptionPreviewShape, Problem> {
    let look = subscribe::Asked {
        customer,
        product: &asked.product,
        amount: &asked.amount,
        source: asked.source.map(Into::into),
        agreement: None,
        auto_renew: false,
    };
    let found = preview::subscription(state, &look, now).map_err(|rejection| rejected(state, &rejection))?;
    Ok(shape::preview::subscription(state, &found))
}

/// A subscription.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionAsked {
    /// The product's id.
    pub product: String,
    /// How much, in the asset's unit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    pub amount: String,
    /// Where principal comes from.
    pub source: SourceWord,
    /// The version of the Staking Service Agreement that the customer accepts.
    pub agreement: String,
    /// Whether it renews by itself.
    #[serde(default)]
    pub auto_renew: bool,
}

impl SubscriptionAsked {
    /// What the machine is told.
    #[must_use]
    pub fn command(&self, caller: &Caller) -> Command {
        Command::Subscribe(Subscribe {
            customer: customer(caller),
            product: self.product.clone(),
            amount: self.amount.clone(),
            source: self.source.into(),
            agreement: self.agreement.clone(),
            auto_renew: self.auto_renew,
        })
    }
}

/// POST /v1/subscriptions
pub async fn subscription_create(State(app): State<App>, call: Call, Body(asked): Body<SubscriptionAsked>) -> Result<Response, Problem> {
    let command = asked.command(&call.caller);
    call.execute(&app, &asked, command).await
}

/// `active`, `closed` or `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateFilter {
    /// Staked now.
    Active,
    /// Ended.
    Closed,
    /// Both.
    #[default]
    All,
}

/// Filters of positions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionFilter {
    /// Only of this product.
    pub product: Option<String>,
    /// Only of this asset.
    pub asset: Option<String>,
    /// Active, closed or all.
    pub state: Option<StateFilter>,
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// GET /v1/positions
pub async fn position_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<PositionFilter>,
) -> Result<Json<Page<PositionShape>>, Problem> {
    let id = customer(&caller);
    let size = limit(filter.limit.as_deref())?;
    let list = format!("positions {id} {:?} {:?} {:?}", filter.product, filter.asset, filter.state);
    let before: Option<u64> = place(&app.seed, &list, filter.cursor.as_deref())?;
    let found = app.engine.read(|state, _| positions(state, &id, &filter, before.map(PositionId), size + 1)).await??;
    Ok(Json(turn(&app.seed, &list, found, size)))
}

fn positions(
    state: &Machine,
    id: &str,
    filter: &PositionFilter,
    before: Option<PositionId>,
    size: usize,
) -> Result<Vec<(PositionId, PositionShape)>, Problem> {
    let customer = known(state, id)?;
    let product = filter.product.as_ref().map(|id| crate::json::catalogue::seen(state, id).map(|(ix, _)| ix)).transpose()?;
    let asset =
        filter.asset.as_ref().map(|symbol| state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound))).transpose()?;
    let wanted = filter.state.unwrap_or_default();
    let of = |account: &usance_core::machine::state::Account, holding: &usance_core::machine::state::Holding| {
        product.is_none_or(|only| only == holding.product) && asset.is_none_or(|only| only == account.asset)
    };
    let in_state = |id: &PositionId| {
        let active = state.position(*id).is_some_and(|(running, _)| running.is_active());
        wanted == StateFilter::All || active == (wanted == StateFilter::Active)
    };
    let chosen = state.positions_of(customer, of).filter(|id| before.is_none_or(|before| *id < before)).filter(in_state).take(size);
    Ok(chosen.filter_map(|id| view::position(state, id).map(|view| (id, shape::position(state, &view)))).collect())
}

/// All positions of a customer, for the operator's page.
///
/// # Errors
/// `customer_not_found`.
pub fn all_positions(state: &Machine, id: &str, size: usize) -> Result<Vec<PositionShape>, Problem> {
    let filter = PositionFilter { product: None, asset: None, state: None, limit: None, cursor: None };
    Ok(positions(state, id, &filter, None, size)?.into_iter().map(|(_, shape)| shape).collect())
}

/// GET /v1/positions/{id}
pub async fn position_get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<PositionShape>, Problem> {
    let who = customer(&caller);
    let found = app.engine.read(|state, _| {
        let customer = known(state, &who)?;
        let own = input::position(&id).filter(|id| state.position_of(customer, *id).is_some());
        let view = own.and_then(|id| view::position(state, id));
        view.map(|view| shape::position(state, &view)).ok_or_else(|| rejected(state, &Rejection::PositionNotFound))
    });
    found.await?.map(Json)
}

/// A position's switch.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionPatch {
    /// Whether it renews by itself.
    pub auto_renew: bool,
}

/// What today brings a position, while the day runs.
#[derive(Debug)]
pub struct PositionToday {
    /// What its close gives if nothing changes: an estimate.
    pub reward_estimate: String,
    /// The part of that which the day has reached: an estimate.
    pub so_far_estimate: String,
}

/// What today brings one of the caller's positions.
///
/// # Errors
/// `customer_not_found`, `position_not_found`.
pub async fn position_today(app: &App, caller: &Caller, id: &str) -> Result<PositionToday, Problem> {
    let who = customer(caller);
    let today = app.engine.read(|state, now| {
        let customer = known(state, &who)?;
        let found = input::position(id).and_then(|id| state.position_of(customer, id));
        let (running, _) = found.ok_or_else(|| rejected(state, &Rejection::PositionNotFound))?;
        let digits = state.product(running.product).map_or(0, |product| shape::decimals(state, product.asset));
        let estimate = outlook::reward_today(state, running);
        let so_far = outlook::reward_so_far(state, estimate, now);
        Ok(PositionToday { reward_estimate: estimate.to_text(digits), so_far_estimate: so_far.to_text(digits) })
    });
    today.await?
}

impl PositionPatch {
    /// What the machine is told.
    #[must_use]
    pub fn command(&self, caller: &Caller, id: &str) -> Command {
        Command::SetAutoRenew { customer: customer(caller), position: input::position(id), auto_renew: self.auto_renew }
    }
}

/// PATCH /v1/positions/{id}
pub async fn position_change(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PositionPatch>,
) -> Result<Response, Problem> {
    let command = asked.command(&call.caller, &id);
    call.execute(&app, &asked, command).await
}

/// A redemption to look at before it is made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedemptionPreviewAsked {
    /// How much, in the asset's unit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    pub amount: Option<String>,
    /// Where it goes.
    #[serde(default)]
    pub to: Option<AccountWord>,
}

/// POST /v1/positions/{id}/redemption-preview
pub async fn redemption_preview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<RedemptionPreviewAsked>,
) -> Result<Json<RedemptionPreviewShape>, Problem> {
    let who = customer(&caller);
    app.engine.read(|state, _| preview_redemption(state, &who, &id, &asked)).await?.map(Json)
}

/// What a redemption would pay and take back now.
///
/// # Errors
/// The rejection that it would meet.
pub fn preview_redemption(
    state: &Machine,
    customer: &str,
    id: &str,
    asked: &RedemptionPreviewAsked,
) -> Result<RedemptionPreviewShape, Problem> {
    let found = preview::redemption(state, customer, input::position(id), asked.amount.as_deref(), asked.to.map(Into::into));
    let found = found.map_err(|rejection| rejected(state, &rejection))?;
    Ok(shape::preview::redemption(state, &found))
}

/// A redemption.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedemptionAsked {
    /// How much, in the asset's unit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    pub amount: Option<String>,
    /// Where it goes.
    #[serde(default)]
    pub to: Option<AccountWord>,
    /// The payout the customer was shown; required for an early exit.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    pub quoted_payout: Option<String>,
    /// What the customer was shown that Funding gives, if not 0.
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    pub quoted_from_funding: Option<String>,
}

impl RedemptionAsked {
    /// What the machine is told.
    #[must_use]
    pub fn command(&self, caller: &Caller, id: &str) -> Command {
        Command::Redeem(Redeem {
            customer: customer(caller),
            position: input::position(id),
            amount: self.amount.clone(),
            to: self.to.map(Into::into),
            quoted_payout: self.quoted_payout.clone(),
            quoted_from_funding: self.quoted_from_funding.clone(),
        })
    }
}

/// POST /v1/positions/{id}/redemptions
pub async fn redemption_create(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<RedemptionAsked>,
) -> Result<Response, Problem> {
    let command = asked.command(&call.caller, &id);
    call.execute(&app, &asked, command).await
}
