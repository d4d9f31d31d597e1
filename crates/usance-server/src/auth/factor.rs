//! Second factors: codes by time (TOTP, RFC 6238), and the proof that is asked before the way in is changed.
//!
//! A secret lies sealed with the people and is opened for as long as a code is compared. A code counts once. One that was sealed with
//! a key that was lost opens nothing: its customer stays out until the exchange takes it away.

use crate::auth::attempts::Sender;
use crate::auth::refusals::{failed, keyless};
use crate::auth::session::{now, random, too_many, wrong};
use crate::auth::tokens::Auth;
use crate::wire::problem::Problem;
use axum::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::net::IpAddr;
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder, Totp};
use usance_engine::caller::Actor;
use usance_engine::operations::session::{AlsoTokens, Keeps, end_all};
use usance_engine::people::keys::KeysError;
use usance_store::secrets::{NotOpened, Sealed};
use usance_store::{Identities, NewSecurityEvent, SecurityKind, SessionRecord, StoreError, atomically};

/// Seconds of one code (RFC 6238).
const STEP_SECONDS: u64 = 30;
/// Bytes of a second factor's secret.
const FACTOR_BYTES: usize = 20;
/// What an authenticator shows above the codes.
const ISSUER: &str = "Usance";
/// What is written as `%41` in the address that an authenticator reads.
const IN_ADDRESS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// 401: the code is not right, or counted before.
fn wrong_code() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "code_wrong", "The code is not right, or was used before.")
}

/// A code as people type it: digits, perhaps in groups.
fn digits(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// 401: whoever changes how a customer comes in has to show what the customer comes in with.
fn unproven() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "proof_wrong", "Show the password, or a code of the second factor that is set.")
}

/// 403: the secret was sealed with a key that nobody has any more.
fn lost() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "second_factor_lost",
        "This second factor cannot be checked any more; the exchange has to remove it.",
    )
}

fn not_opened(error: KeysError) -> Problem {
    match error {
        KeysError::Store(error) => failed(&error),
        KeysError::NotOpened(NotOpened::OtherKey) => lost(),
        other => {
            tracing::error!(error = %other, "a second factor could not be opened or sealed");
            keyless()
        }
    }
}

/// What a signed-in customer shows again before the way in is changed.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// The password.
    pub password: String,
    /// A code of the second factor that is set.
    pub code: String,
}

/// What was shown and was right: what is changed has to find it as it was.
#[derive(Clone, Debug)]
pub enum Proven {
    /// The password, by its stored hash.
    Password(String),
    /// The second factor, as it is sealed.
    Factor(Vec<u8>),
}

/// Why a change of the way in was not made.
pub(super) enum Unchanged {
    /// The people or the keys.
    Keys(KeysError),
    /// The session ended, or what was proven is not so any more.
    Overtaken,
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Self {
        Unchanged::Keys(error.into())
    }
}

impl From<KeysError> for Unchanged {
    fn from(error: KeysError) -> Self {
        Unchanged::Keys(error)
    }
}

impl Unchanged {
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Unchanged::Keys(error) => not_opened(error),
            Unchanged::Overtaken => unproven(),
        }
    }
}

impl Proven {
    /// Looks again, in the transaction of the change: somebody may have ended the session, or changed what was proven, meanwhile.
    pub(super) fn still(&self, people: &dyn Identities, session: &SessionRecord) -> Result<(), Unchanged> {
        let customer = session.customer.as_str();
        let is_open = people.sessions(customer, now())?.iter().any(|open| open.id == session.id);
        let is_same = match self {
            Proven::Password(stored) => people.password(customer)?.as_ref() == Some(stored),
            Proven::Factor(sealed) => people.second_factor(customer)?.is_some_and(|factor| factor.secret == *sealed),
        };
        if is_open && is_same { Ok(()) } else { Err(Unchanged::Overtaken) }
    }
}

/// A signed-in customer who asks for a change of the way in.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The session.
    pub session: &'a SessionRecord,
    /// Where the request comes from.
    pub address: IpAddr,
    /// Who it is, as events say it.
    pub actor: Option<Actor>,
}

/// A second factor that is to be put in force.
#[derive(Clone, Debug)]
pub struct FactorAsked {
    /// The secret that was proposed, as it was shown.
    pub secret: String,
    /// Its first code.
    pub code: String,
    /// What the customer comes in with until now.
    pub proof: Proof,
}

impl Auth {
    /// Checks the code that follows a right password, and gives the customer.
    ///
    /// # Errors
    /// 401 for a wrong or used code, or a ticket that is not ours or too old; 403 for a second factor that was lost; 429 with
    /// `Retry-After` after too many tries.
    pub fn check_code(&self, ticket: &str, code: &str, sender: &Sender) -> Result<String, Problem> {
        let customer = self.ticket_customer(ticket)?;
        let factor = self.second_factor(&customer)?.ok_or_else(wrong)?;
        let taken = self.attempts.code(&customer, sender).map_err(|wait| too_many("code", wait))?;
        let used = self.use_code(&customer, &factor, code);
        self.count_try("code", &used, taken);
        used.map(|()| customer)
    }

    fn second_factor(&self, customer: &str) -> Result<Option<Opened>, Problem> {
        let opened = self.with_store(|store| -> Result<_, KeysError> {
            let Some(stored) = store.second_factor(customer)? else { return Ok(None) };
            let plain = self.people.keys().open(store, Sealed::SecondFactor(customer), &stored.secret)?;
            Ok(Some(Opened { totp: totp(&plain), sealed: stored.secret }))
        });
        opened.map_err(not_opened)
    }

    /// Whether a customer has a second factor.
    ///
    /// # Errors
    /// 503 when the people cannot be read.
    pub fn has_second_factor(&self, customer: &str) -> Result<bool, Problem> {
        let stored = self.with_store(|store| store.second_factor(customer)).map_err(|error| failed(&error))?;
        Ok(stored.is_some())
    }

    /// Uses a code up, of the factor that was opened and no other one.
    fn use_code(&self, customer: &str, factor: &Opened, code: &str) -> Result<(), Problem> {
        let step = right_step(&factor.totp, code).ok_or_else(wrong_code)?;
        let first = self.with_store(|store| {
            atomically::<_, StoreError>(store, |people| {
                let is_same = people.second_factor(customer)?.is_some_and(|stored| stored.secret == factor.sealed);
                Ok(is_same && people.use_step(customer, step)?)
            })
        });
        if first.map_err(|error| failed(&error))? { Ok(()) } else { Err(wrong_code()) }
    }

    /// Looks at what a session's customer shows again: a code of the second factor where one is set, the password otherwise.
    ///
    /// # Errors
    /// 401 for what is wrong, 403 for a second factor that was lost, 429 with `Retry-After` after too many tries.
    pub async fn prove(&self, asking: Asking<'_>, proof: Proof) -> Result<Proven, Problem> {
        let session = asking.session;
        let Some(factor) = self.second_factor(&session.customer)? else {
            return self.prove_password(asking, proof.password).await;
        };
        let taken = self.attempts.code_within(session.id).map_err(|wait| too_many("session", wait))?;
        let used = self.use_code(&session.customer, &factor, &proof.code);
        self.count_try("session", &used, taken);
        used.map(|()| Proven::Factor(factor.sealed))
    }

    /// Looks at the password that a session's customer shows again.
    ///
    /// # Errors
    /// As [`Auth::prove`].
    pub async fn prove_password(&self, asking: Asking<'_>, password: String) -> Result<Proven, Problem> {
        let Asking { session, address, .. } = asking;
        let sender = Sender::Known { device: format!("session {}", session.id), address };
        match self.proven_password(&session.customer, password, &sender).await {
            Ok(stored) => Ok(Proven::Password(stored)),
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Err(unproven()),
            Err(problem) => Err(problem),
        }
    }

    /// A new second factor that is not in force yet: its secret, and the address an authenticator reads.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn propose_factor(customer: &str) -> Result<ProposedFactor, Problem> {
        Ok(ProposedFactor::new(customer, &random::<FACTOR_BYTES>()?))
    }

    /// Puts a second factor in force for a session's customer, in the place of an older one, once its first code is right. Links and
    /// other sessions end: they were opened without it.
    ///
    /// # Errors
    /// As [`Auth::prove`]; 401 for a wrong first code, 400 for a secret that is none.
    pub async fn set_factor(&self, asking: Asking<'_>, asked: FactorAsked) -> Result<(), Problem> {
        let Asking { session, actor, .. } = asking;
        let (customer, secret) = (session.customer.as_str(), ProposedFactor::read(&asked.secret)?);
        let taken = self.attempts.code_within(session.id).map_err(|wait| too_many("session", wait))?;
        let step = right_step(&totp(&secret), &asked.code).ok_or_else(wrong_code);
        self.count_try("session", &step, taken);
        let step = step?;
        let proven = self.prove(asking, asked.proof).await?;
        let set = self.with_store(|store| {
            atomically(store, |people| -> Result<(), Unchanged> {
                proven.still(people, session)?;
                let sealed = self.people.keys().seal(people, Sealed::SecondFactor(customer), &secret)?;
                people.set_second_factor(customer, &sealed, now())?;
                // The code that set it up is used up, too.
                people.use_step(customer, step)?;
                people.add_security_event(&NewSecurityEvent::about(SecurityKind::FactorSet, customer, actor), now())?;
                Ok(end_all(people, customer, keeps(session), actor, now())?)
            })
        });
        set.map_err(Unchanged::into_problem)?;
        self.sessions_ended();
        Ok(())
    }

    /// Takes the second factor of a session's customer out of force, with one of its codes. Links and other sessions end.
    ///
    /// # Errors
    /// As [`Auth::prove`].
    pub async fn remove_factor(&self, asking: Asking<'_>, code: String) -> Result<(), Problem> {
        let Asking { session, actor, .. } = asking;
        let customer = session.customer.as_str();
        if !self.has_second_factor(customer)? {
            return Err(wrong());
        }
        let proven = self.prove(asking, Proof { code, ..Proof::default() }).await?;
        let removed = self.with_store(|store| {
            atomically(store, |people| -> Result<(), Unchanged> {
                proven.still(people, session)?;
                people.remove_second_factor(customer)?;
                people.add_security_event(&NewSecurityEvent::about(SecurityKind::FactorRemoved, customer, actor), now())?;
                Ok(end_all(people, customer, keeps(session), actor, now())?)
            })
        });
        removed.map_err(Unchanged::into_problem)?;
        self.sessions_ended();
        Ok(())
    }
}

/// What stays open: the session that asked, and tokens.
const fn keeps(session: &SessionRecord) -> Keeps {
    Keeps { session: Some(session.id), tokens: AlsoTokens::Keep }
}

/// A second factor that was opened, and as it is stored.
struct Opened {
    totp: Totp,
    sealed: Vec<u8>,
}

/// The time step whose code this is: of now, the one before or the one after. Looks at every digit of all three.
fn right_step(totp: &Totp, code: &str) -> Option<i64> {
    let (code, now_step) = (digits(code), u64::try_from(now() / 1000).unwrap_or(0) / STEP_SECONDS);
    let mut found = None;
    for step in now_step.saturating_sub(1)..=now_step.saturating_add(1) {
        let right = totp.generate(step.saturating_mul(STEP_SECONDS)).to_string();
        if bool::from(right.as_bytes().ct_eq(code.as_bytes())) {
            found = i64::try_from(step).ok();
        }
    }
    found
}

fn totp(secret: &[u8]) -> Totp {
    // Six digits of SHA-1 every thirty seconds: what every authenticator reads. Our secrets are long enough for it.
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS)
        .with_skew(1)
        .with_secret(secret.to_vec())
        .build_noncompliant()
}

/// A second factor that is shown before it is put in force.
pub struct ProposedFactor {
    /// The secret as people type it: base 32, in groups of four.
    pub secret: String,
    /// What an authenticator reads: `otpauth://totp/…`.
    pub address: String,
}

impl ProposedFactor {
    fn new(customer: &str, secret: &[u8]) -> Self {
        let letters = totp_rs::Secret::from(secret.to_vec()).to_base32();
        let groups: Vec<&str> = letters.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        // What is not said is what every authenticator takes for granted, and what `totp` takes: SHA-1, six digits, thirty seconds.
        let address = format!("otpauth://totp/{ISSUER}:{}?secret={letters}&issuer={ISSUER}", utf8_percent_encode(customer, IN_ADDRESS));
        ProposedFactor { secret: groups.join(" "), address }
    }

    /// The same factor again, from the secret that was shown.
    ///
    /// # Errors
    /// 400 for a secret that is none.
    pub fn again(customer: &str, secret: &str) -> Result<Self, Problem> {
        Ok(ProposedFactor::new(customer, &ProposedFactor::read(secret)?))
    }

    fn read(secret: &str) -> Result<Vec<u8>, Problem> {
        let letters: String = secret.chars().filter(|letter| !letter.is_whitespace()).collect();
        let read = totp_rs::Secret::try_from_base32(&letters).map(|secret| secret.as_ref().to_vec());
        let whole = read.ok().filter(|bytes| bytes.len() == FACTOR_BYTES);
        whole.ok_or_else(|| Problem::malformed("secret: the one that was shown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authenticator_reads_whose_secret_it_is() {
        let shown = ProposedFactor::new("ann lee@example", &[7; FACTOR_BYTES]);
        let secret = shown.secret.replace(' ', "");
        assert_eq!(shown.address, format!("otpauth://totp/Usance:ann%20lee%40example?secret={secret}&issuer=Usance"));
        assert_eq!(ProposedFactor::read(&shown.secret).unwrap_or_default(), [7; FACTOR_BYTES]);
    }

    #[test]
    fn a_code_is_right_in_its_own_step_and_the_ones_beside_it() {
        let totp = totp(&[7; FACTOR_BYTES]);
        let step = u64::try_from(now() / 1000).unwrap() / STEP_SECONDS;
        let code = |step: u64| totp.generate(step * STEP_SECONDS).to_string();
        // A step may begin between two lines; then what was one ahead is now.
        let near = |found: Option<i64>| found.map(|found| found.abs_diff(i64::try_from(step).unwrap()));
        assert_eq!(near(right_step(&totp, &code(step))), Some(0));
        assert_eq!(near(right_step(&totp, &code(step + 1))), Some(1));
        assert_eq!(right_step(&totp, &code(step - 3)), None);
        assert_eq!(right_step(&totp, &code(step + 4)), None);
        for odd in ["", "12345", "1234567", "abcdef", "٠٠٠٠٠٠"] {
            assert_eq!(right_step(&totp, odd), None, "{odd}");
        }
        let spaced = code(step).split_at(3).0.to_owned() + " " + code(step).split_at(3).1;
        assert!(right_step(&totp, &spaced).is_some());
    }
}
