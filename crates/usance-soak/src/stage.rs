//! What all threads of a soak share: where the engine listens now and in which life, its clock, and what was found wrong.
//!
//! It decides nothing. Whoever lost an answer waits here for the next life.

use parking_lot::{Condvar, Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Findings that are kept with their text.
const FINDINGS_KEPT: usize = 40;
/// How long a process that nobody ended may leave a request without an answer before that is a finding.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where the engine is.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Which start of the process this is, counted from 1.
    pub life: u32,
    /// When it became ready.
    pub ready_at: Option<Instant>,
    /// Whether it is ready, as far as anybody here knows.
    pub is_up: bool,
    /// Whether there will be no further life.
    pub is_last: bool,
}

/// The shared place.
#[derive(Debug)]
pub struct Stage {
    /// When the soak began.
    pub begun: Instant,
    /// Its engine's process, 0 while there is none.
    pub process: AtomicU32,
    /// Where the engine's clock stands at least, in milliseconds since 1970.
    pub clock_ms: AtomicI64,
    /// Held to move the clock, and by whoever needs it to stand still.
    pub clock: RwLock<()>,
    /// Set shortly before a life is ended: customers then write as fast as they are answered, so that there is much to lose.
    pub is_rushing: AtomicBool,
    /// Set when the load ends.
    pub is_over: AtomicBool,
    /// Set while somebody sees whether the engine ended, and starts it again.
    pub is_attended: AtomicBool,
    /// Set when the soak cannot go on: nobody waits for an answer any more, and what is then missed is no finding.
    is_given_up: AtomicBool,
    /// Answers of 503.
    pub not_ready: AtomicU64,
    /// Requests whose answer did not come.
    pub lost: AtomicU64,
    /// Lost writes that turned out to be done before.
    pub done_before: AtomicU64,
    /// Lost writes that were done only when they were sent again.
    pub done_now: AtomicU64,
    address: Mutex<Address>,
    changed: Condvar,
    findings: Mutex<(u64, Vec<String>)>,
}

impl Default for Stage {
    fn default() -> Self {
        Stage {
            begun: Instant::now(),
            process: AtomicU32::new(0),
            clock_ms: AtomicI64::new(0),
            clock: RwLock::new(()),
            is_rushing: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            is_attended: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
            not_ready: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            done_before: AtomicU64::new(0),
            done_now: AtomicU64::new(0),
            address: Mutex::default(),
            changed: Condvar::new(),
            findings: Mutex::default(),
        }
    }
}

impl Stage {
    /// Notes that something is wrong.
    pub fn find(&self, what: impl Into<String>) {
        if self.is_given_up() {
            return;
        }
        let what = what.into();
        eprintln!("soak: FOUND {what}");
        let mut findings = self.findings.lock();
        findings.0 += 1;
        if findings.1.len() < FINDINGS_KEPT {
            findings.1.push(what);
        }
    }

    /// How much was found wrong, and the first of it.
    pub fn findings(&self) -> (u64, Vec<String>) {
        self.findings.lock().clone()
    }

    /// Where the engine is.
    pub fn address(&self) -> Address {
        self.address.lock().clone()
    }

    /// A new life is ready.
    pub fn is_ready_at(&self, url: &str, process: u32) {
        let mut address = self.address.lock();
        *address = Address { url: url.to_owned(), life: address.life + 1, ready_at: Some(Instant::now()), is_up: true, is_last: false };
        self.process.store(process, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// The present life was ended.
    pub fn has_ended(&self) {
        self.address.lock().is_up = false;
        self.process.store(0, Ordering::Relaxed);
    }

    /// There will be no further life: nobody waits for one any more.
    pub fn is_closing(&self) {
        self.has_ended();
        self.address.lock().is_last = true;
        self.changed.notify_all();
    }

    /// Ends the load and everybody's waiting: there will be no further life.
    pub fn give_up(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.is_given_up.store(true, Ordering::Relaxed);
        self.is_closing();
    }

    /// Whether it cannot go on.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Waits until the engine can be asked; at once when it can be now, or never again.
    pub fn up(&self) -> Address {
        let mut address = self.address.lock();
        while !address.is_up && !address.is_last {
            self.changed.wait(&mut address);
        }
        address.clone()
    }

    /// Waits for as long as it is told, or for the life after the one that left a request without an answer. A life that is not
    /// ended and answers nothing for long is a finding; where nobody would start the next one, it is the end of the soak. Whoever
    /// waits since before this life was ready, waits for it since it was.
    pub fn after_silence(&self, life: u32, since: Instant, pause: Duration) {
        let until = Instant::now() + pause;
        let mut address = self.address.lock();
        while address.life == life && !self.changed.wait_until(&mut address, until).timed_out() {}
        let is_same = address.is_up && address.life == life;
        let since = address.ready_at.map_or(since, |ready| since.max(ready));
        drop(address);
        if is_same && since.elapsed() > PATIENCE {
            self.find(format!("life {life} answers nothing for {PATIENCE:?}, and nobody ended it"));
            if !self.is_attended.load(Ordering::Relaxed) {
                self.give_up();
            }
        }
    }

    /// Whether a life is about to be ended.
    pub fn is_rushing(&self) -> bool {
        self.is_rushing.load(Ordering::Relaxed)
    }

    /// Whether the load is over.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The engine's clock, at least.
    pub fn now_ms(&self) -> i64 {
        self.clock_ms.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Stage};
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    #[test]
    fn nobody_waits_for_a_soak_that_was_given_up() {
        let stage = Stage::default();
        stage.find("before");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stage.up());
            stage.give_up();
            assert!(waiting.join().expect("joined").is_last);
        });
        stage.find("a consequence");
        assert!(stage.is_over() && stage.findings() == (1, vec!["before".to_owned()]));
    }

    #[test]
    fn silence_is_counted_from_the_moment_at_which_the_life_was_ready() {
        let stage = Stage::default();
        stage.is_attended.store(true, Ordering::Relaxed);
        let long_ago = Instant::now().checked_sub(PATIENCE * 2).expect("a clock that goes back so far");
        stage.is_ready_at("http://127.0.0.1:1", 1);
        stage.after_silence(1, long_ago, Duration::from_millis(1));
        assert_eq!(stage.findings().0, 0, "the life before left it without an answer");
        stage.address.lock().ready_at = Some(long_ago);
        stage.after_silence(1, Instant::now(), Duration::from_millis(1));
        assert_eq!(stage.findings().0, 0, "it is not waited for long");
        stage.after_silence(1, long_ago, Duration::from_millis(1));
        assert_eq!(stage.findings().0, 1, "this life leaves it without an answer");
    }
}
