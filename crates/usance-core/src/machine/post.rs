//! Which accounts an event touches: the journal entries of every event that moves money (RULES 9), and nothing else.
//!
//! Live, on replay and for the operator's journal the entries come from here. An event without money has none.

use super::event::{DayClosed, Event, ProductDay, Redeemed, Subscribed, WalletMoved};
use super::state::State;
use crate::id::{AssetIx, ProductIx};
use crate::ledger::LedgerAccount::{Custody, CustomerFunding, CustomerPrincipal, CustomerSpot, RewardPool, RewardsPayable};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
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

/// The journal entries of an event, each balanced.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up, which is a bug wherever it was decided.
pub fn post(catalogue: &impl Catalogue, event: &Event) -> Result<Vec<JournalEntry>, Unbalanced> {
    match event {
        Event::DayClosed(closed) => day_closed(catalogue, closed),
        _ => Ok(one(catalogue, event)?.into_iter().collect()),
    }
}

/// The one entry of an event that is not a close.
///
/// # Errors
/// [`Unbalanced`], as for [`post`].
pub fn one(catalogue: &impl Catalogue, event: &Event) -> Result<Option<JournalEntry>, Unbalanced> {
    let entry = match event {
        Event::Deposited(WalletMoved { customer, asset, account, amount, .. }) => {
            JournalEntry::new(*asset, Whose::Customer(*customer), &[debit(Custody, *amount), credit(ledger_account(*account), *amount)])
        }
        Event::Withdrawn(WalletMoved { customer, asset, account, amount, .. }) => {
            JournalEntry::new(*asset, Whose::Customer(*customer), &[debit(ledger_account(*account), *amount), credit(Custody, *amount)])
        }
        Event::RewardPoolFunded { asset, amount } => {
            JournalEntry::new(*asset, Whose::Platform, &[debit(Custody, *amount), credit(RewardPool, *amount)])
        }
        Event::RewardPoolWithdrawn { asset, amount } => {
            JournalEntry::new(*asset, Whose::Platform, &[debit(RewardPool, *amount), credit(Custody, *amount)])
        }
        Event::Transferred(moved) => {
            let (from, to) = match moved.from {
                AccountKind::Spot => (CustomerSpot, CustomerFunding),
                AccountKind::Funding => (CustomerFunding, CustomerSpot),
            };
            JournalEntry::new(moved.asset, Whose::Customer(moved.customer), &[debit(from, moved.amount), credit(to, moved.amount)])
        }
        Event::Subscribed(subscribed) => return subscription(catalogue, subscribed).map(Some),
        Event::Redeemed(redeemed) => return redemption(catalogue, redeemed).map(Some),
        _ => return Ok(None),
    }?;
    Ok(Some(entry))
}

fn subscription(catalogue: &impl Catalogue, event: &Subscribed) -> Result<JournalEntry, Unbalanced> {
    let lines =
        [debit(CustomerFunding, event.from_funding), debit(CustomerSpot, event.from_spot), credit(CustomerPrincipal, event.amount())];
    JournalEntry::new(asset_of(catalogue, event.product), Whose::Customer(event.customer), &lines)
}

fn redemption(catalogue: &impl Catalogue, event: &Redeemed) -> Result<JournalEntry, Unbalanced> {
    let figures = &event.figures;
    let lines = [
        debit(CustomerPrincipal, figures.principal),
        debit(RewardsPayable, figures.forfeited_accrued),
        debit(CustomerFunding, figures.clawback_from_funding),
        credit(CustomerSpot, figures.to_spot),
        credit(CustomerFunding, figures.to_funding),
        credit(RewardPool, figures.clawback_distributed.plus(figures.forfeited_accrued)),
    ];
    JournalEntry::new(asset_of(catalogue, event.product), Whose::Customer(event.customer), &lines)
}

fn day_closed(catalogue: &impl Catalogue, closed: &DayClosed) -> Result<Vec<JournalEntry>, Unbalanced> {
    let mut entries = Vec::new();
    for day in &closed.products {
        product_day(catalogue, day, &mut entries)?;
    }
    entries.retain(|entry| !entry.is_empty());
    Ok(entries)
}

fn product_day(catalogue: &impl Catalogue, day: &ProductDay, entries: &mut Vec<JournalEntry>) -> Result<(), Unbalanced> {
    let (asset, whose) = (asset_of(catalogue, day.product), Whose::Product(day.product));
    match catalogue.terms_of(day.product) {
        Some((_, Kind::FixedTerm { .. })) => {
            entries.push(JournalEntry::new(asset, whose, &[debit(RewardPool, day.rewards), credit(RewardsPayable, day.rewards)])?);
            entries.push(JournalEntry::new(
                asset,
                whose,
                &[debit(RewardsPayable, day.distributed), credit(CustomerFunding, day.distributed)],
            )?);
            let returned = day.returned_spot.plus(day.returned_funding);
            let lines = [
                debit(CustomerPrincipal, returned),
                credit(CustomerSpot, day.returned_spot),
                credit(CustomerFunding, day.returned_funding),
            ];
            entries.push(JournalEntry::new(asset, whose, &lines)?);
        }
        _ => {
            entries.push(JournalEntry::new(asset, whose, &[debit(RewardPool, day.distributed), credit(CustomerFunding, day.distributed)])?)
        }
    }
    Ok(())
}

fn asset_of(catalogue: &impl Catalogue, product: ProductIx) -> AssetIx {
    catalogue.terms_of(product).map_or(AssetIx(u32::MAX), |(asset, _)| asset)
}
