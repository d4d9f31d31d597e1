//! Taking over: first the lease, which others watch, then an epoch record in the log, which alone makes this process the writer:
//! from then on the primary key refuses (fences) every append of the writer before. A log that lost its end is first made whole, or
//! left alone ([`super::loss`]).

use super::follower::Follower;
use super::lease::{LAPSE, LeaderLease, RENEWAL};
use super::loss;
use super::node::{Node, REST, TAKING};
use super::recovering::won;
use super::write::Leadership;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usance_store::postgres::LeaseView;
use usance_store::round;
use usance_store::{LogStore, Lost, StoreError};

/// How long the race with a writer that still appends may take.
const RACE: Duration = Duration::from_secs(10);

impl Node {
    /// Takes the lease, then the log; `None` when somebody else was first.
    pub(super) fn take_over(&mut self, follower: &mut Follower, seen: Option<&LeaseView>) -> Result<Option<Leadership>, StoreError> {
        let (mut lease, mut log) = (self.lease()?, self.home.log()?);
        lease.set_patience(TAKING);
        log.set_patience(TAKING);
        if let Some(lost) = loss::missing(&follower.shared.lasting(), log.as_mut())? {
            self.wait_for_lost(lost);
            return Ok(None);
        }
        follower.verify_stands()?;
        let (asked, clock) = (Instant::now(), &follower.shared.clock);
        let clock_ms = clock.known().ms();
        // Should the answer be lost, it is known by its term: it is not waited for until it has lapsed.
        self.held = Some(seen.map_or(1, |seen| seen.term + 1));
        let Some(term) = lease.take(seen, &self.server.node, self.server.address.as_deref(), clock_ms)? else { return Ok(None) };
        self.held = Some(term);
        lease.set_patience(RENEWAL * 2);
        match self.begin_epoch(follower, log, asked) {
            Ok((batch, log)) => {
                tracing::info!(node = self.server.node, term, batch, "this instance writes");
                metrics::counter!("usance_takeovers_total", "shard" => "0").increment(1);
                // It would only be the name of a follower that is none any more.
                let _ = lease.forget(&self.server.node);
                Ok(Some(Leadership { lease, term, held: Arc::new(LeaderLease::new(asked)), log }))
            }
            Err(error) => {
                // For whoever can do more with it.
                let _ = lease.release(term);
                Err(error)
            }
        }
    }

    /// Catches up and appends an epoch record; whoever else still appends is raced with.
    fn begin_epoch(
        &self,
        follower: &mut Follower,
        mut log: Box<dyn LogStore>,
        asked: Instant,
    ) -> Result<(u64, Box<dyn LogStore>), StoreError> {
        loop {
            follower.catch_up()?;
            let (batch, event) = round::epoch(&follower.shared.state.read(), follower.head)?;
            if won(log.append(follower.head.seq, &batch), follower.head.seq)? {
                // Whoever waits longer for a commit has no lease any more.
                log.set_patience(LAPSE);
                follower.began_epoch(&batch, &event);
                return Ok((batch.seq, log));
            }
            if asked.elapsed() > RACE {
                return Err(StoreError::Unknown("another writer goes on appending".to_owned()));
            }
            follower.verify_stands()?;
        }
    }

    /// Says what is lost, once, and waits: somebody may put it back, or give it up.
    fn wait_for_lost(&mut self, lost: Lost) {
        if self.told_lost.replace(lost) != Some(lost) {
            tracing::error!(
                ends_at = lost.ends_at,
                through = lost.through.seq,
                "the database has lost acknowledged batches: nothing is written before they are put back from a copy (usance restore) or given up (usance accept-loss)"
            );
        }
        self.settle();
        std::thread::sleep(REST);
    }
}
