//! What release 0.1.0 kept in the store, so that whoever read the store could come in: it is sealed, or taken away, once.
//!
//! That release made the secrets of tokens and links from a key in the store and the use of an idempotency key. They are made here
//! once more, to be sealed beside the answers that showed them. A token that was made so stays in force, for programs use it, and is
//! listed until it is replaced: an old copy of the store still tells it.

use super::secret::{SECRET, hex, secret_hash};
use crate::life::clock::EngineClock;
use usance_store::secrets::Sealed;
use usance_store::{Identities, SealedItem, SealedPlace, Secrets, StoreError};

/// How long that release remembered an answer, in milliseconds of the system's clock.
const REMEMBERED_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// Bytes of a second factor's secret, as that release kept it; what is sealed is longer.
const FACTOR_BYTES: usize = 20;

/// Takes away what opened something, and seals what has to be read again.
pub(super) fn retire(people: &dyn Identities, secrets: &Secrets) -> Result<(), StoreError> {
    for SealedItem { place, bytes } in people.sealed()? {
        if let SealedPlace::SecondFactor(customer) = &place
            && bytes.len() == FACTOR_BYTES
        {
            let bytes = secrets.seal(Sealed::SecondFactor(customer), &bytes)?;
            people.reseal(&SealedItem { place, bytes })?;
        }
    }
    people.take_secret("tickets")?;
    let Some(server) = people.take_secret("derived")? else { return Ok(()) };
    let mut exposed = 0_usize;
    for (use_of_key, _) in people.unsealed_answers(SECRET)? {
        let token = derived(&server, "token", &use_of_key);
        let secret = match people.find_token(&secret_hash(&token))? {
            Some(found) => {
                exposed += usize::from(people.expose_token(found.id)?);
                token
            }
            None => derived(&server, "sign-in", &use_of_key),
        };
        let bytes = secrets.seal(Sealed::Answer(&use_of_key), secret.as_bytes())?;
        people.reseal(&SealedItem { place: SealedPlace::Answer(use_of_key), bytes })?;
    }
    exposed += expose_those_of_long_ago(people)?;
    if exposed > 0 {
        tracing::warn!(exposed, "tokens of the release before were made of what lay in the store: replace them (`usance token list`)");
    }
    Ok(())
}

/// Of tokens whose answers were forgotten nobody knows any more how they were made.
fn expose_those_of_long_ago(people: &dyn Identities) -> Result<usize, StoreError> {
    let now = EngineClock::system().ms();
    let old = people.tokens()?.into_iter().filter(|token| token.is_live(now) && token.created_at_ms < now - REMEMBERED_MS);
    let mut exposed = 0;
    for token in old {
        exposed += usize::from(people.expose_token(token.id)?);
    }
    Ok(exposed)
}

/// The secret that release 0.1.0 made for a use of a key.
fn derived(server: &[u8; 32], purpose: &str, use_of_key: &[u8; 16]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(server);
    hasher.update(purpose.as_bytes());
    hasher.update(use_of_key);
    format!("usance_{}", hex(hasher.finalize().as_bytes()))
}
