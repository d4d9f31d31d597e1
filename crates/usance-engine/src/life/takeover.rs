//! Taking over: first the lease, which others watch, then an epoch record in the log, which alone makes this process the writer:
//! from then on the primary key refuses (fences) every append of the writer before.

use super::follower::Follower;
use super::lease::LeaderLease;
use super::node::Node;
use super::recovering::won;
use super::write::Leadership;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usance_store::postgres::LeaseView;
use usance_store::round;
use usance_store::{LogStore, StoreError};

/// How long the race with a writer that still appends may take.
const RACE: Duration = Duration::from_secs(10);

impl Node {
    /// Takes the lease, then the log; `None` when somebody else was first.
    pub(super) fn take_over(&mut self, follower: &mut Follower, seen: Option<&LeaseView>) -> Result<Option<Leadership>, StoreError> {
        let lease = self.lease()?;
        let asked = Instant::now();
        let Some(term) = lease.take(seen, &self.server.node, self.server.address.as_deref())? else { return Ok(None) };
        self.held = Some(term);
        match self.begin_epoch(follower, asked) {
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
    fn begin_epoch(&self, follower: &mut Follower, asked: Instant) -> Result<(u64, Box<dyn LogStore>), StoreError> {
        let mut log = self.home.log()?;
        loop {
            follower.catch_up()?;
            let (batch, event) = round::epoch(&follower.shared.state.read(), follower.head)?;
            if won(log.append(follower.head.seq, &batch), follower.head.seq)? {
                follower.began_epoch(&batch, &event);
                return Ok((batch.seq, log));
            }
            if asked.elapsed() > RACE {
                return Err(StoreError::Unknown("another writer goes on appending".to_owned()));
            }
            follower.verify_stands()?;
        }
    }
}
