//! From records to rows.

use super::HistoryKind;
use super::schema::SCHEMA;
use crate::codec::{self, Record};
use crate::connection::Database;
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
    products: Vec<AssetIx>,
    assets: usize,
    customers: usize,
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
        let (reached, products, assets, customers) = read_progress(&database, shard).map_err(|error| database.error(error))?;
        Ok(Projector { database, shard, offset, products, assets, customers, reached })
    }

    /// Every record up to here is in the tables.
    #[must_use]
    pub const fn reached(&self) -> LogPosition {
        self.reached
    }

    /// Takes up to `max_batches` more of the log, in one transaction. Returns how many batches that were.
    ///
    /// # Errors
    /// As the log and the tables answer; then nothing of this step is in the tables.
    pub fn step(&mut self, log: &dyn LogReader, max_batches: usize) -> Result<usize, StoreError> {
        let batches = log.read(self.shard, self.reached.seq().saturating_add(1), max_batches)?;
        let Some(last) = batches.last() else { return Ok(0) };
        let reached = LogPosition::new(last.seq, u16::MAX);
        let before = (self.products.len(), self.assets, self.customers);
        self.database.connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.database.error(error))?;
        let written = batches.iter().try_for_each(|batch| self.batch(batch)).and_then(|()| {
            let sql = "INSERT INTO progress(shard, log_position) VALUES(?1, ?2) ON CONFLICT(shard) DO UPDATE SET log_position = ?2";
            self.run(sql, params![self.shard, number(reached)])?;
            self.database.connection.execute_batch("COMMIT").map_err(|error| self.database.write_error(error))
        });
        match written {
            Ok(()) => {
                self.reached = reached;
                Ok(batches.len())
            }
            Err(error) => {
                // The transaction is given up as a whole; what was gathered in memory with it, too.
                let _ = self.database.connection.execute_batch("ROLLBACK");
                self.products.truncate(before.0);
                (self.assets, self.customers) = (before.1, before.2);
                Err(error)
            }
        }
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for (index, bytes) in batch.records().enumerate() {
            let record = codec::decode(bytes?)?;
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            self.record(&record, LogPosition::new(batch.seq, index))?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record, place: LogPosition) -> Result<(), StoreError> {
        record.events.iter().try_for_each(|event| self.event(event, record.at, place))
    }

    fn event(&mut self, event: &Event, at: Timestamp, place: LogPosition) -> Result<(), StoreError> {
        match event {
            Event::AssetCreated { symbol, decimals, .. } => {
                let number = self.assets as i64;
                self.assets += 1;
                self.run(
                    "INSERT INTO assets(shard, number, symbol, decimals) VALUES(?1, ?2, ?3, ?4)",
                    params![self.shard, number, symbol, decimals],
                )
            }
            Event::CustomerCreated { id } => {
                let number = self.customers as i64;
                self.customers += 1;
                self.run("INSERT INTO customers(shard, number, id) VALUES(?1, ?2, ?3)", params![self.shard, number, id])
            }
            Event::ProductCreated(created) => {
                let number = self.products.len() as i64;
                self.products.push(created.asset);
                self.run(
                    "INSERT INTO products(shard, number, id, asset) VALUES(?1, ?2, ?3, ?4)",
                    params![self.shard, number, created.id, created.asset.0],
                )
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
        let bytes = postcard::to_stdvec(event).map_err(|error| StoreError::Damaged { what: "log record".into(), at: error.to_string() })?;
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
            let detail =
                postcard::to_stdvec(line).map_err(|error| StoreError::Damaged { what: "log record".into(), at: error.to_string() })?;
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

type Progress = (LogPosition, Vec<AssetIx>, usize, usize);

fn read_progress(database: &Database, shard: u16) -> rusqlite::Result<Progress> {
    let connection = &database.connection;
    let reached: Option<i64> =
        connection.query_row("SELECT log_position FROM progress WHERE shard = ?1", [shard], |row| row.get(0)).optional()?;
    let mut statement = connection.prepare("SELECT asset FROM products WHERE shard = ?1 ORDER BY number")?;
    let products = statement.query_map([shard], |row| row.get(0).map(AssetIx))?.collect::<Result<Vec<_>, _>>()?;
    let assets: i64 = connection.query_row("SELECT count(*) FROM assets WHERE shard = ?1", [shard], |row| row.get(0))?;
    let customers: i64 =
        connection.query_row("SELECT coalesce(max(number) + 1, 0) FROM customers WHERE shard = ?1", [shard], |row| row.get(0))?;
    Ok((LogPosition::from_number(reached.unwrap_or(0) as u64), products, assets as usize, customers as usize))
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
