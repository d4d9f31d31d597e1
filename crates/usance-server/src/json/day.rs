//! Closed days: what each close did to each product.

use crate::app::App;
use crate::json::shape;
use crate::wire::input::Query;
use crate::wire::page::{Page, cursor, limit, place};
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Day;
use usance_core::id::AssetIx;
use usance_core::machine::State as Machine;
use usance_engine::operations::day::{self, Filter};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// Filters of the closed days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayFilter {
    asset: Option<String>,
    product: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// What a close did to one product.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayShape {
    day: String,
    product: String,
    asset: String,
    /// The highest band's rate after the settled cap.
    rate: String,
    settled: bool,
    earning_positions: u64,
    rewards: String,
    distributed: String,
    /// Terms that ended.
    matured: u64,
    /// Principal paid out at their end.
    matured_principal: String,
    /// Terms that started again.
    renewed: u64,
    /// Principal that started again.
    renewed_principal: String,
}

/// GET /v1/operator/days
pub async fn day_list(State(app): State<App>, Query(filter): Query<DayFilter>) -> Result<Json<Page<DayShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("days {:?} {:?}", filter.asset, filter.product);
    let before: Option<(i32, u32)> = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let before = before.map(|(day, product)| (Day::from_number(day), product));
    let wanted = Filter { asset: filter.asset, product: filter.product, before };
    let mut lines = day::list(&app.engine, &wanted, size + 1).await.map_err(|refusal| app.refused(refusal))?;
    let more = lines.len() > size;
    lines.truncate(size);
    let key = app.auth.key(Purpose::Cursors)?;
    let next = if more { lines.last().map(|(day, line)| cursor(&key, &list, &(day.number(), line.product.0))) } else { None };
    let items = app.engine.peek(|state| lines.iter().map(|(day, line)| day_shape(state, *day, line)).collect());
    Ok(Json(Page { items, next_cursor: next }))
}

fn day_shape(state: &Machine, day: Day, line: &usance_core::machine::day::ProductDay) -> DayShape {
    let asset = state.product(line.product).map_or(AssetIx(0), |product| product.asset);
    let rate = state.bands(line.version).map(|bands| bands.capped(line.settled).highest()).unwrap_or_default();
    DayShape {
        day: day.to_string(),
        product: shape::product_id(state, line.product),
        asset: shape::symbol(state, asset),
        rate: rate.to_text(),
        settled: line.settled.is_some(),
        earning_positions: line.earning_positions,
        rewards: shape::amount(state, asset, line.rewards),
        distributed: shape::amount(state, asset, line.distributed),
        matured: line.matured,
        matured_principal: shape::amount(state, asset, line.returned()),
        renewed: line.renewed,
        renewed_principal: shape::amount(state, asset, line.renewed_principal),
    }
}
