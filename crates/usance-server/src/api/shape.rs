//! What everything looks like on the wire: the JSON shapes of API, and how the machine's values become them.
//!
//! Amounts and rates are decimal text, instants RFC 3339 in UTC, days ISO dates, ids text. Nothing is computed here.

use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::{AgreementIx, AssetIx, ProductIx};
use usance_core::machine::State;
use usance_core::machine::state::Agreement;
use usance_core::machine::view::{IfSubscribedNow, PositionView, ProductView, Prospect};
use usance_core::money::{Amount, Balance};
use usance_core::position::PositionState;
use usance_core::product::rates::{Bands, RateVersion};
use usance_core::product::{Availability, Distribution, EarlyRedemption, Kind, RateMode, Status};
use usance_core::reward::clawback::{AccountKind, RedemptionFigures};
use utoipa::ToSchema;

/// Decimals of an asset.
#[must_use]
pub fn decimals(state: &State, asset: AssetIx) -> u8 {
    state.asset(asset).map_or(0, |asset| asset.decimals)
}
/// An amount in its asset's unit.
#[must_use]
pub fn amount(state: &State, asset: AssetIx, amount: Amount) -> String {
    amount.to_text(decimals(state, asset))
}
/// A balance in its asset's unit; it may be below zero.
#[must_use]
pub fn balance(state: &State, asset: AssetIx, balance: Balance) -> String {
    balance.to_text(decimals(state, asset))
}
/// An asset's symbol.
#[must_use]
pub fn symbol(state: &State, asset: AssetIx) -> String {
    state.asset(asset).map(|asset| asset.symbol.clone()).unwrap_or_default()
}
/// A product's id.
#[must_use]
pub fn product_id(state: &State, product: ProductIx) -> String {
    state.product(product).map(|product| product.id.clone()).unwrap_or_default()
}
/// An agreement's version.
#[must_use]
pub fn agreement_version(state: &State, ix: AgreementIx) -> String {
    state.registry.agreements.get(ix.index()).map(|agreement| agreement.version.clone()).unwrap_or_default()
}
/// Hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A coin.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetShape {
    /// `SOL`
    pub symbol: String,
    /// `Solana`
    pub name: String,
    /// Decimals of a base unit.
    pub decimals: u8,
    /// Decimals that pages show.
    pub display_decimals: u8,
}

/// An asset.
#[must_use]
pub fn asset(state: &State, ix: AssetIx) -> Option<AssetShape> {
    let asset = state.asset(ix)?;
    Some(AssetShape {
        symbol: asset.symbol.clone(),
        name: asset.name.clone(),
        decimals: asset.decimals,
        display_decimals: asset.display_decimals,
    })
}

/// One band of a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierShape {
    /// Where it ends, as an amount of the asset; the last band has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// Its yearly rate, `"0.05250000"`.
    pub rate: String,
}

/// A rate: one, or tiers.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct RateShape {
    /// The rate, when there is one for every amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// The tiers, when there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierShape>>,
}

/// The part of a principal that falls into one band.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PartShape {
    /// How much of it.
    pub principal: String,
    /// That band's rate.
    pub rate: String,
}

/// How a principal falls into tiers; nothing when there is one rate for all of it.
#[must_use]
pub fn parts(decimals: u8, bands: &Bands, principal: Amount) -> Option<Vec<PartShape>> {
    let part = |(part, rate): (Amount, usance_core::money::Rate)| PartShape { principal: part.to_text(decimals), rate: rate.to_text() };
    (bands.as_slice().len() > 1).then(|| bands.parts(principal).into_iter().map(part).collect())
}

/// Bands as a rate or tiers.
#[must_use]
pub fn bands(decimals: u8, bands: &Bands) -> RateShape {
    match bands.as_slice() {
        [only] => RateShape { rate: Some(only.rate.to_text()), tiers: None },
        many => {
            let tier = |band: &usance_core::product::rates::Band| TierShape {
                up_to: band.up_to.map(|bound| bound.to_text(decimals)),
                rate: band.rate.to_text(),
            };
            RateShape { rate: None, tiers: Some(many.iter().map(tier).collect()) }
        }
    }
}

/// An announced version.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateVersionShape {
    /// The first day on which it holds.
    pub from: String,
    /// What it says.
    #[serde(flatten)]
    pub what: RateShape,
    /// When it was announced.
    pub announced_at: String,
}

/// A version.
#[must_use]
pub fn rate_version(decimals: u8, version: &RateVersion) -> RateVersionShape {
    RateVersionShape {
        from: version.from.to_string(),
        what: bands(decimals, &version.bands),
        announced_at: version.announced_at.to_string(),
    }
}

/// `flexible` or `fixed_term`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// Redeemable any time.
    Flexible,
    /// Locked up for a term.
    FixedTerm,
}

/// The word of a kind.
#[must_use]
pub const fn kind(kind: Kind) -> KindWord {
    match kind {
        Kind::Flexible => KindWord::Flexible,
        Kind::FixedTerm { .. } => KindWord::FixedTerm,
    }
}

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
    EveryNDays(u32),
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

fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A product.
#[must_use]
pub fn product(state: &State, view: &ProductView) -> ProductShape {
    let digits = decimals(state, view.asset);
    let text = |amount: Amount| amount.to_text(digits);
    ProductShape {
        id: view.id.clone(),
        asset: symbol(state, view.asset),
        name: view.sale.name.clone(),
        kind: kind(view.kind),
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

/// Where a position stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PositionStateWord {
    /// Staked.
    Active,
    /// The term is over.
    Matured,
    /// The term is over and principal started another.
    Renewed,
    /// Emptied.
    Redeemed,
    /// Left before its end.
    RedeemedEarly,
}

/// A position.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionShape {
    /// Its number.
    pub id: String,
    /// The product's id.
    pub product: String,
    /// The asset's symbol.
    pub asset: String,
    /// Flexible or fixed-term.
    pub kind: KindWord,
    /// Where it stands.
    pub state: PositionStateWord,
    /// Staked now.
    pub principal: String,
    /// The part of it from Funding.
    pub from_funding: String,
    /// The part of it from Spot.
    pub from_spot: String,
    /// Earns today.
    pub earning: String,
    /// Earns from tomorrow.
    pub pending: String,
    /// The first day that counts.
    pub value_date: String,
    /// Which day of the term it is; fixed-term only.
    pub interest_day: Option<u32>,
    /// When rewards are paid next.
    pub next_distribution_at: Option<String>,
    /// When the term is over.
    pub matures_at: Option<String>,
    /// Today's rate for its principal.
    pub current_rate: String,
    /// Earned, not yet paid.
    pub accrued: String,
    /// Paid over its life; a clawback does not reduce it.
    pub distributed: String,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// When it was opened.
    pub opened_at: String,
    /// When it ended.
    pub closed_at: Option<String>,
    /// Taken back of what was paid.
    pub clawed_back: String,
    /// What could not be taken back.
    pub written_off: String,
    /// Everything ever subscribed into it.
    pub principal_opened: String,
    /// What was paid out of it.
    pub principal_returned: String,
    /// The position it continues.
    pub renewed_from: Option<String>,
    /// The position that continues it.
    pub renewed_into: Option<String>,
    /// The agreement it was opened under.
    pub agreement: String,
}

/// A position.
#[must_use]
pub fn position(state: &State, view: &PositionView) -> PositionShape {
    let digits = decimals(state, view.asset);
    let text = |amount: Amount| amount.to_text(digits);
    PositionShape {
        id: view.id.to_string(),
        product: product_id(state, view.product),
        asset: symbol(state, view.asset),
        kind: kind(view.kind),
        state: match view.state {
            PositionState::Active => PositionStateWord::Active,
            PositionState::Matured => PositionStateWord::Matured,
            PositionState::Renewed => PositionStateWord::Renewed,
            PositionState::Redeemed => PositionStateWord::Redeemed,
            PositionState::RedeemedEarly => PositionStateWord::RedeemedEarly,
        },
        principal: text(view.principal),
        from_funding: text(view.from_funding),
        from_spot: text(view.from_spot),
        earning: text(view.earning),
        pending: text(view.pending),
        value_date: view.value_date.to_string(),
        interest_day: view.interest_day,
        next_distribution_at: instant(view.next_distribution_at),
        matures_at: instant(view.matures_at),
        current_rate: view.current_rate.to_text(),
        accrued: text(view.accrued),
        distributed: text(view.distributed),
        auto_renew: view.auto_renew,
        opened_at: view.opened_at.to_string(),
        closed_at: instant(view.closed_at),
        clawed_back: text(view.clawed_back),
        written_off: text(view.written_off),
        principal_opened: text(view.principal_opened),
        principal_returned: text(view.principal_returned),
        renewed_from: view.renewed_from.map(|id| id.to_string()),
        renewed_into: view.renewed_into.map(|id| id.to_string()),
        agreement: agreement_version(state, view.agreement),
    }
}

/// An agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementShape {
    /// Its version.
    pub version: String,
    /// Its words.
    pub text: String,
    /// SHA-256 of its words, hexadecimal.
    pub sha256: String,
    /// When it came into force.
    pub in_force_since: String,
}

/// An agreement.
#[must_use]
pub fn agreement(agreement: &Agreement) -> AgreementShape {
    AgreementShape {
        version: agreement.version.clone(),
        text: agreement.text.clone(),
        sha256: hex(&agreement.sha256),
        in_force_since: agreement.in_force_since.to_string(),
    }
}

/// The clock.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockShape {
    /// Where it stands.
    pub now: String,
    /// The open interest day.
    pub day: String,
    /// Minutes between the platform's day and UTC's.
    pub day_offset_minutes: i32,
    /// `system` or `simulated`.
    pub mode: &'static str,
    /// When the open day closes.
    pub next_close_at: String,
}

/// The clock at an instant of an open day.
#[must_use]
pub fn clock(state: &State, now: Timestamp, day: usance_core::calendar::Day) -> ClockShape {
    let platform = &state.registry.platform;
    ClockShape {
        now: now.to_string(),
        day: day.to_string(),
        day_offset_minutes: platform.offset.minutes(),
        mode: crate::engine::start::clock_word(platform.clock),
        next_close_at: platform.offset.first_instant(day.next()).to_string(),
    }
}

/// What a subscription would earn, as text.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstimateShape {
    /// The rate that the amount itself earns.
    pub apr_for_amount: String,
    /// Its reward for one day, rounded down.
    pub reward_per_day: String,
    /// Its reward for the whole term; fixed-term only.
    pub total_reward_at_maturity: Option<String>,
    /// It is an estimate: rates may change.
    pub estimated: bool,
}

/// A prospect.
#[must_use]
pub fn estimate(digits: u8, prospect: &Prospect) -> EstimateShape {
    EstimateShape {
        apr_for_amount: prospect.apr_for_amount.to_text(),
        reward_per_day: prospect.reward_per_day.to_text(digits),
        total_reward_at_maturity: prospect.total_reward_at_maturity.map(|total| total.to_text(digits)),
        estimated: true,
    }
}

/// A redemption's amounts, by the names of the contract.
#[must_use]
pub fn figures(state: &State, asset: AssetIx, figures: &RedemptionFigures) -> [(&'static str, String); 8] {
    let text = |part: Amount| amount(state, asset, part);
    [
        ("principal", text(figures.principal)),
        ("clawback_distributed", text(figures.clawback_distributed)),
        ("clawback_from_funding", text(figures.clawback_from_funding)),
        ("written_off", text(figures.written_off)),
        ("forfeited_accrued", text(figures.forfeited_accrued)),
        ("payout", text(figures.payout)),
        ("to_spot", text(figures.to_spot)),
        ("to_funding", text(figures.to_funding)),
    ]
}

/// A redemption's amounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedemptionShape {
    /// `flexible` or `early`.
    pub kind: &'static str,
    /// Principal that leaves the position.
    pub principal: String,
    /// All that is taken back of what was paid.
    pub clawback_distributed: String,
    /// The part of it that Funding gives.
    pub clawback_from_funding: String,
    /// What could not be taken back.
    pub written_off: String,
    /// Accrued rewards that are not paid any more.
    pub forfeited_accrued: String,
    /// Principal that is paid out.
    pub payout: String,
    /// The part of the payout that goes to Spot.
    pub to_spot: String,
    /// The part of the payout that goes to Funding.
    pub to_funding: String,
}

/// A redemption's amounts.
#[must_use]
pub fn redemption(state: &State, asset: AssetIx, early: bool, amounts: &RedemptionFigures) -> RedemptionShape {
    let [principal, clawback_distributed, clawback_from_funding, written_off, forfeited_accrued, payout, to_spot, to_funding] =
        figures(state, asset, amounts).map(|(_, text)| text);
    RedemptionShape {
        kind: if early { "early" } else { "flexible" },
        principal,
        clawback_distributed,
        clawback_from_funding,
        written_off,
        forfeited_accrued,
        payout,
        to_spot,
        to_funding,
    }
}

/// The other account.
#[must_use]
pub const fn other(kind: AccountKind) -> AccountKind {
    match kind {
        AccountKind::Spot => AccountKind::Funding,
        AccountKind::Funding => AccountKind::Spot,
    }
}
