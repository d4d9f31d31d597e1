//! Who may come in: the stored tokens, passwords, second factors, sessions and links, as requests share them.
//!
//! None of it is money state, so none of it is in the log; but keys are taken in one place, the log, also for a write whose
//! answer lies here. [`People::once`] does such a write: its work and the answer that it was told are one transaction, and a
//! repeated request gets the same bytes again. A secret is random, shown once and stored hashed; in what is remembered a mark stands
//! for it, and beside it lies the secret, sealed with a key that is in no store (`keys`).

mod kept;
pub mod keys;
mod keys_of_old;
mod secret;

use self::keys::{Keyring, KeysError};
pub use self::secret::{SECRET, code_as_made, secret_hash, token_secret};
pub(crate) use self::secret::{SecretForm, hex};
use crate::life::clock::EngineClock;
use crate::life::engine::Engine;
use crate::life::pool::Pool;
use crate::refusal::Refusal;
use crate::submit::Write;
use usance_core::id::hash16;
use usance_store::secrets::Sealed;
use usance_store::{Home, Identities, IdentityStore, Remembered, StoreError, atomically};

/// Rows that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 10_000;

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

/// The stored identities, and the keys that open what of them is sealed.
pub struct People {
    home: Home,
    stores: Pool<Box<dyn IdentityStore>>,
    keys: Keyring,
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

impl From<KeysError> for Failed {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => Failed::Store(error),
            other => {
                tracing::error!(error = %other, "a sealed secret could not be read or written");
                Failed::Rule(Refusal::SecretsOutdated)
            }
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Failed::Rule(refusal)
    }
}

impl People {
    /// The identities of a home, and the secrets file that belongs to them. A file has one writer at a time; a server has many.
    #[must_use]
    pub fn of(home: &Home, keys: Keyring) -> People {
        let max = if matches!(home, Home::Embedded(_)) { 1 } else { 3 };
        let stores = home.clone();
        People { home: home.clone(), stores: Pool::new(max, move || stores.people_as_they_are()), keys }
    }

    /// Brings the stored identities up to this release and makes them this secrets file's, or finds that they are: what a writer does
    /// before anybody comes in.
    ///
    /// # Errors
    /// As [`Keyring::join`].
    pub fn take_over(&self) -> Result<(), KeysError> {
        self.keys.join(self.home.people()?.as_mut())
    }

    /// Works on the stored identities.
    ///
    /// # Errors
    /// What `work` gave, and as the home answers.
    pub fn with<R, E: From<StoreError>>(&self, work: impl FnOnce(&mut dyn IdentityStore) -> Result<R, E>) -> Result<R, E> {
        self.stores.with(|store| work(store.as_mut()))?
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Forgets what is over: answers whose keys the machine has forgotten, and what expired three days ago. Little at a time, for others
    /// write meanwhile.
    ///
    /// # Errors
    /// As the home answers.
    pub fn forget(&self, engine: &Engine) -> Result<(), StoreError> {
        let now = EngineClock::system().ms();
        if let Some(at_ms) = engine.peek(|state| kept::forgotten_before(&state.keys, now)) {
            self.in_pieces(|store, limit| store.forget_answers_before(at_ms, limit))?;
        }
        self.in_pieces(|store, limit| store.forget_expired_before(now - kept::EXPIRED_KEPT_MS, limit))
    }

    fn in_pieces(&self, forget: impl Fn(&dyn IdentityStore, u32) -> Result<usize, StoreError>) -> Result<(), StoreError> {
        while self.with(|store| forget(store, FORGOTTEN_AT_ONCE))? >= FORGOTTEN_AT_ONCE as usize {}
        Ok(())
    }

    /// Does something once. The work gets the secret of this request, which is random; it is kept sealed for as long as the answer
    /// is remembered, where the answer shows it.
    pub(crate) async fn once(
        &self,
        engine: &Engine,
        write: Write<'_>,
        secret: SecretForm,
        work: impl FnOnce(&dyn Identities, &str) -> Result<Telling, Failed>,
    ) -> Result<ToldPeople, Refusal> {
        // The log takes the key; where it lies there names this one use of it for the people, too.
        let key = engine.used_key(write);
        let place = engine.take_key(key, write.caller).await?;
        let seed = engine.peek(|state| state.registry.platform.seed);
        let use_of_key = hash16(&seed, "use of a key", &[&hex(&key.hash), &place.to_string()]);
        let used_at = kept::used_at(engine.peek(|state| state.registry.last_at), EngineClock::system().ms());
        let fresh = secret.make().map_err(|error| Refusal::NoRandomness(error.to_string()))?;
        let done = self.with(|store| {
            let mut fingerprint = [0; 32];
            fingerprint[..16].copy_from_slice(&key.fingerprint);
            atomically(store, |people| -> Result<_, Failed> {
                if let Some(before) = people.remembered(&use_of_key)? {
                    let telling = self.again(people, &use_of_key, before)?;
                    return Ok(ToldPeople { telling, replayed: true });
                }
                let Telling { status, body } = work(people, &fresh)?;
                let shows = body.contains(SECRET);
                let sealed = if shows { Some(self.keys.seal(people, Sealed::Answer(&use_of_key), fresh.as_bytes())?) } else { None };
                let answer = Remembered { fingerprint, status, body: body.clone().into_bytes(), sealed };
                people.remember(&use_of_key, &answer, used_at)?;
                Ok(ToldPeople { telling: Telling { status, body: body.replace(SECRET, &fresh) }, replayed: false })
            })
        });
        done.map_err(|failed| match failed {
            Failed::Store(error) => unreadable(&error),
            Failed::Rule(refusal) => refusal,
        })
    }

    /// An answer that was given before, with its secret.
    fn again(&self, people: &dyn Identities, use_of_key: &[u8; 16], before: Remembered) -> Result<Telling, Failed> {
        let Remembered { status, body, sealed, .. } = before;
        let body = String::from_utf8_lossy(&body).into_owned();
        if !body.contains(SECRET) {
            return Ok(Telling { status, body });
        }
        let sealed = sealed.ok_or(Refusal::SecretForgotten)?;
        let opened = self.keys.open(people, Sealed::Answer(use_of_key), &sealed)?;
        Ok(Telling { status, body: body.replace(SECRET, &String::from_utf8_lossy(&opened)) })
    }
}

/// A store that cannot be read or written, said in the log alone: what it says is nothing for strangers.
pub fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the identities could not be written");
    Refusal::PeopleUnreadable
}
