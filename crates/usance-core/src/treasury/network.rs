//! A network with the treasury's addresses on it, and what it is like.

use super::apart::Apart;
use super::picture::Picture;
use super::yields::Earnings;
use crate::calendar::Timestamp;
use crate::id::AssetIx;
use crate::ledger::Places;
use crate::money::{Amount, Balance, Rate};
use serde::{Deserialize, Serialize};

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
}

fn place(index: Option<usize>) -> Option<u32> {
    index.and_then(|index| u32::try_from(index).ok())
}
