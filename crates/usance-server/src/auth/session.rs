//! Customers in a browser: passwords, second factors, hand-overs, and the sessions they open.
//!
//! A session is 256 random bits in a cookie, stored hashed, listed to its customer and revocable; it ends twelve hours
//! after it was last used, and after thirty days at the latest. Passwords are checked off the request threads, few at a
//! time. A code of a second factor counts once. Who may see which page stands in `crate::routes`, the pages in
//! `crate::web`.

use super::{Auth, Identity, token_hash};
use crate::api::error::Problem;
use crate::api::shape::hex;
use crate::engine::clock::Clock;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use axum::http::StatusCode;
use governor::clock::Clock as _;
use std::net::IpAddr;
use std::sync::LazyLock;
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder, Totp};
use usance_store::{NewSession, Role, SessionRecord, StoreError};

/// A session that is not used ends after this, milliseconds.
const IDLE_MS: i64 = 12 * 60 * 60 * 1000;
/// No session is longer than this, milliseconds.
const LONGEST_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How often the last use of a session is written down, milliseconds.
const SEEN_EVERY_MS: i64 = 60 * 1000;
/// How long a right password waits for its second factor, milliseconds.
const TICKET_MS: i64 = 5 * 60 * 1000;
/// Seconds of one code (RFC 6238).
const STEP_SECONDS: u64 = 30;
/// Bytes of a second factor's secret.
const FACTOR_BYTES: usize = 20;
/// What an authenticator shows above the codes.
const ISSUER: &str = "Usance";

/// A hash of no password: an unknown customer costs as much time as a wrong password.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| Argon2::default().hash_password(b"nobody has this password").map(|hash| hash.to_string()).unwrap_or_default());

fn failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "sessions could not be read or written");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unreadable", "The identities could not be read or written.").retry_after(1)
}

/// 401: the name, the password or the code is not right. It does not say which.
fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", "The customer id, the password or the code is not right.")
}

fn now() -> i64 {
    Clock::system().ms()
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    crate::random_bytes().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))
}

fn link_used() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "link_used", "The link was used, has expired, or never was.")
}

/// 401: the code is not right, or counted before.
fn wrong_code() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "code_wrong", "The code is not right, or was used before.")
}

/// A code as people type it: digits, perhaps in groups.
fn digits(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// Why a session is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// Its customer does something: the session stays open.
    Used,
    /// A page that lies open asks for news: that keeps no session open.
    Polled,
}

/// What a right password leads to.
pub enum Passed {
    /// Nothing more is asked.
    Whole,
    /// A code is asked; the ticket says that the password was right.
    CodeAsked {
        /// To be sent with the code.
        ticket: String,
    },
}

impl Auth {
    /// Counts an attempt to sign in from an address.
    ///
    /// # Errors
    /// 429 with `Retry-After`. An address that guesses is slowed down; the same customer elsewhere is not.
    pub fn attempt(&self, customer: &str, from: IpAddr) -> Result<(), Problem> {
        let counted = self.attempts.check_key(&format!("{from} {customer}")).and_then(|()| self.attempts_by_address.check_key(&from));
        counted.map_err(|until| self.too_many(until.wait_time_from(self.clock.now())))
    }

    fn too_many(&self, wait: std::time::Duration) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many attempts; wait a little.");
        problem.retry_after(wait.as_secs().max(1))
    }

    /// Checks a password.
    ///
    /// # Errors
    /// 401 for a wrong one, also where there is no such customer; 503 when too many are being checked.
    pub async fn check_password(&self, customer: &str, password: String) -> Result<Passed, Problem> {
        let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too many sign-ins at once.").retry_after(1);
        let _turn = tokio::time::timeout(std::time::Duration::from_secs(5), self.hashing.acquire()).await.map_err(|_| busy())?;
        let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
        let known = stored.is_some();
        let checked = tokio::task::spawn_blocking(move || {
            let phc = stored.as_deref().unwrap_or(&NOBODY);
            PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        if !(checked.await.unwrap_or(false) && known) {
            return Err(wrong());
        }
        match self.second_factor(customer)? {
            None => Ok(Passed::Whole),
            Some(_) => Ok(Passed::CodeAsked { ticket: self.ticket(customer, now() + TICKET_MS)? }),
        }
    }

    /// Checks the code that follows a right password, and gives the customer.
    ///
    /// # Errors
    /// 401 for a wrong or used code, or a ticket that is not ours or too old.
    pub fn check_code(&self, ticket: &str, code: &str) -> Result<String, Problem> {
        let customer = self.ticket_customer(ticket)?;
        let totp = self.second_factor(&customer)?.ok_or_else(wrong)?;
        self.use_code(&customer, &totp, code)?;
        Ok(customer)
    }

    /// The customer whose password a ticket stands for.
    ///
    /// # Errors
    /// 401 when it is not ours or too old.
    pub fn ticket_customer(&self, ticket: &str) -> Result<String, Problem> {
        let mut parts = ticket.split('|');
        let (Some(customer), Some(until), Some(_)) = (parts.next(), parts.next().and_then(|text| text.parse::<i64>().ok()), parts.next())
        else {
            return Err(wrong());
        };
        let ours = self.ticket(customer, until)?;
        if bool::from(ours.as_bytes().ct_eq(ticket.as_bytes())) && now() < until { Ok(customer.to_owned()) } else { Err(wrong()) }
    }

    fn ticket(&self, customer: &str, until: i64) -> Result<String, Problem> {
        let candidate = random()?;
        let key = self.with_store(|store| store.secret_or_insert("tickets", &candidate)).map_err(|error| failed(&error))?;
        let said = format!("{customer}|{until}");
        Ok(format!("{said}|{}", blake3::keyed_hash(&key, said.as_bytes()).to_hex()))
    }

    fn second_factor(&self, customer: &str) -> Result<Option<Totp>, Problem> {
        let stored = self.with_store(|store| store.second_factor(customer)).map_err(|error| failed(&error))?;
        Ok(stored.map(|factor| totp(customer, &factor.secret)))
    }

    /// Whether a customer has a second factor.
    ///
    /// # Errors
    /// 503 when the file cannot be read.
    pub fn has_second_factor(&self, customer: &str) -> Result<bool, Problem> {
        Ok(self.second_factor(customer)?.is_some())
    }

    /// Counts an attempt at a customer's code, from wherever: whoever gets here has a password or a session already.
    fn attempt_code(&self, customer: &str) -> Result<(), Problem> {
        self.attempts_at_codes.check_key(&customer.to_owned()).map_err(|until| self.too_many(until.wait_time_from(self.clock.now())))
    }

    fn use_code(&self, customer: &str, totp: &Totp, code: &str) -> Result<(), Problem> {
        self.attempt_code(customer)?;
        let seconds = u64::try_from(now() / 1000).unwrap_or(0);
        let step = totp.check(&digits(code), seconds).and_then(|step| i64::try_from(step).ok()).ok_or_else(wrong_code)?;
        let first = self.with_store(|store| store.use_step(customer, step)).map_err(|error| failed(&error))?;
        if first { Ok(()) } else { Err(wrong_code()) }
    }

    /// A new second factor that is not in force yet: its secret, and the address an authenticator reads.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn propose_factor(customer: &str) -> Result<ProposedFactor, Problem> {
        ProposedFactor::new(customer, &random::<FACTOR_BYTES>()?)
    }

    /// Puts a second factor in force once its first code is right.
    ///
    /// # Errors
    /// 401 for a wrong code, 400 for a secret that is none.
    pub fn set_factor(&self, customer: &str, secret: &str, code: &str) -> Result<(), Problem> {
        let secret = ProposedFactor::read(secret)?;
        let seconds = u64::try_from(now() / 1000).unwrap_or(0);
        let totp = totp(customer, &secret);
        self.attempt_code(customer)?;
        totp.check(&digits(code), seconds).ok_or_else(wrong_code)?;
        self.with_store(|store| store.set_second_factor(customer, &secret, now())).map_err(|error| failed(&error))?;
        // The code that set it up is used up, too.
        self.use_code(customer, &totp, code)
    }

    /// Takes a second factor out of force, with one of its codes.
    ///
    /// # Errors
    /// 401 for a wrong code.
    pub fn remove_factor(&self, customer: &str, code: &str) -> Result<(), Problem> {
        let totp = self.second_factor(customer)?.ok_or_else(wrong)?;
        self.use_code(customer, &totp, code)?;
        self.with_store(|store| store.remove_second_factor(customer)).map(drop).map_err(|error| failed(&error))
    }

    /// The customer whom a sign-in link would sign in; it is not used up.
    ///
    /// # Errors
    /// 401 for a link that was used, has expired, or never was.
    pub fn link_customer(&self, secret: &str) -> Result<String, Problem> {
        let found = self.with_store(|store| store.sign_in_link(&token_hash(secret), now())).map_err(|error| failed(&error))?;
        found.ok_or_else(link_used)
    }

    /// Uses a sign-in link up; gives its customer.
    ///
    /// # Errors
    /// As [`Auth::link_customer`].
    pub fn take_link(&self, secret: &str) -> Result<String, Problem> {
        let taken = self.with_store(|store| store.take_sign_in_link(&token_hash(secret), now())).map_err(|error| failed(&error))?;
        taken.ok_or_else(link_used)
    }

    /// Opens a session; gives its secret.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn open_session(&self, customer: &str, device: &str) -> Result<String, Problem> {
        let secret = hex(&random::<32>()?);
        let device: String = device.chars().filter(|letter| !letter.is_control()).take(200).collect();
        let session = NewSession { hash: token_hash(&secret), customer: customer.to_owned(), device, expires_at_ms: now() + IDLE_MS };
        self.with_store(|store| store.add_session(&session, now())).map_err(|error| failed(&error))?;
        Ok(secret)
    }

    /// The session of a secret, if it is open; using it keeps it open.
    ///
    /// # Errors
    /// 503 when the file cannot be read.
    pub fn session(&self, secret: &str, glance: Glance) -> Result<Option<SessionRecord>, Problem> {
        let at = now();
        let found = self.with_store(|store| {
            let found = store.find_session(&token_hash(secret), at)?;
            let due = |session: &&SessionRecord| glance == Glance::Used && at - session.seen_at_ms >= SEEN_EVERY_MS;
            if let Some(session) = found.as_ref().filter(due) {
                store.see_session(session.id, at, (at + IDLE_MS).min(session.created_at_ms + LONGEST_MS))?;
            }
            Ok::<_, StoreError>(found)
        });
        found.map_err(|error| failed(&error))
    }

    /// A customer's open sessions, newest first.
    ///
    /// # Errors
    /// 503 when the file cannot be read.
    pub fn sessions(&self, customer: &str) -> Result<Vec<SessionRecord>, Problem> {
        self.with_store(|store| store.sessions(customer, now())).map_err(|error| failed(&error))
    }

    /// Ends one session of a customer; one that is not there has ended already.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn end_session(&self, customer: &str, id: i64) -> Result<(), Problem> {
        self.with_store(|store| store.end_session(customer, id)).map(drop).map_err(|error| failed(&error))
    }

    /// Ends all sessions of a customer but one.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn end_other_sessions(&self, customer: &str, kept: i64) -> Result<(), Problem> {
        self.with_store(|store| store.end_sessions(customer, Some(kept))).map(drop).map_err(|error| failed(&error))
    }
}

impl Identity {
    /// The customer of a session: what its token would be, too.
    #[must_use]
    pub fn of_customer(customer: &str) -> Identity {
        Identity { role: Role::Customer, name: customer.to_owned(), customer: Some(customer.to_owned()) }
    }
}

fn totp(customer: &str, secret: &[u8]) -> Totp {
    // Six digits of SHA-1 every thirty seconds: what every authenticator reads. Our secrets are long enough for it.
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS)
        .with_skew(1)
        .with_secret(secret.to_vec())
        .with_account_name(customer)
        .with_issuer(Some(ISSUER))
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
    fn new(customer: &str, secret: &[u8]) -> Result<Self, Problem> {
        let totp = totp(customer, secret);
        let letters = totp_rs::Secret::from(secret.to_vec()).to_base32();
        let groups: Vec<&str> = letters.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        Ok(ProposedFactor { secret: groups.join(" "), address: totp.to_url().map_err(|_| wrong())? })
    }

    /// The same factor again, from the secret that was shown.
    ///
    /// # Errors
    /// 400 for a secret that is none.
    pub fn again(customer: &str, secret: &str) -> Result<Self, Problem> {
        ProposedFactor::new(customer, &ProposedFactor::read(secret)?)
    }

    fn read(secret: &str) -> Result<Vec<u8>, Problem> {
        let letters: String = secret.chars().filter(|letter| !letter.is_whitespace()).collect();
        let read = totp_rs::Secret::try_from_base32(&letters).map(|secret| secret.as_ref().to_vec());
        let whole = read.ok().filter(|bytes| bytes.len() == FACTOR_BYTES);
        whole.ok_or_else(|| Problem::malformed("secret: the one that was shown"))
    }
}
