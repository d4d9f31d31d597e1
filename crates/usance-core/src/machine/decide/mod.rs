//! Every verb's checks, in the order of [`Rejection`]; one file per verb. Nothing here changes state.

pub mod catalogue;
pub mod clock;
pub mod redeem;
pub mod subscribe;
pub mod treasury;

use super::command::Command;
use super::event::Event;
use super::rejection::{AmountField, Rejection};
use super::state::State;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::limits::AMOUNT_UNITS_MAX;
use crate::money::Amount;
use crate::product::{Product, Status};

/// Decides a command: the event that happens, or the first check that fails.
///
/// # Errors
/// The first [`Rejection`] in the verb's order.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Result<Event, Rejection> {
    match command {
        Command::CreateAsset { symbol, name, decimals, display_decimals } => {
            catalogue::create_asset(state, symbol, name, *decimals, *display_decimals)
        }
        Command::CreateCustomer { id } => catalogue::create_customer(state, id),
        Command::PublishAgreement { version, text } => catalogue::publish_agreement(state, version, text),
        Command::CreateProduct(product) => catalogue::create_product(state, product),
        Command::SetProductStatus { product, status } => catalogue::set_status(state, product, *status),
        Command::ChangeProduct { product, sale } => catalogue::change_product(state, product, sale),
        Command::AnnounceRate { product, from, rate } => catalogue::announce_rate(state, product, *from, rate),
        Command::SettleRate { product, day, rate } => catalogue::settle_rate(state, product, *day, *rate),
        Command::Deposit(moved) => treasury::deposit(state, moved),
        Command::Withdraw(moved) => treasury::withdraw(state, moved),
        Command::FundRewardPool { asset, amount } => treasury::fund_reward_pool(state, asset, amount),
        Command::WithdrawRewardPool { asset, amount } => treasury::withdraw_reward_pool(state, asset, amount),
        Command::Transfer { customer, asset, from, to, amount } => treasury::transfer(state, customer, asset, *from, *to, amount),
        Command::Subscribe(subscribe) => subscribe::decide(state, subscribe, now),
        Command::Redeem(redeem) => redeem::decide(state, redeem),
        Command::SetAutoRenew { customer, position, auto_renew } => redeem::set_auto_renew(state, customer, *position, *auto_renew),
        Command::MoveClock { to } => clock::move_clock(state, *to),
        Command::ConfirmClock { clock } => Ok(clock::confirm(state, *clock)),
    }
}

fn customer(state: &State, id: &str) -> Result<CustomerIx, Rejection> {
    state.customer_ix(id).ok_or(Rejection::CustomerNotFound)
}

fn asset<'a>(state: &'a State, symbol: &str) -> Result<(AssetIx, &'a super::state::Asset), Rejection> {
    let ix = state.asset_ix(symbol).ok_or(Rejection::AssetNotFound)?;
    Ok((ix, state.asset(ix).ok_or(Rejection::AssetNotFound)?))
}

fn product<'a>(state: &'a State, id: &str) -> Result<(ProductIx, &'a Product), Rejection> {
    let ix = state.product_ix(id).ok_or(Rejection::ProductNotFound)?;
    Ok((ix, state.product(ix).ok_or(Rejection::ProductNotFound)?))
}

/// A product as customers see it: drafts do not exist.
fn visible_product<'a>(state: &'a State, id: &str) -> Result<(ProductIx, &'a Product), Rejection> {
    let (ix, found) = product(state, id)?;
    if found.status == Status::Draft { Err(Rejection::ProductNotFound) } else { Ok((ix, found)) }
}

fn positive(text: &str, decimals: u8, field: AmountField) -> Result<Amount, Rejection> {
    let amount = Amount::parse(text, decimals).map_err(|_| Rejection::AmountInvalid { field })?;
    if amount.is_zero() { Err(Rejection::AmountInvalid { field }) } else { Ok(amount) }
}

fn above_limit(asset: AssetIx) -> Rejection {
    Rejection::AboveLimit { asset, limit: Amount::from_units(AMOUNT_UNITS_MAX) }
}
