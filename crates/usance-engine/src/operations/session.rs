//! How a customer comes in by a browser: the password, a lost second factor, and links that sign in once.
//!
//! What a browser itself does (signing in, codes, open sessions) is the skin's: it hangs on cookies and addresses.

use super::state;
use crate::caller::{Actor, Caller, Permission, Right};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::people::{People, SecretForm, Telling, ToldPeople, hex, secret_hash};
use crate::refusal::Refusal;
use crate::submit::Write;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use std::ops::RangeInclusive;
use usance_core::calendar::Timestamp;
use usance_core::id::hash16;
use usance_store::{Identities, NewSecurityEvent, SecurityKind, StoreError};

/// Who may do what.
pub const RIGHTS: &[Right] = &[
    ("password_set", Permission::Identity),
    ("second_factor_remove", Permission::Identity),
    ("sign_in_link_create", Permission::Identity),
];

/// How long a sign-in link lasts.
const LINK_MS: i64 = 10 * 60 * 1000;
/// The shortest and longest password.
const PASSWORD_LETTERS: RangeInclusive<usize> = 10..=256;

/// Whether a customer's tokens end, too, when the way in is changed: programs use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlsoTokens {
    /// They stay.
    Keep,
    /// They are revoked.
    Revoke,
}

/// What stays open of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeps {
    /// The session that asked for it.
    pub session: Option<i64>,
    /// Tokens, or not.
    pub tokens: AlsoTokens,
}

/// Ends everything that lets somebody in as this customer: links, sessions and, where that is asked, tokens. In the transaction of what
/// it follows from.
///
/// # Errors
/// As the home answers.
pub fn end_all(people: &dyn Identities, customer: &str, keeps: Keeps, actor: Option<Actor>, now: i64) -> Result<(), StoreError> {
    if people.end_sign_in_links(customer)? > 0 {
        people.add_security_event(&NewSecurityEvent::about(SecurityKind::LinksEnded, customer, actor), now)?;
    }
    if people.end_sessions(customer, keeps.session)? > 0 {
        people.add_security_event(&NewSecurityEvent::about(SecurityKind::SessionsEnded, customer, actor), now)?;
    }
    if keeps.tokens == AlsoTokens::Revoke {
        for id in people.revoke_tokens_of(customer, now)? {
            let event = NewSecurityEvent::about(SecurityKind::TokenRevoked, customer, actor);
            people.add_security_event(&NewSecurityEvent { subject: Some(id), ..event }, now)?;
        }
    }
    Ok(())
}

/// Sets a customer's password; whoever came in with the old one goes out. `once` needs no body: the fingerprint is made of a slow
/// print of the password.
///
/// # Errors
/// A password that is too short or too long, `customer_not_found`, a key that was used for another request, an engine or a store
/// that cannot answer.
pub async fn set_password(
    engine: &Engine,
    people: &People,
    caller: &Caller,
    once: &Once,
    (customer, password, also_tokens): (&str, String, AlsoTokens),
    tell: impl FnOnce() -> Telling,
) -> Result<ToldPeople, Refusal> {
    check_password(&password)?;
    let seed = engine.peek(|state| state.registry.platform.seed);
    let salt = hash16(&seed, "password of a request", &[&caller.scope, once.key()]);
    let hashed = tokio::task::spawn_blocking(move || {
        let print = slow_print(&salt, &password)?;
        let phc = Argon2::default().hash_password(password.as_bytes()).map_err(|_| Refusal::NotHashed)?;
        Ok::<_, Refusal>((print, phc.to_string()))
    });
    let (print, phc) = hashed.await.map_err(|_| Refusal::NotHashed)??;
    let body = match also_tokens {
        AlsoTokens::Keep => serde_json::json!({ "password": print }),
        AlsoTokens::Revoke => serde_json::json!({ "password": print, "revoke_tokens": true }),
    };
    let once = once.with_body(&body);
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    let now = EngineClock::system().ms();
    let write = Write { caller, once: &once, method: "POST" };
    let set = people.once(engine, write, SecretForm::Token, |people, _| {
        put_password(people, (customer, &phc), Keeps { session: None, tokens: also_tokens }, caller.actor, now)?;
        Ok(tell())
    });
    set.await
}

/// Refuses a password that is too short or too long.
fn check_password(password: &str) -> Result<(), Refusal> {
    let fits = PASSWORD_LETTERS.contains(&password.chars().count());
    if fits { Ok(()) } else { Err(Refusal::Malformed("password: 10 to 256 characters".to_owned())) }
}

/// The salted hash of a password, as a PHC string.
///
/// # Errors
/// A password that is too short or too long, or that could not be hashed.
pub async fn hash_password(password: String) -> Result<String, Refusal> {
    check_password(&password)?;
    let hashed = tokio::task::spawn_blocking(move || Argon2::default().hash_password(password.as_bytes()).map(|phc| phc.to_string()));
    hashed.await.map_err(|_| Refusal::NotHashed)?.map_err(|_| Refusal::NotHashed)
}

/// Sets a password and ends what the old one opened, in one transaction.
///
/// # Errors
/// As the home answers.
pub fn put_password(
    people: &dyn Identities,
    (customer, phc): (&str, &str),
    keeps: Keeps,
    actor: Option<Actor>,
    now: i64,
) -> Result<(), StoreError> {
    people.set_password(customer, phc, now)?;
    people.add_security_event(&NewSecurityEvent::about(SecurityKind::PasswordSet, customer, actor), now)?;
    end_all(people, customer, keeps, actor, now)
}

/// What stands for a password in the fingerprint of the request that sets it. The fingerprint lies in the log, so it is as slow
/// to guess from as the stored password is.
fn slow_print(salt: &[u8; 16], password: &str) -> Result<String, Refusal> {
    let mut print = [0; 16];
    Argon2::default().hash_password_into(password.as_bytes(), salt, &mut print).map_err(|_| Refusal::NotHashed)?;
    Ok(hex(&print))
}

/// Removes the second factor of a customer who has lost it, and ends the customer's sessions; `tell` hears whether there was one.
///
/// # Errors
/// `customer_not_found`; otherwise as [`set_password`].
pub async fn remove_second_factor(
    engine: &Engine,
    people: &People,
    caller: &Caller,
    once: &Once,
    (customer, also_tokens): (&str, AlsoTokens),
    tell: impl FnOnce(bool) -> Telling,
) -> Result<ToldPeople, Refusal> {
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    let write = Write { caller, once, method: "DELETE" };
    let now = EngineClock::system().ms();
    let removed = people.once(engine, write, SecretForm::Token, |people, _| {
        let removed = people.remove_second_factor(customer)?;
        if removed {
            people.add_security_event(&NewSecurityEvent::about(SecurityKind::FactorRemoved, customer, caller.actor), now)?;
        }
        end_all(people, customer, Keeps { session: None, tokens: also_tokens }, caller.actor, now)?;
        Ok(tell(removed))
    });
    removed.await
}

/// Makes a link that signs a customer in once; `tell` hears when it lapses, and says [`crate::people::SECRET`] for its secret.
///
/// # Errors
/// `customer_not_found`; otherwise as [`set_password`].
pub async fn make_link(
    engine: &Engine,
    people: &People,
    caller: &Caller,
    once: &Once,
    customer: &str,
    tell: impl FnOnce(Timestamp) -> Telling,
) -> Result<ToldPeople, Refusal> {
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    let now = EngineClock::system().ms();
    let expires_at = now + LINK_MS;
    let write = Write { caller, once, method: "POST" };
    let made = people.once(engine, write, SecretForm::Code, |people, secret| {
        people.add_sign_in_link(&secret_hash(secret), customer, expires_at)?;
        people.add_security_event(&NewSecurityEvent::about(SecurityKind::LinkMade, customer, caller.actor), now)?;
        Ok(tell(Timestamp::from_ms(expires_at)))
    });
    made.await
}
