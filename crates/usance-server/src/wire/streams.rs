//! Answers that stay open, counted by customer: nobody holds more of a kind than its devices and their tabs want; and ended when
//! what opened them opens nothing any more.

use crate::wire::problem::Problem;
use axum::http::StatusCode;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Open answers of one kind, each with the credential that opened it.
pub struct Streams<C> {
    kind: &'static str,
    max: usize,
    /// When to try again where there are as many.
    reopen_seconds: u64,
    open: Mutex<HashMap<String, Vec<Present<C>>>>,
}

struct Present<C> {
    credential: C,
    /// Says that it is over.
    over: watch::Sender<bool>,
}

impl<C: Clone + PartialEq> Streams<C> {
    /// Streams of a kind, named in the plural, of which one customer has so many at a time; whoever has as many may try again after
    /// so many seconds.
    #[must_use]
    pub fn new(kind: &'static str, max: usize, reopen_seconds: u64) -> Arc<Streams<C>> {
        Arc::new(Streams { kind, max, reopen_seconds, open: Mutex::default() })
    }

    /// One more of a customer, counted for as long as the value lives.
    ///
    /// # Errors
    /// 429 with `Retry-After` where there are as many as may be.
    pub fn one_more(self: &Arc<Self>, customer: &str, credential: C) -> Result<Open<C>, Problem> {
        let mut streams = self.open.lock();
        let open = streams.entry(customer.to_owned()).or_default();
        if open.len() >= self.max {
            let detail = format!("At most {} {} of one customer are open at a time.", self.max, self.kind);
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(self.reopen_seconds));
        }
        let (over, told) = watch::channel(false);
        open.push(Present { credential, over });
        Ok(Open { streams: Arc::clone(self), customer: customer.to_owned(), told })
    }

    /// Ends those whose credential does not hold any more. Each credential is judged once, and while nobody waits for the list: to
    /// judge may take as long as a store takes.
    pub fn end_unless(&self, holds: impl Fn(&C) -> bool) {
        let present: Vec<(C, watch::Sender<bool>)> =
            self.open.lock().values().flatten().map(|present| (present.credential.clone(), present.over.clone())).collect();
        let mut judged: Vec<(&C, bool)> = Vec::new();
        for (credential, over) in &present {
            // Streams of one credential stand together, for they are one customer's.
            let known = judged.iter().rev().take(DEVICES).find(|(other, _)| *other == credential).map(|(_, holds)| *holds);
            let still = known.unwrap_or_else(|| holds(credential));
            if known.is_none() {
                judged.push((credential, still));
            }
            if !still {
                over.send_replace(true);
            }
        }
    }
}

/// Credentials of one customer that are remembered while its streams are judged.
const DEVICES: usize = 8;

/// A stream of a customer, counted while it is open.
pub struct Open<C> {
    streams: Arc<Streams<C>>,
    customer: String,
    told: watch::Receiver<bool>,
}

impl<C> Open<C> {
    /// Waits until it is over.
    pub async fn over(&self) {
        // The sender lives as long as this value.
        let _ = self.told.clone().wait_for(|over| *over).await;
    }
}

impl<C> Drop for Open<C> {
    fn drop(&mut self) {
        let mut streams = self.streams.open.lock();
        if let Some(open) = streams.get_mut(&self.customer) {
            open.retain(|present| !present.over.subscribe().same_channel(&self.told));
            if open.is_empty() {
                streams.remove(&self.customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    async fn is_over<C>(open: &Open<C>) -> bool {
        let mut over = pin!(open.over());
        poll_fn(|context| Poll::Ready(over.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn a_stream_ends_with_what_opened_it_and_makes_room() {
        let streams = Streams::new("streams", 2, 1);
        let (phone, tablet) = (streams.one_more("alice", "phone").expect("room"), streams.one_more("alice", "tablet").expect("room"));
        assert!(streams.one_more("alice", "phone").is_err() && streams.one_more("bob", "phone").is_ok());
        streams.end_unless(|credential| *credential != "phone");
        assert!(is_over(&phone).await && !is_over(&tablet).await);
        drop(phone);
        let again = streams.one_more("alice", "phone").expect("room again");
        assert!(!is_over(&again).await);
        drop((tablet, again));
        assert!(streams.open.lock().is_empty());
    }
}
