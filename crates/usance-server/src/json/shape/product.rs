//! A product on the wire: its words, its dates, its terms.

use super::parts::{RateShape, TierShape, bands, instant};
use crate::wire::input;
use crate::wire::problem::Problem;
use crate::wire::text::{decimals, symbol};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use usance_core::machine::State;
use usance_core::machine::view::{IfSubscribedNow, ProductView};
use usance_core::money::Amount;
use usance_core::product::{
    Availability, Distribution, EarlyRedemption, ExitTerms, KindName, RateMode, SlashingTerms, StakingTerms, Status, YieldTerms,
};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A kind of product on the wire: its word. What a kind is able to do is asked of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindWord(pub KindName);

impl Serialize for KindWord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.word())
    }
}

impl<'de> Deserialize<'de> for KindWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        KindName::of(&word).map(KindWord).ok_or_else(|| D::Error::unknown_variant(&word, KindName::WORDS))
    }
}

impl PartialSchema for KindWord {
    fn schema() -> RefOr<Schema> {
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(KindName::WORDS.iter().copied()));
        words.description(Some("`flexible` or `fixed_term`.")).into()
    }
}

impl ToSchema for KindWord {}

/// `draft`, `open`, `paused`, `closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// Being prepared.
    Draft,
    /// On sale.
    Open,
    /// Takes no subscription for now.
    Paused,
    /// Takes no subscription ever again.
    Closed,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Draft => Status::Draft,
            StatusWord::Open => Status::Open,
            StatusWord::Paused => Status::Paused,
            StatusWord::Closed => Status::Closed,
        }
    }
}

/// The word of a status.
#[must_use]
pub const fn status(status: Status) -> StatusWord {
    match status {
        Status::Draft => StatusWord::Draft,
        Status::Open => StatusWord::Open,
        Status::Paused => StatusWord::Paused,
        Status::Closed => StatusWord::Closed,
    }
}

/// Whether a product can be subscribed to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityWord {
    /// It can.
    Available,
    /// Its sale has not begun.
    Upcoming,
    /// Its capacity is used up.
    SoldOut,
    /// Its sale is over.
    Ended,
    /// It is a draft, paused or closed.
    Unavailable,
}

const fn availability(availability: Availability) -> AvailabilityWord {
    match availability {
        Availability::Available => AvailabilityWord::Available,
        Availability::Upcoming => AvailabilityWord::Upcoming,
        Availability::SoldOut => AvailabilityWord::SoldOut,
        Availability::Ended => AvailabilityWord::Ended,
        Availability::Unavailable => AvailabilityWord::Unavailable,
    }
}

/// `floating` or `locked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateModeWord {
    /// The product's rate of each day.
    Floating,
    /// The bands of the day of subscription.
    Locked,
}

impl From<RateModeWord> for RateMode {
    fn from(word: RateModeWord) -> Self {
        match word {
            RateModeWord::Floating => RateMode::Floating,
            RateModeWord::Locked => RateMode::Locked,
        }
    }
}

/// `daily`, `at_maturity` or `{"every_n_days": n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistributionWord {
    /// With every close.
    Daily,
    /// At the end of the term.
    AtMaturity,
    /// Every n-th interest day.
    EveryNDays(#[serde(deserialize_with = "usance_engine::operations::whole::whole")] u32),
}

impl From<DistributionWord> for Distribution {
    fn from(word: DistributionWord) -> Self {
        match word {
            DistributionWord::Daily => Distribution::Daily,
            DistributionWord::AtMaturity => Distribution::AtMaturity,
            DistributionWord::EveryNDays(every) => Distribution::EveryNDays(every),
        }
    }
}

/// `clawback` or `not_allowed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyRedemptionWord {
    /// At the price of all rewards.
    Clawback,
    /// Not possible.
    NotAllowed,
}

impl From<EarlyRedemptionWord> for EarlyRedemption {
    fn from(word: EarlyRedemptionWord) -> Self {
        match word {
            EarlyRedemptionWord::Clawback => EarlyRedemption::Clawback,
            EarlyRedemptionWord::NotAllowed => EarlyRedemption::NotAllowed,
        }
    }
}

/// `instant` or `may_queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitWord {
    /// Whoever leaves is paid at once: the platform promises it.
    Instant,
    /// Whoever leaves may have to wait, with a date.
    MayQueue,
}

impl From<ExitWord> for ExitTerms {
    fn from(word: ExitWord) -> Self {
        match word {
            ExitWord::Instant => ExitTerms::Instant,
            ExitWord::MayQueue => ExitTerms::MayQueue,
        }
    }
}

/// `platform` or `shared`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlashingWord {
    /// The platform bears what a network takes.
    Platform,
    /// Customers bear what the platform does not.
    Shared,
}

impl From<SlashingWord> for SlashingTerms {
    fn from(word: SlashingWord) -> Self {
        match word {
            SlashingWord::Platform => SlashingTerms::Platform,
            SlashingWord::Shared => SlashingTerms::Shared,
        }
    }
}

/// `reference` or `{"network": {"over_days": n, "step": rate}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum YieldWord {
    /// The reference, whatever the network pays.
    Reference,
    /// What the network paid, at most the reference.
    Network {
        /// Over how many closed days it is averaged.
        #[serde(deserialize_with = "usance_engine::operations::whole::whole")]
        over_days: u32,
        /// By how much at most it changes from one day to the next.
        #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
        step: String,
    },
}

impl YieldWord {
    /// What it says.
    ///
    /// # Errors
    /// `malformed` for a step that is no rate.
    pub fn read(&self) -> Result<YieldTerms, Problem> {
        match self {
            YieldWord::Reference => Ok(YieldTerms::Reference),
            YieldWord::Network { over_days, step } => Ok(YieldTerms::Network { over_days: *over_days, step: input::rate("step", step)? }),
        }
    }
}

/// Where a product's yield comes from: the network as soon as its asset's treasury has begun, the platform alone before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum YieldSourceWord {
    /// Coins are staked on a network.
    Network,
    /// The platform pays.
    Platform,
}

/// The next announced rate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NextRateShape {
    /// The first day on which it holds.
    pub from: String,
    /// What it says.
    #[serde(flatten)]
    pub what: RateShape,
}

/// The dates of a subscription made now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatesShape {
    /// The first day that counts.
    pub value_date: String,
    /// The first instant of that day.
    pub accrues_from: String,
    /// When the first reward is paid.
    pub first_distribution_at: String,
    /// When the term is over.
    pub matures_at: Option<String>,
}

/// The dates of a subscription.
#[must_use]
pub fn dates(state: &State, dates: &IfSubscribedNow) -> DatesShape {
    DatesShape {
        value_date: dates.value_date.to_string(),
        accrues_from: state.registry.platform.offset.first_instant(dates.value_date).to_string(),
        first_distribution_at: dates.first_distribution_at.to_string(),
        matures_at: instant(dates.matures_at),
    }
}

/// How a product's stake in the network is its customers'.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StakingTermsShape {
    /// When whoever leaves is paid.
    pub exit: ExitWord,
    /// Who bears what a network takes.
    pub slashing: SlashingWord,
    /// What the settled rate comes of.
    #[serde(rename = "yield")]
    pub yields: YieldWord,
    /// Where the yield comes from.
    pub yield_source: YieldSourceWord,
}

/// A product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProductShape {
    /// The operator's id.
    pub id: String,
    /// The asset's symbol.
    pub asset: String,
    /// Shown to customers.
    pub name: String,
    /// Flexible or fixed-term.
    pub kind: KindWord,
    /// Days of the term.
    pub term_days: Option<u32>,
    /// Where it stands.
    pub status: StatusWord,
    /// Whether it can be subscribed to now.
    pub availability: AvailabilityWord,
    /// The highest band's rate of today: a maximum.
    pub reference_apr: Option<String>,
    /// Today's tiers, if there are several bands.
    pub tiers: Option<Vec<TierShape>>,
    /// The next announced rate.
    pub next_rate: Option<NextRateShape>,
    /// Floating or locked.
    pub rate: RateModeWord,
    /// When rewards are paid.
    pub distribution: DistributionWord,
    /// What an early exit costs.
    pub early_redemption: EarlyRedemptionWord,
    /// How its stake in the network is its customers'; left out of an answer that a release gave which did not know it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = StakingTermsShape)]
    pub staking: Option<StakingTermsShape>,
    /// Whether positions may renew by themselves.
    pub renewal: bool,
    /// The least one subscription may be.
    pub minimum: String,
    /// Every subscription is a multiple of it.
    pub step: Option<String>,
    /// The most one customer may have in it.
    pub personal_maximum: Option<String>,
    /// The most all customers may have in it.
    pub capacity: Option<String>,
    /// What is left of the capacity.
    pub capacity_left: Option<String>,
    /// First instant of sale.
    pub opens_at: Option<String>,
    /// First instant after the sale.
    pub closes_at: Option<String>,
    /// Total principal.
    pub staked: String,
    /// How often interest accrues: `P1D`.
    pub accrual_cycle: &'static str,
    /// What can go wrong, in words.
    pub risk_notice: String,
    /// The dates of a subscription made now.
    pub if_subscribed_now: DatesShape,
}

/// A product as it is now.
#[must_use]
pub fn product_now(state: &State, view: &ProductView) -> ProductShape {
    product(state, view, Some(state.treasury.is_open(view.asset)))
}

fn staking_terms(staking: &StakingTerms, is_staked: bool) -> StakingTermsShape {
    StakingTermsShape {
        exit: match staking.exit {
            ExitTerms::Instant => ExitWord::Instant,
            ExitTerms::MayQueue => ExitWord::MayQueue,
        },
        slashing: match staking.slashing {
            SlashingTerms::Platform => SlashingWord::Platform,
            SlashingTerms::Shared => SlashingWord::Shared,
        },
        yields: match staking.yields {
            YieldTerms::Reference => YieldWord::Reference,
            YieldTerms::Network { over_days, step } => YieldWord::Network { over_days, step: step.to_text() },
        },
        yield_source: if is_staked { YieldSourceWord::Network } else { YieldSourceWord::Platform },
    }
}

/// A product, where its asset is staked on a network or not; as a release told it that knew no networks where that is left out.
#[must_use]
pub fn product(state: &State, view: &ProductView, is_staked: Option<bool>) -> ProductShape {
    let digits = decimals(state, view.asset);
    let text = |amount: Amount| amount.to_text(digits);
    // They never change, so what was answered before is answered again.
    let found = state.product_ix(&view.id).and_then(|ix| state.product(ix));
    let staking = found.map(|product| product.staking).unwrap_or_default();
    ProductShape {
        id: view.id.clone(),
        asset: symbol(state, view.asset),
        name: view.sale.name.clone(),
        kind: KindWord(view.kind.name()),
        term_days: view.kind.term_days(),
        status: status(view.status),
        availability: availability(view.availability),
        reference_apr: view.bands.as_ref().map(|bands| bands.highest().to_text()),
        tiers: view.bands.as_ref().and_then(|today| bands(digits, today).tiers),
        next_rate: view.next_rate.as_ref().map(|(from, next)| NextRateShape { from: from.to_string(), what: bands(digits, next) }),
        rate: if view.rate_mode == RateMode::Locked { RateModeWord::Locked } else { RateModeWord::Floating },
        distribution: match view.distribution {
            Distribution::Daily => DistributionWord::Daily,
            Distribution::AtMaturity => DistributionWord::AtMaturity,
            Distribution::EveryNDays(every) => DistributionWord::EveryNDays(every),
        },
        early_redemption: match view.early_redemption {
            EarlyRedemption::Clawback => EarlyRedemptionWord::Clawback,
            EarlyRedemption::NotAllowed => EarlyRedemptionWord::NotAllowed,
        },
        staking: is_staked.map(|is_staked| staking_terms(&staking, is_staked)),
        renewal: view.sale.renewal,
        minimum: text(view.sale.minimum),
        step: view.sale.step.map(text),
        personal_maximum: view.sale.personal_maximum.map(text),
        capacity: view.sale.capacity.map(text),
        capacity_left: view.capacity_left.map(text),
        opens_at: instant(view.sale.opens_at),
        closes_at: instant(view.sale.closes_at),
        staked: text(view.staked),
        accrual_cycle: "P1D",
        risk_notice: view.sale.risk_notice.clone(),
        if_subscribed_now: dates(state, &view.if_subscribed_now),
    }
}
