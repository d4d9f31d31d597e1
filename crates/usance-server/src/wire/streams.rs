//! Answers that stay open, counted by customer: nobody holds more of a kind than its devices and their tabs want.

use crate::wire::problem::Problem;
use axum::http::StatusCode;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Open answers of one kind.
pub struct Streams {
    kind: &'static str,
    max: usize,
    /// When to try again where there are as many.
    reopen_seconds: u64,
    open: Mutex<HashMap<String, usize>>,
}

impl Streams {
    /// Streams of a kind, named in the plural, of which one customer has so many at a time; whoever has as many may try again after
    /// so many seconds.
    #[must_use]
    pub fn new(kind: &'static str, max: usize, reopen_seconds: u64) -> Arc<Streams> {
        Arc::new(Streams { kind, max, reopen_seconds, open: Mutex::default() })
    }

    /// One more of a customer, counted for as long as the value lives.
    ///
    /// # Errors
    /// 429 with `Retry-After` where there are as many as may be.
    pub fn one_more(self: &Arc<Self>, customer: &str) -> Result<Open, Problem> {
        let mut streams = self.open.lock();
        let open = streams.entry(customer.to_owned()).or_default();
        if *open >= self.max {
            let detail = format!("At most {} {} of one customer are open at a time.", self.max, self.kind);
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(self.reopen_seconds));
        }
        *open += 1;
        Ok(Open { streams: Arc::clone(self), customer: customer.to_owned() })
    }
}

/// A stream of a customer, counted while it is open.
pub struct Open {
    streams: Arc<Streams>,
    customer: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut streams = self.streams.open.lock();
        if let Some(open) = streams.get_mut(&self.customer) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.customer);
            }
        }
    }
}
