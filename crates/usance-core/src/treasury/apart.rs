//! What a picture shows and nobody has explained: held apart from the books until two people say what it was.

use crate::calendar::Timestamp;
use crate::ledger::Places;
use crate::money::Balance;
use serde::{Deserialize, Serialize};

/// Which of the treasury's accounts a difference is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PlaceKind {
    /// Free coins.
    Liquid,
    /// Stake.
    Staked,
    /// What is being freed.
    Unbonding,
    /// Earned, not yet claimed.
    Claimable,
}

impl PlaceKind {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            PlaceKind::Liquid => "liquid",
            PlaceKind::Staked => "staked",
            PlaceKind::Unbonding => "unbonding",
            PlaceKind::Claimable => "claimable",
        }
    }
    /// That place among all of them.
    #[must_use]
    pub const fn of(self, places: &mut Places) -> &mut Balance {
        match self {
            PlaceKind::Liquid => &mut places.liquid,
            PlaceKind::Staked => &mut places.staked,
            PlaceKind::Unbonding => &mut places.unbonding,
            PlaceKind::Claimable => &mut places.claimable,
        }
    }
}

/// How a difference came to light.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Nothing that is known accounts for it.
    Unexplained,
    /// Somebody sent coins that nobody had told of: it stops nothing.
    Stranger {
        /// The transaction's hash.
        hash: String,
        /// Who.
        from: String,
    },
    /// Coins went where none may go.
    SentElsewhere {
        /// The transaction's hash.
        hash: String,
        /// Where.
        to: String,
    },
    /// A transaction of ours that belongs to no order, or did something else than was ordered. What it did is booked.
    Unordered {
        /// The transaction's hash.
        hash: String,
    },
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// Counted from 1 over the network.
    pub number: u64,
    /// The number of the address.
    pub address: u32,
    /// Of which account.
    pub place: PlaceKind,
    /// With which validator, where there is one.
    pub validator: String,
    /// The number of the coin.
    pub coin: u32,
    /// What the network shows beyond the books; below zero where it shows less.
    pub amount: Balance,
    /// How it came to light.
    pub cause: Cause,
    /// Since when, by the picture's time.
    pub since: Timestamp,
}

impl Apart {
    /// Whether orders stop until it is explained: what strangers can do stops nothing.
    #[must_use]
    pub const fn stops(&self) -> bool {
        match self.cause {
            Cause::Stranger { .. } => false,
            Cause::Unexplained | Cause::SentElsewhere { .. } | Cause::Unordered { .. } => true,
        }
    }
    /// Takes it off what a picture shows, which leaves what is booked.
    pub const fn take_off(&self, places: &mut Places) {
        let seen = self.place.of(places);
        *seen = seen.before(self.amount);
    }
}
