//! Who bears a loss, and what comes back of one: each signed by two people (TREASURY 8).

use crate::calendar::Timestamp;
use crate::id::{AssetIx, NetworkIx};
use crate::ledger::LedgerAccount::{Custody, SlashingLoss};
use crate::ledger::{JournalEntry, LedgerAccount, Posting, Unbalanced, Whose, credit, debit};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::{Catalogue, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::{Asset, State};
use crate::machine::verb::fact::Fact;
use crate::machine::verb::named::{asset, check_custody, control, invalid, positive};
use crate::money::{Amount, Balance};
use crate::treasury::apart::Apart;
use crate::treasury::bearing::Turns;
use crate::treasury::loss::{Borne, Loss, Shares};
use crate::treasury::moves::account;
use serde::{Deserialize, Serialize};

/// Two people said who bears a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossAllocated {
    /// Which loss.
    pub loss: u64,
    /// On which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Who bears how much.
    pub by: Shares,
}

/// Something of a loss came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossRecovered {
    /// Of which loss.
    pub loss: u64,
    /// On which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// The difference that it is; nothing where the coins came to the wallet.
    pub apart: Option<Apart>,
    /// To whom.
    pub to: Shares,
}

/// A loss as two people name it: its number, and the asset that they say it is of.
fn found<'a>(state: &'a State, number: u64, symbol: &str) -> Result<(&'a Loss, &'a Asset), Rejection> {
    let (ix, asset) = asset(state, symbol)?;
    let loss = state.treasury.loss(number).filter(|loss| loss.asset == ix).ok_or(Rejection::LossNotFound)?;
    Ok((loss, asset))
}

/// What each bears, as it is written: amounts that may be nothing.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Of what is set aside for losses.
    pub reserve: &'a str,
    /// Of the commission.
    pub commission: &'a str,
    /// Of the reward pool.
    pub pool: &'a str,
    /// Of customers.
    pub customers: &'a str,
}

/// Says who bears a loss: all of it, at once.
///
/// # Errors
/// `asset_not_found`, `loss_not_found`, `loss_not_open`, `amount_invalid`, `terms_invalid` where the shares are not the loss,
/// or where customers would bear more than they may; `insufficient_balance` of the loss reserve or the commission. The reward pool may be
/// overdrawn by it.
pub fn allocate(state: &State, number: u64, symbol: &str, shares: Written<'_>) -> Result<LossAllocated, Rejection> {
    let (loss, asset) = found(state, number, symbol)?;
    if loss.borne.is_some() {
        return Err(Rejection::LossNotOpen);
    }
    let read = |text: &str| Amount::parse(text, asset.decimals).map_err(|_| Rejection::AmountInvalid { field: AmountField::Amount });
    let by = Shares {
        reserve: read(shares.reserve)?,
        commission: read(shares.commission)?,
        pool: read(shares.pool)?,
        customers: read(shares.customers)?,
    };
    if by.total() != loss.amount {
        return Err(invalid(format!("the shares have to be all of the loss: {}", loss.amount.to_text(asset.decimals))));
    }
    if by.customers > loss.bearing.at_most {
        return Err(invalid(format!("customers may bear {} of this loss", loss.bearing.at_most.to_text(asset.decimals))));
    }
    for (account, share) in by.parts().into_iter().take(2) {
        let available = control(state, loss.asset, account);
        if available.minus(share).is_overdrawn() && !share.is_zero() {
            return Err(Rejection::InsufficientBalance { asset: loss.asset, available });
        }
    }
    Ok(LossAllocated { loss: number, network: loss.network, asset: loss.asset, by })
}

/// An account that would bear a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Which.
    pub account: LedgerAccount,
    /// How much.
    pub share: Amount,
    /// What stands on it now.
    pub before: Balance,
    /// What would stand on it.
    pub after: Balance,
}

/// What an allocation would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Of which asset.
    pub asset: AssetIx,
    /// Which of the platform's own accounts would bear how much.
    pub bearers: Vec<Bearer>,
    /// What customers would bear together.
    pub customers: Amount,
    /// What they may bear at most.
    pub customers_at_most: Amount,
}

/// What it would come to if a loss were borne so now.
///
/// # Errors
/// As [`allocate`].
pub fn preview(state: &State, number: u64, shares: Written<'_>) -> Result<Allocation, Rejection> {
    let asset = state.treasury.loss(number).ok_or(Rejection::LossNotFound)?.asset;
    let symbol = state.asset(asset).map_or("", |asset| asset.symbol.as_str());
    let allocated = allocate(state, number, symbol, shares)?;
    let bearer = |(account, share): (LedgerAccount, Amount)| {
        let before = control(state, asset, account);
        Bearer { account, share, before, after: before.minus(share) }
    };
    let customers_at_most = state.treasury.loss(number).map_or(Amount::ZERO, |loss| loss.bearing.at_most);
    let bearers = allocated.by.parts().into_iter().map(bearer).collect();
    Ok(Allocation { asset, bearers, customers: allocated.by.customers, customers_at_most })
}

/// Gives what came back of a loss to those who have borne it, in proportion. It came to the treasury, as a difference that nobody has
/// explained yet, or to the wallet.
///
/// # Errors
/// `asset_not_found`, `loss_not_found`, `amount_invalid`, `terms_invalid` where nobody has borne it yet, where so much cannot come back, or
/// where the difference is not so much of the asset; `difference_not_found`, `above_limit`.
pub fn recover(state: &State, number: u64, symbol: &str, amount: &str, difference: Option<u64>) -> Result<LossRecovered, Rejection> {
    let (loss, asset) = found(state, number, symbol)?;
    let amount = positive(amount, asset.decimals, AmountField::Amount)?;
    if loss.borne.is_none() {
        return Err(invalid("two people have to say who bears the loss first"));
    }
    if loss.bearing.sharing.is_some() || loss.bearing.returning.is_some() {
        return Err(invalid("not all customers have had their turn yet"));
    }
    let left = loss.unrecovered();
    if amount > left.total() {
        return Err(invalid(format!("of this loss {} can still come back", left.total().to_text(asset.decimals))));
    }
    let apart = match difference {
        None => {
            check_custody(state, loss.asset, amount)?;
            None
        }
        Some(difference) => {
            let network = state.treasury.network(loss.network).ok_or(Rejection::NetworkNotFound)?;
            let apart = network.apart.iter().find(|apart| apart.number == difference).ok_or(Rejection::DifferenceNotFound)?;
            let is_it = network.asset(apart.coin) == Some(loss.asset)
                && !apart.amount.is_overdrawn()
                && apart.amount.units().unsigned_abs() == amount.units();
            if !is_it {
                return Err(invalid("the difference is not so much of this asset beyond the books"));
            }
            Some(apart.clone())
        }
    };
    Ok(LossRecovered { loss: number, network: loss.network, asset: loss.asset, apart, to: left.in_proportion(amount) })
}

fn shares(shares: &Shares, line: impl Fn(LedgerAccount, Amount) -> Posting) -> Vec<Posting> {
    shares.parts().into_iter().map(|(account, part)| line(account, part)).collect()
}

fn change(state: &mut State, number: u64, change: impl FnOnce(&mut Loss)) {
    match state.treasury.loss_mut(number) {
        Some(loss) => change(loss),
        None => state.break_with("what is borne is a loss", format!("loss {number}")),
    }
}

impl Fact for LossAllocated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let mut lines = shares(&self.by, debit);
        // What customers bear stands as a loss until each of them has borne its part.
        lines.push(credit(SlashingLoss, self.by.total().left_after(self.by.customers)));
        one(self.asset, Whose::Platform, &lines)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        change(state, self.loss, |loss| {
            loss.borne = Some(Borne { by: self.by, at, recovered: Shares::default() });
            if !loss.bearing.is_empty() {
                loss.bearing.sharing = Some(Turns { amount: self.by.customers, ..Turns::default() });
            }
        });
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for LossRecovered {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let place = self.apart.as_ref().map_or(Custody, |apart| account(apart.place));
        let mut lines = vec![debit(place, self.to.total())];
        lines.extend(shares(&self.to, credit));
        // What is customers' stands there until each of them has got its part.
        lines.push(credit(SlashingLoss, self.to.customers));
        one(self.asset, Whose::Platform, &lines)
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        change(state, self.loss, |loss| {
            if let Some(borne) = &mut loss.borne {
                borne.recovered = borne.recovered.plus(&self.to);
            }
            if !self.to.customers.is_zero() {
                loss.bearing.returning = Some(Turns { amount: self.to.customers, ..Turns::default() });
            }
        });
        let Some(apart) = &self.apart else { return state.wallet_moved(self.asset, false) };
        if let Some(network) = state.treasury.network_mut(self.network) {
            network.apart.retain(|other| other.number != apart.number);
        }
        state.recount_places(self.asset);
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
