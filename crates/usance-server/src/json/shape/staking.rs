//! An asset's treasury on the wire, as customers see it: where the coins are, with whom they are staked, what is being freed.

use super::product::YieldSourceWord;
use crate::wire::text::{amount, balance, symbol};
use serde::Serialize;
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::State;
use usance_core::machine::staking::{self, FreedView, PlaceView, StakedView, ValidatorView};
use usance_core::money::{Rate, SHARE_WHOLE};
use usance_core::treasury::network::Slash;
use utoipa::ToSchema;

/// What is in one place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlaceShape {
    /// `wallet`, `in_transit`, `liquid`, `staked`, `unbonding` or `claimable`.
    pub place: &'static str,
    /// How much is there; below zero where coins were used that nobody has explained.
    pub amount: String,
    /// Its part of everything, to a hundredth of a per cent; the parts add up to 1. Null where there are no coins.
    pub share: Option<String>,
}

/// What is staked with one validator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StakedWithShape {
    /// As the network writes it.
    pub validator: String,
    /// What people call it; null where the picture does not tell of it, as are the next two.
    pub name: Option<String>,
    /// What it keeps of rewards.
    pub commission: Option<String>,
    /// `active`, `inactive`, `jailed` or `tombstoned`.
    pub status: Option<&'static str>,
    /// What is staked with it.
    pub stake: String,
}

/// Validators that are not listed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OtherValidatorsShape {
    /// How many.
    pub count: u32,
    /// What is staked with all of them.
    pub stake: String,
}

/// What is freed on one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FreedShape {
    /// The platform's day; null for what the books and the picture do not agree on.
    pub day: Option<String>,
    /// How much is freed.
    pub amount: String,
    /// Of how many entries.
    pub entries: u32,
}

/// What a slash took from one validator's stake.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlashedShape {
    /// As the network writes it.
    pub validator: String,
    /// What people called it; null where the picture did not tell of it.
    pub name: Option<String>,
    /// How much.
    pub amount: String,
}

/// The last slash that a picture showed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlashShape {
    /// The block's time of that picture.
    pub at: String,
    /// All that it took.
    pub amount: String,
    /// From whom.
    pub validators: Vec<SlashedShape>,
}

/// The picture that everything on a network is taken from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PictureAgeShape {
    /// Its number.
    pub number: u64,
    /// The final height that it shows.
    pub height: u64,
    /// That block's time.
    pub time: String,
    /// How long ago that was.
    pub age_seconds: u64,
    /// Whether that is so long ago that things may be otherwise now: more than 26 hours.
    pub stale: bool,
}

/// What the treasury has of an asset on one network.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StakedOnShape {
    /// The network's name.
    pub network: String,
    /// What is known, and how old that is.
    pub picture: PictureAgeShape,
    /// With whom the asset is staked, the most first: at most 100.
    pub validators: Vec<StakedWithShape>,
    /// The others, added up.
    pub other_validators: OtherValidatorsShape,
    /// What is being freed, by day.
    pub unbonding: Vec<FreedShape>,
    /// The last slash; null where none was seen.
    pub last_slash: Option<SlashShape>,
}

/// What customers see of an asset's treasury.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StakingShape {
    /// The asset's symbol.
    pub asset: String,
    /// Where its yield comes from.
    pub yield_source: YieldSourceWord,
    /// When this was so.
    pub at: String,
    /// All coins in every place; null where no treasury has begun.
    pub total: Option<String>,
    /// Where they are; null where no treasury has begun.
    pub places: Option<Vec<PlaceShape>>,
    /// The networks that the treasury has begun on.
    pub networks: Vec<StakedOnShape>,
}

/// An asset's treasury at an instant.
#[must_use]
pub fn staking(state: &State, asset: AssetIx, now: Timestamp) -> StakingShape {
    let view = staking::staking(state, asset, now);
    let places = (!view.places.is_empty()).then_some(view.places);
    StakingShape {
        asset: symbol(state, asset),
        yield_source: if view.is_staked { YieldSourceWord::Network } else { YieldSourceWord::Platform },
        at: now.to_string(),
        total: places.as_ref().map(|_| balance(state, asset, view.total)),
        places: places.map(|places| places.iter().map(|one| place(state, asset, one)).collect()),
        networks: view.networks.iter().map(|one| staked_on(state, asset, one, now)).collect(),
    }
}

fn place(state: &State, asset: AssetIx, view: &PlaceView) -> PlaceShape {
    PlaceShape { place: view.place.word(), amount: balance(state, asset, view.amount), share: view.share.and_then(share) }
}

/// Ten-thousandths as rates are written.
fn share(parts: u16) -> Option<String> {
    let whole = Rate::parse("1").ok()?.units();
    Rate::from_units(whole / u64::from(SHARE_WHOLE) * u64::from(parts)).map(Rate::to_text)
}

fn staked_on(state: &State, asset: AssetIx, view: &StakedView, now: Timestamp) -> StakedOnShape {
    let (count, stake) = view.others;
    let age_ms = now.ms().saturating_sub(view.time.ms());
    StakedOnShape {
        network: view.network.clone(),
        picture: PictureAgeShape {
            number: view.picture,
            height: view.height,
            time: view.time.to_string(),
            age_seconds: u64::try_from(age_ms / 1000).unwrap_or(0),
            stale: view.is_stale,
        },
        validators: view.validators.iter().map(|one| staked_with(state, asset, one)).collect(),
        other_validators: OtherValidatorsShape { count, stake: balance(state, asset, stake) },
        unbonding: view.unbonding.iter().map(|one| freed(state, asset, one)).collect(),
        last_slash: view.last_slash.as_ref().map(|one| slash(state, asset, one)),
    }
}

fn staked_with(state: &State, asset: AssetIx, view: &ValidatorView) -> StakedWithShape {
    let known = view.known.as_ref();
    StakedWithShape {
        validator: view.validator.clone(),
        name: known.map(|known| known.name.clone()),
        commission: known.map(|known| known.commission.to_text()),
        status: known.map(|known| known.status.word()),
        stake: balance(state, asset, view.stake),
    }
}

fn freed(state: &State, asset: AssetIx, view: &FreedView) -> FreedShape {
    FreedShape { day: view.day.map(|day| day.to_string()), amount: balance(state, asset, view.amount), entries: view.entries }
}

fn slash(state: &State, asset: AssetIx, slash: &Slash) -> SlashShape {
    let from = slash.from.iter().map(|one| SlashedShape {
        validator: one.validator.clone(),
        name: (!one.name.is_empty()).then(|| one.name.clone()),
        amount: amount(state, asset, one.amount),
    });
    SlashShape { at: slash.at.to_string(), amount: amount(state, asset, slash.amount()), validators: from.collect() }
}
