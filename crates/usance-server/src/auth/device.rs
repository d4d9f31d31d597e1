//! Devices on which a customer has signed in before: a cookie that says so, and opens nothing.
//!
//! It gives its browser a budget of its own for tries at this customer's password and codes (`attempts`), so that nobody
//! who guesses elsewhere shuts the customer out. Signed, not stored: it names no customer, holds for one, ends after a year,
//! and ends when that customer gets a new password. A browser keeps up to four, for those who share it.

use crate::auth::refusals::failed;
use crate::auth::session::{now, random};
use crate::auth::tokens::Auth;
use crate::wire::problem::Problem;
use crate::wire::text::hex;
use subtle::ConstantTimeEq;

/// How long a device is known, milliseconds.
pub const KNOWN_MS: i64 = 365 * 24 * 60 * 60 * 1000;
/// Customers that one browser is known to.
const CUSTOMERS_MAX: usize = 4;
/// Between two customers in a cookie.
const NEXT: char = '~';
/// Between the parts of one.
const PART: char = '-';

/// One customer's part of the cookie.
struct Mark<'a> {
    /// Until when, milliseconds since the Unix epoch.
    until: i64,
    /// The device's number: random, and the same for as long as it is known.
    number: &'a str,
    /// Which password was in force.
    password: &'a str,
    /// That we said so.
    signature: &'a str,
}

impl<'a> Mark<'a> {
    fn read(text: &'a str) -> Option<Mark<'a>> {
        let mut parts = text.split(PART);
        let mark = Mark {
            until: parts.next()?.parse().ok()?,
            number: parts.next().filter(|number| number.len() == 32)?,
            password: parts.next()?,
            signature: parts.next()?,
        };
        parts.next().is_none().then_some(mark)
    }
}

impl Auth {
    /// The number of a device on which this customer has signed in before, by its cookie.
    ///
    /// # Errors
    /// 503 when the people cannot be read. A cookie that is not ours reads nothing.
    pub fn known_device(&self, customer: &str, cookie: Option<&str>) -> Result<Option<String>, Problem> {
        self.known_device_at(customer, cookie, now())
    }

    fn known_device_at(&self, customer: &str, cookie: Option<&str>, at: i64) -> Result<Option<String>, Problem> {
        for text in cookie.iter().flat_map(|cookie| cookie.split(NEXT)).take(CUSTOMERS_MAX) {
            let Some(mark) = Mark::read(text).filter(|mark| at < mark.until) else { continue };
            if !self.is_mark_of(customer, &mark)? {
                continue;
            }
            let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
            if bool::from(self.password_mark(stored.as_deref())?.as_bytes().ct_eq(mark.password.as_bytes())) {
                return Ok(Some(mark.number.to_owned()));
            }
        }
        Ok(None)
    }

    /// The cookie of a device on which this customer has just signed in: with those of others who use it.
    ///
    /// # Errors
    /// 503 when the people cannot be read.
    pub fn know_device(&self, customer: &str, cookie: Option<&str>) -> Result<String, Problem> {
        let known = self.known_device(customer, cookie)?;
        let number = known.map_or_else(|| random::<16>().map(|bytes| hex(&bytes)), Ok)?;
        let stored = self.with_store(|store| store.password(customer)).map_err(|error| failed(&error))?;
        let (until, password) = (now() + KNOWN_MS, self.password_mark(stored.as_deref())?);
        let signature = self.device_signature(customer, until, &number, &password)?;
        let mut marks = vec![format!("{until}{PART}{number}{PART}{password}{PART}{signature}")];
        for text in cookie.iter().flat_map(|cookie| cookie.split(NEXT)).take(CUSTOMERS_MAX) {
            let Some(mark) = Mark::read(text) else { continue };
            // The same customer's mark, also one of an older password, makes room for the new one.
            if !self.is_mark_of(customer, &mark)? {
                marks.push(text.to_owned());
            }
        }
        marks.truncate(CUSTOMERS_MAX);
        Ok(marks.join(&NEXT.to_string()))
    }

    fn is_mark_of(&self, customer: &str, mark: &Mark<'_>) -> Result<bool, Problem> {
        let ours = self.device_signature(customer, mark.until, mark.number, mark.password)?;
        Ok(ours.as_bytes().ct_eq(mark.signature.as_bytes()).into())
    }

    fn device_signature(&self, customer: &str, until: i64, number: &str, password: &str) -> Result<String, Problem> {
        // No part can hold the sign between them but the customer, which stands last.
        let said = format!("device {until} {number} {password} {customer}");
        Ok(blake3::keyed_hash(&self.signing_key()?, said.as_bytes()).to_hex().to_string())
    }

    /// What changes with a customer's password and says nothing about it: made from its stored hash.
    ///
    /// # Errors
    /// 503 when the key cannot be read.
    pub(super) fn password_mark(&self, stored: Option<&str>) -> Result<String, Problem> {
        let said = format!("password {}", stored.unwrap_or(""));
        let mark = blake3::keyed_hash(&self.signing_key()?, said.as_bytes()).to_hex();
        Ok(mark.chars().take(32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::rates::RateLimits;
    use std::num::NonZeroU32;
    use usance_engine::people::keys::Keyring;
    use usance_store::{DataDirectory, Home};

    #[test]
    fn a_device_is_known_for_a_year() {
        let folder = tempfile::TempDir::new().expect("a directory");
        let directory = DataDirectory::open_exclusive(&folder.path().join("data")).expect("ours alone");
        let most = NonZeroU32::MAX;
        let rates =
            RateLimits { customer: most, history: most, preview: None, write: None, sender: None, address: None, route: Vec::new() };
        let keys = Keyring::at(folder.path().join("secrets"));
        let auth = Auth::new(&Home::embedded(&directory), keys, None, &rates).expect("people");
        auth.take_over().expect("a new store");
        let (before, cookie, after) = (now(), auth.know_device("alice", None).expect("a mark"), now());
        let year = 365 * 24 * 60 * 60 * 1000;
        let known = |at: i64| auth.known_device_at("alice", Some(&cookie), at).expect("the people");
        assert!(known(before).is_some() && known(before + year - 1).is_some());
        assert_eq!(known(after + year), None, "a year later it is a stranger's");
        assert_eq!(auth.known_device_at("bob", Some(&cookie), before).expect("the people"), None);
    }
}
