//! Losses that customers bear: who would when the evidence counts, and what is kept back of those who leave before two people have said
//! (TREASURY 8). What each bears then is [`super::verb::treasury::bear`].
//!
//! What a position would bear stays with it, or with the one that continues it; only what leaves beyond that is paid. As long as a position
//! runs, what earns of it and what is kept back of it are more than it would bear: no loss empties one.

use super::state::State;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, CustomerIx, NetworkIx, PositionId, ProductIx};
use crate::money::Amount;
use crate::position::position_link;
use crate::product::SlashingTerms;
use crate::treasury::bearing::Bearing;
use crate::treasury::loss::{Evidence, Loss};
use crate::treasury::queue::{Exit, ExitStanding};

impl State {
    /// Whether customers of a product bear what a network takes.
    fn shares(&self, product: ProductIx, asset: AssetIx) -> bool {
        self.product(product).is_some_and(|product| product.asset == asset && product.staking.slashing == SlashingTerms::Shared)
    }

    /// Evidence of a loss counts: it stands from now on, and who would bear it is who earns or waits in this instant.
    pub(super) fn lost(&mut self, network: NetworkIx, asset: AssetIx, evidence: Evidence, amount: Amount, at: Timestamp) {
        let places = self.treasury.places(asset);
        let coins = [places.liquid, places.staked, places.unbonding, places.claimable, places.in_transit];
        let left = coins.into_iter().fold(0_u128, |sum, place| sum.saturating_add(u128::try_from(place.units()).unwrap_or(0)));
        let mut bearing = self.bearers(asset);
        bearing.bound(amount, Amount::from_units(left).plus(amount));
        let exits: Vec<(u64, Amount)> = bearing.exits.iter().map(|one| (one.number.get(), bearing.at_most_of(one))).collect();
        for (redemption, at_most) in exits {
            if !self.treasury.queue_mut().withhold(redemption, at_most) {
                self.break_with("an exit that bears waits", format!("redemption {redemption}"));
            }
        }
        self.treasury.add_loss(Loss { network, asset, evidence, amount, found_at: at, borne: None, bearing });
    }
    /// Who would bear a loss of an asset now: principal that earns, and what waits, without what earlier losses withhold of it.
    fn bearers(&self, asset: AssetIx) -> Bearing {
        let mut bearing = Bearing::default();
        let shared: Vec<bool> = (0..self.registry.products.len()).map(|index| self.shares(ProductIx::from_index(index), asset)).collect();
        let is_shared = |product: ProductIx| shared.get(product.index()).copied().unwrap_or_default();
        if !shared.contains(&true) {
            return bearing;
        }
        for (index, running) in self.running.iter().enumerate() {
            let earning = running.earning.get();
            if running.is_active() && !earning.is_zero() && is_shared(running.product) {
                let id = PositionId::from_index(index);
                let principal = earning.left_after(self.owed_by(id));
                if !principal.is_zero() {
                    bearing.add(false, id.0, principal);
                }
            }
        }
        for exit in self.treasury.queue().in_line(asset).filter(|exit| is_shared(exit.product)) {
            if !exit.payable().is_zero() {
                bearing.add(true, exit.redemption, exit.payable());
            }
        }
        bearing
    }

    /// A position and those that it continues, the newest first.
    fn lineage(&self, id: PositionId) -> impl Iterator<Item = PositionId> {
        std::iter::successors(Some(id), |id| self.position(*id).and_then(|(_, origin)| position_link(origin.renewed_from)))
    }
    /// The position that continues another one now, or itself.
    pub(super) fn continued(&self, id: PositionId) -> PositionId {
        let next = |id: &PositionId| self.position(*id).and_then(|(_, origin)| position_link(origin.renewed_into));
        std::iter::successors(Some(id), next).last().unwrap_or(id)
    }
    /// What a position would bear at most of losses that it has not borne yet.
    #[must_use]
    pub fn owed_by(&self, id: PositionId) -> Amount {
        let losses = self.treasury.losses().iter().filter(|loss| !loss.bearing.positions.is_empty() && loss.is_unsettled());
        losses.fold(Amount::ZERO, |sum, loss| {
            let bearer = self.lineage(id).find_map(|one| loss.bearing.position(one.0));
            bearer.filter(|(place, _)| loss.withholds(*place)).map_or(sum, |(_, bearer)| sum.plus(loss.bearing.at_most_of(bearer)))
        })
    }
    /// The exits that are kept back for a position, oldest first.
    pub(super) fn kept_for(&self, customer: CustomerIx, id: PositionId) -> Vec<Exit> {
        let is_kept = |exit: &&Exit| exit.standing == ExitStanding::Waiting && !exit.withheld_for_position.is_zero();
        let exits = self.treasury.queue().of_customer(customer).filter(is_kept);
        let mut kept: Vec<Exit> = exits.filter(|exit| self.lineage(id).any(|one| one == exit.position)).copied().collect();
        kept.reverse();
        kept
    }
    /// What has to be kept back beside so much of a position that earns on, so that it can bear what it owes.
    pub(super) fn needed(owed: Amount, earning: Amount) -> Amount {
        if owed.is_zero() || earning.is_zero() { owed } else { owed.plus(Amount::ONE).left_after(earning) }
    }
    /// What more has to be kept back of a position when so much of it earns on.
    #[must_use]
    pub fn to_withhold(&self, customer: CustomerIx, id: PositionId, earning: Amount) -> Amount {
        let owed = self.owed_by(id);
        if owed.is_zero() {
            return Amount::ZERO;
        }
        let kept = self.kept_for(customer, id);
        kept.iter().fold(Self::needed(owed, earning), |needed, exit| needed.left_after(exit.withheld_for_position))
    }
    /// What a position has lost while it ran. What was kept back of it, and what waits, is the exit's.
    #[must_use]
    pub fn principal_lost(&self, id: PositionId) -> Amount {
        let losses = self.treasury.losses().iter().filter(|loss| loss.borne.is_some() && !loss.bearing.positions.is_empty());
        losses.fold(Amount::ZERO, |sum, loss| {
            let bearer = self.lineage(id).find_map(|one| loss.bearing.position(one.0));
            bearer.filter(|(_, bearer)| bearer.bore_as.get() == id.0).map_or(sum, |(_, bearer)| sum.plus(bearer.of_position.get()))
        })
    }
}
