//! `Deposit`, `Withdraw`: coins that come from the wallet and go back to it (RULES 4).

use super::fact::Fact;
use super::named::{asset, check_custody, customer, positive};
use crate::calendar::Timestamp;
use crate::id::{AccountIx, AssetIx, CustomerIx, hash16};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::news::{Deed, HistoryKind, News};
use crate::machine::post::{Catalogue, ledger_account, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::{Amount, Balance};
use crate::reward::clawback::AccountKind;
use serde::{Deserialize, Serialize};

/// A deposit into or withdrawal from a customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletMove {
    /// Whose account.
    pub customer: String,
    /// Of which asset.
    pub asset: String,
    /// Which account.
    pub account: AccountKind,
    /// How much.
    pub amount: String,
    /// The wallet's own name for it, unique per asset and kind.
    pub reference: String,
}

/// A deposit or withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletMoved {
    /// Counted from 1 over the platform, deposits and withdrawals together.
    pub id: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Which account.
    pub account: AccountKind,
    /// How much.
    pub amount: Amount,
    /// The wallet's name for it.
    pub reference: String,
}

/// Credits a customer.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists` (the reference), `above_limit`.
pub fn deposit(state: &State, command: &WalletMove) -> Result<WalletMoved, Rejection> {
    let moved = wallet_move(state, command, Direction::In)?;
    check_custody(state, moved.asset, moved.amount)?;
    Ok(moved)
}

/// Debits a customer. A repeated reference says so even when the balance is gone: the wallet's retry must not look like
/// a failure.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `amount_invalid`, `already_exists`, `insufficient_balance`, `coverage_insufficient`.
pub fn withdraw(state: &State, command: &WalletMove) -> Result<WalletMoved, Rejection> {
    let moved = wallet_move(state, command, Direction::Out)?;
    check_balance(state, &moved)?;
    Ok(moved)
}

fn check_balance(state: &State, moved: &WalletMoved) -> Result<(), Rejection> {
    let available = state.balance(state.account_ix(moved.customer, moved.asset), moved.account);
    if available < moved.amount {
        return Err(Rejection::InsufficientBalance { asset: moved.asset, available: Balance::ZERO.plus(available) });
    }
    match state.held(moved.asset) {
        Some(covered) if covered.minus(moved.amount).is_overdrawn() => Err(Rejection::CoverageInsufficient { asset: moved.asset, covered }),
        Some(_) | None => Ok(()),
    }
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
        state.wallet_moved(self.0.asset, true);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.0.told(state, at)
    }
    fn news(&self) -> News<'_> {
        News::Deed(Deed { customer: self.0.customer, kind: HistoryKind::Deposit, reference: Some(&self.0.reference), staking: None })
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
        state.wallet_moved(self.0.asset, true);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.0.told(state, at)
    }
    fn news(&self) -> News<'_> {
        News::Deed(Deed { customer: self.0.customer, kind: HistoryKind::Withdrawal, reference: Some(&self.0.reference), staking: None })
    }
}
