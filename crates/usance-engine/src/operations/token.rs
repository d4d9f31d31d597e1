//! Tokens: with which programs and people come in. A token's text is shown once, when it is made.

use super::state;
use crate::caller::{Caller, Permission, Right, Role};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::people::{People, Telling, ToldPeople, secret_hash, unreadable};
use crate::refusal::Refusal;
use crate::submit::Write;
use serde::{Deserialize, Serialize};
use usance_core::id::is_outside_id;
use usance_store::{NewToken, TokenRecord};

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("token_create", Permission::Operator), ("token_list", Permission::Back), ("token_revoke", Permission::Operator)];

/// The longest name.
const NAME_BYTES_MAX: usize = 64;

/// `customer`, `service`, `operator` or `auditor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// One customer.
    Customer,
    /// Acts for any customer, creates customers, deposits, withdraws.
    Service,
    /// All that, and products, rates, the clock, tokens; reads everything.
    Operator,
    /// Reads everything, writes nothing.
    Auditor,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Customer => Role::Customer,
            RoleWord::Service => Role::Service,
            RoleWord::Operator => Role::Operator,
            RoleWord::Auditor => Role::Auditor,
        }
    }
}

/// A new token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenAsked {
    /// Whose it is: idempotency keys are scoped to it.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9._-]{1,64}$"))]
    pub name: String,
    /// What it may do.
    pub role: RoleWord,
    /// The customer, for a customer's token.
    #[serde(default)]
    pub customer: Option<String>,
}

/// Makes a token; `tell` says it to its sender, with [`crate::people::SECRET`] for its text.
///
/// # Errors
/// A request that contradicts itself, `customer_not_found`, a key that was used for another request, an engine or a store that
/// cannot answer.
pub async fn make(
    engine: &Engine,
    people: &People,
    caller: &Caller,
    once: &Once,
    asked: &TokenAsked,
    tell: impl FnOnce(&TokenRecord) -> Telling,
) -> Result<ToldPeople, Refusal> {
    if !is_outside_id(&asked.name, NAME_BYTES_MAX) {
        return Err(Refusal::Malformed("name: 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()));
    }
    match (asked.role, &asked.customer) {
        (RoleWord::Customer, Some(customer)) => engine.read(|now, _| state::customer(now, customer).map(drop)).await??,
        (RoleWord::Customer, None) => return Err(Refusal::Malformed("customer: a customer's token needs it".to_owned())),
        (_, Some(_)) => return Err(Refusal::Malformed("customer: only a customer's token has it".to_owned())),
        (_, None) => {}
    }
    let now = EngineClock::system().ms();
    let write = Write { caller, once, method: "POST" };
    let made = people.once(engine, write, "token", |people, secret| {
        let (name, role, customer) = (asked.name.clone(), asked.role.into(), asked.customer.clone());
        let record = people.add_token(&NewToken { name, role, customer, hash: secret_hash(secret) }, now)?;
        Ok(tell(&record))
    });
    made.await
}

/// Every token, revoked ones too, newest first.
///
/// # Errors
/// A store that cannot answer.
pub fn list(people: &People) -> Result<Vec<TokenRecord>, Refusal> {
    people.with(|store| store.tokens()).map_err(|error| unreadable(&error))
}

/// Revokes a token, by its number.
///
/// # Errors
/// [`Refusal::TokenNotFound`]; otherwise as [`make`].
pub async fn revoke(
    engine: &Engine,
    people: &People,
    caller: &Caller,
    once: &Once,
    id: &str,
    tell: impl FnOnce(i64) -> Telling,
) -> Result<ToldPeople, Refusal> {
    let now = EngineClock::system().ms();
    let write = Write { caller, once, method: "DELETE" };
    let revoked = people.once(engine, write, "revoke", |people, _| {
        let id: i64 = id.parse().map_err(|_| Refusal::TokenNotFound)?;
        if people.revoke_token(id, now)? { Ok(tell(id)) } else { Err(Refusal::TokenNotFound.into()) }
    });
    revoked.await
}
