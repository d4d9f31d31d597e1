//! How read tables stand: what a step has to know of them before it can add rows.
//!
//! Owns the small part of the tables that is read back (how far they are, how many of each thing there are, the terms of
//! products, the balances of the open day). It is asked anew for every step and never kept.

use std::collections::BTreeMap;

use usance_core::id::{AssetIx, ProductIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::post::{Catalogue, Fixed};
use usance_core::product::KindName;

use super::cell::{Cell, Kind, Line, unreadable};
use super::home::{Question, Tables};
use super::progress::Progress;
use crate::error::StoreError;

/// How tables stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TablesState {
    pub progress: Progress,
    /// How many assets there are, which is the number of the next.
    pub assets: u32,
    /// How many customers there are.
    pub customers: u64,
    /// How many versions of rates there are.
    pub rates: u32,
    /// What is fixed of each product.
    pub products: Vec<Fixed>,
    /// The balance of every account of the ledger.
    pub books: Carried<(AssetIx, LedgerAccount)>,
    /// The principal in every product.
    pub staked: Carried<ProductIx>,
}

impl Catalogue for TablesState {
    fn terms_of(&self, product: ProductIx) -> Option<Fixed> {
        self.products.get(product.index()).copied()
    }
}

impl TablesState {
    /// How the tables stand at one moment.
    pub fn of(tables: &dyn Tables, shard: u16) -> Result<TablesState, StoreError> {
        let mut standing = None;
        tables.still(&mut || {
            standing = Some(TablesState::ask(tables, shard)?);
            Ok(())
        })?;
        standing.ok_or_else(|| StoreError::Unknown("the tables were not looked at".to_owned()))
    }

    fn ask(tables: &dyn Tables, shard: u16) -> Result<TablesState, StoreError> {
        let values = [Cell::from(shard)];
        let ask = |sql, kinds: &[Kind]| tables.ask(&Question { sql, values: &values, kinds });
        let found = ask(
            "SELECT log_position, hash, at, open_day,
                    (SELECT coalesce(max(number) + 1, 0) FROM assets WHERE shard = ?1),
                    (SELECT coalesce(max(number) + 1, 0) FROM customers WHERE shard = ?1),
                    (SELECT coalesce(max(version) + 1, 0) FROM rates WHERE shard = ?1)
             FROM progress WHERE shard = ?1",
            &[Kind::Number, Kind::Bytes, Kind::Instant, Kind::Day, Kind::Number, Kind::Number, Kind::Number],
        )?;
        let Some(line) = found.first() else { return Ok(TablesState::START) };
        let hash = line.bytes(1)?.try_into().map_err(|_| unreadable(line.cell(1)))?;
        let products = ask(
            "SELECT asset, kind, term_days, rewards_from FROM products WHERE shard = ?1 ORDER BY number",
            &[Kind::Number, Kind::Text, Kind::Number, Kind::Text],
        )?;
        let books = ask(
            "SELECT books.asset, books.account, books.balance FROM progress
             JOIN books ON books.shard = progress.shard AND books.day = progress.open_day WHERE progress.shard = ?1",
            &[Kind::Number, Kind::Text, Kind::Units],
        )?;
        let staked = ask(
            "SELECT staked.product, staked.principal FROM progress
             JOIN staked ON staked.shard = progress.shard AND staked.day = progress.open_day WHERE progress.shard = ?1",
            &[Kind::Number, Kind::Units],
        )?;
        Ok(TablesState {
            progress: Progress { seq: line.place(0)?.seq(), hash, at: line.instant(2)?, open_day: line.day(3)? },
            assets: line.count(4)?,
            customers: line.count(5)?,
            rates: line.count(6)?,
            products: products.iter().map(product).collect::<Result<_, _>>()?,
            books: Carried::kept(books.iter().map(|line| Ok(((AssetIx(line.count(0)?), account(line, 1)?), line.units(2)?))))?,
            staked: Carried::kept(staked.iter().map(|line| Ok((ProductIx(line.count(0)?), line.units(1)?))))?,
        })
    }

    const START: TablesState = TablesState {
        progress: Progress::START,
        assets: 0,
        customers: 0,
        rates: 0,
        products: Vec::new(),
        books: Carried::NONE,
        staked: Carried::NONE,
    };
}

fn product(line: &Line) -> Result<Fixed, StoreError> {
    let (name, term_days) = (KindName::of(line.text(1)?), line.maybe(2, Line::count)?);
    let kind = name.and_then(|name| name.with_term(term_days).ok()).ok_or_else(|| unreadable(line.cell(1)))?;
    Ok(Fixed { asset: AssetIx(line.count(0)?), kind, rewards_from: account(line, 3)? })
}

fn account(line: &Line, place: usize) -> Result<LedgerAccount, StoreError> {
    let name = line.text(place)?;
    LedgerAccount::ALL.into_iter().find(|account| account.name() == name).ok_or_else(|| unreadable(line.cell(place)))
}

/// Sums that have a row for every day: the open day's rows follow them, and stay behind when the day closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried<K> {
    /// As they are.
    now: BTreeMap<K, i128>,
    /// As the open day's rows have them.
    kept: BTreeMap<K, i128>,
}

impl<K: Ord + Copy> Carried<K> {
    const NONE: Self = Carried { now: BTreeMap::new(), kept: BTreeMap::new() };

    /// As the tables have them.
    fn kept(rows: impl Iterator<Item = Result<(K, i128), StoreError>>) -> Result<Self, StoreError> {
        let kept: BTreeMap<K, i128> = rows.collect::<Result<_, _>>()?;
        Ok(Carried { now: kept.clone(), kept })
    }

    /// Begins a sum, at nothing.
    pub fn begin(&mut self, key: K) {
        self.now.insert(key, 0);
    }

    /// Begins a sum at nothing, unless it has begun.
    pub fn begin_if_new(&mut self, key: K) {
        self.now.entry(key).or_insert(0);
    }

    /// Adds to a sum; false when it was never begun.
    pub fn add(&mut self, key: K, change: i128) -> bool {
        let found = self.now.get_mut(&key);
        found.map(|sum| *sum = sum.saturating_add(change)).is_some()
    }

    /// The sums whose rows do not have them yet; from now on they do.
    pub fn take_changed(&mut self) -> Vec<(K, i128)> {
        let changed: Vec<_> = self.now.iter().filter(|(key, sum)| self.kept.get(key) != Some(sum)).map(|(key, sum)| (*key, *sum)).collect();
        self.kept.extend(changed.iter().copied());
        changed
    }

    /// Another day begins: it has no rows yet.
    pub fn next_day(&mut self) {
        self.kept.clear();
    }
}
