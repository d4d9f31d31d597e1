//! How a position begins: opened by a subscription, or by a close that renews a term.

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AgreementIx, HoldingIx, PositionId, ProductIx, RateVersionIx};
use crate::money::Amount;
use crate::position::packed::{Packed48, Packed96, Packed128};
use crate::position::{Origin, PositionState, Running};

/// What a new position starts with.
pub(super) struct NewPosition {
    pub account: u32,
    pub product: ProductIx,
    pub holding: HoldingIx,
    pub earning: Amount,
    pub pending: Amount,
    pub from_spot: Amount,
    pub value_date: Day,
    pub rate_version: RateVersionIx,
    pub auto_renew: bool,
    pub agreement: AgreementIx,
    pub at: Timestamp,
    pub renewed_from: u64,
}

pub(super) fn open_position(state: &mut State, opening: &NewPosition) -> PositionId {
    let running = Running {
        earning: Packed96::new(opening.earning),
        pending: Packed96::new(opening.pending),
        last_reward: Packed96::default(),
        accrued: Packed128::default(),
        distributed: Packed128::default(),
        carry: Packed48::default(),
        account: AccountIx(opening.account),
        product: opening.product,
        value_date: opening.value_date,
        rate_version: opening.rate_version,
        state: PositionState::Active,
        auto_renew: opening.auto_renew,
    };
    let origin = Origin {
        from_spot: Packed96::new(opening.from_spot),
        principal_opened: Packed128::new(opening.earning.plus(opening.pending)),
        opened_at: packed_instant(opening.at),
        closed_at: Packed48::default(),
        renewed_from: Packed48::new(opening.renewed_from),
        renewed_into: Packed48::default(),
        previous_in_holding: Packed48::default(),
        holding: opening.holding,
        agreement: opening.agreement,
    };
    state.add_position(running, origin)
}

pub(super) fn packed_instant(at: Timestamp) -> Packed48 {
    Packed48::new(u64::try_from(at.ms()).unwrap_or(0))
}
