//! Writers: deposits and transfers with keys, each sent until it is answered, and all answers kept.
//!
//! A writer owns its customers and waits for each answer, so its ledger is whole at any moment. What was not answered, or was
//! answered 503, is sent again under its key a moment later: the pauses that customers would see are the service's, not ours.

use crate::client::{Answer, Client, Request};
use crate::ledger::Holder;
use crate::money::{field, text};
use anyhow::{Context, bail, ensure};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The coin that is moved.
const ASSET: &str = "SOL";
/// Customers of each writer.
const CUSTOMERS: usize = 3;
/// After this a request counts as lost.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long it is waited before the same is sent again.
const PAUSE: Duration = Duration::from_millis(50);
/// A write that nobody answers for so long ends the run.
const ENDURANCE: Duration = Duration::from_secs(180);
/// Accounts are read once in so many writes.
const LOOK_ONE_IN: u64 = 10;
/// Findings that are kept with their text.
const KEPT: usize = 20;

/// A write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its key, which nothing else has.
    pub key: String,
    /// Where to.
    pub path: &'static str,
    /// Who is acted for.
    pub customer: Option<String>,
    /// What is asked.
    pub body: Value,
}

/// A write that was acknowledged.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// What was asked.
    pub write: Write,
    /// What was answered.
    pub answer: Answer,
    /// When.
    pub at: Instant,
}

/// What all writers share.
#[derive(Debug)]
pub struct Field {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Set when the writers shall end.
    pub is_over: AtomicBool,
    /// When something was acknowledged, in no order.
    pub acknowledged: Mutex<Vec<Instant>>,
    /// Requests that got no answer, or a 503.
    pub unanswered: AtomicU64,
    findings: Mutex<(u64, Vec<String>)>,
}

impl Field {
    /// Where the service listens.
    #[must_use]
    pub fn new(url: &str) -> Field {
        let (is_over, unanswered) = (AtomicBool::new(false), AtomicU64::new(0));
        Field { url: url.to_owned(), is_over, acknowledged: Mutex::default(), unanswered, findings: Mutex::default() }
    }

    /// Notes that something is wrong.
    pub fn find(&self, what: impl Into<String>) {
        let (mut findings, what) = (self.findings.lock(), what.into());
        findings.0 += 1;
        if findings.1.len() < KEPT {
            println!("FINDING {what}");
            findings.1.push(what);
        }
    }

    /// How many findings there are, and the text of the first ones.
    #[must_use]
    pub fn findings(&self) -> (u64, Vec<String>) {
        self.findings.lock().clone()
    }

    /// The longest time in which nothing was acknowledged, of which a part lies between two moments.
    #[must_use]
    pub fn longest_pause(&self, from: Instant, to: Instant) -> Duration {
        longest_pause(self.acknowledged.lock().clone(), from, to)
    }

    /// Whether something was acknowledged within this time.
    #[must_use]
    pub fn is_acknowledging(&self, within: Duration) -> bool {
        self.acknowledged.lock().iter().rev().take(64).any(|at| at.elapsed() < within)
    }
}

/// The longest time between two moments that follow each other, of which a part lies in a stretch; after the last one it goes on
/// to the stretch's end.
#[must_use]
pub fn longest_pause(mut moments: Vec<Instant>, from: Instant, to: Instant) -> Duration {
    moments.push(to.max(moments.iter().max().copied().unwrap_or(to)));
    moments.sort();
    let pauses = moments.windows(2).filter_map(|pair| if let [one, next] = pair { Some((*one, *next)) } else { None });
    pauses.filter(|(one, next)| *next > from && *one < to).map(|(one, next)| next - one).max().unwrap_or_default()
}

/// A way to ask that does not give up soon.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    field: &'a Field,
    client: Client,
}

impl<'a> Asker<'a> {
    /// Someone who asks the service of a field.
    #[must_use]
    pub fn new(field: &'a Field) -> Asker<'a> {
        Asker { field, client: Client::patient(PATIENCE) }
    }

    /// Sends until there is an answer other than 503.
    ///
    /// # Errors
    /// When there is none for three minutes.
    fn surely(&self, request: Request<'_>) -> anyhow::Result<Answer> {
        let until = Instant::now() + ENDURANCE;
        loop {
            let answer = self.client.send(&self.field.url, request);
            match answer {
                Ok(answer) if answer.status != 503 => return Ok(answer),
                _ if Instant::now() < until => {
                    self.field.unanswered.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(PAUSE);
                }
                Ok(answer) => bail!("{} {}: nothing but {} {}", request.method, request.path, answer.status, answer.text()),
                Err(error) => bail!("{} {}: no answer for {ENDURANCE:?}: {error}", request.method, request.path),
            }
        }
    }

    /// GET for a customer.
    ///
    /// # Errors
    /// When the answer is not 200, or there is none.
    pub fn read(&self, path: &str, customer: &str, accept: &str) -> anyhow::Result<Answer> {
        let headers = [("usance-customer", customer), ("accept", accept)];
        let answer = self.surely(Request { method: "GET", path, headers: &headers, body: None })?;
        ensure!(answer.status == 200, "{} to {path}: {}", answer.status, answer.text());
        Ok(answer)
    }

    /// Sends a write.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn deliver(&self, write: &Write) -> anyhow::Result<Answer> {
        let mut headers = vec![("idempotency-key", write.key.as_str()), ("content-type", "application/json")];
        headers.extend(write.customer.as_deref().map(|customer| ("usance-customer", customer)));
        let body = write.body.to_string().into_bytes();
        self.surely(Request { method: "POST", path: write.path, headers: &headers, body: Some(&body) })
    }
}

/// Makes the coin that is moved.
///
/// # Errors
/// When it is refused.
pub fn found(field: &Field) -> anyhow::Result<()> {
    accepted(&Asker::new(field), "/v1/operator/assets", json!({"symbol": ASSET, "name": ASSET, "decimals": 9, "display_decimals": 4}))
}

fn accepted(asker: &Asker<'_>, path: &'static str, body: Value) -> anyhow::Result<()> {
    let key = format!("founding-{body}").replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let key = key.chars().take(60).collect();
    let answer = asker.deliver(&Write { key, path, customer: None, body })?;
    ensure!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    Ok(())
}

/// One writer.
pub struct Writer<'a> {
    field: &'a Field,
    asker: Asker<'a>,
    name: String,
    /// Its customers, each with what it was told.
    pub holders: Vec<(String, Holder)>,
    /// All that was acknowledged, the oldest first.
    pub acknowledged: Vec<Acknowledged>,
}

impl<'a> Writer<'a> {
    /// A writer of a name, with customers of its own.
    ///
    /// # Errors
    /// When they are refused.
    pub fn new(field: &'a Field, name: String) -> anyhow::Result<Writer<'a>> {
        let asker = Asker::new(field);
        let customers: Vec<String> = (0..CUSTOMERS).map(|number| format!("{name}-{number}")).collect();
        for customer in &customers {
            accepted(&asker, "/v1/operator/customers", json!({"id": customer}))?;
        }
        let holders = customers.into_iter().map(|customer| (customer, Holder::default())).collect();
        Ok(Writer { field, asker, name, holders, acknowledged: Vec::new() })
    }

    /// Writes, one after the other, so many milliseconds apart, until the end.
    ///
    /// # Errors
    /// When a write is not answered any more.
    pub fn work(mut self, every: Duration) -> anyhow::Result<Writer<'a>> {
        let mut due = Instant::now();
        for number in 0.. {
            if self.field.is_over.load(Ordering::Relaxed) {
                break;
            }
            self.step(number)?;
            if number % LOOK_ONE_IN == 0 {
                self.look(number)?;
            }
            // What could not be sent meanwhile is not made up for.
            due = (due + every).max(Instant::now());
            std::thread::sleep(due - Instant::now());
        }
        Ok(self)
    }

    /// The place of a write's customer.
    fn place(&self, number: u64) -> usize {
        usize::try_from(number).unwrap_or(0) % self.holders.len().max(1)
    }

    fn step(&mut self, number: u64) -> anyhow::Result<()> {
        let key = format!("{}-{number}", self.name);
        let place = self.place(number);
        let (customer, holder) = self.holders.get_mut(place).context("a customer")?;
        // Two coins come in for each that is moved, so no transfer is refused.
        let write = if (number / CUSTOMERS as u64).is_multiple_of(2) {
            let body = json!({"customer": customer, "asset": ASSET, "account": "spot", "amount": "2", "reference": key});
            Write { key, path: "/v1/operator/deposits", customer: None, body }
        } else {
            let body = json!({"asset": ASSET, "from": "spot", "to": "funding", "amount": "1"});
            Write { key, path: "/v1/transfers", customer: Some(customer.clone()), body }
        };
        let answer = self.asker.deliver(&write)?;
        if !(200..300).contains(&answer.status) {
            self.field.find(format!("{} {} to {write:?}", answer.status, answer.text()));
            return Ok(());
        }
        let at = Instant::now();
        self.field.acknowledged.lock().push(at);
        holder.book(write.path, &write.body, &answer.json()?)?;
        self.acknowledged.push(Acknowledged { write, answer, at });
        Ok(())
    }

    /// Reads a customer's accounts: they have to show what was acknowledged, in every life.
    fn look(&self, number: u64) -> anyhow::Result<()> {
        let (customer, holder) = self.holders.get(self.place(number)).context("a customer")?;
        let shown = self.asker.read("/v1/accounts", customer, "application/json")?.json()?;
        let account = shown.pointer("/items/0").with_context(|| format!("{customer} has no account: {shown}"))?;
        for name in ["spot", "funding"] {
            let told: i128 = holder.sums.iter().filter(|((_, account, _), _)| *account == name).map(|(_, sum)| sum.units).sum();
            if field(account, name)? != told {
                self.field.find(format!("{customer} was told of {} in {name}, and is shown {account}", text(told)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::longest_pause;
    use std::time::{Duration, Instant};

    #[test]
    fn the_longest_pause_is_found_also_when_it_goes_on() {
        let begun = Instant::now();
        let at = |second: u64| begun + Duration::from_secs(second);
        let pause = |from, to| longest_pause([20, 1, 2, 21, 5].map(at).to_vec(), at(from), at(to)).as_secs();
        assert_eq!((pause(1, 6), pause(4, 5), pause(0, 2), pause(20, 21)), (15, 3, 1, 1));
        assert_eq!(pause(21, 60), 39);
    }
}
