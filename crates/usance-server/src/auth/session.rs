//! Customers in a browser: passwords, hand-overs, and the sessions they open.
//!
//! A session is 256 random bits in a cookie, stored hashed, listed to its customer and revocable; it ends twelve hours
//! after it was last used, after thirty days at the latest, and when its customer has fifty newer ones. Passwords are checked off the request threads, few at a
//! time (`password_queues`), and every try is counted first (`attempts`). Second factors are `factor`'s. Who may see which page stands in the table of pages of the site, the pages in
//! `crate::pages`.

use crate::auth::attempts::{Sender, Taken, TryEnd};
use crate::auth::password_queues::Refused;
use crate::auth::refusals::{failed, keyless};
use crate::auth::tokens::Auth;
use crate::wire::problem::Problem;
use crate::wire::text::hex;
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use axum::http::StatusCode;
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;
use usance_core::id::is_unseen;
use usance_engine::caller::{Actor, AddressClass, Credential};
use usance_engine::life::clock::EngineClock;
use usance_engine::people::{code_as_made, secret_hash};
use usance_store::random::random_bytes;
use usance_store::secrets::Purpose;
use usance_store::{Identities, NewSecurityEvent, NewSession, Role, SecurityKind, SessionRecord, StoreError, atomically};

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
/// A hash of no password, made as every hash is: an unknown customer costs as much time as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzLg$1whovdOmHpmRWqudStbLRUgpkAtG2sFxLqqQK6QOots";

/// 401: the name, the password or the code is not right. It does not say which.
pub(super) fn wrong() -> Problem {
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

/// The answer to whoever's password was not checked for want of a turn.
fn out_of_turn(refused: Refused) -> Problem {
    match refused {
        Refused::Own | Refused::GaveWay => limited(COME_AGAIN),
        Refused::All | Refused::Late => busy(),
    }
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
        let stored = self.proven_password(customer, password, sender).await?;
        if self.has_second_factor(customer)? {
            Ok(Passed::CodeAsked { ticket: self.ticket(customer, now() + TICKET_MS, Some(&stored))? })
        } else {
            Ok(Passed::Whole)
        }
    }

    /// The stored hash of a password that is right; every try is counted.
    ///
    /// # Errors
    /// As [`Auth::check_password`].
    pub(super) async fn proven_password(&self, customer: &str, password: String, sender: &Sender) -> Result<String, Problem> {
        // Counted first: who may not try takes nobody's place.
        let taken = self.attempts.password(customer, sender).map_err(|wait| too_many("password", wait))?;
        let compared = self.compare(customer, password, sender).await;
        self.count_try("password", &compared, taken);
        compared
    }

    /// The stored hash of a password that is right.
    async fn compare(&self, customer: &str, password: String, sender: &Sender) -> Result<String, Problem> {
        let place = self.turns.place(customer, sender).map_err(out_of_turn)?;
        let turn = place.turn().await.map_err(out_of_turn)?;
        let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
        let known = stored.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            is_password(&password, known.as_deref())
        });
        let right = checked.await.unwrap_or(false);
        stored.filter(|_| right).ok_or_else(wrong)
    }

    /// Notes how a try ended; one that was right, or that nobody could judge, does not count as a guess.
    pub(super) fn count_try<T>(&self, step: &'static str, ended: &Result<T, Problem>, taken: Taken) {
        let (outcome, end) = match ended {
            Ok(_) => ("right", TryEnd::Right),
            Err(problem) if problem.status().is_server_error() => ("busy", TryEnd::Unseen),
            Err(problem) if problem.status() == StatusCode::TOO_MANY_REQUESTS => ("throttled", TryEnd::Unseen),
            Err(_) => ("wrong", TryEnd::Wrong),
        };
        told(step, outcome);
        self.attempts.settle(taken, end);
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
        Ok(format!("{said}|{}", blake3::keyed_hash(&self.signing_key()?, signed.as_bytes()).to_hex()))
    }

    /// The key of what browsers carry for us.
    ///
    /// # Errors
    /// 503 while this process has no keys.
    pub(super) fn signing_key(&self) -> Result<[u8; 32], Problem> {
        self.key(Purpose::Tickets)
    }

    /// A key for one purpose.
    ///
    /// # Errors
    /// 503 while this process has no keys: it is a standby, and no writer of this release has been yet.
    pub fn key(&self, purpose: Purpose) -> Result<[u8; 32], Problem> {
        self.people.keys().derived(purpose).ok_or_else(keyless)
    }

    /// The customer whom a sign-in link's code would sign in; it is not used up.
    ///
    /// # Errors
    /// 401 for a link that was used, has expired, or never was; 429 where too many that are none came from there.
    pub fn link_customer(&self, code: &str, from: Option<IpAddr>) -> Result<String, Problem> {
        // No code can be guessed: this is for the store, as with bearers of tokens that are none.
        let from = from.filter(|from| !from.is_loopback());
        let taken = from.map(|from| self.attempts.bearer(from)).transpose().map_err(|wait| too_many("link", wait))?;
        let found =
            self.with_store(|store| store.sign_in_link(&secret_hash(&code_as_made(code)), now())).map_err(|error| failed(&error))?;
        if found.is_some() {
            taken.into_iter().for_each(|taken| self.attempts.settle(taken, TryEnd::Right));
        }
        found.ok_or_else(link_used)
    }

    /// Uses a sign-in link up; gives its customer.
    ///
    /// # Errors
    /// As [`Auth::link_customer`].
    pub fn take_link(&self, code: &str, from: Option<IpAddr>) -> Result<String, Problem> {
        // What is no link is found out by reading: only what is one is written.
        self.link_customer(code, from)?;
        let taken =
            self.with_store(|store| store.take_sign_in_link(&secret_hash(&code_as_made(code)), now())).map_err(|error| failed(&error))?;
        taken.ok_or_else(link_used)
    }

    /// Opens a session, and ends the oldest ones of a customer who has too many; gives its secret.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn open_session(&self, customer: &str, device: &str, (way, address): (Credential, AddressClass)) -> Result<String, Problem> {
        let secret = hex(&random::<32>()?);
        let device: String = device.chars().filter(|letter| !is_unseen(*letter)).take(200).collect();
        let at = now();
        let session = NewSession { hash: secret_hash(&secret), customer: customer.to_owned(), device, expires_at_ms: at + IDLE_MS };
        let actor = Actor { role: Role::Customer, credential: way, address };
        let opened = self.with_store(|store| {
            atomically::<_, StoreError>(store, |people| {
                let session = people.add_session(&session, at)?;
                let event = NewSecurityEvent::about(SecurityKind::SignedIn, customer, Some(actor));
                people.add_security_event(&NewSecurityEvent { subject: Some(session.id), ..event }, at)?;
                if people.end_older_sessions(customer, SESSIONS_MAX, at)? > 0 {
                    people.add_security_event(&NewSecurityEvent::about(SecurityKind::SessionsEnded, customer, None), at)?;
                }
                Ok(())
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
    pub fn end_session(&self, customer: &str, id: i64, actor: Option<Actor>) -> Result<(), Problem> {
        self.ending(customer, SecurityKind::SessionEnded, Some(id), actor, |people| Ok(usize::from(people.end_session(customer, id)?)))
    }

    /// Ends all sessions of a customer but one.
    ///
    /// # Errors
    /// 503 when the file cannot be written.
    pub fn end_other_sessions(&self, customer: &str, kept: i64, actor: Option<Actor>) -> Result<(), Problem> {
        self.ending(customer, SecurityKind::SessionsEnded, None, actor, |people| people.end_sessions(customer, Some(kept)))
    }

    /// Ends sessions, and tells it where there were any.
    fn ending(
        &self,
        customer: &str,
        kind: SecurityKind,
        subject: Option<i64>,
        actor: Option<Actor>,
        end: impl FnOnce(&dyn Identities) -> Result<usize, StoreError>,
    ) -> Result<(), Problem> {
        let ended = self.with_store(|store| {
            atomically::<_, StoreError>(store, |people| {
                if end(people)? > 0 {
                    people.add_security_event(&NewSecurityEvent { subject, ..NewSecurityEvent::about(kind, customer, actor) }, now())?;
                }
                Ok(())
            })
        });
        ended.map_err(|error| failed(&error))?;
        self.sessions_ended();
        Ok(())
    }
}

/// Whether a text is the password behind a stored hash. Where none is stored, one is computed all the same.
fn is_password(password: &str, stored: Option<&str>) -> bool {
    metrics::counter!("usance_password_hashes_total").increment(1);
    PasswordHash::new(stored.unwrap_or(NOBODY)).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Counts how a step of signing in ended.
pub(super) fn told(step: &'static str, outcome: &'static str) {
    metrics::counter!("usance_sign_ins_total", "step" => step, "outcome" => outcome).increment(1);
}

pub(super) fn too_many(step: &'static str, wait: Duration) -> Problem {
    told(step, "throttled");
    limited(wait)
}

/// 429: come again after so long.
fn limited(wait: Duration) -> Problem {
    let seconds = wait.as_millis().div_ceil(1000);
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many attempts; wait a little.");
    problem.retry_after(u64::try_from(seconds).unwrap_or(u64::MAX).max(1))
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
}
