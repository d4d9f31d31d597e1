//! `Deposit`, `Withdraw`, `Transfer` and the reward pool: coins that come, go and change accounts (RULES 4, 7).

use super::fact::Fact;
use super::named::{above_limit, asset, customer, positive};
use crate::calendar::Timestamp;
use crate::id::{AccountIx, AssetIx, hash16};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::limits::AMOUNT_UNITS_MAX;
use crate::machine::answer::{self, Answer};
use crate::machine::command::WalletMove;
use crate::machine::event::{Event, Transferred, WalletMoved};
use crate::machine::movement::{Cause, MovementKind};
use crate::machine::post::{Catalogue, ledger_account, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::{Amount, Balance};
use crate::reward::clawback::AccountKind;

/// Credits a customer.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists` (the reference), `above_limit`.
pub fn deposit(state: &State, command: &WalletMove) -> Result<Event, Rejection> {
    let moved = wallet_move(state, command, Direction::In)?;
    check_custody(state, moved.asset, moved.amount)?;
    Ok(Event::Deposited(moved))
}

/// Debits a customer. A repeated reference says so even when the balance is gone: the wallet's retry must not look like
/// a failure.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists`, `insufficient_balance`.
pub fn withdraw(state: &State, command: &WalletMove) -> Result<Event, Rejection> {
    let moved = wallet_move(state, command, Direction::Out)?;
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

fn wallet_move(state: &State, command: &WalletMove, direction: Direction) -> Result<WalletMoved, Rejection> {
    let customer = customer(state, &command.customer)?;
    let (asset_ix, asset) = asset(state, &command.asset)?;
    let amount = positive(&command.amount, asset.decimals, AmountField::Amount)?;
    if state.references.get(&reference_hash(state, direction, asset_ix, &command.reference)).is_some() {
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

/// The two directions of the wallet. Each has its own references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

impl Direction {
    /// The kind of its references, which is part of their hashes for ever.
    const fn word(self) -> &'static str {
        match self {
            Direction::In => "deposit",
            Direction::Out => "withdrawal",
        }
    }
}

/// The hash a deposit's or withdrawal's reference is remembered by, for ever.
fn reference_hash(state: &State, direction: Direction, asset: AssetIx, reference: &str) -> [u8; 16] {
    let symbol = state.asset(asset).map_or("", |asset| asset.symbol.as_str());
    hash16(&state.registry.platform.seed, direction.word(), &[symbol, reference])
}

impl WalletMoved {
    fn book(&self, state: &mut State, direction: Direction) -> AccountIx {
        state.registry.counters.wallet_moves = self.id;
        let hash = reference_hash(state, direction, self.asset, &self.reference);
        state.references.insert(hash, ());
        state.ensure_account(self.customer, self.asset)
    }
    fn told(&self, state: &State, at: Timestamp) -> Answer {
        Answer::WalletMoved {
            id: self.id,
            customer: self.customer,
            asset: self.asset,
            account: self.account,
            amount: self.amount,
            reference: self.reference.clone(),
            balances: answer::balances(state, self.customer, self.asset),
            at,
        }
    }
}

/// Coins came in.
pub(super) struct Deposited<'e>(pub &'e WalletMoved);

impl Fact for Deposited<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let WalletMoved { customer, asset, account, amount, .. } = *self.0;
        one(asset, Whose::Customer(customer), &[debit(LedgerAccount::Custody, amount), credit(ledger_account(account), amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let account = self.0.book(state, Direction::In);
        state.credit(account, self.0.account, self.0.amount);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.0.told(state, at)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        Some(Cause { kind: MovementKind::Deposit, staked: None, reference: Some(&self.0.reference) })
    }
}

/// Coins went out.
pub(super) struct Withdrawn<'e>(pub &'e WalletMoved);

impl Fact for Withdrawn<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let WalletMoved { customer, asset, account, amount, .. } = *self.0;
        one(asset, Whose::Customer(customer), &[debit(ledger_account(account), amount), credit(LedgerAccount::Custody, amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let account = self.0.book(state, Direction::Out);
        state.debit(account, self.0.account, self.0.amount);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.0.told(state, at)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        Some(Cause { kind: MovementKind::Withdrawal, staked: None, reference: Some(&self.0.reference) })
    }
}

impl Fact for Transferred {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let (from, to) = (ledger_account(self.from), ledger_account(self.from.other()));
        one(self.asset, Whose::Customer(self.customer), &[debit(from, self.amount), credit(to, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.registry.counters.transfers = self.id;
        let account = state.ensure_account(self.customer, self.asset);
        state.debit(account, self.from, self.amount);
        state.credit(account, self.from.other(), self.amount);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        Answer::Transferred {
            id: self.id,
            asset: self.asset,
            from: self.from,
            amount: self.amount,
            balances: answer::balances(state, self.customer, self.asset),
            at,
        }
    }
    fn cause(&self) -> Option<Cause<'_>> {
        Some(Cause { kind: MovementKind::Transfer, staked: None, reference: None })
    }
}

/// Coins came into a reward pool.
pub(super) struct PoolFunded {
    pub asset: AssetIx,
    pub amount: Amount,
}

impl Fact for PoolFunded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(LedgerAccount::Custody, self.amount), credit(LedgerAccount::RewardPool, self.amount)])
    }
    fn apply(&self, _: &mut State, _: Timestamp) {}
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::pool(state, self.asset, self.amount, true)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// Coins left a reward pool.
pub(super) struct PoolWithdrawn {
    pub asset: AssetIx,
    pub amount: Amount,
}

impl Fact for PoolWithdrawn {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(LedgerAccount::RewardPool, self.amount), credit(LedgerAccount::Custody, self.amount)])
    }
    fn apply(&self, _: &mut State, _: Timestamp) {}
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::pool(state, self.asset, self.amount, false)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}
