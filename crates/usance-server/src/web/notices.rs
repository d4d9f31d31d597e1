//! What a customer is told: rewards paid, rates ahead, maturities near, renewed.

use super::assets::by_rate;
use super::products::{offered, product_name};
use super::shell::{Room, Shell, show};
use super::visitor::Visitor;
use crate::api::App;
use crate::api::error::Problem;
use crate::api::history::HistoryFilter;
use crate::api::input::Query;
use crate::api::notices::{NoticeShape, notice_list};
use crate::api::shape::ProductShape;
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// Notices on one page.
const PAGE: &str = "50";

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage {
    s: Shell,
    notices: Vec<NoticeShape>,
    products: Vec<ProductShape>,
    older: Option<String>,
}

impl NoticesPage {
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        product_name(&self.products, id)
    }

    /// What a notice says.
    fn sentence(&self, notice: &NoticeShape) -> String {
        let (s, product) = (&self.s, self.name(&notice.product));
        let amount = |text: &Option<String>| text.as_deref().map(|text| s.own_plain(&notice.asset, text)).unwrap_or_default();
        let highest = || notice.tiers.iter().flatten().map(|tier| tier.rate.clone()).max_by(|left, right| by_rate(left, right));
        match notice.kind {
            "reward_paid" => {
                let day = notice.day.as_deref().map(|day| s.f.day(day)).unwrap_or_default();
                s.tw("notice-reward_paid", &[("amount", &amount(&notice.amount)), ("product", product), ("day", &day)])
            }
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

/// What GET /notices may carry.
#[derive(Deserialize)]
pub struct NoticesLook {
    cursor: Option<String>,
}

/// GET /notices
pub async fn notices_get(State(app): State<App>, visitor: Visitor, Query(look): Query<NoticesLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let filter = HistoryFilter { asset: None, limit: Some(PAGE.into()), cursor: look.cursor };
    let page = notice_list(State(app.clone()), Extension(signed.caller.clone()), Query(filter)).await?.0;
    let products = offered(&app).await?;
    let older = page.next_cursor.map(|cursor| format!("/notices?cursor={cursor}"));
    show(&NoticesPage { s: Shell::of(&app, &visitor, Room::Notices).await?, notices: page.items, products, older }, StatusCode::OK)
}
