//! The subscribe sheet: what leaves which account, what happens when, and then exactly that.
//!
//! Confirming sends back what was shown. If that differs from what would be booked now, nothing is booked and the sheet
//! says what changed. One key is made per opened sheet and a new one after every refusal, so a double tap or a retry
//! books once.

use super::failure::sentence;
use super::products::kind_name;
use super::shell::{Room, Shell, go, same_sheet, sheet_key, show};
use super::visitor::{Form, Signed, Visitor};
use crate::api::App;
use crate::api::call::Call;
use crate::api::catalogue;
use crate::api::customer::{self, AccountShape, SourceWord, SubscriptionAsked, SubscriptionPreviewAsked, SubscriptionPreviewShape};
use crate::api::error::Problem;
use crate::api::input;
use crate::api::shape::{EarlyRedemptionWord, ProductShape};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use usance_core::machine::command::Source;
use usance_core::machine::outlook;

/// A source to choose.
struct SourceChoice {
    word: &'static str,
    available: String,
    most: String,
    taken: bool,
}

/// One thing that is not as it was shown.
struct Change {
    what: String,
    was: String,
    now: String,
}

#[derive(Template)]
#[template(path = "subscribe.html", blocks = ["summary"])]
struct SubscribePage {
    s: Shell,
    product: ProductShape,
    kind: String,
    sources: Vec<SourceChoice>,
    source: &'static str,
    amount: String,
    preview: Option<SubscriptionPreviewShape>,
    shown: String,
    agreement: Option<String>,
    auto_renew: bool,
    key: String,
    fault: Option<String>,
    unticked: bool,
    changes: Vec<Change>,
}

/// What GET …/subscribe may carry.
#[derive(Deserialize)]
pub struct SheetLook {
    #[serde(default)]
    amount: String,
    source: Option<SourceWord>,
    #[serde(default)]
    key: String,
    #[serde(default)]
    most: String,
}

/// What the sheet asks for.
struct Asked {
    amount: String,
    source: SourceWord,
    key: String,
    auto_renew: bool,
}

/// What was said to the last try.
#[derive(Default)]
struct Refused {
    problem: Option<Problem>,
    unticked: bool,
    changes: Vec<(&'static str, Option<String>, Option<String>)>,
}

const SOURCES: [SourceWord; 3] = [SourceWord::FundingThenSpot, SourceWord::Funding, SourceWord::Spot];

const fn word(source: SourceWord) -> &'static str {
    match source {
        SourceWord::Funding => "funding",
        SourceWord::Spot => "spot",
        SourceWord::FundingThenSpot => "funding_then_spot",
    }
}

/// GET /products/{id}/subscribe
pub async fn subscribe_get(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(look): Query<SheetLook>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let source = look.source.unwrap_or(SourceWord::FundingThenSpot);
    let amount = if look.most.is_empty() { look.amount.trim().to_owned() } else { most(&app, signed, &id, source).await? };
    let asked = Asked { amount, source, key: same_sheet(&look.key)?, auto_renew: false };
    let page = sheet(&app, &visitor, &id, asked, Refused::default()).await?;
    if visitor.wants_fragment { show(&page.as_summary(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

/// The most that this customer can subscribe from a source, as text.
async fn most(app: &App, signed: &Signed, id: &str, source: SourceWord) -> Result<String, Problem> {
    let most = app.engine.read(|state, _| {
        let (product, terms) = catalogue::seen(state, id)?;
        let customer = state.customer_ix(signed.customer());
        let most = customer.map(|customer| outlook::subscribable(state, customer, product, Source::from(source))).unwrap_or_default();
        // Where nothing can be subscribed, the least that might be says why.
        let most = if most.is_zero() { terms.sale.minimum } else { most };
        Ok(crate::api::shape::amount(state, terms.asset, most))
    });
    most.await?
}

async fn sheet(app: &App, visitor: &Visitor, id: &str, asked: Asked, refused: Refused) -> Result<SubscribePage, Problem> {
    let signed = visitor.customer()?;
    let product = catalogue::product_get(State(app.clone()), input::Path(id.to_owned())).await?.0;
    let s = Shell::of(app, visitor, Room::Products).await?;
    let accounts = customer::account_list(State(app.clone()), Extension(signed.caller.clone())).await?.0.items;
    let account = accounts.iter().find(|account| account.asset == product.asset);
    let mut sources = Vec::new();
    for source in SOURCES {
        let most = most(app, signed, id, source).await?;
        sources.push(SourceChoice { word: word(source), available: available(account, source), most, taken: source == asked.source });
    }
    let previewed = match asked.amount.is_empty() {
        true => None,
        false => Some(preview(app, signed, id, &asked.amount, asked.source).await),
    };
    let (preview, mut fault) = match previewed {
        None => (None, None),
        Some(Ok(preview)) => (Some(preview), None),
        Some(Err(problem)) => (None, Some(sentence(&s, &problem, &product.asset))),
    };
    if let Some(problem) = &refused.problem {
        fault = Some(sentence(&s, problem, &product.asset));
    }
    let changes = refused.changes.into_iter().map(|(field, was, now)| change(&s, &product.asset, field, was, now)).collect();
    let agreement = catalogue::agreement_get(State(app.clone())).await.ok().map(|agreement| agreement.0.version);
    Ok(SubscribePage {
        kind: kind_name(&s, &product),
        shown: preview.as_ref().and_then(|preview| serde_json::to_string(preview).ok()).unwrap_or_default(),
        source: word(asked.source),
        amount: asked.amount,
        auto_renew: asked.auto_renew,
        key: asked.key,
        unticked: refused.unticked,
        s,
        product,
        sources,
        preview,
        agreement,
        fault,
        changes,
    })
}

fn available(account: Option<&AccountShape>, source: SourceWord) -> String {
    let text = account.map(|account| match source {
        SourceWord::Funding => account.funding.clone(),
        SourceWord::Spot => account.spot.clone(),
        SourceWord::FundingThenSpot => account.free.clone(),
    });
    text.unwrap_or_else(|| "0".to_owned())
}

async fn preview(app: &App, signed: &Signed, id: &str, amount: &str, source: SourceWord) -> Result<SubscriptionPreviewShape, Problem> {
    let asked = SubscriptionPreviewAsked { product: id.to_owned(), amount: amount.to_owned(), source: Some(source) };
    Ok(customer::subscription_preview(State(app.clone()), Extension(signed.caller.clone()), input::Body(asked)).await?.0)
}

/// What is not as it was shown, by field.
fn differences(was: &SubscriptionPreviewShape, now: &SubscriptionPreviewShape) -> Vec<(&'static str, Option<String>, Option<String>)> {
    let fields = |preview: &SubscriptionPreviewShape| {
        [
            ("value_date", Some(preview.dates.value_date.clone())),
            ("first_distribution_at", Some(preview.dates.first_distribution_at.clone())),
            ("matures_at", preview.dates.matures_at.clone()),
            ("apr_for_amount", Some(preview.apr_for_amount.clone())),
            ("reward_per_day", Some(preview.reward_per_day.clone())),
            ("total_reward_at_maturity", preview.total_reward_at_maturity.clone()),
            ("from_funding", Some(preview.from_funding.clone())),
            ("from_spot", Some(preview.from_spot.clone())),
            ("agreement_version", Some(preview.agreement_version.clone())),
        ]
    };
    fields(was).into_iter().zip(fields(now)).filter(|(was, now)| was != now).map(|((field, was), (_, now))| (field, was, now)).collect()
}

fn change(s: &Shell, asset: &str, field: &'static str, was: Option<String>, now: Option<String>) -> Change {
    let text = |value: Option<String>| {
        let value = value.unwrap_or_default();
        match field {
            "value_date" => s.f.day(&value),
            "first_distribution_at" | "matures_at" => s.f.instant(&value),
            "apr_for_amount" => s.f.percent(&value),
            "agreement_version" => value,
            _ => s.plain(asset, &value),
        }
    };
    Change { what: s.word("changed", field), was: text(was), now: text(now) }
}

/// A subscription to be made.
#[derive(Deserialize)]
pub struct SubscribeForm {
    #[serde(default)]
    amount: String,
    source: Option<SourceWord>,
    /// The preview that was shown, as it was given.
    #[serde(default)]
    shown: String,
    /// The version of the agreement that was ticked.
    #[serde(default)]
    agreement: String,
    #[serde(default)]
    auto_renew: String,
    #[serde(default)]
    key: String,
}

/// POST /products/{id}/subscribe
pub async fn subscribe_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<SubscribeForm>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let source = form.source.unwrap_or(SourceWord::FundingThenSpot);
    let asked = SubscriptionAsked {
        product: id.clone(),
        amount: form.amount.trim().to_owned(),
        source,
        agreement: form.agreement.clone(),
        auto_renew: !form.auto_renew.is_empty(),
    };
    let call = Call::within(signed.caller.clone(), Method::POST, "/v1/subscriptions", &same_sheet(&form.key)?)?;
    let looked = preview(&app, signed, &id, &asked.amount, source).await;
    let refused = match objections(&form, looked) {
        // What stands against it may be this very sheet's own subscription: then the answer is the one it got.
        Some(refused) if !call.is_known(&app)? => refused,
        _ => match call.book(&app, &asked, asked.command(&signed.caller)).await {
            Ok(place) => return Ok(go(&format!("/receipts/{}?new=1", place.number()))),
            Err(problem) => Refused { problem: Some(problem), ..Refused::default() },
        },
    };
    let status = refused.problem.as_ref().map_or(StatusCode::UNPROCESSABLE_ENTITY, Problem::status);
    let status = if refused.changes.is_empty() { status } else { StatusCode::CONFLICT };
    let again = Asked { amount: asked.amount, source, key: sheet_key()?, auto_renew: asked.auto_renew };
    show(&sheet(&app, &visitor, &id, again, refused).await?, status)
}

/// What stands against booking: a rule, an agreement that is not ticked, figures that were never shown or have changed.
fn objections(form: &SubscribeForm, looked: Result<SubscriptionPreviewShape, Problem>) -> Option<Refused> {
    let now = match looked {
        Ok(now) => now,
        Err(problem) => return Some(Refused { problem: Some(problem), ..Refused::default() }),
    };
    let Ok(was) = serde_json::from_str::<SubscriptionPreviewShape>(&form.shown) else { return Some(Refused::default()) };
    let changes = differences(&was, &now);
    if !changes.is_empty() {
        return Some(Refused { changes, ..Refused::default() });
    }
    form.agreement.is_empty().then(|| Refused { unticked: true, ..Refused::default() })
}
