//! What the sender of a write is told, as JSON. The bytes depend on the stored answer and on names that never change, so
//! the same answer has the same bytes, also after a restart.

use crate::json::shape::order;
use crate::json::shape::person::PersonShape;
use crate::json::shape::policy::PolicySetShape;
use crate::json::shape::proposal;
use crate::json::shape::treasury;
use crate::json::shape::{self, PositionShape, RedemptionShape, amount, balance, product_id, symbol};
use serde::Serialize;
use usance_core::id::{AssetIx, CustomerIx};
use usance_core::machine::answer::Balances;
use usance_core::machine::{Answer, State};
use usance_engine::operations::redemption::ExitChoice;
use usance_engine::operations::words::AccountWord;
use utoipa::ToSchema;

/// A customer that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerShape {
    id: String,
}

/// A day's rate that was settled.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledShape {
    product: String,
    day: String,
    rate: String,
}

/// A customer's two balances of an asset, right after.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalancesShape {
    spot: String,
    funding: String,
}

/// A deposit or withdrawal.
#[derive(Debug, Serialize, ToSchema)]
pub struct WalletMoveShape {
    id: String,
    customer: String,
    asset: String,
    account: AccountWord,
    amount: String,
    reference: String,
    balances: BalancesShape,
    at: String,
}

/// A movement of a reward pool.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolShape {
    asset: String,
    /// `fund` or `withdraw`.
    kind: &'static str,
    amount: String,
    /// The pool right after; below zero when it is overdrawn.
    reward_pool: String,
}

/// A movement of an account of the platform's own.
#[derive(Debug, Serialize, ToSchema)]
pub struct EquityMovedShape {
    asset: String,
    /// `loss_reserve` or `commission_income`.
    account: &'static str,
    /// `fund` or `withdraw`.
    kind: &'static str,
    amount: String,
    /// What stands on it right after.
    balance: String,
}

/// A transfer.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferShape {
    transfer_id: String,
    asset: String,
    from: AccountWord,
    to: AccountWord,
    amount: String,
    balances: BalancesShape,
    at: String,
}

/// A subscription and its position.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscribedShape {
    subscription_id: String,
    position: PositionShape,
}

/// A redemption, its amounts and its position.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedeemedShape {
    redemption_id: String,
    #[serde(flatten)]
    figures: RedemptionShape,
    /// `queued` where the payout, or a part of it, waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<ExitChoice>,
    /// The day by which it is promised; of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    promised: Option<String>,
    /// What of the payout waits; the rest was paid at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
    /// What of that is not paid before two people have said who bears a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<String>,
    position: PositionShape,
}

/// What waited is staked again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExitCancelledShape {
    /// The redemption that waited.
    redemption_id: String,
    subscription_id: String,
    position: PositionShape,
}

/// What each customer may take a day at once while anyone waits.
#[derive(Debug, Serialize, ToSchema)]
pub struct AllowanceShape {
    asset: String,
    allowance: String,
}

/// Nothing to tell.
#[derive(Serialize)]
struct Nothing {}

fn bytes(shape: &impl Serialize) -> Vec<u8> {
    // Shapes hold text, numbers and lists only; such a value always becomes JSON.
    serde_json::to_vec(shape).unwrap_or_default()
}

fn customer_id(state: &State, customer: CustomerIx) -> String {
    state.customers.get(customer.index()).map(|customer| customer.id.to_string()).unwrap_or_default()
}

fn both(state: &State, asset: AssetIx, balances: &Balances) -> BalancesShape {
    BalancesShape { spot: amount(state, asset, balances.spot), funding: amount(state, asset, balances.funding) }
}

/// The machine's answer as JSON.
#[must_use]
pub fn answer(state: &State, answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::Done => bytes(&Nothing {}),
        Answer::Asset(ix) => bytes(&shape::asset(state, *ix)),
        Answer::Customer(ix) => bytes(&CustomerShape { id: customer_id(state, *ix) }),
        Answer::Agreement(ix) => bytes(&state.registry.agreements.get(ix.index()).map(shape::agreement)),
        Answer::Product(view) => bytes(&shape::product(state, view, None)),
        Answer::Offered { product, is_staked } => bytes(&shape::product(state, product, Some(*is_staked))),
        Answer::Rate { product, version } => {
            let digits = state.product(*product).map_or(0, |product| shape::decimals(state, product.asset));
            bytes(&state.registry.rate_versions.get(version.index()).map(|version| shape::rate_version(digits, version)))
        }
        Answer::Settled { product, day, rate } => {
            bytes(&SettledShape { product: product_id(state, *product), day: day.to_string(), rate: rate.to_text() })
        }
        Answer::WalletMoved { id, customer, asset, account, amount: moved, reference, balances, at } => bytes(&WalletMoveShape {
            id: id.to_string(),
            customer: customer_id(state, *customer),
            asset: symbol(state, *asset),
            account: (*account).into(),
            amount: amount(state, *asset, *moved),
            reference: reference.clone(),
            balances: both(state, *asset, balances),
            at: at.to_string(),
        }),
        Answer::RewardPool { asset, amount: moved, funded, balance: pool } => bytes(&PoolShape {
            asset: symbol(state, *asset),
            kind: if *funded { "fund" } else { "withdraw" },
            amount: amount(state, *asset, *moved),
            reward_pool: balance(state, *asset, *pool),
        }),
        Answer::Equity { asset, account, amount: moved, funded, balance: after } => bytes(&EquityMovedShape {
            asset: symbol(state, *asset),
            account: account.name(),
            kind: if *funded { "fund" } else { "withdraw" },
            amount: amount(state, *asset, *moved),
            balance: balance(state, *asset, *after),
        }),
        Answer::Transferred { id, asset, from, amount: moved, balances, at } => bytes(&TransferShape {
            transfer_id: id.to_string(),
            asset: symbol(state, *asset),
            from: (*from).into(),
            to: shape::other(*from).into(),
            amount: amount(state, *asset, *moved),
            balances: both(state, *asset, balances),
            at: at.to_string(),
        }),
        Answer::Subscribed { id, position } => {
            bytes(&SubscribedShape { subscription_id: id.to_string(), position: shape::position(state, position) })
        }
        Answer::Redeemed { id, early, figures, position } => bytes(&RedeemedShape {
            redemption_id: id.to_string(),
            figures: shape::redemption(state, position.asset, *early, figures),
            exit: None,
            promised: None,
            waits: None,
            withheld: None,
            position: shape::position(state, position),
        }),
        Answer::ExitQueued { id, early, figures, position, waits, withheld, promised } => bytes(&RedeemedShape {
            redemption_id: id.to_string(),
            figures: shape::redemption(state, position.asset, *early, figures),
            exit: Some(ExitChoice::Queued),
            promised: Some(promised.to_string()),
            waits: Some(amount(state, position.asset, *waits)),
            withheld: Some(amount(state, position.asset, *withheld)),
            position: shape::position(state, position),
        }),
        Answer::ExitCancelled { redemption, id, position } => bytes(&ExitCancelledShape {
            redemption_id: redemption.to_string(),
            subscription_id: id.to_string(),
            position: shape::position(state, position),
        }),
        Answer::ExitAllowance { asset, allowance } => {
            bytes(&AllowanceShape { asset: symbol(state, *asset), allowance: amount(state, *asset, *allowance) })
        }
        Answer::Position(view) => bytes(&shape::position(state, view)),
        Answer::Clock { now, day } => bytes(&shape::clock(state, *now, *day)),
        Answer::Network(ix) => bytes(&treasury::named(state, *ix)),
        Answer::Picture { network, number, aside, held_apart } => {
            bytes(&treasury::picture_taken(state, *network, *number, *aside, *held_apart))
        }
        Answer::Attested { asset, amount: attested, at, movement, covered } => bytes(&treasury::AttestedShape {
            asset: symbol(state, *asset),
            amount: amount(state, *asset, *attested),
            at: at.to_string(),
            movement: *movement,
            covered: covered.map(|covered| balance(state, *asset, covered)),
        }),
        Answer::Moving { network, asset, direction, amount: moved, hash, movement } => {
            bytes(&treasury::moved(state, (*network, *asset), *direction, *moved, hash, *movement))
        }
        Answer::Policy { network, version } => bytes(&PolicySetShape { network: treasury::name(state, *network), version: *version }),
        Answer::Order { network, number, approved_by, standing, hash } => {
            bytes(&order::told(state, *network, *number, approved_by, *standing, hash.as_deref()))
        }
        Answer::Office { network, epoch } => bytes(&order::OfficeTakenShape { network: treasury::name(state, *network), epoch: *epoch }),
        Answer::Person(ix) => bytes(&state.people.person(*ix).map(PersonShape::registered)),
        Answer::Proposal { number, approved_by, standing } => bytes(&proposal::shape(state, *number, approved_by, *standing)),
    }
}
