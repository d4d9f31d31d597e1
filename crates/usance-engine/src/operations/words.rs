//! The words that requests are made of, as the contract spells them.

use serde::{Deserialize, Serialize};
use usance_core::id::PositionId;
use usance_core::machine::verb::Source;
use usance_core::reward::clawback::AccountKind;

/// `spot` or `funding` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountWord {
    /// The trading account.
    Spot,
    /// The account rewards are paid into.
    Funding,
}

impl From<AccountWord> for AccountKind {
    fn from(word: AccountWord) -> Self {
        match word {
            AccountWord::Spot => AccountKind::Spot,
            AccountWord::Funding => AccountKind::Funding,
        }
    }
}

impl From<AccountKind> for AccountWord {
    fn from(kind: AccountKind) -> Self {
        match kind {
            AccountKind::Spot => AccountWord::Spot,
            AccountKind::Funding => AccountWord::Funding,
        }
    }
}

/// Where principal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SourceWord {
    /// Funding alone.
    Funding,
    /// Spot alone.
    Spot,
    /// Funding first, the rest from Spot.
    FundingThenSpot,
}

impl From<SourceWord> for Source {
    fn from(word: SourceWord) -> Self {
        match word {
            SourceWord::Funding => Source::Funding,
            SourceWord::Spot => Source::Spot,
            SourceWord::FundingThenSpot => Source::FundingThenSpot,
        }
    }
}

/// Reads a position's number; a text that no position can have is `None`, which nobody finds.
#[must_use]
pub fn position(text: &str) -> Option<PositionId> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if canonical { text.parse().ok().map(PositionId) } else { None }
}
