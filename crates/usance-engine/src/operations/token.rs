//! Tokens: with which programs and people come in. A token's text is shown once, when it is made.

use super::state;
use crate::caller::{Caller, Permission, Right, Role, Scope, Scopes};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::people::{People, SecretForm, Telling, ToldPeople, secret_hash, unreadable};
use crate::refusal::Refusal;
use crate::submit::Write;
use serde::{Deserialize, Serialize};
use usance_core::id::is_outside_id;
use usance_store::{NewSecurityEvent, NewToken, SecurityKind, TokenRecord};

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("token_create", Permission::Operator), ("token_list", Permission::Back), ("token_revoke", Permission::Operator)];

/// The name of the token in the environment, with which the first operator comes in. No other token has it.
pub const BOOTSTRAP_NAME: &str = "bootstrap";
/// The longest name.
const NAME_BYTES_MAX: usize = 64;
/// The longest that a token which ends may last.
const DAYS_MAX: u32 = 3650;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// `customer`, `service`, `operator`, `auditor` or `treasury`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// One customer.
    Customer,
    /// The exchange's backend: what of its scopes it has.
    Service,
    /// All that a service may, and products, rates, the clock, tokens; reads everything.
    Operator,
    /// Reads everything, writes nothing.
    Auditor,
    /// Carries out a treasury's orders and says what networks show.
    Treasury,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Customer => Role::Customer,
            RoleWord::Service => Role::Service,
            RoleWord::Operator => Role::Operator,
            RoleWord::Auditor => Role::Auditor,
            RoleWord::Treasury => Role::Treasury,
        }
    }
}

/// A part of what a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScopeWord {
    /// Deposits and withdrawals.
    Wallet,
    /// Customers, passwords, second factors, sign-in links.
    Identity,
    /// What a customer may do.
    Acting,
    /// What a customer may see.
    Reading,
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Wallet => Scope::Wallet,
            ScopeWord::Identity => Scope::Identity,
            ScopeWord::Acting => Scope::Acting,
            ScopeWord::Reading => Scope::Reading,
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
    /// What of its role's rights it has, for a service's or a customer's token; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<ScopeWord>>,
    /// For how many days it opens something, 1 to 3650; for ever when left out.
    #[serde(default, deserialize_with = "super::whole::some_whole", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 3650))]
    pub days: Option<u32>,
}

impl TokenAsked {
    /// What of its role's rights it asks for.
    ///
    /// # Errors
    /// Scopes that the role does not have, or none at all.
    fn scopes(&self) -> Result<Scopes, Refusal> {
        let Some(words) = &self.scopes else { return Ok(Scopes::ALL) };
        let scopes: Vec<Scope> = words.iter().map(|word| Scope::from(*word)).collect();
        if scopes.is_empty() || !scopes.iter().all(|scope| scope.is_of(self.role.into())) {
            let detail = "scopes: at least one; a service has wallet, identity, acting, reading, a customer acting, reading, others none";
            return Err(Refusal::Malformed(detail.to_owned()));
        }
        Ok(scopes.into_iter().collect())
    }

    /// From when on it opens nothing, milliseconds since the Unix epoch.
    fn expires_at_ms(&self, now: i64) -> Result<Option<i64>, Refusal> {
        let Some(days) = self.days else { return Ok(None) };
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(Refusal::Malformed(format!("days: 1 to {DAYS_MAX}")));
        }
        Ok(Some(now + i64::from(days) * DAY_MS))
    }
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
    if asked.name == BOOTSTRAP_NAME {
        return Err(Refusal::Malformed("name: bootstrap is the name of the environment's token".to_owned()));
    }
    match (asked.role, &asked.customer) {
        (RoleWord::Customer, Some(customer)) => engine.read(|now, _| state::customer(now, customer).map(drop)).await??,
        (RoleWord::Customer, None) => return Err(Refusal::Malformed("customer: a customer's token needs it".to_owned())),
        (_, Some(_)) => return Err(Refusal::Malformed("customer: only a customer's token has it".to_owned())),
        (_, None) => {}
    }
    let now = EngineClock::system().ms();
    let (scopes, expires_at_ms) = (asked.scopes()?, asked.expires_at_ms(now)?);
    let write = Write { caller, once, method: "POST" };
    let made = people.once(engine, write, SecretForm::Token, |people, secret| {
        let (name, role, customer) = (asked.name.clone(), asked.role.into(), asked.customer.clone());
        let token = NewToken { name, role, scopes, customer, hash: secret_hash(secret), expires_at_ms, is_bootstrap: false };
        let record = people.add_token(&token, now)?;
        let event = NewSecurityEvent::about_token(SecurityKind::TokenMade, &record, caller.actor);
        people.add_security_event(&event, now)?;
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
    let revoked = people.once(engine, write, SecretForm::Token, |people, _| {
        let id: i64 = id.parse().map_err(|_| Refusal::TokenNotFound)?;
        if !people.revoke_token(id, now)? {
            return Err(Refusal::TokenNotFound.into());
        }
        if let Some(record) = people.token(id)? {
            people.add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenRevoked, &record, caller.actor), now)?;
        }
        Ok(tell(id))
    });
    revoked.await
}
