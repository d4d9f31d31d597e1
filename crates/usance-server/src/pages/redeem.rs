//! The redeem sheet: what arrives where, and for an early exit everything it costs, agreed to before it is done.

use crate::app::App;
use crate::json::call::Call;
use crate::json::customer::{RedemptionAsked, RedemptionPreviewAsked};
use crate::json::shape::preview::RedemptionPreviewShape;
use crate::json::shape::{PositionShape, ProductShape};
use crate::json::{catalogue, customer, shape};
use crate::pages::failure::sentence;
use crate::pages::sheet::{self, Change, Refused};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::{self, AccountWord, Path, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::Extension;
use axum::extract::State as Inside;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::LogPosition;
use usance_core::machine::preview::Preview;
use usance_engine::submit::Expectation;

#[derive(Template)]
#[template(path = "redeem.html", blocks = ["summary"])]
struct RedeemPage {
    s: Shell,
    position: PositionShape,
    product: ProductShape,
    at_will: bool,
    amount: String,
    to: Option<AccountWord>,
    preview: Option<RedemptionPreviewShape>,
    key: String,
    fault: Option<String>,
    unticked: bool,
    shown: String,
    changes: Vec<Change>,
}

impl RedeemPage {
    fn goes_to(&self, word: &str) -> bool {
        self.to_word() == word
    }
    fn to_word(&self) -> &'static str {
        self.to.map_or("", crate::pages::receipt::account_word)
    }
}

/// What GET …/redeem may carry.
#[derive(Deserialize)]
pub struct SheetLook {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    most: String,
}

fn account(word: &str) -> Option<AccountWord> {
    match word {
        "spot" => Some(AccountWord::Spot),
        "funding" => Some(AccountWord::Funding),
        _ => None,
    }
}

/// What the sheet asks for.
struct Asked {
    amount: String,
    to: Option<AccountWord>,
    key: String,
    most: bool,
}

/// GET /holdings/{id}/redeem
pub async fn redeem_get(
    Inside(app): Inside<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(look): Query<SheetLook>,
) -> Result<Response, Problem> {
    let asked = Asked {
        amount: look.amount.trim().to_owned(),
        to: account(&look.to),
        key: sheet::same_key(&look.key)?,
        most: !look.most.is_empty(),
    };
    let page = opened(&app, &visitor, &id, asked, Refused::default()).await?;
    if visitor.wants_fragment { show(&page.as_summary(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

async fn opened(app: &App, visitor: &Visitor, id: &str, asked: Asked, refused: Refused) -> Result<RedeemPage, Problem> {
    let signed = visitor.customer()?;
    let caller = || Extension(signed.caller.clone());
    let position = customer::position_get(Inside(app.clone()), caller(), Path(id.to_owned())).await?.0;
    let product = catalogue::product_get(Inside(app.clone()), Path(position.product.clone())).await?.0;
    let s = Shell::of(app, visitor, Room::Holdings).await?;
    let at_will = !position.kind.0.leaves_early();
    let amount = if asked.most { position.principal.clone() } else { asked.amount };
    let previewed = match at_will && amount.is_empty() {
        true => None,
        false => Some(preview(app, signed, id, at_will.then(|| amount.clone()), asked.to).await),
    };
    let (preview, mut fault) = match previewed {
        None => (None, None),
        Some(Ok(preview)) => (Some(preview), None),
        Some(Err(problem)) => (None, Some(sentence(&s, &problem, &position.asset))),
    };
    if let Some(problem) = &refused.problem {
        fault = Some(sentence(&s, problem, &position.asset));
    }
    let shown = preview.as_ref().map(sheet::shown).unwrap_or_default();
    let changes = sheet::changes(&s, &position.asset, refused.changes);
    let (to, key, unticked) = (asked.to, asked.key, refused.unticked);
    Ok(RedeemPage { s, position, product, at_will, amount, to, preview, key, fault, unticked, shown, changes })
}

async fn preview(
    app: &App,
    signed: &Signed,
    id: &str,
    amount: Option<String>,
    to: Option<AccountWord>,
) -> Result<RedemptionPreviewShape, Problem> {
    let look = input::Body(RedemptionPreviewAsked { amount, to });
    Ok(customer::redemption_preview(Inside(app.clone()), Extension(signed.caller.clone()), Path(id.to_owned()), look).await?.0)
}

/// A redemption to be made.
#[derive(Deserialize)]
pub struct RedeemForm {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    to: String,
    /// The preview that was shown, as it was given.
    #[serde(default)]
    shown: String,
    /// Ticked: the rewards are given up.
    #[serde(default)]
    consent: String,
    #[serde(default)]
    key: String,
}

/// POST /holdings/{id}/redeem
pub async fn redeem_post(
    Inside(app): Inside<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<RedeemForm>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let refused = match book(&app, signed, &id, &form).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}?new=1", place.number()))),
        Err(refused) => refused,
    };
    let status = refused.status();
    let again = Asked { amount: form.amount.trim().to_owned(), to: account(&form.to), key: sheet::new_key()?, most: false };
    show(&opened(&app, &visitor, &id, again, refused).await?, status)
}

/// Books what was shown, or says why not. Whether it is still what would be booked is decided in the same instant.
async fn book(app: &App, signed: &Signed, id: &str, form: &RedeemForm) -> Result<LogPosition, Refused> {
    let path = format!("/v1/positions/{id}/redemptions");
    let call = sheet::key_of(&form.key).and_then(|key| Call::within(signed.caller.clone(), Method::POST, &path, key))?;
    let amount = Some(form.amount.trim().to_owned()).filter(|amount| !amount.is_empty());
    let shown: serde_json::Value = serde_json::from_str(&form.shown).unwrap_or_default();
    let text = |field: &str| shown[field].as_str().map(str::to_owned);
    if shown.is_null() {
        return Err(Refused::default());
    }
    if text("kind").as_deref() == Some("early") && form.consent.is_empty() {
        return Err(Refused { unticked: true, ..Refused::default() });
    }
    let asked = RedemptionAsked {
        amount: amount.clone(),
        to: account(&form.to),
        quoted_payout: text("payout"),
        quoted_from_funding: text("clawback_from_funding").filter(|amount| amount != "0"),
    };
    let expects = app.engine.peek(|state| {
        let shown = input::position(id).and_then(|id| shape::preview::shown_redemption(state, id, &shown));
        shown.map_or(Expectation::Unreadable, |shown| Expectation::Shown(Box::new(Preview::Redemption(shown))))
    });
    let problem = match call.book(app, &asked, asked.command(&signed.caller, id), Some(expects)).await {
        Ok(place) => return Ok(place),
        Err(problem) => problem,
    };
    if problem.code() != sheet::CHANGED {
        return Err(problem.into());
    }
    let now = preview(app, signed, id, amount, asked.to).await?;
    Err(Refused { changes: sheet::differences(&form.shown, &now), ..Refused::default() })
}
