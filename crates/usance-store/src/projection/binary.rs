//! Cells in PostgreSQL's binary form, to the unit and to the millisecond: BIGINT, DATE, TIMESTAMPTZ, NUMERIC, TEXT, BYTEA.
//!
//! Owns the bytes of these six types. It refuses a day or an instant that the database's calendar does not reach, rather
//! than let it become an infinity, and takes nothing it cannot give back exactly: a fraction of a base unit, a microsecond,
//! a column of another type is a [`Cell::Strange`].

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use usance_core::calendar::{Day, Timestamp};

use super::cell::{Cell, Kind};
use crate::error::StoreError;

type Boxed = Box<dyn std::error::Error + Sync + Send>;

/// The database counts from 2000-01-01: in days, and in milliseconds, since 1970.
const EPOCH_DAY: i64 = 10_957;
const EPOCH_MS: i64 = EPOCH_DAY * 86_400_000;
/// What a DATE holds, in days since 1970: 24 November 4714 BC to the end of the year 5874897.
const DAYS: std::ops::Range<i64> = -2_440_588..2_145_042_906;
/// What a TIMESTAMPTZ holds, in microseconds since 2000: 24 November 4714 BC to the end of the year 294276.
const INSTANTS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// A NUMERIC is digits of 10^4, the first of which counts 10^4 to the power of its weight.
const DIGIT: u128 = 10_000;
/// The most digits of an `i128`.
const DIGITS_MAX: usize = 10;
const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;

/// The beginning of a binary COPY: its signature, no flags, no extension.
pub(super) const COPY_BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Its end: a row of -1 fields.
pub(super) const COPY_END: &[u8] = &[0xff, 0xff];

/// Appends a row of a binary COPY.
pub(super) fn copy_row(row: &[Cell<'_>], out: &mut BytesMut) -> Result<(), StoreError> {
    out.put_i16(i16::try_from(row.len()).unwrap_or(i16::MAX));
    for cell in row {
        let start = out.len();
        out.put_i32(-1);
        if let IsNull::No = encode(cell, out)? {
            let length = i32::try_from(out.len() - start - 4).map_err(|_| beyond(cell))?;
            if let Some(field) = out.get_mut(start..start + 4) {
                field.copy_from_slice(&length.to_be_bytes());
            }
        }
    }
    Ok(())
}

/// Appends a cell's bytes; an empty one has none.
fn encode(cell: &Cell<'_>, out: &mut BytesMut) -> Result<IsNull, StoreError> {
    match cell {
        Cell::Null => return Ok(IsNull::Yes),
        Cell::Number(number) => out.put_i64(*number),
        Cell::Day(day) => out.put_i32(date(*day).ok_or_else(|| beyond(cell))?),
        Cell::Instant(at) => out.put_i64(instant(*at).ok_or_else(|| beyond(cell))?),
        Cell::Units(units) => numeric(*units, out),
        Cell::Text(text) => out.put_slice(text.as_bytes()),
        Cell::Bytes(bytes) => out.put_slice(bytes),
        Cell::Strange(_) => return Err(beyond(cell)),
    }
    Ok(IsNull::No)
}

/// Refuses a value that the database cannot hold.
pub(super) fn check(cell: &Cell<'_>) -> Result<(), StoreError> {
    let fits = match cell {
        Cell::Day(day) => date(*day).is_some(),
        Cell::Instant(at) => instant(*at).is_some(),
        Cell::Strange(_) => false,
        _ => true,
    };
    if fits { Ok(()) } else { Err(beyond(cell)) }
}

fn beyond(cell: &Cell<'_>) -> StoreError {
    StoreError::damaged(
        "log record",
        match cell {
            Cell::Day(day) => format!("{day} is outside of the database's calendar"),
            Cell::Instant(at) => format!("{at} is outside of the database's calendar"),
            _ => format!("the database has no value for {cell:?}"),
        },
    )
}

fn date(day: Day) -> Option<i32> {
    let day = i64::from(day.number());
    if DAYS.contains(&day) { i32::try_from(day - EPOCH_DAY).ok() } else { None }
}

fn instant(at: Timestamp) -> Option<i64> {
    let us = at.ms().checked_sub(EPOCH_MS)?.checked_mul(1000)?;
    INSTANTS.contains(&us).then_some(us)
}

/// Four numbers of 16 bits (how many digits, weight, sign, decimals shown), then the digits, the largest first.
fn numeric(units: i128, out: &mut BytesMut) {
    let mut digits = [0_i16; DIGITS_MAX];
    let (mut count, mut rest) = (0_usize, units.unsigned_abs());
    while rest > 0 {
        // Most amounts fit 64 bits, which divide a lot faster.
        let (quotient, digit) = match u64::try_from(rest) {
            Ok(small) => (u128::from(small / DIGIT as u64), (small % DIGIT as u64) as u128),
            Err(_) => (rest / DIGIT, rest % DIGIT),
        };
        if let (Some(free), Ok(digit)) = (digits.get_mut(count), i16::try_from(digit)) {
            *free = digit;
        }
        (count, rest) = (count + 1, quotient);
    }
    let count_16 = i16::try_from(count).unwrap_or(i16::MAX);
    out.put_i16(count_16);
    out.put_i16((count_16 - 1).max(0));
    out.put_u16(if units < 0 { NEGATIVE } else { POSITIVE });
    out.put_i16(0);
    digits.iter().take(count).rev().for_each(|digit| out.put_i16(*digit));
}

/// The whole number in a NUMERIC, `None` when it is none.
fn whole(raw: &[u8]) -> Option<i128> {
    let mut parts = raw.chunks_exact(2).map(|pair| <[u8; 2]>::try_from(pair).map_or(0, u16::from_be_bytes));
    let (count, weight, sign, _decimals) = (parts.next()?, parts.next()?.cast_signed(), parts.next()?, parts.next()?);
    if usize::from(count) != parts.len() || !matches!(sign, POSITIVE | NEGATIVE) {
        return None;
    }
    let mut units = 0_i128;
    let mut power = i32::from(weight);
    for digit in parts {
        let digit = i128::from(digit);
        match u32::try_from(power) {
            Ok(power) => {
                let part = digit.checked_mul(DIGIT.cast_signed().checked_pow(power)?)?;
                units = if sign == NEGATIVE { units.checked_sub(part)? } else { units.checked_add(part)? };
            }
            Err(_) if digit == 0 => {}
            Err(_) => return None,
        }
        power -= 1;
    }
    Some(units)
}

impl ToSql for Cell<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        let own = match self {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Number(_) => Type::INT8,
            Cell::Day(_) => Type::DATE,
            Cell::Instant(_) => Type::TIMESTAMPTZ,
            Cell::Units(_) => Type::NUMERIC,
            Cell::Text(_) | Cell::Strange(_) => Type::TEXT,
            Cell::Bytes(_) => Type::BYTEA,
        };
        if own != *ty {
            return Err(format!("a column is {ty} and not {own}").into());
        }
        Ok(encode(self, out)?)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::DATE, Type::TIMESTAMPTZ, Type::NUMERIC, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

/// A value as it came.
pub(super) struct Raw<'a> {
    ty: Type,
    bytes: Option<&'a [u8]>,
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(Raw { ty: ty.clone(), bytes: Some(raw) })
    }

    fn from_sql_null(ty: &Type) -> Result<Self, Boxed> {
        Ok(Raw { ty: ty.clone(), bytes: None })
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }
}

impl Raw<'_> {
    /// The cell it is in a column of a kind.
    pub fn cell(&self, kind: Kind) -> Cell<'static> {
        let Some(bytes) = self.bytes else { return Cell::Null };
        let read = match (kind, &self.ty) {
            (Kind::Number, ty) if *ty == Type::INT8 => eight(bytes).map(Cell::Number),
            (Kind::Day, ty) if *ty == Type::DATE => day(bytes).map(Cell::Day),
            (Kind::Instant, ty) if *ty == Type::TIMESTAMPTZ => millisecond(bytes).map(Cell::Instant),
            (Kind::Units, ty) if *ty == Type::NUMERIC => whole(bytes).map(Cell::Units),
            (Kind::Text, ty) if *ty == Type::TEXT => std::str::from_utf8(bytes).ok().map(|text| Cell::Text(text.to_owned().into())),
            (Kind::Bytes, ty) if *ty == Type::BYTEA => Some(Cell::Bytes(bytes.to_vec().into())),
            _ => None,
        };
        read.unwrap_or_else(|| Cell::Strange(format!("{}: {bytes:?}", self.ty)))
    }
}

fn eight(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

fn day(bytes: &[u8]) -> Option<Day> {
    let number = i64::from(i32::from_be_bytes(bytes.try_into().ok()?)) + EPOCH_DAY;
    DAYS.contains(&number).then(|| i32::try_from(number).ok().map(Day::from_number)).flatten()
}

fn millisecond(bytes: &[u8]) -> Option<Timestamp> {
    let us = eight(bytes).filter(|us| INSTANTS.contains(us))?;
    (us.rem_euclid(1000) == 0).then(|| Timestamp::from_ms(us.div_euclid(1000).saturating_add(EPOCH_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through the bytes and back.
    fn again(cell: &Cell<'_>) -> Cell<'static> {
        let (kind, ty) = match cell {
            Cell::Day(_) => (Kind::Day, Type::DATE),
            Cell::Instant(_) => (Kind::Instant, Type::TIMESTAMPTZ),
            _ => (Kind::Units, Type::NUMERIC),
        };
        let mut bytes = BytesMut::new();
        assert!(matches!(encode(cell, &mut bytes), Ok(IsNull::No)), "{cell:?}");
        Raw { ty, bytes: Some(&bytes) }.cell(kind)
    }

    fn is_refused(cell: &Cell<'_>) -> bool {
        encode(cell, &mut BytesMut::new()).is_err() && check(cell).is_err()
    }

    #[test]
    fn days_and_instants_come_back_or_are_refused() {
        let days = [-2_440_588, -719_528, -1, 0, 1, 10_956, 10_957, 20_454, 2_932_896, 2_145_042_905];
        for day in days.map(|number| Cell::Day(Day::from_number(number))) {
            assert_eq!(again(&day), day);
        }
        // One of these would be the database's -infinity.
        for number in [i32::MIN, i32::MIN + 10_957, -2_440_589, 2_145_042_906, i32::MAX] {
            assert!(is_refused(&Cell::Day(Day::from_number(number))), "{number}");
        }
        for ms in [-210_866_803_200_000, -1, 0, 1, 946_684_800_000, 1_767_225_600_001, 253_402_300_799_999, 9_224_318_015_999_999] {
            let at = Cell::Instant(Timestamp::from_ms(ms));
            assert_eq!(again(&at), at);
        }
        for ms in [i64::MIN, -210_866_803_200_001, 9_224_318_016_000_000, i64::MAX] {
            assert!(is_refused(&Cell::Instant(Timestamp::from_ms(ms))), "{ms}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_strange() {
        let raw = |parts: &[i16]| parts.iter().flat_map(|part| part.to_be_bytes()).collect::<Vec<u8>>();
        let rows: [(&[i16], Option<i128>); 11] = [
            (&[0, 0, 0, 0], Some(0)),
            (&[1, 0, 0, 0, 7], Some(7)),
            (&[1, 2, 0, 0, 7], Some(700_000_000)),
            (&[2, 0, 0, 3, 7, 0], Some(7)),
            (&[2, 0, 0, 3, 7, 5000], None),
            (&[1, -1, 0, 4, 1], None),
            (&[1, 0, -0x4000, 0, 1], None),
            (&[1, 10, 0, 0, 1], None),
            (&[2, 0, 0, 0, 7], None),
            (&[1, 0, 0x4000, 0, 7], Some(-7)),
            (&[0, 0], None),
        ];
        for (parts, expected) in rows {
            assert_eq!(whole(&raw(parts)), expected, "{parts:?}");
        }
        let strange = Raw { ty: Type::INT4, bytes: Some(&[0; 4]) }.cell(Kind::Number);
        assert_eq!(strange, Cell::Strange("int4: [0, 0, 0, 0]".to_owned()));
    }

    /// Whatever a server sends in a column of any type: it is a value that goes back as the same bytes mean, or strange.
    #[test]
    fn any_bytes_are_a_value_or_strange() {
        let types = [Type::INT8, Type::DATE, Type::TIMESTAMPTZ, Type::NUMERIC, Type::TEXT, Type::BYTEA, Type::INT4];
        let kinds = [Kind::Number, Kind::Day, Kind::Instant, Kind::Units, Kind::Text, Kind::Bytes];
        let edges: [&[u8]; 6] =
            [&[0, 1, 0, 0, 0, 0, 0, 0, 0, 7], &[0, 10, 0, 9, 0x40, 0], &[0x7f; 8], &[0x80, 0, 0, 0], &[0xff; 22], b"text"];
        let (mut number, mut strange) = (0x5eed_u64, 0);
        let mut roll = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            number >> 33
        };
        for _ in 0..40_000 {
            let mut bytes = edges[roll() as usize % edges.len()].to_vec();
            for _ in 0..roll() % 6 {
                let at = roll() as usize % (bytes.len() + 1);
                match roll() % 3 {
                    0 => bytes.insert(at, roll() as u8),
                    1 => bytes.truncate(at),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = roll() as u8),
                }
            }
            let ty = types[roll() as usize % types.len()].clone();
            for kind in kinds {
                let cell = Raw { ty: ty.clone(), bytes: Some(&bytes) }.cell(kind);
                if matches!(cell, Cell::Strange(_)) {
                    assert!(check(&cell).is_err() && encode(&cell, &mut BytesMut::new()).is_err());
                    strange += 1;
                    continue;
                }
                let mut written = BytesMut::new();
                assert!(matches!(encode(&cell, &mut written), Ok(IsNull::No)), "{cell:?}");
                assert_eq!(Raw { ty: ty.clone(), bytes: Some(&written) }.cell(kind), cell, "{bytes:?}");
            }
        }
        assert!((40_000..239_000).contains(&strange), "{strange}");
    }

    proptest::proptest! {
        #[test]
        fn whole_numbers_come_back(units: i128, shift in 0_u32..128) {
            for units in [units >> shift, 0, 1, -1, i128::MAX, i128::MIN] {
                proptest::prop_assert_eq!(again(&Cell::Units(units)), Cell::Units(units));
            }
        }
    }
}
