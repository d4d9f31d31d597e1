//! Losses: what networks took, and what it would come to if somebody bore one. Who bears it is a proposal of two people.

use crate::caller::{Permission, Right};
use crate::life::engine::Engine;
use crate::refusal::Refusal;
use usance_core::machine::verb::treasury::loss::{self, Written};
pub use usance_core::machine::verb::treasury::loss::{Allocation, Bearer};

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("loss_list", Permission::Back), ("loss_get", Permission::Back), ("loss_allocation_preview", Permission::Back)];

/// What it would come to if the shares were signed now.
///
/// # Errors
/// What the proposal would be refused with.
pub async fn preview(engine: &Engine, loss: u64, shares: Shares) -> Result<Allocation, Refusal> {
    Ok(engine
        .read(move |state, _| {
            let Shares { reserve, commission, pool, customers } = &shares;
            loss::preview(state, loss, Written { reserve, commission, pool, customers })
        })
        .await??)
}

/// What each is to bear, as amounts are written.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Of what is set aside for losses.
    pub reserve: String,
    /// Of the commission.
    pub commission: String,
    /// Of the reward pool.
    pub pool: String,
    /// Of customers.
    pub customers: String,
}
