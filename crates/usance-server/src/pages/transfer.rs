//! Moving coins between Spot and Funding.

use crate::app::App;
use crate::json::call::Call;
use crate::json::customer::{self, AccountShape, TransferAsked};
use crate::pages::failure::sentence;
use crate::pages::sheet::{key_of, new_key};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::{AccountWord, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::LogPosition;

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
pub async fn transfer_get(State(app): State<App>, visitor: Visitor, Query(look): Query<TransferLook>) -> Result<Response, Problem> {
    let from = look.from.unwrap_or(AccountWord::Funding);
    let form = TransferForm { asset: look.asset, from, amount: String::new(), key: new_key()? };
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
    let accounts = customer::account_list(State(app.clone()), Extension(signed.caller.clone())).await?.0.items;
    let s = Shell::of(app, visitor, Room::Assets).await?;
    let known = accounts.iter().any(|account| account.asset == form.asset);
    // Where nothing was chosen, a coin that is there to be moved.
    let first = accounts.iter().find(|account| account.free != "0").or(accounts.first());
    let asset = if known { form.asset } else { first.map(|account| account.asset.clone()).unwrap_or_default() };
    let fault = refused.map(|problem| sentence(&s, problem, &asset));
    Ok(TransferPage { s, accounts, asset, from: form.from, amount: form.amount, key: form.key, fault })
}

async fn book(app: &App, signed: &Signed, asked: &TransferAsked, key: &str) -> Result<LogPosition, Problem> {
    let call = Call::within(signed.caller.clone(), Method::POST, "/v1/transfers", key_of(key)?)?;
    call.book(app, asked, asked.command(&signed.caller), None).await
}

/// POST /transfer
pub async fn transfer_post(State(app): State<App>, visitor: Visitor, Form(form): Form<TransferForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let to = if form.from == AccountWord::Spot { AccountWord::Funding } else { AccountWord::Spot };
    let asked = TransferAsked { asset: form.asset.clone(), from: form.from, to, amount: form.amount.trim().to_owned() };
    let refused = match book(&app, signed, &asked, &form.key).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}", place.number()))),
        Err(refused) => refused,
    };
    let again = TransferForm { key: new_key()?, ..form };
    show(&sheet(&app, &visitor, again, Some(&refused)).await?, refused.status())
}
