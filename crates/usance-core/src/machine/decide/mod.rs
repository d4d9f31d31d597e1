//! Every verb's checks, in the order of [`Rejection`]; one file per verb. Nothing here changes state.

pub mod catalogue;
pub mod clock;
mod named;
pub mod redeem;
pub mod subscribe;
pub mod treasury;

use super::command::Command;
use super::event::Event;
use super::rejection::Rejection;
use super::state::State;
use crate::calendar::Timestamp;

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
