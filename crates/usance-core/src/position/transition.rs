//! The one table of what may happen to a position. Everything that ends a position asks here first.

use super::PositionState;
use crate::product::{EarlyRedemption, Kind, Leaving};

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
///                    Mature    Renew     Redeem     RedeemEarly
/// without a term     -         -
/// with a term        Matured   Renewed
/// leaves at will                         Redeemed   -
/// leaves early                           -          RedeemedEarly, if the product allows it
/// any ended          -         -         -          -
/// ```
#[must_use]
pub const fn after(state: PositionState, kind: Kind, early: EarlyRedemption, ending: Ending) -> Option<PositionState> {
    match state {
        PositionState::Active => {}
        PositionState::Matured | PositionState::Renewed | PositionState::Redeemed | PositionState::RedeemedEarly => return None,
    }
    match (ending, kind.leaving(), early) {
        (Ending::Mature, ..) if kind.term_days().is_some() => Some(PositionState::Matured),
        (Ending::Renew, ..) if kind.can_renew() => Some(PositionState::Renewed),
        (Ending::Redeem, Leaving::AtWill, _) => Some(PositionState::Redeemed),
        (Ending::RedeemEarly, Leaving::Early, EarlyRedemption::Clawback) => Some(PositionState::RedeemedEarly),
        (Ending::Mature | Ending::Renew | Ending::Redeem | Ending::RedeemEarly, ..) => None,
    }
}
