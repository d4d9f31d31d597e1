//! What networks pay of an asset, from gross to net, and the rates that come of it.

use crate::app::App;
use crate::json::call::{Call, changed};
use crate::json::shape::{amount, balance, product_id};
use crate::wire::input::{self, Body, Path};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::calendar::Day;
use usance_core::id::{AssetIx, ProductIx};
use usance_core::machine::{Rejection, State as Machine, yields};
use usance_core::money::{Amount, Rate};
use usance_core::product::YieldTerms;
use usance_core::treasury::yields::{NetworkYield, Why, YieldDay, yearly};
use usance_engine::operations::earning;
use utoipa::ToSchema;

/// What becomes of what a network pays for customers.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkYieldAsked {
    /// The part of the customers' share that the platform keeps: 0 to 1.
    #[schema(pattern = r"^(1(\.0{1,8})?|0(\.[0-9]{1,8})?)$")]
    commission: String,
    /// After how many days what no customer got passes to the reward pool: 2 to 3,650.
    #[serde(deserialize_with = "usance_engine::operations::whole::whole")]
    undistributed_days: u32,
}

/// POST /v1/operator/treasury/networks/{id}/yield
pub async fn network_yield_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<NetworkYieldAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let commission = input::rate("commission", &asked.commission)?;
    let terms = NetworkYield { commission, undistributed_days: asked.undistributed_days };
    changed(&app, earning::set(&app.engine, &call.caller, &once, id, terms).await)
}

/// A closed day of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct EarnedDayShape {
    #[schema(format = Date)]
    day: String,
    /// All principal that earned.
    principal: String,
    /// What of it is in products that pass the network's yield on.
    passing: String,
    /// What networks paid, with the day's part of what later pictures showed.
    earned: String,
    /// What of it is of products that do not pass it on.
    to_pool: String,
    /// What the platform kept of the customers' share.
    commission: String,
    /// What of it is customers'.
    net: String,
    /// `earned` on `principal`, as a yearly rate.
    gross_rate: String,
    /// `net` on `passing`, as a yearly rate.
    net_rate: String,
}

/// What a product's days before came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrailingShape {
    /// Customers' net together.
    net: String,
    /// Their principal together, day by day.
    passing: String,
    /// The yearly rate.
    rate: String,
}

/// How the rate of a product's day was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledWhyShape {
    product: String,
    #[schema(format = Date)]
    day: String,
    /// What is paid for it, or would be if the day ended now.
    rate: String,
    /// Over how many closed days the network's yield is averaged.
    over_days: u32,
    /// The largest step from the day before.
    step: String,
    /// What an operator said, where one settled it.
    reason: Option<String>,
    /// What the days before came to; null while there are too few.
    trailing: Option<TrailingShape>,
    /// What was settled for the day before.
    before: Option<String>,
    /// The most that what was undistributed allowed.
    cap: String,
}

/// What networks pay of an asset, and what becomes of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EarningShape {
    asset: String,
    /// What was earned, is divided, and is not with customers yet.
    undistributed: String,
    /// What was earned and waits for the close of the open day.
    waits: String,
    /// The gross yearly rate over the days that are told.
    gross_rate: String,
    /// Closed days, newest first, as many as are averaged.
    days: Vec<EarnedDayShape>,
    /// What was settled at the last close.
    settled: Vec<SettledWhyShape>,
    /// What would be settled if the open day ended now.
    to_settle: Vec<SettledWhyShape>,
}

/// GET /v1/operator/treasury/assets/{id}/rates
pub async fn earning_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<EarningShape>, Problem> {
    let found = app.engine.read(|state, _| {
        let shape = state.asset_ix(&id).map(|asset| earnings(state, asset, id));
        shape.ok_or_else(|| rejected(state, &Rejection::AssetNotFound))
    });
    Ok(Json(found.await??))
}

fn earnings(state: &Machine, asset: AssetIx, symbol: String) -> EarningShape {
    let kept = state.treasury.yields().get(&asset).cloned().unwrap_or_default();
    let why = |(ix, why): (&ProductIx, &Why)| settled(state, asset, *ix, why);
    let of_it = |(ix, _): &(&ProductIx, &Why)| state.product(**ix).is_some_and(|product| product.asset == asset);
    let last = state.registry.open_day.previous();
    let days = (0..).zip(kept.days.iter().rev()).map(|(back, day): (i32, _)| earned(state, asset, last.plus_days(-back), day)).collect();
    EarningShape {
        asset: symbol,
        undistributed: balance(state, asset, state.undistributed(asset)),
        waits: amount(state, asset, state.treasury.earned_today(asset)),
        gross_rate: kept.gross(u32::MAX).to_text(),
        days,
        settled: kept.why.iter().map(why).collect(),
        to_settle: yields::to_settle(state).iter().filter(of_it).map(why).collect(),
    }
}

fn earned(state: &Machine, asset: AssetIx, day: Day, of_it: &YieldDay) -> EarnedDayShape {
    let text = |units: Amount| amount(state, asset, units);
    EarnedDayShape {
        day: day.to_string(),
        principal: text(of_it.principal),
        passing: text(of_it.passing),
        earned: text(of_it.earned),
        to_pool: text(of_it.to_pool()),
        commission: text(of_it.commission),
        net: text(of_it.net),
        gross_rate: yearly(of_it.earned, of_it.principal).to_text(),
        net_rate: yearly(of_it.net, of_it.passing).to_text(),
    }
}

fn settled(state: &Machine, asset: AssetIx, product: ProductIx, why: &Why) -> SettledWhyShape {
    let (over_days, step) = match state.product(product).map(|found| found.staking.yields) {
        Some(YieldTerms::Network { over_days, step }) => (over_days, step),
        Some(YieldTerms::Reference) | None => (0, Rate::ZERO),
    };
    SettledWhyShape {
        product: product_id(state, product),
        day: why.day.to_string(),
        rate: why.rate.to_text(),
        over_days,
        step: step.to_text(),
        reason: why.reason.clone(),
        trailing: why.trailing.map(|all| TrailingShape {
            net: amount(state, asset, all.net),
            passing: amount(state, asset, all.passing),
            rate: all.rate.to_text(),
        }),
        before: why.before.map(Rate::to_text),
        cap: why.cap.to_text(),
    }
}
