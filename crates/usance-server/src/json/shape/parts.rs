//! The small shapes that others are made of: coins, rates, agreements, the clock, estimates, a redemption's amounts.

use crate::wire::text::{figures, hex};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::State;
use usance_core::machine::state::Agreement;
use usance_core::machine::view::Prospect;
use usance_core::money::Amount;
use usance_core::product::rates::{Bands, RateVersion};
use usance_core::reward::clawback::{AccountKind, RedemptionFigures};
use usance_engine::life::clock::clock_word;
use utoipa::ToSchema;

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
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// Its yearly rate, `"0.05250000"`.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
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
pub(super) fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
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
        mode: clock_word(platform.clock),
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
