//! What customers see of the treasury: where the coins of an asset are, with whom they are staked, and what is being freed (TREASURY 10).
//!
//! Read only, and by the books: what a picture shows and nobody has explained is left out, so that parts add up to their places. What a
//! network paid and what a rate is made of is not shown here.

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::AssetIx;
use crate::ledger::LedgerAccount;
use crate::limits::VALIDATORS_SHOWN_MAX;
use crate::money::{Balance, Rate, shares};
use crate::treasury::network::{Network, Slash};
use crate::treasury::picture::{Picture, Validator, ValidatorStatus};
use std::collections::BTreeMap;

/// Where coins can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoinPlace {
    /// In the exchange's wallet: custody. What customers have in Spot and Funding is there, too.
    Wallet,
    /// On the way between the wallet and the treasury.
    InTransit,
    /// At the treasury's addresses, free.
    Liquid,
    /// Delegated.
    Staked,
    /// Undelegated, not yet released.
    Unbonding,
    /// Earned, not yet claimed.
    Claimable,
}

impl CoinPlace {
    /// Every place, in the order in which they are shown, with its account.
    pub const ALL: [(CoinPlace, LedgerAccount); 6] = [
        (CoinPlace::Wallet, LedgerAccount::Custody),
        (CoinPlace::InTransit, LedgerAccount::InTransit),
        (CoinPlace::Liquid, LedgerAccount::TreasuryLiquid),
        (CoinPlace::Staked, LedgerAccount::TreasuryStaked),
        (CoinPlace::Unbonding, LedgerAccount::TreasuryUnbonding),
        (CoinPlace::Claimable, LedgerAccount::TreasuryClaimable),
    ];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            CoinPlace::Wallet => "wallet",
            CoinPlace::InTransit => "in_transit",
            CoinPlace::Liquid => "liquid",
            CoinPlace::Staked => "staked",
            CoinPlace::Unbonding => "unbonding",
            CoinPlace::Claimable => "claimable",
        }
    }
}

/// What is in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceView {
    /// Where.
    pub place: CoinPlace,
    /// How much; below zero where coins that are held apart were used.
    pub amount: Balance,
    /// Which share of all places that is, in ten-thousandths ([`shares`]); `None` where there are no coins at all.
    pub share: Option<u16>,
}

/// What is staked with one validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorView {
    /// As the network writes it.
    pub validator: String,
    /// What people call it, and how it stands; `None` where the last picture does not tell.
    pub known: Option<KnownValidator>,
    /// What is staked with it.
    pub stake: Balance,
}

/// What a picture tells of a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownValidator {
    /// What people call it.
    pub name: String,
    /// What it keeps of rewards.
    pub commission: Rate,
    /// How it stands.
    pub status: ValidatorStatus,
}

/// What is freed on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreedView {
    /// The platform's day; `None` for what the books have beyond the picture, or lack: nobody knows its day.
    pub day: Option<Day>,
    /// How much.
    pub amount: Balance,
    /// Of how many entries.
    pub entries: u32,
}

/// What the treasury has of an asset on one network that it has begun on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StakedView {
    /// What operators call the network.
    pub network: String,
    /// The number of the last picture.
    pub picture: u64,
    /// The height that it shows.
    pub height: u64,
    /// The time of that height.
    pub time: Timestamp,
    /// Whether it is too old to be taken for how things are.
    pub is_stale: bool,
    /// With whom the asset is staked, the most first: at most [`VALIDATORS_SHOWN_MAX`].
    pub validators: Vec<ValidatorView>,
    /// How many more there are, and what is staked with them.
    pub others: (u32, Balance),
    /// What is being freed, by day.
    pub unbonding: Vec<FreedView>,
    /// The last slash that a picture showed.
    pub last_slash: Option<Slash>,
}

/// What customers see of an asset's treasury.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StakingView {
    /// Whether the asset is staked on a network; otherwise the platform alone pays what it yields.
    pub is_staked: bool,
    /// All of its coins, in every place.
    pub total: Balance,
    /// Where they are; empty where no treasury with the asset has begun.
    pub places: Vec<PlaceView>,
    /// The networks that the treasury has begun on with it.
    pub networks: Vec<StakedView>,
}

/// Shows an asset's treasury at an instant.
#[must_use]
pub fn staking(state: &State, asset: AssetIx, now: Timestamp) -> StakingView {
    let networks = state.treasury.networks().iter().filter(|network| network.coin_of(asset).is_some());
    let networks: Vec<StakedView> = networks.filter_map(|network| staked(state, network, asset, now)).collect();
    let places = if state.treasury.is_open(asset) { places(state, asset) } else { Vec::new() };
    let total = places.iter().fold(Balance::ZERO, |sum, place| sum.after(place.amount));
    StakingView { is_staked: state.treasury.is_staked(asset), total, places, networks }
}

fn places(state: &State, asset: AssetIx) -> Vec<PlaceView> {
    let control = state.registry.control.get(asset.index()).copied().unwrap_or_default();
    let amounts = CoinPlace::ALL.map(|(_, account)| control.balance(account));
    let shares = shares(&amounts);
    let share = |at: usize| shares.as_ref().and_then(|shares| shares.get(at).copied());
    let lines = CoinPlace::ALL.into_iter().zip(amounts).enumerate();
    lines.map(|(at, ((place, _), amount))| PlaceView { place, amount, share: share(at) }).collect()
}

fn staked(state: &State, network: &Network, asset: AssetIx, now: Timestamp) -> Option<StakedView> {
    let picture = network.picture.as_deref()?;
    let is_staked = network.stakes(asset);
    let mut validators = if is_staked { validators(network, picture) } else { Vec::new() };
    let rest = validators.split_off(validators.len().min(VALIDATORS_SHOWN_MAX));
    let of_rest = rest.iter().fold(Balance::ZERO, |sum, one| sum.after(one.stake));
    Some(StakedView {
        network: network.name.clone(),
        picture: picture.number,
        height: picture.height,
        time: picture.time,
        is_stale: network.is_stale(now),
        validators,
        others: (u32::try_from(rest.len()).unwrap_or(u32::MAX), of_rest),
        unbonding: if is_staked { unbonding(state, network, asset, picture) } else { Vec::new() },
        last_slash: network.last_slash.as_deref().filter(|_| is_staked).cloned(),
    })
}

fn validators(network: &Network, picture: &Picture) -> Vec<ValidatorView> {
    let known: BTreeMap<&str, &Validator> = picture.validators.iter().map(|one| (one.validator.as_str(), one)).collect();
    let told = |one: &&Validator| KnownValidator { name: one.name.clone(), commission: one.commission, status: one.status };
    let stakes = network.stake_by_validator().into_iter().filter(|(_, stake)| *stake != Balance::ZERO);
    let lines =
        stakes.map(|(validator, stake)| ValidatorView { validator: validator.to_owned(), known: known.get(validator).map(told), stake });
    let mut lines: Vec<ValidatorView> = lines.collect();
    // The sort is stable: equal stakes stay in the order of their texts.
    lines.sort_by_key(|one| std::cmp::Reverse(one.stake.units()));
    lines
}

fn unbonding(state: &State, network: &Network, asset: AssetIx, picture: &Picture) -> Vec<FreedView> {
    let offset = state.registry.platform.offset;
    let mut days: BTreeMap<Day, (Balance, u32)> = BTreeMap::new();
    let mut shown = Balance::ZERO;
    for entry in &picture.unbonding {
        let (amount, entries) = days.entry(offset.day_of(entry.completes_at)).or_default();
        (*amount, *entries) = (amount.plus(entry.balance), entries.saturating_add(1));
        shown = shown.plus(entry.balance);
    }
    let undated = network.places(asset).unbonding.before(shown);
    let dated = days.into_iter().map(|(day, (amount, entries))| FreedView { day: Some(day), amount, entries });
    let undated = Some(undated).filter(|amount| *amount != Balance::ZERO).map(|amount| FreedView { day: None, amount, entries: 0 });
    dated.chain(undated).collect()
}
