//! The machine in memory, the writer with its log, closing a day, and a start from a snapshot.

use crate::measure::{Meter, Spent, resident};
use rusqlite::{Connection, params};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{LogPosition, PositionId, hash16};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::verb::{Patch, ProductText, Redeem, SaleText, Source, Subscribe, WalletMove, redeem};
use usance_core::machine::{Command, State, close, execute};
use usance_core::money::Rate;
use usance_core::product::{Kind, Status};
use usance_core::reward::clawback::AccountKind;
use usance_engine::submit::{Reply, Submission};
use usance_engine::{Settings, life::start};
use usance_store::codec::{self, Fact, Record, UsedKey};
use usance_store::snapshot::Snapshot;
use usance_store::{Appended, Batch, BatchBuilder, Head, LogStore, SqliteLog, image};
use usance_workload::SplitMix64;

const FLEXIBLE: u64 = 4;
/// Products on sale.
pub const PRODUCTS: u64 = 16;

/// A product of the bench.
pub fn product(number: u64) -> ProductText {
    let kind = if number < FLEXIBLE { Kind::Flexible } else { Kind::FixedTerm { term_days: 30 + u32::try_from(number).unwrap_or(0) * 20 } };
    ProductText {
        id: format!("product-{number}"),
        asset: "SOL".into(),
        name: "Bench".into(),
        kind,
        rates: vec![(Day::from_number(0), vec![(None, Rate::from_units(5_000_000 + number * 1_000).unwrap_or_default())])],
        rate_mode: None,
        distribution: None,
        early_redemption: None,
        staking: usance_core::product::StakingTerms::default(),
        sale: SaleText { capacity: Patch::Set("1000000000000".into()), ..SaleText::default() },
    }
}

/// The commands that set up a platform.
pub fn founding(customers: u64) -> impl Iterator<Item = Command> {
    let head = [
        Command::CreateAsset { symbol: "SOL".into(), name: "Solana".into(), decimals: 9, display_decimals: 6 },
        Command::PublishAgreement { version: "v1".into(), text: "Bench.".into() },
    ];
    let products = (0..PRODUCTS).flat_map(|number| {
        [
            Command::CreateProduct(Box::new(product(number))),
            Command::SetProductStatus { product: format!("product-{number}"), status: Status::Open },
        ]
    });
    let people = (0..customers).flat_map(|number| {
        let customer = format!("customer-{number}");
        let deposit = WalletMove {
            customer: customer.clone(),
            asset: "SOL".into(),
            account: AccountKind::Funding,
            amount: "1e9".into(),
            reference: format!("r{number}"),
        };
        [Command::CreateCustomer { id: customer }, Command::Deposit(deposit)]
    });
    head.into_iter().chain(products).chain(people)
}

/// A platform before its first command.
pub fn platform() -> State {
    let platform = Platform {
        shard: 0,
        offset: DayOffset::default(),
        clock: ClockMode::Simulated,
        created_at: Timestamp::from_ms(1_767_225_600_000),
        seed: [7; 32],
    };
    State::new(platform)
}

fn founded(customers: u64) -> State {
    let mut state = platform();
    let now = state.registry.last_at;
    for command in founding(customers) {
        assert!(execute(&mut state, &command, now).outcome.is_ok(), "{command:?}");
    }
    state
}

/// A subscription of a random customer.
pub fn subscription(dice: &mut SplitMix64, customers: u64, product: Option<u64>) -> Command {
    let customer = dice.below(customers);
    // Of all products a customer uses three.
    let own = FLEXIBLE + (customer + dice.below(3)) % (PRODUCTS - FLEXIBLE);
    Command::Subscribe(Subscribe {
        customer: format!("customer-{customer}"),
        product: format!("product-{}", product.unwrap_or(own)),
        amount: format!("{}.{:09}", dice.below(20), 1 + dice.below(999_999_999)),
        source: Source::FundingThenSpot,
        agreement: "v1".into(),
        auto_renew: false,
    })
}

fn report(what: &str, operations: u64, spent: Spent) {
    let (wall, cpu) = spent.each(operations);
    println!("  {what}: {:.0} a second; wall {wall:.3} us, cpu {cpu:.3} us each", operations as f64 / spent.wall.as_secs_f64());
}

/// Decided and applied in memory, with the idempotency key remembered; beside it the same as one SQL transaction in memory.
pub fn decide(operations: u64) -> anyhow::Result<()> {
    println!("\nsubscriptions decided and applied in memory ({operations}, 100,000 customers, {PRODUCTS} products)");
    for (name, one) in [("over many products", None), ("all on one product", Some(FLEXIBLE))] {
        let mut state = founded(100_000);
        let mut dice = SplitMix64::new(1);
        let commands: Vec<Command> = (0..operations).map(|_| subscription(&mut dice, 100_000, one)).collect();
        let now = Timestamp::from_ms(state.registry.last_at.ms() + 1);
        let keys: Vec<[u8; 16]> = (0..operations).map(|number| hash16(&[7; 32], "key", &[&number.to_string()])).collect();
        let before = state.keys.bytes();
        let meter = Meter::start();
        for (number, (command, key)) in commands.iter().zip(&keys).enumerate() {
            if state.keys.find(key).is_none() {
                let executed = execute(&mut state, command, now);
                assert!(executed.outcome.is_ok(), "{command:?} {:?}", executed.outcome);
                state.keys.remember(*key, LogPosition::from_number(number as u64), now);
            }
        }
        report(name, operations, meter.stop());
        let bytes = (state.keys.bytes() - before) as f64 / operations as f64;
        println!(
            "    idempotency: {} keys held, {bytes:.1} bytes each; a day at 1,000 a second is {:.1} GB",
            state.keys.len(),
            bytes * 86_400_000.0 / 1e9
        );
    }
    let spent = sql_baseline(50_000)?;
    report("beside it, one SQL transaction each in SQLite in memory", 50_000, spent);
    Ok(())
}

fn sql_baseline(operations: u64) -> anyhow::Result<Spent> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(
        "CREATE TABLE account(id INTEGER PRIMARY KEY, funding INTEGER NOT NULL); CREATE TABLE product(id INTEGER PRIMARY KEY, staked INTEGER NOT NULL);
         CREATE TABLE position(id INTEGER PRIMARY KEY, account INTEGER, product INTEGER, principal INTEGER);
         CREATE TABLE entry(id INTEGER PRIMARY KEY, account INTEGER, amount INTEGER); CREATE TABLE key(id TEXT PRIMARY KEY);
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) INSERT INTO account SELECT i, 1000000000000 FROM n;
         INSERT INTO product VALUES (0, 0);",
    )?;
    let mut dice = SplitMix64::new(2);
    let meter = Meter::start();
    for number in 0..operations {
        let (account, amount) = (dice.below(100_000) as i64, dice.below(1_000_000) as i64);
        db.prepare_cached("BEGIN")?.execute([])?;
        db.prepare_cached("INSERT INTO key VALUES(?1)")?.execute([format!("key-{number}")])?;
        db.prepare_cached("UPDATE account SET funding = funding - ?2 WHERE id = ?1 AND funding >= ?2")?
            .execute(params![account, amount])?;
        db.prepare_cached("UPDATE product SET staked = staked + ?1 WHERE id = 0")?.execute([amount])?;
        db.prepare_cached("INSERT INTO position(account, product, principal) VALUES(?1, 0, ?2)")?.execute(params![account, amount])?;
        db.prepare_cached("INSERT INTO entry(account, amount) VALUES(?1, ?2), (?1, -?2)")?.execute(params![account, amount])?;
        db.prepare_cached("COMMIT")?.execute([])?;
    }
    Ok(meter.stop())
}

/// Through the writer and the durable log, 1,024 waiting at any time; beside it the same bytes in a plain synced file.
pub fn durable(seconds: u64) -> anyhow::Result<()> {
    const WAITING: u64 = 1_024;
    const CUSTOMERS: u64 = 10_000;
    println!("\nsubscriptions through the writer and the durable log ({WAITING} wait at any time, {seconds} s)");
    let directory = tempfile::tempdir()?;
    let settings = Settings { clock: Some((ClockMode::Simulated, None)), ..Settings::new(directory.path().join("data")) };
    let opening = start::open(&settings, |_| {})?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let engine = opening.engine.clone();
    runtime.block_on(async {
        for command in founding(CUSTOMERS).collect::<Vec<_>>().chunks(512) {
            let all: Vec<_> = command
                .iter()
                .map(|command| engine.submit(Submission { command: Some(command.clone()), ..Submission::default() }))
                .collect();
            for one in all {
                assert!(matches!(one.await, Reply::Decided { outcome: Ok(_), .. }));
            }
        }
    });
    let done = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let meter = Meter::start();
    let until = Instant::now() + Duration::from_secs(seconds);
    let before = engine.positions().1;
    runtime.block_on(async {
        let mut clients = Vec::new();
        for client in 0..WAITING {
            let (engine, done) = (engine.clone(), Arc::clone(&done));
            clients.push(tokio::spawn(async move {
                let mut dice = SplitMix64::new(client);
                let mut number = 0u64;
                while Instant::now() < until {
                    let command = subscription(&mut dice, CUSTOMERS, None);
                    number += 1;
                    let hash = hash16(&[7; 32], "key", &[&client.to_string(), &number.to_string()]);
                    let reply = engine
                        .submit(Submission {
                            key: Some(UsedKey { hash, fingerprint: hash }),
                            command: Some(command),
                            ..Submission::default()
                        })
                        .await;
                    assert!(matches!(reply, Reply::Decided { outcome: Ok(_), .. }), "{reply:?}");
                    done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }));
        }
        for client in clients {
            client.await.expect("a client ends");
        }
    });
    let spent = meter.stop();
    let operations = done.load(std::sync::atomic::Ordering::Relaxed);
    report("one writer", operations, spent);
    let batches = engine.positions().1 - before;
    let bytes = std::fs::metadata(opening.directory.log())?.len() as f64 / operations as f64;
    println!(
        "    {:.0} a batch, {bytes:.0} bytes of log each; the read tables are {} batches behind",
        operations as f64 / batches as f64,
        batches + before - engine.positions().2
    );
    opening.engine.stop();
    pipeline(directory.path(), seconds)?;
    let each = (operations / batches.max(1)).max(1);
    let (count, plain) = plain_file(directory.path(), each * 250, seconds.min(3))?;
    println!(
        "  beside it, a plain file, {} bytes written and synced at a time: {:.0} a second, {:.3} ms each",
        each * 250,
        count as f64 / plain.as_secs_f64(),
        plain.as_secs_f64() * 1e3 / count as f64
    );
    Ok(())
}

/// What the writer and the flusher do, without clients and read tables: decide, encode, chain, append, 1,024 a batch, the
/// next batch decided while one is made durable.
fn pipeline(directory: &std::path::Path, seconds: u64) -> anyhow::Result<()> {
    const BATCH: u64 = 1_024;
    const CUSTOMERS: u64 = 10_000;
    let mut log = SqliteLog::open(&directory.join("pipeline.sqlite"))?;
    let (sender, batches) = std::sync::mpsc::sync_channel::<Batch>(1);
    let flusher = std::thread::spawn(move || {
        for batch in batches {
            assert!(matches!(log.append(batch.seq - 1, &batch), Appended::Done));
        }
    });
    let mut state = founded(CUSTOMERS);
    let now = Timestamp::from_ms(state.registry.last_at.ms() + 1);
    let mut dice = SplitMix64::new(5);
    let commands: Vec<(Command, UsedKey)> = (0..4_000_000 / BATCH * BATCH)
        .map(|number| {
            let hash = hash16(&[9; 32], "key", &[&number.to_string()]);
            (subscription(&mut dice, CUSTOMERS, None), UsedKey { hash, fingerprint: hash })
        })
        .collect();
    let (mut head, mut operations) = (Head::GENESIS, 0);
    let meter = Meter::start();
    for chunk in commands.chunks(BATCH as usize) {
        let mut builder = BatchBuilder::new();
        for (command, key) in chunk {
            assert!(state.keys.find(&key.hash).is_none());
            let executed = execute(&mut state, command, now);
            let record =
                Record { fact: Fact { at: now, key: Some(*key), actor: None, events: executed.events }, outcome: executed.outcome };
            let index = builder.try_push_with(|bytes| codec::encode(&record, bytes))?;
            state.keys.remember(key.hash, LogPosition::new(head.seq + 1, index), now);
        }
        let batch = builder.seal(0, head.seq + 1, now.ms(), head.hash)?;
        head = batch.head();
        sender.send(batch).map_err(|_| anyhow::anyhow!("the flusher stopped"))?;
        operations += BATCH;
        if meter.stop().wall > Duration::from_secs(seconds) {
            break;
        }
    }
    drop(sender);
    flusher.join().map_err(|_| anyhow::anyhow!("the flusher stopped"))?;
    report("decided, encoded, chained and appended, 1,024 a batch, without clients and read tables", operations, meter.stop());
    Ok(())
}

fn plain_file(directory: &std::path::Path, bytes: u64, seconds: u64) -> anyhow::Result<(u64, Duration)> {
    let mut file = std::fs::File::create(directory.join("plain"))?;
    let block = vec![1; usize::try_from(bytes)?];
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(seconds) {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok((count, started.elapsed()))
}

/// Closes days over many positions of random owners, then writes and reads a snapshot of them.
pub fn close_and_snapshot(positions: u64) -> anyhow::Result<()> {
    let customers = (positions / 10).max(1);
    println!("\nclosing a day over {positions} positions of {customers} random owners");
    let empty = resident();
    let mut state = founded(customers);
    let people = resident();
    let mut dice = SplitMix64::new(3);
    let now = Timestamp::from_ms(state.registry.last_at.ms() + 1);
    let building = Meter::start();
    while (state.running.len() as u64) < positions {
        let one = dice.once_in(3).then(|| dice.below(FLEXIBLE));
        let command = subscription(&mut dice, customers, one);
        // A customer whose balance is used up is passed over.
        let _ = execute(&mut state, &command, now);
    }
    report("built by deciding and applying", positions, building.stop());
    let whole = resident();
    println!(
        "  memory: {:.0} bytes a position (columns {} + {}, holdings {} of {} bytes); {:.0} bytes a customer with account and reference",
        (whole - people) as f64 / positions as f64,
        size_of::<usance_core::position::Running>(),
        size_of::<usance_core::position::Origin>(),
        state.holdings.len(),
        size_of::<usance_core::machine::state::Holding>(),
        (people - empty) as f64 / customers as f64
    );
    closes(&mut state);
    let mut few = state.clone();
    for place in 0..few.running.len() / 10 * 9 {
        // What a term has ended is not there any more.
        if let Some(command) = leaving(&few, place) {
            let now = few.registry.last_at;
            assert!(execute(&mut few, &command, now).outcome.is_ok(), "{command:?}");
        }
    }
    println!("  the oldest nine of ten are redeemed:");
    closes(&mut few);
    drop(few);
    let rows = 500_000;
    let sql = sql_accrual(rows)?;
    let (wall, cpu) = sql.each(rows);
    println!("  beside it, a set-based accrual in SQLite in memory over {rows} rows: wall {wall:.3} us, cpu {cpu:.3} us a position");
    snapshot(&state)
}

/// Closes four days with the state alone, and four beside a frozen view, as an audit or a snapshot holds one. On the first of
/// all new positions only wait.
fn closes(state: &mut State) {
    for (how, is_viewed) in [("alone", false), ("beside a frozen view", true)] {
        for _ in 0..4 {
            let view = is_viewed.then(|| state.clone());
            let meter = Meter::start();
            let closed = close::close_day(state);
            let spent = meter.stop();
            drop(view);
            let earning: u64 = closed.products.iter().map(|product| product.earning_positions).sum();
            let (wall, cpu) = (spent.wall.as_secs_f64(), spent.cpu.as_secs_f64());
            println!("  day {}, {how}: {wall:.3} s wall, {cpu:.2} s cpu, {earning} earning", closed.day);
        }
    }
    assert!(state.broken.is_none(), "{:?}", state.broken);
}

/// The redemption of all of the position at a place of the column; `None` when it is not staked any more.
pub fn leaving(state: &State, place: usize) -> Option<Command> {
    let position = PositionId::from_index(place);
    let (running, _) = state.position(position)?;
    let owner = state.accounts.get(running.account.index())?.customer;
    let customer = state.customers.get(owner.index())?.id.to_string();
    let figures = redeem::check(state, &customer, Some(position), None, None).ok()?.figures;
    Some(Command::Redeem(Redeem {
        customer,
        position: Some(position),
        amount: None,
        to: None,
        quoted_payout: Some(figures.payout.to_text(9)),
        quoted_from_funding: Some(figures.clawback_from_funding.to_text(9)),
    }))
}

fn sql_accrual(rows: u64) -> anyhow::Result<Spent> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(&format!(
        "CREATE TABLE position(id INTEGER PRIMARY KEY, account INTEGER, product INTEGER, principal INTEGER, carry INTEGER DEFAULT 0, accrued INTEGER DEFAULT 0);
         CREATE TABLE rate(product INTEGER PRIMARY KEY, rate INTEGER);
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 15) INSERT INTO rate SELECT i, 5000000 + i FROM n;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {}) INSERT INTO position(account, product, principal) SELECT abs(random()) % 50000, i % 16, 1000000000 + i FROM n;",
        rows - 1
    ))?;
    let meter = Meter::start();
    db.execute_batch(
        "BEGIN; UPDATE position SET accrued = accrued + (carry + principal * rate) / 36500000000, carry = (carry + principal * rate) % 36500000000
         FROM rate WHERE rate.product = position.product; COMMIT;",
    )?;
    Ok(meter.stop())
}

fn snapshot(state: &State) -> anyhow::Result<()> {
    println!("\nstart from a snapshot of {} positions", state.running.len());
    let directory = tempfile::tempdir()?;
    let head = Head { seq: 1, hash: [1; 32], at_ms: 0 };
    let meter = Meter::start();
    let path = image::write(directory.path(), 0, head, state)?;
    let spent = meter.stop();
    let bytes = std::fs::metadata(&path)?.len();
    println!("  written: {:.2} s wall, {:.2} s cpu, {:.0} MB", spent.wall.as_secs_f64(), spent.cpu.as_secs_f64(), bytes as f64 / 1e6);
    let meter = Meter::start();
    let read = image::read(&Snapshot::open(&path)?)?;
    let spent = meter.stop();
    println!("  read: {:.2} s wall, {:.2} s cpu", spent.wall.as_secs_f64(), spent.cpu.as_secs_f64());
    let meter = Meter::start();
    let plain = std::fs::read(&path)?;
    let hash = blake3::hash(&plain);
    let spent = meter.stop();
    println!("  beside it, reading and hashing the same file: {:.2} s wall ({})", spent.wall.as_secs_f64(), &hash.to_hex()[..8]);
    assert!(read == *state, "the snapshot holds the state");
    Ok(())
}
