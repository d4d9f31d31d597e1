//! Every verb, one file a noun: its checks in the order of [`Rejection`], and of the event that it decides what it posts,
//! what it changes, what its sender is told ([`Fact`]). This file leads to them: a new command has an arm in [`decide`], a
//! new event one in [`of`].

pub mod catalogue;
pub mod clock;
mod engine;
mod fact;
mod named;
pub mod redeem;
pub mod subscribe;
pub mod treasury;

use super::answer::Answer;
use super::command::Command;
use super::event::Event;
use super::movement::{Movement, of_event};
use super::post::Catalogue;
use super::rejection::Rejection;
use super::state::State;
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::money::Balance;
pub use fact::Fact;

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

/// Leads to what an event means.
pub fn of<R>(event: &Event, told: impl FnOnce(&dyn Fact) -> R) -> R {
    match event {
        Event::PlatformCreated(platform) => told(&**platform),
        Event::WriterStarted { epoch } => told(&engine::WriterStarted { epoch: *epoch }),
        Event::AssetCreated { symbol, name, decimals, display_decimals } => {
            told(&catalogue::AssetCreated { symbol, name, decimals: *decimals, display_decimals: *display_decimals })
        }
        Event::CustomerCreated { id } => told(&catalogue::CustomerCreated(id)),
        Event::AgreementPublished { version, text, sha256 } => told(&catalogue::AgreementPublished { version, text, sha256: *sha256 }),
        Event::ProductCreated(created) => told(&**created),
        Event::ProductStatusSet { product, status } => told(&catalogue::ProductStatusSet { product: *product, status: *status }),
        Event::SaleTermsChanged { product, sale } => told(&catalogue::SaleTermsChanged { product: *product, sale }),
        Event::RateAnnounced { product, from, bands } => told(&catalogue::RateAnnounced { product: *product, from: *from, bands }),
        Event::RateSettled { product, day, rate } => told(&catalogue::RateSettled { product: *product, day: *day, rate: *rate }),
        Event::Deposited(moved) => told(&treasury::Deposited(moved)),
        Event::Withdrawn(moved) => told(&treasury::Withdrawn(moved)),
        Event::RewardPoolFunded { asset, amount } => told(&treasury::PoolFunded { asset: *asset, amount: *amount }),
        Event::RewardPoolWithdrawn { asset, amount } => told(&treasury::PoolWithdrawn { asset: *asset, amount: *amount }),
        Event::Transferred(moved) => told(moved),
        Event::Subscribed(subscribed) => told(&**subscribed),
        Event::Redeemed(redeemed) => told(&**redeemed),
        Event::AutoRenewSet { position, auto_renew, .. } => told(&redeem::AutoRenewSet { position: *position, auto_renew: *auto_renew }),
        Event::DayClosed(closed) => told(&**closed),
        Event::ClockMoved { to } => told(&clock::ClockMoved(*to)),
        Event::ClockConfirmed { through } => told(&clock::ClockConfirmed(*through)),
    }
}

/// The journal entries of an event, each balanced; they may touch several assets.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up, which is a bug wherever it was decided.
pub fn post(catalogue: &impl Catalogue, event: &Event) -> Result<Vec<JournalEntry>, Unbalanced> {
    of(event, |fact| fact.entries(catalogue))
}

/// What the sender of a command is told after its event was applied.
#[must_use]
pub fn answer(state: &State, event: &Event, at: Timestamp) -> Answer {
    of(event, |fact| fact.answer(state, at))
}

/// What an event moved on its customer's two accounts of `asset`, where its entries did `spot` and `funding`.
#[must_use]
pub fn movements(event: &Event, asset: AssetIx, spot: Balance, funding: Balance) -> Vec<Movement> {
    of(event, |fact| fact.cause().map(|cause| of_event(&cause, asset, spot, funding)).unwrap_or_default())
}
