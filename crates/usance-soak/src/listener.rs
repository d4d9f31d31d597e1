//! A customer's event stream through every restart: each accepted subscription is heard, and heard once in a stream.

use crate::client::Client;
use crate::stage::Stage;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long it is waited before a stream that ended is taken up again.
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody who listens.
#[derive(Debug, Default)]
pub struct Listener {
    /// Whose events.
    pub customer: String,
    /// Subscriptions that were heard.
    pub heard: AtomicUsize,
    /// How often the stream was taken up again.
    pub resumed: AtomicUsize,
    /// Set once nothing more is wanted.
    pub is_done: AtomicBool,
}

impl Listener {
    /// Of a customer.
    #[must_use]
    pub fn new(customer: String) -> Listener {
        Listener { customer, ..Listener::default() }
    }

    /// Listens until it is done; takes the stream up where it was cut.
    pub fn listen(&self, stage: &Stage) {
        let (mut last, mut heard) = ("0".to_owned(), BTreeSet::new());
        let mut since = Instant::now();
        while !self.is_done.load(Ordering::Relaxed) {
            let address = stage.up();
            let opened = Client::listen(&address.url, &self.customer, &last);
            match opened {
                Ok((200, lines)) => {
                    self.resumed.fetch_add(1, Ordering::Relaxed);
                    self.follow(stage, lines, &mut last, &mut heard);
                    since = Instant::now();
                }
                Ok((503, _)) | Err(_) => {}
                Ok((status, _)) => stage.find(format!("{status} to the event stream of {}", self.customer)),
            }
            if !self.is_done.load(Ordering::Relaxed) {
                stage.after_silence(address.life, since, PAUSE);
            }
        }
    }

    /// Reads to the end of a stream.
    fn follow(&self, stage: &Stage, lines: impl BufRead, last: &mut String, heard: &mut BTreeSet<String>) {
        let (mut id, mut kind) = (None, String::new());
        for line in lines.lines().map_while(Result::ok) {
            if let Some(value) = line.strip_prefix("id:") {
                id = Some(value.trim().to_owned());
            } else if let Some(value) = line.strip_prefix("event:") {
                value.trim().clone_into(&mut kind);
            } else if line.is_empty() {
                if let Some(id) = id.take() {
                    // A subscription is the only event of its place in the log, so it always carries its id.
                    if kind == "position_opened" {
                        if !heard.insert(id.clone()) {
                            stage.find(format!("{} heard of subscription {id} twice", self.customer));
                        }
                        self.heard.store(heard.len(), Ordering::Relaxed);
                    }
                    *last = id;
                }
                kind.clear();
            }
        }
    }
}
