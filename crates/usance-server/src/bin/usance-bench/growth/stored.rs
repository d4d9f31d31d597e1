//! What a record takes in the log and in the read tables, and how long proving, replaying and projecting take.

use super::figures::line;
use super::forecast::PerUnit;
use super::platform::{Grown, Phase};
use crate::measure::Meter;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use usance_core::calendar::DayOffset;
use usance_store::codec::{self, Record};
use usance_store::postgres::local::LocalServer;
use usance_store::projection::Projector;
use usance_store::recovery::replay_batch;
use usance_store::{
    Appended, BatchBuilder, Head, LogReader, LogStore, Postgres, PostgresLog, PostgresLogReader, SqliteLog, SqliteLogReader, StoreError,
    verify_chain,
};

/// Records that share a batch in the large log. In the small one each has its own, as under light load.
const RECORDS_A_BATCH: usize = 64;
/// Batches of the small log; each is synced by itself.
const SINGLE_BATCHES: u64 = 10_000;
/// Batches that a step of the read tables looks at.
const STEP_BATCHES: usize = 1_024;

/// A log that is written.
struct Written {
    log: Box<dyn LogStore>,
    head: Head,
    batch: BatchBuilder,
    /// Records and bytes by kind.
    kinds: BTreeMap<&'static str, (u64, u64)>,
    records: u64,
}

impl Written {
    fn into_log(log: impl LogStore + 'static) -> Self {
        Written { log: Box::new(log), head: Head::GENESIS, batch: BatchBuilder::new(), kinds: BTreeMap::new(), records: 0 }
    }
    fn add(&mut self, what: &'static str, record: &Record) -> anyhow::Result<()> {
        let before = self.batch.bytes();
        self.batch.try_push_with(|bytes| codec::encode(record, bytes))?;
        let kind = self.kinds.entry(what).or_default();
        *kind = (kind.0 + 1, kind.1 + (self.batch.bytes() - before) as u64);
        self.records += 1;
        if self.batch.len() == RECORDS_A_BATCH { self.seal() } else { Ok(()) }
    }
    fn seal(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch).seal(0, self.head.seq + 1, 0, self.head.hash)?;
        anyhow::ensure!(matches!(self.log.append(self.head.seq, &batch), Appended::Done), "batch {} is stored", batch.seq);
        self.head = batch.head();
        Ok(())
    }
}

/// Proves a whole log; gives the seconds.
fn prove(reader: &dyn LogReader) -> anyhow::Result<f64> {
    let meter = Meter::start();
    verify_chain(reader, 0, Head::GENESIS, |_| Ok::<(), StoreError>(()))?;
    Ok(meter.stop().wall.as_secs_f64())
}

/// Grows the same platform with a log, and reads that.
pub fn measure(customers: u64, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("log.sqlite");
    let mut written = Written::into_log(SqliteLog::open(&path)?);
    let mut sample = None;
    {
        let mut sink = |what: &'static str, record: Record| {
            if what == "subscription" && sample.is_none() {
                sample = Some(record.clone());
            }
            written.add(what, &record)
        };
        let mut grown = Grown::begin(customers, &mut sink)?;
        for phase in Phase::ALL {
            grown.phase(phase)?;
        }
        grown.close()?;
        grown.close()?;
    }
    written.seal()?;
    let Written { log, kinds, records, head, .. } = written;
    drop(log);
    println!("  log, bytes a record, in batches:");
    for (what, (count, bytes)) in &kinds {
        let each = *bytes as f64 / *count as f64;
        line(what, &format!("{each:>7.0}"));
        match *what {
            "deposit" => per_unit.deposit_record = each,
            "subscription" => per_unit.subscription_record = each,
            "redemption" => per_unit.redemption_record = each,
            _ => {}
        }
    }
    let file = std::fs::metadata(&path)?.len() as f64;
    line("all of them, in the file", &format!("{:>7.0}", file / records as f64));
    let sample = sample.ok_or_else(|| anyhow::anyhow!("somebody subscribes"))?;
    single_sqlite(directory.path(), &sample, per_unit)?;
    let reader = SqliteLogReader::open(&path)?;
    let proven = prove(&reader)?;
    line(
        "proving the chain, 64 records a batch",
        &format!("{:.2} us a batch, {:.3} us a record", proven * 1e6 / head.seq as f64, proven * 1e6 / records as f64),
    );
    let mut state = None;
    let meter = Meter::start();
    verify_chain(&reader, 0, Head::GENESIS, |batch| replay_batch(&mut state, batch).map(|_| ()))?;
    let replayed = meter.stop().wall.as_secs_f64();
    per_unit.replay = (replayed - proven).max(0.0) / records as f64;
    line("replay, without the proof", &format!("{:.2} us a record", per_unit.replay * 1e6));
    drop(state);
    println!("  read tables:");
    let rows = tables_sqlite(directory.path(), &reader, records, per_unit)?;
    match LocalServer::start(&["shared_buffers = '512MB'", "max_wal_size = '4GB'"]) {
        Ok(server) => on_postgres(&server, &reader, rows, &sample, per_unit)?,
        Err(reason) => line("PostgreSQL", &format!("not measured: {reason}")),
    }
    Ok(())
}

/// Writes batches of one record each; gives the bytes of the records.
fn single_batches(log: impl LogStore + 'static, sample: &Record) -> anyhow::Result<f64> {
    let mut written = Written::into_log(log);
    for _ in 0..SINGLE_BATCHES {
        written.add("subscription", sample)?;
        written.seal()?;
    }
    Ok(written.kinds.values().map(|(_, bytes)| bytes).sum::<u64>() as f64)
}

fn single_sqlite(directory: &Path, sample: &Record, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    let path = directory.join("single.sqlite");
    let records = single_batches(SqliteLog::open(&path)?, sample)?;
    per_unit.batch = (std::fs::metadata(&path)?.len() as f64 - records) / SINGLE_BATCHES as f64;
    line("what a batch takes beside its records", &format!("{:>7.0} in the file", per_unit.batch));
    per_unit.prove = prove(&SqliteLogReader::open(&path)?)? / SINGLE_BATCHES as f64;
    line("proving the chain, a record a batch", &format!("{:.2} us a batch", per_unit.prove * 1e6));
    Ok(())
}

/// Fills read tables; gives the seconds.
fn project(mut projector: Projector, reader: &dyn LogReader) -> anyhow::Result<f64> {
    let meter = Meter::start();
    while projector.step(reader, STEP_BATCHES)? > 0 {}
    Ok(meter.stop().wall.as_secs_f64())
}

/// Read tables in a file; gives their rows.
fn tables_sqlite(directory: &Path, reader: &dyn LogReader, records: u64, per_unit: &mut PerUnit) -> anyhow::Result<u64> {
    let path = directory.join("tables.sqlite");
    let seconds = project(Projector::open(&path, 0, DayOffset::default())?, reader)?;
    let rows = rows_of(&path)?;
    let bytes = std::fs::metadata(&path)?.len() as f64;
    per_unit.rows_a_record = rows as f64 / records as f64;
    (per_unit.sqlite_row, per_unit.sqlite_row_seconds) = (bytes / rows as f64, seconds / rows as f64);
    line("rows a record", &format!("{:>7.2}", per_unit.rows_a_record));
    row("SQLite", per_unit.sqlite_row, per_unit.sqlite_row_seconds);
    Ok(rows)
}

/// The same read tables on a server, and a log there in which each record has a batch of its own.
fn on_postgres(server: &LocalServer, reader: &dyn LogReader, rows: u64, sample: &Record, per_unit: &mut PerUnit) -> anyhow::Result<()> {
    let tables = Postgres::parse(&server.address("growth"), None)?;
    let seconds = project(Projector::open_postgres(&tables, 0, DayOffset::default())?, reader)?;
    let plain = format!("host=127.0.0.1 port={} user=usance dbname=postgres", server.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(bytes_of(&plain, "growth"))? as f64;
    (per_unit.postgres_row, per_unit.postgres_row_seconds) = (bytes / rows as f64, seconds / rows as f64);
    row("PostgreSQL", per_unit.postgres_row, per_unit.postgres_row_seconds);
    let single = Postgres::parse(&server.address("single"), None)?;
    single_batches(PostgresLog::open(&single)?, sample)?;
    per_unit.postgres_prove = prove(&PostgresLogReader::open(&single)?)? / SINGLE_BATCHES as f64;
    let bytes = runtime.block_on(bytes_of(&plain, "single"))? as f64 / SINGLE_BATCHES as f64;
    line("a log on PostgreSQL, a record a batch", &format!("{bytes:>7.0} bytes, {:.2} us to prove", per_unit.postgres_prove * 1e6));
    Ok(())
}

fn row(home: &str, bytes: f64, seconds: f64) {
    line(home, &format!("{bytes:>7.0} bytes a row with its indexes, {:.2} us a row", seconds * 1e6));
}

fn rows_of(path: &Path) -> anyhow::Result<u64> {
    let db = Connection::open(path)?;
    let mut names = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rows = 0;
    for name in names {
        rows += db.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get::<_, i64>(0))? as u64;
    }
    Ok(rows)
}

async fn bytes_of(plain: &str, schema: &str) -> anyhow::Result<i64> {
    let (client, connection) = tokio_postgres::connect(plain, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let sum = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')";
    Ok(client.query_one(sum, &[&schema]).await?.get(0))
}
