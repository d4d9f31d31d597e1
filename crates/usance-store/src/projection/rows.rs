//! What one step adds to the read tables, row by row, and where that begins and ends.
//!
//! Owns the order of each table's cells. Which rows an event makes is [`super::step`]'s.

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, LogPosition, ProductIx, RateVersionIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::day::ProductDay;
use usance_core::machine::news::Staking;
use usance_core::machine::post::Fixed;
use usance_core::product::rates::Band;

use super::cell::Cell;
use super::history::HistoryKind;
use super::progress::Progress;
use super::tables::{ASSETS, BOOKS, CLOSES, CUSTOMERS, DAYS, HISTORY, PRODUCTS, RATES, STAKED, Table};

/// What one step adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub shard: u16,
    /// Where the tables have to stand.
    pub before: Progress,
    /// Where they stand with these rows.
    pub after: Progress,
    pub assets: Vec<AssetRow>,
    pub customers: Vec<CustomerRow>,
    pub products: Vec<ProductRow>,
    pub rates: Vec<RateRow>,
    pub closes: Vec<CloseRow>,
    pub days: Vec<DayRow>,
    pub books: Vec<BookRow>,
    pub staked: Vec<StakedRow>,
    pub history: Vec<HistoryLine>,
}

/// Rows on their way into a home, each as cells in the order of the table's columns.
pub(super) type Cells<'a> = Box<dyn Iterator<Item = Vec<Cell<'a>>> + 'a>;

impl Rows {
    /// No rows, at a place.
    pub const fn none(shard: u16, at: Progress) -> Self {
        Rows {
            shard,
            before: at,
            after: at,
            assets: Vec::new(),
            customers: Vec::new(),
            products: Vec::new(),
            rates: Vec::new(),
            closes: Vec::new(),
            days: Vec::new(),
            books: Vec::new(),
            staked: Vec::new(),
            history: Vec::new(),
        }
    }

    /// The statement that moves the progress from where these rows begin to where they end, and its values. It changes no
    /// row when the tables stand elsewhere.
    pub fn moving(&self) -> (&'static str, Vec<Cell<'_>>) {
        let (before, after) = (&self.before, &self.after);
        let mut values =
            vec![self.shard.into(), after.reached().into(), after.hash.as_slice().into(), after.at.into(), after.open_day.into()];
        if before.seq == 0 {
            return (
                "INSERT INTO progress(shard, log_position, hash, at, open_day) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                values,
            );
        }
        values.extend([before.reached().into(), before.hash.as_slice().into()]);
        let sql = "UPDATE progress SET log_position = ?2, hash = ?3, at = ?4, open_day = ?5
                   WHERE shard = ?1 AND log_position = ?6 AND hash = ?7";
        (sql, values)
    }

    /// The tables that get rows, how, and the rows; all but the progress.
    pub fn tables(&self) -> Vec<(&'static Table, Adding, Cells<'_>)> {
        // The day that was open before has rows of balances already.
        let (books_again, books) = self.books.split_at(self.books.partition_point(|row| row.day <= self.before.open_day));
        let (staked_again, staked) = self.staked.split_at(self.staked.partition_point(|row| row.day <= self.before.open_day));
        let mut tables = Vec::new();
        self.add(&mut tables, Adding::New, &self.assets);
        self.add(&mut tables, Adding::New, &self.customers);
        self.add(&mut tables, Adding::New, &self.products);
        self.add(&mut tables, Adding::New, &self.rates);
        self.add(&mut tables, Adding::New, &self.closes);
        self.add(&mut tables, Adding::New, &self.days);
        self.add(&mut tables, Adding::Again, books_again);
        self.add(&mut tables, Adding::New, books);
        self.add(&mut tables, Adding::Again, staked_again);
        self.add(&mut tables, Adding::New, staked);
        self.add(&mut tables, Adding::New, &self.history);
        tables
    }

    fn add<'a, R: Row>(&self, tables: &mut Vec<(&'static Table, Adding, Cells<'a>)>, adding: Adding, rows: &'a [R]) {
        let shard = self.shard;
        if !rows.is_empty() {
            tables.push((R::TABLE, adding, Box::new(rows.iter().map(move |row| row.cells(shard)))));
        }
    }
}

/// How rows get into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adding {
    /// There are none of their keys.
    New,
    /// Each takes the place of the one with its key, if there is one.
    Again,
}

/// A row of one table.
trait Row {
    const TABLE: &'static Table;
    /// Its values, in the order of the table's columns.
    fn cells(&self, shard: u16) -> Vec<Cell<'_>>;
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AssetRow {
    pub number: AssetIx,
    pub symbol: String,
    pub decimals: u8,
}

impl Row for AssetRow {
    const TABLE: &'static Table = &ASSETS;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![shard.into(), self.number.0.into(), self.symbol.as_str().into(), self.decimals.into()]
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CustomerRow {
    pub number: u64,
    pub id: String,
    pub at: Timestamp,
    pub day: Day,
}

impl Row for CustomerRow {
    const TABLE: &'static Table = &CUSTOMERS;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![shard.into(), self.number.into(), self.id.as_str().into(), self.at.into(), self.day.into()]
    }
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProductRow {
    pub number: ProductIx,
    pub id: String,
    /// What never changes of it.
    pub fixed: Fixed,
}

impl Row for ProductRow {
    const TABLE: &'static Table = &PRODUCTS;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![
            shard.into(),
            self.number.0.into(),
            self.id.as_str().into(),
            self.fixed.asset.0.into(),
            self.fixed.kind.name().word().into(),
            self.fixed.kind.term_days().into(),
            self.fixed.rewards_from.name().into(),
        ]
    }
}

/// One tier of one version of a product's rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RateRow {
    pub version: RateVersionIx,
    /// Counted from 1.
    pub tier: u64,
    pub product: ProductIx,
    pub from: Day,
    /// Where it was announced; `None` for what the product was created with.
    pub place: Option<LogPosition>,
    pub band: Band,
}

impl Row for RateRow {
    const TABLE: &'static Table = &RATES;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![
            shard.into(),
            self.version.0.into(),
            self.tier.into(),
            self.product.0.into(),
            self.from.into(),
            self.place.into(),
            self.band.up_to.into(),
            self.band.rate.into(),
        ]
    }
}

/// A closed day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseRow {
    pub day: Day,
    pub place: LogPosition,
}

impl Row for CloseRow {
    const TABLE: &'static Table = &CLOSES;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![shard.into(), self.day.into(), self.place.into()]
    }
}

/// What a close did to one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DayRow {
    pub day: Day,
    pub line: ProductDay,
}

impl Row for DayRow {
    const TABLE: &'static Table = &DAYS;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        let line = &self.line;
        vec![
            shard.into(),
            self.day.into(),
            line.product.0.into(),
            line.version.0.into(),
            line.settled.into(),
            line.earning_positions.into(),
            line.rewards.into(),
            line.distributed.into(),
            line.matured.into(),
            line.returned_spot.into(),
            line.returned_funding.into(),
            line.renewed.into(),
            line.renewed_principal.into(),
        ]
    }
}

/// The balance of an account of the ledger on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BookRow {
    pub day: Day,
    pub asset: AssetIx,
    pub account: LedgerAccount,
    pub balance: i128,
}

impl Row for BookRow {
    const TABLE: &'static Table = &BOOKS;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![shard.into(), self.day.into(), self.asset.0.into(), self.account.name().into(), self.balance.into()]
    }
}

/// The principal in a product on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StakedRow {
    pub day: Day,
    pub product: ProductIx,
    pub principal: i128,
}

impl Row for StakedRow {
    const TABLE: &'static Table = &STAKED;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        vec![shard.into(), self.day.into(), self.product.0.into(), self.principal.into()]
    }
}

/// What a customer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HistoryLine {
    pub place: LogPosition,
    pub at: Timestamp,
    pub day: Day,
    pub customer: CustomerIx,
    pub asset: AssetIx,
    pub kind: HistoryKind,
    /// What it did to Spot, Funding and what is staked.
    pub change: BalanceDelta,
    /// The wallet's name for it.
    pub reference: Option<String>,
    pub staking: Option<Staking>,
    /// The event, as the codec writes it.
    pub event: Vec<u8>,
}

/// What an event did to what one customer has of one asset, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BalanceDelta {
    pub spot: i128,
    pub funding: i128,
    pub principal: i128,
}

impl Row for HistoryLine {
    const TABLE: &'static Table = &HISTORY;
    fn cells(&self, shard: u16) -> Vec<Cell<'_>> {
        let (staking, early) = (self.staking, self.staking.and_then(|staking| staking.early));
        vec![
            shard.into(),
            self.place.into(),
            self.asset.0.into(),
            self.at.into(),
            self.day.into(),
            self.customer.0.into(),
            self.kind.word().into(),
            self.change.spot.into(),
            self.change.funding.into(),
            self.change.principal.into(),
            self.reference.as_deref().into(),
            staking.map(|staking| staking.product.0).into(),
            staking.map(|staking| staking.position.0).into(),
            staking.and_then(|staking| staking.value_date).into(),
            staking.map(|staking| staking.stake.earning).into(),
            staking.map(|staking| staking.stake.pending).into(),
            staking.map(|staking| staking.stake.carry).into(),
            early.map(|early| early.clawed_back).into(),
            early.map(|early| early.forfeited).into(),
            early.map(|early| early.written_off).into(),
            self.event.as_slice().into(),
        ]
    }
}
