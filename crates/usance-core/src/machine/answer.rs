//! What a command's sender is told: the values of the moment right after it, stored with its events so that the same
//! key gets the same answer again, also after a restart.

use super::event::Event;
use super::state::State;
use super::view::{self, PositionView, ProductView};
use crate::calendar::{Day, Timestamp};
use crate::id::{AgreementIx, AssetIx, CustomerIx, ProductIx, RateVersionIx};
use crate::ledger::LedgerAccount;
use crate::money::{Amount, Balance, Rate};
use crate::reward::clawback::{AccountKind, RedemptionFigures};
use serde::{Deserialize, Serialize};

/// A customer's two balances of an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    /// Spot.
    pub spot: Amount,
    /// Funding.
    pub funding: Amount,
}

/// The answer to every kind of command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing to tell: the engine's own commands.
    Done,
    /// The asset.
    Asset(AssetIx),
    /// The customer.
    Customer(CustomerIx),
    /// The agreement.
    Agreement(AgreementIx),
    /// The product as it is now.
    Product(Box<ProductView>),
    /// The announced version.
    Rate {
        /// Whose.
        product: ProductIx,
        /// Which.
        version: RateVersionIx,
    },
    /// The settled day.
    Settled {
        /// Whose.
        product: ProductIx,
        /// Which day.
        day: Day,
        /// The cap.
        rate: Rate,
    },
    /// A deposit or withdrawal, and the balances after it.
    WalletMoved {
        /// Its number.
        id: u64,
        /// Whose.
        customer: CustomerIx,
        /// Of which asset.
        asset: AssetIx,
        /// Which account.
        account: AccountKind,
        /// How much.
        amount: Amount,
        /// The wallet's name for it.
        reference: String,
        /// The balances after it.
        balances: Balances,
        /// When.
        at: Timestamp,
    },
    /// The reward pool after it was funded or withdrawn from.
    RewardPool {
        /// Of which asset.
        asset: AssetIx,
        /// How much.
        amount: Amount,
        /// Whether coins came in.
        funded: bool,
        /// The pool after it.
        balance: Balance,
    },
    /// A transfer, and the balances after it.
    Transferred {
        /// Its number.
        id: u64,
        /// Of which asset.
        asset: AssetIx,
        /// From; the other one is to.
        from: AccountKind,
        /// How much.
        amount: Amount,
        /// The balances after it.
        balances: Balances,
        /// When.
        at: Timestamp,
    },
    /// A subscription and its position.
    Subscribed {
        /// Its number.
        id: u64,
        /// The position after it.
        position: Box<PositionView>,
    },
    /// A redemption and its position.
    Redeemed {
        /// Its number.
        id: u64,
        /// Whether a term was left early.
        early: bool,
        /// Every amount of it.
        figures: RedemptionFigures,
        /// The position after it.
        position: Box<PositionView>,
    },
    /// A position that was changed.
    Position(Box<PositionView>),
    /// The clock after it moved or was confirmed.
    Clock {
        /// Where it stands.
        now: Timestamp,
        /// The open day.
        day: Day,
    },
}

/// What the sender of a command is told after its event was applied.
#[must_use]
pub fn answer(state: &State, event: &Event, at: Timestamp) -> Answer {
    let last = |len: usize| len.saturating_sub(1);
    match event {
        Event::AssetCreated { .. } => Answer::Asset(AssetIx::from_index(last(state.registry.assets.len()))),
        Event::CustomerCreated { .. } => Answer::Customer(CustomerIx::from_index(last(state.customers.len()))),
        Event::AgreementPublished { .. } => Answer::Agreement(AgreementIx::from_index(last(state.registry.agreements.len()))),
        Event::ProductCreated(_) => shown(state, ProductIx::from_index(last(state.registry.products.len())), at),
        Event::ProductStatusSet { product, .. } | Event::SaleTermsChanged { product, .. } => shown(state, *product, at),
        Event::RateAnnounced { product, .. } => {
            Answer::Rate { product: *product, version: RateVersionIx::from_index(last(state.registry.rate_versions.len())) }
        }
        Event::RateSettled { product, day, rate } => Answer::Settled { product: *product, day: *day, rate: *rate },
        Event::Deposited(moved) | Event::Withdrawn(moved) => Answer::WalletMoved {
            id: moved.id,
            customer: moved.customer,
            asset: moved.asset,
            account: moved.account,
            amount: moved.amount,
            reference: moved.reference.clone(),
            balances: balances(state, moved.customer, moved.asset),
            at,
        },
        Event::RewardPoolFunded { asset, amount } => pool(state, *asset, *amount, true),
        Event::RewardPoolWithdrawn { asset, amount } => pool(state, *asset, *amount, false),
        Event::Transferred(moved) => Answer::Transferred {
            id: moved.id,
            asset: moved.asset,
            from: moved.from,
            amount: moved.amount,
            balances: balances(state, moved.customer, moved.asset),
            at,
        },
        Event::Subscribed(event) => match view::position(state, event.position) {
            Some(position) => Answer::Subscribed { id: event.id, position: Box::new(position) },
            None => Answer::Done,
        },
        Event::Redeemed(event) => match view::position(state, event.position) {
            Some(position) => Answer::Redeemed { id: event.id, early: event.early, figures: event.figures, position: Box::new(position) },
            None => Answer::Done,
        },
        Event::AutoRenewSet { position, .. } => {
            view::position(state, *position).map_or(Answer::Done, |view| Answer::Position(Box::new(view)))
        }
        Event::ClockMoved { .. } | Event::ClockConfirmed { .. } => {
            Answer::Clock { now: state.registry.last_at, day: state.registry.open_day }
        }
        Event::PlatformCreated(_) | Event::WriterStarted { .. } | Event::DayClosed(_) => Answer::Done,
    }
}

fn shown(state: &State, product: ProductIx, at: Timestamp) -> Answer {
    view::product(state, product, at).map_or(Answer::Done, |view| Answer::Product(Box::new(view)))
}

fn balances(state: &State, customer: CustomerIx, asset: AssetIx) -> Balances {
    let account = state.account_ix(customer, asset);
    Balances { spot: state.balance(account, AccountKind::Spot), funding: state.balance(account, AccountKind::Funding) }
}

fn pool(state: &State, asset: AssetIx, amount: Amount, funded: bool) -> Answer {
    let balance = state.registry.control.get(asset.index()).map(|control| control.balance(LedgerAccount::RewardPool)).unwrap_or_default();
    Answer::RewardPool { asset, amount, funded, balance }
}
