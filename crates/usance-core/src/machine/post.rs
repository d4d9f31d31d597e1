//! What journal entries are made of (RULES 9), and the entries of a close. Every other event's are said beside its rule
//! (`verb`); live, on replay and for the operator's journal they come from there.

use super::day::{DayClosed, YieldClosed};
use super::derive::CloseLine;
use super::state::State;
use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::ledger::LedgerAccount::{
    CommissionIncome, CustomerFunding, CustomerPrincipal, CustomerSpot, RedemptionsQueued, RewardPool, RewardsPayable, YieldUndistributed,
};
use crate::ledger::{JournalEntry, LedgerAccount, Posting, Unbalanced, Whose, credit, debit};
use crate::money::Amount;
use crate::product::{Kind, Product};
use crate::reward::clawback::AccountKind;

/// What an entry has to know beside its event: of a product, what never changes.
pub trait Catalogue {
    /// What is fixed of a product; `None` when there is no such product.
    fn terms_of(&self, product: ProductIx) -> Option<Fixed>;
}

/// What never changes of a product and decides its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// What is staked and earned.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// The account that its rewards come from, and to which what is taken back returns.
    pub rewards_from: LedgerAccount,
}

impl Catalogue for State {
    #[inline]
    fn terms_of(&self, product: ProductIx) -> Option<Fixed> {
        let fixed = |product: &Product| Fixed { asset: product.asset, kind: product.kind, rewards_from: product.staking.rewards_from() };
        self.product(product).map(fixed)
    }
}

/// The control account behind one of a customer's accounts.
#[must_use]
pub const fn ledger_account(kind: AccountKind) -> LedgerAccount {
    match kind {
        AccountKind::Spot => CustomerSpot,
        AccountKind::Funding => CustomerFunding,
    }
}

/// One entry, which is all that most events post.
///
/// # Errors
/// [`Unbalanced`] when its lines do not add up.
pub fn one(asset: AssetIx, whose: Whose, lines: &[Posting]) -> Result<Vec<JournalEntry>, Unbalanced> {
    Ok(vec![JournalEntry::new(asset, whose, lines)?])
}

/// The entries of a closed day: every product's.
///
/// # Errors
/// [`Unbalanced`] when its amounts do not add up.
pub fn day_closed(catalogue: &dyn Catalogue, closed: &DayClosed) -> Result<Vec<JournalEntry>, Unbalanced> {
    let mut entries = Vec::new();
    for day in &closed.products {
        let fixed = fixed_of(catalogue, day.product);
        let moved = Closed {
            asset: fixed.asset,
            accrues: fixed.kind.accrues(),
            rewards_from: fixed.rewards_from,
            reward: day.rewards,
            paid: day.distributed,
            to_spot: day.returned_spot,
            to_funding: day.returned_funding,
            withheld: closed.withheld_of(day.product),
        };
        entries.extend(close_entries(Whose::Product(day.product), &moved)?);
    }
    for day in &closed.yields {
        entries.extend(yield_entries(day)?);
    }
    Ok(entries)
}

/// What of an asset's earnings leaves `yield_undistributed` with a close: what is the platform's of the day, and what no customer got.
fn yield_entries(day: &YieldClosed) -> Result<Vec<JournalEntry>, Unbalanced> {
    let (commission, to_pool) = (day.divided.commission, day.divided.to_pool());
    let divided = [debit(YieldUndistributed, commission.plus(to_pool)), credit(CommissionIncome, commission), credit(RewardPool, to_pool)];
    let passed = [debit(YieldUndistributed, day.passed), credit(RewardPool, day.passed)];
    let entry = |lines: &[Posting]| JournalEntry::new(day.asset, Whose::Platform, lines);
    let mut entries = vec![entry(&divided)?, entry(&passed)?];
    entries.retain(|entry| !entry.is_empty());
    Ok(entries)
}

/// One position's share of a close's entries: all shares of a product add up to the product's entries.
///
/// # Errors
/// [`Unbalanced`] when its amounts do not add up.
pub fn share_of_close(customer: CustomerIx, line: &CloseLine) -> Result<Vec<JournalEntry>, Unbalanced> {
    let (to_spot, to_funding) = line.maturity.map(|end| (end.to_spot, end.to_funding)).unwrap_or_default();
    let (reward, paid) = (line.reward, line.paid);
    let withheld = line.maturity.map_or(Amount::ZERO, |end| end.withheld);
    let (asset, accrues, rewards_from) = (line.asset, line.accrues, line.rewards_from);
    let moved = Closed { asset, accrues, rewards_from, reward, paid, to_spot, to_funding, withheld };
    close_entries(Whose::Customer(customer), &moved)
}

/// What a close moved, of a product or of one position.
struct Closed {
    asset: AssetIx,
    accrues: bool,
    rewards_from: LedgerAccount,
    reward: Amount,
    paid: Amount,
    to_spot: Amount,
    to_funding: Amount,
    withheld: Amount,
}

/// The entries of a close, without those that move nothing.
fn close_entries(whose: Whose, moved: &Closed) -> Result<Vec<JournalEntry>, Unbalanced> {
    let entry = |lines: &[Posting]| JournalEntry::new(moved.asset, whose, lines);
    let mut entries = if moved.accrues {
        vec![
            entry(&[debit(moved.rewards_from, moved.reward), credit(RewardsPayable, moved.reward)])?,
            entry(&[debit(RewardsPayable, moved.paid), credit(CustomerFunding, moved.paid)])?,
        ]
    } else {
        vec![entry(&[debit(moved.rewards_from, moved.paid), credit(CustomerFunding, moved.paid)])?]
    };
    entries.push(entry(&[
        debit(CustomerPrincipal, moved.to_spot.plus(moved.to_funding).plus(moved.withheld)),
        credit(CustomerSpot, moved.to_spot),
        credit(CustomerFunding, moved.to_funding),
        credit(RedemptionsQueued, moved.withheld),
    ])?);
    entries.retain(|entry| !entry.is_empty());
    Ok(entries)
}

/// What is fixed of a product. An entry of a product that is not there names an asset that is not there, which no books have.
#[must_use]
pub fn fixed_of(catalogue: &dyn Catalogue, product: ProductIx) -> Fixed {
    let nowhere = Fixed { asset: AssetIx(u32::MAX), kind: Kind::Flexible, rewards_from: RewardPool };
    catalogue.terms_of(product).unwrap_or(nowhere)
}

/// A product's asset.
#[must_use]
pub fn asset_of(catalogue: &dyn Catalogue, product: ProductIx) -> AssetIx {
    fixed_of(catalogue, product).asset
}
