//! The keys of this process: read from the secrets file, held against what the store says of them, and changed with it.
//!
//! Owns which file belongs to a store (the store keeps the fingerprint of the key in force), what happens at the first start and
//! after a rotation by another process, and rotation itself. It refuses to go on with another platform's file. A process that runs
//! looks at the store's fingerprint in the transaction of everything that it seals or opens, so nothing is sealed with a key that was
//! rotated out meanwhile.

use super::keys_of_old;
use super::secret::secret_hash;
use crate::life::clock::EngineClock;
use parking_lot::RwLock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_store::actor::Actor;
use usance_store::secrets::{Fingerprint, Key, NotOpened, Purpose, Sealed};
use usance_store::{
    Identities, IdentityStore, NewSecurityEvent, SealedItem, SealedPlace, Secrets, SecurityKind, StoreError, atomically, secrets_file,
};

/// Why keys and store do not go together.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store or the file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no file, and the store was sealed with one.
    #[error(
        "the secrets file {} is not there, and this store was sealed with key {stored}: bring the file from another instance or from \
         where you keep its copy (--secrets); if it is lost, `usance secrets replace` makes a new one and names what cannot be read any more",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The key that seals.
        stored: Fingerprint,
    },
    /// The file is another platform's, or older than the last rotation.
    #[error(
        "the secrets file {} does not have key {stored}, with which this store was sealed: it is another platform's, or older than the \
         last `usance secrets rotate`; every instance of a platform gets the same file",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The key that seals.
        stored: Fingerprint,
    },
    /// A file is there where a lost one is to be replaced.
    #[error("the secrets file {} is there: nothing is replaced. Move it away if it is not this store's", path.display())]
    NotLost {
        /// The file.
        path: PathBuf,
    },
    /// Something sealed does not open.
    #[error("{0}")]
    NotOpened(#[from] NotOpened),
}

/// The keys, and the file they come from.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    now: RwLock<Option<Arc<Secrets>>>,
}

impl Keyring {
    /// The keys of a file that is not read yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Keyring {
        Keyring { path, now: RwLock::new(None) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a store this file's, or finds that it is. A store that was sealed with no file yet gets this one, which is made where
    /// there is none; what an older release kept open in it is sealed, and what that release could make again ends.
    ///
    /// # Errors
    /// [`KeysError`]; nothing of the store is changed then.
    pub fn join(&self, store: &mut dyn IdentityStore) -> Result<(), KeysError> {
        let (file, stored) = (secrets_file::read(&self.path)?, store.sealing_key()?);
        let secrets = match (file, stored) {
            (Some(secrets), None) => self.adopt(store, secrets)?,
            (None, None) => {
                let secrets = Secrets::new(Key::random(today())?, Vec::new());
                match secrets_file::create(&self.path, &secrets) {
                    // Another process was first.
                    Err(StoreError::AlreadyExists { .. }) => return self.join(store),
                    made => made?,
                }
                let path = self.path.display().to_string();
                tracing::warn!(path, "made the secrets file: it is in no backup, so keep a copy of it, apart from those of the data");
                self.adopt(store, secrets)?
            }
            (Some(secrets), Some(stored)) => secrets.with_in_force(stored).ok_or_else(|| self.other(stored))?,
            (None, Some(stored)) => return Err(KeysError::Missing { path: self.path.clone(), stored }),
        };
        if secrets_file::is_open_to_others(&self.path)? {
            let path = self.path.display().to_string();
            tracing::warn!(path, "others than its owner may read the secrets file: its directory has to keep them out");
        }
        *self.now.write() = Some(Arc::new(secrets));
        Ok(())
    }

    /// Seals what an older release left open, and says that this key seals from now on.
    fn adopt(&self, store: &mut dyn IdentityStore, secrets: Secrets) -> Result<Secrets, KeysError> {
        let in_force = secrets.in_force().fingerprint();
        let stored = atomically(store, |people| -> Result<_, KeysError> {
            // Of two that come at once one is first, and the other has to have the same file.
            if let Some(stored) = people.sealing_key()? {
                return Ok(stored);
            }
            keys_of_old::retire(people, &secrets)?;
            people.set_sealing_key(in_force)?;
            Ok(in_force)
        })?;
        store.scrub()?;
        secrets.with_in_force(stored).ok_or_else(|| self.other(stored))
    }

    fn other(&self, stored: Fingerprint) -> KeysError {
        KeysError::Other { path: self.path.clone(), stored }
    }

    /// The keys as the store says they are, read again where another process has rotated them.
    fn secrets(&self, people: &dyn Identities) -> Result<Arc<Secrets>, KeysError> {
        let Some(stored) = people.sealing_key()? else {
            return Err(StoreError::NotFound { what: "the key that seals".to_owned() }.into());
        };
        let known = self.now.read().clone().filter(|known| known.in_force().fingerprint() == stored);
        if let Some(known) = known {
            return Ok(known);
        }
        let read = secrets_file::read(&self.path)?.ok_or_else(|| KeysError::Missing { path: self.path.clone(), stored })?;
        let secrets = Arc::new(read.with_in_force(stored).ok_or_else(|| self.other(stored))?);
        *self.now.write() = Some(Arc::clone(&secrets));
        Ok(secrets)
    }

    /// Looks whether another process has rotated the keys, and follows it.
    ///
    /// # Errors
    /// [`KeysError`]: what is sealed cannot be opened here meanwhile.
    pub fn follow(&self, people: &dyn Identities) -> Result<(), KeysError> {
        self.secrets(people).map(drop)
    }

    /// Seals bytes, in the transaction that keeps them.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn seal(&self, people: &dyn Identities, what: Sealed<'_>, plain: &[u8]) -> Result<Vec<u8>, KeysError> {
        Ok(self.secrets(people)?.seal(what, plain)?)
    }

    /// Opens sealed bytes, in the transaction that read them.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(&self, people: &dyn Identities, what: Sealed<'_>, sealed: &[u8]) -> Result<Vec<u8>, KeysError> {
        Ok(self.secrets(people)?.open(what, sealed)?)
    }

    /// A key for one purpose, `None` while this process has no keys: a standby that no writer of this release has gone before.
    #[must_use]
    pub fn derived(&self, purpose: Purpose) -> Option<[u8; 32]> {
        self.now.read().as_ref().map(|secrets| secrets.derive(purpose))
    }
}

/// What a change of keys did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many secrets are sealed with the new key.
    pub sealed: usize,
    /// Customers whose second factor cannot be opened any more, or was sealed with a key that others know.
    pub factors: Vec<String>,
    /// Answers that cannot show their secret again.
    pub answers: usize,
    /// Tokens that have to be replaced, because others may know them.
    pub tokens: usize,
}

/// Whether the keys before are known to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A change that was due.
    Due,
    /// Somebody else may have them, and a copy of the store.
    Leaked,
    /// Nobody has them any more.
    Lost,
}

/// Seals everything with a new key, which takes the place of those in the file. Of two who do so at once the other waits, and changes
/// the key once more. Only where a key was lost does anything go on that does not open.
///
/// # Errors
/// [`KeysError`]; nothing is changed then, but for a key more in the file.
pub fn change(path: &Path, store: &mut dyn IdentityStore, reason: Reason) -> Result<Resealed, KeysError> {
    let _held = secrets_file::hold(path)?;
    let (stored, before) = (store.sealing_key()?, secrets_file::read(path)?);
    match (&before, stored) {
        (Some(_), _) if reason == Reason::Lost => return Err(KeysError::NotLost { path: path.to_path_buf() }),
        (None, Some(stored)) if reason != Reason::Lost => return Err(KeysError::Missing { path: path.to_path_buf(), stored }),
        (Some(file), Some(stored)) if file.with_in_force(stored).is_none() => {
            return Err(KeysError::Other { path: path.to_path_buf(), stored });
        }
        (Some(_) | None, _) => {}
    }
    let fresh = Key::random(today())?;
    // Both are in the file until the store has the new one: whatever happens between, one of them opens.
    let all = Secrets::new(fresh.clone(), before.iter().flat_map(Secrets::keys).cloned().collect());
    match before {
        Some(_) => secrets_file::replace(path, &all)?,
        None => secrets_file::create(path, &all)?,
    }
    let kind = if reason == Reason::Lost { SecurityKind::SecretsLost } else { SecurityKind::SecretsRotated };
    let done = atomically(store, |people| -> Result<_, KeysError> {
        // Whoever holds no file that this one knows may have changed the key meanwhile.
        if let Some(other) = people.sealing_key()?.filter(|now| Some(*now) != stored) {
            return Err(KeysError::Other { path: path.to_path_buf(), stored: other });
        }
        if stored.is_none() {
            keys_of_old::retire(people, &all)?;
        }
        let mut done = Resealed::default();
        for item in people.sealed()? {
            reseal(people, &all, item, reason, &mut done)?;
        }
        people.set_sealing_key(fresh.fingerprint())?;
        let event = NewSecurityEvent { kind, customer: None, subject: None, actor: Some(Actor::COMMAND_LINE) };
        people.add_security_event(&event, EngineClock::system().ms())?;
        Ok(done)
    })?;
    secrets_file::replace(path, &Secrets::new(fresh, Vec::new()))?;
    store.scrub()?;
    Ok(done)
}

fn reseal(people: &dyn Identities, all: &Secrets, item: SealedItem, reason: Reason, done: &mut Resealed) -> Result<(), KeysError> {
    let SealedItem { place, bytes } = item;
    let what = match &place {
        SealedPlace::SecondFactor(customer) => Sealed::SecondFactor(customer),
        SealedPlace::Answer(key) => Sealed::Answer(key),
    };
    let opened = all.open(what, &bytes);
    if let (Reason::Due | Reason::Leaked, Err(error)) = (reason, &opened) {
        return Err((*error).into());
    }
    match (&place, &opened) {
        (SealedPlace::SecondFactor(customer), Err(_)) => done.factors.push(customer.clone()),
        (SealedPlace::SecondFactor(customer), Ok(_)) if reason == Reason::Leaked => done.factors.push(customer.clone()),
        (SealedPlace::Answer(key), Ok(secret)) if reason == Reason::Leaked => {
            // Whoever has the store of before knows this secret.
            let hash = secret_hash(&String::from_utf8_lossy(secret));
            if let Some(token) = people.find_token(&hash)? {
                done.tokens += usize::from(people.expose_token(token.id)?);
                let event = NewSecurityEvent::about_token(SecurityKind::TokenExposed, &token, Some(Actor::COMMAND_LINE));
                people.add_security_event(&event, EngineClock::system().ms())?;
            }
            people.take_sign_in_link(&hash, 0)?;
            people.forget_sealed_answer(key)?;
            done.answers += 1;
            return Ok(());
        }
        (SealedPlace::Answer(key), Err(_)) => {
            people.forget_sealed_answer(key)?;
            done.answers += 1;
        }
        (SealedPlace::SecondFactor(_) | SealedPlace::Answer(_), Ok(_)) => {}
    }
    if let Ok(plain) = opened {
        let bytes = all.seal(what, &plain)?;
        people.reseal(&SealedItem { place, bytes })?;
        done.sealed += 1;
    }
    Ok(())
}

/// The day by the system's clock, in UTC.
#[must_use]
pub fn today() -> Day {
    DayOffset::default().day_of(Timestamp::from_ms(EngineClock::system().ms()))
}
