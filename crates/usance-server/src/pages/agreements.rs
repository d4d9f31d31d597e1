//! The Staking Service Agreement by version, the risks in plain words, and what a customer accepted and when.

use crate::app::App;
use crate::json::agreement::{no_such_version, none_in_force};
use crate::json::history::{AcceptanceLine, HistoryFilter, acceptance_page_at};
use crate::json::shape::{self, AgreementShape};
use crate::pages::seen::{look, look_back};
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::{Path, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_engine::lines::Chosen;

/// Acceptances on one page.
const PAGE: &str = "50";

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage {
    s: Shell,
    agreement: AgreementShape,
    in_force: bool,
}

/// GET /agreement
pub async fn agreement_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let page = look(&app, |seen| {
        let (_, agreement) = seen.state.agreement_in_force().ok_or_else(none_in_force)?;
        Ok(AgreementPage { s: seen.shell(&visitor, Room::Elsewhere), agreement: shape::agreement(agreement), in_force: true })
    });
    show(&page.await?, StatusCode::OK)
}

/// GET /agreements/{version}
pub async fn agreement_version_get(State(app): State<App>, visitor: Visitor, Path(version): Path<String>) -> Result<Response, Problem> {
    let page = look(&app, |seen| {
        let agreement = seen.state.registry.agreements.iter().find(|each| each.version == version).ok_or_else(no_such_version)?;
        let in_force = seen.state.agreement_in_force().is_some_and(|(_, newest)| newest.version == agreement.version);
        Ok(AgreementPage { s: seen.shell(&visitor, Room::Elsewhere), agreement: shape::agreement(agreement), in_force })
    });
    show(&page.await?, StatusCode::OK)
}

#[derive(Template)]
#[template(path = "risks.html")]
struct RisksPage {
    s: Shell,
}

/// GET /risks
pub async fn risks_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    show(&RisksPage { s: Shell::of(&app, &visitor, Room::Elsewhere).await? }, StatusCode::OK)
}

#[derive(Template)]
#[template(path = "acceptances.html")]
struct AcceptancesPage {
    s: Shell,
    acceptances: Vec<AcceptanceLine>,
    older: Option<String>,
}

/// What GET /acceptances may carry.
#[derive(Deserialize)]
pub struct AcceptancesLook {
    cursor: Option<String>,
}

/// GET /acceptances
pub async fn acceptances_get(State(app): State<App>, visitor: Visitor, Query(look): Query<AcceptancesLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let filter = HistoryFilter { asset: None, limit: Some(PAGE.into()), cursor: look.cursor };
    let seen = look_back(&app, &signed.caller, Chosen::NO_POSITIONS, |seen| Ok(seen.shell(&visitor, Room::Settings)));
    let (cut, s) = seen.await?;
    let page = acceptance_page_at(&app, &signed.caller, &filter, &cut).await?;
    let older = page.next_cursor.map(|cursor| format!("/acceptances?cursor={cursor}"));
    show(&AcceptancesPage { s, acceptances: page.items, older }, StatusCode::OK)
}
