//! What a customer is shown before it confirms, on the wire; and what was shown, read back from the sheet that it confirms.

use super::parts::{RedemptionShape, redemption as redemption_shape};
use super::product::{DatesShape, dates};
use crate::wire::input;
use crate::wire::text::{agreement_version, amount, decimals};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AgreementIx, PositionId};
use usance_core::machine::preview::{RedemptionPreview, SubscriptionPreview};
use usance_core::machine::view::{IfSubscribedNow, Prospect};
use usance_core::machine::{ExitOutlook, State};
use usance_core::money::{Amount, Rate};
use usance_core::reward::clawback::RedemptionFigures;
use usance_engine::operations::redemption::ExitChoice;
use utoipa::ToSchema;

/// What a subscription would book and earn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionPreviewShape {
    /// What would be staked: the amount as it was understood.
    pub amount: String,
    /// Its dates.
    #[serde(flatten)]
    pub dates: DatesShape,
    /// The rate that the amount itself earns.
    pub apr_for_amount: String,
    /// Its reward for one day, rounded down.
    pub reward_per_day: String,
    /// Its reward for the whole term; fixed-term only.
    pub total_reward_at_maturity: Option<String>,
    /// What leaves Funding.
    pub from_funding: String,
    /// What leaves Spot.
    pub from_spot: String,
    /// The agreement in force, to be accepted.
    pub agreement_version: String,
}

/// What a redemption would pay and take back, and what it would give up.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedemptionPreviewShape {
    /// Its amounts.
    #[serde(flatten)]
    pub figures: RedemptionShape,
    /// `instant`, or `queued` where not all of it can be paid at once.
    pub exit: ExitChoice,
    /// What of the payout would not be paid before two people have said who bears a loss.
    pub withheld: String,
    /// What could be taken at once; null where all of it can, but for what is withheld.
    pub available: Option<String>,
    /// The day by which it can be paid to whoever is queued now; null where it can be at once.
    pub expected: Option<String>,
    /// All rewards of the term if the position is kept to its end: an estimate; fixed-term only.
    pub total_reward_if_kept: Option<String>,
}

/// A subscription's preview.
#[must_use]
pub fn subscription(state: &State, preview: &SubscriptionPreview) -> SubscriptionPreviewShape {
    let digits = decimals(state, preview.asset);
    SubscriptionPreviewShape {
        amount: preview.amount.to_text(digits),
        dates: dates(state, &preview.dates),
        apr_for_amount: preview.prospect.apr_for_amount.to_text(),
        reward_per_day: preview.prospect.reward_per_day.to_text(digits),
        total_reward_at_maturity: preview.prospect.total_reward_at_maturity.map(|total| total.to_text(digits)),
        from_funding: preview.from_funding.to_text(digits),
        from_spot: preview.from_spot.to_text(digits),
        agreement_version: agreement_version(state, preview.agreement),
    }
}

/// A redemption's preview.
#[must_use]
pub fn redemption(state: &State, preview: &RedemptionPreview) -> RedemptionPreviewShape {
    let asset = preview.asset;
    let (exit, available, expected) = match preview.exit {
        ExitOutlook::AtOnce => (ExitChoice::Instant, None, None),
        ExitOutlook::Queued { available, expected } => {
            (ExitChoice::Queued, Some(amount(state, asset, available)), Some(expected.to_string()))
        }
    };
    RedemptionPreviewShape {
        figures: redemption_shape(state, asset, preview.early, &preview.figures),
        exit,
        withheld: amount(state, asset, preview.withheld),
        available,
        expected,
        total_reward_if_kept: preview.total_reward_if_kept.map(|total| amount(state, asset, total)),
    }
}

/// The preview of a subscription that was shown, read back; nothing for what no preview looks like.
#[must_use]
pub fn shown_subscription(state: &State, product: &str, shown: &str) -> Option<SubscriptionPreview> {
    let asset = state.product(state.product_ix(product)?)?.asset;
    let shape: SubscriptionPreviewShape = serde_json::from_str(shown).ok()?;
    let digits = decimals(state, asset);
    let text = |text: &str| Amount::parse(text, digits).ok();
    Some(SubscriptionPreview {
        asset,
        amount: text(&shape.amount)?,
        dates: IfSubscribedNow {
            value_date: Day::parse(&shape.dates.value_date)?,
            first_distribution_at: instant(&shape.dates.first_distribution_at)?,
            matures_at: some(shape.dates.matures_at.as_deref(), instant)?,
        },
        prospect: Prospect {
            apr_for_amount: Rate::parse(&shape.apr_for_amount).ok()?,
            reward_per_day: text(&shape.reward_per_day)?,
            total_reward_at_maturity: some(shape.total_reward_at_maturity.as_deref(), text)?,
        },
        from_funding: text(&shape.from_funding)?,
        from_spot: text(&shape.from_spot)?,
        agreement: agreement(state, &shape.agreement_version)?,
    })
}

/// The preview of a redemption from a position that was shown, read back; nothing for what no preview looks like.
#[must_use]
pub fn shown_redemption(state: &State, position: PositionId, shown: &Value) -> Option<RedemptionPreview> {
    let (running, _) = state.position(position)?;
    let asset = state.product(running.product)?.asset;
    let digits = decimals(state, asset);
    let text = |text: &str| Amount::parse(text, digits).ok();
    let figure = |name: &str| shown.get(name)?.as_str().and_then(text);
    Some(RedemptionPreview {
        asset,
        early: match shown.get("kind")?.as_str()? {
            "early" => true,
            "flexible" => false,
            _ => return None,
        },
        figures: RedemptionFigures {
            principal: figure("principal")?,
            clawback_distributed: figure("clawback_distributed")?,
            clawback_from_funding: figure("clawback_from_funding")?,
            written_off: figure("written_off")?,
            forfeited_accrued: figure("forfeited_accrued")?,
            payout: figure("payout")?,
            to_spot: figure("to_spot")?,
            to_funding: figure("to_funding")?,
            spot_part: Amount::ZERO,
        },
        exit: match shown.get("exit")?.as_str()? {
            "instant" => ExitOutlook::AtOnce,
            "queued" => ExitOutlook::Queued { available: figure("available")?, expected: Day::parse(shown.get("expected")?.as_str()?)? },
            _ => return None,
        },
        withheld: figure("withheld")?,
        total_reward_if_kept: some(shown.get("total_reward_if_kept").and_then(Value::as_str), text)?,
    })
}

fn instant(text: &str) -> Option<Timestamp> {
    input::instant("shown", text).ok()
}

fn agreement(state: &State, version: &str) -> Option<AgreementIx> {
    state.registry.agreements.iter().position(|each| each.version == version).map(AgreementIx::from_index)
}

/// Reads what may be absent; nothing when it is there and cannot be read.
fn some<T>(text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    text.map_or(Some(None), |text| read(text).map(Some))
}
