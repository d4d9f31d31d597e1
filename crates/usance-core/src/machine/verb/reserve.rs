//! `FundLossReserve`, `WithdrawLossReserve`, `WithdrawCommission`: what is set aside for losses, and what the platform keeps of what
//! networks pay (TREASURY 8).

use super::fact::Fact;
use super::named::{asset, check_covered, check_custody, control, positive};
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::LedgerAccount::{CommissionIncome, Custody, LossReserve, RewardPool};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::news::News;
use crate::machine::post::{Catalogue, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use serde::{Deserialize, Serialize};

/// The other side of a movement of the loss reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReserveSide {
    /// The reward pool: no coin moves.
    RewardPool,
    /// The wallet: coins come in, or go out.
    Custody,
}

impl ReserveSide {
    /// All of them.
    pub const ALL: [ReserveSide; 2] = [ReserveSide::RewardPool, ReserveSide::Custody];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.account().name()
    }
    const fn account(self) -> LedgerAccount {
        match self {
            ReserveSide::RewardPool => RewardPool,
            ReserveSide::Custody => Custody,
        }
    }
}

/// Something was set aside for losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossReserveFunded {
    /// Of which asset.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
    /// Where it came from.
    pub from: ReserveSide,
}

/// The loss reserve gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossReserveWithdrawn {
    /// Of which asset.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
    /// Where it went.
    pub to: ReserveSide,
}

/// Commission was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionWithdrawn {
    /// Of which asset.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
}

/// Sets something aside for losses.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `insufficient_balance` of the reward pool, `above_limit`.
pub fn fund(state: &State, symbol: &str, amount: &str, from: ReserveSide) -> Result<LossReserveFunded, Rejection> {
    let (asset, amount) = asked(state, symbol, amount)?;
    match from {
        ReserveSide::RewardPool => check_there(state, asset, RewardPool, amount)?,
        ReserveSide::Custody => check_custody(state, asset, amount)?,
    }
    Ok(LossReserveFunded { asset, amount, from })
}

/// Takes something out of the loss reserve.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `insufficient_balance` of the reserve, and where coins go out `coverage_insufficient`.
pub fn withdraw(state: &State, symbol: &str, amount: &str, to: ReserveSide) -> Result<LossReserveWithdrawn, Rejection> {
    let (asset, amount) = asked(state, symbol, amount)?;
    check_there(state, asset, LossReserve, amount)?;
    match to {
        ReserveSide::RewardPool => {}
        ReserveSide::Custody => check_covered(state, asset, amount)?,
    }
    Ok(LossReserveWithdrawn { asset, amount, to })
}

/// Takes commission out.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `insufficient_balance` of the commission, `coverage_insufficient`.
pub fn withdraw_commission(state: &State, symbol: &str, amount: &str) -> Result<CommissionWithdrawn, Rejection> {
    let (asset, amount) = asked(state, symbol, amount)?;
    check_there(state, asset, CommissionIncome, amount)?;
    check_covered(state, asset, amount)?;
    Ok(CommissionWithdrawn { asset, amount })
}

fn asked(state: &State, symbol: &str, amount: &str) -> Result<(AssetIx, Amount), Rejection> {
    let (ix, asset) = asset(state, symbol)?;
    Ok((ix, positive(amount, asset.decimals, AmountField::Amount)?))
}

fn check_there(state: &State, asset: AssetIx, account: LedgerAccount, amount: Amount) -> Result<(), Rejection> {
    let available = control(state, asset, account);
    if available.minus(amount).is_overdrawn() { Err(Rejection::InsufficientBalance { asset, available }) } else { Ok(()) }
}

/// Coins came or went where one side is the wallet.
fn moved(state: &mut State, asset: AssetIx, side: ReserveSide) {
    if side == ReserveSide::Custody {
        state.wallet_moved(asset, false);
    }
}

impl Fact for LossReserveFunded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(self.from.account(), self.amount), credit(LossReserve, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        moved(state, self.asset, self.from);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::equity(state, self.asset, LossReserve, (self.amount, true))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for LossReserveWithdrawn {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(LossReserve, self.amount), credit(self.to.account(), self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        moved(state, self.asset, self.to);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::equity(state, self.asset, LossReserve, (self.amount, false))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for CommissionWithdrawn {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(CommissionIncome, self.amount), credit(Custody, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.wallet_moved(self.asset, false);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::equity(state, self.asset, CommissionIncome, (self.amount, false))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
