//! What a customer is told: rewards paid, rates ahead, maturities near, renewed.

use crate::app::App;
use crate::json::history::HistoryFilter;
use crate::json::shape::{self, TierShape};
use crate::wire::input::Query;
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use usance_core::calendar::Timestamp;
use usance_core::id::ProductIx;
use usance_core::machine::State as Machine;
use usance_engine::caller::Caller;
use usance_engine::lines::{Chosen, CloseLine, Cut, closed_at};
use utoipa::ToSchema;

/// A notice's place among all: when, of which position (or product), and which of its notices then. It never changes.
type NoticeKey = (i64, u64, u8);

/// GET /v1/notices: rewards paid, rates ahead, maturities near, renewed; newest first.
pub async fn notice_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<NoticeShape>>, Problem> {
    let who = caller.acts_for().to_owned();
    let size = limit(filter.limit.as_deref())?;
    let list = format!("notices {who} {:?}", filter.asset);
    let before: Option<NoticeKey> = place(&app.seed, &list, filter.cursor.as_deref())?;
    let mut cut =
        Cut::take(&app.engine, &who, Chosen { asset: filter.asset.as_deref(), position: None }).await.map_err(|no| app.refused(no))?;
    let mut notices = app.engine.peek(|state| notices_ahead(state, &cut));
    let (first, mut until) = (cut.first_day(&app.engine), cut.last_closed);
    if let Some((at, ..)) = before {
        let day = app.engine.peek(|state| state.registry.platform.offset.day_of(Timestamp::from_ms(at)));
        until = until.min(day.previous());
    }
    notices.retain(|(key, _)| before.is_none_or(|before| *key < before));
    while until >= first {
        let start = until.plus_days(1 - cut.step_days()).max(first);
        let lines = cut.closes(&app.engine, start, until)?;
        let reached = app.engine.peek(|state| {
            for line in &lines {
                let told = close_notices(state, line).into_iter().zip(0..);
                let keyed = told.map(|((at, notice), part)| ((at.ms(), line.position.0, part), notice));
                notices.extend(keyed.filter(|(key, _)| before.is_none_or(|before| *key < before)));
            }
            closed_at(state, start).ms()
        });
        // What lies ahead may have been announced long ago; only what is newer than the days looked at is complete.
        if notices.iter().filter(|(key, _)| key.0 >= reached).count() > size {
            break;
        }
        until = start.previous();
    }
    notices.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    Ok(Json(turn(&app.seed, &list, notices, size)))
}

/// What a customer is told. Which fields it has depends on its kind.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct NoticeShape {
    /// `reward_paid`, `matured`, `renewed`, `rate_ahead` or `maturity_near`.
    pub kind: &'static str,
    /// When.
    pub at: String,
    /// The asset's symbol.
    pub asset: String,
    /// The product's id.
    pub product: String,
    /// The position's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The closed day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// What was paid into Funding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Principal that came back to Spot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_spot: Option<String>,
    /// Principal that came back to Funding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_funding: Option<String>,
    /// The position that continues it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_into: Option<String>,
    /// The first day of an announced rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The announced rate, when there is one for every amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// The announced tiers, when there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierShape>>,
    /// When a term is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matures_at: Option<String>,
    /// Whether it then renews by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<bool>,
}

/// What a close told one position's customer: rewards paid, a term over, a term begun again.
pub fn close_notices(state: &Machine, line: &CloseLine) -> Vec<(Timestamp, NoticeShape)> {
    let at = closed_at(state, line.day);
    let text = |amount| Some(shape::amount(state, line.asset, amount));
    let base = |kind| NoticeShape {
        kind,
        at: at.to_string(),
        asset: shape::symbol(state, line.asset),
        product: shape::product_id(state, line.product),
        position: Some(line.position.to_string()),
        day: Some(line.day.to_string()),
        ..NoticeShape::default()
    };
    let mut notices = Vec::new();
    if !line.paid.is_zero() {
        notices.push((at, NoticeShape { amount: text(line.paid), ..base("reward_paid") }));
    }
    if let Some(maturity) = &line.maturity {
        let kind = if maturity.renewed_into.is_some() { "renewed" } else { "matured" };
        let renewed_into = maturity.renewed_into.map(|next| next.to_string());
        notices
            .push((at, NoticeShape { to_spot: text(maturity.to_spot), to_funding: text(maturity.to_funding), renewed_into, ..base(kind) }));
    }
    notices
}

/// What lies ahead of a customer's active positions: announced rates and maturities within a week.
fn notices_ahead(state: &Machine, cut: &Cut) -> Vec<(NoticeKey, NoticeShape)> {
    const NEAR_DAYS: i32 = 7;
    const RATE_AHEAD: u8 = 8;
    const MATURITY_NEAR: u8 = 9;
    let offset = state.registry.platform.offset;
    let mut notices = Vec::new();
    let mut told: Vec<ProductIx> = Vec::new();
    for subject in cut.subjects.iter().map(|subject| &subject.past).filter(|past| past.running.is_active()) {
        let Some(product) = state.product(subject.product) else { continue };
        let base = |kind, at: Timestamp| NoticeShape {
            kind,
            at: at.to_string(),
            asset: shape::symbol(state, product.asset),
            product: product.id.clone(),
            ..NoticeShape::default()
        };
        let floating = subject.running.rate_version == usance_core::position::FLOATING;
        let next = product.next_version_after(state.registry.open_day).filter(|_| floating && !told.contains(&subject.product));
        if let Some((from, version)) = next.and_then(|(from, ix)| Some((from, state.registry.rate_versions.get(ix.index())?))) {
            told.push(subject.product);
            let what = shape::bands(shape::decimals(state, product.asset), &version.bands);
            let at = version.announced_at;
            let notice = NoticeShape { from: Some(from.to_string()), rate: what.rate, tiers: what.tiers, ..base("rate_ahead", at) };
            notices.push(((at.ms(), u64::from(subject.product.0), RATE_AHEAD), notice));
        }
        if let Some(matures) = subject.running.maturity_day(product.kind)
            && matures.since(state.registry.open_day) <= NEAR_DAYS
        {
            let at = offset.first_instant(matures.plus_days(-NEAR_DAYS)).max(subject.origin.opened_at());
            let notice = NoticeShape {
                position: Some(subject.id.to_string()),
                matures_at: Some(offset.first_instant(matures).to_string()),
                auto_renew: Some(subject.running.auto_renew),
                ..base("maturity_near", at)
            };
            notices.push(((at.ms(), subject.id.0, MATURITY_NEAR), notice));
        }
    }
    notices
}
