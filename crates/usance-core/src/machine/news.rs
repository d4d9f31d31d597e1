//! What an event is to those who read of the past: rows of the read tables, lines of a statement, notices.
//!
//! What an event does to balances, its journal entries tell. News is what they cannot: that something is there from now
//! on, or what a customer did and why.

use super::day::DayClosed;
use super::state::Platform;
use crate::calendar::Day;
use crate::id::{AssetIx, CustomerIx, PositionId, ProductIx};
use crate::ledger::LedgerAccount;
use crate::money::Amount;
use crate::product::Kind;
use crate::product::rates::Bands;
use crate::reward::accrue::Stake;

/// What readers learn of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum News<'e> {
    /// Nothing: the state shows it.
    Nothing,
    /// The platform began.
    Platform(&'e Platform),
    /// There is a new asset.
    Asset {
        /// Its symbol.
        symbol: &'e str,
        /// Decimals of a base unit.
        decimals: u8,
    },
    /// There is a new customer.
    Customer {
        /// The exchange's id.
        id: &'e str,
    },
    /// There is a new product.
    Product {
        /// The operator's id.
        id: &'e str,
        /// Its asset.
        asset: AssetIx,
        /// Flexible or fixed-term.
        kind: Kind,
        /// The account that its rewards come from.
        rewards_from: LedgerAccount,
        /// The schedule it starts with.
        rates: &'e [(Day, Bands)],
    },
    /// A rate was announced.
    Rate {
        /// Whose.
        product: ProductIx,
        /// From when.
        from: Day,
        /// What.
        bands: &'e Bands,
    },
    /// A day was closed.
    Day(&'e DayClosed),
    /// A customer did something with its coins.
    Deed(Deed<'e>),
}

/// What a customer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryKind {
    /// Coins came in.
    Deposit,
    /// Coins went out.
    Withdrawal,
    /// Coins changed accounts.
    Transfer,
    /// Coins were staked.
    Subscription,
    /// Coins were unstaked.
    Redemption,
    /// Coins came to whoever waited for them.
    ExitPayment,
    /// What waited longer than promised earned a reward.
    ExitReward,
    /// A part of a loss was borne.
    Loss,
    /// A part of what came back of a loss was given.
    LossReturned,
}

impl HistoryKind {
    /// All of them.
    pub const ALL: [HistoryKind; 9] = [
        HistoryKind::Deposit,
        HistoryKind::Withdrawal,
        HistoryKind::Transfer,
        HistoryKind::Subscription,
        HistoryKind::Redemption,
        HistoryKind::ExitPayment,
        HistoryKind::ExitReward,
        HistoryKind::Loss,
        HistoryKind::LossReturned,
    ];

    /// The word in the read tables and on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            HistoryKind::Deposit => "deposit",
            HistoryKind::Withdrawal => "withdrawal",
            HistoryKind::Transfer => "transfer",
            HistoryKind::Subscription => "subscription",
            HistoryKind::Redemption => "redemption",
            HistoryKind::ExitPayment => "exit_payment",
            HistoryKind::ExitReward => "exit_reward",
            HistoryKind::Loss => "loss",
            HistoryKind::LossReturned => "loss_returned",
        }
    }
}

/// Why a customer's coins moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed<'e> {
    /// Who did it.
    pub customer: CustomerIx,
    /// What the customer did.
    pub kind: HistoryKind,
    /// The wallet's name for it.
    pub reference: Option<&'e str>,
    /// What it did to a position.
    pub staking: Option<Staking>,
}

/// To whom something happened: those who follow a customer look only then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// To whoever holds a position, so that everybody looks: a day was closed, a rate announced.
    pub everybody: bool,
    /// To these; some perhaps more than once.
    pub customers: Vec<CustomerIx>,
}

impl Touched {
    /// Adds whom an event touches.
    pub fn add(&mut self, news: &News<'_>) {
        match news {
            News::Day(_) | News::Rate { .. } => self.everybody = true,
            News::Deed(deed) => self.customers.push(deed.customer),
            News::Nothing | News::Platform(_) | News::Asset { .. } | News::Customer { .. } | News::Product { .. } => {}
        }
    }
}

/// What a subscription, a redemption or a loss did to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staking {
    /// Of which product.
    pub product: ProductIx,
    /// Which position.
    pub position: PositionId,
    /// Of a subscription: the first day that the amount earns.
    pub value_date: Option<Day>,
    /// How the position's stake stands after it.
    pub stake: Stake,
    /// Of a fixed term that was left before its end.
    pub early: Option<EarlyExit>,
}

/// What leaving a fixed term early cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyExit {
    /// Paid rewards that were taken back.
    pub clawed_back: Amount,
    /// Accrued rewards that are not paid any more.
    pub forfeited: Amount,
    /// What could not be taken back.
    pub written_off: Amount,
}
