//! Moving coins between Spot and Funding.

use crate::app::App;
use crate::json::account::AccountShape;
use crate::pages::failure::sentence;
use crate::pages::seen::look;
use crate::pages::sheet::{new_key, once};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::Query;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::LogPosition;
use usance_engine::operations::transfer::{self, TransferAsked};
use usance_engine::operations::words::AccountWord;

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    s: Shell,
    accounts: Vec<AccountShape>,
    asset: String,
    from: AccountWord,
    amount: String,
    key: String,
    fault: Option<String>,
}

/// What GET /transfer may carry.
#[derive(Deserialize)]
pub struct TransferLook {
    #[serde(default)]
    asset: String,
    from: Option<AccountWord>,
}

/// GET /transfer
pub async fn transfer_get(State(app): State<App>, visitor: Visitor, Query(wanted): Query<TransferLook>) -> Result<Response, Problem> {
    let from = wanted.from.unwrap_or(AccountWord::Funding);
    let form = TransferForm { asset: wanted.asset, from, amount: String::new(), key: new_key()? };
    show(&sheet(&app, &visitor, form, None).await?, StatusCode::OK)
}

/// A transfer to be made.
#[derive(Clone, Deserialize)]
pub struct TransferForm {
    asset: String,
    from: AccountWord,
    amount: String,
    #[serde(default)]
    key: String,
}

async fn sheet(app: &App, visitor: &Visitor, form: TransferForm, refused: Option<&Problem>) -> Result<TransferPage, Problem> {
    let signed = visitor.customer()?;
    let seen = look(app, |seen| Ok((seen.accounts(&signed.caller)?, seen.shell(visitor, Room::Assets))));
    let (accounts, s) = seen.await?;
    let known = accounts.iter().any(|account| account.asset == form.asset);
    // Where nothing was chosen, a coin that is there to be moved.
    let first = accounts.iter().find(|account| account.free != "0").or(accounts.first());
    let asset = if known { form.asset } else { first.map(|account| account.asset.clone()).unwrap_or_default() };
    let fault = refused.map(|problem| sentence(&s, problem, &asset));
    Ok(TransferPage { s, accounts, asset, from: form.from, amount: form.amount, key: form.key, fault })
}

async fn book(app: &App, signed: &Signed, asked: TransferAsked, key: &str) -> Result<LogPosition, Problem> {
    let once = once(key, transfer::PATH, &asked)?;
    app.booked(transfer::make(&app.engine, &signed.caller, &once, asked).await)
}

/// POST /transfer
pub async fn transfer_post(State(app): State<App>, visitor: Visitor, Form(form): Form<TransferForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let to = if form.from == AccountWord::Spot { AccountWord::Funding } else { AccountWord::Spot };
    let asked = TransferAsked { asset: form.asset.clone(), from: form.from, to, amount: form.amount.trim().to_owned() };
    let refused = match book(&app, signed, asked, &form.key).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}", place.number()))),
        Err(refused) => refused,
    };
    let again = TransferForm { key: new_key()?, ..form };
    show(&sheet(&app, &visitor, again, Some(&refused)).await?, refused.status())
}
