//! What can be asked of the machine. Amounts travel as text, so that a wrong one has its place in the order of checks;
//! rates, days and instants are read before they get here.

use crate::calendar::{Day, Timestamp};
use crate::id::PositionId;
use crate::money::Rate;
use crate::product::{Distribution, EarlyRedemption, Kind, RateMode, Status};
use crate::reward::clawback::AccountKind;

/// Where a subscription's principal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Funding alone.
    Funding,
    /// Spot alone.
    Spot,
    /// Funding first, the rest from Spot.
    FundingThenSpot,
}

/// One rate as it is asked for: a single one or tiers whose bounds are amounts in text.
pub type RateText = Vec<(Option<String>, Rate)>;

/// A product as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductText {
    /// Its id.
    pub id: String,
    /// The asset's symbol.
    pub asset: String,
    /// Shown to customers.
    pub name: String,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// The rate schedule; any day, also past.
    pub rates: Vec<(Day, RateText)>,
    /// Default by kind.
    pub rate_mode: Option<RateMode>,
    /// Default by kind.
    pub distribution: Option<Distribution>,
    /// Default: clawback.
    pub early_redemption: Option<EarlyRedemption>,
    /// What may change later.
    pub sale: SaleText,
}

/// A change of one optional field: left alone, cleared or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not mentioned.
    #[default]
    Keep,
    /// Asked to be empty.
    Clear,
    /// Asked to be this.
    Set(T),
}

/// The changeable fields of a product, amounts as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaleText {
    /// See `SaleTerms`.
    pub name: Patch<String>,
    /// See `SaleTerms`.
    pub minimum: Patch<String>,
    /// See `SaleTerms`.
    pub step: Patch<String>,
    /// See `SaleTerms`.
    pub personal_maximum: Patch<String>,
    /// See `SaleTerms`.
    pub capacity: Patch<String>,
    /// See `SaleTerms`.
    pub opens_at: Patch<Timestamp>,
    /// See `SaleTerms`.
    pub closes_at: Patch<Timestamp>,
    /// See `SaleTerms`.
    pub renewal: Patch<bool>,
    /// See `SaleTerms`.
    pub risk_notice: Patch<String>,
}

/// A subscription as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Who.
    pub customer: String,
    /// Into what.
    pub product: String,
    /// How much.
    pub amount: String,
    /// From where.
    pub source: Source,
    /// The accepted agreement's version.
    pub agreement: String,
    /// Whether to start another term at maturity.
    pub auto_renew: bool,
}

/// A redemption as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// Who.
    pub customer: String,
    /// Of which position; `None` for a number that none can have.
    pub position: Option<PositionId>,
    /// How much; everything when it is left out.
    pub amount: Option<String>,
    /// Where to, instead of where it came from.
    pub to: Option<AccountKind>,
    /// The payout the customer was shown.
    pub quoted_payout: Option<String>,
    /// What the customer was shown that Funding would give.
    pub quoted_from_funding: Option<String>,
}

/// A deposit into or withdrawal from a customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletMove {
    /// Whose account.
    pub customer: String,
    /// Of which asset.
    pub asset: String,
    /// Which account.
    pub account: AccountKind,
    /// How much.
    pub amount: String,
    /// The wallet's own name for it, unique per asset and kind.
    pub reference: String,
}

/// Everything the machine can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Adds an asset.
    CreateAsset {
        /// Its symbol.
        symbol: String,
        /// Its name.
        name: String,
        /// Decimals of a base unit.
        decimals: u8,
        /// Decimals that pages show.
        display_decimals: u8,
    },
    /// Adds a customer.
    CreateCustomer {
        /// The exchange's id.
        id: String,
    },
    /// Puts an agreement in force.
    PublishAgreement {
        /// Its version.
        version: String,
        /// Its words.
        text: String,
    },
    /// Adds a product, as a draft.
    CreateProduct(Box<ProductText>),
    /// Moves a product along its life.
    SetProductStatus {
        /// Which.
        product: String,
        /// Where to.
        status: Status,
    },
    /// Changes what may change.
    ChangeProduct {
        /// Which.
        product: String,
        /// What.
        sale: Box<SaleText>,
    },
    /// Announces a rate from a later day on.
    AnnounceRate {
        /// Whose.
        product: String,
        /// From when.
        from: Day,
        /// What.
        rate: RateText,
    },
    /// Settles the rate of one day before its close.
    SettleRate {
        /// Whose.
        product: String,
        /// Which day.
        day: Day,
        /// The cap.
        rate: Rate,
    },
    /// Credits a customer.
    Deposit(WalletMove),
    /// Debits a customer.
    Withdraw(WalletMove),
    /// Puts coins into the reward pool.
    FundRewardPool {
        /// Which pool.
        asset: String,
        /// How much.
        amount: String,
    },
    /// Takes coins out of the reward pool.
    WithdrawRewardPool {
        /// Which pool.
        asset: String,
        /// How much.
        amount: String,
    },
    /// Moves a customer's coins between Spot and Funding.
    Transfer {
        /// Whose.
        customer: String,
        /// Which.
        asset: String,
        /// From.
        from: AccountKind,
        /// To.
        to: AccountKind,
        /// How much.
        amount: String,
    },
    /// Stakes.
    Subscribe(Subscribe),
    /// Unstakes.
    Redeem(Redeem),
    /// Switches automatic renewal.
    SetAutoRenew {
        /// Who.
        customer: String,
        /// Of which position.
        position: Option<PositionId>,
        /// On or off.
        auto_renew: bool,
    },
    /// Moves the simulated clock. The engine closes the days on the way.
    MoveClock {
        /// To when.
        to: Timestamp,
    },
    /// Says that a system clock far ahead of the last closed day is right.
    ConfirmClock {
        /// What that clock says.
        clock: Timestamp,
    },
}
