//! How a position ends: emptied by a redemption, or over at a close. Whether it may is asked before (`position/transition`).

use super::open::packed_instant;
use super::state::State;
use crate::calendar::Timestamp;
use crate::id::PositionId;
use crate::pieces::packed::{Packed48, Packed96};
use crate::position::PositionState;

/// Closes a position whose principal has gone; no close visits it any more.
pub(super) fn end_position(state: &mut State, id: PositionId, ended: PositionState, at: Timestamp) {
    let index = id.index().unwrap_or(usize::MAX);
    let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
        return state.break_with("a position that ends exists", id.to_string());
    };
    let (product, value_date) = (running.product, running.value_date);
    running.state = ended;
    running.earning = Packed96::default();
    running.carry = Packed48::default();
    origin.closed_at = packed_instant(at);
    state.active.remove(index);
    state.staked.ended(product, value_date, state.registry.open_day);
}
