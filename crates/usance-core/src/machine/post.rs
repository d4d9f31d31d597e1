//! Which accounts an event touches: the journal entries of every event that moves money (RULES 9), and nothing else.
//!
//! Live, on replay and for the operator's journal the entries come from here. An event without money has none.

use super::derive::CloseLine;
use super::event::{DayClosed, Event, Redeemed, Subscribed, WalletMoved};
use super::state::State;
use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::ledger::LedgerAccount::{Custody, CustomerFunding, CustomerPrincipal, CustomerSpot, RewardPool, RewardsPayable};
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

/// The journal entries of an event, each balanced; they may touch several assets. No event is passed over: what moves no
/// money says so.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up, which is a bug wherever it was decided.
pub fn post(catalogue: &impl Catalogue, event: &Event) -> Result<Vec<JournalEntry>, Unbalanced> {
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
            let (from, to) = (ledger_account(moved.from), ledger_account(moved.from.other()));
            JournalEntry::new(moved.asset, Whose::Customer(moved.customer), &[debit(from, moved.amount), credit(to, moved.amount)])
        }
        Event::Subscribed(subscribed) => subscription(catalogue, subscribed),
        Event::Redeemed(redeemed) => redemption(catalogue, redeemed),
        Event::DayClosed(closed) => return day_closed(catalogue, closed),
        Event::PlatformCreated(_)
        | Event::WriterStarted { .. }
        | Event::AssetCreated { .. }
        | Event::CustomerCreated { .. }
        | Event::AgreementPublished { .. }
        | Event::ProductCreated(_)
        | Event::ProductStatusSet { .. }
        | Event::SaleTermsChanged { .. }
        | Event::RateAnnounced { .. }
        | Event::RateSettled { .. }
        | Event::AutoRenewSet { .. }
        | Event::ClockMoved { .. }
        | Event::ClockConfirmed { .. } => return Ok(Vec::new()),
    }?;
    Ok(vec![entry])
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
/// [`Unbalanced`], as for [`post`].
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

fn asset_of(catalogue: &impl Catalogue, product: ProductIx) -> AssetIx {
    catalogue.terms_of(product).map_or(AssetIx(u32::MAX), |(asset, _)| asset)
}
