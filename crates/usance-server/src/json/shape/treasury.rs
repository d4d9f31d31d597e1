//! Networks, pictures and coverage on the wire.
//!
//! Amounts that a network writes, in pictures, are whole numbers of its base units: a denomination need not be an asset. Everything that
//! the books say is in the asset's own unit, as everywhere.

use crate::json::shape::{amount, balance, symbol};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, NetworkIx};
use usance_core::machine::State;
use usance_core::treasury::apart::{Apart, Cause};
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::{Direction, Implausible, Network, UnderWay};
use utoipa::ToSchema;

/// A coin of a network.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoinShape {
    /// The asset's symbol.
    pub asset: String,
    /// What the network calls it.
    pub denomination: String,
}

/// Where coins may be swept to.
#[derive(Debug, Serialize, ToSchema)]
pub struct DestinationShape {
    address: String,
    memo: String,
}

/// A picture without its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct PictureHeadShape {
    number: u64,
    height: u64,
    hash: String,
    time: String,
    /// Of a picture that is kept aside: `opening`, `earned_too_much`, `slashed_too_much` or `stake_from_nowhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<&'static str>,
    /// Of a picture that is kept aside: the digest of all that it shows, which two people sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

/// What nobody has explained.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceShape {
    number: u64,
    asset: String,
    /// `liquid`, `staked`, `unbonding` or `claimable`.
    place: &'static str,
    address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    validator: String,
    /// What the network shows beyond the books; below zero where it shows less.
    amount: String,
    /// `unexplained`, `stranger`, `sent_elsewhere` or `unordered`.
    cause: &'static str,
    /// Who sent it, or where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// Whether orders stop until it is explained.
    stops: bool,
    since: String,
}

/// Coins between the wallet and the treasury.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnderWayShape {
    /// `top_up` or `sweep`.
    direction: &'static str,
    asset: String,
    address: String,
    amount: String,
    hash: String,
    at: String,
}

/// Where the coins of one asset are on a network, by the books.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlacesShape {
    asset: String,
    liquid: String,
    staked: String,
    unbonding: String,
    claimable: String,
    in_transit: String,
}

/// An agent in office.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeShape {
    epoch: u64,
    agent: String,
    since: String,
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkShape {
    name: String,
    chain_id: String,
    /// The first is what is staked.
    coins: Vec<CoinShape>,
    compounds: bool,
    unbonding_seconds: i64,
    earned_at_most: String,
    slashed_at_most: String,
    /// The part of the customers' share of what it pays that the platform keeps.
    commission: String,
    /// After how many days what no customer got passes to the reward pool.
    undistributed_days: u32,
    addresses: Vec<String>,
    destinations: Vec<DestinationShape>,
    /// The number that the next picture has to have.
    next_picture: u64,
    picture: Option<PictureHeadShape>,
    aside: Option<PictureHeadShape>,
    places: Vec<PlacesShape>,
    differences: Vec<DifferenceShape>,
    under_way: Vec<UnderWayShape>,
    /// Whether no order is begun because the last picture is too old for the policy.
    halted: bool,
    /// Whether no order is begun because a difference waits for two people.
    stopped: bool,
    /// The version of the policy; null where there is none.
    policy: Option<u64>,
    /// Who carries orders out; null where everything is done by hand.
    office: Option<OfficeShape>,
}

/// A network as things stand.
#[must_use]
pub fn network(state: &State, network: &Network, now: Timestamp) -> NetworkShape {
    let asset_of = |coin: u32| network.asset(coin).unwrap_or(AssetIx(u32::MAX));
    let address_of = |number: u32| network.addresses.get(number as usize).map(|address| address.text.clone()).unwrap_or_default();
    let difference = |apart: &Apart| {
        let (cause, party, hash) = match &apart.cause {
            Cause::Unexplained => ("unexplained", None, None),
            Cause::Stranger { hash, from } => ("stranger", Some(from.clone()), Some(hash.clone())),
            Cause::SentElsewhere { hash, to } => ("sent_elsewhere", Some(to.clone()), Some(hash.clone())),
            Cause::Unordered { hash } => ("unordered", None, Some(hash.clone())),
        };
        DifferenceShape {
            number: apart.number,
            asset: symbol(state, asset_of(apart.coin)),
            place: apart.place.word(),
            address: address_of(apart.address),
            validator: apart.validator.clone(),
            amount: balance(state, asset_of(apart.coin), apart.amount),
            cause,
            party,
            hash,
            stops: apart.stops(),
            since: apart.since.to_string(),
        }
    };
    let moving = |moving: &UnderWay| UnderWayShape {
        direction: direction(moving.direction),
        asset: symbol(state, asset_of(moving.coin)),
        address: address_of(moving.address),
        amount: amount(state, asset_of(moving.coin), moving.amount),
        hash: moving.hash.clone(),
        at: moving.at.to_string(),
    };
    let places = |asset: AssetIx| {
        let places = network.places(asset);
        let text = |units| balance(state, asset, units);
        PlacesShape {
            asset: symbol(state, asset),
            liquid: text(places.liquid),
            staked: text(places.staked),
            unbonding: text(places.unbonding),
            claimable: text(places.claimable),
            in_transit: text(places.in_transit),
        }
    };
    let aside = network.aside.as_ref();
    NetworkShape {
        name: network.name.clone(),
        chain_id: network.chain_id.clone(),
        coins: network
            .coins
            .iter()
            .map(|coin| CoinShape { asset: symbol(state, coin.asset), denomination: coin.denomination.clone() })
            .collect(),
        compounds: network.terms.compounds,
        unbonding_seconds: network.terms.unbonding_ms / 1000,
        earned_at_most: network.terms.earned_at_most.to_text(),
        slashed_at_most: network.terms.slashed_at_most.to_text(),
        commission: network.earnings.terms.commission.to_text(),
        undistributed_days: network.earnings.terms.undistributed_days,
        addresses: network.addresses.iter().map(|address| address.text.clone()).collect(),
        destinations: network
            .destinations
            .iter()
            .map(|known| DestinationShape { address: known.address.clone(), memo: known.memo.clone() })
            .collect(),
        next_picture: network.next_picture(),
        picture: network.picture.as_ref().map(|picture| head(picture, None)),
        aside: aside.map(|aside| head(&aside.picture, Some(aside.reason))),
        places: network.coins.iter().map(|coin| places(coin.asset)).collect(),
        differences: network.apart.iter().map(difference).collect(),
        under_way: network.under_way.iter().map(moving).collect(),
        halted: network.desk.policy.is_some() && network.is_halted(now),
        stopped: network.is_stopped(),
        policy: network.desk.policy.as_ref().map(|in_force| in_force.version),
        office: network.desk.office.as_ref().map(|office| OfficeShape {
            epoch: office.epoch,
            agent: office.agent.clone(),
            since: office.since.to_string(),
        }),
    }
}

fn head(picture: &usance_core::treasury::picture::Picture, aside: Option<Implausible>) -> PictureHeadShape {
    let (number, height, hash, time) = (picture.number, picture.height, picture.hash.clone(), picture.time.to_string());
    PictureHeadShape { number, height, hash, time, aside: aside.map(Implausible::word), digest: aside.map(|_| digest(picture)) }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::TopUp => "top_up",
        Direction::Sweep => "sweep",
    }
}

/// A network by the name that never changes: what the sender of a write about it is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkNamedShape {
    network: String,
    chain_id: String,
}

/// A network's name.
#[must_use]
pub fn name(state: &State, ix: NetworkIx) -> String {
    state.treasury.network(ix).map(|network| network.name.clone()).unwrap_or_default()
}

/// A network that was changed.
#[must_use]
pub fn named(state: &State, ix: NetworkIx) -> Option<NetworkNamedShape> {
    let network = state.treasury.network(ix)?;
    Some(NetworkNamedShape { network: network.name.clone(), chain_id: network.chain_id.clone() })
}

/// A picture that came.
#[derive(Debug, Serialize, ToSchema)]
pub struct PictureTakenShape {
    network: String,
    number: u64,
    /// Whether it counts; otherwise two people have to look at it.
    counts: bool,
    /// Why it does not: `opening`, `earned_too_much`, `slashed_too_much` or `stake_from_nowhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<&'static str>,
    /// How many differences wait for an explanation.
    differences: u32,
}

/// A picture that came.
#[must_use]
pub fn picture_taken(state: &State, network: NetworkIx, number: u64, aside: Option<Implausible>, differences: u32) -> PictureTakenShape {
    let network = state.treasury.network(network).map(|network| network.name.clone()).unwrap_or_default();
    PictureTakenShape { network, number, counts: aside.is_none(), aside: aside.map(Implausible::word), differences }
}

/// What the wallet said that it holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttestedShape {
    pub(crate) asset: String,
    pub(crate) amount: String,
    pub(crate) at: String,
    pub(crate) movement: u64,
    /// What is covered after it; null where no treasury has begun.
    pub(crate) covered: Option<String>,
}

/// Coins that went between the wallet and the treasury.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedShape {
    network: String,
    asset: String,
    /// `top_up` or `sweep`.
    direction: &'static str,
    amount: String,
    hash: String,
    /// The number of the wallet's movement, which an attestation may name.
    movement: u64,
}

/// Coins that went between the wallet and the treasury.
#[must_use]
pub fn moved(
    state: &State,
    (network, asset): (NetworkIx, AssetIx),
    way: Direction,
    units: usance_core::money::Amount,
    hash: &str,
    movement: u64,
) -> MovedShape {
    let network = state.treasury.network(network).map(|network| network.name.clone()).unwrap_or_default();
    let (asset, amount) = (symbol(state, asset), amount(state, asset, units));
    MovedShape { network, asset, direction: direction(way), amount, hash: hash.to_owned(), movement }
}
