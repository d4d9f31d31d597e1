//! From records to rows, one transaction a step: the rows of some batches, and how far they reach.

use super::HistoryKind;
use super::schema::SCHEMA;
use crate::batch::GENESIS_HASH;
use crate::codec::{self, Record};
use crate::connection::Database;
use crate::log::missing;
use crate::{Batch, LogReader, StoreError};
use rusqlite::{OptionalExtension, params};
use std::path::Path;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId, ProductIx};
use usance_core::machine::Event;
use usance_core::machine::event::DayClosed;
use usance_core::money::Amount;
use usance_core::reward::accrue::Stake;
use usance_core::reward::clawback::AccountKind;

/// Turns the log into rows; the only writer of `read.sqlite`.
pub struct Projector {
    database: Database,
    shard: u16,
    offset: DayOffset,
    reached: LogPosition,
}

impl Projector {
    /// Opens or creates the tables and finds how far they are.
    ///
    /// # Errors
    /// As the file answers.
    pub fn open(path: &Path, shard: u16, offset: DayOffset) -> Result<Self, StoreError> {
        let database = Database::open(path, &SCHEMA)?;
        // A cache: a crash may lose its end, which is then built again.
        database.connection.execute_batch("PRAGMA synchronous=NORMAL").map_err(|error| database.error(error))?;
        let reached = Step::begin(&database, shard, offset).map_err(|error| database.error(error))?.reached();
        Ok(Projector { database, shard, offset, reached })
    }

    /// Every record up to here is in the tables.
    #[must_use]
    pub const fn reached(&self) -> LogPosition {
        self.reached
    }

    /// Whether the tables were built from this log: it has the batch that they reach, and with the same hash. Tables
    /// that were not are to be deleted and built anew.
    ///
    /// # Errors
    /// As the log and the tables answer.
    pub fn belongs_to(&self, log: &dyn LogReader) -> Result<bool, StoreError> {
        let step = Step::begin(&self.database, self.shard, self.offset).map_err(|error| self.database.error(error))?;
        if step.seq == 0 {
            return Ok(true);
        }
        let batch = log.read(self.shard, step.seq, 1)?.into_iter().next();
        Ok(batch.is_some_and(|batch| (batch.seq, batch.hash) == (step.seq, step.hash)))
    }

    /// Takes up to `max_batches` more of the log, in one transaction. Returns how many batches that were.
    ///
    /// # Errors
    /// As the log and the tables answer, and [`StoreError::Damaged`] for a batch that is not whole or does not follow from
    /// the one before; then nothing of this step is in the tables.
    pub fn step(&mut self, log: &dyn LogReader, max_batches: usize) -> Result<usize, StoreError> {
        let (reached, count) = self.database.write(|| {
            let mut step = Step::begin(&self.database, self.shard, self.offset).map_err(|error| self.database.error(error))?;
            let batches = log.read(self.shard, step.seq.saturating_add(1), max_batches)?;
            batches.iter().try_for_each(|batch| step.batch(batch))?;
            if !batches.is_empty() {
                step.end()?;
            }
            Ok((step.reached(), batches.len()))
        })?;
        self.reached = reached;
        Ok(count)
    }
}

/// One step. What it counts is asked of the tables when it begins, and forgotten when it ends: however it ends, by a
/// commit, a rollback or an answer that nobody knows, nothing in memory can differ from the tables.
struct Step<'a> {
    database: &'a Database,
    shard: u16,
    offset: DayOffset,
    seq: u64,
    hash: [u8; 32],
    products: Vec<AssetIx>,
    assets: i64,
    customers: i64,
}

impl<'a> Step<'a> {
    fn begin(database: &'a Database, shard: u16, offset: DayOffset) -> rusqlite::Result<Self> {
        let connection = &database.connection;
        let reached: Option<(i64, [u8; 32])> = connection
            .prepare_cached("SELECT log_position, hash FROM progress WHERE shard = ?1")?
            .query_row([shard], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (reached, hash) = reached.unwrap_or((0, GENESIS_HASH));
        let products = connection
            .prepare_cached("SELECT asset FROM products WHERE shard = ?1 ORDER BY number")?
            .query_map([shard], |row| row.get(0).map(AssetIx))?
            .collect::<Result<Vec<_>, _>>()?;
        let count = |table: &str| -> rusqlite::Result<i64> {
            let sql = format!("SELECT coalesce(max(number) + 1, 0) FROM {table} WHERE shard = ?1");
            connection.prepare_cached(&sql)?.query_row([shard], |row| row.get(0))
        };
        let (assets, customers) = (count("assets")?, count("customers")?);
        let seq = LogPosition::from_number(u64::try_from(reached).unwrap_or(0)).seq();
        Ok(Step { database, shard, offset, seq, hash, products, assets, customers })
    }

    fn reached(&self) -> LogPosition {
        if self.seq == 0 { LogPosition::START } else { LogPosition::end_of(self.seq) }
    }

    fn end(&self) -> Result<(), StoreError> {
        let sql = "INSERT INTO progress(shard, log_position, hash) VALUES(?1, ?2, ?3)
                   ON CONFLICT(shard) DO UPDATE SET log_position = ?2, hash = ?3";
        self.run(sql, params![self.shard, number(self.reached()), self.hash])
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let expected = self.seq.saturating_add(1);
        if batch.seq != expected {
            return Err(missing(self.shard, expected, batch.seq));
        }
        batch.verify(&self.hash)?;
        for item in codec::records(batch) {
            let (place, record) = item?;
            self.record(&record, place)?;
        }
        (self.seq, self.hash) = (batch.seq, batch.hash);
        Ok(())
    }

    fn record(&mut self, record: &Record, place: LogPosition) -> Result<(), StoreError> {
        record.events.iter().try_for_each(|event| self.event(event, record.at, place))
    }

    fn event(&mut self, event: &Event, at: Timestamp, place: LogPosition) -> Result<(), StoreError> {
        match event {
            Event::AssetCreated { symbol, decimals, .. } => {
                self.run(
                    "INSERT INTO assets(shard, number, symbol, decimals) VALUES(?1, ?2, ?3, ?4)",
                    params![self.shard, self.assets, symbol, decimals],
                )?;
                self.assets += 1;
                Ok(())
            }
            Event::CustomerCreated { id } => {
                self.run("INSERT INTO customers(shard, number, id) VALUES(?1, ?2, ?3)", params![self.shard, self.customers, id])?;
                self.customers += 1;
                Ok(())
            }
            Event::ProductCreated(created) => {
                self.run(
                    "INSERT INTO products(shard, number, id, asset) VALUES(?1, ?2, ?3, ?4)",
                    params![self.shard, self.products.len() as i64, created.id, created.asset.0],
                )?;
                self.products.push(created.asset);
                Ok(())
            }
            Event::RateAnnounced { product, from, .. } => self.run(
                "INSERT INTO announcements(shard, log_position, product, from_day) VALUES(?1, ?2, ?3, ?4)",
                params![self.shard, number(place), product.0, from.number()],
            ),
            Event::DayClosed(closed) => self.day(closed, place),
            _ => match row(event, |product| self.products.get(product.index()).copied()) {
                Some(row) => self.history(&row, event, at, place),
                None => Ok(()),
            },
        }
    }

    fn history(&self, row: &Row, event: &Event, at: Timestamp, place: LogPosition) -> Result<(), StoreError> {
        let bytes = postcard::to_stdvec(event).map_err(|error| StoreError::damaged("log record", error.to_string()))?;
        let stake = row.stake.map(|(position, stake)| (position.0 as i64, self.offset.day_of(at), stake));
        self.run(
            "INSERT INTO history(shard, customer, asset, log_position, kind, at_ms, position, spot, funding, day, earning, pending, carry, event)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                self.shard,
                row.customer.0,
                row.asset.0,
                number(place),
                row.kind.word(),
                at.ms(),
                stake.map(|(position, ..)| position),
                row.spot.to_string(),
                row.funding.to_string(),
                stake.map(|(_, day, _)| day.number()),
                stake.map(|(.., stake)| stake.earning.units().to_string()),
                stake.map(|(.., stake)| stake.pending.units().to_string()),
                stake.map(|(.., stake)| stake.carry as i64),
                bytes,
            ],
        )
    }

    fn day(&self, closed: &DayClosed, place: LogPosition) -> Result<(), StoreError> {
        let day = closed.day.number();
        self.run("INSERT INTO closes(shard, day, log_position) VALUES(?1, ?2, ?3)", params![self.shard, day, number(place)])?;
        for line in &closed.products {
            let detail = postcard::to_stdvec(line).map_err(|error| StoreError::damaged("log record", error.to_string()))?;
            self.run(
                "INSERT INTO days(shard, day, product, earning_positions, rewards, distributed, matured, detail) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    self.shard,
                    day,
                    line.product.0,
                    line.earning_positions as i64,
                    line.rewards.units().to_string(),
                    line.distributed.units().to_string(),
                    line.matured as i64,
                    detail
                ],
            )?;
        }
        Ok(())
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        let mut statement = self.database.connection.prepare_cached(sql).map_err(|error| self.database.error(error))?;
        statement.execute(values).map(|_| ()).map_err(|error| self.database.write_error(error))
    }
}

/// What an event does to one customer's accounts.
struct Row {
    customer: CustomerIx,
    asset: AssetIx,
    kind: HistoryKind,
    spot: i128,
    funding: i128,
    stake: Option<(PositionId, Stake)>,
}

fn row(event: &Event, asset_of: impl Fn(ProductIx) -> Option<AssetIx>) -> Option<Row> {
    let units = |amount: Amount| i128::try_from(amount.units()).unwrap_or(i128::MAX);
    let on = |kind: AccountKind, delta: i128| if kind == AccountKind::Spot { (delta, 0) } else { (0, delta) };
    Some(match event {
        Event::Deposited(moved) => {
            let (spot, funding) = on(moved.account, units(moved.amount));
            Row { customer: moved.customer, asset: moved.asset, kind: HistoryKind::Deposit, spot, funding, stake: None }
        }
        Event::Withdrawn(moved) => {
            let (spot, funding) = on(moved.account, -units(moved.amount));
            Row { customer: moved.customer, asset: moved.asset, kind: HistoryKind::Withdrawal, spot, funding, stake: None }
        }
        Event::Transferred(moved) => {
            let (spot, funding) = on(moved.from, -units(moved.amount));
            Row {
                customer: moved.customer,
                asset: moved.asset,
                kind: HistoryKind::Transfer,
                spot: spot - funding,
                funding: funding - spot,
                stake: None,
            }
        }
        Event::Subscribed(event) => Row {
            customer: event.customer,
            asset: asset_of(event.product)?,
            kind: HistoryKind::Subscription,
            spot: -units(event.from_spot),
            funding: -units(event.from_funding),
            stake: Some((event.position, event.stake)),
        },
        Event::Redeemed(event) => Row {
            customer: event.customer,
            asset: asset_of(event.product)?,
            kind: HistoryKind::Redemption,
            spot: units(event.figures.to_spot),
            funding: units(event.figures.to_funding) - units(event.figures.clawback_from_funding),
            stake: Some((event.position, event.stake)),
        },
        _ => return None,
    })
}

fn number(place: LogPosition) -> i64 {
    // SQLite's integers are signed; a log of 2^47 batches is far away.
    i64::try_from(place.number()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Head, LogStore};
    use crate::projection::Reading;
    use crate::{Appended, BatchBuilder, MemoryLog};
    use usance_core::machine::Answer;

    /// A log of `batches` batches, each with one asset and 40 customers.
    fn log_of(batches: u64) -> MemoryLog {
        let (mut log, mut head) = (MemoryLog::new(), Head::GENESIS);
        for seq in 1..=batches {
            let mut builder = BatchBuilder::new();
            let asset = Event::AssetCreated { symbol: format!("A{seq}"), name: "An asset".into(), decimals: 9, display_decimals: 4 };
            let customers = (0..40).map(|number| Event::CustomerCreated { id: format!("customer-{seq}-{number}-{:040}", 0) });
            for event in std::iter::once(asset).chain(customers) {
                let record = Record { at: Timestamp::from_ms(0), key: None, events: vec![event], outcome: Ok(Answer::Done) };
                builder.try_push_with(|bytes| codec::encode(&record, bytes)).unwrap();
            }
            let batch = builder.seal(0, seq, 0, head.hash).unwrap();
            assert_eq!(log.append(head.seq, &batch), Appended::Done);
            head = batch.head();
        }
        log
    }

    fn numbers(projector: &Projector) -> (u64, i64, i64) {
        let step = Step::begin(&projector.database, 0, DayOffset::default()).unwrap();
        (step.seq, step.assets, step.customers)
    }

    fn open(dir: &tempfile::TempDir, name: &str) -> Projector {
        Projector::open(&dir.path().join(name), 0, DayOffset::default()).unwrap()
    }

    /// Each way in which a step can fail half-way: afterwards everything is counted from where the tables stand.
    #[test]
    fn numbers_go_on_from_the_tables_after_a_failed_step() {
        let (dir, log) = (tempfile::tempdir().unwrap(), log_of(30));
        let mut whole = open(&dir, "whole.sqlite");
        assert_eq!(whole.step(&log, usize::MAX).unwrap(), 30);
        assert_eq!(numbers(&whole), (30, 30, 1_200));

        let mut projector = open(&dir, "read.sqlite");
        projector.step(&log, 3).unwrap();
        // SQLite reports its own bound on pages by the code of a full disk, and rolls back by itself.
        let set = |projector: &Projector, pragma: &str| projector.database.connection.execute_batch(pragma).unwrap();
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
}
