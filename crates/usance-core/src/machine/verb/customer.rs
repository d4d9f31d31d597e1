//! `CreateCustomer`: whoever the exchange names.

use super::fact::{Fact, NO_MONEY};
use super::named::{invalid, last};
use crate::calendar::Timestamp;
use crate::id::{CustomerIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::CUSTOMER_ID_BYTES_MAX;
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use serde::{Deserialize, Serialize};

/// A customer was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerCreated {
    /// The exchange's id.
    pub id: String,
}

/// Adds a customer.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn create_customer(state: &State, id: &str) -> Result<CustomerCreated, Rejection> {
    if !is_outside_id(id, CUSTOMER_ID_BYTES_MAX) {
        return Err(invalid("a customer id is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if state.customer_ix(id).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    Ok(CustomerCreated { id: id.to_owned() })
}

impl Fact for CustomerCreated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.add_customer(&self.id);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Customer(CustomerIx::from_index(last(state.customers.len())))
    }
    fn news(&self) -> News<'_> {
        News::Customer { id: &self.id }
    }
}
