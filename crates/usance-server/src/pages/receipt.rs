//! A receipt: what was booked, at an address that stays.

use crate::app::App;
use crate::json::history::Receipt;
use crate::json::shape::{PositionShape, ProductShape};
use crate::json::{catalogue, customer, history};
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::{AccountWord, Path, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    s: Shell,
    receipt: Receipt,
    position: Option<PositionShape>,
    product: Option<ProductShape>,
    is_new: bool,
}

/// The word of an account.
#[must_use]
pub const fn account_word(account: AccountWord) -> &'static str {
    match account {
        AccountWord::Spot => "spot",
        AccountWord::Funding => "funding",
    }
}

impl ReceiptPage {
    fn account(&self, account: &AccountWord) -> String {
        self.s.word("account", account_word(*account))
    }
}

/// What GET /receipts/{place} may carry.
#[derive(Deserialize)]
pub struct ReceiptLook {
    #[serde(default)]
    new: String,
}

/// GET /receipts/{place}
pub async fn receipt_get(
    State(app): State<App>,
    visitor: Visitor,
    Path(place): Path<String>,
    Query(look): Query<ReceiptLook>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let none = || Problem::not_found("receipt_not_found", "There is no receipt with that number.");
    let receipt = history::receipt(&app, &signed.caller, place.parse().map_err(|_| none())?).await?;
    let subject = match &receipt {
        Receipt::Subscription(line) => Some((line.position.clone(), line.product.clone())),
        Receipt::Redemption(line) => Some((line.position.clone(), line.product.clone())),
        Receipt::Transfer(_) => None,
    };
    let (mut position, mut product) = (None, None);
    if let Some((id, of)) = subject {
        position = Some(customer::position_get(State(app.clone()), Extension(signed.caller.clone()), Path(id)).await?.0);
        product = Some(catalogue::product_get(State(app.clone()), Path(of)).await?.0);
    }
    let s = Shell::of(&app, &visitor, Room::Holdings).await?;
    show(&ReceiptPage { s, receipt, position, product, is_new: !look.new.is_empty() }, StatusCode::OK)
}
