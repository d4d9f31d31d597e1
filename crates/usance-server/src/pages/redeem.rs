//! The redeem sheet: what arrives where, and for an early exit everything it costs, agreed to before it is done.

use crate::app::App;
use crate::json::shape::preview::RedemptionPreviewShape;
use crate::json::shape::{self, PositionShape, ProductShape};
use crate::pages::failure::sentence;
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
use usance_engine::operations::redemption::{self, ExitChoice, RedemptionAsked, RedemptionPreviewAsked};
use usance_engine::operations::words::{self, AccountWord};
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
    changes: Vec<Difference>,
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
    Query(wanted): Query<SheetLook>,
) -> Result<Response, Problem> {
    let asked = Asked {
        amount: wanted.amount.trim().to_owned(),
        to: account(&wanted.to),
        key: sheet::same_key(&wanted.key)?,
        most: !wanted.most.is_empty(),
    };
    let page = look(&app, |seen| opened(seen, &visitor, &id, asked, Refused::default())).await?;
    if visitor.wants_fragment { show(&page.as_summary(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

fn opened(seen: &Seen<'_>, visitor: &Visitor, id: &str, asked: Asked, refused: Refused) -> Result<RedeemPage, Problem> {
    let signed = visitor.customer()?;
    let position = seen.position(&signed.caller, id)?;
    let product = seen.product(&position.product)?;
    let s = seen.shell(visitor, Room::Holdings);
    let at_will = !position.kind.0.leaves_early();
    let amount = if asked.most { position.principal.clone() } else { asked.amount };
    let look = RedemptionPreviewAsked { amount: at_will.then(|| amount.clone()), to: asked.to };
    let previewed = if at_will && amount.is_empty() { None } else { Some(seen.redemption(&signed.caller, id, &look)) };
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
    show(&look(&app, |seen| opened(seen, &visitor, &id, again, refused)).await?, status)
}

/// Books what was shown, or says why not. Whether it is still what would be booked is decided in the same instant.
async fn book(app: &App, signed: &Signed, id: &str, form: &RedeemForm) -> Result<LogPosition, Refused> {
    sheet::key_of(&form.key)?;
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
        exit: (text("exit").as_deref() == Some("queued")).then_some(ExitChoice::Queued),
    };
    let expects = app.engine.peek(|state| {
        let shown = words::position(id).and_then(|id| shape::preview::shown_redemption(state, id, &shown));
        shown.map_or(Expectation::Unreadable, |shown| Expectation::Shown(Box::new(Preview::Redemption(shown))))
    });
    let once = sheet::once(&form.key, &redemption::path(id), &asked)?;
    let again = RedemptionPreviewAsked { amount, to: asked.to };
    let problem = match app.booked(redemption::make(&app.engine, &signed.caller, &once, id, asked, Some(expects)).await) {
        Ok(place) => return Ok(place),
        Err(problem) => problem,
    };
    if problem.code() != sheet::CHANGED {
        return Err(problem.into());
    }
    let now = look(app, |seen| seen.redemption(&signed.caller, id, &again)).await?;
    Err(Refused { changes: sheet::differences(&form.shown, &now), ..Refused::default() })
}
