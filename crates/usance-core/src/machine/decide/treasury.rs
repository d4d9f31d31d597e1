//! `Deposit`, `Withdraw`, `Transfer` and the reward pool: coins that come, go and change accounts (RULES 4, 7).

use super::named::{above_limit, asset, customer, positive};
use crate::id::AssetIx;
use crate::ledger::LedgerAccount;
use crate::limits::AMOUNT_UNITS_MAX;
use crate::machine::apply::{AccountMove, reference_hash};
use crate::machine::command::WalletMove;
use crate::machine::event::{Event, Transferred, WalletMoved};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::{Amount, Balance};
use crate::reward::clawback::AccountKind;

/// Credits a customer.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists` (the reference), `above_limit`.
pub fn deposit(state: &State, command: &WalletMove) -> Result<Event, Rejection> {
    let moved = wallet_move(state, command, AccountMove::Deposit)?;
    check_custody(state, moved.asset, moved.amount)?;
    Ok(Event::Deposited(moved))
}

/// Debits a customer. A repeated reference says so even when the balance is gone: the wallet's retry must not look like
/// a failure.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists`, `insufficient_balance`.
pub fn withdraw(state: &State, command: &WalletMove) -> Result<Event, Rejection> {
    let moved = wallet_move(state, command, AccountMove::Withdrawal)?;
    check_balance(state, &moved)?;
    Ok(Event::Withdrawn(moved))
}

fn check_balance(state: &State, moved: &WalletMoved) -> Result<(), Rejection> {
    let available = state.balance(state.account_ix(moved.customer, moved.asset), moved.account);
    if available < moved.amount {
        return Err(Rejection::InsufficientBalance { asset: moved.asset, available: Balance::ZERO.plus(available) });
    }
    Ok(())
}

fn wallet_move(state: &State, command: &WalletMove, kind: AccountMove) -> Result<WalletMoved, Rejection> {
    let customer = customer(state, &command.customer)?;
    let (asset_ix, asset) = asset(state, &command.asset)?;
    let amount = positive(&command.amount, asset.decimals, AmountField::Amount)?;
    if state.references.get(&reference_hash(state, kind, asset_ix, &command.reference)).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    Ok(WalletMoved {
        id: state.registry.counters.wallet_moves.saturating_add(1),
        customer,
        asset: asset_ix,
        account: command.account,
        amount,
        reference: command.reference.clone(),
    })
}

/// Puts coins into a reward pool.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `above_limit`.
pub fn fund_reward_pool(state: &State, symbol: &str, amount: &str) -> Result<Event, Rejection> {
    let (asset_ix, asset) = asset(state, symbol)?;
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    check_custody(state, asset_ix, amount)?;
    Ok(Event::RewardPoolFunded { asset: asset_ix, amount })
}

/// Takes coins out of a reward pool. Only what the platform owes its customers can overdraw it, never this.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `insufficient_balance`.
pub fn withdraw_reward_pool(state: &State, symbol: &str, amount: &str) -> Result<Event, Rejection> {
    let (asset_ix, asset) = asset(state, symbol)?;
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    let available = control(state, asset_ix, LedgerAccount::RewardPool);
    if available.minus(amount).is_overdrawn() {
        return Err(Rejection::InsufficientBalance { asset: asset_ix, available });
    }
    Ok(Event::RewardPoolWithdrawn { asset: asset_ix, amount })
}

/// Moves a customer's coins between Spot and Funding.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `same_account`, `amount_invalid`, `insufficient_balance`.
pub fn transfer(state: &State, who: &str, symbol: &str, from: AccountKind, to: AccountKind, amount: &str) -> Result<Event, Rejection> {
    let customer = customer(state, who)?;
    let (asset_ix, asset) = asset(state, symbol)?;
    if from == to {
        return Err(Rejection::SameAccount);
    }
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    let available = state.balance(state.account_ix(customer, asset_ix), from);
    if available < amount {
        return Err(Rejection::InsufficientBalance { asset: asset_ix, available: Balance::ZERO.plus(available) });
    }
    Ok(Event::Transferred(Transferred { id: state.registry.counters.transfers.saturating_add(1), customer, asset: asset_ix, from, amount }))
}

fn control(state: &State, asset: AssetIx, account: LedgerAccount) -> Balance {
    state.registry.control.get(asset.index()).map(|control| control.balance(account)).unwrap_or_default()
}

/// The custody total of an asset stays at most 10^28 base units.
fn check_custody(state: &State, asset: AssetIx, amount: Amount) -> Result<(), Rejection> {
    let after = control(state, asset, LedgerAccount::Custody).plus(amount);
    let fits = u128::try_from(after.units()).map_or(true, |units| units <= AMOUNT_UNITS_MAX);
    if fits { Ok(()) } else { Err(above_limit(asset)) }
}
