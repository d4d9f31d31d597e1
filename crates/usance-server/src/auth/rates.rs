//! How many requests a second somebody may send, and how an answer says so.
//!
//! A customer has a rate over all of its tokens and sessions, and a smaller one for what is read from the tables of the past;
//! previews, writes, a sender (a token's name), an address and any operation may be given one. What is read from the past takes as
//! much of that rate as it cost: what it cost beyond one request is owed, and paid before the next is let through. The answers carry
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
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
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
        match self.limiter.check_key(key) {
            Ok(state) => counted.add(self.name, self.a_second, state.remaining_burst_capacity(), 1),
            Err(until) => {
                let seconds = until.wait_time_from(clock.now()).as_secs_f64().ceil().max(1.0);
                // A rate is at least one a second.
                counted.refuse(self.name, self.a_second, seconds as u64);
            }
        }
    }

    /// Takes as much as can be taken of what a key owes; gives what it owes after that.
    fn pay(&self, key: &K, owed: u32) -> u32 {
        let mut step = self.a_second.get().min(owed);
        let mut left = owed;
        while let Some(part) = NonZeroU32::new(step.min(left)) {
            // A part is never more than all that there may be.
            match self.limiter.check_key_n(key, part) {
                Ok(Ok(_)) => left -= part.get(),
                _ => step = part.get() / 2,
            }
        }
        left
    }
}

/// Every rate.
pub(super) struct Rates {
    customer: Rate<String>,
    history: Rate<String>,
    /// What customers owe of the rate of history.
    owed: Mutex<HashMap<String, u32>>,
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
            owed: Mutex::default(),
            preview: flags.preview.map(|rate| Rate::new("preview", rate)),
            write: flags.write.map(|rate| Rate::new("write", rate)),
            sender: flags.sender.map(|rate| Rate::new("sender", rate)),
            address: flags.address.map(|rate| Rate::new("address", rate)),
            routes: flags.route.iter().map(|rate| (rate.operation, Rate::new(rate.operation, rate.a_second))).collect(),
            clock: DefaultClock::default(),
        }
    }

    /// Has those pay who owe something, and forgets who was quiet.
    pub fn keep_house(&self) {
        self.owed.lock().retain(|customer, owed| {
            *owed = self.history.pay(customer, *owed);
            *owed > 0
        });
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
                Purpose::History => {
                    self.count_history(customer, &mut counted);
                    None
                }
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

    /// Counts a request for what was, once everything is paid that those before it cost.
    fn count_history(&self, customer: &String, counted: &mut RateVerdict) {
        let mut all = self.owed.lock();
        let owed = all.remove(customer).map_or(0, |owed| self.history.pay(customer, owed));
        if owed == 0 {
            return self.history.count(customer, counted, &self.clock);
        }
        all.insert(customer.clone(), owed);
        counted.refuse(self.history.name, self.history.a_second, u64::from(owed / self.history.a_second) + 1);
    }

    /// Adds to what a customer owes what a request for what was cost, beyond the one that it was counted for.
    pub fn owe(&self, customer: &str, cost: u32, counted: &mut RateVerdict) {
        if cost > 0 {
            let mut all = self.owed.lock();
            let owed = all.entry(customer.to_owned()).or_default();
            *owed = owed.saturating_add(cost);
            counted.cost(self.history.name, cost);
        }
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
    rates: Vec<Counted>,
    wait_seconds: Option<u64>,
}

/// What one rate says of a request.
#[derive(Debug)]
struct Counted {
    name: &'static str,
    a_second: NonZeroU32,
    left: u32,
    /// Until all of it is there again.
    seconds: u64,
}

impl RateVerdict {
    fn add(&mut self, name: &'static str, a_second: NonZeroU32, left: u32, seconds: u64) {
        self.rates.push(Counted { name, a_second, left, seconds });
    }

    fn refuse(&mut self, name: &'static str, a_second: NonZeroU32, seconds: u64) {
        self.wait_seconds = Some(self.wait_seconds.unwrap_or(0).max(seconds));
        self.add(name, a_second, 0, seconds);
    }

    /// So much more was taken of a rate.
    fn cost(&mut self, name: &str, cost: u32) {
        for counted in self.rates.iter_mut().filter(|counted| counted.name == name) {
            counted.left = counted.left.saturating_sub(cost);
            counted.seconds = counted.seconds.max(u64::from(cost.div_ceil(counted.a_second.get())));
        }
    }

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
        if self.rates.is_empty() {
            return;
        }
        let (mut policy, mut left) = (String::new(), String::new());
        for Counted { name, a_second, left: rest, seconds } in &self.rates {
            let joint = if policy.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(policy, "{joint}\"{name}\";q={a_second};w=1");
            let _ = write!(left, "{joint}\"{name}\";r={rest};t={seconds}");
        }
        for (name, text) in [(POLICY, &policy), (LEFT, &left)] {
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

    /// Whoever reads much waits for it to be paid; others do not, and neither does what is no history.
    #[test]
    fn what_reading_costs_is_paid_before_more_is_read() {
        let a_second = NonZeroU32::new(10).expect("more than none");
        let many = NonZeroU32::MAX;
        let flags =
            RateLimits { customer: many, history: a_second, preview: None, write: None, sender: None, address: None, route: Vec::new() };
        let rates = Rates::new(&flags);
        let of = |customer: &str| Identity::of_session(customer, 1);
        let read = |customer: &str| rates.count(&of(customer), Purpose::History, None);
        let mut first = read("alice");
        assert!(first.allowed().is_ok());
        rates.owe("alice", 1_000, &mut first);
        let mut headers = HeaderMap::new();
        first.tell(&mut headers);
        assert_eq!(headers[LEFT], "\"customer\";r=4294967294;t=1, \"history\";r=0;t=100");
        let second = read("alice");
        assert!(second.allowed().is_err_and(|problem| problem.retry_after_seconds() >= Some(98)), "{second:?}");
        assert!(read("bob").allowed().is_ok() && rates.count(&of("alice"), Purpose::Other, None).allowed().is_ok());
        // What house is kept for it pays, too: a little is paid in time.
        rates.owed.lock().insert("alice".to_owned(), 3);
        let until = Instant::now() + Duration::from_secs(120);
        while !rates.owed.lock().is_empty() {
            assert!(Instant::now() < until, "it is never paid");
            rates.keep_house();
        }
    }
}
