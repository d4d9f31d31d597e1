//! The redeem sheet: what arrives where, and for an early exit everything it costs, agreed to before it is done.

use super::failure::sentence;
use super::shell::{Room, Shell, go, same_sheet, sheet_key, show};
use super::visitor::{Form, Visitor};
use crate::api::App;
use crate::api::call::Call;
use crate::api::catalogue;
use crate::api::customer::{self, RedemptionAsked, RedemptionPreviewAsked, RedemptionPreviewShape};
use crate::api::error::Problem;
use crate::api::input::{self, AccountWord};
use crate::api::shape::{KindWord, PositionShape, ProductShape};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "redeem.html", blocks = ["summary"])]
struct RedeemPage {
    s: Shell,
    position: PositionShape,
    product: ProductShape,
    flexible: bool,
    amount: String,
    to: Option<AccountWord>,
    preview: Option<RedemptionPreviewShape>,
    key: String,
    fault: Option<String>,
    unticked: bool,
}

impl RedeemPage {
    fn goes_to(&self, word: &str) -> bool {
        self.to_word() == word
    }
    fn to_word(&self) -> &'static str {
        self.to.map_or("", super::receipt::account_word)
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
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(look): Query<SheetLook>,
) -> Result<Response, Problem> {
    let asked =
        Asked { amount: look.amount.trim().to_owned(), to: account(&look.to), key: same_sheet(&look.key)?, most: !look.most.is_empty() };
    let page = sheet(&app, &visitor, &id, asked, None, false).await?;
    if visitor.wants_fragment { show(&page.as_summary(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

async fn sheet(
    app: &App,
    visitor: &Visitor,
    id: &str,
    asked: Asked,
    refused: Option<Problem>,
    unticked: bool,
) -> Result<RedeemPage, Problem> {
    let signed = visitor.customer()?;
    let caller = || Extension(signed.caller.clone());
    let position = customer::position_get(State(app.clone()), caller(), input::Path(id.to_owned())).await?.0;
    let product = catalogue::product_get(State(app.clone()), input::Path(position.product.clone())).await?.0;
    let s = Shell::of(app, visitor, Room::Holdings).await?;
    let flexible = position.kind == KindWord::Flexible;
    let amount = if asked.most { position.principal.clone() } else { asked.amount };
    let previewed = match flexible && amount.is_empty() {
        true => None,
        false => {
            let look = RedemptionPreviewAsked { amount: flexible.then(|| amount.clone()), to: asked.to };
            Some(customer::redemption_preview(State(app.clone()), caller(), input::Path(id.to_owned()), input::Body(look)).await)
        }
    };
    let (preview, mut fault) = match previewed {
        None => (None, None),
        Some(Ok(preview)) => (Some(preview.0), None),
        Some(Err(problem)) => (None, Some(sentence(&s, &problem, &position.asset))),
    };
    if let Some(problem) = &refused {
        fault = Some(sentence(&s, problem, &position.asset));
    }
    Ok(RedeemPage { s, position, product, flexible, amount, to: asked.to, preview, key: asked.key, fault, unticked })
}

/// A redemption to be made.
#[derive(Deserialize)]
pub struct RedeemForm {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    to: String,
    /// What the customer was shown to arrive.
    #[serde(default)]
    payout: String,
    /// What the customer was shown that Funding gives.
    #[serde(default)]
    from_funding: String,
    /// Ticked: the rewards are given up.
    #[serde(default)]
    consent: String,
    /// Whether the sheet asked for that.
    #[serde(default)]
    early: String,
    #[serde(default)]
    key: String,
}

/// POST /holdings/{id}/redeem
pub async fn redeem_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<RedeemForm>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let amount = Some(form.amount.trim().to_owned()).filter(|amount| !amount.is_empty());
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (payout, from_funding) = (filled(&form.payout), filled(&form.from_funding).filter(|amount| amount != "0"));
    let asked = RedemptionAsked { amount, to: account(&form.to), quoted_payout: payout, quoted_from_funding: from_funding };
    let again = |key: String| Asked { amount: form.amount.trim().to_owned(), to: account(&form.to), key, most: false };
    if asked.quoted_payout.is_none() || (!form.early.is_empty() && form.consent.is_empty()) {
        // Nothing was shown yet, or it was not agreed to: nothing is sent.
        let unticked = asked.quoted_payout.is_some();
        let page = sheet(&app, &visitor, &id, again(same_sheet(&form.key)?), None, unticked).await?;
        return show(&page, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let call = Call::within(signed.caller.clone(), Method::POST, &format!("/v1/positions/{id}/redemptions"), &same_sheet(&form.key)?)?;
    let refused = match call.book(&app, &asked, asked.command(&signed.caller, &id)).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}?new=1", place.number()))),
        Err(refused) => refused,
    };
    let status = refused.status();
    show(&sheet(&app, &visitor, &id, again(sheet_key()?), Some(refused), false).await?, status)
}
