//! What a customer is told: rewards paid, rates ahead, maturities near, renewed.

use crate::app::App;
use crate::json::history::HistoryFilter;
use crate::json::shape::{self, TierShape};
use crate::wire::input::Query;
use crate::wire::page::{Page, limit, place, turn_part};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use usance_core::machine::State as Machine;
use usance_engine::caller::Caller;
use usance_engine::lines::{Cut, Part};
use usance_engine::operations::notice::{self, Notice, NoticeKey, What};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// GET /v1/notices: rewards paid, rates ahead, maturities near, renewed; newest first.
pub async fn notice_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<NoticeShape>>, Problem> {
    notice_page(&app, &caller, &filter).await.map(Json)
}

/// One page of a caller's notices.
///
/// # Errors
/// For a limit or cursor that cannot be read, and as [`notice::list`].
async fn notice_page(app: &App, caller: &Caller, filter: &HistoryFilter) -> Result<Page<NoticeShape>, Problem> {
    let (size, list, before) = asked(app, caller, filter)?;
    let found = notice::list(&app.engine, caller, filter.asset.as_deref(), before, size + 1).await;
    page_of(app, &found.map_err(|refusal| app.refused(refusal))?, &list, size)
}

/// One page of a caller's notices at a moment that was taken, however much has to be read for it.
///
/// # Errors
/// For a limit or cursor that cannot be read.
pub async fn notice_page_at(app: &App, caller: &Caller, filter: &HistoryFilter, cut: Cut) -> Result<Page<NoticeShape>, Problem> {
    let (size, list, before) = asked(app, caller, filter)?;
    cut.budget.lift();
    page_of(app, &notice::list_at(&app.engine, cut, before, size + 1).await?, &list, size)
}

/// How many notices are asked for, the name of the list, and where the cursor stands.
fn asked(app: &App, caller: &Caller, filter: &HistoryFilter) -> Result<(usize, String, Option<NoticeKey>), Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("notices {} {:?}", caller.acts_for(), filter.asset);
    let before = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    Ok((size, list, before))
}

fn page_of(app: &App, part: &Part<Notice, NoticeKey>, list: &str, size: usize) -> Result<Page<NoticeShape>, Problem> {
    let shown = app.engine.peek(|state| part.found.iter().map(|notice| (notice.key, notice_shape(state, notice))).collect());
    Ok(turn_part(&app.auth.key(Purpose::Cursors)?, list, (shown, part.paused_at), size))
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
    /// What of the principal is not paid before two people have said who bears a loss; left out where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
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

/// A notice on the wire.
pub fn notice_shape(state: &Machine, notice: &Notice) -> NoticeShape {
    let text = |amount| Some(shape::amount(state, notice.asset, amount));
    let base = |kind| NoticeShape {
        kind,
        at: notice.at.to_string(),
        asset: shape::symbol(state, notice.asset),
        product: shape::product_id(state, notice.product),
        position: notice.position.map(|position| position.to_string()),
        day: notice.day.map(|day| day.to_string()),
        ..NoticeShape::default()
    };
    match &notice.what {
        What::RewardPaid(amount) => NoticeShape { amount: text(*amount), ..base("reward_paid") },
        What::Matured { to_spot, to_funding, withheld, renewed_into } => {
            let kind = if renewed_into.is_some() { "renewed" } else { "matured" };
            let renewed_into = renewed_into.map(|next| next.to_string());
            let withheld = text(*withheld).filter(|_| !withheld.is_zero());
            NoticeShape { to_spot: text(*to_spot), to_funding: text(*to_funding), withheld, renewed_into, ..base(kind) }
        }
        What::RateAhead { from, bands } => {
            let what = shape::bands(shape::decimals(state, notice.asset), bands);
            NoticeShape { from: Some(from.to_string()), rate: what.rate, tiers: what.tiers, ..base("rate_ahead") }
        }
        What::MaturityNear { matures_at, auto_renew } => {
            NoticeShape { matures_at: Some(matures_at.to_string()), auto_renew: Some(*auto_renew), ..base("maturity_near") }
        }
    }
}
