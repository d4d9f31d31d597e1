//! One moment of the state, and what history needs of it.
//!
//! A read sees the state in memory and is let out once everything it saw is durable. Read tables, log and records are asked for
//! what lies behind a place that the state has passed.

use crate::life::engine::Engine;
use crate::unavailable::Unavailable;
use std::sync::atomic::Ordering;
use std::time::Duration;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::State;
use usance_store::codec::Record;
use usance_store::projection::Reading;
use usance_store::{LogReader, StoreError};

/// How long a history read waits for the read tables (ARCHITECTURE).
const PROJECTION_PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Reads the state at its instant: every earlier day is closed, and everything seen is durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable::Stopped`] when what was seen can never become durable.
    pub async fn read<R>(&self, look: impl FnOnce(&State, Timestamp) -> R) -> Result<R, Unavailable> {
        self.read_at(look).await.map(|(result, _)| result)
    }

    /// As [`Engine::read`], with the batch up to which everything was seen.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn read_at<R>(&self, look: impl FnOnce(&State, Timestamp) -> R) -> Result<(R, LogPosition), Unavailable> {
        let live = self.live();
        live.open_today().await?;
        let (result, seen) = {
            let state = live.shared.state.read();
            let now = live.shared.clock.now(&state);
            (look(&state, now), live.shared.applied.load(Ordering::Acquire))
        };
        live.durable(seen).await?;
        Ok((result, LogPosition::new(seen, u16::MAX)))
    }

    /// Looks at what never changes once it is there (names, decimals); waits for nothing.
    pub fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.live().shared.state.read())
    }

    /// Waits until the read tables hold everything up to a place, at most a second.
    ///
    /// # Errors
    /// [`Unavailable::ProjectionBehind`].
    pub async fn projected(&self, place: LogPosition) -> Result<(), Unavailable> {
        let live = self.live();
        match tokio::time::timeout(PROJECTION_PATIENCE, live.shared.projected.reached(place.seq())).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(live.why_stopped()),
            Err(_) => Err(Unavailable::ProjectionBehind),
        }
    }

    /// Asks the read tables.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn tables<R>(&self, ask: impl FnOnce(&Reading) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.inner.reads.tables.with(|tables| ask(tables))??)
    }

    /// Asks the log.
    ///
    /// # Errors
    /// [`Unavailable::Store`].
    pub fn log<R>(&self, ask: impl FnOnce(&dyn LogReader) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        Ok(self.inner.reads.logs.with(|reader| ask(reader.as_ref()))??)
    }

    /// The record at a place in the log.
    ///
    /// # Errors
    /// [`Unavailable::Store`], also when there is none.
    pub fn record(&self, place: LogPosition) -> Result<Record, Unavailable> {
        let shard = self.peek(|state| state.registry.platform.shard);
        let bytes = self.log(|reader| reader.record(shard, place))?;
        let bytes = bytes.ok_or_else(|| Unavailable::Store(format!("no record at log position {place}")))?;
        Ok(usance_store::codec::decode(&bytes)?)
    }
}
