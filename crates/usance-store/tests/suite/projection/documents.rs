//! `docs/read-tables.md` is true: it names the tables and columns there are, its queries run as they stand, and every figure
//! they give is the machine's own. The results it shows are those of the first release's stored log, which never changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tokio_postgres::SimpleQueryMessage;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, ProductIx};
use usance_core::ledger::{ControlAccounts, LedgerAccount};
use usance_core::machine::day::DayClosed;
use usance_core::machine::verb::{Redeemed, Subscribed};
use usance_core::machine::{Event, State};
use usance_core::money::Amount;
use usance_core::product::Kind;
use usance_core::reward::clawback::AccountKind::{self, Spot};
use usance_store::{Postgres, codec};

use super::super::golden;
use super::super::world::{SEEDS, Size, batches};
use super::{Place, Tables, told};

/// Rows of a shown result, at most.
const SHOWN: usize = 6;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/read-tables.md")
}

fn document() -> String {
    std::fs::read_to_string(path()).unwrap_or_else(|error| panic!("{}: {error}", path().display()))
}

/// The sections below a heading, each with its title, down to the next heading of the same rank.
fn sections<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let rank = heading.split(' ').next().unwrap();
    let (_, below) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let below = below.split(&format!("\n{rank} ")).next().unwrap();
    below.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

/// What lies in the first block of a language.
fn block<'a>(section: &'a str, language: &str) -> &'a str {
    section.split_once(&format!("```{language}\n")).and_then(|(_, rest)| rest.split_once("```")).map_or("", |(block, _)| block)
}

// --- the tables ---

#[test]
fn it_names_the_tables_and_columns_there_are() {
    let text = document();
    let mut named = Vec::new();
    for (title, section) in sections(&text, "## The tables") {
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [column, ty, meaning] = cells[..] else { panic!("{row}") };
            let may_be_empty = if meaning.contains("empty") { "YES" } else { "NO" };
            named.push([title, column, ty, may_be_empty].map(|cell| cell.trim_matches('`').to_owned()).to_vec());
        }
    }
    let tables = Tables::new(Place::a_server, Size::small(1));
    drop(tables.projector());
    let sql = format!(
        "SELECT table_name, column_name,
                CASE udt_name WHEN 'int8' THEN 'BIGINT' WHEN 'numeric' THEN 'NUMERIC(' || numeric_precision || ',' || numeric_scale || ')'
                ELSE upper(udt_name) END, is_nullable
         FROM information_schema.columns WHERE table_schema = '{}' AND table_name <> 'schema_version' ORDER BY ordinal_position",
        tables.server().schema()
    );
    let mut found = told(tables.server(), &sql);
    found.sort_by_key(|row| row[0].clone());
    named.sort_by_key(|row| row[0].clone());
    assert_eq!(named, found);
    let file = Tables::new(Place::a_file, Size::small(1));
    drop(file.projector());
    let Place::File(dir) = &file.place else { unreachable!() };
    let mut in_file = columns_of_a_file(&Place::path(dir));
    in_file.sort_by_key(|row| row[0].clone());
    let without_types: Rows = named.iter().map(|row| vec![row[0].clone(), row[1].clone(), row[3].clone()]).collect();
    assert_eq!(without_types, in_file);

    let every_key = format!(
        "SELECT table_name FROM information_schema.key_column_usage WHERE table_schema = '{}' AND ordinal_position = 1
         AND table_name <> 'schema_version' AND column_name = 'shard'",
        tables.server().schema()
    );
    let named: BTreeSet<&String> = named.iter().map(|row| &row[0]).collect();
    assert_eq!(told(tables.server(), &every_key).len(), named.len(), "every primary key begins with the shard");
}

/// Tables, columns and whether they may be empty. SQLite lets the one column of a rowid key be so, and puts a number there.
fn columns_of_a_file(path: &Path) -> Rows {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT tables.name, columns.name, iif(columns.\"notnull\" OR columns.pk, 'NO', 'YES')
               FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' ORDER BY columns.cid";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| (0..3).map(|column| row.get(column)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

// --- the queries ---

/// A world with what its log tells, oldest first.
struct Scene {
    tables: Tables,
    told: Vec<(Timestamp, Event)>,
}

impl Scene {
    /// The log that the first release stored.
    fn golden() -> Scene {
        Scene::of(Tables::of(Place::a_server, golden::log(&golden::path("v1"))))
    }
    fn of(tables: Tables) -> Scene {
        let records = batches(&tables.log).into_iter().flat_map(|batch| codec::records(&batch).collect::<Vec<_>>());
        let events =
            records.map(|item| item.unwrap().1).flat_map(|record| record.fact.events.into_iter().map(move |event| (record.fact.at, event)));
        Scene { told: events.collect(), tables }
    }
    fn state(&self) -> &State {
        &self.tables.world.state
    }
    fn day_of(&self, at: Timestamp) -> Day {
        self.state().registry.platform.offset.day_of(at)
    }
    fn symbol(&self, asset: AssetIx) -> String {
        self.state().asset(asset).unwrap().symbol.clone()
    }
    fn asset_of(&self, product: ProductIx) -> AssetIx {
        self.state().product(product).unwrap().asset
    }
    fn product(&self, product: ProductIx) -> String {
        self.state().product(product).unwrap().id.clone()
    }
    fn customer(&self, customer: CustomerIx) -> String {
        self.state().customers.get(customer.index()).unwrap().id.to_string()
    }
    fn closes(&self) -> impl Iterator<Item = &DayClosed> {
        self.told.iter().filter_map(|(_, event)| if let Event::DayClosed(closed) = event { Some(&**closed) } else { None })
    }
    /// What is staked in each product at the end of each closed day, from the events alone.
    fn staked(&self) -> BTreeMap<(Day, ProductIx), i128> {
        let mut now: BTreeMap<ProductIx, i128> = BTreeMap::new();
        let mut then = BTreeMap::new();
        for (_, event) in &self.told {
            match event {
                Event::Subscribed(event) => *now.entry(event.product).or_default() += units(event.amount()),
                Event::Redeemed(event) => *now.entry(event.product).or_default() -= units(event.figures.principal),
                Event::ExitQueued(exit) => *now.entry(exit.redeemed.product).or_default() -= units(exit.redeemed.figures.principal),
                Event::ExitCancelled(exit) => *now.entry(exit.subscribed.product).or_default() += units(exit.subscribed.amount()),
                Event::LossBorne(event) => {
                    if let Some(bears) = event.position {
                        *now.entry(bears.product).or_default() -= units(bears.amount);
                    }
                }
                Event::DayClosed(closed) => {
                    for line in &closed.products {
                        let withheld = units(closed.withheld_of(line.product));
                        *now.entry(line.product).or_default() -= units(line.returned_spot) + units(line.returned_funding) + withheld;
                    }
                    then.extend(closed.products.iter().map(|line| ((closed.day, line.product), now[&line.product])));
                }
                _ => {}
            }
        }
        then
    }
}

fn units(amount: Amount) -> i128 {
    i128::try_from(amount.units()).unwrap()
}

type Rows = Vec<Vec<String>>;

/// A row of anything that can be shown.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}

/// A fraction as the database shows it: with all its decimals.
fn shifted(units: i128, decimals: u8) -> String {
    let (whole, rest) = (units / 10_i128.pow(decimals.into()), units % 10_i128.pow(decimals.into()));
    assert!(units >= 0);
    format!("{whole}.{rest:0width$}", width = decimals.into())
}

fn instant(at: Timestamp) -> String {
    let text = at.to_string().replace('T', " ").replace('Z', "");
    format!("{}+00", text.trim_end_matches('0').trim_end_matches('.')).replace(":+00", ":00+00")
}

fn owed(control: &ControlAccounts) -> i128 {
    let owed = [
        LedgerAccount::CustomerSpot,
        LedgerAccount::CustomerFunding,
        LedgerAccount::CustomerPrincipal,
        LedgerAccount::RewardsPayable,
        LedgerAccount::RedemptionsQueued,
    ];
    owed.into_iter().map(|account| control.balance(account).units()).sum()
}

/// Assets in the order of their symbols.
fn by_symbol(state: &State) -> impl Iterator<Item = (usize, &str, u8)> {
    let mut assets: Vec<_> =
        state.registry.assets.iter().enumerate().map(|(ix, asset)| (ix, asset.symbol.as_str(), asset.decimals)).collect();
    assets.sort_by_key(|(_, symbol, _)| *symbol);
    assets.into_iter()
}

fn what_is_owed(scene: &Scene) -> Rows {
    let registry = &scene.state().registry;
    let then = &registry.books[&Day::parse("2026-01-15").unwrap()];
    let row = |(ix, symbol, decimals): (usize, &str, u8)| {
        row![symbol, shifted(owed(&registry.control[ix]), decimals), shifted(owed(&then[ix].control), decimals)]
    };
    by_symbol(scene.state()).map(row).collect()
}

fn what_is_covered(scene: &Scene) -> Rows {
    let row = |(ix, symbol, _): (usize, &str, u8)| {
        let control = &scene.state().registry.control[ix];
        let custody = control.balance(LedgerAccount::Custody).units();
        let elsewhere = [
            LedgerAccount::InTransit,
            LedgerAccount::TreasuryLiquid,
            LedgerAccount::TreasuryStaked,
            LedgerAccount::TreasuryUnbonding,
            LedgerAccount::TreasuryClaimable,
        ];
        let coins = custody + elsewhere.map(|account| control.balance(account).units()).iter().sum::<i128>();
        assert!(control.is_balanced());
        row![symbol, custody, coins, owed(control), 0, if coins >= owed(control) { 't' } else { 'f' }]
    };
    by_symbol(scene.state()).map(row).collect()
}

fn rewards(scene: &Scene) -> Rows {
    let staked = scene.staked();
    let days = ["2026-01-10", "2026-01-16"].map(|day| Day::parse(day).unwrap());
    let mut rows = Rows::new();
    for closed in scene.closes().filter(|closed| (days[0]..=days[1]).contains(&closed.day)) {
        rows.extend(closed.products.iter().map(|line| {
            let (product, asset) = (scene.product(line.product), scene.symbol(scene.asset_of(line.product)));
            let principal = staked[&(closed.day, line.product)];
            row![closed.day, product, asset, line.earning_positions, principal, line.rewards.units(), line.distributed.units()]
        }));
    }
    rows.sort();
    rows
}

fn rates(scene: &Scene) -> Rows {
    let product = scene.state().product(scene.state().product_ix("sol-flex").unwrap()).unwrap();
    let mut rows = Rows::new();
    for (index, closed) in product.closed.iter().enumerate().rev() {
        let day = product.closed_from.plus_days(i32::try_from(index).unwrap());
        let announced = scene.state().bands(closed.version).unwrap();
        let paid = announced.capped(closed.settled);
        for ((tier, announced), paid) in (1..).zip(announced.as_slice()).zip(paid.as_slice()) {
            let up_to = announced.up_to.map_or(String::new(), |bound| bound.units().to_string());
            let percent = |band: &usance_core::product::rates::Band| shifted(i128::from(band.rate.units()), 6);
            rows.push(row![day, tier, up_to, percent(announced), percent(paid)]);
        }
    }
    rows
}

const fn on(account: AccountKind, change: i128) -> (i128, i128) {
    if matches!(account, Spot) { (change, 0) } else { (0, change) }
}

fn statement(scene: &Scene) -> Rows {
    let customer = scene.state().customer_ix("customer-01").unwrap();
    let (mut rows, mut running) = (Rows::new(), 0);
    for (at, event) in &scene.told {
        let (whose, asset) = match event {
            Event::Deposited(moved) | Event::Withdrawn(moved) => (moved.customer, moved.asset),
            Event::Transferred(moved) => (moved.customer, moved.asset),
            Event::Subscribed(event) => (event.customer, scene.asset_of(event.product)),
            Event::Redeemed(event) => (event.customer, scene.asset_of(event.product)),
            Event::ExitQueued(exit) => (exit.redeemed.customer, scene.asset_of(exit.redeemed.product)),
            Event::ExitCancelled(exit) => (exit.subscribed.customer, scene.asset_of(exit.subscribed.product)),
            Event::ExitPaid(event) => (event.customer, event.asset),
            Event::ExitEarned(event) if !event.reward.is_zero() => (event.customer, event.asset),
            Event::LossBorne(event) if !event.amount().is_zero() => (event.customer, event.asset),
            Event::LossReturned(event) => (event.customer, event.asset),
            _ => continue,
        };
        if (whose, scene.symbol(asset).as_str()) != (customer, "SOL") {
            continue;
        }
        let (kind, reference, position, (spot, funding), principal) = match event {
            Event::Deposited(moved) => ("deposit", moved.reference.as_str(), String::new(), on(moved.account, units(moved.amount)), 0),
            Event::Withdrawn(moved) => ("withdrawal", moved.reference.as_str(), String::new(), on(moved.account, -units(moved.amount)), 0),
            Event::Transferred(moved) => {
                let (spot, funding) = on(moved.from, -units(moved.amount));
                ("transfer", "", String::new(), (spot - funding, funding - spot), 0)
            }
            Event::Subscribed(event) => {
                let change = (-units(event.from_spot), -units(event.from_funding));
                ("subscription", "", event.position.to_string(), change, units(event.amount()))
            }
            Event::Redeemed(event) => {
                let figures = &event.figures;
                let change = (units(figures.to_spot), units(figures.to_funding) - units(figures.clawback_from_funding));
                ("redemption", "", event.position.to_string(), change, -units(figures.principal))
            }
            Event::ExitQueued(exit) => {
                let figures = &exit.redeemed.figures;
                let (spot, funding) = exit.paid();
                let change = (units(spot), units(funding) - units(figures.clawback_from_funding));
                ("redemption", "", exit.redeemed.position.to_string(), change, -units(figures.principal))
            }
            Event::ExitCancelled(exit) => {
                ("subscription", "", exit.subscribed.position.to_string(), (0, 0), units(exit.subscribed.amount()))
            }
            Event::ExitPaid(event) => ("exit_payment", "", String::new(), (units(event.to_spot), units(event.to_funding)), 0),
            Event::ExitEarned(event) => ("exit_reward", "", String::new(), (0, units(event.reward)), 0),
            Event::LossBorne(event) => {
                let (of, amount) = event.position.map_or((String::new(), 0), |bears| (event.id.to_string(), units(bears.amount)));
                ("loss", "", of, (0, 0), -amount)
            }
            Event::LossReturned(event) => ("loss_returned", "", String::new(), (0, units(event.amount)), 0),
            _ => unreachable!(),
        };
        running += spot + funding + principal;
        rows.push(row![instant(*at), kind, reference, position, spot, funding, principal, running]);
    }
    rows
}

fn flows(scene: &Scene) -> Rows {
    let mut sums: BTreeMap<(Day, String), [i128; 3]> = BTreeMap::new();
    for (at, event) in &scene.told {
        let (moved, side) = match event {
            Event::Deposited(moved) => (moved, 0),
            Event::Withdrawn(moved) => (moved, 1),
            _ => continue,
        };
        let sum = sums.entry((scene.day_of(*at), scene.symbol(moved.asset))).or_default();
        sum[side] += units(moved.amount);
        sum[2] += 1;
    }
    sums.into_iter().map(|((day, asset), [came, went, count])| row![day, asset, came, went, came - went, count]).collect()
}

fn subscriptions(scene: &Scene) -> impl Iterator<Item = (Timestamp, &Subscribed)> {
    scene.told.iter().filter_map(|(at, event)| match event {
        Event::Subscribed(event) => Some((*at, &**event)),
        Event::ExitCancelled(exit) => Some((*at, &exit.subscribed)),
        _ => None,
    })
}

fn opened(scene: &Scene) -> Rows {
    let (mut seen, mut sums) = (BTreeSet::new(), BTreeMap::new());
    for (at, event) in subscriptions(scene) {
        if seen.insert(event.position) {
            let sum: &mut (u32, BTreeSet<u32>, i128) = sums.entry((scene.day_of(at), scene.product(event.product))).or_default();
            *sum = (sum.0 + 1, std::mem::take(&mut sum.1), sum.2 + units(event.amount()));
            sum.1.insert(event.customer.0);
        }
    }
    sums.into_iter().map(|((day, product), (count, customers, principal))| row![day, product, count, customers.len(), principal]).collect()
}

fn largest(scene: &Scene) -> Rows {
    let state = scene.state();
    let mut found = Vec::new();
    for (running, id) in state.running.iter().zip(1..) {
        let product = state.product(running.product).unwrap();
        let is_meant = product.kind == Kind::Flexible && running.is_active() && scene.symbol(product.asset) == "SOL";
        let owner = state.accounts.get(running.account.index()).unwrap().customer;
        found.extend(is_meant.then(|| (std::cmp::Reverse(running.principal()), id, scene.customer(owner), product.id.clone())));
    }
    found.sort();
    found.truncate(10);
    found.into_iter().map(|(principal, id, customer, product)| row![customer, product, id, principal.0.units()]).collect()
}

fn maturities(scene: &Scene) -> Rows {
    let mut rows = Rows::new();
    for closed in scene.closes() {
        for line in closed.products.iter().filter(|line| line.matured > 0) {
            let returned = units(line.returned_spot) + units(line.returned_funding);
            rows.push(row![closed.day, scene.product(line.product), line.matured, returned, line.renewed, line.renewed_principal.units()]);
        }
    }
    rows.sort();
    rows
}

fn early_exits(scene: &Scene) -> Rows {
    let exits = scene.told.iter().filter_map(|(at, event)| match event {
        Event::Redeemed(event) if event.early => Some((at, &**event, event.figures.payout)),
        // What waits is paid later, by lines of its own.
        Event::ExitQueued(exit) if exit.redeemed.early => Some((at, &exit.redeemed, exit.paid().0.plus(exit.paid().1))),
        _ => None,
    });
    let row = |(at, event, paid): (&Timestamp, &Redeemed, Amount)| {
        let figures = &event.figures;
        let received = units(paid) - units(figures.clawback_from_funding);
        let given = [figures.clawback_distributed, figures.forfeited_accrued, figures.written_off].map(|amount| amount.units());
        let (customer, product) = (scene.customer(event.customer), scene.product(event.product));
        row![instant(*at), customer, product, event.position, figures.principal.units(), received, given[0], given[1], given[2]]
    };
    exits.map(row).collect()
}

/// What each query has to give, in the order of the document.
const EXPECTED: [fn(&Scene) -> Rows; 10] =
    [what_is_owed, what_is_covered, rewards, rates, statement, flows, opened, largest, maturities, early_exits];

/// Runs a query as it stands; its columns' names and its rows.
fn run(postgres: &Postgres, sql: &str) -> (Vec<String>, Rows) {
    let wire = postgres.connect().unwrap();
    wire.batch(&format!("SET TIME ZONE 'UTC'; SET search_path TO {}", postgres.schema())).unwrap();
    let messages = wire.wait(wire.client().simple_query(sql)).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let (mut names, mut rows) = (Vec::new(), Rows::new());
    for message in &messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => names = columns.iter().map(|column| column.name().to_owned()).collect(),
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|column| row.get(column).unwrap_or("").to_owned()).collect());
            }
            _ => {}
        }
    }
    (names, rows)
}

#[test]
fn its_queries_give_the_machines_own_figures() {
    let text = document();
    let queries = sections(&text, "## Ten queries");
    assert_eq!(queries.len(), EXPECTED.len());
    let lived = SEEDS.into_iter().map(|seed| Scene::of(Tables::full(Place::a_server, Size::usual(seed))));
    for (number, scene) in lived.chain(std::iter::once_with(Scene::golden)).enumerate() {
        for ((title, section), expected) in queries.iter().zip(EXPECTED) {
            let (_, found) = run(scene.tables.server(), block(section, "sql"));
            let expected = expected(&scene);
            assert!(!expected.is_empty(), "{title}: nothing is expected of scene {number}");
            assert_eq!(found, expected, "{title}: scene {number}");
        }
    }
}

/// A result as people are used to see it: numbers stand at the right.
fn drawn(names: &[String], rows: &Rows) -> String {
    let lines: Vec<&Vec<String>> = rows.iter().take(SHOWN).collect();
    let widths: Vec<usize> =
        (0..names.len()).map(|column| lines.iter().map(|row| row[column].len()).chain([names[column].len()]).max().unwrap()).collect();
    let is_amount = |cell: &String| cell.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_number = |column: usize| lines.iter().all(|row| is_amount(&row[column]));
    let draw = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| match is_number(column) {
            true => format!("{cell:>width$}", width = widths[column]),
            false => format!("{cell:<width$}", width = widths[column]),
        });
        padded.collect::<Vec<_>>().join(" | ").trim_end().to_owned() + "\n"
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("-+-") + "\n";
    let more = if rows.len() > SHOWN { "…\n" } else { "" };
    let count = if rows.len() == 1 { "(1 row)\n".to_owned() } else { format!("({} rows)\n", rows.len()) };
    draw(names) + &rule + &lines.iter().map(|row| draw(row)).collect::<String>() + more + &count
}

/// `USANCE_UPDATE_GOLDEN=1` writes them anew, where a query or the tables have changed.
#[test]
fn its_results_are_those_of_the_golden_world() {
    let (text, scene) = (document(), Scene::golden());
    let mut shown = text.clone();
    for (_, section) in sections(&text, "## Ten queries") {
        let (names, rows) = run(scene.tables.server(), block(section, "sql"));
        shown = shown.replacen(block(section, "text"), &drawn(&names, &rows), 1);
    }
    if std::env::var_os("USANCE_UPDATE_GOLDEN").is_some() {
        return std::fs::write(path(), &shown).unwrap();
    }
    let differs = text.lines().zip(shown.lines()).find(|(line, now)| line != now);
    assert_eq!(differs, None, "what the document shows, and what its query gives");
    assert_eq!(text, shown);
}
