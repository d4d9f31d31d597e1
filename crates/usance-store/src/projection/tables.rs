//! What the read tables are: their names, their columns and what each column holds.
//!
//! Owns the one list that homes, steps, fingerprints and the test of the documents go by. Which types a home has for the
//! columns is the home's; what a column means stands in `docs/read-tables.md`.

use super::cell::Kind;
use crate::error::StoreError;

/// A table and its columns. The first column is the shard, and the first `key` columns are the primary key.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    pub key: usize,
}

/// A column's name and what it holds. `docs/read-tables.md` says what it means.
pub(super) type Column = (&'static str, Kind);

/// Every table.
pub(super) const TABLES: [&Table; 10] = [&PROGRESS, &ASSETS, &CUSTOMERS, &PRODUCTS, &RATES, &CLOSES, &DAYS, &BOOKS, &STAKED, &HISTORY];

pub(super) const PROGRESS: Table = Table {
    name: "progress",
    columns: &[
        ("shard", Kind::Number),
        ("log_position", Kind::Number),
        ("hash", Kind::Bytes),
        ("at", Kind::Instant),
        ("open_day", Kind::Day),
    ],
    key: 1,
};
pub(super) const ASSETS: Table = Table {
    name: "assets",
    columns: &[("shard", Kind::Number), ("number", Kind::Number), ("symbol", Kind::Text), ("decimals", Kind::Number)],
    key: 2,
};
pub(super) const CUSTOMERS: Table = Table {
    name: "customers",
    columns: &[("shard", Kind::Number), ("number", Kind::Number), ("id", Kind::Text), ("at", Kind::Instant), ("day", Kind::Day)],
    key: 2,
};
pub(super) const PRODUCTS: Table = Table {
    name: "products",
    columns: &[
        ("shard", Kind::Number),
        ("number", Kind::Number),
        ("id", Kind::Text),
        ("asset", Kind::Number),
        ("kind", Kind::Text),
        ("term_days", Kind::Number),
        ("rewards_from", Kind::Text),
    ],
    key: 2,
};
pub(super) const RATES: Table = Table {
    name: "rates",
    columns: &[
        ("shard", Kind::Number),
        ("version", Kind::Number),
        ("tier", Kind::Number),
        ("product", Kind::Number),
        ("from_day", Kind::Day),
        ("log_position", Kind::Number),
        ("up_to", Kind::Units),
        ("rate", Kind::Number),
    ],
    key: 3,
};
pub(super) const CLOSES: Table =
    Table { name: "closes", columns: &[("shard", Kind::Number), ("day", Kind::Day), ("log_position", Kind::Number)], key: 2 };
pub(super) const DAYS: Table = Table {
    name: "days",
    columns: &[
        ("shard", Kind::Number),
        ("day", Kind::Day),
        ("product", Kind::Number),
        ("version", Kind::Number),
        ("settled", Kind::Number),
        ("earning_positions", Kind::Number),
        ("rewards", Kind::Units),
        ("distributed", Kind::Units),
        ("matured", Kind::Number),
        ("returned_spot", Kind::Units),
        ("returned_funding", Kind::Units),
        ("renewed", Kind::Number),
        ("renewed_principal", Kind::Units),
    ],
    key: 3,
};
pub(super) const BOOKS: Table = Table {
    name: "books",
    columns: &[("shard", Kind::Number), ("day", Kind::Day), ("asset", Kind::Number), ("account", Kind::Text), ("balance", Kind::Units)],
    key: 4,
};
pub(super) const STAKED: Table = Table {
    name: "staked",
    columns: &[("shard", Kind::Number), ("day", Kind::Day), ("product", Kind::Number), ("principal", Kind::Units)],
    key: 3,
};
pub(super) const HISTORY: Table = Table {
    name: "history",
    columns: &[
        ("shard", Kind::Number),
        ("log_position", Kind::Number),
        ("asset", Kind::Number),
        ("at", Kind::Instant),
        ("day", Kind::Day),
        ("customer", Kind::Number),
        ("kind", Kind::Text),
        ("spot", Kind::Units),
        ("funding", Kind::Units),
        ("principal", Kind::Units),
        ("reference", Kind::Text),
        ("product", Kind::Number),
        ("position", Kind::Number),
        ("value_date", Kind::Day),
        ("earning", Kind::Units),
        ("pending", Kind::Units),
        ("carry", Kind::Number),
        ("clawed_back", Kind::Units),
        ("forfeited", Kind::Units),
        ("written_off", Kind::Units),
        ("event", Kind::Bytes),
    ],
    key: 3,
};

impl Table {
    /// The names of its columns, as SQL lists them.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// What its columns hold.
    pub fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|(_, kind)| *kind).collect()
    }

    /// The names of its key's columns, as SQL lists them.
    pub fn key_names(&self) -> String {
        self.columns.iter().take(self.key).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The statement that adds a row, its values as `?1`, `?2`, and so on.
    pub fn insert(&self) -> String {
        let marks = (1..=self.columns.len()).map(|value| format!("?{value}")).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {}({}) VALUES({marks})", self.name, self.names())
    }

    /// The statement that adds a row in place of the one with its key, if there is one.
    pub fn replace(&self) -> String {
        let others = self.columns.iter().skip(self.key).map(|(name, _)| format!("{name} = excluded.{name}"));
        let others = others.collect::<Vec<_>>().join(", ");
        format!("{} ON CONFLICT({}) DO UPDATE SET {others}", self.insert(), self.key_names())
    }
}

/// An error of a table, which then names it.
pub(super) fn in_table(error: StoreError, table: &Table) -> StoreError {
    match error {
        StoreError::Damaged { what, at } => StoreError::Damaged { what, at: format!("{at}, table {}", table.name) },
        other => other,
    }
}
