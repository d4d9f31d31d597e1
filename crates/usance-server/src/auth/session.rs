//! Customers in a browser: passwords, second factors, hand-overs, and the sessions they open.
//!
//! A session is 256 random bits in a cookie, stored hashed, listed to its customer and revocable; it ends twelve hours
//! after it was last used, after thirty days at the latest, and when its customer has fifty newer ones. Passwords are checked off the request threads, few at a
//! time (`turns`), and every try is counted first (`attempts`). A code of a second factor counts once. Who may see which page stands in the table of pages of the site, the pages in
//! `crate::pages`.

use crate::auth::attempts::{Sender, Taken};
use crate::auth::identity::Identity;
use crate::auth::password_queues;
use crate::auth::tokens::Auth;
use crate::wire::problem::Problem;
use crate::wire::text::hex;
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use axum::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder, Totp};
use usance_engine::life::clock::EngineClock;
use usance_engine::people::secret_hash;
use usance_engine::random::random_bytes;
use usance_store::{NewSession, Role, SessionRecord, StoreError, atomically};

/// A session that is not used ends after this, milliseconds.
const IDLE_MS: i64 = 12 * 60 * 60 * 1000;
/// No session is longer than this, milliseconds.
const LONGEST_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Sessions of one customer: one more ends the oldest. Each is stored for hours, so nobody fills the store by signing in.
const SESSIONS_MAX: u32 = 50;
/// How often the last use of a session is written down, milliseconds.
const SEEN_EVERY_MS: i64 = 60 * 1000;
/// How long a right password waits for its second factor, milliseconds.
const TICKET_MS: i64 = 5 * 60 * 1000;
/// When to try again while other tries of one's own are being checked.
const COME_AGAIN: Duration = Duration::from_secs(1);
/// Seconds of one code (RFC 6238).
const STEP_SECONDS: u64 = 30;
/// Bytes of a second factor's secret.
const FACTOR_BYTES: usize = 20;
/// What an authenticator shows above the codes.
const ISSUER: &str = "Usance";
/// What is written as `%41` in the address that an authenticator reads.
const IN_ADDRESS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A hash of no password, made as every hash is: an unknown customer costs as much time as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzLg$1whovdOmHpmRWqudStbLRUgpkAtG2sFxLqqQK6QOots";

pub(super) fn failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "sessions could not be read or written");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unreadable", "The identities could not be read or written.").retry_after(1)
}

/// 401: the name, the password or the code is not right. It does not say which.
fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", "The customer id, the password or the code is not right.")
}

pub(super) fn now() -> i64 {
    EngineClock::system().ms()
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    random_bytes().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))
}

fn link_used() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "link_used", "The link was used, has expired, or never was.")
}

/// 503: more passwords are to be checked than can be.
fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too many sign-ins at once.").retry_after(1)
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
    /// Checks a password.
    ///
    /// # Errors
    /// 401 for a wrong one, also where there is no such customer; 429 with `Retry-After` after too many tries, or while as many of
    /// this customer or network as may wait for their turn; 503 when too many are being checked.
    pub async fn check_password(&self, customer: &str, password: String, sender: &Sender) -> Result<Passed, Problem> {
        let place = self.turns.place(customer, sender).map_err(|refused| match refused {
            password_queues::Refused::Own => too_many("password", COME_AGAIN),
            password_queues::Refused::All => {
                told("password", "busy");
                busy()
            }
        })?;
        let taken = self.attempts.password(customer, sender).map_err(|wait| too_many("password", wait))?;
        let compared = self.compare(customer, password, place).await;
        self.count_try("password", &compared, taken);
        let stored = compared?;
        match self.second_factor(customer)? {
            None => Ok(Passed::Whole),
            Some(_) => Ok(Passed::CodeAsked { ticket: self.ticket(customer, now() + TICKET_MS, Some(&stored))? }),
        }
    }

    /// The stored hash of a password that is right.
    async fn compare(&self, customer: &str, password: String, place: password_queues::QueueSlot) -> Result<String, Problem> {
        let turn = place.turn().await.ok_or_else(busy)?;
        let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
        let known = stored.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            is_password(&password, known.as_deref())
        });
        let right = checked.await.unwrap_or(false);
        stored.filter(|_| right).ok_or_else(wrong)
    }

    /// Notes how a try ended; one that was right, or that nobody could judge, does not count.
    fn count_try<T>(&self, step: &'static str, ended: &Result<T, Problem>, taken: Taken) {
        let outcome = match ended {
            Ok(_) => "right",
            Err(problem) if problem.status().is_server_error() => "busy",
            Err(_) => "wrong",
        };
        told(step, outcome);
        if outcome != "wrong" {
            self.attempts.give_back(taken);
        }
    }

    /// Checks the code that follows a right password, and gives the customer.
    ///
    /// # Errors
    /// 401 for a wrong or used code, or a ticket that is not ours or too old; 429 with `Retry-After` after too many tries.
    pub fn check_code(&self, ticket: &str, code: &str, sender: &Sender) -> Result<String, Problem> {
        let customer = self.ticket_customer(ticket)?;
        let totp = self.second_factor(&customer)?.ok_or_else(wrong)?;
        let taken = self.attempts.code(&customer, sender).map_err(|wait| too_many("code", wait))?;
        let used = self.use_code(&customer, &totp, code);
        self.count_try("code", &used, taken);
        used.map(|()| customer)
    }

    /// The customer whose password a ticket stands for.
    ///
    /// # Errors
    /// 401 when it is not ours or too old, or the password is another one by now.
    pub fn ticket_customer(&self, ticket: &str) -> Result<String, Problem> {
        let mut parts = ticket.split('|');
        let (Some(customer), Some(until), Some(_)) = (parts.next(), parts.next().and_then(|text| text.parse::<i64>().ok()), parts.next())
        else {
            return Err(wrong());
        };
        let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
        let ours = self.ticket(customer, until, stored.as_deref())?;
        if bool::from(ours.as_bytes().ct_eq(ticket.as_bytes())) && now() < until { Ok(customer.to_owned()) } else { Err(wrong()) }
    }

    fn ticket(&self, customer: &str, until: i64, stored: Option<&str>) -> Result<String, Problem> {
        let said = format!("{customer}|{until}");
        let signed = format!("ticket {said} {}", self.password_mark(stored)?);
        Ok(format!("{said}|{}", blake3::keyed_hash(self.signing_key()?, signed.as_bytes()).to_hex()))
    }

    /// The key of what browsers carry for us.
    ///
    /// # Errors
    /// 503 when it cannot be read.
    pub(super) fn signing_key(&self) -> Result<&[u8; 32], Problem> {
        if let Some(key) = self.signing.get() {
            return Ok(key);
        }
        let candidate = random()?;
        let key = self.with_store(|store| store.secret_or_insert("tickets", &candidate)).map_err(|error| failed(&error))?;
        Ok(self.signing.get_or_init(|| key))
    }

    fn second_factor(&self, customer: &str) -> Result<Option<Totp>, Problem> {
        let stored = self.with_store(|store| store.second_factor(customer)).map_err(|error| failed(&error))?;
        Ok(stored.map(|factor| totp(&factor.secret)))
    }

    /// Whether a customer has a second factor.
    ///
    /// # Errors
    /// 503 when the file cannot be read.
    pub fn has_second_factor(&self, customer: &str) -> Result<bool, Problem> {
        Ok(self.second_factor(customer)?.is_some())
    }

    fn use_code(&self, customer: &str, totp: &Totp, code: &str) -> Result<(), Problem> {
        let step = right_step(totp, code).ok_or_else(wrong_code)?;
        let first = self.with_store(|store| store.use_step(customer, step)).map_err(|error| failed(&error))?;
        if first { Ok(()) } else { Err(wrong_code()) }
    }

    /// Counts a try at a code within a session, and whether it was right.
    fn within_session(&self, session: &SessionRecord, work: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
        let taken = self.attempts.code_within(session.id).map_err(|wait| too_many("session", wait))?;
        let done = work();
        self.count_try("session", &done, taken);
        done
    }

    /// A new second factor that is not in force yet: its secret, and the address an authenticator reads.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn propose_factor(customer: &str) -> Result<ProposedFactor, Problem> {
        Ok(ProposedFactor::new(customer, &random::<FACTOR_BYTES>()?))
    }

    /// Puts a second factor in force for a session's customer, once its first code is right.
    ///
    /// # Errors
    /// 401 for a wrong code, 400 for a secret that is none, 429 with `Retry-After` after too many tries.
    pub fn set_factor(&self, session: &SessionRecord, secret: &str, code: &str) -> Result<(), Problem> {
        let (customer, secret) = (session.customer.as_str(), ProposedFactor::read(secret)?);
        let totp = totp(&secret);
        self.within_session(session, || {
            right_step(&totp, code).ok_or_else(wrong_code)?;
            self.with_store(|store| store.set_second_factor(customer, &secret, now())).map_err(|error| failed(&error))?;
            // The code that set it up is used up, too.
            self.use_code(customer, &totp, code)
        })
    }

    /// Takes the second factor of a session's customer out of force, with one of its codes.
    ///
    /// # Errors
    /// 401 for a wrong code, 429 with `Retry-After` after too many tries.
    pub fn remove_factor(&self, session: &SessionRecord, code: &str) -> Result<(), Problem> {
        let totp = self.second_factor(&session.customer)?.ok_or_else(wrong)?;
        self.within_session(session, || self.use_code(&session.customer, &totp, code))?;
        self.with_store(|store| store.remove_second_factor(&session.customer)).map(drop).map_err(|error| failed(&error))
    }

    /// The customer whom a sign-in link would sign in; it is not used up.
    ///
    /// # Errors
    /// 401 for a link that was used, has expired, or never was.
    pub fn link_customer(&self, secret: &str) -> Result<String, Problem> {
        let found = self.with_store(|store| store.sign_in_link(&secret_hash(secret), now())).map_err(|error| failed(&error))?;
        found.ok_or_else(link_used)
    }

    /// Uses a sign-in link up; gives its customer.
    ///
    /// # Errors
    /// As [`Auth::link_customer`].
    pub fn take_link(&self, secret: &str) -> Result<String, Problem> {
        let taken = self.with_store(|store| store.take_sign_in_link(&secret_hash(secret), now())).map_err(|error| failed(&error))?;
        taken.ok_or_else(link_used)
    }

    /// Opens a session, and ends the oldest ones of a customer who has too many; gives its secret.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn open_session(&self, customer: &str, device: &str) -> Result<String, Problem> {
        let secret = hex(&random::<32>()?);
        let device: String = device.chars().filter(|letter| !letter.is_control()).take(200).collect();
        let at = now();
        let session = NewSession { hash: secret_hash(&secret), customer: customer.to_owned(), device, expires_at_ms: at + IDLE_MS };
        let opened = self.with_store(|store| {
            atomically::<_, StoreError>(store, |people| {
                people.add_session(&session, at)?;
                people.end_older_sessions(customer, SESSIONS_MAX, at)
            })
        });
        opened.map_err(|error| failed(&error))?;
        Ok(secret)
    }

    /// The session of a secret, if it is open; using it keeps it open.
    ///
    /// # Errors
    /// 503 when the file cannot be read.
    pub fn session(&self, secret: &str, glance: Glance) -> Result<Option<SessionRecord>, Problem> {
        let at = now();
        let found = self.with_store(|store| {
            let found = store.find_session(&secret_hash(secret), at)?;
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
    /// The customer of a session. Its name is one that no token can have.
    #[must_use]
    pub fn of_customer(customer: &str) -> Identity {
        Identity { role: Role::Customer, name: "(session)".to_owned(), customer: Some(customer.to_owned()) }
    }
}

/// Whether a text is the password behind a stored hash. Where none is stored, one is computed all the same.
fn is_password(password: &str, stored: Option<&str>) -> bool {
    metrics::counter!("usance_password_hashes_total").increment(1);
    PasswordHash::new(stored.unwrap_or(NOBODY)).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
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

/// Counts how a step of signing in ended.
fn told(step: &'static str, outcome: &'static str) {
    metrics::counter!("usance_sign_ins_total", "step" => step, "outcome" => outcome).increment(1);
}

fn too_many(step: &'static str, wait: Duration) -> Problem {
    told(step, "throttled");
    let seconds = wait.as_millis().div_ceil(1000);
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many attempts; wait a little.");
    problem.retry_after(u64::try_from(seconds).unwrap_or(u64::MAX).max(1))
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
    use argon2::PasswordHasher;

    #[test]
    fn an_unknown_customer_costs_the_hash_that_a_known_one_costs() {
        let nobody = PasswordHash::new(NOBODY).expect("it can be read");
        let real = Argon2::default().hash_password(b"correct horse battery").expect("a hash");
        let real = PasswordHash::new(&real.to_string()).expect("it can be read").to_owned();
        assert_eq!((nobody.algorithm.to_string(), nobody.version), (real.algorithm.to_string(), real.version));
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
        assert!(!is_password("", None) && !is_password("correct horse battery", None));
    }

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
