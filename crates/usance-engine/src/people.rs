//! Who may come in: the stored tokens, passwords, second factors, sessions and links, as requests share them.
//!
//! None of it is money state, so none of it is in the log; but keys are taken in one place, the log, also for a write whose
//! answer lies here. [`People::once`] does such a write: its work and the answer that it was told are one transaction, and a
//! repeated request gets the same bytes again. A secret is shown once and stored hashed, so it is derived from the store's own
//! secret, the sender and the key, and a mark stands for it in what is remembered.

use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::life::pool::Pool;
use crate::random::random_bytes;
use crate::refusal::Refusal;
use crate::submit::Write;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use usance_core::id::hash16;
use usance_store::{Home, Identities, IdentityStore, Remembered, StoreError, atomically};

/// How long answers of this kind are remembered, in milliseconds of the system's clock. Keys are kept by engine time,
/// which may stand still for long; this is longer.
const REMEMBERED_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// What stands for the secret in an answer that is remembered.
pub const SECRET: &str = "{secret}";

/// SHA-256 of a secret's text: what is stored of it.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// An answer as its sender is told it, and is told it again: a status of the skin and bytes, with [`SECRET`] where the secret
/// is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The skin's own.
    pub status: u16,
    /// What is told.
    pub body: String,
}

/// What was told, now or when the key was first used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPeople {
    /// With the secret in its place.
    pub telling: Telling,
    /// Whether the key was used before.
    pub replayed: bool,
}

/// The stored identities.
pub struct People {
    stores: Pool<Box<dyn IdentityStore>>,
}

/// What goes wrong inside a transaction: the store, or a rule.
pub(crate) enum Failed {
    Store(StoreError),
    Rule(Refusal),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Store(error)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Failed::Rule(refusal)
    }
}

impl People {
    /// The identities of a home. A file has one writer at a time; a server has many.
    #[must_use]
    pub fn of(home: &Home) -> People {
        let max = if matches!(home, Home::Embedded(_)) { 1 } else { 3 };
        let home = home.clone();
        People { stores: Pool::new(max, move || home.people()) }
    }

    /// Works on the stored identities.
    ///
    /// # Errors
    /// What `work` gave, and as the home answers.
    pub fn with<R, E: From<StoreError>>(&self, work: impl FnOnce(&mut dyn IdentityStore) -> Result<R, E>) -> Result<R, E> {
        self.stores.with(|store| work(store.as_mut()))?
    }

    /// Does something once. The work gets the secret of this request.
    pub(crate) async fn once(
        &self,
        engine: &Engine,
        write: Write<'_>,
        purpose: &str,
        work: impl FnOnce(&dyn Identities, &str) -> Result<Telling, Failed>,
    ) -> Result<ToldPeople, Refusal> {
        // The log takes the key; where it lies there names this one use of it for the people, too.
        let key = engine.used_key(write);
        let place = engine.take_key(key).await?;
        let seed = engine.peek(|state| state.registry.platform.seed);
        let use_of_key = hash16(&seed, "use of a key", &[&hex(&key.hash), &place.to_string()]);
        let now = EngineClock::system().ms();
        let candidate = random_bytes().map_err(|error| Refusal::NoRandomness(error.to_string()))?;
        let done = self.with(|store| {
            let server = store.secret_or_insert("derived", &candidate)?;
            let secret = derived(&server, purpose, &use_of_key);
            let mut fingerprint = [0; 32];
            fingerprint[..16].copy_from_slice(&key.fingerprint);
            let (status, body, replayed) = atomically(store, |people| -> Result<_, Failed> {
                if let Some(before) = people.remembered(&use_of_key)? {
                    return Ok((before.status, before.body, true));
                }
                people.forget_before(now - REMEMBERED_MS)?;
                let Telling { status, body } = work(people, &secret)?;
                let body = body.into_bytes();
                people.remember(&use_of_key, &Remembered { fingerprint, status, body: body.clone() }, now)?;
                Ok((status, body, false))
            })?;
            let body = String::from_utf8_lossy(&body).replace(SECRET, &secret);
            Ok::<_, Failed>(ToldPeople { telling: Telling { status, body }, replayed })
        });
        done.map_err(|failed| match failed {
            Failed::Store(error) => unreadable(&error),
            Failed::Rule(refusal) => refusal,
        })
    }
}

/// A store that cannot be read or written, said in the log alone: what it says is nothing for strangers.
pub(crate) fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the identities could not be written");
    Refusal::PeopleUnreadable
}

/// A random-looking secret that only this store can make again.
fn derived(server: &[u8; 32], purpose: &str, use_of_key: &[u8; 16]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(server);
    hasher.update(purpose.as_bytes());
    hasher.update(use_of_key);
    format!("usance_{}", hasher.finalize().to_hex())
}

/// Bytes as lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
