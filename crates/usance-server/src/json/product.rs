//! Products: the catalogue, what an amount would earn in one, and how an operator changes it.

use crate::app::App;
use crate::json::call::{Call, changed, created};
use crate::json::rate::{RateAsked, rate_text};
use crate::json::shape::{
    self, DistributionWord, EarlyRedemptionWord, EstimateShape, ExitWord, KindWord, ProductShape, RateModeWord, SlashingWord, StatusWord,
    YieldWord,
};
use crate::wire::input::{self, Body, Path, Query, nullable};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::ProductIx;
use usance_core::machine::rejection::AmountField;
use usance_core::machine::verb::{Patch, ProductText, SaleText};
use usance_core::machine::view::ProductView;
use usance_core::machine::{Rejection, State as Machine, outlook, view};
use usance_core::money::Amount;
use usance_core::product::kind::NotAKind;
use usance_core::product::{Product, StakingTerms, Status, YieldTerms};
use usance_engine::operations::product::{self, Drafts};
use utoipa::ToSchema;

/// Filters of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductFilter {
    /// Only of this asset.
    pub asset: Option<String>,
    /// Only flexible, or only fixed-term.
    pub kind: Option<KindWord>,
    /// Only in this status.
    pub status: Option<StatusWord>,
}

/// GET /v1/products
pub async fn product_list(State(app): State<App>, Query(filter): Query<ProductFilter>) -> Result<Json<Page<ProductShape>>, Problem> {
    let products = product::list(&app.engine, Drafts::Hidden).await?;
    Ok(Json(Page::whole(app.engine.peek(|state| chosen(state, &products, &filter)))))
}

/// GET /v1/operator/products: drafts too.
pub async fn product_list_all(State(app): State<App>, Query(filter): Query<ProductFilter>) -> Result<Json<Page<ProductShape>>, Problem> {
    let products = product::list(&app.engine, Drafts::Shown).await?;
    Ok(Json(Page::whole(app.engine.peek(|state| chosen(state, &products, &filter)))))
}

fn chosen(state: &Machine, products: &[ProductView], filter: &ProductFilter) -> Vec<ProductShape> {
    products
        .iter()
        .map(|product| shape::product_now(state, product))
        .filter(|product| filter.asset.as_ref().is_none_or(|asset| *asset == product.asset))
        .filter(|product| filter.kind.is_none_or(|kind| kind == product.kind))
        .filter(|product| filter.status.is_none_or(|status| status == product.status))
        .collect()
}

/// A product that customers can see.
///
/// # Errors
/// `product_not_found`, also for a draft.
pub fn seen<'a>(state: &'a Machine, id: &str) -> Result<(ProductIx, &'a Product), Problem> {
    let found = state.product_ix(id).and_then(|ix| state.product(ix).map(|product| (ix, product)));
    found.filter(|(_, product)| product.status != Status::Draft).ok_or_else(|| rejected(state, &Rejection::ProductNotFound))
}

/// GET /v1/products/{id}
pub async fn product_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ProductShape>, Problem> {
    let view = product::get(&app.engine, &id).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(app.engine.peek(|state| shape::product_now(state, &view))))
}

/// What to estimate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateAsked {
    /// How much, in the asset's unit.
    pub amount: String,
}

/// GET /v1/products/{id}/estimate: what an amount would earn for a newcomer.
pub async fn estimate_get(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(asked): Query<EstimateAsked>,
) -> Result<Json<EstimateShape>, Problem> {
    app.engine.read(|state, now| estimate_at(state, now, &id, &asked.amount)).await?.map(Json)
}

/// What an amount would earn for a newcomer at a moment.
///
/// # Errors
/// `product_not_found`, `amount_invalid`.
pub fn estimate_at(state: &Machine, now: Timestamp, id: &str, amount: &str) -> Result<EstimateShape, Problem> {
    let (_, product) = seen(state, id)?;
    let digits = shape::decimals(state, product.asset);
    let amount = Amount::parse(amount, digits).ok().filter(|amount| !amount.is_zero());
    let amount = amount.ok_or_else(|| rejected(state, &Rejection::AmountInvalid { field: AmountField::Amount }))?;
    let value_date: Day = state.registry.platform.offset.value_date(now);
    Ok(shape::estimate(digits, &view::prospect(state, product, Amount::ZERO, amount, value_date)))
}

/// What an amount that reaches into every tier earns, tier by tier.
#[derive(Debug)]
pub struct TierExample {
    /// The amount.
    pub amount: String,
    /// How it falls into the tiers.
    pub by_tier: Vec<shape::PartShape>,
    /// What it would earn.
    pub estimate: EstimateShape,
}

/// One worked line for a product with tiers: twice the highest bound, by the rates announced now.
///
/// # Errors
/// `product_not_found`.
pub fn tier_example(state: &Machine, id: &str) -> Result<Option<TierExample>, Problem> {
    let (_, product) = seen(state, id)?;
    let digits = shape::decimals(state, product.asset);
    let Some(example) = outlook::tier_example(state, product) else { return Ok(None) };
    Ok(shape::parts(digits, &example.bands, example.amount).map(|by_tier| TierExample {
        amount: example.amount.to_text(digits),
        by_tier,
        estimate: shape::estimate(digits, &example.prospect),
    }))
}

/// A new product. What earlier releases did not know is not written where it is left out: a request of theirs is the same request.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductAsked {
    id: String,
    asset: String,
    name: String,
    kind: KindWord,
    #[serde(default, deserialize_with = "usance_engine::operations::whole::some_whole")]
    term_days: Option<u32>,
    #[serde(deserialize_with = "input::objects")]
    rates: Vec<RateAsked>,
    #[serde(default)]
    rate: Option<RateModeWord>,
    #[serde(default)]
    distribution: Option<DistributionWord>,
    #[serde(default)]
    early_redemption: Option<EarlyRedemptionWord>,
    /// When whoever leaves is paid; left out: `instant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<ExitWord>,
    /// Who bears what a network takes; left out: `platform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slashing: Option<SlashingWord>,
    /// What the settled rate comes of; left out: `reference`.
    #[serde(rename = "yield", default, skip_serializing_if = "Option::is_none")]
    yields: Option<YieldWord>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    minimum: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    step: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    personal_maximum: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    capacity: Option<String>,
    #[schema(format = DateTime)]
    #[serde(default)]
    opens_at: Option<String>,
    #[schema(format = DateTime)]
    #[serde(default)]
    closes_at: Option<String>,
    #[serde(default)]
    renewal: Option<bool>,
    #[serde(default)]
    risk_notice: Option<String>,
}

fn set<T>(asked: Option<T>) -> Patch<T> {
    asked.map_or(Patch::Keep, Patch::Set)
}

fn set_instant(field: &str, asked: Option<&str>) -> Result<Patch<usance_core::calendar::Timestamp>, Problem> {
    asked.map_or(Ok(Patch::Keep), |text| input::instant(field, text).map(Patch::Set))
}

/// POST /v1/operator/products
pub async fn product_create(State(app): State<App>, call: Call, Body(asked): Body<ProductAsked>) -> Result<Response, Problem> {
    let name = asked.kind.0;
    let kind = name.with_term(asked.term_days).map_err(|why| match why {
        NotAKind::TermNotAllowed => Problem::malformed(format!("term_days: a {} product has none", name.word())),
        NotAKind::TermMissing => Problem::malformed(format!("term_days: a {} product needs it", name.word())),
    })?;
    let rates: Result<Vec<_>, Problem> = asked.rates.iter().map(rate_text).collect();
    let text = ProductText {
        id: asked.id.clone(),
        asset: asked.asset.clone(),
        name: asked.name.clone(),
        kind,
        rates: rates?,
        rate_mode: asked.rate.map(Into::into),
        distribution: asked.distribution.map(Into::into),
        early_redemption: asked.early_redemption.map(Into::into),
        staking: StakingTerms {
            exit: asked.exit.map(Into::into).unwrap_or_default(),
            slashing: asked.slashing.map(Into::into).unwrap_or_default(),
            yields: match &asked.yields {
                Some(yields) => yields.read()?,
                None => YieldTerms::default(),
            },
        },
        sale: SaleText {
            name: Patch::Keep,
            minimum: set(asked.minimum.clone()),
            step: set(asked.step.clone()),
            personal_maximum: set(asked.personal_maximum.clone()),
            capacity: set(asked.capacity.clone()),
            opens_at: set_instant("opens_at", asked.opens_at.as_deref())?,
            closes_at: set_instant("closes_at", asked.closes_at.as_deref())?,
            renewal: set(asked.renewal),
            risk_notice: set(asked.risk_notice.clone()),
        },
    };
    let once = call.once(&asked)?;
    created(&app, product::create(&app.engine, &call.caller, &once, text).await)
}

/// What to change of a product; null clears.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    name: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    minimum: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    step: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    personal_maximum: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    capacity: Option<Option<String>>,
    #[schema(format = DateTime)]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    opens_at: Option<Option<String>>,
    #[schema(format = DateTime)]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    closes_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    renewal: Option<Option<bool>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    risk_notice: Option<Option<String>>,
}

fn change<T: Clone>(asked: &Option<Option<T>>) -> Patch<T> {
    match asked {
        None => Patch::Keep,
        Some(None) => Patch::Clear,
        Some(Some(value)) => Patch::Set(value.clone()),
    }
}

fn change_instant(field: &str, asked: &Option<Option<String>>) -> Result<Patch<usance_core::calendar::Timestamp>, Problem> {
    Ok(match asked {
        None => Patch::Keep,
        Some(None) => Patch::Clear,
        Some(Some(text)) => Patch::Set(input::instant(field, text)?),
    })
}

/// PATCH /v1/operator/products/{id}
pub async fn product_change(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<ProductPatch>,
) -> Result<Response, Problem> {
    let sale = SaleText {
        name: change(&asked.name),
        minimum: change(&asked.minimum),
        step: change(&asked.step),
        personal_maximum: change(&asked.personal_maximum),
        capacity: change(&asked.capacity),
        opens_at: change_instant("opens_at", &asked.opens_at)?,
        closes_at: change_instant("closes_at", &asked.closes_at)?,
        renewal: change(&asked.renewal),
        risk_notice: change(&asked.risk_notice),
    };
    let once = call.once(&asked)?;
    changed(&app, product::change(&app.engine, &call.caller, &once, id, sale).await)
}

/// Where to move a product.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusAsked {
    status: StatusWord,
}

/// POST /v1/operator/products/{id}/status
pub async fn product_status_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<StatusAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    changed(&app, product::set_status(&app.engine, &call.caller, &once, id, asked.status.into()).await)
}
