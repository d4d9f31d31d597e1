//! The read tables in PostgreSQL: amounts are NUMERIC in base units, days DATE, instants TIMESTAMPTZ.
//!
//! Owns the schema's part for the read tables, the way rows get in (COPY, in one transaction with the progress), and a
//! connection that is opened again when it was lost. Which rows there are is [`super::step`]'s. The tables are a cache, so a
//! commit does not wait for the disk: a crash of the server may take the last of them, which are then built again.

use std::cell::{Cell as Flag, RefCell};
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join_all;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::binary::{COPY_BEGIN, COPY_END, Raw, check, copy_row};
use super::cell::{Cell, Kind, Line};
use super::home::{Home, Question, Stored, Tables};
use super::rows::{Adding, Cells, Rows};
use super::tables::{TABLES, Table};
use crate::error::StoreError;
use crate::postgres::schema::Component;
use crate::postgres::{Postgres, Wire};

/// How long one answer to a writer is waited for: a server that takes longer over a part of a COPY is gone.
const WRITING: Duration = Duration::from_secs(60);
/// How long throwing rows away may take.
const DISCARDING: Duration = Duration::from_secs(900);
/// Rows of an answer that are waited for together.
const PAGE: usize = 1024;
/// Bytes of a COPY that are sent together.
const CHUNK: usize = 256 << 10;

const COMPONENT: Component = Component {
    name: "projection",
    steps: &[
        "
CREATE TABLE progress(
    shard BIGINT PRIMARY KEY,
    log_position BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    open_day DATE NOT NULL
);
CREATE TABLE assets(
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    symbol TEXT NOT NULL,
    decimals BIGINT NOT NULL,
    PRIMARY KEY(shard, number)
);
CREATE TABLE customers(
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    day DATE NOT NULL,
    PRIMARY KEY(shard, number)
);
CREATE INDEX customers_id ON customers(shard, id);
CREATE TABLE products(
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    asset BIGINT NOT NULL,
    term_days BIGINT,
    PRIMARY KEY(shard, number)
);
CREATE TABLE rates(
    shard BIGINT NOT NULL,
    version BIGINT NOT NULL,
    tier BIGINT NOT NULL,
    product BIGINT NOT NULL,
    from_day DATE NOT NULL,
    log_position BIGINT,
    up_to NUMERIC(39, 0),
    rate BIGINT NOT NULL,
    PRIMARY KEY(shard, version, tier)
);
CREATE INDEX rates_position ON rates(shard, log_position);
CREATE TABLE closes(
    shard BIGINT NOT NULL,
    day DATE NOT NULL,
    log_position BIGINT NOT NULL,
    PRIMARY KEY(shard, day)
);
CREATE TABLE days(
    shard BIGINT NOT NULL,
    day DATE NOT NULL,
    product BIGINT NOT NULL,
    version BIGINT NOT NULL,
    settled BIGINT,
    earning_positions BIGINT NOT NULL,
    rewards NUMERIC(39, 0) NOT NULL,
    distributed NUMERIC(39, 0) NOT NULL,
    matured BIGINT NOT NULL,
    returned_spot NUMERIC(39, 0) NOT NULL,
    returned_funding NUMERIC(39, 0) NOT NULL,
    renewed BIGINT NOT NULL,
    renewed_principal NUMERIC(39, 0) NOT NULL,
    PRIMARY KEY(shard, day, product)
);
CREATE TABLE books(
    shard BIGINT NOT NULL,
    day DATE NOT NULL,
    asset BIGINT NOT NULL,
    account TEXT NOT NULL,
    balance NUMERIC(39, 0) NOT NULL,
    PRIMARY KEY(shard, day, asset, account)
);
CREATE TABLE staked(
    shard BIGINT NOT NULL,
    day DATE NOT NULL,
    product BIGINT NOT NULL,
    principal NUMERIC(39, 0) NOT NULL,
    PRIMARY KEY(shard, day, product)
);
CREATE TABLE history(
    shard BIGINT NOT NULL,
    log_position BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    day DATE NOT NULL,
    customer BIGINT NOT NULL,
    asset BIGINT NOT NULL,
    kind TEXT NOT NULL,
    spot NUMERIC(39, 0) NOT NULL,
    funding NUMERIC(39, 0) NOT NULL,
    principal NUMERIC(39, 0) NOT NULL,
    reference TEXT,
    product BIGINT,
    position BIGINT,
    value_date DATE,
    earning NUMERIC(39, 0),
    pending NUMERIC(39, 0),
    carry BIGINT,
    clawed_back NUMERIC(39, 0),
    forfeited NUMERIC(39, 0),
    written_off NUMERIC(39, 0),
    event BYTEA NOT NULL,
    PRIMARY KEY(shard, log_position)
);
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
",
        "
-- Products say their kind, what a customer did has a row for each asset that it touched, and events carry the version of
-- their bytes: everything is told again from the log.
TRUNCATE progress, assets, customers, rates, closes, days, books, staked;
DROP TABLE history;
DROP TABLE products;
CREATE TABLE products(
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    asset BIGINT NOT NULL,
    kind TEXT NOT NULL,
    term_days BIGINT,
    PRIMARY KEY(shard, number)
);
CREATE TABLE history(
    shard BIGINT NOT NULL,
    log_position BIGINT NOT NULL,
    asset BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    day DATE NOT NULL,
    customer BIGINT NOT NULL,
    kind TEXT NOT NULL,
    spot NUMERIC(39, 0) NOT NULL,
    funding NUMERIC(39, 0) NOT NULL,
    principal NUMERIC(39, 0) NOT NULL,
    reference TEXT,
    product BIGINT,
    position BIGINT,
    value_date DATE,
    earning NUMERIC(39, 0),
    pending NUMERIC(39, 0),
    carry BIGINT,
    clawed_back NUMERIC(39, 0),
    forfeited NUMERIC(39, 0),
    written_off NUMERIC(39, 0),
    event BYTEA NOT NULL,
    PRIMARY KEY(shard, log_position, asset)
);
CREATE INDEX history_customer ON history(shard, customer, asset, log_position);
CREATE INDEX history_position ON history(shard, position, log_position) WHERE position IS NOT NULL;
",
        "
CREATE INDEX history_kind ON history(shard, customer, kind, asset, log_position);
CREATE INDEX closes_position ON closes(shard, log_position, day);
",
        "
-- Products say which account their rewards come from. Those that are there are of releases that knew one.
ALTER TABLE products ADD COLUMN rewards_from TEXT NOT NULL DEFAULT 'reward_pool';
",
    ],
};

/// Tables in a schema of a server.
pub(super) struct PostgresTables {
    postgres: Postgres,
    purpose: Purpose,
    /// `None` until it is needed, and after it was lost.
    wire: RefCell<Option<Wire>>,
    /// Whether a moment is being looked at: a connection that is lost then takes the moment with it.
    is_still: Flag<bool>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Write,
}

impl PostgresTables {
    /// Opens the tables, or creates them, to add rows.
    pub fn open(postgres: &Postgres) -> Result<Self, StoreError> {
        let tables = PostgresTables::over(postgres, Purpose::Write);
        tables.with(|wire| COMPONENT.bring_up(wire))?;
        Ok(tables)
    }

    /// Opens the tables to read. Those of an older release wait for a writer of this one, which makes them anew.
    pub fn open_to_read(postgres: &Postgres) -> Result<Self, StoreError> {
        let tables = PostgresTables::over(postgres, Purpose::Read);
        tables.with(|wire| COMPONENT.expect_this_release(wire))?;
        Ok(tables)
    }

    /// Throws a shard's rows away. Tables that no other shard has rows in are made anew: they may be damaged.
    pub fn discard(postgres: &Postgres, shard: u16) -> Result<(), StoreError> {
        let mut wire = postgres.connect()?;
        wire.set_patience(DISCARDING);
        COMPONENT.bring_up(&wire)?;
        let others = wire.one("SELECT 1 FROM progress WHERE shard <> $1 LIMIT 1", &[&i64::from(shard)]);
        match others {
            Ok(Some(_)) => wire.transaction(|| {
                TABLES.iter().try_for_each(|table| {
                    let sql = format!("DELETE FROM {} WHERE shard = $1", table.name);
                    wire.execute(&sql, &[&i64::from(shard)]).map(drop)
                })
            }),
            Ok(None) => start_over(&wire),
            Err(error) if error.sql_state() == Some(&SqlState::UNDEFINED_TABLE) => start_over(&wire),
            Err(error) => Err(error),
        }
    }

    fn over(postgres: &Postgres, purpose: Purpose) -> Self {
        PostgresTables { postgres: postgres.clone(), purpose, wire: RefCell::new(None), is_still: Flag::new(false) }
    }

    fn connect(&self) -> Result<Wire, StoreError> {
        let mut wire = self.postgres.connect()?;
        if self.purpose == Purpose::Write {
            wire.set_patience(WRITING);
            wire.commit_early()?;
        }
        Ok(wire)
    }

    /// Works on the connection, a new one if there is none. One that did not answer is not used again.
    fn with<T>(&self, work: impl FnOnce(&Wire) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let held = self.wire.take().filter(|wire| !wire.is_lost());
        let wire = match held {
            Some(wire) => wire,
            None if self.is_still.get() => {
                return Err(StoreError::Unreachable { server: self.postgres.to_string(), reason: "the connection is lost".to_owned() });
            }
            None => self.connect()?,
        };
        let done = work(&wire);
        if !matches!(done, Err(StoreError::Unreachable { .. } | StoreError::Unknown(_))) {
            self.wire.replace(Some(wire));
        }
        done
    }
}

fn start_over(wire: &Wire) -> Result<(), StoreError> {
    let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    COMPONENT.start_over(wire, &format!("DROP TABLE IF EXISTS {}", tables.join(", ")))
}

impl Tables for PostgresTables {
    fn each(&self, question: &Question<'_>, show: &mut dyn FnMut(Line)) -> Result<(), StoreError> {
        question.values.iter().try_for_each(check)?;
        self.with(|wire| {
            let statement = wire.prepare(&numbered(question.sql))?;
            let mut rows = pin!(wire.wait(wire.client().query_raw(&statement, question.values))?.try_chunks(PAGE));
            while let Some(page) = wire.wait(async { rows.try_next().await.map_err(|broken| broken.1) })? {
                page.iter().for_each(|row| show(line(row, question.kinds)));
            }
            Ok(())
        })
    }

    fn still(&self, work: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.with(|wire| wire.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))?;
        self.is_still.set(true);
        let done = work();
        self.is_still.set(false);
        // With a connection that was lost the moment is over, too.
        if self.wire.borrow().is_some() {
            self.with(|wire| wire.batch("ROLLBACK"))?;
        }
        done
    }
}

impl Home for PostgresTables {
    fn store(&self, rows: &Rows) -> Result<Stored, StoreError> {
        self.with(|wire| {
            wire.transaction(|| {
                // First of all: of two that store the same rows one waits here, and is then refused.
                let (sql, values) = rows.moving();
                if run(wire, sql, std::iter::once(values))? != 1 {
                    return Ok(Stored::Overtaken);
                }
                for (table, adding, cells) in rows.tables() {
                    match adding {
                        Adding::New => copy(wire, table, cells)?,
                        Adding::Again => drop(run(wire, &table.replace(), cells)?),
                    }
                }
                Ok(Stored::Done)
            })
        })
    }
}

/// A row as cells.
fn line(row: &Row, kinds: &[Kind]) -> Line {
    let cell = |(column, kind): (usize, &Kind)| {
        row.try_get::<_, Raw<'_>>(column).map_or_else(|error| Cell::Strange(error.to_string()), |raw| raw.cell(*kind))
    };
    Line(kinds.iter().enumerate().map(cell).collect())
}

/// Adds rows by COPY. What is encoded overtakes what is on its way by one chunk.
fn copy(wire: &Wire, table: &Table, rows: Cells<'_>) -> Result<(), StoreError> {
    let statement = wire.prepare(&format!("COPY {}({}) FROM STDIN (FORMAT binary)", table.name, table.names()))?;
    let mut sink = pin!(wire.wait(wire.client().copy_in::<_, Bytes>(&statement))?);
    let mut bytes = BytesMut::with_capacity(CHUNK + CHUNK / 4);
    bytes.extend_from_slice(COPY_BEGIN);
    for row in rows {
        copy_row(&row, &mut bytes)?;
        if bytes.len() >= CHUNK {
            wire.wait(sink.send(bytes.split().freeze()))?;
        }
    }
    bytes.extend_from_slice(COPY_END);
    wire.wait(async {
        sink.send(bytes.freeze()).await?;
        sink.finish().await
    })?;
    Ok(())
}

/// Runs one statement for each row of values, all sent before the first is answered; how many rows that changed.
fn run<'a>(wire: &Wire, sql: &str, rows: impl Iterator<Item = Vec<Cell<'a>>>) -> Result<u64, StoreError> {
    let statement = wire.prepare(&numbered(sql))?;
    let rows: Vec<_> = rows.collect();
    rows.iter().flatten().try_for_each(check)?;
    let changed = wire.wait(try_join_all(rows.into_iter().map(|row| wire.client().execute_raw(&statement, row))))?;
    Ok(changed.iter().sum())
}

/// SQL with its values numbered as PostgreSQL does.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}
