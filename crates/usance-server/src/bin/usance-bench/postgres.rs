//! Durable subscriptions on PostgreSQL: through the engine over HTTP, and beside it, on the same server in the same run, as
//! the ordinary SQL transaction that one would write instead.

use crate::http::{CUSTOMERS, Engine, Kind, PRODUCTS, found, load};
use anyhow::Context;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls, Statement};
use usance_store::postgres::local::LocalServer;
use usance_workload::SplitMix64;

/// What a plain schema has: balances, the quota a product has left, positions, entries, and keys that were used.
const TABLES: &str = "
    CREATE SCHEMA plain; SET search_path TO plain;
    CREATE TABLE balance(customer BIGINT PRIMARY KEY, funding NUMERIC(39) NOT NULL CHECK (funding >= 0));
    CREATE TABLE quota(product BIGINT PRIMARY KEY, capacity NUMERIC(39) NOT NULL, used NUMERIC(39) NOT NULL, CHECK (used <= capacity));
    CREATE TABLE position(id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer BIGINT NOT NULL, product BIGINT NOT NULL,
        principal NUMERIC(39) NOT NULL, opened_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE INDEX ON position(customer);
    CREATE TABLE entry(id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, position BIGINT NOT NULL, account TEXT NOT NULL,
        side TEXT NOT NULL, amount NUMERIC(39) NOT NULL);
    CREATE TABLE used_key(key TEXT PRIMARY KEY, position BIGINT NOT NULL);";

/// One figure: how many a second, and how long one took, sorted.
struct Figure {
    a_second: f64,
    middle_ms: f64,
    late_ms: f64,
}

impl Figure {
    fn of(mut latencies: Vec<u32>, wall: Duration) -> Figure {
        latencies.sort_unstable();
        let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1e3);
        Figure { a_second: latencies.len() as f64 / wall.as_secs_f64(), middle_ms: at(0.5), late_ms: at(0.99) }
    }
}

/// Runs both over many products and on one, with 1, 16 and 64 clients.
pub fn run(binary: &Path, seconds: u64) -> anyhow::Result<()> {
    let seconds = seconds.div_ceil(2);
    println!("\ndurable subscriptions on PostgreSQL ({seconds} s each, server and clients on the same cores, fsync on)");
    let server = LocalServer::start(&["shared_buffers = '512MB'", "max_wal_size = '4GB'"]).context("a PostgreSQL server")?;
    let directory = tempfile::tempdir()?;
    let store = server.address("usance");
    let secrets = directory.path().join("secrets").display().to_string();
    let words = ["serve", "--store", store.as_str(), "--secrets", &secrets, "--clock", "simulated:2026-01-01T00:00:00Z"];
    let (_engine, address) = Engine::start(binary, &words, directory.path())?;
    found(&address)?;
    let plain = format!("host=127.0.0.1 port={} user=usance dbname=postgres", server.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(prepare(&plain))?;
    println!(
        "  {:<20} {:>7}   {:>30}   {:>30}   {:>6}",
        "", "clients", "engine: a second, p50, p99 ms", "SQL: a second, p50, p99 ms", "ratio"
    );
    for (name, kind) in [("over many products", Kind::Many), ("all on one product", Kind::One)] {
        for clients in [1, 16, 64] {
            let begun = Instant::now();
            let ours = Figure::of(runtime.block_on(load(&address, kind, clients, seconds))?, begun.elapsed());
            let begun = Instant::now();
            let theirs = Figure::of(runtime.block_on(transactions(&plain, kind, clients, seconds))?, begun.elapsed());
            let shown = |figure: &Figure| format!("{:>10.0} {:>9.2} {:>9.2}", figure.a_second, figure.middle_ms, figure.late_ms);
            println!("  {name:<20} {clients:>7}   {}   {}   {:>6.1}", shown(&ours), shown(&theirs), ours.a_second / theirs.a_second);
        }
    }
    Ok(())
}

async fn connect(plain: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(plain, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn prepare(plain: &str) -> anyhow::Result<()> {
    let client = connect(plain).await?;
    client.batch_execute(TABLES).await?;
    let rows = format!(
        "INSERT INTO balance SELECT n, 1e18::numeric FROM generate_series(0, {}) n;
         INSERT INTO quota SELECT n, 1e30::numeric, 0 FROM generate_series(0, {}) n; ANALYZE;",
        CUSTOMERS - 1,
        PRODUCTS - 1
    );
    Ok(client.batch_execute(&rows).await?)
}

/// The statements of one transaction.
struct Prepared {
    used: Statement,
    debit: Statement,
    quota: Statement,
    position: Statement,
    entry: Statement,
}

impl Prepared {
    async fn on(client: &Client) -> anyhow::Result<Prepared> {
        Ok(Prepared {
            debit: client
                .prepare("UPDATE plain.balance SET funding = funding - $2::bigint WHERE customer = $1 AND funding >= $2::bigint")
                .await?,
            quota: client
                .prepare("UPDATE plain.quota SET used = used + $2::bigint WHERE product = $1 AND used + $2::bigint <= capacity")
                .await?,
            position: client
                .prepare("INSERT INTO plain.position(customer, product, principal) VALUES ($1, $2, $3::bigint) RETURNING id")
                .await?,
            entry: client.prepare("INSERT INTO plain.entry(position, account, side, amount) VALUES ($1, $2, $3, $4::bigint)").await?,
            used: client.prepare("INSERT INTO plain.used_key(key, position) VALUES ($1, $2)").await?,
        })
    }

    /// Debit, quota, position, two entries, key; all or nothing.
    async fn subscribe(&self, client: &Client, key: &str, customer: i64, product: i64, amount: i64) -> anyhow::Result<()> {
        client.batch_execute("BEGIN").await?;
        anyhow::ensure!(client.execute(&self.debit, &[&customer, &amount]).await? == 1, "no balance");
        anyhow::ensure!(client.execute(&self.quota, &[&product, &amount]).await? == 1, "no quota");
        let position: i64 = client.query_one(&self.position, &[&customer, &product, &amount]).await?.get(0);
        client.execute(&self.entry, &[&position, &"customer_funding", &"debit", &amount]).await?;
        client.execute(&self.entry, &[&position, &"customer_principal", &"credit", &amount]).await?;
        client.execute(&self.used, &[&key, &position]).await?;
        Ok(client.batch_execute("COMMIT").await?)
    }
}

/// Keeps every client busy with one transaction after the other; gives each one's latency in microseconds.
async fn transactions(plain: &str, kind: Kind, clients: u64, seconds: u64) -> anyhow::Result<Vec<u32>> {
    let mut running = Vec::new();
    for number in 0..clients {
        let client = connect(plain).await?;
        let prepared = Prepared::on(&client).await?;
        running.push((number, client, prepared));
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let run = std::process::id();
    let tasks: Vec<_> = running
        .into_iter()
        .map(|(number, client, prepared)| {
            tokio::spawn(async move {
                let mut dice = SplitMix64::new(number + 1);
                let (mut latencies, mut count) = (Vec::new(), 0u64);
                let begun = until;
                while Instant::now() < until {
                    count += 1;
                    let product = if kind == Kind::One { 0 } else { dice.below(PRODUCTS) as i64 };
                    let (customer, amount) = (dice.below(CUSTOMERS) as i64, 1 + dice.below(9_000_000_000) as i64);
                    let key = format!("{run}-{begun:?}-{number}-{count}");
                    let started = Instant::now();
                    prepared.subscribe(&client, &key, customer, product, amount).await?;
                    latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, anyhow::Error>(latencies)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}
