//! How many requests a second somebody may send, and how an answer says so.
//!
//! A customer has a rate over all of its tokens and sessions, and a smaller one for what is read from the tables of the past;
//! previews, writes, a sender (a token's name), an address and any operation may be given one. The answers carry
//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, its structured fields); a refusal says with
//! `Retry-After` when to come again. Whoever was quiet is forgotten each time house is kept.

use crate::auth::identity::Identity;
use crate::wire::address::line;
use crate::wire::problem::Problem;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// The header that names the limits.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The header that says what is left of them.
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// For which of a customer's rates a request counts, beside that of all its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For none.
    Other,
    /// To read what was.
    History,
    /// To be told what would come of something.
    Preview,
    /// To change something.
    Write,
}

/// How many requests a second, each for those that it is named after; without one, as many as they like.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// One customer's tokens and sessions.
    pub customer: NonZeroU32,
    /// Of these, for history, rewards and statements, and for the pages that show them.
    pub history: NonZeroU32,
    /// Of these, previews.
    pub preview: Option<NonZeroU32>,
    /// Of these, what changes something.
    pub write: Option<NonZeroU32>,
    /// The tokens of one role, customer and name together.
    pub sender: Option<NonZeroU32>,
    /// One address without a valid token and without a session.
    pub address: Option<NonZeroU32>,
    /// One sender at one operation; of two for one operation the later one holds.
    pub route: Vec<RouteRate>,
}

/// How many requests a second one sender may send to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRate {
    /// The operation.
    pub operation: &'static str,
    /// How many.
    pub a_second: NonZeroU32,
}

struct Rate<K: Hash + Eq + Clone> {
    name: &'static str,
    a_second: NonZeroU32,
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(name: &'static str, a_second: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_second(a_second)).with_middleware::<StateInformationMiddleware>();
        Rate { name, a_second, limiter }
    }

    fn count(&self, key: &K, counted: &mut RateVerdict, clock: &DefaultClock) {
        let (left, seconds) = match self.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), 1),
            Err(until) => {
                let seconds = until.wait_time_from(clock.now()).as_secs_f64().ceil().max(1.0);
                // A rate is at least one a second.
                counted.wait_seconds = Some(counted.wait_seconds.unwrap_or(0).max(seconds as u64));
                (0, seconds as u64)
            }
        };
        let joint = if counted.policy.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(counted.policy, "{joint}\"{}\";q={};w=1", self.name, self.a_second);
        let _ = write!(counted.left, "{joint}\"{}\";r={left};t={seconds}", self.name);
    }
}

/// Every rate.
pub(super) struct Rates {
    customer: Rate<String>,
    history: Rate<String>,
    preview: Option<Rate<String>>,
    write: Option<Rate<String>>,
    sender: Option<Rate<String>>,
    address: Option<Rate<IpAddr>>,
    routes: BTreeMap<&'static str, Rate<String>>,
    clock: DefaultClock,
}

impl Rates {
    pub fn new(flags: &RateLimits) -> Self {
        Rates {
            customer: Rate::new("customer", flags.customer),
            history: Rate::new("history", flags.history),
            preview: flags.preview.map(|rate| Rate::new("preview", rate)),
            write: flags.write.map(|rate| Rate::new("write", rate)),
            sender: flags.sender.map(|rate| Rate::new("sender", rate)),
            address: flags.address.map(|rate| Rate::new("address", rate)),
            routes: flags.route.iter().map(|rate| (rate.operation, Rate::new(rate.operation, rate.a_second))).collect(),
            clock: DefaultClock::default(),
        }
    }

    /// Forgets who was quiet.
    pub fn keep_house(&self) {
        self.customer.limiter.retain_recent();
        self.history.limiter.retain_recent();
        let asked_for = [&self.preview, &self.write, &self.sender].into_iter().flatten();
        asked_for.chain(self.routes.values()).for_each(|rate| rate.limiter.retain_recent());
        self.address.iter().for_each(|rate| rate.limiter.retain_recent());
    }

    /// Counts a request with a token or a session; `operation` is what it asks for, if that is anything.
    pub fn count(&self, identity: &Identity, purpose: Purpose, operation: Option<&str>) -> RateVerdict {
        let mut counted = RateVerdict::default();
        if let Some(rate) = &self.sender {
            rate.count(&sender(identity), &mut counted, &self.clock);
        }
        if let Some(customer) = &identity.customer {
            self.customer.count(customer, &mut counted, &self.clock);
            let own = match purpose {
                Purpose::Other => None,
                Purpose::History => Some(&self.history),
                Purpose::Preview => self.preview.as_ref(),
                Purpose::Write => self.write.as_ref(),
            };
            if let Some(rate) = own {
                rate.count(customer, &mut counted, &self.clock);
            }
        }
        if let Some(rate) = self.route(operation) {
            let key = identity.customer.as_ref().map_or_else(|| sender(identity), |customer| format!("customer:{customer}"));
            rate.count(&key, &mut counted, &self.clock);
        }
        counted
    }

    /// Counts a request of somebody unknown; `operation` is what it asks for, if that is anything.
    pub fn count_address(&self, address: IpAddr, operation: Option<&str>) -> RateVerdict {
        let mut counted = RateVerdict::default();
        if let Some(rate) = &self.address {
            rate.count(&line(address), &mut counted, &self.clock);
        }
        if let Some(rate) = self.route(operation) {
            rate.count(&format!("address:{}", line(address)), &mut counted, &self.clock);
        }
        counted
    }

    fn route(&self, operation: Option<&str>) -> Option<&Rate<String>> {
        self.routes.get(operation?)
    }
}

/// A token's role, customer and name, or a session's; no two senders have the same text, because no customer's id holds a colon.
/// Tokens of one customer are counted apart from those of another who gave theirs the same name.
fn sender(identity: &Identity) -> String {
    format!("{}:{}:{}", identity.role, identity.customer.as_deref().unwrap_or(""), identity.name)
}

/// A request that was counted.
#[derive(Debug, Default)]
pub struct RateVerdict {
    policy: String,
    left: String,
    wait_seconds: Option<u64>,
}

impl RateVerdict {
    /// Whether it may go on.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn allowed(&self) -> Result<(), Problem> {
        match self.wait_seconds {
            None => Ok(()),
            Some(seconds) => {
                Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests; slow down.").retry_after(seconds))
            }
        }
    }

    /// Says in an answer what counted it.
    pub fn tell(&self, headers: &mut HeaderMap) {
        if self.policy.is_empty() {
            return;
        }
        for (name, text) in [(POLICY, &self.policy), (LEFT, &self.left)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn kept(rates: &Rates) -> usize {
        let always = rates.customer.limiter.len() + rates.history.limiter.len();
        let asked_for = [&rates.preview, &rates.write, &rates.sender].into_iter().flatten().chain(rates.routes.values());
        always
            + asked_for.map(|rate| rate.limiter.len()).sum::<usize>()
            + rates.address.iter().map(|rate| rate.limiter.len()).sum::<usize>()
    }

    #[test]
    fn who_was_quiet_is_forgotten() {
        const SENDERS: u32 = 10_000;
        let a_second = NonZeroU32::new(1_000).expect("more than none");
        let rates = Rates::new(&RateLimits {
            customer: a_second,
            history: a_second,
            preview: None,
            write: None,
            sender: Some(a_second),
            address: Some(a_second),
            route: vec![RouteRate { operation: "account_list", a_second: NonZeroU32::new(1000).expect("a rate") }],
        });
        for number in 0..SENDERS {
            let identity = Identity::of_session(&format!("c{number}"), i64::from(number));
            assert!(rates.count(&identity, Purpose::History, Some("account_list")).allowed().is_ok());
            assert!(rates.count_address(IpAddr::from(number.to_be_bytes()), None).allowed().is_ok());
        }
        assert_eq!(kept(&rates), 5 * SENDERS as usize, "one entry for each sender, customer and address, in each rate");
        let until = Instant::now() + Duration::from_secs(120);
        while kept(&rates) > 0 {
            assert!(Instant::now() < until, "{} are still known", kept(&rates));
            rates.keep_house();
        }
    }
}
