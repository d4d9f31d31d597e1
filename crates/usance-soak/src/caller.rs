//! One thread's way to ask: reads once, writes until they are answered, always with the same key.
//!
//! A write whose answer was lost, or that met a process that was not ready, is sent again: in the next life, or after a while in
//! the same; after a 503 it is waited for as long as its `Retry-After` says. The latency of an answer counts from the moment at
//! which it was due, so waiting behind a slow one counts; the gap of a restart does not: it is measured apart. An answer that must
//! not be (a 5xx other than 503, a refusal that no rule gives here, other bytes for the same key) is a finding.

use crate::client::{Answer, Client, Request};
use crate::stage::Stage;
use crate::tally::{Kind, Tally};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use usance_workload::SplitMix64;

/// Answers that are remembered to be asked for again.
const REMEMBERED: usize = 256;
/// How long a key is remembered at least, in milliseconds of engine time (RULES 10).
const KEY_KEPT_MS: i64 = 48 * 3_600_000;
/// A thread that is further behind than this does not make up for what it missed.
const BEHIND: Duration = Duration::from_secs(1);
/// How long it is waited before what got no answer is sent again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a 503 is waited for at most, whatever its `Retry-After` says.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Refusals that these threads may meet.
const REFUSALS: [&str; 18] = [
    "insufficient_balance",
    "above_capacity",
    "above_personal_maximum",
    "below_minimum",
    "above_principal",
    "amount_invalid",
    "quote_changed",
    "position_closed",
    "early_redemption_not_allowed",
    "partial_not_allowed",
    "product_not_open",
    "renewal_not_allowed",
    "rate_not_future",
    "rate_above_reference",
    "day_closed",
    "status_not_reachable",
    "clock_backwards",
    "not_a_step_multiple",
];

/// A write.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What it is.
    pub kind: Kind,
    /// Its key, which nothing else has.
    pub key: String,
    /// POST or PATCH.
    pub method: &'static str,
    /// Where to.
    pub path: String,
    /// Who is acted for.
    pub customer: Option<String>,
    /// What is asked.
    pub body: Value,
}

/// A write and its answer.
#[derive(Clone, Debug)]
pub struct Done {
    /// What was asked.
    pub sent: Sent,
    /// What was answered.
    pub answer: Answer,
    /// Where the engine's clock stood before, or earlier.
    pub since_ms: i64,
}

impl Done {
    /// Whether it did something.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.answer.status)
    }
}

/// An answer, and what had to happen for it.
struct Answered {
    answer: Answer,
    /// When it was sent for the time that was answered.
    sent_at: Instant,
    is_first: bool,
}

/// One thread's way to ask.
pub struct Caller<'a> {
    /// What all share.
    pub stage: &'a Stage,
    /// What this thread throws.
    pub dice: SplitMix64,
    /// How long answers took.
    pub tally: Tally,
    /// Its name in keys and references.
    pub name: String,
    client: Client,
    remembered: VecDeque<Done>,
    count: u64,
}

impl<'a> Caller<'a> {
    /// A thread of a name; keys begin with it.
    pub fn new(stage: &'a Stage, name: String, seed: u64) -> Caller<'a> {
        let client = Client::default();
        Caller { stage, dice: SplitMix64::new(seed), tally: Tally::default(), name, client, remembered: VecDeque::new(), count: 0 }
    }

    /// One of several things.
    pub fn one_of<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        things.get(usize::try_from(self.dice.below(things.len() as u64)).unwrap_or(0)).copied()
    }

    /// A key that was never used.
    pub fn fresh_key(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.name, self.count)
    }

    /// Sends a write until it is answered.
    pub fn write(&mut self, sent: Sent, due: Instant) -> Done {
        let since_ms = self.stage.now_ms();
        let answered = deliver(self.stage, &self.client, &sent);
        let since = if answered.is_first { due } else { answered.sent_at };
        self.tally.take(self.stage.begun, sent.kind, since);
        self.keep(Done { sent, answer: answered.answer, since_ms })
    }

    /// Sends a write twice at once, on two connections; it must be done once, and both answers must be the same.
    pub fn write_twice(&mut self, sent: Sent, due: Instant) -> Done {
        let since_ms = self.stage.now_ms();
        let (stage, client) = (self.stage, &self.client);
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| deliver(stage, client, &sent));
            (deliver(stage, client, &sent), second.join())
        });
        let since = if first.is_first { due } else { first.sent_at };
        self.tally.take(self.stage.begun, sent.kind, since);
        match second {
            Ok(second) => {
                self.expect_same(&sent, &first.answer, &second.answer);
                let replayed = [&first, &second].iter().filter(|one| one.answer.header("idempotency-replayed").is_some()).count();
                // Both are repetitions when the first of them was lost.
                if replayed == 0 {
                    self.stage.find(format!("sent twice at once and done twice: {sent:?}"));
                }
            }
            Err(_) => self.stage.find("a thread that sent a write panicked"),
        }
        self.tally.doubled += 1;
        self.keep(Done { sent, answer: first.answer, since_ms })
    }

    fn keep(&mut self, done: Done) -> Done {
        if !done.is_accepted() {
            let code = done.answer.code();
            if !REFUSALS.contains(&code.as_str()) {
                self.stage.find(format!("{} {} to {:?}", done.answer.status, done.answer.text(), done.sent));
            }
            *self.tally.refused.entry(code).or_default() += 1;
        }
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(done.clone());
        done
    }

    /// Sends some earlier writes again, with their keys, and expects the same bytes. The clock must not move meanwhile.
    pub fn ask_again(&mut self, count: usize) {
        for turn in 0..count {
            // The newest are those that a crash could have taken.
            let back = if turn < count / 2 { turn } else { self.dice.below(self.remembered.len() as u64) as usize };
            let Some(done) = self.remembered.len().checked_sub(back + 1).and_then(|place| self.remembered.get(place)).cloned() else {
                continue;
            };
            if self.stage.now_ms() - done.since_ms >= KEY_KEPT_MS {
                continue;
            }
            let again = deliver(self.stage, &self.client, &done.sent);
            self.tally.take(self.stage.begun, Kind::Again, again.sent_at);
            self.expect_same(&done.sent, &done.answer, &again.answer);
            if again.answer.header("idempotency-replayed").is_none() {
                self.stage.find(format!("done again: {:?}", done.sent));
            }
            self.tally.keys_compared += 1;
        }
    }

    fn expect_same(&self, sent: &Sent, one: &Answer, other: &Answer) {
        if (one.status, &one.bytes) != (other.status, &other.bytes) {
            self.stage.find(format!("two answers to {sent:?}: {} {}, and {} {}", one.status, one.text(), other.status, other.text()));
        }
    }

    /// Asks for something once; nothing when no answer came.
    pub fn read(&mut self, kind: Kind, request: Request<'_>, due: Instant) -> Option<Answer> {
        let waited = !self.stage.address().is_up;
        let address = self.stage.up();
        let sent_at = if waited { Instant::now() } else { due };
        match attempt(self.stage, &self.client, &address.url, request) {
            Ok(answer) => {
                self.tally.take(self.stage.begun, kind, sent_at);
                Some(answer)
            }
            Err(pause) => {
                self.stage.after_silence(address.life, sent_at, pause);
                None
            }
        }
    }

    /// GET for a customer, or for the operator; what is not 200 is a finding.
    pub fn look(&mut self, kind: Kind, path: &str, customer: Option<&str>, due: Instant) -> Option<Answer> {
        let headers: Vec<(&str, &str)> = customer.map(|customer| ("usance-customer", customer)).into_iter().collect();
        let answer = self.read(kind, Request { method: "GET", path, headers: &headers, body: None }, due)?;
        self.expect_status(200, path, answer)
    }

    /// An answer with this status, or a finding.
    pub fn expect_status(&self, status: u16, path: &str, answer: Answer) -> Option<Answer> {
        if answer.status == status {
            return Some(answer);
        }
        self.stage.find(format!("{} to {path}: {}", answer.status, answer.text().chars().take(300).collect::<String>()));
        None
    }

    /// As [`Caller::read`], until it is answered.
    ///
    /// # Errors
    /// When the answer is not 200, or the soak cannot go on.
    pub fn surely(&mut self, request: Request<'_>) -> anyhow::Result<Answer> {
        loop {
            if let Some(answer) = self.read(Kind::Check, request, Instant::now()) {
                anyhow::ensure!(answer.status == 200, "{} to {}: {}", answer.status, request.path, answer.text());
                return Ok(answer);
            }
            anyhow::ensure!(!self.stage.is_given_up(), "no answer to {} any more", request.path);
        }
    }

    /// Every item of a customer's list, page by page, until it is answered.
    ///
    /// # Errors
    /// When an answer is not 200, or not a list.
    pub fn list_surely(&mut self, path: &str, customer: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let asked = format!("{path}{joint}limit=500{cursor}");
            let headers = [("usance-customer", customer)];
            let page = self.surely(Request { method: "GET", path: &asked, headers: &headers, body: None })?.json()?;
            items.extend(page.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Waits for the moment of the next request of a fixed rate, and gives it. What was due while the engine was away is not
    /// made up for.
    pub fn next_due(&mut self, due: Instant, mean: Duration) -> Instant {
        // Between half and one and a half of the mean.
        let pause = mean / 2 + mean * u32::try_from(self.dice.below(1_000)).unwrap_or(0) / 1_000;
        let next = due + pause;
        let now = Instant::now();
        if let Some(ahead) = next.checked_duration_since(now) {
            std::thread::sleep(ahead);
            return next;
        }
        let behind = now - next;
        if behind < BEHIND {
            return next;
        }
        self.tally.skipped += (behind.as_secs_f64() / mean.as_secs_f64().max(1e-6)) as u64;
        now
    }
}

/// Sends a write until it is answered, or the soak cannot go on.
fn deliver(stage: &Stage, client: &Client, sent: &Sent) -> Answered {
    let body = sent.body.to_string().into_bytes();
    let mut headers = vec![("idempotency-key", sent.key.as_str()), ("content-type", "application/json")];
    headers.extend(sent.customer.as_deref().map(|customer| ("usance-customer", customer)));
    let request = Request { method: sent.method, path: &sent.path, headers: &headers, body: Some(&body) };
    let (mut was_lost, mut has_waited, begun) = (false, false, Instant::now());
    loop {
        has_waited |= !stage.address().is_up;
        let address = stage.up();
        let sent_at = Instant::now();
        let pause = match attempt(stage, client, &address.url, request) {
            Ok(answer) => {
                if was_lost {
                    let before = answer.header("idempotency-replayed").is_some();
                    (if before { &stage.done_before } else { &stage.done_now }).fetch_add(1, Ordering::Relaxed);
                }
                return Answered { answer, sent_at, is_first: !was_lost && !has_waited };
            }
            Err(pause) => pause,
        };
        if stage.is_given_up() {
            return Answered { answer: Answer::missing(), sent_at, is_first: false };
        }
        was_lost = true;
        stage.after_silence(address.life, begun, pause);
    }
}

/// Sends once. Where no answer came or the process was not ready, gives how long to wait before the same is sent again.
fn attempt(stage: &Stage, client: &Client, url: &str, request: Request<'_>) -> Result<Answer, Duration> {
    match client.send(url, request) {
        Ok(answer) if answer.status == 503 => {
            stage.not_ready.fetch_add(1, Ordering::Relaxed);
            Err(pause_after(&answer))
        }
        Ok(answer) => {
            if answer.status >= 500 {
                stage.find(format!("{} to {} {}: {}", answer.status, request.method, request.path, answer.text()));
            }
            Ok(answer)
        }
        Err(_) => {
            stage.lost.fetch_add(1, Ordering::Relaxed);
            Err(PAUSE)
        }
    }
}

/// What a 503 asks for, within reason.
fn pause_after(answer: &Answer) -> Duration {
    let asked = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    asked.map_or(PAUSE, |asked| asked.clamp(PAUSE, PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, PAUSE_MAX, pause_after};
    use crate::client::Answer;
    use std::time::Duration;

    #[test]
    fn a_503_is_asked_again_when_it_says() {
        let told = |headers: &[(&str, &str)]| Answer {
            status: 503,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            bytes: Vec::new(),
        };
        assert_eq!(pause_after(&told(&[("retry-after", "2")])), Duration::from_secs(2));
        assert_eq!(pause_after(&told(&[("retry-after", "86400")])), PAUSE_MAX);
        assert_eq!(pause_after(&told(&[("retry-after", "0")])), PAUSE);
        assert_eq!(pause_after(&told(&[])), PAUSE);
    }
}
