//! What a customer is told: rewards paid, rates ahead, maturities near, renewed.

use crate::app::App;
use crate::json::history::HistoryFilter;
use crate::json::notices::{NoticeShape, notice_page_at};
use crate::json::shape::ProductShape;
use crate::pages::activity::Activity;
use crate::pages::products::{by_rate, product_name};
use crate::pages::seen::look_back;
use crate::pages::shell::{Money, Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::Query;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_engine::life::clock::EngineClock;
use usance_engine::lines::Chosen;
use usance_engine::operations::security;
use usance_store::{SecurityEvent, SecurityKind};

/// Notices on one page.
const PAGE: &str = "50";

/// What is told together.
enum Told {
    /// One thing.
    One(Box<NoticeShape>),
    /// What a day paid, product by product.
    Rewards { day: String, at: String, paid: Vec<NoticeShape> },
}

/// The rewards of one day, which follow each other, are told together.
fn together(notices: Vec<NoticeShape>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for notice in notices {
        let Some(day) = notice.day.clone().filter(|_| notice.kind == "reward_paid") else {
            told.push(Told::One(Box::new(notice)));
            continue;
        };
        match told.last_mut() {
            Some(Told::Rewards { day: same, paid, .. }) if *same == day => paid.push(notice),
            _ => told.push(Told::Rewards { day, at: notice.at.clone(), paid: vec![notice] }),
        }
    }
    told
}

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage {
    s: Shell,
    told: Vec<Told>,
    products: Vec<ProductShape>,
    /// What was changed about the ways in, lately.
    changed: Vec<Activity>,
    older: Option<String>,
}

impl NoticesPage {
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        product_name(&self.products, id)
    }

    /// What a position paid.
    fn amount(&self, notice: &NoticeShape) -> Money {
        self.s.own(&notice.asset, notice.amount.as_deref().unwrap_or("0"))
    }

    /// What a notice says.
    fn sentence(&self, notice: &NoticeShape) -> String {
        let (s, product) = (&self.s, self.name(&notice.product));
        let amount = |text: &Option<String>| text.as_deref().map(|text| s.own_plain(&notice.asset, text)).unwrap_or_default();
        let highest = || notice.tiers.iter().flatten().map(|tier| tier.rate.clone()).max_by(|left, right| by_rate(left, right));
        match notice.kind {
            "matured" => {
                let (spot, funding) = (amount(&notice.to_spot), amount(&notice.to_funding));
                s.tw("notice-matured", &[("product", product), ("spot", &spot), ("funding", &funding)])
            }
            "renewed" => {
                let next = notice.renewed_into.clone().unwrap_or_default();
                s.tw("notice-renewed", &[("product", product), ("position", &next)])
            }
            "rate_ahead" => {
                let rate = notice.rate.clone().or_else(highest).map(|rate| s.f.percent(&rate)).unwrap_or_default();
                let from = notice.from.as_deref().map(|day| s.f.day(day)).unwrap_or_default();
                s.tw("notice-rate_ahead", &[("product", product), ("rate", &rate), ("from", &from)])
            }
            _ => {
                let at = notice.matures_at.as_deref().map(|at| s.f.instant(at)).unwrap_or_default();
                let id = if notice.auto_renew == Some(true) { "notice-maturity_near-renews" } else { "notice-maturity_near" };
                s.tw(id, &[("product", product), ("at", &at)])
            }
        }
    }
}

/// How long a change of the ways in is told here, milliseconds.
const CHANGED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Events that are looked through for changes: the newest.
const LOOKED_THROUGH: usize = 50;
/// Changes that are told.
const CHANGES: usize = 5;

/// The newest changes of a customer's ways in. Coming in and going out are no changes.
fn changed(app: &App, customer: &str) -> Result<Vec<Activity>, Problem> {
    let events = security::list(&app.auth.people, Some(customer), None, LOOKED_THROUGH).map_err(|refusal| app.refused(refusal))?;
    let since = EngineClock::system().ms() - CHANGED_MS;
    let is_change =
        |event: &&SecurityEvent| event.at_ms >= since && !matches!(event.event.kind, SecurityKind::SignedIn | SecurityKind::SessionEnded);
    Ok(events.iter().filter(is_change).take(CHANGES).map(Activity::of).collect())
}

/// What GET /notices may carry.
#[derive(Deserialize)]
pub struct NoticesLook {
    cursor: Option<String>,
}

/// GET /notices
pub async fn notices_get(State(app): State<App>, visitor: Visitor, Query(look): Query<NoticesLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let filter = HistoryFilter { asset: None, limit: Some(PAGE.into()), cursor: look.cursor };
    let seen = look_back(&app, &signed.caller, Chosen::default(), |seen| Ok((seen.shell(&visitor, Room::Notices), seen.offered())));
    let (cut, (s, products)) = seen.await?;
    let page = notice_page_at(&app, &signed.caller, &filter, cut).await?;
    let changed = if filter.cursor.is_none() { changed(&app, signed.customer())? } else { Vec::new() };
    let older = page.next_cursor.map(|cursor| format!("/notices?cursor={cursor}"));
    show(&NoticesPage { s, told: together(page.items), products, changed, older }, StatusCode::OK)
}
