//! What everybody may see: assets, products, their rates, agreements, estimates, the clock.

use crate::app::App;
use crate::json::shape::{self, AgreementShape, AssetShape, ClockShape, EstimateShape, KindWord, ProductShape, RateShape, StatusWord};
use crate::wire::input::{Path, Query};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, ProductIx};
use usance_core::machine::rejection::AmountField;
use usance_core::machine::{Rejection, State as Machine, outlook, view};
use usance_core::money::Amount;
use usance_core::product::{Product, Status};
use utoipa::ToSchema;

/// GET /v1/assets
pub async fn asset_list(State(app): State<App>) -> Result<Json<Page<AssetShape>>, Problem> {
    let assets = app
        .engine
        .read(|state, _| (0..state.registry.assets.len()).filter_map(|ix| shape::asset(state, AssetIx::from_index(ix))).collect())
        .await?;
    Ok(Json(Page::whole(assets)))
}

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
    let products = app.engine.read(|state, now| visible(state, now, false, &filter)).await?;
    Ok(Json(Page::whole(products)))
}

/// GET /v1/operator/products: drafts too.
pub async fn product_list_all(State(app): State<App>, Query(filter): Query<ProductFilter>) -> Result<Json<Page<ProductShape>>, Problem> {
    let products = app.engine.read(|state, now| visible(state, now, true, &filter)).await?;
    Ok(Json(Page::whole(products)))
}

fn visible(state: &Machine, now: Timestamp, drafts: bool, filter: &ProductFilter) -> Vec<ProductShape> {
    (0..state.registry.products.len())
        .filter_map(|ix| view::product(state, ProductIx::from_index(ix), now))
        .filter(|product| drafts || product.status != Status::Draft)
        .map(|product| shape::product(state, &product))
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
    let shown = app.engine.read(|state, now| {
        let (ix, _) = seen(state, &id)?;
        view::product(state, ix, now).map(|view| shape::product(state, &view)).ok_or_else(|| rejected(state, &Rejection::ProductNotFound))
    });
    shown.await?.map(Json)
}

/// One line of a product's rate history: an announced version, or a closed day.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateLine {
    /// The first day of an announced version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When that version was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced_at: Option<String>,
    /// A closed day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Whether a settled rate was set for that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<bool>,
    /// What it says.
    #[serde(flatten)]
    pub what: RateShape,
}

/// `limit` and `cursor`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// GET /v1/products/{id}/rates: announced versions and closed days, newest first.
pub async fn rate_list(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RateLine>>, Problem> {
    let size = limit(paging.limit.as_deref())?;
    let list = format!("rates {id}");
    let before: Option<(i32, bool, u64)> = place(&app.seed, &list, paging.cursor.as_deref())?;
    let lines = app.engine.read(|state, _| rate_lines(state, &id, before, size + 1)).await??;
    Ok(Json(turn(&app.seed, &list, lines, size)))
}

/// The key of a line: its day, announced after closed on the same day, and the number of the announcement.
type RateKey = (i32, bool, u64);

fn rate_lines(state: &Machine, id: &str, before: Option<RateKey>, size: usize) -> Result<Vec<(RateKey, RateLine)>, Problem> {
    let (ix, product) = seen(state, id)?;
    let digits = shape::decimals(state, product.asset);
    let versions = state.registry.rate_versions.iter().enumerate().filter(|(_, version)| version.product == ix).map(|(number, version)| {
        let line = RateLine {
            from: Some(version.from.to_string()),
            announced_at: Some(version.announced_at.to_string()),
            day: None,
            settled: None,
            what: shape::bands(digits, &version.bands),
        };
        ((version.from.number(), true, number as u64), line)
    });
    let days = product.closed.iter().enumerate().filter_map(|(index, closed)| {
        let day = product.closed_from.plus_days(i32::try_from(index).ok()?);
        let bands = state.bands(closed.version)?.capped(closed.settled);
        // A closed day shows the highest band, as the reference does.
        let what = RateShape { rate: Some(bands.highest().to_text()), tiers: shape::bands(digits, &bands).tiers };
        Some((
            (day.number(), false, 0),
            RateLine { from: None, announced_at: None, day: Some(day.to_string()), settled: Some(closed.settled.is_some()), what },
        ))
    });
    let mut lines: Vec<(RateKey, RateLine)> = versions.chain(days).filter(|(key, _)| before.is_none_or(|before| *key < before)).collect();
    lines.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    lines.truncate(size);
    Ok(lines)
}

/// GET /v1/agreement
pub async fn agreement_get(State(app): State<App>) -> Result<Json<AgreementShape>, Problem> {
    let shown = app.engine.read(|state, _| state.agreement_in_force().map(|(_, agreement)| shape::agreement(agreement))).await?;
    shown.map(Json).ok_or_else(|| Problem::not_found("agreement_not_found", "No agreement is in force yet."))
}

/// GET /v1/agreements/{version}
pub async fn agreement_version_get(State(app): State<App>, Path(version): Path<String>) -> Result<Json<AgreementShape>, Problem> {
    let find = |state: &Machine| state.registry.agreements.iter().find(|agreement| agreement.version == version).map(shape::agreement);
    let shown = app.engine.read(|state, _| find(state)).await?;
    shown.map(Json).ok_or_else(|| Problem::not_found("agreement_not_found", "There is no agreement of that version."))
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
    let estimate = app.engine.read(|state, now| {
        let (_, product) = seen(state, &id)?;
        let digits = shape::decimals(state, product.asset);
        let amount = Amount::parse(&asked.amount, digits).ok().filter(|amount| !amount.is_zero());
        let amount = amount.ok_or_else(|| rejected(state, &Rejection::AmountInvalid { field: AmountField::Amount }))?;
        let value_date: Day = state.registry.platform.offset.value_date(now);
        Ok(shape::estimate(digits, &view::prospect(state, product, Amount::ZERO, amount, value_date)))
    });
    estimate.await?.map(Json)
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

/// GET /v1/clock
pub async fn clock_get(State(app): State<App>) -> Result<Json<ClockShape>, Problem> {
    Ok(Json(app.engine.read(|state, now| shape::clock(state, now, state.registry.open_day)).await?))
}
