//! Rates: what was announced and what closed days paid, and how an operator announces and settles them.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::{self, RateShape, TierShape};
use crate::wire::input::{self, Body, Path, Query};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Day;
use usance_core::machine::verb::RateText;
use usance_core::machine::{Rejection, State as Machine};
use usance_core::product::Status;
use usance_engine::operations::rate;
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

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
    let before: Option<(i32, bool, u64)> = place(&app.auth.key(Purpose::Cursors)?, &list, paging.cursor.as_deref())?;
    let lines = app.engine.read(|state, _| rate_lines(state, &id, before, size + 1)).await??;
    Ok(Json(turn(&app.auth.key(Purpose::Cursors)?, &list, lines, size)))
}

/// The key of a line: its day, announced after closed on the same day, and the number of the announcement.
pub type RateKey = (i32, bool, u64);

/// The lines of a product's rate history before one of them, newest first, at most so many.
///
/// # Errors
/// `product_not_found`, also for a draft.
pub fn rate_lines(state: &Machine, id: &str, before: Option<RateKey>, size: usize) -> Result<Vec<(RateKey, RateLine)>, Problem> {
    let found = state.product_ix(id).and_then(|ix| state.product(ix).map(|product| (ix, product)));
    let found = found.filter(|(_, product)| product.status != Status::Draft);
    let (ix, product) = found.ok_or_else(|| rejected(state, &Rejection::ProductNotFound))?;
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

/// A rate from a day on: one, or tiers.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateAsked {
    #[schema(format = Date)]
    from: String,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default, deserialize_with = "input::some_objects", skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<TierShape>>,
}

/// Reads a rate.
///
/// # Errors
/// 400 with the field's name.
pub fn rate_text(asked: &RateAsked) -> Result<(Day, RateText), Problem> {
    let from = input::day("from", &asked.from)?;
    let bands = match (&asked.rate, &asked.tiers) {
        (Some(rate), None) => vec![(None, input::rate("rate", rate)?)],
        (None, Some(tiers)) => {
            let read = tiers.iter().map(|tier| Ok((tier.up_to.clone(), input::rate("tiers.rate", &tier.rate)?)));
            read.collect::<Result<RateText, Problem>>()?
        }
        _ => return Err(Problem::malformed("a rate has either rate or tiers")),
    };
    Ok((from, bands))
}

/// POST /v1/operator/products/{id}/rates
pub async fn rate_announce(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<RateAsked>,
) -> Result<Response, Problem> {
    let ((from, rate), once) = (rate_text(&asked)?, call.once(&asked)?);
    created(&app, rate::announce(&app.engine, &call.caller, &once, id, from, rate).await)
}

/// A day's settled rate.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledAsked {
    #[schema(format = Date)]
    day: String,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    rate: String,
    /// Why; needed where the network's yield is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// POST /v1/operator/products/{id}/settled-rates
pub async fn rate_settle(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<SettledAsked>,
) -> Result<Response, Problem> {
    let (day, settled) = (input::day("day", &asked.day)?, input::rate("rate", &asked.rate)?);
    let once = call.once(&asked)?;
    created(&app, rate::settle(&app.engine, &call.caller, &once, id, (day, settled), asked.reason).await)
}
