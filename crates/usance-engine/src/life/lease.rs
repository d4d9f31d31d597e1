//! What this process is to the log: its only writer, its writer for as long as a lease says so, or a follower.
//!
//! A writer that holds a lease answers a read as current only while it is sure that nobody else can have taken over: up to
//! [`SURE`] after it *sent* its last successful renewal, by its own clock. Whoever watches the lease takes over only when
//! no renewal showed for [`LAPSE`], by the watcher's own clock, and [`LAPSE`] is longer. Clocks of two machines are never
//! compared. Writing needs no lease at all: the log's primary key decides who writes.

use crate::unavailable::Unavailable;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use usance_store::Lost;

/// How often a writer renews its lease.
pub const RENEWAL: Duration = Duration::from_millis(500);
/// For how long after a renewal was sent a writer is sure to be the writer.
pub const SURE: Duration = Duration::from_secs(2);
/// For how long a lease has to stand still before it has lapsed.
pub const LAPSE: Duration = Duration::from_secs(3);

/// Until when a writer is sure that it is the writer.
#[derive(Debug)]
pub struct LeaderLease {
    begun: Instant,
    /// Milliseconds after `begun`; 0 for not any more.
    sure_until: watch::Sender<u64>,
}

impl LeaderLease {
    /// A lease that lease was asked for at an instant, and granted.
    #[must_use]
    pub fn new(asked: Instant) -> Self {
        let lease = LeaderLease { begun: asked, sure_until: watch::Sender::new(0) };
        lease.renewed(asked);
        lease
    }

    /// The lease was renewed by a request that was sent at an instant.
    pub fn renewed(&self, asked: Instant) {
        let until = millis(asked.saturating_duration_since(self.begun).saturating_add(SURE));
        self.sure_until.send_modify(|sure| *sure = (*sure).max(until));
    }

    /// It is over: nothing is answered as current any more.
    pub fn end(&self) {
        self.sure_until.send_replace(0);
    }

    /// Whether nobody else can be the writer now.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        millis(self.begun.elapsed()) < *self.sure_until.borrow()
    }

    /// As [`LeaderLease::is_sure`], waiting a moment for a renewal that is late.
    pub async fn becomes_sure(&self, patience: Duration) -> bool {
        let mut renewals = self.sure_until.subscribe();
        let renewed = renewals.wait_for(|until| millis(self.begun.elapsed()) < *until);
        tokio::time::timeout(patience, renewed).await.is_ok_and(|renewed| renewed.is_ok())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a process is to the log at one time.
#[derive(Clone, Debug)]
pub enum Duty {
    /// Nobody else can open this log for writing: it lies in a directory that this process has locked.
    Sole,
    /// The writer, as long as its lease holds.
    Writer(Arc<LeaderLease>),
    /// Somebody else writes, or nobody.
    Follower(Arc<Following>),
}

/// Whom a follower follows.
#[derive(Debug, Default)]
pub struct Following {
    writer: Mutex<Option<String>>,
    /// Batches that the log has lost, and that this process does not write over.
    lost: Arc<Mutex<Option<Lost>>>,
    /// When the log was last seen to hold no more than what is applied, milliseconds of [`Following::clock`]; 0 for never.
    caught_up_ms: AtomicU64,
}

impl Following {
    /// Nobody was heard of yet; what the log has lost is known to others, too.
    #[must_use]
    pub fn new(lost: Arc<Mutex<Option<Lost>>>) -> Self {
        Following { lost, ..Following::default() }
    }

    /// Where the writer can be reached, when it says so.
    #[must_use]
    pub fn writer(&self) -> Option<String> {
        self.writer.lock().clone()
    }

    /// The writer says that it can be reached here.
    pub fn set_writer(&self, address: Option<String>) {
        *self.writer.lock() = address;
    }

    /// Why this process does not write.
    #[must_use]
    pub fn unavailable(&self) -> Unavailable {
        match *self.lost.lock() {
            Some(lost) => Unavailable::BatchesLost { ends_at: lost.ends_at, through: lost.through.seq },
            None => Unavailable::NotWriter { writer: self.writer() },
        }
    }

    /// Everything that the log held a moment ago is applied.
    pub fn set_caught_up(&self) {
        self.caught_up_ms.store(Self::clock().max(1), Ordering::Release);
    }

    /// How long ago that was, `None` for never.
    #[must_use]
    pub fn behind(&self) -> Option<Duration> {
        match self.caught_up_ms.load(Ordering::Acquire) {
            0 => None,
            at => Some(Duration::from_millis(Self::clock().saturating_sub(at))),
        }
    }

    fn clock() -> u64 {
        static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        millis(BEGUN.elapsed())
    }
}

/// A lease as a follower sees it move, by the follower's own clock.
#[derive(Clone, Copy, Debug)]
pub struct LeaseWatch {
    beat: Option<(i64, i64)>,
    since: Instant,
}

impl LeaseWatch {
    /// Nothing was seen yet.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        LeaseWatch { beat: None, since: now }
    }

    /// The lease has this term and beat now, or is not there. True when that is news of somebody alive.
    pub fn see(&mut self, beat: Option<(i64, i64)>, now: Instant) -> bool {
        let moved = beat != self.beat;
        let first = self.beat.is_none();
        if moved {
            (self.beat, self.since) = (beat, now);
        }
        moved && !first
    }

    /// Whether it has stood still for so long that its holder cannot be sure of it any more.
    #[must_use]
    pub fn has_lapsed(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= LAPSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_sure_is_not_taken_for_gone() {
        assert!(SURE + RENEWAL < LAPSE);
        let asked = Instant::now();
        // The watcher sees the renewal at the earliest when it was asked for.
        let mut watch = LeaseWatch::new(asked);
        assert!(!watch.see(Some((1, 1)), asked));
        assert!(!watch.has_lapsed(asked + SURE) && watch.has_lapsed(asked + LAPSE));
        assert!(watch.see(Some((1, 2)), asked + LAPSE));
        assert!(!watch.has_lapsed(asked + LAPSE + SURE));
        assert!(!watch.see(Some((1, 2)), asked + LAPSE + SURE));
        assert!(watch.has_lapsed(asked + LAPSE + LAPSE));
    }

    #[test]
    fn a_lease_is_sure_from_when_it_was_asked_for() {
        let now = Instant::now();
        assert!(LeaderLease::new(now).is_sure());
        let Some(earlier) = now.checked_sub(SURE) else { return };
        let lease = LeaderLease::new(earlier);
        assert!(!lease.is_sure());
        lease.renewed(now);
        assert!(lease.is_sure());
        // An answer that comes late does not take back what a later request gave.
        lease.renewed(earlier);
        assert!(lease.is_sure());
        lease.end();
        assert!(!lease.is_sure());
    }
}
