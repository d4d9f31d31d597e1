//! What moved on a customer's two accounts: the lines of a statement (RULES 9).
//!
//! An event and a close are told as [`Movement`]s, one per account that they touch; [`BothBalances`] takes them off
//! again, so a statement that walks back from a known balance has opening balance plus every line equal to the closing
//! balance. Which rows are looked at, and in which order, is whose walk it is.

use super::answer::Balances;
use super::derive::{CloseLine, CloseSum};
use super::news::{Deed, HistoryKind};
use crate::calendar::Day;
use crate::id::{AssetIx, PositionId, ProductIx};
use crate::money::{Amount, Balance};
use crate::reward::clawback::AccountKind;
use serde::{Deserialize, Serialize};

/// What a movement was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind {
    /// Coins came in.
    Deposit,
    /// Coins went out.
    Withdrawal,
    /// Between the two accounts.
    Transfer,
    /// Staked.
    Subscription,
    /// Unstaked.
    Redemption,
    /// Taken back from Funding by an early exit.
    Clawback,
    /// A reward was paid.
    Reward,
    /// A term ended and principal came back.
    Maturity,
    /// Principal that had waited for coins was paid.
    ExitPayment,
    /// A reward for waiting longer than promised.
    ExitReward,
    /// A part of a loss; it is borne by what is staked or waits, and moves neither account.
    Loss,
    /// A part of what came back of a loss.
    LossReturned,
}

impl MovementKind {
    /// The kind of what a deed moved.
    #[must_use]
    pub const fn of(deed: HistoryKind) -> MovementKind {
        match deed {
            HistoryKind::Deposit => MovementKind::Deposit,
            HistoryKind::Withdrawal => MovementKind::Withdrawal,
            HistoryKind::Transfer => MovementKind::Transfer,
            HistoryKind::Subscription => MovementKind::Subscription,
            HistoryKind::Redemption => MovementKind::Redemption,
            HistoryKind::ExitPayment => MovementKind::ExitPayment,
            HistoryKind::ExitReward => MovementKind::ExitReward,
            HistoryKind::Loss => MovementKind::Loss,
            HistoryKind::LossReturned => MovementKind::LossReturned,
        }
    }
    /// Every kind.
    pub const ALL: [MovementKind; 12] = [
        MovementKind::Deposit,
        MovementKind::Withdrawal,
        MovementKind::Transfer,
        MovementKind::Subscription,
        MovementKind::Redemption,
        MovementKind::Clawback,
        MovementKind::Reward,
        MovementKind::Maturity,
        MovementKind::ExitPayment,
        MovementKind::ExitReward,
        MovementKind::Loss,
        MovementKind::LossReturned,
    ];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            MovementKind::Deposit => "deposit",
            MovementKind::Withdrawal => "withdrawal",
            MovementKind::Transfer => "transfer",
            MovementKind::Subscription => "subscription",
            MovementKind::Redemption => "redemption",
            MovementKind::Clawback => "clawback",
            MovementKind::Reward => "reward",
            MovementKind::Maturity => "maturity",
            MovementKind::ExitPayment => "exit_payment",
            MovementKind::ExitReward => "exit_reward",
            MovementKind::Loss => "loss",
            MovementKind::LossReturned => "loss_returned",
        }
    }
}

/// One movement of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Which of the movements of its event or close line, from 0: their order.
    pub part: u8,
    /// What.
    pub kind: MovementKind,
    /// Of which asset.
    pub asset: AssetIx,
    /// Which account.
    pub account: AccountKind,
    /// By how much; below zero when it went out.
    pub amount: Balance,
    /// The closed day of a reward or maturity.
    pub day: Option<Day>,
    /// The staking position.
    pub position: Option<PositionId>,
    /// The product.
    pub product: Option<ProductIx>,
    /// The wallet's reference.
    pub reference: Option<String>,
}

/// A customer's two balances of an asset at a place in the past, where a balance may be below zero on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BothBalances {
    spot: i128,
    funding: i128,
}

impl BothBalances {
    /// Balances that are known.
    #[must_use]
    pub const fn of(known: Balances) -> BothBalances {
        let [spot, funding] = [Balance::ZERO.plus(known.spot).units(), Balance::ZERO.plus(known.funding).units()];
        BothBalances { spot, funding }
    }
    /// Takes off what several movements together did, which were the last ones.
    pub const fn take_off_all(&mut self, spot: Balance, funding: Balance) {
        self.spot = Balance::from_units(self.spot).before(spot).units();
        self.funding = Balance::from_units(self.funding).before(funding).units();
    }
    /// Takes off what closes moved together, which were the last ones.
    pub fn take_off_closes(&mut self, sum: CloseSum) {
        self.take_off_all(Balance::ZERO.plus(sum.to_spot), Balance::ZERO.plus(sum.paid.plus(sum.to_funding)));
    }
    /// Takes a movement off, which was the last one; gives the balance that its account had after it.
    pub fn take_off(&mut self, last: &Movement) -> Balance {
        let units = match last.account {
            AccountKind::Spot => &mut self.spot,
            AccountKind::Funding => &mut self.funding,
        };
        let after = Balance::from_units(*units);
        *units = after.before(last.amount).units();
        after
    }
}

/// What a customer's deed moved: `spot` and `funding` are what its journal entries did to its two accounts of `asset`.
/// What a close moved is told by its lines ([`of_close`]).
#[must_use]
pub fn of_deed(deed: &Deed<'_>, asset: AssetIx, spot: Balance, funding: Balance) -> Vec<Movement> {
    let Deed { kind, staking, reference, .. } = *deed;
    let kind = MovementKind::of(kind);
    let (position, product) = staking.map(|staking| (staking.position, staking.product)).unzip();
    let accounts = [(0, AccountKind::Spot, spot), (1, AccountKind::Funding, funding)];
    let moved = accounts.into_iter().filter(|(.., amount)| *amount != Balance::ZERO).map(|(part, account, amount)| {
        let is_taken_back = kind == MovementKind::Redemption && amount.is_overdrawn();
        let kind = if is_taken_back { MovementKind::Clawback } else { kind };
        Movement { part, kind, asset, account, amount, day: None, position, product, reference: reference.map(str::to_owned) }
    });
    moved.collect()
}

/// What a close moved for one position.
#[must_use]
pub fn of_close(line: &CloseLine) -> Vec<Movement> {
    let (to_spot, to_funding) = line.maturity.map(|end| (end.to_spot, end.to_funding)).unwrap_or_default();
    let moved: [(u8, MovementKind, AccountKind, Amount); 3] = [
        (0, MovementKind::Reward, AccountKind::Funding, line.paid),
        (1, MovementKind::Maturity, AccountKind::Spot, to_spot),
        (2, MovementKind::Maturity, AccountKind::Funding, to_funding),
    ];
    let moved = moved.into_iter().filter(|(.., amount)| !amount.is_zero()).map(|(part, kind, account, amount)| Movement {
        part,
        kind,
        asset: line.asset,
        account,
        amount: Balance::ZERO.plus(amount),
        day: Some(line.day),
        position: Some(line.position),
        product: Some(line.product),
        reference: None,
    });
    moved.collect()
}
