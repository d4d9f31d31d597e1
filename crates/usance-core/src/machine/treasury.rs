//! The treasury as the state keeps it: every network, what is known of the wallet, and who waits for coins (TREASURY 2, 4, 6).

use crate::id::{AssetIx, NetworkIx};
use crate::ledger::Places;
use crate::money::{Amount, Balance};
use crate::treasury::coverage::Coverage;
use crate::treasury::loss::Loss;
use crate::treasury::network::Network;
use crate::treasury::queue::Queue;
use crate::treasury::yields::Yields;
use std::collections::BTreeMap;

/// Every network, and what is known of the wallet's coins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Treasury {
    networks: Vec<Network>,
    /// By asset, of every coin of a network.
    coverage: BTreeMap<AssetIx, Coverage>,
    queue: Queue,
    /// By asset, of those with a product that passes a network's yield on.
    yields: BTreeMap<AssetIx, Yields>,
    /// What networks took, in the order in which the evidence counted.
    losses: Vec<Loss>,
}

impl Treasury {
    /// Parts that were read back.
    #[must_use]
    pub const fn from_parts(
        networks: Vec<Network>,
        coverage: BTreeMap<AssetIx, Coverage>,
        queue: Queue,
        yields: BTreeMap<AssetIx, Yields>,
        losses: Vec<Loss>,
    ) -> Treasury {
        Treasury { networks, coverage, queue, yields, losses }
    }
    /// Networks in order of creation.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }
    /// What is known of the wallet's coins, by asset.
    #[must_use]
    pub const fn coverages(&self) -> &BTreeMap<AssetIx, Coverage> {
        &self.coverage
    }
    /// Who waits for coins.
    #[must_use]
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }
    /// What is kept of what networks pay, by asset.
    #[must_use]
    pub const fn yields(&self) -> &BTreeMap<AssetIx, Yields> {
        &self.yields
    }
    /// What networks took; the first one has the number 1.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }
    /// A loss by its number, which is counted from 1 over the platform.
    #[must_use]
    pub fn loss(&self, number: u64) -> Option<&Loss> {
        self.losses.get(place_of_loss(number)?)
    }
    /// What losses of an asset come to on `slashing_loss`.
    #[must_use]
    pub fn losses_stand(&self, asset: AssetIx) -> Balance {
        self.losses.iter().filter(|loss| loss.asset == asset).fold(Balance::ZERO, |sum, loss| sum.after(loss.stands()))
    }
    /// The networks on which an asset is staked.
    pub fn staking(&self, asset: AssetIx) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(move |network| network.staked() == Some(asset))
    }
    /// What of an asset's earnings waits for the close of the open day.
    #[must_use]
    pub fn earned_today(&self, asset: AssetIx) -> Amount {
        self.staking(asset).fold(Amount::ZERO, |sum, network| sum.plus(network.earnings.today))
    }
    /// A network.
    #[must_use]
    pub fn network(&self, network: NetworkIx) -> Option<&Network> {
        self.networks.get(network.index())
    }
    /// A network by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(NetworkIx, &Network)> {
        let place = self.networks.iter().position(|network| network.name == name)?;
        Some((NetworkIx::from_index(place), self.networks.get(place)?))
    }
    /// What is known of the wallet's coins of an asset; `None` where no network has it.
    #[must_use]
    pub fn coverage(&self, asset: AssetIx) -> Option<&Coverage> {
        self.coverage.get(&asset)
    }
    /// Whether what can be withdrawn of an asset is bound to what is there: since a treasury with it has begun.
    #[must_use]
    pub fn is_open(&self, asset: AssetIx) -> bool {
        self.networks.iter().any(|network| network.picture.is_some() && network.coin_of(asset).is_some())
    }
    /// Whether an asset is staked on a network: its yield comes from there since the treasury has begun.
    #[must_use]
    pub fn is_staked(&self, asset: AssetIx) -> bool {
        self.networks.iter().any(|network| network.picture.is_some() && network.stakes(asset))
    }
    /// Where the coins of an asset are, over all networks.
    #[must_use]
    pub fn places(&self, asset: AssetIx) -> Places {
        self.networks.iter().fold(Places::default(), |sum, network| {
            let here = network.places(asset);
            Places {
                liquid: sum.liquid.after(here.liquid),
                staked: sum.staked.after(here.staked),
                unbonding: sum.unbonding.after(here.unbonding),
                claimable: sum.claimable.after(here.claimable),
                in_transit: sum.in_transit.after(here.in_transit),
            }
        })
    }

    pub(super) const fn queue_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
    pub(super) fn add_loss(&mut self, loss: Loss) {
        self.losses.push(loss);
    }
    pub(super) fn loss_mut(&mut self, number: u64) -> Option<&mut Loss> {
        self.losses.get_mut(place_of_loss(number)?)
    }
    pub(super) fn add(&mut self, network: Network) {
        self.networks.push(network);
    }
    pub(super) fn network_mut(&mut self, network: NetworkIx) -> Option<&mut Network> {
        self.networks.get_mut(network.index())
    }
    pub(super) fn coverage_mut(&mut self, asset: AssetIx) -> Option<&mut Coverage> {
        self.coverage.get_mut(&asset)
    }
    pub(super) fn staking_mut(&mut self, asset: AssetIx) -> impl Iterator<Item = &mut Network> {
        self.networks.iter_mut().filter(move |network| network.staked() == Some(asset))
    }
    pub(super) fn yields_mut(&mut self, asset: AssetIx) -> &mut Yields {
        self.yields.entry(asset).or_default()
    }
    pub(super) fn cover(&mut self, asset: AssetIx) {
        self.coverage.entry(asset).or_default();
    }
}

/// The place of a loss among all of them.
fn place_of_loss(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
