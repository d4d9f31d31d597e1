//! The subscribe sheet: what leaves which account, what happens when, and then exactly that.
//!
//! Confirming sends back what was shown. If that differs from what would be booked now, nothing is booked and the sheet
//! says what changed. One key is made per opened sheet and a new one after every refusal, so a double tap or a retry
//! books once.

use crate::app::App;
use crate::json::account::AccountShape;
use crate::json::shape::preview::SubscriptionPreviewShape;
use crate::json::shape::{self, AvailabilityWord, EarlyRedemptionWord, ProductShape};
use crate::pages::failure::sentence;
use crate::pages::products::{availability_word, kind_name};
use crate::pages::risks::{self, RiskTerms};
use crate::pages::seen::{Seen, look};
use crate::pages::sheet::{self, Difference, Refused};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::{Path, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State as Inside;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::LogPosition;
use usance_core::machine::preview::Preview;
use usance_engine::operations::subscription::{self, SubscriptionAsked, SubscriptionPreviewAsked};
use usance_engine::operations::words::SourceWord;
use usance_engine::submit::Expectation;

/// A source to choose.
struct SourceChoice {
    word: &'static str,
    available: String,
    most: String,
    taken: bool,
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
    on_sale: bool,
    changes: Vec<Difference>,
}

impl SubscribePage {
    fn availability(&self) -> &'static str {
        availability_word(self.product.availability)
    }
    /// The names of what can go wrong.
    fn risks(&self) -> Vec<&'static str> {
        risks::sentences(&self.product)
    }
    /// The name of what is said of leaving any time.
    fn any_time(&self) -> &'static str {
        RiskTerms::of(&self.product).any_time()
    }
    /// The most from the chosen source; nothing where none can be subscribed.
    fn nothing_left(&self) -> bool {
        self.sources.iter().any(|choice| choice.taken && choice.most == "0")
    }
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
    Inside(app): Inside<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<SheetLook>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let source = wanted.source.unwrap_or(SourceWord::FundingThenSpot);
    let key = sheet::same_key(&wanted.key)?;
    let page = look(&app, |seen| {
        let typed = || Ok(wanted.amount.trim().to_owned());
        let amount = if wanted.most.is_empty() {
            typed()
        } else {
            seen.product(&id).and_then(|product| seen.most(&signed.caller, &product, source))
        }?;
        // Where nothing can be subscribed, nothing is written into the field.
        let amount = if amount == "0" { String::new() } else { amount };
        sheet(seen, &visitor, &id, Asked { amount, source, key, auto_renew: false }, Refused::default())
    });
    let page = page.await?;
    if visitor.wants_fragment { show(&page.as_summary(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

fn sheet(seen: &Seen<'_>, visitor: &Visitor, id: &str, asked: Asked, refused: Refused) -> Result<SubscribePage, Problem> {
    let signed = visitor.customer()?;
    let (product, s, accounts) = (seen.product(id)?, seen.shell(visitor, Room::Products), seen.accounts(&signed.caller)?);
    let account = accounts.iter().find(|account| account.asset == product.asset);
    let mut sources = Vec::new();
    for source in SOURCES {
        let most = seen.most(&signed.caller, &product, source)?;
        sources.push(SourceChoice { word: word(source), available: available(account, source), most, taken: source == asked.source });
    }
    let look = SubscriptionPreviewAsked { product: id.to_owned(), amount: asked.amount.clone(), source: Some(asked.source) };
    let previewed = if asked.amount.is_empty() { None } else { Some(seen.subscription(&signed.caller, &look)) };
    let (preview, mut fault) = match previewed {
        None => (None, None),
        Some(Ok(preview)) => (Some(preview), None),
        Some(Err(problem)) => (None, Some(sentence(&s, &problem, &product.asset))),
    };
    if let Some(problem) = &refused.problem {
        fault = Some(sentence(&s, problem, &product.asset));
    }
    let changes = sheet::changes(&s, &product.asset, refused.changes);
    let on_sale = product.availability == AvailabilityWord::Available;
    let agreement = seen.state.agreement_in_force().map(|(_, agreement)| agreement.version.clone());
    Ok(SubscribePage {
        kind: kind_name(&s, &product),
        shown: preview.as_ref().map(sheet::shown).unwrap_or_default(),
        on_sale,
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
    Inside(app): Inside<App>,
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
    let refused = match book(&app, signed, &form, asked.clone()).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}?new=1", place.number()))),
        Err(refused) => refused,
    };
    let status = refused.status();
    let again = Asked { amount: asked.amount, source, key: sheet::new_key()?, auto_renew: asked.auto_renew };
    show(&look(&app, |seen| sheet(seen, &visitor, &id, again, refused)).await?, status)
}

/// Books what was shown, or says why not. Whether it is still what would be booked is decided in the same instant.
async fn book(app: &App, signed: &Signed, form: &SubscribeForm, asked: SubscriptionAsked) -> Result<LogPosition, Refused> {
    let once = sheet::once(&form.key, subscription::PATH, &asked)?;
    if form.shown.is_empty() {
        return Err(Refused::default());
    }
    if form.agreement.is_empty() {
        return Err(Refused { unticked: true, ..Refused::default() });
    }
    let shown = app.engine.peek(|state| shape::preview::shown_subscription(state, &asked.product, &form.shown));
    let expects = shown.map_or(Expectation::Unreadable, |shown| Expectation::Shown(Box::new(Preview::Subscription(shown))));
    let again = SubscriptionPreviewAsked { product: asked.product.clone(), amount: asked.amount.clone(), source: Some(asked.source) };
    let problem = match app.booked(subscription::make(&app.engine, &signed.caller, &once, asked, Some(expects)).await) {
        Ok(place) => return Ok(place),
        Err(problem) => problem,
    };
    if problem.code() != sheet::CHANGED {
        return Err(problem.into());
    }
    let now = look(app, |seen| seen.subscription(&signed.caller, &again)).await?;
    Err(Refused { changes: sheet::differences(&form.shown, &now), ..Refused::default() })
}
