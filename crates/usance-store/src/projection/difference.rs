//! Which rows of read tables are not what the log gives: the table, the key, the column.
//!
//! Owns the comparison of stored tables with tables that were built again. Each side adds up the hashes of its rows in
//! buckets, by the hash of their key; then the rows of buckets that differ are looked at one by one. So it needs little
//! memory whatever the tables hold, and no order: homes do not agree on that of texts, and a changed key would break it.
//! It changes no row, and names only the first few.

use std::collections::BTreeMap;
use std::fmt;

use usance_core::id::LogPosition;

use super::cell::{Cell, Line};
use super::home::Question;
use super::reading::Reading;
use super::tables::{PROGRESS, TABLES, Table, in_table};
use crate::error::StoreError;

/// Buckets of one table.
const BUCKETS: usize = 4096;
/// Buckets whose rows are looked at one by one.
const LOOKED_AT: usize = 32;
/// Characters of a value that is not what its column is for.
const SHOWN: usize = 80;

/// What stored tables have otherwise than tables built again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first rows found.
    pub rows: Vec<RowDifference>,
    /// Whether there are more of them.
    pub more: bool,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.rows.iter().enumerate() {
            write!(f, "{}{row}", if index == 0 { "" } else { "; " })?;
        }
        if self.more { f.write_str("; and more") } else { Ok(()) }
    }
}

/// One row that is not what the log gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDifference {
    /// The table.
    pub table: &'static str,
    /// The key, as `column value` pairs.
    pub key: String,
    /// How it differs.
    pub how: How,
}

/// How a row differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The log gives it, and it is not there.
    Missing,
    /// It is there, and the log does not give it.
    Foreign,
    /// It is there more than once.
    Repeated,
    /// A column holds something else.
    Cell {
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
        /// What the log gives.
        given: String,
    },
}

impl fmt::Display for RowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.table, self.key)?;
        match &self.how {
            How::Missing => f.write_str("the row is missing"),
            How::Foreign => f.write_str("the log gives no such row"),
            How::Repeated => f.write_str("the row is there more than once"),
            How::Cell { column, found, given } => write!(f, "{column} is {found}, the log gives {given}"),
        }
    }
}

/// How many rows a bucket has, and the sum of their hashes.
type Sum = (u64, u128, u128);

impl Reading {
    /// Compares these tables row by row with tables built again, as these stand at one moment. `build` is told how far they
    /// are and gives tables that are as far; at most `most` rows are named.
    ///
    /// # Errors
    /// As the tables answer, and as `build` does.
    pub fn differences(
        &self,
        most: usize,
        build: &mut dyn FnMut(LogPosition) -> Result<Reading, StoreError>,
    ) -> Result<Differences, StoreError> {
        let mut differences = Differences::default();
        self.still(&mut || {
            let reached = self.reached()?;
            let built = build(reached)?;
            TABLES.into_iter().try_for_each(|table| compare(self, &built, table, most, &mut differences))?;
            // Rows of which nobody says how far they go: the row that would is the first that is wrong.
            if reached == LogPosition::START && !differences.rows.is_empty() {
                let key = format!("shard {}", self.shard());
                differences.rows.insert(0, RowDifference { table: PROGRESS.name, key, how: How::Missing });
            }
            Ok(())
        })?;
        Ok(differences)
    }

    fn rows_of(&self, table: &'static Table, show: &mut dyn FnMut(Line)) -> Result<(), StoreError> {
        let sql = format!("SELECT {} FROM {} WHERE shard = ?1", table.names(), table.name);
        let question = Question { sql: &sql, values: &[self.shard().into()], kinds: &table.kinds() };
        self.each(&question, show).map_err(|error| in_table(error, table))
    }

    fn buckets(&self, table: &'static Table) -> Result<Vec<Sum>, StoreError> {
        let mut sums: Vec<Sum> = vec![(0, 0, 0); BUCKETS];
        self.rows_of(table, &mut |line| {
            let (low, high) = line.hash();
            if let Some((count, sum_low, sum_high)) = sums.get_mut(bucket(table, &line)) {
                *count += 1;
                *sum_low = sum_low.wrapping_add(low);
                *sum_high = sum_high.wrapping_add(high);
            }
        })?;
        Ok(sums)
    }

    /// The rows of some buckets, by the bytes of their keys.
    fn chosen(&self, table: &'static Table, buckets: &[usize]) -> Result<BTreeMap<[u8; 32], Vec<Line>>, StoreError> {
        let mut rows: BTreeMap<_, Vec<Line>> = BTreeMap::new();
        self.rows_of(table, &mut |line| {
            if buckets.contains(&bucket(table, &line)) {
                rows.entry(key_hash(table, &line)).or_default().push(line);
            }
        })?;
        Ok(rows)
    }
}

fn compare(stored: &Reading, built: &Reading, table: &'static Table, most: usize, differences: &mut Differences) -> Result<(), StoreError> {
    let sums = (stored.buckets(table)?, built.buckets(table)?);
    let unlike: Vec<usize> = (0..BUCKETS).filter(|bucket| sums.0.get(*bucket) != sums.1.get(*bucket)).collect();
    if unlike.is_empty() {
        return Ok(());
    }
    differences.more |= unlike.len() > LOOKED_AT;
    let looked_at: Vec<usize> = unlike.into_iter().take(LOOKED_AT).collect();
    let (mut found, given) = (stored.chosen(table, &looked_at)?, built.chosen(table, &looked_at)?);
    let mut name = |line: &Line, how| {
        if differences.rows.len() < most {
            differences.rows.push(RowDifference { table: table.name, key: key_text(table, line), how });
        } else {
            differences.more = true;
        }
    };
    for (key, lines) in &given {
        let Some(line) = lines.first() else { continue };
        match found.remove(key).as_deref() {
            None | Some([]) => name(line, How::Missing),
            Some([own]) => cells(table, own, line).into_iter().for_each(|how| name(line, how)),
            Some(_) => name(line, How::Repeated),
        }
    }
    found.values().flatten().for_each(|line| name(line, How::Foreign));
    Ok(())
}

/// The columns that differ.
fn cells(table: &'static Table, found: &Line, given: &Line) -> Vec<How> {
    let unlike = table.columns.iter().enumerate().filter(|(index, _)| found.cell(*index) != given.cell(*index));
    unlike.map(|(index, (column, _))| How::Cell { column, found: shown(found.cell(index)), given: shown(given.cell(index)) }).collect()
}

fn key_hash(table: &Table, line: &Line) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    line.0.iter().take(table.key).for_each(|cell| cell.hash_into(&mut hasher));
    *hasher.finalize().as_bytes()
}

fn bucket(table: &Table, line: &Line) -> usize {
    let hash = key_hash(table, line);
    hash.first_chunk().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes))) % BUCKETS
}

/// The key without the shard, unless that is all of it.
fn key_text(table: &Table, line: &Line) -> String {
    let pairs = table.columns.iter().take(table.key).enumerate().skip(usize::from(table.key > 1));
    pairs.map(|(index, (column, _))| format!("{column} {}", shown(line.cell(index)))).collect::<Vec<_>>().join(", ")
}

fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "nothing".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Instant(at) => at.to_string(),
        Cell::Units(units) => units.to_string(),
        Cell::Text(text) => format!("{text:?}"),
        Cell::Bytes(bytes) => format!("{} bytes with the hash {:.16}", bytes.len(), blake3::hash(bytes).to_hex()),
        Cell::Strange(shown) => shown.chars().take(SHOWN).collect(),
    }
}
