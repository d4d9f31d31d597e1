//! What journal entries are made of (RULES 9), and the entries of a close. Every other event's are said beside its rule
//! (`verb`); live, on replay and for the operator's journal they come from there.

use super::day::DayClosed;
use super::derive::CloseLine;
use super::state::State;
use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot, RewardPool, RewardsPayable};
use crate::ledger::{JournalEntry, LedgerAccount, Posting, Unbalanced, Whose, credit, debit};
use crate::money::Amount;
use crate::product::Kind;
use crate::reward::clawback::AccountKind;

/// What an entry has to know beside its event: of a product, what never changes.
pub trait Catalogue {
    /// A product's asset and kind; `None` when there is no such product.
    fn terms_of(&self, product: ProductIx) -> Option<(AssetIx, Kind)>;
}

impl Catalogue for State {
    #[inline]
    fn terms_of(&self, product: ProductIx) -> Option<(AssetIx, Kind)> {
        self.product(product).map(|product| (product.asset, product.kind))
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
        let moved = Closed {
            asset: asset_of(catalogue, day.product),
            accrues: catalogue.terms_of(day.product).is_some_and(|(_, kind)| kind.accrues()),
            reward: day.rewards,
            paid: day.distributed,
            to_spot: day.returned_spot,
            to_funding: day.returned_funding,
        };
        entries.extend(close_entries(Whose::Product(day.product), &moved)?);
    }
    Ok(entries)
}

/// One position's share of a close's entries: all shares of a product add up to the product's entries.
///
/// # Errors
/// [`Unbalanced`] when its amounts do not add up.
pub fn share_of_close(customer: CustomerIx, line: &CloseLine) -> Result<Vec<JournalEntry>, Unbalanced> {
    let (to_spot, to_funding) = line.maturity.map(|end| (end.to_spot, end.to_funding)).unwrap_or_default();
    let moved = Closed { asset: line.asset, accrues: line.accrues, reward: line.reward, paid: line.paid, to_spot, to_funding };
    close_entries(Whose::Customer(customer), &moved)
}

/// What a close moved, of a product or of one position.
struct Closed {
    asset: AssetIx,
    accrues: bool,
    reward: Amount,
    paid: Amount,
    to_spot: Amount,
    to_funding: Amount,
}

/// The entries of a close, without those that move nothing.
fn close_entries(whose: Whose, moved: &Closed) -> Result<Vec<JournalEntry>, Unbalanced> {
    let entry = |lines: &[Posting]| JournalEntry::new(moved.asset, whose, lines);
    let mut entries = if moved.accrues {
        vec![
            entry(&[debit(RewardPool, moved.reward), credit(RewardsPayable, moved.reward)])?,
            entry(&[debit(RewardsPayable, moved.paid), credit(CustomerFunding, moved.paid)])?,
        ]
    } else {
        vec![entry(&[debit(RewardPool, moved.paid), credit(CustomerFunding, moved.paid)])?]
    };
    entries.push(entry(&[
        debit(CustomerPrincipal, moved.to_spot.plus(moved.to_funding)),
        credit(CustomerSpot, moved.to_spot),
        credit(CustomerFunding, moved.to_funding),
    ])?);
    entries.retain(|entry| !entry.is_empty());
    Ok(entries)
}

/// A product's asset. An entry of a product that is not there names an asset that is not there, which no books have.
#[must_use]
pub fn asset_of(catalogue: &dyn Catalogue, product: ProductIx) -> AssetIx {
    catalogue.terms_of(product).map_or(AssetIx(u32::MAX), |(asset, _)| asset)
}
