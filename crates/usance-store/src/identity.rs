//! People and what they carry: tokens, passwords, links, sessions, second factors, and answers to identity writes.
//!
//! Owns the shapes and the contract of their home. None of it is money state, so none of it is in the log: a token
//! revoked stays revoked whatever the log is replayed to. It refuses plain secrets: tokens, links and sessions come as
//! hashes, passwords as PHC strings, and times from the caller. What has to be read again, the secret of a second factor and that
//! of an answer, the caller seals first ([`crate::secrets`]); the key is never here, only its fingerprint. Codes are computed and
//! compared by the caller: here a time step is only used up. What changes how people come in is told by security events, which are
//! never changed ([`crate::security`]). Who may do what is the route table's affair, not this one's. The homes are
//! [`crate::identity_sqlite`], which is embedded, and [`crate::postgres::people`]; [`crate::identity_dump`] is what moves
//! between them.

use crate::error::StoreError;
use crate::identity_dump::People;
pub use crate::person::*;
use crate::secrets::Fingerprint;
pub use crate::security::{NewSecurityEvent, SecurityEvent, SecurityKind};

/// Everything that can be asked of identities, inside of a transaction or by itself. By itself each call is a
/// transaction of its own, durable when it returns.
///
/// Every call fails with [`StoreError::Full`], [`StoreError::Damaged`] or the home's own variant when the store cannot be
/// read or written; only other errors are listed. Outside of a transaction nothing of a call happened when it fails, unless
/// the error is [`StoreError::Unknown`]. Inside of one, a caller goes on after [`StoreError::AlreadyExists`] if it likes;
/// after any other error it rolls back, and a home may insist on that.
pub trait Identities {
    /// Adds a token at `at_ms` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when a token with this hash was ever added.
    fn add_token(&self, token: &NewToken, at_ms: i64) -> Result<TokenRecord, StoreError>;

    /// Every token, revoked ones too, newest first.
    ///
    /// # Errors
    /// As every call.
    fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError>;

    /// A customer's tokens, revoked ones too, newest first.
    ///
    /// # Errors
    /// As every call.
    fn tokens_of(&self, customer: &str) -> Result<Vec<TokenRecord>, StoreError>;

    /// The token with this id.
    ///
    /// # Errors
    /// As every call.
    fn token(&self, id: i64) -> Result<Option<TokenRecord>, StoreError>;

    /// Whether any token opens something at `now_ms` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// As every call.
    fn has_live_token(&self, now_ms: i64) -> Result<bool, StoreError>;

    /// The token with this hash, `None` when there is none. One that was revoked or has expired is given, too: whoever asks
    /// looks at [`TokenRecord::is_live`].
    ///
    /// # Errors
    /// As every call.
    fn find_token(&self, hash: &[u8; 32]) -> Result<Option<TokenRecord>, StoreError>;

    /// A number that changes whenever another process has revoked or marked a token that was there, or changed the key that seals. It may
    /// change for other reasons, too: it says only that what is known of them has to be asked for again. What this value wrote itself its owner knows.
    ///
    /// # Errors
    /// As every call.
    fn foreign_version(&self) -> Result<i64, StoreError>;

    /// Revokes a token for good. `false` when there is none with this id or it was revoked before.
    ///
    /// # Errors
    /// As every call.
    fn revoke_token(&self, id: i64, at_ms: i64) -> Result<bool, StoreError>;

    /// Revokes every token of a customer that was not revoked before; gives their numbers.
    ///
    /// # Errors
    /// As every call.
    fn revoke_tokens_of(&self, customer: &str, at_ms: i64) -> Result<Vec<i64>, StoreError>;

    /// Notes of a token that it has to be replaced. `false` when there is none with this id.
    ///
    /// # Errors
    /// As every call.
    fn expose_token(&self, id: i64) -> Result<bool, StoreError>;

    /// Sets a customer's password, in place of an older one. `phc` is the salted hash as a PHC string.
    ///
    /// # Errors
    /// As every call.
    fn set_password(&self, customer: &str, phc: &str, at_ms: i64) -> Result<(), StoreError>;

    /// The PHC string of a customer's password.
    ///
    /// # Errors
    /// As every call.
    fn password(&self, customer: &str) -> Result<Option<String>, StoreError>;

    /// Adds a link that signs `customer` in once, before `expires_at_ms`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] for a hash that is waiting to be taken.
    fn add_sign_in_link(&self, hash: &[u8; 32], customer: &str, expires_at_ms: i64) -> Result<(), StoreError>;

    /// The customer whom a link would sign in, without using it up; `None` when there is none, or it has expired by
    /// `now_ms`.
    ///
    /// # Errors
    /// As every call.
    fn sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError>;

    /// Uses a link up and gives its customer; `None` when there is none, or it has expired by `now_ms`. Of two who take
    /// one link, one gets it.
    ///
    /// # Errors
    /// As every call.
    fn take_sign_in_link(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<String>, StoreError>;

    /// Ends every link of a customer; gives how many.
    ///
    /// # Errors
    /// As every call.
    fn end_sign_in_links(&self, customer: &str) -> Result<usize, StoreError>;

    /// Adds a session at `at_ms` (milliseconds since the Unix epoch), which counts as seen then.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] for a hash that is there, of an expired session too.
    fn add_session(&self, session: &NewSession, at_ms: i64) -> Result<SessionRecord, StoreError>;

    /// The session with this hash, `None` when there is none or it has expired by `now_ms` (milliseconds since the Unix
    /// epoch; at the very instant it has).
    ///
    /// # Errors
    /// As every call.
    fn find_session(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<SessionRecord>, StoreError>;

    /// A customer's sessions that have not expired by `now_ms` (milliseconds since the Unix epoch), newest first.
    ///
    /// # Errors
    /// As every call.
    fn sessions(&self, customer: &str, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError>;

    /// Notes that a session was in use at `at_ms` and lasts until `expires_at_ms` (milliseconds since the Unix epoch).
    /// Neither instant ever moves backwards: the later one stays. `false` when there is none with this id or it has
    /// expired by `at_ms`; what has expired never comes back.
    ///
    /// # Errors
    /// As every call.
    fn see_session(&self, id: i64, at_ms: i64, expires_at_ms: i64) -> Result<bool, StoreError>;

    /// Ends a session for good, also one that has expired and is not yet forgotten. `false` when this customer has none
    /// with this id.
    ///
    /// # Errors
    /// As every call.
    fn end_session(&self, customer: &str, id: i64) -> Result<bool, StoreError>;

    /// Ends every session of a customer, but not the one with the id `except`; gives how many, expired ones that were not
    /// yet forgotten too.
    ///
    /// # Errors
    /// As every call.
    fn end_sessions(&self, customer: &str, except: Option<i64>) -> Result<usize, StoreError>;

    /// Ends every session of a customer but the `kept` newest of those that have not expired by `now_ms` (milliseconds since
    /// the Unix epoch); gives how many, expired ones that were not yet forgotten too.
    ///
    /// # Errors
    /// As every call.
    fn end_older_sessions(&self, customer: &str, kept: u32, now_ms: i64) -> Result<usize, StoreError>;

    /// Sets a customer's second factor at `at_ms` (milliseconds since the Unix epoch), in place of an older one. No time
    /// step of the new one is used up.
    ///
    /// # Errors
    /// As every call.
    fn set_second_factor(&self, customer: &str, secret: &[u8], at_ms: i64) -> Result<(), StoreError>;

    /// A customer's second factor, `None` when none is set.
    ///
    /// # Errors
    /// As every call.
    fn second_factor(&self, customer: &str) -> Result<Option<SecondFactor>, StoreError>;

    /// Uses up a time step of a customer's second factor, and every one before it. `true` only when the step is newer
    /// than the last one used; `false` as well when no second factor is set. Of two who use one step, one gets `true`.
    /// The secret is not looked at: where it may be replaced meanwhile, call this in the transaction that read it.
    ///
    /// # Errors
    /// As every call.
    fn use_step(&self, customer: &str, step: i64) -> Result<bool, StoreError>;

    /// Removes a customer's second factor. `false` when none is set.
    ///
    /// # Errors
    /// As every call.
    fn remove_second_factor(&self, customer: &str) -> Result<bool, StoreError>;

    /// The answer given under an idempotency key, `None` when none is remembered.
    ///
    /// # Errors
    /// As every call.
    fn remembered(&self, key: &[u8; 16]) -> Result<Option<Remembered>, StoreError>;

    /// Remembers an answer under an idempotency key. To be called in the transaction of the write it answers.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when an answer is remembered under this key.
    fn remember(&self, key: &[u8; 16], answer: &Remembered, at_ms: i64) -> Result<(), StoreError>;

    /// Forgets answers remembered before `at_ms` (milliseconds since the Unix epoch), at most `limit`; gives how many. Whoever was given
    /// `limit` calls again.
    ///
    /// # Errors
    /// As every call.
    fn forget_answers_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError>;

    /// Forgets links and sessions that expired before `at_ms` (milliseconds since the Unix epoch), at most `limit` of each; gives how
    /// many. Whoever was given `limit` or more calls again.
    ///
    /// # Errors
    /// As every call.
    fn forget_expired_before(&self, at_ms: i64, limit: u32) -> Result<usize, StoreError>;

    /// Takes away the secret with this name, and gives it. Releases before there was a secrets file kept secrets in the store.
    ///
    /// # Errors
    /// As every call.
    fn take_secret(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError>;

    /// Which key seals what is kept here, `None` while none does.
    ///
    /// # Errors
    /// As every call.
    fn sealing_key(&self) -> Result<Option<Fingerprint>, StoreError>;

    /// Says which key seals from now on.
    ///
    /// # Errors
    /// As every call.
    fn set_sealing_key(&self, key: Fingerprint) -> Result<(), StoreError>;

    /// Everything that is sealed, or in a store of an older release should be.
    ///
    /// # Errors
    /// As every call.
    fn sealed(&self) -> Result<Vec<SealedItem>, StoreError>;

    /// Puts other sealed bytes in the place of what is sealed there. Nothing else of it changes.
    ///
    /// # Errors
    /// As every call.
    fn reseal(&self, item: &SealedItem) -> Result<(), StoreError>;

    /// Forgets the sealed secret of an answer; the answer stays.
    ///
    /// # Errors
    /// As every call.
    fn forget_sealed_answer(&self, key: &[u8; 16]) -> Result<(), StoreError>;

    /// The answers that show a secret and have it not sealed: those of a release before there was a secrets file.
    ///
    /// # Errors
    /// As every call.
    fn unsealed_answers(&self, mark: &str) -> Result<Vec<([u8; 16], Remembered)>, StoreError>;

    /// Adds an event to the chain at `at_ms` (milliseconds since the Unix epoch). To be called in the transaction of what it tells.
    ///
    /// # Errors
    /// As every call.
    fn add_security_event(&self, event: &NewSecurityEvent, at_ms: i64) -> Result<SecurityEvent, StoreError>;

    /// At most `limit` events before the number `before`, of one customer or of all, newest first.
    ///
    /// # Errors
    /// As every call.
    fn security_events(&self, customer: Option<&str>, before: Option<i64>, limit: u32) -> Result<Vec<SecurityEvent>, StoreError>;
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it is durable.
    Commit,
    /// None of it happened.
    RollBack,
}

/// A home of identities.
pub trait IdentityStore: Identities + Send {
    /// Runs `work` once, in one transaction that no other write comes between. Whoever else writes waits for its end, some
    /// seconds and no longer, so `work` itself waits for nothing. [`atomically`] is easier to call.
    ///
    /// # Errors
    /// When the transaction cannot begin or commit; nothing of it happened then, unless the error is
    /// [`StoreError::Unknown`]. [`StoreError::RolledBack`] when it was to commit although something in it had failed, and the
    /// home insists.
    fn transaction(&mut self, work: &mut dyn FnMut(&dyn Identities) -> Ending) -> Result<(), StoreError>;

    /// Everything there is, as it stands at one moment.
    ///
    /// # Errors
    /// As every call of [`Identities`].
    fn everything(&self) -> Result<People, StoreError>;

    /// Puts everything of another home into this one, which is empty, in one transaction. All numbers stay as they are, and
    /// none that was ever used there is used again here.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when anything was ever kept here; nothing is changed then.
    fn fill(&mut self, people: &People) -> Result<(), StoreError>;

    /// Leaves nothing in files of what was removed. A database server does that by itself, in its own time.
    ///
    /// # Errors
    /// As every call of [`Identities`].
    fn scrub(&self) -> Result<(), StoreError>;

    /// As [`IdentityStore::fill`], in the place of everything that is here. No number that was ever used in either is used
    /// again.
    ///
    /// # Errors
    /// As every call of [`Identities`]; nothing is changed then.
    fn replace(&mut self, people: &People) -> Result<(), StoreError>;
}

/// Runs `work` in one transaction: all of it happens when it gives `Ok`, none of it otherwise.
///
/// # Errors
/// What `work` gave; otherwise as [`IdentityStore::transaction`].
pub fn atomically<T, E: From<StoreError>>(
    store: &mut dyn IdentityStore,
    work: impl FnOnce(&dyn Identities) -> Result<T, E>,
) -> Result<T, E> {
    let mut work = Some(work);
    let mut outcome = None;
    store.transaction(&mut |identities| {
        let result = work.take().map(|work| work(identities));
        let ending = if matches!(result, Some(Ok(_))) { Ending::Commit } else { Ending::RollBack };
        outcome = result;
        ending
    })?;
    outcome.unwrap_or_else(|| Err(StoreError::Unknown("the transaction did not run".to_owned()).into()))
}
