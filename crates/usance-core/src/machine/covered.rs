//! What follows from the treasury: what the wallet has for sure, what can be withdrawn, and where coins are (TREASURY 2, 4, 5).

use super::state::State;
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::LedgerAccount;
use crate::money::Balance;

impl State {
    /// What the wallet has of an asset for sure. `None` where no treasury has begun, and nothing is bound.
    #[must_use]
    pub fn held(&self, asset: AssetIx) -> Option<Balance> {
        let coverage = self.treasury.coverage(asset).filter(|_| self.treasury.is_open(asset))?;
        let custody = self.registry.control.get(asset.index()).map(|control| control.balance(LedgerAccount::Custody));
        Some(coverage.held(custody.unwrap_or_default()))
    }
    /// What customers may take of an asset beyond what is theirs already: what the wallet has for sure, less Spot and Funding. Below zero
    /// it is a shortfall. `None` where no treasury has begun.
    #[must_use]
    pub fn covered(&self, asset: AssetIx) -> Option<Balance> {
        let control = self.registry.control.get(asset.index()).copied().unwrap_or_default();
        let owed = [LedgerAccount::CustomerSpot, LedgerAccount::CustomerFunding].map(|account| control.balance(account).units());
        Some(Balance::from_units(owed.into_iter().fold(self.held(asset)?.units(), i128::saturating_sub)))
    }
    /// Whether the wallet's last word on an asset is too old to be relied on.
    #[must_use]
    pub fn is_attestation_stale(&self, asset: AssetIx, now: Timestamp) -> bool {
        self.treasury.coverage(asset).is_none_or(|coverage| coverage.is_stale(now))
    }

    /// Remembers that the wallet moved coins of an asset, after the books did. Movements are counted over the platform; what has no number
    /// of its own gets one where a network has the asset.
    pub(super) fn wallet_moved(&mut self, asset: AssetIx, is_counted: bool) {
        let custody = self.registry.control.get(asset.index()).map(|control| control.balance(LedgerAccount::Custody)).unwrap_or_default();
        let counters = &mut self.registry.counters;
        let Some(coverage) = self.treasury.coverage_mut(asset) else { return };
        if !is_counted {
            counters.wallet_moves = counters.wallet_moves.saturating_add(1);
        }
        coverage.moved(counters.wallet_moves, custody);
    }
    /// What a treasury began with is booked out of custody, and never was in the wallet that attests: its last word stays as it was.
    pub(super) fn opened(&mut self, asset: AssetIx, change: i128) {
        let Some(coverage) = self.treasury.coverage_mut(asset) else { return };
        coverage.rebase(change);
    }
    /// Counts anew where the treasury's coins of an asset are.
    pub(super) fn recount_places(&mut self, asset: AssetIx) {
        let places = self.treasury.places(asset);
        match self.registry.sub_ledger.get_mut(asset.index()) {
            Some(totals) => totals.treasury = places,
            None => self.break_with("a coin is an asset", format!("asset {}", asset.0)),
        }
        self.touch(asset);
    }
}
