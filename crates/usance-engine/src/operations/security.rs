//! What happened to the ways in: who signed in, and what was changed about passwords, second factors, links and tokens.

use super::state;
use crate::caller::{Permission, Right};
use crate::life::engine::Engine;
use crate::people::{People, unreadable};
use crate::refusal::Refusal;
use usance_store::SecurityEvent;

/// Who may do what.
pub const RIGHTS: &[Right] = &[("security_event_list", Permission::CustomerRead), ("security_event_list_all", Permission::Back)];

/// As [`list`], of a customer who has to be there.
///
/// # Errors
/// `customer_not_found`; an engine or a store that cannot answer.
pub async fn list_of(
    engine: &Engine,
    people: &People,
    customer: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<SecurityEvent>, Refusal> {
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    list(people, Some(customer), before, limit)
}

/// Events before the number `before`, of one customer or of all, newest first.
///
/// # Errors
/// A store that cannot answer.
pub fn list(people: &People, customer: Option<&str>, before: Option<i64>, limit: usize) -> Result<Vec<SecurityEvent>, Refusal> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    people.with(|store| store.security_events(customer, before, limit)).map_err(|error| unreadable(&error))
}
