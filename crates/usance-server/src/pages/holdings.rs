//! What is staked: the list of positions, and one position with its days.

use crate::app::App;
use crate::json::history::{RewardFilter, RewardShape, reward_page_at};
use crate::json::position::list_name as position_list_name;
use crate::json::shape::{EarlyRedemptionWord, PositionShape, PositionStateWord, ProductShape};
use crate::pages::seen::{PositionToday, look, look_back};
use crate::pages::sheet::{new_key, once};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::{Path, Query};
use crate::wire::page::{place, turn};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::{LogPosition, PositionId};
use usance_engine::lines::Chosen;
use usance_engine::operations::position::{self, Filter, PositionPatch, StateFilter};
use usance_engine::operations::words;
use usance_store::secrets::Purpose;

/// Positions on one page of the list.
const PAGE: usize = 50;
/// Days on one page of a position.
const DAYS: &str = "31";

/// The word of a position's state.
#[must_use]
pub const fn state_word(state: PositionStateWord) -> &'static str {
    match state {
        PositionStateWord::Active => "active",
        PositionStateWord::Matured => "matured",
        PositionStateWord::Renewed => "renewed",
        PositionStateWord::Redeemed => "redeemed",
        PositionStateWord::RedeemedEarly => "redeemed_early",
    }
}

/// A position with its product.
struct HeldPosition {
    position: PositionShape,
    product: Option<ProductShape>,
}

impl HeldPosition {
    fn name(&self) -> &str {
        self.product.as_ref().map_or(self.position.product.as_str(), |product| product.name.as_str())
    }
    fn state(&self) -> &'static str {
        state_word(self.position.state)
    }
    fn is_active(&self) -> bool {
        self.position.state == PositionStateWord::Active
    }
    fn accrues(&self) -> bool {
        self.position.kind.0.accrues()
    }
    fn takes_top_ups(&self) -> bool {
        self.position.kind.0.takes_top_ups()
    }
    fn leaves_early(&self) -> bool {
        self.position.kind.0.leaves_early()
    }
    fn can_renew(&self) -> bool {
        self.position.kind.0.can_renew()
    }
    fn term(&self) -> Option<u32> {
        self.product.as_ref().and_then(|product| product.term_days)
    }
    fn renews(&self) -> bool {
        self.product.as_ref().is_some_and(|product| product.renewal)
    }
    fn may_leave(&self) -> bool {
        !self.leaves_early() || self.product.as_ref().is_some_and(|product| product.early_redemption == EarlyRedemptionWord::Clawback)
    }
}

#[derive(Template)]
#[template(path = "holdings.html")]
struct HoldingsPage {
    s: Shell,
    closed: bool,
    holdings: Vec<HeldPosition>,
    next: Option<String>,
}

/// What GET /holdings may carry.
#[derive(Deserialize)]
pub struct HoldingsLook {
    #[serde(default)]
    closed: String,
    cursor: Option<String>,
}

/// GET /holdings
pub async fn holdings_get(State(app): State<App>, visitor: Visitor, Query(wanted): Query<HoldingsLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let closed = !wanted.closed.is_empty();
    let state = if closed { StateFilter::Closed } else { StateFilter::Active };
    let list = position_list_name(&signed.caller, None, None, Some(state));
    let before: Option<u64> = place(&app.auth.key(Purpose::Cursors)?, &list, wanted.cursor.as_deref())?;
    let filter = Filter { state, before: before.map(PositionId), ..Filter::default() };
    let seen =
        look(&app, |seen| Ok((seen.positions(&signed.caller, &filter, PAGE + 1)?, seen.offered(), seen.shell(&visitor, Room::Holdings))));
    let (found, products, s) = seen.await?;
    let page = turn(&app.auth.key(Purpose::Cursors)?, &list, found, PAGE);
    let of = |position: &PositionShape| products.iter().find(|product| product.id == position.product).cloned();
    let holdings = page.items.into_iter().map(|position| HeldPosition { product: of(&position), position }).collect();
    let next = page.next_cursor.map(|cursor| format!("/holdings?{}cursor={cursor}", if closed { "closed=1&" } else { "" }));
    show(&HoldingsPage { s, closed, holdings, next }, StatusCode::OK)
}

#[derive(Template)]
#[template(path = "holding.html", blocks = ["live"])]
struct HoldingPage {
    s: Shell,
    holding: HeldPosition,
    today: PositionToday,
    rewards: Vec<RewardShape>,
    older: Option<String>,
    newest: bool,
    key: String,
    fault: Option<String>,
}

impl HoldingPage {
    /// A term that was left early has an end it did not reach.
    fn end_message(&self) -> &'static str {
        if self.holding.position.state == PositionStateWord::RedeemedEarly { "end-date-planned" } else { "end-date" }
    }
    /// The rate that a day's reward was computed with, when there was one for all of the principal.
    fn rate(&self, line: &RewardShape) -> String {
        line.rate.rate.as_deref().map(|rate| self.s.f.percent(rate)).unwrap_or_default()
    }
}

/// What GET /holdings/{id} may carry.
#[derive(Deserialize)]
pub struct HoldingLook {
    cursor: Option<String>,
}

/// GET /holdings/{id}
pub async fn holding_get(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<HoldingLook>,
) -> Result<Response, Problem> {
    let page = page(&app, &visitor, &id, wanted.cursor, None).await?;
    if visitor.wants_fragment { show(&page.as_live(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

async fn page(app: &App, visitor: &Visitor, id: &str, cursor: Option<String>, fault: Option<Problem>) -> Result<HoldingPage, Problem> {
    let signed = visitor.customer()?;
    let number = words::position(id);
    let seen = look_back(app, &signed.caller, Chosen { position: number, ..Chosen::default() }, |seen| {
        let position = seen.position(&signed.caller, id)?;
        let product = seen.product(&position.product)?;
        Ok((position, product, seen.today(&signed.caller, id)?, seen.shell(visitor, Room::Holdings)))
    });
    let (cut, (position, product, today, s)) = seen.await?;
    let newest = cursor.is_none();
    let days = RewardFilter { asset: None, position: Some(id.to_owned()), from: None, to: None, limit: Some(DAYS.into()), cursor };
    let rewards = if visitor.wants_fragment { None } else { Some(reward_page_at(app, &signed.caller, &days, cut).await?) };
    let fault = fault.map(|problem| crate::pages::failure::sentence(&s, &problem, &position.asset));
    let older = rewards.as_ref().and_then(|page| page.next_cursor.clone()).map(|cursor| format!("/holdings/{id}?cursor={cursor}#days"));
    let rewards = rewards.map(|page| page.items).unwrap_or_default();
    Ok(HoldingPage { s, holding: HeldPosition { position, product: Some(product) }, today, rewards, older, newest, key: new_key()?, fault })
}

/// The switch of a position.
#[derive(Deserialize)]
pub struct RenewForm {
    #[serde(default)]
    auto_renew: String,
    #[serde(default)]
    key: String,
}

async fn book(app: &App, signed: &Signed, id: &str, asked: PositionPatch, key: &str) -> Result<LogPosition, Problem> {
    let once = once(key, &position::path(id), &asked)?;
    app.booked(position::change(&app.engine, &signed.caller, &once, id, asked).await)
}

/// POST /holdings/{id}/auto-renew
pub async fn auto_renew_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<RenewForm>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let asked = PositionPatch { auto_renew: !form.auto_renew.is_empty() };
    let refused = match book(&app, signed, &id, asked, &form.key).await {
        Ok(_) => return Ok(go(&format!("/holdings/{id}"))),
        Err(refused) => refused,
    };
    let status = refused.status();
    show(&page(&app, &visitor, &id, None, Some(refused)).await?, status)
}
