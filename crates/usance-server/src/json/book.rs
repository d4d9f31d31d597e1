//! Books: the trial balance, now or at the close of a day, and every invariant.

use crate::app::App;
use crate::json::shape;
use crate::wire::input::{self, Body, Nothing, Query};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::audit;
use usance_core::id::AssetIx;
use usance_core::ledger::LedgerAccount;
use usance_core::machine::State as Machine;
use usance_engine::operations::book::{self, Book};
use utoipa::ToSchema;

/// Which books.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BooksAsked {
    at: Option<String>,
}

/// One account of a trial balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookAccountShape {
    account: &'static str,
    control: String,
    /// The sum of the customers' and positions' lines behind it; null where an account has none.
    sub_ledger: Option<String>,
}

/// One asset's trial balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BooksShape {
    asset: String,
    custody: String,
    customer_spot: String,
    customer_funding: String,
    customer_principal: String,
    rewards_payable: String,
    reward_pool: String,
    /// Custody equals everything owed and the pool, and every control account equals its sub-ledger.
    balanced: bool,
    /// Custody or reward pool is below zero.
    overdrawn: bool,
    accounts: Vec<BookAccountShape>,
}

/// GET /v1/operator/books
pub async fn books_get(State(app): State<App>, Query(asked): Query<BooksAsked>) -> Result<Json<Page<BooksShape>>, Problem> {
    let at = asked.at.as_deref().map(|text| input::day("at", text)).transpose()?;
    let found = book::list(&app.engine, at).await?;
    let found = found.ok_or_else(|| Problem::not_found("day_not_closed", "That day is not closed, or before the platform's first."))?;
    let shown = |state: &Machine| found.iter().enumerate().map(|(ix, book)| shape_of(state, AssetIx::from_index(ix), book)).collect();
    Ok(Json(Page::whole(app.engine.peek(shown))))
}

fn shape_of(state: &Machine, asset: AssetIx, book: &Book) -> BooksShape {
    let Book { control, sub_ledger: totals } = book;
    let text = |account| shape::balance(state, asset, control.balance(account));
    BooksShape {
        asset: shape::symbol(state, asset),
        custody: text(LedgerAccount::Custody),
        customer_spot: text(LedgerAccount::CustomerSpot),
        customer_funding: text(LedgerAccount::CustomerFunding),
        customer_principal: text(LedgerAccount::CustomerPrincipal),
        rewards_payable: text(LedgerAccount::RewardsPayable),
        reward_pool: text(LedgerAccount::RewardPool),
        balanced: control.is_balanced() && totals.agrees_with(control),
        overdrawn: control.balance(LedgerAccount::RewardPool).is_overdrawn() || control.balance(LedgerAccount::Custody).is_overdrawn(),
        accounts: LedgerAccount::ALL
            .into_iter()
            .map(|account| BookAccountShape {
                account: account.name(),
                control: text(account),
                sub_ledger: totals.of(account).map(|total| shape::balance(state, asset, total)),
            })
            .collect(),
    }
}

/// One invariant.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvariantShape {
    name: &'static str,
    holds: bool,
    figures: String,
}

/// The audit's answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditShape {
    healthy: bool,
    invariants: Vec<InvariantShape>,
}

/// POST /v1/operator/audit
pub async fn audit_run(State(app): State<App>, Body(Nothing {}): Body<Nothing>) -> Result<Json<AuditShape>, Problem> {
    let findings = book::audit(&app.engine).await?;
    let healthy = audit::is_healthy(&findings);
    let invariants =
        findings.into_iter().map(|finding| InvariantShape { name: finding.name, holds: finding.holds, figures: finding.figures }).collect();
    Ok(Json(AuditShape { healthy, invariants }))
}
