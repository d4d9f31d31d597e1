//! A position on the wire.

use super::parts::instant;
use super::product::KindWord;
use crate::wire::text::{agreement_version, decimals, product_id, symbol};
use serde::{Deserialize, Serialize};
use usance_core::machine::State;
use usance_core::machine::view::PositionView;
use usance_core::money::Amount;
use usance_core::position::PositionState;
use utoipa::ToSchema;

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
    /// What was paid out of it, or waits for that.
    pub principal_returned: String,
    /// What it has borne of losses; left out where that is nothing, and in the answer to a request that changed something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_lost: Option<String>,
    /// The position it continues.
    pub renewed_from: Option<String>,
    /// The position that continues it.
    pub renewed_into: Option<String>,
    /// The agreement it was opened under.
    pub agreement: String,
}

/// A position as it stands now, with what it has lost.
#[must_use]
pub fn position_now(state: &State, view: &PositionView) -> PositionShape {
    let lost = Some(state.principal_lost(view.id)).filter(|lost| !lost.is_zero());
    PositionShape { principal_lost: lost.map(|lost| lost.to_text(decimals(state, view.asset))), ..position(state, view) }
}

/// A position as it was told; an answer that was given once is the same for ever.
#[must_use]
pub fn position(state: &State, view: &PositionView) -> PositionShape {
    let digits = decimals(state, view.asset);
    let text = |amount: Amount| amount.to_text(digits);
    PositionShape {
        id: view.id.to_string(),
        product: product_id(state, view.product),
        asset: symbol(state, view.asset),
        kind: KindWord(view.kind.name()),
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
        principal_lost: None,
        renewed_from: view.renewed_from.map(|id| id.to_string()),
        renewed_into: view.renewed_into.map(|id| id.to_string()),
        agreement: agreement_version(state, view.agreement),
    }
}
