//! Double entry: the chart of accounts, postings, and journal entries that cannot be unbalanced (RULES 9).
//!
//! Owns the control accounts of every asset ([`ControlAccounts`]). Refuses an entry whose debits differ from its
//! credits: [`JournalEntry::new`] is the only way to make one. Which accounts an event touches stands in
//! `crate::machine::post`.

use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::money::{Amount, Balance};
use serde::{Deserialize, Serialize};

/// The chart of accounts, the same for every asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LedgerAccount {
    /// What the exchange's wallet holds for the platform (asset).
    Custody,
    /// Customers' Spot balances (liability).
    CustomerSpot,
    /// Customers' Funding balances (liability).
    CustomerFunding,
    /// What customers have staked (liability).
    CustomerPrincipal,
    /// Earned and not yet paid, fixed-term (liability).
    RewardsPayable,
    /// Where rewards come from (equity); may be overdrawn.
    RewardPool,
    /// Sent between the exchange's wallet and the treasury, not yet seen by who receives it (asset).
    InTransit,
    /// At the treasury's addresses, free (asset).
    TreasuryLiquid,
    /// Delegated, at what the network says it is worth (asset).
    TreasuryStaked,
    /// Undelegated, not yet released (asset).
    TreasuryUnbonding,
    /// Earned on the network, not yet claimed (asset).
    TreasuryClaimable,
    /// Principal that left positions and waits for coins (liability).
    RedemptionsQueued,
    /// Net earned for products that pass the network's yield on, not yet credited to customers (liability).
    YieldUndistributed,
    /// What is set aside for losses (equity).
    LossReserve,
    /// What the platform keeps of what the network pays (equity).
    CommissionIncome,
    /// What came from elsewhere than staking (equity).
    OtherIncome,
    /// What was there and earned when a treasury began (equity).
    OpeningEquity,
    /// Losses that nobody has borne yet (contra equity).
    SlashingLoss,
    /// What transactions cost (contra equity).
    NetworkFees,
    /// Units that the network's own rounding took or gave (contra equity).
    NetworkRounding,
}

/// How many accounts a chart has.
const ACCOUNTS: usize = 20;

impl LedgerAccount {
    /// The whole chart, in the order in which books are shown.
    pub const ALL: [LedgerAccount; ACCOUNTS] = [
        LedgerAccount::Custody,
        LedgerAccount::CustomerSpot,
        LedgerAccount::CustomerFunding,
        LedgerAccount::CustomerPrincipal,
        LedgerAccount::RewardsPayable,
        LedgerAccount::RewardPool,
        LedgerAccount::InTransit,
        LedgerAccount::TreasuryLiquid,
        LedgerAccount::TreasuryStaked,
        LedgerAccount::TreasuryUnbonding,
        LedgerAccount::TreasuryClaimable,
        LedgerAccount::RedemptionsQueued,
        LedgerAccount::YieldUndistributed,
        LedgerAccount::LossReserve,
        LedgerAccount::CommissionIncome,
        LedgerAccount::OtherIncome,
        LedgerAccount::OpeningEquity,
        LedgerAccount::SlashingLoss,
        LedgerAccount::NetworkFees,
        LedgerAccount::NetworkRounding,
    ];
    /// The account's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LedgerAccount::Custody => "custody",
            LedgerAccount::CustomerSpot => "customer_spot",
            LedgerAccount::CustomerFunding => "customer_funding",
            LedgerAccount::CustomerPrincipal => "customer_principal",
            LedgerAccount::RewardsPayable => "rewards_payable",
            LedgerAccount::RewardPool => "reward_pool",
            LedgerAccount::InTransit => "in_transit",
            LedgerAccount::TreasuryLiquid => "treasury_liquid",
            LedgerAccount::TreasuryStaked => "treasury_staked",
            LedgerAccount::TreasuryUnbonding => "treasury_unbonding",
            LedgerAccount::TreasuryClaimable => "treasury_claimable",
            LedgerAccount::RedemptionsQueued => "redemptions_queued",
            LedgerAccount::YieldUndistributed => "yield_undistributed",
            LedgerAccount::LossReserve => "loss_reserve",
            LedgerAccount::CommissionIncome => "commission_income",
            LedgerAccount::OtherIncome => "other_income",
            LedgerAccount::OpeningEquity => "opening_equity",
            LedgerAccount::SlashingLoss => "slashing_loss",
            LedgerAccount::NetworkFees => "network_fees",
            LedgerAccount::NetworkRounding => "network_rounding",
        }
    }
    /// Whether every asset's books have it: the others are there where a treasury is.
    #[must_use]
    pub const fn is_of_every_asset(self) -> bool {
        (self as usize) <= LedgerAccount::RewardPool as usize
    }
    /// Whether a debit makes it larger: true of assets, and of what lessens equity.
    #[must_use]
    const fn grows_by_debit(self) -> bool {
        matches!(
            self,
            LedgerAccount::Custody
                | LedgerAccount::InTransit
                | LedgerAccount::TreasuryLiquid
                | LedgerAccount::TreasuryStaked
                | LedgerAccount::TreasuryUnbonding
                | LedgerAccount::TreasuryClaimable
                | LedgerAccount::SlashingLoss
                | LedgerAccount::NetworkFees
                | LedgerAccount::NetworkRounding
        )
    }
}

/// The two sides of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

/// One line of a journal entry. The amount is above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account.
    pub account: LedgerAccount,
    /// The side.
    pub side: Side,
    /// How much, in the entry's asset.
    pub amount: Amount,
}

/// A debit posting.
#[must_use]
pub const fn debit(account: LedgerAccount, amount: Amount) -> Posting {
    Posting { account, side: Side::Debit, amount }
}

/// A credit posting.
#[must_use]
pub const fn credit(account: LedgerAccount, amount: Amount) -> Posting {
    Posting { account, side: Side::Credit, amount }
}

/// Whose sub-ledger an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whose {
    /// One customer's.
    Customer(CustomerIx),
    /// The totals of a close over one product.
    Product(ProductIx),
    /// The platform's own.
    Platform,
}

/// Postings that balance, in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    asset: AssetIx,
    whose: Whose,
    postings: Postings,
}

/// The most lines an entry has: an early redemption with both accounts paid has six.
const POSTINGS_MAX: usize = 8;
type Postings = ([Option<Posting>; POSTINGS_MAX], usize);

/// The debits of an entry differ from its credits, or it has too many lines: a bug, never bad input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal entry refused: debits {debits} and credits {credits} in base units")]
pub struct Unbalanced {
    debits: u128,
    credits: u128,
}

impl JournalEntry {
    /// An entry of these lines; lines of nothing are left out.
    ///
    /// # Errors
    /// [`Unbalanced`] unless debits equal credits.
    pub fn new(asset: AssetIx, whose: Whose, lines: &[Posting]) -> Result<JournalEntry, Unbalanced> {
        let mut postings: Postings = ([None; POSTINGS_MAX], 0);
        let (mut debits, mut credits) = (0u128, 0u128);
        for line in lines.iter().filter(|line| !line.amount.is_zero()) {
            let side = if line.side == Side::Debit { &mut debits } else { &mut credits };
            *side = side.saturating_add(line.amount.units());
            let Some(free) = postings.0.get_mut(postings.1) else { return Err(Unbalanced { debits, credits }) };
            *free = Some(*line);
            postings.1 = postings.1.saturating_add(1);
        }
        if debits == credits { Ok(JournalEntry { asset, whose, postings }) } else { Err(Unbalanced { debits, credits }) }
    }
    /// The asset of every line.
    #[must_use]
    pub const fn asset(&self) -> AssetIx {
        self.asset
    }
    /// Whose sub-ledger it belongs to.
    #[must_use]
    pub const fn whose(&self) -> Whose {
        self.whose
    }
    /// The lines.
    pub fn postings(&self) -> impl Iterator<Item = &Posting> {
        self.postings.0.iter().flatten()
    }
    /// Whether nothing moves.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.postings.1 == 0
    }
}

/// The balances of one asset's chart, each above nothing on the side on which it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlAccounts {
    balances: [Balance; ACCOUNTS],
}

/// The control accounts of a release that knew no treasury.
pub type FirstAccounts = [Balance; 6];

impl From<FirstAccounts> for ControlAccounts {
    fn from(first: FirstAccounts) -> ControlAccounts {
        let mut control = ControlAccounts::default();
        for (balance, was) in control.balances.iter_mut().zip(first) {
            *balance = was;
        }
        control
    }
}

impl ControlAccounts {
    /// The balance of one account.
    #[must_use]
    #[inline]
    pub fn balance(&self, account: LedgerAccount) -> Balance {
        self.balances.get(account as usize).copied().unwrap_or_default()
    }
    /// Adds an entry's lines.
    #[inline]
    pub fn post(&mut self, entry: &JournalEntry) {
        for line in entry.postings() {
            let Some(balance) = self.balances.get_mut(line.account as usize) else { continue };
            let grows = (line.side == Side::Debit) == line.account.grows_by_debit();
            *balance = if grows { balance.plus(line.amount) } else { balance.minus(line.amount) };
        }
    }
    /// Whether assets equal liabilities and equity.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let side = |debit: bool| {
            let on_it = LedgerAccount::ALL.into_iter().filter(|account| account.grows_by_debit() == debit);
            on_it.map(|account| self.balance(account).units()).try_fold(0i128, i128::checked_add)
        };
        side(true).is_some() && side(true) == side(false)
    }
}

/// The sums of one asset's sub-ledgers, kept by whoever changes a customer's balance or a position, apart from the
/// journal: that the two agree after every event is what [`ControlAccounts`] is checked against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubLedgerTotals {
    /// Customers' Spot balances.
    pub spot: Amount,
    /// Customers' Funding balances.
    pub funding: Amount,
    /// Principal of open positions.
    pub principal: Amount,
    /// Accrued rewards of open positions.
    pub payable: Amount,
    /// Where the treasury's coins are.
    pub treasury: Places,
    /// Principal that waits for coins.
    pub queued: Amount,
}

/// Where a treasury's coins of one asset are, added up over its addresses and validators. A place falls below
/// zero where coins that are held apart were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// Free at its addresses.
    pub liquid: Balance,
    /// Delegated.
    pub staked: Balance,
    /// Undelegated, not yet released.
    pub unbonding: Balance,
    /// Earned, not yet claimed.
    pub claimable: Balance,
    /// On the way from or to the wallet.
    pub in_transit: Balance,
}

impl SubLedgerTotals {
    /// The total behind one control account, or `None` where an account has no sub-ledger.
    #[must_use]
    pub const fn of(&self, account: LedgerAccount) -> Option<Balance> {
        match account {
            LedgerAccount::CustomerSpot => Some(Balance::ZERO.plus(self.spot)),
            LedgerAccount::CustomerFunding => Some(Balance::ZERO.plus(self.funding)),
            LedgerAccount::CustomerPrincipal => Some(Balance::ZERO.plus(self.principal)),
            LedgerAccount::RewardsPayable => Some(Balance::ZERO.plus(self.payable)),
            LedgerAccount::TreasuryLiquid => Some(self.treasury.liquid),
            LedgerAccount::TreasuryStaked => Some(self.treasury.staked),
            LedgerAccount::TreasuryUnbonding => Some(self.treasury.unbonding),
            LedgerAccount::TreasuryClaimable => Some(self.treasury.claimable),
            LedgerAccount::InTransit => Some(self.treasury.in_transit),
            LedgerAccount::RedemptionsQueued => Some(Balance::ZERO.plus(self.queued)),
            LedgerAccount::Custody
            | LedgerAccount::RewardPool
            | LedgerAccount::YieldUndistributed
            | LedgerAccount::LossReserve
            | LedgerAccount::CommissionIncome
            | LedgerAccount::OtherIncome
            | LedgerAccount::OpeningEquity
            | LedgerAccount::SlashingLoss
            | LedgerAccount::NetworkFees
            | LedgerAccount::NetworkRounding => None,
        }
    }
    /// Whether every control account equals its sub-ledger.
    #[must_use]
    pub fn agrees_with(&self, control: &ControlAccounts) -> bool {
        LedgerAccount::ALL.iter().all(|account| self.of(*account).is_none_or(|total| total == control.balance(*account)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LedgerAccount::{Custody, CustomerSpot, RewardPool};

    #[test]
    fn an_unbalanced_entry_cannot_be_made() {
        let five = Amount::from_units(5);
        let four = Amount::from_units(4);
        assert!(JournalEntry::new(AssetIx(0), Whose::Platform, &[debit(Custody, five), credit(CustomerSpot, four)]).is_err());
        let entry = JournalEntry::new(
            AssetIx(0),
            Whose::Platform,
            &[debit(Custody, five), credit(CustomerSpot, five), credit(RewardPool, Amount::ZERO)],
        )
        .unwrap();
        assert_eq!(entry.postings().count(), 2);
        let mut control = ControlAccounts::default();
        control.post(&entry);
        assert_eq!((control.balance(Custody).units(), control.balance(CustomerSpot).units(), control.is_balanced()), (5, 5, true));
        for (index, account) in LedgerAccount::ALL.into_iter().enumerate() {
            assert_eq!(account as usize, index, "the chart's order is the array's order");
        }
    }
}
