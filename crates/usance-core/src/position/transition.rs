//! The one table of what may happen to a position. Everything that ends a position asks here first.

use super::PositionState;
use crate::product::{EarlyRedemption, Kind};

/// What can end a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The close of the last day of the term.
    Mature,
    /// The same, with principal that starts another term.
    Renew,
    /// A redemption that empties it.
    Redeem,
    /// A redemption before the term is over.
    RedeemEarly,
}

/// The state after an ending, or `None` where it cannot happen.
///
/// ```text
///             Mature    Renew     Redeem     RedeemEarly
/// flexible    -         -         Redeemed   -
/// fixed       Matured   Renewed   -          RedeemedEarly, if the product allows it
/// any ended   -         -         -          -
/// ```
#[must_use]
pub const fn after(state: PositionState, kind: Kind, early: EarlyRedemption, ending: Ending) -> Option<PositionState> {
    match (state, kind, ending) {
        (PositionState::Active, Kind::Flexible, Ending::Redeem) => Some(PositionState::Redeemed),
        (PositionState::Active, Kind::FixedTerm { .. }, Ending::Mature) => Some(PositionState::Matured),
        (PositionState::Active, Kind::FixedTerm { .. }, Ending::Renew) => Some(PositionState::Renewed),
        (PositionState::Active, Kind::FixedTerm { .. }, Ending::RedeemEarly) => match early {
            EarlyRedemption::Clawback => Some(PositionState::RedeemedEarly),
            EarlyRedemption::NotAllowed => None,
        },
        _ => None,
    }
}
