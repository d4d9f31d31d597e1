//! Exits that wait for coins, or have waited; and the line of each asset.

use crate::app::App;
use crate::json::call::{Call, changed, created};
use crate::json::shape::{amount, balance, product_id, symbol};
use crate::wire::input::{Body, Path, Query};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::machine::State as Machine;
use usance_core::treasury::queue::ExitStanding;
use usance_engine::caller::Caller;
use usance_engine::operations::exit::{self, AllowanceAsked, CancellationAsked, ExitView, LineView};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// Where an exit stands, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExitStanding)]
pub enum ExitStandingWord {
    /// It waits for coins.
    Waiting,
    /// It was paid whole.
    Paid,
    /// What still waited was staked again.
    Cancelled,
    /// What still waited was borne of a loss.
    Lost,
}

impl From<ExitStanding> for ExitStandingWord {
    fn from(standing: ExitStanding) -> Self {
        match standing {
            ExitStanding::Waiting => ExitStandingWord::Waiting,
            ExitStanding::Paid => ExitStandingWord::Paid,
            ExitStanding::Cancelled => ExitStandingWord::Cancelled,
            ExitStanding::Lost => ExitStandingWord::Lost,
        }
    }
}

/// An exit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExitShape {
    /// The number of its redemption, and its own.
    pub redemption_id: String,
    /// The position that was left.
    pub position: String,
    /// The product's id.
    pub product: String,
    /// The asset's symbol.
    pub asset: String,
    /// What was to be paid when it was queued.
    pub amount: String,
    /// What still waits.
    pub waiting: String,
    /// What of that is not paid before two people have said who bears a loss.
    pub withheld: String,
    /// What it has borne of losses.
    pub lost: String,
    /// The part of what waits that goes to Spot.
    pub to_spot: String,
    /// The part of it that goes to Funding.
    pub to_funding: String,
    /// Where it stands.
    pub standing: ExitStandingWord,
    /// When it was queued.
    pub queued_at: String,
    /// The day by which it was promised. After it, what waits earns its product's rate.
    pub promised: String,
    /// The day by which it can be paid, as things stand; null when it does not wait, or all of it is withheld.
    pub expected: Option<String>,
    /// What waits in line before it; null when it does not wait.
    pub ahead: Option<String>,
    /// When it was paid whole, cancelled or lost.
    pub ended_at: Option<String>,
}

/// An exit as its customer sees it.
#[must_use]
pub fn shape(state: &Machine, view: &ExitView) -> ExitShape {
    let exit = &view.exit;
    let text = |units| amount(state, exit.asset, units);
    ExitShape {
        redemption_id: exit.redemption.to_string(),
        position: exit.position.to_string(),
        product: product_id(state, exit.product),
        asset: symbol(state, exit.asset),
        amount: text(exit.queued),
        waiting: text(if view.ahead.is_some() { exit.left() } else { usance_core::money::Amount::ZERO }),
        withheld: text(exit.withheld),
        lost: text(exit.lost),
        to_spot: text(exit.to_spot),
        to_funding: text(exit.to_funding),
        standing: exit.standing.into(),
        queued_at: exit.queued_at.to_string(),
        promised: exit.promised.to_string(),
        expected: view.ahead.filter(|_| !exit.payable().is_zero()).map(|ahead| ahead.expected.to_string()),
        ahead: view.ahead.map(|ahead| text(ahead.amount)),
        ended_at: exit.ended_at.map(|at| at.to_string()),
    }
}

/// A page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExitFilter {
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

fn page(app: &App, list: &str, found: &[ExitView], size: usize) -> Result<Json<Page<ExitShape>>, Problem> {
    let found = app.engine.peek(|state| found.iter().map(|view| (view.exit.redemption, shape(state, view))).collect());
    Ok(Json(turn(&app.auth.key(Purpose::Cursors)?, list, found, size)))
}

/// GET /v1/exits
pub async fn exit_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<ExitFilter>,
) -> Result<Json<Page<ExitShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("exits {}", caller.acts_for());
    let before = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let found = exit::list(&app.engine, &caller, before, size + 1).await.map_err(|refusal| app.refused(refusal))?;
    page(&app, &list, &found, size)
}

/// GET /v1/exits/{id}
pub async fn exit_get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<ExitShape>, Problem> {
    let found = exit::get(&app.engine, &caller, &id).await.map_err(|refusal| app.refused(refusal))?;
    Ok(Json(app.engine.peek(|state| shape(state, &found))))
}

/// POST /v1/exits/{id}/cancellation
pub async fn exit_cancel(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<CancellationAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, exit::cancel(&app.engine, &call.caller, &once, &id, asked).await)
}

/// The line of one asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineShape {
    /// The asset's symbol.
    pub asset: String,
    /// What waits, together.
    pub waiting: String,
    /// How many wait.
    pub exits: u64,
    /// What each customer may take a day at once while anyone waits.
    pub allowance: String,
    /// What is covered; null where no treasury has begun.
    pub covered: Option<String>,
    /// Whether the wallet's word is too old to pay anybody.
    pub stale: bool,
    /// The day that was promised to the first in line.
    pub promised: Option<String>,
    /// The day by which all can be paid, as things stand.
    pub expected: Option<String>,
}

/// GET /v1/operator/treasury/queues
pub async fn queue_list(State(app): State<App>) -> Result<Json<Page<LineShape>>, Problem> {
    let lines = exit::lines(&app.engine).await.map_err(|refusal| app.refused(refusal))?;
    let line = |state: &Machine, line: &LineView| LineShape {
        asset: symbol(state, line.asset),
        waiting: amount(state, line.asset, line.waiting),
        exits: line.exits,
        allowance: amount(state, line.asset, line.allowance),
        covered: line.covered.map(|covered| balance(state, line.asset, covered)),
        stale: line.is_stale,
        promised: line.promised.map(|day| day.to_string()),
        expected: line.expected.map(|day| day.to_string()),
    };
    Ok(Json(Page::whole(app.engine.peek(|state| lines.iter().map(|one| line(state, one)).collect()))))
}

/// GET /v1/operator/treasury/queues/{asset}
pub async fn queue_get(
    State(app): State<App>,
    Path(asset): Path<String>,
    Query(filter): Query<ExitFilter>,
) -> Result<Json<Page<ExitShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("queue {asset}");
    let behind = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let found = exit::in_line(&app.engine, &asset, behind, size + 1).await.map_err(|refusal| app.refused(refusal))?;
    page(&app, &list, &found, size)
}

/// PATCH /v1/operator/treasury/queues/{asset}
pub async fn queue_change(
    State(app): State<App>,
    call: Call,
    Path(asset): Path<String>,
    Body(asked): Body<AllowanceAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    changed(&app, exit::set_allowance(&app.engine, &call.caller, &once, asset, asked).await)
}
