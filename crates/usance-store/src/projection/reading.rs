//! The questions the service asks of the read tables, in whichever home they lie. Every answer is cut at a log position,
//! so that it fits the state it is shown with.

use std::path::Path;

use tokio_postgres::error::SqlState;
use usance_core::calendar::Day;
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId, ProductIx, RateVersionIx};
use usance_core::machine::day::ProductDay;
use usance_core::reward::accrue::Stake;

use super::cell::{Cell, Kind, Line, unreadable};
use super::history::{ClosedOn, HistoryKind, HistoryRow, StakeRow};
use super::home::{Question, Tables};
use super::postgres::PostgresTables;
use super::sqlite::SqliteTables;
use super::tables::{DAYS, PROGRESS, TABLES, Table, in_table};
use crate::codec;
use crate::error::StoreError;
use crate::postgres::Postgres;

/// Rows that are looked at together when a question has to choose among them.
const PAGE: usize = 1024;

/// A stretch of the log: after `after`, up to and with `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Exclusive.
    pub after: LogPosition,
    /// Inclusive.
    pub through: LogPosition,
}

/// What a customer did of one kind with one asset in a stretch of the log.
#[derive(Clone, Copy, Debug)]
pub struct Deeds {
    /// Who.
    pub customer: CustomerIx,
    /// With what.
    pub asset: AssetIx,
    /// What.
    pub kind: HistoryKind,
    /// Where.
    pub span: Span,
}

/// One reading connection.
pub struct Reading {
    tables: Box<dyn Tables>,
    shard: u16,
}

impl Reading {
    /// Opens the tables in an SQLite file to read.
    ///
    /// # Errors
    /// As the file answers.
    pub fn open(path: &Path, shard: u16) -> Result<Self, StoreError> {
        Ok(Reading { tables: Box::new(SqliteTables::open_to_read(path)?), shard })
    }

    /// Opens the tables on a server to read.
    ///
    /// # Errors
    /// As the server answers.
    pub fn open_postgres(postgres: &Postgres, shard: u16) -> Result<Self, StoreError> {
        Ok(Reading { tables: Box::new(PostgresTables::open_to_read(postgres)?), shard })
    }

    /// How far the tables are.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn reached(&self) -> Result<LogPosition, StoreError> {
        let found = self.ask("SELECT log_position FROM progress WHERE shard = ?1", &[], &[Kind::Number])?;
        found.first().map_or(Ok(LogPosition::START), |line| line.place(0)).map_err(|error| in_table(error, &PROGRESS))
    }

    /// Asks tables that hold everything up to a place, in one moment: what is answered and how far the tables are belong together.
    ///
    /// # Errors
    /// [`StoreError::Behind`] where they do not; as the tables answer.
    pub fn at<R>(&self, place: LogPosition, ask: impl FnOnce(&Reading) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let (mut ask, mut answer) = (Some(ask), None);
        let asked = self.tables.still(&mut || {
            let reached = self.reached()?;
            if reached.seq() < place.seq() {
                return Err(StoreError::Behind { reached: reached.seq(), wanted: place.seq() });
            }
            answer = ask.take().map(|ask| ask(self)).transpose()?;
            Ok(())
        });
        if let Err(error) = asked {
            return Err(if self.is_made_anew(&error, place) { StoreError::Behind { reached: 0, wanted: place.seq() } } else { error });
        }
        answer.ok_or_else(|| StoreError::Unknown("the tables were not asked".to_owned()))
    }

    /// Whether a table is missing because all of them are being made anew: then nothing says how far they are, or it says not far enough.
    /// A single table that is gone is damage.
    fn is_made_anew(&self, error: &StoreError, wanted: LogPosition) -> bool {
        let is_missing = |error: &StoreError| error.sql_state() == Some(&SqlState::UNDEFINED_TABLE);
        is_missing(error) && self.reached().map_or_else(|error| is_missing(&error), |reached| reached.seq() < wanted.seq())
    }

    /// What a customer did with an asset, newest first.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn history(
        &self,
        customer: CustomerIx,
        asset: AssetIx,
        span: Span,
        kind: Option<HistoryKind>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let mut values = vec![customer.0.into(), asset.0.into(), span.after.into(), span.through.into(), rows(limit)];
        let mut of_kind = "";
        if let Some(kind) = kind {
            values.push(kind.word().into());
            of_kind = "AND kind = ?7";
        }
        let sql = format!(
            "SELECT log_position, at, kind, spot, funding, event FROM history
             WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5 {of_kind}
             ORDER BY log_position DESC LIMIT ?6"
        );
        self.ask(&sql, &values, &HISTORY_ROW)?.iter().map(history_row).collect()
    }

    /// What a customer did with an asset, oldest first.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn history_from(&self, customer: CustomerIx, asset: AssetIx, span: Span, limit: usize) -> Result<Vec<HistoryRow>, StoreError> {
        let sql = "SELECT log_position, at, kind, spot, funding, event FROM history
                   WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5
                   ORDER BY log_position LIMIT ?6";
        let values = [customer.0.into(), asset.0.into(), span.after.into(), span.through.into(), rows(limit)];
        self.ask(sql, &values, &HISTORY_ROW)?.iter().map(history_row).collect()
    }

    /// Where in a stretch of the log a customer did something of a kind with an asset, perhaps with one product, newest first.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn places(&self, chosen: Deeds, product: Option<ProductIx>, limit: usize) -> Result<Vec<LogPosition>, StoreError> {
        let Deeds { customer, asset, kind, span } = chosen;
        let mut values = vec![customer.0.into(), asset.0.into(), span.after.into(), span.through.into(), rows(limit), kind.word().into()];
        let mut of_product = "";
        if let Some(product) = product {
            values.push(product.0.into());
            of_product = "AND product = ?8";
        }
        let sql = format!(
            "SELECT log_position FROM history
             WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5 AND kind = ?7 {of_product}
             ORDER BY log_position DESC LIMIT ?6"
        );
        self.ask(&sql, &values, &[Kind::Number])?.iter().map(|line| line.place(0)).collect()
    }

    /// The place in a stretch of the log that so many things a customer did with an asset lie behind; `None` where there are fewer.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn behind(&self, customer: CustomerIx, asset: AssetIx, span: Span, count: usize) -> Result<Option<LogPosition>, StoreError> {
        let sql = "SELECT log_position FROM history
                   WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5
                   ORDER BY log_position DESC LIMIT 1 OFFSET ?6";
        let values = [customer.0.into(), asset.0.into(), span.after.into(), span.through.into(), rows(count)];
        self.ask(sql, &values, &[Kind::Number])?.first().map(|line| line.place(0)).transpose()
    }

    /// What a customer's deeds in a stretch of the log moved of an asset together: Spot, Funding, and how many they were.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn moved(&self, customer: CustomerIx, asset: AssetIx, span: Span) -> Result<(i128, i128, usize), StoreError> {
        let sql = "SELECT spot, funding FROM history
                   WHERE shard = ?1 AND customer = ?2 AND asset = ?3 AND log_position > ?4 AND log_position <= ?5";
        let values = [customer.0.into(), asset.0.into(), span.after.into(), span.through.into()];
        let found = self.ask(sql, &values, &[Kind::Units, Kind::Units])?;
        let mut sum = (0_i128, 0_i128);
        for line in &found {
            // What moves between two balances fits where balances do.
            sum = (sum.0.wrapping_add(line.units(0)?), sum.1.wrapping_add(line.units(1)?));
        }
        Ok((sum.0, sum.1, found.len()))
    }

    /// How a position's stake stood after each thing its customer did with it, oldest first: up to a place in the log, and from the
    /// last one on that is not after a day.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn stakes(&self, position: PositionId, through: LogPosition, from: Day) -> Result<Vec<StakeRow>, StoreError> {
        let sql = "SELECT log_position, day, earning, pending, carry FROM history
                   WHERE shard = ?1 AND position = ?2 AND log_position <= ?3 AND log_position >= COALESCE(
                       (SELECT log_position FROM history WHERE shard = ?1 AND position = ?2 AND log_position <= ?3 AND day <= ?4
                        ORDER BY log_position DESC LIMIT 1), 0)
                   ORDER BY log_position";
        let kinds = [Kind::Number, Kind::Day, Kind::Units, Kind::Units, Kind::Number];
        let found = self.ask(sql, &[position.0.into(), through.into(), from.into()], &kinds)?;
        let row = |line: &Line| {
            let stake = Stake { earning: line.amount(2)?, pending: line.amount(3)?, carry: line.count(4)? };
            Ok(StakeRow { place: line.place(0)?, day: line.day(1)?, stake })
        };
        found.iter().map(row).collect()
    }

    /// Closed days in a stretch of the log, newest first.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn closes(&self, before: Option<Day>, span: Span, limit: usize) -> Result<Vec<ClosedOn>, StoreError> {
        let mut values = vec![span.after.into(), span.through.into(), rows(limit)];
        // Days are closed in the order of the log: whichever way they are found, the order is the same.
        let mut order = "ORDER BY log_position DESC, day DESC";
        if let Some(day) = before {
            values.push(day.into());
            order = "AND day < ?5 ORDER BY day DESC";
        }
        let sql =
            format!("SELECT day, log_position FROM closes WHERE shard = ?1 AND log_position > ?2 AND log_position <= ?3 {order} LIMIT ?4");
        let row = |line: &Line| Ok(ClosedOn { day: line.day(0)?, place: line.place(1)? });
        self.ask(&sql, &values, &[Kind::Day, Kind::Number])?.iter().map(row).collect()
    }

    /// Closed days in a stretch of the log, oldest first.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn closes_from(&self, after: Option<Day>, span: Span, limit: usize) -> Result<Vec<ClosedOn>, StoreError> {
        let mut values = vec![span.after.into(), span.through.into(), rows(limit)];
        let mut later = "";
        if let Some(day) = after {
            values.push(day.into());
            later = "AND day > ?5";
        }
        let sql = format!(
            "SELECT day, log_position FROM closes WHERE shard = ?1 AND log_position > ?2 AND log_position <= ?3 {later}
             ORDER BY log_position, day LIMIT ?4"
        );
        let row = |line: &Line| Ok(ClosedOn { day: line.day(0)?, place: line.place(1)? });
        self.ask(&sql, &values, &[Kind::Day, Kind::Number])?.iter().map(row).collect()
    }

    /// Rates announced in a stretch of the log, oldest first: where, whose, from when.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn announcements(&self, span: Span) -> Result<Vec<(LogPosition, ProductIx, Day)>, StoreError> {
        let sql = "SELECT log_position, product, from_day FROM rates
                   WHERE shard = ?1 AND tier = 1 AND log_position > ?2 AND log_position <= ?3 ORDER BY log_position";
        let found = self.ask(sql, &[span.after.into(), span.through.into()], &[Kind::Number, Kind::Number, Kind::Day])?;
        found.iter().map(|line| Ok((line.place(0)?, ProductIx(line.count(1)?), line.day(2)?))).collect()
    }

    /// Closed days per product, newest first, before a day (and product within it).
    ///
    /// # Errors
    /// As the tables answer.
    pub fn days(
        &self,
        before: Option<(Day, u32)>,
        chosen: impl Fn(&ProductDay) -> bool,
        limit: usize,
    ) -> Result<Vec<(Day, ProductDay)>, StoreError> {
        let (mut found, mut before) = (Vec::new(), before);
        while found.len() < limit {
            let page = self.day_page(before)?;
            let is_last = page.len() < PAGE;
            before = page.last().map(|(day, line)| (*day, line.product.0));
            found.extend(page.into_iter().filter(|(_, line)| chosen(line)));
            if is_last {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn day_page(&self, before: Option<(Day, u32)>) -> Result<Vec<(Day, ProductDay)>, StoreError> {
        let mut values = vec![rows(PAGE)];
        let mut earlier = "";
        if let Some((day, product)) = before {
            values.extend([day.into(), product.into()]);
            earlier = "AND (day, product) < (?3, ?4)";
        }
        let sql = format!("SELECT {} FROM days WHERE shard = ?1 {earlier} ORDER BY day DESC, product DESC LIMIT ?2", DAYS.names());
        self.ask(&sql, &values, &DAYS.kinds())?.iter().map(product_day).collect()
    }

    /// Every row of every table as one hash: what two builds of the same log are compared by, also across homes.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn fingerprint(&self) -> Result<[u8; 32], StoreError> {
        self.fingerprint_at().map(|(_, fingerprint)| fingerprint)
    }

    /// How far the tables are and their fingerprint, both of one moment: another process may go on writing.
    ///
    /// # Errors
    /// As the tables answer.
    pub fn fingerprint_at(&self) -> Result<(LogPosition, [u8; 32]), StoreError> {
        let mut both = None;
        self.tables.still(&mut || {
            let mut hasher = blake3::Hasher::new();
            TABLES.into_iter().try_for_each(|table| self.hash_table(table, &mut hasher))?;
            both = Some((self.reached()?, *hasher.finalize().as_bytes()));
            Ok(())
        })?;
        both.ok_or_else(|| StoreError::Unknown("the tables were not looked at".to_owned()))
    }

    /// Hashes a table: its name, how many rows it has, and the sum of their hashes. A sum, because rows have no order of
    /// their own, and homes do not agree on that of texts.
    fn hash_table(&self, table: &Table, hasher: &mut blake3::Hasher) -> Result<(), StoreError> {
        let sql = format!("SELECT {} FROM {} WHERE shard = ?1", table.names(), table.name);
        let (mut count, mut sum) = (0_u64, (0_u128, 0_u128));
        let question = Question { sql: &sql, values: &[self.shard.into()], kinds: &table.kinds() };
        let mut add = |line: Line| {
            let (low, high) = line.hash();
            sum = (sum.0.wrapping_add(low), sum.1.wrapping_add(high));
            count += 1;
        };
        self.tables.each(&question, &mut add).map_err(|error| in_table(error, table))?;
        hasher.update(table.name.as_bytes()).update(&count.to_le_bytes());
        hasher.update(&sum.0.to_le_bytes()).update(&sum.1.to_le_bytes());
        Ok(())
    }

    pub(super) fn shard(&self) -> u16 {
        self.shard
    }

    pub(super) fn each(&self, question: &Question<'_>, show: &mut dyn FnMut(Line)) -> Result<(), StoreError> {
        self.tables.each(question, show)
    }

    pub(super) fn still(&self, work: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.tables.still(work)
    }

    /// Asks with the shard as the first value.
    fn ask(&self, sql: &str, values: &[Cell<'_>], kinds: &[Kind]) -> Result<Vec<Line>, StoreError> {
        let values: Vec<Cell<'_>> = std::iter::once(self.shard.into()).chain(values.iter().cloned()).collect();
        self.tables.ask(&Question { sql, values: &values, kinds })
    }
}

/// How many rows at most.
fn rows(limit: usize) -> Cell<'static> {
    Cell::Number(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// What a row of the history is read from.
const HISTORY_ROW: [Kind; 6] = [Kind::Number, Kind::Instant, Kind::Text, Kind::Units, Kind::Units, Kind::Bytes];

fn history_row(line: &Line) -> Result<HistoryRow, StoreError> {
    let word = line.text(2)?;
    let kind = HistoryKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| unreadable(line.cell(2)))?;
    Ok(HistoryRow {
        place: line.place(0)?,
        at: line.instant(1)?,
        kind,
        spot: line.units(3)?,
        funding: line.units(4)?,
        event: codec::decode_event(line.bytes(5)?).map_err(|_| unreadable(line.cell(5)))?,
    })
}

/// A row of `days`.
fn product_day(line: &Line) -> Result<(Day, ProductDay), StoreError> {
    let product_day = ProductDay {
        product: ProductIx(line.count(2)?),
        version: RateVersionIx(line.count(3)?),
        settled: line.maybe(4, Line::rate)?,
        earning_positions: line.count(5)?,
        rewards: line.amount(6)?,
        distributed: line.amount(7)?,
        matured: line.count(8)?,
        returned_spot: line.amount(9)?,
        returned_funding: line.amount(10)?,
        renewed: line.count(11)?,
        renewed_principal: line.amount(12)?,
    };
    Ok((line.day(1)?, product_day))
}
