//! Accounts: a customer's balances, and what the exchange's wallet moves in and out of them.

use super::state::customer;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::account::{self, AccountView};
use usance_core::machine::verb::WalletMove;
use usance_core::machine::{Command, Rejection, State};

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("account_list", Permission::CustomerRead), ("deposit_create", Permission::Wallet), ("withdrawal_create", Permission::Wallet)];

/// A customer's accounts, by asset.
///
/// # Errors
/// `customer_not_found`.
pub async fn list(engine: &Engine, caller: &Caller) -> Result<Vec<(AssetIx, AccountView)>, Refusal> {
    Ok(engine.read(|state, now| list_at(state, now, caller.acts_for())).await??)
}

/// A customer's accounts at a moment, by asset.
///
/// # Errors
/// `customer_not_found`.
pub fn list_at(state: &State, now: Timestamp, who: &str) -> Result<Vec<(AssetIx, AccountView)>, Rejection> {
    let customer = customer(state, who)?;
    let mut assets: Vec<AssetIx> = state.accounts_of(customer).map(|(_, account)| account.asset).collect();
    assets.sort_unstable();
    Ok(assets.into_iter().filter_map(|asset| Some((asset, account::account(state, customer, asset, now)?))).collect())
}

/// Credits a customer.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn deposit(engine: &Engine, caller: &Caller, once: &Once, moved: WalletMove) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::Deposit(moved), None).await
}

/// Debits a customer.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn withdraw(engine: &Engine, caller: &Caller, once: &Once, moved: WalletMove) -> Result<Told, Refusal> {
    engine.carry_out(Write { caller, once, method: "POST" }, Command::Withdraw(moved), None).await
}
