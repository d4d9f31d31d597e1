//! How a position begins: opened by a subscription, or by a close that renews a term.

use super::state::State;
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AgreementIx, HoldingIx, PositionId, ProductIx, RateVersionIx};
use crate::money::Amount;
use crate::pieces::packed::{Packed48, Packed96, Packed128};
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

/// Adds a position to the columns, to those that a close visits, and to its holding's chain.
pub(super) fn open_position(state: &mut State, opening: &NewPosition) -> PositionId {
    let id = state.next_position();
    let holding = state.holdings.get_mut(opening.holding.index());
    let previous = holding.map(|holding| std::mem::replace(&mut holding.newest, Packed48::new(id.0)));
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
        previous_in_holding: previous.unwrap_or_default(),
        holding: opening.holding,
        agreement: opening.agreement,
    };
    let place = state.running.push(running);
    state.origins.push(origin);
    state.active.insert(place);
    state.remember_maturing(id);
    state.staked.began(opening.product, opening.earning, opening.pending);
    id
}

pub(super) fn packed_instant(at: Timestamp) -> Packed48 {
    Packed48::new(u64::try_from(at.ms()).unwrap_or(0))
}
