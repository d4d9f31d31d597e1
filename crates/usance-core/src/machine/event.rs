//! What happened. Events carry computed amounts, so a later release with another rounding does not change the past; the
//! one exception is a closed day, whose totals and digest prove that running it again gave the same.
//!
//! Their bytes are `usance-store`'s (codec, golden files); nothing here may be reordered or removed.

use super::state::Platform;
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AgreementIx, AssetIx, CustomerIx, PositionId, ProductIx, RateVersionIx};
use crate::money::{Amount, Rate};
use crate::product::rates::Bands;
use crate::product::{Distribution, EarlyRedemption, Kind, RateMode, SaleTerms, Status};
use crate::reward::accrue::Stake;
use crate::reward::clawback::{AccountKind, RedemptionFigures};
use serde::{Deserialize, Serialize};

/// The version of the rule by which days are closed; part of every closed day.
pub const CLOSE_RULE: u16 = 1;

/// A product that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The operator's id.
    pub id: String,
    /// Its asset.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// Floating or locked.
    pub rate_mode: RateMode,
    /// When rewards are paid.
    pub distribution: Distribution,
    /// What an early exit costs.
    pub early_redemption: EarlyRedemption,
    /// What may change later.
    pub sale: SaleTerms,
    /// The schedule it starts with.
    pub rates: Vec<(Day, Bands)>,
}

/// A deposit or withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletMoved {
    /// Counted from 1 over the platform, deposits and withdrawals together.
    pub id: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Which account.
    pub account: AccountKind,
    /// How much.
    pub amount: Amount,
    /// The wallet's name for it.
    pub reference: String,
}

/// A transfer between a customer's two accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// Where from; the other one is where to.
    pub from: AccountKind,
    /// How much.
    pub amount: Amount,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// The position that it opened or added to.
    pub position: PositionId,
    /// Who.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Into what.
    pub product: ProductIx,
    /// The part from Funding.
    pub from_funding: Amount,
    /// The part from Spot.
    pub from_spot: Amount,
    /// The first day that the amount earns.
    pub value_date: Day,
    /// The version a locked position keeps.
    pub rate_version: RateVersionIx,
    /// The accepted agreement.
    pub agreement: AgreementIx,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// How the position's stake stands after it.
    pub stake: Stake,
}

impl Subscribed {
    /// The whole amount.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.from_funding.plus(self.from_spot)
    }
}

/// A redemption, flexible or early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// Of which position.
    pub position: PositionId,
    /// Who.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub product: ProductIx,
    /// Whether a fixed term was left before its end.
    pub early: bool,
    /// Every amount of it.
    pub figures: RedemptionFigures,
    /// How the position's stake stands after it.
    pub stake: Stake,
}

/// What a close did to one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDay {
    /// Which.
    pub product: ProductIx,
    /// The announced version in force.
    pub version: RateVersionIx,
    /// The settled rate that capped it.
    pub settled: Option<Rate>,
    /// Positions with principal that earned.
    pub earning_positions: u64,
    /// What they earned together.
    pub rewards: Amount,
    /// What was paid into Funding.
    pub distributed: Amount,
    /// Terms that ended, renewed ones included.
    pub matured: u64,
    /// Principal returned to Spot.
    pub returned_spot: Amount,
    /// Principal returned to Funding.
    pub returned_funding: Amount,
    /// Terms that started again.
    pub renewed: u64,
    /// Principal that started again.
    pub renewed_principal: Amount,
}

impl ProductDay {
    /// The principal that terms gave back, to either account.
    #[must_use]
    pub const fn returned(&self) -> Amount {
        self.returned_spot.plus(self.returned_funding)
    }
}

/// A closed day: totals per product, and the digest of every position's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// Which day.
    pub day: Day,
    /// The rule it was closed by.
    pub rule: u16,
    /// Every product with a rate in force that day.
    pub products: Vec<ProductDay>,
    /// The number the next position will get.
    pub next_position: PositionId,
    /// BLAKE3 over (position, reward) of every earning position in order.
    pub digest: [u8; 32],
}

/// Everything that can have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The platform began.
    PlatformCreated(Box<Platform>),
    /// A process became the writer.
    WriterStarted {
        /// Counted from 1.
        epoch: u64,
    },
    /// An asset was added.
    AssetCreated {
        /// Its symbol.
        symbol: String,
        /// Its name.
        name: String,
        /// Decimals of a base unit.
        decimals: u8,
        /// Decimals that pages show.
        display_decimals: u8,
    },
    /// A customer was added.
    CustomerCreated {
        /// The exchange's id.
        id: String,
    },
    /// An agreement came into force.
    AgreementPublished {
        /// Its version.
        version: String,
        /// Its words.
        text: String,
        /// SHA-256 of its words.
        sha256: [u8; 32],
    },
    /// A product was added, as a draft.
    ProductCreated(Box<ProductCreated>),
    /// A product moved along its life.
    ProductStatusSet {
        /// Which.
        product: ProductIx,
        /// Where to.
        status: Status,
    },
    /// What may change was changed.
    SaleTermsChanged {
        /// Whose.
        product: ProductIx,
        /// All of them, as they are now.
        sale: Box<SaleTerms>,
    },
    /// A rate was announced.
    RateAnnounced {
        /// Whose.
        product: ProductIx,
        /// From when.
        from: Day,
        /// What.
        bands: Bands,
    },
    /// A day's rate was settled.
    RateSettled {
        /// Whose.
        product: ProductIx,
        /// Which day.
        day: Day,
        /// The cap.
        rate: Rate,
    },
    /// A customer was credited.
    Deposited(WalletMoved),
    /// A customer was debited.
    Withdrawn(WalletMoved),
    /// The reward pool was funded.
    RewardPoolFunded {
        /// Which.
        asset: AssetIx,
        /// How much.
        amount: Amount,
    },
    /// The reward pool gave back.
    RewardPoolWithdrawn {
        /// Which.
        asset: AssetIx,
        /// How much.
        amount: Amount,
    },
    /// A customer moved coins.
    Transferred(Transferred),
    /// A customer staked.
    Subscribed(Box<Subscribed>),
    /// A customer unstaked.
    Redeemed(Box<Redeemed>),
    /// Automatic renewal was switched.
    AutoRenewSet {
        /// Whose.
        customer: CustomerIx,
        /// Of which position.
        position: PositionId,
        /// On or off.
        auto_renew: bool,
    },
    /// A day was closed.
    DayClosed(Box<DayClosed>),
    /// The simulated clock was moved.
    ClockMoved {
        /// To when.
        to: Timestamp,
    },
    /// An operator said that the clock is right.
    ClockConfirmed {
        /// Days up to this one may be closed at once.
        through: Day,
    },
}
