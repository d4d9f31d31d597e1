//! The questions the service asks of the read tables. Every answer is cut at a log position, so that it fits the state
//! it is shown with.

use super::schema::SCHEMA;
use super::{ClosedOn, HistoryKind, HistoryRow, StakeRow};
use crate::StoreError;
use crate::connection::Database;
use rusqlite::{OptionalExtension, Row, params};
use std::path::Path;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId, ProductIx};
use usance_core::machine::event::ProductDay;
use usance_core::money::Amount;
use usance_core::reward::accrue::Stake;

/// A stretch of the log: after `after`, up to and with `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Exclusive.
    pub after: LogPosition,
    /// Inclusive.
    pub through: LogPosition,
}

/// Every table and the columns of its primary key.
const TABLES: [(&str, &str); 8] = [
    ("progress", "shard"),
    ("assets", "shard, number"),
    ("customers", "shard, number"),
    ("products", "shard, number"),
    ("announcements", "shard, log_position, product"),
    ("closes", "shard, day"),
    ("days", "shard, day, product"),
    ("history", "shard, log_position"),
];

/// One reading connection.
pub struct Reading {
    database: Database,
    shard: u16,
}

impl Reading {
    /// Opens the tables to read.
    ///
    /// # Errors
    /// As the file answers.
    pub fn open(path: &Path, shard: u16) -> Result<Self, StoreError> {
        Ok(Reading { database: Database::open_to_read(path, &SCHEMA)?, shard })
    }

    /// How far the tables are.
    ///
    /// # Errors
    /// As the file answers.
    pub fn reached(&self) -> Result<LogPosition, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached("SELECT log_position FROM progress WHERE shard = ?1")?;
            let reached: Option<i64> = statement.query_row([self.shard], |row| row.get(0)).optional()?;
            Ok(place(reached.unwrap_or(0)))
        })
    }

    /// What a customer did with an asset, newest first.
    ///
    /// # Errors
    /// As the file answers.
    pub fn history(
        &self,
        customer: CustomerIx,
        asset: AssetIx,
        span: Span,
        kind: Option<HistoryKind>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT log_position, at_ms, kind, spot, funding, event FROM history
                 WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5 AND (?6 IS NULL OR kind = ?6)
                 ORDER BY log_position DESC LIMIT ?7",
            )?;
            let values = params![self.shard, customer.0, asset.0, number(span.after), number(span.through), kind.map(HistoryKind::word), limit as i64];
            statement.query_map(values, history_row)?.collect()
        })
    }

    /// How a position's stake stood after each thing its customer did with it, oldest first, up to a place in the log.
    ///
    /// # Errors
    /// As the file answers.
    pub fn stakes(&self, position: PositionId, through: LogPosition) -> Result<Vec<StakeRow>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT day, earning, pending, carry FROM history WHERE shard = ?1 AND position = ?2 AND log_position <= ?3 ORDER BY log_position",
            )?;
            let rows = statement.query_map(params![self.shard, position.0 as i64, number(through)], |row| {
                let stake = Stake { earning: amount(row, 1)?, pending: amount(row, 2)?, carry: row.get::<_, i64>(3)? as u64 };
                Ok(StakeRow { day: Day::from_number(row.get(0)?), stake })
            })?;
            rows.collect()
        })
    }

    /// Closed days in a stretch of the log, newest first.
    ///
    /// # Errors
    /// As the file answers.
    pub fn closes(&self, before: Option<Day>, span: Span, limit: usize) -> Result<Vec<ClosedOn>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT day, log_position FROM closes WHERE shard = ?1 AND day < ?2 AND log_position > ?3 AND log_position <= ?4 ORDER BY day DESC LIMIT ?5",
            )?;
            let before = before.map_or(i64::MAX, |day| i64::from(day.number()));
            let rows = statement.query_map(params![self.shard, before, number(span.after), number(span.through), limit as i64], |row| {
                Ok(ClosedOn { day: Day::from_number(row.get(0)?), place: place(row.get(1)?) })
            })?;
            rows.collect()
        })
    }

    /// Rates announced in a stretch of the log, oldest first: where, whose, from when.
    ///
    /// # Errors
    /// As the file answers.
    pub fn announcements(&self, span: Span) -> Result<Vec<(LogPosition, ProductIx, Day)>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT log_position, product, from_day FROM announcements WHERE shard = ?1 AND log_position > ?2 AND log_position <= ?3 ORDER BY log_position",
            )?;
            let rows = statement.query_map(params![self.shard, number(span.after), number(span.through)], |row| {
                Ok((place(row.get(0)?), ProductIx(row.get(1)?), Day::from_number(row.get(2)?)))
            })?;
            rows.collect()
        })
    }

    /// Closed days per product, newest first, before a day (and product within it).
    ///
    /// # Errors
    /// As the file answers.
    pub fn days(
        &self,
        before: Option<(Day, u32)>,
        chosen: impl Fn(&ProductDay) -> bool,
        limit: usize,
    ) -> Result<Vec<(Day, ProductDay)>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT day, detail FROM days WHERE shard = ?1 AND (day < ?2 OR (day = ?2 AND product < ?3)) ORDER BY day DESC, product DESC",
            )?;
            let (day, product) = before.map_or((i64::MAX, 0), |(day, product)| (i64::from(day.number()), product));
            let mut rows = statement.query(params![self.shard, day, product])?;
            let mut found = Vec::new();
            while found.len() < limit
                && let Some(row) = rows.next()?
            {
                let line: ProductDay = decode(row, 1)?;
                if chosen(&line) {
                    found.push((Day::from_number(row.get(0)?), line));
                }
            }
            Ok(found)
        })
    }

    /// Every row of every table, in the order of its key, as one hash: what two builds of the same log are compared by.
    ///
    /// # Errors
    /// As the file answers.
    pub fn fingerprint(&self) -> Result<[u8; 32], StoreError> {
        self.ask(|connection| {
            let mut hasher = blake3::Hasher::new();
            for (table, key) in TABLES {
                hasher.update(table.as_bytes());
                let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}"))?;
                let columns = statement.column_count();
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        hasher.update(format!("{:?}|", row.get_ref(column)?).as_bytes());
                    }
                }
            }
            Ok(*hasher.finalize().as_bytes())
        })
    }

    /// How far the tables are and their fingerprint, both of one moment: another process may go on writing.
    ///
    /// # Errors
    /// As the file answers.
    pub fn fingerprint_at(&self) -> Result<(LogPosition, [u8; 32]), StoreError> {
        self.ask(|connection| connection.execute_batch("BEGIN"))?;
        let both = self.reached().and_then(|reached| Ok((reached, self.fingerprint()?)));
        self.ask(|connection| connection.execute_batch("COMMIT"))?;
        both
    }

    fn ask<T>(&self, question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        question(&self.database.connection).map_err(|error| self.database.error(error))
    }
}

fn history_row(row: &Row<'_>) -> rusqlite::Result<HistoryRow> {
    let word: String = row.get(2)?;
    let kind = HistoryKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| unreadable(2))?;
    Ok(HistoryRow {
        place: place(row.get(0)?),
        at: Timestamp::from_ms(row.get(1)?),
        kind,
        spot: row.get::<_, String>(3)?.parse().map_err(|_| unreadable(3))?,
        funding: row.get::<_, String>(4)?.parse().map_err(|_| unreadable(4))?,
        event: decode(row, 5)?,
    })
}

fn decode<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let bytes: Vec<u8> = row.get(column)?;
    postcard::from_bytes(&bytes).map_err(|_| unreadable(column))
}

fn amount(row: &Row<'_>, column: usize) -> rusqlite::Result<Amount> {
    row.get::<_, String>(column)?.parse().map(Amount::from_units).map_err(|_| unreadable(column))
}

fn unreadable(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "read table".into(), rusqlite::types::Type::Null)
}

fn place(number: i64) -> LogPosition {
    LogPosition::from_number(u64::try_from(number).unwrap_or(0))
}

fn number(place: LogPosition) -> i64 {
    i64::try_from(place.number()).unwrap_or(i64::MAX)
}
