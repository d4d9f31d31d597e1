//! What a command's sender is told: the values of the moment right after it, stored with its events so that the same
//! key gets the same answer again, also after a restart.

use super::state::State;
use super::view::{self, PositionView, ProductView};
use crate::calendar::{Day, Timestamp};
use crate::id::{AgreementIx, AssetIx, CustomerIx, NetworkIx, PersonIx, PositionId, ProductIx, RateVersionIx};
use crate::ledger::LedgerAccount;
use crate::money::{Amount, Balance, Rate};
use crate::person::proposal::Standing;
use crate::reward::clawback::{AccountKind, RedemptionFigures};
use crate::treasury::network::{Direction, Implausible};
use crate::treasury::order::OrderStanding;
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
    /// The product as it was told by a release that knew no treasury.
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
    /// The person.
    Person(PersonIx),
    /// A proposal as it is now.
    Proposal {
        /// Its number.
        number: u64,
        /// Who has approved, in order.
        approved_by: Vec<PersonIx>,
        /// Where it stands.
        standing: Standing,
    },
    /// The network.
    Network(NetworkIx),
    /// A picture that came.
    Picture {
        /// Of which network.
        network: NetworkIx,
        /// Its number.
        number: u64,
        /// Why it is kept aside; nothing when it counts.
        aside: Option<Implausible>,
        /// How many differences wait for an explanation.
        held_apart: u32,
    },
    /// What the wallet said that it holds.
    Attested {
        /// Of which asset.
        asset: AssetIx,
        /// How much.
        amount: Amount,
        /// When.
        at: Timestamp,
        /// The last movement that is in it.
        movement: u64,
        /// What is covered after it; nothing where no treasury has begun.
        covered: Option<Balance>,
    },
    /// Coins between the wallet and the treasury.
    Moving {
        /// Over which network.
        network: NetworkIx,
        /// Of which asset.
        asset: AssetIx,
        /// Which way.
        direction: Direction,
        /// How much.
        amount: Amount,
        /// The hash of the transaction.
        hash: String,
        /// The number of the wallet's movement.
        movement: u64,
    },
    /// The product as it is now.
    Offered {
        /// The product.
        product: Box<ProductView>,
        /// Whether a treasury has begun that stakes its asset.
        is_staked: bool,
    },
    /// A redemption that waits for coins, and its position.
    ExitQueued {
        /// Its number.
        id: u64,
        /// Whether a term was left early.
        early: bool,
        /// Every amount of it.
        figures: Box<RedemptionFigures>,
        /// The position after it.
        position: Box<PositionView>,
        /// What of it waits; the rest was paid at once.
        waits: Amount,
        /// What of that is not paid before two people have said who bears a loss.
        withheld: Amount,
        /// The day by which it was promised.
        promised: Day,
    },
    /// What waited is staked again.
    ExitCancelled {
        /// The number of the redemption that waited.
        redemption: u64,
        /// The number of the subscription.
        id: u64,
        /// The position after it.
        position: Box<PositionView>,
    },
    /// What each customer may take a day at once while anyone waits.
    ExitAllowance {
        /// Of which asset.
        asset: AssetIx,
        /// How much.
        allowance: Amount,
    },
    /// A network's policy.
    Policy {
        /// Of which network.
        network: NetworkIx,
        /// Counted from 1 over the network.
        version: u64,
    },
    /// An order as it is now.
    Order {
        /// Of which network.
        network: NetworkIx,
        /// Its number.
        number: u64,
        /// Who has approved, in order.
        approved_by: Vec<PersonIx>,
        /// Where it stands.
        standing: OrderStanding,
        /// The hash of its transaction.
        hash: Option<String>,
    },
    /// An agent in office.
    Office {
        /// Of which network.
        network: NetworkIx,
        /// Its epoch.
        epoch: u64,
    },
    /// An account of the platform's own after something came in or went out.
    Equity {
        /// Of which asset.
        asset: AssetIx,
        /// Which account.
        account: LedgerAccount,
        /// How much.
        amount: Amount,
        /// Whether it came in.
        funded: bool,
        /// What stands on it after it.
        balance: Balance,
    },
}

/// An order as it is now.
#[must_use]
pub fn order(state: &State, network: NetworkIx, number: u64) -> Answer {
    let order = state.treasury.network(network).and_then(|network| network.desk.order(number));
    order.map_or(Answer::Done, |order| Answer::Order {
        network,
        number,
        approved_by: order.approvals.iter().map(|approval| approval.person).collect(),
        standing: order.standing,
        hash: order.hash.clone(),
    })
}

/// A proposal as it is now.
#[must_use]
pub fn proposal(state: &State, number: u64) -> Answer {
    state.people.proposal(number).map_or(Answer::Done, |proposal| Answer::Proposal {
        number,
        approved_by: proposal.approvals.iter().map(|approval| approval.person).collect(),
        standing: proposal.standing,
    })
}

/// A product as it is now.
#[must_use]
pub fn product(state: &State, product: ProductIx, at: Timestamp) -> Answer {
    view::product(state, product, at).map_or(Answer::Done, |view| {
        let is_staked = state.treasury.is_staked(view.asset);
        Answer::Offered { product: Box::new(view), is_staked }
    })
}

/// A customer's two balances of an asset.
#[must_use]
pub fn balances(state: &State, customer: CustomerIx, asset: AssetIx) -> Balances {
    let account = state.account_ix(customer, asset);
    Balances { spot: state.balance(account, AccountKind::Spot), funding: state.balance(account, AccountKind::Funding) }
}

/// A position as it is now.
#[must_use]
pub fn position(state: &State, position: PositionId, told: impl FnOnce(Box<PositionView>) -> Answer) -> Answer {
    view::position(state, position).map_or(Answer::Done, |view| told(Box::new(view)))
}

/// The reward pool after coins came in or went out.
#[must_use]
pub fn pool(state: &State, asset: AssetIx, amount: Amount, funded: bool) -> Answer {
    let balance = state.registry.control.get(asset.index()).map(|control| control.balance(LedgerAccount::RewardPool)).unwrap_or_default();
    Answer::RewardPool { asset, amount, funded, balance }
}

/// An account of the platform's own after so much came in or went out.
#[must_use]
pub fn equity(state: &State, asset: AssetIx, account: LedgerAccount, (amount, funded): (Amount, bool)) -> Answer {
    let balance = state.registry.control.get(asset.index()).map(|control| control.balance(account)).unwrap_or_default();
    Answer::Equity { asset, account, amount, funded, balance }
}
