//! What moved on a network between two pictures, and how it is booked (TREASURY 2).

use super::apart::PlaceKind;
use crate::id::AssetIx;
use crate::ledger::{JournalEntry, LedgerAccount, Posting, Side, Unbalanced, Whose, credit, debit};
use crate::money::{Amount, Balance};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a move was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MoveKind {
    /// It was there when the treasury began.
    Opened(PlaceKind),
    /// Coins came from the wallet.
    ToppedUp,
    /// Coins went towards the wallet.
    Swept,
    /// Liquid coins became stake.
    Delegated,
    /// Stake began to be freed.
    Undelegated,
    /// What was being freed is stake again.
    Cancelled,
    /// What was being freed is liquid.
    Matured,
    /// The network paid for what is staked: into what can be claimed, or into the stake where rewards compound.
    Earned(PlaceKind),
    /// What could be claimed is liquid.
    Claimed,
    /// Coins that are no yield of what is staked: another coin's rewards.
    OtherIncome,
    /// What a transaction cost.
    Fee,
    /// What a slash took.
    Slashed(PlaceKind),
    /// A unit or two that the network's rounding gave.
    RoundedUp(PlaceKind),
    /// A unit or two that the network's rounding took.
    RoundedDown(PlaceKind),
}

/// One move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// What.
    pub kind: MoveKind,
    /// The number of the address.
    pub address: u32,
    /// The number of the coin.
    pub coin: u32,
    /// With which validator, where there is one.
    pub validator: String,
    /// How much, above nothing.
    pub amount: Amount,
}

/// The treasury's account behind a place.
#[must_use]
pub const fn account(place: PlaceKind) -> LedgerAccount {
    match place {
        PlaceKind::Liquid => LedgerAccount::TreasuryLiquid,
        PlaceKind::Staked => LedgerAccount::TreasuryStaked,
        PlaceKind::Unbonding => LedgerAccount::TreasuryUnbonding,
        PlaceKind::Claimable => LedgerAccount::TreasuryClaimable,
    }
}

impl MoveKind {
    /// The lines of an entry for so much of it; what was earned comes from the account that is named.
    #[must_use]
    pub const fn lines(self, amount: Amount, earned_from: LedgerAccount) -> [Posting; 2] {
        use LedgerAccount::{Custody, InTransit, NetworkFees, NetworkRounding, OpeningEquity, OtherIncome, SlashingLoss};
        use PlaceKind::{Claimable, Liquid, Staked, Unbonding};
        let (to, from) = match self {
            MoveKind::Opened(Claimable) => (account(Claimable), OpeningEquity),
            MoveKind::Opened(place) => (account(place), Custody),
            MoveKind::ToppedUp => (account(Liquid), InTransit),
            MoveKind::Swept => (InTransit, account(Liquid)),
            MoveKind::Delegated => (account(Staked), account(Liquid)),
            MoveKind::Undelegated => (account(Unbonding), account(Staked)),
            MoveKind::Cancelled => (account(Staked), account(Unbonding)),
            MoveKind::Matured => (account(Liquid), account(Unbonding)),
            MoveKind::Earned(place) => (account(place), earned_from),
            MoveKind::Claimed => (account(Liquid), account(Claimable)),
            MoveKind::OtherIncome => (account(Liquid), OtherIncome),
            MoveKind::Fee => (NetworkFees, account(Liquid)),
            MoveKind::Slashed(place) => (SlashingLoss, account(place)),
            MoveKind::RoundedUp(place) => (account(place), NetworkRounding),
            MoveKind::RoundedDown(place) => (NetworkRounding, account(place)),
        };
        [debit(to, amount), credit(from, amount)]
    }
    /// What so much of it does to an account of coins.
    #[must_use]
    pub fn change(self, account: LedgerAccount, amount: Amount) -> Balance {
        let lines = self.lines(amount, LedgerAccount::RewardPool).into_iter().filter(|line| line.account == account);
        lines.fold(Balance::ZERO, |sum, line| if line.side == Side::Debit { sum.plus(amount) } else { sum.minus(amount) })
    }
}

/// The entries of moves: one for each coin and kind, in one order. What was earned goes to the account that is named: to the reward pool,
/// or to where it waits for the close of its day.
///
/// # Errors
/// [`Unbalanced`] never, in truth: each entry has two lines of one amount.
pub fn entries(
    asset_of: impl Fn(u32) -> Option<AssetIx>,
    moves: &[Move],
    earned_to: LedgerAccount,
) -> Result<Vec<JournalEntry>, Unbalanced> {
    let mut sums: BTreeMap<(u32, MoveKind), Amount> = BTreeMap::new();
    for one in moves {
        let sum = sums.entry((one.coin, one.kind)).or_default();
        *sum = sum.plus(one.amount);
    }
    let booked = sums.into_iter().map(|((coin, kind), amount)| {
        // A coin that is not there names an asset that is not there, which no books have.
        let asset = asset_of(coin).unwrap_or(AssetIx(u32::MAX));
        JournalEntry::new(asset, Whose::Platform, &kind.lines(amount, earned_to))
    });
    booked.collect()
}

/// What moves earned of the coin that is staked.
#[must_use]
pub fn earned(moves: &[Move]) -> Amount {
    let earned = moves.iter().filter(|one| matches!(one.kind, MoveKind::Earned(_)));
    earned.fold(Amount::ZERO, |sum, one| sum.plus(one.amount))
}
