//! `SetNetworkYield`: the platform's commission on what a network pays for customers, and how long that may stay undistributed
//! (TREASURY 7).

use super::network::found;
use crate::calendar::Timestamp;
use crate::id::NetworkIx;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{UNDISTRIBUTED_DAYS_MAX, UNDISTRIBUTED_DAYS_MIN};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::invalid;
use crate::money::Rate;
use crate::treasury::yields::NetworkYield;
use serde::{Deserialize, Serialize};

/// What becomes of what a network pays was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkYieldSet {
    /// Of which network.
    pub network: NetworkIx,
    /// What.
    pub terms: NetworkYield,
}

/// Sets what becomes of what a network pays, from the close of the open day on.
///
/// # Errors
/// `network_not_found`, `terms_invalid`.
pub fn set(state: &State, name: &str, terms: NetworkYield) -> Result<NetworkYieldSet, Rejection> {
    let (network, _) = found(state, name)?;
    if Rate::parse("1").is_ok_and(|all| terms.commission > all) {
        return Err(invalid("a commission is at most all"));
    }
    if !(UNDISTRIBUTED_DAYS_MIN..=UNDISTRIBUTED_DAYS_MAX).contains(&terms.undistributed_days) {
        return Err(invalid(format!("undistributed_days is {UNDISTRIBUTED_DAYS_MIN} to {UNDISTRIBUTED_DAYS_MAX}")));
    }
    Ok(NetworkYieldSet { network, terms })
}

impl Fact for NetworkYieldSet {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.earnings.terms = self.terms,
            None => state.break_with("what pays is a network", format!("network {}", self.network.0)),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
