//! `FundRewardPool`, `WithdrawRewardPool`: what rewards are paid from (RULES 7).

use super::fact::Fact;
use super::named::{asset, check_covered, check_custody, control, positive};
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::news::News;
use crate::machine::post::{Catalogue, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use serde::{Deserialize, Serialize};

/// Coins came into a reward pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardPoolFunded {
    /// Which.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
}

/// Coins left a reward pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardPoolWithdrawn {
    /// Which.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
}

/// Puts coins into a reward pool.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `above_limit`.
pub fn fund(state: &State, symbol: &str, amount: &str) -> Result<RewardPoolFunded, Rejection> {
    let (asset_ix, asset) = asset(state, symbol)?;
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    check_custody(state, asset_ix, amount)?;
    Ok(RewardPoolFunded { asset: asset_ix, amount })
}

/// Takes coins out of a reward pool. Only what the platform owes its customers can overdraw it, never this.
///
/// # Errors
/// `asset_not_found`, `amount_invalid`, `insufficient_balance`, `coverage_insufficient`.
pub fn withdraw(state: &State, symbol: &str, amount: &str) -> Result<RewardPoolWithdrawn, Rejection> {
    let (asset_ix, asset) = asset(state, symbol)?;
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    let available = control(state, asset_ix, LedgerAccount::RewardPool);
    if available.minus(amount).is_overdrawn() {
        return Err(Rejection::InsufficientBalance { asset: asset_ix, available });
    }
    check_covered(state, asset_ix, amount)?;
    Ok(RewardPoolWithdrawn { asset: asset_ix, amount })
}

impl Fact for RewardPoolFunded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(LedgerAccount::Custody, self.amount), credit(LedgerAccount::RewardPool, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.wallet_moved(self.asset, false);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::pool(state, self.asset, self.amount, true)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for RewardPoolWithdrawn {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        one(self.asset, Whose::Platform, &[debit(LedgerAccount::RewardPool, self.amount), credit(LedgerAccount::Custody, self.amount)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.wallet_moved(self.asset, false);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::pool(state, self.asset, self.amount, false)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
