//! How a customer comes in by a browser: the password, a lost second factor, and links that sign in once.
//!
//! What a browser itself does (signing in, codes, open sessions) is the skin's: it hangs on cookies and addresses.

use super::state;
use crate::caller::{Caller, Permission, Right};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::once::Once;
use crate::people::{People, Telling, ToldPeople, hex, secret_hash};
use crate::refusal::Refusal;
use crate::submit::Write;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use std::ops::RangeInclusive;
use usance_core::calendar::Timestamp;
use usance_core::id::hash16;

/// Who may do what.
pub const RIGHTS: &[Right] =
    &[("password_set", Permission::Service), ("second_factor_remove", Permission::Service), ("sign_in_link_create", Permission::Service)];

/// How long a sign-in link lasts.
const LINK_MS: i64 = 10 * 60 * 1000;
/// The shortest and longest password.
const PASSWORD_LETTERS: RangeInclusive<usize> = 10..=256;

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
    (customer, password): (&str, String),
    tell: impl FnOnce() -> Telling,
) -> Result<ToldPeople, Refusal> {
    if !PASSWORD_LETTERS.contains(&password.chars().count()) {
        return Err(Refusal::Malformed("password: 10 to 256 characters".to_owned()));
    }
    let seed = engine.peek(|state| state.registry.platform.seed);
    let salt = hash16(&seed, "password of a request", &[&caller.scope, once.key()]);
    let hashed = tokio::task::spawn_blocking(move || {
        let print = slow_print(&salt, &password)?;
        let phc = Argon2::default().hash_password(password.as_bytes()).map_err(|_| Refusal::NotHashed)?;
        Ok::<_, Refusal>((print, phc.to_string()))
    });
    let (print, phc) = hashed.await.map_err(|_| Refusal::NotHashed)??;
    let once = once.with_body(&serde_json::json!({ "password": print }));
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    let now = EngineClock::system().ms();
    let write = Write { caller, once: &once, method: "POST" };
    let set = people.once(engine, write, "password", |people, _| {
        people.set_password(customer, &phc, now)?;
        people.end_sessions(customer, None)?;
        Ok(tell())
    });
    set.await
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
    customer: &str,
    tell: impl FnOnce(bool) -> Telling,
) -> Result<ToldPeople, Refusal> {
    engine.read(|now, _| state::customer(now, customer).map(drop)).await??;
    let write = Write { caller, once, method: "DELETE" };
    let removed = people.once(engine, write, "second-factor", |people, _| {
        let removed = people.remove_second_factor(customer)?;
        people.end_sessions(customer, None)?;
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
    let expires_at = EngineClock::system().ms() + LINK_MS;
    let write = Write { caller, once, method: "POST" };
    let made = people.once(engine, write, "sign-in", |people, secret| {
        people.add_sign_in_link(&secret_hash(secret), customer, expires_at)?;
        Ok(tell(Timestamp::from_ms(expires_at)))
    });
    made.await
}
