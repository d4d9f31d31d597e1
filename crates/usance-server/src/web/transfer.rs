//! Moving coins between Spot and Funding.

use super::failure::sentence;
use super::shell::{Room, Shell, go, same_sheet, sheet_key, show};
use super::visitor::{Form, Visitor};
use crate::api::App;
use crate::api::call::Call;
use crate::api::customer::{self, AccountShape, TransferAsked};
use crate::api::error::Problem;
use crate::api::input::AccountWord;
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;

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
    let form = TransferForm { asset: look.asset, from, amount: String::new(), key: sheet_key()? };
    show(&sheet(&app, &visitor, form, None).await?, StatusCode::OK)
}

/// A transfer to be made.
#[derive(Clone, Deserialize)]
pub struct TransferForm {
    asset: String,
    from: AccountWord,
    amount: String,
    key: String,
}

async fn sheet(app: &App, visitor: &Visitor, form: TransferForm, refused: Option<&Problem>) -> Result<TransferPage, Problem> {
    let signed = visitor.customer()?;
    let accounts = customer::account_list(State(app.clone()), Extension(signed.caller.clone())).await?.0.items;
    let s = Shell::of(app, visitor, Room::Assets).await?;
    let known = accounts.iter().any(|account| account.asset == form.asset);
    let first = accounts.first().map(|account| account.asset.clone()).unwrap_or_default();
    let asset = if known { form.asset } else { first };
    let fault = refused.map(|problem| sentence(&s, problem, &asset));
    Ok(TransferPage { s, accounts, asset, from: form.from, amount: form.amount, key: form.key, fault })
}

/// POST /transfer
pub async fn transfer_post(State(app): State<App>, visitor: Visitor, Form(form): Form<TransferForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let to = if form.from == AccountWord::Spot { AccountWord::Funding } else { AccountWord::Spot };
    let asked = TransferAsked { asset: form.asset.clone(), from: form.from, to, amount: form.amount.trim().to_owned() };
    let call = Call::within(signed.caller.clone(), Method::POST, "/v1/transfers", &same_sheet(&form.key)?)?;
    let command = asked.command(&signed.caller);
    let refused = match call.book(&app, &asked, command).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}", place.number()))),
        Err(refused) => refused,
    };
    let again = TransferForm { key: sheet_key()?, ..form };
    show(&sheet(&app, &visitor, again, Some(&refused)).await?, refused.status())
}
