//! One moment of the state, and what history needs of it.
//!
//! A read sees the state in memory and is let out once everything it saw is durable. Read tables, log and records are asked for
//! what lies behind a place that the state has passed; tables that have not, or not any more, are not taken for those that have.

use crate::life::engine::Engine;
use crate::life::live::Shared;
use crate::life::pool::aside;
use crate::unavailable::Unavailable;
use parking_lot::RwLockReadGuard;
use std::cell::Cell;
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

/// How long a thread waits for the state at a time, before it does something else.
const LOCK_PATIENCE: Duration = Duration::from_millis(1);

/// The state, to be looked at. Whoever closes a day holds it for a while: the thread is lent to others meanwhile.
async fn locked(shared: &Shared) -> RwLockReadGuard<'_, State> {
    loop {
        if let Some(state) = shared.state.try_read_for(LOCK_PATIENCE) {
            return state;
        }
        tokio::time::sleep(LOCK_PATIENCE).await;
    }
}

tokio::task_local! {
    /// How far history is known in the answer that is being made, where that is less than the rest of it.
    static AS_FAR: Cell<Option<LogPosition>>;
}

/// Makes an answer; with it, how far the history in it is known, where that is less than the rest of it.
pub async fn answered_as_far<T>(answer: impl Future<Output = T>) -> (T, Option<LogPosition>) {
    AS_FAR.scope(Cell::new(None), async { (answer.await, AS_FAR.with(Cell::get)) }).await
}

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
            let state = locked(&live.shared).await;
            if !live.shared.is_sound(&state) {
                return Err(live.why_stopped());
            }
            let now = live.shared.clock.now(&state);
            (look(&state, now), live.shared.applied.load(Ordering::Acquire))
        };
        live.durable(seen).await?;
        Ok((result, LogPosition::new(seen, u16::MAX)))
    }

    /// Looks at what never changes once it is there (names, decimals); waits for nothing but a close.
    pub fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let live = self.live();
        if let Some(state) = live.shared.state.try_read_for(LOCK_PATIENCE) {
            return look(&state);
        }
        aside(|| look(&live.shared.state.read()))
    }

    /// Waits until the read tables hold everything up to a place, at most a second.
    ///
    /// # Errors
    /// [`Unavailable::ProjectionBehind`].
    pub async fn projected(&self, place: LogPosition) -> Result<(), Unavailable> {
        let reached = self.projected_as_far(place).await?;
        if reached < place {
            return Err(Unavailable::ProjectionBehind { reached: reached.seq(), wanted: place.seq() });
        }
        Ok(())
    }

    /// As [`Engine::projected`], for whoever can do with less: gives how far the tables are, at most that place. Whoever is answered is
    /// told ([`answered_as_far`]).
    ///
    /// # Errors
    /// When nothing more comes into the tables in this life.
    pub async fn projected_as_far(&self, place: LogPosition) -> Result<LogPosition, Unavailable> {
        let live = self.live();
        match tokio::time::timeout(PROJECTION_PATIENCE, live.shared.projected.reached(place.seq())).await {
            Ok(true) => Ok(place),
            Ok(false) => Err(live.why_stopped()),
            Err(_) => {
                let reached = LogPosition::new(live.shared.projected.now(), u16::MAX);
                // Outside of a request nobody is told.
                let _ = AS_FAR.try_with(|told| told.set(Some(reached.min(place))));
                Ok(reached.min(place))
            }
        }
    }

    /// Asks read tables that hold everything up to a place, in the moment in which they are asked.
    ///
    /// # Errors
    /// [`Unavailable::ProjectionBehind`] where they do not, or not any more; [`Unavailable::Store`].
    pub fn tables<R>(&self, place: LogPosition, ask: impl FnOnce(&Reading) -> Result<R, StoreError>) -> Result<R, Unavailable> {
        let asked = self.inner.reads.tables.with(|tables| tables.at(place, ask))?;
        if let Err(StoreError::Behind { reached, .. }) = &asked {
            // They were farther: whoever fills them goes on from where they are.
            self.live().shared.projected.put(*reached);
        }
        Ok(asked?)
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
