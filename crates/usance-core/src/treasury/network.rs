//! A network with the treasury's addresses on it, and what it is like.

use super::apart::{Apart, PlaceKind};
use super::desk::Desk;
use super::moves::{Move, MoveKind};
use super::picture::{PICTURE_FRESH_MS, Picture};
use super::yields::Earnings;
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::Places;
use crate::money::{Amount, Balance, Rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A coin of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// What it is to customers.
    pub asset: AssetIx,
    /// What the network calls it.
    pub denomination: String,
}

/// What a network is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkTerms {
    /// Whether rewards grow the stake; otherwise they wait to be claimed.
    pub compounds: bool,
    /// How long undelegated coins are not free, in milliseconds.
    pub unbonding_ms: i64,
    /// The most that a year may earn of what is staked: more is implausible.
    pub earned_at_most: Rate,
    /// The largest part of a stake that a slash may take: more is implausible.
    pub slashed_at_most: Rate,
}

/// One of the treasury's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// As the network writes it.
    pub text: String,
    /// Since when it is the treasury's.
    pub added_at: Timestamp,
}

/// Where coins may be swept to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The address, as the network writes it.
    pub address: String,
    /// What the transfer has to say beside it, for wallets that share an address.
    pub memo: String,
}

/// Which way coins go between the wallet and the treasury.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the wallet to the treasury.
    TopUp,
    /// From the treasury to the wallet.
    Sweep,
}

/// Coins that were sent and that nobody has received yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Which way.
    pub direction: Direction,
    /// The number of the treasury's address.
    pub address: u32,
    /// The number of the coin.
    pub coin: u32,
    /// How much.
    pub amount: Amount,
    /// The hash of the transaction.
    pub hash: String,
    /// When it was told or seen.
    pub at: Timestamp,
}

/// A picture that two people have to look at before it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// What it shows.
    pub picture: Picture,
    /// Why it does not count by itself.
    pub reason: Implausible,
}

/// Why a picture does not count by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Implausible {
    /// It is the first: what is there already comes from custody.
    Opening,
    /// More was earned than such a network gives in that time.
    EarnedTooMuch,
    /// More was slashed than such a network takes.
    SlashedTooMuch,
    /// Stake is there that nobody delegated.
    StakeFromNowhere,
}

impl Implausible {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Implausible::Opening => "opening",
            Implausible::EarnedTooMuch => "earned_too_much",
            Implausible::SlashedTooMuch => "slashed_too_much",
            Implausible::StakeFromNowhere => "stake_from_nowhere",
        }
    }
}

/// What a slash took of what we had with one validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlashedFrom {
    /// As the network writes it.
    pub validator: String,
    /// What people called it then; empty where the picture did not say.
    pub name: String,
    /// How much of the coin that is staked: of stake, and of what was being freed.
    pub amount: Amount,
}

/// A slash, as one picture showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slash {
    /// The time of that picture.
    pub at: Timestamp,
    /// What it took, by validator in the order of their texts.
    pub from: Vec<SlashedFrom>,
}

impl Slash {
    /// What a picture's moves say that was slashed; `None` where nothing was.
    #[must_use]
    pub fn seen(picture: &Picture, moves: &[Move]) -> Option<Slash> {
        let mut taken: BTreeMap<&str, Amount> = BTreeMap::new();
        for one in moves.iter().filter(|one| matches!(one.kind, MoveKind::Slashed(_))) {
            let sum = taken.entry(&one.validator).or_default();
            *sum = sum.plus(one.amount);
        }
        let known = picture.validators.iter().filter(|known| taken.contains_key(known.validator.as_str()));
        let names: BTreeMap<&str, &str> = known.map(|known| (known.validator.as_str(), known.name.as_str())).collect();
        let name_of = |validator: &str| names.get(validator).copied().unwrap_or_default().to_owned();
        let from = taken.iter().map(|(validator, amount)| SlashedFrom {
            validator: (*validator).to_owned(),
            name: name_of(validator),
            amount: *amount,
        });
        let from: Vec<SlashedFrom> = from.collect();
        (!from.is_empty()).then_some(Slash { at: picture.time, from })
    }
    /// All that it took.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.from.iter().fold(Amount::ZERO, |sum, one| sum.plus(one.amount))
    }
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// What operators call it.
    pub name: String,
    /// What it calls itself.
    pub chain_id: String,
    /// Its coins; the first is what is staked.
    pub coins: Vec<Coin>,
    /// What it is like.
    pub terms: NetworkTerms,
    /// The treasury's addresses.
    pub addresses: Vec<Address>,
    /// Where coins may be swept to.
    pub destinations: Vec<Destination>,
    /// The last picture that counts.
    pub picture: Option<Box<Picture>>,
    /// The newest picture that two people have to look at.
    pub aside: Option<Box<Aside>>,
    /// What nobody has explained yet.
    pub apart: Vec<Apart>,
    /// How many differences there ever were.
    pub differences: u64,
    /// What is between the wallet and the treasury.
    pub under_way: Vec<UnderWay>,
    /// What is to be done: policy, orders, and who carries them out.
    pub desk: Desk,
    /// The last slash that a picture showed.
    pub last_slash: Option<Box<Slash>>,
    /// What it pays, and what becomes of it.
    pub earnings: Earnings,
}

impl Network {
    /// The number of a coin by the network's name for it.
    #[must_use]
    pub fn coin(&self, denomination: &str) -> Option<u32> {
        place(self.coins.iter().position(|coin| coin.denomination == denomination))
    }
    /// The number of the coin that is an asset here.
    #[must_use]
    pub fn coin_of(&self, asset: AssetIx) -> Option<u32> {
        place(self.coins.iter().position(|coin| coin.asset == asset))
    }
    /// The asset of a coin.
    #[must_use]
    pub fn asset(&self, coin: u32) -> Option<AssetIx> {
        Some(self.coins.get(usize::try_from(coin).ok()?)?.asset)
    }
    /// The asset that is staked on it: its first coin.
    #[must_use]
    pub fn staked(&self) -> Option<AssetIx> {
        self.asset(0)
    }
    /// The number of one of the treasury's addresses.
    #[must_use]
    pub fn address(&self, text: &str) -> Option<u32> {
        place(self.addresses.iter().position(|address| address.text == text))
    }
    /// Whether coins may be swept there.
    #[must_use]
    pub fn sweeps_to(&self, address: &str, memo: &str) -> bool {
        self.destinations.iter().any(|known| known.address == address && known.memo == memo)
    }
    /// Whether nothing may be begun because nobody knows how the network stands: no picture that counts is young enough by its block's time.
    #[must_use]
    pub fn is_halted(&self, now: Timestamp) -> bool {
        let bound = self.desk.policy.as_ref().map_or(i64::MAX, |in_force| in_force.policy.halted_after_ms);
        self.picture.as_ref().is_none_or(|picture| now.ms().saturating_sub(picture.time.ms()) > bound)
    }
    /// Whether a difference waits for two people before anything may be begun.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.apart.iter().any(Apart::stops)
    }
    /// The number that the next picture has to have.
    #[must_use]
    pub fn next_picture(&self) -> u64 {
        self.picture.as_ref().map_or(1, |picture| picture.number.saturating_add(1))
    }
    /// Where the coins of one asset are, as they are booked: what the last picture shows, without what is held apart.
    #[must_use]
    pub fn places(&self, asset: AssetIx) -> Places {
        let Some(coin) = self.coin_of(asset) else { return Places::default() };
        let mut places =
            self.picture.as_ref().map(|picture| picture.places(|name| self.coin(name) == Some(coin), coin == 0)).unwrap_or_default();
        for apart in self.apart.iter().filter(|apart| apart.coin == coin) {
            apart.take_off(&mut places);
        }
        let moving = self.under_way.iter().filter(|moving| moving.coin == coin);
        places.in_transit = moving.fold(Balance::ZERO, |sum, moving| sum.plus(moving.amount));
        places
    }
    /// Whether an asset is what is staked here: its first coin.
    #[must_use]
    pub fn stakes(&self, asset: AssetIx) -> bool {
        self.coin_of(asset) == Some(0)
    }
    /// What is staked with each validator, as it is booked: what the last picture shows, without what is held apart. They add up to what is
    /// staked in [`Network::places`].
    #[must_use]
    pub fn stake_by_validator(&self) -> BTreeMap<&str, Balance> {
        let mut stakes: BTreeMap<&str, Balance> = BTreeMap::new();
        for line in self.picture.iter().flat_map(|picture| &picture.delegations) {
            let stake = stakes.entry(&line.validator).or_default();
            *stake = stake.plus(line.stake);
        }
        for apart in self.apart.iter().filter(|apart| apart.coin == 0 && apart.place == PlaceKind::Staked) {
            let stake = stakes.entry(&apart.validator).or_default();
            *stake = stake.before(apart.amount);
        }
        stakes
    }
    /// Whether the last picture is so old that nobody may take it for how things are; also where there is none.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.picture.as_ref().is_none_or(|picture| now.ms().saturating_sub(picture.time.ms()) > PICTURE_FRESH_MS)
    }
}

fn place(index: Option<usize>) -> Option<u32> {
    index.and_then(|index| u32::try_from(index).ok())
}
