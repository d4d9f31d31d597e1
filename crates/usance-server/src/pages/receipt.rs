//! A receipt: what was booked, at an address that stays.

use crate::app::App;
use crate::json::history::{self, Receipt};
use crate::json::shape::{PositionShape, ProductShape};
use crate::pages::seen::look;
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::{Path, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_engine::operations::words::AccountWord;

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
    Query(wanted): Query<ReceiptLook>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let none = || Problem::not_found("receipt_not_found", "There is no receipt with that number.");
    let receipt = history::receipt(&app, &signed.caller, place.parse().map_err(|_| none())?).await?;
    let subject = match &receipt {
        Receipt::Subscription(line) => Some((line.position.clone(), line.product.clone())),
        Receipt::Redemption(line) => Some((line.position.clone(), line.product.clone())),
        Receipt::Transfer(_) => None,
    };
    let seen = look(&app, |seen| {
        let of = |(id, product): (String, String)| Ok::<_, Problem>((seen.position(&signed.caller, &id)?, seen.product(&product)?));
        Ok((subject.map(of).transpose()?, seen.shell(&visitor, Room::Holdings)))
    });
    let (of, s) = seen.await?;
    let (position, product) = of.unzip();
    show(&ReceiptPage { s, receipt, position, product, is_new: !wanted.new.is_empty() }, StatusCode::OK)
}
