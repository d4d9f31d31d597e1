//! The read tables in an SQLite file. Amounts are decimal text in base units (SQLite has no 128-bit integer), days are
//! days since 1970, instants milliseconds since 1970.
//!
//! Owns the file's schema and how a cell is written in it. Which rows there are is [`super::rows`]'s.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use usance_core::calendar::{Day, Timestamp};

use super::cell::{Cell, Kind, Line};
use super::home::{Home, Question, Stored, Tables};
use super::rows::{Adding, Rows};
use crate::connection::{Database, Schema, remove_database};
use crate::error::StoreError;

pub(crate) const SCHEMA: Schema = Schema {
    page_size: 4096,
    cache_kib: 64 << 10,
    checkpoint_pages: 4096,
    steps: &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5],
};

/// Nothing is left of the tables of the first release: what the next step makes cannot be made of them.
const VERSION_1: &str = "";

/// Older tables are dropped, not brought up: they are a cache, and new columns need the whole log.
const VERSION_2: &str = "
DROP TABLE IF EXISTS progress;
DROP TABLE IF EXISTS history;
DROP TABLE IF EXISTS assets;
DROP TABLE IF EXISTS customers;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS announcements;
DROP TABLE IF EXISTS closes;
DROP TABLE IF EXISTS days;
CREATE TABLE progress(
    shard INTEGER PRIMARY KEY,
    log_position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    open_day INTEGER NOT NULL
);
CREATE TABLE assets(
    shard INTEGER NOT NULL,
    number INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    PRIMARY KEY(shard, number)
) WITHOUT ROWID;
CREATE TABLE customers(
    shard INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY(shard, number)
) WITHOUT ROWID;
CREATE TABLE products(
    shard INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    asset INTEGER NOT NULL,
    term_days INTEGER,
    PRIMARY KEY(shard, number)
) WITHOUT ROWID;
CREATE TABLE rates(
    shard INTEGER NOT NULL,
    version INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    product INTEGER NOT NULL,
    from_day INTEGER NOT NULL,
    log_position INTEGER,
    up_to TEXT,
    rate INTEGER NOT NULL,
    PRIMARY KEY(shard, version, tier)
) WITHOUT ROWID;
CREATE INDEX rates_position ON rates(shard, log_position);
CREATE TABLE closes(
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    PRIMARY KEY(shard, day)
) WITHOUT ROWID;
CREATE TABLE days(
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    product INTEGER NOT NULL,
    version INTEGER NOT NULL,
    settled INTEGER,
    earning_positions INTEGER NOT NULL,
    rewards TEXT NOT NULL,
    distributed TEXT NOT NULL,
    matured INTEGER NOT NULL,
    returned_spot TEXT NOT NULL,
    returned_funding TEXT NOT NULL,
    renewed INTEGER NOT NULL,
    renewed_principal TEXT NOT NULL,
    PRIMARY KEY(shard, day, product)
) WITHOUT ROWID;
CREATE TABLE books(
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    asset INTEGER NOT NULL,
    account TEXT NOT NULL,
    balance TEXT NOT NULL,
    PRIMARY KEY(shard, day, asset, account)
) WITHOUT ROWID;
CREATE TABLE staked(
    shard INTEGER NOT NULL,
    day INTEGER NOT NULL,
    product INTEGER NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY(shard, day, product)
) WITHOUT ROWID;
CREATE TABLE history(
    shard INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    asset INTEGER NOT NULL,
    kind TEXT NOT NULL,
    spot TEXT NOT NULL,
    funding TEXT NOT NULL,
    principal TEXT NOT NULL,
    reference TEXT,
    product INTEGER,
    position INTEGER,
    value_date INTEGER,
    earning TEXT,
    pending TEXT,
    carry INTEGER,
    clawed_back TEXT,
    forfeited TEXT,
    written_off TEXT,
    event BLOB NOT NULL,
    PRIMARY KEY(shard, log_position)       -- in the order of the log: rows are only ever added at the end
) WITHOUT ROWID;
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
";

/// Products say their kind, what a customer did has a row for each asset that it touched, and events carry the version of
/// their bytes: everything is told again from the log.
const VERSION_3: &str = "
DELETE FROM progress;
DELETE FROM assets;
DELETE FROM customers;
DELETE FROM rates;
DELETE FROM closes;
DELETE FROM days;
DELETE FROM books;
DELETE FROM staked;
DROP TABLE history;
DROP TABLE products;
CREATE TABLE products(
    shard INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    asset INTEGER NOT NULL,
    kind TEXT NOT NULL,
    term_days INTEGER,
    PRIMARY KEY(shard, number)
) WITHOUT ROWID;
CREATE TABLE history(
    shard INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    asset INTEGER NOT NULL,
    at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    kind TEXT NOT NULL,
    spot TEXT NOT NULL,
    funding TEXT NOT NULL,
    principal TEXT NOT NULL,
    reference TEXT,
    product INTEGER,
    position INTEGER,
    value_date INTEGER,
    earning TEXT,
    pending TEXT,
    carry INTEGER,
    clawed_back TEXT,
    forfeited TEXT,
    written_off TEXT,
    event BLOB NOT NULL,
    PRIMARY KEY(shard, log_position, asset)     -- in the order of the log: rows are only ever added at the end
) WITHOUT ROWID;
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
";

/// What is of one kind is found without looking at the rest, and so is what was closed after a place in the log.
const VERSION_4: &str = "
CREATE INDEX history_kind ON history(shard, customer, kind, asset, log_position);
CREATE INDEX closes_position ON closes(shard, log_position, day);
";

/// Products say which account their rewards come from. Those that are there are of releases that knew one.
const VERSION_5: &str = "
ALTER TABLE products ADD COLUMN rewards_from TEXT NOT NULL DEFAULT 'reward_pool';
";

/// Statements that stay prepared: all there are.
const STATEMENTS: usize = 64;

/// Tables in a file.
pub(super) struct SqliteTables {
    database: Database,
}

impl SqliteTables {
    /// Opens the file, or creates it, to add rows.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &SCHEMA)?;
        // A cache: a crash may lose its end, which is then built again.
        database.connection.execute_batch("PRAGMA synchronous=NORMAL").map_err(|error| database.error(error))?;
        Ok(SqliteTables::over(database))
    }

    /// Opens the file to read.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open_to_read(path, &SCHEMA)?;
        if !database.is_current(&SCHEMA)? {
            let what = format!("read tables of this release in {} (the next start builds them)", path.display());
            return Err(StoreError::NotFound { what });
        }
        Ok(SqliteTables::over(database))
    }

    /// Removes the file, if there is one. Nobody has it open.
    pub fn discard(path: &Path) -> Result<(), StoreError> {
        remove_database(path)
    }

    fn over(database: Database) -> Self {
        database.connection.set_prepared_statement_cache_capacity(STATEMENTS);
        SqliteTables { database }
    }

    fn run(&self, sql: &str, values: &[Cell<'_>]) -> Result<usize, StoreError> {
        let mut statement = self.database.connection.prepare_cached(sql).map_err(|error| self.database.error(error))?;
        statement.execute(rusqlite::params_from_iter(values)).map_err(|error| self.database.write_error(error))
    }
}

impl Tables for SqliteTables {
    fn each(&self, question: &Question<'_>, show: &mut dyn FnMut(Line)) -> Result<(), StoreError> {
        let mut answer = || -> rusqlite::Result<()> {
            let mut statement = self.database.connection.prepare_cached(question.sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(question.values))?;
            while let Some(row) = rows.next()? {
                let cells = question.kinds.iter().enumerate().map(|(column, kind)| Ok(cell(*kind, row.get_ref(column)?)));
                show(Line(cells.collect::<rusqlite::Result<_>>()?));
            }
            Ok(())
        };
        answer().map_err(|error| self.database.error(error))
    }

    fn still(&self, work: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        // Rolled back when it is dropped: nothing was written.
        let _moment = self.database.connection.unchecked_transaction().map_err(|error| self.database.error(error))?;
        work()
    }
}

impl Home for SqliteTables {
    fn store(&self, rows: &Rows) -> Result<Stored, StoreError> {
        self.database.write(|| {
            let (sql, values) = rows.moving();
            if self.run(sql, &values)? != 1 {
                return Ok(Stored::Overtaken);
            }
            for (table, adding, cells) in rows.tables() {
                let sql = if adding == Adding::New { table.insert() } else { table.replace() };
                for row in cells {
                    self.run(&sql, &row)?;
                }
            }
            Ok(Stored::Done)
        })
    }
}

impl rusqlite::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Day(day) => ToSqlOutput::Owned(Value::Integer(i64::from(day.number()))),
            Cell::Instant(at) => ToSqlOutput::Owned(Value::Integer(at.ms())),
            Cell::Units(units) => ToSqlOutput::Owned(Value::Text(units.to_string())),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Cell::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Cell::Strange(shown) => ToSqlOutput::Borrowed(ValueRef::Text(shown.as_bytes())),
        })
    }
}

fn cell(kind: Kind, value: ValueRef<'_>) -> Cell<'static> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).ok();
    let read = match (kind, value) {
        (_, ValueRef::Null) => Some(Cell::Null),
        (Kind::Number, ValueRef::Integer(number)) => Some(Cell::Number(number)),
        (Kind::Day, ValueRef::Integer(number)) => i32::try_from(number).ok().map(|number| Cell::Day(Day::from_number(number))),
        (Kind::Instant, ValueRef::Integer(ms)) => Some(Cell::Instant(Timestamp::from_ms(ms))),
        // A number with zeros in front is the same number, and not what was written.
        (Kind::Units, ValueRef::Text(bytes)) => {
            text(bytes).and_then(|text| text.parse::<i128>().ok().filter(|units| units.to_string() == text)).map(Cell::Units)
        }
        (Kind::Text, ValueRef::Text(bytes)) => text(bytes).map(|text| Cell::Text(text.into())),
        (Kind::Bytes, ValueRef::Blob(bytes)) => Some(Cell::Bytes(bytes.to_vec().into())),
        _ => None,
    };
    read.unwrap_or_else(|| Cell::Strange(format!("{value:?}")))
}
