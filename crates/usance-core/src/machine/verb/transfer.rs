//! `Transfer`: a customer's coins change between Spot and Funding (RULES 4).

use super::fact::Fact;
use super::named::{asset, customer, positive};
use crate::calendar::Timestamp;
use crate::id::{AssetIx, CustomerIx};
use crate::ledger::{JournalEntry, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::news::{Deed, HistoryKind, News};
use crate::machine::post::{Catalogue, ledger_account, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::{Amount, Balance};
use crate::reward::clawback::AccountKind;
use serde::{Deserialize, Serialize};

/// A transfer between a customer's two accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Where from; the other one is where to.
    pub from: AccountKind,
    /// How much.
    pub amount: Amount,
}

/// Moves a customer's coins between Spot and Funding.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `same_account`, `amount_invalid`, `insufficient_balance`.
pub fn transfer(
    state: &State,
    who: &str,
    symbol: &str,
    from: AccountKind,
    to: AccountKind,
    amount: &str,
) -> Result<Transferred, Rejection> {
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
    Ok(Transferred { id: state.registry.counters.transfers.saturating_add(1), customer, asset: asset_ix, from, amount })
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
    fn news(&self) -> News<'_> {
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::Transfer, reference: None, staking: None })
    }
}
