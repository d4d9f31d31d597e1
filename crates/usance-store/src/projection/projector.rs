//! What moves read tables along the log, in whichever home they lie.
//!
//! A step reads where the tables stand, takes batches from there, and stores the rows with the progress in one
//! transaction. What it counts is asked of the tables when it begins, and forgotten when it ends: however it ends, by a
//! commit, a refusal or an answer that nobody knows, nothing in memory can differ from the tables. Two processes may step
//! the same tables: the home refuses rows that do not begin where the tables stand, and whoever was second looks again.

use std::path::Path;

use usance_core::calendar::DayOffset;
use usance_core::id::LogPosition;

use super::home::{Home, Stored};
use super::postgres::PostgresTables;
use super::sqlite::SqliteTables;
use super::step::Step;
use super::tables_state::TablesState;
use crate::error::StoreError;
use crate::log::LogReader;
use crate::postgres::Postgres;

/// Rows after which a step takes no further batch: they are held in memory until they are stored.
const ROWS: usize = 1 << 15;

/// WriteConnection the log into rows.
pub struct Projector {
    home: Box<dyn Home>,
    shard: u16,
    offset: DayOffset,
    reached: LogPosition,
}

impl Projector {
    /// Opens or creates the tables in an SQLite file and finds how far they are.
    ///
    /// # Errors
    /// As the file answers.
    pub fn open(path: &Path, shard: u16, offset: DayOffset) -> Result<Self, StoreError> {
        Projector::over(Box::new(SqliteTables::open(path)?), shard, offset)
    }

    /// As [`Projector::open`], for tables on a server. Another process may move the same tables.
    ///
    /// # Errors
    /// As the server answers.
    pub fn open_postgres(postgres: &Postgres, shard: u16, offset: DayOffset) -> Result<Self, StoreError> {
        Projector::over(Box::new(PostgresTables::open(postgres)?), shard, offset)
    }

    /// Throws the tables in an SQLite file away, so that the next [`Projector::open`] builds them anew: for tables that are
    /// damaged or of another log. Nobody has the file open.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be removed.
    pub fn discard(path: &Path) -> Result<(), StoreError> {
        SqliteTables::discard(path)
    }

    /// As [`Projector::discard`], for what a shard has in the tables on a server. They may be in use.
    ///
    /// # Errors
    /// As the server answers.
    pub fn discard_postgres(postgres: &Postgres, shard: u16) -> Result<(), StoreError> {
        PostgresTables::discard(postgres, shard)
    }

    fn over(home: Box<dyn Home>, shard: u16, offset: DayOffset) -> Result<Self, StoreError> {
        let reached = TablesState::of(home.as_ref(), shard)?.progress.reached();
        Ok(Projector { home, shard, offset, reached })
    }

    /// Every record up to here is in the tables.
    #[must_use]
    pub const fn reached(&self) -> LogPosition {
        self.reached
    }

    /// Whether the tables were built from this log: it has the batch that they reach, and with the same hash. Tables
    /// that were not are to be discarded and built anew.
    ///
    /// # Errors
    /// As the log and the tables answer.
    pub fn belongs_to(&self, log: &dyn LogReader) -> Result<bool, StoreError> {
        let TablesState { progress, assets, customers, .. } = TablesState::of(self.home.as_ref(), self.shard)?;
        if progress.seq == 0 {
            // Rows without progress are of nobody.
            return Ok(assets == 0 && customers == 0);
        }
        let batch = log.read(self.shard, progress.seq, 1)?.into_iter().next();
        Ok(batch.is_some_and(|batch| (batch.seq, batch.hash) == (progress.seq, progress.hash)))
    }

    /// Takes up to `max_batches` more of the log, in one transaction, and fewer once they make many rows. Returns how many
    /// batches that were: none only when the tables have all of it.
    ///
    /// # Errors
    /// As the log and the tables answer, and [`StoreError::Damaged`] for a batch that is not whole or does not follow from
    /// the one before; then nothing of this step is in the tables.
    pub fn step(&mut self, log: &dyn LogReader, max_batches: usize) -> Result<usize, StoreError> {
        loop {
            let standing = TablesState::of(self.home.as_ref(), self.shard)?;
            self.reached = standing.progress.reached();
            let batches = log.read(self.shard, standing.progress.seq.saturating_add(1), max_batches)?;
            if batches.is_empty() {
                return Ok(0);
            }
            let (mut step, mut taken) = (Step::begin(self.shard, self.offset, standing), 0);
            while let Some(batch) = batches.get(taken).filter(|_| step.row_count() < ROWS) {
                step.batch(batch)?;
                taken += 1;
            }
            let rows = step.end();
            // Whoever is overtaken looks again; somebody got on, so this ends.
            if self.home.store(&rows)? == Stored::Done {
                self.reached = rows.after.reached();
                return Ok(taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{self, Record};
    use crate::log::{Head, LogStore};
    use crate::projection::Reading;
    use crate::projection::home::Question;
    use crate::{Appended, BatchBuilder, MemoryLog};
    use usance_core::calendar::Timestamp;
    use usance_core::machine::Event;
    use usance_core::machine::verb::{AssetCreated, CustomerCreated};

    /// A log of `batches` batches, each with one asset and so many customers.
    fn log_of(batches: u64, customers: u64) -> MemoryLog {
        let (mut log, mut head) = (MemoryLog::new(), Head::GENESIS);
        for seq in 1..=batches {
            let mut builder = BatchBuilder::new();
            let asset =
                Event::AssetCreated(AssetCreated { symbol: format!("A{seq}"), name: "An asset".into(), decimals: 9, display_decimals: 4 });
            let customers =
                (0..customers).map(|number| Event::CustomerCreated(CustomerCreated { id: format!("customer-{seq}-{number}-{:040}", 0) }));
            for event in std::iter::once(asset).chain(customers) {
                let record = Record::of_engine(Timestamp::from_ms(0), vec![event]);
                builder.try_push_with(|bytes| codec::encode(&record, bytes)).unwrap();
            }
            let batch = builder.seal(0, seq, 0, head.hash).unwrap();
            assert_eq!(log.append(head.seq, &batch), Appended::Done);
            head = batch.head();
        }
        log
    }

    fn numbers(projector: &Projector) -> (u64, u32, u64) {
        let standing = TablesState::of(projector.home.as_ref(), 0).unwrap();
        (standing.progress.seq, standing.assets, standing.customers)
    }

    fn open(dir: &tempfile::TempDir, name: &str) -> Projector {
        Projector::open(&dir.path().join(name), 0, DayOffset::default()).unwrap()
    }

    /// Each way in which a step can fail half-way: afterwards everything is counted from where the tables stand.
    #[test]
    fn numbers_go_on_from_the_tables_after_a_failed_step() {
        let (dir, log) = (tempfile::tempdir().unwrap(), log_of(30, 40));
        let mut whole = open(&dir, "whole.sqlite");
        assert_eq!(whole.step(&log, usize::MAX).unwrap(), 30);
        assert_eq!(numbers(&whole), (30, 30, 1_200));

        let mut projector = open(&dir, "read.sqlite");
        projector.step(&log, 3).unwrap();
        // SQLite reports its own bound on pages by the code of a full disk, and rolls back by itself.
        let set = |projector: &Projector, pragma: &str| {
            projector.home.ask(&Question { sql: pragma, values: &[], kinds: &[] }).unwrap();
        };
        let rows = [
            ("PRAGMA max_page_count=25", "PRAGMA max_page_count=100000", "disk full"),
            ("PRAGMA query_only=1", "PRAGMA query_only=0", "attempt to write a readonly database"),
        ];
        for (refuse, allow, sentence) in rows {
            let before = (numbers(&projector), projector.reached());
            set(&projector, refuse);
            for _ in 0..2 {
                let refused = projector.step(&log, usize::MAX).unwrap_err().to_string();
                assert!(refused.ends_with(sentence), "{refuse}: {refused}");
                assert_eq!((numbers(&projector), projector.reached()), before, "{refuse}");
            }
            set(&projector, allow);
            assert_eq!(projector.step(&log, 2).unwrap(), 2);
        }
        assert_eq!(numbers(&projector), (7, 7, 280));
        assert_eq!(projector.step(&log, usize::MAX).unwrap(), 23);
        let [one, other] = ["whole.sqlite", "read.sqlite"].map(|name| Reading::open(&dir.path().join(name), 0).unwrap());
        assert_eq!(one.fingerprint().unwrap(), other.fingerprint().unwrap());
    }

    #[test]
    fn a_step_of_many_rows_ends_before_the_batches_do() {
        let (dir, log) = (tempfile::tempdir().unwrap(), log_of(3, 20_000));
        let mut projector = open(&dir, "read.sqlite");
        let steps = [0; 3].map(|_| projector.step(&log, usize::MAX).unwrap());
        assert_eq!((steps, numbers(&projector)), ([2, 1, 0], (3, 3, 60_000)));
    }
}
