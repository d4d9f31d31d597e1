//! The values in the rows of the read tables, apart from how a home writes them down.
//!
//! Owns what a column may hold ([`Kind`]), one value ([`Cell`]), a row of an answer ([`Line`]), and the canonical bytes by
//! which tables in two homes are compared: SQLite keeps amounts as text and PostgreSQL as numbers, and both are the same
//! cell here. It refuses to read a cell as something it is not.

use std::borrow::Cow;

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;
use usance_core::money::{Amount, Rate};

use crate::error::StoreError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number of 64 bits.
    Number,
    /// A natural day of the platform.
    Day,
    /// An instant, to the millisecond.
    Instant,
    /// A whole number of base units; it may be negative.
    Units,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Null,
    Number(i64),
    Day(Day),
    Instant(Timestamp),
    Units(i128),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// What a home holds where something else should be: somebody changed it. For people and for comparing only.
    Strange(String),
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line(pub Vec<Cell<'static>>);

impl Line {
    /// The hash of its cells, as two numbers.
    pub fn hash(&self) -> (u128, u128) {
        let mut hasher = blake3::Hasher::new();
        self.0.iter().for_each(|cell| cell.hash_into(&mut hasher));
        let hash = hasher.finalize();
        let (low, high) = hash.as_bytes().split_at(16);
        let number = |half: &[u8]| half.try_into().map_or(0, u128::from_le_bytes);
        (number(low), number(high))
    }

    pub fn cell(&self, column: usize) -> &Cell<'static> {
        self.0.get(column).unwrap_or(&Cell::Null)
    }

    pub fn number(&self, column: usize) -> Result<i64, StoreError> {
        match self.cell(column) {
            Cell::Number(number) => Ok(*number),
            other => Err(unreadable(other)),
        }
    }

    /// A number that is never negative and fits what counts here.
    pub fn count<N: TryFrom<i64>>(&self, column: usize) -> Result<N, StoreError> {
        N::try_from(self.number(column)?).map_err(|_| unreadable(self.cell(column)))
    }

    pub fn place(&self, column: usize) -> Result<LogPosition, StoreError> {
        self.count(column).map(LogPosition::from_number)
    }

    pub fn day(&self, column: usize) -> Result<Day, StoreError> {
        match self.cell(column) {
            Cell::Day(day) => Ok(*day),
            other => Err(unreadable(other)),
        }
    }

    pub fn instant(&self, column: usize) -> Result<Timestamp, StoreError> {
        match self.cell(column) {
            Cell::Instant(at) => Ok(*at),
            other => Err(unreadable(other)),
        }
    }

    pub fn units(&self, column: usize) -> Result<i128, StoreError> {
        match self.cell(column) {
            Cell::Units(units) => Ok(*units),
            other => Err(unreadable(other)),
        }
    }

    pub fn amount(&self, column: usize) -> Result<Amount, StoreError> {
        u128::try_from(self.units(column)?).map(Amount::from_units).map_err(|_| unreadable(self.cell(column)))
    }

    pub fn rate(&self, column: usize) -> Result<Rate, StoreError> {
        Rate::from_units(self.count(column)?).ok_or_else(|| unreadable(self.cell(column)))
    }

    /// What `read` makes of a column, unless it is empty.
    pub fn maybe<T>(&self, column: usize, read: impl FnOnce(&Self, usize) -> Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        if *self.cell(column) == Cell::Null { Ok(None) } else { read(self, column).map(Some) }
    }

    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.cell(column) {
            Cell::Text(text) => Ok(text),
            other => Err(unreadable(other)),
        }
    }

    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.cell(column) {
            Cell::Bytes(bytes) => Ok(bytes),
            other => Err(unreadable(other)),
        }
    }
}

/// A cell that does not hold what its column is for.
pub(super) fn unreadable(cell: &Cell<'_>) -> StoreError {
    StoreError::damaged("read tables", format!("a row has {cell:?} where something else belongs"))
}

impl Cell<'_> {
    /// Adds the value to a hash, the same whichever home it came from: its variant's number, then its bytes, little endian,
    /// behind their count where they vary.
    pub fn hash_into(&self, hasher: &mut blake3::Hasher) {
        let mut long = |variant: u8, bytes: &[u8]| {
            hasher.update(&[variant]);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        match self {
            Cell::Text(text) => long(5, text.as_bytes()),
            Cell::Bytes(bytes) => long(6, bytes),
            Cell::Strange(shown) => long(7, shown.as_bytes()),
            Cell::Null => drop(hasher.update(&[0])),
            Cell::Number(number) => drop(hasher.update(&[1]).update(&number.to_le_bytes())),
            Cell::Day(day) => drop(hasher.update(&[2]).update(&day.number().to_le_bytes())),
            Cell::Instant(at) => drop(hasher.update(&[3]).update(&at.ms().to_le_bytes())),
            Cell::Units(units) => drop(hasher.update(&[4]).update(&units.to_le_bytes())),
        }
    }
}

impl From<LogPosition> for Cell<'_> {
    fn from(place: LogPosition) -> Self {
        // A log of 2^47 batches is far away.
        Cell::Number(i64::try_from(place.number()).unwrap_or(i64::MAX))
    }
}

impl From<Amount> for Cell<'_> {
    fn from(amount: Amount) -> Self {
        // Amounts end far below: 10^28 is less than 2^94.
        Cell::Units(i128::try_from(amount.units()).unwrap_or(i128::MAX))
    }
}

impl From<Rate> for Cell<'_> {
    fn from(rate: Rate) -> Self {
        rate.units().into()
    }
}

impl From<u8> for Cell<'_> {
    fn from(number: u8) -> Self {
        Cell::Number(i64::from(number))
    }
}

impl From<u16> for Cell<'_> {
    fn from(number: u16) -> Self {
        Cell::Number(i64::from(number))
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Cell::Number(i64::from(number))
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Day> for Cell<'_> {
    fn from(day: Day) -> Self {
        Cell::Day(day)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(at: Timestamp) -> Self {
        Cell::Instant(at)
    }
}

impl From<i128> for Cell<'_> {
    fn from(units: i128) -> Self {
        Cell::Units(units)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Cell::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}
